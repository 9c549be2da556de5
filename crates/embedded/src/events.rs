//! The event log as one table, and each device's windows beside it: one commit writes both.
//! A segmented log of its own comes later behind the same port.

use crate::db::{Database, fault};
use ::events::{Append, DeviceWindows, EventKind, EventLog, EventLogError, Measures, Placed};
use ::events::{Receipt, Recorded, SeqVerdict, Window};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use stdx::Fault;
use vocab::{DeviceId, Millis, UserId, VideoId};

/// The layout of the rows below.
const ROW_V: i64 = 1;

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS events_log (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  v INTEGER NOT NULL,
  viewer INTEGER NOT NULL,
  device TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  seq INTEGER NOT NULL,
  kind TEXT NOT NULL,
  at INTEGER NOT NULL,
  received_at INTEGER NOT NULL,
  raw_ts INTEGER,
  raw_sent_at INTEGER,
  video INTEGER,
  impression TEXT,
  measures TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS events_device (
  device TEXT PRIMARY KEY,
  v INTEGER NOT NULL,
  windows TEXT NOT NULL
) STRICT, WITHOUT ROWID;
";

#[derive(Debug, Clone)]
pub struct EmbeddedEventLog(Database);

impl EmbeddedEventLog {
    pub fn new(db: Database) -> Self {
        Self(db)
    }
}

type Result<T> = std::result::Result<T, EventLogError>;

fn err(e: rusqlite::Error) -> EventLogError {
    fault(e).into()
}

/// A device's windows as stored.
#[derive(Serialize, Deserialize)]
struct WindowsRow {
    floor: u64,
    /// Epoch, highest number, bits.
    epochs: Vec<(u64, u64, u64)>,
}

impl From<&DeviceWindows> for WindowsRow {
    fn from(w: &DeviceWindows) -> Self {
        Self { floor: w.floor, epochs: w.epochs.iter().map(|(e, w)| (*e, w.high, w.bits)).collect() }
    }
}

impl From<WindowsRow> for DeviceWindows {
    fn from(row: WindowsRow) -> Self {
        let epochs = row.epochs.into_iter().map(|(e, high, bits)| (e, Window { high, bits })).collect();
        Self { floor: row.floor, epochs }
    }
}

fn windows_of(conn: &Connection, device: DeviceId) -> Result<DeviceWindows> {
    let found: Option<(i64, String)> = conn
        .prepare_cached("SELECT v, windows FROM events_device WHERE device = ?1")
        .and_then(|mut s| s.query_row([device.to_string()], |r| Ok((r.get(0)?, r.get(1)?))).optional())
        .map_err(err)?;
    let Some((v, text)) = found else { return Ok(DeviceWindows::default()) };
    known_version(v)?;
    let row: WindowsRow = serde_json::from_str(&text).map_err(Fault::corrupt)?;
    Ok(row.into())
}

fn known_version(v: i64) -> Result<()> {
    if v == ROW_V {
        return Ok(());
    }
    Err(Fault::new(stdx::FaultKind::Newer, format!("an event row of layout {v}")).into())
}

fn keep_windows(conn: &Connection, device: DeviceId, windows: &DeviceWindows) -> Result<()> {
    let text = serde_json::to_string(&WindowsRow::from(windows)).map_err(Fault::internal)?;
    conn.prepare_cached(
        "INSERT INTO events_device (device, v, windows) VALUES (?1, ?2, ?3)
         ON CONFLICT DO UPDATE SET v = excluded.v, windows = excluded.windows",
    )
    .and_then(|mut s| s.execute(params![device.to_string(), ROW_V, text]))
    .map_err(err)?;
    Ok(())
}

fn insert(conn: &Connection, e: &Recorded) -> Result<()> {
    let measures = serde_json::to_string(&e.measures).map_err(Fault::internal)?;
    conn.prepare_cached(
        "INSERT INTO events_log (v, viewer, device, epoch, seq, kind, at, received_at, raw_ts, raw_sent_at,
         video, impression, measures) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )
    .and_then(|mut s| {
        s.execute(params![
            ROW_V,
            e.viewer.0 as i64,
            e.device.to_string(),
            e.epoch as i64,
            e.seq as i64,
            e.kind.word(),
            e.at.0,
            e.received_at.0,
            e.raw_ts.map(|m| m.0),
            e.raw_sent_at.map(|m| m.0),
            e.video.map(|v| v.0 as i64),
            e.impression.map(|i| i.to_string()),
            measures,
        ])
    })
    .map_err(err)?;
    Ok(())
}

