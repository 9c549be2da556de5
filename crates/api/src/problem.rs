//! The one place where outcomes become HTTP: RFC 9457 problems with stable types.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use serde_json::{Map, Value};
use stdx::{Fault, FaultKind};
use vocab::Millis;

/// Prefix of every problem type.
pub const TYPE_PREFIX: &str = "https://signal.video/problems/";

/// The media type of a problem.
pub const CONTENT_TYPE: &str = "application/problem+json";

macro_rules! slugs {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $status:ident, $title:literal;)*) => {
        /// What went wrong, as a stable word with its status and title.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Slug { $($(#[$doc])* $name,)* }

        impl Slug {
            pub const ALL: &'static [Slug] = &[$(Slug::$name,)*];

            pub const fn word(self) -> &'static str {
                match self { $(Slug::$name => $word,)* }
            }
            pub const fn status(self) -> StatusCode {
                match self { $(Slug::$name => StatusCode::$status,)* }
            }
            pub const fn title(self) -> &'static str {
                match self { $(Slug::$name => $title,)* }
            }
        }
    };
}

slugs! {
    InvalidRequest = "invalid-request", BAD_REQUEST, "The request is not valid";
    InvalidJson = "invalid-json", BAD_REQUEST, "The body is not the JSON expected";
    InvalidCursor = "invalid-cursor", BAD_REQUEST, "The cursor is not valid";
    Unauthorized = "unauthorized", UNAUTHORIZED, "Sign in first";
    TokenExpired = "token-expired", UNAUTHORIZED, "The access token has expired";
    WrongCredentials = "wrong-credentials", UNAUTHORIZED, "E-mail or password is wrong";
    RefreshReused = "refresh-reused", UNAUTHORIZED, "The refresh token was used before";
    Forbidden = "forbidden", FORBIDDEN, "Not allowed";
    NotFound = "not-found", NOT_FOUND, "Not found";
    MethodNotAllowed = "method-not-allowed", METHOD_NOT_ALLOWED, "Method not allowed";
    RequestTimeout = "request-timeout", REQUEST_TIMEOUT, "The request took too long to arrive";
    Conflict = "conflict", CONFLICT, "The state does not allow this";
    EmailTaken = "email-taken", CONFLICT, "The e-mail address has an account";
    UploadIncomplete = "upload-incomplete", CONFLICT, "The upload is not complete";
    Gone = "gone", GONE, "Gone";
    PayloadTooLarge = "payload-too-large", PAYLOAD_TOO_LARGE, "Too large";
    UnsupportedMediaType = "unsupported-media-type", UNSUPPORTED_MEDIA_TYPE, "Unsupported media type";
    BadRange = "bad-range", RANGE_NOT_SATISFIABLE, "The range cannot be satisfied";
    ChecksumMismatch = "checksum-mismatch", UNPROCESSABLE_ENTITY, "The checksum does not match";
    IdempotencyMismatch = "idempotency-mismatch", UNPROCESSABLE_ENTITY, "The idempotency key was used for another request";
    RateLimited = "rate-limited", TOO_MANY_REQUESTS, "Too many requests";
    QuotaExceeded = "quota-exceeded", TOO_MANY_REQUESTS, "The quota is used up";
    Internal = "internal", INTERNAL_SERVER_ERROR, "Something failed on our side";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "Too busy right now";
    InsufficientStorage = "insufficient-storage", INSUFFICIENT_STORAGE, "No storage left";
}

/// One field that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FieldError {
    /// Dotted path of the field, e.g. `transform.trim_end_ms`; empty for the whole body.
    pub field: String,
    /// Stable code, e.g. `too_long`.
    pub code: String,
    pub message: String,
}

/// An outcome that is not the one asked for. Build with [`Problem::new`] or a named constructor.
#[derive(Debug, Clone)]
pub struct Problem(Box<Parts>);

#[derive(Debug, Clone)]
struct Parts {
    slug: Slug,
    detail: String,
    errors: Vec<FieldError>,
    extras: Map<String, Value>,
    retry_after_s: Option<u32>,
    /// For the log only; never leaves the house.
    cause: Option<String>,
}

pub type Outcome<T> = Result<T, Problem>;

