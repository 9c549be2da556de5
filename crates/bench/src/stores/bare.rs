//! The yardstick: the same tables in the same kind of file, and nothing but prepared statements.

use rusqlite::{Connection, params};
use std::path::Path;

pub struct Bare(Connection);

impl Bare {
    /// The pragmas of the embedded engine: WAL, and a commit that is on disk when it returns.
    pub fn open(dir: &Path) -> anyhow::Result<Self> {
        let conn = Connection::open(dir.join("bare.db"))?;
        conn.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=2000;
             PRAGMA cache_size=-4096;",
        )?;
        conn.execute_batch(embedded::catalog::SCHEMA)?;
        conn.execute_batch(embedded::engagement::SCHEMA)?;
        Ok(Self(conn))
    }

    pub fn put(&self, id: i64, owner: i64, body: &str) -> anyhow::Result<()> {
        let sql = "INSERT INTO catalog_video (id, owner, status, status_changed_at, gone, listed_at, v, body)
                   VALUES (?1, ?2, 'reserved', ?1, 0, NULL, 1, ?3)";
        self.0.prepare_cached(sql)?.execute(params![id, owner, body])?;
        Ok(())
    }

    /// Moves one row if it stands where it should, in one statement.
    pub fn advance(&self, id: i64, body: &str) -> anyhow::Result<()> {
        let sql = "UPDATE catalog_video SET status = 'uploaded', status_changed_at = ?1 + 1, body = ?2
                   WHERE id = ?1 AND status = 'reserved'";
        let moved = self.0.prepare_cached(sql)?.execute(params![id, body])?;
        anyhow::ensure!(moved == 1, "the row stood elsewhere");
        Ok(())
    }

    /// The documents of a page, as text, and as what they say.
    pub fn page(&self, owner: i64, limit: i64) -> anyhow::Result<Vec<catalog::Video>> {
        let sql = "SELECT body FROM catalog_video WHERE owner = ?1 AND gone = 0 ORDER BY id DESC LIMIT ?2";
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map([owner, limit], |r| r.get::<_, String>(0))?;
        rows.map(|row| Ok(serde_json::from_str(&row?)?)).collect()
    }

    /// What a batch of events must at least leave behind: a row an impression, two upserts a video.
    pub fn count(&mut self, impressions: &[(i64, i64, String)]) -> anyhow::Result<()> {
        let tx = self.0.transaction()?;
        {
            let mut known = tx.prepare_cached(
                "SELECT flags FROM engagement_impression WHERE viewer = ?1 AND video = ?2 AND showing = ?3",
            )?;
            let mut keep = tx.prepare_cached(
                "INSERT OR REPLACE INTO engagement_impression
                 (viewer, video, showing, v, first_at, last_at, dwell_ms, watched_ms, duration_ms, flags)
                 VALUES (?1, ?2, ?3, 1, 0, 0, 4000, 4000, 10000, 1)",
            )?;
            let mut window = tx.prepare_cached(
                "INSERT INTO engagement_window
                 (video, hour, impressions, views, dwell_ms, dwells, completions, skips)
                 VALUES (?1, 1, 1, 1, 4000, 1, 0, 0)
                 ON CONFLICT DO UPDATE SET impressions = impressions + 1, views = views + 1",
            )?;
            let mut total = tx.prepare_cached(
                "INSERT INTO engagement_total
                 (video, v, impressions, views, dwell_ms, dwells, completions, skips, h5, h15, h60, heat_at, reached)
                 VALUES (?1, 1, 1, 1, 4000, 1, 0, 0, 0, 0, 0, 0, '')
                 ON CONFLICT DO UPDATE SET impressions = impressions + 1, views = views + 1",
            )?;
            let mut videos = std::collections::BTreeSet::new();
            for (viewer, video, showing) in impressions {
                let _ = known.exists(params![viewer, video, showing])?;
                keep.execute(params![viewer, video, showing])?;
                videos.insert(video);
            }
            for video in videos {
                window.execute([video])?;
                total.execute([video])?;
            }
        }
        tx.commit()?;
        Ok(())
    }
}
