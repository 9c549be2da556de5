//! What only one may hold, when processes die, sleep and race between a claim and its record.

use crate::support::dying::{Life, mortal};
use crate::support::{Storm, dynamo};
use aws::dynamo::Dynamo;
use aws::identity::{ACCOUNTS, DynamoAccountStore, TABLES};
use identity::{AccountStore, AccountStoreError as E, Role, User};
use stdx::{Entropy, SeededEntropy};
use testkit::{Case, Trial, case, trials};
use tokio::task::JoinSet;
use vocab::{Millis, UserId};

pub fn all() -> Vec<Trial> {
    let calm = || {
        vec![
            case("a_death_anywhere_in_a_registration_keeps_no_email", a_death_in_a_registration),
            case("a_death_anywhere_in_a_change_keeps_no_email", a_death_in_a_change),
            case("a_registration_that_slept_finds_its_email_taken", a_registration_that_slept),
            case("a_change_that_slept_finds_its_email_taken", a_change_that_slept),
        ]
    };
    let mut all = trials("claims", calm(), || dynamo(TABLES, Storm::Calm));
    for storm in [Storm::Calm, Storm::LostAnswer, Storm::Race, Storm::Duplicate] {
        let engine = format!("claims+{}", storm.word());
        all.extend(trials(&engine, racing(), move || dynamo(TABLES, storm)));
    }
    all
}

fn racing() -> Vec<Case<Dynamo>> {
    vec![case("an_email_has_one_holder_however_many_change_theirs", many_change_theirs)]
}

fn user(n: u64, email: &str) -> User {
    User {
        id: UserId(n),
        guest: false,
        email: Some(email.to_owned()),
        password_hash: None,
        display_name: format!("Person {n}"),
        handle: format!("person_{n}"),
        bio: String::new(),
        roles: vec![Role::Viewer],
        created_at: Millis(1_000),
        merged_into: None,
        revision: 1,
    }
}

fn store(dynamo: &Dynamo) -> DynamoAccountStore {
    DynamoAccountStore::new(dynamo.clone())
}

/// No two records carry one e-mail, and every e-mail leads to its holder.
async fn holders_are_single(dynamo: &Dynamo, people: u64) -> Vec<User> {
    let all: Vec<UserId> = (1..=people).map(UserId).collect();
    let users = store(dynamo).get_many(&all).await.unwrap();
    let mut emails: Vec<_> = users.iter().filter_map(|u| u.email.clone()).collect();
    for user in &users {
        if let Some(email) = &user.email {
            let holder = store(dynamo).find_by_email(email).await.unwrap();
            assert_eq!(holder.as_ref().map(|h| h.id), Some(user.id), "{email} leads to its holder");
        }
    }
    emails.sort();
    let count = emails.len();
    emails.dedup();
    assert_eq!(emails.len(), count, "no e-mail twice");
    users
}

async fn a_death_in_a_registration(dynamo: Dynamo) {
    for writes in 0..4 {
        let email = format!("ada{writes}@example.org");
        let first = User { handle: format!("ada_{writes}"), ..user(100 + 2 * writes, &email) };
        let second = User { id: UserId(first.id.0 + 1), ..first.clone() };
        let dying = store(&mortal(&dynamo, &ACCOUNTS, &Life::of(writes)).await);
        let born = dying.insert(first.clone()).await.is_ok();
        assert_eq!(born, writes == 3, "e-mail, handle, record");
        let outcome = store(&dynamo).insert(second.clone()).await;
        assert_eq!(outcome.is_ok(), !born, "what nobody carries is free: {outcome:?}");
        let holder = store(&dynamo).find_by_email(&email).await.unwrap().unwrap();
        assert_eq!(holder.id, if born { first.id } else { second.id });
        // The first comes again: with its own e-mail now, and under the id that was fenced.
        let again = User { email: None, handle: format!("other_{writes}"), ..first };
        let outcome = store(&dynamo).insert(again).await;
        assert!(if born { matches!(outcome, Err(E::Exists(_))) } else { outcome.is_ok() }, "{outcome:?}");
    }
}

async fn a_death_in_a_change(dynamo: Dynamo) {
    for writes in 0..6 {
        let ids = 10 * (writes + 1);
        let (old, new) = (format!("old{writes}@example.org"), format!("new{writes}@example.org"));
        store(&dynamo).insert(user(ids, &old)).await.unwrap();
        let changed = User { handle: format!("changed_{writes}"), ..user(ids, &new) };
        let life = Life::of(writes);
        let dying = store(&mortal(&dynamo, &ACCOUNTS, &life).await);
        let _ = dying.update(changed).await;
        let stands = store(&dynamo).get(UserId(ids)).await.unwrap();
        assert_eq!(stands.email.as_deref(), Some(if writes < 3 { old.as_str() } else { new.as_str() }));
        let (held, free) = if writes < 3 { (&old, &new) } else { (&new, &old) };
        let taken = store(&dynamo).insert(user(ids + 1, held)).await;
        assert!(matches!(taken, Err(E::EmailTaken)), "{writes}: {taken:?}");
        store(&dynamo).insert(user(ids + 2, free)).await.expect("what was given up or never had is free");
    }
    holders_are_single(&dynamo, 70).await;
}

