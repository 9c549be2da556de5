//! What the desks of owners share: whose video it is, whether it stands, how often it may change.

use catalog::{ChangeRate, Changes, Edit, OwnerError, Owners, Video, VideoStore, VideoStoreError};
use stdx::{Clock, Fault, FaultKind};
use vocab::{Millis, UserId, VideoId};

/// Tries of a change against whoever else changes the video.
pub(crate) const TRIES: u32 = 8;

/// More changes than the rate allows; there may be one more after this time.
pub(crate) struct TooOften {
    pub limit: u32,
    pub retry_after: Millis,
}

/// How often something changes, and where the record counts it.
pub(crate) struct Tally {
    pub rate: ChangeRate,
    pub so_far: fn(&Video) -> Option<Changes>,
    pub counted: fn(Changes) -> Edit,
}

/// One owner at one video.
pub(crate) struct Desk<'a> {
    pub owners: &'a Owners,
    pub videos: &'a dyn VideoStore,
    pub clock: &'a dyn Clock,
    pub owner: UserId,
    pub id: VideoId,
}

impl Desk<'_> {
    /// The owner's video, unless it is gone.
    pub async fn standing(&self) -> Result<Video, OwnerError> {
        let video = self.owners.owned(self.owner, self.id).await?;
        if video.is_gone() { Err(OwnerError::Gone(self.id)) } else { Ok(video) }
    }

    /// Counts a change before anything is stored for it, and answers the revision with which it stands in the
    /// record. `None`: nothing would change.
    pub async fn count<E: From<OwnerError> + From<TooOften>>(
        &self,
        tally: &Tally,
        would_change: impl Fn(&Video) -> Result<bool, E>,
    ) -> Result<Option<u64>, E> {
        for _ in 0..TRIES {
            let video = self.standing().await?;
            if !would_change(&video)? {
                return Ok(None);
            }
            let limit = tally.rate.count_max;
            let counted = tally.rate.counted((tally.so_far)(&video), self.clock.now());
            let counted = counted.map_err(|retry_after| TooOften { limit, retry_after })?;
            match self.videos.edit(self.id, video.revision, (tally.counted)(counted)).await {
                Ok(video) => return Ok(Some(video.revision)),
                Err(VideoStoreError::Stale { .. }) => {}
                Err(e) => return Err(told(e).into()),
            }
        }
        Err(self.busy().into())
    }

    pub fn busy(&self) -> OwnerError {
        let text = format!("video {} is changing too fast", self.id);
        Fault::new(FaultKind::Throttled, text).into()
    }
}

/// What the owner is told of a store that did not write.
pub(crate) fn told(e: VideoStoreError) -> OwnerError {
    match e {
        VideoStoreError::NotFound(id) => OwnerError::NotFound(id),
        VideoStoreError::Fault(fault) => fault.into(),
        e => Fault::internal(e.to_string()).into(),
    }
}
