//! Status changes onto the bus. Best effort, like every `StatusListener`: `GET` tells the same truth.

use super::video_event::{SOURCE, VideoEvent};
use crate::fault;
use async_trait::async_trait;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;
use catalog::{StatusListener, Video};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::{Backoff, Clock, Entropy, Fault};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};
use vocab::{Millis, Status, UserId, VideoId};

/// EventBridge's limits of one call.
const BATCH_MAX: usize = 10;
const BATCH_BYTES_MAX: usize = 240 * 1024;

/// The numbers of telling.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BusPolicy {
    /// Events that may wait; beyond it they are dropped.
    pub waiting_max: usize,
    /// Events wait so long for others to go with them.
    pub linger: Millis,
    /// Rounds for what the bus did not take.
    pub rounds_max: u32,
    pub backoff: Backoff,
    /// Progress of one video is told no more often.
    pub progress_every: Millis,
    /// Videos whose last progress is remembered.
    pub progress_max: usize,
    /// After shutdown was asked.
    pub farewell: Millis,
}

impl Default for BusPolicy {
    fn default() -> Self {
        Self {
            waiting_max: 10_000,
            linger: Millis(20),
            rounds_max: 5,
            backoff: Backoff { base: Millis(100), cap: Millis(2_000) },
            progress_every: Millis::from_secs(2),
            progress_max: 10_000,
            farewell: Millis::from_secs(3),
        }
    }
}

/// The listener. Never waits: the change is durable already, and its writer has other things to do.
pub struct BusListener {
    waiting: mpsc::Sender<VideoEvent>,
    clock: Arc<dyn Clock>,
    origin: String,
    policy: BusPolicy,
    told: Mutex<HashMap<VideoId, (Status, Millis)>>,
}

/// Puts events on the bus. One future, [`Bus::run`].
pub struct Bus {
    client: Client,
    name: String,
    waiting: mpsc::Receiver<VideoEvent>,
    entropy: Arc<dyn Entropy>,
    policy: BusPolicy,
}

/// Where events go and whose they are.
pub struct BusDeps {
    pub client: Client,
    /// Of the bus, or its address.
    pub bus: String,
    /// This process, by a name that no other has.
    pub origin: String,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

impl Bus {
    pub fn new(deps: BusDeps, policy: BusPolicy) -> (BusListener, Self) {
        let (tell, waiting) = mpsc::channel(policy.waiting_max.max(1));
        let listener = BusListener {
            waiting: tell,
            clock: deps.clock,
            origin: deps.origin,
            policy: policy.clone(),
            told: Mutex::default(),
        };
        (listener, Self { client: deps.client, name: deps.bus, waiting, entropy: deps.entropy, policy })
    }

    /// Runs until `shutdown` is ready, then tells what waits.
    pub async fn run(mut self, shutdown: impl Future<Output = ()>) {
        tokio::pin!(shutdown);
        let mut batch = Vec::new();
        loop {
            tokio::select! {
                got = self.waiting.recv_many(&mut batch, BATCH_MAX) => if got == 0 { return },
                () = &mut shutdown => break,
            }
            if batch.len() < BATCH_MAX {
                sleep(self.policy.linger.to_duration()).await;
            }
            while batch.len() < BATCH_MAX
                && let Ok(event) = self.waiting.try_recv()
            {
                batch.push(event);
            }
            self.tell(std::mem::take(&mut batch)).await;
        }
        let farewell = self.policy.farewell.to_duration();
        let rest = async {
            while let Ok(event) = self.waiting.try_recv() {
                batch.push(event);
            }
            self.tell(batch).await;
        };
        if timeout(farewell, rest).await.is_err() {
            tracing::warn!("no time to tell all events");
        }
    }

    async fn tell(&self, events: Vec<VideoEvent>) {
        let mut chunk: Vec<PutEventsRequestEntry> = Vec::new();
        let mut bytes = 0;
        for event in events {
            let Ok(detail) = event.detail() else { continue };
            let size = detail.len() + SOURCE.len() + event.detail_type().len() + 14;
            if !chunk.is_empty() && (chunk.len() == BATCH_MAX || bytes + size > BATCH_BYTES_MAX) {
                self.put(std::mem::take(&mut chunk)).await;
                bytes = 0;
            }
            bytes += size;
            chunk.push(
                PutEventsRequestEntry::builder()
                    .event_bus_name(&self.name)
                    .source(SOURCE)
                    .detail_type(event.detail_type())
                    .detail(detail)
                    .build(),
            );
        }
        self.put(chunk).await;
    }

    /// The bus takes some of a batch and refuses others: those are tried again, a few times.
    async fn put(&self, mut left: Vec<PutEventsRequestEntry>) {
        let mut round = 0;
        while !left.is_empty() {
            match self.put_once(left.clone()).await {
                Ok(undone) => {
                    let mut n = 0;
                    left.retain(|_| {
                        n += 1;
                        undone.contains(&(n - 1))
                    });
                }
                Err(error) => tracing::warn!(%error, "the bus is out of reach"),
            }
            round += 1;
            if round >= self.policy.rounds_max && !left.is_empty() {
                return tracing::warn!(events = left.len(), "events are dropped: who missed them asks again");
            }
            if !left.is_empty() {
                sleep(self.policy.backoff.delay(round, self.entropy.as_ref()).to_duration()).await;
            }
        }
    }

    /// Positions of those that may be taken later.
    async fn put_once(&self, entries: Vec<PutEventsRequestEntry>) -> Result<Vec<usize>, Fault> {
        let answer = self.client.put_events().set_entries(Some(entries)).send().await;
        let answer = answer.map_err(|e| fault::of("telling events", e))?;
        let results = answer.entries.unwrap_or_default().into_iter().enumerate();
        Ok(results.filter(|(_, r)| r.error_code.as_deref().is_some_and(is_passing)).map(|(n, _)| n).collect())
    }
}

/// Refusals that another try may mend.
fn is_passing(code: &str) -> bool {
    matches!(
        code,
        "ThrottlingException"
            | "InternalFailure"
            | "InternalException"
            | "InternalError"
            | "ServiceUnavailable"
    )
}

impl BusListener {
    fn tell(&self, event: VideoEvent) {
        if self.waiting.try_send(event).is_err() {
            tracing::warn!("an event is dropped: too many wait for the bus");
        }
    }

    /// Whether this progress is worth an event, which it then is.
    fn is_worth(&self, video: VideoId, status: Status, percent: u8, at: Millis) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((last, when)) = told.get(&video)
            && *last == status
            && at < when.saturating_add(self.policy.progress_every)
            && percent < 100
        {
            return false;
        }
        if told.len() >= self.policy.progress_max {
            told.clear();
        }
        told.insert(video, (status, at));
        true
    }
}

#[async_trait]
impl StatusListener for BusListener {
    async fn changed(&self, video: &Video) {
        self.tell(VideoEvent::changed(video, &self.origin, self.clock.now()));
    }

    async fn progressed(&self, video: VideoId, owner: UserId, status: Status, percent: u8) {
        let (at, percent) = (self.clock.now(), percent.min(100));
        if self.is_worth(video, status, percent, at) {
            self.tell(VideoEvent::progressed(video, owner, (status, percent), &self.origin, at));
        }
    }
}
