//! What durable work needs from an engine.

use crate::job::{Job, JobState, NewJob};
use async_trait::async_trait;
use stdx::Fault;
use vocab::{JobId, Millis};

#[derive(Debug, thiserror::Error)]
pub enum JobStoreError {
    #[error("no job {0}")]
    NotFound(JobId),
    /// The lease is not (or no longer) the caller's: stop, another worker owns the job.
    #[error("job {0} is not held under this fence")]
    Fenced(JobId),
    /// The job is not in a state in which this can be done.
    #[error("job {id} is {state:?}")]
    WrongState { id: JobId, state: JobState },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// How a claimed job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    Done,
    /// Try again at `run_at`; becomes `Dead` when no attempt is left.
    Retry {
        run_at: Millis,
        error: String,
    },
    /// Never try again.
    Dead {
        error: String,
    },
    Cancelled,
}

#[derive(Debug, Clone)]
pub struct Claim {
    pub kinds: Vec<String>,
    pub now: Millis,
    pub lease: Millis,
    pub limit: usize,
}

#[derive(Debug, Clone, Default)]
pub struct JobFilter {
    pub kind: Option<String>,
    pub state: Option<JobState>,
    pub before: Option<JobId>,
    pub limit: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    pub cancel_requested: bool,
}

/// Durable jobs, at least once. Conditions on one item only.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Adds a job, or returns the live one (`Ready`, `Running`) of the same `(kind, key)` unchanged.
    async fn enqueue(&self, id: JobId, job: NewJob, now: Millis) -> Result<Job, JobStoreError>;
    /// Takes due `Ready` jobs and `Running` ones whose lease has expired, oldest `run_at` first.
    /// Each claim raises `attempt` and `fence`. A job whose attempts are used up becomes `Dead` instead.
    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, JobStoreError>;
    /// Extends the lease and records progress; `Fenced` when the job is no longer the caller's.
    async fn heartbeat(
        &self,
        id: JobId,
        fence: u64,
        lease_until: Millis,
        progress_percent: u8,
    ) -> Result<Heartbeat, JobStoreError>;
    /// Ends a claim.
    async fn finish(&self, id: JobId, fence: u64, ending: Ending, now: Millis) -> Result<Job, JobStoreError>;
    async fn get(&self, id: JobId) -> Result<Job, JobStoreError>;
    /// Newest first.
    async fn list(&self, filter: JobFilter) -> Result<Vec<Job>, JobStoreError>;
    /// `Dead` → `Ready` with a fresh set of attempts (`replay`), or asks a live job to stop (`cancel`).
    async fn steer(&self, id: JobId, order: Order, now: Millis) -> Result<Job, JobStoreError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Replay,
    Cancel,
}
