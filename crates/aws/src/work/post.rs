//! What the store's decorator and the courier share: messages that are held, and errands to run.

use super::mail::Outgoing;
use ::work::{Job, JobState};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tokio::time::{Duration, Instant};
use vocab::{JobId, Millis};

/// A message about a job. The job itself stands in the table: this only says "look".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobLetter {
    pub v: u32,
    pub job: JobId,
    pub kind: String,
}

/// The version of [`JobLetter`]. A later one is left for a newer receiver, and in the end to the dead letters.
pub const LETTER: u32 = 1;

impl JobLetter {
    pub fn of(job: &Job) -> Self {
        Self { v: LETTER, job: job.id, kind: job.kind.clone() }
    }
    pub fn read(body: &str) -> Option<Self> {
        serde_json::from_str(body).ok().filter(|letter: &Self| letter.v <= LETTER)
    }
}

/// Work for the courier.
#[derive(Debug)]
pub(super) enum Errand {
    Send(Outgoing),
    Delete(String),
}

/// Messages of one job that this process keeps out of others' sight.
#[derive(Debug)]
pub(super) struct Held {
    /// More than one after a duplicate.
    pub(super) receipts: Vec<String>,
    /// This process runs it: nobody need be asked.
    pub(super) is_mine: bool,
    pub(super) beat_at: Instant,
    pub(super) rouse_at: Instant,
    pub(super) roused: u32,
}

/// The index may show a new job later than its message arrives: the runner is roused again after so long,
/// each time four times longer.
const ROUSE_AGAIN: Duration = Duration::from_millis(250);
const ROUSES_MAX: u32 = 5;

impl Held {
    pub(super) fn new(receipt: String, beat_at: Instant) -> Self {
        let rouse_at = Instant::now() + ROUSE_AGAIN;
        Self { receipts: vec![receipt], is_mine: false, beat_at, rouse_at, roused: 0 }
    }

    /// Whether the runner should be told again that this job waits.
    pub(super) fn must_rouse(&mut self, now: Instant) -> bool {
        if self.is_mine || now < self.rouse_at {
            return false;
        }
        self.roused += 1;
        self.rouse_at = now + ROUSE_AGAIN * 4u32.saturating_pow(self.roused.min(ROUSES_MAX));
        true
    }
}

#[derive(Debug)]
pub(super) struct Post {
    errands: mpsc::Sender<Errand>,
    held: Mutex<HashMap<JobId, Held>>,
}

impl Post {
    pub(super) fn new(room: usize) -> (Self, mpsc::Receiver<Errand>) {
        let (errands, to_run) = mpsc::channel(room.max(1));
        (Self { errands, held: Mutex::default() }, to_run)
    }

    pub(super) fn held(&self) -> MutexGuard<'_, HashMap<JobId, Held>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Never waits. An errand that finds no room is dropped: the runner's own look finds the job, and a
    /// message that is not deleted comes back once and finds its job ended.
    pub(super) fn run(&self, errand: Errand) {
        if self.errands.try_send(errand).is_err() {
            tracing::warn!("the courier is behind or gone: a message about a job is left to the next look");
        }
    }

    /// Says that the job is ready.
    pub(super) fn announce(&self, job: &Job, now: Millis) {
        match serde_json::to_string(&JobLetter::of(job)) {
            Ok(body) => {
                let delay = job.run_at.saturating_sub(now).max(Millis(0));
                self.run(Errand::Send(Outgoing { body, delay }));
            }
            Err(error) => tracing::error!(%error, "a message about a job cannot be written"),
        }
    }

    /// The messages about this job have done their work.
    pub(super) fn let_go(&self, id: JobId) {
        let held = self.held().remove(&id);
        for receipt in held.into_iter().flat_map(|h| h.receipts) {
            self.run(Errand::Delete(receipt));
        }
    }

    /// After a step of a job that this process knows of. One that waits anew gets a fresh message, which
    /// starts to count its receptions anew: only what cannot be handled at all ends as a dead letter.
    pub(super) fn after(&self, job: &Job, now: Millis) {
        match job.state {
            JobState::Ready => {
                self.announce(job, now);
                self.let_go(job.id);
            }
            JobState::Done | JobState::Dead | JobState::Cancelled => self.let_go(job.id),
            JobState::Running => {}
        }
    }

    pub(super) fn claimed(&self, jobs: &[Job]) {
        let mut held = self.held();
        for job in jobs {
            if let Some(held) = held.get_mut(&job.id) {
                held.is_mine = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::work::NewJob;

    #[test]
    fn a_letter_is_read_as_it_was_first_written_and_a_newer_one_is_not() {
        let golden = r#"{"v":1,"job":"1t7nr9w800007","kind":"moderation.judge"}"#;
        let letter = JobLetter::read(golden).unwrap();
        assert_eq!(
            (letter.kind.as_str(), letter.job.to_string().as_str()),
            ("moderation.judge", "1t7nr9w800007")
        );
        assert_eq!(serde_json::to_string(&letter).unwrap(), golden);
        assert_eq!(JobLetter::read(&golden.replace("\"v\":1", "\"v\":2")), None);
        assert_eq!(JobLetter::read("{}"), None);
    }

    #[test]
    fn what_waits_anew_is_sent_anew_and_what_ended_is_deleted() {
        let (post, mut errands) = Post::new(9);
        let ready = Job::enqueued(JobId(1), NewJob::new("k", "x", Millis(5_000)), Millis(0));
        post.held().insert(JobId(1), Held::new("r".into(), Instant::now()));
        post.after(&ready, Millis(1_000));
        let sent = errands.try_recv();
        assert!(matches!(&sent, Ok(Errand::Send(o)) if o.delay == Millis(4_000)), "{sent:?}");
        assert!(matches!(errands.try_recv(), Ok(Errand::Delete(r)) if r == "r"));
        let done = Job { state: JobState::Done, ..ready };
        post.after(&done, Millis(1_000));
        assert!(errands.try_recv().is_err(), "nothing is held any more");
    }
}
