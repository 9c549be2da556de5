//! A transcoder on memory, with engines that can fail.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

pub use async_trait::async_trait;
pub use catalog::jobs::Eraser;
pub use catalog::{
    Advance, Edit, Facts, MemoryVideoStore, Metadata, SourceFacts, SpriteFacts, StatusListener, Transform,
    VerdictFacts, Video, VideoPage, VideoStore, VideoStoreError,
};
pub use moderation::port::{Content, FileError, LocalFile, MediaError, SourceFiles};
pub use moderation::{Draft, record::digest_of};
pub use sha2::{Digest, Sha256};
pub use std::sync::Arc;
pub use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
pub use stdx::{Fault, ManualClock, SeededEntropy};
pub use transcode::{
    EncodeJob, Encoded, Encoder, Grown, LadderProfile, MediaStore, MediaStoreError, MemoryEncoder,
    MemoryMediaStore, ProbeJob, Probed, Run, TranscodeError, Transcoder, TranscoderDeps, VerifyJob, Wave,
};
pub use vocab::{Bytes, FailureReason, JobId, MediaKey, Millis, Status, UploadId, UserId, Verdict, VideoId};
pub use work::{JobFilter, Jobs, MemoryJobStore};

pub const RAW: &[u8] = b"the file as it was sent";
pub const UPLOAD: UploadId = UploadId(5);

#[derive(Default)]
pub struct Listener {
    pub told: AtomicU32,
}

#[async_trait]
impl StatusListener for Listener {
    async fn changed(&self, _: &Video) {}
    async fn progressed(&self, _: VideoId, _: UserId, _: Status, _: u8) {
        self.told.fetch_add(1, Ordering::SeqCst);
    }
}

/// A memory store that can lose a bit or fail.
pub struct Media {
    pub inner: MemoryMediaStore,
    pub rots: AtomicBool,
    pub fails_after: AtomicU32,
    /// Happens once, right after the next draft of captions was stored.
    pub after_draft: std::sync::Mutex<Option<Happening>>,
}

pub type Happening = Box<dyn FnOnce() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send>;

impl Media {
    pub fn on_draft(
        &self,
        what: impl FnOnce() -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> + Send + 'static,
    ) {
        *self.after_draft.lock().expect("no panic") = Some(Box::new(what));
    }
}

