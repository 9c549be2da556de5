//! Engines that are broken on purpose.

use async_trait::async_trait;
use vocab::{JobId, Millis};
use work::{
    Claim, Ending, Heartbeat, Job, JobFilter, JobState, JobStore, JobStoreError, MemoryJobStore, NewJob,
    Order, Prune, Tally,
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flaw {
    /// Lets whoever once held a job end it.
    ForgetsTheFence,
    /// Looks at what is due, lets others run, then takes it.
    ReadsThenTakes,
    /// A second job of a key while the first one runs.
    SeesOnlyWaitingJobs,
    /// Retries at once.
    ForgetsTheTime,
    /// Tries for ever.
    ForgetsToCount,
    /// Never looks at expired leases.
    ForgetsTheDead,
    PrunesLiveJobs,
}

pub struct Broken {
    inner: MemoryJobStore,
    flaw: Flaw,
}

impl Broken {
    pub fn with(flaw: Flaw) -> Self {
        Self { inner: MemoryJobStore::default(), flaw }
    }
}

#[async_trait]
impl JobStore for Broken {
    async fn enqueue(&self, id: JobId, mut job: NewJob, now: Millis) -> Result<Job, JobStoreError> {
        if self.flaw == Flaw::SeesOnlyWaitingJobs {
            let filter = JobFilter { state: Some(JobState::Running), limit: 99, ..JobFilter::default() };
            if self.inner.list(filter).await?.iter().any(|j| j.kind == job.kind && j.key == job.key) {
                job.key.push(' ');
            }
        }
        self.inner.enqueue(id, job, now).await
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, JobStoreError> {
        match self.flaw {
            Flaw::ReadsThenTakes => {
                let filter = JobFilter { state: Some(JobState::Ready), limit: 999, ..JobFilter::default() };
                let mut due = self.inner.list(filter).await?;
                due.retain(|j| claim.kinds.contains(&j.kind) && j.is_due(claim.now));
                due.sort_by_key(|j| (j.run_at, j.id));
                due.truncate(claim.limit);
                tokio::task::yield_now().await;
                let (now, lease) = (claim.now, claim.lease);
                let taken = self.inner.claim(claim).await?;
                let unseen = due.into_iter().filter(|d| taken.iter().all(|t| t.id != d.id));
                let doubled: Vec<Job> = unseen.map(|d| d.taken(now, lease)).collect();
                Ok(taken.into_iter().chain(doubled).collect())
            }
            Flaw::ForgetsTheDead => {
                let mut claim = claim;
                let filter = JobFilter { state: Some(JobState::Running), limit: 99, ..JobFilter::default() };
                for job in self.inner.list(filter).await? {
                    self.inner.heartbeat(job.id, job.fence, Millis(i64::MAX), job.progress_percent).await?;
                    claim.limit = claim.limit.max(1);
                }
                self.inner.claim(claim).await
            }
            _ => self.inner.claim(claim).await,
        }
    }

    async fn heartbeat(
        &self,
        id: JobId,
        fence: u64,
        lease_until: Millis,
        progress_percent: u8,
    ) -> Result<Heartbeat, JobStoreError> {
        self.inner.heartbeat(id, fence, lease_until, progress_percent).await
    }

    async fn finish(&self, id: JobId, fence: u64, ending: Ending, now: Millis) -> Result<Job, JobStoreError> {
        let fence = match self.flaw {
            Flaw::ForgetsTheFence => self.inner.get(id).await?.fence,
            _ => fence,
        };
        let ending = match (self.flaw, ending) {
            (Flaw::ForgetsTheTime, Ending::Retry { error, .. }) => Ending::Retry { run_at: now, error },
            (Flaw::ForgetsToCount, Ending::Retry { run_at, .. }) => Ending::Released { run_at },
            (_, ending) => ending,
        };
        self.inner.finish(id, fence, ending, now).await
    }

    async fn get(&self, id: JobId) -> Result<Job, JobStoreError> {
        self.inner.get(id).await
    }

    async fn list(&self, filter: JobFilter) -> Result<Vec<Job>, JobStoreError> {
        self.inner.list(filter).await
    }

    async fn steer(&self, id: JobId, order: Order, now: Millis) -> Result<Job, JobStoreError> {
        self.inner.steer(id, order, now).await
    }

    async fn tally(&self) -> Result<Vec<Tally>, JobStoreError> {
        self.inner.tally().await
    }

    async fn prune(&self, prune: Prune) -> Result<usize, JobStoreError> {
        if self.flaw == Flaw::PrunesLiveJobs {
            let filter = JobFilter { state: Some(JobState::Ready), limit: 1, ..JobFilter::default() };
            for job in self.inner.list(filter).await? {
                self.inner.steer(job.id, Order::Cancel, Millis(0)).await?;
            }
        }
        self.inner.prune(prune).await
    }
}
