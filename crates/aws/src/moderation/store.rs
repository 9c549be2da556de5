//! Records and trail behind their port.

use super::records::{self, BY_CONTENT, MODERATION, QUEUE, REVIEW};
use super::{row, trail};
use crate::dynamo::{Dynamo, Item, Put, Query, Range, Read};
use async_trait::async_trait;
use moderation::record::action;
use moderation::{ModerationRecord, ModerationStore, ModerationStoreError, Trail, TrailFilter};
use std::collections::HashMap;
use stdx::Fault;
use vocab::{Millis, VideoId};

#[derive(Debug, Clone)]
pub struct DynamoModerationStore(Dynamo);

type Result<T> = std::result::Result<T, ModerationStoreError>;

impl DynamoModerationStore {
    pub fn new(dynamo: Dynamo) -> Self {
        Self(dynamo)
    }

    /// The records that rows of an index name, in their order. The index names, the records decide: what left
    /// the queue is not answered while the index lags. Strong for that reason.
    async fn named(&self, rows: &[Item]) -> Result<Vec<ModerationRecord>> {
        let ids = rows.iter().map(video_of).collect::<std::result::Result<Vec<_>, Fault>>()?;
        let keys: Vec<_> = ids.iter().map(|id| records::key(*id)).collect();
        let items = self.0.get_many(&MODERATION, &keys, Read::Strong).await?;
        let mut found = HashMap::new();
        for item in &items {
            let video = video_of(item)?;
            let record = match records::whole(&self.0, video, item).await? {
                Some(record) => Some(record),
                None => records::get(&self.0, video).await?,
            };
            found.extend(record.map(|r| (video, r)));
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }
}

fn video_of(item: &Item) -> std::result::Result<VideoId, Fault> {
    item.get_s("video_id")?.parse().map_err(Fault::corrupt)
}

#[async_trait]
impl ModerationStore for DynamoModerationStore {
    async fn get(&self, video: VideoId) -> Result<Option<ModerationRecord>> {
        Ok(records::get(&self.0, video).await?)
    }

    async fn save(&self, record: ModerationRecord) -> Result<ModerationRecord> {
        records::save(&self.0, record).await
    }

    async fn by_content(&self, content_sha256: &str, limit: usize) -> Result<Vec<ModerationRecord>> {
        if content_sha256.is_empty() {
            // Bytes that nobody knows are the same as no others.
            return Ok(Vec::new());
        }
        let query = Query::of(&MODERATION, content_sha256, limit).index(&BY_CONTENT).newest_first();
        let mut found = self.named(&self.0.query(query).await?).await?;
        found.retain(|r| r.content_sha256 == content_sha256);
        Ok(found)
    }

    async fn waiting(&self, after: Option<(Millis, VideoId)>, limit: usize) -> Result<Vec<ModerationRecord>> {
        let (mut found, mut after) = (Vec::new(), after);
        // A short page is the end of the queue: one whose records have left asks for the next.
        for _ in 0..self.0.policy().pages_max {
            let asked = limit.saturating_sub(found.len());
            let range = after.map_or(Range::All, |(at, id)| Range::After(records::waiting_since(at, id)));
            let query = Query::of(&MODERATION, REVIEW, asked).index(&QUEUE).range(range);
            let rows = self.0.query(query).await?;
            let waits = |r: &ModerationRecord| r.waiting_since.is_some();
            found.extend(self.named(&rows).await?.into_iter().filter(waits));
            match rows.last() {
                Some(last) if rows.len() == asked && found.len() < limit => after = Some(place(last)?),
                _ => break,
            }
        }
        Ok(found)
    }

    async fn append(&self, entry: Trail) -> Result<()> {
        if !action::ALL.contains(&entry.action.as_str()) {
            // "All of the trail" is asked action by action: one that is not named there would be lost.
            let said = format!("the trail knows no action {:?}", entry.action);
            return Err(Fault::internal(said).into());
        }
        match self.0.put_new(&trail::MODERATION_TRAIL, row::trail_item(&entry)).await? {
            Put::Written | Put::Refused(_) => Ok(()),
        }
    }

    async fn trail(&self, filter: TrailFilter) -> Result<Vec<Trail>> {
        Ok(trail::find(&self.0, &filter).await?)
    }
}

fn place(row: &Item) -> std::result::Result<(Millis, VideoId), Fault> {
    let since = row.get_s("waiting_since")?;
    let (at, _) = since.split_once('#').ok_or_else(|| Fault::corrupt("a place without a video"))?;
    Ok((Millis(at.parse().map_err(Fault::corrupt)?), video_of(row)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_in_the_queue_is_read_as_it_was_written() {
        let (at, id) = (Millis(1_780_000_000_000), VideoId(7));
        let row =
            Item::default().s("video_id", id.to_string()).s("waiting_since", records::waiting_since(at, id));
        assert_eq!(place(&row).unwrap(), (at, id));
    }
}