impl Problem {
    /// `detail` is read by a person: one plain sentence about this case.
    pub fn new(slug: Slug, detail: impl Into<String>) -> Self {
        let retry_after_s = match slug {
            Slug::Overloaded | Slug::RateLimited => Some(1),
            _ => None,
        };
        Self(Box::new(Parts {
            slug,
            detail: detail.into(),
            errors: Vec::new(),
            extras: Map::new(),
            retry_after_s,
            cause: None,
        }))
    }

    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(Slug::NotFound, detail)
    }
    pub fn gone(detail: impl Into<String>) -> Self {
        Self::new(Slug::Gone, detail)
    }
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Slug::Forbidden, detail)
    }
    pub fn unauthorized(detail: impl Into<String>) -> Self {
        Self::new(Slug::Unauthorized, detail)
    }
    pub fn conflict(detail: impl Into<String>) -> Self {
        Self::new(Slug::Conflict, detail)
    }
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Slug::InvalidRequest, detail)
    }
    pub fn invalid_cursor() -> Self {
        Self::new(Slug::InvalidCursor, "This cursor is not one of ours, or belongs to another list.")
    }
    /// So many of `what`, said in a sentence, and when there may be more: never too early, in whole seconds. `None`:
    /// waiting alone frees nothing.
    pub fn quota(
        what: &str,
        (limit, said): (impl Into<u64>, String),
        retry_after: impl Into<Option<Millis>>,
    ) -> Self {
        let problem = Self::new(Slug::QuotaExceeded, said).with("limit", limit.into()).with("what", what);
        match retry_after.into() {
            Some(wait) => problem.retry_after_s(whole_seconds(wait)),
            None => problem,
        }
    }
    /// One wrong field.
    pub fn field(field: &str, code: &str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self::new(Slug::InvalidRequest, message.clone()).and_field(field, code, message)
    }
    pub fn internal(cause: impl std::fmt::Display) -> Self {
        Self::new(Slug::Internal, "This is our fault. Try again; quote the instance if it stays.")
            .because(cause)
    }

    /// Adds one wrong field.
    pub fn and_field(mut self, field: &str, code: &str, message: impl Into<String>) -> Self {
        self.0.errors.push(FieldError { field: field.into(), code: code.into(), message: message.into() });
        self
    }
    /// Adds a member of this problem type, e.g. `missing`.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.extras.insert(name.into(), value.into());
        self
    }
    pub fn retry_after_s(mut self, seconds: u32) -> Self {
        self.0.retry_after_s = Some(seconds.max(1));
        self
    }
    /// What really happened, for the log.
    pub fn because(mut self, cause: impl std::fmt::Display) -> Self {
        self.0.cause = Some(cause.to_string());
        self
    }

    pub fn slug(&self) -> Slug {
        self.0.slug
    }
    pub fn status(&self) -> StatusCode {
        self.0.slug.status()
    }
    pub fn cause(&self) -> Option<&str> {
        self.0.cause.as_deref()
    }
    pub fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The body, with the request id as `instance`.
    pub fn to_json(&self, instance: Option<&str>) -> Value {
        let Parts { slug, detail, errors, extras, .. } = &*self.0;
        let mut body = Map::new();
        body.insert("type".into(), format!("{TYPE_PREFIX}{}", slug.word()).into());
        body.insert("title".into(), slug.title().into());
        body.insert("status".into(), slug.status().as_u16().into());
        body.insert("detail".into(), detail.as_str().into());
        if let Some(instance) = instance {
            body.insert("instance".into(), instance.into());
        }
        for (name, value) in extras {
            body.entry(name.clone()).or_insert_with(|| value.clone());
        }
        if !errors.is_empty() {
            body.insert("errors".into(), serde_json::json!(errors));
        }
        Value::Object(body)
    }

    /// The whole response.
    pub fn render(&self, instance: Option<&str>) -> Response {
        let body = self.to_json(instance).to_string();
        let mut reply = (self.status(), body).into_response();
        let headers = reply.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.0.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status() == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        reply
    }
}

impl IntoResponse for Problem {
    /// Rendered again by the outermost middleware, which knows the request id.
    fn into_response(self) -> Response {
        let mut reply = self.render(None);
        reply.extensions_mut().insert(self);
        reply
    }
}

