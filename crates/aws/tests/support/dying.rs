//! A wire that ends after so many writes: the process behind it might as well be dead.

use aws::dynamo::{Dynamo, Table};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use tokio::sync::Notify;

/// Counts writes; beyond `last` nothing passes, reads included. A repeat by the client is the same write.
#[derive(Debug, Clone)]
pub struct Life {
    last: u64,
    asked: Arc<AtomicU64>,
    pause: Option<Arc<Pause>>,
}

/// One write that is held until it is let go: a process that slept at the worst moment.
#[derive(Debug)]
pub struct Pause {
    at: u64,
    pub reached: Notify,
    pub over: Notify,
}

impl Life {
    pub fn of(writes: u64) -> Self {
        Self { last: writes, asked: Arc::default(), pause: None }
    }
    /// Endless, but write number `at` waits.
    pub fn pausing(at: u64) -> (Self, Arc<Pause>) {
        let pause = Arc::new(Pause { at, reached: Notify::new(), over: Notify::new() });
        (Self { pause: Some(Arc::clone(&pause)), ..Self::of(u64::MAX) }, pause)
    }
    /// Writes so far.
    pub fn writes(&self) -> u64 {
        self.asked.load(SeqCst)
    }
    async fn passes(&self, operation: &str, is_repeat: bool) -> bool {
        let is_write = matches!(operation, "PutItem" | "DeleteItem" | "UpdateItem" | "BatchWriteItem");
        if !is_write || is_repeat {
            return self.asked.load(SeqCst) <= self.last;
        }
        let asked = self.asked.fetch_add(1, SeqCst) + 1;
        if let Some(pause) = self.pause.as_ref().filter(|p| p.at == asked) {
            pause.reached.notify_one();
            pause.over.notified().await;
        }
        asked <= self.last
    }
}

/// The tables behind `whole`, for as long as `life` lasts.
pub async fn mortal(whole: &Dynamo, table: &Table, life: &Life) -> Dynamo {
    let http = SharedHttpClient::new(Wire { inner: aws::sdk::http_client(), life: life.clone() });
    super::through(whole, table, http).await
}

#[derive(Debug, Clone)]
struct Wire {
    inner: SharedHttpClient,
    life: Life,
}

impl HttpClient for Wire {
    fn http_connector(&self, s: &HttpConnectorSettings, c: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Line { inner: self.inner.http_connector(s, c), life: self.life.clone() })
    }
}

#[derive(Debug)]
struct Line {
    inner: SharedHttpConnector,
    life: Life,
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").unwrap_or_default();
        let operation = target.rsplit('.').next().unwrap_or_default().to_owned();
        let is_repeat = super::storm::attempt(&request) > 1;
        let (inner, life) = (self.inner.clone(), self.life.clone());
        HttpConnectorFuture::new(async move {
            if life.passes(&operation, is_repeat).await {
                return inner.call(request).await;
            }
            Err(ConnectorError::other("the process is dead".into(), None))
        })
    }
}
