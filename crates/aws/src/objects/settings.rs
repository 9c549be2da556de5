//! Which bucket, and how it is used.

use std::path::PathBuf;
use std::time::Duration;
use vocab::Bytes;

const MIB: u64 = 1024 * 1024;

/// How objects are encrypted where they lie.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Encryption {
    /// As the bucket says; AWS encrypts every bucket with its own keys.
    #[default]
    Bucket,
    /// This KMS key, asked through a bucket key. ETags are then no digests of the bytes.
    Kms { key_id: String },
}

/// Checksums of the parts that browsers send.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PartSums {
    /// Bound into the URL where a client gives one. For stores that take a checksum with any part, as our own
    /// endpoint does. AWS refuses one with a part of an upload that was begun without: there a client gives
    /// none with this setting, or the setting is [`PartSums::Required`].
    #[default]
    AsGiven,
    /// Announced at the start: S3 then refuses parts without, so does `sign_parts`, and the completion names
    /// the checksum of every part.
    Required,
}

#[derive(Debug, Clone)]
pub struct S3Settings {
    pub bucket: String,
    /// Before every key; for a scratch area in a shared bucket. Empty in production: events carry whole keys.
    pub prefix: String,
    /// The bucket is part of the path, as stores outside AWS want it.
    pub path_style: bool,
    /// `scheme://host[:port]` that presigned URLs begin with, where browsers do not reach the store under the
    /// address that we use.
    pub public_endpoint: Option<String>,
    /// Raw files are fetched into here for child processes. Made when it is missing.
    pub scratch: PathBuf,
    pub encryption: Encryption,
    pub part_sums: PartSums,
    /// Origins of the pages that upload, for [`crate::objects::S3Objects::check`]; empty = CORS is not looked at.
    pub origins: Vec<String>,
    pub policy: S3Policy,
}

impl S3Settings {
    pub fn new(bucket: impl Into<String>, scratch: impl Into<PathBuf>) -> Self {
        Self {
            bucket: bucket.into(),
            prefix: String::new(),
            path_style: false,
            public_endpoint: None,
            scratch: scratch.into(),
            encryption: Encryption::default(),
            part_sums: PartSums::default(),
            origins: Vec::new(),
            policy: S3Policy::default(),
        }
    }
}

/// Every number of the S3 engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct S3Policy {
    /// S3's own: 5 MiB for every part but the last.
    pub part_min: Bytes,
    /// S3's own: 5 TiB.
    pub object_max: Bytes,
    /// A file above this is sent in parts.
    pub multipart_above: Bytes,
    /// Grows where 10,000 would not do.
    pub part_size: Bytes,
    /// Parts or ranges of one file at once.
    pub parallel: usize,
    /// A raw file is fetched in ranges of this length.
    pub range: Bytes,
    /// No raw file above this is fetched.
    pub raw_max: Bytes,
    /// Nothing above this is read into memory.
    pub read_max: Bytes,
    /// A body that breaks off is read on so many times without a byte of progress.
    pub broken_max: u32,
    /// One attempt of a body or a completion.
    pub body_timeout: Duration,
    /// Rounds for deletions that S3 left undone.
    pub delete_rounds_max: u32,
    /// Our clock and S3's differ by no more; S3 refuses from 15 minutes on.
    pub skew_max: Duration,
}

impl Default for S3Policy {
    fn default() -> Self {
        Self {
            part_min: Bytes(5 * MIB),
            object_max: Bytes(5 * MIB * MIB),
            multipart_above: Bytes(64 * MIB),
            part_size: Bytes(16 * MIB),
            parallel: 4,
            range: Bytes(8 * MIB),
            raw_max: Bytes(2 * 1024 * MIB),
            read_max: Bytes(64 * MIB),
            broken_max: 4,
            body_timeout: Duration::from_secs(120),
            delete_rounds_max: 6,
            skew_max: Duration::from_secs(120),
        }
    }
}
