//! Cases of [`AccountStore`].

use crate::account::{Role, User};
use crate::port::{AccountStore, AccountStoreError as E, UserFilter};
use std::sync::Arc;
use testkit::{Case, case};
use tokio::task::JoinSet;
use vocab::{Millis, UserId};

type Store = Arc<dyn AccountStore>;

pub(super) fn cases() -> Vec<Case<Store>> {
    vec![
        case("a_record_comes_back_whole", a_record_comes_back_whole),
        case("an_id_is_inserted_once", an_id_is_inserted_once),
        case("an_unknown_id_is_not_found", an_unknown_id_is_not_found),
        case("an_email_has_one_holder_on_insert", an_email_has_one_holder_on_insert),
        case("an_email_has_one_holder_on_update", an_email_has_one_holder_on_update),
        case("a_handle_has_one_holder", a_handle_has_one_holder),
        case("a_refused_write_changes_nothing", a_refused_write_changes_nothing),
        case("guests_without_an_email_do_not_collide", guests_without_an_email_do_not_collide),
        case("an_account_is_found_by_its_email_only", an_account_is_found_by_its_email_only),
        case("a_freed_email_and_handle_may_be_taken", a_freed_email_and_handle_may_be_taken),
        case("an_update_raises_the_revision", an_update_raises_the_revision),
        case("an_update_of_an_old_revision_is_stale", an_update_of_an_old_revision_is_stale),
        case("racing_updates_have_one_winner", racing_updates_have_one_winner),
        case("racing_registrations_of_one_email_have_one_winner", racing_registrations_have_one_winner),
        case("many_come_in_the_order_asked_without_unknown_ones", many_come_in_the_order_asked),
        case("a_search_looks_in_handle_email_and_name", a_search_looks_in_handle_email_and_name),
        case("a_search_takes_wildcards_as_letters", a_search_takes_wildcards_as_letters),
        case("a_search_goes_page_by_page_newest_first", a_search_goes_page_by_page_newest_first),
        case("a_search_by_role_finds_its_holders", a_search_by_role_finds_its_holders),
    ]
}

fn user(n: u64) -> User {
    User {
        id: UserId(n),
        guest: false,
        email: Some(format!("person{n}@example.org")),
        password_hash: Some(format!("$argon2id${n}")),
        display_name: format!("Person {n}"),
        handle: format!("person_{n}"),
        bio: "one\ntwo".to_owned(),
        roles: vec![Role::Viewer],
        created_at: Millis(1_000 + n as i64),
        merged_into: None,
        revision: 1,
    }
}

async fn add(store: &Store, user: User) {
    store.insert(user).await.expect("a new record is taken");
}

async fn a_record_comes_back_whole(store: Store) {
    let mut all = user(1);
    all.roles = Role::ALL.to_vec();
    all.merged_into = Some(UserId(u64::MAX >> 1));
    all.display_name = "Zoë 👩‍🚀 'quote\" \\ %".to_owned();
    all.revision = 5;
    let mut bare = user(2);
    (bare.email, bare.password_hash, bare.guest) = (None, None, true);
    add(&store, all.clone()).await;
    add(&store, bare.clone()).await;
    assert_eq!(store.get(all.id).await.unwrap(), all);
    assert_eq!(store.get(bare.id).await.unwrap(), bare);
}

async fn an_id_is_inserted_once(store: Store) {
    add(&store, user(1)).await;
    let mut other = user(1);
    (other.email, other.handle) = (None, "another".to_owned());
    assert!(matches!(store.insert(other).await, Err(E::Exists(UserId(1)))));
    assert_eq!(store.get(UserId(1)).await.unwrap(), user(1));
}

async fn an_unknown_id_is_not_found(store: Store) {
    assert!(matches!(store.get(UserId(1)).await, Err(E::NotFound(UserId(1)))));
    assert!(matches!(store.update(user(1)).await, Err(E::NotFound(UserId(1)))));
}

