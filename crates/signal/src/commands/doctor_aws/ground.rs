//! Where the cases run, and what must go afterwards.

use crate::config::{Config, JobDelivery, Records, StoredBytes};
use crate::wiring::aws::connect;
use anyhow::bail;
use aws::Aws;
use aws::dynamo::{Dynamo, Table, create};
use aws::objects::{S3Objects, S3Settings};
use aws::work::queues::Queue;
use aws::work::{Mailbox, create_queues};
use catalog::jobs::Eraser;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use stdx::{Entropy, OsEntropy};
use tokio::sync::Notify;

/// Longest wait for a table to stand.
const TABLE_WAIT: Duration = Duration::from_secs(120);

pub(super) fn block_on<F: Future>(f: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime starts").block_on(f)
}

/// Something of ours that stands until it is removed.
enum Made {
    Table(String),
    /// Everything in the bucket under this prefix.
    Objects(String),
    /// Queues, rules and the bus whose names begin like this.
    Queues(String),
}

/// Region and endpoint; an empty endpoint = the region's own.
struct Place {
    region: String,
    endpoint: String,
}

impl Place {
    fn new(region: &str, endpoint: &str) -> Self {
        Self { region: region.to_owned(), endpoint: endpoint.to_owned() }
    }
    fn word(&self) -> &str {
        if self.endpoint.is_empty() { &self.region } else { &self.endpoint }
    }
    async fn connect(&self) -> Aws {
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        connect(&entropy, &self.region, &self.endpoint).await
    }
}

struct Bucket {
    place: Place,
    name: String,
    path_style: bool,
    /// Raw files are fetched into here.
    scratch: tempfile::TempDir,
}

pub(super) struct Ground {
    records: Place,
    bucket: Option<Bucket>,
    queues: Option<Place>,
    /// What all names begin with: the tables' prefix and a random part.
    tables: String,
    /// The same for objects and queues.
    scratch: String,
    made: Mutex<Vec<Made>>,
    stop: AtomicBool,
    stopped: Notify,
}

impl Ground {
    pub(super) fn of(config: &Config) -> anyhow::Result<Self> {
        let Records::Dynamodb { region, prefix } = config.records()? else {
            bail!("stores.url = \"{}\" names no tables of AWS", config.stores.url)
        };
        let scratch = format!("doctor-{:06x}", OsEntropy.u64() >> 40);
        let bucket = match config.bytes()? {
            StoredBytes::S3 { bucket } => Some(Bucket {
                place: Place::new(&config.objects.region, &config.objects.endpoint),
                name: bucket,
                path_style: config.objects.path_style,
                scratch: tempfile::tempdir()?,
            }),
            StoredBytes::Embedded => None,
        };
        let queues = match config.delivery_of_jobs()? {
            JobDelivery::Sqs { region, .. } => Some(Place::new(&region, &config.work.endpoint)),
            JobDelivery::Asking => None,
        };
        Ok(Self {
            records: Place::new(&region, &config.stores.endpoint),
            bucket,
            queues,
            tables: format!("{prefix}{scratch}-"),
            scratch,
            made: Mutex::default(),
            stop: AtomicBool::new(false),
            stopped: Notify::new(),
        })
    }

