//! The log as a specification.

use crate::port::{Append, EventLog, EventLogError, Placed, Receipt};
use crate::window::{DeviceWindows, SeqVerdict};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use vocab::DeviceId;

#[derive(Debug, Default)]
struct State {
    windows: HashMap<DeviceId, DeviceWindows>,
    events: BTreeMap<u64, Placed>,
    end: u64,
}

/// One shard in memory.
#[derive(Debug, Default)]
pub struct MemoryEventLog {
    state: Mutex<State>,
}

impl MemoryEventLog {
    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

fn only_shard(shard: u16) -> Result<(), EventLogError> {
    if shard == 0 { Ok(()) } else { Err(EventLogError::NoShard(shard)) }
}

#[async_trait]
impl EventLog for MemoryEventLog {
    async fn append(&self, batch: Append) -> Result<Receipt, EventLogError> {
        Ok(self.with(|s| {
            let receipt = if batch.epoch == 0 {
                Receipt { verdicts: vec![SeqVerdict::Fresh; batch.events.len()], next_seq: 0 }
            } else {
                let seqs = batch.events.iter().map(|e| e.seq);
                s.windows.entry(batch.device).or_default().admit(batch.epoch, seqs, batch.epochs_per_device)
            };
            for (event, verdict) in batch.events.into_iter().zip(&receipt.verdicts) {
                if *verdict == SeqVerdict::Fresh {
                    s.events.insert(s.end, Placed { offset: s.end, event });
                    s.end += 1;
                }
            }
            receipt
        }))
    }

    async fn read(&self, shard: u16, from: u64, limit: usize) -> Result<Vec<Placed>, EventLogError> {
        only_shard(shard)?;
        Ok(self.with(|s| s.events.range(from..).take(limit).map(|(_, p)| p.clone()).collect()))
    }

    async fn end(&self, shard: u16) -> Result<u64, EventLogError> {
        only_shard(shard)?;
        Ok(self.with(|s| s.end))
    }

    async fn trim(&self, shard: u16, before: u64) -> Result<(), EventLogError> {
        only_shard(shard)?;
        self.with(|s| s.events = s.events.split_off(&before));
        Ok(())
    }

    fn shards(&self) -> u16 {
        1
    }
}
