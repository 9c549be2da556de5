//! The engines of AWS, and what a process that shares them with others needs besides.

mod checks;
mod delivery;
mod encoder;
mod eyes;
mod news;
mod outside;

pub use checks::tables;
pub use delivery::bus_name;
pub use outside::{Outside, accounts_at, verifier};

use super::stores::{Base, Records, StoredObjects};
use crate::config::JobDelivery;
use api::Check;
use aws::dynamo::Dynamo;
use aws::feed::SeenRules;
use aws::notices::Notices;
use aws::objects::{Encryption, PartSums, S3Objects, S3Settings};
use aws::remember::{News, RememberPolicy, RememberedAccounts, RememberedTotals, RememberedVideos};
use aws::{Aws, AwsPolicy, AwsSettings};
use catalog::StatusListener;
use std::sync::{Arc, Mutex};
use stdx::{Entropy, OsEntropy};

/// What stands outside this process: how it is looked at, and how other processes are told.
#[derive(Default)]
pub struct Remote {
    checks: Vec<Arc<dyn Check>>,
    notices: Option<Arc<Notices>>,
    /// Tells the bus, where there is one; then there are no notices.
    bus: Option<Arc<dyn StatusListener>>,
    /// What this process remembers, to be told what others wrote.
    news: Option<News>,
    /// What an encoder outside works on.
    dynamo: Option<Dynamo>,
    bucket: Option<S3Objects>,
    /// Until it is run.
    delivery: Mutex<Option<delivery::Delivery>>,
}

impl Remote {
    pub fn checks(&self) -> &[Arc<dyn Check>] {
        &self.checks
    }

    /// Who tells the other processes, where there are any.
    pub fn listener(&self) -> Option<Arc<dyn StatusListener>> {
        self.bus.clone().or_else(|| self.notices.clone().map(|n| n as Arc<dyn StatusListener>))
    }

    /// Offsets of the event log that one append takes.
    pub fn log_stride(&self) -> u64 {
        if self.news.is_some() { aws::events::OFFSETS_PER_APPEND } else { 1 }
    }

    /// How long the feed trusts what it read: what others change is told, and a read costs money.
    pub fn feed_cache(&self) -> feed::policy::CacheRules {
        if self.news.is_some() { feed::policy::CacheRules::told() } else { Default::default() }
    }

    /// Says in one sentence what is wrong, before anything is served.
    pub async fn verify(&self) -> anyhow::Result<()> {
        let looks = self.checks.iter().map(|check| check.check());
        for outcome in futures::future::join_all(looks).await {
            outcome.map_err(|said| anyhow::anyhow!("cannot start: {said}"))?;
        }
        Ok(())
    }
}

/// `endpoint`: empty = the region's own. Credentials come from the AWS chain, never from our settings.
pub async fn connect(entropy: &Arc<dyn Entropy>, region: &str, endpoint: &str) -> Aws {
    let settings = AwsSettings {
        region: region.to_owned(),
        endpoint: (!endpoint.is_empty()).then(|| endpoint.to_owned()),
        credentials: None,
        policy: AwsPolicy::default(),
    };
    Aws::open(settings, Arc::clone(entropy)).await
}

