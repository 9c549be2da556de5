//! The catalog's own jobs: find videos whose job was lost, delete the bytes of removed ones.

use crate::jobs::{COVER, CoverJob, ERASE, Eraser, SWEEP, WRITING, job_for, video_of};
use crate::policy::CatalogPolicy;
use crate::port::{Advance, Facts, VideoStore, VideoStoreError};
use crate::video::Video;
use async_trait::async_trait;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use stdx::Clock;
use vocab::{FailureReason, MediaKey, Millis, Status, VideoId};
use work::{
    Job, JobContext, JobError, JobFilter, JobHandler, JobState, JobStore, Jobs, NewJob, Order, Outcome,
};

/// A point at which a test may kill the process.
pub const PREFIX_ERASED: &str = "catalog.erase.prefix";

/// The code of a video whose job gave up.
pub const GAVE_UP: &str = "internal.gave_up";

/// What an owner reads when the fault was ours.
pub fn gave_up() -> FailureReason {
    FailureReason::new(GAVE_UP, "Something went wrong on our side. Please try again.", true)
}

/// Re-drives every video that stands without a live job, and fails those whose job gave up:
/// a crash between a status change and its hand-over leaves no video standing.
///
/// Its first run looks at every video in flight, however short it stands: what a process that was killed
/// left behind need not grow old first. A hand-over that is only slow meets its own job, which is one.
pub struct Sweep {
    videos: Arc<dyn VideoStore>,
    jobs: Jobs,
    clock: Arc<dyn Clock>,
    policy: CatalogPolicy,
    has_run: AtomicBool,
}

impl Sweep {
    pub fn new(
        videos: Arc<dyn VideoStore>,
        jobs: Jobs,
        clock: Arc<dyn Clock>,
        policy: CatalogPolicy,
    ) -> Self {
        Self { videos, jobs, clock, policy, has_run: AtomicBool::new(false) }
    }

    async fn mend(&self, video: &Video, now: Millis) -> Result<(), JobError> {
        let Some(kind) = job_for(video.status) else { return Ok(()) };
        match self.latest(kind, video.id).await? {
            Some(job) if job.state.is_live() => Ok(()),
            // The job ended in this very status and will not come back: the owner may try again.
            Some(job) if gave_up_on(&job, video) && video.status.is_in_flight() => {
                let facts = Facts { failure: Some(Some(gave_up())), ..Facts::default() };
                let step = Advance::new(video.id, video.status, Status::Failed, now).with(facts);
                match self.videos.advance(step).await {
                    Ok(_) | Err(VideoStoreError::Stale { .. }) => Ok(()),
                    Err(e) => Err(e.into()),
                }
            }
            _ => {
                tracing::info!(video = %video.id, status = video.status.word(), kind, "re-driven by the sweep");
                let run_at = match video.status {
                    Status::Removed => {
                        video.status_changed_at.saturating_add(self.policy.erase_after).max(now)
                    }
                    _ => now,
                };
                self.jobs.submit(NewJob::new(kind, video.id, run_at)).await?;
                Ok(())
            }
        }
    }

    async fn latest(&self, kind: &str, id: VideoId) -> Result<Option<Job>, JobError> {
        let filter = JobFilter {
            kind: Some(kind.to_owned()),
            key: Some(id.to_string()),
            limit: 1,
            ..JobFilter::default()
        };
        Ok(self.jobs.store().list(filter).await?.pop())
    }
}

fn gave_up_on(job: &Job, video: &Video) -> bool {
    matches!(job.state, JobState::Dead | JobState::Cancelled)
        && job.finished_at.is_some_and(|at| at >= video.status_changed_at)
}

#[async_trait]
impl JobHandler for Sweep {
    fn kind(&self) -> &'static str {
        SWEEP
    }

    async fn run(&self, context: JobContext) -> Result<Outcome, JobError> {
        let now = self.clock.now();
        let is_first = !self.has_run.load(Ordering::Acquire);
        // The question is for "before": one millisecond on takes in what changed in this very one.
        let standing = if is_first {
            now.saturating_add(Millis(1))
        } else {
            now.saturating_sub(self.policy.sweep_standing)
        };
        for status in Status::ALL {
            if job_for(status).is_none() {
                continue;
            }
            for video in self.videos.list_by_status(status, standing, self.policy.sweep_batch).await? {
                if context.is_cancelled() {
                    return Ok(Outcome::Cancelled);
                }
                self.mend(&video, now).await?;
            }
        }
        self.has_run.store(true, Ordering::Release);
        Ok(Outcome::Done)
    }
}

