//! Looking on, steering and forgetting.

use super::{KIND, OTHER, Store, at, claim, claim_one, given, id, ids, new, state};
use crate::job::{JobState, NewJob};
use crate::port::{Ending, JobFilter, JobStoreError, Order, Prune, Tally};
use testkit::{Case, case};

pub(super) fn cases() -> Vec<Case<Store>> {
    vec![
        case("a_replay_starts_afresh_behind_its_old_fence", a_replay_starts_afresh),
        case("a_replay_never_makes_a_second_live_job", a_replay_never_makes_a_second_live_job),
        case("a_waiting_job_is_cancelled_at_once", a_waiting_job_is_cancelled_at_once),
        case("orders_that_make_no_sense_are_refused", orders_that_make_no_sense_are_refused),
        case("lists_are_filtered_and_page_newest_first", lists_are_filtered_and_page),
        case("queues_are_counted_by_kind", queues_are_counted_by_kind),
        case("pruning_forgets_old_ended_jobs_only", pruning_forgets_old_ended_jobs_only),
        case("pruning_is_bounded", pruning_is_bounded),
    ]
}

async fn end(store: &Store, now_ms: i64, ending: Ending) {
    let job = claim_one(store, now_ms).await;
    store.finish(job.id, job.fence, ending, at(now_ms)).await.expect("held");
}

fn dead() -> Ending {
    Ending::Dead { error: "no".into() }
}

async fn a_replay_starts_afresh(store: Store) {
    given(&store, 1, 0).await;
    let old = claim_one(&store, 0).await;
    store.finish(old.id, old.fence, dead(), at(1)).await.expect("held");
    let ready = store.steer(old.id, Order::Replay, at(9)).await.expect("replayed");
    assert_eq!((ready.state, ready.attempt, ready.run_at), (JobState::Ready, 0, at(9)));
    assert_eq!((ready.finished_at, ready.cancel_requested), (None, false));
    let again = claim_one(&store, 9).await;
    assert!(again.fence > old.fence);
    assert!(store.finish(old.id, old.fence, Ending::Done, at(10)).await.is_err());
}

async fn a_replay_never_makes_a_second_live_job(store: Store) {
    store.enqueue(id(1), new("k", 0), at(0)).await.expect("enqueued");
    end(&store, 0, dead()).await;
    store.enqueue(id(2), new("k", 0), at(2)).await.expect("enqueued");
    let refused = store.steer(id(1), Order::Replay, at(3)).await;
    assert!(matches!(refused, Err(JobStoreError::Superseded { id: a, live: b }) if (a, b) == (id(1), id(2))));
    end(&store, 4, Ending::Done).await;
    store.steer(id(1), Order::Replay, at(5)).await.expect("the other one has ended");
}

async fn a_waiting_job_is_cancelled_at_once(store: Store) {
    let job = given(&store, 1, 0).await;
    let cancelled = store.steer(job.id, Order::Cancel, at(4)).await.expect("cancelled");
    assert_eq!((cancelled.state, cancelled.finished_at), (JobState::Cancelled, Some(at(4))));
    assert_eq!(claim(&store, 100, 10).await, []);
}

async fn orders_that_make_no_sense_are_refused(store: Store) {
    let job = given(&store, 1, 0).await;
    let refused = store.steer(job.id, Order::Replay, at(1)).await;
    assert!(matches!(refused, Err(JobStoreError::WrongState { state: JobState::Ready, .. })));
    end(&store, 2, Ending::Done).await;
    for order in [Order::Replay, Order::Cancel] {
        let refused = store.steer(job.id, order, at(3)).await;
        assert!(matches!(refused, Err(JobStoreError::WrongState { state: JobState::Done, .. })), "{order:?}");
    }
    assert!(matches!(store.steer(id(9), Order::Cancel, at(3)).await, Err(JobStoreError::NotFound(_))));
    assert_eq!(state(&store, &job).await, JobState::Done);
}

