//! The feed's cases on the embedded engine, and what must outlive a restart.

use embedded::feed::{EmbeddedSeenStore, EmbeddedWarmQueue, SCHEMA};
use embedded::{Database, DbPolicy};
use feed::conformance::{queue_cases, seen_cases};
use feed::{Queued, Reason, Refusal, SeenStore, Take, Turn, WarmQueue};
use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use testkit::{Case, case, trials_in};
use vocab::{Millis, UserId, VideoId};

fn database(dir: &Path) -> Database {
    Database::open(dir, &[SCHEMA], &DbPolicy::default()).expect("opened")
}

fn queue(dir: &Path) -> EmbeddedWarmQueue {
    EmbeddedWarmQueue::new(database(dir))
}

fn seen(dir: &Path) -> EmbeddedSeenStore {
    EmbeddedSeenStore::new(database(dir))
}

const T0: Millis = Millis(1_767_225_600_000);
const VIEWER: UserId = UserId(1);

fn restart_cases() -> Vec<Case<PathBuf>> {
    vec![
        case("served_pages_outlive_a_restart", served_pages_outlive_a_restart),
        case("seen_and_refused_outlive_a_restart", seen_and_refused_outlive_a_restart),
        case("rows_do_not_grow_without_end", rows_do_not_grow_without_end),
    ]
}

fn turn(page: u32) -> Turn {
    Turn { session: 7, page }
}

async fn served_pages_outlive_a_restart(dir: PathBuf) {
    let items: Vec<Queued> =
        (1..=30).map(|id| Queued { video: VideoId(id), reason: Reason::Trending }).collect();
    let take = |page| Take { turn: turn(page), n: 10, refuse: HashSet::new(), generation: None, now: T0 };
    let before = queue(&dir);
    before.fill(VIEWER, 0, items.clone(), T0).await.expect("fills");
    let first = before.take(VIEWER, take(0)).await.expect("takes").page;
    before.take(VIEWER, take(1)).await.expect("takes");
    drop(before);

    let after = queue(&dir);
    assert_eq!(after.served(VIEWER, T0).await.expect("answers").len(), 20);
    let again = after.take(VIEWER, take(0)).await.expect("takes");
    assert_eq!((again.page, again.replayed), (first, true));
    assert_eq!(after.fill(VIEWER, 0, items, T0).await.expect("fills"), 10);
}

async fn seen_and_refused_outlive_a_restart(dir: PathBuf) {
    let before = seen(&dir);
    before.mark(VIEWER, &[(VideoId(1), T0)]).await.expect("marks");
    before.refuse(VIEWER, Refusal::Owner(UserId(4)), T0).await.expect("refuses");
    drop(before);
    let after = seen(&dir);
    let found = after.among(VIEWER, &[VideoId(1), VideoId(2)], T0).await.expect("answers");
    assert_eq!(found, HashSet::from([VideoId(1)]));
    assert!(after.refusals(VIEWER).await.expect("answers").owners.contains(&UserId(4)));
}

async fn rows_do_not_grow_without_end(dir: PathBuf) {
    let db = database(&dir);
    let queue = EmbeddedWarmQueue::new(db.clone());
    for page in 0..120u32 {
        let now = Millis(T0.0 + i64::from(page) * 1_000);
        let from = u64::from(page) * 10;
        let items =
            (from..from + 10).map(|id| Queued { video: VideoId(id), reason: Reason::Fresh }).collect();
        queue.fill(VIEWER, 0, items, now).await.expect("fills");
        let take = Take { turn: turn(page), n: 10, refuse: HashSet::new(), generation: None, now };
        queue.take(VIEWER, take).await.expect("takes");
    }
    let rows: i64 = db
        .read(|conn| {
            conn.query_row("SELECT count(*) FROM feed_page", [], |r| r.get(0)).map_err(embedded::db::fault)
        })
        .await
        .expect("counts");
    assert!((52..=54).contains(&rows), "{rows} pages kept");
}

fn main() {
    let mut all = trials_in("embedded", queue_cases(), |dir| Arc::new(queue(dir)) as Arc<dyn WarmQueue>);
    all.extend(trials_in("embedded", seen_cases(), |dir| Arc::new(seen(dir)) as Arc<dyn SeenStore>));
    all.extend(trials_in("embedded", restart_cases(), Path::to_owned));
    testkit::main(all);
}
