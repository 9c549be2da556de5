//! How the runner keeps its promises.

mod kitchen;

use futures::FutureExt;
use kitchen::{Kitchen, Shift, cook, pass};
use std::sync::atomic::Ordering;
use stdx::{Clock, Fault};
use vocab::Millis;
use work::runner::PERIODIC_KEY;
use work::{
    Claim, Ending, JobError, JobFilter, JobState, JobStore, JobStoreError, MemoryJobStore, NewJob, Order,
    Outcome, WorkPolicy, dlq,
};

const BAKE: &str = "kitchen.bake";
const WASH: &str = "kitchen.wash";

fn policy() -> WorkPolicy {
    WorkPolicy::default()
}

#[tokio::test(start_paused = true)]
async fn a_new_job_is_picked_up_at_once() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |_| async { Ok(Outcome::Done) });
    let slow = WorkPolicy { poll_every: Millis::from_secs(3_600), ..policy() };
    let shift = Shift::of(kitchen.runner(slow).handle(baker.clone()));
    pass(10).await;
    let job = kitchen.jobs.submit_now(BAKE, "bread").await.expect("submitted");
    pass(1).await;
    assert_eq!(kitchen.get(&job).await.state, JobState::Done);
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_bell_jobs_are_found_by_looking() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |_| async { Ok(Outcome::Done) });
    let shift = Shift::of(kitchen.runner(policy()).handle(baker.clone()));
    let later = NewJob::new(BAKE, "bread", kitchen.now().saturating_add(Millis(5_000)));
    let job = kitchen.jobs.submit(later).await.expect("submitted");
    pass(4_900).await;
    assert_eq!(kitchen.get(&job).await.state, JobState::Ready);
    pass(1_200).await;
    assert_eq!(kitchen.get(&job).await.state, JobState::Done);
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn each_kind_has_its_own_places() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |_| pass(1_000).map(|()| Ok(Outcome::Done)));
    let washer = cook(WASH, |_| pass(10).map(|()| Ok(Outcome::Done)));
    let mut places = policy();
    places.concurrency.insert(BAKE.to_owned(), 3);
    let shift = Shift::of(kitchen.runner(places).handle(baker.clone()).handle(washer.clone()));
    for n in 0..9 {
        kitchen.jobs.submit_now(BAKE, n).await.expect("submitted");
        kitchen.jobs.submit_now(WASH, n).await.expect("submitted");
    }
    pass(500).await;
    assert_eq!((baker.running(), washer.runs()), (3, 9), "bakers do not keep the washers waiting");
    pass(2_600).await;
    assert_eq!((baker.runs(), baker.running()), (9, 0), "a free place is taken at once");
    assert_eq!(baker.most_running.load(Ordering::SeqCst), 3);
    assert_eq!(washer.most_running.load(Ordering::SeqCst), policy().concurrency_default);
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_one_failed_attempt() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |context| async move {
        assert!(context.job.attempt > 1, "the first loaf always burns");
        Ok(Outcome::Done)
    });
    let job = kitchen.jobs.submit_now(BAKE, "bread").await.expect("submitted");
    let shift = Shift::of(kitchen.runner(policy()).handle(baker.clone()));
    pass(3_000).await;
    let job = kitchen.get(&job).await;
    assert_eq!((job.state, job.attempt), (JobState::Done, 2));
    assert_eq!(job.last_error.as_deref(), Some("panicked: the first loaf always burns"));
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn poison_becomes_a_dead_letter_and_its_handler_is_told() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |_| async { Err(JobError::retry("no flour")) });
    let job = kitchen.jobs.submit_now(BAKE, "bread").await.expect("submitted");
    let shift = Shift::of(kitchen.runner(policy()).handle(baker.clone()));
    pass(300_000).await;
    let dead = kitchen.get(&job).await;
    assert_eq!((dead.state, dead.attempt, baker.runs()), (JobState::Dead, 5, 5));
    assert_eq!(dead.last_error.as_deref(), Some("no flour"));
    assert_eq!(*baker.buried.lock().expect("not poisoned"), [job.id]);
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_full_disk_uses_up_no_attempt_however_long_it_lasts() {
    let kitchen = Kitchen::new();
    let emptied = kitchen.now().saturating_add(Millis(2 * 86_400_000));
    let clock = kitchen.clock.clone();
    let baker = cook(BAKE, move |_| {
        let full = clock.now() < emptied;
        async move { if full { Err(Fault::full("the shelf is full").into()) } else { Ok(Outcome::Done) } }
    });
    let job = kitchen.jobs.submit_now(BAKE, "bread").await.expect("submitted");
    let shift = Shift::of(kitchen.runner(policy()).handle(baker.clone()));
    pass(86_400_000).await;
    let waiting = kitchen.get(&job).await;
    assert_eq!((waiting.state, waiting.attempt), (JobState::Ready, 0));
    // Half of five minutes on the average: no busy loop.
    assert!((100..1_500).contains(&baker.runs()), "{} tries in a day", baker.runs());
    pass(86_400_000 + 301_000).await;
    let done = kitchen.get(&job).await;
    assert_eq!((done.state, done.attempt), (JobState::Done, 1));
    assert!(baker.buried.lock().expect("not poisoned").is_empty());
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_disk_that_stays_full_for_good_is_a_dead_letter_in_the_end() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |_| async { Err(Fault::full("the shelf is full").into()) });
    let job = kitchen.jobs.submit_now(BAKE, "bread").await.expect("submitted");
    let hasty = WorkPolicy { room_patience: Millis(3_600_000), ..policy() };
    let shift = Shift::of(kitchen.runner(hasty).handle(baker.clone()));
    pass(3_500_000).await;
    assert_eq!(kitchen.get(&job).await.state, JobState::Ready);
    pass(1_000_000).await;
    let dead = kitchen.get(&job).await;
    assert_eq!((dead.state, dead.attempt), (JobState::Dead, 5));
    assert_eq!(dead.last_error.as_deref(), Some("Full: the shelf is full"));
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_hopeless_job_is_not_tried_again() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |_| async { Err(JobError::dead("no oven")) });
    let job = kitchen.jobs.submit_now(BAKE, "bread").await.expect("submitted");
    let shift = Shift::of(kitchen.runner(policy()).handle(baker.clone()));
    pass(100_000).await;
    assert_eq!((kitchen.get(&job).await.state, baker.runs()), (JobState::Dead, 1));
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_long_job_keeps_its_lease_and_tells_its_progress() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |context| async move {
        for percent in 0..100 {
            context.progress(percent);
            pass(6_000).await;
        }
        Ok(Outcome::Done)
    });
    let job = kitchen.jobs.submit_now(BAKE, "stollen").await.expect("submitted");
    let shift = Shift::of(kitchen.runner(policy()).handle(baker.clone()));
    let other = Shift::of(kitchen.runner(policy()).handle(baker.clone()));
    pass(300_000).await;
    let half = kitchen.get(&job).await;
    assert_eq!(half.state, JobState::Running);
    assert!((47..=50).contains(&half.progress_percent), "{}", half.progress_percent);
    pass(310_000).await;
    let done = kitchen.get(&job).await;
    assert_eq!((done.state, done.attempt, baker.runs()), (JobState::Done, 1, 1));
    shift.stop().await;
    other.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_lost_its_claim_is_dropped() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |_| pass(1_000_000).map(|()| Ok(Outcome::Done)));
    let job = kitchen.jobs.submit_now(BAKE, "bread").await.expect("submitted");
    let shift = Shift::of(kitchen.runner(policy()).handle(baker.clone()));
    pass(100).await;
    assert_eq!(baker.running(), 1);
    // Another worker, whose clock says that the lease is over.
    let now = kitchen.now().saturating_add(Millis(100_000));
    let claim = Claim { kinds: vec![BAKE.to_owned()], now, lease: Millis(900_000), limit: 1 };
    let stolen = kitchen.store.claim(claim).await.expect("claimed").remove(0);
    pass(10_100).await;
    assert_eq!((baker.running(), baker.runs()), (0, 1));
    let job = kitchen.get(&job).await;
    assert_eq!((job.fence, job.state), (stolen.fence, JobState::Running), "the thief is not disturbed");
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_handler_may_tidy_up() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |context| async move {
        context.cancelled().await;
        pass(100).await;
        Ok(Outcome::Cancelled)
    });
    let job = kitchen.jobs.submit_now(BAKE, "bread").await.expect("submitted");
    let shift = Shift::of(kitchen.runner(policy()).handle(baker.clone()));
    pass(100).await;
    kitchen.store.steer(job.id, Order::Cancel, kitchen.now()).await.expect("asked");
    pass(11_000).await;
    assert_eq!((kitchen.get(&job).await.state, baker.running()), (JobState::Cancelled, 0));
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_will_not_stop_is_dropped() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |_| pass(1_000_000).map(|()| Ok(Outcome::Done)));
    let job = kitchen.jobs.submit_now(BAKE, "bread").await.expect("submitted");
    let shift = Shift::of(kitchen.runner(policy()).handle(baker.clone()));
    pass(100).await;
    kitchen.store.steer(job.id, Order::Cancel, kitchen.now()).await.expect("asked");
    pass(25_000).await;
    assert_eq!((kitchen.get(&job).await.state, baker.running()), (JobState::Cancelled, 0));
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_lets_short_jobs_end_and_gives_long_ones_back() {
    let kitchen = Kitchen::new();
    let short = cook(BAKE, |_| pass(3_000).map(|()| Ok(Outcome::Done)));
    let long = cook(WASH, |_| pass(60_000).map(|()| Ok(Outcome::Done)));
    let bread = kitchen.jobs.submit_now(BAKE, "bread").await.expect("submitted");
    let pots = kitchen.jobs.submit_now(WASH, "pots").await.expect("submitted");
    let shift = Shift::of(kitchen.runner(policy()).handle(short.clone()).handle(long.clone()));
    pass(100).await;
    let asked = kitchen.now();
    let late = async {
        pass(50).await;
        kitchen.jobs.submit_now(BAKE, "cake").await.expect("submitted")
    };
    let ((), cake) = tokio::join!(shift.stop(), late);
    assert!(kitchen.now().saturating_sub(asked) < Millis(10_000), "within the time a stop may take");
    assert_eq!(kitchen.get(&bread).await.state, JobState::Done);
    assert_eq!(kitchen.get(&cake).await.attempt, 0, "nothing new is begun");
    let pots = kitchen.get(&pots).await;
    assert_eq!((pots.state, pots.attempt, long.running()), (JobState::Ready, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn periodic_jobs_run_at_the_start_and_again() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |_| async { Ok(Outcome::Done) });
    let shift = Shift::of(kitchen.runner(policy()).every(Millis(60_000), baker.clone()));
    pass(1_000).await;
    assert_eq!(baker.runs(), 1);
    pass(60_000).await;
    assert_eq!(baker.runs(), 2);
    pass(600_000).await;
    assert!((10..=12).contains(&baker.runs()), "{}", baker.runs());
    let filter = JobFilter { key: Some(PERIODIC_KEY.to_owned()), limit: 99, ..JobFilter::default() };
    let all = kitchen.store.list(filter).await.expect("listed");
    assert!(all.iter().all(|j| j.state == JobState::Done));
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn later_is_no_failure() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |context| async move {
        if context.job.created_at.0 + 50_000 > context.job.run_at.0 {
            return Ok(Outcome::Later { run_at: Millis(context.job.run_at.0 + 10_000) });
        }
        Ok(Outcome::Done)
    });
    let job = kitchen.jobs.submit_now(BAKE, "dough").await.expect("submitted");
    let shift = Shift::of(kitchen.runner(policy()).handle(baker.clone()));
    pass(70_000).await;
    let job = kitchen.get(&job).await;
    assert_eq!((job.state, job.attempt, baker.runs()), (JobState::Done, 1, 6));
    shift.stop().await;
}

