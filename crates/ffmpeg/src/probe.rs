//! What ffprobe prints, as types. Only the fields that are used; everything may be missing.

use serde::Deserialize;

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Probe {
    pub packets: Vec<Packet>,
    pub streams: Vec<Stream>,
    pub format: Format,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Packet {
    pub stream_index: u32,
    pub pts_time: Option<String>,
    pub duration_time: Option<String>,
    pub flags: String,
}

impl Packet {
    /// Read but not shown (before an edit's start).
    pub fn is_discarded(&self) -> bool {
        self.flags.contains('D')
    }
    pub fn is_key(&self) -> bool {
        self.flags.starts_with('K')
    }
    pub fn pts_us(&self) -> Option<i64> {
        micros(self.pts_time.as_deref()?)
    }
    pub fn duration_us(&self) -> Option<i64> {
        micros(self.duration_time.as_deref()?)
    }
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Stream {
    pub index: u32,
    pub codec_type: String,
    pub codec_name: Option<String>,
    pub width: u32,
    pub height: u32,
    pub sample_aspect_ratio: Option<String>,
    pub color_range: Option<String>,
    pub color_space: Option<String>,
    pub color_transfer: Option<String>,
    pub channels: u32,
    pub bit_rate: Option<String>,
    pub duration: Option<String>,
    pub start_time: Option<String>,
    pub nb_frames: Option<String>,
    pub nb_read_frames: Option<String>,
    pub disposition: Disposition,
    pub side_data_list: Vec<SideData>,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Disposition {
    pub attached_pic: u8,
    pub still_image: u8,
}

#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct SideData {
    pub displaymatrix: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Format {
    pub format_name: String,
    pub start_time: Option<String>,
}

/// Microseconds of a decimal number of seconds, without going through floating point.
pub(crate) fn micros(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: i64 = whole.parse().ok()?;
    let mut sub = 0i64;
    for i in 0..6 {
        let digit = match fraction.as_bytes().get(i) {
            Some(c @ b'0'..=b'9') => i64::from(c - b'0'),
            Some(_) => return None,
            None => 0,
        };
        sub = sub * 10 + digit;
    }
    whole.checked_mul(1_000_000)?.checked_add(sub).map(|us| sign * us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_become_microseconds_exactly() {
        for (text, us) in [
            ("0.000000", Some(0)),
            ("1.000001", Some(1_000_001)),
            ("-0.021333", Some(-21_333)),
            ("362.76", Some(362_760_000)),
            ("7", Some(7_000_000)),
            ("N/A", None),
            ("", None),
            ("1.x", None),
            ("99999999999999999999", None),
        ] {
            assert_eq!(micros(text), us, "{text}");
        }
    }

    #[test]
    fn an_empty_answer_is_an_empty_probe() {
        let p: Probe = serde_json::from_str("{}").expect("parses");
        assert!(p.streams.is_empty() && p.packets.is_empty());
    }
}
