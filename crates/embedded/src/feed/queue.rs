//! Warm queues: ranked ids in process, given pages in one row each.

use super::{PerViewer, Result, VIEWERS_MAX, lock};
use crate::db::{Database, fault};
use ::feed::{GivenPage, QueueRules, Queued, Reason, Take, Taken, Turn, ViewerQueue, Waiting, WarmQueue};
use async_trait::async_trait;
use rusqlite::{Connection, Row, params};
use std::collections::HashSet;
use std::sync::{Arc, Mutex};
use stdx::{Fault, FaultKind};
use vocab::{Millis, UserId, VideoId};

/// The layout of page rows.
const ROW_V: i64 = 1;

/// A page waits this long for its served record to be durable; the write goes on by itself after that.
const SERVED_WAIT: Millis = Millis(50);

#[derive(Debug)]
pub struct EmbeddedWarmQueue {
    db: Database,
    rules: QueueRules,
    queues: PerViewer<ViewerQueue>,
    served_wait: Millis,
}

impl EmbeddedWarmQueue {
    /// With the default policy's sizes and spans.
    pub fn new(db: Database) -> Self {
        Self::with_rules(db, QueueRules::default())
    }

    pub fn with_rules(db: Database, rules: QueueRules) -> Self {
        Self { db, rules, queues: PerViewer::new(VIEWERS_MAX), served_wait: SERVED_WAIT }
    }

    /// How long a page waits for its served record. A kill in what is left of the write may repeat that page.
    pub fn waiting(mut self, served_wait: Millis) -> Self {
        self.served_wait = served_wait;
        self
    }

    async fn queue(&self, viewer: UserId) -> Result<Arc<Mutex<ViewerQueue>>> {
        if let Some(kept) = self.queues.get(viewer) {
            return Ok(kept);
        }
        let ring = self.rules.served_ring;
        let pages = self.db.read(move |conn| pages_of(conn, viewer, ring)).await?;
        Ok(self.queues.keep(viewer, ViewerQueue::restored(pages, &self.rules)))
    }

    /// Makes given pages durable, and forgets those that fell out of the ring.
    async fn keep(&self, viewer: UserId, given: Vec<GivenPage>, oldest: Option<Millis>) {
        let write = self.db.write(move |tx| {
            for page in &given {
                insert(tx, viewer, page)?;
            }
            if let Some(oldest) = oldest {
                tx.prepare_cached("DELETE FROM feed_page WHERE viewer = ?1 AND at < ?2")
                    .and_then(|mut s| s.execute(params![viewer.0 as i64, oldest.0]))
                    .map_err(fault)?;
            }
            Ok::<(), Fault>(())
        });
        match tokio::time::timeout(self.served_wait.to_duration(), write).await {
            Ok(Ok(())) => {}
            // A full disk must not stop the feed: the ring in memory holds until the restart.
            Ok(Err(error)) => tracing::warn!(%error, "a served page is not durable"),
            Err(_) => tracing::debug!("a served page becomes durable after its answer"),
        }
    }
}

fn insert(conn: &Connection, viewer: UserId, page: &GivenPage) -> Result<()> {
    let items: Vec<(VideoId, &str)> = page.items.iter().map(|q| (q.video, q.reason.code())).collect();
    let items = serde_json::to_string(&items).map_err(Fault::internal)?;
    conn.prepare_cached(
        "INSERT OR IGNORE INTO feed_page (v, viewer, session, page, at, items) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )
    .and_then(|mut s| {
        s.execute(params![
            ROW_V,
            viewer.0 as i64,
            page.turn.session as i64,
            page.turn.page,
            page.at.0,
            items
        ])
    })
    .map_err(fault)?;
    Ok(())
}

type PageRow = (i64, i64, u32, i64, String);

/// The latest pages that fill the ring, oldest first.
fn pages_of(conn: &Connection, viewer: UserId, ring: usize) -> Result<Vec<GivenPage>> {
    let row = |r: &Row<'_>| -> rusqlite::Result<PageRow> {
        Ok((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?, r.get(4)?))
    };
    let mut statement = conn
        .prepare_cached(
            "SELECT v, session, page, at, items FROM feed_page WHERE viewer = ?1 ORDER BY at DESC, id DESC",
        )
        .map_err(fault)?;
    let rows = statement.query_map([viewer.0 as i64], row).map_err(fault)?;
    let (mut pages, mut ids) = (Vec::new(), 0);
    for row in rows {
        let page = page_of(row.map_err(fault)?)?;
        ids += page.items.len();
        pages.push(page);
        if ids >= ring {
            break;
        }
    }
    pages.reverse();
    Ok(pages)
}

fn page_of((v, session, page, at, items): PageRow) -> Result<GivenPage> {
    if v != ROW_V {
        return Err(Fault::new(FaultKind::Newer, format!("a feed page of layout {v}")));
    }
    let items: Vec<(VideoId, String)> = serde_json::from_str(&items).map_err(Fault::corrupt)?;
    let items = items
        .into_iter()
        .map(|(video, code)| {
            let reason =
                Reason::from_code(&code).ok_or_else(|| Fault::corrupt(format!("a feed reason {code:?}")))?;
            Ok(Queued { video, reason })
        })
        .collect::<Result<_>>()?;
    Ok(GivenPage { turn: Turn { session: session as u64, page }, at: Millis(at), items })
}

#[async_trait]
impl WarmQueue for EmbeddedWarmQueue {
    async fn look(&self, viewer: UserId, turn: Turn, now: Millis) -> Result<Waiting> {
        let queue = self.queue(viewer).await?;
        let waiting = lock(&queue).look(turn, now, &self.rules);
        Ok(waiting)
    }

    async fn take(&self, viewer: UserId, take: Take) -> Result<Taken> {
        let queue = self.queue(viewer).await?;
        let (taken, given, oldest) = {
            let mut queue = lock(&queue);
            let (taken, given) = queue.take(&take, &self.rules);
            let oldest = queue.pages().next().map(|p| p.at);
            (taken, given, oldest)
        };
        if let Some(given) = given {
            self.keep(viewer, vec![given], oldest).await;
        }
        Ok(taken)
    }

    async fn fill(&self, viewer: UserId, generation: u64, items: Vec<Queued>, now: Millis) -> Result<usize> {
        let queue = self.queue(viewer).await?;
        let added = lock(&queue).fill(generation, items, now, &self.rules);
        Ok(added)
    }

    async fn invalidate(&self, viewer: UserId, keep: usize) -> Result<()> {
        let queue = self.queue(viewer).await?;
        lock(&queue).invalidate(keep);
        Ok(())
    }

    async fn served(&self, viewer: UserId, now: Millis) -> Result<HashSet<VideoId>> {
        let queue = self.queue(viewer).await?;
        let served = lock(&queue).served(now, &self.rules);
        Ok(served)
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<()> {
        if from == into {
            return Ok(());
        }
        let guest = self.queue(from).await?;
        let pages: Vec<GivenPage> = lock(&guest).pages().cloned().collect();
        let account = self.queue(into).await?;
        let new = lock(&account).absorb(pages, &self.rules);
        if !new.is_empty() {
            self.keep(into, new, None).await;
        }
        Ok(())
    }
}
