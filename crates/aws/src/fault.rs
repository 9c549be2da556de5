//! What an SDK error means to a caller.

use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use stdx::{Fault, FaultKind};

/// Codes that mean "slower": DynamoDB, S3, SQS, EventBridge.
const THROTTLED: &[&str] = &[
    "ProvisionedThroughputExceededException",
    "ProvisionedThroughputExceeded",
    "ThrottlingException",
    "Throttling",
    "RequestLimitExceeded",
    "RequestThrottled",
    "SlowDown",
    "TooManyRequestsException",
    "LimitExceededException",
    "ServiceQuotaExceededException",
];
const UNAVAILABLE: &[&str] = &[
    "InternalServerError",
    "InternalError",
    "ServiceUnavailable",
    "InternalFailure",
    "InternalException",
    "InternalServerErrorException",
];

/// The fault of a call that failed. `what` names the call in the message.
pub fn of<E, R>(what: &str, e: SdkError<E, R>) -> Fault
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    R: std::fmt::Debug + Send + Sync + 'static,
{
    let kind = kind(&e);
    let code = e.as_service_error().and_then(|s| s.code().map(str::to_owned));
    let text = e
        .as_service_error()
        .and_then(|s| s.message().map(str::to_owned))
        .unwrap_or_else(|| aws_smithy_types::error::display::DisplayErrorContext(&e).to_string());
    let code = code.map(|c| format!(" ({c})")).unwrap_or_default();
    Fault::new(kind, format!("{what}: {text}{code}"))
}

fn kind<E: ProvideErrorMetadata, R>(e: &SdkError<E, R>) -> FaultKind {
    match e {
        SdkError::TimeoutError(_) => FaultKind::TimedOut,
        SdkError::DispatchFailure(d) if d.is_timeout() => FaultKind::TimedOut,
        SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => FaultKind::Unavailable,
        SdkError::ServiceError(s) => match s.err().code() {
            Some(code) if THROTTLED.contains(&code) => FaultKind::Throttled,
            Some(code) if UNAVAILABLE.contains(&code) => FaultKind::Unavailable,
            _ => FaultKind::Internal,
        },
        _ => FaultKind::Internal,
    }
}
