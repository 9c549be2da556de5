//! Every setting with its default. `config/laptop.toml` shows them all, and a test that it does is in `load`.

use super::urls::{Encoding, Entrance, FrameJudge, JobDelivery, Records, SecondLooker, StoredBytes};
use ffmpeg::policy::JailMode;
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
    pub packaging: Packaging,
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
    /// What all API processes over the same stores must share, 32 characters or more; empty = made once
    /// and kept in the data directory, which is right for one process.
    pub secret: String,
    /// Whether `X-Forwarded-For` is believed: behind a load balancer that sets it, and only there.
    pub trust_forwarded_for: bool,
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
            secret: String::new(),
            trust_forwarded_for: false,
        }
    }
}

/// Stored bytes, and the S3 door of the embedded store.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Objects {
    /// `embedded:` keeps objects as files in the data directory and serves them by the S3 door;
    /// `s3://bucket` uses a bucket.
    pub url: String,
    pub port: u16,
    /// What presigned addresses start with; empty = `http://host:port`, or the bucket's own address.
    pub public_url: String,
    /// Name of the embedded store's only bucket.
    pub bucket: String,
    pub region: String,
    /// `s3:` only. Another address than the region's own; empty = AWS.
    pub endpoint: String,
    /// `s3:` only. The bucket is part of the path, as stores outside AWS want it.
    pub path_style: bool,
    /// `s3:` only. Every part comes with a checksum, which AWS then verifies; our own store verifies what is given.
    pub require_checksums: bool,
    /// `s3:` only. The KMS key objects are encrypted with; empty = as the bucket says.
    pub kms_key: String,
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
            endpoint: String::new(),
            path_style: false,
            require_checksums: false,
            kms_key: String::new(),
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
    /// `embedded:` is a database file in the data directory; `dynamodb://region/prefix` uses tables whose
    /// names start with the prefix.
    pub url: String,
    /// `dynamodb:` only. Another address than the region's own; empty = AWS.
    pub endpoint: String,
    /// `dynamodb:` only. Into how many parts the event log is split; fixed for the life of the tables.
    pub event_shards: u16,
}

