//! One deployment: tables, a bucket, the service, and how its events arrive.

use super::fake::{Fake, Knobs};
use super::render;
use super::s3::{Area, Weather, area_with};
use super::support::{self, Storm};
use ::moderation::port::{Content, Loudness, Progress};
use ::transcode::{EncodeJob, Encoder, LadderPlan, LadderProfile, MediaStore, MemoryEncoder, Origin};
use aws::Aws;
use aws::dynamo::Dynamo;
use aws::mediaconvert::{
    Effort, JobSettings, Ledger, MEDIA_JOBS, MediaConvertDeps, MediaConvertEncoder, MediaConvertPolicy,
    Service, TABLES, note,
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use catalog::{SourceFacts, Transform};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use stdx::{Backoff, Entropy, OsEntropy, SeededEntropy, SystemClock};
use tokio::sync::mpsc::UnboundedReceiver;
use vocab::{Bytes, MediaKey, Millis, UploadId, VideoId};

pub const ROLE: &str = "arn:aws:iam::111122223333:role/signal-mediaconvert";

/// How events arrive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hearing {
    Straight,
    /// Each five times, in any order, every third never.
    Storm,
    Deaf,
}

/// What is made before a runtime runs.
pub struct Ground {
    pub area: Area,
    pub dynamo: Dynamo,
}

impl Ground {
    pub fn new(storm: Storm) -> Self {
        let roomy = |settings: &mut aws::objects::S3Settings| {
            settings.policy.raw_max = Bytes(64 << 20);
            settings.policy.range = Bytes(1 << 20);
            settings.policy.multipart_above = Bytes(64 << 20);
        };
        Self { area: area_with(Weather::Calm, roomy), dynamo: support::dynamo(TABLES, storm) }
    }
}

/// The sample, made once: bytes and facts.
pub fn sample() -> &'static (Vec<u8>, SourceFacts) {
    static SAMPLE: LazyLock<(Vec<u8>, SourceFacts)> = LazyLock::new(|| {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("raw.mp4");
        render::source(&path, 4.0);
        let bytes = std::fs::read(&path).expect("made");
        let facts = SourceFacts {
            duration_ms: Millis(4_000),
            width: 360,
            height: 640,
            fps_milli: 25_000,
            has_audio: true,
            video_codec: "h264".into(),
            audio_codec: Some("aac".into()),
            size_bytes: Bytes(bytes.len() as u64),
        };
        (bytes, facts)
    });
    &SAMPLE
}

pub fn plan(transform: &Transform) -> LadderPlan {
    ::transcode::plan(&sample().1, transform, &LadderProfile::default()).expect("planned")
}

/// As a person speaks into a phone.
pub fn loudness() -> Loudness {
    Loudness {
        integrated_centi_lufs: -2_300,
        true_peak_centi_dbtp: -600,
        range_centi_lu: 500,
        threshold_centi_lufs: -3_300,
    }
}

pub fn settings() -> JobSettings {
    JobSettings { role: ROLE.into(), queue: "signal".into(), effort: Effort::Balanced, captures: None }
}

/// Hours as milliseconds.
pub fn policy() -> MediaConvertPolicy {
    MediaConvertPolicy {
        look_every: Millis(10),
        poll: Backoff { base: Millis(40), cap: Millis(150) },
        patience: Millis(20_000),
        cancel_grace: Millis(30),
        ..MediaConvertPolicy::default()
    }
}

pub struct Rig {
    pub ground: Ground,
    pub fake: Arc<Fake>,
    pub local: Arc<dyn Encoder>,
    pub policy: MediaConvertPolicy,
    /// All events that there were.
    pub events: Arc<Mutex<Vec<String>>>,
    dir: tempfile::TempDir,
}

impl Rig {
    pub async fn open(ground: Ground, knobs: Knobs, hearing: Hearing) -> Self {
        let (fake, told) = Fake::start(ground.area.client.clone(), knobs).await;
        let events = Arc::default();
        let ledger = Ledger::new(ground.dynamo.clone(), policy().remember);
        tokio::spawn(deliver(told, ledger, hearing, Arc::clone(&events)));
        Self {
            ground,
            fake: Arc::new(fake),
            local: Arc::new(MemoryEncoder::default()),
            policy: policy(),
            events,
            dir: tempfile::tempdir().expect("a directory"),
        }
    }

    pub async fn service(&self, http: SharedHttpClient) -> Service {
        let to = support::settings(&self.fake.endpoint);
        Service::new(Aws::with_http(to, http, Arc::new(OsEntropy)).await.mediaconvert())
    }

