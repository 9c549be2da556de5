//! Looks through published videos for rungs that are due: tops and AV1 that found viewers, second waves that
//! were lost.

use crate::policy::{LadderProfile, LazyTop};
use crate::port::Audience;
use crate::waves::Wave;
use async_trait::async_trait;
use catalog::jobs::{AV1_RUNGS, SECOND_WAVE, TOP_RUNG};
use catalog::policy::GET_MANY_MAX;
use catalog::{Video, VideoStore};
use std::collections::HashMap;
use std::sync::Arc;
use stdx::Clock;
use vocab::{Millis, VideoId};
use work::{JobContext, JobError, JobFilter, JobHandler, JobState, Jobs, NewJob, Outcome};

/// Find published videos whose next rungs are due. Periodic.
pub const LOOK: &str = "transcode.look";

/// The periodic look. One list of what is hot and one of what is new, whatever the size of the catalog.
pub struct Look {
    videos: Arc<dyn VideoStore>,
    audience: Arc<dyn Audience>,
    jobs: Jobs,
    clock: Arc<dyn Clock>,
    profile: LadderProfile,
}

impl Look {
    pub fn new(
        videos: Arc<dyn VideoStore>,
        audience: Arc<dyn Audience>,
        jobs: Jobs,
        clock: Arc<dyn Clock>,
        profile: LadderProfile,
    ) -> Self {
        Self { videos, audience, jobs, clock, profile }
    }

    async fn watched(&self) -> Result<(), JobError> {
        let (waves, av1) = (&self.profile.waves, &self.profile.av1);
        if waves.lazy_top == LazyTop::Off && av1.after_views.is_none() {
            return Ok(());
        }
        let watched = self.audience.most_watched(waves.look_at.min(GET_MANY_MAX)).await?;
        let found = |n: &u64| waves.has_found_viewers(*n) || av1.has_found_viewers(*n);
        let views: HashMap<VideoId, u64> = watched.into_iter().filter(|(_, n)| found(n)).collect();
        let ids: Vec<VideoId> = views.keys().copied().collect();
        if ids.is_empty() {
            return Ok(());
        }
        for video in self.videos.get_many(&ids).await? {
            let views = views.get(&video.id).copied().unwrap_or(0);
            if waves.has_found_viewers(views) {
                self.order(&video, Wave::Top, TOP_RUNG).await?;
            }
            if av1.has_found_viewers(views) {
                self.order(&video, Wave::Av1, AV1_RUNGS).await?;
            }
        }
        Ok(())
    }

    /// A second wave is ordered before its publication, so this finds one only where the queue lost it.
    async fn second_waves(&self) -> Result<(), JobError> {
        let old = self.clock.now().saturating_sub(self.profile.waves.lost_after);
        let published = |v: &Video| v.published_at.unwrap_or(Millis(i64::MAX));
        for video in self.videos.list_public(None, self.profile.waves.look_at).await? {
            if published(&video) < old {
                self.order(&video, Wave::Second, SECOND_WAVE).await?;
            }
        }
        Ok(())
    }

    /// One that gave up is not ordered again: a person replays it.
    async fn order(&self, video: &Video, wave: Wave, kind: &'static str) -> Result<(), JobError> {
        let misses = |w: Wave| video.package.as_ref().is_some_and(|p| !self.profile.missing(w, p).is_empty());
        // A second wave that was given up holds up the others until a person replays it.
        let is_due = misses(wave) && (wave == Wave::Second || !misses(Wave::Second));
        if !video.status.is_readable() || !is_due {
            return Ok(());
        }
        let filter = JobFilter {
            kind: Some(kind.to_owned()),
            key: Some(video.id.to_string()),
            limit: 1,
            ..JobFilter::default()
        };
        let stands = |s: JobState| s.is_live() || s == JobState::Dead;
        if self.jobs.store().list(filter).await?.first().is_some_and(|j| stands(j.state)) {
            return Ok(());
        }
        tracing::info!(video = %video.id, kind, "ordered by a look at what is published");
        self.jobs.submit(NewJob::new(kind, video.id, self.clock.now())).await?;
        Ok(())
    }
}

#[async_trait]
impl JobHandler for Look {
    fn kind(&self) -> &'static str {
        LOOK
    }

    async fn run(&self, _: JobContext) -> Result<Outcome, JobError> {
        self.watched().await?;
        self.second_waves().await?;
        Ok(Outcome::Done)
    }
}
