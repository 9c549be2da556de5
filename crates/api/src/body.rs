//! Extractors whose every refusal is a problem: no plain-text rejection leaves the house.

use crate::problem::{Problem, Slug};
use crate::state::ApiState;
use axum::extract::rejection::BytesRejection;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderMap, header};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::error::Error;

/// A JSON body in or out. In: content type, length, syntax and types are checked.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

/// A body of any type up to the route's limit.
#[derive(Debug, Clone)]
pub struct Raw(pub Bytes);

/// Typed path segments; a segment of the wrong shape names nothing: 404.
#[derive(Debug, Clone, Copy)]
pub struct Path<T>(pub T);

/// A typed query string.
#[derive(Debug, Clone, Copy)]
pub struct Query<T>(pub T);

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()) else { return false };
    let essence = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

fn unreadable(rejection: &BytesRejection) -> Problem {
    match rejection.status() {
        http::StatusCode::PAYLOAD_TOO_LARGE => {
            Problem::new(Slug::PayloadTooLarge, "The body is larger than this address takes.")
        }
        _ => Problem::invalid("The body ended early or could not be read.").because(rejection),
    }
}

impl FromRequest<ApiState> for Raw {
    type Rejection = Problem;

    async fn from_request(req: Request, state: &ApiState) -> Result<Self, Problem> {
        let wait = state.config.policy.body_timeout.to_duration();
        match tokio::time::timeout(wait, Bytes::from_request(req, state)).await {
            Ok(Ok(bytes)) => Ok(Self(bytes)),
            Ok(Err(rejection)) => Err(unreadable(&rejection)),
            Err(_) => Err(Problem::new(Slug::RequestTimeout, "The body took too long to arrive.")),
        }
    }
}

impl<T: DeserializeOwned> FromRequest<ApiState> for Json<T> {
    type Rejection = Problem;

    async fn from_request(req: Request, state: &ApiState) -> Result<Self, Problem> {
        if !is_json(req.headers()) {
            return Err(Problem::new(Slug::UnsupportedMediaType, "Send the body as application/json."));
        }
        let Raw(bytes) = Raw::from_request(req, state).await?;
        // Every body of ours is an object; the parser would take a list of fields for one, too.
        if bytes.iter().find(|b| !b.is_ascii_whitespace()).is_some_and(|b| matches!(b, b'[' | b'"')) {
            return Err(Problem::new(Slug::InvalidJson, "The body is to be a JSON object."));
        }
        from_json(&bytes).map(Self)
    }
}

/// Parses JSON into `T`; errors name the field.
pub fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|e| json_problem(&e))?;
    match reader.end() {
        Ok(()) => Ok(value),
        Err(_) => Err(Problem::new(Slug::InvalidJson, "There is more in the body than one JSON value.")),
    }
}

fn json_problem(e: &serde_path_to_error::Error<serde_json::Error>) -> Problem {
    use serde_json::error::Category;
    let inner = e.inner();
    match inner.classify() {
        Category::Data => {
            let path = e.path().to_string();
            let field = if path == "." { String::new() } else { path };
            let said = clipped(&inner.to_string());
            Problem::new(Slug::InvalidJson, "A field of the body is not what it should be.").and_field(
                &field,
                "invalid_type",
                said,
            )
        }
        Category::Eof => Problem::new(Slug::InvalidJson, "The JSON ends early."),
        Category::Syntax | Category::Io => Problem::new(
            Slug::InvalidJson,
            format!("The body is not JSON (line {}, column {}).", inner.line(), inner.column()),
        ),
    }
}

/// Parser messages quote the input; a short piece is enough.
fn clipped(text: &str) -> String {
    text.chars().take(200).collect()
}

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(header::CONTENT_TYPE, "application/json")], body).into_response(),
            Err(e) => Problem::internal(e).into_response(),
        }
    }
}

impl<T: DeserializeOwned + Send> FromRequestParts<ApiState> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => Ok(Self(value)),
            Err(rejection) if rejection.status().is_server_error() => Err(Problem::internal(rejection)),
            Err(_) => Err(Problem::not_found("This address names nothing here.")),
        }
    }
}

impl<T: DeserializeOwned> FromRequestParts<ApiState> for Query<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        match axum::extract::Query::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Query(value)) => Ok(Self(value)),
            Err(rejection) => {
                let said = rejection.source().map_or_else(|| rejection.to_string(), ToString::to_string);
                Err(Problem::invalid(format!("The query is not valid: {}.", clipped(&said))))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Body {
        #[expect(dead_code, reason = "only its parsing is of interest")]
        inner: Inner,
    }
    #[derive(Debug, serde::Deserialize)]
    struct Inner {
        #[expect(dead_code, reason = "only its parsing is of interest")]
        count: u8,
    }

    #[test]
    fn a_wrong_field_is_named_by_its_path() {
        let problem = from_json::<Body>(br#"{"inner":{"count":"x"}}"#).expect_err("a text is no number");
        let json = problem.to_json(None);
        assert_eq!(json["errors"][0]["field"], "inner.count");
        assert_eq!(json["status"], 400);
    }

    #[test]
    fn what_is_not_one_json_value_is_refused() {
        for body in ["", "{", "nul", "{} {}", "[[[[", "\u{0}"] {
            assert!(from_json::<serde_json::Value>(body.as_bytes()).is_err(), "{body:?}");
        }
        let deep = "[".repeat(100_000);
        assert!(from_json::<serde_json::Value>(deep.as_bytes()).is_err());
    }
}
