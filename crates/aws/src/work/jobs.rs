//! The job store: one conditional write a step. The rules of a job's life are `work::Job`'s.

use super::live::Hold;
use super::row::{self, JOBS, kinds_key, kinds_row};
use crate::dynamo::{Change, Dynamo, Item, Put, Read, Write};
use ::work::{
    Claim, Ending, Heartbeat, Job, JobFilter, JobState, JobStore, JobStoreError, NewJob, Order, Prune, Tally,
};
use async_trait::async_trait;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stdx::{Fault, FaultKind};
use vocab::{JobId, Millis};

/// Jobs in the table `Jobs`. Clones share what they learned.
#[derive(Debug, Clone)]
pub struct DynamoJobStore {
    pub(super) dynamo: Dynamo,
    memory: Arc<Mutex<Memory>>,
}

/// What this process need not ask again. Hints only: no condition rests on them.
#[derive(Debug, Default)]
pub(super) struct Memory {
    /// Kinds that stand in the registry.
    kinds: BTreeSet<String>,
    /// Running jobs, with their place and the end of their lease when it was last read: until then, or until
    /// it moves, a look is in vain.
    pub(super) leases: HashMap<JobId, (String, Millis)>,
}

pub(super) type Result<T> = std::result::Result<T, JobStoreError>;

impl DynamoJobStore {
    pub fn new(dynamo: Dynamo) -> Self {
        Self { dynamo, memory: Arc::default() }
    }

    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes until when a look at the job is in vain, if at all.
    pub(super) fn remember(&self, job: &Job) {
        let mut memory = self.memory();
        match (job.state, job.lease_until) {
            (JobState::Running, Some(until)) => {
                memory.leases.insert(job.id, (row::place(job), until));
            }
            _ => drop(memory.leases.remove(&job.id)),
        }
    }

    /// Strong: who steers or holds a job must see it as it is.
    pub(super) async fn find(&self, id: JobId) -> std::result::Result<Option<(Item, Job)>, Fault> {
        let Some(item) = self.dynamo.get(&JOBS, &row::key(id), Read::Strong).await? else { return Ok(None) };
        let job = row::job(&item)?;
        Ok(Some((item, job)))
    }

    /// Makes sure that the kind is registered before a job of it stands: who lists or counts goes by it.
    async fn know(&self, kind: &str) -> std::result::Result<(), Fault> {
        if self.memory().kinds.contains(kind) {
            return Ok(());
        }
        if kind.contains('#') {
            return Err(Fault::internal(format!("a kind of jobs cannot be named {kind}")));
        }
        let decide = |seen: Option<&Item>| {
            let mut kinds = seen.map(row::kinds).transpose()?.unwrap_or_default();
            if !kinds.insert(kind.to_owned()) {
                return Ok::<Change<_>, Fault>((Write::Keep, kinds));
            }
            Ok((Write::Put(kinds_row(&kinds)?), kinds))
        };
        let kinds = self.dynamo.change(&JOBS, &kinds_key(), decide).await?;
        self.memory().kinds = kinds;
        Ok(())
    }

    /// Strong: it is one small row, and a kind that is missed hides all its jobs.
    pub(super) async fn kinds(&self) -> std::result::Result<BTreeSet<String>, Fault> {
        let row = self.dynamo.get(&JOBS, &kinds_key(), Read::Strong).await?;
        row.as_ref().map(row::kinds).transpose().map(Option::unwrap_or_default)
    }

    /// Writes the row of a job whose name stands in the claim. Somebody may have done so for us.
    async fn settle(&self, job: Job) -> Result<Job> {
        let stands = match self.dynamo.put_new(&JOBS, row::row(&job)?).await? {
            Put::Written => return Ok(job),
            Put::Refused(stands) => stands.as_ref().map(row::job).transpose()?,
        };
        match stands {
            Some(stands) if stands.kind == job.kind && stands.key == job.key => Ok(stands),
            _ => Err(Fault::internal(format!("job {} exists already", job.id)).into()),
        }
    }

