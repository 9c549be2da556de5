//! What a client of uploading is told, and how the ports' errors become it.

use crate::port::{RawStoreError, UploadStoreError};
use crate::record::UploadState;
use catalog::{FieldError, VideoStoreError};
use stdx::Fault;
use vocab::{Bytes, Millis};

#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("the request cannot be taken as it is")]
    Invalid(Vec<FieldError>),
    #[error("a file has at most {max}")]
    TooLarge { max: Bytes },
    /// Unknown, or another owner's: the same answer.
    #[error("no such upload")]
    NotFound,
    /// Aborted or expired.
    #[error("the upload has ended")]
    Ended,
    /// Completed already, or being completed: nothing more to send.
    #[error("the upload is {0:?}")]
    NotOpen(UploadState),
    #[error("over the limit of {limit} {what}")]
    Quota { what: &'static str, limit: u64, retry_after: Option<Millis> },
    #[error("the idempotency key was used for another request")]
    IdempotencyMismatch,
    #[error("parts {missing:?} are missing")]
    Incomplete { missing: Vec<u32> },
    #[error("the file's sha-256 is not the declared one")]
    ChecksumMismatch { found: String },
    #[error(transparent)]
    Fault(#[from] Fault),
}

pub(crate) fn video_fault(e: VideoStoreError) -> Fault {
    match e {
        VideoStoreError::Fault(fault) => fault,
        other => Fault::internal(other),
    }
}

impl From<UploadStoreError> for UploadError {
    fn from(e: UploadStoreError) -> Self {
        match e {
            UploadStoreError::NotFound(_) => Self::NotFound,
            UploadStoreError::Stale { actual: UploadState::Aborted, .. } => Self::Ended,
            UploadStoreError::Stale { actual, .. } => Self::NotOpen(actual),
            UploadStoreError::Quota { what, limit, retry_after } => Self::Quota { what, limit, retry_after },
            UploadStoreError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<RawStoreError> for UploadError {
    fn from(e: RawStoreError) -> Self {
        match e {
            RawStoreError::NoSuchUpload => Self::Ended,
            RawStoreError::Parts { numbers } => Self::Incomplete { missing: numbers },
            RawStoreError::ChecksumMismatch { found } => Self::ChecksumMismatch { found },
            RawStoreError::Fault(fault) => Self::Fault(fault),
        }
    }
}
