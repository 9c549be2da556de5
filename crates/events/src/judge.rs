//! Which events of an envelope are sound. Pure: values in, verdicts out.

use crate::policy::EventPolicy;
use crate::schema::{EventKind, Measures, Recorded};
use crate::wire::{Envelope, depth, whole};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::HashMap;
use vocab::{DeviceId, ImpressionId, Millis, UserId, VideoId};

/// Stable codes of refused events.
pub mod code {
    pub const TOO_LARGE: &str = "too_large";
    pub const TOO_DEEP: &str = "too_deep";
    pub const MALFORMED: &str = "malformed";
    pub const MISSING_SEQ: &str = "missing_seq";
    pub const UNKNOWN_TYPE: &str = "unknown_type";
    pub const MISSING_VIDEO: &str = "missing_video_id";
    pub const BAD_VIDEO: &str = "bad_video_id";
    pub const BAD_IMPRESSION: &str = "bad_impression_id";
    pub const BAD_CODE: &str = "bad_code";
    /// A measure that cannot be true: negative, longer than the wall clock or than the video ran.
    pub const IMPLAUSIBLE: &str = "implausible";
    /// Behind the de-duplication window; may have been counted already.
    pub const TOO_OLD: &str = "too_old";
}

/// Who sent it, as verified, and when it came.
#[derive(Debug, Clone, Copy)]
pub struct Origin {
    pub viewer: UserId,
    pub device: DeviceId,
    pub received_at: Millis,
}

/// The sound events with their places in the batch, and the refused ones with their codes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Judged {
    pub sound: Vec<(usize, Recorded)>,
    pub refused: Vec<(usize, &'static str)>,
    /// Highest number among the refused that had one: a client need not send it again.
    pub refused_high: Option<u64>,
}

#[derive(Deserialize)]
struct WireEvent {
    #[serde(default)]
    seq: Option<u64>,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default, deserialize_with = "whole")]
    ts: Option<i64>,
    #[serde(default)]
    video_id: Option<String>,
    #[serde(default)]
    impression_id: Option<String>,
    #[serde(default, deserialize_with = "whole")]
    dwell_ms: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    watched_ms: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    duration_ms: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    loops: Option<i64>,
    #[serde(default, deserialize_with = "whole")]
    value_ms: Option<i64>,
    #[serde(default)]
    code: Option<String>,
}

/// `received − (sent_at − ts)`, within the last seven days. A client's clock may be wrong by years;
/// the span between two of its own readings is right.
pub fn event_time(received: Millis, sent_at: Option<Millis>, ts: Option<Millis>, p: &EventPolicy) -> Millis {
    let (Some(sent_at), Some(ts)) = (sent_at, ts) else { return received };
    let at = received.saturating_sub(sent_at.saturating_sub(ts));
    Millis(at.0.clamp(received.0.saturating_sub(p.age_max.0), received.0))
}

/// Judges every event of a batch on its own.
pub fn judge(envelope: &Envelope<'_>, origin: Origin, p: &EventPolicy) -> Judged {
    let mut judged = Judged::default();
    let mut began: HashMap<(VideoId, Option<ImpressionId>), Millis> = HashMap::new();
    for (i, raw) in envelope.events.iter().enumerate() {
        match one(raw, envelope, origin, p).and_then(|event| within_wall_clock(event, &mut began, p)) {
            Ok(event) => judged.sound.push((i, event)),
            Err(refused) => {
                judged.refused.push((i, refused));
                judged.refused_high = judged.refused_high.max(seq_of(raw, p));
            }
        }
    }
    judged
}

fn seq_of(raw: &RawValue, p: &EventPolicy) -> Option<u64> {
    #[derive(Deserialize)]
    struct Numbered {
        seq: u64,
    }
    if raw.get().len() > p.event_bytes_max || depth(raw.get()) > p.depth_max {
        return None;
    }
    serde_json::from_str::<Numbered>(raw.get()).ok().map(|n| n.seq).filter(|s| *s <= 1 << 53)
}

