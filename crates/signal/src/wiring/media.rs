//! The encoder by `encoder.url`, the classifier by `moderation.classifier`.

use crate::config::Config;
use anyhow::{Context, bail};
use moderation::{Examiner, FrameClassifier};
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
