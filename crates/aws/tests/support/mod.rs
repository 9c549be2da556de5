//! Doubles on loopback, and weather on the wire between them and the engines.
#![allow(dead_code, reason = "each test binary uses its part")]

pub mod double;
pub mod dying;
pub mod lag;
mod storm;

pub use storm::Storm;

use aws::dynamo::{Dynamo, Table, create};
use aws::{Aws, AwsPolicy, AwsSettings};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use std::sync::Arc;
use std::time::Duration;
use stdx::{Entropy, OsEntropy};
use testkit::{Case, Trial};

pub fn block_on<F: Future>(f: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(f)
}

/// Longer than a machine that runs tests stands still: a call that was answered meanwhile must not be
/// taken for lost. What comes of lost calls, a [`Storm`] shows without a clock.
const PATIENCE: Duration = Duration::from_secs(60);

/// Patient retries without the waiting.
pub fn policy() -> AwsPolicy {
    AwsPolicy {
        connect_timeout: PATIENCE,
        attempt_timeout: PATIENCE,
        operation_timeout: 4 * PATIENCE,
        backoff_first: Duration::from_millis(1),
        backoff_max: Duration::from_millis(5),
        retry_budget: 1_000_000,
        ..AwsPolicy::default()
    }
}

pub fn settings(endpoint: &str) -> AwsSettings {
    AwsSettings {
        region: "us-east-1".into(),
        endpoint: Some(endpoint.to_owned()),
        credentials: Some(("test".into(), "test".into())),
        policy: policy(),
    }
}

/// Fresh tables under a prefix of their own, reached through `storm`.
pub fn dynamo(tables: &[&Table], storm: Storm) -> Dynamo {
    let endpoint = double::dynamodb();
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let prefix = format!("t{:016x}-", entropy.u64());
    block_on(async {
        let calm = Dynamo::new(&Aws::open(settings(&endpoint), Arc::clone(&entropy)).await, &prefix);
        for table in tables {
            create(calm.client(), &calm.name_of(table), table).await.expect("the table is made");
        }
    });
    let http = storm::over(aws::sdk::http_client(), storm, tables, &prefix);
    let stormy = block_on(Aws::with_http(settings(&endpoint), http, entropy));
    Dynamo::new(&stormy, &prefix)
}

/// The tables of another handle through another wire, as another process has them.
pub async fn through(other: &Dynamo, table: &Table, http: SharedHttpClient) -> Dynamo {
    let name = other.name_of(table);
    let prefix = name.strip_suffix(table.name).expect("a prefix and a name");
    let aws = Aws::with_http(settings(&double::dynamodb()), http, Arc::new(OsEntropy)).await;
    Dynamo::new(&aws, prefix)
}

/// The cases on calm wire and in every storm, as `dynamodb::case`, `dynamodb+throttled::case`…
pub fn in_all_weathers<P: 'static>(
    name: &str,
    cases: impl Fn() -> Vec<Case<P>>,
    tables: &'static [&'static Table],
    make: impl Fn(Dynamo) -> P + Clone + Send + Sync + 'static,
) -> Vec<Trial> {
    let mut all = Vec::new();
    for storm in Storm::ALL {
        let engine = match storm {
            Storm::Calm => name.to_owned(),
            other => format!("{name}+{}", other.word()),
        };
        let make = make.clone();
        all.extend(testkit::trials(&engine, cases(), move || make(dynamo(tables, storm))));
    }
    all
}
