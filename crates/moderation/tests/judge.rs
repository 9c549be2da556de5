//! The machine's half, end to end on memory ports.

mod rig;

use catalog::{Advance, VideoStore};
use moderation::{
    Attempt, BlockEntry, BlockList, Decider, Draft, JudgeError, JudgeHandler, ModerationStore, SourceFiles,
    record::digest_of,
};
use rig::{Pass, Rig, VIDEO, stub};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use stdx::Clock;
use vocab::{MediaKey, Millis, Status, Verdict, VideoId};
use work::{JobContext, JobHandler, NewJob, Outcome};

#[tokio::test]
async fn a_clean_video_is_approved_bound_to_its_bytes_and_handed_to_the_encoder() {
    let rig = Rig::new(Some(3.0)).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::Approved);
    let (video, record) = (rig.video().await, rig.record().await);
    let verdict = video.verdict.expect("a verdict");
    assert_eq!((verdict.verdict, verdict.decided_by.as_str()), (Verdict::Approve, "classifier"));
    assert_eq!(verdict.content_sha256, record.content_sha256);
    // printf 'raw bytes' | sha256sum
    let expected = "9ab366ad455508d5f47b0128d7d243a2c0e4f5ce399b5f85cd10b343e745a4dc";
    assert_eq!(video.content_sha256.as_deref(), Some(expected));
    assert_eq!(video.source.map(|s| s.duration_ms), Some(Millis(5_000)));
    assert_eq!(rig.encodes().await.len(), 1);
    assert_eq!(record.frames.len(), 5);
    assert!(record.unjudged.contains(&"Violence".to_owned()));
}

#[tokio::test]
async fn what_pass_a_made_is_kept_and_the_work_directory_is_not() {
    let rig = Rig::new(Some(3.0)).await;
    rig.judge().await.expect("judged");
    let digest = digest_of(&rig.record().await.content_sha256).expect("a digest");
    for n in 1..=5 {
        rig.files.get_private(MediaKey::ReviewFrame { video: VIDEO, digest, n }).await.expect("a frame");
    }
    rig.files.get_private(MediaKey::DraftPoster { video: VIDEO, digest }).await.expect("a poster");
    let facts = rig.files.get_private(MediaKey::DraftFacts { video: VIDEO, digest }).await.expect("facts");
    let draft: Draft = serde_json::from_slice(&facts).expect("a draft");
    assert_eq!(draft.source.duration_ms, Millis(5_000));
    assert_eq!(std::fs::read_dir(rig.work_root()).expect("a directory").count(), 0);
    assert_eq!(*rig.heard.0.lock().expect("lock"), [45]);
}

#[tokio::test]
async fn hot_frames_go_to_a_person_and_the_owner_is_not_told_why() {
    let rig = Rig::new(Some(95.0)).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::InReview);
    let record = rig.record().await;
    assert_eq!(record.waiting_since, Some(rig.clock.now()));
    assert_eq!(record.standing().and_then(|d| d.reason_code.clone()).as_deref(), Some("sexual_content"));
    let told = rig.video().await.verdict.expect("a verdict");
    assert_eq!((told.verdict, told.reason, told.reason_code), (Verdict::Escalate, None, None));
    assert!(rig.encodes().await.is_empty());
}

#[tokio::test]
async fn a_machine_that_may_reject_does_and_the_owner_is_told_why() {
    let mut rig = Rig::new(Some(99.5)).await;
    rig.policy.machine_may_reject = true;
    assert_eq!(rig.judge().await.expect("judged"), Status::Rejected);
    let told = rig.video().await.verdict.expect("a verdict");
    assert_eq!(told.reason_code.as_deref(), Some("sexual_content"));
    assert!(told.reason.is_some());
    // Only a person's rejection reaches the block list.
    assert!(!rig.is_blocked().await);
}

#[tokio::test]
async fn no_classifier_means_a_person() {
    let rig = Rig::new(None).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::InReview);
    assert!(rig.record().await.classifier.is_none());
}

