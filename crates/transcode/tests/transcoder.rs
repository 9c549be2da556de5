//! The agent on memory: what it writes, when it refuses, and that twice is once.

use async_trait::async_trait;
use catalog::jobs::Eraser;
use catalog::{
    Advance, Edit, Facts, MemoryVideoStore, Metadata, SourceFacts, SpriteFacts, StatusListener, Transform,
    VerdictFacts, Video, VideoPage, VideoStore, VideoStoreError,
};
use moderation::port::{Content, LocalFile, MediaError};
use moderation::{Draft, record::digest_of};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use stdx::{Fault, ManualClock, SeededEntropy};
use transcode::{
    EncodeJob, Encoded, Encoder, LadderProfile, MediaStore, MediaStoreError, MemoryEncoder, MemoryMediaStore,
    Run, TranscodeError, Transcoder, TranscoderDeps, VerifyJob,
};
use vocab::{Bytes, FailureReason, JobId, MediaKey, Millis, Status, UploadId, UserId, Verdict, VideoId};

const RAW: &[u8] = b"the file as it was sent";
const UPLOAD: UploadId = UploadId(5);

#[derive(Default)]
struct Listener {
    told: AtomicU32,
}

#[async_trait]
impl StatusListener for Listener {
    async fn changed(&self, _: &Video) {}
    async fn progressed(&self, _: VideoId, _: UserId, _: Status, _: u8) {
        self.told.fetch_add(1, Ordering::SeqCst);
    }
}

/// A memory store that can lose a bit or fail.
struct Media {
    inner: MemoryMediaStore,
    rots: AtomicBool,
    fails_after: AtomicU32,
}

#[async_trait]
impl MediaStore for Media {
    async fn put(&self, key: MediaKey, content: Content) -> Result<(), MediaStoreError> {
        if self.fails_after.load(Ordering::SeqCst) == 0 {
            return Err(Fault::unavailable("the disk is away").into());
        }
        self.fails_after.fetch_sub(1, Ordering::SeqCst);
        self.inner.put(key, content).await
    }
    async fn get(&self, key: MediaKey) -> Result<bytes::Bytes, MediaStoreError> {
        let bytes = self.inner.get(key.clone()).await?;
        if self.rots.load(Ordering::SeqCst) && matches!(key, MediaKey::Segment { n: 1, .. }) {
            let mut rotten = bytes.to_vec();
            rotten[100] ^= 1;
            return Ok(rotten.into());
        }
        Ok(bytes)
    }
    async fn local_raw(&self, video: VideoId, upload: UploadId) -> Result<LocalFile, MediaStoreError> {
        self.inner.local_raw(video, upload).await
    }
}

#[async_trait]
impl Eraser for Media {
    async fn delete_prefix(&self, prefix: &str) -> Result<(), Fault> {
        self.inner.delete_prefix(prefix).await
    }
}

/// A memory encoder that can refuse.
#[derive(Default)]
struct Enc {
    inner: MemoryEncoder,
    refuses: AtomicBool,
    fails_verify: AtomicBool,
}

#[async_trait]
impl Encoder for Enc {
    fn fingerprint(&self) -> String {
        self.inner.fingerprint()
    }
    async fn encode(&self, job: EncodeJob) -> Result<Encoded, MediaError> {
        if self.refuses.load(Ordering::SeqCst) {
            return Err(MediaError::Refused(FailureReason::new("media.unreadable", "Broken.", false)));
        }
        self.inner.encode(job).await
    }
    async fn verify(&self, job: VerifyJob) -> Result<(), MediaError> {
        if self.fails_verify.load(Ordering::SeqCst) {
            return Err(MediaError::Failed("two pictures are missing".into()));
        }
        self.inner.verify(job).await
    }
}

/// A memory catalog that counts what it is asked.
#[derive(Default)]
struct Videos {
    inner: MemoryVideoStore,
    reads: AtomicU32,
}

