//! Tier A: `DetectModerationLabels` for every frame.

use super::labels;
use super::pace::Pace;
use super::policy::{IMAGE_BYTES_MAX, MODEL_EXPECTED, RekognitionPolicy};
use crate::fault;
use crate::sdk::Aws;
use async_trait::async_trait;
use aws_sdk_rekognition::Client;
use aws_sdk_rekognition::primitives::Blob;
use aws_sdk_rekognition::types::Image;
use futures::{StreamExt, TryStreamExt, stream};
use moderation::{FrameClassifier, SampledFrame};
use std::sync::{Arc, Mutex, PoisonError};
use stdx::{Entropy, Fault};
use vocab::Finding;

/// Asks about pictures. What a frame shows leaves the machine: it is the operator's choice.
#[derive(Debug)]
pub struct RekognitionClassifier {
    client: Client,
    policy: RekognitionPolicy,
    entropy: Arc<dyn Entropy>,
    judges: Vec<String>,
    pace: Pace,
    /// As the last answer said.
    model: Mutex<String>,
}

impl RekognitionClassifier {
    pub fn new(aws: &Aws, policy: RekognitionPolicy) -> Self {
        Self {
            client: aws.rekognition(),
            entropy: Arc::clone(aws.entropy()),
            judges: labels::judges(),
            pace: Pace::per_second(policy.frames_per_second),
            model: Mutex::new(MODEL_EXPECTED.to_owned()),
            policy,
        }
    }

    async fn look(&self, frame: &SampledFrame) -> Result<Vec<Finding>, Fault> {
        let size = tokio::fs::metadata(&frame.jpeg).await?.len();
        if size > IMAGE_BYTES_MAX {
            let said = format!("a frame has {size} bytes, Rekognition takes {IMAGE_BYTES_MAX}");
            return Err(Fault::internal(said));
        }
        let jpeg = Blob::new(tokio::fs::read(&frame.jpeg).await?);
        self.pace.call(&self.policy, self.entropy.as_ref(), || self.ask(jpeg.clone(), frame.at_ms.0)).await
    }

    async fn ask(&self, jpeg: Blob, at_ms: i64) -> Result<Vec<Finding>, Fault> {
        let answer = self
            .client
            .detect_moderation_labels()
            .image(Image::builder().bytes(jpeg).build())
            .min_confidence(self.policy.confidence_min)
            .send()
            .await
            .map_err(|e| fault::of("asking Rekognition about a frame", e))?;
        if let Some(version) = answer.moderation_model_version() {
            self.answered_by(version);
        }
        Ok(answer.moderation_labels().iter().map(|label| labels::finding(label, at_ms)).collect())
    }

    fn answered_by(&self, version: &str) {
        let mut model = self.model.lock().unwrap_or_else(PoisonError::into_inner);
        if *model != version {
            tracing::info!(before = *model, now = version, "Rekognition's moderation model");
            version.clone_into(&mut model);
        }
    }
}

#[async_trait]
impl FrameClassifier for RekognitionClassifier {
    fn name(&self) -> &str {
        "rekognition"
    }

    fn version(&self) -> String {
        self.model.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn judges(&self) -> &[String] {
        &self.judges
    }

    async fn classify(&self, frames: &[SampledFrame]) -> Result<Vec<Vec<Finding>>, Fault> {
        let looks: Vec<_> = frames.iter().map(|frame| self.look(frame)).collect();
        stream::iter(looks).buffered(self.policy.frames_at_once.max(1)).try_collect().await
    }
}
