//! What S3's errors mean to a caller.

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};
use stdx::{Fault, FaultKind};

pub(super) fn status<E>(e: &SdkError<E, HttpResponse>) -> Option<u16> {
    e.raw_response().map(|r| r.status().as_u16())
}

pub(super) fn code<E: ProvideErrorMetadata>(e: &SdkError<E, HttpResponse>) -> &str {
    e.as_service_error().and_then(|s| s.code()).unwrap_or_default()
}

/// `HEAD` answers without a body, so its error has a status and no code.
pub(super) fn is_missing<E: ProvideErrorMetadata>(e: &SdkError<E, HttpResponse>) -> bool {
    matches!(code(e), "NoSuchKey" | "NotFound") || (code(e).is_empty() && status(e) == Some(404))
}

/// As [`crate::fault::of`], and by the status where the code says nothing.
pub(super) fn fault<E>(what: &str, e: SdkError<E, HttpResponse>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let by_status = match (status(&e), code(&e)) {
        (_, "RequestTimeout") | (Some(408), _) => Some(FaultKind::TimedOut),
        (Some(429 | 503), _) => Some(FaultKind::Throttled),
        // Another write of the same key is under way.
        (_, "ConditionalRequestConflict" | "OperationAborted") => Some(FaultKind::Unavailable),
        (Some(507), _) => Some(FaultKind::Full),
        (Some(500..=599), _) => Some(FaultKind::Unavailable),
        _ => None,
    };
    let fault = crate::fault::of(what, e);
    match by_status {
        Some(kind) if fault.kind == FaultKind::Internal => Fault { kind, ..fault },
        _ => fault,
    }
}

pub(super) fn size(length: Option<i64>) -> u64 {
    length.and_then(|n| u64::try_from(n).ok()).unwrap_or(0)
}

pub(super) fn bare(etag: Option<&str>) -> String {
    etag.unwrap_or_default().trim_matches('"').to_owned()
}
