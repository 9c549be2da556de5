//! Playlists, segments and pictures. Outside the API's middleware: the busiest path is the shortest.

use crate::ids::RequestId;
use crate::problem::{Problem, Slug};
use crate::state::ApiState;
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use bytes::Bytes;
use delivery::{Answer, Ask, Entry, Form, Tier};
use futures::FutureExt;
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::panic::AssertUnwindSafe;

const CACHE_STATUS: HeaderName = HeaderName::from_static("cache-status");
const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");

pub fn router() -> Router<ApiState> {
    Router::new().route("/v/{*path}", any(media)).route("/p/{*path}", any(media))
}

async fn media(State(state): State<ApiState>, req: Request) -> Response {
    let (req, _) = req.into_parts();
    let answered = AssertUnwindSafe(answer(&state, &req)).catch_unwind().await;
    match answered {
        Ok(Ok(reply)) => reply,
        Ok(Err(refusal)) => refuse(&state, &req, refusal),
        Err(_) => refuse(&state, &req, Refusal::of(Problem::internal("media panicked"))),
    }
}

/// A problem and how long anybody may remember it.
struct Refusal {
    problem: Problem,
    max_age_s: Option<u32>,
    total: Option<u64>,
}

impl Refusal {
    fn of(problem: Problem) -> Self {
        Self { problem, max_age_s: None, total: None }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

async fn answer(state: &ApiState, req: &Parts) -> Result<Response, Refusal> {
    match req.method {
        Method::GET | Method::HEAD => {}
        Method::OPTIONS => return Ok(preflight()),
        _ => return Err(Refusal::of(Problem::new(Slug::MethodNotAllowed, "Media can only be read."))),
    }
    let headers = &req.headers;
    let ask = Ask {
        path: req.uri.path(),
        range: text(headers, &header::RANGE),
        if_range: text(headers, &header::IF_RANGE),
        if_none_match: text(headers, &header::IF_NONE_MATCH),
        accept_encoding: text(headers, &header::ACCEPT_ENCODING),
    };
    let is_head = req.method == Method::HEAD;
    match state.origin.answer(ask).await {
        Ok(Answer::Whole { entry, form, tier }) => {
            let body = entry.bytes(form).clone();
            let mut reply = reply(StatusCode::OK, &entry, form, body, is_head);
            reply.headers_mut().insert(CACHE_STATUS, cache_status(tier));
            Ok(reply)
        }
        Ok(Answer::Part { entry, first, last, tier }) => Ok(part(&entry, first, last, tier, is_head)),
        Ok(Answer::Unchanged { entry, form }) => {
            let mut reply = reply(StatusCode::NOT_MODIFIED, &entry, form, Bytes::new(), false);
            reply.headers_mut().remove(header::CONTENT_LENGTH);
            Ok(reply)
        }
        Ok(Answer::NotFound { max_age_s }) => Err(Refusal {
            max_age_s: Some(max_age_s),
            ..Refusal::of(Problem::not_found("There is no such file."))
        }),
        Ok(Answer::Gone { max_age_s }) => Err(Refusal {
            max_age_s: Some(max_age_s),
            ..Refusal::of(Problem::gone("This video was taken down."))
        }),
        Ok(Answer::BadRange { total }) => Err(Refusal {
            total: Some(total),
            ..Refusal::of(Problem::new(Slug::BadRange, "The range lies outside the file."))
        }),
        Err(fault) => Err(Refusal::of(fault.into())),
    }
}

fn cache_status(tier: Tier) -> HeaderValue {
    HeaderValue::from_static(match tier {
        Tier::Hit => "signal; hit",
        Tier::Miss => "signal; fwd=uri-miss; stored",
    })
}

fn part(entry: &Entry, first: u64, last: u64, tier: Tier, is_head: bool) -> Response {
    let total = entry.raw.len();
    let (from, to) = (first as usize, last as usize + 1);
    let body = entry.raw.slice(from..to);
    let mut reply = reply(StatusCode::PARTIAL_CONTENT, entry, Form::Identity, body, is_head);
    let range = format!("bytes {first}-{last}/{total}");
    let headers = reply.headers_mut();
    headers.insert(CACHE_STATUS, cache_status(tier));
    if let Ok(range) = HeaderValue::try_from(range) {
        headers.insert(header::CONTENT_RANGE, range);
    }
    reply
}

fn reply(status: StatusCode, entry: &Entry, form: Form, body: Bytes, is_head: bool) -> Response {
    let length = body.len();
    let mut reply = Response::new(if is_head { Body::empty() } else { Body::from(body) });
    *reply.status_mut() = status;
    let headers = reply.headers_mut();
    headers.reserve(12);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(entry.content_type));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(entry.cache_control));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if let Ok(etag) = HeaderValue::from_maybe_shared(entry.etag(form).clone()) {
        headers.insert(header::ETAG, etag);
    }
    if form == Form::Gzip {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if entry.varies {
        headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    }
    for_everybody(headers);
    reply
}

/// Media is the same for everybody, so every page may read it.
fn for_everybody(headers: &mut HeaderMap) {
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    let exposed = "content-length, content-range, etag, cache-status";
    headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(exposed));
    headers.insert(CORP, HeaderValue::from_static("cross-origin"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

fn preflight() -> Response {
    let mut reply = StatusCode::NO_CONTENT.into_response();
    let headers = reply.headers_mut();
    for_everybody(headers);
    headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD"));
    let allowed = "range, if-none-match, if-range";
    headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static(allowed));
    headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("86400"));
    reply
}

fn refuse(state: &ApiState, req: &Parts, refusal: Refusal) -> Response {
    let id = RequestId::of(&req.headers, || state.entropy.u128());
    if refusal.problem.status().is_server_error() {
        let cause = refusal.problem.cause().unwrap_or_default();
        tracing::error!(request = id.as_str(), path = req.uri.path(), cause, "media failed");
    }
    let mut reply = refusal.problem.render(Some(id.as_str()));
    let headers = reply.headers_mut();
    for_everybody(headers);
    if let Some(max_age_s) = refusal.max_age_s
        && let Ok(value) = HeaderValue::try_from(format!("public, max-age={max_age_s}"))
    {
        headers.insert(header::CACHE_CONTROL, value);
    }
    if let Some(total) = refusal.total
        && let Ok(value) = HeaderValue::try_from(format!("bytes */{total}"))
    {
        headers.insert(header::CONTENT_RANGE, value);
    }
    if refusal.problem.slug() == Slug::MethodNotAllowed {
        headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"));
    }
    reply
}
