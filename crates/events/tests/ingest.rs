//! The use case on the memory log, and on logs that hang or fail.

use async_trait::async_trait;
use events::{
    Append, Deps, Encoding, EventKind, EventLog, EventLogError, EventPolicy, Format, Ingest, IngestError,
    Measures, MemoryEventLog, Placed, Receipt, Sender, Single,
};
use std::sync::Arc;
use stdx::{Fault, FaultKind, ManualClock, SeededEntropy};
use vocab::{DeviceId, Millis, UserId, VideoId};

#[derive(Clone, Copy, PartialEq)]
enum Mood {
    Well,
    Hangs,
    Fails(FaultKind),
}

struct Moody {
    inner: MemoryEventLog,
    mood: Mood,
}

#[async_trait]
impl EventLog for Moody {
    async fn append(&self, batch: Append) -> Result<Receipt, EventLogError> {
        match self.mood {
            Mood::Well => self.inner.append(batch).await,
            Mood::Hangs => std::future::pending().await,
            Mood::Fails(kind) => Err(Fault::new(kind, "in a mood").into()),
        }
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

fn ingest(mood: Mood) -> (Arc<Ingest>, Arc<Moody>) {
    let log = Arc::new(Moody { inner: MemoryEventLog::default(), mood });
    let deps = Deps {
        log: Arc::clone(&log) as Arc<dyn EventLog>,
        clock: Arc::new(ManualClock::default()),
        entropy: Arc::new(SeededEntropy::new(1)),
        policy: EventPolicy { appends_in_flight_max: 2, ..EventPolicy::default() },
    };
    (Arc::new(Ingest::new(deps)), log)
}

const SENDER: Sender = Sender { viewer: UserId(5), device: DeviceId(6) };

async fn accept(ingest: &Ingest, body: &str) -> Result<events::Reply, IngestError> {
    ingest.accept(SENDER, body.as_bytes(), Encoding::Identity, Format::Json).await
}

const LIKE: &str = r#"{"seq":1,"type":"like","video_id":"0000000000001","viewer":"0000000000009"}"#;

#[tokio::test]
async fn the_viewer_and_device_are_those_of_the_token() {
    let (ingest, log) = ingest(Mood::Well);
    let body =
        format!(r#"{{"device":"00000000000000000000000009","viewer":"x","epoch":1,"events":[{LIKE}]}}"#);
    assert_eq!(accept(&ingest, &body).await.expect("durable").accepted, 1);
    let event = &log.read(0, 0, 10).await.expect("reads")[0].event;
    assert_eq!((event.viewer, event.device), (UserId(5), DeviceId(6)));
}

#[tokio::test]
async fn refused_numbers_need_no_resending_either() {
    let (ingest, _) = ingest(Mood::Well);
    let body = format!(r#"{{"epoch":1,"events":[{LIKE},{{"seq":7,"type":"nonsense"}}]}}"#);
    let reply = accept(&ingest, &body).await.expect("durable");
    assert_eq!((reply.accepted, reply.rejected, reply.next_seq), (1, vec![(1, "unknown_type")], 8));
}

#[tokio::test]
async fn a_full_queue_says_when_to_come_back_and_buffers_nothing() {
    let (ingest, _) = ingest(Mood::Hangs);
    let body = format!(r#"{{"epoch":1,"events":[{LIKE}]}}"#);
    let stuck: Vec<_> = (0..2)
        .map(|_| {
            let (ingest, body) = (Arc::clone(&ingest), body.clone());
            tokio::spawn(async move { accept(&ingest, &body).await })
        })
        .collect();
    tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    match accept(&ingest, &body).await {
        Err(IngestError::Overloaded { retry_after }) => assert!((2_000..4_000).contains(&retry_after.0)),
        other => panic!("{other:?}"),
    }
    stuck.iter().for_each(tokio::task::JoinHandle::abort);
}

#[tokio::test]
async fn a_busy_log_is_overload_and_a_full_disk_a_fault() {
    let body = format!(r#"{{"epoch":1,"events":[{LIKE}]}}"#);
    for (kind, overload) in
        [(FaultKind::Throttled, true), (FaultKind::Unavailable, true), (FaultKind::Full, false)]
    {
        let (ingest, _) = ingest(Mood::Fails(kind));
        let refused = accept(&ingest, &body).await.expect_err("not durable");
        assert_eq!(matches!(refused, IngestError::Overloaded { .. }), overload, "{refused:?}");
    }
}

#[tokio::test]
async fn an_epoch_is_needed_and_zero_is_the_servers() {
    let (ingest, log) = ingest(Mood::Well);
    for body in [r#"{"events":[]}"#, r#"{"epoch":0,"events":[]}"#] {
        assert!(matches!(accept(&ingest, body).await, Err(IngestError::Envelope(_))), "{body}");
    }
    let like = Single {
        kind: EventKind::Like,
        video: Some(VideoId(1)),
        impression: None,
        measures: Measures::default(),
    };
    ingest.record(SENDER, like.clone()).await.expect("durable");
    let without = Single { video: None, ..like };
    assert!(matches!(ingest.record(SENDER, without).await, Err(IngestError::Unsound("missing_video_id"))));
    assert_eq!(log.end(0).await.expect("answers"), 1);
}

#[tokio::test]
async fn the_clock_of_the_client_is_corrected() {
    let (ingest, log) = ingest(Mood::Well);
    let event = r#"{"seq":1,"type":"like","video_id":"0000000000001","ts":400}"#;
    let body = format!(r#"{{"epoch":1,"sent_at":1000,"events":[{event}]}}"#);
    accept(&ingest, &body).await.expect("durable");
    let event = log.read(0, 0, 1).await.expect("reads").remove(0).event;
    assert_eq!(event.at, Millis(event.received_at.0 - 600));
    assert_eq!((event.raw_ts, event.raw_sent_at), (Some(Millis(400)), Some(Millis(1_000))));
}