fn one(
    raw: &RawValue,
    env: &Envelope<'_>,
    origin: Origin,
    p: &EventPolicy,
) -> Result<Recorded, &'static str> {
    let text = raw.get();
    if text.len() > p.event_bytes_max {
        return Err(code::TOO_LARGE);
    }
    if depth(text) > p.depth_max {
        return Err(code::TOO_DEEP);
    }
    let wire: WireEvent = serde_json::from_str(text).map_err(|_| code::MALFORMED)?;
    let kind = EventKind::from_word(&wire.kind).ok_or(code::UNKNOWN_TYPE)?;
    let seq = wire.seq.filter(|s| *s <= 1 << 53).ok_or(code::MISSING_SEQ)?;
    let video = wire.video_id.map(|v| v.parse().map_err(|_| code::BAD_VIDEO)).transpose()?;
    let impression = wire.impression_id.map(|v| v.parse().map_err(|_| code::BAD_IMPRESSION)).transpose()?;
    let raw_ts = wire.ts.map(Millis);
    let measures = Measures {
        dwell_ms: wire.dwell_ms,
        watched_ms: wire.watched_ms,
        duration_ms: wire.duration_ms,
        loops: wire.loops,
        value_ms: wire.value_ms,
        code: wire.code,
    };
    check(kind, video, &measures, p)?;
    Ok(Recorded {
        viewer: origin.viewer,
        device: origin.device,
        epoch: env.epoch,
        seq,
        kind,
        at: event_time(origin.received_at, env.sent_at, raw_ts, p),
        received_at: origin.received_at,
        raw_ts,
        raw_sent_at: env.sent_at,
        video,
        impression,
        measures,
    })
}

/// What can be said of one event alone: it has what its kind needs, and its measures can be true.
pub fn check(
    kind: EventKind,
    video: Option<VideoId>,
    m: &Measures,
    p: &EventPolicy,
) -> Result<(), &'static str> {
    if kind.needs_video() && video.is_none() {
        return Err(code::MISSING_VIDEO);
    }
    if m.code.as_ref().is_some_and(|c| c.chars().count() > 64 || c.chars().any(char::is_control)) {
        return Err(code::BAD_CODE);
    }
    let within = |v: Option<i64>, max: i64| v.is_none_or(|v| (0..=max).contains(&v));
    let sane = within(m.dwell_ms, p.dwell_max.0)
        && within(m.value_ms, p.dwell_max.0)
        && within(m.duration_ms, p.duration_max.0)
        && within(m.loops, p.loops_max)
        && within(m.watched_ms, p.dwell_max.0);
    if !sane {
        return Err(code::IMPLAUSIBLE);
    }
    if let (Some(watched), Some(duration)) = (m.watched_ms, m.duration_ms)
        && duration > 0
    {
        // `loops` counts whole runs; one more may be under way.
        let runs = m.loops.map_or(p.loops_max, |l| l.saturating_add(1));
        if watched > duration.saturating_mul(runs).saturating_add(p.slack.0) {
            return Err(code::IMPLAUSIBLE);
        }
    }
    Ok(())
}

