//! Every number of moderation.

use serde::{Deserialize, Serialize};
use vocab::Millis;

/// Which frames are looked at (Tier A).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingPolicy {
    /// Seed §3 A: "sample 1 fps".
    pub interval_ms: Millis,
    /// Seed §3 A: "up to 60 frames".
    pub frames_max: u32,
    /// A shorter clip is sampled more densely until it has this many …
    pub frames_min: u32,
    /// … but never more densely than this.
    pub interval_min_ms: Millis,
}

impl Default for SamplingPolicy {
    fn default() -> Self {
        Self { interval_ms: Millis(1000), frames_max: 60, frames_min: 1, interval_min_ms: Millis(250) }
    }
}

impl SamplingPolicy {
    /// What `evidence/local-classifier.md` advises where a frame costs nothing but our own CPU:
    /// up to 4 fps for short clips, at least 16 frames.
    pub fn dense() -> Self {
        Self { frames_min: 16, ..Self::default() }
    }
}
