//! Cases of [`KeyStore`].

use crate::keys::StoredKey;
use crate::port::{KeyStore, KeyStoreError as E, OperatorCode};
use std::sync::Arc;
use testkit::{Case, case};
use tokio::task::JoinSet;
use vocab::Millis;

type Store = Arc<dyn KeyStore>;

pub(super) fn cases() -> Vec<Case<Store>> {
    vec![
        case("a_key_comes_back_whole", a_key_comes_back_whole),
        case("a_key_is_added_once", a_key_is_added_once),
        case("keys_come_oldest_first", keys_come_oldest_first),
        case("a_retired_key_stays_until_it_is_dropped", a_retired_key_stays_until_it_is_dropped),
        case("the_earlier_retirement_stays", the_earlier_retirement_stays),
        case("an_unknown_key_is_not_found", an_unknown_key_is_not_found),
        case("a_code_is_taken_once", a_code_is_taken_once),
        case("a_wrong_code_takes_nothing", a_wrong_code_takes_nothing),
        case("a_code_past_its_end_is_refused", a_code_past_its_end_is_refused),
        case("a_new_code_replaces_the_old_one", a_new_code_replaces_the_old_one),
        case("racing_takers_of_a_code_have_one_winner", racing_takers_have_one_winner),
    ]
}

fn key(n: u8) -> StoredKey {
    let born = Millis(100 * i64::from(n));
    StoredKey::new([n; 32], born, Millis(born.0 + 30)).expect("a seed makes a key")
}

fn code(n: u8) -> OperatorCode {
    OperatorCode { hash: [n; 32], expires_at: Millis(1_000) }
}

async fn a_key_comes_back_whole(store: Store) {
    let mut over = key(1);
    (over.retired_at, over.drop_at) = (Some(Millis(5)), Some(Millis(6)));
    store.add(over.clone()).await.unwrap();
    store.add(key(2)).await.unwrap();
    assert_eq!(store.keys().await.unwrap(), [over, key(2)]);
}

async fn a_key_is_added_once(store: Store) {
    store.add(key(1)).await.unwrap();
    assert!(matches!(store.add(key(1)).await, Err(E::Exists(_))));
    assert_eq!(store.keys().await.unwrap().len(), 1);
}

async fn keys_come_oldest_first(store: Store) {
    for n in [3, 1, 2] {
        store.add(key(n)).await.unwrap();
    }
    let births: Vec<i64> = store.keys().await.unwrap().iter().map(|k| k.created_at.0).collect();
    assert_eq!(births, [100, 200, 300]);
}

async fn a_retired_key_stays_until_it_is_dropped(store: Store) {
    store.add(key(1)).await.unwrap();
    store.add(key(2)).await.unwrap();
    store.retire(&key(1).kid, Millis(400), Millis(900)).await.unwrap();
    assert_eq!(store.purge(Millis(899)).await.unwrap(), 0);
    let keys = store.keys().await.unwrap();
    assert_eq!((keys[0].retired_at, keys[0].drop_at), (Some(Millis(400)), Some(Millis(900))));
    assert_eq!((keys[1].retired_at, keys[1].drop_at), (None, None));
    assert_eq!(store.purge(Millis(900)).await.unwrap(), 1);
    assert_eq!(store.keys().await.unwrap(), [key(2)]);
}

async fn the_earlier_retirement_stays(store: Store) {
    store.add(key(1)).await.unwrap();
    store.retire(&key(1).kid, Millis(400), Millis(900)).await.unwrap();
    store.retire(&key(1).kid, Millis(500), Millis(1_000)).await.unwrap();
    let known = store.keys().await.unwrap().remove(0);
    assert_eq!((known.retired_at, known.drop_at), (Some(Millis(400)), Some(Millis(900))));
    store.retire(&key(1).kid, Millis(300), Millis(300)).await.unwrap();
    let known = store.keys().await.unwrap().remove(0);
    assert_eq!((known.retired_at, known.drop_at), (Some(Millis(300)), Some(Millis(300))));
}

async fn an_unknown_key_is_not_found(store: Store) {
    assert!(matches!(store.retire("nobody", Millis(1), Millis(1)).await, Err(E::NotFound(_))));
    assert_eq!(store.purge(Millis(i64::MAX)).await.unwrap(), 0);
}

async fn a_code_is_taken_once(store: Store) {
    store.put_code(code(1)).await.unwrap();
    assert!(store.take_code([1; 32], Millis(10)).await.unwrap());
    assert!(!store.take_code([1; 32], Millis(10)).await.unwrap());
}

async fn a_wrong_code_takes_nothing(store: Store) {
    assert!(!store.take_code([1; 32], Millis(10)).await.unwrap(), "no code, no way in");
    store.put_code(code(1)).await.unwrap();
    assert!(!store.take_code([2; 32], Millis(10)).await.unwrap());
    assert!(store.take_code([1; 32], Millis(10)).await.unwrap());
}

async fn a_code_past_its_end_is_refused(store: Store) {
    store.put_code(code(1)).await.unwrap();
    assert!(!store.take_code([1; 32], Millis(1_000)).await.unwrap());
}

async fn a_new_code_replaces_the_old_one(store: Store) {
    store.put_code(code(1)).await.unwrap();
    store.put_code(code(2)).await.unwrap();
    assert!(!store.take_code([1; 32], Millis(10)).await.unwrap());
    assert!(store.take_code([2; 32], Millis(10)).await.unwrap());
}

async fn racing_takers_have_one_winner(store: Store) {
    store.put_code(code(1)).await.unwrap();
    let racers: JoinSet<_> = (0..8)
        .map(|_| {
            let store = Arc::clone(&store);
            async move { store.take_code([1; 32], Millis(10)).await }
        })
        .collect();
    let mut won = 0;
    for outcome in racers.join_all().await {
        won += u32::from(outcome.unwrap());
    }
    assert_eq!(won, 1);
}
