//! Videos and the user library in DynamoDB.
//!
//! # Table `Videos`
//!
//! `PK = video_id` (13 characters of base32), `SK = sk`, always `const`. One item a video, the seed's
//! attributes beside the whole record:
//!
//! | attribute | type | what |
//! |---|---|---|
//! | `video_id`, `sk` | S | the key |
//! | `owner_id` | S | user id; absent once the video is removed or erased |
//! | `created_at` | N | milliseconds since 1970; the fraction is the random part of the id, so that the order is the ids' |
//! | `status` | S | the word of the status |
//! | `moderation_verdict` | S | `approve`, `reject`, `escalate`; absent before there is one |
//! | `duration` | N | milliseconds of the package |
//! | `ladder_profile` | S | short sides of the rungs, start rung first: `360,240,540` |
//! | `poster_path`, `sprite_path` | S | public paths of the package's pictures |
//! | `place`, `since` | S | where it stands in the index below; absent while it is reserved |
//! | `body` | S or B | the record as JSON without nulls, deflated (zlib) where it is long |
//! | `draft` | S or B | the same, in its stead, while the video is reserved or in the pipeline |
//! | `v`, `w` | N, S | layout, token of the last write |
//!
//! Index **`VideosByUser`** (`owner_id`, `created_at`) carries `body`: a page of an owner's videos is one
//! query. It does not carry `draft`, so no step of the pipeline writes it; records in the pipeline are read after
//! the query, in one batch. A removed video has no `owner_id` and is not in it.
//!
//! Index **`VideosByPlace`** (`place`, `since`) carries keys only. `place` is a word and a shard,
//! `flight#3`; `since` is `<milliseconds, 15 digits>#<video id>`. See [`places`] for the words, and for
//! why five statuses share one.
//!
//! # Table `UserLibrary`
//!
//! `PK = user_id`, `SK = sk`. Two items for each video on a shelf:
//!
//! | `sk` | what |
//! |---|---|
//! | `<shelf>#<created_at>#<video_id>` | the seed's row: its place in the list (`created_at`, `video_id` as attributes too) |
//! | `<shelf>#<yyyy-mm-dd>#<created_at>#<video_id>` | the same where the table is bucketed by day |
//! | `on#<shelf>#<video_id>` | that it stands there, and since when (`created_at`): the truth |
//!
//! `shelf` is `likes`, `saves` or `history`; `created_at` in keys has 15 digits. See [`library`] for how
//! the two stay together without a transaction.

pub mod library;
pub mod places;
pub mod row;
pub mod videos;

pub use library::{DynamoLibraryStore, USER_LIBRARY};
pub use videos::{DynamoVideoStore, VIDEOS};

use crate::dynamo::Table;

/// Every table of the room.
pub const TABLES: &[&Table] = &[&VIDEOS, &USER_LIBRARY];

/// A time as it stands in a key: fixed width, so that text order is time order until the year 33658.
pub(crate) fn digits(at: vocab::Millis) -> String {
    const LAST: i64 = 999_999_999_999_999;
    format!("{:015}", at.0.clamp(0, LAST))
}
