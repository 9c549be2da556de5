//! A small kitchen in which jobs are run under a clock that jumps to the next timer.

use async_trait::async_trait;
use futures::future::BoxFuture;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use stdx::{Clock, SeededEntropy};
use tokio::sync::oneshot;
use tokio::time::Instant;
use vocab::{JobId, Millis};
use work::{
    Job, JobContext, JobError, JobHandler, JobStore, Jobs, MemoryJobStore, Outcome, Runner, RunnerDeps, Wake,
    Waking, WorkPolicy,
};

/// The paused time of the runtime as a clock.
#[derive(Debug)]
pub struct PausedClock(Instant);

impl Clock for PausedClock {
    fn now(&self) -> Millis {
        Millis(1_780_000_000_000 + self.0.elapsed().as_millis() as i64)
    }
}

type Recipe = Box<dyn Fn(JobContext) -> BoxFuture<'static, Result<Outcome, JobError>> + Send + Sync>;

/// A handler that counts.
pub struct Cook {
    kind: &'static str,
    recipe: Recipe,
    pub runs: AtomicUsize,
    pub now_running: Arc<AtomicUsize>,
    pub most_running: AtomicUsize,
    pub buried: Mutex<Vec<JobId>>,
}

/// Counts down when a run ends, however it ends.
struct Busy(Arc<AtomicUsize>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

pub fn cook<F, Fut>(kind: &'static str, recipe: F) -> Arc<Cook>
where
    F: Fn(JobContext) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<Outcome, JobError>> + Send + 'static,
{
    Arc::new(Cook {
        kind,
        recipe: Box::new(move |context| Box::pin(recipe(context))),
        runs: AtomicUsize::new(0),
        now_running: Arc::default(),
        most_running: AtomicUsize::new(0),
        buried: Mutex::default(),
    })
}

impl Cook {
    pub fn runs(&self) -> usize {
        self.runs.load(Ordering::SeqCst)
    }
    pub fn running(&self) -> usize {
        self.now_running.load(Ordering::SeqCst)
    }
}

#[async_trait]
impl JobHandler for Cook {
    fn kind(&self) -> &'static str {
        self.kind
    }
    async fn run(&self, context: JobContext) -> Result<Outcome, JobError> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let running = self.now_running.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_running.fetch_max(running, Ordering::SeqCst);
        let _busy = Busy(Arc::clone(&self.now_running));
        (self.recipe)(context).await
    }
    async fn buried(&self, job: &Job) {
        self.buried.lock().expect("not poisoned").push(job.id);
    }
}

/// A store, a bell, a clock.
pub struct Kitchen {
    pub store: Arc<dyn JobStore>,
    pub jobs: Jobs,
    pub clock: Arc<PausedClock>,
    wake: Wake,
}

impl Kitchen {
    pub fn new() -> Self {
        Self::over(MemoryJobStore::default())
    }

    pub fn over(inner: impl JobStore) -> Self {
        let wake = Wake::default();
        let store: Arc<dyn JobStore> = Arc::new(Waking::new(inner, wake.clone()));
        let clock = Arc::new(PausedClock(Instant::now()));
        let jobs = Jobs::new(Arc::clone(&store), clock.clone(), Arc::new(SeededEntropy::new(1)));
        Self { store, jobs, clock, wake }
    }

    pub fn runner(&self, policy: WorkPolicy) -> Runner {
        let deps = RunnerDeps {
            store: Arc::clone(&self.store),
            clock: self.clock.clone(),
            entropy: Arc::new(SeededEntropy::new(2)),
            wake: self.wake.clone(),
        };
        Runner::new(deps, policy)
    }

    pub fn now(&self) -> Millis {
        self.clock.now()
    }

    pub async fn get(&self, job: &Job) -> Job {
        self.store.get(job.id).await.expect("found")
    }
}

/// A runner at work; `stop` asks it to shut down and waits for it.
pub struct Shift {
    stop: oneshot::Sender<()>,
    done: tokio::task::JoinHandle<()>,
}

impl Shift {
    pub fn of(runner: Runner) -> Self {
        let (stop, stopped) = oneshot::channel::<()>();
        let done = tokio::spawn(async move {
            let shutdown = async move {
                let _ = stopped.await;
            };
            runner.run(shutdown).await;
        });
        Self { stop, done }
    }
    pub async fn stop(self) {
        self.stop.send(()).expect("the runner still works");
        self.done.await.expect("the runner ends well");
    }
}

pub async fn pass(ms: u64) {
    tokio::time::sleep(std::time::Duration::from_millis(ms)).await;
}
