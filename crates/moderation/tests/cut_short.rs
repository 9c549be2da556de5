//! Decisions that were cut short: nothing rejected stays public, nothing said is lost.

mod rig;

use moderation::{Ask, ReviewError, TrailFilter};
use rig::{MODERATOR, Rig, VIDEO};
use std::sync::atomic::Ordering;
use vocab::{Millis, Status, UserId, Verdict};

fn reject(code: &str) -> Ask {
    let reason_code = Some(code.into());
    Ask { video: VIDEO, by: MODERATOR, verdict: Verdict::Reject, reason_code, reason: None }
}

async fn published() -> Rig {
    let rig = Rig::new(Some(3.0)).await;
    rig.judge().await.expect("judged");
    for (from, to) in [
        (Status::Approved, Status::Encoding),
        (Status::Encoding, Status::Verifying),
        (Status::Verifying, Status::Published),
    ] {
        rig.advance(VIDEO, from, to).await;
    }
    rig.clock.advance(Millis(60_000));
    rig
}

async fn in_review() -> Rig {
    let rig = Rig::new(Some(95.0)).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::InReview);
    rig.clock.advance(Millis(60_000));
    rig
}

async fn said(rig: &Rig) -> usize {
    let filter = TrailFilter { action: Some("decide".into()), limit: 9, ..TrailFilter::default() };
    rig.reviews().trail(filter).await.expect("a trail").len()
}

fn verdict_of(record: &moderation::ModerationRecord) -> Option<Verdict> {
    record.standing().map(|d| d.verdict)
}

#[tokio::test]
async fn nothing_is_rejected_in_the_record_while_the_video_is_public() {
    let rig = published().await;
    rig.videos.moves_left.store(0, Ordering::SeqCst);
    rig.reviews().decide(reject("spam")).await.expect_err("the catalog is away");
    assert_eq!(
        (rig.status().await, verdict_of(&rig.record().await)),
        (Status::Published, Some(Verdict::Approve))
    );
    rig.videos.moves_left.store(u32::MAX, Ordering::SeqCst);
    rig.reviews().decide(reject("spam")).await.expect("decided");
    assert_eq!((rig.status().await, said(&rig).await), (Status::Rejected, 1));
}

#[tokio::test]
async fn a_rejection_that_took_a_video_down_and_was_cut_short_stands() {
    for later in [0, 5_000] {
        let rig = published().await;
        rig.videos.moves_left.store(1, Ordering::SeqCst);
        rig.reviews().decide(reject("spam")).await.expect_err("the catalog is away");
        assert_eq!(rig.status().await, Status::InReview, "nobody sees it any more");
        rig.videos.moves_left.store(u32::MAX, Ordering::SeqCst);
        rig.clock.advance(Millis(later));
        assert_eq!(rig.reviews().settle_left_behind().await.expect("mended"), 1);
        let told = rig.video().await.verdict.and_then(|v| v.reason_code);
        assert_eq!((rig.status().await, told.as_deref()), (Status::Rejected, Some("spam")));
        assert_eq!((verdict_of(&rig.record().await), said(&rig).await), (Some(Verdict::Reject), 1));
    }
}

#[tokio::test]
async fn a_video_that_was_taken_down_before_anything_was_decided_waits_for_a_person() {
    let rig = published().await;
    // As if the process had died right after.
    rig.advance(VIDEO, Status::Published, Status::InReview).await;
    assert_eq!(rig.reviews().queue(None, 5).await.expect("a page").items.len(), 1);
    rig.reviews().decide(reject("spam")).await.expect("decided");
    assert_eq!(rig.status().await, Status::Rejected);
}

#[tokio::test]
async fn a_rejection_whose_blocking_failed_is_blocked_by_the_next_settling() {
    for rig in [in_review().await, published().await] {
        rig.blocks.is_away.store(true, Ordering::SeqCst);
        rig.reviews().decide(reject("sexual_content")).await.expect_err("the block list is away");
        assert_eq!(
            (rig.status().await, rig.is_blocked().await, said(&rig).await),
            (Status::InReview, false, 0)
        );
        rig.blocks.is_away.store(false, Ordering::SeqCst);
        assert_eq!(rig.reviews().settle_left_behind().await.expect("mended"), 1);
        assert_eq!(
            (rig.status().await, rig.is_blocked().await, said(&rig).await),
            (Status::Rejected, true, 1)
        );
        assert_eq!(rig.reviews().settle_left_behind().await.expect("nothing to do"), 0);
        assert_eq!((rig.record().await.decisions.len(), said(&rig).await), (2, 1));
    }
}

#[tokio::test]
async fn saying_the_same_again_does_what_was_left_undone() {
    let rig = in_review().await;
    rig.blocks.is_away.store(true, Ordering::SeqCst);
    rig.reviews().decide(reject("sexual_content")).await.expect_err("the block list is away");
    rig.blocks.is_away.store(false, Ordering::SeqCst);
    rig.clock.advance(Millis(3_000));
    for _ in 0..2 {
        let record = rig.reviews().decide(reject("sexual_content")).await.expect("said again");
        assert_eq!((record.decisions.len(), rig.status().await), (2, Status::Rejected));
        assert_eq!((rig.is_blocked().await, said(&rig).await), (true, 1));
    }
    for other in [Ask { by: UserId(77), ..reject("sexual_content") }, reject("hate")] {
        let refused = rig.reviews().decide(other).await;
        assert!(matches!(refused, Err(ReviewError::Conflict(_))), "{refused:?}");
    }
}

#[tokio::test]
async fn who_kept_a_video_and_keeps_it_once_more_after_a_report_takes_it_out_of_the_queue() {
    let rig = published().await;
    let keep = || Ask { verdict: Verdict::Approve, reason_code: None, ..reject("spam") };
    for viewer in [5, 6] {
        rig.reviews().report(VIDEO, UserId(viewer), "spam".into()).await.expect("reported");
        assert_eq!(rig.reviews().queue(None, 5).await.expect("a page").items.len(), 1);
        rig.clock.advance(Millis(1_000));
        rig.reviews().decide(keep()).await.expect("kept");
        assert!(rig.reviews().queue(None, 5).await.expect("a page").items.is_empty());
    }
    assert_eq!((rig.status().await, said(&rig).await), (Status::Published, 2));
}
