//! Chunks: the events of one append in one row, or in parts that a row names.

use super::EVENT_LOG;
use crate::dynamo::{Item, Key};
use crate::pack::{Packer, Unpacker};
use ::events::{EventKind, Measures, Recorded};
use stdx::Fault;
use vocab::{DeviceId, ImpressionId, Millis, UserId, VideoId};

const ROW_V: i64 = 1;
/// Offsets one append takes, however few its events: who keeps so many events of the log multiplies.
/// Ingest takes 500 at once.
pub const STRIDE: u64 = 1_024;
/// Events beyond this many bytes are put aside in parts.
pub(super) const INLINE_MAX: usize = 64 * 1024;
pub(super) const PART_BYTES: usize = 90 * 1024;
/// The row of a shard that says what was trimmed stands before all chunks.
const MARK_OFFSET: i64 = -1;
/// Events are gone this long after they were received: many times what a consumer may lag.
const KEPT_S: i64 = 30 * 86_400;

/// Kinds by the number they have in rows. Only ever appended to.
const KINDS: [EventKind; 11] = [
    EventKind::Impression,
    EventKind::Dwell,
    EventKind::ViewEnd,
    EventKind::Like,
    EventKind::Unlike,
    EventKind::Share,
    EventKind::Skip,
    EventKind::FirstFrame,
    EventKind::Rebuffer,
    EventKind::Playback,
    EventKind::Error,
];

pub(super) fn log_name(shard: u16) -> String {
    format!("log#{shard:04}")
}

pub(super) fn chunk_key(shard: u16, number: u64) -> Key {
    Key::pair(log_name(shard), (number * STRIDE).to_string())
}

pub(super) fn mark_key(shard: u16) -> Key {
    Key::pair(log_name(shard), MARK_OFFSET.to_string())
}

pub(super) fn part_key(id: &str, n: u64) -> Key {
    Key::pair(format!("part#{id}"), n.to_string())
}

/// One append. Without events: a number made unusable for a writer that lost its turn.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Chunk {
    pub number: u64,
    /// Random: names this attempt of this append.
    pub id: String,
    pub device: DeviceId,
    pub epoch: u64,
    pub count: u64,
    pub body: Body,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Body {
    Inline(Vec<u8>),
    /// So many rows under `part#<id>`.
    Parts(u64),
}

impl Chunk {
    pub fn item(&self, shard: u16, received_at: Millis) -> Item {
        let item = Item::new(ROW_V)
            .s(EVENT_LOG.hash.name, log_name(shard))
            .n("offset", (self.number * STRIDE) as i64)
            .s("id", self.id.as_str())
            .s("device_id", self.device.to_string())
            .n("epoch", self.epoch as i64)
            .n("count", self.count as i64)
            .n("expires_at", received_at.0 / 1_000 + KEPT_S);
        match &self.body {
            Body::Inline(bytes) => item.b("events", bytes.clone()),
            Body::Parts(n) => item.n("parts", *n as i64),
        }
    }

    pub fn of(item: &Item) -> Result<Self, Fault> {
        item.layout(ROW_V)?;
        let whole = |name| item.get_n(name).and_then(|n| u64::try_from(n).map_err(Fault::corrupt));
        let body = match item.opt_n("parts") {
            Some(_) => Body::Parts(whole("parts")?),
            None => Body::Inline(item.get_b("events")?.to_vec()),
        };
        Ok(Self {
            number: whole("offset")? / STRIDE,
            id: item.get_s("id")?.to_owned(),
            device: item.get_s("device_id")?.parse().map_err(Fault::corrupt)?,
            epoch: whole("epoch")?,
            count: whole("count")?,
            body,
        })
    }

    /// One past its last offset.
    pub const fn end(&self) -> u64 {
        self.number * STRIDE + self.count
    }
}

pub(super) fn part_item(id: &str, n: u64, bytes: &[u8], received_at: Millis) -> Item {
    Item::new(ROW_V)
        .s(EVENT_LOG.hash.name, format!("part#{id}"))
        .n("offset", n as i64)
        .b("events", bytes.to_vec())
        .n("expires_at", received_at.0 / 1_000 + KEPT_S)
}

pub(super) fn part_of(item: &Item) -> Result<(i64, &[u8]), Fault> {
    item.layout(ROW_V)?;
    Ok((item.get_n("offset")?, item.get_b("events")?))
}

