//! Limits of the local classifier.

/// A model file is no larger than this.
pub const MODEL_BYTES_MAX: u64 = 1 << 30;
/// A file of a package whose model is converted is no larger than this.
pub const BUNDLE_BYTES_MAX: u64 = 16 << 20;
/// A label map is no larger than this.
pub const LABELS_BYTES_MAX: u64 = 1 << 20;
/// A frame file is no larger than this …
pub const FRAME_BYTES_MAX: u64 = 16 << 20;
/// … and its longer side no longer than this; decoded it takes at most three bytes a pixel.
pub const FRAME_SIDE_MAX: u32 = 4096;
/// A model's input side.
pub const INPUT_SIDE_MAX: u32 = 1024;
/// Threads of one inference. Measured: a second thread saves 25 % of the time for 35 % more CPU.
pub const THREADS: usize = 1;
/// Frames of one call that are looked at at once, where there are as many cores: nobody else waits for this job.
pub const FRAMES_AT_ONCE: usize = 2;
/// Findings under this are left out. Low, because scores are kept so that thresholds can be chosen later.
pub const CONFIDENCE_MIN: f32 = 10.0;
/// How far a sum of probabilities may be from 1.
pub const SUM_TOLERANCE: f32 = 0.01;
/// How far a golden answer may be off. Tells BGR, 0–255 and −1–1 apart (`evidence/local-classifier.md`).
pub const GOLDEN_TOLERANCE: f32 = 0.001;

pub(crate) fn frames_at_once() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(FRAMES_AT_ONCE)
}
