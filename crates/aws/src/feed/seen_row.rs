//! Rows of what was seen and refused.

use super::SEEN;
use crate::dynamo::{Item, Key};
use crate::pack::{Packer, Unpacker};
use ::feed::{Refusal, Refusals};
use std::collections::HashMap;
use stdx::Fault;
use vocab::{Millis, UserId, VideoId};

const ROW_V: i64 = 1;
pub(super) const HEAD: &str = "head";
pub(super) const LOG: &str = "log#";
pub(super) const NO: &str = "no";

pub(super) type Sightings = HashMap<VideoId, Millis>;

pub(super) fn key(viewer: UserId, part: &str) -> Key {
    Key::pair(viewer.to_string(), part)
}

/// Remembers the latest moment; answers whether that was news.
pub(super) fn note(seen: &mut Sightings, video: VideoId, at: Millis) -> bool {
    match seen.get_mut(&video) {
        Some(known) if *known >= at => false,
        Some(known) => {
            *known = at;
            true
        }
        None => seen.insert(video, at).is_none(),
    }
}

fn packed(seen: &Sightings) -> Vec<u8> {
    let mut all: Vec<(Millis, VideoId)> = seen.iter().map(|(v, at)| (*at, *v)).collect();
    all.sort_unstable();
    let mut p = Packer::default();
    p.int(all.len() as u64);
    let mut before = 0i64;
    for (at, video) in all {
        p.signed(at.0.wrapping_sub(before)).fixed(video.0);
        before = at.0;
    }
    p.done()
}

fn unpacked(bytes: &[u8]) -> Result<Sightings, Fault> {
    let mut u = Unpacker::new(bytes);
    let (n, mut at, mut seen) = (u.count()?, 0i64, Sightings::new());
    for _ in 0..n {
        at = at.wrapping_add(u.signed()?);
        note(&mut seen, VideoId(u.fixed()?), Millis(at));
    }
    Ok(seen)
}

fn row(viewer: UserId, part: &str) -> Item {
    Item::new(ROW_V).s(SEEN.hash.name, viewer.to_string()).s("part", part)
}

/// The latest sightings, and the name of the log row written last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Head {
    /// Log rows written so far; their names begin with it.
    pub sealed: u64,
    pub last: String,
    pub recent: Sightings,
}

impl Head {
    pub fn item(&self, viewer: UserId, kept: Millis) -> Item {
        row(viewer, HEAD)
            .n("sealed", self.sealed as i64)
            .s("last", self.last.as_str())
            .b("seen", packed(&self.recent))
            .maybe_n("expires_at", expires_at(&self.recent, kept))
    }

    pub fn of(item: &Item) -> Result<Self, Fault> {
        item.layout(ROW_V)?;
        let sealed = u64::try_from(item.get_n("sealed")?).map_err(Fault::corrupt)?;
        Ok(Self { sealed, last: item.get_s("last")?.to_owned(), recent: unpacked(item.get_b("seen")?)? })
    }

    pub fn of_seen(item: Option<&Item>) -> Result<Self, Fault> {
        item.map(Self::of).transpose().map(Option::unwrap_or_default)
    }
}

fn expires_at(seen: &Sightings, kept: Millis) -> Option<i64> {
    seen.values().max().map(|at| at.saturating_add(kept).0 / 1_000)
}

/// Log rows sort by age: a later one may be missing from a read that began before it, never an earlier.
pub(super) fn log_part(number: u64, random: u64) -> String {
    format!("{LOG}{number:010}#{random:08x}", random = random & 0xffff_ffff)
}

pub(super) fn log_item(viewer: UserId, part: &str, seen: &Sightings, kept: Millis) -> Item {
    row(viewer, part).b("seen", packed(seen)).maybe_n("expires_at", expires_at(seen, kept))
}

pub(super) fn log_of(item: &Item) -> Result<Sightings, Fault> {
    item.layout(ROW_V)?;
    unpacked(item.get_b("seen")?)
}

