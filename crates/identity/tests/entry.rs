//! Coming in: guests, accounts, merging, limits.

mod fixture;

use fixture::{PASSWORD, credentials, form, house, phone};
use identity::{IssueError, Role};
use std::sync::atomic::Ordering;
use vocab::DeviceId;

#[tokio::test]
async fn a_guest_needs_no_form_and_is_a_viewer() {
    let house = house().await;
    let grant = house.guest(1).await;
    let caller = house.caller(&grant).await;
    assert!(caller.guest && grant.user.guest);
    assert_eq!((caller.user, caller.device), (grant.user.id, DeviceId(1)));
    assert_eq!(caller.roles, [Role::Viewer]);
    assert!(grant.user.handle.starts_with("user_") && grant.user.display_name.starts_with("Guest "));
    assert_eq!(grant.expires_in.0, 600_000);
    assert_ne!(house.guest(1).await.user.id, grant.user.id, "a device id opens nothing");
}

#[tokio::test]
async fn a_guest_that_registers_keeps_its_user_id() {
    let house = house().await;
    let guest = house.guest(1).await;
    let caller = house.caller(&guest).await;
    let account = house.issuer.register(form("Ada@Example.org"), &phone(1), Some(&caller)).await.unwrap();
    assert_eq!(account.user.id, guest.user.id);
    assert!(!account.user.guest && !house.caller(&account).await.guest);
    assert_eq!(account.user.handle, "ada_lovelace");
    let again = house.login("ada@example.org", PASSWORD, 2).await.unwrap();
    assert_eq!(again.user.id, guest.user.id);
    assert!(house.merges.merged.lock().unwrap().is_empty(), "nothing to merge: it is the same person");
}

#[tokio::test]
async fn a_registration_whose_reply_was_lost_can_be_sent_again() {
    let house = house().await;
    let guest = house.guest(1).await;
    let caller = house.caller(&guest).await;
    let first = house.issuer.register(form("ada@example.org"), &phone(1), Some(&caller)).await.unwrap();
    let second = house.issuer.register(form("ada@example.org"), &phone(1), Some(&caller)).await.unwrap();
    assert_eq!(first.user, second.user);
    let mut other_password = form("ada@example.org");
    other_password.password = "another password".into();
    let refused = house.issuer.register(other_password, &phone(1), Some(&caller)).await;
    assert!(matches!(refused, Err(IssueError::EmailTaken)), "{refused:?}");
}

#[tokio::test]
async fn an_email_makes_one_account() {
    let house = house().await;
    house.account("ada@example.org", 1).await;
    let guest = house.guest(2).await;
    let caller = house.caller(&guest).await;
    for guest in [None, Some(&caller)] {
        let refused = house.issuer.register(form("ADA@example.org "), &phone(2), guest).await;
        assert!(matches!(refused, Err(IssueError::EmailTaken)), "{refused:?}");
    }
    assert!(house.caller(&guest).await.guest, "the guest stays what it was");
}

#[tokio::test]
async fn every_wrong_field_of_a_form_is_named() {
    let house = house().await;
    let mut bad = form("not an address");
    (bad.password, bad.display_name) = ("short".into(), " ".into());
    let Err(IssueError::BadFields(fields)) = house.issuer.register(bad, &phone(1), None).await else {
        panic!("the form was taken");
    };
    let named: Vec<_> = fields.iter().map(|f| (f.field, f.code)).collect();
    assert_eq!(named, [("email", "invalid"), ("password", "too_short"), ("display_name", "empty")]);
}

#[tokio::test]
async fn two_people_of_one_name_get_two_handles() {
    let house = house().await;
    let (a, b) = (house.account("a@example.org", 1).await, house.account("b@example.org", 2).await);
    assert_eq!(a.user.handle, "ada_lovelace");
    assert!(b.user.handle.starts_with("ada_lovelace_"), "{}", b.user.handle);
}

#[tokio::test]
async fn a_guest_that_signs_in_becomes_the_account() {
    let house = house().await;
    let account = house.account("ada@example.org", 1).await;
    let guest = house.guest(2).await;
    let caller = house.caller(&guest).await;
    let form = credentials("ada@example.org", PASSWORD);
    let grant = house.issuer.login(form.clone(), &phone(2), Some(&caller)).await.unwrap();
    assert_eq!((grant.user.id, grant.merged_from), (account.user.id, Some(guest.user.id)));
    assert_eq!(*house.merges.merged.lock().unwrap(), [(guest.user.id, account.user.id)]);
    assert!(house.verifier.verify(&guest.access_token).await.is_err(), "the guest is no more");
    assert!(matches!(house.refresh(&guest, 2).await, Err(IssueError::Refused)));
    // The reply was lost: the same sign-in merges again, which changes nothing.
    let again = house.issuer.login(form, &phone(2), Some(&caller)).await.unwrap();
    assert_eq!(again.merged_from, Some(guest.user.id));
}

