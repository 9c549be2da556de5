//! One leaf of the set of viewers who have a reaction on a video.

use super::REACTION_SETS;
use crate::dynamo::{Item, Key};
use crate::pack::{Packer, Unpacker};
use ::engagement::{Hour, ReactionKind};
use std::collections::BTreeMap;
use stdx::Fault;
use vocab::{UserId, VideoId};

const ROW_V: i64 = 1;
/// So many that a leaf of a video liked by 10 million is below 40 KB; of most videos a leaf is one viewer.
pub(super) const LEAVES: u64 = 4_096;

/// Which leaf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub video: VideoId,
    pub kind: ReactionKind,
    pub leaf: u16,
}

impl Place {
    pub fn of(video: VideoId, kind: ReactionKind, viewer: UserId) -> Self {
        let spread = viewer.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40;
        Self { video, kind, leaf: u16::try_from(spread % LEAVES).unwrap_or(0) }
    }

    fn name(&self) -> String {
        format!("{}#{}#{:04}", self.video, self.kind.word(), self.leaf)
    }

    pub fn key(&self) -> Key {
        Key::of(self.name())
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Leaf {
    /// Counts changes.
    pub seq: u64,
    /// The hour of the last change's reaction: its sum may not know yet.
    pub changed: Option<Hour>,
    /// Viewers, and the hour each reacted in.
    members: BTreeMap<UserId, Hour>,
}

impl Leaf {
    pub fn since(&self, viewer: UserId) -> Option<Hour> {
        self.members.get(&viewer).copied()
    }

    pub fn set(&mut self, viewer: UserId, at: Option<Hour>) {
        let before = match at {
            Some(hour) => self.members.insert(viewer, hour),
            None => self.members.remove(&viewer),
        };
        self.changed = at.or(before);
        self.seq += 1;
    }

    pub fn len(&self) -> u64 {
        self.members.len() as u64
    }

    pub fn given_in(&self, hour: Hour) -> u64 {
        self.members.values().filter(|h| **h == hour).count() as u64
    }

    pub fn item(&self, place: &Place) -> Item {
        let mut p = Packer::default();
        p.int(self.members.len() as u64);
        let mut before = 0i64;
        for (viewer, hour) in &self.members {
            p.fixed(viewer.0).signed(hour.0.wrapping_sub(before));
            before = hour.0;
        }
        Item::new(ROW_V)
            .s(REACTION_SETS.hash.name, place.name())
            .s("video_id", place.video.to_string())
            .n("seq", self.seq as i64)
            .maybe_n("changed", self.changed.map(|h| h.0))
            .b("user_ids", p.done())
    }

    pub fn of_seen(item: Option<&Item>) -> Result<Self, Fault> {
        let Some(item) = item else { return Ok(Self::default()) };
        item.layout(ROW_V)?;
        let mut u = Unpacker::new(item.get_b("user_ids")?);
        let (mut members, mut hour) = (BTreeMap::new(), 0i64);
        for _ in 0..u.count()? {
            let viewer = UserId(u.fixed()?);
            hour = hour.wrapping_add(u.signed()?);
            members.insert(viewer, Hour(hour));
        }
        let seq = u64::try_from(item.get_n("seq")?).map_err(Fault::corrupt)?;
        Ok(Self { seq, changed: item.opt_n("changed").map(Hour), members })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    #[test]
    fn a_row_of_the_first_layout_is_read_and_a_later_one_refused() {
        let golden = "020000000000000005e0f63b000000000000000902";
        let mut leaf = Leaf::default();
        leaf.set(UserId(5), Some(Hour(490_928)));
        leaf.set(UserId(9), Some(Hour(490_929)));
        let old = Item::new(1)
            .s("set", "0000000000007#like#0123")
            .n("seq", 2)
            .n("changed", 490_929)
            .b("user_ids", hex::decode(golden).unwrap());
        let place = Place { video: VideoId(7), kind: ReactionKind::Like, leaf: 123 };
        assert_eq!(hex::encode(leaf.item(&place).get_b("user_ids").unwrap()), golden);
        assert_eq!(Leaf::of_seen(Some(&old)).unwrap(), leaf);
        assert_eq!(leaf.item(&place).get_s("set").unwrap(), "0000000000007#like#0123");
        assert_eq!(Leaf::of_seen(Some(&Item::new(2))).unwrap_err().kind, FaultKind::Newer);
    }

    #[test]
    fn a_leaf_of_a_very_popular_video_still_fits() {
        let mut leaf = Leaf::default();
        for n in 0..10_000_000 / LEAVES {
            leaf.set(UserId(n << 50 | n), Some(Hour(490_000 + (n as i64 * 7) % 5_000)));
        }
        let place = Place::of(VideoId(1), ReactionKind::Like, UserId(1));
        assert!(leaf.item(&place).bytes() < 40_000, "{}", leaf.item(&place).bytes());
    }
}
