//! The record of every video: one item, written on condition that nobody wrote in between.

use super::{digits, places, row};
use crate::dynamo::{Attr, Dynamo, Index, Item, Key, Projection, Put, Query, Range, Read, Table, Write};
use async_trait::async_trait;
use catalog::policy::GET_MANY_MAX;
use catalog::{Advance, Edit, Video, VideoPage, VideoStore, VideoStoreError, moves};
use futures::future::try_join_all;
use std::cmp::Reverse;
use std::collections::HashMap;
use stdx::Fault;
use vocab::{Millis, Status, UserId, VideoId};

/// The layout of the items below. A row of a later one is refused, not guessed at.
pub(super) const LAYOUT: i64 = 1;
/// The record of a settled video.
pub(super) const BODY: &str = "body";
/// The record of one that is not.
pub(super) const DRAFT: &str = "draft";
/// The one value of the range key.
pub(super) const CONST: &str = "const";

const BY_USER: Index = Index {
    name: "VideosByUser",
    hash: Attr::s("owner_id"),
    range: Some(Attr::n("created_at")),
    // What a page of an owner's videos shows is the record: one query, and a read of what is in the pipeline.
    projection: Projection::Include(&[BODY, "v"]),
};

const BY_PLACE: Index = Index {
    name: "VideosByPlace",
    hash: Attr::s("place"),
    range: Some(Attr::s("since")),
    // Keys alone: an edit or a step inside the pipeline writes nothing here.
    projection: Projection::KeysOnly,
};

pub static VIDEOS: Table = Table {
    name: "Videos",
    hash: Attr::s("video_id"),
    range: Some(Attr::s("sk")),
    indexes: &[BY_USER, BY_PLACE],
    ttl: None,
};

#[derive(Debug, Clone)]
pub struct DynamoVideoStore(Dynamo);

type Result<T> = std::result::Result<T, VideoStoreError>;

impl DynamoVideoStore {
    pub fn new(dynamo: Dynamo) -> Self {
        Self(dynamo)
    }

    /// The record after `next`, which may be asked again when somebody else was faster.
    async fn change(&self, id: VideoId, next: impl Fn(&Video) -> Result<Video>) -> Result<Video> {
        self.0
            .change(&VIDEOS, &row::key(id), |seen| {
                let seen = seen.ok_or(VideoStoreError::NotFound(id))?;
                let video = row::video(seen)?;
                let after = next(&video)?;
                let write =
                    if after == video { Write::Keep } else { Write::Put(row::item(&after, Some(seen))?) };
                Ok((write, after))
            })
            .await
    }

    async fn read(&self, ids: &[VideoId], read: Read) -> Result<HashMap<VideoId, Video>> {
        let keys: Vec<Key> = ids.iter().map(|id| row::key(*id)).collect();
        let items = self.0.get_many(&VIDEOS, &keys, read).await?;
        let videos = items.iter().map(|i| row::video(i).map(|v| (v.id, v)));
        Ok(videos.collect::<std::result::Result<_, Fault>>()?)
    }

    /// The first `limit` of a place in each of its partitions.
    async fn standing(
        &self,
        place: &str,
        range: Range,
        newest_first: bool,
        limit: usize,
    ) -> Result<Vec<(Millis, VideoId)>> {
        let asked = places::partitions(place).map(|partition| {
            let query = Query::of(&VIDEOS, partition, limit).index(&BY_PLACE).range(range.clone());
            self.0.query(if newest_first { query.newest_first() } else { query })
        });
        let rows: Vec<Vec<Item>> = try_join_all(asked).await?;
        Ok(rows.iter().flatten().map(row::standing).collect::<std::result::Result<_, Fault>>()?)
    }
}

#[async_trait]
impl VideoStore for DynamoVideoStore {
    async fn insert(&self, video: Video) -> Result<()> {
        match self.0.put_new(&VIDEOS, row::item(&video, None)?).await? {
            Put::Written => Ok(()),
            Put::Refused(_) => Err(VideoStoreError::Exists(video.id)),
        }
    }

    /// Strong: whoever was told of a change reads it.
    async fn get(&self, id: VideoId) -> Result<Video> {
        let item = self.0.get(&VIDEOS, &row::key(id), Read::Strong).await?;
        Ok(row::video(&item.ok_or(VideoStoreError::NotFound(id))?)?)
    }

