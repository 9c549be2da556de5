//! Writing: a stretch of events becomes changed impressions, and those become changed counters.

use super::read::{Heats, reached_of, reached_text};
use super::{ROW_V, Result, err};
use ::engagement::{
    Contribution, Counters, EngagementError, EngagementPolicy, Heat, Hour, Impression, ImpressionKey,
    ShardBatch,
};
use rusqlite::{CachedStatement, Connection, OptionalExtension, Row, params};
use std::collections::BTreeMap;
use vocab::{Millis, VideoId};

const SHOWN: i64 = 1;
const LIKED: i64 = 2;
const SHARED: i64 = 4;
const SKIPPED: i64 = 8;

pub(super) fn folded(conn: &Connection, shard: u16) -> Result<u64> {
    let next: Option<i64> = conn
        .prepare_cached("SELECT next FROM engagement_folded WHERE shard = ?1")
        .and_then(|mut s| s.query_row([shard], |r| r.get(0)).optional())
        .map_err(err)?;
    Ok(next.map_or(0, |n| n as u64))
}

pub(super) fn fold(conn: &Connection, batch: &ShardBatch, p: &EngagementPolicy) -> Result<u64> {
    let ShardBatch { shard, first, next, events } = batch;
    let done = folded(conn, *shard)?;
    if *first > done {
        return Err(EngagementError::Gap { shard: *shard, folded: done, first: *first });
    }
    let fresh = events.iter().filter(|e| e.offset >= done && e.offset < *next).map(|e| &e.event);
    let mut keyed: Vec<_> = fresh.filter_map(|e| Some((ImpressionKey::of(e)?, e))).collect();
    // Stable: events of one showing stay in the order of the log.
    keyed.sort_by_key(|(key, _)| *key);
    let mut changes = Changes::default();
    let mut rows = Impressions::prepare(conn)?;
    for showing in keyed.chunk_by(|a, b| a.0 == b.0) {
        let Some((key, _)) = showing.first() else { continue };
        let text = key.showing.to_string();
        let known = rows.find(key, &text)?;
        let mut joined = known.clone().unwrap_or_default();
        showing.iter().for_each(|(_, e)| joined.absorb(e));
        if known.as_ref() == Some(&joined) {
            continue;
        }
        if let Some(known) = &known {
            changes.add(key.video, &known.contribution(p), -1);
        }
        changes.add(key.video, &joined.contribution(p), 1);
        rows.keep(key, &text, &joined)?;
    }
    drop(rows);
    changes.write(conn)?;
    let after = done.max(*next);
    conn.prepare_cached(
        "INSERT INTO engagement_folded (shard, next) VALUES (?1, ?2)
         ON CONFLICT DO UPDATE SET next = excluded.next",
    )
    .and_then(|mut s| s.execute(params![shard, after as i64]))
    .map_err(err)?;
    Ok(after)
}

/// The two statements of a showing, prepared once a batch.
struct Impressions<'c> {
    find: CachedStatement<'c>,
    keep: CachedStatement<'c>,
}

impl<'c> Impressions<'c> {
    fn prepare(conn: &'c Connection) -> Result<Self> {
        let find = conn.prepare_cached(
            "SELECT first_at, last_at, dwell_ms, watched_ms, duration_ms, flags FROM engagement_impression
             WHERE viewer = ?1 AND video = ?2 AND showing = ?3",
        );
        let keep = conn.prepare_cached(
            "INSERT OR REPLACE INTO engagement_impression
             (viewer, video, showing, v, first_at, last_at, dwell_ms, watched_ms, duration_ms, flags)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        );
        Ok(Self { find: find.map_err(err)?, keep: keep.map_err(err)? })
    }

    fn find(&mut self, key: &ImpressionKey, showing: &str) -> Result<Option<Impression>> {
        let asked = params![key.viewer.0 as i64, key.video.0 as i64, showing];
        self.find.query_row(asked, impression).optional().map_err(err)
    }

    fn keep(&mut self, key: &ImpressionKey, showing: &str, i: &Impression) -> Result<()> {
        let flag = |on: bool, bit: i64| if on { bit } else { 0 };
        let flags =
            flag(i.shown, SHOWN) | flag(i.liked, LIKED) | flag(i.shared, SHARED) | flag(i.skipped, SKIPPED);
        let row = params![
            key.viewer.0 as i64,
            key.video.0 as i64,
            showing,
            ROW_V,
            i.first_at.0,
            i.last_at.0,
            i.dwell_ms,
            i.watched_ms,
            i.duration_ms,
            flags
        ];
        self.keep.execute(row).map(|_| ()).map_err(err)
    }
}