async fn an_email_has_one_holder_on_insert(store: Store) {
    add(&store, user(1)).await;
    let mut second = user(2);
    second.email = user(1).email;
    assert!(matches!(store.insert(second).await, Err(E::EmailTaken)));
    assert!(matches!(store.get(UserId(2)).await, Err(E::NotFound(_))));
}

async fn an_email_has_one_holder_on_update(store: Store) {
    add(&store, user(1)).await;
    add(&store, user(2)).await;
    let mut second = user(2);
    second.email = user(1).email;
    assert!(matches!(store.update(second).await, Err(E::EmailTaken)));
}

async fn a_handle_has_one_holder(store: Store) {
    add(&store, user(1)).await;
    let mut second = user(2);
    second.handle = user(1).handle;
    assert!(matches!(store.insert(second.clone()).await, Err(E::HandleTaken)));
    add(&store, user(2)).await;
    assert!(matches!(store.update(second).await, Err(E::HandleTaken)));
}

async fn a_refused_write_changes_nothing(store: Store) {
    add(&store, user(1)).await;
    add(&store, user(2)).await;
    let mut second = user(2);
    (second.handle, second.bio) = (user(1).handle, "changed".to_owned());
    second.email = Some("fresh@example.org".to_owned());
    assert!(store.update(second).await.is_err());
    assert_eq!(store.get(UserId(2)).await.unwrap(), user(2));
    let found = store.find_by_email("fresh@example.org").await.unwrap();
    assert!(found.is_none(), "an e-mail must not stay claimed by a refused write");
    let mut third = user(3);
    third.email = Some("fresh@example.org".to_owned());
    add(&store, third).await;
}

async fn guests_without_an_email_do_not_collide(store: Store) {
    for n in 1..=3 {
        let mut guest = user(n);
        (guest.email, guest.guest) = (None, true);
        add(&store, guest).await;
    }
}

async fn an_account_is_found_by_its_email_only(store: Store) {
    add(&store, user(1)).await;
    add(&store, user(2)).await;
    let found = store.find_by_email("person2@example.org").await.unwrap();
    assert_eq!(found, Some(user(2)));
    for other in ["person@example.org", "person%@example.org", "PERSON2@example.org", ""] {
        assert_eq!(store.find_by_email(other).await.unwrap(), None, "{other}");
    }
}

async fn a_freed_email_and_handle_may_be_taken(store: Store) {
    add(&store, user(1)).await;
    let mut moved = user(1);
    (moved.email, moved.handle) = (Some("new@example.org".to_owned()), "new_name".to_owned());
    store.update(moved).await.unwrap();
    assert_eq!(store.find_by_email("person1@example.org").await.unwrap(), None);
    let mut second = user(2);
    (second.email, second.handle) = (user(1).email, user(1).handle);
    add(&store, second.clone()).await;
    assert_eq!(store.find_by_email("person1@example.org").await.unwrap(), Some(second));
}

async fn an_update_raises_the_revision(store: Store) {
    add(&store, user(1)).await;
    let mut changed = user(1);
    changed.bio = "changed".to_owned();
    let written = store.update(changed.clone()).await.unwrap();
    changed.revision = 2;
    assert_eq!(written, changed);
    assert_eq!(store.get(UserId(1)).await.unwrap(), changed);
}

async fn an_update_of_an_old_revision_is_stale(store: Store) {
    add(&store, user(1)).await;
    store.update(user(1)).await.unwrap();
    let mut late = user(1);
    late.bio = "late".to_owned();
    assert!(matches!(store.update(late).await, Err(E::Stale { id: UserId(1), revision: 2 })));
    assert_eq!(store.get(UserId(1)).await.unwrap().bio, user(1).bio);
}

