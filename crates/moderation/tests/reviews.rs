//! The people's half, end to end on memory ports.

mod rig;

use catalog::{Advance, Appeal, Facts, VideoStore};
use moderation::{Ask, BlockList, ModerationRecord, ModerationStore, ReviewError, SourceFiles, TrailFilter};
use rig::{MODERATOR, Rig, VIDEO};
use std::sync::Arc;
use stdx::Clock;
use vocab::{Millis, Status, UserId, Verdict, VideoId};

fn ask(verdict: Verdict, code: Option<&str>, text: Option<&str>) -> Ask {
    Ask {
        video: VIDEO,
        by: MODERATOR,
        verdict,
        reason_code: code.map(str::to_owned),
        reason: text.map(str::to_owned),
    }
}

async fn in_review() -> Rig {
    let rig = Rig::new(Some(95.0)).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::InReview);
    rig.clock.advance(Millis(60_000));
    rig
}

fn conflict<T: std::fmt::Debug>(outcome: Result<T, ReviewError>) -> String {
    match outcome {
        Err(ReviewError::Conflict(said)) => said,
        other => panic!("expected a conflict, got {other:?}"),
    }
}

#[tokio::test]
async fn the_queue_shows_what_waits_and_counts_what_was_handled() {
    let rig = in_review().await;
    let page = rig.reviews().queue(None, 10).await.expect("a page");
    assert_eq!(page.items.len(), 1);
    assert_eq!((page.items[0].video.id, page.items[0].record.top_score()), (VIDEO, 95));
    assert_eq!(page.items[0].since, Millis(rig.clock.now().0 - 60_000));
    assert_eq!((page.next, page.handled_today), (None, 0));
    rig.reviews().decide(ask(Verdict::Approve, None, None)).await.expect("decided");
    let page = rig.reviews().queue(None, 10).await.expect("a page");
    assert_eq!((page.items.len(), page.handled_today), (0, 1));
    rig.clock.advance(Millis::from_secs(24 * 3600));
    assert_eq!(rig.reviews().queue(None, 10).await.expect("a page").handled_today, 0);
}

#[tokio::test]
async fn the_queue_pages_oldest_first() {
    let rig = Rig::new(Some(95.0)).await;
    for id in [50, 44, 47] {
        rig.clock.advance(Millis(1_000));
        rig.upload(VideoId(id)).await;
        rig.judge_as(VideoId(id), false).await.expect("judged");
    }
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = rig.reviews().queue(after, 2).await.expect("a page");
        seen.extend(page.items.iter().map(|w| w.video.id.0));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(seen, [50, 44, 47]);
}

#[tokio::test]
async fn an_approval_is_bound_to_the_bytes_and_encoded() {
    let rig = in_review().await;
    let record = rig.reviews().decide(ask(Verdict::Approve, None, None)).await.expect("decided");
    let verdict = rig.video().await.verdict.expect("a verdict");
    assert_eq!(rig.status().await, Status::Approved);
    assert_eq!((verdict.decided_by.as_str(), verdict.content_sha256), ("moderator", record.content_sha256));
    let encodes = rig.encodes().await;
    assert_eq!((encodes.len(), encodes[0].run_at), (1, rig.clock.now()));
}

#[tokio::test]
async fn a_rejection_needs_a_reason_that_the_owner_reads() {
    let rig = in_review().await;
    let reviews = rig.reviews();
    for (bad, field) in [
        (ask(Verdict::Reject, None, Some("no code")), "reason_code"),
        (ask(Verdict::Reject, Some("nonsense"), None), "reason_code"),
        (ask(Verdict::Reject, Some("other"), Some("  ")), "reason"),
        (ask(Verdict::Reject, Some("spam"), Some(&"x".repeat(501))), "reason"),
    ] {
        match reviews.decide(bad).await {
            Err(ReviewError::Invalid { field: f, .. }) => assert_eq!(f, field),
            other => panic!("expected a refusal of {field}, got {other:?}"),
        }
    }
    assert_eq!(rig.status().await, Status::InReview);
    reviews.decide(ask(Verdict::Reject, Some("spam"), Some("The link is a trap."))).await.expect("decided");
    let told = rig.video().await.verdict.expect("a verdict");
    assert_eq!(told.reason.as_deref(), Some("The link is a trap."));
    assert_eq!(rig.status().await, Status::Rejected);
    assert!(!rig.is_blocked().await && rig.encodes().await.is_empty());
}

