//! The durable jobs of transcoding.

use crate::growth::Grown;
use crate::names::Run;
use crate::transcoder::Transcoder;
use crate::waves::Wave;
use async_trait::async_trait;
use catalog::jobs::{AV1_RUNGS, ENCODE, SECOND_WAVE, TOP_RUNG, video_of};
use work::{Job, JobContext, JobError, JobHandler, Outcome};

pub struct EncodeHandler(pub Transcoder);

#[async_trait]
impl JobHandler for EncodeHandler {
    fn kind(&self) -> &'static str {
        ENCODE
    }

    async fn run(&self, context: JobContext) -> Result<Outcome, JobError> {
        let (video, run) = (video_of(&context.job)?, Run::of(&context.job));
        tokio::select! {
            () = context.cancelled() => Ok(Outcome::Cancelled),
            done = self.0.transcode(video, run, context.reporter()) => match done {
                Ok(status) => {
                    tracing::info!(%video, status = status.word(), "transcoded");
                    Ok(Outcome::Done)
                }
                Err(e) if e.is_final() => Err(JobError::dead(e)),
                Err(e) => Err(JobError::of(&e, e.fault())),
            }
        }
    }

    async fn buried(&self, job: &Job) {
        let Ok(video) = video_of(job) else { return };
        if let Err(e) = self.0.give_up(video, Run::of(job)).await {
            tracing::error!(%video, error = %e, "cannot fail a video that could not be encoded");
        }
    }
}

/// The waves after publication, one handler each.
pub struct GrowHandler {
    transcoder: Transcoder,
    wave: Wave,
}

impl GrowHandler {
    pub fn new(transcoder: Transcoder, wave: Wave) -> Self {
        Self { transcoder, wave }
    }
}

#[async_trait]
impl JobHandler for GrowHandler {
    fn kind(&self) -> &'static str {
        match self.wave {
            Wave::Second => SECOND_WAVE,
            Wave::Top => TOP_RUNG,
            Wave::Av1 => AV1_RUNGS,
        }
    }

    async fn run(&self, context: JobContext) -> Result<Outcome, JobError> {
        let (video, run) = (video_of(&context.job)?, Run::of(&context.job));
        tokio::select! {
            () = context.cancelled() => Ok(Outcome::Cancelled),
            done = self.transcoder.grow(video, self.wave, run, context.reporter()) => match done {
                Ok(Grown::Done) => Ok(Outcome::Done),
                Ok(Grown::NotYet) => Ok(Outcome::Later { run_at: self.transcoder.wave_again_at() }),
                Err(e) if e.is_final() => Err(JobError::dead(e)),
                Err(e) => Err(JobError::of(&e, e.fault())),
            }
        }
    }

    async fn buried(&self, job: &Job) {
        let Ok(video) = video_of(job) else { return };
        if let Err(e) = self.transcoder.give_up_growing(video, self.wave, Run::of(job)).await {
            tracing::error!(%video, error = %e, "what a wave left behind stays until the video is erased");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::port::MediaStoreError;
    use crate::shelf::ShelfError;
    use crate::transcoder::TranscodeError;
    use catalog::VideoStoreError;
    use stdx::Fault;

    #[test]
    fn no_room_anywhere_on_the_way_uses_up_no_attempt() {
        let full = || Fault::full("no space left");
        let met: [TranscodeError; 5] = [
            full().into(),
            MediaStoreError::Fault(full()).into(),
            VideoStoreError::Fault(full()).into(),
            ShelfError::Fault(full()).into(),
            ShelfError::Store(full().into()).into(),
        ];
        for e in met {
            let ends = JobError::of(&e, e.fault());
            assert!(matches!(ends, JobError::NoRoom { .. }), "{e:?}");
        }
        let other = TranscodeError::Encoder("killed".into());
        assert!(matches!(JobError::of(&other, other.fault()), JobError::Retry { .. }));
    }
}
