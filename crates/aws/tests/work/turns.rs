//! Two processes on one key, with every way for one to overtake the other between any two requests. Each
//! precaution of `live.rs` and of forgetting was taken out once: these cases found all five.

use super::support::{Storm, block_on, dynamo, through};
use super::{KIND, claim, id};
use aws::dynamo::Dynamo;
use aws::work::{DynamoJobStore, JOBS, TABLES};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use futures::FutureExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use testkit::Trial;
use tokio::sync::Notify;
use vocab::{JobId, Millis};
use work::{Ending, Job, JobFilter, JobStore, NewJob, Order, Prune};

/// No step makes more requests than this.
const REQUESTS_MAX: u64 = 60;

/// Request number `at` waits until it is let go.
#[derive(Debug, Clone, Default)]
struct Gate {
    inner: Option<SharedHttpClient>,
    asked: Arc<AtomicU64>,
    at: Arc<AtomicU64>,
    reached: Arc<Notify>,
    over: Arc<Notify>,
}

impl Gate {
    async fn store(&self, whole: &Dynamo) -> DynamoJobStore {
        let wire = Self { inner: Some(aws::sdk::http_client()), ..self.clone() };
        DynamoJobStore::new(through(whole, &JOBS, SharedHttpClient::new(wire)).await)
    }
    fn set(&self, at: u64) {
        self.asked.store(0, SeqCst);
        self.at.store(at, SeqCst);
    }
}

impl HttpClient for Gate {
    fn http_connector(&self, s: &HttpConnectorSettings, c: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.as_ref().expect("a wire").http_connector(s, c);
        SharedHttpConnector::new(Line { inner, gate: self.clone() })
    }
}

#[derive(Debug)]
struct Line {
    inner: SharedHttpConnector,
    gate: Gate,
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (inner, gate) = (self.inner.clone(), self.gate.clone());
        HttpConnectorFuture::new(async move {
            if gate.asked.fetch_add(1, SeqCst) + 1 == gate.at.load(SeqCst) {
                gate.reached.notify_one();
                gate.over.notified().await;
            }
            inner.call(request).await
        })
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Enqueue,
    ReplayFirst,
    ReplaySecond,
    Prune,
}

use Step::{Enqueue, Prune as Forget, ReplayFirst, ReplaySecond};

const PAIRS: &[(Step, Step)] = &[
    (Enqueue, ReplaySecond),
    (ReplaySecond, Enqueue),
    (Enqueue, Forget),
    (ReplaySecond, Forget),
    (Forget, ReplaySecond),
    (ReplayFirst, ReplaySecond),
    (ReplaySecond, ReplayFirst),
];

fn old() -> Prune {
    Prune { ended_before: Millis(15), dead_before: Millis(15), limit: 99 }
}

/// One key with two dead jobs and what is done with it.
#[derive(Debug, Clone)]
struct Case {
    base: u64,
    key: String,
}

impl Case {
    fn new_job(&self) -> NewJob {
        NewJob::new(KIND, &self.key, Millis(5))
    }

    async fn past(&self, store: &DynamoJobStore) {
        for n in [1, 2] {
            store.enqueue(id(self.base + n), self.new_job(), Millis(1)).await.unwrap();
            let job = claim(store, 10).await.remove(0);
            let ending = Ending::Dead { error: "no".into() };
            store.finish(job.id, job.fence, ending, Millis(11)).await.unwrap();
        }
    }

    async fn run(&self, step: Step, store: &DynamoJobStore) {
        let replay = |n| store.steer(id(self.base + n), Order::Replay, Millis(20));
        let _ = match step {
            Enqueue => store.enqueue(id(self.base + 3), self.new_job(), Millis(20)).await.map(drop),
            ReplayFirst => replay(1).await.map(drop),
            ReplaySecond => replay(2).await.map(drop),
            Forget => store.prune(old()).await.map(drop),
        };
    }

    /// At most one live job, and the next one that is asked for is it.
    async fn check(&self, store: &DynamoJobStore, what: &str) -> JobId {
        let next = store.enqueue(id(self.base + 4), self.new_job(), Millis(30)).await.unwrap();
        let claimed = claim(store, 40).await;
        assert_eq!(claimed.iter().map(|j| j.id).collect::<Vec<_>>(), [next.id], "{what}");
        let listed = self.list(store).await;
        let live: Vec<_> = listed.iter().filter(|j| j.state.is_live()).map(|j| j.id).collect();
        assert_eq!(live, [next.id], "{what}");
        store.finish(next.id, claimed[0].fence, Ending::Done, Millis(41)).await.unwrap();
        store.prune(old()).await.unwrap();
        assert!(self.list(store).await.iter().all(|job| job.finished_at == Some(Millis(41))), "{what}");
        next.id
    }

    async fn list(&self, store: &DynamoJobStore) -> Vec<Job> {
        let filter = JobFilter {
            kind: Some(KIND.into()),
            key: Some(self.key.clone()),
            limit: 99,
            ..JobFilter::default()
        };
        store.list(filter).await.unwrap()
    }
}

/// `a` goes as far as its request `i`, `b` as far as `j`, then `a` to its end, then `b`.
fn every_turn() {
    let whole = dynamo(TABLES, Storm::Calm);
    block_on(async {
        let store = DynamoJobStore::new(whole.clone());
        let (gate_a, gate_b) = (Gate::default(), Gate::default());
        let (store_a, store_b) = (gate_a.store(&whole).await, gate_b.store(&whole).await);
        let mut base = 0;
        for (a, b) in PAIRS {
            let mut is_a_over = false;
            for i in 1..=REQUESTS_MAX {
                // Beyond its last request every gate is the same.
                if is_a_over {
                    break;
                }
                for j in 1..=REQUESTS_MAX {
                    base += 10;
                    let case = Case { base, key: format!("key {base}") };
                    case.past(&store).await;
                    gate_a.set(i);
                    gate_b.set(j);
                    let mut run_a = case.run(*a, &store_a).boxed_local();
                    let mut run_b = case.run(*b, &store_b).boxed_local();
                    is_a_over = first(&mut run_a, &gate_a).await;
                    let is_b_over = first(&mut run_b, &gate_b).await;
                    for (is_over, run, gate) in [(is_a_over, run_a, &gate_a), (is_b_over, run_b, &gate_b)] {
                        if !is_over {
                            gate.over.notify_one();
                            run.await;
                        }
                    }
                    let what = format!("{a:?} to {i}, {b:?} to {j}");
                    let next = case.check(&store, &what).await;
                    let is_replayed = [a, b].iter().any(|s| matches!(s, ReplayFirst | ReplaySecond));
                    assert!(is_replayed || next > id(base + 2), "{what}: a forgotten job came back");
                    if is_b_over {
                        break;
                    }
                }
            }
        }
    });
}

/// Whether the step ended before it came to its gate.
async fn first(run: &mut (impl Future<Output = ()> + Unpin), gate: &Gate) -> bool {
    tokio::select! {
        () = run => true,
        () = gate.reached.notified() => false,
    }
}

pub fn trials() -> Vec<Trial> {
    vec![Trial::test("turns::two_steps_that_overtake_each_other_anywhere_make_one_live_job", || {
        every_turn();
        Ok(())
    })]
}
