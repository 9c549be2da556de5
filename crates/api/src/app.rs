//! The whole router: routes, and the layers every request passes.

use crate::auth;
use crate::ids::{ClientIp, RequestId, X_REQUEST_ID};
use crate::limits::RouteClass;
use crate::problem::{Problem, Slug};
use crate::routes;
use crate::state::ApiState;
use axum::Router;
use axum::extract::{DefaultBodyLimit, MatchedPath, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use http::{HeaderValue, header};
use std::panic::AssertUnwindSafe;
use std::time::Duration;
use telemetry::{Indicator, names};
use tower_http::CompressionLevel;
use tower_http::compression::CompressionLayer;
use tower_http::compression::predicate::{Predicate, SizeAbove};
use tower_http::cors::{AllowOrigin, CorsLayer};
use utoipa::openapi::OpenApi;

/// Its time is a promise (seed §9: feed P99 < 120 ms).
const FEED_ROUTE: &str = "/v1/feed";

/// The OpenAPI 3.1 document of this build.
pub fn openapi_document() -> OpenApi {
    crate::openapi::finish(routes::all().into_openapi())
}

/// The service of the main port.
pub fn app(state: ApiState) -> Router {
    let (api, _) = routes::all().split_for_parts();
    let body_max = state.config.policy.body_bytes_max;
    let guarded = api
        .merge(routes::web::docs_router())
        .fallback(routes::web::fallback)
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(body_max))
        .layer(from_fn_with_state(state.clone(), admit))
        .layer(cors(&state))
        .layer(from_fn_with_state(state.clone(), outermost))
        .layer(compression());
    routes::media::router().merge(guarded).with_state(state)
}

async fn wrong_method() -> Problem {
    Problem::new(Slug::MethodNotAllowed, "This address does not know this method. See the Allow header.")
}

/// Verifies the token once, counts the request against its limits, bounds its time.
async fn admit(State(state): State<ApiState>, mut req: Request, next: Next) -> Response {
    let verified = auth::verify(req.headers(), state.verifier.as_ref()).await;
    let user = verified.0.as_ref().ok().and_then(|c| c.as_ref()).map(|c| c.user);
    let class = RouteClass::of(req.method(), req.uri().path());
    let ip = ClientIp::of(req.extensions(), req.headers(), state.config.trust_forwarded_for);
    if let Err(problem) = state.limiter.admit(class, user, ip.0, state.clock.now()) {
        return problem.into_response();
    }
    req.extensions_mut().insert(verified);
    let Ok(_permit) = state.in_flight.try_acquire() else {
        return Problem::new(Slug::Overloaded, "Too many requests at once. Try again in a moment.")
            .into_response();
    };
    let wait = state.config.policy.request_timeout.to_duration();
    match tokio::time::timeout(wait, next.run(req)).await {
        Ok(reply) => reply,
        Err(_) => Problem::new(Slug::Overloaded, "This took too long. Try again in a moment.")
            .because("the handler ran into its time limit")
            .into_response(),
    }
}

/// Names the request, survives a panic, renders problems with the name, adds what every answer carries.
async fn outermost(State(state): State<ApiState>, mut req: Request, next: Next) -> Response {
    let started = std::time::Instant::now();
    let id = RequestId::of(req.headers(), || state.entropy.u128());
    req.extensions_mut().insert(id.clone());
    let (method, path) = (req.method().clone(), req.uri().path().to_owned());
    let route = req.extensions().get::<MatchedPath>().cloned();
    let mut reply = match AssertUnwindSafe(next.run(req)).catch_unwind().await {
        Ok(reply) => reply,
        Err(panic) => Problem::internal(panic_text(panic.as_ref())).into_response(),
    };
    if let Some(problem) = reply.extensions_mut().remove::<Problem>() {
        log_problem(&problem, &id, &method, &path);
        reply = named(reply, &problem, &id);
    }
    let headers = reply.headers_mut();
    headers.insert(X_REQUEST_ID, id.0);
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    headers.insert(header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    let route = route.as_ref().map_or("web", MatchedPath::as_str);
    measure(&state, route, &method, reply.status(), started.elapsed());
    reply
}

/// The problem again, with the request's name; headers that others added stay.
fn named(reply: Response, problem: &Problem, id: &RequestId) -> Response {
    let mut fresh = problem.render(Some(id.as_str()));
    for (name, value) in reply.headers() {
        if !fresh.headers().contains_key(name) && name != header::CONTENT_LENGTH {
            fresh.headers_mut().append(name.clone(), value.clone());
        }
    }
    fresh
}

/// Counts by the route's template: labels are few.
fn measure(state: &ApiState, route: &str, method: &http::Method, status: http::StatusCode, took: Duration) {
    let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
    state.traffic.count(status);
    if route == FEED_ROUTE && status.is_success() {
        state.indicators.observe(Indicator::FeedPage, took_ms, state.clock.now().get());
    }
    tracing::debug!(route, %method, status = status.as_u16(), took_ms, "answered");
    let labels = [
        ("route", route.to_owned()),
        ("method", method.as_str().to_owned()),
        ("status", status.as_u16().to_string()),
    ];
    metrics::counter!(names::HTTP_REQUESTS, &labels).increment(1);
    metrics::histogram!(names::HTTP_SECONDS, "route" => labels[0].1.clone()).record(took.as_secs_f64());
}

/// JSON of some length, fast; the app's files bring their own compressed forms.
fn compression() -> CompressionLayer<impl Predicate> {
    let json = |_, _, headers: &http::HeaderMap, _: &http::Extensions| {
        headers.get(header::CONTENT_TYPE).is_some_and(|t| t.as_bytes().starts_with(b"application/json"))
    };
    let worthwhile = SizeAbove::new(1024).and(json);
    CompressionLayer::new().gzip(true).quality(CompressionLevel::Fastest).compress_when(worthwhile)
}

fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|s| (*s).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
    format!("panicked: {}", text.as_deref().unwrap_or("without a text"))
}

fn log_problem(problem: &Problem, id: &RequestId, method: &http::Method, path: &str) {
    let (status, slug) = (problem.status().as_u16(), problem.slug().word());
    let cause = problem.cause().unwrap_or_default();
    let request = id.as_str();
    if problem.status().is_server_error() {
        tracing::error!(request, %method, path, status, slug, cause, "request failed");
    } else {
        tracing::debug!(request, %method, path, status, slug, cause, "request refused");
    }
}

fn cors(state: &ApiState) -> CorsLayer {
    use http::Method;
    let origins: Vec<HeaderValue> =
        state.config.allowed_origins.iter().filter_map(|o| HeaderValue::from_str(o).ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            X_REQUEST_ID,
            http::HeaderName::from_static("idempotency-key"),
        ])
        .expose_headers([X_REQUEST_ID, header::RETRY_AFTER])
        .max_age(Duration::from_secs(600))
}
