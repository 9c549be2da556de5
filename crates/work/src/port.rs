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
    /// A replay would make a second live job of the same kind and key.
    #[error("job {id} was followed by job {live}, which is live")]
    Superseded { id: JobId, live: JobId },
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
    /// Given back unfinished through no fault of the job: the attempt does not count.
    Released {
        run_at: Millis,
    },
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
    pub key: Option<String>,
    pub state: Option<JobState>,
    pub before: Option<JobId>,
    pub limit: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heartbeat {
    pub cancel_requested: bool,
}

/// What stands in the queue of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    pub kind: String,
    pub ready: u64,
    pub running: u64,
    pub dead: u64,
    /// The smallest `run_at` among `Ready` jobs; in the past when the queue lags.
    pub oldest_run_at: Option<Millis>,
}

/// Which ended jobs are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prune {
    /// `Done` and `Cancelled` ones that finished before this.
    pub ended_before: Millis,
    /// `Dead` ones that finished before this.
    pub dead_before: Millis,
    pub limit: usize,
}

/// Durable jobs, at least once. Conditions on one item only.
#[async_trait]
pub trait JobStore: Send + Sync + 'static {
    /// Adds a job, or returns the live one (`Ready`, `Running`) of the same `(kind, key)` unchanged.
    async fn enqueue(&self, id: JobId, job: NewJob, now: Millis) -> Result<Job, JobStoreError>;
    /// Takes due `Ready` jobs and `Running` ones whose lease has expired, oldest `run_at` first.
    /// Each claim raises `attempt` and `fence`. An expired job whose attempts are used up becomes `Dead`
    /// instead, one that was asked to stop `Cancelled`; neither takes a place of `limit`.
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
    /// Newest first. An engine may show jobs that are done or cancelled only where their key is asked for.
    async fn list(&self, filter: JobFilter) -> Result<Vec<Job>, JobStoreError>;
    /// `Dead` → `Ready` with a fresh set of attempts (`replay`), or asks a live job to stop (`cancel`).
    /// A `Ready` job is cancelled at once, a `Running` one is told at its next heartbeat.
    async fn steer(&self, id: JobId, order: Order, now: Millis) -> Result<Job, JobStoreError>;
    /// The queues, by kind in alphabetical order; kinds without a live or dead job are left out.
    async fn tally(&self) -> Result<Vec<Tally>, JobStoreError>;
    /// Forgets old ended jobs and says how many. Live jobs are never touched. An engine whose records end by
    /// themselves need not forget or count those that are done or cancelled: they go some time after a day.
    async fn prune(&self, prune: Prune) -> Result<usize, JobStoreError>;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    Replay,
    Cancel,
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: JobStore + ?Sized> JobStore for std::sync::Arc<S> {
    async fn enqueue(&self, id: JobId, job: NewJob, now: Millis) -> Result<Job, JobStoreError> {
        (**self).enqueue(id, job, now).await
    }
    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, JobStoreError> {
        (**self).claim(claim).await
    }
    async fn heartbeat(
        &self,
        id: JobId,
        fence: u64,
        lease_until: Millis,
        progress_percent: u8,
    ) -> Result<Heartbeat, JobStoreError> {
        (**self).heartbeat(id, fence, lease_until, progress_percent).await
    }
    async fn finish(&self, id: JobId, fence: u64, ending: Ending, now: Millis) -> Result<Job, JobStoreError> {
        (**self).finish(id, fence, ending, now).await
    }
    async fn get(&self, id: JobId) -> Result<Job, JobStoreError> {
        (**self).get(id).await
    }
    async fn list(&self, filter: JobFilter) -> Result<Vec<Job>, JobStoreError> {
        (**self).list(filter).await
    }
    async fn steer(&self, id: JobId, order: Order, now: Millis) -> Result<Job, JobStoreError> {
        (**self).steer(id, order, now).await
    }
    async fn tally(&self) -> Result<Vec<Tally>, JobStoreError> {
        (**self).tally().await
    }
    async fn prune(&self, prune: Prune) -> Result<usize, JobStoreError> {
        (**self).prune(prune).await
    }
}