#[tokio::test]
async fn a_classifier_that_fails_is_asked_again_and_in_the_end_a_person_is() {
    let rig = Rig::new(Some(3.0)).await;
    *rig.classifier.as_ref().expect("stub").confidence.lock().expect("lock") = None;
    assert!(matches!(rig.judge().await, Err(JudgeError::Classify(_))));
    assert_eq!(rig.status().await, Status::Judging);
    assert_eq!(rig.judge_as(VIDEO, true).await.expect("judged"), Status::InReview);
    assert!(rig.encodes().await.is_empty());
}

#[tokio::test]
async fn the_job_of_a_classifier_that_is_down_waits_and_publishes_nothing() {
    let rig = Rig::new(Some(3.0)).await;
    *rig.classifier.as_ref().expect("stub").confidence.lock().expect("lock") = None;
    let handler = JudgeHandler(rig.moderator());
    let now = rig.clock.now();
    let job = NewJob::new(handler.kind(), VIDEO, now);
    let job = work::JobStore::enqueue(rig.jobs.as_ref(), vocab::JobId(1), job, now).await.expect("enqueued");
    for _ in 0..3 {
        let ended = handler.run(JobContext::new(job.clone())).await;
        assert!(matches!(ended, Err(work::JobError::Retry { .. })), "{ended:?}");
        assert_eq!(rig.status().await, Status::Judging);
    }
    assert!(rig.encodes().await.is_empty() && rig.store.get(VIDEO).await.expect("read").is_none());
    *rig.classifier.as_ref().expect("stub").confidence.lock().expect("lock") = Some(3.0);
    assert_eq!(handler.run(JobContext::new(job)).await, Ok(Outcome::Done));
    assert_eq!(rig.status().await, Status::Approved);
}

