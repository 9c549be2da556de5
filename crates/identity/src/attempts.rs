//! Counting knocks at doors: fixed windows per key, bounded in memory, no clock of its own.

use crate::policy::Limit;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use vocab::Millis;

/// A door and who stands before it; only a hash is kept, so no address or e-mail is.
pub type Key = [u8; 16];

pub fn key(door: &str, who: &[&str]) -> Key {
    let mut hash = Sha256::new();
    for part in std::iter::once(&door).chain(who) {
        // The length before each part: "ab","c" is not "a","bc".
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    let full: [u8; 32] = hash.finalize().into();
    let mut key = Key::default();
    key.copy_from_slice(&full[..16]);
    key
}

#[derive(Debug, Clone, Copy)]
struct Window {
    opened: Millis,
    count: u32,
}

/// Windows of many keys. At most `keys_max` are remembered; the longest known go first.
#[derive(Debug)]
pub struct Attempts {
    windows: HashMap<Key, Window>,
    order: VecDeque<(Key, Millis)>,
    keys_max: usize,
}

impl Attempts {
    pub fn new(keys_max: usize) -> Self {
        Self { windows: HashMap::new(), order: VecDeque::new(), keys_max: keys_max.max(1) }
    }

    /// Counts one knock. `Err` says how long to wait; a refused knock is not counted, so
    /// waiting as told is enough.
    pub fn take(&mut self, key: Key, limit: Limit, now: Millis) -> Result<(), Millis> {
        let window = match self.windows.get_mut(&key) {
            Some(w) if now.0 < w.opened.0.saturating_add(limit.window.0) => w,
            _ => {
                self.remember(key, now);
                return Ok(());
            }
        };
        if window.count >= limit.count {
            return Err(Millis((window.opened.0 + limit.window.0 - now.0).clamp(1, limit.window.0)));
        }
        window.count += 1;
        Ok(())
    }

    /// Forgets a key: it proved itself.
    pub fn clear(&mut self, key: Key) {
        self.windows.remove(&key);
    }

    fn remember(&mut self, key: Key, now: Millis) {
        self.windows.insert(key, Window { opened: now, count: 1 });
        self.order.push_back((key, now));
        while self.windows.len() > self.keys_max || self.order.len() > self.keys_max * 2 {
            let Some((old, opened)) = self.order.pop_front() else { break };
            // The entry may be of an earlier window of the same key.
            if self.windows.get(&old).is_some_and(|w| w.opened == opened) {
                self.windows.remove(&old);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LIMIT: Limit = Limit { count: 3, window: Millis(1_000) };

    #[test]
    fn the_fourth_knock_waits_for_the_window_to_end() {
        let mut attempts = Attempts::new(10);
        let k = key("login", &["a"]);
        for t in [0, 10, 20] {
            assert_eq!(attempts.take(k, LIMIT, Millis(t)), Ok(()));
        }
        assert_eq!(attempts.take(k, LIMIT, Millis(400)), Err(Millis(600)));
        assert_eq!(attempts.take(key("login", &["b"]), LIMIT, Millis(400)), Ok(()));
        assert_eq!(attempts.take(k, LIMIT, Millis(1_000)), Ok(()));
    }

    #[test]
    fn a_cleared_key_starts_anew() {
        let mut attempts = Attempts::new(10);
        let k = key("login", &["a"]);
        for _ in 0..3 {
            assert_eq!(attempts.take(k, LIMIT, Millis(0)), Ok(()));
        }
        attempts.clear(k);
        assert_eq!(attempts.take(k, LIMIT, Millis(1)), Ok(()));
    }

    #[test]
    fn parts_of_a_key_do_not_run_together() {
        assert_ne!(key("d", &["ab", "c"]), key("d", &["a", "bc"]));
        assert_ne!(key("d", &["a"]), key("da", &[]));
    }

    proptest! {
        #[test]
        fn memory_is_bounded_and_no_window_lets_more_through(
            knocks in proptest::collection::vec((0u8..20, 0i64..300), 1..400)
        ) {
            let mut attempts = Attempts::new(8);
            let mut now = 0;
            let mut passed: HashMap<u8, Vec<i64>> = HashMap::new();
            let roomy = &mut Attempts::new(1_000);
            for (who, step) in knocks {
                now += step;
                let k = key("x", &[&who.to_string()]);
                let _ = attempts.take(k, LIMIT, Millis(now));
                prop_assert!(attempts.windows.len() <= 8 && attempts.order.len() <= 16);
                match roomy.take(k, LIMIT, Millis(now)) {
                    Ok(()) => passed.entry(who).or_default().push(now),
                    Err(wait) => prop_assert!(wait.0 >= 1 && wait.0 <= LIMIT.window.0),
                }
            }
            // Fixed windows: never more than twice the count in any span of one window.
            for times in passed.values() {
                for (i, t) in times.iter().enumerate() {
                    let within = times[i..].iter().take_while(|u| **u < t + LIMIT.window.0).count();
                    prop_assert!(within <= 2 * LIMIT.count as usize);
                }
            }
        }
    }
}