#[tokio::test(start_paused = true)]
async fn old_ended_jobs_are_forgotten_dead_letters_later() {
    let kitchen = Kitchen::new();
    let baker = cook(BAKE, |context| async move {
        if context.job.key == "bread" { Ok(Outcome::Done) } else { Err(JobError::dead("burnt")) }
    });
    let short = WorkPolicy { keep_ended: Millis(60_000), keep_dead: Millis(3_000_000), ..policy() };
    let bread = kitchen.jobs.submit_now(BAKE, "bread").await.expect("submitted");
    let coal = kitchen.jobs.submit_now(BAKE, "coal").await.expect("submitted");
    let shift = Shift::of(kitchen.runner(short).handle(baker));
    pass(1_300_000).await;
    assert!(matches!(kitchen.store.get(bread.id).await, Err(JobStoreError::NotFound(_))));
    assert_eq!(kitchen.get(&coal).await.state, JobState::Dead);
    shift.stop().await;
}

#[tokio::test]
async fn dead_letters_are_listed_and_replayed() {
    let store = MemoryJobStore::default();
    let now = Millis(1_780_000_000_000);
    for n in 0..5u64 {
        let kind = if n == 4 { WASH } else { BAKE };
        let job = NewJob::new(kind, n, now);
        store.enqueue(vocab::JobId(n), job, now).await.expect("enqueued");
        let claim = Claim { kinds: vec![kind.to_owned()], now, lease: Millis(1_000), limit: 1 };
        let job = store.claim(claim).await.expect("claimed").remove(0);
        store.finish(job.id, job.fence, Ending::Dead { error: "no".into() }, now).await.expect("held");
    }
    assert_eq!(dlq::dead(&store, Some(BAKE), None, 3).await.expect("listed").len(), 3);
    // One was followed by a live job: it stays where it is.
    store.enqueue(vocab::JobId(9), NewJob::new(BAKE, 2, now), now).await.expect("enqueued");
    assert_eq!(dlq::replay_all(&store, Some(BAKE), now).await.expect("replayed"), 3);
    assert_eq!(dlq::dead(&store, None, None, 99).await.expect("listed").len(), 2);
}

#[tokio::test]
async fn claims_of_a_dead_process_are_taken_back() {
    let store = MemoryJobStore::default();
    let now = Millis(1_780_000_000_000);
    let claim = Claim { kinds: vec![BAKE.to_owned()], now, lease: Millis(30_000), limit: 9 };
    store.enqueue(vocab::JobId(1), NewJob::new(BAKE, "bread", now), now).await.expect("enqueued");
    let last = NewJob::new(BAKE, "poison", now).with_attempts(1);
    store.enqueue(vocab::JobId(2), last, now).await.expect("enqueued");
    assert_eq!(store.claim(claim.clone()).await.expect("claimed").len(), 2);
    assert_eq!(dlq::take_back_orphans(&store, now).await.expect("taken"), 2);
    let again = store.claim(claim).await.expect("claimed");
    assert_eq!((again.len(), again[0].attempt), (1, 2), "what takes its process down runs out of attempts");
    assert_eq!(store.get(vocab::JobId(2)).await.expect("found").state, JobState::Dead);
}
