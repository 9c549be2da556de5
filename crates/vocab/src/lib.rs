#![doc = include_str!("../README.md")]
#![no_std]

extern crate alloc;
#[cfg(test)]
extern crate std;

pub mod id;
pub mod ladder;
pub mod media_key;
pub mod status;
pub mod taxonomy;
pub mod unit;
pub mod verdict;
pub mod view;

pub use id::{
    DeviceId, IdParseError, ImpressionId, JobId, PackageId, RenditionId, UploadId, UserId, VideoId,
};
pub use ladder::{Codec, Rung, RungName};
pub use media_key::{CacheClass, MediaKey, MediaKeyError};
pub use status::{FailureReason, Status, Visibility};
pub use unit::{Bytes, Kbps, Millis};
pub use verdict::{Finding, Verdict};
