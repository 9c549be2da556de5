//! What ingest and its consumers need from an engine.

use crate::schema::Recorded;
use crate::window::SeqVerdict;
use async_trait::async_trait;
use stdx::Fault;
use vocab::{DeviceId, UserId};

#[derive(Debug, thiserror::Error)]
pub enum EventLogError {
    #[error("the log has no shard {0}")]
    NoShard(u16),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Sound events of one device and epoch, in the order sent.
#[derive(Debug, Clone)]
pub struct Append {
    pub viewer: UserId,
    pub device: DeviceId,
    /// 0: the events are the server's own and pass no window.
    pub epoch: u64,
    pub events: Vec<Recorded>,
    /// Epochs kept for a device; the lowest is forgotten for good.
    pub epochs_per_device: usize,
}

/// What became of an append.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// One for each event, in order.
    pub verdicts: Vec<SeqVerdict>,
    /// One past the highest number of this epoch the log knows.
    pub next_seq: u64,
}

/// An event at its place. Offsets grow within a shard; they may have gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    pub offset: u64,
    pub event: Recorded,
}

/// The durable log of events.
#[async_trait]
pub trait EventLog: Send + Sync + 'static {
    /// Writes the fresh events and the device's window in one durable step; answers after it is durable.
    /// The whole append is written or nothing of it. Events of one append keep their order in one shard.
    async fn append(&self, batch: Append) -> Result<Receipt, EventLogError>;

    /// At most `limit` events of `shard` with offset ≥ `from`, in order. Empty at the end.
    async fn read(&self, shard: u16, from: u64, limit: usize) -> Result<Vec<Placed>, EventLogError>;

    /// One past the last offset of `shard`.
    async fn end(&self, shard: u16) -> Result<u64, EventLogError>;

    /// Forgets events of `shard` below `before`. Windows stay.
    async fn trim(&self, shard: u16, before: u64) -> Result<(), EventLogError>;

    /// How many shards there are; fixed for the life of the log.
    fn shards(&self) -> u16;
}
