//! No video stands for ever, and none keeps its bytes.

use crate::house::{House, OWNER, context};
use catalog::Facts;
use catalog::jobs::{ENCODE, ERASE, JUDGE, SWEEP};
use catalog::sweep::GAVE_UP;
use stdx::Clock;
use vocab::{MediaKey, Status};
use work::{Ending, JobHandler, Outcome};

fn dead() -> Ending {
    Ending::Dead { error: "no".into() }
}

#[tokio::test]
async fn a_lost_job_is_made_again() {
    let house = House::new();
    house.sweep().await;
    let mut standing = Vec::new();
    for status in Status::ALL {
        standing.push((house.public(status).await, status));
    }
    house.sweep().await;
    for (video, status) in &standing {
        assert_eq!(house.live(video).await, [], "{status:?} has not stood long enough");
    }
    house.pass(10_001);
    for _ in 0..2 {
        house.sweep().await;
        for (video, status) in &standing {
            let kinds: Vec<_> = house.live(video).await.into_iter().map(|(kind, _)| kind).collect();
            let expected = match status {
                Status::Uploaded | Status::Judging => vec![JUDGE],
                Status::Approved | Status::Encoding | Status::Verifying => vec![ENCODE],
                Status::Removed => vec![ERASE],
                _ => vec![],
            };
            assert_eq!(kinds, expected, "{status:?}");
        }
    }
}

#[tokio::test]
async fn the_first_sweep_of_a_process_does_not_wait_for_a_video_to_grow_old() {
    let house = House::new();
    let mut standing = Vec::new();
    for status in Status::ALL {
        standing.push((house.public(status).await, status));
    }
    let judged = house.public(Status::Judging).await;
    let live = house.jobs.submit_now(JUDGE, judged.id).await.expect("submitted");
    house.sweep().await;
    for (video, status) in &standing {
        let kinds: Vec<_> = house.live(video).await.into_iter().map(|(kind, _)| kind).collect();
        let expected: Vec<_> = catalog::jobs::job_for(*status).into_iter().collect();
        assert_eq!(kinds, expected, "{status:?}");
    }
    assert_eq!(house.store.get(live.id).await.expect("found"), live, "a live job is left alone");
    let later = house.public(Status::Approved).await;
    house.sweep().await;
    assert_eq!(house.live(&later).await, [], "from then on a hand-over has its time");
}

#[tokio::test]
async fn a_first_sweep_that_was_cut_is_done_again() {
    let house = House::new();
    let video = house.public(Status::Approved).await;
    let cut = context(SWEEP, "periodic");
    cut.cancel();
    assert_eq!(house.sweep.run(cut).await, Ok(Outcome::Cancelled));
    assert_eq!(house.live(&video).await, []);
    house.sweep().await;
    assert_eq!(house.live(&video).await.len(), 1);
}

#[tokio::test]
async fn a_live_job_is_left_alone() {
    let house = House::new();
    let video = house.public(Status::Judging).await;
    house.jobs.submit_now(JUDGE, video.id).await.expect("submitted");
    let running = house.claim(JUDGE).await.expect("due");
    house.pass(3_600_000);
    house.sweep().await;
    assert_eq!(house.store.get(running.id).await.expect("found"), running);
    assert_eq!(house.get(&video).await.status, Status::Judging);
}

#[tokio::test]
async fn a_video_whose_job_gave_up_fails_with_a_reason() {
    let house = House::new();
    for (status, kind) in [(Status::Judging, JUDGE), (Status::Verifying, ENCODE)] {
        let video = house.public(status).await;
        house.jobs.submit_now(kind, video.id).await.expect("submitted");
        house.pass(5_000);
        house.end(kind, dead()).await;
        house.pass(20_000);
        house.sweep().await;
        let failed = house.get(&video).await;
        let failure = failed.failure.expect("a reason");
        assert_eq!(
            (failed.status, failure.code.as_str(), failure.retryable),
            (Status::Failed, GAVE_UP, true)
        );
        assert_eq!(house.live(&video).await, []);
    }
}

