//! From bytes to an envelope, within the caps. Nothing here trusts a length it has not counted.

use crate::policy::EventPolicy;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::Read;
use vocab::Millis;

/// `Content-Encoding` of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Encoding {
    #[default]
    Identity,
    Gzip,
}

impl Encoding {
    /// From the header's value; `None` when there is no decoder for it.
    pub fn from_header(value: Option<&str>) -> Option<Self> {
        match value.map(str::trim) {
            None | Some("" | "identity") => Some(Self::Identity),
            Some(v) if v.eq_ignore_ascii_case("gzip") || v.eq_ignore_ascii_case("x-gzip") => Some(Self::Gzip),
            Some(_) => None,
        }
    }
}

/// How the body is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// One object with an `events` array.
    #[default]
    Json,
    /// First line the envelope, every further line one event.
    Ndjson,
}

impl Format {
    /// `application/json`, NDJSON, and `text/plain` (what `sendBeacon` may send); `None` for others.
    pub fn from_content_type(value: Option<&str>) -> Option<Self> {
        let essence = value.and_then(|v| v.split(';').next()).map(str::trim).unwrap_or_default();
        match essence.to_ascii_lowercase().as_str() {
            "" | "application/json" | "text/plain" => Some(Self::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Some(Self::Ndjson),
            _ => None,
        }
    }
}

/// Why a whole batch could not be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EnvelopeError {
    #[error("the body is over {max} bytes")]
    TooLarge { max: usize },
    #[error("the body inflates more than {max} times")]
    Ratio { max: usize },
    #[error("the body is not valid gzip")]
    BadCompression,
    #[error("more than {max} events in one batch")]
    TooMany { max: usize },
    #[error("the envelope cannot be read: {0}")]
    Malformed(String),
}

/// The envelope, its events still raw so that a bad one harms no other.
#[derive(Debug)]
pub struct Envelope<'a> {
    pub epoch: u64,
    pub sent_at: Option<Millis>,
    /// An access token for senders that cannot set headers.
    pub token: Option<String>,
    pub events: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct WireEnvelope<'a> {
    #[serde(default)]
    epoch: u64,
    #[serde(default, deserialize_with = "whole")]
    sent_at: Option<i64>,
    #[serde(default)]
    token: Option<String>,
    #[serde(borrow, default)]
    events: Vec<&'a RawValue>,
}

/// A number of milliseconds; clients' clocks give fractions.
pub(crate) fn whole<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<i64>, D::Error> {
    match Option::<serde_json::Number>::deserialize(d)? {
        None => Ok(None),
        Some(n) => match (n.as_i64(), n.as_f64()) {
            (Some(whole), _) => Ok(Some(whole)),
            // 2^53: beyond it a float no longer counts single milliseconds.
            (None, Some(f)) if f.abs() < 9_007_199_254_740_992.0 => Ok(Some(f as i64)),
            _ => Err(serde::de::Error::custom("number out of range")),
        },
    }
}

/// Undoes the content encoding within the caps.
pub fn decode<'a>(
    body: &'a [u8],
    encoding: Encoding,
    p: &EventPolicy,
) -> Result<Cow<'a, [u8]>, EnvelopeError> {
    if body.len() > p.wire_bytes_max {
        return Err(EnvelopeError::TooLarge { max: p.wire_bytes_max });
    }
    match encoding {
        Encoding::Identity => Ok(Cow::Borrowed(body)),
        Encoding::Gzip => inflate(body, p).map(Cow::Owned),
    }
}

fn inflate(body: &[u8], p: &EventPolicy) -> Result<Vec<u8>, EnvelopeError> {
    let by_ratio = body.len().saturating_mul(p.ratio_max);
    let cap = by_ratio.min(p.decoded_bytes_max);
    let mut out = Vec::with_capacity(cap.min(64 * 1024));
    let limit = u64::try_from(cap).unwrap_or(u64::MAX).saturating_add(1);
    flate2::read::MultiGzDecoder::new(body)
        .take(limit)
        .read_to_end(&mut out)
        .map_err(|_| EnvelopeError::BadCompression)?;
    match out.len() {
        n if n <= cap => Ok(out),
        _ if by_ratio < p.decoded_bytes_max => Err(EnvelopeError::Ratio { max: p.ratio_max }),
        _ => Err(EnvelopeError::TooLarge { max: p.decoded_bytes_max }),
    }
}

