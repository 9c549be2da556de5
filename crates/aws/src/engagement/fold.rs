//! Folding a stretch: partials, board, impressions, offset, in this order. See the room's head for why.

use super::board::{Board, HOT};
use super::impression_row;
use super::paths::{Path, Paths, by_showing};
use super::row::{FOLDED, Partial, Scope, folded_of, shard_item, shard_key};
use super::store::{DynamoEngagementStore, Result};
use super::{ENGAGEMENT_AGG, ENGAGEMENT_SHARDS, IMPRESSIONS};
use crate::dynamo::{Key, Put, Read, Write};
use ::engagement::{EngagementError, Heat, ShardBatch};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::HashMap;
use stdx::Fault;
use vocab::VideoId;

/// Rows written at once.
const AT_ONCE: usize = 16;

impl DynamoEngagementStore {
    /// Strong: a consumer that just moved the offset must not be given the stretch again.
    pub(super) async fn offset(&self, shard: u16) -> std::result::Result<u64, Fault> {
        let item = self.dynamo.get(&ENGAGEMENT_SHARDS, &shard_key(FOLDED, shard), Read::Strong).await?;
        folded_of(item.as_ref())
    }

    pub(super) async fn fold_stretch(&self, batch: &ShardBatch) -> Result<u64> {
        let ShardBatch { shard, first, next, .. } = *batch;
        let done = self.offset(shard).await?;
        if first > done {
            return Err(EngagementError::Gap { shard, folded: done, first });
        }
        if next <= done {
            return Ok(done);
        }
        let paths = self.paths(batch, done).await?;
        let jobs: Vec<_> = paths.touched().map(|of| self.advance(shard, of, &paths, next)).collect();
        let heats: Vec<Option<(VideoId, Heat)>> =
            stream::iter(jobs).buffer_unordered(AT_ONCE).try_collect().await?;
        self.show(shard, &heats.into_iter().flatten().collect::<Vec<_>>()).await?;
        let jobs: Vec<_> = paths.changed().map(|path| self.keep(path)).collect();
        stream::iter(jobs).buffer_unordered(AT_ONCE).try_collect::<Vec<()>>().await?;
        Ok(self.move_offset(shard, next).await?)
    }

    /// Strong: the fold before this one wrote these showings, and an old join would count them again.
    async fn paths(&self, batch: &ShardBatch, done: u64) -> std::result::Result<Paths, Fault> {
        let events = by_showing(batch, done);
        let keys: Vec<Key> = events.keys().map(impression_row::key_of).collect();
        let mut stored = HashMap::with_capacity(keys.len());
        for item in self.dynamo.get_many(&IMPRESSIONS, &keys, Read::Strong).await? {
            stored.insert(item.get_s(IMPRESSIONS.hash.name)?.to_owned(), item);
        }
        Paths::new(events, stored, &self.policy)
    }

    /// Moves one partial; answers the heat of a total as it stands then.
    async fn advance(
        &self,
        shard: u16,
        of: (VideoId, Scope),
        paths: &Paths,
        next: u64,
    ) -> std::result::Result<Option<(VideoId, Heat)>, Fault> {
        let (video, scope) = of;
        let key = Key::pair(video.to_string(), scope.of_shard(shard));
        let heat = self
            .dynamo
            .change(&ENGAGEMENT_AGG, &key, |seen| {
                let known = Partial::of_seen(seen)?;
                Ok::<_, Fault>(match paths.advance(of, &known, next) {
                    None => (Write::Keep, known.heat),
                    Some(moved) => (Write::Put(moved.item(video, scope, shard)?), moved.heat),
                })
            })
            .await?;
        Ok((scope == Scope::Total).then_some((video, heat)))
    }

    async fn show(&self, shard: u16, heats: &[(VideoId, Heat)]) -> std::result::Result<(), Fault> {
        if heats.is_empty() {
            return Ok(());
        }
        self.dynamo
            .change(&ENGAGEMENT_SHARDS, &shard_key(HOT, shard), |seen| {
                let known = Board::of_seen(seen)?;
                let board = known.clone().with(heats, &self.policy);
                let write = if board == known { Write::Keep } else { Write::Put(board.item(shard)) };
                Ok::<_, Fault>((write, ()))
            })
            .await
    }

    /// Stores a join. Another consumer's join that came in between is joined as well.
    async fn keep(&self, path: &Path) -> std::result::Result<(), Fault> {
        let kept = self.policy.impression_kept;
        let item = impression_row::item(&path.key, &path.joined, kept);
        let put = match &path.stored {
            Some(seen) => self.dynamo.replace(&IMPRESSIONS, item, seen).await?,
            None => self.dynamo.put_new(&IMPRESSIONS, item).await?,
        };
        if put == Put::Written {
            return Ok(());
        }
        self.dynamo
            .change(&IMPRESSIONS, &impression_row::key_of(&path.key), |seen| {
                let joined = match seen {
                    Some(seen) => impression_row::join(&impression_row::of(seen)?, &path.joined),
                    None => path.joined.clone(),
                };
                Ok::<_, Fault>((Write::Put(impression_row::item(&path.key, &joined, kept)), ()))
            })
            .await
    }

    async fn move_offset(&self, shard: u16, next: u64) -> std::result::Result<u64, Fault> {
        self.dynamo
            .change(&ENGAGEMENT_SHARDS, &shard_key(FOLDED, shard), |seen| {
                let known = folded_of(seen)?;
                if known >= next {
                    return Ok((Write::Keep, known));
                }
                let item = shard_item(FOLDED, shard).n("next", i64::try_from(next).map_err(Fault::internal)?);
                Ok::<_, Fault>((Write::Put(item), next))
            })
            .await
    }
}
