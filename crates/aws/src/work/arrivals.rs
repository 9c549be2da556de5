//! From S3's queue to durable jobs, so that an upload completes even if the process that led it is gone.

use super::mail::{Letter, Mailbox, POLL_MAX};
use super::s3_event::{Created, Sequencer, latest, parse};
use ::upload::jobs::{arrival, is_awaited, upload_of};
use ::upload::{UploadPolicy, UploadStore};
use ::work::{JobStoreError, Jobs};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::{Clock, Fault};
use tokio::time::sleep;
use vocab::Millis;

/// What came of an arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arrival {
    Handled,
    /// The request that caused it is still under way, as far as one can tell: tell it once more after this.
    NotYet(Millis),
}

/// Told of every raw object that stands. At least once; in no order.
#[async_trait]
pub trait ArrivalSink: Send + Sync + 'static {
    /// `again`: it was told before, and this sink said [`Arrival::NotYet`] or an error.
    async fn arrived(&self, object_key: &str, again: bool) -> Result<Arrival, Fault>;
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
    async fn arrived(&self, object_key: &str, _again: bool) -> Result<Arrival, Fault> {
        let Some(job) = arrival(object_key, self.clock.now(), &self.policy) else {
            return Ok(Arrival::Handled);
        };
        match self.jobs.submit(job).await {
            Ok(_) => Ok(Arrival::Handled),
            Err(JobStoreError::Fault(fault)) => Err(fault),
            Err(other) => Err(Fault::internal(other)),
        }
    }
}

/// Makes a job of an arrival only where the request that caused it did not hand the upload on by itself:
/// a job is six writes, a look one read. Until it is told again the message in the queue is what lasts.
#[derive(Clone)]
pub struct AwaitedArrivals {
    pub uploads: Arc<dyn UploadStore>,
    pub jobs: ArrivalJobs,
}

#[async_trait]
impl ArrivalSink for AwaitedArrivals {
    async fn arrived(&self, object_key: &str, again: bool) -> Result<Arrival, Fault> {
        if !is_awaited(self.uploads.as_ref(), object_key).await? {
            return Ok(Arrival::Handled);
        }
        if !again {
            return Ok(Arrival::NotYet(self.jobs.policy.arrival_delay));
        }
        self.jobs.arrived(object_key, again).await
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
            match self.handle(&letter).await {
                Ok(Arrival::Handled) => handled.push(letter.receipt),
                Ok(Arrival::NotYet(wait)) => self.put_off(letter.receipt, wait).await,
                Err(error) => tracing::warn!(%error, received = letter.received, "S3's event is not handled"),
            }
        }
        if let Err(error) = self.mailbox.delete(&handled).await {
            tracing::warn!(%error, "handled events of S3 will come back");
        }
    }

    async fn put_off(&self, receipt: String, wait: Millis) {
        if let Err(error) = self.mailbox.hold(&[receipt], wait).await {
            tracing::warn!(%error, "an event of S3 comes back later than it could");
        }
    }

    async fn handle(&self, letter: &Letter) -> Result<Arrival, Fault> {
        let parsed = parse(&letter.body).map_err(Fault::corrupt)?;
        let mut outcome = Arrival::Handled;
        for created in latest(parsed.created) {
            if created.bucket != self.bucket || upload_of(&created.key).is_none() || self.was_told(&created) {
                continue;
            }
            match self.sink.arrived(&created.key, letter.received > 1).await? {
                Arrival::Handled => self.note(created),
                not_yet @ Arrival::NotYet(_) => outcome = not_yet,
            }
        }
        match parsed.damaged {
            0 => Ok(outcome),
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