/// What was trimmed, and where the log stood then: it outlives the chunks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Mark {
    pub trimmed: u64,
    pub next_chunk: u64,
    pub end: u64,
}

impl Mark {
    pub fn item(&self, shard: u16) -> Item {
        Item::new(ROW_V)
            .s(EVENT_LOG.hash.name, log_name(shard))
            .n("offset", MARK_OFFSET)
            .n("trimmed", self.trimmed as i64)
            .n("next_chunk", self.next_chunk as i64)
            .n("end", self.end as i64)
    }

    pub fn of_seen(item: Option<&Item>) -> Result<Self, Fault> {
        let Some(item) = item else { return Ok(Self::default()) };
        item.layout(ROW_V)?;
        let whole = |name| item.get_n(name).and_then(|n| u64::try_from(n).map_err(Fault::corrupt));
        Ok(Self { trimmed: whole("trimmed")?, next_chunk: whole("next_chunk")?, end: whole("end")? })
    }
}

/// Which of the optional fields follow, by bit.
fn present(e: &Recorded) -> [bool; 10] {
    let m = &e.measures;
    [
        e.raw_ts.is_some(),
        e.raw_sent_at.is_some(),
        e.video.is_some(),
        e.impression.is_some(),
        m.dwell_ms.is_some(),
        m.watched_ms.is_some(),
        m.duration_ms.is_some(),
        m.loops.is_some(),
        m.value_ms.is_some(),
        m.code.is_some(),
    ]
}

pub(super) fn packed(events: &[Recorded]) -> Vec<u8> {
    let mut p = Packer::default();
    p.int(events.len() as u64);
    let mut before = Millis(0);
    let mut origin = None;
    for e in events {
        let kind = KINDS.iter().position(|k| *k == e.kind).unwrap_or(KINDS.len());
        let mask = present(e).iter().enumerate().fold(0u64, |m, (i, on)| m | u64::from(*on) << i);
        let own = (e.viewer, e.device, e.epoch);
        let same = origin == Some(own);
        p.int(kind as u64).int(mask << 1 | u64::from(same));
        if !same {
            p.fixed(e.viewer.0).fixed((e.device.0 >> 64) as u64).fixed(e.device.0 as u64).int(e.epoch);
            origin = Some(own);
        }
        p.int(e.seq).signed(e.at.0.wrapping_sub(before.0)).signed(e.received_at.0.wrapping_sub(e.at.0));
        before = e.at;
        for raw in [e.raw_ts, e.raw_sent_at].into_iter().flatten() {
            p.signed(raw.0.wrapping_sub(e.at.0));
        }
        if let Some(video) = e.video {
            p.fixed(video.0);
        }
        if let Some(i) = e.impression {
            p.fixed((i.0 >> 64) as u64).fixed(i.0 as u64);
        }
        let m = &e.measures;
        for n in [m.dwell_ms, m.watched_ms, m.duration_ms, m.loops, m.value_ms].into_iter().flatten() {
            p.signed(n);
        }
        if let Some(code) = &m.code {
            p.text(code);
        }
    }
    p.done()
}

fn wide(u: &mut Unpacker<'_>) -> Result<u128, Fault> {
    Ok(u128::from(u.fixed()?) << 64 | u128::from(u.fixed()?))
}

pub(super) fn unpacked(bytes: &[u8]) -> Result<Vec<Recorded>, Fault> {
    let mut u = Unpacker::new(bytes);
    let n = u.count()?;
    let mut events = Vec::with_capacity(n);
    let mut before = Millis(0);
    let mut origin = (UserId(0), DeviceId(0), 0);
    for _ in 0..n {
        let kind = usize::try_from(u.int()?).ok().and_then(|k| KINDS.get(k));
        let kind = *kind.ok_or_else(|| Fault::corrupt("an event of an unknown kind"))?;
        let mask = u.int()?;
        if mask & 1 == 0 {
            origin = (UserId(u.fixed()?), DeviceId(wide(&mut u)?), u.int()?);
        }
        let seq = u.int()?;
        let at = Millis(before.0.wrapping_add(u.signed()?));
        let received_at = Millis(at.0.wrapping_add(u.signed()?));
        before = at;
        let event = Recorded {
            viewer: origin.0,
            device: origin.1,
            epoch: origin.2,
            seq,
            kind,
            at,
            received_at,
            raw_ts: None,
            raw_sent_at: None,
            video: None,
            impression: None,
            measures: Measures::default(),
        };
        events.push(with_optional(event, mask >> 1, &mut u)?);
    }
    Ok(events)
}