async fn lists_are_filtered_and_page(store: Store) {
    for n in 1..=5 {
        given(&store, n, n as i64).await;
    }
    let elsewhere = NewJob { kind: OTHER.to_owned(), ..new("key 3", 0) };
    store.enqueue(id(6), elsewhere, at(0)).await.expect("enqueued");
    end(&store, 1, dead()).await;
    end(&store, 2, dead()).await;
    let list = async |filter: JobFilter| ids(&store.list(filter).await.expect("listed"));
    let all = JobFilter { limit: 100, ..JobFilter::default() };
    assert_eq!(list(all.clone()).await, [6, 5, 4, 3, 2, 1].map(id));
    assert_eq!(list(JobFilter { limit: 2, ..all.clone() }).await, [6, 5].map(id));
    assert_eq!(list(JobFilter { before: Some(id(5)), limit: 2, ..all.clone() }).await, [4, 3].map(id));
    assert_eq!(list(JobFilter { kind: Some(KIND.into()), ..all.clone() }).await, [5, 4, 3, 2, 1].map(id));
    assert_eq!(list(JobFilter { key: Some("key 3".into()), ..all.clone() }).await, [6, 3].map(id));
    assert_eq!(list(JobFilter { state: Some(JobState::Dead), ..all.clone() }).await, [2, 1].map(id));
    let narrow = JobFilter {
        kind: Some(KIND.into()),
        state: Some(JobState::Ready),
        key: Some("key 3".into()),
        before: Some(id(6)),
        limit: 9,
    };
    assert_eq!(list(narrow).await, [id(3)]);
    assert!(list(JobFilter::default()).await.is_empty(), "a limit of nothing gives nothing");
}

async fn queues_are_counted_by_kind(store: Store) {
    assert_eq!(store.tally().await.expect("counted"), []);
    for (n, run_at) in [(1, 10), (2, 30), (3, 20), (4, 40), (5, 50)] {
        given(&store, n, run_at).await;
    }
    claim_one(&store, 10).await;
    end(&store, 20, dead()).await;
    end(&store, 30, Ending::Done).await;
    let elsewhere = NewJob { kind: OTHER.to_owned(), ..new("x", 7) };
    store.enqueue(id(6), elsewhere, at(0)).await.expect("enqueued");
    let (ready, running) = (2, 1);
    let expected = [
        Tally { kind: KIND.into(), ready, running, dead: 1, oldest_run_at: Some(at(40)) },
        Tally { kind: OTHER.into(), ready: 1, running: 0, dead: 0, oldest_run_at: Some(at(7)) },
    ];
    assert_eq!(store.tally().await.expect("counted"), expected);
}

async fn pruning_forgets_old_ended_jobs_only(store: Store) {
    for n in 1..=4 {
        given(&store, n, n as i64).await;
    }
    end(&store, 1, dead()).await;
    end(&store, 2, Ending::Done).await;
    claim_one(&store, 3).await;
    let prune = |ended, dead| Prune { ended_before: at(ended), dead_before: at(dead), limit: 100 };
    assert_eq!(store.prune(prune(2, 1)).await.expect("pruned"), 0, "the bounds are exclusive");
    assert_eq!(state(&store, &store.get(id(2)).await.expect("kept")).await, JobState::Done);
    assert_eq!(store.prune(prune(2, 2)).await.expect("pruned"), 1);
    assert!(matches!(store.get(id(1)).await, Err(JobStoreError::NotFound(_))));
    // What is done may go by itself, and is not counted then.
    assert!(store.prune(prune(1_000_000, 1_000_000)).await.expect("pruned") <= 1);
    let left = store.list(JobFilter { limit: 9, ..JobFilter::default() }).await.expect("listed");
    assert_eq!(ids(&left), [id(4), id(3)], "live jobs stay");
}

async fn pruning_is_bounded(store: Store) {
    for n in 1..=5 {
        given(&store, n, 0).await;
        end(&store, 0, dead()).await;
    }
    let prune = Prune { ended_before: at(9), dead_before: at(9), limit: 3 };
    assert_eq!(store.prune(prune).await.expect("pruned"), 3);
    assert_eq!(store.prune(prune).await.expect("pruned"), 2);
}