#[tokio::test]
async fn an_explicit_rejection_blocks_the_bytes_for_the_next_upload() {
    let rig = in_review().await;
    rig.reviews().decide(ask(Verdict::Reject, Some("sexual_content"), None)).await.expect("decided");
    assert!(rig.is_blocked().await);
    rig.upload(VideoId(43)).await;
    assert_eq!(rig.judge_as(VideoId(43), false).await.expect("judged"), Status::Rejected);
    let detail = rig.reviews().detail(VideoId(43)).await.expect("detail");
    assert_eq!(detail.same_content.iter().map(|r| r.video).collect::<Vec<_>>(), [VIDEO]);
    assert_eq!(detail.blocked.expect("blocked").video, Some(VIDEO));
}

#[tokio::test]
async fn a_rejection_is_undone_within_ten_seconds_and_not_later() {
    let rig = in_review().await;
    let reviews = rig.reviews();
    let queued = rig.record().await.waiting_since;
    reviews.decide(ask(Verdict::Reject, Some("hate"), None)).await.expect("decided");
    rig.clock.advance(Millis(10_000));
    let record = reviews.undo(VIDEO, MODERATOR).await.expect("undone");
    assert_eq!((rig.status().await, rig.is_blocked().await), (Status::InReview, false));
    assert_eq!((record.waiting_since, record.decisions.len()), (queued, 3));
    assert_eq!(record.standing().map(|d| d.verdict), Some(Verdict::Escalate));
    assert_eq!(reviews.queue(None, 5).await.expect("a page").items.len(), 1);
    reviews.decide(ask(Verdict::Reject, Some("hate"), None)).await.expect("decided");
    rig.clock.advance(Millis(10_001));
    assert!(conflict(reviews.undo(VIDEO, MODERATOR).await).contains("too late"));
    assert_eq!(rig.status().await, Status::Rejected);
}

#[tokio::test]
async fn only_ones_own_decision_is_undone() {
    let rig = in_review().await;
    let reviews = rig.reviews();
    conflict(reviews.undo(VIDEO, MODERATOR).await);
    reviews.decide(ask(Verdict::Reject, Some("spam"), None)).await.expect("decided");
    conflict(reviews.undo(VIDEO, UserId(77)).await);
    assert_eq!(rig.status().await, Status::Rejected);
}

#[tokio::test]
async fn an_approval_is_undone_until_the_encode_starts() {
    let mut rig = in_review().await;
    rig.policy.approve_grace_ms = Millis(10_000);
    let reviews = rig.reviews();
    reviews.decide(ask(Verdict::Approve, None, None)).await.expect("decided");
    assert_eq!(rig.encodes().await[0].run_at, Millis(rig.clock.now().0 + 10_000));
    reviews.undo(VIDEO, MODERATOR).await.expect("undone");
    assert_eq!(rig.status().await, Status::InReview);
    assert_eq!(rig.video().await.verdict.map(|v| v.verdict), Some(Verdict::Escalate));
    reviews.decide(ask(Verdict::Approve, None, None)).await.expect("decided");
    rig.advance(VIDEO, Status::Approved, Status::Encoding).await;
    assert!(conflict(reviews.undo(VIDEO, MODERATOR).await).contains("encoding"));
    assert_eq!(rig.record().await.standing().map(|d| d.verdict), Some(Verdict::Approve));
}

