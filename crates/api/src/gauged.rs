//! An event log that tells the indicators what players felt.

use async_trait::async_trait;
use events::{Append, EventKind, EventLog, EventLogError, Placed, Receipt, Recorded, SeqVerdict};
use std::sync::Arc;
use stdx::Clock;
use telemetry::{Indicator, Indicators};
use vocab::Millis;

/// Measures first frames and stalls of what the log takes for the first time.
pub struct Gauged {
    inner: Arc<dyn EventLog>,
    indicators: Arc<Indicators>,
    clock: Arc<dyn Clock>,
}

impl Gauged {
    pub fn new(inner: Arc<dyn EventLog>, indicators: Arc<Indicators>, clock: Arc<dyn Clock>) -> Self {
        Self { inner, indicators, clock }
    }

    fn measure(&self, event: &Recorded) {
        let now = self.clock.now().get();
        let ms = |value: Option<i64>| value.and_then(|v| u64::try_from(v).ok());
        match event.kind {
            EventKind::FirstFrame => {
                if let Some(value) = ms(event.measures.value_ms) {
                    self.indicators.observe(Indicator::FirstFrame, value, now);
                }
            }
            EventKind::Rebuffer => {
                let stalled = ms(event.measures.value_ms).unwrap_or(0);
                self.indicators.share(Indicator::Rebuffer, stalled, 0, now);
            }
            EventKind::ViewEnd => {
                let watched = ms(event.measures.watched_ms).unwrap_or(0);
                self.indicators.share(Indicator::Rebuffer, 0, watched, now);
            }
            _ => {}
        }
    }
}

/// What the feed tells of its rankings, as an indicator.
pub struct RankerGauge(pub Arc<Indicators>);

impl feed::Gauge for RankerGauge {
    fn ranked(&self, took: Millis, at: Millis) {
        self.0.observe(Indicator::Ranker, u64::try_from(took.get()).unwrap_or(0), at.get());
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl EventLog for Gauged {
    async fn append(&self, batch: Append) -> Result<Receipt, EventLogError> {
        let events = batch.events.clone();
        let receipt = self.inner.append(batch).await?;
        for (event, verdict) in events.iter().zip(&receipt.verdicts) {
            if *verdict == SeqVerdict::Fresh {
                self.measure(event);
            }
        }
        Ok(receipt)
    }
    async fn read(&self, shard: u16, from: u64, limit: usize) -> Result<Vec<Placed>, EventLogError> {
        self.inner.read(shard, from, limit).await
    }
    async fn end(&self, shard: u16) -> Result<u64, EventLogError> {
        self.inner.end(shard).await
    }
    async fn trim(&self, shard: u16, before: u64) -> Result<(), EventLogError> {
        self.inner.trim(shard, before).await
    }
    fn shards(&self) -> u16 {
        self.inner.shards()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::{Measures, MemoryEventLog};
    use stdx::ManualClock;
    use vocab::{DeviceId, Millis, UserId};

    fn event(seq: u64, kind: EventKind, measures: Measures) -> Recorded {
        Recorded {
            viewer: UserId(1),
            device: DeviceId(1),
            epoch: 1,
            seq,
            kind,
            at: Millis(0),
            received_at: Millis(0),
            raw_ts: None,
            raw_sent_at: None,
            video: None,
            impression: None,
            measures,
        }
    }

    #[tokio::test]
    async fn what_players_felt_is_measured_once() {
        let (indicators, clock) = (Arc::new(Indicators::default()), Arc::new(ManualClock::default()));
        let log = Gauged::new(Arc::new(MemoryEventLog::default()), indicators.clone(), clock.clone());
        let value = |ms| Measures { value_ms: Some(ms), ..Measures::default() };
        let watched = |ms| Measures { watched_ms: Some(ms), ..Measures::default() };
        let events = vec![
            event(0, EventKind::FirstFrame, value(250)),
            event(1, EventKind::Rebuffer, value(100)),
            event(2, EventKind::ViewEnd, watched(10_000)),
        ];
        let batch = Append { viewer: UserId(1), device: DeviceId(1), epoch: 1, events, epochs_per_device: 4 };
        for _ in 0..2 {
            log.append(batch.clone()).await.expect("taken");
        }
        let now = clock.now().get();
        assert_eq!(indicators.value(Indicator::FirstFrame, now), Some(250));
        assert_eq!(indicators.value(Indicator::Rebuffer, now), Some(10_000));
    }
}
