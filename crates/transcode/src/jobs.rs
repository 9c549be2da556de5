//! The durable job of transcoding.

use crate::names::Run;
use crate::transcoder::Transcoder;
use async_trait::async_trait;
use catalog::jobs::{ENCODE, video_of};
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
