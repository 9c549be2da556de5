//! What was seen and refused.
//!
//! **Sightings are a log.** New ones stand in the head row; when those are many they are written as a log
//! row under a name nobody else uses, and then taken out of the head on condition that nobody wrote it.
//! Killed in between, they stand in both, and the latest sighting counts, so twice is once. A log row
//! whose writer lost that race repeats what others keep and is swept with the next compaction, which
//! writes everything anew before it deletes what it read. A reader reads the head first and the log after.

use super::seen_row::{HEAD, Head, LOG, NO, No, Sightings, key, log_item, log_of, log_part, note};
use super::{Notes, SEEN};
use crate::dynamo::{Dynamo, Item, Put, Query, Race, Range, Read, Write};
use ::feed::{FeedPolicy, Refusal, Refusals, SeenStore};
use async_trait::async_trait;
use std::collections::HashSet;
use std::sync::Arc;
use stdx::Fault;
use vocab::{Millis, UserId, VideoId};

/// Sightings in the head: written with every mark, read with every page.
const RECENT_MAX: usize = 64;
/// Sightings in one log row: some 60 KB.
const LOG_ROW_MAX: usize = 4_000;
/// Log rows after which they are written anew as one.
const COMPACT_EVERY: u64 = 32;
/// Log rows of one viewer that are read; compaction keeps them far below.
const LOG_ROWS_MAX: usize = 1_000;
/// Refusals of one kind: 8 bytes each in one row.
const REFUSALS_MAX: usize = 4_000;
/// Viewers whose log is kept in process.
const VIEWERS_MAX: usize = 2_000;

type Result<T> = std::result::Result<T, Fault>;

/// How much is remembered (and up to 64 more, those in the head), and for how long after the last sighting.
#[derive(Debug, Clone, Copy)]
pub struct SeenRules {
    pub seen_max: usize,
    pub kept: Millis,
}

impl From<&FeedPolicy> for SeenRules {
    fn from(p: &FeedPolicy) -> Self {
        Self { seen_max: p.seen_max, kept: Millis(p.seen_ttl.0.saturating_mul(4)) }
    }
}

impl Default for SeenRules {
    fn default() -> Self {
        Self::from(&FeedPolicy::default())
    }
}

/// The log as of its row `last`.
#[derive(Debug, Clone)]
struct Log {
    last: String,
    seen: Arc<Sightings>,
}

/// A viewer's log as it was read.
#[derive(Debug, Default)]
struct Rows {
    parts: Vec<String>,
    seen: Sightings,
}

/// What came of a mark.
enum Marked {
    Noted,
    /// There are log rows enough to write them anew.
    Enough,
}

#[derive(Debug)]
pub struct DynamoSeenStore {
    dynamo: Dynamo,
    rules: SeenRules,
    logs: Notes<Log>,
}

/// The latest `max`; which those are only ever moves forward, so what fell out stays out.
fn capped(mut seen: Sightings, max: usize) -> Sightings {
    if seen.len() > max {
        let mut all: Vec<(Millis, VideoId)> = seen.drain().map(|(v, at)| (at, v)).collect();
        all.sort_unstable();
        seen.extend(all.drain(all.len() - max..).map(|(at, v)| (v, at)));
    }
    seen
}

fn join(into: &mut Sightings, from: &Sightings) {
    for (video, at) in from {
        note(into, *video, *at);
    }
}

impl DynamoSeenStore {
    pub fn new(dynamo: Dynamo, rules: SeenRules) -> Self {
        Self { dynamo, rules, logs: Notes::new(VIEWERS_MAX) }
    }

    async fn head(&self, viewer: UserId, read: Read) -> Result<(Option<Item>, Head)> {
        let item = self.dynamo.get(&SEEN, &key(viewer, HEAD), read).await?;
        let head = Head::of_seen(item.as_ref())?;
        Ok((item, head))
    }

