//! Counters, windows, impressions and reactions. A stretch of the log and the offset after it are one commit.

mod fold;
mod read;

use crate::db::{Database, fault};
use ::engagement::{
    EngagementError, EngagementPolicy, EngagementStore, Heat, Hour, Reaction, ShardBatch, Totals, Window,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, params};
use vocab::{Millis, UserId, VideoId};

/// The layout of impression and total rows.
pub(crate) const ROW_V: i64 = 1;

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS engagement_folded (
  shard INTEGER PRIMARY KEY,
  next INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS engagement_impression (
  viewer INTEGER NOT NULL,
  video INTEGER NOT NULL,
  showing TEXT NOT NULL,
  v INTEGER NOT NULL,
  first_at INTEGER NOT NULL,
  last_at INTEGER NOT NULL,
  dwell_ms INTEGER NOT NULL,
  watched_ms INTEGER NOT NULL,
  duration_ms INTEGER NOT NULL,
  flags INTEGER NOT NULL,
  PRIMARY KEY (viewer, video, showing)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS engagement_impression_last ON engagement_impression (last_at);
CREATE TABLE IF NOT EXISTS engagement_window (
  video INTEGER NOT NULL,
  hour INTEGER NOT NULL,
  impressions INTEGER NOT NULL DEFAULT 0,
  views INTEGER NOT NULL DEFAULT 0,
  dwell_ms INTEGER NOT NULL DEFAULT 0,
  dwells INTEGER NOT NULL DEFAULT 0,
  completions INTEGER NOT NULL DEFAULT 0,
  skips INTEGER NOT NULL DEFAULT 0,
  likes INTEGER NOT NULL DEFAULT 0,
  shares INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (video, hour)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS engagement_total (
  video INTEGER PRIMARY KEY,
  v INTEGER NOT NULL,
  impressions INTEGER NOT NULL DEFAULT 0,
  views INTEGER NOT NULL DEFAULT 0,
  dwell_ms INTEGER NOT NULL DEFAULT 0,
  dwells INTEGER NOT NULL DEFAULT 0,
  completions INTEGER NOT NULL DEFAULT 0,
  skips INTEGER NOT NULL DEFAULT 0,
  likes INTEGER NOT NULL DEFAULT 0,
  shares INTEGER NOT NULL DEFAULT 0,
  h5 REAL NOT NULL DEFAULT 0,
  h15 REAL NOT NULL DEFAULT 0,
  h60 REAL NOT NULL DEFAULT 0,
  heat_at INTEGER NOT NULL DEFAULT 0,
  reached TEXT NOT NULL DEFAULT '[]'
) STRICT;
CREATE INDEX IF NOT EXISTS engagement_total_heat ON engagement_total (heat_at);
CREATE TABLE IF NOT EXISTS engagement_reaction (
  viewer INTEGER NOT NULL,
  video INTEGER NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (viewer, video, kind)
) STRICT, WITHOUT ROWID;
";

#[derive(Debug, Clone)]
pub struct EmbeddedEngagementStore {
    db: Database,
    policy: EngagementPolicy,
}

impl EmbeddedEngagementStore {
    pub fn new(db: Database, policy: EngagementPolicy) -> Self {
        Self { db, policy }
    }
}

pub(crate) type Result<T> = std::result::Result<T, EngagementError>;

pub(crate) fn err(e: rusqlite::Error) -> EngagementError {
    fault(e).into()
}

/// `likes` or `shares`: the column a reaction is counted in.
const fn column(kind: ::engagement::ReactionKind) -> &'static str {
    match kind {
        ::engagement::ReactionKind::Like => "likes",
        ::engagement::ReactionKind::Share => "shares",
    }
}

fn given_at(conn: &Connection, r: &Reaction) -> Result<Option<i64>> {
    conn.prepare_cached("SELECT at FROM engagement_reaction WHERE viewer = ?1 AND video = ?2 AND kind = ?3")
        .and_then(|mut s| {
            s.query_row(params![r.viewer.0 as i64, r.video.0 as i64, r.kind.word()], |row| row.get(0))
                .optional()
        })
        .map_err(err)
}

/// Moves the total and the window of the hour the reaction was given in.
fn count(conn: &Connection, r: &Reaction, at: Millis, by: i64) -> Result<()> {
    let column = column(r.kind);
    let total = format!(
        "INSERT INTO engagement_total (video, v, {column}) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET {column} = {column} + excluded.{column}"
    );
    let window = format!(
        "INSERT INTO engagement_window (video, hour, {column}) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET {column} = {column} + excluded.{column}"
    );
    conn.prepare_cached(&total)
        .and_then(|mut s| s.execute(params![r.video.0 as i64, ROW_V, by]))
        .map_err(err)?;
    conn.prepare_cached(&window)
        .and_then(|mut s| s.execute(params![r.video.0 as i64, Hour::of(at).0, by]))
        .map_err(err)?;
    Ok(())
}

fn set(conn: &Connection, r: &Reaction) -> Result<()> {
    match (given_at(conn, r)?, r.on) {
        (None, true) => {
            conn.prepare_cached(
                "INSERT INTO engagement_reaction (viewer, video, kind, at) VALUES (?1, ?2, ?3, ?4)",
            )
            .and_then(|mut s| s.execute(params![r.viewer.0 as i64, r.video.0 as i64, r.kind.word(), r.at.0]))
            .map_err(err)?;
            count(conn, r, r.at, 1)
        }
        (Some(at), false) => {
            conn.prepare_cached(
                "DELETE FROM engagement_reaction WHERE viewer = ?1 AND video = ?2 AND kind = ?3",
            )
            .and_then(|mut s| s.execute(params![r.viewer.0 as i64, r.video.0 as i64, r.kind.word()]))
            .map_err(err)?;
            count(conn, r, Millis(at), -1)
        }
        _ => Ok(()),
    }
}

fn merge(conn: &Connection, from: UserId, into: UserId) -> Result<()> {
    let moved: Vec<(i64, String, i64)> = conn
        .prepare_cached("SELECT video, kind, at FROM engagement_reaction WHERE viewer = ?1")
        .and_then(|mut s| {
            s.query_map([from.0 as i64], |r| Ok((r.get(0)?, r.get(1)?, r.get(2)?)))?
                .collect::<rusqlite::Result<_>>()
        })
        .map_err(err)?;
    for (video, kind, at) in moved {
        let Some(kind) = ::engagement::ReactionKind::ALL.into_iter().find(|k| k.word() == kind) else {
            continue;
        };
        let given = Reaction { viewer: from, video: VideoId(video as u64), kind, on: false, at: Millis(at) };
        set(conn, &given)?;
        set(conn, &Reaction { viewer: into, on: true, ..given })?;
    }
    Ok(())
}

#[async_trait]
impl EngagementStore for EmbeddedEngagementStore {
    async fn folded(&self, shard: u16) -> Result<u64> {
        self.db.read(move |conn| fold::folded(conn, shard)).await
    }

    async fn fold(&self, batch: ShardBatch) -> Result<u64> {
        let policy = self.policy.clone();
        self.db.write(move |tx| fold::fold(tx, &batch, &policy)).await
    }

    async fn totals(&self, videos: &[VideoId]) -> Result<Vec<Totals>> {
        let videos = videos.to_vec();
        self.db.read(move |conn| read::totals(conn, &videos)).await
    }

    async fn windows(&self, video: VideoId, from: Hour, to: Hour) -> Result<Vec<Window>> {
        self.db.read(move |conn| read::windows(conn, video, from, to)).await
    }

    async fn hot(&self, now: Millis, limit: usize) -> Result<Vec<(VideoId, Heat)>> {
        let policy = self.policy.clone();
        self.db.read(move |conn| read::hot(conn, now, limit, &policy)).await
    }

    async fn react(&self, reaction: Reaction) -> Result<u64> {
        self.db
            .write(move |tx| {
                set(tx, &reaction)?;
                let sql = format!("SELECT {} FROM engagement_total WHERE video = ?1", column(reaction.kind));
                let n: Option<i64> = tx
                    .prepare_cached(&sql)
                    .and_then(|mut s| s.query_row([reaction.video.0 as i64], |r| r.get(0)).optional())
                    .map_err(err)?;
                Ok(n.and_then(|n| u64::try_from(n).ok()).unwrap_or(0))
            })
            .await
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<()> {
        if from == into {
            return Ok(());
        }
        self.db.write(move |tx| merge(tx, from, into)).await
    }

    async fn forget(&self, before: Millis) -> Result<()> {
        self.db
            .write(move |tx| {
                tx.execute("DELETE FROM engagement_impression WHERE last_at < ?1", [before.0])
                    .map_err(err)?;
                Ok(())
            })
            .await
    }
}
