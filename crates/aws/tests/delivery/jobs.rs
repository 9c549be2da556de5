//! Jobs: delivered, held, given back, put aside; and never lost by a lost message.

use super::kitchen::{BAKE, Shift, Worker, delivered, until};
use super::{World, depth, peek, quick, steady, trial};
use crate::support;
use aws::work::mail::Outgoing;
use aws::work::queues::Queue;
use aws::work::{DynamoJobStore, JobLetter, Mailbox, SqsDelivered};
use aws::{Aws, AwsPolicy, AwsSettings};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use stdx::{Clock, OsEntropy, SystemClock};
use testkit::Trial;
use vocab::{JobId, Millis};
use work::{Ending, JobState, JobStore, Jobs, MemoryJobStore, NewJob, Wake};

pub fn trials() -> Vec<Trial> {
    let decorated = || -> Arc<dyn JobStore> {
        let mailbox = support::block_on(async { World::new().await.queue(&steady(5)).await.0 });
        let store = Arc::new(MemoryJobStore::default());
        Arc::new(delivered(store, &mailbox, &Wake::default(), &Shift::default()).0)
    };
    let mut all = testkit::trials("delivered", work::conformance::cases(), decorated);
    all.extend([
        trial("a_message_rouses_the_runner_at_once", a_message_rouses_the_runner_at_once),
        trial("an_empty_poll_is_long_and_no_error", an_empty_poll_is_long_and_no_error),
        trial("many_jobs_arrive_in_batches_and_the_queue_ends_empty", many_jobs_arrive_in_batches),
        trial("a_batch_half_done_is_done_in_the_end", a_batch_half_done_is_done_in_the_end),
        trial("a_message_told_five_times_has_one_effect", a_message_told_five_times_has_one_effect),
        trial("a_message_about_a_vanished_job_is_deleted", a_message_about_a_vanished_job_is_deleted),
        trial("poison_ends_in_the_dead_letters_without_effect", poison_ends_in_the_dead_letters),
        trial("a_heartbeat_keeps_the_message_out_of_sight", a_heartbeat_keeps_the_message_out_of_sight),
        trial("a_killed_workers_message_and_job_come_back", a_killed_workers_message_and_job_come_back),
        trial("a_lost_message_loses_no_job", a_lost_message_loses_no_job),
        trial("a_job_for_later_comes_later", a_job_for_later_comes_later),
        trial("a_retry_is_a_fresh_message", a_retry_is_a_fresh_message),
        trial("a_message_for_another_worker_is_passed_on", a_message_for_another_worker_is_passed_on),
        trial("a_busy_worker_hoards_no_messages", a_busy_worker_hoards_no_messages),
    ]);
    all
}

type Memory = Arc<MemoryJobStore>;

fn enqueuer<S: JobStore>(store: S) -> Jobs {
    Jobs::new(Arc::new(store), Arc::new(SystemClock), Arc::new(OsEntropy))
}

/// A process that only enqueues: its courier sends and receives nothing.
fn api(store: &Memory, mailbox: &Mailbox) -> Jobs {
    let shift = Shift { kinds: vec![], ..Shift::default() };
    let (store, courier) = delivered(Arc::clone(store), mailbox, &Wake::default(), &shift);
    tokio::spawn(courier.run(std::future::pending()));
    enqueuer(store)
}

async fn all_empty(mailbox: &Mailbox) {
    until("the queue is empty", async || depth(mailbox).await == (0, 0)).await;
}

async fn a_message_rouses_the_runner_at_once(world: World) {
    let (mailbox, _) = world.queue(&steady(5)).await;
    let store = Memory::default();
    // Its own look comes in an hour: within the patience of this test only the message can do it.
    let worker = Worker::start(Arc::clone(&store), &mailbox, &Shift::default());
    tokio::time::sleep(Duration::from_millis(800)).await;
    let job = api(&store, &mailbox).submit_now(BAKE, "bread").await.unwrap();
    until("it is baked", async || worker.baked() == 1).await;
    all_empty(&mailbox).await;
    assert_eq!(store.get(job.id).await.unwrap().state, JobState::Done);
    worker.stop().await;
}

