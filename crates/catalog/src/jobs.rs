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
/// Look at a picture the owner sent for the cover, and show it. Key = [`CoverJob`]. Handled by `transcode`.
pub const COVER: &str = "transcode.cover";
/// Delete the bytes of a removed video. Key = video id.
pub const ERASE: &str = "catalog.erase";
/// Find videos whose job was lost. Periodic.
pub const SWEEP: &str = "catalog.sweep";

/// Every job that writes bytes of a video and has its id for a key: none may run on when they are deleted.
/// [`COVER`] is another.
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

/// What a [`COVER`] job is about. Each has a key of its own, so that none is taken for one that runs already
/// and saw less.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CoverJob {
    pub video: VideoId,
    /// Of [`crate::AskedCover`].
    pub n: u64,
    /// Decisions about this picture that it is there for: 0 = none, it is to be looked at.
    pub decisions: usize,
}

impl CoverJob {
    pub fn key(&self) -> String {
        format!("{}-{}-{}", self.video, self.n, self.decisions)
    }

    pub fn of(job: &work::Job) -> Result<Self, JobError> {
        Self::parse(&job.key).ok_or_else(|| JobError::dead("the key of the job is no cover's"))
    }

    fn parse(key: &str) -> Option<Self> {
        let mut parts = key.split('-');
        let (video, n, decisions) = (parts.next()?, parts.next()?, parts.next()?);
        let job = Self { video: video.parse().ok()?, n: n.parse().ok()?, decisions: decisions.parse().ok()? };
        parts.next().is_none().then_some(job)
    }
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
    fn a_cover_is_read_from_the_key_of_its_job() {
        let job = CoverJob { video: VideoId(77), n: 3, decisions: 2 };
        assert_eq!(CoverJob::parse(&job.key()), Some(job));
        for key in ["", "77", "-3-2", "0000000000025-3", "0000000000025-3-2-1", "0000000000025-x-2"] {
            assert_eq!(CoverJob::parse(key), None, "{key}");
        }
    }

    #[test]
    fn every_status_in_flight_has_a_job() {
        for status in Status::ALL {
            let expected = status.is_in_flight() || status == Status::Removed;
            assert_eq!(job_for(status).is_some(), expected, "{status:?}");
        }
    }
}