async fn racing_updates_have_one_winner(store: Store) {
    add(&store, user(1)).await;
    let racers: JoinSet<_> = (0..8)
        .map(|n| {
            let (store, mut mine) = (Arc::clone(&store), user(1));
            mine.bio = n.to_string();
            async move { store.update(mine).await }
        })
        .collect();
    let mut won = Vec::new();
    for outcome in racers.join_all().await {
        match outcome {
            Ok(user) => won.push(user),
            Err(e) => assert!(matches!(e, E::Stale { .. }), "{e}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(store.get(UserId(1)).await.unwrap(), won[0]);
}

async fn racing_registrations_have_one_winner(store: Store) {
    let racers: JoinSet<_> = (1..=8)
        .map(|n| {
            let (store, mut mine) = (Arc::clone(&store), user(n));
            mine.email = Some("wanted@example.org".to_owned());
            async move { store.insert(mine).await }
        })
        .collect();
    let mut won = 0;
    for outcome in racers.join_all().await {
        match outcome {
            Ok(()) => won += 1,
            Err(e) => assert!(matches!(e, E::EmailTaken), "{e}"),
        }
    }
    assert_eq!(won, 1);
}

async fn many_come_in_the_order_asked(store: Store) {
    for n in 1..=4 {
        add(&store, user(n)).await;
    }
    let asked = [4, 99, 2, 1].map(UserId);
    let found: Vec<u64> = store.get_many(&asked).await.unwrap().iter().map(|u| u.id.0).collect();
    assert_eq!(found, [4, 2, 1]);
    assert!(store.get_many(&[]).await.unwrap().is_empty());
}

fn ids(users: &[User]) -> Vec<u64> {
    users.iter().map(|u| u.id.0).collect()
}

async fn find(store: &Store, text: &str) -> Vec<u64> {
    let filter = UserFilter { text: Some(text.to_owned()), limit: 10, ..UserFilter::default() };
    ids(&store.search(filter).await.unwrap())
}

async fn a_search_looks_in_handle_email_and_name(store: Store) {
    let mut zoe = user(2);
    zoe.display_name = "ZOË Müller".to_owned();
    (zoe.handle, zoe.email) = ("stargazer".to_owned(), Some("z@observatory.example".to_owned()));
    add(&store, user(1)).await;
    add(&store, zoe).await;
    for text in ["STAR", "observatory", "zoë m", "ë MÜ"] {
        assert_eq!(find(&store, text).await, [2], "{text}");
    }
    assert_eq!(find(&store, "example").await, [2, 1]);
    assert!(find(&store, "nobody").await.is_empty());
    assert!(find(&store, "argon2id").await.is_empty(), "hashes are not searched");
}

async fn a_search_takes_wildcards_as_letters(store: Store) {
    add(&store, user(1)).await;
    let mut odd = user(2);
    odd.display_name = "100% _real_".to_owned();
    add(&store, odd).await;
    assert_eq!(find(&store, "100%").await, [2]);
    assert_eq!(find(&store, "_real_").await, [2]);
    for text in ["p%n", "pers_n", "*", "'"] {
        assert!(find(&store, text).await.is_empty(), "{text}");
    }
}

async fn a_search_goes_page_by_page_newest_first(store: Store) {
    for n in 1..=7 {
        add(&store, user(n)).await;
    }
    let mut filter = UserFilter { limit: 3, ..UserFilter::default() };
    let mut pages = Vec::new();
    loop {
        let page = ids(&store.search(filter.clone()).await.unwrap());
        let Some(last) = page.last() else { break };
        filter.before = Some(UserId(*last));
        pages.push(page);
    }
    assert_eq!(pages, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
}

async fn a_search_by_role_finds_its_holders(store: Store) {
    add(&store, user(1)).await;
    let mut judge = user(2);
    judge.roles = vec![Role::Viewer, Role::Moderator];
    add(&store, judge).await;
    let by = |role| UserFilter { role: Some(role), limit: 10, ..UserFilter::default() };
    assert_eq!(ids(&store.search(by(Role::Moderator)).await.unwrap()), [2]);
    assert!(store.search(by(Role::Operator)).await.unwrap().is_empty());
    let mut demoted = store.get(UserId(2)).await.unwrap();
    demoted.roles = vec![Role::Viewer];
    store.update(demoted).await.unwrap();
    assert!(store.search(by(Role::Moderator)).await.unwrap().is_empty());
    assert_eq!(ids(&store.search(by(Role::Viewer)).await.unwrap()), [2, 1]);
}