#[async_trait]
impl VideoStore for Videos {
    async fn insert(&self, video: Video) -> Result<(), VideoStoreError> {
        self.inner.insert(video).await
    }
    async fn get(&self, id: VideoId) -> Result<Video, VideoStoreError> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.inner.get(id).await
    }
    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>, VideoStoreError> {
        self.inner.get_many(ids).await
    }
    async fn advance(&self, step: Advance) -> Result<Video, VideoStoreError> {
        self.inner.advance(step).await
    }
    async fn edit(&self, id: VideoId, revision: u64, edit: Edit) -> Result<Video, VideoStoreError> {
        self.inner.edit(id, revision, edit).await
    }
    async fn give(&self, id: VideoId, from: UserId, to: UserId) -> Result<Video, VideoStoreError> {
        self.inner.give(id, from, to).await
    }
    async fn list_by_owner(
        &self,
        owner: UserId,
        before: Option<VideoId>,
        limit: usize,
    ) -> Result<VideoPage, VideoStoreError> {
        self.inner.list_by_owner(owner, before, limit).await
    }
    async fn list_public(
        &self,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        self.inner.list_public(before, limit).await
    }
    async fn list_by_status(
        &self,
        status: Status,
        changed_before: Millis,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        self.inner.list_by_status(status, changed_before, limit).await
    }
}

struct World {
    videos: Arc<Videos>,
    media: Arc<Media>,
    encoder: Arc<Enc>,
    listener: Arc<Listener>,
    transcoder: Transcoder,
    /// The fence of the next run.
    claims: AtomicU64,
    dir: tempfile::TempDir,
}

fn sha(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

fn source() -> SourceFacts {
    SourceFacts {
        duration_ms: Millis(7_000),
        width: 1080,
        height: 1920,
        fps_milli: 30_000,
        has_audio: true,
        video_codec: "h264".into(),
        audio_codec: Some("aac".into()),
        size_bytes: Bytes(3_500_000),
    }
}

fn video(id: u64) -> Video {
    Video {
        id: VideoId(id),
        owner: UserId(1),
        status: Status::Approved,
        revision: 1,
        meta: Metadata::default(),
        transform: Transform::default(),
        upload: Some(UPLOAD),
        raw_bytes: Bytes(RAW.len() as u64),
        content_sha256: Some(sha(RAW)),
        source: Some(source()),
        verdict: Some(VerdictFacts {
            verdict: Verdict::Approve,
            content_sha256: sha(RAW),
            decided_at: Millis(0),
            decided_by: "moderator".into(),
            reason_code: None,
            reason: None,
        }),
        failure: None,
        appeal: None,
        package: None,
        link_key: format!("{id:032x}"),
        created_at: Millis(0),
        status_changed_at: Millis(0),
        published_at: None,
        removed_from: None,
    }
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let raw = dir.path().join("raw");
        std::fs::create_dir(&raw).expect("a directory");
        let videos = Arc::new(Videos::default());
        let inner = MemoryMediaStore::new(raw);
        let media =
            Arc::new(Media { inner, rots: AtomicBool::new(false), fails_after: AtomicU32::new(u32::MAX) });
        let (encoder, listener) = (Arc::new(Enc::default()), Arc::new(Listener::default()));
        let transcoder = Transcoder::new(TranscoderDeps {
            videos: videos.clone(),
            listener: listener.clone(),
            media: media.clone(),
            eraser: media.clone(),
            encoder: encoder.clone(),
            clock: Arc::new(ManualClock::default()),
            entropy: Arc::new(SeededEntropy::new(1)),
            profile: LadderProfile::default(),
            work_root: dir.path().join("work"),
        });
        Self { videos, media, encoder, listener, transcoder, claims: AtomicU64::new(1), dir }
    }

    async fn with(self, video: Video) -> Self {
        let id = video.id;
        self.videos.insert(video).await.expect("is new");
        let digest = digest_of(&sha(RAW)).expect("a digest");
        let draft = Draft {
            content_sha256: sha(RAW),
            source: source(),
            sprite: Some(SpriteFacts {
                tile_width: 90,
                tile_height: 160,
                columns: 7,
                rows: 1,
                tiles: 7,
                cadence_ms: 1000,
            }),
            blurhash: Some("LEHV6nWB2yk8pyo0adR*.7kCMdnj".into()),
            loudness: None,
            frame_times_ms: vec![Millis(0)],
        };
        for (key, bytes) in [
            (MediaKey::Raw { video: id, upload: UPLOAD }, RAW.to_vec()),
            (MediaKey::DraftPoster { video: id, digest }, b"poster".to_vec()),
            (MediaKey::DraftSprite { video: id, digest }, b"sprite".to_vec()),
            (MediaKey::DraftFacts { video: id, digest }, serde_json::to_vec(&draft).expect("json")),
        ] {
            self.media.inner.put(key, Content::Bytes(bytes.into())).await.expect("is stored");
        }
        self
    }

    async fn run(&self, id: u64) -> Result<Status, TranscodeError> {
        let fence = self.claims.fetch_add(1, Ordering::SeqCst);
        self.transcoder.transcode(VideoId(id), Run { job: JobId(id), fence }, Arc::new(|_| {})).await
    }

    async fn get(&self, id: u64) -> Video {
        self.videos.get(VideoId(id)).await.expect("is there")
    }

    fn public_keys(&self) -> Vec<String> {
        let mut keys: Vec<String> =
            self.media.inner.keys().iter().filter_map(MediaKey::public_path).collect();
        keys.sort();
        keys
    }

    fn leftovers(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("work")).map_or(0, Iterator::count)
    }
}