/// Reads the envelope of a decoded body.
pub fn parse<'a>(body: &'a [u8], format: Format, p: &EventPolicy) -> Result<Envelope<'a>, EnvelopeError> {
    let malformed = |e: serde_json::Error| EnvelopeError::Malformed(e.to_string());
    let text = std::str::from_utf8(body).map_err(|_| EnvelopeError::Malformed("not UTF-8".into()))?;
    let wire: WireEnvelope<'a> = match format {
        Format::Json => serde_json::from_str(text).map_err(malformed)?,
        Format::Ndjson => {
            let mut lines = text.lines().filter(|l| !l.trim().is_empty());
            let head = lines.next().ok_or_else(|| EnvelopeError::Malformed("empty body".into()))?;
            let mut wire: WireEnvelope<'a> = serde_json::from_str(head).map_err(malformed)?;
            for line in lines {
                if wire.events.len() >= p.events_max {
                    return Err(EnvelopeError::TooMany { max: p.events_max });
                }
                wire.events.push(serde_json::from_str(line).map_err(malformed)?);
            }
            wire
        }
    };
    if wire.events.len() > p.events_max {
        return Err(EnvelopeError::TooMany { max: p.events_max });
    }
    if wire.epoch > 1 << 53 {
        return Err(EnvelopeError::Malformed("epoch is over 2^53".into()));
    }
    Ok(Envelope {
        epoch: wire.epoch,
        sent_at: wire.sent_at.map(Millis),
        token: wire.token,
        events: wire.events,
    })
}

/// How deep arrays and objects nest in valid JSON.
pub fn depth(json: &str) -> usize {
    let (mut deepest, mut now, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for b in json.bytes() {
        match b {
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                now += 1;
                deepest = deepest.max(now);
            }
            b'}' | b']' if !in_string => now = now.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn gzip(raw: &[u8]) -> Vec<u8> {
        let mut e = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        e.write_all(raw).expect("memory takes it");
        e.finish().expect("memory takes it")
    }

    #[test]
    fn a_bomb_is_refused_by_its_ratio() {
        let p = EventPolicy::default();
        let bomb = gzip(&vec![b' '; 900_000]);
        assert_eq!(decode(&bomb, Encoding::Gzip, &p), Err(EnvelopeError::Ratio { max: 50 }));
        let noise: Vec<u8> = (0..1_200_000u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 28) as u8).collect();
        let big = gzip(&noise);
        if big.len() <= p.wire_bytes_max {
            assert!(matches!(
                decode(&big, Encoding::Gzip, &p),
                Err(EnvelopeError::TooLarge { .. } | EnvelopeError::Ratio { .. })
            ));
        }
        assert_eq!(decode(b"\x1f\x8bgarbage", Encoding::Gzip, &p), Err(EnvelopeError::BadCompression));
        assert_eq!(&*decode(&gzip(b"{}"), Encoding::Gzip, &p).expect("small"), b"{}");
    }

    #[test]
    fn the_wire_cap_holds_for_plain_bodies() {
        let p = EventPolicy::default();
        let body = vec![b' '; p.wire_bytes_max + 1];
        assert!(matches!(decode(&body, Encoding::Identity, &p), Err(EnvelopeError::TooLarge { .. })));
    }

    #[test]
    fn depth_counts_brackets_outside_of_strings() {
        assert_eq!(depth(r#"{"a":[1,{"b":"]}[["}]}"#), 3);
        assert_eq!(depth(r#""\"{""#), 0);
    }

    #[test]
    fn unknown_fields_and_fractions_are_fine_and_lines_work_too() {
        let p = EventPolicy::default();
        let e = parse(br#"{"epoch":3,"sent_at":12.7,"x":[1],"events":[{},{"a":1}]}"#, Format::Json, &p)
            .expect("reads");
        assert_eq!((e.epoch, e.sent_at, e.events.len()), (3, Some(Millis(12)), 2));
        let e = parse(b"{\"epoch\":4}\n{\"seq\":1}\n\n{\"seq\":2}\n", Format::Ndjson, &p).expect("reads");
        assert_eq!((e.epoch, e.events.len()), (4, 2));
    }

    #[test]
    fn one_event_over_the_cap_refuses_the_batch() {
        let p = EventPolicy::default();
        let body = format!("{{\"events\":[{}]}}", vec!["{}"; 501].join(","));
        assert_eq!(parse(body.as_bytes(), Format::Json, &p).err(), Some(EnvelopeError::TooMany { max: 500 }));
    }
}