/// What is refused, in the order it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct No {
    pub videos: Vec<u64>,
    pub owners: Vec<u64>,
}

impl No {
    /// Answers whether that was news. The oldest beyond `max` are forgotten.
    pub fn add(&mut self, what: Refusal, max: usize) -> bool {
        let (list, id) = self.list(what);
        if list.contains(&id) {
            return false;
        }
        list.push(id);
        let over = list.len().saturating_sub(max);
        list.drain(..over);
        true
    }

    pub fn remove(&mut self, what: Refusal) -> bool {
        let (list, id) = self.list(what);
        let before = list.len();
        list.retain(|known| *known != id);
        list.len() < before
    }

    fn list(&mut self, what: Refusal) -> (&mut Vec<u64>, u64) {
        match what {
            Refusal::Video(video) => (&mut self.videos, video.0),
            Refusal::Owner(owner) => (&mut self.owners, owner.0),
        }
    }

    pub fn all(&self) -> impl Iterator<Item = Refusal> {
        let videos = self.videos.iter().map(|v| Refusal::Video(VideoId(*v)));
        videos.chain(self.owners.iter().map(|o| Refusal::Owner(UserId(*o))))
    }

    pub fn refusals(&self) -> Refusals {
        Refusals {
            videos: self.videos.iter().map(|v| VideoId(*v)).collect(),
            owners: self.owners.iter().map(|o| UserId(*o)).collect(),
        }
    }

    pub fn item(&self, viewer: UserId) -> Item {
        let list = |ids: &[u64]| ids.iter().flat_map(|id| id.to_be_bytes()).collect::<Vec<u8>>();
        row(viewer, NO).b("video_ids", list(&self.videos)).b("owner_ids", list(&self.owners))
    }

    pub fn of_seen(item: Option<&Item>) -> Result<Self, Fault> {
        let Some(item) = item else { return Ok(Self::default()) };
        item.layout(ROW_V)?;
        let list = |name: &str| {
            let bytes = item.get_b(name)?;
            let (ids, rest) = bytes.as_chunks::<8>();
            if !rest.is_empty() {
                return Err(Fault::corrupt("a list of ids is cut off"));
            }
            Ok(ids.iter().map(|b| u64::from_be_bytes(*b)).collect())
        };
        Ok(Self { videos: list("video_ids")?, owners: list("owner_ids")? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    #[test]
    fn rows_of_the_first_layout_are_read_and_later_ones_refused() {
        let recent = Sightings::from([(VideoId(7), Millis(1_795_000_000_000)), (VideoId(9), Millis(-5))]);
        let golden = "020900000000000000098af8b2e5bd680000000000000007";
        let old = Item::new(1)
            .s("user_id", "0000000000009")
            .s("part", "head")
            .n("sealed", 3)
            .s("last", "log#0000000003#00c0ffee")
            .b("seen", hex::decode(golden).unwrap());
        let head = Head { sealed: 3, last: log_part(3, 0xc0_ffee), recent: recent.clone() };
        assert_eq!(hex::encode(packed(&recent)), golden);
        assert_eq!(Head::of(&old).unwrap(), head);
        assert_eq!(Head::of(&Item::new(2)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(log_of(&Item::new(2)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(No::of_seen(Some(&Item::new(2))).unwrap_err().kind, FaultKind::Newer);
        let no = Item::new(1).b("video_ids", 5u64.to_be_bytes().to_vec()).b("owner_ids", vec![]);
        assert_eq!(No::of_seen(Some(&no)).unwrap(), No { videos: vec![5], owners: vec![] });
    }

    #[test]
    fn the_oldest_refusals_beyond_the_cap_are_forgotten() {
        let mut no = No::default();
        for id in 0..5 {
            assert!(no.add(Refusal::Video(VideoId(id)), 3));
        }
        assert!(!no.add(Refusal::Video(VideoId(4)), 3) && no.remove(Refusal::Video(VideoId(3))));
        assert_eq!(no.videos, [2, 4]);
    }
}