#[tokio::test]
async fn a_second_try_is_not_failed_by_the_first() {
    let house = House::new();
    let video = house.public(Status::Judging).await;
    house.jobs.submit_now(JUDGE, video.id).await.expect("submitted");
    house.end(JUDGE, dead()).await;
    house.pass(20_000);
    house.sweep().await;
    house.pass(1_000);
    house.owners.retry(OWNER, video.id).await.expect("started over");
    // As if the process had died before the job was enqueued.
    let lost = house.claim(JUDGE).await.expect("due");
    house.store.finish(lost.id, lost.fence, Ending::Done, house.clock.now()).await.expect("held");
    house.pass(20_000);
    house.sweep().await;
    assert_eq!(house.get(&video).await.status, Status::Uploaded);
    assert_eq!(house.live(&video).await.len(), 1);
}

#[tokio::test]
async fn bytes_go_after_the_undo_and_the_record_says_so() {
    let house = House::new();
    let video = house.public(Status::Published).await;
    house.owners.remove(OWNER, video.id).await.expect("removed");
    let early = house.erase.run(context(ERASE, video.id)).await.expect("not yet");
    let due = house.clock.now().saturating_add(house.policy.erase_after);
    assert_eq!(early, Outcome::Later { run_at: due });
    assert!(house.shredder.gone.lock().expect("not poisoned").is_empty());
    house.clock.set(due);
    assert_eq!(house.erase.run(context(ERASE, video.id)).await, Ok(Outcome::Done));
    assert_eq!(*house.shredder.gone.lock().expect("not poisoned"), MediaKey::prefixes_of(video.id));
    let erased = house.get(&video).await;
    assert_eq!((erased.status, erased.meta.title.as_str()), (Status::Erased, ""));
    assert_eq!(house.erase.run(context(ERASE, video.id)).await, Ok(Outcome::Done), "twice is once");
}

#[tokio::test]
async fn a_shredder_that_jams_is_tried_again() {
    let house = House::new();
    let video = house.public(Status::Published).await;
    house.owners.remove(OWNER, video.id).await.expect("removed");
    house.pass(20_000);
    *house.shredder.jammed.lock().expect("not poisoned") = true;
    assert!(house.erase.run(context(ERASE, video.id)).await.is_err());
    assert_eq!(house.get(&video).await.status, Status::Removed);
    *house.shredder.jammed.lock().expect("not poisoned") = false;
    house.erase.run(context(ERASE, video.id)).await.expect("erased");
    assert_eq!(house.get(&video).await.status, Status::Erased);
}

#[tokio::test]
async fn nothing_is_erased_under_a_running_job() {
    let house = House::new();
    let video = house.public(Status::Encoding).await;
    house.jobs.submit_now(ENCODE, video.id).await.expect("submitted");
    let running = house.claim(ENCODE).await.expect("due");
    house.owners.remove(OWNER, video.id).await.expect("removed");
    house.pass(20_000);
    let later = house.erase.run(context(ERASE, video.id)).await.expect("not yet");
    assert!(matches!(later, Outcome::Later { .. }));
    assert!(house.store.get(running.id).await.expect("found").cancel_requested, "it was told to stop");
    house.store.finish(running.id, running.fence, Ending::Cancelled, house.clock.now()).await.expect("held");
    assert_eq!(house.erase.run(context(ERASE, video.id)).await, Ok(Outcome::Done));
    assert_eq!(house.get(&video).await.status, Status::Erased);
}

#[tokio::test]
async fn a_removal_whose_job_was_lost_is_erased_all_the_same() {
    let house = House::new();
    let video = house.public(Status::Published).await;
    house.go(&video, Status::Removed, Facts::default()).await;
    house.pass(15_000);
    house.sweep().await;
    let due = house.get(&video).await.status_changed_at.saturating_add(house.policy.erase_after);
    assert_eq!(house.live(&video).await, [(ERASE.to_owned(), due)]);
    house.pass(5_000);
    house.end(ERASE, dead()).await;
    house.pass(1_000);
    house.sweep().await;
    assert_eq!(house.live(&video).await.len(), 1, "bytes are owed until they are gone");
}

#[tokio::test]
async fn a_key_that_is_no_video_is_a_dead_letter_at_once() {
    let house = House::new();
    let outcome = house.erase.run(context(ERASE, "nonsense")).await;
    assert!(matches!(outcome, Err(work::JobError::Dead { .. })));
    assert_eq!(house.erase.run(context(ERASE, vocab::VideoId(5))).await, Ok(Outcome::Done));
    assert!(house.videos.get(vocab::VideoId(5)).await.is_err());
}
