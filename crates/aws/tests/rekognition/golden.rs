//! Every kind of request as it stands on the wire. `tests/outside/aws_vision.py` holds the same files against
//! AWS's own model of the service. `SIGNAL_GOLDEN=write` writes them anew.

use super::frames::{GREEN, paint};
use super::rig::{connect, fast, object, process, with_tables};
use crate::fake::Fake;
use aws::dynamo::Dynamo;
use aws::rekognition::RekognitionClassifier;
use moderation::conformance_second_look::job;
use moderation::{FrameClassifier, SecondLook};
use serde_json::{Value, json};
use std::path::Path;
use testkit::Trial;

pub fn trials() -> Vec<Trial> {
    vec![with_tables("golden::the_requests_are_as_they_were", requests)]
}

async fn requests(dynamo: Dynamo) {
    let (fake, dir) = (Fake::start().await, tempfile::tempdir().expect("a directory"));
    let classifier = RekognitionClassifier::new(&connect(&fake.at).await, fast());
    classifier.classify(&[paint(dir.path(), 0, GREEN)]).await.expect("an answer");
    let job = job(1, "0123456789abcdef");
    fake.store(&object(&job), Some((0..1_001).map(|n| (n * 40, "Weapons", 60.0)).collect()));
    let video = process(&fake, &dynamo, fast()).await;
    video.findings(&job).await.expect("an answer");
    let pages = fake.requests("GetContentModeration");
    let mut all = vec![
        ("DetectModerationLabels", fake.requests("DetectModerationLabels").remove(0)),
        ("StartContentModeration", fake.requests("StartContentModeration").remove(0)),
        ("GetContentModeration", pages[0].clone()),
    ];
    all.push(("GetContentModeration", pages.last().expect("a page").clone()));
    let all: Vec<Value> = all
        .into_iter()
        .map(|(operation, request)| json!({"operation": operation, "request": request}))
        .collect();
    let printed = format!("{}\n", serde_json::to_string_pretty(&all).expect("text"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rekognition/requests.json");
    #[expect(clippy::disallowed_methods, reason = "how a person asks for new files")]
    let writes = std::env::var("SIGNAL_GOLDEN").is_ok_and(|v| v == "write");
    if writes {
        std::fs::write(&file, &printed).expect("written");
    }
    let committed = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(committed == printed, "the requests changed; SIGNAL_GOLDEN=write if they should:\n{printed}");
}
