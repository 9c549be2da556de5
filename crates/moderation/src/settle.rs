//! Brings a decision that stands in the record into force in the catalog.
//!
//! The record is written first: it says who decided what. A crash before the catalog followed
//! leaves a decision that stands and is not in force yet; settling again mends that.

use crate::policy::ModerationPolicy;
use crate::port::{ModerationStore, ModerationStoreError};
use crate::record::{Decision, ModerationRecord};
use catalog::jobs::ENCODE;
use catalog::{Advance, Facts, StatusListener, Video, VideoStore, VideoStoreError};
use std::sync::Arc;
use stdx::{Clock, Fault};
use vocab::{FailureReason, Status, Verdict, VideoId};
use work::{JobStoreError, Jobs, NewJob};

/// Points at which a test may kill the process.
pub const APPROVED: &str = "moderation.approved";
pub const HANDED_ON: &str = "moderation.handed_on";

#[derive(Debug, thiserror::Error)]
pub enum SettleError {
    #[error(transparent)]
    Videos(#[from] VideoStoreError),
    #[error(transparent)]
    Records(#[from] ModerationStoreError),
    #[error(transparent)]
    Jobs(#[from] JobStoreError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl SettleError {
    /// The engine's fault inside.
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Videos(VideoStoreError::Fault(fault))
            | Self::Records(ModerationStoreError::Fault(fault))
            | Self::Jobs(JobStoreError::Fault(fault))
            | Self::Fault(fault) => Some(fault),
            Self::Videos(_) | Self::Records(_) | Self::Jobs(_) => None,
        }
    }
}

/// What the moderator and the reviewers share.
#[derive(Clone)]
pub struct Desk {
    /// Announces what it writes: see [`catalog::Announcing`].
    pub videos: Arc<dyn VideoStore>,
    /// Told the progress of pass A.
    pub listener: Arc<dyn StatusListener>,
    pub jobs: Jobs,
    pub store: Arc<dyn ModerationStore>,
    pub clock: Arc<dyn Clock>,
    pub policy: Arc<ModerationPolicy>,
}

/// The status a verdict leads to.
pub const fn status_of(verdict: Verdict) -> Status {
    match verdict {
        Verdict::Approve => Status::Approved,
        Verdict::Reject => Status::Rejected,
        Verdict::Escalate => Status::InReview,
    }
}

impl Desk {
    /// Moves the video to where the standing decision wants it and, once approved, hands it to the
    /// encoder. Doing it twice does it once. `facts` goes into the same step.
    pub async fn settle(&self, record: &ModerationRecord, facts: Facts) -> Result<Video, SettleError> {
        let video = self.videos.get(record.video).await?;
        let Some(decision) = record.standing() else { return Ok(video) };
        let to = status_of(decision.verdict);
        let video = match route(video.status, to) {
            Some(stops) => self.walk(video, &stops, (record, decision), facts).await?,
            None => video,
        };
        if to == Status::Approved && video.status == Status::Approved {
            stdx::crash::reached(APPROVED);
            self.hand_on(&video, decision).await?;
            stdx::crash::reached(HANDED_ON);
        }
        Ok(video)
    }

    async fn walk(
        &self,
        mut video: Video,
        stops: &[Status],
        (record, decision): (&ModerationRecord, &Decision),
        facts: Facts,
    ) -> Result<Video, SettleError> {
        for to in stops {
            let facts = Facts {
                verdict: Some(record.verdict_facts(decision)),
                content_sha256: Some(record.content_sha256.clone()),
                ..facts.clone()
            };
            let step = Advance::new(video.id, video.status, *to, self.clock.now()).with(facts);
            video = match self.videos.advance(step).await {
                Ok(moved) => moved,
                // Somebody else was faster: where it stands now is the truth.
                Err(VideoStoreError::Stale { .. }) => return Ok(self.videos.get(video.id).await?),
                Err(e) => return Err(e.into()),
            };
        }
        Ok(video)
    }

    /// Enqueues the encode. A person's approval waits out the grace, so that it can be undone.
    pub async fn hand_on(&self, video: &Video, decision: &Decision) -> Result<(), SettleError> {
        let due = match decision.by {
            Some(_) => decision.at.saturating_add(self.policy.approve_grace_ms),
            None => self.clock.now(),
        };
        let job = NewJob::new(ENCODE, video.id, due).with_attempts(self.policy.encode_attempts);
        self.jobs.submit(job).await?;
        Ok(())
    }

    /// Ends the judgement of a file that cannot be published, with a reason its owner reads.
    pub async fn fail(&self, id: VideoId, reason: FailureReason) -> Result<(), SettleError> {
        let facts = Facts { failure: Some(Some(reason)), ..Facts::default() };
        let from = [Status::Uploaded, Status::Judging];
        match self
            .videos
            .advance(Advance::from_any(id, &from, Status::Failed, self.clock.now()).with(facts))
            .await
        {
            Ok(_) | Err(VideoStoreError::Stale { .. } | VideoStoreError::NotFound(_)) => {}
            Err(e) => return Err(e.into()),
        }
        Ok(())
    }
}

/// The legal steps between two statuses that a verdict may ask for; `None` = it is there, beyond
/// it, or must not be moved.
fn route(from: Status, to: Status) -> Option<Vec<Status>> {
    use Status::{Approved, InReview, Judging, Published, Rejected, Unlisted, Uploaded};
    match (from, to) {
        (Uploaded, Approved | Rejected | InReview) => Some(vec![Judging, to]),
        (Judging | InReview, Approved | Rejected) | (Judging, InReview) => Some(vec![to]),
        (Rejected | Published | Unlisted | Approved, InReview) => Some(vec![InReview]),
        (Published | Unlisted, Rejected) => Some(vec![InReview, Rejected]),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_is_a_chain_of_legal_steps() {
        for from in Status::ALL {
            for to in [Status::Approved, Status::Rejected, Status::InReview] {
                let mut at = from;
                for stop in route(from, to).unwrap_or_default() {
                    assert!(at.may_become(stop), "{at:?} -> {stop:?}");
                    at = stop;
                }
            }
        }
    }

    #[test]
    fn what_is_removed_or_being_encoded_is_left_alone() {
        for from in [Status::Removed, Status::Erased, Status::Encoding, Status::Verifying, Status::Failed] {
            for to in [Status::Approved, Status::Rejected, Status::InReview] {
                assert_eq!(route(from, to), None);
            }
        }
    }
}
