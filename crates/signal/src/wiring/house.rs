//! The slices on their engines: one value that roles are started from.

use super::identity::{self, Identity, Merges};
use super::media::{self, Media};
use super::stores::{self, Duties, Stores};
use crate::config::Config;
use crate::data_dir::DataDir;
use ::identity::GuestMerge;
use async_trait::async_trait;
use catalog::{
    Announcing, BlockedWords, CatalogPolicy, LibraryStore, Listeners, OwnerError, Owners, OwnersDeps,
    StatusListener, Video, VideoStore,
};
use engagement::{EngagementPolicy, EngagementStore, Fold, Reactions};
use events::Ingest;
use feed::Feed;
use moderation::{CoverLimits, Desk, Moderator, ModeratorDeps, Reviews, ReviewsDeps};
use push::{Hub, HubDeps, PushPolicy};
use sha2::{Digest, Sha256};
use std::sync::{Arc, OnceLock};
use stdx::{Clock, Entropy, Fault, OsEntropy, SystemClock};
use telemetry::Indicators;
use transcode::captions::{CaptionLimits, CaptionsDeps, CaptionsDesk};
use transcode::cover::{CoverDeps, CoverDesk};
use transcode::policy::{CaptionsPolicy, CoverPolicy};
use transcode::{Transcoder, TranscoderDeps};
use upload::{Uploads, UploadsDeps};
use vocab::{Millis, Status, UserId, VideoId};
use work::{JobStore, Jobs, Wake, Waking};

pub struct House {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub videos: Arc<dyn VideoStore>,
    pub library: Arc<dyn LibraryStore>,
    pub jobs: Arc<dyn JobStore>,
    pub submit: Jobs,
    pub wake: Wake,
    pub owners: Arc<Owners>,
    pub captions: Arc<CaptionsDesk>,
    pub covers: Arc<CoverDesk>,
    pub uploads: Arc<Uploads>,
    pub moderator: Moderator,
    pub reviews: Arc<Reviews>,
    pub transcoder: Transcoder,
    pub origin: Arc<delivery::Origin>,
    pub hub: Arc<Hub>,
    pub ingest: Arc<Ingest>,
    pub engagement: Arc<dyn EngagementStore>,
    pub engagement_policy: EngagementPolicy,
    pub reactions: Arc<Reactions>,
    pub fold: Fold,
    pub feed: Arc<Feed>,
    pub indicators: Arc<Indicators>,
    pub identity: Identity,
    /// Who in this process wants to know what happened to a video, whichever process did it.
    pub listeners: Listeners,
    pub stores: Stores,
    pub catalog_policy: CatalogPolicy,
    /// A 32-byte key for what only this server must read.
    pub cursor_key: [u8; 32],
}

/// Listeners that are built after the store they listen to.
#[derive(Default)]
struct Late(OnceLock<Listeners>);

#[async_trait]
impl StatusListener for Late {
    async fn changed(&self, video: &Video) {
        if let Some(listeners) = self.0.get() {
            listeners.changed(video).await;
        }
    }
    async fn progressed(&self, video: VideoId, owner: UserId, status: Status, percent: u8) {
        if let Some(listeners) = self.0.get() {
            listeners.progressed(video, owner, status, percent).await;
        }
    }
}

/// A guest's videos, shelves and queue follow it into its account.
struct Belongings {
    owners: Arc<Owners>,
    reactions: Arc<Reactions>,
    feed: Arc<Feed>,
}

#[async_trait]
impl GuestMerge for Belongings {
    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault> {
        self.owners.hand_over(from, into).await.map_err(|e| match e {
            OwnerError::Fault(fault) => fault,
            other => Fault::internal(other.to_string()),
        })?;
        self.reactions.merge(from, into).await.map_err(|e| Fault::internal(e.to_string()))?;
        self.feed.merge(from, into).await
    }
}

