//! Reading: totals, windows, the board.

use super::{Result, err};
use ::engagement::heat::by_score;
use ::engagement::retention::{BINS, Reached};
use ::engagement::{Counters, EngagementPolicy, Heat, Hour, Totals, Window};
use rusqlite::{Connection, OptionalExtension, Row, params};
use stdx::Fault;
use vocab::{Millis, VideoId};

/// `h5, h15, h60, heat_at` of a row.
pub(super) type Heats = (f64, f64, f64, i64);

/// After this a heat is nothing: 24 half-lives of the slowest.
const COLD_AFTER: Millis = Millis(24 * 3_600_000);

pub(super) fn reached_text(reached: &Reached) -> String {
    serde_json::to_string(&reached[..]).unwrap_or_else(|_| "[]".into())
}

/// A row may hold fewer bins than are known now: a total that began with a like has none.
pub(super) fn reached_of(text: &str) -> Result<Reached> {
    let bins: Vec<u32> = serde_json::from_str(text).map_err(Fault::corrupt)?;
    let mut reached = [0; BINS + 1];
    for (to, from) in reached.iter_mut().zip(bins) {
        *to = from;
    }
    Ok(reached)
}

fn counters(r: &Row<'_>, from: usize) -> rusqlite::Result<Counters> {
    Ok(Counters {
        impressions: r.get(from)?,
        views: r.get(from + 1)?,
        dwell_ms: r.get(from + 2)?,
        dwells: r.get(from + 3)?,
        completions: r.get(from + 4)?,
        skips: r.get(from + 5)?,
    })
}

fn whole(n: i64) -> u64 {
    u64::try_from(n).unwrap_or(0)
}

pub(super) fn totals(conn: &Connection, videos: &[VideoId]) -> Result<Vec<Totals>> {
    let mut statement = conn
        .prepare_cached(
            "SELECT impressions, views, dwell_ms, dwells, completions, skips, likes, shares, h5, h15, h60,
             heat_at, reached FROM engagement_total WHERE video = ?1",
        )
        .map_err(err)?;
    let mut all = Vec::with_capacity(videos.len());
    for video in videos {
        let row = statement
            .query_row([video.0 as i64], |r| {
                let heat = Heat { h5: r.get(8)?, h15: r.get(9)?, h60: r.get(10)?, as_of: Millis(r.get(11)?) };
                let totals = Totals {
                    counters: counters(r, 0)?,
                    likes: whole(r.get(6)?),
                    shares: whole(r.get(7)?),
                    heat,
                    reached: [0; BINS + 1],
                };
                Ok((totals, r.get::<_, String>(12)?))
            })
            .optional()
            .map_err(err)?;
        all.push(match row {
            Some((totals, reached)) => Totals { reached: reached_of(&reached)?, ..totals },
            None => Totals::default(),
        });
    }
    Ok(all)
}

pub(super) fn windows(conn: &Connection, video: VideoId, from: Hour, to: Hour) -> Result<Vec<Window>> {
    let window = |r: &Row<'_>| {
        Ok(Window { hour: Hour(r.get(0)?), counters: counters(r, 1)?, likes: r.get(7)?, shares: r.get(8)? })
    };
    let all: Vec<Window> = conn
        .prepare_cached(
            "SELECT hour, impressions, views, dwell_ms, dwells, completions, skips, likes, shares
             FROM engagement_window WHERE video = ?1 AND hour >= ?2 AND hour < ?3 ORDER BY hour",
        )
        .and_then(|mut s| {
            s.query_map(params![video.0 as i64, from.0, to.0], window)?.collect::<rusqlite::Result<_>>()
        })
        .map_err(err)?;
    let says_something = |w: &Window| w.counters != Counters::default() || w.likes != 0 || w.shares != 0;
    Ok(all.into_iter().filter(says_something).collect())
}

pub(super) fn hot(
    conn: &Connection,
    now: Millis,
    limit: usize,
    p: &EngagementPolicy,
) -> Result<Vec<(VideoId, Heat)>> {
    let since = now.saturating_sub(COLD_AFTER);
    let candidates = i64::try_from(p.board_candidates).unwrap_or(i64::MAX);
    let row = |r: &Row<'_>| {
        let heat = Heat { h5: r.get(1)?, h15: r.get(2)?, h60: r.get(3)?, as_of: Millis(r.get(4)?) };
        Ok((VideoId(r.get::<_, i64>(0)? as u64), heat))
    };
    let found: Vec<(VideoId, Heat)> = conn
        .prepare_cached(
            "SELECT video, h5, h15, h60, heat_at FROM engagement_total WHERE heat_at > ?1
             ORDER BY heat_at DESC LIMIT ?2",
        )
        .and_then(|mut s| s.query_map([since.0, candidates], row)?.collect::<rusqlite::Result<_>>())
        .map_err(err)?;
    let mut ranked: Vec<(VideoId, f64, Heat)> = found
        .into_iter()
        .map(|(v, heat)| (v, heat.at(now)))
        .map(|(v, heat)| (v, heat.score(p), heat))
        .filter(|(_, score, _)| *score > 0.0)
        .collect();
    ranked.sort_by(|a, b| by_score(&(a.0, a.1), &(b.0, b.1)));
    Ok(ranked.into_iter().take(limit).map(|(v, _, heat)| (v, heat)).collect())
}
