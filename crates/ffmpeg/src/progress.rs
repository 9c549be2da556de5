//! Reads `-progress pipe:1`.

use std::sync::Arc;

/// What a run reported so far.
#[derive(Clone)]
pub(crate) struct Meter {
    report: Arc<dyn Fn(u8) + Send + Sync>,
    expected_us: u64,
    out_time_us: u64,
    pub frames: u64,
    size: u64,
}

impl Meter {
    pub fn new(report: Arc<dyn Fn(u8) + Send + Sync>, expected_ms: i64) -> Self {
        let expected_us = expected_ms.max(1) as u64 * 1000;
        Self { report, expected_us, out_time_us: 0, frames: 0, size: 0 }
    }

    /// Takes a line; `true` when something moved.
    pub fn line(&mut self, line: &str) -> bool {
        let Some((key, value)) = line.split_once('=') else { return false };
        let value: u64 = match value.trim().parse() {
            Ok(v) => v,
            // Negative or `N/A` before the first output.
            Err(_) => return false,
        };
        let slot = match key {
            "out_time_us" => &mut self.out_time_us,
            "frame" => &mut self.frames,
            "total_size" => &mut self.size,
            _ => return false,
        };
        let moved = *slot < value;
        *slot = value;
        if moved && key == "out_time_us" {
            let percent = (self.out_time_us.saturating_mul(100) / self.expected_us).min(99);
            (self.report)(percent as u8);
        }
        moved
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU8, Ordering};

    #[test]
    fn time_becomes_percent_and_nonsense_becomes_nothing() {
        let last = Arc::new(AtomicU8::new(0));
        let tell = Arc::clone(&last);
        let mut m = Meter::new(Arc::new(move |p| tell.store(p, Ordering::SeqCst)), 10_000);
        assert!(!m.line("out_time_us=-21333"));
        assert!(!m.line("out_time_us=N/A"));
        assert!(!m.line("progress=continue"));
        assert!(m.line("out_time_us=2500000"));
        assert_eq!(last.load(Ordering::SeqCst), 25);
        assert!(!m.line("out_time_us=2500000"));
        assert!(m.line("frame=77"));
        assert!(m.line("out_time_us=99000000"));
        assert_eq!((last.load(Ordering::SeqCst), m.frames), (99, 77));
    }
}
