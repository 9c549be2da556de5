//! Rouses a runner of the same process, so that new work need not wait for the next poll.

use crate::job::{Job, NewJob};
use crate::port::{Claim, Ending, Heartbeat, JobFilter, JobStore, JobStoreError, Order, Prune, Tally};
use async_trait::async_trait;
use std::sync::Arc;
use tokio::sync::watch;
use vocab::{JobId, Millis};

/// A bell. Clones ring the same one; every listener hears it, also one that was busy meanwhile.
#[derive(Debug, Clone, Default)]
pub struct Wake(Arc<watch::Sender<()>>);

impl Wake {
    pub fn rouse(&self) {
        self.0.send_replace(());
    }
    pub fn listen(&self) -> Bell {
        Bell(self.0.subscribe())
    }
}

/// A listener's ear.
#[derive(Debug)]
pub struct Bell(watch::Receiver<()>);

impl Bell {
    /// Returns once the bell was rung since the last time. Safe to drop and call again.
    pub async fn rung(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody is left who could ring.
            std::future::pending::<()>().await;
        }
    }
}

/// A job store that rings the bell when a job becomes ready.
#[derive(Debug, Clone)]
pub struct Waking<S> {
    inner: S,
    wake: Wake,
}

impl<S> Waking<S> {
    pub fn new(inner: S, wake: Wake) -> Self {
        Self { inner, wake }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: JobStore> JobStore for Waking<S> {
    async fn enqueue(&self, id: JobId, job: NewJob, now: Millis) -> Result<Job, JobStoreError> {
        let job = self.inner.enqueue(id, job, now).await?;
        self.wake.rouse();
        Ok(job)
    }
    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, JobStoreError> {
        self.inner.claim(claim).await
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
        self.inner.finish(id, fence, ending, now).await
    }
    async fn get(&self, id: JobId) -> Result<Job, JobStoreError> {
        self.inner.get(id).await
    }
    async fn list(&self, filter: JobFilter) -> Result<Vec<Job>, JobStoreError> {
        self.inner.list(filter).await
    }
    async fn steer(&self, id: JobId, order: Order, now: Millis) -> Result<Job, JobStoreError> {
        let job = self.inner.steer(id, order, now).await?;
        self.wake.rouse();
        Ok(job)
    }
    async fn tally(&self) -> Result<Vec<Tally>, JobStoreError> {
        self.inner.tally().await
    }
    async fn prune(&self, prune: Prune) -> Result<usize, JobStoreError> {
        self.inner.prune(prune).await
    }
}
