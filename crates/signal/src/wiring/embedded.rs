//! The engines of one process: a database file and a directory of objects.

use super::stores::{Base, Records, StoredObjects};
use crate::config;
use ::embedded::objects::{ArrivalJobs, AwaitedArrivals, FileObjects};
use ::embedded::{
    Database, DbPolicy, catalog, engagement, events, feed, identity, library, moderation, upload, work,
};
use ::work::Jobs;
use anyhow::Context;
use s3door::{Credentials, Door, DoorConfig, ObjectListener, Objects, ObjectsDeps, Presigner};
use std::sync::Arc;
use vocab::{Bytes, Millis};

/// A page waits no longer for its served record: a slow disk must not eat the page's promise of 10 ms.
const SERVED_WAIT: Millis = Millis(4);

pub async fn records(base: &Base<'_>) -> anyhow::Result<Records> {
    let dir = base.data.path();
    let db = Database::open(dir, ::embedded::SCHEMA, &DbPolicy::default())
        .with_context(|| format!("cannot open the records in {}", dir.display()))?;
    let jobs = work::EmbeddedJobStore::new(db.clone());
    // The directory's lock says that no other process works: whatever was claimed is an orphan.
    let orphans = ::work::dlq::take_back_orphans(&jobs, base.clock.now())
        .await
        .context("cannot take back orphaned jobs")?;
    if orphans > 0 {
        tracing::info!(orphans, "jobs of a killed process run again");
    }
    Ok(Records {
        videos: Arc::new(catalog::EmbeddedVideoStore::new(db.clone())),
        jobs: Arc::new(jobs),
        library: Arc::new(library::EmbeddedLibraryStore::new(db.clone())),
        accounts: Arc::new(identity::EmbeddedAccountStore::new(db.clone())),
        sessions: Arc::new(identity::EmbeddedSessionStore::new(db.clone())),
        keys: Arc::new(identity::EmbeddedKeyStore::new(db.clone())),
        links: None,
        revocations: None,
        uploads: Arc::new(upload::EmbeddedUploadStore::new(db.clone())),
        moderation: Arc::new(moderation::EmbeddedModerationStore::new(db.clone())),
        blocks: Arc::new(moderation::EmbeddedBlockList::new(db.clone())),
        frame_blocks: Arc::new(moderation::EmbeddedFrameBlockList::new(db.clone())),
        events: Arc::new(events::EmbeddedEventLog::new(db.clone())),
        engagement: Arc::new(engagement::EmbeddedEngagementStore::new(
            db.clone(),
            ::engagement::EngagementPolicy::default(),
        )),
        queue: Arc::new(feed::EmbeddedWarmQueue::new(db.clone()).waiting(SERVED_WAIT)),
        seen: Arc::new(feed::EmbeddedSeenStore::new(db)),
    })
}

/// The object store and the door it is reached by from outside.
/// `given` = the keys clients sign with; `None` = made once and kept in the data directory.
pub async fn objects(
    base: &Base<'_>,
    records: &Records,
    given: Option<Credentials>,
) -> anyhow::Result<(StoredObjects, Door)> {
    let credentials = match given {
        Some(given) => given,
        None => own_credentials(base)?,
    };
    let (files, door) = open_files(base, records, credentials)?;
    files.drop_orphans(records.uploads.as_ref()).await.context("cannot tidy up after an earlier run")?;
    Ok((StoredObjects::of(&Arc::new(files)), door))
}

fn own_credentials(base: &Base<'_>) -> anyhow::Result<Credentials> {
    let Base { data, entropy, .. } = base;
    let hex = |n: u128| format!("{n:032x}");
    let access_key =
        data.secret("s3-access-key", || format!("SV{}", &hex(entropy.u128())[..18].to_uppercase()))?;
    let secret_key = data.secret("s3-secret-key", || hex(entropy.u128()))?;
    Ok(Credentials { access_key, secret_key })
}

fn open_files(
    base: &Base<'_>,
    records: &Records,
    credentials: Credentials,
) -> anyhow::Result<(FileObjects, Door)> {
    let Base { config, data, clock, entropy, .. } = base;
    let mut door = DoorConfig::new(credentials);
    door.bucket.clone_from(&config.objects.bucket);
    door.region.clone_from(&config.objects.region);
    door.policy.reserve = Bytes(config.objects.reserve_mib << 20);
    let listener = ArrivalJobs {
        jobs: Jobs::new(Arc::clone(&records.jobs), Arc::clone(clock), Arc::clone(entropy)),
        clock: Arc::clone(clock),
        policy: ::upload::UploadPolicy::default(),
    };
    let listener: Arc<dyn ObjectListener> = match config.records()? {
        config::Records::Embedded => Arc::new(listener),
        config::Records::Dynamodb { .. } => {
            Arc::new(AwaitedArrivals { uploads: Arc::clone(&records.uploads), jobs: listener })
        }
    };
    let deps = ObjectsDeps { clock: Arc::clone(clock), entropy: Arc::clone(entropy), listener };
    let store = Objects::open(&data.join("objects"), &door.bucket, deps, door.policy.clone())
        .context("cannot open the object store")?;
    let presigner = Presigner::new(door.credentials.clone(), &door.region);
    let files = FileObjects::new(store.clone(), presigner, &config.objects_url()?);
    Ok((files, Door::new(store, &door)))
}
