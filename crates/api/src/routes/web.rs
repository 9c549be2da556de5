//! Everything that is not the API: the web app, the API's own pages, and the last word on wrong addresses.

use crate::problem::{Problem, Slug};
use crate::state::ApiState;
use crate::web::WebFile;
use axum::Router;
use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::sync::OnceLock;

const PERMISSIONS: HeaderName = HeaderName::from_static("permissions-policy");

/// The document and the page that shows it.
pub fn docs_router() -> Router<ApiState> {
    Router::new()
        .route("/openapi.json", get(openapi_json))
        .route(
            "/docs",
            get(|| async { page(include_str!("../../assets/docs.html"), "text/html; charset=utf-8") }),
        )
        .route(
            "/docs/docs.js",
            get(|| async { page(include_str!("../../assets/docs.js"), "text/javascript") }),
        )
        .route("/docs/docs.css", get(|| async { page(include_str!("../../assets/docs.css"), "text/css") }))
}

async fn openapi_json() -> Result<Response, Problem> {
    static DOCUMENT: OnceLock<Option<String>> = OnceLock::new();
    let made = DOCUMENT.get_or_init(|| crate::openapi_document().to_json().ok());
    let json = made.as_deref().ok_or_else(|| Problem::internal("the OpenAPI document cannot be written"))?;
    Ok(([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-cache")], json)
        .into_response())
}

fn page(body: &'static str, content_type: &'static str) -> Response {
    let csp = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
               base-uri 'none'; frame-ancestors 'none'";
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
        (header::CONTENT_SECURITY_POLICY, csp),
    ];
    (headers, body).into_response()
}

/// Addresses that belong to the API: what is not found there is a problem, not a page.
fn is_api(path: &str) -> bool {
    ["/v1", "/v", "/p", "/.well-known", "/event", "/feed", "/docs", "/metrics"]
        .iter()
        .any(|prefix| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// What no route knows.
pub async fn fallback(State(state): State<ApiState>, req: Request) -> Response {
    let path = req.uri().path();
    if is_api(path) {
        return Problem::not_found("There is nothing at this address.").into_response();
    }
    if !matches!(*req.method(), Method::GET | Method::HEAD) {
        let problem = Problem::new(Slug::MethodNotAllowed, "Pages can only be read.");
        return ([(header::ALLOW, "GET, HEAD")], problem).into_response();
    }
    match state.web.find(path) {
        Some(file) => file_reply(&state, file, req.headers()),
        None => Problem::not_found("There is no such file.").into_response(),
    }
}

fn file_reply(state: &ApiState, file: &WebFile, asked: &HeaderMap) -> Response {
    let text = |name: HeaderName| asked.get(name).and_then(|v| v.to_str().ok());
    let unchanged =
        text(header::IF_NONE_MATCH).is_some_and(|v| delivery::entry::names(v, file.etag().as_bytes()));
    let (body, compressed) = file.bytes(text(header::ACCEPT_ENCODING));
    let mut reply = if unchanged { StatusCode::NOT_MODIFIED.into_response() } else { body.into_response() };
    let headers = reply.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(file.cache_control));
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    // Weak: the compressed form goes by the same name.
    if let Ok(etag) = HeaderValue::try_from(format!("W/{}", file.etag())) {
        headers.insert(header::ETAG, etag);
    }
    if compressed && !unchanged {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if file.is_page() {
        headers.insert(
            PERMISSIONS,
            HeaderValue::from_static("camera=(self), microphone=(self), geolocation=()"),
        );
    }
    if let Ok(policy) = HeaderValue::try_from(content_policy(state)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
    reply
}

/// What the app's pages may load and whom they may call.
fn content_policy(state: &ApiState) -> String {
    let own_sockets = state.config.public_url.replacen("http", "ws", 1);
    let parts = state.config.s3_url.as_deref().unwrap_or_default();
    format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; media-src 'self' blob:; \
         img-src 'self' blob: data:; connect-src 'self' {own_sockets} {parts}; worker-src 'self' blob:; \
         style-src 'self' 'unsafe-inline'; object-src 'none'; base-uri 'self'; form-action 'self'; \
         frame-ancestors 'none'"
    )
}
