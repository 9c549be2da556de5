//! Cases of [`RevocationStore`].

use crate::port::RevocationStore;
use crate::revoked::{Revocation, Revoked};
use crate::session::SessionId;
use std::sync::Arc;
use testkit::{Case, case};
use vocab::{Millis, UserId};

type Store = Arc<dyn RevocationStore>;

pub(super) fn cases() -> Vec<Case<Store>> {
    vec![
        case("what_was_published_comes_back_whole", what_was_published_comes_back_whole),
        case("the_same_news_twice_is_once", the_same_news_twice_is_once),
        case("both_ends_of_the_time_are_within", both_ends_of_the_time_are_within),
        case("news_comes_oldest_first_and_page_by_page", news_comes_oldest_first_and_page_by_page),
        case("news_of_many_hours_comes_in_one_answer", news_of_many_hours_comes_in_one_answer),
    ]
}

/// 2026-01-01T00:00:00Z.
const NOW: i64 = 1_767_225_600_000;

fn session(n: u128, at: i64) -> Revocation {
    Revocation { what: Revoked::Session(SessionId(n)), at: Millis(at), until: Millis(at + 86_400_000 * 3) }
}

async fn told(store: &Store, from: i64, to: i64, limit: usize) -> Vec<Revocation> {
    store.published(Millis(from), Millis(to), limit).await.unwrap()
}

async fn what_was_published_comes_back_whole(store: Store) {
    let all = [
        session(u128::MAX, NOW),
        Revocation { what: Revoked::Revision(UserId(u64::MAX >> 1), 7), ..session(0, NOW + 1) },
        Revocation { what: Revoked::Keys, ..session(0, NOW + 2) },
    ];
    for one in all {
        store.publish(one).await.unwrap();
    }
    assert_eq!(told(&store, NOW, NOW + 2, 10).await, all);
    assert!(told(&store, NOW + 3, NOW + 9, 10).await.is_empty());
}

async fn the_same_news_twice_is_once(store: Store) {
    for _ in 0..2 {
        store.publish(session(1, NOW)).await.unwrap();
    }
    // Of one moment, but not the same.
    store.publish(session(2, NOW)).await.unwrap();
    assert_eq!(told(&store, NOW, NOW, 10).await.len(), 2);
}

async fn both_ends_of_the_time_are_within(store: Store) {
    for n in 0..5 {
        store.publish(session(n, NOW + n as i64)).await.unwrap();
    }
    assert_eq!(told(&store, NOW + 1, NOW + 3, 10).await, [1, 2, 3].map(|n| session(n, NOW + n as i64)));
}

async fn news_comes_oldest_first_and_page_by_page(store: Store) {
    for n in [4u128, 1, 3, 0, 2] {
        store.publish(session(9 - n, NOW + n as i64)).await.unwrap();
    }
    let ids = |page: Vec<Revocation>| -> Vec<i64> { page.iter().map(|r| r.at.0 - NOW).collect() };
    assert_eq!(ids(told(&store, NOW, NOW + 9, 3).await), [0, 1, 2]);
    assert_eq!(ids(told(&store, NOW + 2, NOW + 9, 3).await), [2, 3, 4]);
}

async fn news_of_many_hours_comes_in_one_answer(store: Store) {
    let hours = [-25i64, -3, -1, 0, 1];
    for (n, hour) in (0u128..).zip(hours) {
        store.publish(session(n, NOW + hour * 3_600_000)).await.unwrap();
    }
    let day = told(&store, NOW - 24 * 3_600_000, NOW, 10).await;
    assert_eq!(day.iter().map(|r| r.at.0 - NOW).collect::<Vec<_>>(), [-3, -1, 0].map(|h| h * 3_600_000));
    assert_eq!(told(&store, NOW - 24 * 3_600_000, NOW, 2).await.len(), 2);
}