impl Default for Stores {
    fn default() -> Self {
        Self { url: "embedded:".into(), endpoint: String::new(), event_shards: 4 }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Encoder {
    /// `ffmpeg:` runs the ffmpeg command on this machine; `mediaconvert://region?role=…&queue=…` has AWS encode
    /// what was approved.
    pub url: String,
    /// Of MediaConvert; empty = the region's own.
    pub endpoint: String,
    /// The program that decodes and encodes here: a name in the search path, or an absolute path. Empty = the newer
    /// one that set-up installs (ADR 0020) or, where that is missing, `ffmpeg` of the search path.
    pub ffmpeg: String,
    /// Media jobs at once; 0 = half the cores, at least one.
    pub concurrency: usize,
    /// `mediaconvert:` only. Videos of one worker that wait for the service at once, beside what is decoded here.
    pub service_jobs: usize,
    /// `ffmpeg:` only. Rungs up to this short side are published first; 0 = all at once.
    pub first_wave_max: u16,
    /// `ffmpeg:` only. Views after which 720p is encoded; 0 = with the other rungs.
    pub lazy_top_after_views: u64,
    /// Whether probes choose the quality of a video.
    pub per_title: bool,
    /// `tuned`, or `economy`: a tenth more bits for four fifths of the CPU.
    pub profile: transcode::EncoderProfile,
    /// Views after which a video is encoded in AV1 too; 0 = never.
    pub av1_after_views: u64,
    /// `required`: nothing is decoded where the kernel has no Landlock or no seccomp; `best-effort`: what the
    /// kernel has is used.
    pub jail: JailMode,
}

impl Default for Encoder {
    fn default() -> Self {
        Self {
            url: "ffmpeg:".into(),
            endpoint: String::new(),
            ffmpeg: String::new(),
            concurrency: 0,
            service_jobs: 20,
            first_wave_max: vocab::ladder::START_RUNG.0,
            lazy_top_after_views: 0,
            per_title: true,
            profile: transcode::EncoderProfile::Tuned,
            av1_after_views: 0,
            jail: JailMode::Required,
        }
    }
}

/// How renditions are laid out (ADR 0014). A video keeps what it was published with.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Packaging {
    /// `muxed`: in every rung's segments; `own`: a rendition that all rungs share.
    pub sound: packager::Sound,
    /// `segments`: one object a segment; `single`: one a rendition, fetched by ranges.
    pub files: packager::Files,
    /// Segments of 2, 2, 2, 2, 4, then 6 s instead of 2 s each.
    pub ramp: bool,
    /// Whether every rung has an I-frame playlist.
    pub i_frames: bool,
}

impl Default for Packaging {
    fn default() -> Self {
        let packager::Packaging { sound, files, ramp_ms, i_frames } = packager::Packaging::default();
        Self { sound, files, ramp: !ramp_ms.is_empty(), i_frames }
    }
}

impl Packaging {
    /// As the ladder profile has it.
    pub fn of_profile(&self) -> packager::Packaging {
        let ramp_ms = if self.ramp { packager::Packaging::ramp() } else { Vec::new() };
        packager::Packaging { sound: self.sound, files: self.files, ramp_ms, i_frames: self.i_frames }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Moderation {
    /// `nsfwjs:` judges with the model that `make up` installs, and is `none:` where that is missing;
    /// `none:` sends every video to a person; `onnx:/path/model.onnx` judges with your model and the label
    /// map beside it (`model.labels.toml`); `rekognition://region` has AWS look at the frames.
    pub classifier: String,
    /// What computes a model on this machine. Empty = ONNX Runtime where set-up installed it, else `rten`, which is part
    /// of this program and takes three times the CPU; `rten` = that one; `/path/libonnxruntime.so` = another ONNX Runtime.
    pub onnx_runtime: String,
    /// Who looks closer near a threshold: `frames:` takes more frames for the classifier;
    /// `rekognition://region?topic=arn&role=arn` has AWS look at the whole stored video. Without topic and
    /// role it is asked now and then whether it has ended.
    pub second_look: String,
    /// Of Rekognition; empty = the region's own.
    pub endpoint: String,
    /// What happens to a video that looks like a rejected one: `review`, `reject` or `off`.
    pub lookalikes: String,
    /// What happens to labels no classifier judges: `allow` or `review`.
    pub unjudged: String,
    /// Words and phrases that owners may not write in titles, captions, hashtags and captions files; nothing else
    /// is looked for in texts.
    pub blocked_words: Vec<String>,
    /// Whether your own model (`onnx:`) or Rekognition rejects what is over the limit; else a person decides.
    /// Never with the model that `make up` installs: it is too weak.
    pub machine_may_reject: bool,
    /// The limit: a frame counts with this confidence (1–100) or more, …
    pub reject_at: u8,
    /// … and so many count, or all of a shorter video, …
    pub reject_frames_min: u32,
    /// … which are at least this share of all, in percent.
    pub reject_share_percent: u8,
}

impl Default for Moderation {
    fn default() -> Self {
        Self {
            classifier: "nsfwjs:".into(),
            onnx_runtime: String::new(),
            second_look: "frames:".into(),
            endpoint: String::new(),
            lookalikes: "review".into(),
            unjudged: "allow".into(),
            blocked_words: Vec::new(),
            machine_may_reject: false,
            reject_at: 98,
            reject_frames_min: 3,
            reject_share_percent: 30,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Identity {
    /// `embedded:` issues tokens itself.
    pub url: String,
    pub audience: String,
    /// The claim of an outside issuer's tokens that lists groups; those named `moderator` and `operator` give
    /// the roles. Empty: an operator gives them here.
    pub groups_claim: String,
}

impl Default for Identity {
    fn default() -> Self {
        Self { url: "embedded:".into(), audience: "signal-api".into(), groups_claim: String::new() }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Work {
    /// `embedded:` finds due jobs by asking the store; `sqs://region/prefix` is told of them by queues whose
    /// names start with the prefix.
    pub queue_url: String,
    /// `sqs:` only. Another address than the region's own; empty = AWS.
    pub endpoint: String,
    /// Seconds after which a step without a live job is driven again.
    pub sweep_after_s: i64,
    pub poll_ms: i64,
}

impl Default for Work {
    fn default() -> Self {
        Self { queue_url: "embedded:".into(), endpoint: String::new(), sweep_after_s: 30, poll_ms: 500 }
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
    /// What clients reach stored objects by.
    pub fn objects_url(&self) -> anyhow::Result<String> {
        let o = &self.objects;
        let StoredBytes::S3 { bucket } = self.bytes()? else {
            return Ok(address(&o.public_url, &self.server.host, o.port));
        };
        let given = if o.public_url.is_empty() { &o.endpoint } else { &o.public_url };
        let store = match given.trim_end_matches('/') {
            "" => format!("https://s3.{}.amazonaws.com", o.region),
            given => given.to_owned(),
        };
        Ok(match store.split_once("://") {
            Some((scheme, host)) if !o.path_style => format!("{scheme}://{bucket}.{host}"),
            _ => store,
        })
    }
    pub fn records(&self) -> anyhow::Result<Records> {
        Records::of(&self.stores.url)
    }
    pub fn bytes(&self) -> anyhow::Result<StoredBytes> {
        StoredBytes::of(&self.objects.url)
    }
    pub fn delivery_of_jobs(&self) -> anyhow::Result<JobDelivery> {
        JobDelivery::of(&self.work.queue_url)
    }
    pub fn frame_judge(&self) -> anyhow::Result<FrameJudge> {
        FrameJudge::of(&self.moderation.classifier)
    }
    pub fn second_looker(&self) -> anyhow::Result<SecondLooker> {
        SecondLooker::of(&self.moderation.second_look)
    }
    pub fn encoding(&self) -> anyhow::Result<Encoding> {
        Encoding::of(&self.encoder.url)
    }
    pub fn entrance(&self) -> anyhow::Result<Entrance> {
        Entrance::of(&self.identity.url)
    }
    /// Whether a process of these settings keeps something of its own in the data directory, which no
    /// other process may use then.
    pub fn is_at_home(&self) -> anyhow::Result<bool> {
        Ok(self.records()? == Records::Embedded || self.bytes()? == StoredBytes::Embedded)
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
