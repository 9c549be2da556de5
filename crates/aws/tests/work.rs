//! The cases of durable work on DynamoDB, in all weathers, and what only this engine can get wrong.
#![allow(clippy::unwrap_used, reason = "a test may panic; no harness tells clippy that this is one")]

#[path = "work/kills.rs"]
mod kills;
mod support;
#[path = "work/turns.rs"]
mod turns;

use aws::dynamo::{Dynamo, Key};
use aws::work::{DynamoJobStore, JOBS, TABLES};
use futures::future::join_all;
use std::sync::Arc;
use support::{Storm, dynamo, in_all_weathers};
use testkit::Trial;
use vocab::{JobId, Millis};
use work::conformance::cases;
use work::{Claim, Ending, Job, JobFilter, JobState, JobStore, JobStoreError, NewJob, Order, Prune};

const KIND: &str = "kitchen.bake";

fn id(n: u64) -> JobId {
    JobId::from_parts(1_780_000_000_000, n)
}

fn new(key: &str) -> NewJob {
    NewJob::new(KIND, key, Millis(5))
}

async fn claim(store: &DynamoJobStore, now: i64) -> Vec<Job> {
    let lease = Millis(1_000);
    store.claim(Claim { kinds: vec![KIND.into()], now: Millis(now), lease, limit: 9 }).await.unwrap()
}

async fn of_key(store: &DynamoJobStore) -> Vec<Job> {
    let filter =
        JobFilter { kind: Some(KIND.into()), key: Some("k".into()), limit: 99, ..Default::default() };
    store.list(filter).await.unwrap()
}

async fn dead(store: &DynamoJobStore, n: u64) {
    store.enqueue(id(n), new("k"), Millis(1)).await.unwrap();
    let job = claim(store, 10).await.remove(0);
    store.finish(job.id, job.fence, Ending::Dead { error: "no".into() }, Millis(11)).await.unwrap();
}

async fn a_name_without_its_row_is_completed(dynamo: Dynamo) {
    let store = DynamoJobStore::new(dynamo.clone());
    let first = store.enqueue(id(1), new("k"), Millis(1)).await.unwrap();
    // As if the process had died between the two writes.
    dynamo.delete(&JOBS, &Key::of(id(1).to_string())).await.unwrap();
    assert!(claim(&store, 10).await.is_empty());
    assert_eq!(store.enqueue(id(2), new("k"), Millis(2)).await.unwrap(), first);
    assert_eq!(claim(&store, 10).await[0].id, id(1));
}

async fn a_forgotten_job_does_not_come_back(dynamo: Dynamo) {
    let store = DynamoJobStore::new(dynamo);
    store.enqueue(id(1), new("k"), Millis(1)).await.unwrap();
    let job = claim(&store, 10).await.remove(0);
    store.finish(job.id, job.fence, Ending::Dead { error: "no".into() }, Millis(11)).await.unwrap();
    let prune = Prune { ended_before: Millis(99), dead_before: Millis(99), limit: 9 };
    assert_eq!(store.prune(prune).await.unwrap(), 1);
    assert_eq!(store.enqueue(id(2), new("k"), Millis(2)).await.unwrap().id, id(2));
    assert!(matches!(store.get(id(1)).await, Err(JobStoreError::NotFound(_))));
}

async fn a_name_whose_row_has_run_out_names_nobody(dynamo: Dynamo) {
    let store = DynamoJobStore::new(dynamo.clone());
    store.enqueue(id(1), new("k"), Millis(1)).await.unwrap();
    let job = claim(&store, 10).await.remove(0);
    store.finish(job.id, job.fence, Ending::Done, Millis(11)).await.unwrap();
    // As the time to live does it.
    dynamo.delete(&JOBS, &Key::of(id(1).to_string())).await.unwrap();
    let days_later = Millis(2 * 86_400_000);
    assert_eq!(store.enqueue(id(2), new("k"), days_later).await.unwrap().id, id(2));
    assert_eq!(of_key(&store).await.len(), 1, "the one before does not come back");
}

