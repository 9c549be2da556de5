//! S3's events become jobs.

use super::kitchen::until;
use super::{World, depth, trial};
use async_trait::async_trait;
use aws::work::mail::Outgoing;
use aws::work::queues::{ARRIVAL_QUEUE, Queue};
use aws::work::{Arrival, ArrivalJobs, ArrivalSink, Arrivals, AwaitedArrivals};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use stdx::{Clock, Fault, FaultKind, OsEntropy, SystemClock};
use testkit::Trial;
use upload::jobs::ARRIVED;
use upload::{MemoryUploadStore, Upload, UploadPolicy, UploadState, UploadStore};
use vocab::{Bytes, MediaKey, Millis, UploadId, UserId, VideoId};
use work::{JobFilter, JobStore, Jobs, MemoryJobStore};

pub fn trials() -> Vec<Trial> {
    vec![
        trial("objects_of_one_message_become_one_job_each", objects_become_one_job_each),
        trial("the_object_store_tells_by_itself", the_object_store_tells_by_itself),
        trial("an_arrival_that_cannot_be_written_comes_back", an_arrival_that_cannot_be_written_comes_back),
        trial("only_an_upload_that_nobody_handed_on_becomes_a_job", only_what_is_awaited_becomes_a_job),
        trial("unreadable_events_end_in_the_dead_letters", unreadable_events_end_in_the_dead_letters),
    ]
}

/// What a test does not prove by a message that comes back, it must not meet because the machine stood still.
const CALM: Queue = Queue { visibility_s: 60, receives_max: 3, ..ARRIVAL_QUEUE };
const QUICK: Queue = Queue { visibility_s: 1, ..CALM };

fn key(n: u128) -> String {
    MediaKey::Raw { video: VideoId(n as u64), upload: UploadId(n) }.object_key()
}

fn record(name: &str, key: &str, sequencer: &str) -> Value {
    json!({"eventSource": "aws:s3", "eventName": name,
        "s3": {"bucket": {"name": "media"}, "object": {"key": key, "sequencer": sequencer}}})
}

fn sink(store: &Arc<MemoryJobStore>) -> Arc<dyn ArrivalSink> {
    let jobs = Jobs::new(Arc::clone(store) as Arc<dyn JobStore>, Arc::new(SystemClock), Arc::new(OsEntropy));
    Arc::new(ArrivalJobs { jobs, clock: Arc::new(SystemClock), policy: UploadPolicy::default() })
}

async fn arrived(store: &MemoryJobStore) -> Vec<String> {
    let filter = JobFilter { kind: Some(ARRIVED.into()), limit: 99, ..JobFilter::default() };
    let mut keys: Vec<_> = store.list(filter).await.unwrap().into_iter().map(|j| j.key).collect();
    keys.sort();
    keys
}

async fn send(mailbox: &aws::work::Mailbox, body: String) {
    mailbox.send(&[Outgoing { body, delay: Millis(0) }]).await.unwrap();
}

async fn objects_become_one_job_each(world: World) {
    let (mailbox, dead) = world.queue(&CALM).await;
    let store = Arc::<MemoryJobStore>::default();
    let arrivals = Arrivals::new(mailbox.clone(), "media", sink(&store));
    let direct = json!({"Records": [
        record("ObjectCreated:Put", &key(1), "01"),
        record("ObjectCreated:CompleteMultipartUpload", &key(2), "02"),
        record("ObjectCreated:Put", &key(1), "01"),
        record("ObjectRemoved:Delete", &key(3), "03"),
        record("ObjectCreated:Put", "vod/packaged/x", "04"),
    ]});
    let envelope = json!({"Type": "Notification", "Message": direct.to_string()});
    let bridge = json!({"source": "aws.s3", "detail-type": "Object Created",
        "detail": {"bucket": {"name": "media"}, "object": {"key": key(4), "sequencer": "01"}}});
    let elsewhere = json!({"source": "aws.s3", "detail-type": "Object Created",
        "detail": {"bucket": {"name": "others"}, "object": {"key": key(5), "sequencer": "01"}}});
    let test = json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "media"});
    for body in [&direct, &envelope, &bridge, &elsewhere, &test, &direct, &bridge] {
        send(&mailbox, body.to_string()).await;
    }
    let begun = SystemClock.now();
    let running = tokio::spawn(async move { arrivals.run(std::future::pending()).await });
    until("the queue is empty", async || depth(&mailbox).await == (0, 0)).await;
    let expected: Vec<_> = [1, 2, 4].map(|n| UploadId(n).to_string()).into();
    assert_eq!(arrived(&store).await, expected);
    let job = store.list(JobFilter { limit: 1, ..JobFilter::default() }).await.unwrap().remove(0);
    assert!(
        job.run_at >= begun.saturating_add(UploadPolicy::default().arrival_delay),
        "the client goes first"
    );
    assert_eq!(depth(&dead).await, (0, 0));
    running.abort();
}

