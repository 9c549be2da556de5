//! The job store's cases through SQS, and what only a queue and a bus can get wrong.

use super::ground::{Delivery, Ground};
use async_trait::async_trait;
use aws::work::mail::Outgoing;
use aws::work::queues::{JOB_QUEUE, Queue};
use aws::work::{
    Bus, BusDeps, BusPolicy, CourierDeps, DeliveryPolicy, DynamoJobStore, Ears, EarsDeps, JobLetter, Mailbox,
    SqsDelivered, create_bus,
};
use catalog::{MemoryVideoStore, StatusListener, Video};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stdx::{OsEntropy, SystemClock};
use testkit::{Trial, trials as named};
use tokio::task::JoinHandle;
use vocab::{Millis, Status, UserId, VideoId};
use work::{JobContext, JobError, JobHandler, JobStore, Jobs, Outcome, Runner, RunnerDeps, Wake, WorkPolicy};

const KIND: &str = "doctor.try";
/// Impatient, so that what comes back comes back soon.
const VISIBILITY: Millis = Millis(2_000);
const LEASE: Millis = Millis(1_500);
const RECEIVES_MAX: u32 = 3;
/// Nothing is found by looking: only a message rouses a worker.
const NEVER: Millis = Millis::from_secs(3_600);
/// Longest wait for what a message brings.
const PATIENCE: Duration = Duration::from_secs(60);
/// After which a second effect would have been seen.
const QUIET: Duration = Duration::from_secs(3);

fn queue() -> Queue {
    Queue { visibility_s: 2, receives_max: RECEIVES_MAX, ..JOB_QUEUE }
}

pub(super) fn trials(ground: &Arc<Ground>) -> Vec<Trial> {
    if ground.queues_at().is_err() {
        return Vec::new();
    }
    let on = || Arc::clone(ground);
    let (store, delivery) = (on(), on());
    let mut all = named("delivered", work::conformance::cases(), move || {
        let ground = store.delivery(&queue());
        Arc::new(delivered(&ground, Wake::default(), true).0) as Arc<dyn JobStore>
    });
    let mut add = |name: &str, run: fn(Delivery)| {
        let ground = Arc::clone(&delivery);
        all.push(Trial::test(format!("delivery::{name}"), move || {
            run(ground.delivery(&queue()));
            Ok(())
        }));
    };
    add("a_message_rouses_a_worker_of_another_process", |d| on_threads(a_message_rouses_a_worker(d)));
    add("a_message_told_five_times_has_one_effect", |d| on_threads(a_message_told_five_times(d)));
    add("a_killed_workers_job_comes_back", |d| on_threads(a_killed_workers_job_comes_back(d)));
    add("poison_ends_in_the_dead_letters", |d| on_threads(poison_ends_in_the_dead_letters(d)));
    add("a_change_is_heard_by_another_process", |d| on_threads(a_change_is_heard(d)));
    all
}

fn on_threads(case: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.expect("a runtime starts").block_on(case);
}

type Store = Arc<DynamoJobStore>;

fn delivered(d: &Delivery, wake: Wake, works: bool) -> (SqsDelivered<Store>, aws::work::Courier<Store>) {
    let deps = CourierDeps {
        mailbox: d.letters.clone(),
        clock: Arc::new(SystemClock),
        wake,
        kinds: if works { vec![KIND.to_owned()] } else { Vec::new() },
    };
    let policy = DeliveryPolicy { visibility: VISIBILITY, ..DeliveryPolicy::default() };
    SqsDelivered::new(Arc::new(DynamoJobStore::new(d.dynamo.clone())), deps, policy)
}

/// Counts, and takes as long as it is told.
struct Counter {
    takes: Duration,
    begun: AtomicUsize,
}

#[async_trait]
impl JobHandler for Counter {
    fn kind(&self) -> &'static str {
        KIND
    }
    async fn run(&self, _: JobContext) -> Result<Outcome, JobError> {
        self.begun.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        Ok(Outcome::Done)
    }
}

/// A process, with tasks that go with it as `kill -9` makes them go.
struct Process {
    jobs: Jobs,
    counter: Arc<Counter>,
    tasks: Vec<JoinHandle<()>>,
}

