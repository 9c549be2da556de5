//! The encoder by `encoder.url`, and the table that verdicts are reached by.

use crate::config::{Config, Encoding};
use crate::wiring::classifier;
use crate::wiring::stores::Duties;
use anyhow::{Context, bail};
use async_trait::async_trait;
use moderation::policy::Trigger;
use moderation::port::{Examination, ExamineJob, MediaError};
use moderation::{Examiner, Found, FrameClassifier, ModerationPolicy, SamplingPolicy, SecondLook, Unjudged};
use std::path::PathBuf;
use std::sync::Arc;
use stdx::Fault;
use transcode::{EncodeJob, Encoded, Encoder, LazyTop, VerifyJob};
use vocab::RungName;

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

/// Where `scripts/ffmpeg.sh` leaves an ffmpeg: newer than most systems' own, and able to measure quality.
pub fn installed_ffmpeg() -> PathBuf {
    classifier::tool_cache().join("tools/ffmpeg/ffmpeg")
}

/// The engine's numbers, with what the settings say.
pub fn ffmpeg_policy(config: &Config) -> ffmpeg::FfmpegPolicy {
    let (installed, default) = (installed_ffmpeg(), ffmpeg::FfmpegPolicy::default());
    let ffmpeg = match config.encoder.ffmpeg.as_str() {
        "" if installed.is_file() => installed.clone(),
        "" => default.ffmpeg,
        program => program.into(),
    };
    ffmpeg::FfmpegPolicy {
        ffmpeg,
        quality_ffmpeg: installed,
        jobs_at_once: config.encoder.concurrency,
        jail: config.encoder.jail,
        ..default
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
    profile.per_title.enabled = config.encoder.per_title;
    let (first, views) = (config.encoder.first_wave_max, config.encoder.lazy_top_after_views);
    profile.waves.first_wave_max = (first > 0).then_some(RungName(first));
    profile.waves.lazy_top = if views > 0 { LazyTop::Views(views) } else { LazyTop::Off };
    if config.encoding()? != Encoding::Ffmpeg {
        anyhow::ensure!(
            after_views == 0,
            "encoder.av1_after_views = {after_views}: AV1 is encoded by ffmpeg: alone. Set it to 0, or encoder.url = \"ffmpeg:\""
        );
        profile.waves.first_wave_max = None;
    }
    Ok(profile)
}

/// Stands where no job runs and so nothing is decoded: the process needs neither ffmpeg nor a kernel that can
/// shut it in.
struct NoDecoder;

impl NoDecoder {
    fn said<T>() -> Result<T, MediaError> {
        Err(Fault::unavailable("this process runs no jobs, so it has no decoder").into())
    }
}

#[async_trait]
impl Examiner for NoDecoder {
    async fn examine(&self, _: ExamineJob) -> Result<Examination, MediaError> {
        Self::said()
    }
}

#[async_trait]
impl Encoder for NoDecoder {
    fn fingerprint(&self) -> String {
        "none".into()
    }
    async fn encode(&self, _: EncodeJob) -> Result<Encoded, MediaError> {
        Self::said()
    }
    async fn verify(&self, _: VerifyJob) -> Result<(), MediaError> {
        Self::said()
    }
}

/// What decodes, where jobs run.
async fn decoder(
    policy: ffmpeg::FfmpegPolicy,
    profile: transcode::LadderProfile,
    duties: Duties,
) -> anyhow::Result<(Arc<dyn Examiner>, Arc<dyn Encoder>)> {
    if !duties.works {
        return Ok((Arc::new(NoDecoder), Arc::new(NoDecoder)));
    }
    let engine = ffmpeg::Ffmpeg::open(policy, profile).await;
    let engine = engine.context("ffmpeg is not usable. Run `signal doctor` to see what is missing")?;
    Ok((Arc::new(engine.clone()), Arc::new(engine)))
}

pub async fn build(config: &Config, duties: Duties) -> anyhow::Result<Media> {
    let (examiner, encoder) = decoder(ffmpeg_policy(config), ladder(config)?, duties).await?;
    let chosen = classifier::choose(&config.moderation.classifier, &config.moderation.onnx_runtime)?;
    if config.moderation.machine_may_reject {
        chosen.check_that_it_may_reject()?;
    }
    let classifier = chosen.classifier();
    Ok(Media { examiner, encoder, is_classified_here: classifier.is_some(), classifier, second_look: None })
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
    limits(config, &mut policy);
    checked(policy)
}

/// When a machine's word is enough to reject. What was judged by other limits is another policy's.
fn limits(config: &Config, policy: &mut ModerationPolicy) {
    let set = &config.moderation;
    let limit = Trigger {
        at: set.reject_at,
        frames_min: set.reject_frames_min,
        share_min_percent: set.reject_share_percent,
    };
    let rejecting = policy.rules.iter_mut().filter_map(|rule| rule.reject.as_mut());
    if rejecting.filter(|t| **t != limit).map(|t| *t = limit).count() > 0 {
        let Trigger { at, frames_min, share_min_percent } = limit;
        policy.version.push_str(&format!("-over-{at}-{frames_min}-{share_min_percent}"));
    }
    policy.machine_may_reject = set.machine_may_reject;
    if policy.machine_may_reject {
        policy.version.push_str("-rejecting");
    }
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
    fn waves_and_the_choice_of_quality_are_settings() {
        let mut config = Config::default();
        config.encoder.first_wave_max = 240;
        config.encoder.lazy_top_after_views = 50;
        config.encoder.per_title = false;
        let asked = ladder(&config).expect("a ladder");
        assert_eq!(asked.waves.first_wave_max, Some(RungName(240)));
        assert_eq!(asked.waves.lazy_top, LazyTop::Views(50));
        assert!(!asked.per_title.enabled);
        config.encoder.first_wave_max = 0;
        assert_eq!(ladder(&config).expect("a ladder").waves.first_wave_max, None);
    }

    #[test]
    fn an_operators_limits_reach_the_table_and_give_it_another_name() {
        let mut config = Config::default();
        let plain = moderation_policy(&config, false).expect("sound");
        assert_eq!(plain, ModerationPolicy::default(), "the settings say what the policy says");
        config.moderation.machine_may_reject = true;
        config.moderation.reject_at = 90;
        config.moderation.reject_frames_min = 2;
        config.moderation.reject_share_percent = 20;
        let own = moderation_policy(&config, false).expect("sound");
        let limit = Trigger { at: 90, frames_min: 2, share_min_percent: 20 };
        assert!(own.machine_may_reject && own.rules.iter().filter_map(|r| r.reject).all(|t| t == limit));
        assert_eq!(own.version, format!("{}-over-90-2-20-rejecting", plain.version));
        let count = |p: &ModerationPolicy| p.rules.iter().filter(|r| r.reject.is_some()).count();
        assert_eq!(count(&own), count(&plain), "no rule rejects that did not");
    }

    #[test]
    fn the_program_that_the_settings_name_decodes() {
        let mut config = Config::default();
        let chosen = ffmpeg_policy(&config).ffmpeg;
        let installed = installed_ffmpeg();
        assert_eq!(chosen, if installed.is_file() { installed } else { "ffmpeg".into() });
        for named in ["ffmpeg", "/opt/ffmpeg/bin/ffmpeg"] {
            config.encoder.ffmpeg = named.into();
            assert_eq!(ffmpeg_policy(&config).ffmpeg, PathBuf::from(named));
        }
    }

    #[tokio::test]
    async fn a_process_without_jobs_needs_no_decoder() {
        let policy = || ffmpeg::FfmpegPolicy { ffmpeg: "/nowhere/ffmpeg".into(), ..Default::default() };
        let profile = transcode::LadderProfile::default;
        let serves = Duties { serves: true, works: false };
        let (_, encoder) = decoder(policy(), profile(), serves).await.expect("starts");
        let job = VerifyJob {
            video: vocab::VideoId(1),
            work_dir: "/nowhere".into(),
            files: vec![],
            sound: None,
            expect: transcode::Expectation {
                duration_ms: vocab::Millis(0),
                fps: 30,
                has_audio: false,
                sizes: vec![],
                segment_ms: vec![],
            },
            progress: Arc::new(|_| {}),
        };
        let said = encoder.verify(job).await.expect_err("none").to_string();
        assert!(said.contains("runs no jobs"), "{said}");
        let works = Duties { serves: false, works: true };
        let said = decoder(policy(), profile(), works).await.err().expect("refused");
        assert!(format!("{said:#}").starts_with("ffmpeg is not usable"), "{said:#}");
    }

    #[tokio::test]
    async fn the_packaged_model_never_rejects_and_an_operators_own_may() {
        let mut config = Config::default();
        config.moderation.machine_may_reject = true;
        let none = Duties::default();
        config.moderation.classifier = "none:".into();
        let said = build(&config, none).await.err().expect("refused").to_string();
        assert_eq!(
            said,
            "moderation.machine_may_reject = true: there is no model that could reject. Name your own \
             (onnx:/path/model.onnx), or set it to false"
        );
        let dir = tempfile::tempdir().expect("a directory");
        let toy = onnx::toy::write(dir.path()).expect("written");
        config.moderation.classifier = format!("onnx:{}", toy.model.display());
        build(&config, none).await.expect("starts");
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
