//! What operators look at: traffic, the machine, and a short memory of both.

use crate::state::ApiState;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, PoisonError};
use telemetry::Indicator;
use telemetry::promises::PROMISES;
use vocab::{Bytes, Millis};

/// The volume the data lives on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disk {
    pub free: Bytes,
    pub total: Bytes,
    /// Used by this product.
    pub data: Bytes,
}

/// What only the root knows.
pub trait Machine: Send + Sync + 'static {
    /// `None` where it cannot be told. May be up to a minute old.
    fn disk(&self) -> Option<Disk>;
}

/// Requests since the start.
#[derive(Debug)]
pub struct Traffic {
    pub started_at: Millis,
    pub requests: AtomicU64,
    pub refused: AtomicU64,
    pub failed: AtomicU64,
}

impl Traffic {
    pub fn since(started_at: Millis) -> Self {
        let zero = AtomicU64::default;
        Self { started_at, requests: zero(), refused: zero(), failed: zero() }
    }

    pub fn count(&self, status: http::StatusCode) {
        self.requests.fetch_add(1, Relaxed);
        if status.is_client_error() {
            self.refused.fetch_add(1, Relaxed);
        } else if status.is_server_error() {
            self.failed.fetch_add(1, Relaxed);
        }
    }
}

/// What a line of the charts shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    pub name: &'static str,
    pub label: &'static str,
    pub unit: &'static str,
}

/// The lines, in the order they are drawn and sampled.
pub const LINES: [Line; 10] = [
    Line { name: "first_frame", label: "Time to the first frame (p95)", unit: "ms" },
    Line { name: "rebuffer", label: "Time stalled", unit: "ppm" },
    Line { name: "media_hit", label: "Media answered from memory", unit: "ppm" },
    Line { name: "feed_p99", label: "Feed page (p99)", unit: "ms" },
    Line { name: "ranker_p99", label: "Ranking (p99)", unit: "ms" },
    Line { name: "requests", label: "Requests a minute", unit: "per_min" },
    Line { name: "failed", label: "Failed requests a minute", unit: "per_min" },
    Line { name: "media_sent", label: "Media sent a minute", unit: "bytes_per_min" },
    Line { name: "jobs_waiting", label: "Jobs waiting", unit: "jobs" },
    Line { name: "sockets", label: "Sockets open", unit: "sockets" },
];

/// Totals at the last sample, from which rates are made.
#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    at: Millis,
    requests: u64,
    failed: u64,
    refused: u64,
    media_sent: u64,
    media_hit: u64,
    media_all: u64,
}

/// One moment: a value a line.
pub type Point = (Millis, [Option<i64>; LINES.len()]);

/// Rates a minute, as of the last sample.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rates {
    pub requests: u64,
    pub refused: u64,
    pub failed: u64,
    pub media_sent: u64,
}

/// A short memory; the oldest points go first.
#[derive(Debug)]
pub struct Series {
    points_max: usize,
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    last: Option<Totals>,
    rates: Rates,
    points: VecDeque<Point>,
}

impl Series {
    pub fn new(points_max: usize) -> Self {
        Self { points_max, kept: Mutex::default() }
    }

    pub fn points(&self) -> Vec<Point> {
        self.lock().points.iter().copied().collect()
    }

    pub fn rates(&self) -> Rates {
        self.lock().rates
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn totals(state: &ApiState, at: Millis) -> Totals {
    let media = state.origin.counts();
    let read = |n: &AtomicU64| n.load(Relaxed);
    Totals {
        at,
        requests: read(&state.traffic.requests),
        failed: read(&state.traffic.failed),
        refused: read(&state.traffic.refused),
        media_sent: media.sent_bytes,
        media_hit: media.hit,
        media_all: media.hit + media.miss,
    }
}

/// `per_minute(60, 5 s) = 720`.
fn per_minute(growth: u64, span: Millis) -> u64 {
    growth.saturating_mul(60_000) / u64::try_from(span.get()).unwrap_or(1).max(1)
}

/// Takes one sample. The root calls [`sample_forever`]; tests call this.
pub async fn sample(state: &ApiState) {
    let now = state.clock.now();
    // The exporter keeps every timing it is given until it is read, and nobody may be reading.
    if let Some(render) = &state.health.metrics {
        drop(render());
    }
    let new = totals(state, now);
    let rates = rates_since(state, new);
    let waiting = state.jobs.tally().await.ok().map(|t| t.iter().map(|k| k.ready).sum::<u64>());
    let whole = |n: u64| i64::try_from(n).ok();
    let mut values = [None; LINES.len()];
    for (value, promise) in values.iter_mut().zip(PROMISES) {
        *value = state.indicators.value(promise.indicator, now.get());
    }
    values[5] = whole(rates.requests);
    values[6] = whole(rates.failed);
    values[7] = whole(rates.media_sent);
    values[8] = waiting.and_then(whole);
    values[9] = i64::try_from(state.hub.connections()).ok();
    let mut kept = state.series.lock();
    if kept.points.len() >= state.series.points_max {
        kept.points.pop_front();
    }
    kept.points.push_back((now, values));
}

fn rates_since(state: &ApiState, new: Totals) -> Rates {
    let mut kept = state.series.lock();
    let Some(old) = kept.last.replace(new) else { return kept.rates };
    let span = new.at.saturating_sub(old.at);
    let grown = |f: fn(&Totals) -> u64| f(&new).saturating_sub(f(&old));
    let seen = grown(|t| t.media_all);
    if seen > 0 {
        state.indicators.share(Indicator::MediaHit, grown(|t| t.media_hit), seen, new.at.get());
    }
    kept.rates = Rates {
        requests: per_minute(grown(|t| t.requests), span),
        refused: per_minute(grown(|t| t.refused), span),
        failed: per_minute(grown(|t| t.failed), span),
        media_sent: per_minute(grown(|t| t.media_sent), span),
    };
    kept.rates
}

/// Samples every `series_step` until dropped. The root spawns it.
pub async fn sample_forever(state: ApiState) {
    let step = state.config.policy.series_step.to_duration();
    let mut ticks = tokio::time::interval(step);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        sample(&state).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn promises_are_the_first_lines_in_their_order() {
        let lines: Vec<_> = LINES.iter().take(PROMISES.len()).map(|l| (l.name, l.unit)).collect();
        let promises: Vec<_> = PROMISES.iter().map(|p| (p.name, p.unit)).collect();
        assert_eq!(lines, promises);
    }

    #[test]
    fn rates_are_a_minute() {
        assert_eq!(per_minute(60, Millis(5_000)), 720);
        assert_eq!(per_minute(60, Millis(0)), 3_600_000);
    }
}
