//! Delivery by SQS and EventBridge against a double of both.
#![allow(clippy::unwrap_used, reason = "a test may panic; no harness tells clippy that this is one")]

#[path = "delivery/arrivals.rs"]
mod arrivals;
#[path = "delivery/events.rs"]
mod events;
#[path = "delivery/grudge.rs"]
mod grudge;
#[path = "delivery/jobs.rs"]
mod jobs;
#[path = "delivery/kitchen.rs"]
mod kitchen;
mod support;

use aws::Aws;
use aws::dynamo::{Dynamo, create};
use aws::work::TABLES;
use aws::work::mail::{Letter, Mailbox};
use aws::work::queues::{JOB_QUEUE, Queue, create_queues, url_of};
use std::sync::Arc;
use std::time::Duration;
use stdx::{Entropy, OsEntropy};
use support::{block_on, double, settings};
use testkit::Trial;

/// Clients of the double, and names of its own.
pub struct World {
    pub aws: Aws,
    pub prefix: String,
}

impl World {
    pub async fn new() -> Self {
        let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
        let prefix = format!("t{:016x}-", entropy.u64());
        Self { aws: Aws::open(settings(&double::sqs()), entropy).await, prefix }
    }

    /// Behind a wire that breaks batches, and how many it broke.
    pub async fn grudging(&self) -> (Aws, Arc<std::sync::atomic::AtomicU64>) {
        let (http, cut) = grudge::over(aws::sdk::http_client());
        (Aws::with_http(settings(&double::sqs()), http, Arc::new(OsEntropy)).await, cut)
    }

    /// Fresh tables of jobs.
    pub async fn dynamo(&self) -> Dynamo {
        let aws = Aws::open(settings(&double::dynamodb()), Arc::new(OsEntropy)).await;
        let dynamo = Dynamo::new(&aws, &self.prefix);
        for table in TABLES {
            create(dynamo.client(), &dynamo.name_of(table), table).await.expect("made");
        }
        dynamo
    }

    /// A fresh queue of this shape with its dead letters.
    pub async fn queue(&self, queue: &Queue) -> (Mailbox, Mailbox) {
        create_queues(&self.aws.sqs(), &self.prefix, &[queue]).await.expect("made");
        (self.mailbox(queue.name).await, self.mailbox(queue.dead_letters).await)
    }

    pub async fn mailbox(&self, name: &str) -> Mailbox {
        let url = url_of(&self.aws.sqs(), &format!("{}{name}", self.prefix)).await.expect("it stands");
        Mailbox::new(self.aws.sqs(), &url, Arc::new(OsEntropy))
    }
}

/// The queue of jobs. Messages come back after [`kitchen::VISIBILITY`], which is longer than a machine
/// stands still: what a test does not prove by a message that comes back, it must not meet by chance.
pub fn steady(receives_max: u32) -> Queue {
    Queue { visibility_s: (kitchen::VISIBILITY.0 / 1_000) as u32, receives_max, ..JOB_QUEUE }
}

/// The queue of jobs, impatient: for tests whose messages must come back, however often.
pub fn quick(receives_max: u32) -> Queue {
    Queue { visibility_s: 2, ..steady(receives_max) }
}

/// Whatever can be received within `wait`, without deleting it.
pub async fn peek(mailbox: &Mailbox, wait: u64) -> Vec<Letter> {
    mailbox.receive(Duration::from_secs(wait), 10).await.expect("received")
}

/// Messages in the queue: waiting, and out of sight.
pub async fn depth(mailbox: &Mailbox) -> (u64, u64) {
    use aws_sdk_sqs::types::QueueAttributeName as A;
    let of = async |name: A| {
        let call = mailbox.client().get_queue_attributes().queue_url(mailbox.url());
        let answer = call.attribute_names(name.clone()).send().await.expect("answered");
        answer.attributes.and_then(|a| a.get(&name)?.parse().ok()).unwrap_or(0)
    };
    (of(A::ApproximateNumberOfMessages).await, of(A::ApproximateNumberOfMessagesNotVisible).await)
}

pub fn trial(name: &str, check: impl AsyncFn(World) + Send + 'static) -> Trial {
    Trial::test(name, move || {
        let _ = double::sqs();
        block_on(async { check(World::new().await).await });
        Ok(())
    })
}

fn main() {
    let mut all = jobs::trials();
    all.extend(events::trials());
    all.extend(arrivals::trials());
    testkit::main(all)
}
