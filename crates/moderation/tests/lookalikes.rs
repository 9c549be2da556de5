//! A rejected video that comes back in other bytes.

mod rig;

use moderation::likeness::Picture;
use moderation::{Ask, Found, FrameBlock, FrameBlockList, FrameHash, Likeness, Lookalikes};
use rig::{MODERATOR, Rig, VIDEO};
use std::sync::Arc;
use vocab::{Millis, Status, Verdict, VideoId};

const AGAIN: VideoId = VideoId(43);
const FILM: u64 = 7;

/// A rig whose first video, a film, was rejected by a person for hate.
async fn rejected() -> Rig {
    let mut rig = Rig::new(Some(3.0)).await;
    rig.policy.unjudged = moderation::Unjudged::Review;
    *rig.examiner.film.lock().expect("lock") = Some(FILM);
    assert_eq!(rig.judge().await.expect("judged"), Status::InReview);
    rig.reviews().decide(reject("hate")).await.expect("decided");
    rig.policy.unjudged = moderation::Unjudged::Allow;
    rig
}

fn reject(code: &str) -> Ask {
    let reason_code = Some(code.into());
    Ask { video: VIDEO, by: MODERATOR, verdict: Verdict::Reject, reason_code, reason: None }
}

async fn comes_back(rig: &Rig, film: u64) -> Status {
    *rig.examiner.film.lock().expect("lock") = Some(film);
    rig.upload_bytes(AGAIN, "other bytes").await;
    rig.judge_as(AGAIN, false).await.expect("judged")
}

#[tokio::test]
async fn a_look_alike_goes_to_a_person_with_the_earlier_decision() {
    let rig = rejected().await;
    assert_eq!(comes_back(&rig, FILM).await, Status::InReview);
    let detail = rig.reviews().detail(AGAIN).await.expect("a case");
    let like = detail.record.resembles.clone().expect("it was recognised");
    assert_eq!((like.video, like.matched, like.pictures), (VIDEO, 5, 5));
    assert_eq!(like.reason_code, "hate");
    assert_eq!(detail.record.waits_for(), "blocked_content");
    let earlier = detail.resembled.expect("the rejected one");
    assert_eq!(earlier.standing().map(|d| d.verdict), Some(Verdict::Reject));
    let said = detail.record.standing().and_then(|d| d.reason.clone()).expect("a note");
    assert!(said.contains(&VIDEO.to_string()), "{said}");
}

#[tokio::test]
async fn another_film_publishes_by_itself() {
    let rig = rejected().await;
    assert_eq!(comes_back(&rig, FILM + 1).await, Status::Approved);
}

#[tokio::test]
async fn a_policy_may_reject_look_alikes_or_leave_them_alone() {
    let mut rig = rejected().await;
    rig.policy.likeness.found = Found::Reject;
    assert_eq!(comes_back(&rig, FILM).await, Status::Rejected);
    let mut rig = rejected().await;
    rig.policy.likeness.found = Found::Off;
    assert_eq!(comes_back(&rig, FILM).await, Status::Approved);
}

#[tokio::test]
async fn a_rejection_that_is_taken_back_is_forgotten() {
    let rig = rejected().await;
    rig.reviews().undo(VIDEO, MODERATOR).await.expect("undone");
    let entry = rig.frame_blocks.get(VIDEO).await.expect("read").expect("an entry");
    assert!(entry.is_lifted && entry.hashes.is_empty());
    assert_eq!(comes_back(&rig, FILM).await, Status::Approved);
}

#[tokio::test]
async fn bytes_taken_off_the_block_list_take_their_pictures_with_them() {
    let rig = rejected().await;
    let content = rig.record().await.content_sha256;
    rig.reviews().unblock(&content, MODERATOR).await.expect("unblocked");
    assert_eq!(comes_back(&rig, FILM).await, Status::Approved);
}

#[tokio::test]
async fn a_rejection_for_a_reason_that_blocks_nothing_blocks_no_pictures() {
    let mut rig = Rig::new(Some(3.0)).await;
    rig.policy.unjudged = moderation::Unjudged::Review;
    *rig.examiner.film.lock().expect("lock") = Some(FILM);
    rig.judge().await.expect("judged");
    rig.reviews().decide(reject("spam")).await.expect("decided");
    let all = rig.frame_blocks.changed((Millis(0), VideoId(0)), 9).await.expect("read");
    assert_eq!(all, []);
}

#[tokio::test]
async fn a_change_by_a_clock_that_is_ahead_hides_no_later_one() {
    let rig = Rig::new(Some(3.0)).await;
    let (film, policy, now) =
        (Picture::from([FrameHash([7; 4])]), rig.policy.likeness.clone(), Millis(1_000_000));
    let (worker, hour) = (Lookalikes::new(Arc::clone(&rig.frame_blocks) as _), Millis(3_600_000));
    let block = |video: u64, at: Millis| FrameBlock {
        video: VideoId(video),
        hashes: film.clone(),
        reason_code: "hate".into(),
        changed_at: at,
        is_lifted: false,
    };
    let likeness = Likeness { tiles: vec![film.clone()], frames: vec![] };
    let find = |at| worker.find(AGAIN, &likeness, &policy, at);
    rig.frame_blocks
        .put(FrameBlock { hashes: vec![], ..block(1, now.saturating_add(hour)) })
        .await
        .expect("is put");
    assert_eq!(find(now).await.expect("looks"), None);
    rig.frame_blocks.put(block(2, now.saturating_add(Millis(1_000)))).await.expect("is put");
    let found = find(now.saturating_add(Millis(2_000))).await.expect("looks");
    assert_eq!(found.map(|l| l.video), Some(VideoId(2)));
}

#[tokio::test]
async fn what_changed_after_the_first_look_is_seen_by_the_same_worker() {
    let mut rig = Rig::new(Some(3.0)).await;
    rig.policy.unjudged = moderation::Unjudged::Review;
    *rig.examiner.film.lock().expect("lock") = Some(FILM);
    let worker = rig.moderator();
    let attempt = || moderation::Attempt { progress: std::sync::Arc::new(|_| {}), last: false };
    worker.judge(VIDEO, attempt()).await.expect("judged");
    rig.reviews().decide(reject("hate")).await.expect("decided");
    rig.upload_bytes(AGAIN, "other bytes").await;
    worker.judge(AGAIN, attempt()).await.expect("judged");
    let detail = rig.reviews().detail(AGAIN).await.expect("a case");
    assert_eq!(detail.record.resembles.map(|l| l.video), Some(VIDEO));
}
