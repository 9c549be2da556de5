//! What calls cost, as the service says it.

use aws_sdk_dynamodb::types::ConsumedCapacity;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Requests and capacity units; a refused condition costs a write as well.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Spent {
    pub requests: u64,
    pub read_units: f64,
    pub write_units: f64,
}

/// Counters behind a handle; units in tenths, as strong and eventual reads come in halves.
#[derive(Debug, Clone, Default)]
pub struct Meter(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    requests: AtomicU64,
    read_tenths: AtomicU64,
    write_tenths: AtomicU64,
}

fn tenths(capacity: Option<&ConsumedCapacity>) -> u64 {
    let units = capacity.and_then(|c| c.capacity_units).unwrap_or(0.0);
    (units * 10.0).round() as u64
}

impl Meter {
    pub(super) fn read(&self, capacity: Option<&ConsumedCapacity>) {
        self.0.requests.fetch_add(1, Relaxed);
        self.0.read_tenths.fetch_add(tenths(capacity), Relaxed);
    }
    pub(super) fn wrote(&self, capacity: Option<&ConsumedCapacity>) {
        self.0.requests.fetch_add(1, Relaxed);
        self.0.write_tenths.fetch_add(tenths(capacity), Relaxed);
    }
    /// The answer to a refused condition names no units; it costs at least one.
    pub(super) fn refused(&self) {
        self.0.requests.fetch_add(1, Relaxed);
        self.0.write_tenths.fetch_add(10, Relaxed);
    }
    /// Several answers of one batch are one request.
    pub(super) fn batch(&self, read: &[ConsumedCapacity], wrote: &[ConsumedCapacity]) {
        self.0.requests.fetch_add(1, Relaxed);
        self.0.read_tenths.fetch_add(read.iter().map(|c| tenths(Some(c))).sum(), Relaxed);
        self.0.write_tenths.fetch_add(wrote.iter().map(|c| tenths(Some(c))).sum(), Relaxed);
    }
    pub fn spent(&self) -> Spent {
        Spent {
            requests: self.0.requests.load(Relaxed),
            read_units: self.0.read_tenths.load(Relaxed) as f64 / 10.0,
            write_units: self.0.write_tenths.load(Relaxed) as f64 / 10.0,
        }
    }
}

impl std::ops::Sub for Spent {
    type Output = Spent;
    fn sub(self, earlier: Spent) -> Spent {
        Spent {
            requests: self.requests - earlier.requests,
            read_units: self.read_units - earlier.read_units,
            write_units: self.write_units - earlier.write_units,
        }
    }
}
