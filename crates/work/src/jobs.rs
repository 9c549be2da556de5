//! How slices hand work over: names the job, the time and the id.

use crate::job::{Job, NewJob};
use crate::policy::MAX_ATTEMPTS;
use crate::port::{JobStore, JobStoreError};
use std::sync::Arc;
use stdx::{Clock, Entropy};
use vocab::{JobId, Millis};

impl NewJob {
    /// A job due at `run_at` with the usual number of attempts and no payload.
    pub fn new(kind: &str, key: impl ToString, run_at: Millis) -> Self {
        Self {
            kind: kind.to_owned(),
            key: key.to_string(),
            payload: serde_json::Value::Null,
            run_at,
            max_attempts: MAX_ATTEMPTS,
        }
    }
    pub fn with_payload(mut self, payload: serde_json::Value) -> Self {
        self.payload = payload;
        self
    }
    pub fn with_attempts(mut self, max_attempts: u32) -> Self {
        self.max_attempts = max_attempts;
        self
    }
}

/// The writing end of the queue.
#[derive(Clone)]
pub struct Jobs {
    store: Arc<dyn JobStore>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
}

impl Jobs {
    pub fn new(store: Arc<dyn JobStore>, clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> Self {
        Self { store, clock, entropy }
    }

    pub fn store(&self) -> &Arc<dyn JobStore> {
        &self.store
    }

    /// Adds a job; the live one of the same kind and key where there is one.
    pub async fn submit(&self, job: NewJob) -> Result<Job, JobStoreError> {
        let now = self.clock.now();
        self.store.enqueue(JobId::from_parts(now.0, self.entropy.u64()), job, now).await
    }

    /// Adds a job that is due at once.
    pub async fn submit_now(&self, kind: &str, key: impl ToString + Send) -> Result<Job, JobStoreError> {
        let job = NewJob::new(kind, key, self.clock.now());
        self.submit(job).await
    }
}
