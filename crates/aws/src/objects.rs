//! Objects in S3: what browsers send, what the workers read and write, what viewers get.
//!
//! Keys are those of [`vocab::MediaKey::object_key`] as they are. They carry their entropy already, two hex
//! digits of a hash right behind the class (`raw/ab/<video>/…`), which splits every class over 256 key ranges;
//! a second hash in front would take from lifecycle rules, event filters and policies the class they go by.
//!
//! What S3 cannot do, and what is done instead:
//! - It knows no SHA-256 of a whole multipart object, only a checksum of the checksums of parts, and nobody may
//!   read a part before the completion uses it up. An expected SHA-256 is therefore found out by reading the
//!   object once after the completion. Until then a small object beside it (`….expect`) says what is expected,
//!   and [`head`](::upload::RawStore::head) does not show it: whoever looks finishes the work of a finisher
//!   that died. A wrong object is deleted; its parts cannot come back.
//! - A repeated completion is answered as the first was: it does not say who came first.

mod check;
mod contract;
mod download;
mod erase;
mod error;
mod finish;
mod ports;
mod put;
mod raw;
mod settings;
#[cfg(feature = "mediaconvert")]
pub(crate) mod tracks;

pub use contract::{BUCKET, BucketContract, CorsRule, ENCODED_DAYS, LifecycleRule};
pub use settings::{Encryption, PartSums, S3Policy, S3Settings};

use crate::sdk::Aws;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::{RequestChecksumCalculation, timeout::TimeoutConfig};
use std::sync::Arc;
use stdx::{Backoff, Entropy};
use vocab::{MediaKey, Millis};

/// Between two attempts to read on where a body broke off.
const READ_ON: Backoff = Backoff { base: Millis(50), cap: Millis(2_000) };

/// One bucket. Cheap to clone.
#[derive(Clone)]
pub struct S3Objects {
    /// For requests that answer at once.
    client: Client,
    /// For bodies and completions, which take as long as their bytes.
    patient: Client,
    /// Makes URLs only.
    signer: Client,
    settings: Arc<S3Settings>,
    entropy: Arc<dyn Entropy>,
}

impl std::fmt::Debug for S3Objects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Objects").field("bucket", &self.settings.bucket).finish_non_exhaustive()
    }
}

impl S3Objects {
    /// Opens nothing: see [`S3Objects::check`].
    pub fn new(aws: &Aws, settings: S3Settings) -> Self {
        // The SDK would announce CRC32 on every multipart upload by itself, and S3 would then refuse the parts
        // of browsers, which send none. Where we send bytes we name a checksum ourselves.
        let quiet = RequestChecksumCalculation::WhenRequired;
        let base = aws.s3(settings.path_style).config().to_builder().request_checksum_calculation(quiet);
        let body = settings.policy.body_timeout;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(aws.policy().connect_timeout)
            .operation_attempt_timeout(body)
            .operation_timeout(body.saturating_mul(aws.policy().attempts_max.max(1)));
        let patient = base.clone().timeout_config(timeouts.build());
        let mut signer = base.clone();
        if let Some(endpoint) = &settings.public_endpoint {
            signer = signer.endpoint_url(endpoint);
        }
        Self {
            client: Client::from_conf(base.build()),
            patient: Client::from_conf(patient.build()),
            signer: Client::from_conf(signer.build()),
            settings: Arc::new(settings),
            entropy: Arc::clone(aws.entropy()),
        }
    }

    pub fn settings(&self) -> &S3Settings {
        &self.settings
    }

    fn name(&self, key: &MediaKey) -> String {
        self.named(&key.object_key())
    }

    fn named(&self, key: &str) -> String {
        format!("{}{key}", self.settings.prefix)
    }

    fn bucket(&self) -> String {
        self.settings.bucket.clone()
    }

    async fn pause(&self, attempt: u32) {
        tokio::time::sleep(READ_ON.delay(attempt, self.entropy.as_ref()).to_duration()).await;
    }
}
