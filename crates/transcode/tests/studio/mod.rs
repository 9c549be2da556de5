//! A transcoder on memory with a moderator, for covers.
#![allow(dead_code, unused_imports, reason = "each test file uses its part")]

#[path = "../world/mod.rs"]
mod world;

pub use bytes::Bytes as Raw;
pub use catalog::jobs::{COVER, CoverJob};
pub use catalog::sweep::Erase;
pub use catalog::{CatalogPolicy, CoverState, Owners, OwnersDeps, Package};
pub use moderation::port::{CoverJob as Draw, DrawnCover, FrameClassifier};
pub use moderation::{
    Ask, CoverAsk, CoverLimits, Desk, Examination, ExamineJob, Examiner, Lookalikes, MemoryBlockList,
    MemoryFrameBlockList, MemoryModerationStore, ModerationPolicy, ModerationStore, Moderator, ModeratorDeps,
    Reviews, ReviewsDeps, SampledFrame, StillKind,
};
pub use std::cell::Cell;
pub use std::sync::Mutex;
pub use transcode::CoverHandler;
pub use transcode::cover::{self, CoverDeps, CoverDesk, CoverError, CoverKeeper};
pub use transcode::policy::CoverPolicy;
pub use vocab::Finding;
pub use work::{Claim, Ending, Job, JobContext, JobError, JobHandler, JobState, JobStore, Outcome};
pub use world::*;

pub const OWNER: UserId = UserId(1);
pub const MODERATOR: UserId = UserId(2);
pub const ID: VideoId = VideoId(1);

thread_local! {
    /// Where this test's process dies next.
    pub static DIES_AT: Cell<Option<&'static str>> = const { Cell::new(None) };
}

pub fn watch_crashes() {
    stdx::crash::install(|name| {
        if DIES_AT.get() == Some(name) {
            DIES_AT.set(None);
            panic!("killed at {name}");
        }
    });
}

/// A picture as far as its tables go; `n` makes it another one.
pub fn picture(n: u8) -> Raw {
    let mut file = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 4, 0, 3, 0, 1, 1, 0x11, 0];
    file.extend([n, 0xff, 0xd9]);
    file.into()
}

/// Draws what it was sent, behind a word.
pub struct Draws;

#[async_trait]
impl Examiner for Draws {
    async fn examine(&self, _: ExamineJob) -> Result<Examination, MediaError> {
        Err(MediaError::Failed("no video here".into()))
    }
    async fn draw_cover(&self, job: Draw) -> Result<DrawnCover, MediaError> {
        let sent = std::fs::read(&job.source).expect("is there");
        if sent[15] == 99 {
            return Err(MediaError::Refused(FailureReason::new("cover.unreadable", "Broken.", false)));
        }
        let jpeg = job.work_dir.join("cover.jpg");
        std::fs::write(&jpeg, [b"drawn ".as_slice(), &sent].concat()).expect("is written");
        Ok(DrawnCover { jpeg, blurhash: Some("LGF5]+Yk^6#M@-5c,1J5@[or[Q6.".into()) })
    }
}

/// Sees what it is told to; `None` = it is down.
pub struct Sees(pub Mutex<Option<f32>>);

#[async_trait]
impl FrameClassifier for Sees {
    fn name(&self) -> &str {
        "stub"
    }
    fn version(&self) -> String {
        "1".into()
    }
    fn judges(&self) -> &[String] {
        static JUDGES: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
        JUDGES.get_or_init(|| vec!["Explicit".into()])
    }
    async fn classify(&self, frames: &[SampledFrame]) -> Result<Vec<Vec<Finding>>, Fault> {
        let seen = *self.0.lock().expect("no panic");
        let confidence = seen.ok_or_else(|| Fault::unavailable("asleep"))?;
        let finding =
            Finding { name: "Explicit".into(), parent: String::new(), level: 1, confidence, at_ms: 0 };
        Ok(frames.iter().map(|_| vec![finding.clone()]).collect())
    }
}

/// A world with a moderator.
pub struct Studio {
    pub world: World,
    pub records: Arc<MemoryModerationStore>,
    pub blocks: Arc<MemoryBlockList>,
    pub sees: Arc<Sees>,
    pub clock: Arc<ManualClock>,
    pub policy: ModerationPolicy,
    pub watched: bool,
}

impl Studio {
    pub async fn new() -> Self {
        watch_crashes();
        Self {
            world: World::new().await.with(video(1)).await,
            records: Arc::default(),
            blocks: Arc::default(),
            sees: Arc::new(Sees(Mutex::new(Some(1.0)))),
            clock: Arc::default(),
            policy: ModerationPolicy::default(),
            watched: true,
        }
    }

    pub async fn published() -> Self {
        let studio = Self::new().await;
        assert_eq!(studio.world.run(1).await.expect("runs"), Status::Published);
        studio
    }

    pub fn videos(&self) -> Arc<dyn VideoStore> {
        self.world.videos.clone()
    }

    pub fn desk(&self) -> CoverDesk {
        let owners =
            OwnersDeps { videos: self.videos(), jobs: self.world.jobs.clone(), clock: self.clock.clone() };
        CoverDesk::new(CoverDeps {
            owners: Arc::new(Owners::new(owners, CatalogPolicy::default())),
            videos: self.videos(),
            media: self.world.media.clone(),
            jobs: self.world.jobs.clone(),
            clock: self.clock.clone(),
            limits: CoverLimits::default(),
            policy: CoverPolicy::default(),
        })
    }