impl House {
    pub async fn build(config: &Config, data: &DataDir, duties: Duties) -> anyhow::Result<Self> {
        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let wake = Wake::default();
        let (c, e, w) = (&clock, &entropy, &wake);
        let base = stores::Base { config, data, clock: c, entropy: e, wake: w, duties };
        let mut stores = stores::open(&base).await?;
        let mut media = media::build(config, duties).await?;
        media.encoder = stores.remote.encoder(&base, media.encoder).await?;
        stores.remote.eyes(&base, &mut media).await?;
        let late = Arc::new(Late::default());
        let listener: Arc<dyn StatusListener> = Arc::clone(&late) as Arc<dyn StatusListener>;
        let videos: Arc<dyn VideoStore> =
            Arc::new(Announcing::new(Arc::clone(&stores.records.videos), Arc::clone(&listener)));
        let jobs: Arc<dyn JobStore> = Arc::new(Waking::new(Arc::clone(&stores.records.jobs), wake.clone()));
        let submit = Jobs::new(Arc::clone(&jobs), Arc::clone(&clock), Arc::clone(&entropy));
        let base = Base { clock, entropy, videos, jobs, submit, wake, listener };
        let pipeline = Pipeline::build(config, data, &base, &stores, media)?;
        let show = Show::build(cursor_key(config, data, base.entropy.as_ref())?, &base, &stores);
        let merges: Vec<Arc<dyn GuestMerge>> = vec![Arc::new(Belongings {
            owners: Arc::clone(&pipeline.owners),
            reactions: Arc::clone(&show.reactions),
            feed: Arc::clone(&show.feed),
        })];
        let identity =
            identity::build(config, &stores.records, Merges(merges), &base.clock, &base.entropy).await?;
        let origin = Arc::new(delivery::Origin::new(delivery::OriginDeps {
            videos: Arc::clone(&base.videos),
            objects: Arc::clone(&stores.objects.reader),
            clock: Arc::clone(&base.clock),
            policy: delivery_policy(config),
        }));
        let hub_deps = HubDeps { clock: Arc::clone(&base.clock), entropy: Arc::clone(&base.entropy) };
        let mut hub = Hub::new(hub_deps, PushPolicy::default());
        if !config.server.secret.is_empty() {
            hub = hub.sharing_tickets(show.cursor_key);
        }
        let hub = Arc::new(hub);
        let listeners = Listeners(vec![
            Arc::clone(&hub) as Arc<dyn StatusListener>,
            Arc::clone(&show.feed) as Arc<dyn StatusListener>,
            Arc::clone(&origin) as Arc<dyn StatusListener>,
        ]);
        let mut told = listeners.clone();
        told.0.extend(stores.remote.listener());
        let _ = late.0.set(told);
        show.feed.warm().await?;
        Ok(Self::assemble(base, stores, pipeline, show, Doors { identity, origin, hub, listeners }))
    }

    fn assemble(base: Base, stores: Stores, pipeline: Pipeline, show: Show, doors: Doors) -> Self {
        Self {
            clock: base.clock,
            entropy: base.entropy,
            videos: base.videos,
            library: Arc::clone(&stores.records.library),
            jobs: base.jobs,
            submit: base.submit,
            wake: base.wake,
            owners: pipeline.owners,
            captions: pipeline.captions,
            covers: pipeline.covers,
            uploads: pipeline.uploads,
            moderator: pipeline.moderator,
            reviews: pipeline.reviews,
            transcoder: pipeline.transcoder,
            origin: doors.origin,
            hub: doors.hub,
            ingest: show.ingest,
            engagement: Arc::clone(&stores.records.engagement),
            engagement_policy: show.engagement_policy,
            reactions: show.reactions,
            fold: show.fold,
            feed: show.feed,
            indicators: show.indicators,
            identity: doors.identity,
            listeners: doors.listeners,
            stores,
            catalog_policy: pipeline.catalog_policy,
            cursor_key: show.cursor_key,
        }
    }
}

fn delivery_policy(config: &Config) -> delivery::DeliveryPolicy {
    delivery::DeliveryPolicy {
        hot_bytes_max: vocab::Bytes(config.delivery.cache_mib << 20),
        ..delivery::DeliveryPolicy::default()
    }
}

/// What everything else is built on.
struct Base {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    videos: Arc<dyn VideoStore>,
    jobs: Arc<dyn JobStore>,
    submit: Jobs,
    wake: Wake,
    listener: Arc<dyn StatusListener>,
}

/// What people come in by.
struct Doors {
    identity: Identity,
    origin: Arc<delivery::Origin>,
    hub: Arc<Hub>,
    listeners: Listeners,
}

