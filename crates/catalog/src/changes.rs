//! How often an owner changes something that costs storage each time. Pure.

use serde::{Deserialize, Serialize};
use vocab::Millis;

/// Changes since a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    pub since: Millis,
    pub count: u32,
}

/// So many changes …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeRate {
    pub count_max: u32,
    /// … in this time, which begins with the first of them.
    pub window: Millis,
}

impl ChangeRate {
    /// One more change, or how long to wait for it.
    pub fn counted(&self, so_far: Option<Changes>, now: Millis) -> Result<Changes, Millis> {
        let this_window = so_far.filter(|c| now.saturating_sub(c.since) < self.window);
        let Changes { since, count } = this_window.unwrap_or(Changes { since: now, count: 0 });
        if count < self.count_max {
            Ok(Changes { since, count: count + 1 })
        } else {
            Err(since.saturating_add(self.window).saturating_sub(now))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_begins_with_its_first_change_and_says_how_long_it_lasts() {
        let rate = ChangeRate { count_max: 2, window: Millis(1_000) };
        let first = rate.counted(None, Millis(100)).expect("the first");
        let second = rate.counted(Some(first), Millis(900)).expect("the second");
        assert_eq!(second, Changes { since: Millis(100), count: 2 });
        assert_eq!(rate.counted(Some(second), Millis(900)), Err(Millis(200)));
        assert_eq!(rate.counted(Some(second), Millis(1_100)), Ok(Changes { since: Millis(1_100), count: 1 }));
        let none = ChangeRate { count_max: 0, ..rate };
        assert_eq!(none.counted(None, Millis(5)), Err(Millis(1_000)));
    }
}
