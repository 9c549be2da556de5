//! One object as it stands in memory: its bytes, its compressed form, its names.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use std::io::Write;
use vocab::MediaKey;

/// In which form an object travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    Identity,
    Gzip,
}

/// An object ready to be answered; cheap to clone, nothing of it is computed twice.
#[derive(Debug, Clone)]
pub struct Entry {
    pub content_type: &'static str,
    pub cache_control: &'static str,
    /// Whether the answer depends on `Accept-Encoding`.
    pub varies: bool,
    pub raw: Bytes,
    gzip: Option<Bytes>,
    etag: Bytes,
    etag_gzip: Bytes,
}

impl Entry {
    pub fn new(key: &MediaKey, raw: Bytes) -> Self {
        let digest = Sha256::digest(&raw);
        let mut hex = String::with_capacity(36);
        for byte in &digest[..16] {
            hex.push(char::from_digit(u32::from(byte >> 4), 16).unwrap_or('0'));
            hex.push(char::from_digit(u32::from(byte & 15), 16).unwrap_or('0'));
        }
        let gzip = key.is_text().then(|| compressed(&raw)).flatten();
        Self {
            content_type: key.content_type(),
            cache_control: key.cache_class().cache_control(),
            varies: key.is_text(),
            etag: Bytes::from(format!("\"{hex}\"")),
            etag_gzip: Bytes::from(format!("\"{hex}-gz\"")),
            raw,
            gzip,
        }
    }

    /// The form for a client: compressed only where a compressed copy stands ready.
    pub fn form_for(&self, accept_encoding: Option<&str>) -> Form {
        match (&self.gzip, accept_encoding) {
            (Some(_), Some(accepted)) if accepts_gzip(accepted) => Form::Gzip,
            _ => Form::Identity,
        }
    }

    pub fn bytes(&self, form: Form) -> &Bytes {
        match (form, &self.gzip) {
            (Form::Gzip, Some(gzip)) => gzip,
            _ => &self.raw,
        }
    }

    /// The strong validator of a form, with its quotes.
    pub fn etag(&self, form: Form) -> &Bytes {
        match form {
            Form::Identity => &self.etag,
            Form::Gzip => &self.etag_gzip,
        }
    }

    /// Bytes of memory this holds, roughly.
    pub fn weight(&self) -> u64 {
        (self.raw.len() + self.gzip.as_ref().map_or(0, Bytes::len) + 256) as u64
    }
}

/// `None` where compression gains nothing.
fn compressed(raw: &[u8]) -> Option<Bytes> {
    let mut out = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    out.write_all(raw).ok()?;
    let gzip = out.finish().ok()?;
    (gzip.len() < raw.len()).then(|| Bytes::from(gzip))
}

/// Whether `Accept-Encoding` admits gzip (RFC 9110 §12.5.3).
pub fn accepts_gzip(accepted: &str) -> bool {
    let mut any = None;
    for item in accepted.split(',') {
        let mut parts = item.split(';');
        let coding = parts.next().unwrap_or_default().trim();
        let refused = parts.any(|p| is_zero_weight(p.trim()));
        if coding.eq_ignore_ascii_case("gzip") || coding.eq_ignore_ascii_case("x-gzip") {
            return !refused;
        }
        if coding == "*" {
            any = Some(!refused);
        }
    }
    any.unwrap_or(false)
}

fn is_zero_weight(parameter: &str) -> bool {
    let Some((name, weight)) = parameter.split_once('=') else { return false };
    name.trim().eq_ignore_ascii_case("q")
        && weight.trim().starts_with('0')
        && weight.trim().bytes().all(|b| matches!(b, b'0' | b'.'))
}

/// Whether an `If-None-Match` value names this validator (weak comparison).
pub fn names(if_none_match: &str, etag: &[u8]) -> bool {
    if_none_match.split(',').map(str::trim).any(|candidate| {
        candidate == "*" || candidate.strip_prefix("W/").unwrap_or(candidate).as_bytes() == etag
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{PackageId, RenditionId, VideoId};

    #[test]
    fn texts_are_kept_compressed_and_named_apart() {
        let key = MediaKey::Multivariant { video: VideoId(1), package: PackageId(2) };
        let entry = Entry::new(&key, Bytes::from("#EXTM3U\n".repeat(100)));
        assert_eq!(entry.form_for(Some("br, gzip")), Form::Gzip);
        assert_eq!(entry.form_for(Some("br")), Form::Identity);
        assert_eq!(entry.form_for(None), Form::Identity);
        assert!(entry.bytes(Form::Gzip).len() < entry.bytes(Form::Identity).len());
        assert_ne!(entry.etag(Form::Gzip), entry.etag(Form::Identity));
    }

    #[test]
    fn segments_are_never_compressed() {
        let key = MediaKey::Segment { video: VideoId(1), rendition: RenditionId(2), n: 0 };
        let entry = Entry::new(&key, Bytes::from(vec![0u8; 4096]));
        assert_eq!((entry.form_for(Some("gzip")), entry.varies), (Form::Identity, false));
    }

    #[test]
    fn accept_encoding_is_read_as_the_rfc_says() {
        for (accepted, expected) in [
            ("gzip", true),
            ("GZIP;q=0.5", true),
            ("gzip;q=0", false),
            ("gzip; q=0.000", false),
            ("br;q=1.0, gzip;q=0.1", true),
            ("*", true),
            ("*;q=0", false),
            ("*, gzip;q=0", false),
            ("identity", false),
            ("", false),
            ("notgzip", false),
        ] {
            assert_eq!(accepts_gzip(accepted), expected, "{accepted}");
        }
    }

    #[test]
    fn validators_match_weakly() {
        assert!(names("\"a\"", b"\"a\""));
        assert!(names("\"x\", W/\"a\"", b"\"a\""));
        assert!(names("*", b"\"a\""));
        assert!(!names("\"A\"", b"\"a\""));
        assert!(!names("", b"\"a\""));
    }
}
