//! Faults on the wire, each at every third call it can strike, never twice in a row for one caller.
//!
//! They strike below the engine and above the double, so the engine meets them as it would meet AWS's:
//! through the SDK's retries, the conditions it writes and the answers it loses.

use aws::dynamo::Table;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Storm {
    Calm,
    /// Refused as too much; nothing happened.
    Throttled,
    /// Time ran out before the service saw the request.
    LostRequest,
    /// Time ran out after it happened.
    LostAnswer,
    /// Somebody else writes the row between the read and the conditional write.
    Race,
    /// A batch does the first half and leaves the rest.
    PartialBatch,
    /// The request arrives twice; the second answer is the one that is heard.
    Duplicate,
}

impl Storm {
    pub const ALL: [Storm; 7] = [
        Self::Calm,
        Self::Throttled,
        Self::LostRequest,
        Self::LostAnswer,
        Self::Race,
        Self::PartialBatch,
        Self::Duplicate,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Throttled => "throttled",
            Self::LostRequest => "lost_request",
            Self::LostAnswer => "lost_answer",
            Self::Race => "race",
            Self::PartialBatch => "partial_batch",
            Self::Duplicate => "duplicate",
        }
    }
}

/// Hash and range attribute of a table, by its full name.
type Keys = Arc<Vec<(String, Vec<&'static str>)>>;

#[derive(Debug, Clone)]
struct Stormy {
    inner: SharedHttpClient,
    storm: Storm,
    calls: Arc<AtomicU64>,
    keys: Keys,
}

pub fn over(inner: SharedHttpClient, storm: Storm, tables: &[&Table], prefix: &str) -> SharedHttpClient {
    let keys = tables.iter().map(|t| {
        let names = [Some(t.hash), t.range].into_iter().flatten().map(|a| a.name).collect();
        (format!("{prefix}{}", t.name), names)
    });
    let keys = Arc::new(keys.collect());
    SharedHttpClient::new(Stormy { inner, storm, calls: Arc::default(), keys })
}

impl HttpClient for Stormy {
    fn http_connector(&self, s: &HttpConnectorSettings, c: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(StormyConnector {
            inner: self.inner.http_connector(s, c),
            sky: self.clone(),
        })
    }
}

#[derive(Debug, Clone)]
struct StormyConnector {
    inner: SharedHttpConnector,
    sky: Stormy,
}

impl HttpConnector for StormyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move { this.strike(request).await })
    }
}

fn lost() -> ConnectorError {
    ConnectorError::timeout("the weather".into())
}

/// Which try of one call this is, from 1.
pub(super) fn attempt(request: &HttpRequest) -> u32 {
    let said = request.headers().get("amz-sdk-request").unwrap_or_default();
    let attempt = said.split(';').find_map(|p| p.trim().strip_prefix("attempt="));
    attempt.and_then(|n| n.parse().ok()).unwrap_or(1)
}

/// Of a crowd of callers one could meet the weather at every attempt: every other attempt is spared.
fn is_second_try(request: &HttpRequest) -> bool {
    attempt(request).is_multiple_of(2)
}

fn operation(request: &HttpRequest) -> String {
    let target = request.headers().get("x-amz-target").unwrap_or_default();
    target.rsplit('.').next().unwrap_or_default().to_owned()
}

fn body(request: &HttpRequest) -> Value {
    request.body().bytes().and_then(|b| serde_json::from_slice(b).ok()).unwrap_or(Value::Null)
}

/// The same request with another body; the double checks no signature.
fn with_body(request: &HttpRequest, operation: Option<&str>, body: &Value) -> HttpRequest {
    let text = body.to_string();
    let mut next = request.try_clone().expect("bodies of these calls are in memory");
    if let Some(operation) = operation {
        next.headers_mut().insert("x-amz-target", format!("DynamoDB_20120810.{operation}"));
    }
    next.headers_mut().insert("content-length", text.len().to_string());
    *next.body_mut() = SdkBody::from(text);
    next
}

