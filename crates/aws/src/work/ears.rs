//! What a process hears from the bus: a queue of its own, made at its start and gone with it.
//!
//! Every API process must hear every event, for its own WebSockets and hot caches, so one shared queue will
//! not do: each message of it reaches one process. A rule of the bus per process copies events into a queue
//! per process, at no cost while nothing happens. The alternative, a log in DynamoDB that every process asks
//! each second, costs writes on the path to publication and reads all day long. The price: a process creates
//! a queue and a rule (a bus allows 300 rules unless more are asked for), and one that is killed leaves both
//! behind. Its queue keeps messages five minutes; whoever starts later removes what was not marked as alive
//! for half an hour.

use super::mail::{BATCH_MAX, Letter, Mailbox, POLL_MAX};
use super::queues::{arn_of, may_send};
use super::video_event::{SOURCE, VideoEvent};
use crate::fault;
use aws_sdk_eventbridge::types::Target;
use aws_sdk_sqs::types::QueueAttributeName as A;
use catalog::{StatusListener, VideoStore};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::{Clock, Entropy, Fault};
use tokio::time::sleep;
use vocab::{Millis, VideoId};

const RETENTION_S: u32 = 300;
const VISIBILITY_S: u32 = 30;
/// The tag that says when the owner was last alive, in seconds since 1970.
const ALIVE: &str = "signal-alive";
/// The owner marks its queue so often.
const MARK_EVERY: Millis = Millis::from_secs(300);
/// A queue that was not marked for so long is nobody's.
const DEAF_AFTER: Millis = Millis::from_secs(1_800);
const TARGET: &str = "ears";
/// Videos whose last told revision is remembered.
const TOLD_MAX: usize = 20_000;
const PAUSE: Millis = Millis::from_secs(2);
/// Forgotten queues removed by one start.
const SWEEP_MAX: i32 = 100;

#[derive(Clone)]
pub struct EarsDeps {
    pub sqs: aws_sdk_sqs::Client,
    pub eventbridge: aws_sdk_eventbridge::Client,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Of all names, e.g. `signal-prod-`.
    pub prefix: String,
    /// The bus by name.
    pub bus: String,
    /// This process: its own events are not heard again.
    pub origin: String,
    /// Told as if the change had happened here.
    pub listener: Arc<dyn StatusListener>,
    /// For events whose record was too large to travel.
    pub videos: Arc<dyn VideoStore>,
}

/// An open ear.
pub struct Ears {
    deps: EarsDeps,
    name: String,
    mailbox: Mailbox,
    told: Mutex<HashMap<VideoId, (u64, Millis)>>,
}

impl Ears {
    /// Makes the queue and the rule that feeds it, and removes what dead processes left.
    pub async fn open(deps: EarsDeps) -> Result<Self, Fault> {
        if let Err(error) = sweep(&deps).await {
            tracing::warn!(%error, "queues of dead processes stay for now");
        }
        let name = format!("{}ears-{:016x}", deps.prefix, deps.entropy.u64());
        // The queue first and marked from its birth: by it a sweep finds the rest.
        let url = deps
            .sqs
            .create_queue()
            .queue_name(&name)
            .attributes(A::MessageRetentionPeriod, RETENTION_S.to_string())
            .attributes(A::VisibilityTimeout, VISIBILITY_S.to_string())
            .tags(ALIVE, alive(deps.clock.as_ref()))
            .send()
            .await
            .map_err(|e| fault::of("making the queue of this process", e))?
            .queue_url
            .ok_or_else(|| Fault::internal("the queue of this process has no address"))?;
        let mailbox = Mailbox::new(deps.sqs.clone(), &url, Arc::clone(&deps.entropy));
        let ears = Self { deps, name, mailbox, told: Mutex::default() };
        match ears.feed().await {
            Ok(()) => Ok(ears),
            Err(error) => {
                let _ = remove(&ears.deps, &ears.name, &url).await;
                Err(error)
            }
        }
    }

    /// A rule that copies every event of ours into the queue.
    async fn feed(&self) -> Result<(), Fault> {
        let (bus, sqs, url) = (&self.deps.eventbridge, &self.deps.sqs, self.mailbox.url());
        let rule = bus
            .put_rule()
            .name(&self.name)
            .event_bus_name(&self.deps.bus)
            .event_pattern(serde_json::json!({"source": [SOURCE]}).to_string())
            .description("feeds the queue of one running process")
            .send()
            .await
            .map_err(|e| fault::of("making a rule of the bus", e))?;
        let source = ("ArnEquals", "aws:SourceArn", rule.rule_arn.as_deref().unwrap_or_default());
        let policy = may_send(&["events.amazonaws.com"], source);
        let set = sqs.set_queue_attributes().queue_url(url).attributes(A::Policy, policy).send().await;
        set.map_err(|e| fault::of("letting the bus into a queue", e))?;
        let arn = arn_of(sqs, url).await?;
        let target = Target::builder().id(TARGET).arn(arn).build().map_err(Fault::internal)?;
        let put = bus.put_targets().rule(&self.name).event_bus_name(&self.deps.bus).targets(target);
        let put = put.send().await.map_err(|e| fault::of("feeding a queue from the bus", e))?;
        match put.failed_entry_count {
            0 => Ok(()),
            _ => Err(Fault::internal("the bus refuses to feed the queue of this process")),
        }
    }

    pub fn queue(&self) -> &str {
        &self.name
    }