    pub(super) fn scratch(&self) -> &str {
        &self.scratch
    }
    pub(super) fn records_at(&self) -> &str {
        self.records.word()
    }
    pub(super) fn objects_at(&self) -> Result<String, &'static str> {
        let bucket = self.bucket.as_ref().ok_or("objects.url names no bucket of S3")?;
        Ok(format!("the bucket {} at {}", bucket.name, bucket.place.word()))
    }
    pub(super) fn queues_at(&self) -> Result<String, &'static str> {
        let queues = self.queues.as_ref().ok_or("work.queue_url names no SQS")?;
        Ok(format!("SQS and EventBridge at {}", queues.word()))
    }

    /// A name that no other case has.
    fn name(&self) -> String {
        format!("{}-{:08x}", self.scratch, OsEntropy.u64() >> 32)
    }

    fn made(&self) -> std::sync::MutexGuard<'_, Vec<Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the next case on nothing is made any more.
    pub(super) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
    }
    /// Resolves when the case under way has ended.
    pub(super) async fn stopped(&self) {
        self.stopped.notified().await;
    }

    /// Between two cases: what the last one made goes; here a stop takes effect.
    async fn next(&self) {
        self.clear().await;
        if self.stop.load(Ordering::SeqCst) {
            self.stopped.notify_one();
            // The process ends now; not one more case begins.
            std::future::pending().await
        }
    }

    async fn dynamo(&self, prefix: &str) -> Dynamo {
        Dynamo::new(&self.records.connect().await, prefix)
    }

    /// Fresh tables for one case.
    pub(super) fn tables(&self, tables: &[&'static Table]) -> Dynamo {
        block_on(async {
            self.next().await;
            self.make_tables(tables).await
        })
    }

    async fn make_tables(&self, tables: &[&'static Table]) -> Dynamo {
        let dynamo = self.dynamo(&format!("{}{:08x}-", self.tables, OsEntropy.u64() >> 32)).await;
        for table in tables {
            let name = dynamo.name_of(table);
            self.made().push(Made::Table(name.clone()));
            create(dynamo.client(), &name, table).await.expect("the table is made");
        }
        for table in tables {
            stands(&dynamo, table).await;
        }
        dynamo
    }

    /// The bucket under a prefix of one case's own.
    pub(super) fn objects(&self) -> S3Objects {
        block_on(async {
            self.next().await;
            let prefix = format!("{}/", self.name());
            self.made().push(Made::Objects(prefix.clone()));
            self.bucket_at(&prefix).await.expect("there is a bucket")
        })
    }

    async fn bucket_at(&self, prefix: &str) -> Option<S3Objects> {
        let bucket = self.bucket.as_ref()?;
        let mut settings = S3Settings::new(&bucket.name, bucket.scratch.path());
        settings.path_style = bucket.path_style;
        settings.prefix = prefix.to_owned();
        Some(S3Objects::new(&bucket.place.connect().await, settings))
    }

    /// A fresh queue like this with its dead letters, tables for its jobs, and a name for a bus.
    pub(super) fn delivery(&self, queue: &Queue) -> Delivery {
        block_on(async {
            self.next().await;
            let aws = self.queues.as_ref().expect("there are queues").connect().await;
            let prefix = format!("{}-", self.name());
            self.made().push(Made::Queues(prefix.clone()));
            create_queues(&aws.sqs(), &prefix, &[queue]).await.expect("the queues are made");
            let dynamo = self.make_tables(aws::work::TABLES).await;
            let mailbox = async |name: &str| {
                let url = aws::work::queues::url_of(&aws.sqs(), &format!("{prefix}{name}")).await;
                Mailbox::new(aws.sqs(), &url.expect("it stands"), Arc::new(OsEntropy))
            };
            let (letters, dead) = (mailbox(queue.name).await, mailbox(queue.dead_letters).await);
            Delivery { aws, dynamo, prefix, letters, dead }
        })
    }

    /// Removes what was made and not removed yet.
    pub(super) async fn clear(&self) {
        let made = std::mem::take(&mut *self.made());
        for one in made {
            let (what, removed) = match one {
                Made::Table(name) => {
                    let client = self.dynamo("").await.client().clone();
                    let gone = match client.delete_table().table_name(&name).send().await {
                        Err(e)
                            if !e.as_service_error().is_some_and(|e| e.is_resource_not_found_exception()) =>
                        {
                            Err(e.to_string())
                        }
                        _ => Ok(()),
                    };
                    (format!("the table {name}"), gone)
                }
                Made::Objects(prefix) => {
                    let gone = match self.bucket_at("").await {
                        Some(bucket) => bucket.delete_prefix(&prefix).await.map_err(|e| e.to_string()),
                        None => Ok(()),
                    };
                    (format!("what is in the bucket under {prefix}"), gone)
                }
                Made::Queues(prefix) => {
                    let gone = match &self.queues {
                        Some(place) => aws::checks::scratch::remove(&place.connect().await, &prefix)
                            .await
                            .map_err(|e| e.to_string()),
                        None => Ok(()),
                    };
                    (format!("the queues, rules and bus named {prefix}…"), gone)
                }
            };
            if let Err(e) = removed {
                eprintln!("remove {what} by hand: {e}");
            }
        }
    }
}

/// What a case of delivery works with.
#[derive(Clone)]
pub(super) struct Delivery {
    pub aws: Aws,
    pub dynamo: Dynamo,
    pub prefix: String,
    pub letters: Mailbox,
    pub dead: Mailbox,
}

async fn stands(dynamo: &Dynamo, table: &Table) {
    let began = Instant::now();
    while let Err(said) = aws::checks::table(dynamo, table).await {
        assert!(began.elapsed() < TABLE_WAIT, "{said}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}
