//! A proxy before the DynamoDB double that adds up what every answer says it consumed.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// What one kind of request on one table cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Toll {
    pub requests: u64,
    pub read_units: f64,
    pub write_units: f64,
}

/// By `Operation Table`.
pub type Tolls = BTreeMap<String, Toll>;

#[derive(Clone)]
pub struct TollGate {
    behind: String,
    http: reqwest::Client,
    tolls: Arc<Mutex<Tolls>>,
}

impl TollGate {
    /// Listens on a free port; answers its address too.
    pub async fn open(behind: String) -> anyhow::Result<(Self, String)> {
        let gate = Self { behind, http: reqwest::Client::new(), tolls: Arc::default() };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("http://{}", listener.local_addr()?);
        let app = Router::new().fallback(pass).with_state(gate.clone());
        tokio::spawn(async move { axum::serve(listener, app).await });
        Ok((gate, url))
    }

    /// Everything since the last time this was asked.
    pub fn take(&self) -> Tolls {
        std::mem::take(&mut self.tolls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, operation: &str, asked: &Value, answer: &Value) {
        let mut tolls = self.tolls.lock().unwrap_or_else(PoisonError::into_inner);
        let consumed = &answer["ConsumedCapacity"];
        let all: Vec<&Value> = match consumed {
            Value::Array(many) => many.iter().collect(),
            Value::Object(_) => vec![consumed],
            _ => Vec::new(),
        };
        let named = asked["TableName"].as_str().or_else(|| all.first()?["TableName"].as_str());
        let entry = tolls.entry(format!("{operation} {}", named.unwrap_or("?"))).or_default();
        entry.requests += 1;
        let units: f64 = all.iter().filter_map(|c| c["CapacityUnits"].as_f64()).sum();
        match operation {
            "GetItem" | "BatchGetItem" | "Query" => entry.read_units += units,
            // A refused condition names no units and costs one all the same.
            _ if answer["__type"].as_str().is_some_and(|t| t.contains("ConditionalCheckFailed")) => {
                entry.write_units += 1.0;
            }
            _ => entry.write_units += units,
        }
    }
}

pub fn sum(tolls: &Tolls) -> Toll {
    tolls.values().fold(Toll::default(), |a, b| Toll {
        requests: a.requests + b.requests,
        read_units: a.read_units + b.read_units,
        write_units: a.write_units + b.write_units,
    })
}

async fn pass(State(gate): State<TollGate>, request: Request) -> Response {
    match forward(&gate, request).await {
        Ok(answer) => answer,
        Err(e) => (StatusCode::BAD_GATEWAY, e.to_string()).into_response(),
    }
}

async fn forward(gate: &TollGate, request: Request) -> anyhow::Result<Response> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let target = parts.headers.get("x-amz-target").and_then(|v| v.to_str().ok()).unwrap_or_default();
    let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
    let mut headers = parts.headers.clone();
    headers.remove("host");
    let answer =
        gate.http.request(parts.method, &gate.behind).headers(headers).body(body.clone()).send().await?;
    let (status, headers) = (answer.status(), answer.headers().clone());
    let bytes = answer.bytes().await?;
    let json = |b: &[u8]| serde_json::from_slice::<Value>(b).unwrap_or(Value::Null);
    gate.note(&operation, &json(&body), &json(&bytes));
    let mut out = Response::new(Body::from(bytes));
    *out.status_mut() = status;
    *out.headers_mut() = headers;
    out.headers_mut().remove("transfer-encoding");
    Ok(out)
}
