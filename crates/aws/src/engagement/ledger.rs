//! Sums over leaves: one row repeats the sizes of a group of leaves.

use super::leaf::{LEAVES, Leaf, Place};
use super::row::{ROW_V, Scope};
use crate::dynamo::{Item, Key};
use crate::pack::{Packer, Unpacker};
use ::engagement::ReactionKind;
use std::collections::BTreeMap;
use stdx::Fault;

/// Rows the leaves of a video are spread over: so many may be written at the same moment.
pub(super) const GROUPS: u16 = 16;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    n: u64,
    seq: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    /// By kind and leaf.
    entries: BTreeMap<u64, Entry>,
}

const fn kind_number(kind: ReactionKind) -> u64 {
    match kind {
        ReactionKind::Like => 0,
        ReactionKind::Share => 1,
    }
}

const fn group(place: &Place) -> u16 {
    place.leaf % GROUPS
}

/// The row a leaf is summed in.
pub(super) fn key(place: &Place, scope: Scope) -> Key {
    Key::pair(place.video.to_string(), scope.of_reactions(group(place)))
}

impl Ledger {
    /// Repeats the size of a leaf; `false`: it is known, or a later one is.
    pub fn note(&mut self, place: &Place, leaf: &Leaf, scope: Scope) -> bool {
        let n = match scope {
            Scope::Total => leaf.len(),
            Scope::Hour(hour) => leaf.given_in(hour),
        };
        let at = kind_number(place.kind) * LEAVES + u64::from(place.leaf);
        if self.entries.get(&at).is_some_and(|known| known.seq >= leaf.seq) {
            return false;
        }
        self.entries.insert(at, Entry { n, seq: leaf.seq });
        true
    }

    pub fn sum(&self, kind: ReactionKind) -> u64 {
        let from = kind_number(kind) * LEAVES;
        self.entries.range(from..from + LEAVES).map(|(_, e)| e.n).sum()
    }

    pub fn item(&self, place: &Place, scope: Scope) -> Item {
        let mut p = Packer::default();
        p.int(self.entries.len() as u64);
        let mut before = 0;
        for (at, entry) in &self.entries {
            p.int(at - before).int(entry.n).int(entry.seq);
            before = *at;
        }
        scope
            .item(place.video, scope.of_reactions(group(place)))
            .n("likes", self.sum(ReactionKind::Like) as i64)
            .n("shares", self.sum(ReactionKind::Share) as i64)
            .b("leaves", p.done())
    }

    pub fn of_seen(item: Option<&Item>) -> Result<Self, Fault> {
        let Some(item) = item else { return Ok(Self::default()) };
        item.layout(ROW_V)?;
        let mut u = Unpacker::new(item.get_b("leaves")?);
        let (mut entries, mut at) = (BTreeMap::new(), 0u64);
        for _ in 0..u.count()? {
            at = at.saturating_add(u.int()?);
            entries.insert(at, Entry { n: u.int()?, seq: u.int()? });
        }
        Ok(Self { entries })
    }
}

/// Likes and shares of a row, as its attributes say.
pub(super) fn sums(item: &Item) -> Result<(i64, i64), Fault> {
    item.layout(ROW_V)?;
    Ok((item.get_n("likes")?, item.get_n("shares")?))
}

/// Whether a row of `EngagementAgg` is one of these.
pub(super) fn is_ledger(item: &Item) -> bool {
    item.attribute("leaves").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::engagement::Hour;
    use stdx::FaultKind;
    use vocab::{UserId, VideoId};

    #[test]
    fn an_old_size_never_replaces_a_new_one() {
        let place = Place { video: VideoId(7), kind: ReactionKind::Share, leaf: 19 };
        let mut leaf = Leaf::default();
        leaf.set(UserId(1), Some(Hour(4)));
        let one = leaf.clone();
        leaf.set(UserId(2), Some(Hour(5)));
        let mut ledger = Ledger::default();
        assert!(ledger.note(&place, &leaf, Scope::Total) && !ledger.note(&place, &one, Scope::Total));
        assert_eq!((ledger.sum(ReactionKind::Share), ledger.sum(ReactionKind::Like)), (2, 0));
        let mut hour = Ledger::default();
        assert!(hour.note(&place, &leaf, Scope::Hour(Hour(5))));
        assert_eq!(hour.sum(ReactionKind::Share), 1);
    }

    #[test]
    fn a_row_of_the_first_layout_is_read_and_a_later_one_refused() {
        let place = Place { video: VideoId(7), kind: ReactionKind::Like, leaf: 300 };
        let mut leaf = Leaf::default();
        leaf.set(UserId(1), Some(Hour(4)));
        let mut ledger = Ledger::default();
        ledger.note(&place, &leaf, Scope::Total);
        let golden = "01ac020101";
        let old = Item::new(1)
            .s("video_id", "0000000000007")
            .s("window", "total#r12")
            .n("likes", 1)
            .n("shares", 0)
            .b("leaves", hex::decode(golden).unwrap());
        assert_eq!(hex::encode(ledger.item(&place, Scope::Total).get_b("leaves").unwrap()), golden);
        assert_eq!((Ledger::of_seen(Some(&old)).unwrap(), sums(&old).unwrap()), (ledger, (1, 0)));
        assert_eq!(Ledger::of_seen(Some(&Item::new(2))).unwrap_err().kind, FaultKind::Newer);
    }
}