fn with_optional(mut e: Recorded, mask: u64, u: &mut Unpacker<'_>) -> Result<Recorded, Fault> {
    let has = |bit: u32| mask >> bit & 1 == 1;
    let at = e.at.0;
    let raw = |u: &mut Unpacker<'_>| u.signed().map(|d| Millis(at.wrapping_add(d)));
    e.raw_ts = has(0).then(|| raw(u)).transpose()?;
    e.raw_sent_at = has(1).then(|| raw(u)).transpose()?;
    e.video = has(2).then(|| u.fixed().map(VideoId)).transpose()?;
    e.impression = has(3).then(|| wide(u).map(ImpressionId)).transpose()?;
    let m = &mut e.measures;
    m.dwell_ms = has(4).then(|| u.signed()).transpose()?;
    m.watched_ms = has(5).then(|| u.signed()).transpose()?;
    m.duration_ms = has(6).then(|| u.signed()).transpose()?;
    m.loops = has(7).then(|| u.signed()).transpose()?;
    m.value_ms = has(8).then(|| u.signed()).transpose()?;
    m.code = has(9).then(|| u.text()).transpose()?;
    Ok(e)
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    fn events() -> Vec<Recorded> {
        let full = Recorded {
            viewer: UserId(7),
            device: DeviceId(u128::MAX - 5),
            epoch: 3,
            seq: 41,
            kind: EventKind::ViewEnd,
            at: Millis(1_795_000_000_000),
            received_at: Millis(1_795_000_000_700),
            raw_ts: Some(Millis(-5)),
            raw_sent_at: Some(Millis(i64::MAX)),
            video: Some(VideoId(9)),
            impression: Some(ImpressionId(u128::MAX)),
            measures: Measures {
                dwell_ms: Some(1),
                watched_ms: Some(-2),
                duration_ms: Some(3),
                loops: Some(4),
                value_ms: Some(i64::MIN),
                code: Some("ü\"".into()),
            },
        };
        let bare = Recorded {
            seq: 42,
            kind: EventKind::Error,
            raw_ts: None,
            raw_sent_at: None,
            video: None,
            impression: None,
            measures: Measures::default(),
            ..full.clone()
        };
        let other = Recorded { viewer: UserId(8), at: Millis(i64::MIN), ..bare.clone() };
        vec![full, bare, other]
    }

    #[test]
    fn events_round_trip_and_most_take_few_bytes() {
        let all = events();
        assert_eq!(unpacked(&packed(&all)).unwrap(), all);
        assert_eq!(unpacked(&packed(&[])).unwrap(), []);
        let bare = packed(&[all[0].clone(), all[1].clone()]).len() - packed(&all[..1]).len();
        assert!(bare < 12, "{bare} bytes");
        assert!(unpacked(&packed(&all)[..20]).is_err());
    }

    #[test]
    fn every_kind_has_a_number() {
        assert!(EventKind::ALL.iter().all(|k| KINDS.contains(k)));
    }

    #[test]
    fn a_row_of_the_first_layout_is_read_and_a_later_one_refused() {
        let golden = "0102fe0f0000000000000007fffffffffffffffffffffffffffffffa032980f8b2e5bd68f80a89f8b2e5bd68fe87cd9ac297ffffff010000000000000009ffffffffffffffffffffffffffffffff02030608ffffffffffffffffff0103c3bc22";
        let one = vec![events().remove(0)];
        assert_eq!(hex::encode(packed(&one)), golden);
        let old = Item::new(1)
            .s("log", "log#0002")
            .n("offset", 5 * 1_024)
            .s("id", "c0ffee")
            .s("device_id", DeviceId(4).to_string())
            .n("epoch", 3)
            .n("count", 1)
            .b("events", hex::decode(golden).unwrap());
        let chunk = Chunk::of(&old).unwrap();
        assert_eq!((chunk.number, chunk.device, chunk.epoch, chunk.end()), (5, DeviceId(4), 3, 5_121));
        assert_eq!(chunk.body, Body::Inline(packed(&one)));
        assert_eq!(Chunk::of(&Item::new(2)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(Mark::of_seen(Some(&Item::new(2))).unwrap_err().kind, FaultKind::Newer);
        let mark = Mark { trimmed: 4, next_chunk: 6, end: 9 };
        assert_eq!(Mark::of_seen(Some(&mark.item(1))).unwrap(), mark);
    }
}
