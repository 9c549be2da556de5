//! Reading a shard in order, without ever stepping over a chunk that is about to become visible.

use super::EVENT_LOG;
use super::log::DynamoEventLog;
use super::row::{Body, Chunk, Mark, STRIDE, chunk_key, log_name, mark_key, part_key, part_of, unpacked};
use crate::dynamo::{Query, Range, Read};
use ::events::{Placed, Recorded};
use stdx::Fault;

/// Chunks of one question.
const STEP: usize = 200;

impl DynamoEventLog {
    pub(super) async fn mark(&self, shard: u16) -> Result<Mark, Fault> {
        let item = self.dynamo.get(&EVENT_LOG, &mark_key(shard), Read::Strong).await?;
        Mark::of_seen(item.as_ref())
    }

    /// The newest chunk. Strong: a number is chosen by it, and `end` tells of what was just appended.
    pub(super) async fn newest(&self, shard: u16) -> Result<Option<Chunk>, Fault> {
        let query = Query::of(&EVENT_LOG, log_name(shard), 1).range(Range::From("0".into()));
        let found = self.dynamo.query(query.newest_first().strong()).await?;
        found.first().map(Chunk::of).transpose()
    }

    /// The number for the next chunk. The service deletes expired chunks in no order, the newest
    /// perhaps first: below what was noted at the last trim it never goes.
    pub(super) async fn next_chunk(&self, shard: u16) -> Result<u64, Fault> {
        let after = self.newest(shard).await?.map_or(0, |c| c.number + 1);
        Ok(after.max(self.mark(shard).await?.next_chunk))
    }

    async fn trimmed(&self, shard: u16) -> Result<u64, Fault> {
        if let Some(known) = self.shard(shard).trimmed() {
            return Ok(known);
        }
        let trimmed = self.mark(shard).await?.trimmed;
        self.shard(shard).learn_trimmed(trimmed);
        Ok(trimmed)
    }

    /// The unbroken row of chunks from `first` on.
    ///
    /// Numbers have no gaps, so a gap in an answer means that the copy lags or that the question ran
    /// while somebody appended: what is behind it waits for the next call. A gap at the very front that
    /// a strong read shows as well, asked after the chunk behind it was seen, is of expired chunks.
    async fn chunks(&self, shard: u16, first: u64) -> Result<Vec<Chunk>, Fault> {
        let found = self.chunks_from(shard, first, Read::Eventual).await?;
        let found = match found.first() {
            Some(chunk) if chunk.number > first => self.chunks_from(shard, first, Read::Strong).await?,
            _ => found,
        };
        let start = found.first().map_or(first, |c| c.number);
        Ok(found.into_iter().zip(start..).take_while(|(c, n)| c.number == *n).map(|(c, _)| c).collect())
    }

    async fn chunks_from(&self, shard: u16, first: u64, read: Read) -> Result<Vec<Chunk>, Fault> {
        let from = Range::From((first * STRIDE).to_string());
        let query = Query { read, ..Query::of(&EVENT_LOG, log_name(shard), STEP).range(from) };
        self.dynamo.query(query).await?.iter().map(Chunk::of).collect()
    }

    pub(super) async fn chunk(&self, shard: u16, number: u64) -> Result<Option<Chunk>, Fault> {
        let item = self.dynamo.get(&EVENT_LOG, &chunk_key(shard, number), Read::Strong).await?;
        item.as_ref().map(Chunk::of).transpose()
    }

    pub(super) async fn events_of(&self, chunk: &Chunk) -> Result<Vec<Recorded>, Fault> {
        let parts = match &chunk.body {
            Body::Inline(bytes) => return unpacked(bytes),
            Body::Parts(n) => *n,
        };
        // Strong: the parts were written before the chunk, perhaps a moment ago.
        let keys: Vec<_> = (0..parts).map(|n| part_key(&chunk.id, n)).collect();
        let found = self.dynamo.get_many(&EVENT_LOG, &keys, Read::Strong).await?;
        let mut found = found.iter().map(part_of).collect::<Result<Vec<_>, Fault>>()?;
        if found.len() as u64 != parts {
            return Err(Fault::corrupt(format!("chunk {} has lost parts", chunk.id)));
        }
        found.sort_unstable_by_key(|(n, _)| *n);
        unpacked(&found.into_iter().flat_map(|(_, bytes)| bytes).copied().collect::<Vec<u8>>())
    }

    pub(super) async fn placed(&self, shard: u16, from: u64, limit: usize) -> Result<Vec<Placed>, Fault> {
        let from = from.max(self.trimmed(shard).await?);
        let mut number = from / STRIDE;
        if self.shard(shard).is_past(number, from) {
            number += 1;
        }
        let mut placed = Vec::new();
        while placed.len() < limit {
            let chunks = self.chunks(shard, number).await?;
            let Some(last) = chunks.last() else { break };
            number = last.number + 1;
            for chunk in &chunks {
                if placed.len() >= limit {
                    return Ok(placed);
                }
                let events = self.events_of(chunk).await?;
                let offsets = chunk.number * STRIDE..;
                let wanted = offsets.zip(events).filter(|(offset, _)| *offset >= from);
                let room = limit - placed.len();
                placed.extend(wanted.take(room).map(|(offset, event)| Placed { offset, event }));
                self.shard(shard).learn_read(chunk.number, chunk.end());
            }
        }
        Ok(placed)
    }
}
