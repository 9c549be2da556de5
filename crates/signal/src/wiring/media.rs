//! The encoder by `encoder.url`, the classifier by `moderation.classifier`.

use crate::config::Config;
use anyhow::{Context, bail};
use moderation::{Examiner, FrameClassifier, ModerationPolicy, Unjudged};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use transcode::Encoder;

pub struct Media {
    pub examiner: Arc<dyn Examiner>,
    pub encoder: Arc<dyn Encoder>,
    pub classifier: Option<Arc<dyn FrameClassifier>>,
}

/// Media jobs at once.
pub fn concurrency(config: &Config) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if config.encoder.concurrency == 0 { (cores / 2).max(1) } else { config.encoder.concurrency }
}

pub async fn build(config: &Config) -> anyhow::Result<Media> {
    let policy = ffmpeg::FfmpegPolicy { jobs_at_once: config.encoder.concurrency, ..Default::default() };
    let engine = Arc::new(
        ffmpeg::Ffmpeg::open(policy, transcode::LadderProfile::default())
            .await
            .context("ffmpeg is not usable. Run `signal doctor` to see what is missing")?,
    );
    Ok(Media {
        examiner: Arc::clone(&engine) as Arc<dyn Examiner>,
        encoder: engine,
        classifier: classifier(&config.moderation.classifier)?,
    })
}

/// The table that verdicts are reached by, as configured.
pub fn moderation_policy(config: &Config) -> anyhow::Result<ModerationPolicy> {
    let mut policy = ModerationPolicy::default();
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

/// `none:` or `onnx:/path/model.onnx`; the label map stands beside the model.
fn classifier(url: &str) -> anyhow::Result<Option<Arc<dyn FrameClassifier>>> {
    let Some((scheme, path)) = url.split_once(':') else {
        bail!("moderation.classifier = \"{url}\" is not a URL")
    };
    match scheme {
        "none" => Ok(None),
        "onnx" => {
            let model = Path::new(path);
            let labels: PathBuf = model.with_extension("labels.toml");
            let config = onnx::RtenConfig { model: model.to_owned(), labels: labels.clone() };
            let classifier = onnx::RtenClassifier::load(&config).with_context(|| {
                format!("cannot use the model {path} with the label map {}", labels.display())
            })?;
            Ok(Some(Arc::new(classifier)))
        }
        other => bail!("moderation.classifier: unknown scheme {other}; allowed: none, onnx"),
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
    fn the_configured_policy_is_sound_and_knows_what_nobody_judges() {
        let mut config = Config::default();
        assert_eq!(moderation_policy(&config).expect("sound").unjudged, Unjudged::Allow);
        config.moderation.unjudged = "review".into();
        assert_eq!(moderation_policy(&config).expect("sound").unjudged, Unjudged::Review);
    }
}