/// From upload to published.
struct Pipeline {
    catalog_policy: CatalogPolicy,
    owners: Arc<Owners>,
    captions: Arc<CaptionsDesk>,
    covers: Arc<CoverDesk>,
    uploads: Arc<Uploads>,
    moderator: Moderator,
    reviews: Arc<Reviews>,
    transcoder: Transcoder,
}

impl Pipeline {
    fn build(
        config: &Config,
        data: &DataDir,
        base: &Base,
        stores: &Stores,
        media: Media,
    ) -> anyhow::Result<Self> {
        let mut catalog_policy = CatalogPolicy {
            sweep_standing: Millis::from_secs(config.work.sweep_after_s),
            ..CatalogPolicy::default()
        };
        catalog_policy.metadata.blocked_words = BlockedWords::new(&config.moderation.blocked_words);
        let owners = Owners::new(
            OwnersDeps {
                videos: Arc::clone(&base.videos),
                jobs: base.submit.clone(),
                clock: Arc::clone(&base.clock),
            },
            catalog_policy.clone(),
        );
        let desk = Desk {
            videos: Arc::clone(&base.videos),
            listener: Arc::clone(&base.listener),
            jobs: base.submit.clone(),
            store: Arc::clone(&stores.records.moderation),
            clock: Arc::clone(&base.clock),
            policy: Arc::new(media::moderation_policy(config, media.is_classified_here)?),
        };
        let limits = desk.policy.cover.clone();
        let (judge_dir, encode_dir) = (data.scratch().join("judge"), data.scratch().join("encode"));
        std::fs::create_dir_all(&judge_dir)?;
        std::fs::create_dir_all(&encode_dir)?;
        moderation::work_dir::clear(&judge_dir)?;
        moderation::work_dir::clear(&encode_dir)?;
        let files: Arc<dyn moderation::SourceFiles> = Arc::clone(&stores.objects.sources);
        let moderator = Moderator::new(ModeratorDeps {
            desk: desk.clone(),
            blocks: Arc::clone(&stores.records.blocks),
            lookalikes: moderation::Lookalikes::new(Arc::clone(&stores.records.frame_blocks)),
            files: Arc::clone(&files),
            examiner: media.examiner,
            classifier: media.classifier,
            second_look: media.second_look,
            entropy: Arc::clone(&base.entropy),
            work_root: judge_dir,
        });
        let (blocks, entropy) = (Arc::clone(&stores.records.blocks), Arc::clone(&base.entropy));
        let frame_blocks = Arc::clone(&stores.records.frame_blocks);
        let reviews = Arc::new(Reviews::new(ReviewsDeps { desk, blocks, frame_blocks, files, entropy }));
        let transcoder = Transcoder::new(TranscoderDeps {
            videos: Arc::clone(&base.videos),
            listener: Arc::clone(&base.listener),
            media: Arc::clone(&stores.objects.media),
            eraser: Arc::clone(&stores.objects.eraser),
            encoder: media.encoder,
            jobs: base.submit.clone(),
            clock: Arc::clone(&base.clock),
            entropy: Arc::clone(&base.entropy),
            profile: media::ladder(config)?,
            work_root: encode_dir,
        });
        let uploads = Arc::new(uploads(base, stores, &catalog_policy));
        let owners = Arc::new(owners);
        let blocked_words = catalog_policy.metadata.blocked_words.clone();
        let captions = Arc::new(captions(base, stores, &owners, blocked_words));
        let covers = Arc::new(covers(base, stores, &owners, limits));
        Ok(Self { catalog_policy, owners, captions, covers, uploads, moderator, reviews, transcoder })
    }
}

fn captions(base: &Base, stores: &Stores, owners: &Arc<Owners>, blocked_words: BlockedWords) -> CaptionsDesk {
    CaptionsDesk::new(CaptionsDeps {
        owners: Arc::clone(owners),
        videos: Arc::clone(&base.videos),
        media: Arc::clone(&stores.objects.media),
        eraser: Arc::clone(&stores.objects.eraser),
        clock: Arc::clone(&base.clock),
        limits: CaptionLimits::default(),
        policy: CaptionsPolicy::default(),
        blocked_words,
    })
}

fn covers(base: &Base, stores: &Stores, owners: &Arc<Owners>, limits: CoverLimits) -> CoverDesk {
    CoverDesk::new(CoverDeps {
        owners: Arc::clone(owners),
        videos: Arc::clone(&base.videos),
        media: Arc::clone(&stores.objects.media),
        jobs: base.submit.clone(),
        clock: Arc::clone(&base.clock),
        limits,
        policy: CoverPolicy::default(),
    })
}

