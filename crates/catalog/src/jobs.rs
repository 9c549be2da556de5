//! The durable jobs that move a video along: their names, and which one a status waits for.

use crate::port::VideoStoreError;
use async_trait::async_trait;
use stdx::Fault;
use vocab::{Status, VideoId};
use work::JobError;

/// Sample, classify, decide. Key = video id. Handled by `moderation`.
pub const JUDGE: &str = "moderation.judge";
/// Encode, package, verify, publish. Key = video id. Handled by `transcode`.
pub const ENCODE: &str = "transcode.encode";
/// Encode the rungs that publication did not wait for. Key = video id. Handled by `transcode`.
pub const SECOND_WAVE: &str = "transcode.second_wave";
/// Encode the top rung of a video that found its viewers. Key = video id. Handled by `transcode`.
pub const TOP_RUNG: &str = "transcode.top_rung";
/// Encode the rungs of a video with many viewers in AV1 too. Key = video id. Handled by `transcode`.
pub const AV1_RUNGS: &str = "transcode.av1_rungs";
/// Delete the bytes of a removed video. Key = video id.
pub const ERASE: &str = "catalog.erase";
/// Find videos whose job was lost. Periodic.
pub const SWEEP: &str = "catalog.sweep";

/// Every job that writes bytes of a video: none may run on when they are deleted.
pub const WRITING: [&str; 5] = [JUDGE, ENCODE, SECOND_WAVE, TOP_RUNG, AV1_RUNGS];

/// The job a video in `status` waits for; `None` where it waits for a person or for nothing.
pub const fn job_for(status: Status) -> Option<&'static str> {
    match status {
        Status::Uploaded | Status::Judging => Some(JUDGE),
        Status::Approved | Status::Encoding | Status::Verifying => Some(ENCODE),
        Status::Removed => Some(ERASE),
        Status::Reserved
        | Status::InReview
        | Status::Rejected
        | Status::Published
        | Status::Unlisted
        | Status::Failed
        | Status::Erased => None,
    }
}

/// The video a job is about.
pub fn video_of(job: &work::Job) -> Result<VideoId, JobError> {
    job.key.parse().map_err(|e| JobError::dead(format!("the key of the job is no video id: {e}")))
}

/// Deletes stored objects.
#[async_trait]
pub trait Eraser: Send + Sync + 'static {
    /// Deletes every object whose key begins with `prefix`. Nothing there is success.
    async fn delete_prefix(&self, prefix: &str) -> Result<(), Fault>;
}

impl From<VideoStoreError> for JobError {
    fn from(e: VideoStoreError) -> Self {
        match e {
            VideoStoreError::Fault(fault) => fault.into(),
            VideoStoreError::NotFound(_) => Self::dead(e),
            VideoStoreError::Exists(_) | VideoStoreError::Stale { .. } => Self::retry(e),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_status_in_flight_has_a_job() {
        for status in Status::ALL {
            let expected = status.is_in_flight() || status == Status::Removed;
            assert_eq!(job_for(status).is_some(), expected, "{status:?}");
        }
    }
}
