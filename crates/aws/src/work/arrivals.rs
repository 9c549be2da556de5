//! From S3's queue to durable jobs, so that an upload completes even if the process that led it is gone.

use super::mail::{Letter, Mailbox, POLL_MAX};
use super::s3_event::{Created, Sequencer, latest, parse};
use ::upload::UploadPolicy;
use ::upload::jobs::{arrival, upload_of};
use ::work::{JobStoreError, Jobs};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::{Clock, Fault};
use tokio::time::sleep;
use vocab::Millis;

/// Told of every raw object that stands. At least once; in no order.
#[async_trait]
pub trait ArrivalSink: Send + Sync + 'static {
    async fn arrived(&self, object_key: &str) -> Result<(), Fault>;
}

/// Makes an arrival durable as a job, as the embedded store does.
#[derive(Clone)]
pub struct ArrivalJobs {
    pub jobs: Jobs,
    pub clock: Arc<dyn Clock>,
    pub policy: UploadPolicy,
}

#[async_trait]
impl ArrivalSink for ArrivalJobs {
    async fn arrived(&self, object_key: &str) -> Result<(), Fault> {
        let Some(job) = arrival(object_key, self.clock.now(), &self.policy) else { return Ok(()) };
        match self.jobs.submit(job).await {
            Ok(_) => Ok(()),
            Err(JobStoreError::Fault(fault)) => Err(fault),
            Err(other) => Err(Fault::internal(other)),
        }
    }
}

/// Objects whose arrival was told lately: a repetition costs nothing.
const TOLD_MAX: usize = 10_000;
/// Between two tries of a queue that is out of reach.
const PAUSE: Millis = Millis::from_secs(2);

/// Drains the queue of S3's events. One future, [`Arrivals::run`]; any number of processes share the queue.
pub struct Arrivals {
    mailbox: Mailbox,
    sink: Arc<dyn ArrivalSink>,
    /// Events of other buckets are not ours.
    bucket: String,
    told: Mutex<HashMap<String, Sequencer>>,
}

impl Arrivals {
    pub fn new(mailbox: Mailbox, bucket: &str, sink: Arc<dyn ArrivalSink>) -> Self {
        Self { mailbox, sink, bucket: bucket.to_owned(), told: Mutex::default() }
    }

    /// Works until `shutdown` is ready. Never fails.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        loop {
            let turn = async {
                match self.mailbox.receive(POLL_MAX, super::mail::BATCH_MAX).await {
                    Ok(letters) => self.take(letters).await,
                    Err(error) => {
                        tracing::warn!(%error, "cannot receive S3's events");
                        sleep(PAUSE.to_duration()).await;
                    }
                }
            };
            tokio::select! {
                () = &mut shutdown => return,
                () = turn => {}
            }
        }
    }

    /// Deletes what was handled whole. What was not comes back, and in the end goes to the dead letters.
    pub async fn take(&self, letters: Vec<Letter>) {
        let mut handled = Vec::new();
        for letter in letters {
            match self.handle(&letter.body).await {
                Ok(()) => handled.push(letter.receipt),
                Err(error) => tracing::warn!(%error, received = letter.received, "S3's event is not handled"),
            }
        }
        if let Err(error) = self.mailbox.delete(&handled).await {
            tracing::warn!(%error, "handled events of S3 will come back");
        }
    }

    async fn handle(&self, body: &str) -> Result<(), Fault> {
        let parsed = parse(body).map_err(Fault::corrupt)?;
        for created in latest(parsed.created) {
            if created.bucket != self.bucket || upload_of(&created.key).is_none() || self.was_told(&created) {
                continue;
            }
            self.sink.arrived(&created.key).await?;
            self.note(created);
        }
        match parsed.damaged {
            0 => Ok(()),
            n => Err(Fault::corrupt(format!("{n} of its records cannot be read"))),
        }
    }

    /// Whether this event or a later one of the object was handled. Without a sequencer nobody can say.
    fn was_told(&self, created: &Created) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(&created.key).zip(created.sequencer.as_ref()).is_some_and(|(told, new)| new <= told)
    }

    fn note(&self, created: Created) {
        let Some(sequencer) = created.sequencer else { return };
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= TOLD_MAX {
            told.clear();
        }
        told.insert(created.key, sequencer);
    }
}