    /// Eventual, at half the price: pages of a feed, whose records are kept in the process anyway.
    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>> {
        if ids.len() > GET_MANY_MAX {
            return Err(Fault::internal(format!("at most {GET_MANY_MAX} videos at a time")).into());
        }
        let found = self.read(ids, Read::Eventual).await?;
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }

    async fn advance(&self, step: Advance) -> Result<Video> {
        self.change(step.id, |video| moves::advanced(video, &step)).await
    }

    async fn edit(&self, id: VideoId, revision: u64, edit: Edit) -> Result<Video> {
        self.change(id, |video| moves::edited(video, revision, &edit)).await
    }

    async fn give(&self, id: VideoId, from: UserId, to: UserId) -> Result<Video> {
        self.change(id, |video| moves::given(video, from, to)).await
    }

    async fn list_by_owner(&self, owner: UserId, before: Option<VideoId>, limit: usize) -> Result<VideoPage> {
        let range = before.map_or(Range::All, |id| Range::Before(row::created_at(id)));
        // One more than asked tells whether there is a next page.
        let asked = limit.saturating_add(1);
        let query = Query::of(&VIDEOS, owner.to_string(), asked).index(&BY_USER).range(range).newest_first();
        let rows = self.0.query(query).await?;
        let more = rows.len() > limit;
        let rows = rows.iter().take(limit).map(row::owned).collect::<std::result::Result<Vec<_>, Fault>>()?;
        let next_before = rows.last().map(|r| r.as_ref().map_or_else(|id| *id, |v| v.id)).filter(|_| more);
        let moving: Vec<VideoId> = rows.iter().filter_map(|r| r.as_ref().err().copied()).collect();
        let mut records = self.read(&moving, Read::Strong).await?;
        let record = |r: std::result::Result<Video, VideoId>| r.map_or_else(|id| records.remove(&id), Some);
        // What was removed or given away a moment ago is another list's.
        let videos =
            rows.into_iter().filter_map(record).filter(|v| v.owner == owner && !v.is_gone()).collect();
        Ok(VideoPage { videos, next_before })
    }

    /// The index names, the records decide: what left the list is not in it, even while the index lags.
    /// Strong for that reason. A page is filled up to `limit` while there are more, as a short one is the end.
    async fn list_public(&self, before: Option<(Millis, VideoId)>, limit: usize) -> Result<Vec<Video>> {
        let (mut found, mut before) = (Vec::new(), before);
        for _ in 0..self.0.policy().pages_max {
            let asked = limit.saturating_sub(found.len());
            let range = before.map_or(Range::All, |(at, id)| Range::Before(places::since_key(at, id)));
            let mut named = self.standing(places::LISTED, range, true, asked).await?;
            named.sort_by_key(|place| Reverse(*place));
            named.truncate(asked);
            let Some(last) = named.last() else { break };
            before = Some(*last);
            let ids: Vec<VideoId> = named.iter().map(|(_, id)| *id).collect();
            let mut records = self.read(&ids, Read::Strong).await?;
            let listed = named.iter().filter_map(|(_, id)| records.remove(id)).filter(Video::is_listed);
            found.extend(listed);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// As above: what moved on is not answered. Strong, because a moderator who decided must not be
    /// shown the same video again.
    async fn list_by_status(
        &self,
        status: Status,
        changed_before: Millis,
        limit: usize,
    ) -> Result<Vec<Video>> {
        let (words, exact) = places::places_of(status);
        if words.is_empty() {
            // Not an empty answer, which would say that none stands there.
            return Err(Fault::internal("no index holds videos that are reserved: ask their uploads").into());
        }
        let looked_at = if exact { limit } else { limit.max(places::LOOKED_AT_MAX) };
        let of_each = if exact { limit } else { looked_at.div_ceil(places::SHARDS as usize) };
        // A place is entered at the latest when the status changed: nothing that is asked for is left out.
        let asked = words
            .iter()
            .map(|word| self.standing(word, Range::Before(digits(changed_before)), false, of_each));
        let mut named = try_join_all(asked).await?.concat();
        named.sort_unstable();
        named.truncate(looked_at);
        let ids: Vec<VideoId> = named.iter().map(|(_, id)| *id).collect();
        let records = self.read(&ids, Read::Strong).await?.into_values();
        let mut standing: Vec<Video> =
            records.filter(|v| v.status == status && v.status_changed_at < changed_before).collect();
        standing.sort_by_key(|v| (v.status_changed_at, v.id));
        standing.truncate(limit);
        Ok(standing)
    }
}
