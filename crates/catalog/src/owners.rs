//! What owners do with their videos.

use crate::jobs::{ERASE, JUDGE, job_for};
use crate::metadata::{self, InvalidFields};
use crate::policy::CatalogPolicy;
use crate::port::{Advance, Edit, Facts, VideoStore, VideoStoreError};
use crate::video::{Appeal, Video};
use crate::visibility::{Sight, Viewer, visible};
use std::sync::Arc;
use stdx::{Clock, Fault};
use vocab::{Status, UserId, VideoId, Visibility};
use work::{Jobs, NewJob};

#[derive(Debug, thiserror::Error)]
pub enum OwnerError {
    /// No such video, or none this person may know of.
    #[error("no video {0}")]
    NotFound(VideoId),
    #[error("video {0} is gone")]
    Gone(VideoId),
    /// Visible to this person, but somebody else's.
    #[error("video {0} belongs to somebody else")]
    NotOwner(VideoId),
    #[error(transparent)]
    Invalid(#[from] InvalidFields),
    /// Not possible in this status; the sentence says why.
    #[error("{why}")]
    Conflict { id: VideoId, status: Status, why: &'static str },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What an owner changes; `None` leaves a field as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Change {
    pub title: Option<String>,
    pub caption: Option<String>,
    pub hashtags: Option<Vec<String>>,
    pub visibility: Option<Visibility>,
}

pub struct OwnersDeps {
    pub videos: Arc<dyn VideoStore>,
    pub jobs: Jobs,
    pub clock: Arc<dyn Clock>,
}

/// The use cases of owners. Everything else about a video is the pipeline's.
pub struct Owners {
    deps: OwnersDeps,
    policy: CatalogPolicy,
}

impl Owners {
    pub fn new(deps: OwnersDeps, policy: CatalogPolicy) -> Self {
        Self { deps, policy }
    }

    /// Changes the texts or the audience.
    pub async fn edit(&self, owner: UserId, id: VideoId, change: Change) -> Result<Video, OwnerError> {
        for _ in 0..self.policy.edit_tries {
            let video = self.owned(owner, id).await?;
            if video.is_gone() {
                return Err(OwnerError::Gone(id));
            }
            let mut meta = video.meta.clone();
            let Change { title, caption, hashtags, visibility } = change.clone();
            meta.title = title.unwrap_or(meta.title);
            meta.caption = caption.unwrap_or(meta.caption);
            meta.hashtags = hashtags.unwrap_or(meta.hashtags);
            meta.visibility = visibility.unwrap_or(meta.visibility);
            let meta = metadata::clean(meta, &self.policy.metadata)?;
            if meta == video.meta {
                return Ok(video);
            }
            metadata::check_words(&meta, &video.meta, &self.policy.metadata)?;
            let edit = Edit { meta: Some(meta), ..Edit::default() };
            match self.deps.videos.edit(id, video.revision, edit).await {
                // The pipeline moved it meanwhile: look again.
                Err(VideoStoreError::Stale { .. }) => {}
                other => return other.map_err(out),
            }
        }
        Err(busy(id))
    }

    /// Deletes a video: out of sight at once, its bytes after the time for an undo.
    pub async fn remove(&self, owner: UserId, id: VideoId) -> Result<Video, OwnerError> {
        for _ in 0..self.policy.edit_tries {
            let video = self.owned(owner, id).await?;
            let now = self.deps.clock.now();
            match video.status {
                Status::Erased => return Err(OwnerError::Gone(id)),
                // Again, e.g. after a lost answer: the same answer.
                Status::Removed => return Ok(video),
                _ => {}
            }
            let mut step = Advance::new(id, video.status, Status::Removed, now);
            step.revision = Some(video.revision);
            match self.deps.videos.advance(step).await {
                Ok(video) => {
                    let run_at = now.saturating_add(self.policy.erase_after);
                    self.submit(NewJob::new(ERASE, id, run_at)).await;
                    return Ok(video);
                }
                Err(VideoStoreError::Stale { .. }) => {}
                Err(e) => return Err(out(e)),
            }
        }
        Err(busy(id))
    }

    /// Undoes a removal while there is time.
    pub async fn restore(&self, owner: UserId, id: VideoId) -> Result<Video, OwnerError> {
        let video = self.owned(owner, id).await?;
        let now = self.deps.clock.now();
        let Some(back) = video.removed_from.filter(|_| video.status == Status::Removed) else {
            return match video.status {
                Status::Erased | Status::Removed => Err(OwnerError::Gone(id)),
                // Again: it stands where the undo put it.
                _ => Ok(video),
            };
        };
        if now > video.status_changed_at.saturating_add(self.policy.undo) {
            return Err(OwnerError::Gone(id));
        }
        let mut step = Advance::new(id, Status::Removed, back, now);
        step.revision = Some(video.revision);
        let video = self.deps.videos.advance(step).await.map_err(out)?;
        if let Some(kind) = job_for(video.status) {
            self.submit(NewJob::new(kind, id, now)).await;
        }
        Ok(video)
    }

    /// Starts a failed video over, where the same file may succeed.
    pub async fn retry(&self, owner: UserId, id: VideoId) -> Result<Video, OwnerError> {
        let video = self.owned(owner, id).await?;
        let retryable = video.failure.as_ref().is_some_and(|f| f.retryable);
        match video.status {
            Status::Failed if retryable => {}
            Status::Failed => {
                return Err(conflict(&video, "the file itself is the problem: upload another one"));
            }
            Status::Removed | Status::Erased => return Err(OwnerError::Gone(id)),
            _ => return Err(conflict(&video, "only a failed video can be tried again")),
        }
        let now = self.deps.clock.now();
        let facts = Facts { failure: Some(None), ..Facts::default() };
        let step = Advance::new(id, Status::Failed, Status::Uploaded, now).with(facts);
        let video = self.deps.videos.advance(step).await.map_err(out)?;
        self.submit(NewJob::new(JUDGE, id, now)).await;
        Ok(video)
    }

    /// Asks a person to look again at a rejected video. Once.
    pub async fn appeal(&self, owner: UserId, id: VideoId, message: &str) -> Result<Video, OwnerError> {
        let message = metadata::clean_appeal(message, &self.policy.metadata)?;
        let video = self.owned(owner, id).await?;
        match video.status {
            Status::Removed | Status::Erased => return Err(OwnerError::Gone(id)),
            _ if video.appeal.is_some() => {
                return Err(conflict(&video, "somebody already looked again at this video"));
            }
            Status::Rejected => {}
            _ => return Err(conflict(&video, "only a rejected video can be looked at again")),
        }
        let now = self.deps.clock.now();
        let facts = Facts { appeal: Some(Appeal { at: now, message }), ..Facts::default() };
        let mut step = Advance::new(id, Status::Rejected, Status::InReview, now).with(facts);
        step.revision = Some(video.revision);
        self.deps.videos.advance(step).await.map_err(out)
    }

    /// Gives the videos of a guest to the account it became. May be repeated: what was given stays given.
    ///
    /// A video that was removed is on no list and stays the guest's: who signs in gives up the seconds
    /// in which it could have been restored.
    pub async fn hand_over(&self, from: UserId, to: UserId) -> Result<(), OwnerError> {
        if from == to {
            return Ok(());
        }
        // The guest may upload while it signs in, so the list is read until it is empty; and since a
        // list may lag behind its records, not for ever.
        for _ in 0..self.policy.edit_tries {
            if self.hand_over_listed(from, to).await? == 0 {
                break;
            }
        }
        Ok(())
    }

    /// Gives what is listed now, and says how many that was.
    async fn hand_over_listed(&self, from: UserId, to: UserId) -> Result<usize, OwnerError> {
        let (mut met, mut before) = (0, None);
        loop {
            let page = self.deps.videos.list_by_owner(from, before, self.policy.hand_over_batch).await;
            let page = page.map_err(out)?;
            met += page.videos.len();
            for video in page.videos {
                match self.deps.videos.give(video.id, from, to).await {
                    // Somebody else's by now, which no sign-in of this guest can have done.
                    Err(e @ VideoStoreError::Stale { .. }) => tracing::warn!(error = %e, "not handed over"),
                    other => drop(other.map_err(out)?),
                }
            }
            before = page.next_before;
            if before.is_none() {
                return Ok(met);
            }
        }
    }

    /// The video, for its owner alone.
    pub async fn owned(&self, owner: UserId, id: VideoId) -> Result<Video, OwnerError> {
        let video = self.deps.videos.get(id).await.map_err(out)?;
        if video.owner == owner {
            return Ok(video);
        }
        match visible(&video, &Viewer::user(owner)) {
            Sight::Full | Sight::Public => Err(OwnerError::NotOwner(id)),
            Sight::Gone => Err(OwnerError::Gone(id)),
            Sight::Hidden => Err(OwnerError::NotFound(id)),
        }
    }

    /// The status has changed already and says what is owed: a lost job is found by the sweep.
    async fn submit(&self, job: NewJob) {
        if let Err(error) = self.deps.jobs.submit(job).await {
            tracing::warn!(%error, "a job could not be enqueued; the sweep will");
        }
    }
}

fn conflict(video: &Video, why: &'static str) -> OwnerError {
    OwnerError::Conflict { id: video.id, status: video.status, why }
}

fn busy(id: VideoId) -> OwnerError {
    Fault::new(stdx::FaultKind::Throttled, format!("video {id} is changing too fast")).into()
}

fn out(e: VideoStoreError) -> OwnerError {
    match e {
        VideoStoreError::NotFound(id) => OwnerError::NotFound(id),
        VideoStoreError::Stale { id, actual, .. } => {
            OwnerError::Conflict { id, status: actual, why: "the video changed meanwhile: look again" }
        }
        VideoStoreError::Exists(id) => Fault::internal(format!("video {id} exists already")).into(),
        VideoStoreError::Fault(fault) => OwnerError::Fault(fault),
    }
}