#[tokio::test]
async fn an_approved_video_is_published_with_all_its_objects() {
    let w = World::new().await.with(video(7)).await;
    assert_eq!(w.run(7).await.expect("publishes"), Status::Published);
    let v = w.get(7).await;
    let p = v.package.expect("a package");
    assert!(v.published_at.is_some() && v.failure.is_none());
    assert_eq!((p.duration_ms, p.width, p.height, p.fps_milli), (Millis(7_000), 720, 1280, 30_000));
    assert_eq!(p.segment_ms, [2000, 2000, 2000, 1000]);
    assert_eq!(p.renditions.iter().map(|r| r.rung.0).collect::<Vec<_>>(), [360, 240, 540, 720]);
    assert!(p.has_audio && p.sprite.is_some() && p.blurhash.is_some());
    for r in &p.renditions {
        let init = w.media.inner.get(MediaKey::Init { video: v.id, rendition: r.id }).await.expect("init");
        assert_eq!(init.len() as u32, r.init_bytes);
        for (n, bytes) in r.segment_bytes.iter().enumerate() {
            let key = MediaKey::Segment { video: v.id, rendition: r.id, n: n as u32 };
            assert_eq!(w.media.inner.get(key).await.expect("segment").len() as u32, *bytes);
        }
        assert!(r.first_frame_bytes < r.segment_bytes[0]);
    }
    let text =
        w.media.inner.get(MediaKey::Multivariant { video: v.id, package: p.id }).await.expect("playlist");
    let (_, list) = m3u8_rs::parse_master_playlist(&text).expect("parses");
    assert_eq!(list.variants.len(), 4);
    // From /v/{video}/{package}/main.m3u8 to /v/{video}/{rendition}/media.m3u8.
    assert_eq!(list.variants[0].uri, format!("../{}/media.m3u8", p.renditions[0].id));
    assert!(w.listener.told.load(Ordering::SeqCst) > 0);
    assert_eq!(w.leftovers(), 0);
}

#[tokio::test]
async fn a_second_run_does_nothing_and_a_resumed_one_leaves_one_package() {
    let w = World::new().await.with(video(7)).await;
    w.run(7).await.expect("publishes");
    let keys = w.public_keys();
    assert_eq!(w.run(7).await.expect("is published"), Status::Published);
    assert_eq!(w.encoder.inner.encodes.load(Ordering::SeqCst), 1);
    assert_eq!(w.public_keys(), keys, "and takes nothing of the first away");

    // Cut short after everything was stored: what that run wrote goes when another one has published.
    let w2 = World::new().await.with(video(7)).await;
    w2.encoder.fails_verify.store(true, Ordering::SeqCst);
    w2.run(7).await.expect_err("cut short");
    let first = w2.public_keys();
    w2.encoder.fails_verify.store(false, Ordering::SeqCst);
    w2.run(7).await.expect("publishes");
    assert_eq!(w2.public_keys().len(), keys.len());
    assert!(w2.public_keys().iter().all(|k| !first.contains(k)), "no name is written twice");
}

