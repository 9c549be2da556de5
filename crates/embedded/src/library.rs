//! Likes, saves and history: one row an entry.

use crate::db::{Database, fault};
use ::catalog::{LibraryStore, Shelf};
use async_trait::async_trait;
use rusqlite::{Connection, params};
use stdx::Fault;
use vocab::{Millis, UserId, VideoId};

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS library_entry (
  viewer INTEGER NOT NULL,
  shelf TEXT NOT NULL,
  video INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (viewer, shelf, video)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS library_entry_at ON library_entry (viewer, shelf, at, video);
";

#[derive(Debug, Clone)]
pub struct EmbeddedLibraryStore(Database);

impl EmbeddedLibraryStore {
    pub fn new(db: Database) -> Self {
        Self(db)
    }
}

type Result<T> = std::result::Result<T, Fault>;

/// Which of two times counts is the slice's rule (`Shelf::kept`), said in SQL for whole shelves.
const fn keep(shelf: Shelf) -> &'static str {
    match shelf {
        Shelf::Likes | Shelf::Saves => "min",
        Shelf::History => "max",
    }
}

fn is_on(conn: &Connection, viewer: UserId, shelf: Shelf, video: VideoId) -> Result<bool> {
    conn.prepare_cached("SELECT 1 FROM library_entry WHERE viewer = ?1 AND shelf = ?2 AND video = ?3")
        .and_then(|mut s| s.exists(params![viewer.0 as i64, shelf.word(), video.0 as i64]))
        .map_err(fault)
}

#[async_trait]
impl LibraryStore for EmbeddedLibraryStore {
    async fn put(&self, viewer: UserId, shelf: Shelf, video: VideoId, at: Millis) -> Result<bool> {
        let sql = format!(
            "INSERT INTO library_entry (viewer, shelf, video, at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET at = {}(at, excluded.at)",
            keep(shelf)
        );
        self.0
            .write(move |tx| {
                let is_new = !is_on(tx, viewer, shelf, video)?;
                tx.prepare_cached(&sql)
                    .and_then(|mut s| s.execute(params![viewer.0 as i64, shelf.word(), video.0 as i64, at.0]))
                    .map_err(fault)?;
                Ok(is_new)
            })
            .await
    }

    async fn remove(&self, viewer: UserId, shelf: Shelf, video: VideoId) -> Result<bool> {
        let sql = "DELETE FROM library_entry WHERE viewer = ?1 AND shelf = ?2 AND video = ?3";
        self.0
            .write(move |tx| {
                let gone = tx
                    .prepare_cached(sql)
                    .and_then(|mut s| s.execute(params![viewer.0 as i64, shelf.word(), video.0 as i64]))
                    .map_err(fault)?;
                Ok(gone > 0)
            })
            .await
    }

    async fn list(
        &self,
        viewer: UserId,
        shelf: Shelf,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<(Millis, VideoId)>> {
        let (at, video) = before.map_or((i64::MAX, i64::MAX), |(at, video)| (at.0, video.0 as i64));
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let sql =
            "SELECT at, video FROM library_entry WHERE viewer = ?1 AND shelf = ?2 AND (at, video) < (?3, ?4)
                   ORDER BY at DESC, video DESC LIMIT ?5";
        self.0
            .read(move |conn| {
                let mut statement = conn.prepare_cached(sql).map_err(fault)?;
                let wanted = params![viewer.0 as i64, shelf.word(), at, video, limit];
                let found = statement
                    .query_map(wanted, |row| Ok((Millis(row.get(0)?), VideoId(row.get::<_, i64>(1)? as u64))))
                    .map_err(fault)?;
                found.collect::<rusqlite::Result<Vec<_>>>().map_err(fault)
            })
            .await
    }

    async fn count(&self, viewer: UserId, shelf: Shelf) -> Result<u64> {
        let sql = "SELECT count(*) FROM library_entry WHERE viewer = ?1 AND shelf = ?2";
        self.0
            .read(move |conn| {
                let mut statement = conn.prepare_cached(sql).map_err(fault)?;
                let count: i64 = statement
                    .query_row(params![viewer.0 as i64, shelf.word()], |row| row.get(0))
                    .map_err(fault)?;
                Ok(count as u64)
            })
            .await
    }

    async fn contains(&self, viewer: UserId, shelf: Shelf, videos: &[VideoId]) -> Result<Vec<VideoId>> {
        let videos = videos.to_vec();
        self.0
            .read(move |conn| {
                let mut there = Vec::new();
                for video in videos {
                    if is_on(conn, viewer, shelf, video)? {
                        there.push(video);
                    }
                }
                Ok(there)
            })
            .await
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<()> {
        if from == into {
            return Ok(());
        }
        self.0
            .write(move |tx| {
                for shelf in Shelf::ALL {
                    let sql = format!(
                        "INSERT INTO library_entry (viewer, shelf, video, at)
                         SELECT ?2, shelf, video, at FROM library_entry WHERE viewer = ?1 AND shelf = ?3
                         ON CONFLICT DO UPDATE SET at = {}(at, excluded.at)",
                        keep(shelf)
                    );
                    tx.execute(&sql, params![from.0 as i64, into.0 as i64, shelf.word()]).map_err(fault)?;
                }
                tx.execute("DELETE FROM library_entry WHERE viewer = ?1", [from.0 as i64]).map_err(fault)?;
                Ok(())
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rule_in_sql_is_the_slices_rule() {
        for shelf in Shelf::ALL {
            let kept = shelf.kept(Millis(1), Millis(2));
            assert_eq!(keep(shelf), if kept == Millis(1) { "min" } else { "max" });
        }
    }
}
