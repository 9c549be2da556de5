//! Partials: what one shard of the log adds to a video.

use super::{ENGAGEMENT_AGG, ENGAGEMENT_SHARDS};
use crate::dynamo::{Item, Key};
use ::engagement::retention::{BINS, Reached};
use ::engagement::{Counters, Heat, Hour};
use serde::{Deserialize, Serialize};
use stdx::Fault;
use vocab::{Millis, VideoId};

pub(super) const ROW_V: i64 = 1;
pub(super) const TOTALS: &str = "total#";

/// Since birth, or one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) enum Scope {
    Total,
    Hour(Hour),
}

impl Scope {
    /// What the names of its rows begin with.
    fn prefix(self) -> String {
        match self {
            Self::Total => TOTALS.to_owned(),
            Self::Hour(hour) => format!("window#{hour}#"),
        }
    }

    pub fn of_shard(self, shard: u16) -> String {
        format!("{}s{shard:04}", self.prefix())
    }

    pub fn of_reactions(self, group: u16) -> String {
        format!("{}r{group:02}", self.prefix())
    }

    pub fn of(item: &Item) -> Self {
        item.opt_n("hour").map_or(Self::Total, |hour| Self::Hour(Hour(hour)))
    }

    /// A row of this scope, still empty.
    pub fn item(self, video: VideoId, name: String) -> Item {
        let item = Item::new(ROW_V).s(ENGAGEMENT_AGG.hash.name, video.to_string()).s("window", name);
        match self {
            Self::Total => item,
            Self::Hour(hour) => item.n("hour", hour.0),
        }
    }
}

/// Bounds of the rows with `from ≤ hour < to`: a name is longer than its hour and so behind it.
pub(super) fn hours(from: Hour, to: Hour) -> (String, String) {
    (format!("window#{from}"), format!("window#{to}"))
}

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Partial {
    /// Events of the shard below are in it.
    pub folded_to: u64,
    pub counters: Counters,
    pub heat: Heat,
    pub reached: Reached,
}

#[derive(Serialize, Deserialize)]
struct Body {
    h5: f64,
    h15: f64,
    h60: f64,
    as_of: i64,
    reached: Vec<u32>,
}

impl Partial {
    pub fn item(&self, video: VideoId, scope: Scope, shard: u16) -> Result<Item, Fault> {
        let c = &self.counters;
        let item = scope
            .item(video, scope.of_shard(shard))
            .n("folded_to", self.folded_to as i64)
            .n("impressions", c.impressions)
            .n("views", c.views)
            .n("dwell_ms", c.dwell_ms)
            .n("dwells", c.dwells)
            .n("avg_dwell", c.avg_dwell_ms())
            .n("completions", c.completions)
            .n("skips", c.skips);
        if scope != Scope::Total {
            return Ok(item);
        }
        let Heat { h5, h15, h60, as_of } = self.heat;
        item.json("body", &Body { h5, h15, h60, as_of: as_of.0, reached: self.reached.to_vec() })
    }

    pub fn of(item: &Item) -> Result<Self, Fault> {
        item.layout(ROW_V)?;
        let mut partial = Self {
            folded_to: u64::try_from(item.get_n("folded_to")?).map_err(Fault::corrupt)?,
            counters: Counters {
                impressions: item.get_n("impressions")?,
                views: item.get_n("views")?,
                dwell_ms: item.get_n("dwell_ms")?,
                dwells: item.get_n("dwells")?,
                completions: item.get_n("completions")?,
                skips: item.get_n("skips")?,
            },
            ..Self::default()
        };
        if Scope::of(item) == Scope::Total {
            let body: Body = item.get_json("body")?;
            partial.heat = Heat { h5: body.h5, h15: body.h15, h60: body.h60, as_of: Millis(body.as_of) };
            if body.reached.len() > BINS + 1 {
                return Err(Fault::corrupt("a partial has too many bins"));
            }
            for (to, from) in partial.reached.iter_mut().zip(body.reached) {
                *to = from;
            }
        }
        Ok(partial)
    }

    pub fn of_seen(item: Option<&Item>) -> Result<Self, Fault> {
        item.map(Self::of).transpose().map(Option::unwrap_or_default)
    }
}

/// Both seen at the later of their moments.
pub(super) fn warmer(a: Heat, b: Heat) -> Heat {
    let at = a.as_of.max(b.as_of);
    let (a, b) = (a.at(at), b.at(at));
    Heat { h5: a.h5 + b.h5, h15: a.h15 + b.h15, h60: a.h60 + b.h60, as_of: at }
}

pub(super) const FOLDED: &str = "folded";

pub(super) fn shard_key(part: &str, shard: u16) -> Key {
    Key::pair(part, shard.to_string())
}

pub(super) fn shard_item(part: &str, shard: u16) -> Item {
    Item::new(ROW_V).s(ENGAGEMENT_SHARDS.hash.name, part).n("shard", i64::from(shard))
}

pub(super) fn folded_of(item: Option<&Item>) -> Result<u64, Fault> {
    let Some(item) = item else { return Ok(0) };
    item.layout(ROW_V)?;
    u64::try_from(item.get_n("next")?).map_err(Fault::corrupt)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    #[test]
    fn a_row_of_the_first_layout_is_read_and_a_later_one_refused() {
        let counts = |item: Item| {
            item.n("folded_to", 77)
                .n("impressions", 5)
                .n("views", 4)
                .n("dwell_ms", 4_100)
                .n("dwells", 4)
                .n("completions", 2)
                .n("skips", 1)
        };
        let total = counts(Item::new(1).s("video_id", "0000000000009").s("window", "total#s0002"))
            .s("body", r#"{"h5":0.5,"h15":3.25,"h60":7.0,"as_of":1795000000000,"reached":[1,2]}"#);
        let mut reached = [0; BINS + 1];
        (reached[0], reached[1]) = (1, 2);
        let counters =
            Counters { impressions: 5, views: 4, dwell_ms: 4_100, dwells: 4, completions: 2, skips: 1 };
        let heat = Heat { h5: 0.5, h15: 3.25, h60: 7.0, as_of: Millis(1_795_000_000_000) };
        let partial = Partial { folded_to: 77, counters, heat, reached };
        assert_eq!(Partial::of(&total).unwrap(), partial);
        assert_eq!(Partial::of(&partial.item(VideoId(9), Scope::Total, 2).unwrap()).unwrap(), partial);
        let window = counts(Item::new(1).s("window", "window#2026-01-01T00#s0002").n("hour", 490_896));
        let read = Partial::of(&window).unwrap();
        assert_eq!(read, Partial { folded_to: 77, counters, ..Partial::default() });
        assert_eq!(Partial::of(&Item::new(2)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(folded_of(Some(&Item::new(2))).unwrap_err().kind, FaultKind::Newer);
    }

    #[test]
    fn windows_are_named_as_the_seed_names_them_and_lie_within_their_hours() {
        let hour = Hour::of(Millis(1_767_225_600_000));
        let name = Scope::Hour(hour).of_shard(3);
        assert_eq!(name, "window#2026-01-01T00#s0003");
        let (from, to) = hours(hour, Hour(hour.0 + 1));
        assert!(from < name && name < to && to < Scope::Hour(Hour(hour.0 + 1)).of_shard(0));
        assert!(Scope::Hour(hour).of_reactions(7) < to);
    }
}
