//! The use case: bytes from a verified caller become durable events and an honest answer.

use crate::judge::{self, Origin, code};
use crate::limiter::Buckets;
use crate::policy::EventPolicy;
use crate::port::{Append, EventLog, EventLogError};
use crate::schema::{Recorded, Single};
use crate::window::SeqVerdict;
use crate::wire::{self, Encoding, EnvelopeError, Format};
use std::sync::{Arc, Mutex};
use stdx::{Clock, Entropy, Fault};
use tokio::sync::{Notify, Semaphore};
use vocab::{DeviceId, Millis, UserId};

pub struct Deps {
    pub log: Arc<dyn EventLog>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub policy: EventPolicy,
}

/// The verified caller.
#[derive(Debug, Clone, Copy)]
pub struct Sender {
    pub viewer: UserId,
    pub device: DeviceId,
}

/// The answer to a batch; only what is not OK is listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub accepted: usize,
    pub duplicate: usize,
    /// Place in the batch and code.
    pub rejected: Vec<(usize, &'static str)>,
    /// Everything below this number needs no resending.
    pub next_seq: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum IngestError {
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    #[error("too many events; again in {retry_after}")]
    RateLimited { retry_after: Millis },
    #[error("the event log is busy; again in {retry_after}")]
    Overloaded { retry_after: Millis },
    /// A single event that cannot be true; see [`judge::code`].
    #[error("the event is not sound: {0}")]
    Unsound(&'static str),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<EventLogError> for IngestError {
    fn from(e: EventLogError) -> Self {
        match e {
            EventLogError::Fault(fault) => Self::Fault(fault),
            other @ EventLogError::NoShard(_) => Self::Fault(Fault::internal(other)),
        }
    }
}

pub struct Ingest {
    deps: Deps,
    in_flight: Semaphore,
    by_device: Mutex<Buckets<DeviceId>>,
    by_viewer: Mutex<Buckets<UserId>>,
    appended: Arc<Notify>,
}

impl std::fmt::Debug for Ingest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ingest").field("policy", &self.deps.policy).finish_non_exhaustive()
    }
}

impl Ingest {
    pub fn new(deps: Deps) -> Self {
        Self {
            in_flight: Semaphore::new(deps.policy.appends_in_flight_max),
            by_device: Mutex::new(Buckets::new(deps.policy.device_rate)),
            by_viewer: Mutex::new(Buckets::new(deps.policy.viewer_rate)),
            appended: Arc::new(Notify::new()),
            deps,
        }
    }

    pub fn policy(&self) -> &EventPolicy {
        &self.deps.policy
    }

    /// Rung after every append: consumers need not poll fast.
    pub fn appended(&self) -> Arc<Notify> {
        Arc::clone(&self.appended)
    }

    /// The access token inside a body whose sender cannot set headers (`sendBeacon`).
    pub fn token_in(&self, body: &[u8], encoding: Encoding, format: Format) -> Option<String> {
        let decoded = wire::decode(body, encoding, &self.deps.policy).ok()?;
        wire::parse(&decoded, format, &self.deps.policy).ok()?.token
    }

    /// Takes one batch. `Ok` means durable.
    pub async fn accept(
        &self,
        sender: Sender,
        body: &[u8],
        encoding: Encoding,
        format: Format,
    ) -> Result<Reply, IngestError> {
        let policy = &self.deps.policy;
        let (judged, device, epoch) = {
            let decoded = wire::decode(body, encoding, policy)?;
            let envelope = wire::parse(&decoded, format, policy)?;
            if envelope.epoch == 0 {
                return Err(EnvelopeError::Malformed("epoch is missing or 0".into()).into());
            }
            // The token names the device, too: nobody spoils the numbers of somebody else's.
            let device = sender.device;
            self.spend(sender.viewer, device, envelope.events.len())?;
            let origin = Origin { viewer: sender.viewer, device, received_at: self.deps.clock.now() };
            (judge::judge(&envelope, origin, policy), device, envelope.epoch)
        };
        let (places, events): (Vec<usize>, Vec<Recorded>) = judged.sound.into_iter().unzip();
        let receipt = self.append(sender.viewer, device, epoch, events).await?;
        let mut reply = Reply {
            accepted: 0,
            duplicate: 0,
            rejected: judged.refused,
            next_seq: receipt.next_seq.max(judged.refused_high.map_or(0, |s| s + 1)),
        };
        for (i, verdict) in places.into_iter().zip(receipt.verdicts) {
            match verdict {
                SeqVerdict::Fresh => reply.accepted += 1,
                SeqVerdict::Duplicate => reply.duplicate += 1,
                SeqVerdict::TooOld => reply.rejected.push((i, code::TOO_OLD)),
            }
        }
        reply.rejected.sort_unstable();
        Ok(reply)
    }

    /// Takes one event that has no number: the seed's `POST /event`, or what the server saw itself.
    pub async fn record(&self, sender: Sender, single: Single) -> Result<(), IngestError> {
        judge::check(single.kind, single.video, &single.measures, &self.deps.policy)
            .map_err(IngestError::Unsound)?;
        self.spend(sender.viewer, sender.device, 1)?;
        let now = self.deps.clock.now();
        let event = Recorded {
            viewer: sender.viewer,
            device: sender.device,
            epoch: 0,
            seq: 0,
            kind: single.kind,
            at: now,
            received_at: now,
            raw_ts: None,
            raw_sent_at: None,
            video: single.video,
            impression: single.impression,
            measures: single.measures,
        };
        self.append(sender.viewer, sender.device, 0, vec![event]).await.map(|_| ())
    }

    fn spend(&self, viewer: UserId, device: DeviceId, events: usize) -> Result<(), IngestError> {
        let now = self.deps.clock.now();
        let n = u32::try_from(events.max(1)).unwrap_or(u32::MAX);
        let lock = std::sync::PoisonError::into_inner;
        self.by_device
            .lock()
            .unwrap_or_else(lock)
            .take(device, n, now)
            .and_then(|()| {
                self.by_viewer.lock().unwrap_or_else(std::sync::PoisonError::into_inner).take(viewer, n, now)
            })
            .map_err(|retry_after| IngestError::RateLimited { retry_after })
    }

    async fn append(
        &self,
        viewer: UserId,
        device: DeviceId,
        epoch: u64,
        events: Vec<Recorded>,
    ) -> Result<crate::port::Receipt, IngestError> {
        // Full means now: waiting here would be the unbounded buffer the contract forbids.
        let Ok(_permit) = self.in_flight.try_acquire() else { return Err(self.overloaded()) };
        let epochs_per_device = self.deps.policy.epochs_per_device;
        let appended =
            self.deps.log.append(Append { viewer, device, epoch, events, epochs_per_device }).await;
        match appended {
            Ok(receipt) => {
                self.appended.notify_one();
                Ok(receipt)
            }
            Err(EventLogError::Fault(fault)) if fault.is_retryable() => Err(self.overloaded()),
            Err(e) => Err(e.into()),
        }
    }

    fn overloaded(&self) -> IngestError {
        let base = self.deps.policy.overload_retry.0.max(1);
        let jitter = (self.deps.entropy.u64() % base.unsigned_abs()) as i64;
        IngestError::Overloaded { retry_after: Millis(base + jitter) }
    }
}
