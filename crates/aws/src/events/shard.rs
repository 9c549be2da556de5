//! What a process remembers of a shard. All of it can be found out again.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The last chunk is looked for again after this, so that a process that slept for weeks does not
/// write where chunks stood and have expired.
const FRESH_FOR: Duration = Duration::from_secs(60);

/// The number for the next chunk. Appends of one process to one shard stand in line behind it:
/// they would only refuse each other.
#[derive(Debug, Default)]
pub(super) struct Next(Option<(u64, Instant)>);

impl Next {
    pub fn get(&self) -> Option<u64> {
        self.0.filter(|(_, at)| at.elapsed() < FRESH_FOR).map(|(number, _)| number)
    }
    pub fn learn(&mut self, number: u64) {
        self.0 = Some((number, Instant::now()));
    }
    /// One more after a chunk that was just put. As old as what it follows from is.
    pub fn advance(&mut self, written: u64) {
        if let Some((number, _)) = &mut self.0 {
            *number = written + 1;
        }
    }
    pub fn forget(&mut self) {
        self.0 = None;
    }
}

#[derive(Debug, Default)]
struct Known {
    /// Events below were trimmed; `None`: not asked yet.
    trimmed: Option<u64>,
    /// The last chunk that was read and one past its last offset: chunks never change.
    last_read: Option<(u64, u64)>,
}

#[derive(Debug, Default)]
pub(super) struct Shard {
    pub next: tokio::sync::Mutex<Next>,
    known: Mutex<Known>,
}

impl Shard {
    fn with<T>(&self, f: impl FnOnce(&mut Known) -> T) -> T {
        f(&mut self.known.lock().unwrap_or_else(PoisonError::into_inner))
    }
    pub fn trimmed(&self) -> Option<u64> {
        self.with(|k| k.trimmed)
    }
    pub fn learn_trimmed(&self, before: u64) {
        self.with(|k| k.trimmed = Some(k.trimmed.unwrap_or(0).max(before)));
    }
    pub fn learn_read(&self, chunk: u64, end: u64) {
        self.with(|k| k.last_read = Some((chunk, end)));
    }
    /// Whether nothing at or after `offset` is left in its chunk.
    pub fn is_past(&self, chunk: u64, offset: u64) -> bool {
        self.with(|k| k.last_read.is_some_and(|(read, end)| read == chunk && offset >= end))
    }
}
