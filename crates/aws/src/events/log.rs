//! Appending, and the rest of the port.

use super::row::{Body, Chunk, INLINE_MAX, Mark, PART_BYTES, STRIDE, mark_key, packed, part_item};
use super::shard::{Next, Shard};
use super::window_row::{Pending, WindowRow, key};
use super::{EVENT_LOG, EVENT_WINDOWS};
use crate::dynamo::{Dynamo, Item, Put, Race, Read, Write};
use ::events::{Append, DeviceWindows, EventLog, EventLogError, Placed, Receipt, Recorded, SeqVerdict};
use async_trait::async_trait;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use stdx::Fault;
use vocab::{DeviceId, Millis, UserId};

/// Devices whose last append is remembered, so that its chunk need not be read again.
const DEVICES_MAX: usize = 10_000;

type Result<T> = std::result::Result<T, EventLogError>;

#[derive(Debug)]
pub struct DynamoEventLog {
    pub(super) dynamo: Dynamo,
    shards: Vec<Shard>,
    /// The id of the chunk this process wrote last for a device.
    written: Mutex<HashMap<DeviceId, String>>,
}

/// What an append knows once it has its windows.
struct Begun {
    shard: u16,
    row_item: Option<Item>,
    /// Windows with everything that happened.
    windows: DeviceWindows,
    /// The number of a chunk that another append may still write.
    open: Option<u64>,
}

/// A chunk expires so long after this.
fn latest(events: &[Recorded]) -> Millis {
    events.iter().map(|e| e.received_at).max().unwrap_or(Millis(0))
}

impl DynamoEventLog {
    /// `shards` (at least 1) is fixed for the life of the tables.
    pub fn new(dynamo: Dynamo, shards: u16) -> Self {
        let shards = (0..shards.max(1)).map(|_| Shard::default()).collect();
        Self { dynamo, shards, written: Mutex::default() }
    }

    pub(super) fn shard(&self, shard: u16) -> &Shard {
        &self.shards[usize::from(shard)]
    }

    fn known(&self, shard: u16) -> Result<()> {
        if shard < self.shards() { Ok(()) } else { Err(EventLogError::NoShard(shard)) }
    }

    /// All events of a viewer go to one shard, so that one consumer joins a showing.
    fn shard_of(&self, viewer: UserId) -> u16 {
        let spread = viewer.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 32;
        u16::try_from(spread % u64::from(self.shards())).unwrap_or(0)
    }

    fn id(&self) -> String {
        format!("{:032x}", self.dynamo.entropy().u128())
    }

    fn note_written(&self, device: DeviceId, id: &str) {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        if written.len() >= DEVICES_MAX && !written.contains_key(&device) {
            written.clear();
        }
        written.insert(device, id.to_owned());
    }

    fn wrote(&self, device: DeviceId, id: &str) -> bool {
        let written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        written.get(&device).is_some_and(|last| last == id)
    }

    async fn next(&self, shard: u16, next: &mut Next) -> std::result::Result<u64, Fault> {
        if let Some(number) = next.get() {
            return Ok(number);
        }
        let number = self.next_chunk(shard).await?;
        next.learn(number);
        Ok(number)
    }

    /// The device's windows with a pending append settled. `None`: look again.
    async fn begin(&self, batch: &Append) -> std::result::Result<Option<Begun>, Fault> {
        let shard = self.shard_of(batch.viewer);
        // Strong: what the device sent a moment ago, to whichever process, must not count again.
        let row_item = self.dynamo.get(&EVENT_WINDOWS, &key(batch.device), Read::Strong).await?;
        let row = WindowRow::of_seen(row_item.as_ref())?;
        let Some(pending) = row.pending else {
            return Ok(Some(Begun { shard, row_item, windows: row.windows, open: None }));
        };
        let happened = |windows| Ok(Some(Begun { shard, row_item: row_item.clone(), windows, open: None }));
        if self.wrote(batch.device, &pending.id) {
            return happened(pending.after);
        }
        match self.chunk(pending.shard, pending.chunk).await? {
            Some(chunk) if chunk.id == pending.id => happened(pending.after),
            // An attempt thought dead that was faster than the one noted last.
            Some(chunk) if chunk.device == batch.device && chunk.epoch != 0 => {
                let mut windows = row.windows;
                let events = self.events_of(&chunk).await?;
                windows.admit(chunk.epoch, events.iter().map(|e| e.seq), batch.epochs_per_device);
                happened(windows)
            }
            Some(_others) => happened(row.windows),
            // The log is past that number: the chunk has expired. An answered append must stay known;
            // one that never happened was not resent for a month.
            None if self.next_chunk(pending.shard).await? > pending.chunk => happened(pending.after),
            None if pending.shard == shard => {
                Ok(Some(Begun { shard, row_item, windows: row.windows, open: Some(pending.chunk) }))
            }
            // The device has another viewer now: the place in the other shard is made unusable.
            None => {
                let void = self.chunk_of(pending.chunk, batch.device, 0, &[]);
                self.put_chunk(pending.shard, &void, latest(&batch.events)).await?;
                Ok(None)
            }
        }
    }

    fn chunk_of(&self, number: u64, device: DeviceId, epoch: u64, events: &[Recorded]) -> Chunk {
        let body = Body::Inline(packed(events));
        Chunk { number, id: self.id(), device, epoch, count: events.len() as u64, body }
    }

