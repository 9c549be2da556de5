//! Jobs announced by SQS, S3's own word of what arrived, and the bus by which processes hear each other.

use super::checks::{self, Look, Said};
use super::{Remote, connect};
use crate::config::{Encoding, StoredBytes};
use crate::wiring::House;
use crate::wiring::stores::{Base, End};
use crate::wiring::worker::KINDS;
use async_trait::async_trait;
use aws::remember::News;
use aws::work::queues::{ARRIVAL_QUEUE, JOB_QUEUE, MEDIA_QUEUE, Queue};
use aws::work::{
    ArrivalJobs, Arrivals, AwaitedArrivals, Bus, BusDeps, BusPolicy, Courier, CourierDeps, DeliveryPolicy,
    Ears, EarsDeps, Mailbox, SqsDelivered,
};
use catalog::{Listeners, StatusListener};
use futures::FutureExt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use stdx::Entropy;
use work::JobStore;

/// What runs beside the roles of this process.
pub struct Delivery {
    courier: Courier<Arc<dyn JobStore>>,
    /// Where MediaConvert's jobs are told of.
    media: Option<Mailbox>,
    /// Where S3 tells of objects, and whose.
    arrivals: Option<(Mailbox, String)>,
    bus: Bus,
    /// Where nobody is connected nobody listens.
    ears: Option<Wanted>,
}

/// What ears are made of, but for who listens.
struct Wanted {
    sqs: aws::sdk::SqsClient,
    eventbridge: aws::sdk::EventBridgeClient,
    prefix: String,
    origin: String,
}

/// The bus of a house: its rules copy every status change into the queue of each process.
pub fn bus_name(prefix: &str) -> String {
    format!("{prefix}events")
}

/// After a failed attempt to listen.
const DEAF_PAUSE: Duration = Duration::from_secs(5);

/// Everything in this process that wants to know what other processes did: first what it remembers.
fn within(house: &House, news: Option<News>) -> Listeners {
    let news = news.map(|news| Arc::new(news) as Arc<dyn StatusListener>);
    Listeners(news.into_iter().chain(house.listeners.0.iter().cloned()).collect())
}

struct QueueStands {
    client: aws::sdk::SqsClient,
    name: String,
}

#[async_trait]
impl Look for QueueStands {
    async fn look(&self) -> Said {
        aws::checks::queue(&self.client, &self.name).await.map(drop)
    }
}

struct BusStands {
    client: aws::sdk::EventBridgeClient,
    name: String,
}

#[async_trait]
impl Look for BusStands {
    async fn look(&self) -> Said {
        aws::checks::bus(&self.client, &self.name).await
    }
}

fn start<T>(said: Result<T, String>) -> anyhow::Result<T> {
    said.map_err(|said| anyhow::anyhow!("cannot start: {said}"))
}

