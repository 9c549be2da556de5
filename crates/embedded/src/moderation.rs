//! Moderation's records, trail and block list as rows.
//!
//! A record is one JSON document with a version beside the columns that are asked for.

use crate::db::{Database, fault};
use ::moderation::{
    BlockEntry, BlockList, FrameBlock, FrameBlockList, FrameHash, ModerationRecord, ModerationStore,
    ModerationStoreError as Error, Trail, TrailFilter,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use stdx::{Fault, FaultKind};
use vocab::{Millis, VideoId};

/// The layout of the documents below. A row of a later one is refused, not guessed at.
const RECORD_V: i64 = 1;

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS moderation_record (
  video INTEGER PRIMARY KEY,
  revision INTEGER NOT NULL,
  content_sha256 TEXT NOT NULL,
  waiting_since INTEGER,
  v INTEGER NOT NULL,
  body TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS moderation_record_content ON moderation_record (content_sha256, video);
CREATE INDEX IF NOT EXISTS moderation_record_waiting ON moderation_record (waiting_since, video)
  WHERE waiting_since IS NOT NULL;
CREATE TABLE IF NOT EXISTS moderation_trail (
  id TEXT PRIMARY KEY,
  at INTEGER NOT NULL,
  by_whom TEXT NOT NULL,
  action TEXT NOT NULL,
  video INTEGER,
  detail TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS moderation_trail_at ON moderation_trail (at, id);
CREATE INDEX IF NOT EXISTS moderation_trail_video ON moderation_trail (video, at, id) WHERE video IS NOT NULL;
CREATE INDEX IF NOT EXISTS moderation_trail_action ON moderation_trail (action, at, id);
CREATE TABLE IF NOT EXISTS moderation_block (
  content_sha256 TEXT PRIMARY KEY,
  reason_code TEXT NOT NULL,
  note TEXT NOT NULL,
  added_at INTEGER NOT NULL,
  added_by TEXT NOT NULL,
  video INTEGER
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS moderation_block_at ON moderation_block (added_at, content_sha256);
CREATE TABLE IF NOT EXISTS moderation_frame_block (
  video INTEGER PRIMARY KEY,
  hashes BLOB NOT NULL,
  reason_code TEXT NOT NULL,
  changed_at INTEGER NOT NULL,
  lifted INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS moderation_frame_block_at ON moderation_frame_block (changed_at, video);
";

#[derive(Debug, Clone)]
pub struct EmbeddedModerationStore(Database);

impl EmbeddedModerationStore {
    pub fn new(db: Database) -> Self {
        Self(db)
    }
}

fn limit(n: usize) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn video_of(bits: i64) -> VideoId {
    VideoId(bits as u64)
}

/// `v`, `revision`, `body`, in this order.
fn record(row: &Row<'_>) -> rusqlite::Result<(i64, i64, String)> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?))
}

fn read((v, revision, body): (i64, i64, String)) -> Result<ModerationRecord, Error> {
    if v > RECORD_V {
        let said = format!("a moderation record of layout {v}, this program knows {RECORD_V}");
        return Err(Fault::new(FaultKind::Newer, said).into());
    }
    let mut record: ModerationRecord = serde_json::from_str(&body).map_err(Fault::corrupt)?;
    record.revision = revision as u64;
    Ok(record)
}

fn records(
    conn: &Connection,
    sql: &str,
    params: impl rusqlite::Params,
) -> Result<Vec<ModerationRecord>, Error> {
    let mut statement = conn.prepare_cached(sql).map_err(fault)?;
    let rows = statement.query_map(params, record).map_err(fault)?;
    rows.map(|row| read(row.map_err(fault)?)).collect()
}

#[async_trait]
impl ModerationStore for EmbeddedModerationStore {
    async fn get(&self, video: VideoId) -> Result<Option<ModerationRecord>, Error> {
        let sql = "SELECT v, revision, body FROM moderation_record WHERE video = ?1";
        let found = self.0.read(move |c| records(c, sql, [video.0 as i64])).await?;
        Ok(found.into_iter().next())
    }

    async fn save(&self, mut record: ModerationRecord) -> Result<ModerationRecord, Error> {
        self.0
            .write(move |tx| {
                let video = record.video.0 as i64;
                let stored: Option<i64> = tx
                    .prepare_cached("SELECT revision FROM moderation_record WHERE video = ?1")
                    .and_then(|mut s| s.query_row([video], |r| r.get(0)).optional())
                    .map_err(fault)?;
                let stored = stored.map(|r| r as u64);
                if stored.unwrap_or(0) != record.revision {
                    return Err(Error::Stale { video: record.video, actual: stored });
                }
                record.revision += 1;
                let body = serde_json::to_string(&record).map_err(Fault::internal)?;
                tx.prepare_cached(
                    "INSERT INTO moderation_record (video, revision, content_sha256, waiting_since, v, body)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (video) DO UPDATE SET revision = ?2, content_sha256 = ?3,
                       waiting_since = ?4, v = ?5, body = ?6",
                )
                .and_then(|mut s| {
                    let waiting = record.waiting_since.map(|w| w.0);
                    let revision = record.revision as i64;
                    s.execute(params![video, revision, record.content_sha256, waiting, RECORD_V, body])
                })
                .map_err(fault)?;
                Ok(record)
            })
            .await
    }

    async fn by_content(&self, content_sha256: &str, most: usize) -> Result<Vec<ModerationRecord>, Error> {
        let content = content_sha256.to_owned();
        let sql = "SELECT v, revision, body FROM moderation_record WHERE content_sha256 = ?1
                   ORDER BY video DESC LIMIT ?2";
        self.0.read(move |c| records(c, sql, params![content, limit(most)])).await
    }

    async fn waiting(
        &self,
        after: Option<(Millis, VideoId)>,
        most: usize,
    ) -> Result<Vec<ModerationRecord>, Error> {
        let (at, video) = after.map_or((i64::MIN, 0), |(at, v)| (at.0, v.0 as i64));
        let sql = "SELECT v, revision, body FROM moderation_record
                   WHERE waiting_since IS NOT NULL AND (waiting_since, video) > (?1, ?2)
                   ORDER BY waiting_since, video LIMIT ?3";
        self.0.read(move |c| records(c, sql, params![at, video, limit(most)])).await
    }

    async fn append(&self, entry: Trail) -> Result<(), Error> {
        self.0
            .write(move |tx| {
                let video = entry.video.map(|v| v.0 as i64);
                tx.prepare_cached(
                    "INSERT INTO moderation_trail (id, at, by_whom, action, video, detail)
                     VALUES (?1, ?2, ?3, ?4, ?5, ?6) ON CONFLICT (id) DO NOTHING",
                )
                .and_then(|mut s| {
                    s.execute(params![entry.id, entry.at.0, entry.by, entry.action, video, entry.detail])
                })
                .map_err(fault)?;
                Ok(())
            })
            .await
    }

    async fn trail(&self, filter: TrailFilter) -> Result<Vec<Trail>, Error> {
        self.0.read(move |c| Ok(trail(c, &filter).map_err(fault)?)).await
    }
}

fn trail(conn: &Connection, filter: &TrailFilter) -> rusqlite::Result<Vec<Trail>> {
    // Only the conditions that are asked for, so that each question finds its index.
    let mut sql =
        String::from("SELECT id, at, by_whom, action, video, detail FROM moderation_trail WHERE at >= ?1");
    let mut values: Vec<rusqlite::types::Value> = vec![filter.since.map_or(i64::MIN, |s| s.0).into()];
    if let Some(video) = filter.video {
        values.push((video.0 as i64).into());
        sql.push_str(&format!(" AND video = ?{}", values.len()));
    }
    if let Some(action) = &filter.action {
        values.push(action.clone().into());
        sql.push_str(&format!(" AND action = ?{}", values.len()));
    }
    values.push(limit(filter.limit).into());
    sql.push_str(&format!(" ORDER BY at DESC, id DESC LIMIT ?{}", values.len()));
    let entry = |r: &Row<'_>| {
        Ok(Trail {
            id: r.get(0)?,
            at: Millis(r.get(1)?),
            by: r.get(2)?,
            action: r.get(3)?,
            video: r.get::<_, Option<i64>>(4)?.map(video_of),
            detail: r.get(5)?,
        })
    };
    conn.prepare_cached(&sql)?.query_map(rusqlite::params_from_iter(values), entry)?.collect()
}

#[derive(Debug, Clone)]
pub struct EmbeddedBlockList(Database);

impl EmbeddedBlockList {
    pub fn new(db: Database) -> Self {
        Self(db)
    }
}

const BLOCK_COLUMNS: &str = "content_sha256, reason_code, note, added_at, added_by, video";

fn block(r: &Row<'_>) -> rusqlite::Result<BlockEntry> {
    Ok(BlockEntry {
        content_sha256: r.get(0)?,
        reason_code: r.get(1)?,
        note: r.get(2)?,
        added_at: Millis(r.get(3)?),
        added_by: r.get(4)?,
        video: r.get::<_, Option<i64>>(5)?.map(video_of),
    })
}

#[async_trait]
impl BlockList for EmbeddedBlockList {
    async fn add(&self, e: BlockEntry) -> Result<bool, Fault> {
        self.0
            .write(move |tx| {
                let sql = format!(
                    "INSERT INTO moderation_block ({BLOCK_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6)
                     ON CONFLICT (content_sha256) DO NOTHING"
                );
                let video = e.video.map(|v| v.0 as i64);
                let row = params![e.content_sha256, e.reason_code, e.note, e.added_at.0, e.added_by, video];
                Ok(tx.prepare_cached(&sql).and_then(|mut s| s.execute(row)).map_err(fault)? == 1)
            })
            .await
    }

    async fn remove(&self, content_sha256: &str) -> Result<bool, Fault> {
        let content = content_sha256.to_owned();
        self.0
            .write(move |tx| {
                let sql = "DELETE FROM moderation_block WHERE content_sha256 = ?1";
                Ok(tx.prepare_cached(sql).and_then(|mut s| s.execute([content])).map_err(fault)? == 1)
            })
            .await
    }

    async fn find(&self, content_sha256: &str) -> Result<Option<BlockEntry>, Fault> {
        let content = content_sha256.to_owned();
        self.0
            .read(move |c| {
                let sql = format!("SELECT {BLOCK_COLUMNS} FROM moderation_block WHERE content_sha256 = ?1");
                let mut statement = c.prepare_cached(&sql).map_err(fault)?;
                statement.query_row([content], block).optional().map_err(fault)
            })
            .await
    }

    async fn list(&self, before: Option<(Millis, String)>, most: usize) -> Result<Vec<BlockEntry>, Fault> {
        self.0
            .read(move |c| {
                let (at, content) = before.map_or((i64::MAX, "~".to_owned()), |(at, h)| (at.0, h));
                let sql = format!(
                    "SELECT {BLOCK_COLUMNS} FROM moderation_block WHERE (added_at, content_sha256) < (?1, ?2)
                     ORDER BY added_at DESC, content_sha256 DESC LIMIT ?3"
                );
                let mut statement = c.prepare_cached(&sql).map_err(fault)?;
                let rows = statement.query_map(params![at, content, limit(most)], block).map_err(fault)?;
                rows.collect::<Result<_, _>>().map_err(fault)
            })
            .await
    }
}

#[derive(Debug, Clone)]
pub struct EmbeddedFrameBlockList(Database);

impl EmbeddedFrameBlockList {
    pub fn new(db: Database) -> Self {
        Self(db)
    }
}

const FRAME_COLUMNS: &str = "video, hashes, reason_code, changed_at, lifted";
const HASH_BYTES: usize = 32;

fn frame_block(r: &Row<'_>) -> rusqlite::Result<FrameBlock> {
    let bytes: Vec<u8> = r.get(1)?;
    let part = |b: &[u8]| b.iter().fold(0u64, |n, b| n << 8 | u64::from(*b));
    let hash = |b: &[u8]| FrameHash([part(&b[..8]), part(&b[8..16]), part(&b[16..24]), part(&b[24..])]);
    Ok(FrameBlock {
        video: video_of(r.get(0)?),
        hashes: bytes.chunks_exact(HASH_BYTES).map(hash).collect(),
        reason_code: r.get(2)?,
        changed_at: Millis(r.get(3)?),
        is_lifted: r.get(4)?,
    })
}

#[async_trait]
impl FrameBlockList for EmbeddedFrameBlockList {
    async fn put(&self, e: FrameBlock) -> Result<(), Fault> {
        self.0
            .write(move |tx| {
                let sql = format!(
                    "INSERT OR REPLACE INTO moderation_frame_block ({FRAME_COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5)"
                );
                let bytes: Vec<u8> = e.hashes.iter().flat_map(|h| h.0).flat_map(u64::to_be_bytes).collect();
                let row = params![e.video.0 as i64, bytes, e.reason_code, e.changed_at.0, e.is_lifted];
                tx.prepare_cached(&sql).and_then(|mut s| s.execute(row)).map(drop).map_err(fault)
            })
            .await
    }

    async fn get(&self, video: VideoId) -> Result<Option<FrameBlock>, Fault> {
        self.0
            .read(move |c| {
                let sql = format!("SELECT {FRAME_COLUMNS} FROM moderation_frame_block WHERE video = ?1");
                let mut statement = c.prepare_cached(&sql).map_err(fault)?;
                statement.query_row([video.0 as i64], frame_block).optional().map_err(fault)
            })
            .await
    }

    async fn changed(&self, after: (Millis, VideoId), most: usize) -> Result<Vec<FrameBlock>, Fault> {
        self.0
            .read(move |c| {
                let sql = format!(
                    "SELECT {FRAME_COLUMNS} FROM moderation_frame_block WHERE (changed_at, video) > (?1, ?2)
                     ORDER BY changed_at, video LIMIT ?3"
                );
                let mut statement = c.prepare_cached(&sql).map_err(fault)?;
                let asked = params![after.0.0, after.1.0 as i64, limit(most)];
                let rows = statement.query_map(asked, frame_block).map_err(fault)?;
                rows.collect::<Result<_, _>>().map_err(fault)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row as version 1 wrote it. It must be readable for ever; never edit it.
    const GOLDEN_V1: &str = r#"{"video":"0000000000001","revision":1,"content_sha256":"abab","phase_seed":18446744073709551614,"policy_version":"p1","classifier":{"name":"toy","version":"1"},"judged_at":1000,"frames":[{"n":1,"at_ms":1250,"findings":[{"name":"Explicit Nudity","parent":"Explicit","level":2,"confidence":87.5,"at_ms":1250}]}],"labels":[{"name":"Explicit","max_confidence":87.5,"hot_frames":1,"frames":1,"reject_at":98,"review_at":85}],"unjudged":["Violence"],"near":[1250],"decisions":[{"at":1000,"content_sha256":"abab","by":"0000000000009","decided_by":"moderator","verdict":"reject","reason_code":"other","reason":"because","undoes":0}],"waiting_since":null,"queued_at":900,"appeal":"please look again"}"#;

    #[test]
    fn a_row_of_version_one_is_readable() {
        let record = read((1, 7, GOLDEN_V1.into())).expect("readable");
        assert_eq!((record.revision, record.video, record.phase_seed), (7, VideoId(1), u64::MAX - 1));
        assert_eq!(record.decisions[0].verdict, vocab::Verdict::Reject);
    }

    #[test]
    fn a_row_of_a_later_layout_is_refused_as_newer() {
        let refused = read((RECORD_V + 1, 7, GOLDEN_V1.into())).expect_err("refused");
        assert!(matches!(refused, Error::Fault(f) if f.kind == FaultKind::Newer));
    }

    #[test]
    fn a_broken_row_is_corrupt() {
        let refused = read((1, 7, "{".into())).expect_err("refused");
        assert!(matches!(refused, Error::Fault(f) if f.kind == FaultKind::Corrupt));
    }
}
