//! Pass B: all rungs and the sound in one decode, and a look at the result like a player's.

use crate::doctor::no_av1;
use crate::engine::{Ffmpeg, Run, ours};
use crate::pass_b_args::{AUDIO, Given, pass_b, rung_file};
use crate::room::Room;
use async_trait::async_trait;
use moderation::port::MediaError;
use stdx::Fault;
use transcode::{EncodeJob, Encoded, EncodedTrack, Encoder, ProbeJob, Probed, VerifyJob};
use vocab::{Codec, FailureReason};

#[async_trait]
impl Encoder for Ffmpeg {
    fn fingerprint(&self) -> String {
        self.identity()
    }

    async fn encode(&self, job: EncodeJob) -> Result<Encoded, MediaError> {
        let _permit = Self::permit(&self.0.encoding).await?;
        if job.plan.rungs.iter().any(|r| r.codec == Codec::Av1) && !self.0.features.av1 {
            let why = FailureReason::new("media.no_av1", no_av1(), true);
            return Err(MediaError::Refused(why));
        }
        let room = Room::furnish(&job.work_dir, &job.source).await.map_err(Fault::from)?;
        let source = self.audit(&room).await?;
        let given = Given { loudness: job.loudness, features: &self.0.features };
        let run = Run {
            args: pass_b(&source, &job.plan, &given, &self.0.policy),
            room: &room,
            media_ms: job.plan.start_ms.0 + job.plan.duration_ms.0,
            progress: job.progress.clone(),
        };
        self.run(run).await.map_err(ours)?;
        let mut rungs = Vec::with_capacity(job.plan.rungs.len());
        for rung in &job.plan.rungs {
            let path = room.out.join(rung_file(rung));
            let bytes = tokio::fs::metadata(&path).await.map_err(Fault::from)?.len();
            if bytes == 0 {
                return Err(MediaError::Failed(format!("the {} rung is empty", rung.name)));
            }
            rungs.push(EncodedTrack { rung: rung.name, path });
        }
        let has_sound = source.audio.is_some() && job.plan.audio.is_some();
        (job.progress)(100);
        Ok(Encoded { rungs, audio: has_sound.then(|| room.out.join(AUDIO)) })
    }

    async fn probe(&self, job: ProbeJob) -> Result<Option<Probed>, MediaError> {
        let _permit = Self::permit(&self.0.encoding).await?;
        self.probe_quality(&job).await
    }

    async fn verify(&self, job: VerifyJob) -> Result<(), MediaError> {
        let _permit = Self::permit(&self.0.encoding).await?;
        self.look_at_all(&job).await.map_err(ours)?;
        (job.progress)(100);
        Ok(())
    }
}