/// Dwell within a batch cannot exceed the time since the batch's own impression event.
fn within_wall_clock(
    event: Recorded,
    began: &mut HashMap<(VideoId, Option<ImpressionId>), Millis>,
    p: &EventPolicy,
) -> Result<Recorded, &'static str> {
    let (Some(video), Some(ts)) = (event.video, event.raw_ts) else { return Ok(event) };
    let key = (video, event.impression);
    if event.kind == EventKind::Impression {
        began.insert(key, ts);
        return Ok(event);
    }
    let wall = began.get(&key).map(|start| ts.saturating_sub(*start).saturating_add(p.slack));
    match (wall, event.measures.dwell_ms) {
        (Some(wall), Some(dwell)) if dwell > wall.0 => Err(code::IMPLAUSIBLE),
        _ => Ok(event),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::{Format, parse};
    use proptest::prelude::*;

    const NOW: Millis = Millis(1_767_225_600_000);

    fn check_batch(events: &str) -> Judged {
        let p = EventPolicy::default();
        let body = format!("{{\"epoch\":1,\"sent_at\":10000,\"events\":[{events}]}}");
        let envelope = parse(body.as_bytes(), Format::Json, &p).expect("the envelope reads");
        let origin = Origin { viewer: UserId(1), device: DeviceId(2), received_at: NOW };
        judge(&envelope, origin, &p)
    }

    fn codes(events: &str) -> Vec<(usize, &'static str)> {
        check_batch(events).refused
    }

    const V: &str = r#""video_id":"0000000000001""#;

    #[test]
    fn a_bad_event_harms_no_other() {
        let judged = check_batch(&format!(
            r#"{{"seq":1,"type":"impression",{V}}},{{"seq":2,"type":"nonsense"}},7,{{"seq":3,"type":"like",{V},"future":{{"a":[1]}}}}"#
        ));
        assert_eq!(
            judged.sound.iter().map(|(i, e)| (*i, e.kind)).collect::<Vec<_>>(),
            [(0, EventKind::Impression), (3, EventKind::Like)]
        );
        assert_eq!(judged.refused, [(1, code::UNKNOWN_TYPE), (2, code::MALFORMED)]);
        assert_eq!(judged.refused_high, Some(2));
    }

    #[test]
    fn every_refusal_has_its_code() {
        let deep = format!(r#"{{"seq":1,"type":"like",{V},"x":{}1{}}}"#, "[".repeat(9), "]".repeat(9));
        let large = format!(r#"{{"seq":1,"type":"like",{V},"x":"{}"}}"#, "a".repeat(9_000));
        for (event, expected) in [
            (r#"{"type":"like","video_id":"0000000000001"}"#.to_owned(), code::MISSING_SEQ),
            (r#"{"seq":1,"type":"like"}"#.to_owned(), code::MISSING_VIDEO),
            (r#"{"seq":1,"type":"like","video_id":"x"}"#.to_owned(), code::BAD_VIDEO),
            (format!(r#"{{"seq":1,"type":"like",{V},"impression_id":"x"}}"#), code::BAD_IMPRESSION),
            (format!(r#"{{"seq":1,"type":"dwell",{V},"dwell_ms":-1}}"#), code::IMPLAUSIBLE),
            (format!(r#"{{"seq":1,"type":"dwell",{V},"dwell_ms":1e17}}"#), code::MALFORMED),
            (format!(r#"{{"seq":1,"type":"dwell",{V},"dwell_ms":99999999999}}"#), code::IMPLAUSIBLE),
            (
                format!(
                    r#"{{"seq":1,"type":"view_end",{V},"watched_ms":40000,"duration_ms":10000,"loops":2}}"#
                ),
                code::IMPLAUSIBLE,
            ),
            (format!(r#"{{"seq":-1,"type":"like",{V}}}"#), code::MALFORMED),
            (deep, code::TOO_DEEP),
            (large, code::TOO_LARGE),
        ] {
            assert_eq!(codes(&event), [(0, expected)], "{event}");
        }
    }

    #[test]
    fn dwell_longer_than_the_wall_is_refused() {
        let batch = |dwell| {
            format!(
                r#"{{"seq":1,"type":"impression",{V},"ts":1000}},{{"seq":2,"type":"view_end",{V},"ts":4000,"dwell_ms":{dwell}}}"#
            )
        };
        assert_eq!(codes(&batch(3_000)), []);
        assert_eq!(codes(&batch(9_000)), [(1, code::IMPLAUSIBLE)]);
    }

    #[test]
    fn a_wrong_client_clock_is_corrected_and_bounded() {
        let p = EventPolicy::default();
        let at = |sent: i64, ts: i64| event_time(NOW, Some(Millis(sent)), Some(Millis(ts)), &p).0 - NOW.0;
        assert_eq!(at(10_000, 4_000), -6_000);
        assert_eq!(at(4_000, 10_000), 0);
        assert_eq!(at(i64::MAX, i64::MIN), -604_800_000);
        assert_eq!(at(i64::MIN, i64::MAX), 0);
        assert_eq!(event_time(NOW, None, Some(Millis(0)), &p), NOW);
    }

    proptest! {
        #[test]
        fn no_body_panics(body in prop::collection::vec(any::<u8>(), 0..200), text in ".{0,200}") {
            let p = EventPolicy::default();
            let _ = crate::wire::decode(&body, crate::wire::Encoding::Gzip, &p);
            for bytes in [&body[..], text.as_bytes()] {
                for format in [Format::Json, Format::Ndjson] {
                    if let Ok(e) = parse(bytes, format, &p) {
                        judge(&e, Origin { viewer: UserId(1), device: DeviceId(1), received_at: NOW }, &p);
                    }
                }
            }
        }

        #[test]
        fn event_time_stays_in_its_span(received in 0i64..4_000_000_000_000, sent in any::<i64>(), ts in any::<i64>()) {
            let p = EventPolicy::default();
            let at = event_time(Millis(received), Some(Millis(sent)), Some(Millis(ts)), &p);
            prop_assert!(at.0 <= received && at.0 >= received - p.age_max.0);
        }
    }
}
