//! Tier B: a closer look around the moments that may matter.

mod rig;

use moderation::{JudgeError, SourceFiles, record::digest_of};
use rig::{Closer, Rig, VIDEO};
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
    assert!(rig.record().await.decisions.is_empty());
    assert!(rig.encodes().await.is_empty());
}
