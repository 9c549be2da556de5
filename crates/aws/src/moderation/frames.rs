//! Pictures of rejected videos: one item a video, read in order of change.

use super::digits;
use crate::dynamo::{Attr, Dynamo, Index, Item, Key, Projection, Query, Range, Read, Table};
use async_trait::async_trait;
use moderation::{FrameBlock, FrameBlockList, FrameHash};
use stdx::Fault;
use vocab::{Millis, VideoId};

const BY_CHANGE: Index = Index {
    name: "FrameBlocksByChange",
    hash: Attr::s("list"),
    range: Some(Attr::s("changed")),
    // Whoever follows the changes wants the pictures, and rejections are few.
    projection: Projection::All,
};

pub static FRAME_BLOCKS: Table =
    Table { name: "FrameBlocks", hash: Attr::s("video_id"), range: None, indexes: &[BY_CHANGE], ttl: None };

const LAYOUT: i64 = 1;
/// The one value of the hash key of `FrameBlocksByChange`.
const FRAMES: &str = "frames";
const HASH_BYTES: usize = 32;

#[derive(Debug, Clone)]
pub struct DynamoFrameBlockList(Dynamo);

impl DynamoFrameBlockList {
    pub fn new(dynamo: Dynamo) -> Self {
        Self(dynamo)
    }
}

fn changed(at: Millis, video: VideoId) -> String {
    format!("{}#{video}", digits(at))
}

fn item(entry: &FrameBlock) -> Item {
    let bytes = entry.hashes.iter().flat_map(|h| h.0).flat_map(u64::to_be_bytes).collect();
    Item::new(LAYOUT)
        .s("video_id", entry.video.to_string())
        .b("hashes", bytes)
        .s("reason_code", &entry.reason_code)
        .n("changed_at", entry.changed_at.0)
        .flag("lifted", entry.is_lifted)
        .s("list", FRAMES)
        .s("changed", changed(entry.changed_at, entry.video))
}

fn entry(item: &Item) -> Result<FrameBlock, Fault> {
    item.layout(LAYOUT)?;
    let bytes = item.get_b("hashes")?;
    if bytes.len() % HASH_BYTES != 0 {
        return Err(Fault::corrupt("a row ends in the middle of a hash"));
    }
    let part = |b: &[u8]| b.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let hash = |b: &[u8]| FrameHash([part(&b[..8]), part(&b[8..16]), part(&b[16..24]), part(&b[24..])]);
    Ok(FrameBlock {
        video: item.get_s("video_id")?.parse().map_err(Fault::corrupt)?,
        hashes: bytes.chunks_exact(HASH_BYTES).map(hash).collect(),
        reason_code: item.get_s("reason_code")?.to_owned(),
        changed_at: Millis(item.get_n("changed_at")?),
        is_lifted: item.get_flag("lifted"),
    })
}

#[async_trait]
impl FrameBlockList for DynamoFrameBlockList {
    async fn put(&self, entry: FrameBlock) -> Result<(), Fault> {
        self.0.put(&FRAME_BLOCKS, item(&entry)).await
    }

    async fn get(&self, video: VideoId) -> Result<Option<FrameBlock>, Fault> {
        let found = self.0.get(&FRAME_BLOCKS, &Key::of(video.to_string()), Read::Strong).await?;
        found.as_ref().map(entry).transpose()
    }

    async fn changed(&self, after: (Millis, VideoId), limit: usize) -> Result<Vec<FrameBlock>, Fault> {
        let range = Range::After(changed(after.0, after.1));
        let query = Query::of(&FRAME_BLOCKS, FRAMES, limit).index(&BY_CHANGE).range(range);
        self.0.query(query).await?.iter().map(entry).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    /// As the first version wrote it. It must be readable for ever.
    fn old() -> Item {
        Item::new(1)
            .s("video_id", "0fvnqs0g00005")
            .b("hashes", [[0u8; 31].as_slice(), &[7]].concat())
            .s("reason_code", "hate")
            .n("changed_at", 5)
            .flag("lifted", false)
            .s("list", "frames")
            .s("changed", "000000000000005#0fvnqs0g00005")
    }

    #[test]
    fn the_first_layout_is_still_read_and_written() {
        let read = entry(&old()).unwrap();
        assert_eq!((read.hashes.as_slice(), read.is_lifted), ([FrameHash([0, 0, 0, 7])].as_slice(), false));
        assert_eq!(item(&read), old());
    }

    #[test]
    fn a_later_layout_is_refused_and_a_broken_row_is_corrupt() {
        assert_eq!(entry(&old().n("v", 2)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(entry(&old().b("hashes", vec![1, 2, 3])).unwrap_err().kind, FaultKind::Corrupt);
        assert_eq!(entry(&old().without("hashes")).unwrap_err().kind, FaultKind::Corrupt);
    }
}
