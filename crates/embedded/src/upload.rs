//! Uploads, idempotency keys and quota places as rows.

use crate::db::{Database, fault};
use ::upload::{
    KeyClaim, Limits, Reservation, Upload, UploadQuery, UploadState, UploadStore, UploadStoreError, Usage,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, Transaction, params};
use stdx::{Fault, FaultKind};
use vocab::{Bytes, Millis, UploadId, UserId, VideoId};

/// The layout of the rows below. A row of a later one is refused, not guessed at.
const V: i64 = 1;
const DAY: Millis = Millis::from_secs(24 * 3600);

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS upload_record (
  id TEXT PRIMARY KEY,
  owner INTEGER NOT NULL,
  video INTEGER NOT NULL,
  state TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  state_changed_at INTEGER NOT NULL,
  v INTEGER NOT NULL,
  filename TEXT NOT NULL,
  content_type TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  sha256 TEXT,
  part_size_bytes INTEGER NOT NULL,
  part_count INTEGER NOT NULL,
  ticket TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS upload_record_owner ON upload_record (owner, created_at) WHERE state IN ('open', 'completing');
CREATE INDEX IF NOT EXISTS upload_record_expiry ON upload_record (expires_at) WHERE state = 'open';
CREATE INDEX IF NOT EXISTS upload_record_ended ON upload_record (state, state_changed_at);
CREATE TABLE IF NOT EXISTS upload_key (
  owner INTEGER NOT NULL,
  key TEXT NOT NULL,
  digest TEXT NOT NULL,
  upload TEXT NOT NULL,
  video INTEGER NOT NULL,
  at INTEGER NOT NULL,
  v INTEGER NOT NULL,
  PRIMARY KEY (owner, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS upload_key_at ON upload_key (at);
CREATE TABLE IF NOT EXISTS upload_place (
  owner INTEGER NOT NULL,
  upload TEXT NOT NULL,
  size_bytes INTEGER NOT NULL,
  at INTEGER NOT NULL,
  open INTEGER NOT NULL,
  v INTEGER NOT NULL,
  PRIMARY KEY (owner, upload)
) STRICT, WITHOUT ROWID;
";

const COLUMNS: &str = "id, owner, video, state, created_at, expires_at, state_changed_at, v, filename,
  content_type, size_bytes, sha256, part_size_bytes, part_count, ticket";

#[derive(Debug, Clone)]
pub struct EmbeddedUploadStore(Database);

impl EmbeddedUploadStore {
    pub fn new(db: Database) -> Self {
        Self(db)
    }
}

fn err(e: rusqlite::Error) -> UploadStoreError {
    fault(e).into()
}

fn text(row: &Row<'_>, column: &str) -> rusqlite::Result<String> {
    row.get(column)
}

fn upload(row: &Row<'_>) -> rusqlite::Result<Result<Upload, Fault>> {
    let v: i64 = row.get("v")?;
    if v > V {
        let said = format!("an upload of layout {v}, this program knows {V}");
        return Ok(Err(Fault::new(FaultKind::Newer, said)));
    }
    let (id, state) = (text(row, "id")?, text(row, "state")?);
    let (Ok(id), Some(state)) = (id.parse(), UploadState::from_word(&state)) else {
        return Ok(Err(Fault::corrupt(format!("the upload {id} in state {state}"))));
    };
    Ok(Ok(Upload {
        id,
        owner: UserId(row.get::<_, i64>("owner")? as u64),
        video: VideoId(row.get::<_, i64>("video")? as u64),
        filename: row.get("filename")?,
        content_type: row.get("content_type")?,
        size_bytes: Bytes(row.get::<_, i64>("size_bytes")? as u64),
        sha256: row.get("sha256")?,
        part_size_bytes: Bytes(row.get::<_, i64>("part_size_bytes")? as u64),
        part_count: row.get("part_count")?,
        state,
        ticket: row.get("ticket")?,
        created_at: Millis(row.get("created_at")?),
        expires_at: Millis(row.get("expires_at")?),
        state_changed_at: Millis(row.get("state_changed_at")?),
    }))
}

fn find(c: &Connection, id: UploadId) -> Result<Option<Upload>, Fault> {
    let sql = format!("SELECT {COLUMNS} FROM upload_record WHERE id = ?1");
    let mut statement = c.prepare_cached(&sql).map_err(fault)?;
    statement.query_row([id.to_string()], upload).optional().map_err(fault)?.transpose()
}

fn write(tx: &Transaction<'_>, u: &Upload) -> Result<(), Fault> {
    let sql = format!(
        "INSERT INTO upload_record ({COLUMNS}) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15)"
    );
    tx.prepare_cached(&sql)
        .and_then(|mut s| {
            s.execute(params![
                u.id.to_string(),
                u.owner.0 as i64,
                u.video.0 as i64,
                u.state.word(),
                u.created_at.0,
                u.expires_at.0,
                u.state_changed_at.0,
                V,
                u.filename,
                u.content_type,
                u.size_bytes.0 as i64,
                u.sha256,
                u.part_size_bytes.0 as i64,
                u.part_count,
                u.ticket,
            ])
        })
        .map(drop)
        .map_err(fault)
}

fn used(c: &Connection, owner: UserId, now: Millis) -> Result<Usage, Fault> {
    let sql = "SELECT COUNT(*) FILTER (WHERE open), COUNT(*), COALESCE(SUM(size_bytes), 0)
               FROM upload_place WHERE owner = ?1 AND at > ?2";
    let usage = |r: &Row<'_>| {
        let bytes: i64 = r.get(2)?;
        Ok(Usage { open: r.get(0)?, day_uploads: r.get(1)?, day_bytes: Bytes(bytes as u64) })
    };
    let since = now.saturating_sub(DAY).0;
    c.prepare_cached(sql).and_then(|mut s| s.query_row((owner.0 as i64, since), usage)).map_err(fault)
}

fn has_place(c: &Connection, owner: UserId, upload: UploadId) -> Result<bool, Fault> {
    c.prepare_cached("SELECT 1 FROM upload_place WHERE owner = ?1 AND upload = ?2")
        .and_then(|mut s| s.exists((owner.0 as i64, upload.to_string())))
        .map_err(fault)
}

/// When the oldest place leaves the window.
fn retry_after(c: &Connection, owner: UserId, now: Millis) -> Result<Option<Millis>, Fault> {
    let sql = "SELECT MIN(at) FROM upload_place WHERE owner = ?1";
    let oldest: Option<i64> =
        c.prepare_cached(sql).and_then(|mut s| s.query_row([owner.0 as i64], |r| r.get(0))).map_err(fault)?;
    Ok(oldest.map(|at| Millis(at).saturating_add(DAY).saturating_sub(now)))
}

fn admit(
    tx: &Transaction<'_>,
    owner: UserId,
    new: &Reservation,
    limits: &Limits,
) -> Result<(), UploadStoreError> {
    let used = used(tx, owner, new.at)?;
    let quota = |what, limit, retry_after| Err(UploadStoreError::Quota { what, limit, retry_after });
    if used.open >= limits.open_max {
        return quota("open uploads", u64::from(limits.open_max), None);
    }
    if used.day_uploads >= limits.day_uploads_max {
        let wait = retry_after(tx, owner, new.at)?;
        return quota("uploads a day", u64::from(limits.day_uploads_max), wait);
    }
    if used.day_bytes.saturating_add(new.size) > limits.day_bytes_max {
        return quota("bytes a day", limits.day_bytes_max.0, retry_after(tx, owner, new.at)?);
    }
    let sql =
        "INSERT INTO upload_place (owner, upload, size_bytes, at, open, v) VALUES (?1, ?2, ?3, ?4, 1, ?5)";
    let row = (owner.0 as i64, new.upload.to_string(), new.size.0 as i64, new.at.0, V);
    tx.prepare_cached(sql).and_then(|mut s| s.execute(row)).map(drop).map_err(err)
}

fn claim(row: &Row<'_>) -> rusqlite::Result<Result<KeyClaim, Fault>> {
    let id = text(row, "upload")?;
    let Ok(upload) = id.parse() else { return Ok(Err(Fault::corrupt(format!("an upload id {id}")))) };
    Ok(Ok(KeyClaim {
        digest: row.get("digest")?,
        upload,
        video: VideoId(row.get::<_, i64>("video")? as u64),
        at: Millis(row.get("at")?),
    }))
}

#[async_trait]
impl UploadStore for EmbeddedUploadStore {
    async fn claim_key(
        &self,
        owner: UserId,
        key: &str,
        new: KeyClaim,
        stale_before: Millis,
    ) -> Result<KeyClaim, Fault> {
        let key = key.to_owned();
        self.0
            .write(move |tx| {
                let sql = "SELECT digest, upload, video, at FROM upload_key
                           WHERE owner = ?1 AND key = ?2 AND at >= ?3";
                let held = tx
                    .prepare_cached(sql)
                    .and_then(|mut s| s.query_row((owner.0 as i64, &key, stale_before.0), claim).optional())
                    .map_err(fault)?;
                if let Some(held) = held {
                    return held;
                }
                let sql = "INSERT OR REPLACE INTO upload_key (owner, key, digest, upload, video, at, v)
                           VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
                let row = params![
                    owner.0 as i64,
                    key,
                    new.digest,
                    new.upload.to_string(),
                    new.video.0 as i64,
                    new.at.0,
                    V
                ];
                tx.prepare_cached(sql).and_then(|mut s| s.execute(row)).map_err(fault)?;
                Ok(new)
            })
            .await
    }

    async fn reserve(
        &self,
        owner: UserId,
        place: Reservation,
        limits: &Limits,
    ) -> Result<Usage, UploadStoreError> {
        let limits = limits.clone();
        self.0
            .write(move |tx| {
                let since = place.at.saturating_sub(DAY).0;
                tx.prepare_cached("DELETE FROM upload_place WHERE owner = ?1 AND at <= ?2")
                    .and_then(|mut s| s.execute((owner.0 as i64, since)))
                    .map_err(err)?;
                if !has_place(tx, owner, place.upload)? {
                    admit(tx, owner, &place, &limits)?;
                }
                Ok(used(tx, owner, place.at)?)
            })
            .await
    }

    async fn release(&self, owner: UserId, upload: UploadId, refund: bool) -> Result<(), Fault> {
        let sql = if refund {
            "DELETE FROM upload_place WHERE owner = ?1 AND upload = ?2"
        } else {
            "UPDATE upload_place SET open = 0 WHERE owner = ?1 AND upload = ?2"
        };
        self.0
            .write(move |tx| {
                let row = (owner.0 as i64, upload.to_string());
                tx.prepare_cached(sql).and_then(|mut s| s.execute(row)).map(drop).map_err(fault)
            })
            .await
    }

    async fn usage(&self, owner: UserId, now: Millis) -> Result<Usage, Fault> {
        self.0.read(move |c| used(c, owner, now)).await
    }

    async fn insert(&self, new: Upload) -> Result<Upload, Fault> {
        self.0
            .write(move |tx| match find(tx, new.id)? {
                Some(standing) => Ok(standing),
                None => write(tx, &new).map(|()| new),
            })
            .await
    }

    async fn get(&self, id: UploadId) -> Result<Upload, UploadStoreError> {
        self.0.read(move |c| find(c, id)?.ok_or(UploadStoreError::NotFound(id))).await
    }

    async fn advance(
        &self,
        id: UploadId,
        from: &[UploadState],
        to: UploadState,
        at: Millis,
    ) -> Result<Upload, UploadStoreError> {
        let from = from.to_vec();
        self.0
            .write(move |tx| {
                let standing = find(tx, id)?.ok_or(UploadStoreError::NotFound(id))?;
                if !from.contains(&standing.state) || !standing.state.may_become(to) {
                    return Err(UploadStoreError::Stale { id, actual: standing.state });
                }
                tx.prepare_cached("UPDATE upload_record SET state = ?2, state_changed_at = ?3 WHERE id = ?1")
                    .and_then(|mut s| s.execute((id.to_string(), to.word(), at.0)))
                    .map_err(err)?;
                Ok(Upload { state: to, state_changed_at: at, ..standing })
            })
            .await
    }

    async fn list(&self, query: UploadQuery, limit: usize) -> Result<Vec<Upload>, Fault> {
        let (condition, value) = match query {
            UploadQuery::LiveOf(owner) => ("owner = ?1 AND state IN ('open', 'completing')", owner.0 as i64),
            UploadQuery::ExpiredBefore(at) => ("state = 'open' AND expires_at < ?1", at.0),
            UploadQuery::CompletingBefore(at) => ("state = 'completing' AND state_changed_at < ?1", at.0),
        };
        let sql =
            format!("SELECT {COLUMNS} FROM upload_record WHERE {condition} ORDER BY created_at, id LIMIT ?2");
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.0
            .read(move |c| {
                let mut statement = c.prepare_cached(&sql).map_err(fault)?;
                let rows = statement.query_map((value, limit), upload).map_err(fault)?;
                rows.map(|r| r.map_err(fault)?).collect()
            })
            .await
    }

    async fn forget(&self, before: Millis, limit: usize) -> Result<usize, Fault> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        self.0
            .write(move |tx| {
                let sql = "DELETE FROM upload_record WHERE id IN (SELECT id FROM upload_record
                           WHERE state IN ('completed', 'aborted') AND state_changed_at < ?1 LIMIT ?2)";
                let gone = tx.prepare_cached(sql).and_then(|mut s| s.execute((before.0, limit)));
                let gone = gone.map_err(fault)?;
                tx.prepare_cached("DELETE FROM upload_key WHERE at < ?1")
                    .and_then(|mut s| s.execute([before.0]))
                    .map_err(fault)?;
                Ok(gone)
            })
            .await
    }
}
