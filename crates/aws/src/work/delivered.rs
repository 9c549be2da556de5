//! A job store whose ready jobs are announced by SQS.

use super::mail::Mailbox;
use super::post::{Errand, Post};
use ::work::{
    Claim, Ending, Heartbeat, Job, JobFilter, JobState, JobStore, JobStoreError, NewJob, Order, Prune, Tally,
    Wake,
};
use async_trait::async_trait;
use std::sync::Arc;
use stdx::Clock;
use tokio::sync::mpsc;
use vocab::{JobId, Millis};

/// The numbers of delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPolicy {
    /// How long a message is kept out of others' sight at a time; beaten every third of it.
    pub visibility: Millis,
    /// Messages held at once: as many as the runner has places, or idle workers wait for what a busy one
    /// hoards.
    pub hold_max: usize,
    /// A message whose job is not taken within this goes back for others.
    pub patience: Millis,
    /// Errands that may wait for the courier.
    pub errands_max: usize,
    /// Messages wait so long for others to be sent with them.
    pub linger: Millis,
    /// After shutdown was asked: to send, delete and give back what is left.
    pub farewell: Millis,
    /// Between two tries of a queue that is out of reach.
    pub pause: Millis,
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        Self {
            visibility: Millis::from_secs(60),
            hold_max: 8,
            patience: Millis::from_secs(3),
            errands_max: 10_000,
            linger: Millis(10),
            farewell: Millis::from_secs(3),
            pause: Millis::from_secs(2),
        }
    }
}

/// How often a runner should look by itself when its jobs are delivered (`WorkPolicy::poll_every`): finds
/// what a lost message would have told, leases that ended, and jobs due later than SQS can delay.
pub const SAFETY_POLL: Millis = Millis::from_secs(15);

/// The store as slices and the runner use it. A message that is lost costs time, never a job.
#[derive(Debug, Clone)]
pub struct SqsDelivered<S> {
    inner: S,
    post: Arc<Post>,
}

/// What the courier needs beside the store and the queue.
#[derive(Clone)]
pub struct CourierDeps {
    pub mailbox: Mailbox,
    pub clock: Arc<dyn Clock>,
    /// Rings when a job is ready here.
    pub wake: Wake,
    /// What the runner of this process handles; others' messages are sent on. Empty = this process runs
    /// none and receives nothing.
    pub kinds: Vec<String>,
}

/// Sends, receives, holds and deletes the messages. One future, [`Courier::run`]: the root says where.
pub struct Courier<S> {
    pub(super) store: S,
    pub(super) post: Arc<Post>,
    pub(super) errands: mpsc::Receiver<Errand>,
    pub(super) deps: CourierDeps,
    pub(super) policy: DeliveryPolicy,
}

impl<S: JobStore + Clone> SqsDelivered<S> {
    /// The store and the courier, whose future must run as long as the process, longer than its runner.
    pub fn new(inner: S, deps: CourierDeps, policy: DeliveryPolicy) -> (Self, Courier<S>) {
        let (post, errands) = Post::new(policy.errands_max);
        let post = Arc::new(post);
        let store = Self { inner: inner.clone(), post: Arc::clone(&post) };
        (store, Courier { store: inner, post, errands, deps, policy })
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: JobStore> JobStore for SqsDelivered<S> {
    async fn enqueue(&self, id: JobId, job: NewJob, now: Millis) -> Result<Job, JobStoreError> {
        let job = self.inner.enqueue(id, job, now).await?;
        // One that was live already was announced when it became ready.
        if job.id == id && job.state == JobState::Ready {
            self.post.announce(&job, now);
        }
        Ok(job)
    }
    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, JobStoreError> {
        let jobs = self.inner.claim(claim).await?;
        self.post.claimed(&jobs);
        Ok(jobs)
    }
    async fn heartbeat(
        &self,
        id: JobId,
        fence: u64,
        lease_until: Millis,
        progress_percent: u8,
    ) -> Result<Heartbeat, JobStoreError> {
        let beat = self.inner.heartbeat(id, fence, lease_until, progress_percent).await;
        if matches!(beat, Err(JobStoreError::Fenced(_) | JobStoreError::NotFound(_)))
            && let Some(held) = self.post.held().get_mut(&id)
        {
            held.is_mine = false;
        }
        beat
    }
    async fn finish(&self, id: JobId, fence: u64, ending: Ending, now: Millis) -> Result<Job, JobStoreError> {
        let job = self.inner.finish(id, fence, ending, now).await;
        match &job {
            Ok(job) => self.post.after(job, now),
            // How it ended is not known: the courier asks at its next beat.
            Err(_) => {
                if let Some(held) = self.post.held().get_mut(&id) {
                    held.is_mine = false;
                }
            }
        }
        job
    }
    async fn get(&self, id: JobId) -> Result<Job, JobStoreError> {
        self.inner.get(id).await
    }
    async fn list(&self, filter: JobFilter) -> Result<Vec<Job>, JobStoreError> {
        self.inner.list(filter).await
    }
    async fn steer(&self, id: JobId, order: Order, now: Millis) -> Result<Job, JobStoreError> {
        let job = self.inner.steer(id, order, now).await?;
        self.post.after(&job, now);
        Ok(job)
    }
    async fn tally(&self) -> Result<Vec<Tally>, JobStoreError> {
        self.inner.tally().await
    }
    async fn prune(&self, prune: Prune) -> Result<usize, JobStoreError> {
        self.inner.prune(prune).await
    }
}
