//! A service that does the first half of every other batch and leaves the rest.

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Counts the batches it cut.
#[derive(Debug, Clone)]
pub struct Grudge {
    inner: SharedHttpClient,
    batches: Arc<AtomicU64>,
    pub cut: Arc<AtomicU64>,
}

pub fn over(inner: SharedHttpClient) -> (SharedHttpClient, Arc<AtomicU64>) {
    let grudge = Grudge { inner, batches: Arc::default(), cut: Arc::default() };
    let cut = Arc::clone(&grudge.cut);
    (SharedHttpClient::new(grudge), cut)
}

impl HttpClient for Grudge {
    fn http_connector(&self, s: &HttpConnectorSettings, c: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Wire { inner: self.inner.http_connector(s, c), grudge: self.clone() })
    }
}

#[derive(Debug, Clone)]
struct Wire {
    inner: SharedHttpConnector,
    grudge: Grudge,
}

impl HttpConnector for Wire {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move { this.half(request).await })
    }
}

impl Wire {
    async fn half(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let target = request.headers().get("x-amz-target").unwrap_or_default().to_owned();
        let operation = target.rsplit('.').next().unwrap_or_default();
        let is_batch = operation.ends_with("Batch") || operation == "PutEvents";
        let bytes = request.body().bytes().unwrap_or_default();
        let mut asked: Value = serde_json::from_slice(bytes).unwrap_or_default();
        let entries = asked["Entries"].as_array().cloned().unwrap_or_default();
        if !is_batch
            || entries.len() < 2
            || !self.grudge.batches.fetch_add(1, Ordering::SeqCst).is_multiple_of(2)
        {
            return self.inner.call(request).await;
        }
        self.grudge.cut.fetch_add(1, Ordering::SeqCst);
        let (done, left) = entries.split_at(entries.len() / 2);
        asked["Entries"] = Value::Array(done.to_vec());
        let mut request = request;
        let text = asked.to_string();
        request.headers_mut().insert("content-length", text.len().to_string());
        *request.body_mut() = SdkBody::from(text);
        let answer = self.inner.call(request).await?;
        let status = answer.status();
        let body = ByteStream::new(answer.into_body()).collect().await;
        let body = body.map_err(|e| ConnectorError::io(e.into()))?.into_bytes();
        let mut said: Value = serde_json::from_slice(&body).expect("an answer in JSON");
        if operation == "PutEvents" {
            let refused =
                left.iter().map(|_| json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "no"}));
            said["Entries"].as_array_mut().expect("results").extend(refused);
            said["FailedEntryCount"] = json!(left.len());
        } else {
            let refused =
                left.iter().map(|e| json!({"Id": e["Id"], "Code": "InternalError", "SenderFault": false}));
            said["Failed"] = Value::Array(refused.collect());
        }
        let mut answer = HttpResponse::new(status, SdkBody::from(said.to_string()));
        answer.headers_mut().insert("content-type", "application/x-amz-json-1.0");
        Ok(answer)
    }
}
