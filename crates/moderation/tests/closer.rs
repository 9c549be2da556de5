//! Tier B: a closer look around the moments that may matter.

mod rig;

use moderation::conformance_second_look::sight;
use moderation::{JudgeError, MemorySecondLook, Sight, SourceFiles, record::digest_of};
use rig::{Closer, Rig, VIDEO};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use vocab::{MediaKey, Status};

/// A video with one hot frame in pass A, and hot frames `around` it for whoever looks closer.
async fn rig(confidence: f32, around: &[i64]) -> Rig {
    let rig = Rig::new(Some(confidence)).await;
    *rig.examiner.closer.lock().expect("lock") = Closer::Works;
    let first = first_times().await;
    let hot: Vec<i64> = around.iter().copied().chain([first[2]]).collect();
    *rig.classifier.as_ref().expect("a stub").only.lock().expect("lock") = Some(hot);
    rig
}

/// When pass A looks: its phase is drawn from the rig's seed, so a twin tells.
async fn first_times() -> Vec<i64> {
    let twin = Rig::new(Some(3.0)).await;
    twin.judge().await.expect("judged");
    twin.record().await.frames.iter().map(|f| f.at_ms.0).collect()
}

#[tokio::test]
async fn one_hot_frame_among_clean_ones_is_looked_at_closer_and_cleared() {
    let rig = rig(95.0, &[]).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::Approved);
    let record = rig.record().await;
    assert!(record.frames.len() >= 5 + 9, "{}", record.frames.len());
    assert!(record.frames.windows(2).all(|w| w[0].at_ms <= w[1].at_ms), "in order of time");
    assert_eq!(rig.classifier.as_ref().expect("a stub").asked.load(Ordering::SeqCst), 2);
    let said = record.standing().and_then(|d| d.reason.clone()).expect("a note");
    assert!(said.contains("Looked closer"), "{said}");
}

#[tokio::test]
async fn hot_frames_around_a_hot_frame_go_to_a_person_with_their_pictures() {
    let all: Vec<i64> = (0..5_000).step_by(200).collect();
    let rig = rig(95.0, &all).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::InReview);
    let record = rig.record().await;
    assert_eq!(record.waits_for(), "sexual_content");
    let digest = digest_of(&record.content_sha256).expect("a digest");
    for frame in &record.frames {
        let key = MediaKey::ReviewFrame { video: VIDEO, digest, n: frame.n };
        let picture = rig.files.get_private(key).await.expect("a picture");
        let expected = if frame.n <= 5 { "frame at" } else { "closer at" };
        assert!(picture.starts_with(expected.as_bytes()), "{}", frame.n);
    }
    assert!(rig.encodes().await.is_empty());
}

#[tokio::test]
async fn just_under_the_threshold_everywhere_is_cleared_by_a_closer_look() {
    let rig = Rig::new(Some(82.0)).await;
    *rig.examiner.closer.lock().expect("lock") = Closer::Works;
    assert_eq!(rig.judge().await.expect("judged"), Status::Approved);
    assert!(rig.record().await.near.is_empty());
}

#[tokio::test]
async fn an_engine_that_cannot_look_closer_leaves_what_is_near_to_a_person() {
    let rig = Rig::new(Some(82.0)).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::InReview);
    assert_eq!(rig.record().await.waits_for(), "near_threshold");
}

#[tokio::test]
async fn a_policy_may_do_without_the_closer_look() {
    let mut rig = rig(95.0, &[0, 200, 400]).await;
    rig.policy.closer.frames_max = 0;
    assert_eq!(rig.judge().await.expect("judged"), Status::Approved);
    assert_eq!(rig.record().await.frames.len(), 5);
}

#[tokio::test]
async fn clean_and_clearly_hot_videos_cost_no_closer_look() {
    for confidence in [3.0, 95.0] {
        let rig = Rig::new(Some(confidence)).await;
        *rig.examiner.closer.lock().expect("lock") = Closer::Works;
        rig.judge().await.expect("judged");
        assert_eq!(rig.classifier.as_ref().expect("a stub").asked.load(Ordering::SeqCst), 1);
    }
}

#[tokio::test]
async fn a_closer_look_that_fails_is_tried_again_and_in_the_end_a_person_looks() {
    let rig = Rig::new(Some(82.0)).await;
    *rig.examiner.closer.lock().expect("lock") = Closer::Fails;
    assert!(matches!(rig.judge().await, Err(JudgeError::Examine(_))));
    assert_eq!(rig.status().await, Status::Judging);
    assert_eq!(rig.judge_as(VIDEO, true).await.expect("judged"), Status::InReview);
    assert!(rig.encodes().await.is_empty());
}

#[tokio::test]
async fn bytes_swapped_under_the_closer_look_are_not_judged() {
    let rig = rig(95.0, &[]).await;
    *rig.examiner.closer.lock().expect("lock") = Closer::Swaps;
    assert!(matches!(rig.judge().await, Err(JudgeError::Changed("the file"))));
    assert!(rig.record().await.decisions.is_empty(), "nothing is decided");
    assert!(rig.encodes().await.is_empty());
}

