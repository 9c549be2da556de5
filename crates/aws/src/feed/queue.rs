//! Warm queues: one row a viewer that is read and written whole, and a ring behind it.
//!
//! **Why two rows keep the promises of one.** A page is popped and recorded by one conditional write of
//! the queue row, which holds every page given since the last fill. A fill that would make the row too
//! large first copies older pages into the ring row and only then drops them from the queue row: killed
//! in between, the pages stand in both, and a page is known by its turn, so twice is once. The ring is
//! written on condition of what was read of it, so nobody's copy is lost. Reading goes queue row first,
//! ring second: what left the first after it was read is in the second by then.
//!
//! **A look reads eventually** where the row is the one this process wrote or read strongly last, known by
//! its write token; any other row is read again, strongly. So a process sees its own writes, and a row that
//! another one wrote a moment ago costs at most a refused write: what is given is decided by its condition.

use super::row::{QUEUE, QueueRow, RING, Ringed, key, ring_item, ring_of};
use super::{FEED_CACHE, Notes};
use crate::dynamo::{Dynamo, Item, Put, Query, Race, Read, Write};
use ::feed::{GivenPage, QueueParts, QueueRules, Queued, Take, Taken, Turn, ViewerQueue, Waiting, WarmQueue};
use async_trait::async_trait;
use std::collections::HashSet;
use stdx::Fault;
use vocab::{Millis, UserId};

/// Ids in the queue row beyond which older pages go into the ring: what fits into two write units.
const ROW_IDS_MAX: usize = 220;
/// Given ids that stay in the queue row: a look tells the last twenty.
const ROW_RECENT: usize = 20;
/// Viewers whose last look is remembered until their take.
const LOOKS_MAX: usize = 4_096;
/// Viewers whose row is known by its token.
const KNOWN_MAX: usize = 50_000;

/// What a look found: the take of the same turn writes on condition of it and need not read again.
#[derive(Debug)]
struct Looked {
    turn: Turn,
    row: Item,
}

#[derive(Debug)]
pub struct DynamoWarmQueue {
    dynamo: Dynamo,
    rules: QueueRules,
    looks: Notes<Looked>,
    /// The token of the row as this process read it strongly or wrote it last.
    known: Notes<String>,
}

type Result<T> = std::result::Result<T, Fault>;

/// Both rows of a viewer as they were read.
struct Found {
    queue_item: Option<Item>,
    ring_item: Option<Item>,
    row: QueueRow,
    ring: Vec<GivenPage>,
}

impl Found {
    fn of(queue_item: Option<Item>, ring_item: Option<Item>) -> Result<Self> {
        let row = QueueRow::of_seen(queue_item.as_ref())?;
        let ring = ring_of(ring_item.as_ref())?;
        Ok(Self { queue_item, ring_item, row, ring })
    }

    /// One queue of both rows.
    fn whole(&self, rules: &QueueRules) -> ViewerQueue {
        ViewerQueue::of_parts(QueueParts { pages: self.pages(), ..self.row.parts.clone() }, rules)
    }

    /// The pages of both, a turn once, oldest first.
    fn pages(&self) -> Vec<GivenPage> {
        let in_row: HashSet<Turn> = self.row.parts.pages.iter().map(|p| p.turn).collect();
        let older = self.ring.iter().filter(|p| !in_row.contains(&p.turn));
        let mut pages: Vec<GivenPage> = older.chain(&self.row.parts.pages).cloned().collect();
        pages.sort_by_key(|p| p.at);
        pages
    }

    /// The pages of a changed `whole` that belong into the queue row: all but those of the ring alone.
    fn for_row(&self, pages: Vec<GivenPage>) -> Vec<GivenPage> {
        let in_row: HashSet<Turn> = self.row.parts.pages.iter().map(|p| p.turn).collect();
        let ringed: HashSet<Turn> = self.ring.iter().map(|p| p.turn).collect();
        pages.into_iter().filter(|p| in_row.contains(&p.turn) || !ringed.contains(&p.turn)).collect()
    }
}

fn ids(pages: &[GivenPage]) -> usize {
    pages.iter().map(|p| p.items.len()).sum()
}

impl DynamoWarmQueue {
    pub fn new(dynamo: Dynamo, rules: QueueRules) -> Self {
        Self { dynamo, rules, looks: Notes::new(LOOKS_MAX), known: Notes::new(KNOWN_MAX) }
    }

    /// The queue row as it stands.
    async fn strongly(&self, viewer: UserId) -> Result<Option<Item>> {
        let row = self.dynamo.get(&FEED_CACHE, &key(viewer, QUEUE), Read::Strong).await?;
        self.knows(viewer, row.as_ref())?;
        Ok(row)
    }

