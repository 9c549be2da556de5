//! Limits of the embedded engines.

use vocab::Millis;

#[derive(Debug, Clone)]
pub struct DbPolicy {
    /// Read-only connections.
    pub readers: usize,
    /// Writes that may wait; one more is refused as throttled.
    pub write_queue: usize,
    /// Writes that share one commit.
    pub batch: usize,
    pub busy_timeout: Millis,
    /// Page cache of each connection.
    pub cache_kib: u32,
}

impl Default for DbPolicy {
    fn default() -> Self {
        Self { readers: 4, write_queue: 4096, batch: 256, busy_timeout: Millis(5_000), cache_kib: 4_096 }
    }
}
