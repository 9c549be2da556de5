//! A house with one owner, on memory engines and a clock moved by hand.

use async_trait::async_trait;
use catalog::jobs::Eraser;
use catalog::sweep::{Erase, Sweep};
use catalog::{
    Advance, Announcing, CatalogPolicy, Facts, Listeners, MemoryVideoStore, Metadata, Owners, OwnersDeps,
    StatusListener, Video, VideoStore,
};
use std::sync::{Arc, Mutex};
use stdx::{Clock, Entropy, Fault, ManualClock, SeededEntropy};
use vocab::{Millis, Status, UserId, VideoId, Visibility};
use work::{
    Claim, Ending, Job, JobContext, JobFilter, JobHandler, JobState, JobStore, Jobs, MemoryJobStore, Outcome,
};

pub const OWNER: UserId = UserId(1);
pub const OTHER: UserId = UserId(2);

/// Remembers what it was told.
#[derive(Default)]
pub struct Ears(pub Mutex<Vec<(VideoId, Status, u64)>>);

#[async_trait]
impl StatusListener for Ears {
    async fn changed(&self, video: &Video) {
        self.0.lock().expect("not poisoned").push((video.id, video.status, video.revision));
    }
    async fn progressed(&self, _: VideoId, _: UserId, _: Status, _: u8) {}
}

/// Remembers what it deleted; refuses while told so.
#[derive(Default)]
pub struct Shredder {
    pub gone: Mutex<Vec<String>>,
    pub jammed: Mutex<bool>,
}

#[async_trait]
impl Eraser for Shredder {
    async fn delete_prefix(&self, prefix: &str) -> Result<(), Fault> {
        if *self.jammed.lock().expect("not poisoned") {
            return Err(Fault::unavailable("jammed"));
        }
        self.gone.lock().expect("not poisoned").push(prefix.to_owned());
        Ok(())
    }
}

pub struct House {
    pub clock: Arc<ManualClock>,
    pub entropy: Arc<SeededEntropy>,
    pub videos: Arc<dyn VideoStore>,
    pub store: Arc<dyn JobStore>,
    pub jobs: Jobs,
    pub ears: Arc<Ears>,
    pub shredder: Arc<Shredder>,
    pub owners: Owners,
    pub sweep: Sweep,
    pub erase: Erase,
    pub policy: CatalogPolicy,
}

impl House {
    pub fn new() -> Self {
        let clock = Arc::new(ManualClock::default());
        let entropy = Arc::new(SeededEntropy::new(7));
        let (ears, shredder) = (Arc::<Ears>::default(), Arc::<Shredder>::default());
        let listener = Arc::new(Listeners(vec![ears.clone()]));
        let videos: Arc<dyn VideoStore> = Arc::new(Announcing::new(MemoryVideoStore::default(), listener));
        let store: Arc<dyn JobStore> = Arc::<MemoryJobStore>::default();
        let jobs = Jobs::new(store.clone(), clock.clone(), entropy.clone());
        let policy = CatalogPolicy::default();
        let deps = OwnersDeps { videos: videos.clone(), jobs: jobs.clone(), clock: clock.clone() };
        Self {
            owners: Owners::new(deps, policy.clone()),
            sweep: Sweep::new(videos.clone(), jobs.clone(), clock.clone(), policy.clone()),
            erase: Erase::new(videos.clone(), store.clone(), shredder.clone(), clock.clone(), policy.clone()),
            clock,
            entropy,
            videos,
            store,
            jobs,
            ears,
            shredder,
            policy,
        }
    }

    /// A video of the owner in some status.
    pub async fn given(&self, status: Status, visibility: Visibility) -> Video {
        let id = catalog::ids::born(self.clock.as_ref(), self.entropy.as_ref());
        let key = catalog::ids::link_key(self.entropy.as_ref() as &dyn Entropy);
        let mut video = Video::reserved(id, OWNER, key, self.clock.now());
        video.status = status;
        video.meta = Metadata { title: "Beach".into(), visibility, ..Metadata::default() };
        if status.is_readable() {
            video.published_at = Some(self.clock.now());
        }
        self.videos.insert(video.clone()).await.expect("written");
        video
    }

    pub async fn public(&self, status: Status) -> Video {
        self.given(status, Visibility::Public).await
    }

    pub async fn get(&self, video: &Video) -> Video {
        self.videos.get(video.id).await.expect("found")
    }

    pub async fn go(&self, video: &Video, to: Status, facts: Facts) -> Video {
        let from = self.get(video).await.status;
        let step = Advance::new(video.id, from, to, self.clock.now()).with(facts);
        self.videos.advance(step).await.expect("a legal move")
    }

    /// Kinds and times of the live jobs of a video.
    pub async fn live(&self, video: &Video) -> Vec<(String, Millis)> {
        let filter = JobFilter { key: Some(video.id.to_string()), limit: 99, ..JobFilter::default() };
        let jobs = self.store.list(filter).await.expect("listed");
        jobs.into_iter().filter(|j| j.state.is_live()).map(|j| (j.kind, j.run_at)).collect()
    }

    pub async fn claim(&self, kind: &str) -> Option<Job> {
        let kinds = vec![kind.to_owned()];
        let claim = Claim { kinds, now: self.clock.now(), lease: Millis(30_000), limit: 1 };
        self.store.claim(claim).await.expect("claimed").pop()
    }

    /// Lets the newest job of a kind end.
    pub async fn end(&self, kind: &str, ending: Ending) -> Job {
        let job = self.claim(kind).await.expect("a job is due");
        self.store.finish(job.id, job.fence, ending, self.clock.now()).await.expect("held")
    }

    pub async fn sweep(&self) -> Outcome {
        self.sweep.run(context(catalog::jobs::SWEEP, "periodic")).await.expect("swept")
    }

    pub fn pass(&self, ms: i64) {
        self.clock.advance(Millis(ms));
    }
}

/// A claimed job of some kind and key, not from any store.
pub fn context(kind: &str, key: impl ToString) -> JobContext {
    JobContext::new(Job {
        state: JobState::Running,
        ..Job::enqueued(vocab::JobId(1), work::NewJob::new(kind, key, Millis(0)), Millis(0))
    })
}