/// The whole way: a bucket of the double, its bus, a rule, our queue.
async fn the_object_store_tells_by_itself(world: World) {
    let (mailbox, _) = world.queue(&CALM).await;
    let (s3, bus) = (world.aws.s3(true), world.aws.eventbridge());
    let bucket = format!("{}media", world.prefix);
    s3.create_bucket().bucket(&bucket).send().await.expect("made");
    let notify = aws_sdk_s3::types::NotificationConfiguration::builder()
        .event_bridge_configuration(aws_sdk_s3::types::EventBridgeConfiguration::builder().build())
        .build();
    let set = s3.put_bucket_notification_configuration().bucket(&bucket).notification_configuration(notify);
    set.send().await.expect("set");
    let rule = format!("{}arrivals", world.prefix);
    let pattern = json!({"source": ["aws.s3"], "detail": {"bucket": {"name": [bucket]}}}).to_string();
    bus.put_rule().name(&rule).event_pattern(pattern).send().await.expect("made");
    let arn = format!("arn:aws:sqs:us-east-1:123456789012:{}arrivals", world.prefix);
    let target = aws_sdk_eventbridge::types::Target::builder().id("q").arn(arn).build().unwrap();
    bus.put_targets().rule(&rule).targets(target).send().await.expect("fed");
    let store = Arc::<MemoryJobStore>::default();
    let arrivals = Arrivals::new(mailbox.clone(), &bucket, sink(&store));
    let running = tokio::spawn(async move { arrivals.run(std::future::pending()).await });
    for name in [key(1), "vod/packaged/x".to_owned()] {
        let body = aws_sdk_s3::primitives::ByteStream::from_static(b"bytes");
        s3.put_object().bucket(&bucket).key(name).body(body).send().await.expect("put");
    }
    until("its arrival is a job", async || arrived(&store).await == [UploadId(1).to_string()]).await;
    until("the queue is empty", async || depth(&mailbox).await == (0, 0)).await;
    running.abort();
}

/// Refuses the first two.
#[derive(Default)]
struct Moody {
    asked: AtomicUsize,
    told: Mutex<Vec<String>>,
}

#[async_trait]
impl ArrivalSink for Moody {
    async fn arrived(&self, object_key: &str, _again: bool) -> Result<Arrival, Fault> {
        if self.asked.fetch_add(1, Ordering::SeqCst) < 2 {
            return Err(Fault::new(FaultKind::Throttled, "not now"));
        }
        self.told.lock().unwrap().push(object_key.to_owned());
        Ok(Arrival::Handled)
    }
}

async fn an_arrival_that_cannot_be_written_comes_back(world: World) {
    let (mailbox, dead) = world.queue(&Queue { receives_max: 100, ..QUICK }).await;
    let moody = Arc::new(Moody::default());
    let arrivals = Arrivals::new(mailbox.clone(), "media", Arc::clone(&moody) as Arc<dyn ArrivalSink>);
    let body = json!({"Records": [
        record("ObjectCreated:Put", &key(1), "01"),
        record("ObjectCreated:Put", &key(2), "01"),
    ]});
    send(&mailbox, body.to_string()).await;
    let running = tokio::spawn(async move { arrivals.run(std::future::pending()).await });
    until("both are told", async || *moody.told.lock().unwrap() == [key(1), key(2)]).await;
    until("the queue is empty", async || depth(&mailbox).await == (0, 0)).await;
    assert_eq!(depth(&dead).await, (0, 0));
    running.abort();
}

async fn only_what_is_awaited_becomes_a_job(world: World) {
    let (mailbox, _) = world.queue(&CALM).await;
    let (store, uploads) = (Arc::<MemoryJobStore>::default(), Arc::new(MemoryUploadStore::default()));
    for (n, state) in [(1, UploadState::Completed), (2, UploadState::Completing)] {
        uploads.insert(upload(n, state)).await.unwrap();
    }
    let jobs = Jobs::new(Arc::clone(&store) as Arc<dyn JobStore>, Arc::new(SystemClock), Arc::new(OsEntropy));
    let policy = UploadPolicy { arrival_delay: Millis(1_000), ..UploadPolicy::default() };
    let jobs = ArrivalJobs { jobs, clock: Arc::new(SystemClock), policy };
    let sink = Arc::new(AwaitedArrivals { uploads: uploads.clone(), jobs });
    assert_eq!(sink.arrived(&key(1), false).await.unwrap(), Arrival::Handled);
    assert_eq!(sink.arrived(&key(3), false).await.unwrap(), Arrival::Handled, "forgotten since");
    assert_eq!(sink.arrived(&key(2), false).await.unwrap(), Arrival::NotYet(Millis(1_000)));
    let arrivals = Arrivals::new(mailbox.clone(), "media", sink);
    for n in 1..=3 {
        let record = record("ObjectCreated:CompleteMultipartUpload", &key(n), "01");
        send(&mailbox, json!({"Records": [record]}).to_string()).await;
    }
    let running = tokio::spawn(async move { arrivals.run(std::future::pending()).await });
    until("its arrival is a job", async || arrived(&store).await == [UploadId(2).to_string()]).await;
    until("the queue is empty", async || depth(&mailbox).await == (0, 0)).await;
    running.abort();
}

fn upload(n: u128, state: UploadState) -> Upload {
    Upload {
        id: UploadId(n),
        owner: UserId(1),
        video: VideoId(n as u64),
        filename: "a.mov".into(),
        content_type: "video/quicktime".into(),
        size_bytes: Bytes(11),
        sha256: None,
        part_size_bytes: Bytes(5),
        part_count: 3,
        state,
        ticket: "t".into(),
        created_at: Millis(1),
        expires_at: Millis(2),
        state_changed_at: Millis(1),
    }
}

async fn unreadable_events_end_in_the_dead_letters(world: World) {
    let (mailbox, dead) = world.queue(&QUICK).await;
    let store = Arc::<MemoryJobStore>::default();
    let arrivals = Arrivals::new(mailbox.clone(), "media", sink(&store));
    send(&mailbox, "not JSON".into()).await;
    let half = json!({"Records": [
        record("ObjectCreated:Put", "%zz", "01"),
        record("ObjectCreated:Put", &key(1), "01"),
    ]});
    send(&mailbox, half.to_string()).await;
    let running = tokio::spawn(async move { arrivals.run(std::future::pending()).await });
    until("both are dead letters", async || depth(&dead).await.0 == 2).await;
    assert_eq!(arrived(&store).await, [UploadId(1).to_string()], "what could be read had its effect, once");
    running.abort();
}
