//! Cases of [`LinkStore`].

use crate::port::{LinkStore, Outside};
use std::sync::Arc;
use testkit::{Case, case};
use tokio::task::JoinSet;
use vocab::UserId;

type Store = Arc<dyn LinkStore>;

pub(super) fn cases() -> Vec<Case<Store>> {
    vec![
        case("an_unknown_person_has_no_link", an_unknown_person_has_no_link),
        case("the_first_link_stays", the_first_link_stays),
        case("issuer_and_subject_name_a_person_together", issuer_and_subject_name_a_person_together),
        case("any_subject_is_a_name", any_subject_is_a_name),
        case("racing_links_have_one_winner_and_all_learn_it", racing_links_have_one_winner),
    ]
}

fn person(issuer: &str, subject: &str) -> Outside {
    Outside { issuer: issuer.to_owned(), subject: subject.to_owned() }
}

async fn an_unknown_person_has_no_link(store: Store) {
    assert_eq!(store.find(&person("https://id.example", "ada")).await.unwrap(), None);
}

async fn the_first_link_stays(store: Store) {
    let ada = person("https://id.example", "ada");
    assert_eq!(store.link(&ada, UserId(1)).await.unwrap(), UserId(1));
    assert_eq!(store.link(&ada, UserId(2)).await.unwrap(), UserId(1));
    assert_eq!(store.link(&ada, UserId(1)).await.unwrap(), UserId(1));
    assert_eq!(store.find(&ada).await.unwrap(), Some(UserId(1)));
}

async fn issuer_and_subject_name_a_person_together(store: Store) {
    let people = [("https://a", "bc"), ("https://ab", "c"), ("https://a", "c"), ("https://a#b", "c")];
    for (n, (issuer, subject)) in (1..).zip(people) {
        assert_eq!(store.link(&person(issuer, subject), UserId(n)).await.unwrap(), UserId(n));
    }
    for (n, (issuer, subject)) in (1..).zip(people) {
        assert_eq!(store.find(&person(issuer, subject)).await.unwrap(), Some(UserId(n)));
    }
    assert_eq!(store.find(&person("https://A", "bc")).await.unwrap(), None, "case counts");
}

async fn any_subject_is_a_name(store: Store) {
    let (long, shorter) = ("x".repeat(255), "x".repeat(254));
    let names = [" ", "#", "a\0b", "Zoë|github|7", "' OR 1=1 --", &long, &shorter];
    for (n, subject) in (1..).zip(names) {
        store.link(&person("https://id.example", subject), UserId(n)).await.unwrap();
    }
    for (n, subject) in (1..).zip(names) {
        assert_eq!(store.find(&person("https://id.example", subject)).await.unwrap(), Some(UserId(n)));
    }
}

async fn racing_links_have_one_winner(store: Store) {
    let racers: JoinSet<_> = (1..=8)
        .map(|n| {
            let store = Arc::clone(&store);
            async move { store.link(&person("https://id.example", "ada"), UserId(n)).await }
        })
        .collect();
    let mut told: Vec<_> = racers.join_all().await.into_iter().map(Result::unwrap).collect();
    told.dedup();
    let found = store.find(&person("https://id.example", "ada")).await.unwrap();
    assert_eq!((told.len(), found), (1, Some(told[0])));
}