#[async_trait]
impl MediaStore for Media {
    async fn put(&self, key: MediaKey, content: Content) -> Result<(), MediaStoreError> {
        if self.fails_after.load(Ordering::SeqCst) == 0 {
            return Err(Fault::unavailable("the disk is away").into());
        }
        self.fails_after.fetch_sub(1, Ordering::SeqCst);
        let is_draft = matches!(key, MediaKey::DraftCaptions { .. });
        self.inner.put(key, content).await?;
        let what = self.after_draft.lock().expect("no panic").take_if(|_| is_draft);
        if let Some(what) = what {
            what().await;
        }
        Ok(())
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

/// The same store as moderation sees it.
pub struct Files(pub Arc<Media>);

#[async_trait]
impl SourceFiles for Files {
    async fn local_raw(&self, video: VideoId, upload: UploadId) -> Result<LocalFile, FileError> {
        self.0.local_raw(video, upload).await.map_err(|_| FileError::NotFound)
    }
    async fn put_private(&self, key: MediaKey, content: Content) -> Result<(), FileError> {
        assert!(key.public_path().is_none());
        self.0.put(key, content).await.map_err(|e| FileError::Fault(Fault::internal(e)))
    }
    async fn get_private(&self, key: MediaKey) -> Result<bytes::Bytes, FileError> {
        self.0.get(key).await.map_err(|_| FileError::NotFound)
    }
}

/// What may happen to a published video while it grows.
#[derive(Debug, Clone, Copy)]
pub enum Meanwhile {
    Moves(Status),
    IsRenamed,
}

impl Meanwhile {
    async fn happen(self, videos: &Videos, id: VideoId) {
        let video = videos.inner.get(id).await.expect("is there");
        match self {
            Self::Moves(to) => {
                let step = Advance::new(id, video.status, to, Millis(9));
                videos.inner.advance(step).await.expect("is moved");
            }
            Self::IsRenamed => {
                let meta = Metadata { title: "another".into(), ..video.meta };
                let edit = Edit { meta: Some(meta), ..Edit::default() };
                videos.inner.edit(id, video.revision, edit).await.expect("is renamed");
            }
        }
    }
}

/// A memory encoder that can refuse.
#[derive(Default)]
pub struct Enc {
    pub inner: MemoryEncoder,
    pub refuses: AtomicBool,
    /// What a probe says.
    pub probed: std::sync::Mutex<Option<Probed>>,
    /// Happens during the next encode.
    pub meanwhile: std::sync::Mutex<Option<(Arc<Videos>, Meanwhile)>>,
    pub fails_verify: AtomicBool,
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
        let meanwhile = self.meanwhile.lock().expect("no panic").take();
        if let Some((videos, what)) = meanwhile {
            what.happen(&videos, job.video).await;
        }
        self.inner.encode(job).await
    }
    async fn probe(&self, _: ProbeJob) -> Result<Option<Probed>, MediaError> {
        Ok(*self.probed.lock().expect("no panic"))
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
pub struct Videos {
    pub inner: MemoryVideoStore,
    pub reads: AtomicU32,
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

pub struct World {
    pub videos: Arc<Videos>,
    pub media: Arc<Media>,
    pub encoder: Arc<Enc>,
    pub listener: Arc<Listener>,
    pub jobs: Jobs,
    pub transcoder: Transcoder,
    /// The fence of the next run.
    pub claims: AtomicU64,
    pub dir: tempfile::TempDir,
}

pub fn sha(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

pub fn source() -> SourceFacts {
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

pub fn video(id: u64) -> Video {
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
        captions: vec![],
        cover: catalog::Cover::default(),
        captions_changes: None,
        cover_changes: None,
    }
}

/// The profile's quality for every video: made-up pictures have no bits to speak of.
pub fn fixed() -> LadderProfile {
    let mut profile = LadderProfile::default();
    profile.per_title.enabled = false;
    profile
}

/// Everything in one wave.
pub fn at_once() -> LadderProfile {
    let mut profile = fixed();
    profile.waves.first_wave_max = None;
    profile
}

impl World {
    pub async fn new() -> Self {
        Self::with_profile(at_once()).await
    }

    pub async fn with_profile(profile: LadderProfile) -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let raw = dir.path().join("raw");
        std::fs::create_dir(&raw).expect("a directory");
        let videos = Arc::new(Videos::default());
        let inner = MemoryMediaStore::new(raw);
        let media = Arc::new(Media {
            inner,
            rots: AtomicBool::new(false),
            fails_after: AtomicU32::new(u32::MAX),
            after_draft: Default::default(),
        });
        let (encoder, listener) = (Arc::new(Enc::default()), Arc::new(Listener::default()));
        let clock = Arc::new(ManualClock::default());
        let queue = Arc::new(MemoryJobStore::default());
        let jobs = Jobs::new(queue, clock.clone(), Arc::new(SeededEntropy::new(3)));
        let transcoder = Transcoder::new(TranscoderDeps {
            videos: videos.clone(),
            listener: listener.clone(),
            media: media.clone(),
            eraser: media.clone(),
            encoder: encoder.clone(),
            jobs: jobs.clone(),
            clock,
            entropy: Arc::new(SeededEntropy::new(1)),
            profile,
            work_root: dir.path().join("work"),
        });
        Self { videos, media, encoder, listener, jobs, transcoder, claims: AtomicU64::new(1), dir }
    }

    pub async fn with(self, video: Video) -> Self {
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
            likeness: moderation::Likeness::default(),
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

    pub async fn run(&self, id: u64) -> Result<Status, TranscodeError> {
        let fence = self.claims.fetch_add(1, Ordering::SeqCst);
        self.transcoder.transcode(VideoId(id), Run { job: JobId(id), fence }, Arc::new(|_| {})).await
    }

    pub async fn grow(&self, id: u64, wave: Wave) -> Result<Grown, TranscodeError> {
        let fence = self.claims.fetch_add(1, Ordering::SeqCst);
        let run = Run { job: JobId(1_000 + id), fence };
        self.transcoder.grow(VideoId(id), wave, run, Arc::new(|_| {})).await
    }

    /// The live jobs of a kind.
    pub async fn ordered(&self, kind: &str) -> usize {
        let filter = JobFilter { kind: Some(kind.into()), limit: 99, ..JobFilter::default() };
        self.jobs.store().list(filter).await.expect("a list").iter().filter(|j| j.state.is_live()).count()
    }

    pub fn meanwhile(&self, what: Meanwhile) {
        *self.encoder.meanwhile.lock().expect("no panic") = Some((self.videos.clone(), what));
    }

    pub async fn get(&self, id: u64) -> Video {
        self.videos.get(VideoId(id)).await.expect("is there")
    }

    pub fn public_keys(&self) -> Vec<String> {
        let mut keys: Vec<String> =
            self.media.inner.keys().iter().filter_map(MediaKey::public_path).collect();
        keys.sort();
        keys
    }

    pub fn leftovers(&self) -> usize {
        std::fs::read_dir(self.dir.path().join("work")).map_or(0, Iterator::count)
    }
}
