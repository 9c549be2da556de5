//! The durable jobs of moderation.

use crate::moderator::{Attempt, Moderator};
use crate::reviews::{ReviewError, Reviews};
use async_trait::async_trait;
use catalog::jobs::{JUDGE, video_of};
use work::{Job, JobContext, JobError, JobHandler, Outcome};

/// Brings decisions into force that a crash left behind; periodic.
pub const SETTLE: &str = "moderation.settle";
pub struct JudgeHandler(pub Moderator);

#[async_trait]
impl JobHandler for JudgeHandler {
    fn kind(&self) -> &'static str {
        JUDGE
    }

    async fn run(&self, context: JobContext) -> Result<Outcome, JobError> {
        let video = video_of(&context.job)?;
        let last = context.job.attempt >= context.job.max_attempts;
        let attempt = Attempt { progress: context.reporter(), last };
        tokio::select! {
            () = context.cancelled() => Ok(Outcome::Cancelled),
            // Nobody outside knows the id of a job, and every attempt of it knows it.
            judged = self.0.judge_from(video, attempt, context.job.id.0) => {
                let status = judged.map_err(|e| JobError::of(&e, e.fault()))?;
                tracing::info!(%video, status = status.word(), "judged");
                Ok(Outcome::Done)
            }
        }
    }

    async fn buried(&self, job: &Job) {
        let Ok(video) = video_of(job) else { return };
        if let Err(e) = self.0.give_up(video).await {
            tracing::error!(%video, error = %e, "cannot fail a video that could not be judged");
        }
    }
}

pub struct SettleHandler(pub Reviews);

#[async_trait]
impl JobHandler for SettleHandler {
    fn kind(&self) -> &'static str {
        SETTLE
    }

    async fn run(&self, _context: JobContext) -> Result<Outcome, JobError> {
        match self.0.settle_left_behind().await {
            Ok(_) => Ok(Outcome::Done),
            Err(ReviewError::Fault(fault)) => Err(fault.into()),
            Err(e) => Err(JobError::retry(e)),
        }
    }
}
