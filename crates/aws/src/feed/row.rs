//! Rows of the warm queue: ids as bits, pages as what differs from the page before.

use super::FEED_CACHE;
use crate::dynamo::{Item, Key};
use crate::pack::{Packer, Unpacker};
use ::feed::{GivenPage, QueueParts, QueueRules, Queued, Reason, Turn};
use stdx::Fault;
use vocab::{Millis, UserId, VideoId};

const ROW_V: i64 = 1;
pub(super) const QUEUE: &str = "queue";
pub(super) const RING: &str = "ring";
const REASON_BITS: u32 = 3;
/// Sessions of which the ring's last page is known without reading it.
const SESSIONS_MAX: usize = 12;
const DAY_S: i64 = 86_400;

pub(super) fn key(viewer: UserId, part: &str) -> Key {
    Key::pair(viewer.to_string(), part)
}

/// What of the ring the queue row knows: enough to say "surely not in it" of the next page of a session.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Ringed {
    /// The ring has sessions that are not listed.
    more: bool,
    /// The low half of a session, and its highest page in the ring.
    sessions: Vec<(u32, u32)>,
}

const fn short(session: u64) -> u32 {
    session as u32
}

impl Ringed {
    pub fn of(pages: &[GivenPage]) -> Self {
        let mut ringed = Self::default();
        for turn in pages.iter().rev().map(|p| p.turn) {
            let full = ringed.sessions.len() >= SESSIONS_MAX;
            match ringed.sessions.iter_mut().find(|(s, _)| *s == short(turn.session)) {
                Some((_, page)) => *page = (*page).max(turn.page),
                None if full => ringed.more = true,
                None => ringed.sessions.push((short(turn.session), turn.page)),
            }
        }
        ringed
    }

    pub fn may_have(&self, turn: Turn) -> bool {
        let known = self.sessions.iter().find(|(s, _)| *s == short(turn.session));
        known.map_or(self.more, |(_, page)| turn.page <= *page)
    }
}

/// The queue row: `parts.pages` are those that are not in the ring yet.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct QueueRow {
    pub parts: QueueParts,
    pub ringed: Ringed,
}

fn pack_items<'a>(p: &mut Packer, items: impl Iterator<Item = &'a Queued> + Clone) {
    let ids = items.clone().map(|q| q.video.0);
    let (base, top) = (ids.clone().min().unwrap_or(0), ids.max().unwrap_or(0));
    let width = 64 - (top - base).leading_zeros();
    p.int(items.clone().count() as u64).int(base).int(u64::from(width));
    for q in items {
        let reason = Reason::ALL.iter().position(|r| *r == q.reason).unwrap_or(0);
        p.bits(q.video.0 - base, width).bits(reason as u64, REASON_BITS);
    }
    p.flush();
}

fn unpack_items(u: &mut Unpacker<'_>) -> Result<Vec<Queued>, Fault> {
    let (n, base, width) = (u.count()?, u.int()?, u.int()?);
    let width = u32::try_from(width).ok().filter(|w| *w <= 64);
    let width = width.ok_or_else(|| Fault::corrupt("ids of more than 64 bits"))?;
    let mut items = Vec::with_capacity(n);
    for _ in 0..n {
        let video = VideoId(base.wrapping_add(u.bits(width)?));
        let reason = usize::try_from(u.bits(REASON_BITS)?).ok().and_then(|r| Reason::ALL.get(r));
        let reason = *reason.ok_or_else(|| Fault::corrupt("an unknown feed reason"))?;
        items.push(Queued { video, reason });
    }
    u.flush();
    Ok(items)
}

fn pack_pages(p: &mut Packer, pages: &[GivenPage]) {
    p.int(pages.len() as u64);
    let (mut session, mut at) = (None, 0i64);
    for page in pages {
        if session == Some(page.turn.session) {
            p.int(1);
        } else {
            p.int(0).fixed(page.turn.session);
            session = Some(page.turn.session);
        }
        p.int(u64::from(page.turn.page)).signed(page.at.0.wrapping_sub(at)).int(page.items.len() as u64);
        at = page.at.0;
    }
    pack_items(p, pages.iter().flat_map(|p| &p.items));
}

