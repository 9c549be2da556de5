//! The origin over memory stores: what is answered, from where, and how often the store is asked.

use async_trait::async_trait;
use bytes::Bytes;
use catalog::{Facts, MemoryVideoStore, StatusListener, Video, VideoStore};
use delivery::memory::MemoryObjectReader;
use delivery::{Answer, Ask, DeliveryPolicy, Form, ObjectReader, Origin, OriginDeps, Tier};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use stdx::{Fault, FaultKind, ManualClock};
use tokio::sync::Semaphore;
use vocab::{MediaKey, Millis, PackageId, RenditionId, Status, UserId, VideoId};

const VIDEO: VideoId = VideoId(77);
const PACKAGE: PackageId = PackageId(5);
const RENDITION: RenditionId = RenditionId(6);

/// Counts reads, and can hold or fail them.
struct Store {
    inner: MemoryObjectReader,
    reads: AtomicUsize,
    gate: Semaphore,
    broken: AtomicBool,
}

#[async_trait]
impl ObjectReader for Store {
    async fn read(&self, key: &MediaKey) -> Result<Option<Bytes>, Fault> {
        self.reads.fetch_add(1, SeqCst);
        let Ok(_permit) = self.gate.acquire().await else { return Err(Fault::internal("closed")) };
        if self.broken.load(SeqCst) {
            return Err(Fault::unavailable("the disk is away"));
        }
        self.inner.read(key).await
    }
}

struct World {
    origin: Arc<Origin>,
    store: Arc<Store>,
    videos: Arc<MemoryVideoStore>,
    clock: Arc<ManualClock>,
}

fn video(status: Status) -> Video {
    let mut v = Video::reserved(VIDEO, UserId(1), "0".repeat(32), Millis(0));
    v.status = status;
    v.published_at = status.is_readable().then_some(Millis(1));
    v
}

fn segment(n: u32) -> MediaKey {
    MediaKey::Segment { video: VIDEO, rendition: RENDITION, n }
}

fn path(key: &MediaKey) -> String {
    key.public_path().expect("a public key")
}

async fn world_with(policy: DeliveryPolicy, status: Status) -> World {
    let clock = Arc::new(ManualClock::default());
    let videos = Arc::new(MemoryVideoStore::default());
    videos.insert(video(status)).await.expect("a free id");
    let store = Arc::new(Store {
        inner: MemoryObjectReader::default(),
        reads: AtomicUsize::new(0),
        gate: Semaphore::new(1_000),
        broken: AtomicBool::new(false),
    });
    store.inner.put(segment(0), vec![7u8; 1_000]);
    let playlist = MediaKey::Multivariant { video: VIDEO, package: PACKAGE };
    store.inner.put(playlist, "#EXTM3U\n#EXT-X-VERSION:7\n".repeat(40));
    let origin = Arc::new(Origin::new(OriginDeps {
        videos: videos.clone(),
        objects: store.clone(),
        clock: clock.clone(),
        policy,
    }));
    World { origin, store, videos, clock }
}

async fn world() -> World {
    world_with(DeliveryPolicy::default(), Status::Published).await
}

impl World {
    async fn ask(&self, ask: Ask<'_>) -> Answer {
        self.origin.answer(ask).await.expect("no fault")
    }
    async fn get(&self, key: &MediaKey) -> Answer {
        self.ask(Ask { path: &path(key), ..Ask::default() }).await
    }
    fn reads(&self) -> usize {
        self.store.reads.load(SeqCst)
    }
}

/// One word for an answer.
fn word(answer: &Answer) -> &'static str {
    match answer {
        Answer::Whole { tier: Tier::Hit, .. } => "hit",
        Answer::Whole { tier: Tier::Miss, .. } => "miss",
        Answer::Part { .. } => "part",
        Answer::Unchanged { .. } => "unchanged",
        Answer::BadRange { .. } => "bad_range",
        Answer::NotFound { .. } => "not_found",
        Answer::Gone { .. } => "gone",
    }
}

#[tokio::test]
async fn the_second_reader_is_answered_from_memory() {
    let w = world().await;
    assert_eq!(word(&w.get(&segment(0)).await), "miss");
    assert_eq!(word(&w.get(&segment(0)).await), "hit");
    assert_eq!(w.reads(), 1);
    let counts = w.origin.counts();
    assert_eq!((counts.hit, counts.miss, counts.sent_bytes), (1, 1, 2_000));
    assert_eq!(counts.hit_ppm(), Some(500_000));
}

