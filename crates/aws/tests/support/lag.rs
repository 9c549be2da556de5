//! A wire on which every index, or every read that is not strong, is one answer behind: a question asked
//! before gets the answer of that time.

use aws::dynamo::{Dynamo, Table};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The last answer to each question that may be answered late.
type Answers = Arc<Mutex<HashMap<Vec<u8>, Vec<u8>>>>;

/// The tables behind `whole`, seen through old indexes.
pub async fn lagging(whole: &Dynamo, table: &Table) -> Dynamo {
    behind(whole, table, |asked| asked.contains("\"IndexName\"")).await
}

/// The tables behind `whole`, seen through copies that lag: what is read strongly is as it stands.
pub async fn lagging_reads(whole: &Dynamo, table: &Table) -> Dynamo {
    let reads = |asked: &str| !asked.contains("\"Item\"") && !asked.contains("\"ConsistentRead\":true");
    behind(whole, table, reads).await
}

async fn behind(whole: &Dynamo, table: &Table, late: Late) -> Dynamo {
    let (inner, answers) = (aws::sdk::http_client(), Answers::default());
    super::through(whole, table, SharedHttpClient::new(Wire { inner, answers, late })).await
}

/// Which questions are answered late.
type Late = fn(&str) -> bool;

#[derive(Debug, Clone)]
struct Wire {
    inner: SharedHttpClient,
    answers: Answers,
    late: Late,
}

impl HttpClient for Wire {
    fn http_connector(&self, s: &HttpConnectorSettings, c: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Line {
            inner: self.inner.http_connector(s, c),
            answers: Arc::clone(&self.answers),
            late: self.late,
        })
    }
}

#[derive(Debug)]
struct Line {
    inner: SharedHttpConnector,
    answers: Answers,
    late: Late,
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, answers, late) = (self.inner.clone(), Arc::clone(&self.answers), self.late);
        HttpConnectorFuture::new(async move {
            let asked = request.body().bytes().unwrap_or_default().to_vec();
            let is_late = late(&String::from_utf8_lossy(&asked));
            let answer = inner.call(request).await?;
            if !is_late {
                return Ok(answer);
            }
            let status = answer.status();
            let now = ByteStream::new(answer.into_body()).collect().await;
            let now = now.map_err(|e| ConnectorError::io(e.into()))?.into_bytes().to_vec();
            let before = answers.lock().expect("no panic").insert(asked, now.clone());
            let mut old = HttpResponse::new(status, SdkBody::from(before.unwrap_or(now)));
            old.headers_mut().insert("content-type", "application/x-amz-json-1.0");
            Ok(old)
        })
    }
}
