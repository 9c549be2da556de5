//! How videos get their names.

use stdx::{Clock, Entropy};
use vocab::VideoId;

/// The id of a video born now.
pub fn born(clock: &dyn Clock, entropy: &dyn Entropy) -> VideoId {
    VideoId::from_parts(clock.now().0, entropy.u64())
}

/// A fresh 128-bit key for the link of an unlisted video, in hex.
pub fn link_key(entropy: &dyn Entropy) -> String {
    format!("{:032x}", entropy.u128())
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::{ManualClock, SeededEntropy};

    #[test]
    fn an_id_tells_its_birth_and_a_key_has_128_bits() {
        let (clock, entropy) = (ManualClock::default(), SeededEntropy::new(1));
        assert_eq!(born(&clock, &entropy).created_at_unix_ms(), clock.now().0);
        assert_eq!(link_key(&entropy).len(), 32);
        assert_ne!(link_key(&entropy), link_key(&entropy));
    }
}