/// A wait as Retry-After tells it: who waits that long is never too early.
pub fn whole_seconds(wait: Millis) -> u32 {
    u32::try_from(wait.0.max(1).unsigned_abs().div_ceil(1_000)).unwrap_or(u32::MAX)
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Self {
        let wait_s = fault.retry_after.map_or(1, whole_seconds);
        match fault.kind {
            FaultKind::Full => {
                Self::new(Slug::InsufficientStorage, "There is no storage left here. Nothing was changed.")
            }
            FaultKind::Throttled | FaultKind::TimedOut | FaultKind::Unavailable => {
                Self::new(Slug::Overloaded, "Too busy right now. Try again in a moment.")
                    .retry_after_s(wait_s)
            }
            FaultKind::Corrupt | FaultKind::Newer | FaultKind::Internal => Self::internal(""),
        }
        .because(fault)
    }
}

impl From<catalog::VideoStoreError> for Problem {
    fn from(e: catalog::VideoStoreError) -> Self {
        use catalog::VideoStoreError as E;
        match e {
            E::NotFound(_) => Self::not_found("There is no such video."),
            E::Exists(_) => Self::conflict("This exists already."),
            E::Stale { actual, .. } => {
                Self::conflict("The video has moved on in the meantime. Look again and decide anew.")
                    .with("status_now", actual.word())
            }
            E::Fault(fault) => fault.into(),
        }
    }
}

impl From<work::JobStoreError> for Problem {
    fn from(e: work::JobStoreError) -> Self {
        use work::JobStoreError as E;
        match e {
            E::NotFound(_) => Self::not_found("There is no such job."),
            E::Fenced(_) => Self::conflict("The job belongs to another worker now."),
            E::WrongState { state, .. } => {
                Self::conflict("The job is not in a state in which this can be done.")
                    .with("state_now", format!("{state:?}").to_lowercase())
            }
            E::Superseded { live, .. } => {
                Self::conflict("A newer job does the same work already.").with("live", live.to_string())
            }
            E::Fault(fault) => fault.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_slug_is_a_word_of_its_own() {
        let mut words: Vec<_> = Slug::ALL.iter().map(|s| s.word()).collect();
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Slug::ALL.len());
        for s in Slug::ALL {
            assert!(s.status().is_client_error() || s.status().is_server_error());
        }
    }

    #[test]
    fn a_fault_tells_nothing_of_the_inside() {
        for kind in [FaultKind::Full, FaultKind::Throttled, FaultKind::Corrupt, FaultKind::Internal] {
            let problem = Problem::from(Fault::new(kind, "secret table users at /var/db"));
            assert!(!problem.to_json(None).to_string().contains("secret"), "{kind:?}");
            assert!(problem.cause().is_some_and(|c| c.contains("secret")));
        }
    }

    #[test]
    fn who_waits_as_long_as_a_quota_says_is_never_too_early() {
        let waits = [(Some(1_500), Some("2")), (Some(999), Some("1")), (Some(-5), Some("1")), (None, None)];
        for (wait, told) in waits {
            let full = upload::UploadError::Quota {
                what: "uploads a day",
                limit: 50,
                retry_after: wait.map(Millis),
            };
            let problem = Problem::from(full);
            let body = problem.to_json(None);
            assert_eq!((&body["limit"], &body["what"]), (&50.into(), &"uploads a day".into()));
            let reply = problem.into_response();
            assert_eq!(reply.status().as_u16(), 429);
            let header = reply.headers().get(header::RETRY_AFTER);
            assert_eq!(header.map(|v| v.to_str().expect("digits")), told, "{wait:?}");
        }
    }

    #[test]
    fn who_waits_as_long_as_a_busy_store_says_is_never_too_early() {
        for (wait_ms, told) in [(0, "1"), (999, "1"), (1_500, "2"), (i64::MAX, "4294967295")] {
            let busy = Fault { retry_after: Some(Millis(wait_ms)), ..Fault::unavailable("busy") };
            let reply = Problem::from(busy).into_response();
            let header = reply.headers().get(header::RETRY_AFTER);
            assert_eq!(header.map(|v| v.to_str().expect("digits")), Some(told), "{wait_ms}");
        }
    }

    #[test]
    fn faults_map_to_what_a_client_can_do() {
        for (kind, status, retry) in [
            (FaultKind::Full, 507, false),
            (FaultKind::Throttled, 503, true),
            (FaultKind::Unavailable, 503, true),
            (FaultKind::TimedOut, 503, true),
            (FaultKind::Internal, 500, false),
            (FaultKind::Corrupt, 500, false),
        ] {
            let reply = Problem::from(Fault::new(kind, "x")).into_response();
            assert_eq!(reply.status().as_u16(), status, "{kind:?}");
            assert_eq!(reply.headers().contains_key(header::RETRY_AFTER), retry, "{kind:?}");
        }
    }
}
