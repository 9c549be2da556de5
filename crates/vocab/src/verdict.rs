//! What moderation concluded.

use alloc::string::String;
use serde::{Deserialize, Serialize};

/// The outcome of a judgement. There is no fourth value: what could not be judged escalates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Approve,
    Reject,
    Escalate,
}

/// One label seen in one frame, in the three-level taxonomy of [`crate::taxonomy`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The label's name, e.g. `Explicit Nudity`.
    pub name: String,
    /// The parent's name; empty at level 1.
    pub parent: String,
    /// 1, 2 or 3.
    pub level: u8,
    /// 0–100.
    pub confidence: f32,
    /// Where in the video the frame stands.
    pub at_ms: i64,
}
