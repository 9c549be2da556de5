//! Jobs announced by SQS, S3's own word of what arrived, and the bus by which processes hear each other.

use super::checks::{self, Look, Said};
use super::{Remote, connect};
use crate::config::StoredBytes;
use crate::wiring::House;
use crate::wiring::stores::{Base, End};
use crate::wiring::worker::KINDS;
use async_trait::async_trait;
use aws::remember::News;
use aws::work::queues::{ARRIVAL_QUEUE, JOB_QUEUE, Queue, url_of};
use aws::work::{
    ArrivalJobs, Arrivals, Bus, BusDeps, BusPolicy, Courier, CourierDeps, DeliveryPolicy, Ears, EarsDeps,
    Mailbox, SqsDelivered,
};
use catalog::{StatusListener, Video};
use futures::FutureExt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use vocab::{Status, UserId, VideoId};
use work::JobStore;

/// What runs beside the roles of this process.
pub struct Delivery {
    courier: Courier<Arc<dyn JobStore>>,
    /// Where S3 tells of objects, and whose.
    arrivals: Option<(Mailbox, String)>,
    bus: Bus,
    ears: Wanted,
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

/// Everything in this process that wants to know what other processes did.
struct Within {
    house: Arc<House>,
    news: Option<News>,
}

#[async_trait]
impl StatusListener for Within {
    async fn changed(&self, video: &Video) {
        if let Some(news) = &self.news {
            news.changed(video).await;
        }
        self.house.hub.changed(video).await;
        self.house.feed.changed(video).await;
        self.house.origin.changed(video).await;
    }
    async fn progressed(&self, video: VideoId, owner: UserId, status: Status, percent: u8) {
        self.house.hub.progressed(video, owner, status, percent).await;
    }
}

struct QueueStands {
    client: aws::sdk::SqsClient,
    name: String,
}

#[async_trait]
impl Look for QueueStands {
    async fn look(&self) -> Said {
        url_of(&self.client, &self.name).await.map(|_| ()).map_err(|e| {
            format!(
                "there is no queue {}, or it cannot be asked for (work.queue_url, work.endpoint): create it as \
                 infra/contract.json describes it ({e})",
                self.name
            )
        })
    }
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
    for (word, queue) in [("queue of jobs", &JOB_QUEUE), ("queue of arrivals", &ARRIVAL_QUEUE)] {
        let look = QueueStands { client: client.clone(), name: named(queue) };
        look.look().await.map_err(|said| anyhow::anyhow!("cannot start: {said}"))?;
        remote.checks.push(checks::recently(word, look));
    }
    let open = async |queue: &Queue| -> anyhow::Result<Mailbox> {
        let url = url_of(&client, &named(queue)).await?;
        Ok(Mailbox::new(client.clone(), &url, Arc::clone(base.entropy)))
    };
    let kinds = if base.works { KINDS.iter().map(|k| (*k).to_owned()).collect() } else { Vec::new() };
    let deps = CourierDeps {
        mailbox: open(&JOB_QUEUE).await?,
        clock: Arc::clone(base.clock),
        wake: base.wake.clone(),
        kinds,
    };
    let arrivals = match config.bytes()? {
        StoredBytes::S3 { bucket } if base.works => Some((open(&ARRIVAL_QUEUE).await?, bucket)),
        _ => None,
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
    let ears = Wanted {
        sqs: client.clone(),
        eventbridge: connection.eventbridge(),
        prefix: prefix.to_owned(),
        origin,
    };
    remote.delivery = std::sync::Mutex::new(Some(Delivery { courier, arrivals, bus, ears }));
    Ok(Arc::new(store))
}

impl Remote {
    /// Runs the courier until `idle`, when no job runs here any more, and hears S3 until `stop`.
    pub async fn deliver(&self, house: Arc<House>, stop: End, idle: End) {
        let delivery = self.delivery.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Delivery { courier, arrivals, bus, ears }) = delivery else { return idle.await };
        let (stop, idle) = (stop.shared(), idle.shared());
        let within = Within { house: Arc::clone(&house), news: self.news.clone() };
        let listening = tokio::spawn(listen(ears, within, stop.clone()));
        // These futures hold borrows that the compiler cannot see to be `Send`: each has a thread to itself.
        let runtime = tokio::runtime::Handle::current();
        let hear = runtime.clone();
        // The last job to end is still told of.
        let telling = tokio::spawn(bus.run(idle.clone()));
        let courier = tokio::task::spawn_blocking(move || runtime.block_on(courier.run(idle)));
        let arrivals = tokio::task::spawn_blocking(move || {
            if let Some((mailbox, bucket)) = arrivals {
                let sink = ArrivalJobs {
                    jobs: house.submit.clone(),
                    clock: Arc::clone(&house.clock),
                    policy: house.uploads.policy().clone(),
                };
                hear.block_on(Arrivals::new(mailbox, &bucket, Arc::new(sink)).run(stop));
            }
        });
        let _ = tokio::join!(courier, arrivals, telling, listening);
    }
}

/// Opens this process's ears, as often as it takes, and hears until `stop`.
async fn listen(wanted: Wanted, within: Within, stop: impl Future<Output = ()> + Clone) {
    let house = Arc::clone(&within.house);
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
