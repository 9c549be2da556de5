//! The worker role: every job handler on one runner, and the fold of events into counters.

use super::house::House;
use super::media::concurrency;
use crate::config::{Config, Encoding, Records};
use ::identity::renewal::HOUSEKEEP_BATCH;
use ::identity::{IssueError, Issuer};
use async_trait::async_trait;
use catalog::jobs::{AV1_RUNGS, COVER, ENCODE, JUDGE, SECOND_WAVE, TOP_RUNG};
use catalog::sweep::{Erase, Sweep};
use engagement::{EngagementError, EngagementStore};
use moderation::Reviews;
use std::sync::Arc;
use stdx::{Clock, Fault};
use vocab::{Millis, VideoId};
use work::{JobContext, JobError, JobHandler, Outcome, Runner, RunnerDeps, WorkPolicy};

/// How often decisions that a crash left behind are looked for.
const SETTLE_EVERY: Millis = Millis::from_secs(10);

/// Where every heartbeat is paid for: one in 20 s, and with it the progress. What a worker that was killed
/// held is taken up after this instead of half a minute.
const SHARED_LEASE: Millis = Millis::from_secs(60);
/// Where every look is paid for, an idle runner that nobody rings looks ever more rarely, up to this.
const SHARED_POLL: Millis = Millis::from_secs(5);

/// Forgets sessions and keys that are long over; periodic.
pub const HOUSEKEEP: &str = "identity.housekeep";

/// What [`runner`] handles, for whoever must know before there is one.
pub const KINDS: &[&str] = &[
    JUDGE,
    ENCODE,
    SECOND_WAVE,
    TOP_RUNG,
    AV1_RUNGS,
    COVER,
    transcode::look::LOOK,
    upload::jobs::ARRIVED,
    upload::jobs::EXPIRE,
    catalog::jobs::ERASE,
    catalog::jobs::SWEEP,
    moderation::jobs::SETTLE,
    HOUSEKEEP,
];

/// The issuer knows nothing of jobs; this is its turn on the worker's clock.
struct Housekeeping(Arc<Issuer>);

#[async_trait]
impl JobHandler for Housekeeping {
    fn kind(&self) -> &'static str {
        HOUSEKEEP
    }

    async fn run(&self, context: JobContext) -> Result<Outcome, JobError> {
        while !context.is_cancelled() {
            match self.0.housekeep().await {
                // A full batch says that there is more.
                Ok(HOUSEKEEP_BATCH) => {}
                Ok(_) => return Ok(Outcome::Done),
                Err(IssueError::Fault(fault)) => return Err(fault.into()),
                Err(e) => return Err(JobError::retry(e)),
            }
        }
        Ok(Outcome::Cancelled)
    }
}

/// What transcoding asks of the counters.
struct Viewers {
    engagement: Arc<dyn EngagementStore>,
    clock: Arc<dyn Clock>,
}

#[async_trait]
impl transcode::Audience for Viewers {
    async fn most_watched(&self, limit: usize) -> Result<Vec<(VideoId, u64)>, Fault> {
        let hot = self.engagement.hot(self.clock.now(), limit).await.map_err(fault_of)?;
        let ids: Vec<VideoId> = hot.into_iter().map(|(id, _)| id).collect();
        let totals = self.engagement.totals(&ids).await.map_err(fault_of)?;
        Ok(ids.into_iter().zip(totals.iter().map(|t| t.counters.views.max(0).unsigned_abs())).collect())
    }
}

fn fault_of(e: EngagementError) -> Fault {
    match e {
        EngagementError::Fault(fault) => fault,
        gap @ EngagementError::Gap { .. } => Fault::internal(gap),
    }
}

pub fn policy(config: &Config) -> WorkPolicy {
    let mut policy = WorkPolicy { poll_every: Millis(config.work.poll_ms.max(10)), ..WorkPolicy::default() };
    if config.records().is_ok_and(|r| r != Records::Embedded) {
        policy.lease = SHARED_LEASE;
        policy.progress_every = policy.heartbeat_every();
        policy.poll_idle_max = SHARED_POLL.max(policy.poll_every);
    }
    policy.drain =
        Millis::from_secs(i64::try_from(config.server.drain_s).unwrap_or(10).saturating_sub(2).max(1));
    for kind in [JUDGE, COVER] {
        policy.concurrency.insert(kind.to_owned(), concurrency(config));
    }
    for kind in [ENCODE, SECOND_WAVE, TOP_RUNG, AV1_RUNGS] {
        policy.concurrency.insert(kind.to_owned(), encodes_at_once(config));
    }
    policy
}

fn covers(house: &House) -> transcode::CoverKeeper {
    transcode::CoverKeeper {
        moderator: house.moderator.clone(),
        videos: Arc::clone(&house.videos),
        media: Arc::clone(&house.stores.objects.media),
        clock: Arc::clone(&house.clock),
        policy: transcode::policy::CoverPolicy::default(),
    }
}

/// Who waits for a service uses no core meanwhile; what it decodes of the answer queues for one in the engine.
fn encodes_at_once(config: &Config) -> usize {
    let by_service = config.encoding().is_ok_and(|by| by != Encoding::Ffmpeg);
    if by_service { config.encoder.service_jobs.max(concurrency(config)) } else { concurrency(config) }
}

