//! Showings that may still grow.

use super::IMPRESSIONS;
use crate::dynamo::{Item, Key};
use ::engagement::impression::{Impression, ImpressionKey};
use stdx::Fault;
use vocab::Millis;

const ROW_V: i64 = 1;
const SHOWN: i64 = 1;
const LIKED: i64 = 2;
const SHARED: i64 = 4;
const SKIPPED: i64 = 8;

pub(super) fn name(key: &ImpressionKey) -> String {
    format!("{}#{}#{}", key.viewer, key.video, key.showing)
}

pub(super) fn key_of(key: &ImpressionKey) -> Key {
    Key::of(name(key))
}

/// `kept`: for so long after the last event it may still grow.
pub(super) fn item(key: &ImpressionKey, i: &Impression, kept: Millis) -> Item {
    let flag = |on: bool, bit: i64| if on { bit } else { 0 };
    let flags =
        flag(i.shown, SHOWN) | flag(i.liked, LIKED) | flag(i.shared, SHARED) | flag(i.skipped, SKIPPED);
    Item::new(ROW_V)
        .s(IMPRESSIONS.hash.name, name(key))
        .n("first_at", i.first_at.0)
        .n("last_at", i.last_at.0)
        .n("dwell_ms", i.dwell_ms)
        .n("watched_ms", i.watched_ms)
        .n("duration_ms", i.duration_ms)
        .n("flags", flags)
        .n("expires_at", i.last_at.saturating_add(kept).0 / 1_000)
}

pub(super) fn of(item: &Item) -> Result<Impression, Fault> {
    item.layout(ROW_V)?;
    let flags = item.get_n("flags")?;
    Ok(Impression {
        first_at: Millis(item.get_n("first_at")?),
        last_at: Millis(item.get_n("last_at")?),
        dwell_ms: item.get_n("dwell_ms")?,
        watched_ms: item.get_n("watched_ms")?,
        duration_ms: item.get_n("duration_ms")?,
        shown: flags & SHOWN != 0,
        liked: flags & LIKED != 0,
        shared: flags & SHARED != 0,
        skipped: flags & SKIPPED != 0,
    })
}

/// What both know together.
pub(super) fn join(a: &Impression, b: &Impression) -> Impression {
    Impression {
        first_at: a.first_at.min(b.first_at),
        last_at: a.last_at.max(b.last_at),
        dwell_ms: a.dwell_ms.max(b.dwell_ms),
        watched_ms: a.watched_ms.max(b.watched_ms),
        duration_ms: a.duration_ms.max(b.duration_ms),
        shown: a.shown | b.shown,
        liked: a.liked | b.liked,
        shared: a.shared | b.shared,
        skipped: a.skipped | b.skipped,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    #[test]
    fn a_row_of_the_first_layout_is_read_and_a_later_one_refused() {
        let old = Item::new(1)
            .s("impression", "0000000000001#0000000000002#s:00000000000000000000000003")
            .n("first_at", 5)
            .n("last_at", 9)
            .n("dwell_ms", 3)
            .n("watched_ms", 2)
            .n("duration_ms", 10)
            .n("flags", 9);
        let read = Impression {
            first_at: Millis(5),
            last_at: Millis(9),
            dwell_ms: 3,
            watched_ms: 2,
            duration_ms: 10,
            shown: true,
            liked: false,
            shared: false,
            skipped: true,
        };
        assert_eq!(of(&old).unwrap(), read);
        assert_eq!(join(&Impression::default(), &read), read);
        assert_eq!(of(&Item::new(2)).unwrap_err().kind, FaultKind::Newer);
    }
}