pub async fn records(
    base: &Base<'_>,
    region: &str,
    prefix: &str,
    remote: &mut Remote,
) -> anyhow::Result<Records> {
    let connection = connect(base.entropy, region, &base.config.stores.endpoint).await;
    let dynamo = Dynamo::new(&connection, prefix);
    remote.checks.extend(checks::of_tables(&dynamo));
    remote.dynamo = Some(dynamo.clone());
    // Before anything else is opened: what is wrong with credentials or region is said here in plain words.
    remote.verify().await?;
    let remember = upload::UploadPolicy::default().remember;
    let counting = engagement::EngagementPolicy::default();
    let d = || dynamo.clone();
    let (clock, shown) = (|| Arc::clone(base.clock), RememberPolicy::default());
    let jobs: Arc<dyn work::JobStore> = Arc::new(aws::work::DynamoJobStore::new(d()));
    let jobs = match base.config.delivery_of_jobs()? {
        JobDelivery::Asking => {
            remote.notices = Some(Arc::new(Notices::new(dynamo.clone(), Arc::clone(base.clock))));
            jobs
        }
        JobDelivery::Sqs { region, prefix } => {
            delivery::by_queue(base, jobs, (&region, &prefix), remote).await?
        }
    };
    let videos = RememberedVideos::new(aws::catalog::DynamoVideoStore::new(d()), clock(), &shown);
    remote.news = Some(videos.news());
    Ok(Records {
        videos: Arc::new(videos),
        jobs,
        library: Arc::new(aws::catalog::DynamoLibraryStore::new(d())),
        accounts: Arc::new(RememberedAccounts::new(
            aws::identity::DynamoAccountStore::new(d()),
            clock(),
            &shown,
        )),
        sessions: Arc::new(aws::identity::DynamoSessionStore::new(d())),
        keys: Arc::new(aws::identity::DynamoKeyStore::new(d())),
        links: Some(Arc::new(aws::identity::DynamoLinkStore::new(d()))),
        revocations: Some(Arc::new(aws::identity::DynamoRevocationStore::new(d()))),
        uploads: Arc::new(aws::upload::DynamoUploadStore::new(d(), remember)),
        moderation: Arc::new(aws::moderation::DynamoModerationStore::new(d())),
        blocks: Arc::new(aws::moderation::DynamoBlockList::new(d())),
        frame_blocks: Arc::new(aws::moderation::DynamoFrameBlockList::new(d())),
        events: Arc::new(aws::events::DynamoEventLog::new(d(), base.config.stores.event_shards)),
        engagement: Arc::new(RememberedTotals::new(
            aws::engagement::DynamoEngagementStore::new(d(), counting),
            clock(),
            &shown,
        )),
        queue: Arc::new(aws::feed::DynamoWarmQueue::new(d(), feed::QueueRules::default())),
        seen: Arc::new(aws::feed::DynamoSeenStore::new(d(), SeenRules::default())),
    })
}

pub async fn objects(base: &Base<'_>, bucket: &str, remote: &mut Remote) -> anyhow::Result<StoredObjects> {
    let config = base.config;
    let connection = connect(base.entropy, &config.objects.region, &config.objects.endpoint).await;
    let mut settings = S3Settings::new(bucket, base.data.scratch().join("raw"));
    settings.path_style = config.objects.path_style;
    let public = config.objects.public_url.trim_end_matches('/');
    settings.public_endpoint = (!public.is_empty()).then(|| public.to_owned());
    settings.origins =
        std::iter::once(config.public_url()).chain(config.server.allowed_origins.iter().cloned()).collect();
    if config.objects.require_checksums {
        settings.part_sums = PartSums::Required;
    }
    if !config.objects.kms_key.is_empty() {
        settings.encryption = Encryption::Kms { key_id: config.objects.kms_key.clone() };
    }
    let engine = S3Objects::new(&connection, settings);
    remote.checks.push(checks::of_bucket(engine.clone()));
    remote.bucket = Some(engine.clone());
    Ok(StoredObjects::of(&Arc::new(engine)))
}

/// Makes the tables that are missing; answers all their names.
pub async fn create_tables(region: &str, endpoint: &str, prefix: &str) -> anyhow::Result<Vec<String>> {
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let dynamo = Dynamo::new(&connect(&entropy, region, endpoint).await, prefix);
    let mut made = Vec::new();
    for table in tables() {
        let name = dynamo.name_of(table);
        aws::dynamo::create(dynamo.client(), &name, table).await?;
        made.push(name);
    }
    Ok(made)
}

/// Makes the queues and the bus that are missing; answers their names.
pub async fn create_queues(region: &str, endpoint: &str, prefix: &str) -> anyhow::Result<Vec<String>> {
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let connection = connect(&entropy, region, endpoint).await;
    aws::work::create_queues(&connection.sqs(), prefix, &queues()).await?;
    let bus = delivery::bus_name(prefix);
    aws::work::create_bus(&connection.eventbridge(), &bus).await?;
    let names = queues().into_iter().map(|q| format!("{prefix}{}", q.name));
    Ok(names.chain([bus]).collect())
}

/// For the contract.
pub fn queues() -> Vec<&'static aws::work::queues::Queue> {
    [aws::work::QUEUES, aws::rekognition::QUEUES].concat()
}
