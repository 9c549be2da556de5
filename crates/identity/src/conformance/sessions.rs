//! Cases of [`SessionStore`].

use crate::port::{SessionStore, SessionStoreError as E};
use crate::session::{Ended, Rotation, Session, SessionId};
use std::sync::Arc;
use testkit::{Case, case};
use tokio::task::JoinSet;
use vocab::{DeviceId, Millis, UserId};

type Store = Arc<dyn SessionStore>;

pub(super) fn cases() -> Vec<Case<Store>> {
    vec![
        case("a_session_comes_back_whole", a_session_comes_back_whole),
        case("a_session_is_opened_once", a_session_is_opened_once),
        case("an_unknown_session_is_not_found", an_unknown_session_is_not_found),
        case("a_rotation_keeps_the_hash_before_it", a_rotation_keeps_the_hash_before_it),
        case("a_rotation_from_another_generation_is_stale", a_rotation_from_another_generation_is_stale),
        case("racing_rotations_have_one_winner", racing_rotations_have_one_winner),
        case("an_ended_session_does_not_rotate", an_ended_session_does_not_rotate),
        case("retries_are_counted_up_to_the_limit", retries_are_counted_up_to_the_limit),
        case("a_rotation_starts_the_retries_anew", a_rotation_starts_the_retries_anew),
        case("a_retry_of_another_generation_is_stale", a_retry_of_another_generation_is_stale),
        case("an_ended_session_counts_no_retry", an_ended_session_counts_no_retry),
        case("the_first_end_stays", the_first_end_stays),
        case("racing_ends_have_one_winner", racing_ends_have_one_winner),
        case("a_list_holds_the_live_sessions_of_one_person", a_list_holds_the_live_sessions),
        case("a_list_is_last_seen_first", a_list_is_last_seen_first),
        case("a_purge_forgets_only_what_is_over", a_purge_forgets_only_what_is_over),
        case("a_purge_stops_at_its_limit", a_purge_stops_at_its_limit),
    ]
}

fn session(n: u128) -> Session {
    Session {
        id: SessionId(n),
        user: UserId(7),
        device: DeviceId(u128::MAX - n),
        device_name: "Zoë's phone".to_owned(),
        created_at: Millis(100),
        seen_at: Millis(100 + n as i64),
        expires_at: Millis(10_000),
        generation: 0,
        secret_hash: [1; 32],
        previous_hash: None,
        nonce: [2; 32],
        mark_key: [3; 32],
        retries: 0,
        ended: None,
    }
}

fn rotation(from_generation: u32, mark: u8) -> Rotation {
    Rotation {
        from_generation,
        secret_hash: [mark; 32],
        nonce: [mark ^ 0xff; 32],
        at: Millis(500 + i64::from(mark)),
        expires_at: Millis(20_000),
    }
}

async fn open(store: &Store, session: Session) -> SessionId {
    let id = session.id;
    store.open(session).await.expect("a new session is taken");
    id
}

async fn a_session_comes_back_whole(store: Store) {
    let mut full = session(u128::MAX);
    full.generation = u32::MAX;
    full.previous_hash = Some([9; 32]);
    full.retries = 3;
    full.seen_at = Millis(i64::MAX);
    full.ended = Some((Millis(77), Ended::Reused));
    open(&store, full.clone()).await;
    open(&store, session(1)).await;
    assert_eq!(store.get(full.id).await.unwrap(), full);
    assert_eq!(store.get(SessionId(1)).await.unwrap(), session(1));
}

async fn a_session_is_opened_once(store: Store) {
    let id = open(&store, session(1)).await;
    let mut other = session(1);
    other.user = UserId(8);
    assert!(matches!(store.open(other).await, Err(E::Exists(_))));
    assert_eq!(store.get(id).await.unwrap().user, UserId(7));
}

async fn an_unknown_session_is_not_found(store: Store) {
    let id = SessionId(404);
    assert!(matches!(store.get(id).await, Err(E::NotFound(_))));
    assert!(matches!(store.rotate(id, rotation(0, 5)).await, Err(E::NotFound(_))));
    assert!(matches!(store.count_retry(id, 0, 1).await, Err(E::NotFound(_))));
    assert!(matches!(store.end(id, Ended::SignedOut, Millis(1)).await, Err(E::NotFound(_))));
}

async fn a_rotation_keeps_the_hash_before_it(store: Store) {
    let id = open(&store, session(1)).await;
    let rotated = store.rotate(id, rotation(0, 5)).await.unwrap();
    let mut expected = session(1);
    expected.generation = 1;
    expected.previous_hash = Some([1; 32]);
    (expected.secret_hash, expected.nonce) = ([5; 32], [5 ^ 0xff; 32]);
    (expected.seen_at, expected.expires_at) = (Millis(505), Millis(20_000));
    assert_eq!(rotated, expected);
    assert_eq!(store.get(id).await.unwrap(), expected);
    let again = store.rotate(id, rotation(1, 6)).await.unwrap();
    assert_eq!((again.generation, again.previous_hash), (2, Some([5; 32])));
}

async fn a_rotation_from_another_generation_is_stale(store: Store) {
    let id = open(&store, session(1)).await;
    store.rotate(id, rotation(0, 5)).await.unwrap();
    for from in [0, 2] {
        let refused = store.rotate(id, rotation(from, 6)).await;
        assert!(matches!(refused, Err(E::Stale { generation: 1, ended: None, .. })), "{refused:?}");
    }
    assert_eq!(store.get(id).await.unwrap().secret_hash, [5; 32]);
}

