//! Queues as data: what the contract prints and what is created from it.

use crate::fault;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName as A;
use serde::Serialize;
use std::collections::HashMap;
use stdx::Fault;

/// Who puts messages into a queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Feeder {
    /// Our own processes.
    Us,
    /// S3, directly, through SNS or through EventBridge.
    ObjectStore,
    /// A topic of ours.
    Topic,
    /// MediaConvert, through a rule of the account's default bus.
    Encoder,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Queue {
    pub name: &'static str,
    pub what: &'static str,
    pub fed_by: Feeder,
    /// How long a received message stays out of sight unless it is held longer.
    pub visibility_s: u32,
    pub retention_s: u32,
    /// Messages go here that were received `receives_max` times and never deleted.
    pub dead_letters: &'static str,
    pub receives_max: u32,
    pub dead_retention_s: u32,
}

const DAYS: u32 = 24 * 3600;

/// One message a job that became ready. A receiver holds it by heartbeats of a third of the visibility, so a
/// killed worker's message is back within a minute: after the job's own lease of 30 s.
pub const JOB_QUEUE: Queue = Queue {
    name: "jobs",
    what: "a job became ready: {v, job, kind}",
    fed_by: Feeder::Us,
    visibility_s: 60,
    retention_s: 4 * DAYS,
    dead_letters: "jobs-dead",
    receives_max: 5,
    dead_retention_s: 14 * DAYS,
};

/// Objects that S3 says it has.
pub const ARRIVAL_QUEUE: Queue = Queue {
    name: "arrivals",
    what: "S3 ObjectCreated events of raw/, directly, in an SNS envelope or from EventBridge",
    fed_by: Feeder::ObjectStore,
    visibility_s: 60,
    retention_s: 4 * DAYS,
    dead_letters: "arrivals-dead",
    receives_max: 5,
    dead_retention_s: 14 * DAYS,
};

/// Jobs of MediaConvert that changed their state. A message is a nudge: the service is asked now and then.
pub const MEDIA_QUEUE: Queue = Queue {
    name: "media-jobs",
    what: "EventBridge's `MediaConvert Job State Change` of jobs with our metadata",
    fed_by: Feeder::Encoder,
    visibility_s: 30,
    retention_s: DAYS,
    dead_letters: "media-jobs-dead",
    receives_max: 5,
    dead_retention_s: 14 * DAYS,
};

/// Every queue of a deployment. Queues of single processes (`ears.rs`) come and go with them.
pub const QUEUES: &[&Queue] = &[&JOB_QUEUE, &ARRIVAL_QUEUE, &MEDIA_QUEUE];

/// Creates the queues `<prefix><name>` and their dead-letter queues; those that exist are left as they are.
pub async fn create_queues(sqs: &Client, prefix: &str, queues: &[&Queue]) -> Result<(), Fault> {
    for queue in queues {
        let retention = HashMap::from([(A::MessageRetentionPeriod, queue.dead_retention_s.to_string())]);
        let dead = ensure(sqs, &format!("{prefix}{}", queue.dead_letters), retention).await?;
        let dead_arn = arn_of(sqs, &dead).await?;
        let redrive = serde_json::json!({
            "deadLetterTargetArn": dead_arn,
            "maxReceiveCount": queue.receives_max,
        });
        let mut attributes = HashMap::from([
            (A::MessageRetentionPeriod, queue.retention_s.to_string()),
            (A::VisibilityTimeout, queue.visibility_s.to_string()),
            (A::ReceiveMessageWaitTimeSeconds, "20".to_owned()),
            (A::RedrivePolicy, redrive.to_string()),
        ]);
        let services: &[&str] = match queue.fed_by {
            Feeder::Us => &[],
            Feeder::ObjectStore => &["s3.amazonaws.com", "sns.amazonaws.com", "events.amazonaws.com"],
            Feeder::Topic => &["sns.amazonaws.com"],
            Feeder::Encoder => &["events.amazonaws.com"],
        };
        if !services.is_empty() {
            // The services serve everybody: only what they do for this account may come in.
            let account = dead_arn.split(':').nth(4).unwrap_or_default();
            attributes.insert(A::Policy, may_send(services, ("StringEquals", "aws:SourceAccount", account)));
        }
        ensure(sqs, &format!("{prefix}{}", queue.name), attributes).await?;
    }
    Ok(())
}

/// A queue policy: these services may send where the condition (operator, key, value) holds.
pub(super) fn may_send(services: &[&str], (operator, key, value): (&str, &str, &str)) -> String {
    let statement = serde_json::json!({
        "Effect": "Allow", "Principal": {"Service": services}, "Action": "sqs:SendMessage", "Resource": "*",
        "Condition": {operator: {key: value}},
    });
    serde_json::json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}

/// Creates the bus of domain events unless it exists.
pub async fn create_bus(bus: &aws_sdk_eventbridge::Client, name: &str) -> Result<(), Fault> {
    match bus.create_event_bus().name(name).send().await {
        Ok(_) => Ok(()),
        Err(e) if e.as_service_error().is_some_and(|s| s.is_resource_already_exists_exception()) => Ok(()),
        Err(e) => Err(fault::of(&format!("creating the bus {name}"), e)),
    }
}

/// The address of the queue, which is created unless it exists.
pub(super) async fn ensure(
    sqs: &Client,
    name: &str,
    attributes: HashMap<A, String>,
) -> Result<String, Fault> {
    match sqs.create_queue().queue_name(name).set_attributes(Some(attributes)).send().await {
        Ok(made) => made.queue_url.ok_or_else(|| Fault::internal(format!("the queue {name} has no address"))),
        // It stands with other attributes: somebody set them on purpose.
        Err(e) if e.as_service_error().is_some_and(|s| s.is_queue_name_exists()) => url_of(sqs, name).await,
        Err(e) => Err(fault::of(&format!("creating the queue {name}"), e)),
    }
}

pub async fn url_of(sqs: &Client, name: &str) -> Result<String, Fault> {
    let found = sqs.get_queue_url().queue_name(name).send().await;
    let found = found.map_err(|e| fault::of(&format!("looking for the queue {name}"), e))?;
    found.queue_url.ok_or_else(|| Fault::internal(format!("the queue {name} has no address")))
}

pub(super) async fn arn_of(sqs: &Client, url: &str) -> Result<String, Fault> {
    let found = sqs.get_queue_attributes().queue_url(url).attribute_names(A::QueueArn).send().await;
    let found = found.map_err(|e| fault::of("asking for a queue's name", e))?;
    let arn = found.attributes.as_ref().and_then(|a| a.get(&A::QueueArn)).cloned();
    arn.ok_or_else(|| Fault::internal(format!("the queue {url} has no name")))
}