    /// A process: over a wire that may end. It waits no longer than a dead one would.
    pub async fn encoder_over(&self, http: SharedHttpClient) -> MediaConvertEncoder {
        let dynamo = support::through(&self.ground.dynamo, &MEDIA_JOBS, http.clone()).await;
        let policy = MediaConvertPolicy { patience: Millis(300), ..self.policy.clone() };
        self.encoder_with(self.service(http).await, dynamo, policy)
    }

    pub async fn encoder(&self) -> MediaConvertEncoder {
        self.encoder_by(self.policy.clone()).await
    }

    pub async fn encoder_by(&self, policy: MediaConvertPolicy) -> MediaConvertEncoder {
        let service = self.service(aws::sdk::http_client()).await;
        self.encoder_with(service, self.ground.dynamo.clone(), policy)
    }

    fn encoder_with(
        &self,
        service: Service,
        dynamo: Dynamo,
        policy: MediaConvertPolicy,
    ) -> MediaConvertEncoder {
        MediaConvertEncoder::new(MediaConvertDeps {
            service,
            ledger: Ledger::new(dynamo, self.policy.remember),
            objects: self.ground.area.calm.clone(),
            local: Arc::clone(&self.local),
            clock: Arc::new(SystemClock),
            entropy: Arc::new(OsEntropy),
            settings: settings(),
            policy,
        })
    }

    pub fn room(&self) -> PathBuf {
        let path = self.dir.path().join(format!("{:016x}", OsEntropy.u64()));
        std::fs::create_dir_all(&path).expect("a directory");
        path
    }

    /// The sample as the raw object of this video, and the job that wants it encoded.
    pub async fn job(&self, video: u64, transform: &Transform) -> (EncodeJob, Arc<AtomicU8>) {
        let (bytes, facts) = sample();
        let key = MediaKey::Raw { video: VideoId(video), upload: UploadId(u128::from(video)) };
        let content = Content::Bytes(bytes.clone().into());
        MediaStore::put(&self.ground.area.calm, key.clone(), content).await.expect("is stored");
        let shown = Arc::new(AtomicU8::new(0));
        let bar = Arc::clone(&shown);
        let progress: Progress = Arc::new(move |p| {
            let before = bar.swap(p, Ordering::SeqCst);
            assert!(before <= p, "the bar goes back from {before} to {p}");
        });
        let job = EncodeJob {
            video: VideoId(video),
            source: PathBuf::from("/nowhere"),
            origin: Some(Origin { key, facts: facts.clone() }),
            work_dir: self.room(),
            plan: plan(transform),
            loudness: Some(loudness()),
            progress,
        };
        (job, shown)
    }

    /// As the job's next run has it.
    pub fn again(&self, job: &EncodeJob) -> EncodeJob {
        EncodeJob { work_dir: self.room(), progress: Arc::new(|_| {}), ..job.clone() }
    }
}

/// Brings events to the claims as a queue would.
async fn deliver(
    mut told: UnboundedReceiver<String>,
    ledger: Ledger,
    hearing: Hearing,
    all: Arc<Mutex<Vec<String>>>,
) {
    let entropy = SeededEntropy::new(7);
    let mut under_way: Vec<String> = Vec::new();
    loop {
        let event = tokio::time::timeout(Duration::from_millis(15), told.recv()).await;
        if let Ok(got) = &event {
            let Some(event) = got else { return };
            all.lock().expect("not poisoned").push(event.clone());
        }
        match (hearing, event) {
            (Hearing::Straight, Ok(Some(event))) => note(&ledger, &event).await.expect("is noted"),
            (Hearing::Storm, Ok(Some(event))) if !entropy.u64().is_multiple_of(3) => {
                under_way.extend(std::iter::repeat_n(event, 5));
            }
            _ => {}
        }
        for _ in 0..under_way.len().div_ceil(2) {
            let n = (entropy.u64() % under_way.len().max(1) as u64) as usize;
            let event = under_way.swap_remove(n);
            note(&ledger, &event).await.expect("is noted");
        }
    }
}

/// Runs a test on a runtime of its own, with its ground.
pub fn trial<F, Fut>(name: &str, storm: Storm, test: F) -> testkit::Trial
where
    F: FnOnce(Ground) -> Fut + Send + 'static,
    Fut: Future<Output = ()>,
{
    testkit::Trial::test(name, move || {
        let ground = Ground::new(storm);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        runtime.block_on(test(ground));
        Ok(())
    })
}
