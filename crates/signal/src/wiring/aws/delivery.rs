//! Jobs announced by SQS, and S3's own word of what arrived.

use super::checks::{self, Look, Said};
use super::{Remote, connect};
use crate::config::StoredBytes;
use crate::wiring::House;
use crate::wiring::stores::{Base, End};
use crate::wiring::worker::KINDS;
use async_trait::async_trait;
use aws::work::queues::{ARRIVAL_QUEUE, JOB_QUEUE, Queue, url_of};
use aws::work::{ArrivalJobs, Arrivals, Courier, CourierDeps, DeliveryPolicy, Mailbox, SqsDelivered};
use std::sync::{Arc, PoisonError};
use work::JobStore;

/// What runs beside the roles of this process.
pub struct Delivery {
    courier: Courier<Arc<dyn JobStore>>,
    /// Where S3 tells of objects, and whose.
    arrivals: Option<(Mailbox, String)>,
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
    remote.delivery = std::sync::Mutex::new(Some(Delivery { courier, arrivals }));
    Ok(Arc::new(store))
}

impl Remote {
    /// Runs the courier until `idle`, when no job runs here any more, and hears S3 until `stop`.
    pub async fn deliver(&self, house: Arc<House>, stop: End, idle: End) {
        let delivery = self.delivery.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(Delivery { courier, arrivals }) = delivery else { return idle.await };
        // These futures hold borrows that the compiler cannot see to be `Send`: each has a thread to itself.
        let runtime = tokio::runtime::Handle::current();
        let hear = runtime.clone();
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
        let _ = tokio::join!(courier, arrivals);
    }
}
