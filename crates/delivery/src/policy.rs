//! Every number of delivery.

use vocab::{Bytes, Millis};

#[derive(Debug, Clone)]
pub struct DeliveryPolicy {
    /// What the hot cache may hold. It fills as it is read; an idle one weighs nothing.
    pub hot_bytes_max: Bytes,
    /// A larger object is answered but not kept. The top rung of the longest video in one file is 45 MB.
    pub hot_object_bytes_max: Bytes,
    /// How long a video's standing is believed without asking: the bound on a takedown.
    pub standing_ttl: Millis,
    /// Videos whose standing is remembered.
    pub standings_max: usize,
    /// How long it is believed that an object is missing.
    pub negative_ttl: Millis,
    /// How long anybody may cache "not found".
    pub not_found_max_age_s: u32,
    /// How long anybody may cache "gone".
    pub gone_max_age_s: u32,
    /// Longest wait for an object, one's own read or another reader's.
    pub read_deadline: Millis,
}

impl Default for DeliveryPolicy {
    fn default() -> Self {
        Self {
            hot_bytes_max: Bytes(256 << 20),
            hot_object_bytes_max: Bytes(64 << 20),
            standing_ttl: Millis(1_000),
            standings_max: 100_000,
            negative_ttl: Millis(1_000),
            not_found_max_age_s: 5,
            gone_max_age_s: 60,
            read_deadline: Millis(10_000),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The cache table: "404: 5 s · 410 (takedown): 60 s"; feeds and origin drop a takedown in ≤ 1 s.
    #[test]
    fn negative_answers_are_short() {
        let p = DeliveryPolicy::default();
        assert_eq!((p.not_found_max_age_s, p.gone_max_age_s), (5, 60));
        assert!(p.standing_ttl <= Millis(1_000) && p.negative_ttl <= Millis(5_000));
    }
}