#[tokio::test]
async fn nothing_is_readable_before_it_is_published() {
    for status in Status::ALL {
        let w = world_with(DeliveryPolicy::default(), status).await;
        let expected = match status {
            Status::Published | Status::Unlisted => "miss",
            Status::Removed | Status::Erased => "gone",
            _ => "not_found",
        };
        assert_eq!(word(&w.get(&segment(0)).await), expected, "{status:?}");
        assert_eq!(w.reads(), usize::from(expected == "miss"), "{status:?}");
    }
}

#[tokio::test]
async fn what_names_nothing_is_not_found_and_reads_nothing() {
    let w = world().await;
    for path in ["/v/x/y/z", "/v/../../etc/passwd", "/p/", "/raw/00/a/b", "/v/0000000000002/1/main.m3u8"] {
        assert_eq!(word(&w.ask(Ask { path, ..Ask::default() }).await), "not_found", "{path}");
    }
    assert_eq!(w.reads(), 0);
}

#[tokio::test]
async fn ranges_conditions_and_forms() {
    let w = world().await;
    let seg = path(&segment(0));
    let list = path(&MediaKey::Multivariant { video: VIDEO, package: PACKAGE });
    let Answer::Whole { entry, .. } = w.get(&segment(0)).await else { panic!("a whole segment") };
    let etag = String::from_utf8(entry.etag(Form::Identity).to_vec()).expect("ascii");
    let other = "\"0000\"";
    let ask = |range, if_range, if_none_match, accept_encoding| Ask {
        path: &seg,
        range,
        if_range,
        if_none_match,
        accept_encoding,
    };
    for (given, expected) in [
        (ask(Some("bytes=0-9"), None, None, None), "part"),
        (ask(Some("bytes=990-"), Some(etag.as_str()), None, None), "part"),
        (ask(Some("bytes=0-9"), Some(other), None, None), "hit"),
        (ask(Some("bytes=0-1,5-6"), None, None, None), "hit"),
        (ask(Some("bytes=1000-"), None, None, None), "bad_range"),
        (ask(Some("bytes=x"), None, None, None), "bad_range"),
        (ask(None, None, Some(etag.as_str()), None), "unchanged"),
        (ask(None, None, Some("*"), None), "unchanged"),
        (ask(Some("bytes=0-9"), None, Some(etag.as_str()), None), "unchanged"),
        (ask(None, None, Some(other), None), "hit"),
        (ask(None, None, None, Some("gzip")), "hit"),
    ] {
        assert_eq!(word(&w.ask(given).await), expected, "{given:?}");
    }
    let zipped = Ask { path: &list, accept_encoding: Some("br, gzip"), ..Ask::default() };
    let Answer::Whole { entry, form: Form::Gzip, .. } = w.ask(zipped).await else { panic!("gzip") };
    assert!(entry.bytes(Form::Gzip).len() < entry.raw.len());
    let ranged = Ask { range: Some("bytes=0-6"), ..zipped };
    let Answer::Part { first: 0, last: 6, .. } = w.ask(ranged).await else {
        panic!("a part of the plain text")
    };
}

#[tokio::test]
async fn a_crowd_costs_one_read() {
    let w = world().await;
    w.store.gate.forget_permits(1_000);
    let crowd: Vec<_> = (0..500)
        .map(|_| {
            let origin = Arc::clone(&w.origin);
            let path = path(&segment(0));
            tokio::spawn(async move { origin.answer(Ask { path: &path, ..Ask::default() }).await })
        })
        .collect();
    tokio::task::yield_now().await;
    w.store.gate.add_permits(1_000);
    for one in crowd {
        assert!(matches!(one.await.expect("no panic"), Ok(Answer::Whole { .. })));
    }
    assert_eq!(w.reads(), 1);
}

