//! What was done, for ever: entries written once, asked for by video, by action, or all.

use super::{digits, row};
use crate::dynamo::{Attr, Dynamo, Index, Projection, Query, Range, Table};
use futures::future::try_join_all;
use moderation::record::action;
use moderation::{Trail, TrailFilter};
use std::cmp::Reverse;
use stdx::Fault;
use vocab::Millis;

// An entry is written once: to carry all of it costs no more than to carry its keys.
const BY_VIDEO: Index = Index {
    name: "TrailByVideo",
    hash: Attr::s("video_id"),
    range: Some(Attr::s("at_id")),
    projection: Projection::All,
};
const BY_ACTION: Index = Index {
    name: "TrailByAction",
    hash: Attr::s("action"),
    range: Some(Attr::s("at_id")),
    projection: Projection::All,
};

pub static MODERATION_TRAIL: Table = Table {
    name: "ModerationTrail",
    hash: Attr::s("entry_id"),
    range: None,
    indexes: &[BY_VIDEO, BY_ACTION],
    ttl: None,
};

/// Entries of a video read at once where only one action of them is asked for.
const OF_A_VIDEO: usize = 100;

pub(super) async fn find(dynamo: &Dynamo, filter: &TrailFilter) -> Result<Vec<Trail>, Fault> {
    match (filter.video, &filter.action) {
        (Some(_), Some(action)) => of_video_and_action(dynamo, filter, action).await,
        (Some(video), None) => {
            let since = since(filter);
            page(dynamo, &BY_VIDEO, &video.to_string(), since, filter.limit).await
        }
        (None, Some(action)) => page(dynamo, &BY_ACTION, action, since(filter), filter.limit).await,
        (None, None) => {
            let asked = action::ALL.map(|a| page(dynamo, &BY_ACTION, a, since(filter), filter.limit));
            let mut all = try_join_all(asked).await?.concat();
            all.sort_by_cached_key(|t| Reverse((t.at, t.id.clone())));
            all.truncate(filter.limit);
            Ok(all)
        }
    }
}

fn since(filter: &TrailFilter) -> Range {
    filter.since.map_or(Range::All, |at| Range::From(digits(at)))
}

async fn page(
    dynamo: &Dynamo,
    index: &Index,
    hash: &str,
    range: Range,
    limit: usize,
) -> Result<Vec<Trail>, Fault> {
    let query = Query::of(&MODERATION_TRAIL, hash, limit).index(index).range(range).newest_first();
    dynamo.query(query).await?.iter().map(row::trail).collect()
}

/// A video has few entries: they are read until there are enough of the action.
async fn of_video_and_action(
    dynamo: &Dynamo,
    filter: &TrailFilter,
    action: &str,
) -> Result<Vec<Trail>, Fault> {
    let video = filter.video.map(|v| v.to_string()).unwrap_or_default();
    let lowest = digits(filter.since.unwrap_or(Millis(0)));
    let (mut found, mut range, mut seen) = (Vec::new(), since(filter), None);
    for _ in 0..dynamo.policy().pages_max {
        let mut entries = page(dynamo, &BY_VIDEO, &video, range, OF_A_VIDEO).await?;
        let last = entries.last().filter(|_| entries.len() == OF_A_VIDEO).map(|e| e.id.clone());
        let highest = entries.last().map(|e| row::at_id(e.at, &e.id)).unwrap_or_default();
        // Both ends of a range belong to it: the last entry comes again.
        entries.retain(|e| seen.as_ref() != Some(&e.id));
        found.extend(entries.into_iter().filter(|e| e.action == action));
        found.truncate(filter.limit);
        if last.is_none() || found.len() >= filter.limit {
            break;
        }
        (seen, range) = (last, Range::Between(lowest.clone(), highest));
    }
    Ok(found)
}
