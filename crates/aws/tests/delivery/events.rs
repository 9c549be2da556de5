//! Status changes from one process to another.

use super::kitchen::until;
use super::{World, depth, trial};
use async_trait::async_trait;
use aws::work::ears::sweep;
use aws::work::queues::create_bus;
use aws::work::{Bus, BusDeps, BusListener, BusPolicy, Ears, EarsDeps, VideoEvent};
use catalog::{MemoryVideoStore, StatusListener, Video};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stdx::{Clock, ManualClock, OsEntropy, SystemClock};
use testkit::Trial;
use tokio::sync::oneshot;
use vocab::{Millis, Status, UserId, VideoId};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("a_change_is_heard_by_every_other_process_and_once", a_change_is_heard_by_every_other_process),
        trial("events_half_taken_are_all_told", events_half_taken_are_all_told),
        trial("an_older_event_does_not_stand_over_a_newer_one", an_older_event_does_not_stand),
        trial("queues_of_dead_processes_are_removed", queues_of_dead_processes_are_removed),
    ]
}

#[derive(Default)]
struct Heard {
    changes: Mutex<Vec<(VideoId, u64)>>,
    progress: Mutex<Vec<(Status, u8)>>,
}

impl Heard {
    fn changes(&self) -> Vec<(VideoId, u64)> {
        self.changes.lock().unwrap().clone()
    }
}

#[async_trait]
impl StatusListener for Heard {
    async fn changed(&self, video: &Video) {
        self.changes.lock().unwrap().push((video.id, video.revision));
    }
    async fn progressed(&self, _: VideoId, _: UserId, status: Status, percent: u8) {
        self.progress.lock().unwrap().push((status, percent));
    }
}

fn video(n: u64, revision: u64) -> Video {
    Video { revision, ..Video::reserved(VideoId(n), UserId(1), "key".into(), Millis(5)) }
}

fn ears_deps(world: &World, origin: &str, clock: Arc<dyn Clock>, listener: Arc<Heard>) -> EarsDeps {
    EarsDeps {
        sqs: world.aws.sqs(),
        eventbridge: world.aws.eventbridge(),
        clock,
        entropy: Arc::new(OsEntropy),
        prefix: world.prefix.clone(),
        bus: bus_name(world),
        origin: origin.to_owned(),
        listener,
        videos: Arc::new(MemoryVideoStore::default()),
    }
}

fn bus_name(world: &World) -> String {
    format!("{}bus", world.prefix)
}

async fn make_bus(world: &World) {
    for _ in ["the first", "one that exists"] {
        create_bus(&world.aws.eventbridge(), &bus_name(world)).await.expect("it stands");
    }
}

fn publisher(world: &World, client: aws_sdk_eventbridge::Client, origin: &str) -> (BusListener, Bus) {
    let deps = BusDeps {
        client,
        bus: bus_name(world),
        origin: origin.to_owned(),
        // Stands still: how often progress is told does not hang on how fast this machine is.
        clock: Arc::new(ManualClock::default()),
        entropy: Arc::new(OsEntropy),
    };
    Bus::new(deps, BusPolicy { farewell: Millis::from_secs(60), ..BusPolicy::default() })
}

/// A process that hears until it is told to stop.
struct Process {
    heard: Arc<Heard>,
    queue: String,
    stop: oneshot::Sender<()>,
    task: tokio::task::JoinHandle<()>,
}

impl Process {
    async fn start(world: &World, origin: &str) -> Self {
        let heard = Arc::new(Heard::default());
        let deps = ears_deps(world, origin, Arc::new(SystemClock), Arc::clone(&heard));
        let ears = Ears::open(deps).await.expect("opened");
        let queue = ears.queue().to_owned();
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(ears.run(async { drop(stopped.await) }));
        Self { heard, queue, stop, task }
    }
    async fn stop(self) {
        let _ = self.stop.send(());
        self.task.await.expect("ends well");
    }
}

async fn queues_of(world: &World) -> usize {
    let listed =
        world.aws.sqs().list_queues().queue_name_prefix(format!("{}ears-", world.prefix)).send().await;
    listed.expect("listed").queue_urls.unwrap_or_default().len()
}

async fn rules_of(world: &World) -> usize {
    let listed = world.aws.eventbridge().list_rules().event_bus_name(bus_name(world)).send().await;
    listed.expect("listed").rules.unwrap_or_default().len()
}

