//! Processes that die between any two calls, and several that think the work is theirs: at most one bill.

use super::fake::Knobs;
use super::rig::{Ground, Hearing, Rig, trial};
use super::support::Storm;
use ::transcode::Encoder;
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use catalog::Transform;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use testkit::Trial;

/// When the last call dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Death {
    BeforeItIsSent,
    BeforeItsAnswer,
}

/// Calls to tables and service pass, so many of them.
#[derive(Debug, Clone)]
struct Mortal {
    last: u64,
    death: Death,
    calls: Arc<AtomicU64>,
    inner: SharedHttpClient,
}

#[derive(Debug)]
struct Line(Mortal, SharedHttpConnector);

impl HttpClient for Mortal {
    fn http_connector(&self, s: &HttpConnectorSettings, c: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Line(self.clone(), self.inner.http_connector(s, c)))
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (life, inner) = (self.0.clone(), self.1.clone());
        HttpConnectorFuture::new(async move {
            let nth = life.calls.fetch_add(1, Ordering::SeqCst) + 1;
            let dead = || ConnectorError::other("the process is dead".into(), None);
            if nth > life.last || (nth == life.last && life.death == Death::BeforeItIsSent) {
                return Err(dead());
            }
            let answer = inner.call(request).await;
            if nth == life.last { Err(dead()) } else { answer }
        })
    }
}

fn mortal(last: u64, death: Death) -> SharedHttpClient {
    let inner = aws::sdk::http_client();
    SharedHttpClient::new(Mortal { last, death, calls: Arc::default(), inner })
}

fn jobs_by_work(rig: &Rig) -> BTreeMap<String, usize> {
    let mut by_work = BTreeMap::new();
    for job in rig.fake.jobs() {
        *by_work.entry(job.work().to_owned()).or_default() += 1;
    }
    by_work
}

/// Calls of a run from the claim to well into its waiting.
const CALLS: u64 = 12;

async fn killed_anywhere_there_is_one_job(ground: Ground, hearing: Hearing) {
    let rig = Rig::open(ground, Knobs::default(), hearing).await;
    let mut video = 0;
    for death in [Death::BeforeItIsSent, Death::BeforeItsAnswer] {
        for last in 1..=CALLS {
            video += 1;
            let (job, _) = rig.job(video, &Transform::default()).await;
            let dying = rig.encoder_over(mortal(last, death)).await;
            let _ = dying.encode(rig.again(&job)).await;
            if video % 2 == 0 {
                // The token is forgotten by then.
                tokio::time::sleep(Duration::from_millis(150)).await;
            }
            let done = rig.encoder().await.encode(rig.again(&job)).await;
            done.unwrap_or_else(|e| panic!("{death:?} at call {last}: {e}"));
            assert_eq!(rig.fake.billed() as u64, video, "{death:?} at call {last}");
            assert_eq!(rig.fake.jobs().len() as u64, video, "{death:?} at call {last}");
        }
    }
}

async fn killed_again_and_again_there_is_one_job(ground: Ground) {
    let rig = Rig::open(ground, Knobs::default(), Hearing::Storm).await;
    for video in 1..=4 {
        let (job, _) = rig.job(video, &Transform::default()).await;
        for last in 1..=CALLS {
            let death = if last % 2 == 0 { Death::BeforeItIsSent } else { Death::BeforeItsAnswer };
            let dying = rig.encoder_over(mortal(last, death)).await;
            let _ = dying.encode(rig.again(&job)).await;
        }
        rig.encoder().await.encode(rig.again(&job)).await.expect("encoded");
    }
    assert_eq!((rig.fake.jobs().len(), rig.fake.billed()), (4, 4));
}

/// A search that lags is covered by the token while the service knows it.
async fn a_search_that_lags_makes_no_second_job(ground: Ground) {
    let knobs = Knobs {
        search_lag: Duration::from_millis(500),
        token_life: Duration::from_millis(2_000),
        ..Knobs::default()
    };
    let rig = Rig::open(ground, knobs, Hearing::Deaf).await;
    for video in 1..=CALLS {
        let (job, _) = rig.job(video, &Transform::default()).await;
        let dying = rig.encoder_over(mortal(video, Death::BeforeItsAnswer)).await;
        let _ = dying.encode(rig.again(&job)).await;
        rig.encoder().await.encode(rig.again(&job)).await.expect("encoded");
    }
    assert_eq!((rig.fake.jobs().len() as u64, rig.fake.billed() as u64), (CALLS, CALLS));
}

async fn many_runs_at_once_share_one_job(ground: Ground) {
    let knobs = Knobs { token_life: Duration::from_secs(5), ..Knobs::default() };
    let rig = Arc::new(Rig::open(ground, knobs, Hearing::Storm).await);
    for video in 1..=4 {
        let (job, _) = rig.job(video, &Transform::default()).await;
        let mut runs = tokio::task::JoinSet::new();
        for _ in 0..5 {
            let (rig, job) = (Arc::clone(&rig), rig.again(&job));
            runs.spawn(async move { rig.encoder().await.encode(job).await });
        }
        let ends = runs.join_all().await;
        assert!(ends.iter().any(Result::is_ok), "one of them is the holder: {ends:?}");
    }
    assert!(jobs_by_work(&rig).values().all(|n| *n == 1), "{:?}", jobs_by_work(&rig));
    assert_eq!(rig.fake.billed(), 4);
}

pub fn trials() -> Vec<Trial> {
    let mut all = Vec::new();
    for storm in [Storm::Calm, Storm::LostAnswer, Storm::Throttled, Storm::Race] {
        let name = |test: &str| format!("kills+{}::{test}", storm.word());
        all.push(trial(
            &name("killed_again_and_again_there_is_one_job"),
            storm,
            killed_again_and_again_there_is_one_job,
        ));
        all.push(trial(&name("many_runs_at_once_share_one_job"), storm, many_runs_at_once_share_one_job));
    }
    for hearing in [Hearing::Straight, Hearing::Storm, Hearing::Deaf] {
        let name = format!("kills+{hearing:?}::killed_anywhere_there_is_one_job");
        all.push(trial(&name, Storm::Calm, move |ground| killed_anywhere_there_is_one_job(ground, hearing)));
    }
    all.push(trial(
        "kills::a_search_that_lags_makes_no_second_job",
        Storm::Calm,
        a_search_that_lags_makes_no_second_job,
    ));
    all
}