/// A service instead of the classifier's second look, with what it sees in the rig's video.
async fn served(confidence: f32, sights: Option<Vec<Sight>>) -> (Rig, Arc<MemorySecondLook>) {
    let mut rig = Rig::new(Some(confidence)).await;
    *rig.examiner.closer.lock().expect("lock") = Closer::Works;
    let service = Arc::new(MemorySecondLook::judging(&["Explicit", "Violence"]));
    let content = moderation::moderator::hash(&rig.raw()).await.expect("a hash");
    service.will_see(&content, sights);
    rig.second_look = Some(Arc::clone(&service) as _);
    (rig, service)
}

#[tokio::test]
async fn what_a_service_does_not_see_is_cleared_and_paid_for_once() {
    let (rig, service) = served(82.0, Some(vec![])).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::Approved);
    assert_eq!(rig.classifier.as_ref().expect("a stub").asked.load(Ordering::SeqCst), 1);
    let record = rig.record().await;
    assert!(!record.unjudged.contains(&"Violence".to_owned()), "the service looked for it");
    assert!(record.unjudged.contains(&"Hate Symbols".to_owned()));
    rig.judge().await.expect("judged");
    assert_eq!(service.billed(), 1);
}

#[tokio::test]
async fn the_classifier_is_asked_once_however_often_the_service_is() {
    let (rig, service) = served(82.0, Some(vec![])).await;
    let asked = || rig.classifier.as_ref().expect("a stub").asked.load(Ordering::SeqCst);
    service.set_down(true);
    for _ in 0..4 {
        assert!(matches!(rig.judge().await, Err(JudgeError::SecondLook(_))));
    }
    let kept = rig.record().await;
    assert_eq!(
        (asked(), kept.revision, kept.decisions.len()),
        (1, 1, 0),
        "kept, once, and nothing is decided"
    );
    service.set_down(false);
    assert_eq!(rig.judge().await.expect("judged"), Status::Approved);
    assert_eq!(asked(), 1);
    assert!(rig.record().await.frames.len() > kept.frames.len());
}

#[tokio::test]
async fn what_a_service_sees_anywhere_goes_to_a_person_with_its_picture() {
    let hot: Vec<Sight> = (0..20).map(|i| sight(i * 200, "Explicit Nudity", 96.0)).collect();
    let (rig, _) = served(82.0, Some(hot)).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::InReview);
    let record = rig.record().await;
    let digest = digest_of(&record.content_sha256).expect("a digest");
    let hot = record.frames.iter().find(|f| f.findings.iter().any(|x| x.level == 2)).expect("a sight");
    let key = MediaKey::ReviewFrame { video: VIDEO, digest, n: hot.n };
    let picture = rig.files.get_private(key).await.expect("a picture");
    assert_eq!(picture, format!("closer at {}", hot.at_ms).as_bytes());
}

#[tokio::test]
async fn a_policy_may_let_the_service_reject() {
    let hot: Vec<Sight> = (0..25).map(|i| sight(i * 200, "Explicit", 99.5)).collect();
    let (mut rig, _) = served(82.0, Some(hot)).await;
    rig.policy.machine_may_reject = true;
    assert_eq!(rig.judge().await.expect("judged"), Status::Rejected);
}

#[tokio::test]
async fn a_label_the_first_look_cannot_see_counts_when_the_service_sees_it() {
    let hot: Vec<Sight> = (0..25).map(|i| sight(i * 200, "Blood & Gore", 95.0)).collect();
    let (rig, _) = served(82.0, Some(hot)).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::InReview);
    assert_eq!(rig.record().await.waits_for(), "graphic_violence");
}

#[tokio::test]
async fn a_service_that_is_down_publishes_nothing() {
    let (rig, service) = served(82.0, Some(vec![])).await;
    service.set_down(true);
    assert!(matches!(rig.judge().await, Err(JudgeError::SecondLook(_))));
    assert_eq!(rig.status().await, Status::Judging);
    assert_eq!(rig.judge_as(VIDEO, true).await.expect("judged"), Status::InReview);
    assert!(rig.encodes().await.is_empty());
}

#[tokio::test]
async fn one_hot_frame_that_nobody_could_look_at_closer_goes_to_a_person() {
    let (rig, _) = served(95.0, None).await;
    let first = first_times().await;
    *rig.classifier.as_ref().expect("a stub").only.lock().expect("lock") = Some(vec![first[2]]);
    assert_eq!(rig.judge().await.expect("judged"), Status::InReview, "the service cannot judge these bytes");
}

#[tokio::test]
async fn a_person_who_looks_anyway_makes_no_service_dear() {
    let (mut rig, service) = served(82.0, Some(vec![])).await;
    rig.policy.unjudged = moderation::Unjudged::Review;
    assert_eq!(rig.judge().await.expect("judged"), Status::InReview);
    assert_eq!(service.billed(), 0);
}