fn unpack_pages(u: &mut Unpacker<'_>) -> Result<Vec<GivenPage>, Fault> {
    let n = u.count()?;
    let (mut session, mut at, mut heads) = (0, 0i64, Vec::with_capacity(n));
    for _ in 0..n {
        if u.int()? == 0 {
            session = u.fixed()?;
        }
        let page = u32::try_from(u.int()?).map_err(Fault::corrupt)?;
        at = at.wrapping_add(u.signed()?);
        heads.push((Turn { session, page }, Millis(at), u.int()?));
    }
    let mut items = unpack_items(u)?.into_iter();
    let page = |(turn, at, n): (Turn, Millis, u64)| {
        let n = usize::try_from(n).unwrap_or(usize::MAX);
        GivenPage { turn, at, items: items.by_ref().take(n).collect() }
    };
    Ok(heads.into_iter().map(page).collect())
}

/// Past any use of it, by the row's own moments.
fn expires_at(latest: Millis, rules: &QueueRules) -> Option<i64> {
    let span = rules.served_ttl.max(rules.queue_ttl);
    (latest.0 > 0).then(|| latest.saturating_add(span).0 / 1_000 + DAY_S)
}

fn latest(pages: &[GivenPage]) -> Millis {
    pages.iter().map(|p| p.at).max().unwrap_or(Millis(0))
}

impl QueueRow {
    pub fn item(&self, viewer: UserId, rules: &QueueRules) -> Item {
        let mut waiting = Packer::default();
        waiting.int(self.parts.generation).signed(self.parts.filled_at.0);
        pack_items(&mut waiting, self.parts.waiting.iter());
        let mut served = Packer::default();
        served.int(u64::from(self.ringed.more)).int(self.ringed.sessions.len() as u64);
        for (session, page) in &self.ringed.sessions {
            served.bits(u64::from(*session), 32).flush().int(u64::from(*page));
        }
        pack_pages(&mut served, &self.parts.pages);
        let moment = self.parts.filled_at.max(latest(&self.parts.pages));
        Item::new(ROW_V)
            .s(FEED_CACHE.hash.name, viewer.to_string())
            .s("part", QUEUE)
            .b("video_ids", waiting.done())
            .b("served", served.done())
            .maybe_n("expires_at", expires_at(moment, rules))
    }

    pub fn of(item: &Item) -> Result<Self, Fault> {
        item.layout(ROW_V)?;
        let mut u = Unpacker::new(item.get_b("video_ids")?);
        let (generation, filled_at) = (u.int()?, Millis(u.signed()?));
        let waiting = unpack_items(&mut u)?;
        let mut u = Unpacker::new(item.get_b("served")?);
        let more = u.int()? != 0;
        let mut sessions = Vec::new();
        for _ in 0..u.count()? {
            let session = u32::try_from(u.bits(32)?).map_err(Fault::corrupt)?;
            u.flush();
            sessions.push((session, u32::try_from(u.int()?).map_err(Fault::corrupt)?));
        }
        let pages = unpack_pages(&mut u)?;
        let parts = QueueParts { generation, filled_at, waiting, pages };
        Ok(Self { parts, ringed: Ringed { more, sessions } })
    }

    pub fn of_seen(item: Option<&Item>) -> Result<Self, Fault> {
        item.map(Self::of).transpose().map(Option::unwrap_or_default)
    }
}

pub(super) fn ring_item(viewer: UserId, pages: &[GivenPage], rules: &QueueRules) -> Item {
    let mut served = Packer::default();
    pack_pages(&mut served, pages);
    Item::new(ROW_V)
        .s(FEED_CACHE.hash.name, viewer.to_string())
        .s("part", RING)
        .b("served", served.done())
        .maybe_n("expires_at", expires_at(latest(pages), rules))
}