#[tokio::test]
async fn when_the_reader_leaves_the_next_takes_over() {
    let w = world().await;
    w.store.gate.forget_permits(1_000);
    let ask = || {
        let (origin, path) = (Arc::clone(&w.origin), path(&segment(0)));
        tokio::spawn(async move { origin.answer(Ask { path: &path, ..Ask::default() }).await })
    };
    let first = ask();
    while w.reads() == 0 {
        tokio::task::yield_now().await;
    }
    let second = ask();
    tokio::task::yield_now().await;
    first.abort();
    let _ = first.await;
    w.store.gate.add_permits(1);
    assert!(matches!(second.await.expect("no panic"), Ok(Answer::Whole { .. })));
    assert_eq!(w.reads(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_is_given_up() {
    let w = world().await;
    w.store.gate.forget_permits(1_000);
    let fault =
        w.origin.answer(Ask { path: &path(&segment(0)), ..Ask::default() }).await.expect_err("a fault");
    assert_eq!(fault.kind, FaultKind::TimedOut);
    w.store.gate.add_permits(1);
    assert_eq!(word(&w.get(&segment(0)).await), "miss");
}

#[tokio::test]
async fn a_fault_is_not_remembered() {
    let w = world().await;
    w.store.broken.store(true, SeqCst);
    let path = path(&segment(0));
    assert!(w.origin.answer(Ask { path: &path, ..Ask::default() }).await.is_err());
    w.store.broken.store(false, SeqCst);
    assert_eq!(word(&w.get(&segment(0)).await), "miss");
    assert_eq!(w.origin.counts().fault, 1);
}

#[tokio::test]
async fn a_missing_object_is_asked_for_again_after_a_second() {
    let w = world().await;
    for _ in 0..5 {
        assert_eq!(word(&w.get(&segment(9)).await), "not_found");
    }
    assert_eq!(w.reads(), 1);
    w.store.inner.put(segment(9), "late");
    w.clock.advance(Millis(1_000));
    assert_eq!(word(&w.get(&segment(9)).await), "miss");
}

async fn take_down(w: &World) -> Video {
    let now = stdx::Clock::now(w.clock.as_ref());
    let step = catalog::Advance::new(VIDEO, Status::Published, Status::Removed, now).with(Facts::default());
    w.videos.advance(step).await.expect("a legal move")
}

#[tokio::test]
async fn a_takedown_is_seen_within_a_second_even_when_nobody_tells() {
    let w = world().await;
    w.get(&segment(0)).await;
    take_down(&w).await;
    assert_eq!(word(&w.get(&segment(0)).await), "hit");
    w.clock.advance(Millis(1_000));
    let Answer::Gone { max_age_s: 60 } = w.get(&segment(0)).await else { panic!("gone for a minute") };
}

#[tokio::test]
async fn a_takedown_that_is_told_is_seen_at_once_and_frees_the_memory() {
    let w = world().await;
    w.get(&segment(0)).await;
    assert!(w.origin.counts().hot_bytes > 1_000);
    let removed = take_down(&w).await;
    w.origin.changed(&removed).await;
    assert_eq!(word(&w.get(&segment(0)).await), "gone");
    assert_eq!(w.origin.counts().hot_bytes, 0);
}

#[tokio::test]
async fn a_clock_that_jumps_back_does_not_keep_a_video_up() {
    let w = world().await;
    w.get(&segment(0)).await;
    take_down(&w).await;
    w.clock.advance(Millis(-3_600_000));
    assert_eq!(word(&w.get(&segment(0)).await), "gone");
}

#[tokio::test]
async fn what_is_published_is_readable_at_once() {
    let w = world_with(DeliveryPolicy::default(), Status::Verifying).await;
    assert_eq!(word(&w.get(&segment(0)).await), "not_found");
    w.origin.changed(&video(Status::Published)).await;
    assert_eq!(word(&w.get(&segment(0)).await), "miss");
}

#[tokio::test]
async fn memory_stays_within_its_bound() {
    let policy = DeliveryPolicy { hot_bytes_max: vocab::Bytes(64_000), ..DeliveryPolicy::default() };
    let w = world_with(policy, Status::Published).await;
    for n in 0..200 {
        w.store.inner.put(segment(n), vec![1u8; 2_000]);
        w.get(&segment(n)).await;
    }
    let held = w.origin.counts().hot_bytes;
    assert!(held <= 64_000, "{held}");
}

#[tokio::test]
async fn an_object_too_large_to_keep_is_answered_all_the_same() {
    let policy = DeliveryPolicy { hot_object_bytes_max: vocab::Bytes(500), ..DeliveryPolicy::default() };
    let w = world_with(policy, Status::Published).await;
    assert_eq!(word(&w.get(&segment(0)).await), "miss");
    assert_eq!(word(&w.get(&segment(0)).await), "miss");
}