#[tokio::test]
async fn an_answer_for_other_frames_is_no_answer() {
    let mut rig = Rig::new(None).await;
    let mut classifier = Arc::into_inner(stub(3.0).expect("stub")).expect("alone");
    classifier.short = true;
    rig.classifier = Some(Arc::new(classifier));
    assert!(matches!(rig.judge().await, Err(JudgeError::Classify(_))));
    assert_eq!(rig.judge_as(VIDEO, true).await.expect("judged"), Status::InReview);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_fails_with_its_reason() {
    let rig = Rig::new(Some(3.0)).await;
    *rig.examiner.pass.lock().expect("lock") = Pass::Refuses("media.no_video");
    assert_eq!(rig.judge().await.expect("judged"), Status::Failed);
    assert_eq!(rig.video().await.failure.map(|f| f.code).as_deref(), Some("media.no_video"));
}

#[tokio::test]
async fn a_killed_pass_a_is_tried_again() {
    let rig = Rig::new(Some(3.0)).await;
    *rig.examiner.pass.lock().expect("lock") = Pass::Fails;
    assert!(matches!(rig.judge().await, Err(JudgeError::Examine(_))));
    *rig.examiner.pass.lock().expect("lock") = Pass::Works;
    assert_eq!(rig.judge().await.expect("judged"), Status::Approved);
}

#[tokio::test]
async fn bytes_swapped_under_pass_a_are_not_judged() {
    let rig = Rig::new(Some(3.0)).await;
    *rig.examiner.pass.lock().expect("lock") = Pass::Swaps;
    let before = moderation::moderator::hash(&rig.raw()).await.expect("a hash");
    assert!(matches!(rig.judge().await, Err(JudgeError::Changed("the file"))));
    assert!(rig.store.get(VIDEO).await.expect("read").is_none());
    // The next run judges the bytes that are there now.
    *rig.examiner.pass.lock().expect("lock") = Pass::Works;
    assert_eq!(rig.judge().await.expect("judged"), Status::Approved);
    assert_ne!(rig.record().await.content_sha256, before);
}

#[tokio::test]
async fn judging_twice_is_judging_once() {
    let rig = Rig::new(Some(3.0)).await;
    rig.judge().await.expect("judged");
    let record = rig.record().await;
    assert_eq!(rig.judge().await.expect("judged"), Status::Approved);
    assert_eq!(rig.record().await, record);
    assert_eq!((rig.examiner.runs.load(Ordering::SeqCst), rig.encodes().await.len()), (1, 1));
}

#[tokio::test]
async fn a_crash_after_the_record_only_settles() {
    let rig = Rig::new(Some(3.0)).await;
    rig.judge().await.expect("judged");
    // As if the process had died before the status moved: the same record, another video store.
    let mut again = Rig::new(Some(3.0)).await;
    again.store = Arc::clone(&rig.store);
    again.files = Arc::clone(&rig.files);
    again.advance(VIDEO, Status::Uploaded, Status::Judging).await;
    assert_eq!(again.judge().await.expect("judged"), Status::Approved);
    assert_eq!(again.examiner.runs.load(Ordering::SeqCst), 0);
    assert_eq!(again.encodes().await.len(), 1);
}

#[tokio::test]
async fn the_same_frames_are_looked_at_when_a_run_is_repeated() {
    let rig = Rig::new(Some(3.0)).await;
    *rig.classifier.as_ref().expect("stub").confidence.lock().expect("lock") = None;
    let attempt = |last| Attempt { progress: Arc::new(|_| {}), last };
    rig.moderator().judge_from(VIDEO, attempt(false), 7).await.expect_err("asleep");
    assert!(rig.store.get(VIDEO).await.expect("read").is_none(), "a record is written with its decision");
    let digest = digest_of(&moderation::moderator::hash(&rig.raw()).await.expect("read")).expect("a digest");
    let key = MediaKey::ReviewFrame { video: VIDEO, digest, n: 1 };
    let first = rig.files.get_private(key.clone()).await.expect("a frame");
    rig.moderator().judge_from(VIDEO, attempt(true), 7).await.expect("judged");
    assert_eq!(rig.files.get_private(key).await.expect("a frame"), first);
    assert_eq!((rig.record().await.phase_seed, rig.record().await.revision), (7, 1));
}

#[tokio::test]
async fn blocked_bytes_are_rejected_whatever_the_classifier_sees() {
    let rig = Rig::new(Some(0.0)).await;
    let content = moderation::moderator::hash(&rig.raw()).await.expect("hashed");
    let entry = BlockEntry {
        content_sha256: content,
        reason_code: "hate".into(),
        note: String::new(),
        added_at: rig.clock.now(),
        added_by: "test".into(),
        video: None,
    };
    rig.blocks.add(entry).await.expect("added");
    assert_eq!(rig.judge().await.expect("judged"), Status::Rejected);
    let told = rig.video().await.verdict.expect("a verdict");
    assert_eq!(
        (told.decided_by.as_str(), told.reason_code.as_deref()),
        ("block_list", Some("blocked_content"))
    );
    assert_eq!(rig.record().await.standing().map(|d| d.decided_by), Some(Decider::BlockList));
}

#[tokio::test]
async fn a_removed_video_is_left_alone() {
    let rig = Rig::new(Some(3.0)).await;
    rig.advance(VIDEO, Status::Uploaded, Status::Removed).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::Removed);
    assert_eq!(rig.store.get(VIDEO).await.expect("read"), None);
    assert_eq!(rig.judge_as(VideoId(404), false).await.expect("judged"), Status::Erased);
}

#[tokio::test]
async fn a_retried_video_keeps_the_verdict_on_the_same_bytes() {
    let rig = Rig::new(Some(3.0)).await;
    rig.judge().await.expect("judged");
    rig.advance(VIDEO, Status::Approved, Status::Failed).await;
    rig.advance(VIDEO, Status::Failed, Status::Uploaded).await;
    assert_eq!(rig.judge().await.expect("judged"), Status::Approved);
    assert_eq!(rig.examiner.runs.load(Ordering::SeqCst), 1);
    assert_eq!(rig.record().await.decisions.len(), 1);
}