    async fn rows(&self, viewer: UserId, read: Read) -> Result<Rows> {
        let query = Query::of(&SEEN, viewer.to_string(), LOG_ROWS_MAX);
        let mut query = query.range(Range::StartsWith(LOG.into()));
        query.read = read;
        let mut rows = Rows::default();
        for item in self.dynamo.query(query).await? {
            rows.parts.push(item.get_s("part")?.to_owned());
            join(&mut rows.seen, &log_of(&item)?);
        }
        Ok(rows)
    }

    /// The log at least as of what the head names; from memory where nothing was sealed since.
    async fn log(&self, viewer: UserId, head: &Head) -> Result<Arc<Sightings>> {
        if head.last.is_empty() {
            return Ok(Arc::default());
        }
        // Names grow with time: a head read from a lagging copy may be older than what is remembered.
        if let Some(log) = self.logs.get(viewer).filter(|log| log.last >= head.last) {
            return Ok(log.seen);
        }
        let mut rows = self.rows(viewer, Read::Eventual).await?;
        if !rows.parts.contains(&head.last) {
            // A lagging copy, or the row was compacted away since.
            rows = self.rows(viewer, Read::Strong).await?;
        }
        let seen = Arc::new(capped(rows.seen, self.rules.seen_max));
        self.logs.put(viewer, Log { last: head.last.clone(), seen: Arc::clone(&seen) });
        Ok(seen)
    }

    /// Writes sightings as log rows; answers the number and the name of the last one.
    async fn seal(&self, viewer: UserId, from: u64, seen: &Sightings) -> Result<(u64, String)> {
        let mut all: Vec<(Millis, VideoId)> = seen.iter().map(|(v, at)| (*at, *v)).collect();
        all.sort_unstable();
        let (mut number, mut last) = (from, String::new());
        for chunk in all.chunks(LOG_ROW_MAX) {
            number += 1;
            last = log_part(number, self.dynamo.entropy().u64());
            let chunk = chunk.iter().map(|(at, v)| (*v, *at)).collect();
            self.dynamo.put(&SEEN, log_item(viewer, &last, &chunk, self.rules.kept)).await?;
        }
        Ok((number, last))
    }

    async fn put_head(&self, viewer: UserId, head: &Head, seen: Option<&Item>) -> Result<bool> {
        let item = head.item(viewer, self.rules.kept);
        let put = match seen {
            Some(seen) => self.dynamo.replace(&SEEN, item, seen).await?,
            None => self.dynamo.put_new(&SEEN, item).await?,
        };
        Ok(put == Put::Written)
    }

    /// Notes sightings in the head, or seals it. `None`: somebody was in between.
    async fn mark_once(&self, viewer: UserId, new: &[(VideoId, Millis)]) -> Result<Option<Marked>> {
        let (item, mut head) = self.head(viewer, Read::Strong).await?;
        let mut news = false;
        for (video, at) in new {
            news |= note(&mut head.recent, *video, *at);
        }
        if !news {
            return Ok(Some(Marked::Noted));
        }
        let sealed = head.sealed;
        if head.recent.len() > RECENT_MAX {
            (head.sealed, head.last) = self.seal(viewer, head.sealed, &head.recent).await?;
            head.recent.clear();
        }
        let written = self.put_head(viewer, &head, item.as_ref()).await?;
        let passed = head.sealed / COMPACT_EVERY > sealed / COMPACT_EVERY;
        Ok(written.then_some(if passed { Marked::Enough } else { Marked::Noted }))
    }

    /// Writes the log anew without what fell out of the cap. Losing a race leaves rows that say nothing new.
    async fn compact(&self, viewer: UserId) -> Result<()> {
        let (item, mut head) = self.head(viewer, Read::Strong).await?;
        // Strong: what is not read here is not in the new rows, but only what is read here is deleted.
        let old = self.rows(viewer, Read::Strong).await?;
        let live = capped(old.seen, self.rules.seen_max);
        (head.sealed, head.last) = self.seal(viewer, head.sealed, &live).await?;
        if self.put_head(viewer, &head, item.as_ref()).await? {
            let keys: Vec<_> = old.parts.iter().map(|p| key(viewer, p)).collect();
            self.dynamo.delete_many(&SEEN, &keys).await?;
        }
        Ok(())
    }