    /// Puts a chunk under its number if nobody has it; the parts of a large one before it. Parts of a
    /// chunk that never came to stand are nobody's and expire.
    async fn put_chunk(
        &self,
        shard: u16,
        chunk: &Chunk,
        received_at: Millis,
    ) -> std::result::Result<bool, Fault> {
        let mut chunk = chunk.clone();
        if let Body::Inline(bytes) = &chunk.body
            && bytes.len() > INLINE_MAX
        {
            let parts: Vec<Item> = bytes
                .chunks(PART_BYTES)
                .zip(0..)
                .map(|(part, n)| part_item(&chunk.id, n, part, received_at))
                .collect();
            let n = parts.len() as u64;
            self.dynamo.put_many(&EVENT_LOG, parts).await?;
            chunk.body = Body::Parts(n);
        }
        Ok(self.dynamo.put_new(&EVENT_LOG, chunk.item(shard, received_at)).await? == Put::Written)
    }

    /// Events of the server's own: at least once, as the port says.
    async fn append_unnumbered(&self, batch: &Append) -> std::result::Result<(), Fault> {
        let shard = self.shard_of(batch.viewer);
        let mut next = self.shard(shard).next.lock().await;
        let mut race = Race::new(&self.dynamo);
        loop {
            let number = self.next(shard, &mut next).await?;
            let chunk = self.chunk_of(number, batch.device, 0, &batch.events);
            if self.put_chunk(shard, &chunk, latest(&batch.events)).await? {
                next.advance(number);
                return Ok(());
            }
            next.forget();
            race.lost(&EVENT_LOG).await?;
        }
    }

    /// One try at an append. `None`: somebody was in between.
    async fn append_once(&self, batch: &Append) -> std::result::Result<Option<Receipt>, Fault> {
        let Some(begun) = self.begin(batch).await? else { return Ok(None) };
        let Begun { shard, row_item, windows, open } = begun;
        let mut after = windows.clone();
        let receipt = after.admit(batch.epoch, batch.events.iter().map(|e| e.seq), batch.epochs_per_device);
        let fresh = batch.events.iter().zip(&receipt.verdicts).filter(|(_, v)| **v == SeqVerdict::Fresh);
        let events: Vec<Recorded> = fresh.map(|(e, _)| e.clone()).collect();
        if events.is_empty() {
            return Ok(Some(receipt));
        }
        let mut next = self.shard(shard).next.lock().await;
        let number = match open {
            Some(open) => open,
            None => self.next(shard, &mut next).await?,
        };
        let chunk = self.chunk_of(number, batch.device, batch.epoch, &events);
        let pending = Pending { shard, chunk: number, id: chunk.id.clone(), after };
        let row = WindowRow { windows, pending: Some(pending) }.item(batch.device)?;
        let noted = match &row_item {
            Some(seen) => self.dynamo.replace(&EVENT_WINDOWS, row, seen).await?,
            None => self.dynamo.put_new(&EVENT_WINDOWS, row).await?,
        };
        if noted != Put::Written {
            return Ok(None);
        }
        if !self.put_chunk(shard, &chunk, latest(&events)).await? {
            next.forget();
            return Ok(None);
        }
        next.advance(number);
        self.note_written(batch.device, &chunk.id);
        Ok(Some(receipt))
    }
}

#[async_trait]
impl EventLog for DynamoEventLog {
    async fn append(&self, batch: Append) -> Result<Receipt> {
        if batch.events.len() as u64 > STRIDE {
            let said = format!("{} events in one append: at most {STRIDE}", batch.events.len());
            return Err(Fault::internal(said).into());
        }
        if batch.epoch == 0 {
            if !batch.events.is_empty() {
                self.append_unnumbered(&batch).await?;
            }
            return Ok(Receipt { verdicts: vec![SeqVerdict::Fresh; batch.events.len()], next_seq: 0 });
        }
        let mut race = Race::new(&self.dynamo);
        loop {
            if let Some(receipt) = self.append_once(&batch).await? {
                return Ok(receipt);
            }
            race.lost(&EVENT_LOG).await?;
        }
    }

    async fn read(&self, shard: u16, from: u64, limit: usize) -> Result<Vec<Placed>> {
        self.known(shard)?;
        Ok(self.placed(shard, from, limit).await?)
    }

    async fn end(&self, shard: u16) -> Result<u64> {
        self.known(shard)?;
        let end = self.newest(shard).await?.map_or(0, |c| c.end());
        Ok(end.max(self.mark(shard).await?.end))
    }

    /// Events below are not read any more, in this process at once, in others after their next start;
    /// the service deletes them for nothing when they expire.
    async fn trim(&self, shard: u16, before: u64) -> Result<()> {
        self.known(shard)?;
        let (next_chunk, end) = (self.next_chunk(shard).await?, self.end(shard).await?);
        self.dynamo
            .change(&EVENT_LOG, &mark_key(shard), |seen| {
                let known = Mark::of_seen(seen)?;
                let mark = Mark {
                    trimmed: known.trimmed.max(before.min(end)),
                    next_chunk: known.next_chunk.max(next_chunk),
                    end: known.end.max(end),
                };
                let write = if mark == known { Write::Keep } else { Write::Put(mark.item(shard)) };
                Ok::<_, Fault>((write, ()))
            })
            .await?;
        self.shard(shard).learn_trimmed(before.min(end));
        Ok(())
    }

    fn shards(&self) -> u16 {
        u16::try_from(self.shards.len()).unwrap_or(u16::MAX)
    }
}
