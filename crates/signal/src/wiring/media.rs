//! The encoder by `encoder.url`, and the table that verdicts are reached by.

use crate::config::{Config, Encoding};
use crate::wiring::classifier;
use anyhow::{Context, bail};
use moderation::{Examiner, Found, FrameClassifier, ModerationPolicy, SamplingPolicy, SecondLook, Unjudged};
use std::sync::Arc;
use transcode::Encoder;

pub struct Media {
    pub examiner: Arc<dyn Examiner>,
    pub encoder: Arc<dyn Encoder>,
    pub classifier: Option<Arc<dyn FrameClassifier>>,
    /// Tier B by a service; `None` = frames of ours and the classifier.
    pub second_look: Option<Arc<dyn SecondLook>>,
    /// Whether the model runs on this machine, where a frame costs nothing.
    pub is_classified_here: bool,
}

/// Media jobs at once.
pub fn concurrency(config: &Config) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if config.encoder.concurrency == 0 { (cores / 2).max(1) } else { config.encoder.concurrency }
}

/// The engine's numbers, with what the settings say.
pub fn ffmpeg_policy(config: &Config) -> ffmpeg::FfmpegPolicy {
    ffmpeg::FfmpegPolicy {
        jobs_at_once: config.encoder.concurrency,
        quality_ffmpeg: classifier::tool_cache().join("tools/quality/ffmpeg"),
        jail: config.encoder.jail,
        ..Default::default()
    }
}

/// What a package is like, as configured, whoever makes it.
pub fn ladder_here(config: &Config) -> transcode::LadderProfile {
    let packaging = config.packaging.of_profile();
    let encoder = config.encoder.profile;
    transcode::LadderProfile { packaging, encoder, ..transcode::LadderProfile::default() }
}

/// How videos are published. An engine that bills by the job makes all rungs in one.
pub fn ladder(config: &Config) -> anyhow::Result<transcode::LadderProfile> {
    let mut profile = ladder_here(config);
    let after_views = config.encoder.av1_after_views;
    profile.av1.after_views = (after_views > 0).then_some(after_views);
    if config.encoding()? != Encoding::Ffmpeg {
        anyhow::ensure!(
            after_views == 0,
            "encoder.av1_after_views = {after_views}: AV1 is encoded by ffmpeg: alone. Set it to 0, or encoder.url = \"ffmpeg:\""
        );
        profile.waves.first_wave_max = None;
    }
    Ok(profile)
}

pub async fn build(config: &Config) -> anyhow::Result<Media> {
    let policy = ffmpeg_policy(config);
    let engine = Arc::new(
        ffmpeg::Ffmpeg::open(policy, ladder(config)?)
            .await
            .context("ffmpeg is not usable. Run `signal doctor` to see what is missing")?,
    );
    let classifier = classifier::choose(&config.moderation.classifier)?.classifier();
    Ok(Media {
        examiner: Arc::clone(&engine) as Arc<dyn Examiner>,
        encoder: engine,
        is_classified_here: classifier.is_some(),
        classifier,
        second_look: None,
    })
}

/// The table that verdicts are reached by, as configured. A model on this machine costs nothing a frame,
/// so short clips are looked at more densely than where frames are bought or looked at by people.
pub fn moderation_policy(config: &Config, is_classified_here: bool) -> anyhow::Result<ModerationPolicy> {
    let mut policy = ModerationPolicy::default();
    if is_classified_here {
        policy.sampling = SamplingPolicy::dense();
        policy.version.push_str("-dense");
    }
    policy.likeness.found = match config.moderation.lookalikes.as_str() {
        "off" => Found::Off,
        "reject" => Found::Reject,
        _ => Found::Review,
    };
    if config.moderation.unjudged == "review" {
        policy.unjudged = Unjudged::Review;
    }
    checked(policy)
}

/// A table with a hole would approve in silence what it should stop: better not to start.
fn checked(policy: ModerationPolicy) -> anyhow::Result<ModerationPolicy> {
    match policy.check() {
        Ok(()) => Ok(policy),
        Err(why) => bail!("cannot start: {why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bad_policy_is_one_clear_sentence_at_the_start() {
        let mut policy = ModerationPolicy::default();
        policy.rules[0].label = "Explcit".into();
        let said = format!("{:#}", checked(policy).expect_err("refused"));
        assert_eq!(said, "cannot start: the policy names the label “Explcit”, which the taxonomy lacks");
        let empty = ModerationPolicy { rules: vec![], ..ModerationPolicy::default() };
        assert!(checked(empty).is_err(), "a table without rules approves everything");
    }

    #[test]
    fn the_encoder_and_av1_are_settings() {
        let mut config = Config::default();
        let plain = ladder(&config).expect("a ladder");
        assert_eq!(plain, transcode::LadderProfile::default());
        config.encoder.profile = transcode::EncoderProfile::Economy;
        config.encoder.av1_after_views = 10_000;
        let asked = ladder(&config).expect("a ladder");
        assert_eq!(
            (asked.encoder, asked.av1.after_views),
            (transcode::EncoderProfile::Economy, Some(10_000))
        );
        config.encoder.url = "mediaconvert://eu-central-1?role=arn:aws:iam::111122223333:role/r".into();
        let said = ladder(&config).expect_err("refused").to_string();
        let is_built = cfg!(feature = "aws");
        let expected =
            if is_built { "encoder.av1_after_views = 10000" } else { "encoder.url: this build has no" };
        assert!(said.starts_with(expected), "{said}");
    }

    #[test]
    fn the_configured_policy_is_sound_and_knows_what_nobody_judges() {
        let mut config = Config::default();
        assert_eq!(moderation_policy(&config, false).expect("sound").unjudged, Unjudged::Allow);
        config.moderation.unjudged = "review".into();
        config.moderation.lookalikes = "reject".into();
        assert_eq!(moderation_policy(&config, false).expect("sound").likeness.found, Found::Reject);
        assert_eq!(moderation_policy(&config, false).expect("sound").unjudged, Unjudged::Review);
    }

    #[test]
    fn with_a_model_short_clips_are_looked_at_four_times_a_second() {
        let policy = moderation_policy(&Config::default(), true).expect("sound");
        let plan = moderation::plan(vocab::Millis(4_000), 0, &policy.sampling);
        assert_eq!((plan.interval, plan.count), (vocab::Millis(250), 16));
        // Another way of looking is another policy: what was judged by the other is judged again.
        assert_ne!(policy.version, moderation_policy(&Config::default(), false).expect("sound").version);
    }
}