pub fn runner(house: &House, config: &Config) -> Runner {
    let deps = RunnerDeps {
        store: Arc::clone(&house.jobs),
        clock: Arc::clone(&house.clock),
        entropy: Arc::clone(&house.entropy),
        wake: house.wake.clone(),
    };
    let catalog_policy = house.catalog_policy.clone();
    let sweep = Sweep::new(
        Arc::clone(&house.videos),
        house.submit.clone(),
        Arc::clone(&house.clock),
        catalog_policy.clone(),
    );
    let erase = Erase::new(
        Arc::clone(&house.videos),
        Arc::clone(&house.jobs),
        Arc::clone(&house.stores.objects.eraser),
        Arc::clone(&house.clock),
        catalog_policy.clone(),
    );
    let profile = house.transcoder.profile().clone();
    let look_every = profile.waves.look_every;
    let audience = Viewers { engagement: Arc::clone(&house.engagement), clock: Arc::clone(&house.clock) };
    let look = transcode::Look::new(
        Arc::clone(&house.videos),
        Arc::new(audience),
        house.submit.clone(),
        Arc::clone(&house.clock),
        profile,
    );
    Runner::new(deps, policy(config))
        .handle(Arc::new(moderation::JudgeHandler(house.moderator.clone())))
        .handle(Arc::new(transcode::EncodeHandler(house.transcoder.clone())))
        .handle(Arc::new(transcode::GrowHandler::new(house.transcoder.clone(), transcode::Wave::Second)))
        .handle(Arc::new(transcode::GrowHandler::new(house.transcoder.clone(), transcode::Wave::Top)))
        .handle(Arc::new(transcode::GrowHandler::new(house.transcoder.clone(), transcode::Wave::Av1)))
        .handle(Arc::new(transcode::CoverHandler(covers(house))))
        .every(look_every, Arc::new(look))
        .handle(Arc::new(upload::jobs::Arrivals(Arc::clone(&house.uploads))))
        .handle(Arc::new(erase) as Arc<dyn JobHandler>)
        .every(catalog_policy.sweep_every, Arc::new(sweep))
        .every(house.uploads.policy().sweep_every, Arc::new(upload::jobs::Expiry(Arc::clone(&house.uploads))))
        .every(
            house.identity.issuer.policy().housekeep_every,
            Arc::new(Housekeeping(Arc::clone(&house.identity.issuer))),
        )
        .every(SETTLE_EVERY, Arc::new(moderation::SettleHandler(Reviews::clone(&house.reviews))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::identity::{
        ArgonHasher, HashPolicy, IdentityPolicy, IssuerDeps, MemoryAccountStore, MemoryKeyStore,
        MemorySessionStore, NothingToMerge, Origin, RevokedSessions, SessionStore,
    };
    use stdx::{ManualClock, SeededEntropy};
    use vocab::{DeviceId, JobId};
    use work::{Job, NewJob};

    #[test]
    fn a_small_worker_has_many_videos_at_a_service_and_few_on_its_own_cores() {
        let mut config = Config::default();
        config.encoder.concurrency = 1;
        let here = policy(&config);
        assert_eq!((here.concurrency_of(JUDGE), here.concurrency_of(ENCODE)), (1, 1));
        config.encoder.url = "mediaconvert://eu-central-1?role=arn:aws:iam::111122223333:role/r".into();
        let there = policy(&config);
        let encodes = if cfg!(feature = "aws") { 20 } else { 1 };
        assert_eq!((there.concurrency_of(JUDGE), there.concurrency_of(ENCODE)), (1, encodes));
    }

    #[tokio::test]
    async fn what_people_left_long_ago_is_forgotten_by_the_worker() {
        let (clock, sessions) = (Arc::new(ManualClock::default()), Arc::<MemorySessionStore>::default());
        let deps = IssuerDeps {
            accounts: Arc::new(MemoryAccountStore::default()),
            sessions: sessions.clone(),
            keys: Arc::new(MemoryKeyStore::default()),
            hasher: Arc::new(ArgonHasher::new(HashPolicy::default()).expect("a hasher")),
            merges: Arc::new(NothingToMerge),
            revoked: Arc::new(RevokedSessions::default()),
            clock: clock.clone(),
            entropy: Arc::new(SeededEntropy::new(1)),
        };
        let issuer = Arc::new(Issuer::start(deps, IdentityPolicy::default()).await.expect("an issuer"));
        let origin = Origin { ip: None, device: DeviceId(1), device_name: None };
        let gone = issuer.guest(&origin).await.expect("a guest").session;
        clock.advance(Millis::from_secs(32 * 24 * 3_600));
        let here = issuer.guest(&origin).await.expect("a guest").session;
        let job = Job::enqueued(JobId(1), NewJob::new(HOUSEKEEP, "periodic", Millis(0)), Millis(0));
        let ended = Housekeeping(issuer).run(JobContext::new(job)).await;
        assert_eq!(ended, Ok(Outcome::Done));
        assert!(sessions.get(gone).await.is_err(), "forgotten");
        assert!(sessions.get(here).await.is_ok(), "kept");
    }
}