impl StormyConnector {
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        self.inner.call(request).await
    }

    async fn strike(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let operation = operation(&request);
        if is_second_try(&request)
            || !self.can_strike(&operation, &request)
            || !self.sky.calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(3)
        {
            return self.send(request).await;
        }
        match self.sky.storm {
            Storm::Calm => self.send(request).await,
            Storm::Throttled => {
                let said = json!({
                    "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
                    "message": "the weather"
                });
                let status = 400u16.try_into().expect("a status");
                let mut answer = HttpResponse::new(status, SdkBody::from(said.to_string()));
                answer.headers_mut().insert("content-type", "application/x-amz-json-1.0");
                Ok(answer)
            }
            Storm::LostRequest => Err(lost()),
            Storm::LostAnswer => {
                self.send(request).await?;
                Err(lost())
            }
            Storm::Race => {
                self.touch(&request).await?;
                self.send(request).await
            }
            Storm::PartialBatch => self.half(&operation, request).await,
            Storm::Duplicate => {
                self.send(request.try_clone().expect("in memory")).await?;
                self.send(request).await
            }
        }
    }

    fn can_strike(&self, operation: &str, request: &HttpRequest) -> bool {
        match self.sky.storm {
            Storm::Calm => false,
            Storm::Race => operation == "PutItem" && body(request)["ConditionExpression"] == "#w = :w",
            Storm::PartialBatch => matches!(operation, "BatchGetItem" | "BatchWriteItem"),
            _ => true,
        }
    }

    /// Somebody else's write that changes nothing but the token.
    async fn touch(&self, request: &HttpRequest) -> Result<(), ConnectorError> {
        let body = body(request);
        let name = body["TableName"].as_str().unwrap_or_default();
        let Some((_, keys)) = self.sky.keys.iter().find(|(n, _)| n == name) else { return Ok(()) };
        let key: serde_json::Map<_, _> =
            keys.iter().map(|k| ((*k).to_owned(), body["Item"][*k].clone())).collect();
        let touch = json!({
            "TableName": name, "Key": key,
            "UpdateExpression": "SET w = :mine", "ConditionExpression": "attribute_exists(w)",
            "ExpressionAttributeValues": {":mine": {"S": format!("other-{}", self.sky.calls.load(Ordering::SeqCst))}},
        });
        self.send(with_body(request, Some("UpdateItem"), &touch)).await.map(|_| ())
    }

    async fn half(&self, operation: &str, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let mut asked = body(&request);
        let mut left = asked["RequestItems"].clone();
        let Some(tables) = asked["RequestItems"].as_object_mut() else { return self.send(request).await };
        for (name, of_table) in tables.iter_mut() {
            let whole = if operation == "BatchGetItem" { &mut of_table["Keys"] } else { of_table };
            let Some(whole) = whole.as_array_mut() else { continue };
            let rest = whole.split_off(whole.len().div_ceil(2));
            if rest.is_empty() {
                left.as_object_mut().map(|l| l.remove(name));
            } else if operation == "BatchGetItem" {
                left[name.as_str()]["Keys"] = Value::Array(rest);
            } else {
                left[name.as_str()] = Value::Array(rest);
            }
        }
        let answer = self.send(with_body(&request, None, &asked)).await?;
        let (status, mut answered) = (answer.status(), collect(answer).await?);
        let field = if operation == "BatchGetItem" { "UnprocessedKeys" } else { "UnprocessedItems" };
        answered[field] = left;
        let mut next = HttpResponse::new(status, SdkBody::from(answered.to_string()));
        next.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        Ok(next)
    }
}

async fn collect(answer: HttpResponse) -> Result<Value, ConnectorError> {
    let bytes = aws_smithy_types::byte_stream::ByteStream::new(answer.into_body())
        .collect()
        .await
        .map_err(|e| ConnectorError::io(e.into()))?
        .into_bytes();
    serde_json::from_slice(&bytes).map_err(|e| ConnectorError::other(e.into(), None))
}
