//! What the root decides about the entrance.

use crate::policy::ApiPolicy;

#[derive(Debug, Clone)]
pub struct ApiConfig {
    /// Where people reach this server, e.g. `http://localhost:8080`; no slash at the end.
    pub public_url: String,
    /// Where clients send upload parts, e.g. `http://localhost:8081`.
    pub s3_url: Option<String>,
    /// What the addresses of parts are signed for; `None` = the store knows by itself, as S3 does.
    pub signs_for: Option<String>,
    /// Other origins whose pages may call the API and open sockets. Own pages always may.
    pub allowed_origins: Vec<String>,
    /// Whether `X-Forwarded-For` is written by a proxy of ours.
    pub trust_forwarded_for: bool,
    pub demo_enabled: bool,
    /// `classifier` or `people`: who judges uploads first.
    pub moderation_mode: String,
    /// Labels of the policy that nobody looks for before a video is published.
    pub moderation_unseen: Vec<String>,
    pub version: String,
    pub policy: ApiPolicy,
}

impl Default for ApiConfig {
    fn default() -> Self {
        Self {
            public_url: "http://localhost:8080".into(),
            s3_url: Some("http://localhost:8081".into()),
            signs_for: Some("http://localhost:8081".into()),
            allowed_origins: Vec::new(),
            trust_forwarded_for: false,
            demo_enabled: false,
            moderation_mode: "people".into(),
            moderation_unseen: Vec::new(),
            version: env!("CARGO_PKG_VERSION").into(),
            policy: ApiPolicy::default(),
        }
    }
}
