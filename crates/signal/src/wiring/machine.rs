//! What only the root knows of the machine: the disk.

use crate::disk;
use api::ops::{Disk, Machine};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use vocab::Bytes;

/// Counting files is slow: once in this time is enough for a chart.
const FRESH: Duration = Duration::from_secs(60);

pub struct ThisMachine {
    data: PathBuf,
    last: Mutex<Option<(Instant, Disk)>>,
}

impl ThisMachine {
    pub fn new(data: PathBuf) -> Self {
        Self { data, last: Mutex::new(None) }
    }
}

impl Machine for ThisMachine {
    fn disk(&self) -> Option<Disk> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, found)) = *last
            && at.elapsed() < FRESH
        {
            return Some(found);
        }
        let space = disk::space(&self.data).ok()?;
        let found = Disk {
            free: Bytes(space.free_bytes),
            total: Bytes(space.total_bytes),
            data: Bytes(disk::used(&self.data)),
        };
        *last = Some((Instant::now(), found));
        Some(found)
    }
}
