//! Every number of asking Rekognition.

use std::time::Duration;
use stdx::Backoff;
use vocab::Millis;

#[derive(Debug, Clone)]
pub struct RekognitionPolicy {
    /// Labels below are not answered (0–100); the service's own default. The policy table decides above it.
    pub confidence_min: f32,
    /// Frames of one video asked about at once.
    pub frames_at_once: usize,
    /// Of this process. The service takes about 50 a second in large regions, fewer elsewhere.
    pub frames_per_second: u32,
    /// Starts and questions about whole videos, of this process.
    pub video_calls_per_second: u32,
    /// Rounds after the SDK's own retries, for a service that says it is too much, and the waits between them.
    pub throttled_rounds_max: u32,
    pub throttled: Backoff,
    /// Whole videos under way at once, of all processes: the service's limit for an account.
    pub open_jobs_max: usize,
    /// A job that is open for so long is taken for gone: others may start theirs.
    pub open_job_max: Millis,
    /// Whoever claimed a content has so long to start its job.
    pub claim_lease: Millis,
    /// A request first sent so long ago, without a job, is not sent again: nobody knows whether its token is
    /// still known.
    pub token_trusted: Millis,
    /// The row is looked at so often, for what other processes wrote.
    pub look_every: Duration,
    /// Without a message the service is asked so long after the start, and so often from then on.
    pub ask_every: Millis,
    /// After so long the caller is told to come back later.
    pub patience: Duration,
    /// Of one answer, and pages of it.
    pub page_max: i32,
    pub pages_max: usize,
    /// Labels kept of one video, the strongest.
    pub kept_max: usize,
}

/// The service's limit of a picture sent with the request.
pub const IMAGE_BYTES_MAX: u64 = 5 * 1024 * 1024;

/// The version whose labels `vocab::taxonomy` lists, as the service writes it.
pub const MODEL_EXPECTED: &str = "7.0";

impl Default for RekognitionPolicy {
    fn default() -> Self {
        Self {
            confidence_min: 50.0,
            frames_at_once: 8,
            frames_per_second: 25,
            video_calls_per_second: 4,
            throttled_rounds_max: 6,
            throttled: Backoff { base: Millis(500), cap: Millis::from_secs(16) },
            open_jobs_max: 20,
            open_job_max: Millis::from_secs(3_600),
            claim_lease: Millis::from_secs(60),
            token_trusted: Millis::from_secs(24 * 3_600),
            look_every: Duration::from_secs(2),
            ask_every: Millis::from_secs(20),
            patience: Duration::from_secs(600),
            page_max: 1_000,
            pages_max: 100,
            kept_max: 4_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_issues_numbers_hold() {
        let p = RekognitionPolicy::default();
        // Issue: "20 open jobs limit respected". evidence/aws.md 3.8: "inline ≤ 5 MB", "20 open jobs by default",
        // "default TPS ~50 in big regions"; evidence/media.md 2.11: "default MinConfidence 50".
        assert_eq!((p.open_jobs_max, p.confidence_min, IMAGE_BYTES_MAX), (20, 50.0, 5_242_880));
        assert!(p.frames_per_second <= 50);
    }

    #[test]
    fn a_claim_is_started_again_long_before_its_token_may_be_forgotten() {
        let p = RekognitionPolicy::default();
        assert!(p.claim_lease.0 * 10 < p.token_trusted.0);
        assert!(p.open_job_max > Millis(p.patience.as_millis() as i64));
    }
}