#[tokio::test]
async fn a_new_policy_judges_again_and_says_so_in_the_history() {
    let mut rig = Rig::new(Some(90.0)).await;
    rig.judge().await.expect("judged");
    rig.advance(VIDEO, Status::InReview, Status::Approved).await;
    rig.advance(VIDEO, Status::Approved, Status::Failed).await;
    rig.advance(VIDEO, Status::Failed, Status::Uploaded).await;
    rig.policy.version = "next".into();
    rig.policy.rules[0].review = None;
    assert_eq!(rig.judge().await.expect("judged"), Status::Approved);
    let record = rig.record().await;
    assert_eq!((record.decisions.len(), record.policy_version.as_str()), (2, "next"));
    assert_eq!(record.waiting_since, None);
}

#[tokio::test]
async fn giving_up_leaves_a_reason_and_a_way_back() {
    let rig = Rig::new(Some(3.0)).await;
    let handler = JudgeHandler(rig.moderator());
    let now = rig.clock.now();
    let job = work::JobStore::enqueue(
        rig.jobs.as_ref(),
        vocab::JobId(1),
        NewJob::new(handler.kind(), VIDEO, now),
        now,
    )
    .await
    .expect("enqueued");
    handler.buried(&job).await;
    let failure = rig.video().await.failure.expect("a reason");
    assert!(failure.code == "internal.gave_up" && failure.retryable);
}

#[tokio::test]
async fn the_job_runs_and_a_job_of_no_video_is_dead() {
    let rig = Rig::new(Some(3.0)).await;
    let handler = JudgeHandler(rig.moderator());
    let now = rig.clock.now();
    let enqueue = |id, key: &'static str| {
        let job = NewJob::new(handler.kind(), key, now);
        work::JobStore::enqueue(rig.jobs.as_ref(), vocab::JobId(id), job, now)
    };
    let key: &'static str = Box::leak(VIDEO.to_string().into_boxed_str());
    let context = JobContext::new(enqueue(1, key).await.expect("enqueued"));
    assert_eq!(handler.run(context.clone()).await, Ok(Outcome::Done));
    assert_eq!((rig.status().await, context.percent()), (Status::Approved, 100));
    let nonsense = JobContext::new(enqueue(2, "nonsense").await.expect("enqueued"));
    assert!(matches!(handler.run(nonsense).await, Err(work::JobError::Dead { .. })));
}

#[tokio::test]
async fn a_full_disk_uses_up_no_attempt_and_leaves_the_video_where_it_is() {
    let rig = Rig::new(Some(3.0)).await;
    *rig.examiner.pass.lock().expect("lock") = Pass::FindsNoRoom;
    let handler = JudgeHandler(rig.moderator());
    let now = rig.clock.now();
    let job = NewJob::new(handler.kind(), VIDEO, now);
    let job = work::JobStore::enqueue(rig.jobs.as_ref(), vocab::JobId(1), job, now).await.expect("enqueued");
    let ended = handler.run(JobContext::new(job.clone())).await;
    assert_eq!(ended, Err(work::JobError::NoRoom { error: "pass A: Full: no space left".into() }));
    assert_eq!(rig.status().await, Status::Judging);
    *rig.examiner.pass.lock().expect("lock") = Pass::Works;
    assert_eq!(handler.run(JobContext::new(job)).await, Ok(Outcome::Done));
}

#[tokio::test]
async fn a_step_by_somebody_else_is_respected() {
    let rig = Rig::new(Some(3.0)).await;
    rig.advance(VIDEO, Status::Uploaded, Status::Judging).await;
    let step = Advance::new(VIDEO, Status::Judging, Status::Failed, rig.clock.now());
    rig.videos.advance(step).await.expect("advanced");
    assert_eq!(rig.judge_as(VIDEO, false).await.expect("judged"), Status::Failed);
    let _unused = Attempt { progress: Arc::new(|_| {}), last: false };
}