#[tokio::test]
async fn storing_an_object_asks_the_catalog_nothing() {
    let w = World::new().await.with(video(7)).await;
    w.run(7).await.expect("publishes");
    let (asked, stored) = (w.videos.reads.load(Ordering::SeqCst), w.public_keys().len() as u32);
    assert!(asked <= 3 && stored > 20, "{asked} reads for {stored} objects");
}

#[tokio::test]
async fn two_runs_at_once_publish_one_package() {
    let w = World::new().await.with(video(7)).await;
    let (a, b) = tokio::join!(w.run(7), w.run(7));
    let ended = [a, b].map(|r| r.expect("no error"));
    assert!(ended.contains(&Status::Published), "{ended:?}");
    let v = w.get(7).await;
    assert_eq!(v.status, Status::Published);
    let renditions = v.package.expect("a package").renditions.len();
    let inits = w.public_keys().iter().filter(|k| k.ends_with("init.mp4")).count();
    assert_eq!(inits, renditions, "the loser took its own away");
}

#[tokio::test]
async fn names_depend_on_the_secret_of_the_video() {
    let w = World::new().await.with(video(7)).await;
    w.run(7).await.expect("publishes");
    let mut other = video(7);
    other.link_key = "ff".repeat(16);
    let w2 = World::new().await.with(other).await;
    w2.run(7).await.expect("publishes");
    let ids = |v: Video| {
        let p = v.package.expect("a package");
        (p.id, p.renditions.iter().map(|r| r.id).collect::<Vec<_>>())
    };
    let (a, b) = (ids(w.get(7).await), ids(w2.get(7).await));
    assert!(a.0 != b.0 && a.1.iter().all(|id| !b.1.contains(id)));
}

#[tokio::test]
async fn other_bytes_than_those_that_were_judged_are_not_encoded() {
    let w = World::new().await.with(video(7)).await;
    let key = MediaKey::Raw { video: VideoId(7), upload: UPLOAD };
    w.media.inner.put(key, Content::Bytes(b"another film".to_vec().into())).await.expect("is stored");
    assert_eq!(w.run(7).await.expect("fails properly"), Status::Failed);
    let failure = w.get(7).await.failure.expect("a reason");
    assert_eq!((failure.code.as_str(), failure.retryable), ("media.changed", true));
    assert!(w.public_keys().is_empty());
}

#[tokio::test]
async fn nothing_unjudged_or_rejected_is_encoded() {
    for verdict in [None, Some(Verdict::Reject), Some(Verdict::Escalate)] {
        let mut v = video(7);
        v.verdict = verdict.map(|verdict| VerdictFacts { verdict, ..v.verdict.clone().expect("a verdict") });
        let w = World::new().await.with(v).await;
        assert!(w.run(7).await.expect_err("refuses").is_final());
        assert_eq!(w.encoder.inner.encodes.load(Ordering::SeqCst), 0);
        assert!(w.public_keys().is_empty());
    }
    for status in [Status::Uploaded, Status::Judging, Status::InReview, Status::Rejected, Status::Removed] {
        let mut v = video(7);
        v.status = status;
        let w = World::new().await.with(v).await;
        assert_eq!(w.run(7).await.expect("nothing to do"), status);
        assert!(w.public_keys().is_empty());
    }
}

#[tokio::test]
async fn a_refused_file_fails_with_the_reason() {
    let w = World::new().await.with(video(7)).await;
    w.encoder.refuses.store(true, Ordering::SeqCst);
    assert_eq!(w.run(7).await.expect("fails properly"), Status::Failed);
    assert_eq!(w.get(7).await.failure.expect("a reason").code, "media.unreadable");
}

#[tokio::test]
async fn a_failed_verification_publishes_nothing_and_may_be_tried_again() {
    let w = World::new().await.with(video(7)).await;
    w.encoder.fails_verify.store(true, Ordering::SeqCst);
    assert!(!w.run(7).await.expect_err("fails").is_final());
    assert_eq!(w.get(7).await.status, Status::Verifying);
    w.encoder.fails_verify.store(false, Ordering::SeqCst);
    assert_eq!(w.run(7).await.expect("publishes"), Status::Published);
}

