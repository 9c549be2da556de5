//! The numbers of the ingest contract.

use vocab::Millis;

#[derive(Debug, Clone)]
pub struct EventPolicy {
    /// Body as it came over the wire.
    pub wire_bytes_max: usize,
    /// Body after decompression.
    pub decoded_bytes_max: usize,
    /// Decoded to wire.
    pub ratio_max: usize,
    pub events_max: usize,
    pub event_bytes_max: usize,
    pub depth_max: usize,
    /// Event times are clamped to this span before receipt.
    pub age_max: Millis,
    /// Epochs a device may have open; the lowest is forgotten and then refused as too old.
    pub epochs_per_device: usize,
    pub device_rate: Rate,
    pub viewer_rate: Rate,
    /// Batches waiting for the log; one more is refused with 503.
    pub appends_in_flight_max: usize,
    /// 503 says "come back in" this much, plus up to as much again.
    pub overload_retry: Millis,
    /// Longest believable dwell of one impression.
    pub dwell_max: Millis,
    /// Longest believable duration of a video.
    pub duration_max: Millis,
    /// Loops believed when the client does not say how often the video ran.
    pub loops_max: i64,
    /// Measuring slack of clients.
    pub slack: Millis,
}

/// A token bucket: `per_s` refill, `burst` size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    pub per_s: u32,
    pub burst: u32,
}

impl Default for EventPolicy {
    fn default() -> Self {
        Self {
            wire_bytes_max: 512 * 1024,
            decoded_bytes_max: 1024 * 1024,
            ratio_max: 50,
            events_max: 500,
            event_bytes_max: 8 * 1024,
            depth_max: 8,
            age_max: Millis(7 * 24 * 3_600_000),
            epochs_per_device: 16,
            // A client keeps at most 5,000 events while offline and may empty that at once.
            device_rate: Rate { per_s: 50, burst: 5_000 },
            viewer_rate: Rate { per_s: 100, burst: 10_000 },
            appends_in_flight_max: 256,
            overload_retry: Millis(2_000),
            dwell_max: Millis(6 * 3_600_000),
            duration_max: Millis(6 * 3_600_000),
            loops_max: 200,
            slack: Millis(1_500),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caps_are_those_of_the_contract() {
        let p = EventPolicy::default();
        // "512 KiB on the wire, 1 MiB decoded, ratio <= 50, <= 500 events, <= 8 KiB/event, depth <= 8"
        assert_eq!((p.wire_bytes_max, p.decoded_bytes_max, p.ratio_max), (524_288, 1_048_576, 50));
        assert_eq!((p.events_max, p.event_bytes_max, p.depth_max), (500, 8_192, 8));
        // "clamped to [received - 7 d, received]"
        assert_eq!(p.age_max, Millis(604_800_000));
    }
}