#[tokio::test]
async fn escalating_keeps_the_place_in_the_queue() {
    let rig = in_review().await;
    let before = rig.record().await.waiting_since;
    let record = rig.reviews().decide(ask(Verdict::Escalate, None, Some("unsure"))).await.expect("decided");
    assert_eq!((record.waiting_since, rig.status().await), (before, Status::InReview));
    assert_eq!(record.standing().and_then(|d| d.by), Some(MODERATOR));
}

#[tokio::test]
async fn racing_moderators_have_one_winner() {
    let rig = Arc::new(in_review().await);
    let mut racers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let rig = Arc::clone(&rig);
        racers.spawn(async move {
            let verdict = if n % 2 == 0 { Verdict::Approve } else { Verdict::Reject };
            let by = UserId(100 + n);
            rig.reviews().decide(Ask { by, ..ask(verdict, Some("spam"), None) }).await
        });
    }
    let won: Vec<ModerationRecord> = racers.join_all().await.into_iter().filter_map(Result::ok).collect();
    assert_eq!(won.len(), 1);
    let standing = won[0].standing().expect("a decision");
    assert_eq!(rig.video().await.verdict.map(|v| v.verdict), Some(standing.verdict));
}

#[tokio::test]
async fn a_published_video_can_be_taken_down_and_a_rejected_one_reopened() {
    let rig = Rig::new(Some(3.0)).await;
    rig.judge().await.expect("judged");
    let reviews = rig.reviews();
    conflict(reviews.decide(ask(Verdict::Reject, Some("spam"), None)).await);
    for (from, to) in [
        (Status::Approved, Status::Encoding),
        (Status::Encoding, Status::Verifying),
        (Status::Verifying, Status::Published),
    ] {
        rig.advance(VIDEO, from, to).await;
    }
    conflict(reviews.decide(ask(Verdict::Approve, None, None)).await);
    reviews.decide(ask(Verdict::Reject, Some("copyright"), None)).await.expect("taken down");
    assert_eq!(rig.status().await, Status::Rejected);
    conflict(reviews.decide(ask(Verdict::Approve, None, None)).await);
    reviews.decide(ask(Verdict::Escalate, None, None)).await.expect("reopened");
    assert_eq!(rig.status().await, Status::InReview);
    reviews.decide(ask(Verdict::Approve, None, None)).await.expect("approved");
    assert_eq!(rig.status().await, Status::Approved);
}

#[tokio::test]
async fn a_reported_video_plays_on_and_waits_for_a_person_who_keeps_it() {
    let rig = Rig::new(Some(3.0)).await;
    rig.judge().await.expect("judged");
    for (from, to) in [
        (Status::Approved, Status::Encoding),
        (Status::Encoding, Status::Verifying),
        (Status::Verifying, Status::Published),
    ] {
        rig.advance(VIDEO, from, to).await;
    }
    let reviews = rig.reviews();
    assert!(reviews.queue(None, 5).await.expect("a page").items.is_empty());
    rig.clock.advance(Millis(1_000));
    reviews.report(VIDEO, UserId(5), "spam".into()).await.expect("reported");
    let since = rig.record().await.waiting_since;
    rig.clock.advance(Millis(1_000));
    reviews.report(VIDEO, UserId(6), "spam".into()).await.expect("reported");
    assert_eq!((rig.record().await.waiting_since, rig.record().await.waits_for()), (since, "reported"));
    assert_eq!(reviews.queue(None, 5).await.expect("a page").items.len(), 1);
    reviews.decide(ask(Verdict::Approve, None, None)).await.expect("kept");
    assert_eq!((rig.status().await, rig.encodes().await.len()), (Status::Published, 1));
    assert!(reviews.queue(None, 5).await.expect("a page").items.is_empty());
    reviews.undo(VIDEO, MODERATOR).await.expect("undone");
    assert_eq!(rig.status().await, Status::Published);
    assert_eq!(reviews.queue(None, 5).await.expect("a page").items.len(), 1);
    reviews.decide(ask(Verdict::Reject, Some("spam"), None)).await.expect("taken down");
    assert_eq!(rig.status().await, Status::Rejected);
}

