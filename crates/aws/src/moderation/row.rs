//! Entries of the trail and of the block list as items.

use super::digits;
use crate::dynamo::Item;
use moderation::{BlockEntry, Trail};
use stdx::Fault;
use vocab::{Millis, VideoId};

const LAYOUT: i64 = 1;

/// The one value of the hash key of `BlockListByTime`.
pub const BLOCKED: &str = "blocked";

fn video_id(item: &Item) -> Result<Option<VideoId>, Fault> {
    item.opt_s("video_id").map(|id| id.parse().map_err(Fault::corrupt)).transpose()
}

/// The range key of the trail's indexes.
pub fn at_id(at: Millis, id: &str) -> String {
    format!("{}#{id}", digits(at))
}

pub fn trail_item(entry: &Trail) -> Item {
    Item::new(LAYOUT)
        .s("entry_id", &entry.id)
        .n("at", entry.at.0)
        .s("at_id", at_id(entry.at, &entry.id))
        .s("by", &entry.by)
        .s("action", &entry.action)
        .s("detail", &entry.detail)
        .maybe_s("video_id", entry.video.map(|id| id.to_string()))
}

pub fn trail(item: &Item) -> Result<Trail, Fault> {
    item.layout(LAYOUT)?;
    Ok(Trail {
        id: item.get_s("entry_id")?.to_owned(),
        at: Millis(item.get_n("at")?),
        by: item.get_s("by")?.to_owned(),
        action: item.get_s("action")?.to_owned(),
        video: video_id(item)?,
        detail: item.get_s("detail")?.to_owned(),
    })
}

/// The range key of `BlockListByTime`.
pub fn added(at: Millis, content_sha256: &str) -> String {
    format!("{}#{content_sha256}", digits(at))
}

pub fn block_item(entry: &BlockEntry) -> Item {
    Item::new(LAYOUT)
        .s("content_sha256", &entry.content_sha256)
        .s("reason_code", &entry.reason_code)
        .s("note", &entry.note)
        .n("added_at", entry.added_at.0)
        .s("added_by", &entry.added_by)
        .maybe_s("video_id", entry.video.map(|id| id.to_string()))
        .s("list", BLOCKED)
        .s("added", added(entry.added_at, &entry.content_sha256))
}

pub fn block(item: &Item) -> Result<BlockEntry, Fault> {
    item.layout(LAYOUT)?;
    Ok(BlockEntry {
        content_sha256: item.get_s("content_sha256")?.to_owned(),
        reason_code: item.get_s("reason_code")?.to_owned(),
        note: item.get_s("note")?.to_owned(),
        added_at: Millis(item.get_n("added_at")?),
        added_by: item.get_s("added_by")?.to_owned(),
        video: video_id(item)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    /// As the first version wrote them. They must be readable for ever.
    fn old_trail() -> Item {
        Item::new(1)
            .s("entry_id", "0fvnqs0g00005:0")
            .n("at", 1_780_000_000_000)
            .s("at_id", "001780000000000#0fvnqs0g00005:0")
            .s("by", "classifier")
            .s("action", "judge")
            .s("detail", "Approve")
            .s("video_id", "0fvnqs0g00005")
    }

    fn old_block() -> Item {
        Item::new(1)
            .s("content_sha256", "ab")
            .s("reason_code", "hate")
            .s("note", "")
            .n("added_at", 5)
            .s("added_by", "0000000000009")
            .s("list", "blocked")
            .s("added", "000000000000005#ab")
    }

    #[test]
    fn the_first_layout_is_still_read_and_written() {
        let entry = trail(&old_trail()).unwrap();
        assert_eq!((entry.action.as_str(), entry.at), ("judge", Millis(1_780_000_000_000)));
        assert_eq!(trail_item(&entry), old_trail());
        let entry = block(&old_block()).unwrap();
        assert_eq!((entry.video, entry.added_at), (None, Millis(5)));
        assert_eq!(block_item(&entry), old_block());
    }

    #[test]
    fn a_later_layout_is_refused_and_a_broken_row_is_corrupt() {
        assert_eq!(trail(&old_trail().n("v", 2)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(block(&old_block().n("v", 2)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(trail(&old_trail().s("video_id", "?")).unwrap_err().kind, FaultKind::Corrupt);
        assert_eq!(block(&old_block().without("note")).unwrap_err().kind, FaultKind::Corrupt);
    }
}