fn uploads(base: &Base, stores: &Stores, catalog_policy: &CatalogPolicy) -> Uploads {
    let deps = UploadsDeps {
        store: Arc::clone(&stores.records.uploads),
        raw: Arc::clone(&stores.objects.raw),
        videos: Arc::clone(&base.videos),
        jobs: base.submit.clone(),
        clock: Arc::clone(&base.clock),
        entropy: Arc::clone(&base.entropy),
    };
    Uploads::new(deps, upload::UploadPolicy::default(), catalog_policy.metadata.clone())
}

/// From published to watched.
struct Show {
    ingest: Arc<Ingest>,
    engagement_policy: EngagementPolicy,
    reactions: Arc<Reactions>,
    fold: Fold,
    feed: Arc<Feed>,
    indicators: Arc<Indicators>,
    cursor_key: [u8; 32],
}

impl Show {
    fn build(cursor_key: [u8; 32], base: &Base, stores: &Stores) -> Self {
        let mut engagement_policy = EngagementPolicy::default();
        // What is kept is counted in offsets, of which some logs spend many on one append.
        engagement_policy.log_kept = engagement_policy.log_kept.saturating_mul(stores.remote.log_stride());
        let indicators = Arc::new(Indicators::default());
        // What players tell about themselves is measured on its way into the log.
        let gauged = api::Gauged::new(
            Arc::clone(&stores.records.events),
            Arc::clone(&indicators),
            Arc::clone(&base.clock),
        );
        let ingest = Arc::new(Ingest::new(events::ingest::Deps {
            log: Arc::new(gauged),
            clock: Arc::clone(&base.clock),
            entropy: Arc::clone(&base.entropy),
            policy: events::EventPolicy::default(),
        }));
        let reactions = Arc::new(Reactions::new(
            Arc::clone(&stores.records.library),
            Arc::clone(&stores.records.engagement),
            Arc::clone(&base.clock),
        ));
        let ranker = Arc::new(api::RankerGauge(Arc::clone(&indicators)));
        let feed = Feed::new(feed::feed::Deps {
            videos: Arc::clone(&base.videos),
            library: Arc::clone(&stores.records.library),
            counts: Arc::clone(&stores.records.engagement),
            queue: Arc::clone(&stores.records.queue),
            seen: Arc::clone(&stores.records.seen),
            clock: Arc::clone(&base.clock),
            entropy: Arc::clone(&base.entropy),
            cursor_key,
            policy: feed::FeedPolicy { cache: stores.remote.feed_cache(), ..Default::default() },
            engagement: engagement_policy.clone(),
        });
        let feed = Arc::new(feed.gauged(ranker));
        let fold = Fold::new(engagement::fold::Deps {
            log: Arc::clone(&stores.records.events),
            store: Arc::clone(&stores.records.engagement),
            watchers: vec![
                Arc::new(engagement::History::new(Arc::clone(&stores.records.library))),
                Arc::clone(&feed) as Arc<dyn engagement::fold::Watcher>,
            ],
            clock: Arc::clone(&base.clock),
            policy: engagement_policy.clone(),
        });
        Self { ingest, engagement_policy, reactions, fold, feed, indicators, cursor_key }
    }
}

/// Made of the secret that processes share, or kept in the directory that only one process uses.
fn cursor_key(config: &Config, data: &DataDir, entropy: &dyn Entropy) -> anyhow::Result<[u8; 32]> {
    if !config.server.secret.is_empty() {
        let text = format!("cursor key of signal, version 1\n{}", config.server.secret);
        return Ok(Sha256::digest(text).into());
    }
    key_of(&data.secret("cursor-key", || format!("{:032x}{:032x}", entropy.u128(), entropy.u128()))?)
}

fn key_of(hex: &str) -> anyhow::Result<[u8; 32]> {
    let mut key = [0u8; 32];
    anyhow::ensure!(hex.len() == 64 && hex.is_ascii(), "the cursor key is damaged");
    for (i, byte) in key.iter_mut().enumerate() {
        *byte = u8::from_str_radix(&hex[2 * i..2 * i + 2], 16)?;
    }
    Ok(key)
}
