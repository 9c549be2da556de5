//! What S3 says about new objects, in the three forms in which it reaches a queue.
//!
//! Delivery is at least once and in no order. Events of one key are ordered by their `sequencer`; events of
//! different keys cannot be.

use serde_json::Value;
use std::cmp::Ordering;
use std::collections::HashMap;

/// An object that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    pub bucket: String,
    /// As the object is named, not as the event spells it.
    pub key: String,
    pub size: Option<u64>,
    /// Without quotes.
    pub etag: Option<String>,
    pub sequencer: Option<Sequencer>,
}

/// The place of an event among those of the same key: hexadecimal digits, compared as S3's manual says, the
/// shorter one filled up with zeros on the right.
#[derive(Debug, Clone)]
pub struct Sequencer(String);

impl Sequencer {
    pub fn new(digits: &str) -> Self {
        // Zeros at the end do not count, so equal ones are spelt alike.
        Self(digits.trim().to_ascii_uppercase().trim_end_matches('0').to_owned())
    }
}

impl Ord for Sequencer {
    fn cmp(&self, other: &Self) -> Ordering {
        // Where one is the other's beginning the longer one is larger: its next digit is at least 0 and, as
        // zeros at the end were cut, some later one is more.
        self.0.cmp(&other.0)
    }
}
impl PartialOrd for Sequencer {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
impl PartialEq for Sequencer {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}
impl Eq for Sequencer {}

/// What a message held.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parsed {
    /// In the order of the message.
    pub created: Vec<Created>,
    /// Records that say that an object was created, but not readably which.
    pub damaged: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a message of S3: {0}")]
pub struct NotS3(pub &'static str);

/// Envelopes within envelopes: SNS around S3 is the only real case.
const ENVELOPES_MAX: usize = 2;

/// Reads a message: a notification by S3, the same in an SNS envelope, or an event of EventBridge.
/// Events about anything but created objects, and S3's test event, hold nothing.
pub fn parse(body: &str) -> Result<Parsed, NotS3> {
    read(body, ENVELOPES_MAX)
}

fn read(body: &str, envelopes: usize) -> Result<Parsed, NotS3> {
    let message: Value = serde_json::from_str(body).map_err(|_| NotS3("no JSON"))?;
    if let Some(records) = message["Records"].as_array() {
        return Ok(notification(records));
    }
    if message["Event"] == "s3:TestEvent" {
        return Ok(Parsed::default());
    }
    if message["source"] == "aws.s3" {
        return Ok(event(&message));
    }
    match (message["Type"].as_str(), message["Message"].as_str()) {
        (Some("Notification"), Some(inner)) if envelopes > 0 => read(inner, envelopes - 1),
        (Some(_), Some(_)) => Err(NotS3("an envelope without a notification")),
        _ => Err(NotS3("neither records nor an event")),
    }
}

fn notification(records: &[Value]) -> Parsed {
    let mut parsed = Parsed::default();
    for record in records {
        let name = record["eventName"].as_str().unwrap_or_default();
        // Older notifications say `s3:ObjectCreated:Put`.
        if !name.trim_start_matches("s3:").starts_with("ObjectCreated:") {
            continue;
        }
        let object = &record["s3"]["object"];
        match object["key"].as_str().and_then(decoded).and_then(|key| created(&record["s3"], object, key)) {
            Some(created) => parsed.created.push(created),
            None => parsed.damaged += 1,
        }
    }
    parsed
}

/// Keys of these events are spelt as they are.
fn event(message: &Value) -> Parsed {
    if message["detail-type"] != "Object Created" {
        return Parsed::default();
    }
    let (detail, object) = (&message["detail"], &message["detail"]["object"]);
    match object["key"].as_str().and_then(|key| created(detail, object, key.to_owned())) {
        Some(created) => Parsed { created: vec![created], damaged: 0 },
        None => Parsed { created: Vec::new(), damaged: 1 },
    }
}

fn created(around: &Value, object: &Value, key: String) -> Option<Created> {
    let text = |v: &Value| v.as_str().filter(|s| !s.is_empty()).map(str::to_owned);
    Some(Created {
        bucket: text(&around["bucket"]["name"])?,
        key: Some(key).filter(|k| !k.is_empty())?,
        size: object["size"].as_u64(),
        etag: text(&object["eTag"]).or_else(|| text(&object["etag"])).map(|t| t.trim_matches('"').to_owned()),
        sequencer: text(&object["sequencer"]).map(|s| Sequencer::new(&s)),
    })
}

/// `application/x-www-form-urlencoded`: `+` is a space, `%xx` a byte. `None` for what is not UTF-8 or not
/// complete.
fn decoded(key: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(key.len());
    let mut rest = key.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        rest = tail;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = rest.get(..2).and_then(|d| std::str::from_utf8(d).ok())?;
                // Not `from_str_radix` alone: it takes a sign.
                if !digits.bytes().all(|d| d.is_ascii_hexdigit()) {
                    return None;
                }
                bytes.push(u8::from_str_radix(digits, 16).ok()?);
                rest = &rest[2..];
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).ok()
}

/// Of several events of one object the last one, in the order in which the objects were first named. An
/// event without a sequencer counts as older than one with.
pub fn latest(created: Vec<Created>) -> Vec<Created> {
    let mut places: HashMap<(String, String), usize> = HashMap::new();
    let mut kept: Vec<Created> = Vec::new();
    for one in created {
        match places.get(&(one.bucket.clone(), one.key.clone())) {
            Some(&n) if one.sequencer > kept[n].sequencer => kept[n] = one,
            Some(_) => {}
            None => {
                places.insert((one.bucket.clone(), one.key.clone()), kept.len());
                kept.push(one);
            }
        }
    }
    kept
}

#[cfg(test)]
#[path = "s3_event_tests.rs"]
mod tests;