#[tokio::test]
async fn why_a_video_waits_is_a_stable_word() {
    let rig = in_review().await;
    assert_eq!(rig.record().await.waits_for(), "sexual_content");
    rig.reviews().decide(ask(Verdict::Escalate, None, None)).await.expect("decided");
    assert_eq!(rig.record().await.waits_for(), "escalated");
    let rig = Rig::new(None).await;
    rig.judge().await.expect("judged");
    assert_eq!(rig.record().await.waits_for(), "no_classifier");
    let rig = Rig::new(Some(82.0)).await;
    rig.judge().await.expect("judged");
    assert_eq!(rig.record().await.waits_for(), "near_threshold");
}

#[tokio::test]
async fn blocked_bytes_must_be_unblocked_before_they_are_approved() {
    let rig = in_review().await;
    let reviews = rig.reviews();
    let content = rig.record().await.content_sha256;
    assert!(
        reviews.block(&content.to_uppercase(), MODERATOR, "hate", "seen elsewhere").await.expect("blocked")
    );
    assert!(!reviews.block(&content, MODERATOR, "hate", "").await.expect("blocked"));
    assert!(conflict(reviews.decide(ask(Verdict::Approve, None, None)).await).contains("block list"));
    reviews.unblock(&content, MODERATOR).await.expect("unblocked");
    assert!(matches!(reviews.unblock(&content, MODERATOR).await, Err(ReviewError::NotFound)));
    reviews.decide(ask(Verdict::Approve, None, None)).await.expect("approved");
    for (hash, code) in [("abc", "hate"), (content.as_str(), "nonsense")] {
        let refused = reviews.block(hash, MODERATOR, code, "").await;
        assert!(matches!(refused, Err(ReviewError::Invalid { .. })), "{refused:?}");
    }
}

#[tokio::test]
async fn an_appeal_comes_back_into_the_queue_with_the_owners_words() {
    let rig = in_review().await;
    let reviews = rig.reviews();
    reviews.decide(ask(Verdict::Reject, Some("violence"), None)).await.expect("decided");
    rig.clock.advance(Millis(1_000));
    let facts = Facts {
        appeal: Some(Appeal { at: rig.clock.now(), message: "It is paint.".into() }),
        ..Facts::default()
    };
    let step = Advance::new(VIDEO, Status::Rejected, Status::InReview, rig.clock.now()).with(facts);
    rig.videos.advance(step).await.expect("appealed");
    let page = reviews.queue(None, 5).await.expect("a page");
    assert_eq!(page.items[0].record.appeal.as_deref(), Some("It is paint."));
    assert_eq!(rig.status().await, Status::InReview);
    reviews.decide(ask(Verdict::Approve, None, None)).await.expect("approved");
    assert_eq!(rig.status().await, Status::Approved);
}

#[tokio::test]
async fn a_decision_left_behind_by_a_crash_comes_into_force() {
    let rig = in_review().await;
    // As if the process had died between the record and the catalog.
    let mut record = rig.record().await;
    let base = record.standing().expect("escalated").clone();
    record.decide(moderation::Decision {
        at: rig.clock.now(),
        by: Some(MODERATOR),
        decided_by: moderation::Decider::Moderator,
        verdict: Verdict::Approve,
        ..base
    });
    rig.store.save(record).await.expect("saved");
    assert_eq!(rig.status().await, Status::InReview);
    assert_eq!(rig.reviews().settle_left_behind().await.expect("settled"), 1);
    assert_eq!((rig.status().await, rig.encodes().await.len()), (Status::Approved, 1));
    assert_eq!(rig.reviews().settle_left_behind().await.expect("settled"), 0);
}