/// Opens the queue `name`; from now on `remote` watches that it stands.
pub(super) async fn open(
    client: &aws::sdk::SqsClient,
    entropy: &Arc<dyn Entropy>,
    (word, name): (&'static str, String),
    remote: &mut Remote,
) -> anyhow::Result<Mailbox> {
    let url = start(aws::checks::queue(client, &name).await)?;
    remote.checks.push(checks::just_seen(word, QueueStands { client: client.clone(), name }));
    Ok(Mailbox::new(client.clone(), &url, Arc::clone(entropy)))
}

/// The job store as the slices use it, and the courier that `remote` will run.
pub async fn by_queue(
    base: &Base<'_>,
    inner: Arc<dyn JobStore>,
    (region, prefix): (&str, &str),
    remote: &mut Remote,
) -> anyhow::Result<Arc<dyn JobStore>> {
    let config = base.config;
    let connection = connect(base.entropy, region, &config.work.endpoint).await;
    let client = connection.sqs();
    let named = |queue: &Queue| format!("{prefix}{}", queue.name);
    let mailbox = open(&client, base.entropy, ("queue of jobs", named(&JOB_QUEUE)), remote).await?;
    let bus_stands = BusStands { client: connection.eventbridge(), name: bus_name(prefix) };
    start(bus_stands.look().await)?;
    remote.checks.push(checks::just_seen("bus", bus_stands));
    let kinds = if base.duties.works { KINDS.iter().map(|k| (*k).to_owned()).collect() } else { Vec::new() };
    let deps = CourierDeps { mailbox, clock: Arc::clone(base.clock), wake: base.wake.clone(), kinds };
    let arrivals = match config.bytes()? {
        StoredBytes::S3 { bucket } if base.duties.works => {
            let place = ("queue of arrivals", named(&ARRIVAL_QUEUE));
            Some((open(&client, base.entropy, place, remote).await?, bucket))
        }
        _ => None,
    };
    let media = if base.duties.works && config.encoding()? != Encoding::Ffmpeg {
        let place = ("queue of encoding jobs", named(&MEDIA_QUEUE));
        Some(open(&client, base.entropy, place, remote).await?)
    } else {
        None
    };
    let (store, courier) = SqsDelivered::new(inner, deps, DeliveryPolicy::default());
    let origin = format!("{:016x}", base.entropy.u64());
    let (tells, bus) = Bus::new(
        BusDeps {
            client: connection.eventbridge(),
            bus: bus_name(prefix),
            origin: origin.clone(),
            clock: Arc::clone(base.clock),
            entropy: Arc::clone(base.entropy),
        },
        BusPolicy::default(),
    );
    remote.bus = Some(Arc::new(tells));
    let ears = base.duties.serves.then(|| Wanted {
        sqs: client.clone(),
        eventbridge: connection.eventbridge(),
        prefix: prefix.to_owned(),
        origin,
    });
    remote.delivery = std::sync::Mutex::new(Some(Delivery { courier, media, arrivals, bus, ears }));
    Ok(Arc::new(store))
}

impl Remote {
    /// Runs the courier until `idle`, when no job runs here any more, and hears S3 until `stop`.
    pub async fn deliver(&self, house: Arc<House>, stop: End, idle: End) {
        let delivery = self.delivery.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Delivery { courier, media, arrivals, bus, ears }) = delivery else { return idle.await };
        let (stop, idle) = (stop.shared(), idle.shared());
        let (told, hearing) = ((Arc::clone(&house), within(&house, self.news.clone())), stop.clone());
        let listening = tokio::spawn(async move {
            if let Some(ears) = ears {
                listen(ears, told, hearing).await;
            }
        });
        // These futures hold borrows that the compiler cannot see to be `Send`: each has a thread to itself.
        let runtime = tokio::runtime::Handle::current();
        let hear = runtime.clone();
        // The last job to end is still told of.
        let telling = tokio::spawn(bus.run(idle.clone()));
        // As long as a job may wait for its encode.
        let (media, encoding) = (media.and_then(|m| self.job_events(m)), idle.clone());
        let encodes = tokio::spawn(async move {
            if let Some(events) = media {
                events.run(encoding).await;
            }
        });
        let courier = tokio::task::spawn_blocking(move || runtime.block_on(courier.run(idle)));
        let arrivals = tokio::task::spawn_blocking(move || {
            if let Some((mailbox, bucket)) = arrivals {
                let jobs = ArrivalJobs {
                    jobs: house.submit.clone(),
                    clock: Arc::clone(&house.clock),
                    policy: house.uploads.policy().clone(),
                };
                let uploads = Arc::clone(&house.stores.records.uploads);
                let sink = AwaitedArrivals { uploads, jobs };
                hear.block_on(Arrivals::new(mailbox, &bucket, Arc::new(sink)).run(stop));
            }
        });
        let _ = tokio::join!(courier, arrivals, telling, listening, encodes);
    }
}

/// Opens this process's ears, as often as it takes, and hears until `stop`.
async fn listen(
    wanted: Wanted,
    (house, within): (Arc<House>, Listeners),
    stop: impl Future<Output = ()> + Clone,
) {
    let deps = EarsDeps {
        sqs: wanted.sqs,
        eventbridge: wanted.eventbridge,
        clock: Arc::clone(&house.clock),
        entropy: Arc::clone(&house.entropy),
        bus: bus_name(&wanted.prefix),
        prefix: wanted.prefix,
        origin: wanted.origin,
        listener: Arc::new(within),
        videos: Arc::clone(&house.stores.records.videos),
    };
    loop {
        match Ears::open(deps.clone()).await {
            Ok(ears) => return ears.run(stop).await,
            Err(error) => {
                tracing::warn!(%error, "this process does not hear the others (work.queue_url: the bus, or the right to make a queue)");
            }
        }
        tokio::select! {
            () = stop.clone() => return,
            () = tokio::time::sleep(DEAF_PAUSE) => {}
        }
    }
}
