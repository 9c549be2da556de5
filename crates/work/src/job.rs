//! A durable job as data.

use crate::port::{Ending, JobStoreError, Order};
use serde::{Deserialize, Serialize};
use vocab::{JobId, Millis};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// Waiting for `run_at`.
    Ready,
    /// Claimed under a lease.
    Running,
    Done,
    /// Out of attempts, or failed for good: a dead letter.
    Dead,
    Cancelled,
}

/// What to do. `key` makes enqueueing idempotent: one live job a `(kind, key)`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewJob {
    /// A `const` string such as `moderation.judge`.
    pub kind: String,
    /// E.g. the video id.
    pub key: String,
    pub payload: serde_json::Value,
    pub run_at: Millis,
    pub max_attempts: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    pub kind: String,
    pub key: String,
    pub payload: serde_json::Value,
    pub state: JobState,
    /// Claims so far.
    pub attempt: u32,
    pub max_attempts: u32,
    pub run_at: Millis,
    pub lease_until: Option<Millis>,
    /// Grows with every claim; a holder of an older one is fenced off.
    pub fence: u64,
    pub progress_percent: u8,
    pub cancel_requested: bool,
    pub last_error: Option<String>,
    pub created_at: Millis,
    pub finished_at: Option<Millis>,
}

impl JobState {
    pub const ALL: [JobState; 5] = [Self::Ready, Self::Running, Self::Done, Self::Dead, Self::Cancelled];

    /// The stable word of this state in JSON, URLs and rows.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Done => "done",
            Self::Dead => "dead",
            Self::Cancelled => "cancelled",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    /// Whether a job in this state stands in the way of another of the same kind and key.
    pub const fn is_live(self) -> bool {
        matches!(self, Self::Ready | Self::Running)
    }
}

/// The rules of a job's life as functions of values: every engine applies these.
impl Job {
    /// The job as it enters the queue.
    pub fn enqueued(id: JobId, new: NewJob, now: Millis) -> Self {
        Self {
            id,
            kind: new.kind,
            key: new.key,
            payload: new.payload,
            state: JobState::Ready,
            attempt: 0,
            max_attempts: new.max_attempts.max(1),
            run_at: new.run_at,
            lease_until: None,
            fence: 0,
            progress_percent: 0,
            cancel_requested: false,
            last_error: None,
            created_at: now,
            finished_at: None,
        }
    }

    /// Whether a worker may take it now.
    pub fn is_due(&self, now: Millis) -> bool {
        match self.state {
            JobState::Ready => self.run_at <= now,
            JobState::Running => self.lease_until.is_none_or(|until| until <= now),
            JobState::Done | JobState::Dead | JobState::Cancelled => false,
        }
    }

    /// Takes a due job: `Running`, or ended where it may not run again.
    pub fn taken(mut self, now: Millis, lease: Millis) -> Self {
        if self.cancel_requested {
            return self.ended(JobState::Cancelled, now);
        }
        if self.attempt >= self.max_attempts {
            self.last_error.get_or_insert_with(|| "its worker died".to_owned());
            return self.ended(JobState::Dead, now);
        }
        self.state = JobState::Running;
        self.attempt += 1;
        self.fence += 1;
        self.progress_percent = 0;
        // A claim that is over at once would be given out again within the same question.
        self.lease_until = Some(now.saturating_add(lease.max(Millis(1))));
        self
    }

    /// Whether a holder of `fence` still owns it.
    pub fn is_held(&self, fence: u64) -> bool {
        self.state == JobState::Running && self.fence == fence
    }

    /// Ends a claim.
    pub fn finished(mut self, ending: Ending, now: Millis) -> Self {
        match ending {
            Ending::Done => {
                self.progress_percent = 100;
                self.ended(JobState::Done, now)
            }
            Ending::Cancelled => self.ended(JobState::Cancelled, now),
            Ending::Dead { error } => {
                self.last_error = Some(error);
                self.ended(JobState::Dead, now)
            }
            Ending::Retry { run_at, error } => {
                self.last_error = Some(error);
                if self.cancel_requested {
                    self.ended(JobState::Cancelled, now)
                } else if self.attempt >= self.max_attempts {
                    self.ended(JobState::Dead, now)
                } else {
                    self.waiting(run_at)
                }
            }
            Ending::Released { run_at } => {
                if self.cancel_requested {
                    return self.ended(JobState::Cancelled, now);
                }
                self.attempt = self.attempt.saturating_sub(1);
                self.waiting(run_at)
            }
        }
    }

    /// Holds on to the claim.
    pub fn beaten(mut self, lease_until: Millis, progress_percent: u8) -> Self {
        self.lease_until = Some(lease_until);
        self.progress_percent = progress_percent.min(100);
        self
    }

    /// Obeys an order, where it makes sense. `live` = the live job of the same kind and key, if any.
    pub fn steered(self, order: Order, live: Option<JobId>, now: Millis) -> Result<Self, JobStoreError> {
        match (order, self.state, live) {
            (Order::Replay, JobState::Dead, Some(live)) => {
                Err(JobStoreError::Superseded { id: self.id, live })
            }
            (Order::Replay, JobState::Dead, None) => Ok(self.replayed(now)),
            (Order::Cancel, state, _) if state.is_live() => Ok(self.stopped(now)),
            (_, state, _) => Err(JobStoreError::WrongState { id: self.id, state }),
        }
    }

    /// `Dead` → `Ready` with a fresh set of attempts. The fence stays, so old holders stay out.
    fn replayed(mut self, now: Millis) -> Self {
        self.attempt = 0;
        self.finished_at = None;
        self.cancel_requested = false;
        self.waiting(now)
    }

    /// Asks a live job to stop.
    fn stopped(mut self, now: Millis) -> Self {
        if self.state == JobState::Ready {
            return self.ended(JobState::Cancelled, now);
        }
        self.cancel_requested = true;
        self
    }

    fn waiting(mut self, run_at: Millis) -> Self {
        self.state = JobState::Ready;
        self.run_at = run_at;
        self.lease_until = None;
        self.progress_percent = 0;
        self
    }

    fn ended(mut self, state: JobState, now: Millis) -> Self {
        self.state = state;
        self.lease_until = None;
        self.finished_at = Some(now);
        self
    }
}