async fn an_empty_poll_is_long_and_no_error(world: World) {
    let (mailbox, _) = world.queue(&steady(5)).await;
    // Longer than one attempt of any other call may take; its own limit counts from the end of the poll.
    let policy = AwsPolicy { attempt_timeout: Duration::from_secs(15), ..support::policy() };
    let settings = AwsSettings { policy, ..support::settings(&support::double::sqs()) };
    let aws = Aws::open(settings, Arc::new(OsEntropy)).await;
    let mailbox = Mailbox::new(aws.sqs(), mailbox.url(), Arc::new(OsEntropy));
    let begun = Instant::now();
    assert!(peek(&mailbox, 20).await.is_empty());
    assert!(begun.elapsed() >= Duration::from_secs(19), "{:?}", begun.elapsed());
}

async fn many_jobs_arrive_in_batches(world: World) {
    let (mailbox, dead) = world.queue(&steady(5)).await;
    let store = DynamoJobStore::new(world.dynamo().await);
    let worker = Worker::start(store.clone(), &mailbox, &Shift::default());
    for n in 0..25 {
        worker.jobs.submit_now(BAKE, n).await.unwrap();
    }
    until("all are baked", async || worker.baked() == 25).await;
    all_empty(&mailbox).await;
    worker.stop().await;
    assert_eq!(depth(&dead).await, (0, 0));
}

async fn a_batch_half_done_is_done_in_the_end(world: World) {
    let (mailbox, _) = world.queue(&steady(5)).await;
    let (aws, cut) = world.grudging().await;
    let grudging = Mailbox::new(aws.sqs(), mailbox.url(), Arc::new(OsEntropy));
    let letters: Vec<_> =
        (0..17).map(|n| Outgoing { body: format!("letter {n}"), delay: Millis(0) }).collect();
    grudging.send(&letters).await.unwrap();
    let receipts = seventeen(&mailbox).await;
    assert_eq!(depth(&mailbox).await, (0, 17), "each was sent once");
    // Kept for nothing they are back at once; every one of them, though each batch is half done.
    grudging.hold(&receipts, Millis(0)).await.unwrap();
    assert_eq!(depth(&mailbox).await, (17, 0), "all were given back");
    let receipts = seventeen(&mailbox).await;
    grudging.delete(&receipts).await.unwrap();
    assert_eq!(depth(&mailbox).await, (0, 0));
    assert!(cut.load(Ordering::SeqCst) >= 5);
    grudging.delete(&receipts).await.expect("a stale receipt is no error");
}

/// Receives that many different letters; their receipts.
async fn seventeen(mailbox: &Mailbox) -> Vec<String> {
    let mut letters = std::collections::BTreeMap::new();
    while letters.len() < 17 {
        for letter in peek(mailbox, 1).await {
            assert!(letters.insert(letter.body, letter.receipt).is_none(), "sent once");
        }
    }
    letters.into_values().collect()
}

async fn a_message_told_five_times_has_one_effect(world: World) {
    let (mailbox, _) = world.queue(&steady(5)).await;
    let store = Memory::default();
    let job = enqueuer(Arc::clone(&store)).submit_now(BAKE, "bread").await.unwrap();
    let body = serde_json::to_string(&JobLetter::of(&job)).unwrap();
    mailbox.send(&vec![Outgoing { body, delay: Millis(0) }; 5]).await.unwrap();
    let slow = Shift { takes: Duration::from_secs(1), ..Shift::default() };
    let workers = [0, 1].map(|_| Worker::start(Arc::clone(&store), &mailbox, &slow));
    all_empty(&mailbox).await;
    assert_eq!(workers.iter().map(Worker::begun).sum::<usize>(), 1);
    assert_eq!(store.get(job.id).await.unwrap().state, JobState::Done);
    for worker in workers {
        worker.stop().await;
    }
}

