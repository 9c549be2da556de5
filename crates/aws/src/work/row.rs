//! Jobs as rows of the table `Jobs`.
//!
//! Three kinds of rows, told apart by their key:
//!
//! | `job_id` | is |
//! |---|---|
//! | a job id | a job; `queue` and `at` place it in the index |
//! | `live#<kind>#<key>` | which job of this kind and key may be live (see `live.rs`) |
//! | `kinds` | every kind that ever was, so that no question needs a scan |
//!
//! A live job keeps its place in the index when it is claimed and beaten: nothing but keys stands there. One
//! that is done or cancelled leaves the index and is found by its key alone, until its time to live is over.
//! A job therefore costs three writes to enqueue (name, row, index), one to claim, two to end (row, index),
//! and one a heartbeat. A dead one stays in the index: people look for those.

use crate::dynamo::{Attr, Index, Item, Key, Projection, Table};
use ::work::{Job, JobState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use stdx::Fault;
use vocab::{JobId, Millis};

/// The layout of all rows below. In 1 ended jobs stood in the index, under [`Queue::Ended`], without an end.
pub(super) const LAYOUT: i64 = 2;
/// Seconds since 1970.
const TTL: &str = "ttl";
/// Done and cancelled jobs are found by their key for so long at least.
const ENDED_KEPT: Millis = Millis::from_secs(24 * 3_600);
/// A name goes so long after its job was due: longer than any job lives or is kept dead, replays renew it.
const NAME_KEPT: Millis = Millis::from_secs(180 * 24 * 3_600);

/// Jobs by what they wait for. One partition holds one kind, so one kind bears about 1,000 writes a second,
/// which is some 300 jobs a second.
pub(super) const BY_QUEUE: Index = Index {
    name: "JobsByQueue",
    hash: Attr::s("queue"),
    range: Some(Attr::s("at")),
    projection: Projection::KeysOnly,
};

pub static JOBS: Table =
    Table { name: "Jobs", hash: Attr::s("job_id"), range: None, indexes: &[BY_QUEUE], ttl: Some(TTL) };

/// Part of a kind's jobs, a partition of the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Queue {
    /// `Ready` and `Running`, by `run_at`.
    Live,
    /// `Dead`, by the time of death.
    Dead,
    /// `Done` and `Cancelled` of the first layout, by their end.
    Ended,
}

impl Queue {
    pub(super) const ALL: [Queue; 3] = [Self::Live, Self::Dead, Self::Ended];

    pub(super) const fn of(state: JobState) -> Self {
        match state {
            JobState::Ready | JobState::Running => Self::Live,
            JobState::Dead => Self::Dead,
            JobState::Done | JobState::Cancelled => Self::Ended,
        }
    }

    /// The hash key of the index.
    pub(super) fn named(self, kind: &str) -> String {
        let word = match self {
            Self::Live => "live",
            Self::Dead => "dead",
            Self::Ended => "ended",
        };
        format!("{kind}#{word}")
    }
}

/// A time as it sorts; what is before 1970 sorts as 1970.
pub(super) fn sortable(at: Millis) -> String {
    format!("{:020}", at.0.max(0))
}

pub(super) fn place(job: &Job) -> String {
    let at = match job.state {
        JobState::Ready | JobState::Running => job.run_at,
        JobState::Dead | JobState::Done | JobState::Cancelled => job.finished_at.unwrap_or(job.created_at),
    };
    format!("{}#{}", sortable(at), job.id)
}

pub(super) fn key(id: JobId) -> Key {
    Key::of(id.to_string())
}

fn seconds(at: Millis) -> i64 {
    at.0.div_euclid(1_000) + 1
}

pub(super) fn row(job: &Job) -> Result<Item, Fault> {
    let queue = Queue::of(job.state);
    let is_found = queue != Queue::Ended;
    let ends = job.finished_at.filter(|_| !is_found).map(|at| seconds(at.saturating_add(ENDED_KEPT)));
    Item::new(LAYOUT)
        .s("job_id", job.id.to_string())
        .s("kind", job.kind.as_str())
        .s("key", job.key.as_str())
        .s("state", job.state.word())
        .maybe_s("queue", is_found.then(|| queue.named(&job.kind)))
        .maybe_s("at", is_found.then(|| place(job)))
        .maybe_n(TTL, ends)
        .json("body", job)
}

pub(super) fn job(item: &Item) -> Result<Job, Fault> {
    item.layout(LAYOUT)?;
    item.get_json("body")
}

/// A job as the index names it; it may have moved on since.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Sorts by time, then by id.
    pub(super) at: String,
    pub(super) id: JobId,
}

impl Entry {
    pub(super) fn of(item: &Item) -> Result<Self, Fault> {
        let id = item.get_s("job_id")?.parse().map_err(Fault::corrupt)?;
        Ok(Self { at: item.get_s("at")?.to_owned(), id })
    }

    pub(super) fn time(&self) -> Result<Millis, Fault> {
        let digits = self.at.split('#').next().unwrap_or_default();
        digits.parse().map(Millis).map_err(Fault::corrupt)
    }
}

/// Who may be live under a kind and key, and who was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Live {
    pub(super) id: JobId,
    /// The job as it was enqueued: whoever finds that its row was never written writes it.
    /// `None` after a replay, whose row stood already.
    pub(super) job: Option<Job>,
    /// Ended jobs of the same kind and key, the last one first.
    pub(super) past: Vec<JobId>,
}

/// So many ended jobs of one kind and key are found by that key: with them the row stays below the kilobyte
/// that a write unit pays for.
const PAST_MAX: usize = 20;