#[tokio::test]
async fn a_video_that_came_into_review_by_another_door_is_queued() {
    let rig = Rig::new(Some(3.0)).await;
    rig.advance(VIDEO, Status::Uploaded, Status::Judging).await;
    rig.advance(VIDEO, Status::Judging, Status::InReview).await;
    let page = rig.reviews().queue(None, 5).await.expect("a page");
    assert_eq!(page.items.len(), 1);
    // Nobody examined it, so nothing binds an approval to bytes.
    conflict(rig.reviews().decide(ask(Verdict::Approve, None, None)).await);
}

#[tokio::test]
async fn an_erased_video_leaves_the_queue() {
    let rig = in_review().await;
    rig.advance(VIDEO, Status::InReview, Status::Removed).await;
    assert!(rig.reviews().queue(None, 5).await.expect("a page").items.is_empty());
    assert!(rig.record().await.waiting_since.is_some(), "an undo of the removal must find it again");
    rig.advance(VIDEO, Status::Removed, Status::Erased).await;
    assert!(rig.reviews().queue(None, 5).await.expect("a page").items.is_empty());
    assert_eq!(rig.record().await.waiting_since, None);
}

#[tokio::test]
async fn frames_and_source_are_shown_and_who_looked_is_noted() {
    let rig = in_review().await;
    let reviews = rig.reviews();
    let frame = reviews.frame(VIDEO, 1).await.expect("a frame");
    assert!(frame.starts_with(b"frame at"));
    for n in [0, 6, u16::MAX] {
        assert!(matches!(reviews.frame(VIDEO, n).await, Err(ReviewError::NotFound)));
    }
    for _ in 0..3 {
        assert_eq!(reviews.source(VIDEO, MODERATOR).await.expect("a file").path(), rig.raw());
    }
    let looked = TrailFilter { action: Some("view_source".into()), limit: 9, ..TrailFilter::default() };
    assert_eq!(reviews.trail(looked).await.expect("a trail").len(), 1);
}

#[tokio::test]
async fn every_action_leaves_a_trail() {
    let rig = in_review().await;
    let reviews = rig.reviews();
    reviews.report(VIDEO, UserId(5), "rude".into()).await.expect("reported");
    reviews.report(VIDEO, UserId(5), "rude again".into()).await.expect("reported");
    reviews.decide(ask(Verdict::Reject, Some("spam"), None)).await.expect("decided");
    rig.clock.advance(Millis(1));
    reviews.undo(VIDEO, MODERATOR).await.expect("undone");
    let filter = TrailFilter { video: Some(VIDEO), limit: 9, ..TrailFilter::default() };
    let trail = reviews.trail(filter).await.expect("a trail");
    let actions: Vec<_> = trail.iter().map(|t| t.action.as_str()).collect();
    assert_eq!(actions, ["undo", "report", "decide", "judge"]);
    assert_eq!(trail[2].by, MODERATOR.to_string());
    assert_eq!(reviews.detail(VIDEO).await.expect("detail").reports.len(), 1);
}

#[tokio::test]
async fn what_is_not_there_is_not_found() {
    let rig = in_review().await;
    let reviews = rig.reviews();
    let nobody = VideoId(404);
    assert!(matches!(reviews.detail(nobody).await, Err(ReviewError::NotFound)));
    assert!(matches!(reviews.frame(nobody, 1).await, Err(ReviewError::NotFound)));
    assert!(matches!(reviews.undo(nobody, MODERATOR).await, Err(ReviewError::NotFound)));
    let unknown = Ask { video: nobody, ..ask(Verdict::Approve, None, None) };
    assert!(matches!(reviews.decide(unknown).await, Err(ReviewError::NotFound)));
    assert!(rig.blocks.find("x").await.expect("read").is_none());
    let key = vocab::MediaKey::Poster { video: VIDEO, package: vocab::PackageId(1) };
    assert!(rig.files.get_private(key).await.is_err());
}