    fn knows(&self, viewer: UserId, row: Option<&Item>) -> Result<()> {
        match row {
            Some(row) => self.known.put(viewer, row.written()?.to_owned()),
            None => drop(self.known.take(viewer)),
        }
        Ok(())
    }

    /// The queue row, no older than what this process knows of it.
    async fn at_half_price(&self, viewer: UserId) -> Result<Option<Item>> {
        let Some(known) = self.known.get(viewer) else { return self.strongly(viewer).await };
        let row = self.dynamo.get(&FEED_CACHE, &key(viewer, QUEUE), Read::Eventual).await?;
        match row {
            Some(row) if row.written()? == known => Ok(Some(row)),
            _ => self.strongly(viewer).await,
        }
    }

    /// The queue row, and the ring where the turn may be in it.
    async fn find(&self, viewer: UserId, turn: Turn, queue_item: Option<Item>) -> Result<Found> {
        let row = QueueRow::of_seen(queue_item.as_ref())?;
        let ring_item = if row.ringed.may_have(turn) {
            self.dynamo.get(&FEED_CACHE, &key(viewer, RING), Read::Strong).await?
        } else {
            None
        };
        Found::of(queue_item, ring_item)
    }

    /// Both rows, `queue` before `ring`. Strong: a fill must leave out what was just served.
    async fn find_all(&self, viewer: UserId) -> Result<Found> {
        let rows = self.dynamo.query(Query::of(&FEED_CACHE, viewer.to_string(), 2).strong()).await?;
        let (mut queue_item, mut ring_item) = (None, None);
        for row in rows {
            match row.get_s("part")? {
                QUEUE => queue_item = Some(row),
                RING => ring_item = Some(row),
                other => return Err(Fault::corrupt(format!("a FeedCache row {other:?}"))),
            }
        }
        Found::of(queue_item, ring_item)
    }

    /// Writes the queue row as it was found.
    async fn write(&self, viewer: UserId, row: &QueueRow, found: &Found) -> Result<bool> {
        let (item, token) = (row.item(viewer, &self.rules), self.dynamo.token());
        let written = self.put(item, found.queue_item.as_ref(), &token).await;
        match written {
            Ok(true) => self.known.put(viewer, token),
            // Somebody was faster, or nobody knows.
            _ => drop(self.known.take(viewer)),
        }
        written
    }

    async fn put(&self, item: Item, seen: Option<&Item>, token: &str) -> Result<bool> {
        Ok(self.dynamo.put_as(&FEED_CACHE, item, seen, token).await? == Put::Written)
    }

    /// Takes from a row as it was seen. `None`: somebody wrote it since.
    async fn take_from(&self, viewer: UserId, take: &Take, found: &Found) -> Result<Option<Taken>> {
        let mut queue = found.whole(&self.rules);
        let (taken, given) = queue.take(take, &self.rules);
        if given.is_none() {
            return Ok(Some(taken));
        }
        let mut parts = queue.into_parts();
        parts.pages = found.for_row(parts.pages);
        let row = QueueRow { parts, ringed: found.row.ringed.clone() };
        let written = self.write(viewer, &row, found).await?;
        Ok(written.then_some(taken))
    }

    /// The take on what its look saw, one write and no read. Only a page that was written counts: an
    /// empty or a repeated one may stand on a row that is old.
    async fn take_looked(&self, viewer: UserId, take: &Take) -> Result<Option<Taken>> {
        let Some(looked) = self.looks.take(viewer).filter(|l| l.turn == take.turn) else { return Ok(None) };
        let found = Found::of(Some(looked.row), None)?;
        let taken = self.take_from(viewer, take, &found).await?;
        Ok(taken.filter(|t| !t.replayed && !t.page.is_empty()))
    }

    /// Moves pages that are too many for the queue row into the ring; answers the row without them.
    /// `None`: somebody wrote the ring since.
    async fn spilled(&self, viewer: UserId, queue: ViewerQueue, found: &Found) -> Result<Option<QueueRow>> {
        let mut parts = queue.into_parts();
        let in_row = found.for_row(parts.pages.clone());
        if parts.waiting.len() + ids(&in_row) <= ROW_IDS_MAX {
            parts.pages = in_row;
            return Ok(Some(QueueRow { parts, ringed: found.row.ringed.clone() }));
        }
        let (mut recent, mut from) = (0, parts.pages.len());
        while from > 0 && recent < ROW_RECENT {
            from -= 1;
            recent += parts.pages[from].items.len();
        }
        let kept = parts.pages.split_off(from);
        let ring = std::mem::replace(&mut parts.pages, kept);
        let item = ring_item(viewer, &ring, &self.rules);
        if !self.put(item, found.ring_item.as_ref(), &self.dynamo.token()).await? {
            return Ok(None);
        }
        Ok(Some(QueueRow { parts, ringed: Ringed::of(&ring) }))
    }

