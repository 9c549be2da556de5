//! Counters, windows, impressions and reactions in DynamoDB.
//!
//! **A fold is one step made of many writes**, none of which needs another to be right:
//!
//! 1. *Partials* (`EngagementAgg`): one row a video, hour and shard, and one a video and shard since birth.
//!    Each says up to which offset it is folded (`folded_to`) and takes from a stretch only what lies
//!    beyond. A stretch that comes again, in whole or cut elsewhere, finds the partials that have it.
//! 2. *The board* of the shard: a copy of the hottest partials.
//! 3. *Impressions*: the join of a showing's events, which may be joined any number of times.
//! 4. *The offset* of the shard.
//!
//! What a partial gains is the difference its impressions make: their contribution at the end of the
//! stretch less that at `folded_to`, both computed from the stored joins and the events of the stretch.
//! That is exact wherever the step before was killed, because a stored join is never ahead of a partial:
//! all partials that a stretch moves are written before the first of its impressions, and a partial
//! counts as moved when *any* event of the stretch changes what a showing adds to it, even if a later
//! one changes it back. Every row is written on condition of what was read of it, so two consumers of
//! one shard waste work and nothing else.
//!
//! **Reactions** are sets, split by viewer into leaves; a leaf is one row and knows its size. Sums over
//! leaves repeat the sizes with the number of the change they stem from, so an old size never replaces a
//! new one and repeating is harmless; a leaf names the sums its last change has to reach, and whoever
//! comes next completes them.

mod board;
mod fold;
mod impression_row;
mod leaf;
mod ledger;
mod paths;
mod reactions;
mod read;
mod row;
mod store;

pub use store::DynamoEngagementStore;

use crate::dynamo::{Attr, Table};

/// `window` = `total#s…`, `window#yyyy-mm-ddThh#s…`: what a shard of the log adds; `…#r…`: reactions.
pub static ENGAGEMENT_AGG: Table = Table {
    name: "EngagementAgg",
    hash: Attr::s("video_id"),
    range: Some(Attr::s("window")),
    indexes: &[],
    ttl: None,
};

/// `part` = `folded`: the next offset of a shard; `hot`: its board.
pub static ENGAGEMENT_SHARDS: Table = Table {
    name: "EngagementShards",
    hash: Attr::s("part"),
    range: Some(Attr::n("shard")),
    indexes: &[],
    ttl: None,
};

/// Showings that may still grow.
pub static IMPRESSIONS: Table = Table {
    name: "Impressions",
    hash: Attr::s("impression"),
    range: None,
    indexes: &[],
    ttl: Some("expires_at"),
};

/// What a viewer may have reacted to: never less than what they did.
pub static REACTIONS: Table = Table {
    name: "Reactions",
    hash: Attr::s("user_id"),
    range: Some(Attr::s("reaction")),
    indexes: &[],
    ttl: None,
};

/// The leaves: who has a reaction on a video.
pub static REACTION_SETS: Table =
    Table { name: "ReactionSets", hash: Attr::s("set"), range: None, indexes: &[], ttl: None };

pub const TABLES: &[&Table] =
    &[&ENGAGEMENT_AGG, &ENGAGEMENT_SHARDS, &IMPRESSIONS, &REACTIONS, &REACTION_SETS];
