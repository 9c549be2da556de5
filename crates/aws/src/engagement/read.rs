//! Reading: totals, windows, the board. All eventually consistent: counts are shown, nothing hangs on them.

use super::board::{Board, HOT, ranked};
use super::row::{Partial, Scope, TOTALS, hours, warmer};
use super::store::DynamoEngagementStore;
use super::{ENGAGEMENT_AGG, ENGAGEMENT_SHARDS, ledger};
use crate::dynamo::{Item, Query, Range};
use ::engagement::impression::Counters;
use ::engagement::{Heat, Hour, Totals, Window};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeMap, HashMap};
use stdx::Fault;
use vocab::{Millis, VideoId};

type Result<T> = std::result::Result<T, Fault>;

/// Videos asked about at once. One question a video reads all its partials for half a unit.
const AT_ONCE: usize = 32;
/// Rows of one video and hour: shards and groups of leaves.
const ROWS_MAX: usize = 1_024;
/// Rows of one answer about windows.
const WINDOW_ROWS_MAX: usize = 20_000;

fn add_total(totals: &mut Totals, item: &Item) -> Result<()> {
    if ledger::is_ledger(item) {
        let (likes, shares) = ledger::sums(item)?;
        totals.likes += u64::try_from(likes).unwrap_or(0);
        totals.shares += u64::try_from(shares).unwrap_or(0);
        return Ok(());
    }
    let partial = Partial::of(item)?;
    totals.counters += partial.counters;
    totals.heat = warmer(totals.heat, partial.heat);
    for (sum, n) in totals.reached.iter_mut().zip(partial.reached) {
        *sum = sum.saturating_add(n);
    }
    Ok(())
}

impl DynamoEngagementStore {
    async fn total_of(&self, video: VideoId) -> Result<Totals> {
        let query = Query::of(&ENGAGEMENT_AGG, video.to_string(), ROWS_MAX);
        let rows = self.dynamo.query(query.range(Range::StartsWith(TOTALS.into()))).await?;
        let mut totals = Totals::default();
        rows.iter().try_for_each(|item| add_total(&mut totals, item))?;
        Ok(totals)
    }

    pub(super) async fn totals_of(&self, videos: &[VideoId]) -> Result<Vec<Totals>> {
        let jobs: Vec<_> = videos.iter().map(|v| self.total_of(*v)).collect();
        stream::iter(jobs).buffered(AT_ONCE).try_collect().await
    }

    pub(super) async fn windows_of(&self, video: VideoId, from: Hour, to: Hour) -> Result<Vec<Window>> {
        if from >= to {
            return Ok(Vec::new());
        }
        let (low, high) = hours(from, to);
        let query = Query::of(&ENGAGEMENT_AGG, video.to_string(), WINDOW_ROWS_MAX);
        let rows = self.dynamo.query(query.range(Range::Between(low, high))).await?;
        let mut by_hour: BTreeMap<Hour, Window> = BTreeMap::new();
        for item in rows {
            let Scope::Hour(hour) = Scope::of(&item) else { continue };
            let empty = Window { hour, counters: Counters::default(), likes: 0, shares: 0 };
            let window = by_hour.entry(hour).or_insert(empty);
            if ledger::is_ledger(&item) {
                let (likes, shares) = ledger::sums(&item)?;
                window.likes += likes;
                window.shares += shares;
            } else {
                window.counters += Partial::of(&item)?.counters;
            }
        }
        let says_something = |w: &Window| w.counters != Counters::default() || w.likes != 0 || w.shares != 0;
        Ok(by_hour.into_values().filter(says_something).collect())
    }

    /// Sums the boards of the shards: a video that is among the hottest of none is not seen.
    pub(super) async fn hottest(&self, now: Millis, limit: usize) -> Result<Vec<(VideoId, Heat)>> {
        let boards = self.dynamo.query(Query::of(&ENGAGEMENT_SHARDS, HOT, ROWS_MAX)).await?;
        let mut heats: HashMap<VideoId, Heat> = HashMap::new();
        for board in &boards {
            for (video, heat) in Board::of_seen(Some(board))?.0 {
                let sum = heats.entry(video).or_default();
                *sum = warmer(*sum, heat);
            }
        }
        let mut all = ranked(heats, now, &self.policy);
        all.truncate(limit);
        Ok(all)
    }
}