#[tokio::test]
async fn bytes_that_come_back_changed_are_not_published() {
    let w = World::new().await.with(video(7)).await;
    w.media.rots.store(true, Ordering::SeqCst);
    assert!(w.run(7).await.is_err());
    assert_eq!(w.get(7).await.status, Status::Verifying);
    w.media.rots.store(false, Ordering::SeqCst);
    assert_eq!(w.run(7).await.expect("publishes"), Status::Published);
}

#[tokio::test]
async fn a_store_that_fails_anywhere_is_resumed() {
    for n in 0..30 {
        let w = World::new().await.with(video(7)).await;
        w.media.fails_after.store(n, Ordering::SeqCst);
        let first = w.run(7).await;
        if first.is_ok() {
            break;
        }
        assert_ne!(w.get(7).await.status, Status::Published);
        w.media.fails_after.store(u32::MAX, Ordering::SeqCst);
        assert_eq!(w.run(7).await.expect("publishes"), Status::Published, "after {n}");
        assert_eq!(w.leftovers(), 0);
    }
}

#[tokio::test]
async fn a_takedown_during_the_encode_wins() {
    let w = World::new().await.with(video(7)).await;
    w.encoder.fails_verify.store(true, Ordering::SeqCst);
    assert!(w.run(7).await.is_err());
    let take_down = Advance::from_any(VideoId(7), &[Status::Verifying], Status::Removed, Millis(1))
        .with(Facts::default());
    w.videos.advance(take_down).await.expect("is removed");
    w.encoder.fails_verify.store(false, Ordering::SeqCst);
    assert_eq!(w.run(7).await.expect("nothing to do"), Status::Removed);
}

/// An encoder during whose work somebody else publishes the video.
struct Slow {
    videos: Arc<Videos>,
    inner: MemoryEncoder,
}

#[async_trait]
impl Encoder for Slow {
    fn fingerprint(&self) -> String {
        self.inner.fingerprint()
    }
    async fn encode(&self, job: EncodeJob) -> Result<Encoded, MediaError> {
        for (from, to) in [(Status::Encoding, Status::Verifying), (Status::Verifying, Status::Published)] {
            self.videos.advance(Advance::new(job.video, from, to, Millis(1))).await.expect("is moved");
        }
        self.inner.encode(job).await
    }
    async fn verify(&self, job: VerifyJob) -> Result<(), MediaError> {
        self.inner.verify(job).await
    }
}

#[tokio::test]
async fn a_run_that_was_overtaken_writes_nothing() {
    let w = World::new().await.with(video(7)).await;
    let transcoder = Transcoder::new(TranscoderDeps {
        videos: w.videos.clone(),
        listener: w.listener.clone(),
        media: w.media.clone(),
        eraser: w.media.clone(),
        encoder: Arc::new(Slow { videos: w.videos.clone(), inner: MemoryEncoder::default() }),
        clock: Arc::new(ManualClock::default()),
        entropy: Arc::new(SeededEntropy::new(2)),
        profile: LadderProfile::default(),
        work_root: w.dir.path().join("work"),
    });
    let run = Run { job: JobId(1), fence: 1 };
    let ended = transcoder.transcode(VideoId(7), run, Arc::new(|_| {})).await.expect("no error");
    assert_eq!(ended, Status::Published);
    assert!(w.public_keys().is_empty());
}

#[tokio::test]
async fn trim_and_mute_reach_the_package_and_giving_up_has_a_reason() {
    let mut v = video(7);
    v.transform = Transform {
        trim_start_ms: Some(Millis(1_000)),
        trim_end_ms: Some(Millis(4_000)),
        mute: true,
        cover_at_ms: None,
    };
    let w = World::new().await.with(v).await;
    w.run(7).await.expect("publishes");
    let p = w.get(7).await.package.expect("a package");
    assert_eq!((p.duration_ms, p.has_audio), (Millis(3_000), false));
    assert!(p.renditions.iter().all(|r| !r.codecs.contains("mp4a")));

    let w = World::new().await.with(video(8)).await;
    assert_eq!(
        w.transcoder.give_up(VideoId(8), Run { job: JobId(1), fence: 1 }).await.expect("fails"),
        Status::Failed
    );
    assert_eq!(w.get(8).await.failure.expect("a reason").code, "internal.gave_up");
}
