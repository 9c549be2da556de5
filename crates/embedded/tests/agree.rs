//! Whatever is done to them, the embedded engines and the executable specifications agree.

use catalog::{
    Advance, Edit, Facts, LibraryStore, MemoryLibraryStore, MemoryVideoStore, Metadata, Shelf, Video,
    VideoStore,
};
use embedded::catalog::EmbeddedVideoStore;
use embedded::library::EmbeddedLibraryStore;
use embedded::work::EmbeddedJobStore;
use embedded::{Database, DbPolicy, catalog as catalog_room, library, work as work_room};
use proptest::prelude::*;
use proptest::sample::select;
use vocab::{FailureReason, JobId, Millis, Status, UserId, VideoId, Visibility};
use work::{Claim, Ending, JobFilter, JobState, JobStore, MemoryJobStore, NewJob, Order, Prune};

fn database() -> (Database, tempfile::TempDir) {
    let dir = tempfile::tempdir().expect("a directory");
    let schema = [catalog_room::SCHEMA, library::SCHEMA, work_room::SCHEMA];
    (Database::open(dir.path(), &schema, &DbPolicy::default()).expect("opened"), dir)
}

fn block_on<F: Future>(f: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(f)
}

/// Asks both the same and compares what they say.
macro_rules! same {
    ($a:expr, $b:expr, $call:ident($($arg:expr),*)) => {{
        let (x, y) = ($a.$call($($arg),*).await, $b.$call($($arg),*).await);
        prop_assert_eq!(format!("{:?}", x), format!("{:?}", y), "{}", stringify!($call));
    }};
}

#[derive(Debug, Clone)]
enum VideoStep {
    Insert(u64, Status, Visibility),
    Advance { id: u64, from: Status, to: Status, revision: Option<u64>, failed: bool },
    Edit { id: u64, revision: u64, visibility: Visibility },
    Give(u64, u64, u64),
}

fn visibility() -> impl Strategy<Value = Visibility> {
    select(vec![Visibility::Public, Visibility::Unlisted, Visibility::Private])
}

fn status() -> impl Strategy<Value = Status> {
    select(Status::ALL.to_vec())
}

fn video_step() -> impl Strategy<Value = VideoStep> {
    let likely = || prop_oneof![status(), Just(Status::Published), Just(Status::Removed)];
    prop_oneof![
        (1u64..5, likely(), visibility()).prop_map(|(id, s, v)| VideoStep::Insert(id, s, v)),
        (1u64..5, likely(), likely(), proptest::option::of(0u64..4), any::<bool>()).prop_map(
            |(id, from, to, revision, failed)| VideoStep::Advance { id, from, to, revision, failed }
        ),
        (1u64..5, 0u64..4, visibility()).prop_map(|(id, revision, visibility)| VideoStep::Edit {
            id,
            revision,
            visibility
        }),
        (1u64..5, 0u64..3, 0u64..3).prop_map(|(id, from, to)| VideoStep::Give(id, from, to)),
    ]
}

async fn videos_agree(steps: Vec<VideoStep>) -> Result<(), TestCaseError> {
    let (db, _dir) = database();
    let (a, b) = (MemoryVideoStore::default(), EmbeddedVideoStore::new(db));
    for (now, step) in (10..).zip(steps) {
        match step {
            VideoStep::Insert(id, status, visibility) => {
                let mut video = Video::reserved(VideoId(id), UserId(id % 2), "k".into(), Millis(id as i64));
                (video.status, video.meta.visibility) = (status, visibility);
                same!(a, b, insert(video.clone()));
            }
            VideoStep::Advance { id, from, to, revision, failed } => {
                let reason = FailureReason::new("media.empty", "empty", false);
                let facts = Facts { failure: Some(failed.then_some(reason)), ..Facts::default() };
                let mut step = Advance::new(VideoId(id), from, to, Millis(now)).with(facts);
                step.revision = revision;
                same!(a, b, advance(step.clone()));
            }
            VideoStep::Edit { id, revision, visibility } => {
                let meta = Metadata { visibility, ..Metadata::default() };
                let edit = Edit { meta: Some(meta), ..Edit::default() };
                same!(a, b, edit(VideoId(id), revision, edit.clone()));
            }
            VideoStep::Give(id, from, to) => same!(a, b, give(VideoId(id), UserId(from), UserId(to))),
        }
        for limit in [0, 1, 2, 9] {
            for owner in [UserId(0), UserId(1)] {
                same!(a, b, list_by_owner(owner, None, limit));
                same!(a, b, list_by_owner(owner, Some(VideoId(3)), limit));
            }
            same!(a, b, list_public(None, limit));
            same!(a, b, list_public(Some((Millis(20), VideoId(2))), limit));
            same!(a, b, list_by_status(Status::Published, Millis(now), limit));
        }
        same!(a, b, get_many(&[VideoId(4), VideoId(1), VideoId(9)]));
    }
    Ok(())
}

#[derive(Debug, Clone)]
enum ShelfStep {
    Put(u64, Shelf, u64, i64),
    Remove(u64, Shelf, u64),
    Merge(u64, u64),
}

fn shelf_step() -> impl Strategy<Value = ShelfStep> {
    let shelf = || select(Shelf::ALL.to_vec());
    prop_oneof![
        (0u64..3, shelf(), 0u64..4, 0i64..4).prop_map(|(u, s, v, t)| ShelfStep::Put(u, s, v, t)),
        (0u64..3, shelf(), 0u64..4).prop_map(|(u, s, v)| ShelfStep::Remove(u, s, v)),
        (0u64..3, 0u64..3).prop_map(|(a, b)| ShelfStep::Merge(a, b)),
    ]
}

