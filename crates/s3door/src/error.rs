//! What can go wrong with objects, and what an S3 client is told.

use http::StatusCode;
use s3s::{S3Error, S3ErrorCode};
use stdx::{Fault, FaultKind};
use vocab::Bytes;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("no such key")]
    NoSuchKey,
    #[error("no such multipart upload")]
    NoSuchUpload,
    #[error("the key cannot be stored: {0}")]
    BadKey(&'static str),
    #[error("a precondition did not hold")]
    Precondition,
    #[error("the {0} sent is not that of the bytes received")]
    BadDigest(&'static str),
    #[error("{0}")]
    InvalidArgument(&'static str),
    #[error("{received} bytes arrived of {declared} declared")]
    Incomplete { declared: u64, received: u64 },
    #[error("larger than {max}")]
    TooLarge { max: Bytes },
    #[error("part {number} is smaller than {min}")]
    PartTooSmall { number: u32, min: Bytes },
    /// Absent, or another etag or checksum than the one given.
    #[error("parts {numbers:?} are missing or changed")]
    InvalidParts { numbers: Vec<u32> },
    #[error("parts are not in ascending order")]
    PartOrder,
    /// Nothing was committed; the parts stay.
    #[error("the whole object's sha-256 is {found}")]
    WrongSha256 { found: String },
    #[error("no room: {available} free, {wanted} wanted beside a reserve of {reserve}")]
    Full { available: Bytes, wanted: Bytes, reserve: Bytes },
    #[error("the sender was silent for too long")]
    Idle,
    /// The connection broke, or the body did not match its signature.
    #[error("the body broke off: {0}")]
    Body(String),
    #[error("{path}: {error}")]
    Corrupt { path: String, error: String },
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl From<StoreError> for Fault {
    fn from(e: StoreError) -> Self {
        match e {
            StoreError::Io(io) => io.into(),
            StoreError::Full { .. } => Fault::full(e),
            StoreError::Idle => Fault::new(FaultKind::TimedOut, e),
            StoreError::Corrupt { .. } => Fault::corrupt(e),
            other => Fault::internal(other),
        }
    }
}

fn is_full(e: &std::io::Error) -> bool {
    matches!(e.kind(), std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded)
}

fn full(message: String) -> S3Error {
    let mut error = S3Error::with_message(S3ErrorCode::Custom("InsufficientStorage".into()), message);
    error.set_status_code(StatusCode::INSUFFICIENT_STORAGE);
    error
}

impl From<StoreError> for S3Error {
    fn from(e: StoreError) -> Self {
        let text = e.to_string();
        let code = match e {
            StoreError::NoSuchKey => S3ErrorCode::NoSuchKey,
            StoreError::NoSuchUpload => S3ErrorCode::NoSuchUpload,
            StoreError::BadKey(_) => S3ErrorCode::KeyTooLongError,
            StoreError::Precondition => S3ErrorCode::PreconditionFailed,
            StoreError::BadDigest(_) | StoreError::WrongSha256 { .. } => S3ErrorCode::BadDigest,
            StoreError::InvalidArgument(_) => S3ErrorCode::InvalidArgument,
            StoreError::Incomplete { .. } => S3ErrorCode::IncompleteBody,
            StoreError::TooLarge { .. } => S3ErrorCode::EntityTooLarge,
            StoreError::PartTooSmall { .. } => S3ErrorCode::EntityTooSmall,
            StoreError::InvalidParts { .. } => S3ErrorCode::InvalidPart,
            StoreError::PartOrder => S3ErrorCode::InvalidPartOrder,
            StoreError::Full { .. } => return full(text),
            StoreError::Io(ref io) if is_full(io) => return full("no room left".to_owned()),
            StoreError::Idle => S3ErrorCode::RequestTimeout,
            StoreError::Body(ref why) => return body(why),
            StoreError::Corrupt { .. } | StoreError::Io(_) => {
                // The client learns nothing of our files.
                tracing::error!(error = %text, "object store");
                return S3Error::with_message(S3ErrorCode::InternalError, "this is our fault; try again");
            }
        };
        S3Error::with_message(code, text)
    }
}

/// The protocol layer gives its reasons as text only.
fn body(why: &str) -> S3Error {
    if why.contains("Sha256Mismatch") {
        let code = S3ErrorCode::Custom("XAmzContentSHA256Mismatch".into());
        let mut error = S3Error::with_message(code, "the body is not the one that was signed");
        error.set_status_code(StatusCode::BAD_REQUEST);
        return error;
    }
    if why.contains("SignatureMismatch") {
        return S3Error::with_message(
            S3ErrorCode::SignatureDoesNotMatch,
            "a chunk is not the one that was signed",
        );
    }
    S3Error::with_message(S3ErrorCode::IncompleteBody, "the body broke off or is malformed")
}
