//! What was seen and what is refused: rows, with a copy in process.

use super::{PerViewer, Result, VIEWERS_MAX, lock};
use crate::db::{Database, fault};
use ::feed::{FeedPolicy, Refusal, Refusals, SeenStore};
use async_trait::async_trait;
use rusqlite::{Connection, params};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};
use vocab::{Millis, UserId, VideoId};

/// What one viewer saw and refuses.
#[derive(Debug, Default)]
struct Memory {
    seen: HashMap<VideoId, Millis>,
    refusals: Refusals,
}

/// Read through and written through: the database first, then the copy in process.
#[derive(Debug)]
pub struct EmbeddedSeenStore {
    db: Database,
    seen_max: usize,
    viewers: PerViewer<Memory>,
}

impl EmbeddedSeenStore {
    /// With the default policy's cap.
    pub fn new(db: Database) -> Self {
        Self::with_max(db, FeedPolicy::default().seen_max)
    }

    /// Remembers at most `seen_max` videos of a viewer.
    pub fn with_max(db: Database, seen_max: usize) -> Self {
        Self { db, seen_max, viewers: PerViewer::new(VIEWERS_MAX) }
    }

    async fn memory(&self, viewer: UserId) -> Result<Arc<Mutex<Memory>>> {
        if let Some(kept) = self.viewers.get(viewer) {
            return Ok(kept);
        }
        let loaded = self.db.read(move |conn| memory_of(conn, viewer)).await?;
        Ok(self.viewers.keep(viewer, loaded))
    }
}

const VIDEO: &str = "video";
const OWNER: &str = "owner";

fn words(what: Refusal) -> (&'static str, i64) {
    match what {
        Refusal::Video(video) => (VIDEO, video.0 as i64),
        Refusal::Owner(owner) => (OWNER, owner.0 as i64),
    }
}

