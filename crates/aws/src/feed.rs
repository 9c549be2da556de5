//! Warm queues and what viewers saw, in DynamoDB.
//!
//! A warm page is one strong read and one conditional write of the viewer's queue row, which stays
//! within 2 KB: ids are packed bits, and pages given long ago wait in a row of their own.

mod queue;
mod row;
mod seen;
mod seen_row;

pub use queue::DynamoWarmQueue;
pub use seen::{DynamoSeenStore, SeenRules};

use crate::dynamo::{Attr, Table};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use vocab::UserId;

/// `part` = `queue`: what waits and the latest pages; `ring`: pages before those.
pub static FEED_CACHE: Table = Table {
    name: "FeedCache",
    hash: Attr::s("user_id"),
    range: Some(Attr::s("part")),
    indexes: &[],
    ttl: Some("expires_at"),
};

/// `part` = `head`: the latest sightings; `log#…`: sightings before those; `no`: what is refused.
pub static SEEN: Table = Table {
    name: "Seen",
    hash: Attr::s("user_id"),
    range: Some(Attr::s("part")),
    indexes: &[],
    ttl: Some("expires_at"),
};

pub const TABLES: &[&Table] = &[&FEED_CACHE, &SEEN];

/// Things noted a viewer, a bounded number of viewers. Only ever a short cut: losing one costs a read.
#[derive(Debug)]
struct Notes<T> {
    max: usize,
    kept: Mutex<HashMap<UserId, T>>,
}

impl<T> Notes<T> {
    fn new(max: usize) -> Self {
        Self { max, kept: Mutex::default() }
    }

    fn put(&self, viewer: UserId, note: T) {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= self.max && !kept.contains_key(&viewer) {
            // Any will do; half at once, so that a full house does not pay for each guest.
            let mut n = 0;
            kept.retain(|_, _| {
                n += 1;
                n % 2 == 0
            });
        }
        kept.insert(viewer, note);
    }

    fn take(&self, viewer: UserId) -> Option<T> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&viewer)
    }
}

impl<T: Clone> Notes<T> {
    fn get(&self, viewer: UserId) -> Option<T> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).get(&viewer).cloned()
    }
}