async fn a_change_is_heard_by_every_other_process(world: World) {
    make_bus(&world).await;
    let (one, two) = (Process::start(&world, "api-1").await, Process::start(&world, "api-2").await);
    assert_ne!(one.queue, two.queue);
    let (listener, bus) = publisher(&world, world.aws.eventbridge(), "worker-1");
    let (own, own_bus) = publisher(&world, world.aws.eventbridge(), "api-1");
    let tasks = [bus, own_bus].map(|bus| tokio::spawn(bus.run(std::future::pending())));
    own.changed(&video(9, 1)).await;
    listener.changed(&video(7, 3)).await;
    listener.progressed(VideoId(7), UserId(1), Status::Encoding, 40).await;
    listener.progressed(VideoId(7), UserId(1), Status::Encoding, 41).await;
    until("both hear the change", async || {
        let has = |p: &Process| p.heard.changes().contains(&(VideoId(7), 3));
        has(&one) && has(&two) && two.heard.changes().len() == 2
    })
    .await;
    until("both hear the progress", async || {
        [&one, &two].iter().all(|p| *p.heard.progress.lock().unwrap() == [(Status::Encoding, 40)])
    })
    .await;
    assert_eq!(one.heard.changes(), [(VideoId(7), 3)], "its own event it knows already");
    assert_eq!((queues_of(&world).await, rules_of(&world).await), (2, 2));
    one.stop().await;
    two.stop().await;
    assert_eq!((queues_of(&world).await, rules_of(&world).await), (0, 0));
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}

async fn events_half_taken_are_all_told(world: World) {
    make_bus(&world).await;
    let api = Process::start(&world, "api").await;
    let (aws, cut) = world.grudging().await;
    let (listener, bus) = publisher(&world, aws.eventbridge(), "worker");
    for n in 1..=23 {
        listener.changed(&video(n, 1)).await;
    }
    // Stopped before it begins: what waits is told in the farewell.
    bus.run(std::future::ready(())).await;
    until("all are heard", async || api.heard.changes().len() == 23).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(api.heard.changes().len(), 23, "and each once");
    assert!(cut.load(Ordering::SeqCst) >= 2);
    api.stop().await;
}

async fn an_older_event_does_not_stand(world: World) {
    make_bus(&world).await;
    let api = Process::start(&world, "api").await;
    let mailbox = world.mailbox(api.queue.trim_start_matches(&world.prefix)).await;
    let event = |revision| VideoEvent::changed(&video(7, revision), "worker", Millis(revision as i64));
    for revision in [2, 1, 2, 3, 3] {
        let detail = event(revision).detail().unwrap();
        let body = format!(r#"{{"source":"signal.video","detail-type":"video.status","detail":{detail}}}"#);
        mailbox.send(&[aws::work::mail::Outgoing { body, delay: Millis(0) }]).await.unwrap();
        until("it is heard", async || depth(&mailbox).await == (0, 0)).await;
    }
    let other = r#"{"source":"aws.s3","detail":{"v":1}}"#.to_owned();
    mailbox.send(&[aws::work::mail::Outgoing { body: other, delay: Millis(0) }]).await.unwrap();
    until("what is not ours is gone", async || depth(&mailbox).await == (0, 0)).await;
    assert_eq!(api.heard.changes(), [(VideoId(7), 2), (VideoId(7), 3)]);
    api.stop().await;
}

async fn queues_of_dead_processes_are_removed(world: World) {
    make_bus(&world).await;
    let clock = Arc::new(ManualClock::default());
    let deps = |origin| ears_deps(&world, origin, clock.clone() as Arc<dyn Clock>, Arc::default());
    let dead = Ears::open(deps("dead")).await.expect("opened");
    drop(dead);
    clock.advance(Millis::from_secs(1_000));
    let alive = Ears::open(deps("alive")).await.expect("opened");
    assert_eq!((queues_of(&world).await, rules_of(&world).await), (2, 2), "it may be alive yet");
    clock.advance(Millis::from_secs(1_000));
    assert_eq!(sweep(&deps("next")).await.unwrap(), 1);
    assert_eq!((queues_of(&world).await, rules_of(&world).await), (1, 1));
    alive.run(std::future::ready(())).await;
    assert_eq!((queues_of(&world).await, rules_of(&world).await), (0, 0));
}
