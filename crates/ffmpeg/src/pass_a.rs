//! Pass A: audit, then one decode for frames, sheet, poster and loudness.

use crate::audit::{Source, refuse};
use crate::engine::{Ffmpeg, Ran, Run, RunError};
use crate::loudness::loudness;
use crate::pass_a_args::{COVER, COVER_THUMB, SPRITE, THUMBS, Wanted, pass_a, sprite_facts};
use crate::poster::{Thumb, best, blurhash_of, thumbs};
use crate::room::Room;
use async_trait::async_trait;
use moderation::port::{
    CloserJob, CoverJob, DrawnCover, Examination, ExamineJob, Examiner, MediaError, SampledFrame, Sprite,
};
use std::path::PathBuf;
use stdx::Fault;
use vocab::Millis;

#[async_trait]
impl Examiner for Ffmpeg {
    async fn examine(&self, job: ExamineJob) -> Result<Examination, MediaError> {
        let _permit = Self::permit(&self.0.examining).await?;
        let room = Room::furnish(&job.work_dir, &job.source).await.map_err(Fault::from)?;
        let source = self.audit(&room).await?;
        let plan =
            transcode::plan(&source.facts, &job.transform, &self.0.profile).map_err(MediaError::Refused)?;
        let sampling = moderation::plan(source.facts.duration_ms, job.phase_seed, &job.sampling);
        let inside = |at: Millis| at >= plan.start_ms && at.0 < plan.start_ms.0 + plan.duration_ms.0;
        let own_cover = job.transform.cover_at_ms.map(|at| cover_at(at, plan.start_ms, plan.duration_ms));
        // Where no sample falls into the published part, its first picture is the poster.
        let no_candidate = !sampling.times().any(inside);
        let wanted = Wanted {
            sampling,
            start: plan.start_ms,
            duration: plan.duration_ms,
            sprite: sprite_facts(&source, plan.duration_ms, &self.0.policy),
            cover_at: own_cover.or(no_candidate.then_some(plan.start_ms)),
            zscale: self.0.features.zscale,
        };
        let run = Run {
            args: pass_a(&source, &wanted, &self.0.policy),
            room: &room,
            media_ms: source.facts.duration_ms.0,
            progress: job.progress.clone(),
        };
        let ran = self.run(run).await.map_err(unreadable)?;
        self.check_decoded(&source, &ran)?;
        let made = Made { room: &room, wanted: &wanted };
        let frames = made.frames()?;
        let poster = made.poster(&frames, inside).await?;
        (job.progress)(100);
        Ok(Examination {
            loudness: loudness(&ran.done.log),
            sprite: wanted.sprite.clone().map(|facts| Sprite { jpeg: room.out.join(SPRITE), facts }),
            poster: poster.0,
            blurhash: poster.1,
            source: source.facts,
            frames,
        })
    }

    async fn look_closer(&self, job: CloserJob) -> Result<Option<Vec<SampledFrame>>, MediaError> {
        self.closer_frames(job).await.map(Some)
    }

    async fn draw_cover(&self, job: CoverJob) -> Result<DrawnCover, MediaError> {
        self.drawn_cover(job).await
    }
}

impl Ffmpeg {
    /// Success of the program is not success: it conceals what it cannot decode.
    fn check_decoded(&self, source: &Source, ran: &Ran) -> Result<(), MediaError> {
        let intake = &self.0.policy.intake;
        let damaged = ran.done.log.corrupt;
        if ran.frames == 0 {
            return Err(MediaError::Refused(refuse(
                "media.unreadable",
                "No picture of the video can be decoded.",
            )));
        }
        // One picture may be held back at the end or start of an edit.
        let missing = source.pictures.saturating_sub(ran.frames + 1);
        let share = |n: u64| n * 100 / source.pictures.max(1);
        if share(missing) > u64::from(intake.damaged_percent_max)
            || share(damaged) > u64::from(intake.damaged_percent_max)
        {
            let text = format!(
                "The video is damaged: of {} pictures {missing} are missing and {damaged} are broken.",
                source.pictures
            );
            return Err(MediaError::Refused(refuse("media.unreadable", text)));
        }
        Ok(())
    }
}

/// In pass A a decoder that gives up gives up on the file.
fn unreadable(e: RunError) -> MediaError {
    match e {
        RunError::GaveUp(said) => {
            tracing::warn!(%said, "pass A gave up on a file");
            MediaError::Refused(refuse("media.unreadable", "The video cannot be decoded. It may be damaged."))
        }
        RunError::Media(e) => e,
    }
}

/// The owner's cover time is of the published video; ours is of the file.
fn cover_at(cover: Millis, start: Millis, duration: Millis) -> Millis {
    Millis(start.0 + cover.0.clamp(0, (duration.0 - 1).max(0)))
}

struct Made<'a> {
    room: &'a Room,
    wanted: &'a Wanted,
}

impl Made<'_> {
    fn frames(&self) -> Result<Vec<SampledFrame>, MediaError> {
        let mut frames = Vec::new();
        for (i, at_ms) in self.wanted.sampling.times().enumerate() {
            let jpeg = self.room.out.join(format!("f_{:05}.jpg", i + 1));
            if !jpeg.exists() {
                break;
            }
            frames.push(SampledFrame { at_ms, jpeg });
        }
        if frames.is_empty() {
            let text = "The pictures of the video have no usable times.";
            return Err(MediaError::Refused(refuse("media.unreadable", text)));
        }
        Ok(frames)
    }

    /// The cover that was asked for, or the best of the frames that are published; and its blurhash.
    async fn poster(
        &self,
        frames: &[SampledFrame],
        inside: impl Fn(Millis) -> bool,
    ) -> Result<(PathBuf, Option<String>), MediaError> {
        let cover = self.room.out.join(COVER);
        if self.wanted.cover_at.is_some() && cover.exists() {
            let thumb = self.read_thumbs(COVER_THUMB).await?;
            return Ok((cover, thumb.first().and_then(|t| self.blurhash(t))));
        }
        let thumbs = self.read_thumbs(THUMBS).await?;
        let candidates: Vec<(usize, &Thumb)> = thumbs
            .iter()
            .enumerate()
            .filter(|(i, _)| frames.get(*i).is_some_and(|f| inside(f.at_ms)))
            .collect();
        let chosen = best(&candidates).unwrap_or(0).min(frames.len() - 1);
        let hash = thumbs.get(chosen).and_then(|t| self.blurhash(t));
        Ok((frames[chosen].jpeg.clone(), hash))
    }

    async fn read_thumbs(&self, name: &str) -> Result<Vec<Thumb>, MediaError> {
        let bytes = tokio::fs::read(self.room.out.join(name)).await.map_err(Fault::from)?;
        Ok(thumbs(&bytes))
    }

    fn blurhash(&self, thumb: &Thumb) -> Option<String> {
        blurhash_of(thumb)
    }
}