#[tokio::test]
async fn a_guest_is_merged_into_one_account_only() {
    let house = house().await;
    house.account("ada@example.org", 1).await;
    house.account("bob@example.org", 2).await;
    let guest = house.guest(3).await;
    let caller = house.caller(&guest).await;
    let origin = phone(3);
    let login = |email| house.issuer.login(credentials(email, PASSWORD), &origin, Some(&caller));
    assert!(login("ada@example.org").await.unwrap().merged_from.is_some());
    assert!(login("bob@example.org").await.unwrap().merged_from.is_none());
    assert_eq!(house.merges.merged.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_merge_that_fails_loses_nothing_and_can_be_tried_again() {
    let house = house().await;
    house.account("ada@example.org", 1).await;
    let guest = house.guest(2).await;
    let caller = house.caller(&guest).await;
    house.merges.broken.store(true, Ordering::SeqCst);
    let form = credentials("ada@example.org", PASSWORD);
    let failed = house.issuer.login(form.clone(), &phone(2), Some(&caller)).await;
    assert!(matches!(failed, Err(IssueError::Fault(_))), "{failed:?}");
    assert!(house.verifier.verify(&guest.access_token).await.is_ok());
    house.merges.broken.store(false, Ordering::SeqCst);
    let grant = house.issuer.login(form, &phone(2), Some(&caller)).await.unwrap();
    assert_eq!(grant.merged_from, Some(guest.user.id));
}

#[tokio::test]
async fn an_operator_who_was_a_guest_stays_one_after_signing_in() {
    let house = house().await;
    house.account("ada@example.org", 1).await;
    let operator = house.operator().await;
    let caller = house.caller(&operator).await;
    let form = credentials("ada@example.org", PASSWORD);
    let grant = house.issuer.login(form, &phone(1_000), Some(&caller)).await.unwrap();
    assert!(house.caller(&grant).await.is_operator());
    let left = house.deps.accounts.get(operator.user.id).await.unwrap();
    assert_eq!(left.roles, [Role::Viewer], "the closed guest keeps no power");
}

#[tokio::test]
async fn an_unknown_email_costs_what_a_wrong_password_costs() {
    let house = house().await;
    house.account("ada@example.org", 1).await;
    let mut costs = Vec::new();
    for email in ["ada@example.org", "nobody@example.org"] {
        let before = house.hasher.verifies.load(Ordering::SeqCst);
        let refused = house.login(email, "wrong password", 2).await;
        assert!(matches!(refused, Err(IssueError::WrongCredentials)), "{refused:?}");
        costs.push(house.hasher.verifies.load(Ordering::SeqCst) - before);
    }
    assert_eq!(costs, [1, 1]);
}

#[tokio::test]
async fn a_guesser_waits_and_the_owner_elsewhere_does_not() {
    let house = house().await;
    house.account("ada@example.org", 1).await;
    for _ in 0..10 {
        let refused = house.login("ada@example.org", "wrong password", 2).await;
        assert!(matches!(refused, Err(IssueError::WrongCredentials)));
    }
    let hashed = house.hasher.verifies.load(Ordering::SeqCst);
    let refused = house.login("ada@example.org", PASSWORD, 2).await;
    let Err(IssueError::TooMany { retry_after }) = refused else { panic!("{refused:?}") };
    assert_eq!(house.hasher.verifies.load(Ordering::SeqCst), hashed, "a refused knock costs no hash");
    let mut home = phone(1);
    home.ip = Some("198.51.100.1".parse().unwrap());
    let owner = house.issuer.login(credentials("ada@example.org", PASSWORD), &home, None).await;
    assert!(owner.is_ok(), "{owner:?}");
    house.wait(retry_after.0);
    assert!(house.login("ada@example.org", PASSWORD, 2).await.is_ok());
}

#[tokio::test]
async fn a_success_clears_the_count() {
    let house = house().await;
    house.account("ada@example.org", 1).await;
    for _ in 0..3 {
        for _ in 0..9 {
            assert!(house.login("ada@example.org", "wrong password", 2).await.is_err());
        }
        assert!(house.login("ada@example.org", PASSWORD, 2).await.is_ok());
    }
}

#[tokio::test]
async fn one_address_makes_so_many_guests_and_loopback_any() {
    let house = house().await;
    for n in 0..60 {
        house.guest(n).await;
    }
    let refused = house.issuer.guest(&phone(61)).await;
    assert!(matches!(refused, Err(IssueError::TooMany { .. })), "{refused:?}");
    let mut here = phone(62);
    for ip in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        here.ip = Some(ip.parse().unwrap());
        for _ in 0..70 {
            assert!(house.issuer.guest(&here).await.is_ok(), "{ip}");
        }
    }
}

#[tokio::test]
async fn an_absurd_password_is_wrong_without_a_hash() {
    let house = house().await;
    house.account("ada@example.org", 1).await;
    let before = house.hasher.verifies.load(Ordering::SeqCst);
    let refused = house.login("ada@example.org", &"x".repeat(1 << 20), 2).await;
    assert!(matches!(refused, Err(IssueError::WrongCredentials)), "{refused:?}");
    assert_eq!(house.hasher.verifies.load(Ordering::SeqCst), before);
}
