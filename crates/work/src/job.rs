//! A durable job as data.

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
