//! Tier B: more looks around the moments that may matter, by our own frames or by a service.

use crate::moderator::{JudgeError, Moderator, again, hash};
use crate::opinion::{Scene, number};
use crate::port::{CloserJob, Content, MediaError, SampledFrame, SecondLook, SecondLookJob};
use crate::record::{JudgedFrame, ModerationRecord, digest_of};
use crate::sampling::{self, CloserPlan};
use crate::second_look;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::Arc;
use vocab::{MediaKey, Millis};

/// What a closer look came to.
pub(crate) enum Closer {
    /// No engine looks closer: what the first frames said stands.
    Cannot,
    /// One does, but not at this video: a person looks.
    Failed,
    /// The frames, and the level-1 labels that were looked for in them.
    Judged(Vec<JudgedFrame>, Vec<String>),
}

impl Moderator {
    /// Looks again around `moments`. What was seen is kept beside the first frames.
    pub(crate) async fn look_closer(
        &self,
        record: &ModerationRecord,
        scene: &Scene<'_>,
        moments: &[Millis],
    ) -> Result<Closer, JudgeError> {
        let policy = &self.0.desk.policy.closer;
        let Some(plan) = sampling::closer(moments, scene.seen.source.duration_ms, policy) else {
            return Ok(Closer::Cannot);
        };
        match &self.0.second_look {
            Some(service) => self.ask_service(service.as_ref(), record, scene, plan).await,
            None => self.ask_classifier(record, scene, plan).await,
        }
    }

    /// Our own frames, and the classifier that looked at the first ones.
    async fn ask_classifier(
        &self,
        record: &ModerationRecord,
        scene: &Scene<'_>,
        plan: CloserPlan,
    ) -> Result<Closer, JudgeError> {
        let frames = match self.frames_of(record, scene, plan).await {
            Ok(Some(frames)) => frames,
            Ok(None) => return Ok(Closer::Cannot),
            Err(e) if scene.attempt.last && !matches!(e, JudgeError::Changed(_)) => {
                tracing::warn!(video = %record.video, error = %e, "cannot look closer");
                return Ok(Closer::Failed);
            }
            Err(e) => return Err(e),
        };
        let before = scene.seen.frames.len();
        let judges = self.0.classifier.as_ref().map(|c| c.judges().to_vec()).unwrap_or_default();
        let Some(judged) = self.classify(&frames, before, scene.attempt.last).await? else {
            return Ok(Closer::Failed);
        };
        for (i, frame) in frames.into_iter().enumerate() {
            self.keep_picture(record, number(before + i), frame.jpeg).await?;
        }
        Ok(Closer::Judged(judged, judges))
    }

    /// The whole stored video is looked at; the frames of ours are pictures for people.
    async fn ask_service(
        &self,
        service: &dyn SecondLook,
        record: &ModerationRecord,
        scene: &Scene<'_>,
        plan: CloserPlan,
    ) -> Result<Closer, JudgeError> {
        let job = SecondLookJob {
            video: record.video,
            upload: scene.upload,
            content_sha256: record.content_sha256.clone(),
        };
        let sights = match service.findings(&job).await {
            Ok(Some(sights)) => sights,
            Ok(None) => return Ok(Closer::Failed),
            Err(fault) if scene.attempt.last => {
                tracing::warn!(video = %record.video, error = %fault, "nobody looked closer");
                return Ok(Closer::Failed);
            }
            Err(fault) => return Err(JudgeError::SecondLook(fault)),
        };
        let most = self.0.desk.policy.closer.frames_max as usize;
        let (plan, moments) = second_look::on_grid(&plan, &sights, scene.seen.source.duration_ms, most);
        let mut pictures: HashMap<Millis, PathBuf> = match self.frames_of(record, scene, plan).await {
            Ok(frames) => frames.into_iter().flatten().map(|f| (f.at_ms, f.jpeg)).collect(),
            Err(e @ JudgeError::Changed(_)) => return Err(e),
            // The verdict does not hang on pictures: people have those of pass A.
            Err(e) => {
                tracing::warn!(video = %record.video, error = %e, "no pictures of what the service saw");
                HashMap::new()
            }
        };
        let before = scene.seen.frames.len();
        let mut judged = Vec::with_capacity(moments.len());
        for (i, (at_ms, findings)) in moments.into_iter().enumerate() {
            let n = number(before + i);
            if let Some(jpeg) = pictures.remove(&at_ms) {
                self.keep_picture(record, n, jpeg).await?;
            }
            judged.push(JudgedFrame { n, at_ms, findings });
        }
        Ok(Closer::Judged(judged, service.judges().to_vec()))
    }

    /// The frames of a plan. `None` = the examiner takes none but those of pass A.
    async fn frames_of(
        &self,
        record: &ModerationRecord,
        scene: &Scene<'_>,
        plan: CloserPlan,
    ) -> Result<Option<Vec<SampledFrame>>, JudgeError> {
        let work_dir = scene.work.join("closer");
        tokio::fs::create_dir(&work_dir).await.map_err(again)?;
        let job = CloserJob {
            video: record.video,
            source: scene.raw.to_owned(),
            work_dir,
            plan,
            progress: Arc::clone(&scene.attempt.progress),
        };
        let frames = self.0.examiner.look_closer(job).await.map_err(failed)?;
        // These frames, too, must be of the bytes that the verdict names.
        if hash(scene.raw).await.map_err(again)? != record.content_sha256 {
            return Err(JudgeError::Changed("the file"));
        }
        Ok(frames.filter(|frames| !frames.is_empty()))
    }

    async fn keep_picture(&self, record: &ModerationRecord, n: u16, jpeg: PathBuf) -> Result<(), JudgeError> {
        let digest = digest_of(&record.content_sha256).ok_or(JudgeError::Changed("the hash"))?;
        let key = MediaKey::ReviewFrame { video: record.video, digest, n };
        Ok(self.0.files.put_private(key, Content::File(jpeg)).await?)
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
