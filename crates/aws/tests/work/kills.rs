//! Processes killed between any two writes, and an index that is behind.

use super::support::dying::{Life, mortal};
use super::support::lag::lagging;
use super::support::{Storm, block_on, dynamo};
use super::{claim, id, new, of_key};
use aws::dynamo::Dynamo;
use aws::work::{DynamoJobStore, JOBS, TABLES};
use std::collections::BTreeSet;
use testkit::Trial;
use vocab::Millis;
use work::{Ending, Job, JobStore, Order, Prune};

/// No step takes more writes than this.
const WRITES_MAX: u64 = 7;

pub fn trials() -> Vec<Trial> {
    let named = |name: &str, check: fn()| {
        Trial::test(format!("kills::{name}"), move || {
            check();
            Ok(())
        })
    };
    vec![
        named("a_step_killed_anywhere_leaves_at_most_one_live_job", || interrupted(killed)),
        named("an_index_that_is_behind_costs_a_look_and_gives_nothing_twice", behind),
    ]
}

/// What is interrupted, over one dead job of the key and one done before it.
#[derive(Debug, Clone, Copy)]
enum Step {
    Enqueue,
    Replay,
    Prune,
}

impl Step {
    async fn run(self, store: &DynamoJobStore) {
        let _ = match self {
            Self::Enqueue => store.enqueue(id(3), new("k"), Millis(20)).await.map(drop),
            Self::Replay => store.steer(id(2), Order::Replay, Millis(20)).await.map(drop),
            Self::Prune => store.prune(all()).await.map(drop),
        };
    }
}

fn all() -> Prune {
    Prune { ended_before: Millis(15), dead_before: Millis(15), limit: 99 }
}

async fn end(store: &DynamoJobStore, job: &Job, ending: Ending, at: i64) {
    store.finish(job.id, job.fence, ending, Millis(at)).await.unwrap();
}

async fn past(store: &DynamoJobStore) {
    for (n, ending) in [(1, Ending::Done), (2, Ending::Dead { error: "no".into() })] {
        store.enqueue(id(n), new("k"), Millis(1)).await.unwrap();
        let job = claim(store, 10).await.remove(0);
        end(store, &job, ending, 11).await;
    }
}

async fn live(store: &DynamoJobStore) -> Vec<Job> {
    of_key(store).await.into_iter().filter(|job| job.state.is_live()).collect()
}

/// Whatever was interrupted: work goes on, one job at a time, and nothing old comes back by itself.
async fn goes_on(store: &DynamoJobStore, step: Step, at: u64) {
    assert!(live(store).await.len() <= 1, "{step:?} {at}");
    let next = store.enqueue(id(4), new("k"), Millis(30)).await.unwrap();
    assert_eq!(live(store).await.iter().map(|j| j.id).collect::<Vec<_>>(), [next.id], "{step:?} {at}");
    let claimed = claim(store, 40).await;
    assert_eq!(claimed.iter().map(|j| j.id).collect::<Vec<_>>(), [next.id], "{step:?} {at}");
    end(store, &claimed[0], Ending::Done, 41).await;
    store.prune(all()).await.unwrap();
    let after = store.enqueue(id(5), new("k"), Millis(50)).await.unwrap();
    assert_eq!(after.id, id(5), "{step:?} {at}: the key is free");
    assert_eq!(claim(store, 60).await.len(), 1, "{step:?} {at}");
}

fn interrupted(check: impl AsyncFn(&Dynamo, Step, u64)) {
    for step in [Step::Enqueue, Step::Replay, Step::Prune] {
        for at in 1..=WRITES_MAX {
            let whole = dynamo(TABLES, Storm::Calm);
            block_on(check(&whole, step, at));
        }
    }
}

async fn killed(whole: &Dynamo, step: Step, at: u64) {
    let store = DynamoJobStore::new(whole.clone());
    past(&store).await;
    let life = Life::of(at - 1);
    step.run(&DynamoJobStore::new(mortal(whole, &JOBS, &life).await)).await;
    goes_on(&store, step, at).await;
}

fn behind() {
    let whole = dynamo(TABLES, Storm::Calm);
    block_on(async {
        let store = DynamoJobStore::new(lagging(&whole, &JOBS).await);
        let mut taken = Vec::new();
        for n in 1..=5 {
            store.enqueue(id(n), new(&format!("key {n}")), Millis(1)).await.unwrap();
            taken.extend(claim(&store, 10).await);
        }
        for _ in 0..3 {
            taken.extend(claim(&store, 10).await);
        }
        let distinct: BTreeSet<_> = taken.iter().map(|job| job.id).collect();
        assert_eq!((taken.len(), distinct.len()), (5, 5));
        for job in &taken {
            end(&store, job, Ending::Done, 11).await;
        }
        assert_eq!(claim(&store, 10).await, [], "the index still shows them");
        assert!(claim(&store, 5_000).await.is_empty());
    });
}