impl Drop for Process {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Process {
    fn start(d: &Delivery, works: bool, takes: Duration) -> Self {
        let wake = Wake::default();
        let (store, courier) = delivered(d, wake.clone(), works);
        let store: Arc<dyn JobStore> = Arc::new(store);
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let jobs = Jobs::new(Arc::clone(&store), clock.clone(), entropy.clone());
        let counter = Arc::new(Counter { takes, begun: AtomicUsize::new(0) });
        let mut tasks = vec![tokio::spawn(courier.run(std::future::pending()))];
        if works {
            let policy = WorkPolicy { lease: LEASE, poll_every: NEVER, ..WorkPolicy::default() };
            let runner = Runner::new(RunnerDeps { store, clock, entropy, wake }, policy);
            let runner = runner.handle(Arc::clone(&counter) as Arc<dyn JobHandler>);
            tasks.push(tokio::spawn(async move { runner.run(std::future::pending()).await }));
        }
        Self { jobs, counter, tasks }
    }

    fn begun(&self) -> usize {
        self.counter.begun.load(Ordering::SeqCst)
    }
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let began = Instant::now();
    while !holds().await {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn a_message_rouses_a_worker(d: Delivery) {
    let worker = Process::start(&d, true, Duration::ZERO);
    let api = Process::start(&d, false, Duration::ZERO);
    api.jobs.submit_now(KIND, "one").await.expect("submitted");
    until("it is begun", async || worker.begun() == 1).await;
}

async fn a_message_told_five_times(d: Delivery) {
    let store = Arc::new(DynamoJobStore::new(d.dynamo.clone()));
    let jobs = Jobs::new(store, Arc::new(SystemClock), Arc::new(OsEntropy));
    let job = jobs.submit_now(KIND, "one").await.expect("submitted");
    let body = serde_json::to_string(&JobLetter::of(&job)).expect("JSON");
    d.letters.send(&vec![Outgoing { body, delay: Millis(0) }; 5]).await.expect("sent");
    let workers = [0, 1].map(|_| Process::start(&d, true, Duration::from_secs(1)));
    let begun = || workers.iter().map(Process::begun).sum::<usize>();
    until("it is begun", async || begun() > 0).await;
    tokio::time::sleep(QUIET).await;
    assert_eq!(begun(), 1);
}

async fn a_killed_workers_job_comes_back(d: Delivery) {
    let first = Process::start(&d, true, PATIENCE * 2);
    first.jobs.submit_now(KIND, "one").await.expect("submitted");
    until("it is begun", async || first.begun() == 1).await;
    drop(first);
    let second = Process::start(&d, true, Duration::ZERO);
    until("another takes it", async || second.begun() == 1).await;
}

async fn poison_ends_in_the_dead_letters(d: Delivery) {
    d.letters.send(&[Outgoing { body: "not JSON".into(), delay: Millis(0) }]).await.expect("sent");
    let worker = Process::start(&d, true, Duration::ZERO);
    until("it is a dead letter", async || !waiting(&d.dead).await.is_empty()).await;
    assert_eq!(worker.begun(), 0);
}

async fn waiting(mailbox: &Mailbox) -> Vec<aws::work::mail::Letter> {
    mailbox.receive(Duration::from_secs(1), 1).await.expect("is asked")
}

#[derive(Default)]
struct Heard(Mutex<Vec<VideoId>>);

#[async_trait]
impl StatusListener for Heard {
    async fn changed(&self, video: &Video) {
        self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(video.id);
    }
    async fn progressed(&self, _: VideoId, _: UserId, _: Status, _: u8) {}
}

async fn a_change_is_heard(d: Delivery) {
    let (bus, heard) = (format!("{}events", d.prefix), Arc::new(Heard::default()));
    create_bus(&d.aws.eventbridge(), &bus).await.expect("made");
    let ears = Ears::open(EarsDeps {
        sqs: d.aws.sqs(),
        eventbridge: d.aws.eventbridge(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        prefix: d.prefix.clone(),
        bus: bus.clone(),
        origin: "there".into(),
        listener: Arc::clone(&heard) as Arc<dyn StatusListener>,
        videos: Arc::new(MemoryVideoStore::default()),
    });
    let listening = tokio::spawn(ears.await.expect("opened").run(std::future::pending()));
    let deps = BusDeps {
        client: d.aws.eventbridge(),
        bus,
        origin: "here".into(),
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
    };
    let (tells, run) = Bus::new(deps, BusPolicy::default());
    let telling = tokio::spawn(run.run(std::future::pending()));
    // A rule takes effect some seconds after it is made; what was told before is lost.
    let mut revision = 0;
    until("it is heard", async || {
        revision += 1;
        let video = Video::reserved(VideoId(7), UserId(1), "key".into(), Millis(5));
        tells.changed(&Video { revision, ..video }).await;
        tokio::time::sleep(Duration::from_secs(1)).await;
        heard.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner).contains(&VideoId(7))
    })
    .await;
    listening.abort();
    telling.abort();
}