    pub fn moderation_desk(&self) -> Desk {
        Desk {
            videos: self.videos(),
            listener: self.world.listener.clone(),
            jobs: self.world.jobs.clone(),
            store: self.records.clone(),
            clock: self.clock.clone(),
            policy: Arc::new(self.policy.clone()),
        }
    }

    pub fn handler(&self) -> CoverHandler {
        let moderator = Moderator::new(ModeratorDeps {
            desk: self.moderation_desk(),
            blocks: self.blocks.clone(),
            lookalikes: Lookalikes::new(Arc::new(MemoryFrameBlockList::default())),
            files: Arc::new(Files(self.world.media.clone())),
            examiner: Arc::new(Draws),
            classifier: self.watched.then(|| self.sees.clone() as Arc<dyn FrameClassifier>),
            second_look: None,
            entropy: Arc::new(SeededEntropy::new(self.world.claims.fetch_add(1, Ordering::SeqCst))),
            work_root: self.world.dir.path().join("judge"),
        });
        CoverHandler(CoverKeeper {
            moderator,
            videos: self.videos(),
            media: self.world.media.clone(),
            clock: self.clock.clone(),
            policy: CoverPolicy::default(),
        })
    }

    pub fn reviews(&self) -> Reviews {
        Reviews::new(ReviewsDeps {
            desk: self.moderation_desk(),
            blocks: self.blocks.clone(),
            frame_blocks: Arc::new(MemoryFrameBlockList::default()),
            files: Arc::new(Files(self.world.media.clone())),
            entropy: Arc::new(SeededEntropy::new(11)),
        })
    }

    pub async fn put(&self, n: u8) -> Result<Video, CoverError> {
        self.desk().put(OWNER, ID, StillKind::Jpeg, picture(n)).await
    }

    pub async fn decide(&self, verdict: Verdict, code: Option<&str>) {
        let n = self.cover().await.n;
        let ask =
            Ask { video: ID, by: MODERATOR, verdict, reason_code: code.map(str::to_owned), reason: None };
        self.reviews().decide_cover(CoverAsk { n, ask }).await.expect("decided");
    }

    pub async fn cover(&self) -> moderation::JudgedCover {
        self.records.get(ID).await.expect("read").expect("a record").cover.expect("a cover")
    }

    /// Works until nothing is due; `true` where a process died on the way.
    pub async fn work(&self) -> bool {
        let mut died = false;
        for _ in 0..400 {
            let now = stdx::Clock::now(self.clock.as_ref());
            let store = self.world.jobs.store().clone();
            let claim = Claim { kinds: vec![COVER.into()], now, lease: Millis(1_000), limit: 1 };
            let Some(job) = store.claim(claim).await.expect("claimed").pop() else {
                let live = self.world.ordered(COVER).await;
                if live == 0 {
                    return died;
                }
                self.clock.advance(Millis(1_000));
                continue;
            };
            died |= self.run(job).await;
        }
        panic!("the work does not end");
    }

    pub async fn run(&self, job: Job) -> bool {
        let store = self.world.jobs.store().clone();
        let handler = self.handler();
        let (id, fence) = (job.id, job.fence);
        let ran = tokio::spawn(async move {
            let context = JobContext::new(job);
            handler.run(context).await
        });
        let now = stdx::Clock::now(self.clock.as_ref());
        let ending = match ran.await {
            // The process is gone; the lease runs out.
            Err(_) => return true,
            Ok(Ok(Outcome::Done)) => Ending::Done,
            Ok(Ok(Outcome::Cancelled)) => Ending::Cancelled,
            Ok(Ok(Outcome::Later { run_at })) => Ending::Released { run_at },
            Ok(Err(JobError::Dead { error })) => panic!("{error}"),
            Ok(Err(e)) => Ending::Retry { run_at: now, error: e.to_string() },
        };
        let ended = store.finish(id, fence, ending, now).await.expect("ended");
        if ended.state == JobState::Dead {
            self.handler().buried(&ended).await;
        }
        false
    }

    pub async fn video(&self) -> Video {
        self.world.get(1).await
    }

    pub async fn package(&self) -> Package {
        self.video().await.package.expect("published")
    }

    /// What a viewer is shown as the poster.
    pub async fn poster(&self) -> Vec<u8> {
        let package = self.package().await.id;
        self.world.media.get(MediaKey::Poster { video: ID, package }).await.expect("stored").to_vec()
    }

    /// Every poster that anybody could fetch.
    pub async fn posters(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for key in self.world.media.inner.keys() {
            if matches!(key, MediaKey::Poster { .. }) {
                all.push(self.world.media.get(key).await.expect("stored").to_vec());
            }
        }
        all
    }

    pub async fn state(&self) -> Option<CoverState> {
        self.video().await.cover.asked.map(|a| a.state)
    }

    pub async fn waits(&self) -> bool {
        let queue = self.reviews().queue(None, 10).await.expect("a page");
        queue.items.iter().any(|w| w.video.id == ID && w.record.waits_for() == "cover")
    }
}

pub fn drawn(n: u8) -> Vec<u8> {
    [b"drawn ".as_slice(), &picture(n)].concat()
}
