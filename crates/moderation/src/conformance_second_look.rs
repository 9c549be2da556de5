//! What every service that looks at whole videos must promise.

use crate::port::{SecondLook, SecondLookJob, Sight};
use async_trait::async_trait;
use std::sync::Arc;
use testkit::{Case, case};
use vocab::{Finding, Millis, UploadId, VideoId};

/// A service under test, and the hand that moves what stands behind it.
#[async_trait]
pub trait SecondLookStage: Send + Sync + 'static {
    fn look(&self) -> Arc<dyn SecondLook>;
    /// Stores the raw object of a video, in which the service will see `sights` (`None` = it cannot be judged).
    async fn store(&self, job: &SecondLookJob, sights: Option<Vec<Sight>>);
    fn set_down(&self, is_down: bool);
    /// Videos that were paid for so far.
    fn billed(&self) -> u32;
}

type Stage = Arc<dyn SecondLookStage>;

/// The cases of [`SecondLook`].
pub fn second_look_cases() -> Vec<Case<Stage>> {
    vec![
        case("what_is_seen_comes_back_in_order_of_time", what_is_seen_comes_back_in_order_of_time),
        case("the_same_bytes_are_paid_for_once", the_same_bytes_are_paid_for_once),
        case("askers_at_once_pay_once_and_hear_the_same", askers_at_once_pay_once_and_hear_the_same),
        case("other_bytes_are_looked_at_by_themselves", other_bytes_are_looked_at_by_themselves),
        case("what_cannot_be_judged_is_said_every_time", what_cannot_be_judged_is_said_every_time),
        case("a_service_that_is_down_is_asked_again_later", a_service_that_is_down_is_asked_again_later),
    ]
}

/// A stored video of these bytes.
pub fn job(video: u64, content: &str) -> SecondLookJob {
    SecondLookJob {
        video: VideoId(video),
        upload: UploadId(video.into()),
        content_sha256: content.repeat(64 / content.len().max(1)),
    }
}

pub fn sight(at: i64, label: &str, confidence: f32) -> Sight {
    let (name, parent, level) = vocab::taxonomy::find(label).unwrap_or(("?", "", 1));
    let (name, parent) = (name.to_owned(), parent.to_owned());
    Sight { at_ms: Millis(at), findings: vec![Finding { name, parent, level, confidence, at_ms: at }] }
}

async fn what_is_seen_comes_back_in_order_of_time(stage: Stage) {
    let job = job(1, "a");
    let sights = vec![sight(3_000, "Weapons", 71.5), sight(500, "Explicit", 99.0)];
    stage.store(&job, Some(sights.clone())).await;
    let seen = stage.look().findings(&job).await.expect("an answer").expect("judged");
    assert_eq!(seen, [sights[1].clone(), sights[0].clone()]);
    assert!(!stage.look().judges().is_empty());
}

async fn the_same_bytes_are_paid_for_once(stage: Stage) {
    let (first, second) = (job(1, "a"), job(2, "a"));
    stage.store(&first, Some(vec![sight(500, "Explicit", 99.0)])).await;
    stage.store(&second, Some(vec![sight(500, "Explicit", 99.0)])).await;
    let answer = stage.look().findings(&first).await.expect("an answer");
    for job in [&first, &second, &first] {
        assert_eq!(stage.look().findings(job).await.expect("an answer"), answer);
    }
    assert_eq!(stage.billed(), 1);
}

async fn askers_at_once_pay_once_and_hear_the_same(stage: Stage) {
    let job = job(1, "a");
    stage.store(&job, Some(vec![sight(500, "Explicit", 99.0)])).await;
    let mut askers = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (look, job) = (stage.look(), job.clone());
        askers.spawn(async move { look.findings(&job).await });
    }
    for answer in askers.join_all().await {
        assert_eq!(answer.expect("an answer").expect("judged").len(), 1);
    }
    assert_eq!(stage.billed(), 1);
}

async fn other_bytes_are_looked_at_by_themselves(stage: Stage) {
    let (hot, clean) = (job(1, "a"), job(2, "b"));
    stage.store(&hot, Some(vec![sight(500, "Explicit", 99.0)])).await;
    stage.store(&clean, Some(vec![])).await;
    assert_eq!(stage.look().findings(&clean).await.expect("an answer"), Some(vec![]));
    assert_eq!(stage.look().findings(&hot).await.expect("an answer").map(|s| s.len()), Some(1));
    assert_eq!(stage.billed(), 2);
}

async fn what_cannot_be_judged_is_said_every_time(stage: Stage) {
    let job = job(1, "a");
    stage.store(&job, None).await;
    for _ in 0..3 {
        assert_eq!(stage.look().findings(&job).await.expect("an answer"), None);
    }
    assert!(stage.billed() <= 1);
}

async fn a_service_that_is_down_is_asked_again_later(stage: Stage) {
    let job = job(1, "a");
    stage.store(&job, Some(vec![])).await;
    stage.set_down(true);
    assert!(stage.look().findings(&job).await.is_err());
    assert!(stage.look().findings(&job).await.is_err());
    stage.set_down(false);
    assert_eq!(stage.look().findings(&job).await.expect("an answer"), Some(vec![]));
    assert_eq!(stage.billed(), 1);
}
