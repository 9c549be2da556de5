//! The operations page's shapes.

use crate::ops::{Disk, LINES};
use crate::state::ApiState;
use serde::Serialize;
use telemetry::promises::{PROMISES, State};
use utoipa::ToSchema;
use vocab::{JobId, Millis};
use work::{Job, JobState, Tally};

#[derive(Debug, Serialize, ToSchema)]
pub struct OpsSummary {
    /// No promise is broken and no job is dead.
    pub ok: bool,
    pub promises: Vec<PromiseState>,
    pub queues: Vec<QueueState>,
    pub disk: Option<DiskState>,
    pub rates: RateState,
    pub uptime_s: i64,
    pub version: String,
    pub sockets: u64,
    pub media: MediaState,
    pub series: Vec<SeriesState>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PromiseState {
    pub name: String,
    pub target: i64,
    /// `null` = nothing measured in the last minutes.
    pub value: Option<i64>,
    /// `ms`, or `ppm`: parts per million.
    pub unit: String,
    /// `below` or `at_least`.
    pub bound: String,
    /// `green`, `amber`, `red`, or `unknown`: nothing was measured, or too little to call it broken.
    pub state: String,
    pub help: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct QueueState {
    pub kind: String,
    pub ready: u64,
    pub running: u64,
    pub dead: u64,
    /// How long the oldest due job has waited.
    pub oldest_ms: Option<i64>,
}

impl QueueState {
    pub fn of(tally: Tally, now: Millis) -> Self {
        let oldest_ms = tally.oldest_run_at.map(|at| now.saturating_sub(at).get().max(0));
        Self { kind: tally.kind, ready: tally.ready, running: tally.running, dead: tally.dead, oldest_ms }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct DiskState {
    pub free_bytes: u64,
    pub total_bytes: u64,
    pub data_bytes: u64,
}

impl From<Disk> for DiskState {
    fn from(d: Disk) -> Self {
        Self { free_bytes: d.free.get(), total_bytes: d.total.get(), data_bytes: d.data.get() }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct RateState {
    pub requests_per_min: u64,
    pub refused_per_min: u64,
    pub failed_per_min: u64,
    pub media_bytes_per_min: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct MediaState {
    pub hit: u64,
    pub miss: u64,
    pub not_found: u64,
    pub gone: u64,
    pub hot_bytes: u64,
    pub sent_bytes: u64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SeriesState {
    pub name: String,
    pub label: String,
    pub unit: String,
    /// The promise, where there is one.
    pub target: Option<i64>,
    /// `[at_ms, value or null]`, oldest first.
    pub points: Vec<(i64, Option<i64>)>,
}

/// Everything at once, for one screen.
pub fn summary_of(state: &ApiState, queues: Vec<QueueState>, now: Millis) -> OpsSummary {
    let promises = promises(state, now);
    let ok = promises.iter().all(|p| p.state != word(State::Red)) && queues.iter().all(|q| q.dead == 0);
    let rates = state.series.rates();
    let media = state.origin.counts();
    OpsSummary {
        ok,
        promises,
        queues,
        disk: state.machine.disk().map(DiskState::from),
        rates: RateState {
            requests_per_min: rates.requests,
            refused_per_min: rates.refused,
            failed_per_min: rates.failed,
            media_bytes_per_min: rates.media_sent,
        },
        uptime_s: now.saturating_sub(state.traffic.started_at).get().max(0) / 1000,
        version: state.config.version.clone(),
        sockets: state.hub.connections() as u64,
        media: MediaState {
            hit: media.hit,
            miss: media.miss,
            not_found: media.not_found,
            gone: media.gone,
            hot_bytes: media.hot_bytes,
            sent_bytes: media.sent_bytes,
        },
        series: series(state),
    }
}

const fn word(state: State) -> &'static str {
    match state {
        State::Green => "green",
        State::Amber => "amber",
        State::Red => "red",
        State::Unknown => "unknown",
    }
}

fn promises(state: &ApiState, now: Millis) -> Vec<PromiseState> {
    PROMISES
        .iter()
        .map(|p| {
            let measured = state.indicators.measured(p.indicator, now.get());
            PromiseState {
                name: p.name.into(),
                target: p.target,
                value: measured.map(|m| m.value),
                unit: p.unit.into(),
                bound: p.bound.word().into(),
                state: word(p.state(measured)).into(),
                help: p.help.into(),
            }
        })
        .collect()
}

fn series(state: &ApiState) -> Vec<SeriesState> {
    let points = state.series.points();
    LINES
        .iter()
        .enumerate()
        .map(|(i, line)| SeriesState {
            name: line.name.into(),
            label: line.label.into(),
            unit: line.unit.into(),
            target: PROMISES.iter().find(|p| p.name == line.name).map(|p| p.target),
            points: points.iter().map(|(at, values)| (at.get(), values[i])).collect(),
        })
        .collect()
}

#[derive(Debug, Serialize, ToSchema)]
pub struct JobView {
    #[schema(value_type = String)]
    pub id: JobId,
    pub kind: String,
    pub key: String,
    /// `ready`, `running`, `done`, `dead` or `cancelled`.
    pub state: String,
    pub attempts: u32,
    pub max_attempts: u32,
    pub progress_percent: u8,
    pub cancel_requested: bool,
    pub error: Option<String>,
    pub created_at_ms: i64,
    pub run_at_ms: i64,
    pub lease_until_ms: Option<i64>,
    pub finished_at_ms: Option<i64>,
}

impl From<Job> for JobView {
    fn from(j: Job) -> Self {
        Self {
            id: j.id,
            kind: j.kind,
            key: j.key,
            state: state_word(j.state).into(),
            attempts: j.attempt,
            max_attempts: j.max_attempts,
            progress_percent: j.progress_percent,
            cancel_requested: j.cancel_requested,
            error: j.last_error,
            created_at_ms: j.created_at.get(),
            run_at_ms: j.run_at.get(),
            lease_until_ms: j.lease_until.map(|m| m.get()),
            finished_at_ms: j.finished_at.map(|m| m.get()),
        }
    }
}

pub(crate) const fn state_word(state: JobState) -> &'static str {
    match state {
        JobState::Ready => "ready",
        JobState::Running => "running",
        JobState::Done => "done",
        JobState::Dead => "dead",
        JobState::Cancelled => "cancelled",
    }
}
