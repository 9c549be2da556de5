//! Every store port, by the URL of `stores.url` and `objects.url`.

use crate::config::Config;
use crate::data_dir::DataDir;
use anyhow::Context;
use embedded::objects::{ArrivalJobs, FileObjects};
use embedded::work::EmbeddedJobStore;
use embedded::{Database, DbPolicy};
use s3door::{Credentials, Door, DoorConfig, Objects, ObjectsDeps, Presigner};
use std::sync::Arc;
use stdx::{Clock, Entropy};
use vocab::{Bytes, Millis};
use work::Jobs;

/// A page waits no longer for its served record: a slow disk must not eat the page's promise of 10 ms.
const SERVED_WAIT: Millis = Millis(4);

/// Stored bytes, once for each slice that uses them.
pub struct StoredObjects {
    pub raw: Arc<dyn upload::RawStore>,
    pub sources: Arc<dyn moderation::SourceFiles>,
    pub media: Arc<dyn transcode::MediaStore>,
    pub reader: Arc<dyn delivery::ObjectReader>,
    pub eraser: Arc<dyn catalog::jobs::Eraser>,
}

impl StoredObjects {
    fn of<E>(engine: &Arc<E>) -> Self
    where
        E: upload::RawStore
            + moderation::SourceFiles
            + transcode::MediaStore
            + delivery::ObjectReader
            + catalog::jobs::Eraser,
    {
        Self {
            raw: Arc::clone(engine) as _,
            sources: Arc::clone(engine) as _,
            media: Arc::clone(engine) as _,
            reader: Arc::clone(engine) as _,
            eraser: Arc::clone(engine) as _,
        }
    }
}

/// What the slices stand on.
pub struct Stores {
    pub videos: Arc<dyn catalog::VideoStore>,
    pub jobs: Arc<dyn work::JobStore>,
    pub library: Arc<dyn catalog::LibraryStore>,
    pub accounts: Arc<dyn ::identity::AccountStore>,
    pub sessions: Arc<dyn ::identity::SessionStore>,
    pub keys: Arc<dyn ::identity::KeyStore>,
    pub uploads: Arc<dyn upload::UploadStore>,
    pub moderation: Arc<dyn moderation::ModerationStore>,
    pub blocks: Arc<dyn moderation::BlockList>,
    pub events: Arc<dyn events::EventLog>,
    pub engagement: Arc<dyn engagement::EngagementStore>,
    pub queue: Arc<dyn feed::WarmQueue>,
    pub seen: Arc<dyn feed::SeenStore>,
    pub objects: StoredObjects,
    /// The way in for clients of an embedded object store.
    pub door: Option<Door>,
}

/// Opens what the configuration names. The configuration has refused unknown schemes already.
pub async fn open(
    config: &Config,
    data: &DataDir,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> anyhow::Result<Stores> {
    let db = Database::open(data.path(), embedded::SCHEMA, &DbPolicy::default())
        .with_context(|| format!("cannot open the records in {}", data.path().display()))?;
    let jobs = EmbeddedJobStore::new(db.clone());
    // The directory's lock says that no other process works: whatever was claimed is an orphan.
    let orphans =
        work::dlq::take_back_orphans(&jobs, clock.now()).await.context("cannot take back orphaned jobs")?;
    if orphans > 0 {
        tracing::info!(orphans, "jobs of a killed process run again");
    }
    let (objects, door) = objects(config, data, (clock, entropy), jobs.clone())?;
    let uploads: Arc<dyn upload::UploadStore> =
        Arc::new(embedded::upload::EmbeddedUploadStore::new(db.clone()));
    objects.drop_orphans(uploads.as_ref()).await.context("cannot tidy up after an earlier run")?;
    Ok(Stores {
        videos: Arc::new(embedded::catalog::EmbeddedVideoStore::new(db.clone())),
        jobs: Arc::new(jobs),
        library: Arc::new(embedded::library::EmbeddedLibraryStore::new(db.clone())),
        accounts: Arc::new(embedded::identity::EmbeddedAccountStore::new(db.clone())),
        sessions: Arc::new(embedded::identity::EmbeddedSessionStore::new(db.clone())),
        keys: Arc::new(embedded::identity::EmbeddedKeyStore::new(db.clone())),
        uploads,
        moderation: Arc::new(embedded::moderation::EmbeddedModerationStore::new(db.clone())),
        blocks: Arc::new(embedded::moderation::EmbeddedBlockList::new(db.clone())),
        events: Arc::new(embedded::events::EmbeddedEventLog::new(db.clone())),
        engagement: Arc::new(embedded::engagement::EmbeddedEngagementStore::new(
            db.clone(),
            engagement::EngagementPolicy::default(),
        )),
        queue: Arc::new(embedded::feed::EmbeddedWarmQueue::new(db.clone()).waiting(SERVED_WAIT)),
        seen: Arc::new(embedded::feed::EmbeddedSeenStore::new(db)),
        objects: StoredObjects::of(&objects),
        door: Some(door),
    })
}

/// The object store and the door it is reached by from outside.
fn objects(
    config: &Config,
    data: &DataDir,
    base: (&Arc<dyn Clock>, &Arc<dyn Entropy>),
    jobs: EmbeddedJobStore,
) -> anyhow::Result<(Arc<FileObjects>, Door)> {
    let (clock, entropy) = base;
    let hex = |n: u128| format!("{n:032x}");
    let access_key =
        data.secret("s3-access-key", || format!("SV{}", &hex(entropy.u128())[..18].to_uppercase()))?;
    let secret_key = data.secret("s3-secret-key", || hex(entropy.u128()))?;
    let mut door = DoorConfig::new(Credentials { access_key, secret_key });
    door.bucket.clone_from(&config.objects.bucket);
    door.region.clone_from(&config.objects.region);
    door.policy.reserve = Bytes(config.objects.reserve_mib << 20);
    let listener = ArrivalJobs {
        jobs: Jobs::new(Arc::new(jobs), Arc::clone(clock), Arc::clone(entropy)),
        clock: Arc::clone(clock),
        policy: upload::UploadPolicy::default(),
    };
    let deps =
        ObjectsDeps { clock: Arc::clone(clock), entropy: Arc::clone(entropy), listener: Arc::new(listener) };
    let store = Objects::open(&data.join("objects"), &door.bucket, deps, door.policy.clone())
        .context("cannot open the object store")?;
    let presigner = Presigner::new(door.credentials.clone(), &door.region);
    let files = FileObjects::new(store.clone(), presigner, &config.objects_url());
    Ok((Arc::new(files), Door::new(store, &door)))
}