pub(super) fn ring_of(item: Option<&Item>) -> Result<Vec<GivenPage>, Fault> {
    let Some(item) = item else { return Ok(Vec::new()) };
    item.layout(ROW_V)?;
    unpack_pages(&mut Unpacker::new(item.get_b("served")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    fn queued(ids: impl IntoIterator<Item = u64>) -> Vec<Queued> {
        let reason = |id: u64| Reason::ALL[(id % 5) as usize];
        ids.into_iter().map(|id| Queued { video: VideoId(id), reason: reason(id) }).collect()
    }

    fn row(first: u64, waiting: u64) -> QueueRow {
        let page = |n: u32| GivenPage {
            turn: Turn { session: u64::MAX - 3, page: n },
            at: Millis(1_795_000_000_000 + i64::from(n) * 100_000),
            items: queued((0..20).map(|i| first + (u64::from(n) * 20 + i) * 0x3_1415_9265)),
        };
        let parts = QueueParts {
            generation: 7,
            filled_at: Millis(1_795_000_000_000),
            waiting: queued((0..waiting).map(|i| first + 0x00FF_FFFF_FFFF_FFFF - i * 0x9E_3779_B97F)),
            pages: (0..u32::try_from((220 - waiting) / 20).unwrap()).map(page).collect(),
        };
        let ringed = Ringed { more: true, sessions: (0..12).map(|n| (u32::MAX - n, n * 9)).collect() };
        QueueRow { parts, ringed }
    }

    #[test]
    fn rows_round_trip() {
        for r in [QueueRow::default(), row(0, 0), row(u64::MAX >> 3, 200), row(1 << 58, 60)] {
            assert_eq!(QueueRow::of(&r.item(UserId(9), &QueueRules::default())).unwrap(), r);
            let ring = ring_item(UserId(9), &r.parts.pages, &QueueRules::default());
            assert_eq!(ring_of(Some(&ring)).unwrap(), r.parts.pages);
        }
    }

    #[test]
    fn a_full_queue_row_costs_two_units_from_the_first_page_to_the_last() {
        for waiting in [200, 180, 100, 20, 0] {
            let item = row(1 << 57, waiting).item(UserId(u64::MAX), &QueueRules::default());
            // The token of the write is stamped later.
            let bytes = item.bytes() + 33;
            assert!(bytes <= 2_048, "{waiting} waiting make {bytes} bytes");
        }
    }

    #[test]
    fn the_next_page_of_a_session_needs_no_ring() {
        let page = |session, page| GivenPage { turn: Turn { session, page }, at: Millis(1), items: vec![] };
        let ringed = Ringed::of(&[page(1, 0), page(1, 1), page(2, 0)]);
        let has = |session, page| ringed.may_have(Turn { session, page });
        assert_eq!(
            (has(1, 1), has(1, 2), has(2, 0), has(2, 1), has(3, 0)),
            (true, false, true, false, false)
        );
        let many: Vec<_> = (0..20).map(|s| page(s, 0)).collect();
        assert!(Ringed::of(&many).may_have(Turn { session: 0, page: 0 }));
    }

    #[test]
    fn a_row_of_the_first_layout_is_read_and_a_later_one_refused() {
        let page = GivenPage {
            turn: Turn { session: 0xA11C_E000_0000_0001, page: 3 },
            at: Millis(1_795_000_000_500),
            items: queued([41, 44]),
        };
        let parts = QueueParts {
            generation: 3,
            filled_at: Millis(1_795_000_000_000),
            waiting: queued([70, 58, 63]),
            pages: vec![page],
        };
        let row = QueueRow { parts, ringed: Ringed { more: false, sessions: vec![(0xC0FF_EE00, 9)] } };
        let video_ids = "0380f8b2e5bd68033a040c580d";
        let served = "000100eeffc0090100a11ce0000000000103e8ffb2e5bd68020229026402";
        let old = Item::new(1)
            .s("user_id", "0000000000009")
            .s("part", "queue")
            .b("video_ids", hex::decode(video_ids).unwrap())
            .b("served", hex::decode(served).unwrap());
        assert_eq!(QueueRow::of(&old).unwrap(), row);
        let new = row.item(UserId(9), &QueueRules::default());
        assert_eq!(hex::encode(new.get_b("video_ids").unwrap()), video_ids);
        assert_eq!(hex::encode(new.get_b("served").unwrap()), served);
        assert_eq!(QueueRow::of(&Item::new(2)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(QueueRow::of(&Item::new(1)).unwrap_err().kind, FaultKind::Corrupt);
    }
}
