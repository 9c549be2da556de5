//! Exact de-duplication of one device's numbered events in 16 bytes.

use crate::port::Receipt;
use std::collections::BTreeMap;

/// The highest number seen and which of the 64 up to it were.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Window {
    pub high: u64,
    /// Bit `i`: `high − i` was seen. 0 = nothing seen yet.
    pub bits: u64,
}

pub const WINDOW_WIDTH: u64 = 64;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SeqVerdict {
    Fresh,
    Duplicate,
    /// Further behind than the window reaches: may have been seen, so it is not counted.
    TooOld,
}

impl Window {
    /// Judges `seq` and remembers it when fresh.
    pub fn admit(&mut self, seq: u64) -> SeqVerdict {
        if self.bits == 0 {
            *self = Self { high: seq, bits: 1 };
            return SeqVerdict::Fresh;
        }
        if seq > self.high {
            let by = seq - self.high;
            self.bits = if by >= WINDOW_WIDTH { 0 } else { self.bits << by } | 1;
            self.high = seq;
            return SeqVerdict::Fresh;
        }
        let back = self.high - seq;
        if back >= WINDOW_WIDTH {
            return SeqVerdict::TooOld;
        }
        if self.bits >> back & 1 == 1 {
            return SeqVerdict::Duplicate;
        }
        self.bits |= 1 << back;
        SeqVerdict::Fresh
    }

    /// The number a client continues with.
    pub const fn next_seq(&self) -> u64 {
        if self.bits == 0 { 0 } else { self.high.saturating_add(1) }
    }
}

/// The windows of one device. Pure; engines store it as they like.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceWindows {
    /// Epochs up to this one were forgotten.
    pub floor: u64,
    pub epochs: BTreeMap<u64, Window>,
}

impl DeviceWindows {
    /// Judges the numbers of one append and remembers the fresh ones.
    pub fn admit(&mut self, epoch: u64, seqs: impl Iterator<Item = u64>, keep: usize) -> Receipt {
        if epoch <= self.floor {
            return Receipt { verdicts: seqs.map(|_| SeqVerdict::TooOld).collect(), next_seq: 0 };
        }
        let window = self.epochs.entry(epoch).or_default();
        let verdicts = seqs.map(|s| window.admit(s)).collect();
        let next_seq = window.next_seq();
        while self.epochs.len() > keep.max(1) {
            if let Some((lowest, _)) = self.epochs.pop_first() {
                self.floor = self.floor.max(lowest);
            }
        }
        Receipt { verdicts, next_seq }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn a_gap_may_be_filled_once_within_the_window() {
        let mut w = Window::default();
        assert_eq!(w.admit(1), SeqVerdict::Fresh);
        assert_eq!(w.admit(64), SeqVerdict::Fresh);
        assert_eq!(w.admit(1), SeqVerdict::Duplicate);
        assert_eq!(w.admit(2), SeqVerdict::Fresh);
        assert_eq!(w.admit(2), SeqVerdict::Duplicate);
        assert_eq!(w.admit(66), SeqVerdict::Fresh);
        assert_eq!(w.admit(2), SeqVerdict::TooOld);
        assert_eq!(w.next_seq(), 67);
    }

    #[test]
    fn the_largest_number_does_not_overflow() {
        let mut w = Window::default();
        assert_eq!(w.admit(0), SeqVerdict::Fresh);
        assert_eq!(w.admit(u64::MAX), SeqVerdict::Fresh);
        assert_eq!(w.next_seq(), u64::MAX);
        assert_eq!(w.admit(u64::MAX - 63), SeqVerdict::Fresh);
        assert_eq!(w.admit(u64::MAX - 64), SeqVerdict::TooOld);
    }

    proptest! {
        #[test]
        fn nothing_is_fresh_twice_and_the_window_equals_a_set(seqs in prop::collection::vec(0u64..300, 1..400)) {
            let mut w = Window::default();
            let mut seen: HashSet<u64> = HashSet::new();
            for s in seqs {
                let high = seen.iter().copied().max();
                let expected = match high {
                    _ if seen.contains(&s) && high.is_some_and(|h| h.saturating_sub(s) < 64) => SeqVerdict::Duplicate,
                    Some(h) if h.saturating_sub(s) >= 64 => SeqVerdict::TooOld,
                    _ => SeqVerdict::Fresh,
                };
                prop_assert_eq!(w.admit(s), expected);
                if expected == SeqVerdict::Fresh { seen.insert(s); }
            }
        }
    }
}