fn impression(r: &Row<'_>) -> rusqlite::Result<Impression> {
    let flags: i64 = r.get(5)?;
    Ok(Impression {
        first_at: Millis(r.get(0)?),
        last_at: Millis(r.get(1)?),
        dwell_ms: r.get(2)?,
        watched_ms: r.get(3)?,
        duration_ms: r.get(4)?,
        shown: flags & SHOWN != 0,
        liked: flags & LIKED != 0,
        shared: flags & SHARED != 0,
        skipped: flags & SKIPPED != 0,
    })
}

/// Everything a stretch changes, summed before it is written: a busy video is written once.
#[derive(Default)]
struct Changes {
    windows: BTreeMap<(VideoId, Hour), Counters>,
    videos: BTreeMap<VideoId, VideoChange>,
}

#[derive(Default)]
struct VideoChange {
    counters: Counters,
    heat: Vec<(Millis, i64)>,
    reached: BTreeMap<usize, i64>,
}

impl Changes {
    fn add(&mut self, video: VideoId, c: &Contribution, sign: i64) {
        let counters = if sign < 0 { c.counters.negated() } else { c.counters };
        *self.windows.entry((video, c.hour)).or_default() += counters;
        let change = self.videos.entry(video).or_default();
        change.counters += counters;
        if c.heat_milli != 0 {
            change.heat.push((c.heat_at, sign * c.heat_milli));
        }
        if let Some(bin) = c.reached {
            *change.reached.entry(bin).or_default() += sign;
        }
    }

    fn write(self, conn: &Connection) -> Result<()> {
        for ((video, hour), c) in self.windows {
            if c != Counters::default() {
                add_window(conn, video, hour, &c)?;
            }
        }
        for (video, change) in self.videos {
            change.write(conn, video)?;
        }
        Ok(())
    }
}

fn add_window(conn: &Connection, video: VideoId, hour: Hour, c: &Counters) -> Result<()> {
    conn.prepare_cached(
        "INSERT INTO engagement_window (video, hour, impressions, views, dwell_ms, dwells, completions, skips)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET impressions = impressions + excluded.impressions,
           views = views + excluded.views, dwell_ms = dwell_ms + excluded.dwell_ms,
           dwells = dwells + excluded.dwells, completions = completions + excluded.completions,
           skips = skips + excluded.skips",
    )
    .and_then(|mut s| {
        s.execute(params![
            video.0 as i64,
            hour.0,
            c.impressions,
            c.views,
            c.dwell_ms,
            c.dwells,
            c.completions,
            c.skips
        ])
    })
    .map_err(err)?;
    Ok(())
}

impl VideoChange {
    fn write(self, conn: &Connection, video: VideoId) -> Result<()> {
        let (heat, mut reached) = heat_and_reached(conn, video)?;
        let heat = self.heat.into_iter().fold(heat, |h, (at, milli)| h.add(at, milli));
        for (bin, by) in self.reached {
            reached[bin] = u32::try_from((i64::from(reached[bin]) + by).max(0)).unwrap_or(u32::MAX);
        }
        let c = &self.counters;
        conn.prepare_cached(
            "INSERT INTO engagement_total
             (video, v, impressions, views, dwell_ms, dwells, completions, skips, h5, h15, h60, heat_at, reached)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)
             ON CONFLICT DO UPDATE SET impressions = impressions + excluded.impressions,
               views = views + excluded.views, dwell_ms = dwell_ms + excluded.dwell_ms,
               dwells = dwells + excluded.dwells, completions = completions + excluded.completions,
               skips = skips + excluded.skips, h5 = excluded.h5, h15 = excluded.h15, h60 = excluded.h60,
               heat_at = excluded.heat_at, reached = excluded.reached",
        )
        .and_then(|mut s| {
            s.execute(params![
                video.0 as i64,
                ROW_V,
                c.impressions,
                c.views,
                c.dwell_ms,
                c.dwells,
                c.completions,
                c.skips,
                heat.h5,
                heat.h15,
                heat.h60,
                heat.as_of.0,
                reached_text(&reached)
            ])
        })
        .map_err(err)?;
        Ok(())
    }
}

fn heat_and_reached(conn: &Connection, video: VideoId) -> Result<(Heat, ::engagement::retention::Reached)> {
    let found: Option<(Heats, String)> = conn
        .prepare_cached("SELECT h5, h15, h60, heat_at, reached FROM engagement_total WHERE video = ?1")
        .and_then(|mut s| {
            s.query_row([video.0 as i64], |r| Ok(((r.get(0)?, r.get(1)?, r.get(2)?, r.get(3)?), r.get(4)?)))
                .optional()
        })
        .map_err(err)?;
    let Some(((h5, h15, h60, at), reached)) = found else { return Ok((Heat::default(), [0; 21])) };
    Ok((Heat { h5, h15, h60, as_of: Millis(at) }, reached_of(&reached)?))
}
