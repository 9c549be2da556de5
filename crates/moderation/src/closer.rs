//! Tier B of a local classifier: more frames around the moments that may matter.

use crate::moderator::{JudgeError, Moderator, again, hash};
use crate::opinion::{Scene, number};
use crate::port::{CloserJob, Content, MediaError};
use crate::record::{JudgedFrame, ModerationRecord, digest_of};
use crate::sampling;
use std::sync::Arc;
use vocab::{MediaKey, Millis};

impl Moderator {
    /// Frames around `moments`, judged and kept beside the others. `None` = nobody could look closer, so
    /// what the first frames said stands.
    pub(crate) async fn look_closer(
        &self,
        record: &ModerationRecord,
        scene: &Scene<'_>,
        moments: &[Millis],
    ) -> Result<Option<Vec<JudgedFrame>>, JudgeError> {
        let policy = &self.0.desk.policy.closer;
        let Some(plan) = sampling::closer(moments, scene.seen.source.duration_ms, policy) else {
            return Ok(None);
        };
        let work_dir = scene.work.join("closer");
        tokio::fs::create_dir(&work_dir).await.map_err(again)?;
        let job = CloserJob {
            video: record.video,
            source: scene.raw.to_owned(),
            work_dir,
            plan,
            progress: Arc::clone(&scene.attempt.progress),
        };
        let frames = match self.0.examiner.look_closer(job).await {
            Ok(Some(frames)) if !frames.is_empty() => frames,
            Ok(_) => return Ok(None),
            Err(e) => {
                tracing::warn!(video = %record.video, error = %e, "cannot look closer");
                return if scene.attempt.last { Ok(None) } else { Err(failed(e)) };
            }
        };
        // These frames, too, must be of the bytes that the verdict names.
        if hash(scene.raw).await.map_err(again)? != record.content_sha256 {
            return Err(JudgeError::Changed("the file"));
        }
        let before = scene.seen.frames.len();
        let Some(judged) = self.classify(&frames, before, scene.attempt.last).await? else { return Ok(None) };
        let digest = digest_of(&record.content_sha256).ok_or(JudgeError::Changed("the hash"))?;
        for (i, frame) in frames.into_iter().enumerate() {
            let key = MediaKey::ReviewFrame { video: record.video, digest, n: number(before + i) };
            self.0.files.put_private(key, Content::File(frame.jpeg)).await?;
        }
        Ok(Some(judged))
    }
}

/// Pass A has read this file: whatever the second look stumbles over, it is worth another try.
fn failed(e: MediaError) -> JudgeError {
    match e {
        MediaError::Refused(reason) => JudgeError::Examine(reason.message),
        MediaError::Failed(said) => JudgeError::Examine(said),
        MediaError::Fault(fault) => JudgeError::ExamineFault(fault),
    }
}
