//! One place where clients of AWS are made: region, endpoint, credentials, time-outs, retries.

use crate::policy::AwsPolicy;
use aws_config::{BehaviorVersion, Region};
use aws_credential_types::Credentials;
use aws_smithy_http_client::{Builder, tls};
use aws_smithy_runtime::client::retries::{RetryPartition, TokenBucket};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::SdkConfig;
use std::sync::Arc;
use stdx::Entropy;

/// So that callers need not know the SDK.
pub type SqsClient = aws_sdk_sqs::Client;
pub type EventBridgeClient = aws_sdk_eventbridge::Client;

/// Where AWS is, or what stands in for it.
#[derive(Debug, Clone, Default)]
pub struct AwsSettings {
    pub region: String,
    /// Another address than the region's own: a double, a private endpoint.
    pub endpoint: Option<String>,
    /// Access key id and secret. `None` = the standard chain (environment, profile, container, instance).
    pub credentials: Option<(String, String)>,
    pub policy: AwsPolicy,
}

/// Clients share one connection pool and one budget of retries.
#[derive(Clone)]
pub struct Aws {
    config: SdkConfig,
    partition: RetryPartition,
    policy: AwsPolicy,
    entropy: Arc<dyn Entropy>,
}

impl Aws {
    /// Opens nothing yet: the first call does.
    pub async fn open(settings: AwsSettings, entropy: Arc<dyn Entropy>) -> Self {
        Self::with_http(settings, http_client(), entropy).await
    }

    /// As [`Aws::open`] over another HTTP client: how tests break the wire.
    pub async fn with_http(settings: AwsSettings, http: SharedHttpClient, entropy: Arc<dyn Entropy>) -> Self {
        let policy = settings.policy;
        let timeouts = TimeoutConfig::builder()
            .connect_timeout(policy.connect_timeout)
            .operation_attempt_timeout(policy.attempt_timeout)
            .operation_timeout(policy.operation_timeout)
            .build();
        let retries = RetryConfig::standard()
            .with_max_attempts(policy.attempts_max)
            .with_initial_backoff(policy.backoff_first)
            .with_max_backoff(policy.backoff_max);
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(http)
            .region(Region::new(settings.region))
            .timeout_config(timeouts)
            .retry_config(retries);
        if let Some(endpoint) = settings.endpoint {
            loader = loader.endpoint_url(endpoint);
        }
        if let Some((id, secret)) = settings.credentials {
            loader = loader.credentials_provider(Credentials::new(id, secret, None, None, "settings"));
        }
        let config = loader.load().await;
        let name = format!("signal-{:x}", entropy.u64());
        let partition =
            RetryPartition::custom(name).token_bucket(TokenBucket::new(policy.retry_budget)).build();
        Self { config, partition, policy, entropy }
    }

    pub fn policy(&self) -> &AwsPolicy {
        &self.policy
    }
    pub fn entropy(&self) -> &Arc<dyn Entropy> {
        &self.entropy
    }
    pub fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config =
            aws_sdk_dynamodb::config::Builder::from(&self.config).retry_partition(self.partition.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }
    pub fn sqs(&self) -> aws_sdk_sqs::Client {
        let config = aws_sdk_sqs::config::Builder::from(&self.config).retry_partition(self.partition.clone());
        aws_sdk_sqs::Client::from_conf(config.build())
    }
    pub fn eventbridge(&self) -> aws_sdk_eventbridge::Client {
        let config =
            aws_sdk_eventbridge::config::Builder::from(&self.config).retry_partition(self.partition.clone());
        aws_sdk_eventbridge::Client::from_conf(config.build())
    }
    #[cfg(feature = "rekognition")]
    pub fn rekognition(&self) -> aws_sdk_rekognition::Client {
        let config =
            aws_sdk_rekognition::config::Builder::from(&self.config).retry_partition(self.partition.clone());
        aws_sdk_rekognition::Client::from_conf(config.build())
    }
    #[cfg(feature = "mediaconvert")]
    pub fn mediaconvert(&self) -> aws_sdk_mediaconvert::Client {
        let config =
            aws_sdk_mediaconvert::config::Builder::from(&self.config).retry_partition(self.partition.clone());
        aws_sdk_mediaconvert::Client::from_conf(config.build())
    }
    /// `path_style`: the bucket is part of the path, as stores outside AWS want it.
    pub fn s3(&self, path_style: bool) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::config::Builder::from(&self.config)
            .retry_partition(self.partition.clone())
            .force_path_style(path_style);
        aws_sdk_s3::Client::from_conf(config.build())
    }
}

/// TLS by rustls on ring: no C toolchain beyond what the rest needs.
pub fn http_client() -> SharedHttpClient {
    Builder::new().tls_provider(tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring)).build_https()
}