async fn a_message_about_a_vanished_job_is_deleted(world: World) {
    let (mailbox, dead) = world.queue(&steady(2)).await;
    let letter = JobLetter { v: 1, job: JobId(7), kind: BAKE.into() };
    let body = serde_json::to_string(&letter).unwrap();
    mailbox.send(&[Outgoing { body, delay: Millis(0) }]).await.unwrap();
    let worker = Worker::start(Memory::default(), &mailbox, &Shift::default());
    all_empty(&mailbox).await;
    assert_eq!((worker.begun(), depth(&dead).await), (0, (0, 0)));
    worker.stop().await;
}

async fn poison_ends_in_the_dead_letters(world: World) {
    let (mailbox, dead) = world.queue(&quick(2)).await;
    for body in ["not JSON", r#"{"v":1}"#, r#"{"v":9,"job":"0000000000007","kind":"kitchen.bake"}"#] {
        mailbox.send(&[Outgoing { body: body.into(), delay: Millis(0) }]).await.unwrap();
    }
    let worker = Worker::start(Memory::default(), &mailbox, &Shift::default());
    until("all three are dead letters", async || depth(&dead).await.0 == 3).await;
    assert_eq!(worker.begun(), 0);
    worker.jobs.submit_now(BAKE, "bread").await.unwrap();
    until("work goes on", async || worker.baked() == 1).await;
    worker.stop().await;
}

async fn a_heartbeat_keeps_the_message_out_of_sight(world: World) {
    let (mailbox, dead) = world.queue(&Queue { visibility_s: 18, ..steady(2) }).await;
    let store = Memory::default();
    // Beaten every third of it: a machine may stand still for the other two.
    let visibility = Millis::from_secs(18);
    let slow = Shift { takes: Duration::from_secs(24), visibility, ..Shift::default() };
    let worker = Worker::start(Arc::clone(&store), &mailbox, &slow);
    worker.jobs.submit_now(BAKE, "bread").await.unwrap();
    until("it is begun", async || worker.begun() == 1).await;
    // Longer than the visibility, and nobody else sees it.
    assert!(peek(&mailbox, 20).await.is_empty());
    until("it is baked", async || worker.baked() == 1).await;
    all_empty(&mailbox).await;
    assert_eq!((worker.begun(), depth(&dead).await), (1, (0, 0)));
    worker.stop().await;
}

async fn a_killed_workers_message_and_job_come_back(world: World) {
    // The message comes back soon and often; the lease holds until after the kill, also on a machine that
    // stands still for a while.
    let (mailbox, dead) = world.queue(&quick(100)).await;
    let store = DynamoJobStore::new(world.dynamo().await);
    let (lease, visibility) = (Millis::from_secs(15), Millis::from_secs(3));
    let next = Shift { lease, visibility, ..Shift::default() };
    let endless = Shift { takes: Duration::from_secs(3_600), ..next.clone() };
    let first = Worker::start(store.clone(), &mailbox, &endless);
    let job = first.jobs.submit_now(BAKE, "bread").await.unwrap();
    until("it is begun", async || first.begun() == 1).await;
    first.kill().await;
    let second = Worker::start(store.clone(), &mailbox, &next);
    until("the second one bakes it", async || second.baked() == 1).await;
    all_empty(&mailbox).await;
    let done = store.get(job.id).await.unwrap();
    assert_eq!((done.state, done.attempt, done.fence), (JobState::Done, 2, 2));
    let late = store.finish(job.id, 1, Ending::Done, SystemClock.now()).await;
    assert!(late.is_err(), "the dead one's fence is refused");
    assert_eq!(depth(&dead).await, (0, 0));
    second.stop().await;
}

async fn a_lost_message_loses_no_job(world: World) {
    let (mailbox, _) = world.queue(&steady(5)).await;
    let store = Memory::default();
    // A courier that never runs is one whose every message is lost.
    let (lost, _courier): (SqsDelivered<Memory>, _) =
        delivered(Arc::clone(&store), &mailbox, &Wake::default(), &Shift::default());
    let looking = Shift { poll_every: Millis(300), ..Shift::default() };
    let worker = Worker::start(Arc::clone(&store), &mailbox, &looking);
    enqueuer(lost).submit_now(BAKE, "bread").await.unwrap();
    until("it is found by looking", async || worker.baked() == 1).await;
    worker.stop().await;
}