/// A row of `SELECT *`, its texts unread.
struct RawRow {
    offset: i64,
    v: i64,
    event: Recorded,
    kind: String,
    device: String,
    impression: Option<String>,
    measures: String,
}

fn raw(r: &Row<'_>) -> rusqlite::Result<RawRow> {
    let event = Recorded {
        viewer: UserId(r.get::<_, i64>("viewer")? as u64),
        device: DeviceId(0),
        epoch: r.get::<_, i64>("epoch")? as u64,
        seq: r.get::<_, i64>("seq")? as u64,
        kind: EventKind::Error,
        at: Millis(r.get("at")?),
        received_at: Millis(r.get("received_at")?),
        raw_ts: r.get::<_, Option<i64>>("raw_ts")?.map(Millis),
        raw_sent_at: r.get::<_, Option<i64>>("raw_sent_at")?.map(Millis),
        video: r.get::<_, Option<i64>>("video")?.map(|v| VideoId(v as u64)),
        impression: None,
        measures: Measures::default(),
    };
    Ok(RawRow {
        offset: r.get("id")?,
        v: r.get("v")?,
        event,
        kind: r.get("kind")?,
        device: r.get("device")?,
        impression: r.get("impression")?,
        measures: r.get("measures")?,
    })
}

fn placed(row: RawRow) -> Result<Placed> {
    known_version(row.v)?;
    let kind = EventKind::from_word(&row.kind)
        .ok_or_else(|| Fault::corrupt(format!("an event of kind {:?}", row.kind)))?;
    let device = row.device.parse().map_err(Fault::corrupt)?;
    let impression = row.impression.map(|i| i.parse()).transpose().map_err(Fault::corrupt)?;
    let measures = serde_json::from_str(&row.measures).map_err(Fault::corrupt)?;
    let event = Recorded { kind, device, impression, measures, ..row.event };
    Ok(Placed { offset: row.offset as u64, event })
}

fn only_shard(shard: u16) -> Result<()> {
    if shard == 0 { Ok(()) } else { Err(EventLogError::NoShard(shard)) }
}

fn append(conn: &Connection, batch: &Append) -> Result<Receipt> {
    let receipt = if batch.epoch == 0 {
        Receipt { verdicts: vec![SeqVerdict::Fresh; batch.events.len()], next_seq: 0 }
    } else {
        let mut windows = windows_of(conn, batch.device)?;
        let before = windows.clone();
        let seqs = batch.events.iter().map(|e| e.seq);
        let receipt = windows.admit(batch.epoch, seqs, batch.epochs_per_device);
        if windows != before {
            keep_windows(conn, batch.device, &windows)?;
        }
        receipt
    };
    for (event, verdict) in batch.events.iter().zip(&receipt.verdicts) {
        if *verdict == SeqVerdict::Fresh {
            insert(conn, event)?;
        }
    }
    Ok(receipt)
}

#[async_trait]
impl EventLog for EmbeddedEventLog {
    async fn append(&self, batch: Append) -> Result<Receipt> {
        self.0.write(move |tx| append(tx, &batch)).await
    }

    async fn read(&self, shard: u16, from: u64, limit: usize) -> Result<Vec<Placed>> {
        only_shard(shard)?;
        let (from, limit) = (from as i64, i64::try_from(limit).unwrap_or(i64::MAX));
        self.0
            .read(move |conn| {
                conn.prepare_cached("SELECT * FROM events_log WHERE id >= ?1 ORDER BY id LIMIT ?2")
                    .and_then(|mut s| s.query_map([from, limit], raw)?.collect::<rusqlite::Result<Vec<_>>>())
                    .map_err(err)?
                    .into_iter()
                    .map(placed)
                    .collect()
            })
            .await
    }

    async fn end(&self, shard: u16) -> Result<u64> {
        only_shard(shard)?;
        // The sequence outlives its rows: a trimmed log goes on where it was.
        self.0
            .read(|conn| {
                let last: Option<i64> = conn
                    .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'events_log'")
                    .and_then(|mut s| s.query_row([], |r| r.get(0)).optional())
                    .map_err(err)?;
                Ok(last.map_or(0, |id| id as u64 + 1))
            })
            .await
    }

    async fn trim(&self, shard: u16, before: u64) -> Result<()> {
        only_shard(shard)?;
        self.0
            .write(move |tx| {
                tx.execute("DELETE FROM events_log WHERE id < ?1", [before as i64]).map_err(err)?;
                Ok(())
            })
            .await
    }

    fn shards(&self) -> u16 {
        1
    }
}