impl Live {
    /// The same place with another name on it.
    pub(super) fn named(self, id: JobId, job: Option<Job>) -> Self {
        let mut past = vec![self.id];
        past.extend(self.past);
        past.retain(|p| *p != id);
        past.truncate(PAST_MAX);
        Self { id, job, past }
    }

    /// Without an ended job that is forgotten. `None` when nobody is left.
    pub(super) fn without(mut self, gone: JobId) -> Option<Self> {
        self.past.retain(|p| *p != gone);
        if self.id != gone {
            return Some(self);
        }
        if self.past.is_empty() {
            return None;
        }
        let id = self.past.remove(0);
        Some(Self { id, job: None, past: self.past })
    }

    pub(super) fn ids(&self) -> Vec<JobId> {
        std::iter::once(self.id).chain(self.past.iter().copied()).collect()
    }
}

pub(super) fn live_key(kind: &str, key: &str) -> Key {
    Key::of(format!("live#{kind}#{key}"))
}

pub(super) fn live_row(kind: &str, key: &str, live: &Live) -> Result<Item, Fault> {
    let hash = live_key(kind, key).hash;
    let due = live.job.as_ref().map(|job| job.run_at.max(job.created_at));
    Item::new(LAYOUT)
        .s("job_id", hash)
        .s("names", live.id.to_string())
        .maybe_n(TTL, due.map(|at| seconds(at.saturating_add(NAME_KEPT))))
        .json("body", live)
}

pub(super) fn live(item: &Item) -> Result<Live, Fault> {
    item.layout(LAYOUT)?;
    item.get_json("body")
}

pub(super) fn kinds_key() -> Key {
    Key::of("kinds")
}

pub(super) fn kinds_row(kinds: &BTreeSet<String>) -> Result<Item, Fault> {
    Item::new(LAYOUT).s("job_id", kinds_key().hash).json("body", kinds)
}

pub(super) fn kinds(item: &Item) -> Result<BTreeSet<String>, Fault> {
    item.layout(LAYOUT)?;
    item.get_json("body")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::work::NewJob;
    use stdx::FaultKind;

    /// As the first layout wrote it.
    const GOLDEN: &str = r#"{"id":"1t7nr9w800007","kind":"moderation.judge","key":"1t7nr9w80000a",
        "payload":{"a":1},"state":"running","attempt":2,"max_attempts":5,"run_at":1780000000000,
        "lease_until":1780000030000,"fence":3,"progress_percent":40,"cancel_requested":true,
        "last_error":"no flour","created_at":1779999999000,"finished_at":null}"#;

    fn golden(layout: i64, body: &str) -> Item {
        Item::new(layout).s("job_id", "1t7nr9w800007").s("kind", "moderation.judge").s("body", body)
    }

    #[test]
    fn a_row_of_the_first_layout_is_still_read_and_a_newer_one_is_refused() {
        let read = job(&golden(1, GOLDEN)).unwrap();
        assert_eq!((read.state, read.attempt, read.fence), (JobState::Running, 2, 3));
        assert_eq!((read.lease_until, read.cancel_requested), (Some(Millis(1_780_000_030_000)), true));
        assert_eq!(job(&golden(LAYOUT + 1, GOLDEN)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(job(&golden(1, "{")).unwrap_err().kind, FaultKind::Corrupt);
        assert_eq!(job(&golden(1, r#"{"state":"resting"}"#)).unwrap_err().kind, FaultKind::Corrupt);
    }

    #[test]
    fn a_live_job_keeps_its_place_until_it_waits_anew_or_ends() {
        let new = NewJob::new("k", "x", Millis(5));
        let ready = Job::enqueued(JobId(1), new, Millis(1));
        let running = ready.clone().taken(Millis(9), Millis(10));
        let place = |job: &Job| {
            let row = row(job).unwrap();
            (row.get_s("queue").unwrap().to_owned(), row.get_s("at").unwrap().to_owned())
        };
        assert_eq!(place(&ready), place(&running));
        let dead = running.clone().finished(::work::Ending::Dead { error: "no".into() }, Millis(12));
        assert_eq!(place(&dead), ("k#dead".to_owned(), format!("{:020}#{}", 12, JobId(1))));
        let done = row(&running.finished(::work::Ending::Done, Millis(1_999))).unwrap();
        assert_eq!((done.opt_s("queue"), done.opt_s("at")), (None, None));
        assert_eq!(done.opt_n(TTL), Some(24 * 3_600 + 2));
    }

    #[test]
    fn a_name_outlives_every_job_that_it_may_name() {
        let policy = ::work::WorkPolicy::default();
        assert!(NAME_KEPT > policy.keep_dead.saturating_add(policy.room_patience));
        assert_eq!(ENDED_KEPT, policy.keep_ended);
        let job = Job::enqueued(JobId(1), NewJob::new("k", "x", Millis(5_000)), Millis(1));
        let name = live_row("k", "x", &Live { id: job.id, job: Some(job), past: vec![] }).unwrap();
        assert_eq!(name.opt_n(TTL), Some(180 * 24 * 3_600 + 6));
    }

    #[test]
    fn a_forgotten_name_gives_its_place_to_the_one_before() {
        let first = Live { id: JobId(1), job: None, past: vec![] };
        let third = first.named(JobId(2), None).named(JobId(3), None);
        assert_eq!(third.ids(), [JobId(3), JobId(2), JobId(1)]);
        let left = third.without(JobId(2)).and_then(|l| l.without(JobId(3))).unwrap();
        assert_eq!(left.ids(), [JobId(1)]);
        assert_eq!(left.without(JobId(1)), None);
    }
}