/// `slow` sleeps before its write number `at`; meanwhile somebody else wants the same. Who got it?
async fn asleep_at(
    dynamo: &Dynamo,
    at: u64,
    slow: impl AsyncFnOnce(DynamoAccountStore) -> Result<(), E>,
    quick: User,
) -> (Result<(), E>, Result<(), E>) {
    let (life, pause) = Life::pausing(at);
    let sleeper = store(&mortal(dynamo, &ACCOUNTS, &life).await);
    tokio::join!(slow(sleeper), async {
        pause.reached.notified().await;
        let outcome = store(dynamo).insert(quick).await;
        pause.over.notify_one();
        outcome
    })
}

async fn a_registration_that_slept(dynamo: Dynamo) {
    for at in 1..=3 {
        let email = format!("ada{at}@example.org");
        let (slow, quick) = (user(2 * at, &email), user(2 * at + 1, &email));
        let (slow, quick) = asleep_at(&dynamo, at, async |s| s.insert(slow).await, quick).await;
        quick.expect("who sleeps holds nobody up");
        assert!(matches!(slow, Err(E::EmailTaken)), "asleep before write {at}: {slow:?}");
    }
    assert_eq!(holders_are_single(&dynamo, 10).await.len(), 3);
}

async fn a_change_that_slept(dynamo: Dynamo) {
    for at in 1..=2 {
        let (old, new) = (format!("old{at}@example.org"), format!("new{at}@example.org"));
        store(&dynamo).insert(user(2 * at, &old)).await.unwrap();
        let (changed, quick) = (user(2 * at, &new), user(2 * at + 1, &new));
        let (slow, quick) =
            asleep_at(&dynamo, at, async |s| s.update(changed).await.map(|_| ()), quick).await;
        quick.expect("who sleeps holds nobody up");
        assert!(matches!(slow, Err(E::EmailTaken)), "asleep before write {at}: {slow:?}");
        let kept = store(&dynamo).get(UserId(2 * at)).await.unwrap();
        assert_eq!((kept.email, kept.revision), (Some(old), 1), "a fence is no change");
    }
    holders_are_single(&dynamo, 10).await;
}

async fn many_change_theirs(dynamo: Dynamo) {
    const PEOPLE: u64 = 4;
    for n in 1..=PEOPLE {
        store(&dynamo).insert(User { email: None, ..user(n, "") }).await.unwrap();
    }
    // Two processes for each person, all after the same two e-mails and handles.
    let changers: JoinSet<_> = (0..2 * PEOPLE)
        .map(|n| {
            let (store, chance) = (store(&dynamo), SeededEntropy::new(n));
            async move {
                let mut changed = 0;
                for _ in 0..8 {
                    let mut user = store.get(UserId(1 + n % PEOPLE)).await.unwrap();
                    let pick = chance.u64();
                    user.email = (pick % 3 > 0).then(|| format!("wanted{}@example.org", pick % 3));
                    user.handle = format!("wanted_{}", (pick >> 8) % 5);
                    match store.update(user).await {
                        Ok(_) => changed += 1,
                        Err(E::EmailTaken | E::HandleTaken | E::Stale { .. }) => {}
                        // Too many at once, or too late: whatever it did, the promises below hold.
                        Err(E::Fault(fault)) if fault.kind.is_retryable() => {}
                        Err(e) => panic!("{e}"),
                    }
                }
                changed
            }
        })
        .collect();
    let changed: u32 = changers.join_all().await.into_iter().sum();
    assert!(changed > 0, "somebody gets something");
    let users = holders_are_single(&dynamo, PEOPLE).await;
    let mut handles: Vec<_> = users.iter().map(|u| &u.handle).collect();
    handles.sort();
    handles.dedup();
    assert_eq!(handles.len(), users.len(), "no handle twice");
    // And everything nobody holds can be had.
    let held: Vec<_> = users.iter().filter_map(|u| u.email.clone()).collect();
    for (n, email) in ["wanted1@example.org", "wanted2@example.org"].into_iter().enumerate() {
        if !held.iter().any(|h| h == email) {
            store(&dynamo).insert(user(50 + n as u64, email)).await.unwrap();
        }
    }
}
