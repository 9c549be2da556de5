//! Moderation's records, trail and block list in DynamoDB.
//!
//! # Table `Moderation`
//!
//! `PK = video_id`, `SK = sk`: `record` for the judgement of a video, `part#<token>#<n>` for pieces of one
//! that is too large for an item (see [`records`]).
//!
//! | attribute | type | what |
//! |---|---|---|
//! | `revision` | N | as in the record: the condition of every save |
//! | `content_sha256` | S | of the bytes judged; absent where they are unknown |
//! | `queue`, `waiting_since` | S | `review` and `<milliseconds, 15 digits>#<video id>` while it waits for a person |
//! | `body` | S or B | the record as JSON without nulls, deflated (zlib) where it is long; or |
//! | `parts`, `token` | N, S | in how many pieces it stands, and under which token |
//!
//! Index **`ModerationByContent`** (`content_sha256`, `video_id`) and index **`ModerationQueue`** (`queue`,
//! `waiting_since`) carry keys only: both name records, which are read after. The queue is one partition: it takes
//! a thousand entries a second, and people empty it.
//!
//! # Table `ModerationTrail`
//!
//! `PK = entry_id`: an entry is written once. Attributes `at` (N), `by`, `action`, `detail`, `video_id`, and `at_id`
//! (`<milliseconds, 15 digits>#<entry id>`). Index **`TrailByVideo`** (`video_id`, `at_id`) and index
//! **`TrailByAction`** (`action`, `at_id`) carry everything. "All of it" is asked of each action, and merged.
//!
//! # Table `BlockList`
//!
//! `PK = content_sha256`. Attributes `reason_code`, `note`, `added_at` (N), `added_by`, `video_id`; `list` (always
//! `blocked`) and `added` (`<milliseconds, 15 digits>#<hash>`) are the keys of index **`BlockListByTime`**.
//!
//! # Table `FrameBlocks`
//!
//! `PK = video_id` of a rejected video. Attributes `hashes` (B, 32 bytes a picture), `reason_code`, `changed_at` (N),
//! `lifted` (BOOL); `list` (always `frames`) and `changed` (`<milliseconds, 15 digits>#<video id>`) are the keys of
//! index **`FrameBlocksByChange`**, which workers follow: nobody searches among pictures in the table.

pub mod blocks;
pub mod frames;
pub mod records;
pub mod row;
pub mod store;
pub mod trail;

pub use blocks::{BLOCK_LIST, DynamoBlockList};
pub use frames::{DynamoFrameBlockList, FRAME_BLOCKS};
pub use records::MODERATION;
pub use store::DynamoModerationStore;
pub use trail::MODERATION_TRAIL;

use crate::dynamo::Table;
use vocab::Millis;

/// Every table of the room.
pub const TABLES: &[&Table] = &[&MODERATION, &MODERATION_TRAIL, &BLOCK_LIST, &FRAME_BLOCKS];

/// A time as it stands in a key: fixed width, so that text order is time order.
fn digits(at: Millis) -> String {
    const LAST: i64 = 999_999_999_999_999;
    format!("{:015}", at.0.clamp(0, LAST))
}