    /// Listens until `shutdown` is ready, then removes queue and rule. Never fails.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let mut mark_at = self.deps.clock.now().saturating_add(MARK_EVERY);
        loop {
            let turn = async {
                match self.mailbox.receive(POLL_MAX, BATCH_MAX).await {
                    Ok(letters) => self.hear(letters).await,
                    Err(error) => {
                        tracing::warn!(%error, "cannot hear what other processes did");
                        sleep(PAUSE.to_duration()).await;
                    }
                }
            };
            tokio::select! {
                () = &mut shutdown => break,
                () = turn => {}
            }
            if mark_at <= self.deps.clock.now() {
                match self.mark().await {
                    Ok(()) => mark_at = self.deps.clock.now().saturating_add(MARK_EVERY),
                    Err(error) => tracing::warn!(%error, "the queue of this process looks deserted"),
                }
            }
        }
        if let Err(error) = remove(&self.deps, &self.name, self.mailbox.url()).await {
            tracing::warn!(%error, queue = self.name, "a later start removes this queue");
        }
    }

    /// Everything is deleted, understood or not: nobody else will hear it here, and it is best effort.
    async fn hear(&self, letters: Vec<Letter>) {
        for letter in &letters {
            match VideoEvent::read(&letter.body) {
                Some(event) if event.origin == self.deps.origin => {}
                Some(event) => self.pass(event).await,
                None => tracing::warn!("an event that is not understood"),
            }
        }
        let receipts: Vec<_> = letters.into_iter().map(|l| l.receipt).collect();
        if let Err(error) = self.mailbox.delete(&receipts).await {
            tracing::warn!(%error, "events will be heard again");
        }
    }

    async fn pass(&self, event: VideoEvent) {
        if !self.is_news(&event) {
            return;
        }
        let listener = &self.deps.listener;
        if let Some(percent) = event.percent {
            return listener.progressed(event.video_id, event.owner_id, event.status, percent).await;
        }
        match event.video {
            Some(video) => listener.changed(&video).await,
            None => match self.deps.videos.get(event.video_id).await {
                Ok(video) => listener.changed(&video).await,
                Err(error) => tracing::warn!(%error, "a changed video cannot be read"),
            },
        }
    }

    /// Events come twice and out of order: an older record must not stand over a newer one, nor progress
    /// over what came after it.
    fn is_news(&self, event: &VideoEvent) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (revision, at) = told.get(&event.video_id).copied().unwrap_or((0, Millis(i64::MIN)));
        let is_news = match event.revision {
            Some(new) => new > revision,
            // The same millisecond may hold both; a repeated progress does no harm.
            None => event.at >= at,
        };
        if is_news {
            if told.len() >= TOLD_MAX {
                told.clear();
            }
            let revision = event.revision.unwrap_or(revision);
            told.insert(event.video_id, (revision, at.max(event.at)));
        }
        is_news
    }

    async fn mark(&self) -> Result<(), Fault> {
        let now = alive(self.deps.clock.as_ref());
        let tagged = self.deps.sqs.tag_queue().queue_url(self.mailbox.url()).tags(ALIVE, now).send().await;
        tagged.map(drop).map_err(|e| fault::of("marking a queue", e))
    }
}

fn alive(clock: &dyn Clock) -> String {
    (clock.now().0 / 1_000).to_string()
}

/// Queue and rule; what is gone already is no error.
async fn remove(deps: &EarsDeps, name: &str, url: &str) -> Result<(), Fault> {
    let bus = &deps.eventbridge;
    let targets = bus.remove_targets().rule(name).event_bus_name(&deps.bus).ids(TARGET).send().await;
    if let Err(e) = targets
        && !e.as_service_error().is_some_and(|s| s.is_resource_not_found_exception())
    {
        return Err(fault::of("cutting a queue from the bus", e));
    }
    let rule = bus.delete_rule().name(name).event_bus_name(&deps.bus).send().await;
    if let Err(e) = rule
        && !e.as_service_error().is_some_and(|s| s.is_resource_not_found_exception())
    {
        return Err(fault::of("removing a rule of the bus", e));
    }
    match deps.sqs.delete_queue().queue_url(url).send().await {
        Ok(_) => Ok(()),
        Err(e) if e.as_service_error().is_some_and(|s| s.is_queue_does_not_exist()) => Ok(()),
        Err(e) => Err(fault::of("removing a queue", e)),
    }
}

/// Removes queues and rules of processes that were not alive for long. Says how many.
pub async fn sweep(deps: &EarsDeps) -> Result<usize, Fault> {
    let prefix = format!("{}ears-", deps.prefix);
    let listed = deps.sqs.list_queues().queue_name_prefix(&prefix).max_results(SWEEP_MAX).send().await;
    let listed = listed.map_err(|e| fault::of("listing queues", e))?;
    let mut removed = 0;
    for url in listed.queue_urls.unwrap_or_default() {
        let Some(name) = url.rsplit('/').next().filter(|n| n.starts_with(&prefix)) else { continue };
        let tags = deps.sqs.list_queue_tags().queue_url(&url).send().await;
        let tags = tags.ok().and_then(|t| t.tags).unwrap_or_default();
        // One without a mark was made by other hands.
        let Some(alive) = tags.get(ALIVE).and_then(|t| t.parse::<i64>().ok()) else { continue };
        if Millis(alive.saturating_mul(1_000)).saturating_add(DEAF_AFTER) < deps.clock.now() {
            remove(deps, name, &url).await?;
            removed += 1;
        }
    }
    Ok(removed)
}
