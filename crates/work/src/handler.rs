//! What a slice writes to have its jobs run.

use crate::job::Job;
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use stdx::{Fault, FaultKind};
use tokio::sync::Notify;
use vocab::Millis;

/// How a run ended well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Done,
    /// Stopped because it was asked to.
    Cancelled,
    /// Not yet: run again then. Uses up no attempt.
    Later {
        run_at: Millis,
    },
}

/// How a run failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum JobError {
    /// May succeed later; `after` overrides the back-off of the policy.
    #[error("{error}")]
    Retry { error: String, after: Option<Millis> },
    /// There is no room to do it in, which is not the job's failure: no attempt is used up, for as
    /// long as [`crate::WorkPolicy::room_patience`] says.
    #[error("{error}")]
    NoRoom { error: String },
    /// Will never succeed.
    #[error("{error}")]
    Dead { error: String },
}

impl JobError {
    pub fn retry(error: impl ToString) -> Self {
        Self::Retry { error: error.to_string(), after: None }
    }
    /// What an agent's error means for its job. `fault` is the engine's fault inside it, if there is one.
    pub fn of(error: impl ToString, fault: Option<&Fault>) -> Self {
        match fault {
            Some(fault) if fault.kind == FaultKind::Full => Self::NoRoom { error: error.to_string() },
            fault => Self::Retry { error: error.to_string(), after: fault.and_then(|f| f.retry_after) },
        }
    }
    pub fn dead(error: impl ToString) -> Self {
        Self::Dead { error: error.to_string() }
    }
}

/// Every fault of an engine is worth another try: attempts or days are counted, so none is endless.
impl From<Fault> for JobError {
    fn from(fault: Fault) -> Self {
        Self::of(&fault, Some(&fault))
    }
}

impl From<crate::port::JobStoreError> for JobError {
    fn from(e: crate::port::JobStoreError) -> Self {
        match e {
            crate::port::JobStoreError::Fault(fault) => fault.into(),
            other => Self::retry(other),
        }
    }
}

/// Runs the jobs of one kind. Running twice must equal running once: a claim that was lost
/// is given to another worker while the first may still be busy.
///
/// `run` shares its task with the other jobs and with the heartbeats: it must not block.
#[async_trait]
pub trait JobHandler: Send + Sync + 'static {
    /// A `const` string such as `moderation.judge`.
    fn kind(&self) -> &'static str;

    async fn run(&self, context: JobContext) -> Result<Outcome, JobError>;

    /// Told after the job became a dead letter, to leave the world tidy. Best effort.
    async fn buried(&self, _job: &Job) {}
}

#[derive(Debug, Default)]
struct Pulse {
    percent: AtomicU8,
    cancelled: AtomicBool,
    told: Notify,
}

/// A running job as its handler sees it.
#[derive(Debug, Clone)]
pub struct JobContext {
    pub job: Job,
    pulse: Arc<Pulse>,
}

impl JobContext {
    pub fn new(job: Job) -> Self {
        let pulse = Pulse { percent: AtomicU8::new(job.progress_percent), ..Pulse::default() };
        Self { job, pulse: Arc::new(pulse) }
    }

    /// Says how far the job is, 0–100; written with a coming heartbeat.
    pub fn progress(&self, percent: u8) {
        self.pulse.percent.store(percent.min(100), Ordering::Relaxed);
    }

    pub fn percent(&self) -> u8 {
        self.pulse.percent.load(Ordering::Relaxed)
    }

    /// A `progress` that can be handed to an engine.
    pub fn reporter(&self) -> Arc<dyn Fn(u8) + Send + Sync> {
        let context = self.clone();
        Arc::new(move |percent| context.progress(percent))
    }

    pub fn is_cancelled(&self) -> bool {
        self.pulse.cancelled.load(Ordering::Acquire)
    }

    /// Returns once the job was asked to stop.
    pub async fn cancelled(&self) {
        let told = self.pulse.told.notified();
        tokio::pin!(told);
        // Registered before the look at the flag, so that a call between the two is not missed.
        told.as_mut().enable();
        if !self.is_cancelled() {
            told.await;
        }
    }

    /// Asks the handler to stop.
    pub fn cancel(&self) {
        self.pulse.cancelled.store(true, Ordering::Release);
        self.pulse.told.notify_waiters();
    }
}
