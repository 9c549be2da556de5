//! Whether a video's media may be read, remembered for at most a second.

use crate::policy::DeliveryPolicy;
use catalog::visibility::media_sight;
use catalog::{Sight, Video, VideoStore, VideoStoreError};
use quick_cache::sync::Cache;
use std::sync::Arc;
use stdx::{Clock, Fault};
use vocab::{Millis, VideoId};

/// What a reader may know of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Readable,
    /// Never published, unknown, or taken back for a review.
    Hidden,
    /// Was there and is taken down.
    Gone,
}

impl Standing {
    /// The catalog's rule for holders of a media path.
    pub fn of(video: &Video) -> Self {
        match media_sight(video) {
            Sight::Full | Sight::Public => Self::Readable,
            Sight::Hidden => Self::Hidden,
            Sight::Gone => Self::Gone,
        }
    }
}

pub(crate) struct Standings {
    videos: Arc<dyn VideoStore>,
    clock: Arc<dyn Clock>,
    ttl: Millis,
    known: Cache<VideoId, (Standing, Millis)>,
}

impl Standings {
    pub(crate) fn new(videos: Arc<dyn VideoStore>, clock: Arc<dyn Clock>, policy: &DeliveryPolicy) -> Self {
        let known = Cache::new(policy.standings_max);
        Self { videos, clock, ttl: policy.standing_ttl, known }
    }

    pub(crate) async fn of(&self, video: VideoId) -> Result<Standing, Fault> {
        let now = self.clock.now();
        if let Some((standing, at)) = self.known.get(&video) {
            if self.is_fresh(at, now) {
                return Ok(standing);
            }
            let _ = self.known.remove_if(&video, |(_, at)| !self.is_fresh(*at, now));
        }
        let asked = self.known.get_or_insert_async(&video, async {
            match self.videos.get(video).await {
                Ok(found) => Ok((Standing::of(&found), now)),
                Err(VideoStoreError::NotFound(_)) => Ok((Standing::Hidden, now)),
                Err(VideoStoreError::Fault(fault)) => Err(fault),
                Err(other) => Err(Fault::internal(other)),
            }
        });
        asked.await.map(|(standing, _)| standing)
    }

    /// A clock that jumped back makes everything stale, not fresh for ever.
    fn is_fresh(&self, at: Millis, now: Millis) -> bool {
        at <= now && now.saturating_sub(at) < self.ttl
    }

    /// What was just written counts from now on, also against a read that is still under way.
    pub(crate) fn learn(&self, video: &Video) -> Standing {
        let standing = Standing::of(video);
        self.known.insert(video.id, (standing, self.clock.now()));
        standing
    }
}