fn memory_of(conn: &Connection, viewer: UserId) -> Result<Memory> {
    let mut memory = Memory::default();
    let seen: Vec<(i64, i64)> = conn
        .prepare_cached("SELECT video, at FROM feed_seen WHERE viewer = ?1")
        .and_then(|mut s| {
            s.query_map([viewer.0 as i64], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()
        })
        .map_err(fault)?;
    memory.seen.extend(seen.into_iter().map(|(v, at)| (VideoId(v as u64), Millis(at))));
    let refused: Vec<(String, i64)> = conn
        .prepare_cached("SELECT kind, target FROM feed_refusal WHERE viewer = ?1")
        .and_then(|mut s| {
            s.query_map([viewer.0 as i64], |r| Ok((r.get(0)?, r.get(1)?)))?.collect::<rusqlite::Result<_>>()
        })
        .map_err(fault)?;
    for (kind, target) in refused {
        match kind.as_str() {
            OWNER => memory.refusals.owners.insert(UserId(target as u64)),
            _ => memory.refusals.videos.insert(VideoId(target as u64)),
        };
    }
    Ok(memory)
}

fn mark(conn: &Connection, viewer: UserId, seen: &[(VideoId, Millis)], max: usize) -> Result<()> {
    let mut statement = conn
        .prepare_cached(
            "INSERT INTO feed_seen (viewer, video, at) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
        )
        .map_err(fault)?;
    for (video, at) in seen {
        statement.execute(params![viewer.0 as i64, video.0 as i64, at.0]).map_err(fault)?;
    }
    forget_oldest(conn, viewer, max)
}

fn forget_oldest(conn: &Connection, viewer: UserId, max: usize) -> Result<()> {
    let max = i64::try_from(max).unwrap_or(i64::MAX);
    let n: i64 = conn
        .prepare_cached("SELECT count(*) FROM feed_seen WHERE viewer = ?1")
        .and_then(|mut s| s.query_row([viewer.0 as i64], |r| r.get(0)))
        .map_err(fault)?;
    if n > max {
        conn.prepare_cached(
            "DELETE FROM feed_seen WHERE viewer = ?1 AND video IN
             (SELECT video FROM feed_seen WHERE viewer = ?1 ORDER BY at, video LIMIT ?2)",
        )
        .and_then(|mut s| s.execute(params![viewer.0 as i64, n - max]))
        .map_err(fault)?;
    }
    Ok(())
}

fn remember(memory: &mut Memory, seen: &[(VideoId, Millis)], max: usize) {
    for (video, at) in seen {
        let known = memory.seen.entry(*video).or_insert(*at);
        *known = (*known).max(*at);
    }
    if memory.seen.len() > max {
        let mut all: Vec<(Millis, VideoId)> = memory.seen.iter().map(|(v, at)| (*at, *v)).collect();
        all.sort_unstable();
        for (_, video) in &all[..all.len() - max] {
            memory.seen.remove(video);
        }
    }
}

#[async_trait]
impl SeenStore for EmbeddedSeenStore {
    async fn mark(&self, viewer: UserId, seen: &[(VideoId, Millis)]) -> Result<()> {
        let memory = self.memory(viewer).await?;
        let new: Vec<_> = {
            let memory = lock(&memory);
            let is_new = |(v, at): &&(VideoId, Millis)| memory.seen.get(v).is_none_or(|known| known < at);
            seen.iter().filter(is_new).copied().collect()
        };
        if new.is_empty() {
            return Ok(());
        }
        let (max, rows) = (self.seen_max, new.clone());
        self.db.write(move |tx| mark(tx, viewer, &rows, max)).await?;
        remember(&mut lock(&memory), &new, max);
        Ok(())
    }

    async fn among(&self, viewer: UserId, videos: &[VideoId], since: Millis) -> Result<HashSet<VideoId>> {
        let memory = self.memory(viewer).await?;
        let memory = lock(&memory);
        let seen = |v: &&VideoId| memory.seen.get(v).is_some_and(|at| *at >= since);
        Ok(videos.iter().filter(seen).copied().collect())
    }

    async fn refuse(&self, viewer: UserId, what: Refusal, at: Millis) -> Result<()> {
        let memory = self.memory(viewer).await?;
        let (kind, target) = words(what);
        self.db
            .write(move |tx| {
                tx.prepare_cached(
                    "INSERT OR IGNORE INTO feed_refusal (viewer, kind, target, at) VALUES (?1, ?2, ?3, ?4)",
                )
                .and_then(|mut s| s.execute(params![viewer.0 as i64, kind, target, at.0]))
                .map_err(fault)
            })
            .await?;
        let refusals = &mut lock(&memory).refusals;
        match what {
            Refusal::Video(video) => refusals.videos.insert(video),
            Refusal::Owner(owner) => refusals.owners.insert(owner),
        };
        Ok(())
    }

    async fn forgive(&self, viewer: UserId, what: Refusal) -> Result<()> {
        let memory = self.memory(viewer).await?;
        let (kind, target) = words(what);
        self.db
            .write(move |tx| {
                tx.prepare_cached("DELETE FROM feed_refusal WHERE viewer = ?1 AND kind = ?2 AND target = ?3")
                    .and_then(|mut s| s.execute(params![viewer.0 as i64, kind, target]))
                    .map_err(fault)
            })
            .await?;
        let refusals = &mut lock(&memory).refusals;
        match what {
            Refusal::Video(video) => refusals.videos.remove(&video),
            Refusal::Owner(owner) => refusals.owners.remove(&owner),
        };
        Ok(())
    }

    async fn refusals(&self, viewer: UserId) -> Result<Refusals> {
        let memory = self.memory(viewer).await?;
        let refusals = lock(&memory).refusals.clone();
        Ok(refusals)
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<()> {
        if from == into {
            return Ok(());
        }
        let max = self.seen_max;
        self.db
            .write(move |tx| {
                let ids = params![from.0 as i64, into.0 as i64];
                let moves = [
                    "INSERT INTO feed_seen (viewer, video, at)
                     SELECT ?2, video, at FROM feed_seen WHERE viewer = ?1
                     ON CONFLICT DO UPDATE SET at = max(at, excluded.at)",
                    "INSERT OR IGNORE INTO feed_refusal (viewer, kind, target, at)
                     SELECT ?2, kind, target, at FROM feed_refusal WHERE viewer = ?1",
                ];
                for sql in moves {
                    tx.execute(sql, ids).map_err(fault)?;
                }
                for sql in
                    ["DELETE FROM feed_seen WHERE viewer = ?1", "DELETE FROM feed_refusal WHERE viewer = ?1"]
                {
                    tx.execute(sql, [from.0 as i64]).map_err(fault)?;
                }
                forget_oldest(tx, into, max)
            })
            .await?;
        self.viewers.drop(from);
        self.viewers.drop(into);
        Ok(())
    }
}
