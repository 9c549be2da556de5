//! Every setting with its default. `config/laptop.toml` shows them all.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct Config {
    pub server: Server,
    pub objects: Objects,
    pub data: Data,
    pub stores: Stores,
    pub encoder: Encoder,
    pub moderation: Moderation,
    pub identity: Identity,
    pub work: Work,
    pub delivery: Delivery,
    pub demo: Demo,
    pub log: Log,
}

/// The API, the media and the web client: one origin.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Server {
    pub host: String,
    pub port: u16,
    /// What browsers type; empty = `http://host:port`.
    pub public_url: String,
    /// Other origins that may call the API from a browser.
    pub allowed_origins: Vec<String>,
    /// How long a stopping process waits for what is under way, in seconds.
    pub drain_s: u64,
    /// Requests under way at once; one more is answered 503.
    pub max_concurrent_requests: usize,
    /// Whether per-caller rate limits apply.
    pub rate_limits: bool,
}

impl Default for Server {
    fn default() -> Self {
        Self {
            host: "127.0.0.1".into(),
            port: 8080,
            public_url: String::new(),
            allowed_origins: Vec::new(),
            drain_s: 10,
            max_concurrent_requests: 1024,
            rate_limits: true,
        }
    }
}

/// The S3 door.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Objects {
    /// `embedded:` keeps objects as files in the data directory.
    pub url: String,
    pub port: u16,
    /// What presigned addresses start with; empty = `http://host:port`.
    pub public_url: String,
    pub bucket: String,
    pub region: String,
    /// Space that stays free on the disk, in MiB: uploads are refused before it is touched.
    pub reserve_mib: u64,
}

impl Default for Objects {
    fn default() -> Self {
        Self {
            url: "embedded:".into(),
            port: 8081,
            public_url: String::new(),
            bucket: "signal-media".into(),
            region: "us-east-1".into(),
            reserve_mib: 512,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
#[derive(Default)]
pub struct Data {
    /// Where everything is kept; empty = `$DATA_DIR`, else the platform's data directory.
    pub dir: PathBuf,
}

/// Where records live, by URL.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Stores {
    pub url: String,
}

impl Default for Stores {
    fn default() -> Self {
        Self { url: "embedded:".into() }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Encoder {
    /// `ffmpeg:` runs the ffmpeg command on this machine.
    pub url: String,
    /// Media jobs at once; 0 = half the cores, at least one.
    pub concurrency: usize,
}

impl Default for Encoder {
    fn default() -> Self {
        Self { url: "ffmpeg:".into(), concurrency: 0 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Moderation {
    /// `none:` sends every video to a person; `onnx:/path/model.onnx` judges with your model and the
    /// label map beside it (`model.labels.toml`).
    pub classifier: String,
    /// What happens to labels no classifier judges: `allow` or `review`.
    pub unjudged: String,
}

impl Default for Moderation {
    fn default() -> Self {
        Self { classifier: "none:".into(), unjudged: "allow".into() }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// `embedded:` issues tokens itself.
    pub url: String,
    pub audience: String,
}

impl Default for Identity {
    fn default() -> Self {
        Self { url: "embedded:".into(), audience: "signal-api".into() }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Work {
    /// Seconds after which a step without a live job is driven again.
    pub sweep_after_s: i64,
    pub poll_ms: i64,
}

impl Default for Work {
    fn default() -> Self {
        Self { sweep_after_s: 30, poll_ms: 500 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Delivery {
    /// Memory for hot media.
    pub cache_mib: u64,
}

impl Default for Delivery {
    fn default() -> Self {
        Self { cache_mib: 64 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Demo {
    pub enabled: bool,
}

impl Default for Demo {
    fn default() -> Self {
        Self { enabled: true }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Log {
    /// `auto` = readable on a terminal, JSON otherwise; or `pretty`, `json`.
    pub format: String,
    /// As `RUST_LOG`: `info,feed=debug`.
    pub filter: String,
}

impl Default for Log {
    fn default() -> Self {
        Self { format: "auto".into(), filter: "info,s3s=off".into() }
    }
}

impl Config {
    pub fn public_url(&self) -> String {
        address(&self.server.public_url, &self.server.host, self.server.port)
    }
    pub fn objects_url(&self) -> String {
        address(&self.objects.public_url, &self.server.host, self.objects.port)
    }
}

fn address(given: &str, host: &str, port: u16) -> String {
    if given.is_empty() {
        let host = if host == "0.0.0.0" || host == "::" { "127.0.0.1" } else { host };
        format!("http://{host}:{port}")
    } else {
        given.trim_end_matches('/').to_owned()
    }
}
