//! What is known of an object, a part and an open multipart upload.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Version of the metadata files; a newer one is refused.
pub(crate) const META_VERSION: u32 = 1;

/// Checksums in base64, as S3 writes them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sums {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub crc32: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub crc32c: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub crc64nvme: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha1: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256: Option<String>,
}

/// What the writer of an object says about it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewObject {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub cache_control: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_disposition: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_encoding: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub content_language: Option<String>,
    /// `x-amz-meta-*`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty", default)]
    pub user: BTreeMap<String, String>,
}

impl NewObject {
    pub fn typed(content_type: &str) -> Self {
        Self { content_type: Some(content_type.to_owned()), ..Self::default() }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectMeta {
    pub v: u32,
    pub key: String,
    /// Names the data file; grows with every write of the process.
    pub generation: u64,
    pub size: u64,
    /// Without quotes.
    pub etag: String,
    pub modified_ms: i64,
    #[serde(flatten)]
    pub says: NewObject,
    #[serde(default)]
    pub sums: Sums,
    /// The multipart upload it came from.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub upload: Option<String>,
    /// Of the whole object, lowercase hex, where it was computed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub sha256_hex: Option<String>,
}

/// Where the parts of an upload of known length stand in the whole: parts of one length, the last shorter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layout {
    pub part_size: u64,
    pub size: u64,
}

impl Layout {
    pub(crate) fn offset(self, number: u32) -> u64 {
        self.part_size.saturating_mul(u64::from(number.saturating_sub(1)))
    }

    /// The length of a part; `None` for a number outside the layout.
    pub(crate) fn part_len(self, number: u32) -> Option<u64> {
        let rest = self.size.checked_sub(self.offset(number)).filter(|rest| *rest > 0)?;
        (number > 0 && self.part_size > 0).then_some(rest.min(self.part_size))
    }

    pub(crate) fn part_count(self) -> u64 {
        self.size.div_ceil(self.part_size.max(1))
    }
}

/// An open multipart upload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadMeta {
    pub v: u32,
    pub id: String,
    pub key: String,
    pub initiated_ms: i64,
    /// `CRC32`, `SHA256` … when the client announced one.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub algorithm: Option<String>,
    /// Known where the upload was begun in process.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub layout: Option<Layout>,
    #[serde(flatten)]
    pub says: NewObject,
}

/// A part that has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartMeta {
    pub number: u32,
    pub size: u64,
    /// MD5 in hex.
    pub etag: String,
    pub modified_ms: i64,
    pub sums: Sums,
}

type Slot = (&'static str, fn(&Sums) -> &Option<String>, fn(&mut Sums) -> &mut Option<String>);

/// The algorithms, with S3's name of each.
pub(crate) const ALGORITHMS: [Slot; 5] = [
    ("CRC32", |s| &s.crc32, |s| &mut s.crc32),
    ("CRC32C", |s| &s.crc32c, |s| &mut s.crc32c),
    ("CRC64NVME", |s| &s.crc64nvme, |s| &mut s.crc64nvme),
    ("SHA1", |s| &s.sha1, |s| &mut s.sha1),
    ("SHA256", |s| &s.sha256, |s| &mut s.sha256),
];

impl Sums {
    /// SHA-256 alone, from hex.
    pub fn of_sha256_hex(digits: &str) -> Option<Self> {
        use base64::Engine as _;
        let bytes = hex::decode(digits).ok().filter(|b| b.len() == 32)?;
        let sha256 = Some(base64::engine::general_purpose::STANDARD.encode(bytes));
        Some(Self { sha256, ..Self::default() })
    }

    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// The first algorithm of `expected` whose value differs from ours.
    pub(crate) fn differs_from(&self, expected: &Sums) -> Option<&'static str> {
        ALGORITHMS
            .iter()
            .find(|(_, get, _)| get(expected).is_some() && get(expected) != get(self))
            .map(|(name, ..)| *name)
    }
}
