//! The hottest videos of a shard in one row: what `hot` reads instead of a table.

use super::row::{ROW_V, shard_item};
use crate::dynamo::Item;
use crate::pack::{Packer, Unpacker};
use ::engagement::heat::by_score;
use ::engagement::{EngagementPolicy, Heat};
use std::collections::HashMap;
use stdx::Fault;
use vocab::{Millis, VideoId};

pub(super) const HOT: &str = "hot";
/// Videos on the board of one shard: some 5 KB.
const HOT_MAX: usize = 200;
/// After this a heat is nothing: 24 half-lives of the slowest.
pub(super) const COLD_AFTER: Millis = Millis(24 * 3_600_000);

#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Board(pub HashMap<VideoId, Heat>);

/// By score at one moment, the cold ones left out.
pub(super) fn ranked(
    heats: impl IntoIterator<Item = (VideoId, Heat)>,
    now: Millis,
    p: &EngagementPolicy,
) -> Vec<(VideoId, Heat)> {
    let since = now.saturating_sub(COLD_AFTER);
    let warm = heats.into_iter().filter(|(_, heat)| heat.as_of > since);
    let mut all: Vec<(VideoId, f64, Heat)> = warm
        .map(|(v, heat)| (v, heat.at(now)))
        .map(|(v, heat)| (v, heat.score(p), heat))
        .filter(|(_, score, _)| *score > 0.0)
        .collect();
    all.sort_by(|a, b| by_score(&(a.0, a.1), &(b.0, b.1)));
    all.into_iter().map(|(v, _, heat)| (v, heat)).collect()
}

impl Board {
    /// Puts videos where their heat belongs. A board is a copy: a repeated or an old one does no harm
    /// that the next event about the video does not mend.
    pub fn with(mut self, heats: &[(VideoId, Heat)], p: &EngagementPolicy) -> Self {
        self.0.extend(heats.iter().copied());
        let now = self.0.values().map(|h| h.as_of).max().unwrap_or(Millis(0));
        let kept = ranked(self.0.clone(), now, p).into_iter().take(HOT_MAX.min(p.board_candidates));
        let kept = kept.filter_map(|(v, _)| Some((v, *self.0.get(&v)?))).collect();
        Self(kept)
    }

    pub fn item(&self, shard: u16) -> Item {
        let mut all: Vec<(&VideoId, &Heat)> = self.0.iter().collect();
        all.sort_by_key(|(v, _)| **v);
        let mut p = Packer::default();
        p.int(all.len() as u64);
        let mut before = 0i64;
        for (video, heat) in all {
            p.fixed(video.0).signed(heat.as_of.0.wrapping_sub(before));
            before = heat.as_of.0;
            for h in [heat.h5, heat.h15, heat.h60] {
                p.bits(u64::from((h as f32).to_bits()), 32);
            }
            p.flush();
        }
        shard_item(HOT, shard).b("video_ids", p.done())
    }

    pub fn of_seen(item: Option<&Item>) -> Result<Self, Fault> {
        let Some(item) = item else { return Ok(Self::default()) };
        item.layout(ROW_V)?;
        let mut u = Unpacker::new(item.get_b("video_ids")?);
        let (mut heats, mut at) = (HashMap::new(), 0i64);
        for _ in 0..u.count()? {
            let video = VideoId(u.fixed()?);
            at = at.wrapping_add(u.signed()?);
            let mut value = || {
                let bits = u32::try_from(u.bits(32)?).map_err(Fault::corrupt)?;
                Ok::<_, Fault>(f64::from(f32::from_bits(bits)))
            };
            let heat = Heat { h5: value()?, h15: value()?, h60: value()?, as_of: Millis(at) };
            u.flush();
            heats.insert(video, heat);
        }
        Ok(Self(heats))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    const NOW: Millis = Millis(1_795_000_000_000);

    fn heat(milli: i64) -> Heat {
        Heat::default().add(NOW, milli)
    }

    #[test]
    fn a_board_keeps_the_hottest_and_stays_small() {
        let p = EngagementPolicy::default();
        let heats: Vec<_> = (0..2_000).map(|n| (VideoId(n << 40), heat(n as i64 * 1_000))).collect();
        let board = heats.chunks(77).fold(Board::default(), |b, step| b.with(step, &p));
        assert_eq!((board.0.len(), board.0.contains_key(&VideoId(1_999 << 40))), (HOT_MAX, true));
        assert!(board.item(1).bytes() < 5_000);
        // What has cooled leaves.
        let gone = board.with(&[(VideoId(1_999 << 40), heat(-500))], &p);
        assert!(!gone.0.contains_key(&VideoId(1_999 << 40)));
    }

    #[test]
    fn a_row_of_the_first_layout_is_read_and_a_later_one_refused() {
        let golden = "01000000000000000980f8b2e5bd6800000040000080400000c040";
        let board = Board([(VideoId(9), Heat { h5: 2.0, h15: 4.0, h60: 6.0, as_of: NOW })].into());
        assert_eq!(hex::encode(board.item(3).get_b("video_ids").unwrap()), golden);
        let old = Item::new(1).s("part", "hot").n("shard", 3).b("video_ids", hex::decode(golden).unwrap());
        assert_eq!(Board::of_seen(Some(&old)).unwrap(), board);
        assert_eq!(Board::of_seen(Some(&Item::new(2))).unwrap_err().kind, FaultKind::Newer);
    }
}
