//! A proxy before the DynamoDB double that adds up what every answer says it consumed.

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use serde_json::Value;
use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

/// What one kind of request on one table cost.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Toll {
    pub requests: u64,
    pub read_units: f64,
    pub write_units: f64,
}

/// By `Operation Table`, with the index behind it, or `strong` where many are read at once.
pub type Tolls = BTreeMap<String, Toll>;

/// One request as it passed.
#[derive(Debug)]
pub struct Call {
    pub operation: String,
    pub table: String,
    pub asked: Value,
    pub toll: Toll,
}

#[derive(Clone)]
pub struct TollGate {
    behind: String,
    http: reqwest::Client,
    tolls: Arc<Mutex<Tolls>>,
    /// Every request since [`TollGate::keep`].
    kept: Arc<Mutex<Option<Vec<Call>>>>,
    /// One line a request, where somebody wants to see where the units go.
    calls: Option<Arc<Mutex<std::fs::File>>>,
}

impl TollGate {
    /// Listens on a free port; answers its address too.
    pub async fn open(behind: String, calls: Option<&Path>) -> anyhow::Result<(Self, String)> {
        let calls = calls.map(std::fs::File::create).transpose()?.map(|f| Arc::new(Mutex::new(f)));
        let gate =
            Self { behind, http: reqwest::Client::new(), tolls: Arc::default(), kept: Arc::default(), calls };
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

    /// Keeps every request from now on.
    pub fn keep(&self) {
        *self.kept.lock().unwrap_or_else(PoisonError::into_inner) = Some(Vec::new());
    }

    /// What was kept; keeps no more.
    pub fn kept(&self) -> Vec<Call> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).take().unwrap_or_default()
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
        let named = named.unwrap_or("?");
        let strong = asked["RequestItems"][named]["ConsistentRead"] == true;
        let kind = asked["IndexName"].as_str().or(strong.then_some("strong"));
        let kind = kind.map_or(String::new(), |kind| format!(" {kind}"));
        let units: f64 = all.iter().filter_map(|c| c["CapacityUnits"].as_f64()).sum();
        let (read_units, write_units) = match operation {
            "GetItem" | "BatchGetItem" | "Query" => (units, 0.0),
            // A refused condition names no units and costs one all the same.
            _ if answer["__type"].as_str().is_some_and(|t| t.contains("ConditionalCheckFailed")) => {
                (0.0, 1.0)
            }
            _ => (0.0, units),
        };
        let toll = Toll { requests: 1, read_units, write_units };
        tolls.entry(format!("{operation} {named}{kind}")).or_default().add(&toll);
        drop(tolls);
        if let Some(kept) = self.kept.lock().unwrap_or_else(PoisonError::into_inner).as_mut() {
            let (operation, table) = (operation.to_owned(), named.to_owned());
            kept.push(Call { operation, table, asked: asked.clone(), toll });
        }
        if let Some(calls) = &self.calls {
            let what = if asked["Item"].is_null() { &asked["Key"] } else { &asked["Item"] };
            let which = format!("{what} {}", asked["ExpressionAttributeValues"]);
            let mut calls = calls.lock().unwrap_or_else(PoisonError::into_inner);
            // A line that is lost is lost: it is for a person to read.
            let _ = writeln!(calls, "{operation} {} {units} {which}", named);
        }
    }

    /// Says in the list of calls what comes next.
    pub fn mark(&self, what: &str) {
        if let Some(calls) = &self.calls {
            let _ = writeln!(calls.lock().unwrap_or_else(PoisonError::into_inner), "== {what}");
        }
    }
}

impl Toll {
    pub fn add(&mut self, other: &Self) {
        self.requests += other.requests;
        self.read_units += other.read_units;
        self.write_units += other.write_units;
    }
}

pub fn sum(tolls: &Tolls) -> Toll {
    tolls.values().fold(Toll::default(), |mut all, toll| {
        all.add(toll);
        all
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