async fn racing_rotations_have_one_winner(store: Store) {
    let id = open(&store, session(1)).await;
    let racers: JoinSet<_> = (10..18)
        .map(|mark| {
            let store = Arc::clone(&store);
            async move { store.rotate(id, rotation(0, mark)).await }
        })
        .collect();
    let mut won = Vec::new();
    for outcome in racers.join_all().await {
        match outcome {
            Ok(session) => won.push(session),
            Err(e) => assert!(matches!(e, E::Stale { .. }), "{e}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(store.get(id).await.unwrap(), won[0]);
}

async fn an_ended_session_does_not_rotate(store: Store) {
    let id = open(&store, session(1)).await;
    store.end(id, Ended::Revoked, Millis(200)).await.unwrap();
    let refused = store.rotate(id, rotation(0, 5)).await;
    assert!(matches!(refused, Err(E::Stale { ended: Some(Ended::Revoked), .. })), "{refused:?}");
}

async fn retries_are_counted_up_to_the_limit(store: Store) {
    let id = open(&store, session(1)).await;
    for n in 1..=3 {
        assert_eq!(store.count_retry(id, 0, 3).await.unwrap().retries, n);
    }
    assert!(matches!(store.count_retry(id, 0, 3).await, Err(E::Stale { .. })));
    assert_eq!(store.get(id).await.unwrap().retries, 3);
}

async fn a_rotation_starts_the_retries_anew(store: Store) {
    let id = open(&store, session(1)).await;
    store.count_retry(id, 0, 1).await.unwrap();
    assert_eq!(store.rotate(id, rotation(0, 5)).await.unwrap().retries, 0);
    assert_eq!(store.count_retry(id, 1, 1).await.unwrap().retries, 1);
}

async fn a_retry_of_another_generation_is_stale(store: Store) {
    let id = open(&store, session(1)).await;
    store.rotate(id, rotation(0, 5)).await.unwrap();
    assert!(matches!(store.count_retry(id, 0, 5).await, Err(E::Stale { generation: 1, .. })));
    assert_eq!(store.get(id).await.unwrap().retries, 0);
}

async fn an_ended_session_counts_no_retry(store: Store) {
    let id = open(&store, session(1)).await;
    store.end(id, Ended::Reused, Millis(200)).await.unwrap();
    assert!(matches!(store.count_retry(id, 0, 5).await, Err(E::Stale { .. })));
}

async fn the_first_end_stays(store: Store) {
    let id = open(&store, session(1)).await;
    assert!(store.end(id, Ended::Reused, Millis(200)).await.unwrap());
    assert!(!store.end(id, Ended::SignedOut, Millis(300)).await.unwrap());
    assert_eq!(store.get(id).await.unwrap().ended, Some((Millis(200), Ended::Reused)));
}

async fn racing_ends_have_one_winner(store: Store) {
    let id = open(&store, session(1)).await;
    let racers: JoinSet<_> = (0..8)
        .map(|n| {
            let store = Arc::clone(&store);
            async move { store.end(id, Ended::Revoked, Millis(200 + n)).await }
        })
        .collect();
    let mut won = 0;
    for outcome in racers.join_all().await {
        won += u32::from(outcome.unwrap());
    }
    assert_eq!(won, 1);
}

async fn listed(store: &Store, user: u64, now: i64) -> Vec<u128> {
    store.list(UserId(user), Millis(now)).await.unwrap().iter().map(|s| s.id.0).collect()
}

async fn a_list_holds_the_live_sessions(store: Store) {
    open(&store, session(1)).await;
    let mut foreign = session(2);
    foreign.user = UserId(8);
    open(&store, foreign).await;
    let ended = open(&store, session(3)).await;
    store.end(ended, Ended::SignedOut, Millis(1)).await.unwrap();
    let mut short = session(4);
    short.expires_at = Millis(500);
    open(&store, short).await;
    assert_eq!(listed(&store, 7, 499).await, [4, 1]);
    assert_eq!(listed(&store, 7, 500).await, [1]);
    assert_eq!(listed(&store, 8, 500).await, [2]);
    assert!(listed(&store, 9, 500).await.is_empty());
}

async fn a_list_is_last_seen_first(store: Store) {
    for n in 1..=3 {
        open(&store, session(n)).await;
    }
    store.rotate(SessionId(1), rotation(0, 5)).await.unwrap();
    assert_eq!(listed(&store, 7, 200).await, [1, 3, 2]);
}

async fn a_purge_forgets_only_what_is_over(store: Store) {
    let live = open(&store, session(1)).await;
    let mut expired = session(2);
    expired.expires_at = Millis(150);
    open(&store, expired).await;
    let ended = open(&store, session(3)).await;
    store.end(ended, Ended::Revoked, Millis(300)).await.unwrap();
    assert_eq!(store.purge(Millis(150), 10).await.unwrap(), 0);
    assert_eq!(store.purge(Millis(151), 10).await.unwrap(), 1);
    assert!(store.get(ended).await.is_ok(), "ended a moment ago: still told apart");
    assert_eq!(store.purge(Millis(301), 10).await.unwrap(), 1);
    assert!(matches!(store.get(ended).await, Err(E::NotFound(_))));
    assert!(store.get(live).await.is_ok());
}

async fn a_purge_stops_at_its_limit(store: Store) {
    for n in 1..=5 {
        let mut expired = session(n);
        expired.expires_at = Millis(150);
        open(&store, expired).await;
    }
    let mut rounds = Vec::new();
    for _ in 0..4 {
        rounds.push(store.purge(Millis(200), 2).await.unwrap());
    }
    assert_eq!(rounds, [2, 2, 1, 0]);
}
