//! Warm queues in process, what was served and seen in SQLite: a restart forgets ranking, never a page.

mod queue;
mod seen;

pub use queue::EmbeddedWarmQueue;
pub use seen::EmbeddedSeenStore;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stdx::Fault;
use vocab::UserId;

/// Viewers kept in process before those used longest ago are let go.
const VIEWERS_MAX: usize = 10_000;

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS feed_page (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  v INTEGER NOT NULL,
  viewer INTEGER NOT NULL,
  session INTEGER NOT NULL,
  page INTEGER NOT NULL,
  at INTEGER NOT NULL,
  items TEXT NOT NULL,
  UNIQUE (viewer, session, page)
) STRICT;
CREATE INDEX IF NOT EXISTS feed_page_viewer ON feed_page (viewer, at, id);
CREATE TABLE IF NOT EXISTS feed_seen (
  viewer INTEGER NOT NULL,
  video INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (viewer, video)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS feed_refusal (
  viewer INTEGER NOT NULL,
  kind TEXT NOT NULL,
  target INTEGER NOT NULL,
  at INTEGER NOT NULL,
  PRIMARY KEY (viewer, kind, target)
) STRICT, WITHOUT ROWID;
";

type Result<T> = std::result::Result<T, Fault>;

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Things kept a viewer, bounded, least recently used let go first.
#[derive(Debug)]
struct PerViewer<T> {
    max: usize,
    inner: Mutex<(u64, HashMap<UserId, Kept<T>>)>,
}

/// When it was last used, and the thing itself.
type Kept<T> = (u64, Arc<Mutex<T>>);

impl<T> PerViewer<T> {
    fn new(max: usize) -> Self {
        Self { max, inner: Mutex::new((0, HashMap::new())) }
    }

    fn get(&self, viewer: UserId) -> Option<Arc<Mutex<T>>> {
        let mut inner = lock(&self.inner);
        inner.0 += 1;
        let now = inner.0;
        inner.1.get_mut(&viewer).map(|(used, kept)| {
            *used = now;
            Arc::clone(kept)
        })
    }

    /// Keeps what was loaded, unless somebody was faster.
    fn keep(&self, viewer: UserId, loaded: T) -> Arc<Mutex<T>> {
        let mut inner = lock(&self.inner);
        inner.0 += 1;
        let now = inner.0;
        if inner.1.len() >= self.max && !inner.1.contains_key(&viewer) {
            let mut ages: Vec<u64> = inner.1.values().map(|(used, _)| *used).collect();
            let (_, median, _) = ages.select_nth_unstable(self.max / 10);
            let limit = *median;
            // Whoever is being served right now stays: a second copy would not know of that page.
            inner.1.retain(|_, (used, kept)| *used > limit || Arc::strong_count(kept) > 1);
        }
        let (used, kept) = inner.1.entry(viewer).or_insert_with(|| (now, Arc::new(Mutex::new(loaded))));
        *used = now;
        Arc::clone(kept)
    }

    fn drop(&self, viewer: UserId) {
        lock(&self.inner).1.remove(&viewer);
    }
}