    /// A step of a job that the caller holds.
    async fn held<T>(
        &self,
        id: JobId,
        fence: u64,
        mut step: impl FnMut(Job) -> (Job, T) + Send,
    ) -> Result<T> {
        let mut after = None;
        let decide = |seen: Option<&Item>| {
            let job = row::job(seen.ok_or(JobStoreError::NotFound(id))?)?;
            if !job.is_held(fence) {
                return Err(JobStoreError::Fenced(id));
            }
            let (job, answer) = step(job);
            let row = row::row(&job)?;
            after = Some(job);
            Ok((Write::Put(row), answer))
        };
        let changed = self.dynamo.change(&JOBS, &row::key(id), decide).await;
        match after {
            Some(job) if changed.is_ok() => self.remember(&job),
            _ => drop(self.memory().leases.remove(&id)),
        }
        changed
    }

    async fn cancel(&self, id: JobId, now: Millis) -> Result<Job> {
        let decide = |seen: Option<&Item>| {
            let job = row::job(seen.ok_or(JobStoreError::NotFound(id))?)?;
            let job = job.steered(Order::Cancel, None, now)?;
            Ok((Write::Put(row::row(&job)?), job))
        };
        self.dynamo.change(&JOBS, &row::key(id), decide).await
    }

    /// The name first, then the row, on condition that nobody wrote the row since before the name was
    /// taken; `live.rs` says why that keeps a second job out.
    async fn replay(&self, id: JobId, now: Millis) -> Result<Job> {
        for _ in 0..self.dynamo.policy().races_max {
            let (seen, job) = self.find(id).await?.ok_or(JobStoreError::NotFound(id))?;
            if job.state != JobState::Dead {
                return job.steered(Order::Replay, None, now);
            }
            let live = match self.take(&job, None).await? {
                Hold::Taken => None,
                // Somebody replayed this very job meanwhile.
                Hold::By(live) if live.id == id => continue,
                Hold::By(live) => Some(live.id),
            };
            let ready = job.steered(Order::Replay, live, now)?;
            if self.dynamo.replace(&JOBS, row::row(&ready)?, &seen).await? == Put::Written {
                return Ok(ready);
            }
        }
        Err(Fault::new(FaultKind::Throttled, format!("too many others steer job {id}")).into())
    }
}

#[async_trait]
impl JobStore for DynamoJobStore {
    async fn enqueue(&self, id: JobId, new: NewJob, now: Millis) -> Result<Job> {
        self.know(&new.kind).await?;
        let job = Job::enqueued(id, new, now);
        match self.take(&job, Some(job.clone())).await? {
            Hold::By(live) => Ok(*live),
            Hold::Taken => self.settle(job).await,
        }
    }

    async fn claim(&self, claim: Claim) -> Result<Vec<Job>> {
        self.claim_due(claim).await
    }

    async fn heartbeat(
        &self,
        id: JobId,
        fence: u64,
        lease_until: Millis,
        progress_percent: u8,
    ) -> Result<Heartbeat> {
        let beat = |job: Job| {
            let job = job.beaten(lease_until, progress_percent);
            let beat = Heartbeat { cancel_requested: job.cancel_requested };
            (job, beat)
        };
        self.held(id, fence, beat).await
    }

    async fn finish(&self, id: JobId, fence: u64, ending: Ending, now: Millis) -> Result<Job> {
        let end = |job: Job| {
            let job = job.finished(ending.clone(), now);
            (job.clone(), job)
        };
        self.held(id, fence, end).await
    }

    async fn get(&self, id: JobId) -> Result<Job> {
        self.find(id).await?.map(|(_, job)| job).ok_or(JobStoreError::NotFound(id))
    }

    async fn list(&self, filter: JobFilter) -> Result<Vec<Job>> {
        Ok(self.look_for(&filter).await?)
    }

    async fn steer(&self, id: JobId, order: Order, now: Millis) -> Result<Job> {
        match order {
            Order::Cancel => self.cancel(id, now).await,
            Order::Replay => self.replay(id, now).await,
        }
    }

    async fn tally(&self) -> Result<Vec<Tally>> {
        Ok(self.count_queues().await?)
    }

    async fn prune(&self, prune: Prune) -> Result<usize> {
        Ok(self.forget_old(&prune).await?)
    }
}