async fn a_job_for_later_comes_later(world: World) {
    let (mailbox, _) = world.queue(&steady(5)).await;
    let store = Memory::default();
    let worker = Worker::start(Arc::clone(&store), &mailbox, &Shift::default());
    let due = SystemClock.now().saturating_add(Millis(2_500));
    let jobs = api(&store, &mailbox);
    let later = jobs.submit(NewJob::new(BAKE, "later", due)).await.unwrap();
    // One whose message comes long before its time, as after the longest delay.
    let early = enqueuer(Arc::clone(&store)).submit(NewJob::new(BAKE, "early", due)).await.unwrap();
    let body = serde_json::to_string(&JobLetter::of(&early)).unwrap();
    mailbox.send(&[Outgoing { body, delay: Millis(0) }]).await.unwrap();
    until("both are baked", async || worker.baked() == 2).await;
    assert!(worker.baker.first_at.lock().unwrap().unwrap() >= due, "nobody began before");
    all_empty(&mailbox).await;
    for id in [later.id, early.id] {
        assert!(store.get(id).await.unwrap().finished_at.unwrap() >= due);
    }
    worker.stop().await;
}

async fn a_retry_is_a_fresh_message(world: World) {
    let (mailbox, dead) = world.queue(&steady(2)).await;
    let store = Memory::default();
    // Nothing goes back by itself: each message here is one that a step of the job sent.
    let patient = Shift { patience: Millis::from_secs(3_600), ..Shift::default() };
    let (delivered, courier) = delivered(Arc::clone(&store), &mailbox, &Wake::default(), &patient);
    let running = tokio::spawn(courier.run(std::future::pending()));
    let job = enqueuer(delivered.clone()).submit_now(BAKE, "bread").await.unwrap();
    // More often than the queue would let one message come back.
    for n in 1..=4 {
        until("it is held", async || depth(&mailbox).await == (0, 1)).await;
        let now = SystemClock.now();
        let claim = work::Claim { kinds: vec![BAKE.into()], now, lease: Millis(90_000), limit: 1 };
        let held = delivered.claim(claim).await.unwrap().remove(0);
        assert_eq!(held.attempt, n);
        let ending = match n {
            4 => Ending::Done,
            _ => Ending::Retry { run_at: now, error: "burnt".into() },
        };
        delivered.finish(job.id, held.fence, ending, now).await.unwrap();
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    all_empty(&mailbox).await;
    assert_eq!(depth(&dead).await, (0, 0));
    running.abort();
}

async fn a_message_for_another_worker_is_passed_on(world: World) {
    let (mailbox, dead) = world.queue(&steady(2)).await;
    let store = Memory::default();
    let washer = Shift { kinds: vec!["kitchen.wash".into()], ..Shift::default() };
    let (_, courier) = delivered(Arc::clone(&store), &mailbox, &Wake::default(), &washer);
    let washing = tokio::spawn(courier.run(std::future::pending()));
    api(&store, &mailbox).submit_now(BAKE, "bread").await.unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!(depth(&dead).await, (0, 0));
    let baker = Worker::start(Arc::clone(&store), &mailbox, &Shift::default());
    until("the baker gets it", async || baker.baked() == 1).await;
    baker.stop().await;
    washing.abort();
}

async fn a_busy_worker_hoards_no_messages(world: World) {
    let (mailbox, dead) = world.queue(&steady(2)).await;
    let store = Memory::default();
    // It would hold the message for ever: nobody answers its bell.
    let (_, courier) = delivered(Arc::clone(&store), &mailbox, &Wake::default(), &Shift::default());
    let busy = tokio::spawn(courier.run(std::future::pending()));
    api(&store, &mailbox).submit_now(BAKE, "bread").await.unwrap();
    until("the busy one has it", async || depth(&mailbox).await == (0, 1)).await;
    let mut seen = Vec::new();
    until("another one gets it", async || {
        seen = peek(&mailbox, 1).await;
        !seen.is_empty()
    })
    .await;
    assert_eq!(seen[0].received, 1, "as a fresh one");
    assert_eq!(depth(&dead).await, (0, 0));
    busy.abort();
}