/// Deletes the bytes of a removed video, then says that it is erased.
pub struct Erase {
    videos: Arc<dyn VideoStore>,
    jobs: Arc<dyn JobStore>,
    eraser: Arc<dyn Eraser>,
    clock: Arc<dyn Clock>,
    policy: CatalogPolicy,
}

impl Erase {
    pub fn new(
        videos: Arc<dyn VideoStore>,
        jobs: Arc<dyn JobStore>,
        eraser: Arc<dyn Eraser>,
        clock: Arc<dyn Clock>,
        policy: CatalogPolicy,
    ) -> Self {
        Self { videos, jobs, eraser, clock, policy }
    }

    /// Whether a job of the video could still write bytes after the deletion. Such jobs are told to stop.
    async fn is_worked_on(&self, video: &Video, now: Millis) -> Result<bool, JobError> {
        let (id, mut busy) = (video.id, false);
        for kind in WRITING {
            for state in [JobState::Ready, JobState::Running] {
                let filter = JobFilter {
                    kind: Some(kind.to_owned()),
                    key: Some(id.to_string()),
                    state: Some(state),
                    limit: 1,
                    ..JobFilter::default()
                };
                for job in self.jobs.list(filter).await? {
                    self.stop(&job, now).await;
                    busy = true;
                }
            }
        }
        Ok(self.is_drawn_on(video, now).await? || busy)
    }

    /// The jobs of covers have keys of their own; few are alive at a time. A list by kind may be a moment behind,
    /// by key it is not: the one that is looked at now is asked for by name.
    async fn is_drawn_on(&self, video: &Video, now: Millis) -> Result<bool, JobError> {
        let (id, mut busy) = (video.id, false);
        if let Some(asked) = &video.cover.asked {
            let key = CoverJob { video: id, n: asked.n, decisions: 0 }.key();
            let filter =
                JobFilter { kind: Some(COVER.to_owned()), key: Some(key), limit: 1, ..JobFilter::default() };
            for job in self.jobs.list(filter).await?.iter().filter(|j| j.state.is_live()) {
                self.stop(job, now).await;
                busy = true;
            }
        }
        for state in [JobState::Ready, JobState::Running] {
            let mut before = None;
            loop {
                let filter = JobFilter {
                    kind: Some(COVER.to_owned()),
                    state: Some(state),
                    before,
                    limit: self.policy.sweep_batch,
                    ..JobFilter::default()
                };
                let page = self.jobs.list(filter).await?;
                for job in page.iter().filter(|j| CoverJob::of(j).is_ok_and(|c| c.video == id)) {
                    self.stop(job, now).await;
                    busy = true;
                }
                before = page.last().map(|j| j.id);
                if page.len() < self.policy.sweep_batch {
                    break;
                }
            }
        }
        Ok(busy)
    }

    /// It may have ended meanwhile, which is as good.
    async fn stop(&self, job: &Job, now: Millis) {
        let _ = self.jobs.steer(job.id, Order::Cancel, now).await;
    }
}

#[async_trait]
impl JobHandler for Erase {
    fn kind(&self) -> &'static str {
        ERASE
    }

    async fn run(&self, context: JobContext) -> Result<Outcome, JobError> {
        let id = video_of(&context.job)?;
        let video = match self.videos.get(id).await {
            Ok(video) => video,
            Err(VideoStoreError::NotFound(_)) => return Ok(Outcome::Done),
            Err(e) => return Err(e.into()),
        };
        if video.status != Status::Removed {
            return Ok(Outcome::Done);
        }
        let now = self.clock.now();
        let due = video.status_changed_at.saturating_add(self.policy.erase_after);
        if now < due {
            return Ok(Outcome::Later { run_at: due });
        }
        if self.is_worked_on(&video, now).await? {
            return Ok(Outcome::Later { run_at: now.saturating_add(self.policy.undo) });
        }
        for prefix in MediaKey::prefixes_of(id) {
            self.eraser.delete_prefix(&prefix).await?;
            stdx::crash::reached(PREFIX_ERASED);
        }
        match self.videos.advance(Advance::new(id, Status::Removed, Status::Erased, self.clock.now())).await {
            Ok(_) | Err(VideoStoreError::Stale { actual: Status::Erased, .. }) => Ok(Outcome::Done),
            Err(e) => Err(e.into()),
        }
    }
}
