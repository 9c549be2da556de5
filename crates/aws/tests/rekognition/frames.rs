//! Tier A: pictures.

use super::rig::{connect, fast, trial};
use crate::fake::{Fake, Weather};
use aws::rekognition::{JUDGES, RekognitionClassifier, RekognitionPolicy};
use moderation::{FrameClassifier, SampledFrame};
use std::path::Path;
use stdx::FaultKind;
use testkit::Trial;
use vocab::Millis;

pub const GREEN: [u8; 3] = [20, 200, 20];
pub const RED: [u8; 3] = [250, 10, 10];
pub const ORANGE: [u8; 3] = [250, 128, 10];
pub const BLUE: [u8; 3] = [10, 10, 250];

pub fn paint(dir: &Path, n: usize, colour: [u8; 3]) -> SampledFrame {
    let jpeg = dir.join(format!("f{n}.jpg"));
    image::RgbImage::from_pixel(96, 96, image::Rgb(colour)).save(&jpeg).expect("saved");
    SampledFrame { at_ms: Millis(n as i64 * 1_000), jpeg }
}

async fn classifier(fake: &Fake, policy: RekognitionPolicy) -> RekognitionClassifier {
    RekognitionClassifier::new(&connect(&fake.at).await, policy)
}

pub fn trials() -> Vec<Trial> {
    vec![
        trial("frames::a_colour_is_a_label_and_a_parent_alone_is_a_finding", colours),
        trial("frames::the_models_version_is_the_answers", version),
        trial("frames::no_more_pictures_at_once_and_a_second_than_allowed", bounded),
        trial("frames::too_much_is_waited_out_and_in_the_end_said", throttled),
        trial("frames::a_service_that_is_down_or_refuses_is_a_fault_and_no_clean_frame", down),
        trial("frames::a_frame_that_is_too_large_is_not_sent", too_large),
    ]
}

async fn colours() {
    let (fake, dir) = (Fake::start().await, tempfile::tempdir().expect("a directory"));
    let classifier = classifier(&fake, fast()).await;
    let colours = [GREEN, RED, BLUE, ORANGE, GREEN];
    let frames: Vec<_> = colours.iter().enumerate().map(|(n, c)| paint(dir.path(), n, *c)).collect();
    let seen = classifier.classify(&frames).await.expect("an answer");
    let names: Vec<Vec<_>> =
        seen.iter().map(|f| f.iter().map(|x| (x.name.as_str(), x.level)).collect()).collect();
    assert_eq!(names[0], []);
    assert_eq!(names[1], [("Explicit", 1), ("Explicit Nudity", 2)]);
    assert_eq!(names[2], [("Violence", 1)]);
    assert_eq!((names[3][0].0, seen[3][0].confidence), ("Explicit", 82.5));
    assert_eq!(seen[2][0].at_ms, 2_000);
    assert_eq!(classifier.judges(), JUDGES);
}

async fn version() {
    let (fake, dir) = (Fake::start().await, tempfile::tempdir().expect("a directory"));
    let classifier = classifier(&fake, fast()).await;
    assert_eq!(classifier.version(), "7.0", "until it has answered");
    fake.set_model("7.1");
    classifier.classify(&[paint(dir.path(), 0, GREEN)]).await.expect("an answer");
    assert_eq!(classifier.version(), "7.1");
}

async fn bounded() {
    let (fake, dir) = (Fake::start().await, tempfile::tempdir().expect("a directory"));
    let policy = RekognitionPolicy { frames_at_once: 3, frames_per_second: 100, ..fast() };
    let classifier = classifier(&fake, policy).await;
    let frames: Vec<_> = (0..30).map(|n| paint(dir.path(), n, GREEN)).collect();
    let begun = std::time::Instant::now();
    classifier.classify(&frames).await.expect("an answer");
    assert!(begun.elapsed().as_millis() >= 280, "30 pictures at 100 a second took {:?}", begun.elapsed());
    assert!(fake.most().1 <= 3, "{:?}", fake.most());
}

async fn throttled() {
    let (fake, dir) = (Fake::start().await, tempfile::tempdir().expect("a directory"));
    let classifier = classifier(&fake, fast()).await;
    let frame = paint(dir.path(), 0, RED);
    let refused =
        [Weather::Refused("ThrottlingException"), Weather::Refused("ProvisionedThroughputExceededException")];
    fake.weather("DetectModerationLabels", &refused.repeat(4));
    let seen = classifier.classify(std::slice::from_ref(&frame)).await.expect("waited out");
    assert_eq!(seen[0].len(), 2);
    fake.weather("DetectModerationLabels", &refused.repeat(50));
    let fault = classifier.classify(&[frame]).await.expect_err("too much for too long");
    assert_eq!(fault.kind, FaultKind::Throttled);
    assert!(fault.to_string().contains("Rekognition"), "{fault}");
}

async fn down() {
    let (fake, dir) = (Fake::start().await, tempfile::tempdir().expect("a directory"));
    let classifier = classifier(&fake, fast()).await;
    let frame = paint(dir.path(), 0, GREEN);
    fake.set_down(true);
    let fault = classifier.classify(std::slice::from_ref(&frame)).await.expect_err("down");
    assert_eq!(fault.kind, FaultKind::Unavailable);
    fake.set_down(false);
    fake.weather("DetectModerationLabels", &[Weather::Refused("AccessDeniedException")]);
    let fault = classifier.classify(std::slice::from_ref(&frame)).await.expect_err("refused");
    assert_eq!(fault.kind, FaultKind::Internal);
    assert!(fault.to_string().contains("AccessDenied"), "{fault}");
    std::fs::write(&frame.jpeg, "no picture").expect("written");
    let fault = classifier.classify(&[frame]).await.expect_err("no picture");
    assert!(fault.to_string().contains("InvalidImageFormat"), "{fault}");
}

async fn too_large() {
    let (fake, dir) = (Fake::start().await, tempfile::tempdir().expect("a directory"));
    let frame = paint(dir.path(), 0, GREEN);
    std::fs::write(&frame.jpeg, vec![0; 5 * 1024 * 1024 + 1]).expect("written");
    let fault = classifier(&fake, fast()).await.classify(&[frame]).await.expect_err("too large");
    assert!(fault.to_string().contains("5242880"), "{fault}");
    assert!(fake.requests("DetectModerationLabels").is_empty());
}
