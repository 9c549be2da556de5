//! What the product promises (seed §9), as data.

use crate::indicators::{Indicator, Measured};
use serde::Serialize;

/// On which side of the target it is well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bound {
    Below,
    AtLeast,
}

impl Bound {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Below => "below",
            Self::AtLeast => "at_least",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    Green,
    /// Kept, with less than a tenth to spare.
    Amber,
    Red,
    /// Nothing was measured, or too little to call it broken.
    Unknown,
}

/// One promise. Shares are in parts per million, so that nothing is rounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Promise {
    pub name: &'static str,
    pub indicator: Indicator,
    pub bound: Bound,
    pub target: i64,
    /// `ms` or `ppm`.
    pub unit: &'static str,
    /// How much must be measured before it can be broken: samples, or the whole of a share. The first viewer of a fresh
    /// server finds nothing in memory, and is no reason to wake anybody.
    pub least: u64,
    /// What it means and what to do when it is broken.
    pub help: &'static str,
}

/// TFF < 800 ms, rebuffer < 2 %, CDN hit ≥ 97 %, feed P99 < 120 ms, ranker P99 < 30 ms.
pub const PROMISES: [Promise; 5] = [
    Promise {
        name: "first_frame",
        indicator: Indicator::FirstFrame,
        bound: Bound::Below,
        target: 800,
        unit: "ms",
        least: 20,
        help: "Time to the first frame, 95th percentile of what players tell. Look at media cache hits and disk.",
    },
    Promise {
        name: "rebuffer",
        indicator: Indicator::Rebuffer,
        bound: Bound::Below,
        target: 20_000,
        unit: "ppm",
        // Milliseconds that were watched: five minutes of one viewer.
        least: 300_000,
        help: "Time stalled for every time watched. Look at the bitrates of the ladder and at media latency.",
    },
    Promise {
        name: "media_hit",
        indicator: Indicator::MediaHit,
        bound: Bound::AtLeast,
        target: 970_000,
        unit: "ppm",
        least: 1_000,
        help: "Media answered from memory. Low right after a start; later, raise the hot cache.",
    },
    Promise {
        name: "feed_p99",
        indicator: Indicator::FeedPage,
        bound: Bound::Below,
        target: 120,
        unit: "ms",
        least: 100,
        help: "A feed page, 99th percentile. Look at which stage of the feed gives up.",
    },
    Promise {
        name: "ranker_p99",
        indicator: Indicator::Ranker,
        bound: Bound::Below,
        target: 30,
        unit: "ms",
        least: 100,
        help: "Ranking candidates, 99th percentile. The feed falls back to trending beyond it.",
    },
];

impl Promise {
    /// How it stands with what was measured.
    pub const fn state(&self, measured: Option<Measured>) -> State {
        let Some(Measured { value, weight }) = measured else { return State::Unknown };
        match self.side(value) {
            State::Green => State::Green,
            _ if weight < self.least => State::Unknown,
            state => state,
        }
    }

    /// On which side of the target a value is.
    const fn side(&self, value: i64) -> State {
        let margin = self.target / 10;
        match self.bound {
            Bound::Below if value >= self.target => State::Red,
            Bound::Below if value >= self.target - margin => State::Amber,
            // A share close to one has its room above the target.
            Bound::AtLeast if value < self.target => State::Red,
            Bound::AtLeast if value < self.target + (1_000_000 - self.target) / 10 => State::Amber,
            _ => State::Green,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_targets_are_the_seeds() {
        let told: Vec<_> = PROMISES.iter().map(|p| (p.name, p.bound, p.target, p.unit)).collect();
        assert_eq!(
            told,
            [
                ("first_frame", Bound::Below, 800, "ms"),
                ("rebuffer", Bound::Below, 20_000, "ppm"),
                ("media_hit", Bound::AtLeast, 970_000, "ppm"),
                ("feed_p99", Bound::Below, 120, "ms"),
                ("ranker_p99", Bound::Below, 30, "ms"),
            ]
        );
    }

    fn enough(value: i64) -> Option<Measured> {
        Some(Measured { value, weight: 1_000 })
    }

    #[test]
    fn a_few_first_requests_break_no_promise() {
        let [_, _, hit, feed, _] = PROMISES;
        let state = |p: &Promise, value, weight| p.state(Some(Measured { value, weight }));
        assert_eq!((state(&hit, 0, 999), state(&hit, 0, 1_000)), (State::Unknown, State::Red));
        assert_eq!((state(&hit, 971_000, 10), state(&hit, 1_000_000, 1)), (State::Unknown, State::Green));
        assert_eq!((state(&feed, 500, 99), state(&feed, 500, 100)), (State::Unknown, State::Red));
    }

    #[test]
    fn a_promise_turns_amber_before_red() {
        let [first_frame, _, hit, ..] = PROMISES;
        for (value, state) in [(0, State::Green), (719, State::Green), (720, State::Amber), (800, State::Red)]
        {
            assert_eq!(first_frame.state(enough(value)), state, "{value}");
        }
        for (value, state) in [(1_000_000, State::Green), (971_000, State::Amber), (969_999, State::Red)] {
            assert_eq!(hit.state(enough(value)), state, "{value}");
        }
        assert_eq!(first_frame.state(None), State::Unknown);
    }
}
