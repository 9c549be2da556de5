//! Every store port. Which engine stands behind it is decided by `stores.url` and `objects.url`.

use super::aws::{self, Remote};
use super::embedded;
use crate::config::{self, Config};
use crate::data_dir::DataDir;
use s3door::Door;
use std::pin::Pin;
use std::sync::Arc;
use stdx::{Clock, Entropy};
use work::Wake;

/// Stored bytes, once for each slice that uses them.
pub struct StoredObjects {
    pub raw: Arc<dyn upload::RawStore>,
    pub sources: Arc<dyn moderation::SourceFiles>,
    pub media: Arc<dyn transcode::MediaStore>,
    pub reader: Arc<dyn delivery::ObjectReader>,
    pub eraser: Arc<dyn catalog::jobs::Eraser>,
}

impl StoredObjects {
    pub fn of<E>(engine: &Arc<E>) -> Self
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

/// The records of all slices.
pub struct Records {
    pub videos: Arc<dyn catalog::VideoStore>,
    pub jobs: Arc<dyn work::JobStore>,
    pub library: Arc<dyn catalog::LibraryStore>,
    pub accounts: Arc<dyn ::identity::AccountStore>,
    pub sessions: Arc<dyn ::identity::SessionStore>,
    pub keys: Arc<dyn ::identity::KeyStore>,
    /// People of outside issuers; `None` = this engine keeps none.
    pub links: Option<Arc<dyn ::identity::LinkStore>>,
    /// What other processes must know at once; `None` = there are none.
    pub revocations: Option<Arc<dyn ::identity::RevocationStore>>,
    pub uploads: Arc<dyn upload::UploadStore>,
    pub moderation: Arc<dyn moderation::ModerationStore>,
    pub blocks: Arc<dyn moderation::BlockList>,
    pub frame_blocks: Arc<dyn moderation::FrameBlockList>,
    pub events: Arc<dyn events::EventLog>,
    pub engagement: Arc<dyn engagement::EngagementStore>,
    pub queue: Arc<dyn feed::WarmQueue>,
    pub seen: Arc<dyn feed::SeenStore>,
}

/// What the slices stand on.
pub struct Stores {
    pub records: Records,
    pub objects: StoredObjects,
    /// The way in for clients of an embedded object store.
    pub door: Option<Door>,
    /// What is shared with other processes.
    pub remote: Remote,
}

/// A future that something ends with.
pub type End = Pin<Box<dyn Future<Output = ()> + Send>>;

/// What engines are made with.
pub struct Base<'a> {
    pub config: &'a Config,
    pub data: &'a DataDir,
    pub clock: &'a Arc<dyn Clock>,
    pub entropy: &'a Arc<dyn Entropy>,
    /// Rings when a job is ready.
    pub wake: &'a Wake,
    pub duties: Duties,
}

/// What a process does, where its engines differ by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Duties {
    /// Clients are connected, who want to know what other processes did.
    pub serves: bool,
    /// Jobs run.
    pub works: bool,
}

/// Opens what the configuration names.
pub async fn open(base: &Base<'_>) -> anyhow::Result<Stores> {
    let mut remote = Remote::default();
    let records = records(base, &mut remote).await?;
    let (objects, door) = match base.config.bytes()? {
        config::StoredBytes::Embedded => {
            let (objects, door) = embedded::objects(base, &records, None).await?;
            (objects, Some(door))
        }
        config::StoredBytes::S3 { bucket } => (aws::objects(base, &bucket, &mut remote).await?, None),
    };
    remote.verify().await?;
    Ok(Stores { records, objects, door, remote })
}

pub async fn records(base: &Base<'_>, remote: &mut Remote) -> anyhow::Result<Records> {
    match base.config.records()? {
        config::Records::Embedded => embedded::records(base).await,
        config::Records::Dynamodb { region, prefix } => aws::records(base, &region, &prefix, remote).await,
    }
}
