//! A worker of one kind of jobs, its runner and its courier, that a test can kill.

use aws::work::{Courier, CourierDeps, DeliveryPolicy, Mailbox, SqsDelivered};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use stdx::{Clock, OsEntropy, SystemClock};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use vocab::Millis;
use work::{JobContext, JobError, JobHandler, JobStore, Jobs, Outcome, Runner, RunnerDeps, Wake, WorkPolicy};

pub const BAKE: &str = "kitchen.bake";

/// How long a message is out of sight, and a job leased, where no test is about their end.
pub const VISIBILITY: Millis = Millis::from_secs(60);
const LEASE: Millis = Millis::from_secs(60);

/// Bakes for a while and counts.
pub struct Baker {
    pub takes: Duration,
    pub begun: AtomicUsize,
    pub baked: AtomicUsize,
    /// When the first of all was begun.
    pub first_at: Mutex<Option<Millis>>,
}

#[async_trait::async_trait]
impl JobHandler for Baker {
    fn kind(&self) -> &'static str {
        BAKE
    }
    async fn run(&self, _: JobContext) -> Result<Outcome, JobError> {
        self.first_at.lock().unwrap().get_or_insert_with(|| SystemClock.now());
        self.begun.fetch_add(1, Ordering::SeqCst);
        tokio::time::sleep(self.takes).await;
        self.baked.fetch_add(1, Ordering::SeqCst);
        Ok(Outcome::Done)
    }
}

/// A running worker.
pub struct Worker {
    pub baker: Arc<Baker>,
    pub jobs: Jobs,
    stop: Vec<oneshot::Sender<()>>,
    tasks: Vec<JoinHandle<()>>,
}

/// What a test wants to be other than usual.
#[derive(Clone)]
pub struct Shift {
    pub takes: Duration,
    pub lease: Millis,
    pub visibility: Millis,
    /// How long a message waits here for a place, before it goes back for others.
    pub patience: Millis,
    /// How often the runner looks by itself. Far longer than any test, so that only messages rouse it.
    pub poll_every: Millis,
    pub kinds: Vec<String>,
}

impl Default for Shift {
    fn default() -> Self {
        Self {
            takes: Duration::from_millis(20),
            lease: LEASE,
            visibility: VISIBILITY,
            patience: DeliveryPolicy::default().patience,
            poll_every: Millis::from_secs(3_600),
            kinds: vec![BAKE.to_owned()],
        }
    }
}

/// The store and its courier, not running yet.
pub fn delivered<S: JobStore + Clone>(
    store: S,
    mailbox: &Mailbox,
    wake: &Wake,
    shift: &Shift,
) -> (SqsDelivered<S>, Courier<S>) {
    let deps = CourierDeps {
        mailbox: mailbox.clone(),
        clock: Arc::new(SystemClock),
        wake: wake.clone(),
        kinds: shift.kinds.clone(),
    };
    SqsDelivered::new(
        store,
        deps,
        DeliveryPolicy {
            visibility: shift.visibility,
            patience: shift.patience,
            farewell: Millis::from_secs(60),
            ..DeliveryPolicy::default()
        },
    )
}

impl Worker {
    pub fn start<S: JobStore + Clone>(store: S, mailbox: &Mailbox, shift: &Shift) -> Self {
        let wake = Wake::default();
        let (store, courier) = delivered(store, mailbox, &wake, shift);
        let store: Arc<dyn JobStore> = Arc::new(store);
        let (clock, entropy) = (Arc::new(SystemClock), Arc::new(OsEntropy));
        let jobs = Jobs::new(Arc::clone(&store), clock.clone(), entropy.clone());
        let baker = Arc::new(Baker {
            takes: shift.takes,
            begun: 0.into(),
            baked: 0.into(),
            first_at: Mutex::default(),
        });
        let policy = WorkPolicy {
            lease: shift.lease,
            poll_every: shift.poll_every,
            concurrency_default: 8,
            ..WorkPolicy::default()
        };
        let runner = Runner::new(RunnerDeps { store, clock, entropy, wake }, policy);
        let runner = runner.handle(Arc::clone(&baker) as Arc<dyn JobHandler>);
        let (stop_runner, runner_stops) = oneshot::channel();
        let (stop_courier, courier_stops) = oneshot::channel();
        let tasks = vec![
            tokio::spawn(async move { runner.run(async { drop(runner_stops.await) }).await }),
            tokio::spawn(async move { courier.run(async { drop(courier_stops.await) }).await }),
        ];
        Self { baker, jobs, stop: vec![stop_runner, stop_courier], tasks }
    }

    pub fn baked(&self) -> usize {
        self.baker.baked.load(Ordering::SeqCst)
    }
    pub fn begun(&self) -> usize {
        self.baker.begun.load(Ordering::SeqCst)
    }

    /// In order: the runner, then its courier.
    pub async fn stop(self) {
        for (stop, task) in self.stop.into_iter().zip(self.tasks) {
            let _ = stop.send(());
            task.await.expect("ends well");
        }
    }

    /// As `kill -9` does: nothing is given back, nothing is said.
    pub async fn kill(self) {
        for task in &self.tasks {
            task.abort();
        }
        for task in self.tasks {
            let _ = task.await;
        }
    }
}

/// Looks so often before it gives up: two minutes and more, so that a slow machine is no failure.
const LOOKS_MAX: u32 = 2_400;

/// Waits until `what` holds.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    for _ in 0..LOOKS_MAX {
        if holds().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("never: {what}");
}