/// Everybody at once: replays of dead jobs, new ones, pruning. Never two live ones.
async fn replays_enqueues_and_pruning_race(dynamo: Dynamo) {
    for round in 0..2u64 {
        let store = DynamoJobStore::new(dynamo.clone());
        let base = round * 10;
        dead(&store, base + 1).await;
        dead(&store, base + 2).await;
        let replay = |n| {
            let store = store.clone();
            async move { drop(store.steer(id(base + n), Order::Replay, Millis(20)).await) }
        };
        let enqueue = |n| {
            let store = store.clone();
            async move { drop(store.enqueue(id(base + n), new("k"), Millis(20)).await.unwrap()) }
        };
        let prune = async {
            let prune = Prune { ended_before: Millis(15), dead_before: Millis(15), limit: 99 };
            store.prune(prune).await.unwrap();
        };
        futures::join!(replay(1), enqueue(3), replay(2), prune, replay(1), enqueue(4), replay(2));
        let live: Vec<_> = of_key(&store).await.into_iter().filter(|j| j.state.is_live()).collect();
        assert_eq!(live.len(), 1, "{live:?}");
        let claimed = claim(&store, 30).await;
        assert_eq!(claimed.len(), 1, "{claimed:?}");
        store.finish(claimed[0].id, claimed[0].fence, Ending::Done, Millis(31)).await.unwrap();
    }
}

async fn an_ended_key_is_enqueued_once_by_many(dynamo: Dynamo) {
    let store = DynamoJobStore::new(dynamo);
    dead(&store, 1).await;
    let made = join_all((2..10).map(|n| store.enqueue(id(n), new("k"), Millis(20)))).await;
    let made: std::collections::BTreeSet<_> = made.into_iter().map(|j| j.unwrap().id).collect();
    assert_eq!(made.len(), 1);
    let states: Vec<_> = of_key(&store).await.iter().map(|j| j.state).collect();
    assert_eq!(states, [JobState::Ready, JobState::Dead]);
}

/// What a job costs from enqueue to its end; ADR-worthy, so a test holds it.
async fn a_job_costs_six_writes(dynamo: Dynamo) {
    let store = DynamoJobStore::new(dynamo.clone());
    store.enqueue(id(1), new("warm"), Millis(1)).await.unwrap();
    let done = async |job: &Job| store.finish(job.id, job.fence, Ending::Done, Millis(11)).await.unwrap();
    done(&claim(&store, 10).await[0]).await;
    let mut before = dynamo.meter().spent();
    let mut step = |name: &str| {
        let now = dynamo.meter().spent();
        let spent = now - before;
        println!(
            "RESULT work.{name} requests={} wcu={} rcu={}",
            spent.requests, spent.write_units, spent.read_units
        );
        before = now;
        (spent.write_units, spent.read_units)
    };
    store.enqueue(id(2), new("k"), Millis(1)).await.unwrap();
    assert_eq!(step("enqueue"), (3.0, 0.0));
    let job = claim(&store, 10).await.remove(0);
    let (wcu, rcu) = step("claim");
    assert!(wcu <= 1.0 && rcu <= 1.5, "{wcu} {rcu}");
    store.heartbeat(job.id, job.fence, Millis(2_000), 50).await.unwrap();
    let (wcu, rcu) = step("heartbeat");
    assert!(wcu <= 1.0 && rcu <= 1.0, "{wcu} {rcu}");
    done(&job).await;
    let (wcu, rcu) = step("finish");
    assert!(wcu <= 2.0 && rcu <= 1.0, "{wcu} {rcu}");
    assert!(claim(&store, 20).await.is_empty());
    let (_, rcu) = step("idle_look");
    assert!(rcu <= 0.5, "{rcu}");
}

fn own(name: &str, storm: Storm, check: impl AsyncFn(Dynamo) + Send + 'static) -> Trial {
    Trial::test(format!("own+{}::{name}", storm.word()), move || {
        let dynamo = dynamo(TABLES, storm);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        runtime.block_on(check(dynamo));
        Ok(())
    })
}

fn main() {
    let mut all = in_all_weathers("dynamodb", cases, TABLES, |dynamo| -> Arc<dyn JobStore> {
        Arc::new(DynamoJobStore::new(dynamo))
    });
    for storm in Storm::ALL {
        all.push(own("a_name_without_its_row_is_completed", storm, a_name_without_its_row_is_completed));
        all.push(own("a_forgotten_job_does_not_come_back", storm, a_forgotten_job_does_not_come_back));
        let name = "a_name_whose_row_has_run_out_names_nobody";
        all.push(own(name, storm, a_name_whose_row_has_run_out_names_nobody));
        all.push(own("replays_enqueues_and_pruning_race", storm, replays_enqueues_and_pruning_race));
        all.push(own("an_ended_key_is_enqueued_once_by_many", storm, an_ended_key_is_enqueued_once_by_many));
    }
    all.push(own("a_job_costs_six_writes", Storm::Calm, a_job_costs_six_writes));
    all.extend(kills::trials());
    all.extend(turns::trials());
    testkit::main(all)
}