    async fn fill_once(
        &self,
        viewer: UserId,
        generation: u64,
        items: Vec<Queued>,
        now: Millis,
    ) -> Result<Option<usize>> {
        let found = self.find_all(viewer).await?;
        let mut queue = found.whole(&self.rules);
        let added = queue.fill(generation, items, now, &self.rules);
        if added == 0 {
            return Ok(Some(0));
        }
        let Some(row) = self.spilled(viewer, queue, &found).await? else { return Ok(None) };
        let written = self.write(viewer, &row, &found).await?;
        Ok(written.then_some(added))
    }

    /// All guest pages go into the queue row, together with the new generation: one write, so a merge
    /// happened or did not. The next fill carries them to the ring.
    async fn merge_once(&self, pages: Vec<GivenPage>, into: UserId) -> Result<Option<()>> {
        let found = self.find_all(into).await?;
        let mut queue = found.whole(&self.rules);
        if queue.absorb(pages, &self.rules).is_empty() {
            return Ok(Some(()));
        }
        let mut parts = queue.into_parts();
        parts.pages = found.for_row(parts.pages);
        let row = QueueRow { parts, ringed: found.row.ringed.clone() };
        let written = self.write(into, &row, &found).await?;
        Ok(written.then_some(()))
    }
}

#[async_trait]
impl WarmQueue for DynamoWarmQueue {
    async fn look(&self, viewer: UserId, turn: Turn, now: Millis) -> Result<Waiting> {
        let row = self.at_half_price(viewer).await?;
        let found = self.find(viewer, turn, row).await?;
        let waiting = found.whole(&self.rules).look(turn, now, &self.rules);
        if let (None, Some(row)) = (&waiting.given, found.queue_item) {
            self.looks.put(viewer, Looked { turn, row });
        }
        Ok(waiting)
    }

    async fn take(&self, viewer: UserId, take: Take) -> Result<Taken> {
        if let Some(taken) = self.take_looked(viewer, &take).await? {
            return Ok(taken);
        }
        let mut race = Race::new(&self.dynamo);
        loop {
            let row = self.strongly(viewer).await?;
            let found = self.find(viewer, take.turn, row).await?;
            if let Some(taken) = self.take_from(viewer, &take, &found).await? {
                return Ok(taken);
            }
            race.lost(&FEED_CACHE).await?;
        }
    }

    async fn fill(&self, viewer: UserId, generation: u64, items: Vec<Queued>, now: Millis) -> Result<usize> {
        let mut race = Race::new(&self.dynamo);
        loop {
            if let Some(added) = self.fill_once(viewer, generation, items.clone(), now).await? {
                return Ok(added);
            }
            race.lost(&FEED_CACHE).await?;
        }
    }

    async fn invalidate(&self, viewer: UserId, keep: usize) -> Result<()> {
        let changed = self
            .dynamo
            .change(&FEED_CACHE, &key(viewer, QUEUE), |seen| {
                let QueueRow { parts, ringed } = QueueRow::of_seen(seen)?;
                // All rules but the ring's: pages outside of this row do not matter here.
                let pages = parts.pages.clone();
                let mut queue = ViewerQueue::of_parts(QueueParts { pages: vec![], ..parts }, &self.rules);
                queue.invalidate(keep);
                let parts = QueueParts { pages, ..queue.into_parts() };
                Ok((Write::Put(QueueRow { parts, ringed }.item(viewer, &self.rules)), ()))
            })
            .await;
        // Whatever came of it: the next look reads what stands.
        self.known.take(viewer);
        changed
    }

    async fn served(&self, viewer: UserId, now: Millis) -> Result<HashSet<vocab::VideoId>> {
        let found = self.find_all(viewer).await?;
        Ok(found.whole(&self.rules).served(now, &self.rules))
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<()> {
        if from == into {
            return Ok(());
        }
        let guest = self.find_all(from).await?.pages();
        if guest.is_empty() {
            return Ok(());
        }
        let mut race = Race::new(&self.dynamo);
        while self.merge_once(guest.clone(), into).await?.is_none() {
            race.lost(&FEED_CACHE).await?;
        }
        Ok(())
    }
}