    /// Changes the refusals when `change` says so.
    async fn change_no(&self, viewer: UserId, mut change: impl FnMut(&mut No) -> bool + Send) -> Result<()> {
        self.dynamo
            .change(&SEEN, &key(viewer, NO), |seen| {
                let mut no = No::of_seen(seen)?;
                let write = if change(&mut no) { Write::Put(no.item(viewer)) } else { Write::Keep };
                Ok((write, ()))
            })
            .await
    }

    /// Everything of `from` into `into`, then away with it; the head last and only as it was read, so
    /// that a mark that came in between is found by another round.
    async fn merge_once(&self, from: UserId, into: UserId) -> Result<Option<()>> {
        let (item, head) = self.head(from, Read::Strong).await?;
        let rows = self.rows(from, Read::Strong).await?;
        let mut seen = rows.seen;
        join(&mut seen, &head.recent);
        let seen: Vec<_> = capped(seen, self.rules.seen_max).into_iter().collect();
        if !seen.is_empty() {
            self.mark(into, &seen).await?;
        }
        let no_item = self.dynamo.get(&SEEN, &key(from, NO), Read::Strong).await?;
        let no = No::of_seen(no_item.as_ref())?;
        let add_all = |all: &mut No| no.all().filter(|what| all.add(*what, REFUSALS_MAX)).count() > 0;
        self.change_no(into, add_all).await?;
        let keys: Vec<_> = rows.parts.iter().map(|p| key(from, p)).collect();
        self.dynamo.delete_many(&SEEN, &keys).await?;
        for (part, item) in [(NO, no_item), (HEAD, item)] {
            let Some(item) = item else { continue };
            if self.dynamo.delete_seen(&SEEN, &key(from, part), &item).await? != Put::Written {
                return Ok(None);
            }
        }
        self.logs.take(from);
        Ok(Some(()))
    }
}

#[async_trait]
impl SeenStore for DynamoSeenStore {
    async fn mark(&self, viewer: UserId, seen: &[(VideoId, Millis)]) -> Result<()> {
        if seen.is_empty() {
            return Ok(());
        }
        let mut race = Race::new(&self.dynamo);
        loop {
            match self.mark_once(viewer, seen).await? {
                Some(Marked::Enough) => return self.compact(viewer).await,
                Some(Marked::Noted) => return Ok(()),
                None => race.lost(&SEEN).await?,
            }
        }
    }

    /// Eventually consistent, half a unit where the log is in memory: sightings come through the event
    /// log, seconds after the fact, so a lagging copy adds nothing a page could notice.
    async fn among(&self, viewer: UserId, videos: &[VideoId], since: Millis) -> Result<HashSet<VideoId>> {
        if videos.is_empty() {
            return Ok(HashSet::new());
        }
        let (_, head) = self.head(viewer, Read::Eventual).await?;
        let log = self.log(viewer, &head).await?;
        let seen =
            |v: &&VideoId| [head.recent.get(v), log.get(v)].into_iter().flatten().any(|at| *at >= since);
        Ok(videos.iter().filter(seen).copied().collect())
    }

    async fn refuse(&self, viewer: UserId, what: Refusal, _at: Millis) -> Result<()> {
        self.change_no(viewer, |no| no.add(what, REFUSALS_MAX)).await
    }

    async fn forgive(&self, viewer: UserId, what: Refusal) -> Result<()> {
        self.change_no(viewer, |no| no.remove(what)).await
    }

    /// Strong: who said "not this creator" must not see them on the next page, whichever process makes it.
    async fn refusals(&self, viewer: UserId) -> Result<Refusals> {
        let item = self.dynamo.get(&SEEN, &key(viewer, NO), Read::Strong).await?;
        Ok(No::of_seen(item.as_ref())?.refusals())
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<()> {
        if from == into {
            return Ok(());
        }
        let mut race = Race::new(&self.dynamo);
        while self.merge_once(from, into).await?.is_none() {
            race.lost(&SEEN).await?;
        }
        Ok(())
    }
}