async fn shelves_agree(steps: Vec<ShelfStep>) -> Result<(), TestCaseError> {
    let (db, _dir) = database();
    let (a, b) = (MemoryLibraryStore::default(), EmbeddedLibraryStore::new(db));
    for step in steps {
        match step {
            ShelfStep::Put(u, s, v, t) => same!(a, b, put(UserId(u), s, VideoId(v), Millis(t))),
            ShelfStep::Remove(u, s, v) => same!(a, b, remove(UserId(u), s, VideoId(v))),
            ShelfStep::Merge(from, into) => same!(a, b, merge(UserId(from), UserId(into))),
        }
        for viewer in (0..3).map(UserId) {
            for shelf in Shelf::ALL {
                same!(a, b, list(viewer, shelf, None, 9));
                same!(a, b, list(viewer, shelf, Some((Millis(2), VideoId(2))), 2));
                same!(a, b, count(viewer, shelf));
                same!(a, b, contains(viewer, shelf, &[VideoId(3), VideoId(0)]));
            }
        }
    }
    Ok(())
}

#[derive(Debug, Clone)]
enum JobStep {
    Enqueue { id: u64, key: u8, run_in: i64, max_attempts: u32 },
    Claim { limit: usize, lease: i64 },
    Heartbeat { id: u64, fence: u64, lease: i64 },
    Finish { id: u64, fence: u64, how: u8 },
    Steer(u64, Order),
    Prune { ended: i64, dead: i64 },
    Wait(i64),
}

fn job_step() -> impl Strategy<Value = JobStep> {
    prop_oneof![
        3 => (1u64..9, 0u8..4, -3i64..6, 1u32..3)
            .prop_map(|(id, key, run_in, max_attempts)| JobStep::Enqueue { id, key, run_in, max_attempts }),
        4 => (0usize..4, 0i64..6).prop_map(|(limit, lease)| JobStep::Claim { limit, lease }),
        1 => (1u64..9, 0u64..4, 0i64..6).prop_map(|(id, fence, lease)| JobStep::Heartbeat { id, fence, lease }),
        3 => (1u64..9, 1u64..4, 0u8..5).prop_map(|(id, fence, how)| JobStep::Finish { id, fence, how }),
        2 => (1u64..9, select(vec![Order::Replay, Order::Cancel])).prop_map(|(id, o)| JobStep::Steer(id, o)),
        1 => (0i64..40, 0i64..40).prop_map(|(ended, dead)| JobStep::Prune { ended, dead }),
        2 => (1i64..6).prop_map(JobStep::Wait),
    ]
}

fn ending(how: u8, now: i64) -> Ending {
    match how {
        0 => Ending::Done,
        1 => Ending::Cancelled,
        2 => Ending::Dead { error: "dead".into() },
        3 => Ending::Retry { run_at: Millis(now + 2), error: "again".into() },
        _ => Ending::Released { run_at: Millis(now + 1) },
    }
}

async fn jobs_agree(steps: Vec<JobStep>) -> Result<(), TestCaseError> {
    let (db, _dir) = database();
    let (a, b) = (MemoryJobStore::default(), EmbeddedJobStore::new(db));
    let mut now = 10;
    for step in steps {
        match step {
            JobStep::Enqueue { id, key, run_in, max_attempts } => {
                let kind = if key % 2 == 0 { "even" } else { "odd" };
                let job = NewJob::new(kind, key, Millis(now + run_in)).with_attempts(max_attempts);
                same!(a, b, enqueue(JobId(id), job.clone(), Millis(now)));
            }
            JobStep::Claim { limit, lease } => {
                let kinds = vec!["even".to_owned(), "odd".to_owned()];
                let claim = Claim { kinds, now: Millis(now), lease: Millis(lease), limit };
                same!(a, b, claim(claim.clone()));
            }
            JobStep::Heartbeat { id, fence, lease } => {
                same!(a, b, heartbeat(JobId(id), fence, Millis(now + lease), 7));
            }
            JobStep::Finish { id, fence, how } => {
                same!(a, b, finish(JobId(id), fence, ending(how, now), Millis(now)));
            }
            JobStep::Steer(id, order) => same!(a, b, steer(JobId(id), order, Millis(now))),
            JobStep::Prune { ended, dead } => {
                let prune = Prune { ended_before: Millis(ended), dead_before: Millis(dead), limit: 100 };
                same!(a, b, prune(prune));
            }
            JobStep::Wait(by) => now += by,
        }
        same!(a, b, tally());
        for state in [None, Some(JobState::Ready), Some(JobState::Dead)] {
            let filter = JobFilter { state, limit: 100, ..JobFilter::default() };
            same!(a, b, list(filter.clone()));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn videos_agree_on_any_sequence(steps in proptest::collection::vec(video_step(), 1..40)) {
        block_on(videos_agree(steps))?;
    }

    #[test]
    fn shelves_agree_on_any_sequence(steps in proptest::collection::vec(shelf_step(), 1..30)) {
        block_on(shelves_agree(steps))?;
    }

    #[test]
    fn jobs_agree_on_any_sequence(steps in proptest::collection::vec(job_step(), 1..60)) {
        block_on(jobs_agree(steps))?;
    }
}
