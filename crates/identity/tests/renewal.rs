//! Refresh, reuse, sign-out, devices, roles, operator code.

mod fixture;

use fixture::{House, PASSWORD, house, phone};
use identity::{Grant, IssueError, ProfileEdit, Role, TokenError, UserFilter};
use proptest::prelude::*;
use vocab::{DeviceId, UserId};

fn operator_filter() -> UserFilter {
    UserFilter { limit: 10, ..UserFilter::default() }
}

#[tokio::test]
async fn a_refresh_gives_the_next_pair_for_the_same_session() {
    let house = house().await;
    let first = house.guest(1).await;
    house.wait(60_000);
    let second = house.refresh(&first, 1).await.unwrap();
    assert_ne!(first.refresh_token, second.refresh_token);
    assert_ne!(first.access_token, second.access_token);
    assert_eq!((first.session, first.user.id), (second.session, second.user.id));
    assert!(house.verifier.verify(&first.access_token).await.is_ok(), "it lives out its minutes");
    house.refresh(&second, 1).await.unwrap();
}

#[tokio::test]
async fn a_retry_within_ten_seconds_gets_the_same_successor() {
    let house = house().await;
    let first = house.guest(1).await;
    let second = house.refresh(&first, 1).await.unwrap();
    for _ in 0..5 {
        house.wait(2_000);
        let again = house.refresh(&first, 1).await.unwrap();
        assert_eq!(again.refresh_token, second.refresh_token);
    }
    let third = house.refresh(&second, 1).await.unwrap();
    assert!(house.refresh(&third, 1).await.is_ok(), "one live token all along");
}

async fn assert_family_is_dead(house: &House, tokens: &[&Grant]) {
    for grant in tokens {
        let refused = house.refresh(grant, 1).await;
        assert!(matches!(refused, Err(IssueError::Refused)), "{refused:?}");
        let access = house.verifier.verify(&grant.access_token).await;
        assert!(matches!(access, Err(TokenError::Ended)), "{access:?}");
    }
}

#[tokio::test]
async fn a_spent_token_after_the_grace_kills_the_family() {
    let house = house().await;
    let first = house.guest(1).await;
    let second = house.refresh(&first, 1).await.unwrap();
    house.wait(10_001);
    assert!(matches!(house.refresh(&first, 1).await, Err(IssueError::Reused)));
    assert_family_is_dead(&house, &[&first, &second]).await;
}

#[tokio::test]
async fn a_spent_token_of_any_age_kills_the_family() {
    let house = house().await;
    let oldest = house.guest(1).await;
    let mut live = oldest.clone();
    for _ in 0..5 {
        live = house.refresh(&live, 1).await.unwrap();
        house.wait(1_000);
    }
    // Within ten seconds, but not the one just before.
    assert!(matches!(house.refresh(&oldest, 1).await, Err(IssueError::Reused)));
    assert_family_is_dead(&house, &[&oldest, &live]).await;
}

#[tokio::test]
async fn a_retry_that_does_not_name_its_device_is_reuse() {
    let house = house().await;
    let first = house.guest(1).await;
    let second = house.refresh(&first, 1).await.unwrap();
    assert!(matches!(house.issuer.refresh(&first.refresh_token, None).await, Err(IssueError::Reused)));
    assert_family_is_dead(&house, &[&second]).await;
}

#[tokio::test]
async fn endless_retries_are_reuse() {
    let house = house().await;
    let first = house.guest(1).await;
    house.refresh(&first, 1).await.unwrap();
    for _ in 0..5 {
        house.refresh(&first, 1).await.unwrap();
    }
    assert!(matches!(house.refresh(&first, 1).await, Err(IssueError::Reused)));
}

#[tokio::test]
async fn another_device_gets_nothing_and_harms_nobody() {
    let house = house().await;
    let first = house.guest(1).await;
    assert!(matches!(house.refresh(&first, 2).await, Err(IssueError::Refused)));
    assert!(house.issuer.refresh(&first.refresh_token, None).await.is_ok(), "clients need not say");
}

#[tokio::test]
async fn noise_and_forgeries_are_refused_and_harm_nobody() {
    let house = house().await;
    let first = house.guest(1).await;
    let good = first.refresh_token.clone();
    let flip = |at: usize| {
        let mut bytes = good.clone().into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        String::from_utf8(bytes).unwrap()
    };
    let mut bad = vec![String::new(), "svr1_".into(), "x".repeat(10_000), good[1..].to_owned()];
    bad.push(format!("{good}AA"));
    bad.push(good.replace("svr1_", "svr2_"));
    // Session, generation, secret and mark, one character of each.
    bad.extend([8, 28, 40, 80].map(flip));
    for text in bad {
        let refused = house.issuer.refresh(&text, Some(DeviceId(1))).await;
        assert!(matches!(refused, Err(IssueError::Refused)), "{text}: {refused:?}");
    }
    assert!(house.refresh(&first, 1).await.is_ok());
}

#[tokio::test]
async fn an_unused_session_ends_after_thirty_days_and_a_used_one_goes_on() {
    const DAY: i64 = 24 * 3_600_000;
    let house = house().await;
    let (idle, used) = (house.guest(1).await, house.guest(2).await);
    house.wait(20 * DAY);
    let used = house.refresh(&used, 2).await.unwrap();
    house.wait(10 * DAY);
    assert!(matches!(house.refresh(&idle, 1).await, Err(IssueError::Refused)));
    assert!(house.refresh(&used, 2).await.is_ok());
    house.wait(2 * DAY);
    assert_eq!(house.issuer.housekeep().await.unwrap(), 1);
}

#[tokio::test]
async fn racing_refreshes_of_one_token_agree_on_one_successor() {
    let house = std::sync::Arc::new(house().await);
    let first = house.guest(1).await;
    let racers: Vec<_> = (0..4)
        .map(|_| {
            let (house, first) = (house.clone(), first.clone());
            tokio::spawn(async move { house.refresh(&first, 1).await })
        })
        .collect();
    let mut given = std::collections::BTreeSet::new();
    for racer in racers {
        given.insert(racer.await.unwrap().unwrap().refresh_token);
    }
    assert_eq!(given.len(), 1);
}

#[tokio::test]
async fn signing_out_ends_both_tokens_and_twice_is_once() {
    let house = house().await;
    let grant = house.guest(1).await;
    let caller = house.caller(&grant).await;
    house.issuer.sign_out(&caller).await.unwrap();
    house.issuer.sign_out(&caller).await.unwrap();
    assert_family_is_dead(&house, &[&grant]).await;
}

#[tokio::test]
async fn devices_are_listed_and_revoked_one_by_one() {
    let house = house().await;
    let first = house.account("ada@example.org", 1).await;
    house.wait(1_000);
    let second = house.login("ada@example.org", PASSWORD, 2).await.unwrap();
    let stranger = house.guest(3).await;
    let caller = house.caller(&second).await;
    let devices = house.issuer.devices(&caller).await.unwrap();
    let listed: Vec<_> = devices.iter().map(|d| (d.device.0, d.name.as_str(), d.current)).collect();
    assert_eq!(listed, [(2, "phone 2", true), (1, "phone 1", false)]);
    for foreign in [3, 4] {
        let refused = house.issuer.revoke(&caller, DeviceId(foreign)).await;
        assert!(matches!(refused, Err(IssueError::NoDevice)), "{refused:?}");
    }
    house.issuer.revoke(&caller, DeviceId(1)).await.unwrap();
    assert_family_is_dead(&house, &[&first]).await;
    assert!(house.refresh(&second, 2).await.is_ok() && house.refresh(&stranger, 3).await.is_ok());
}

#[tokio::test]
async fn a_device_holds_one_session_and_a_person_so_many() {
    let house = house().await;
    house.account("ada@example.org", 0).await;
    for n in 1..=25 {
        house.wait(60_000);
        house.login("ada@example.org", PASSWORD, n).await.unwrap();
    }
    let last = house.login("ada@example.org", PASSWORD, 25).await.unwrap();
    let devices = house.issuer.devices(&house.caller(&last).await).await.unwrap();
    let numbers: Vec<u128> = devices.iter().map(|d| d.device.0).collect();
    assert_eq!(numbers, (6..=25).rev().collect::<Vec<_>>());
}

#[tokio::test]
async fn the_operator_code_opens_once() {
    let house = house().await;
    let code = house.issuer.first_operator_code().await.unwrap().expect("nobody is an operator yet");
    let redeem = async |code: &str, n| house.issuer.redeem_operator_code(code, &phone(n), None).await;
    assert!(matches!(redeem("guess", 1).await, Err(IssueError::CodeRefused)));
    let grant = redeem(&format!(" {code}\n"), 2).await.unwrap();
    assert_eq!(house.caller(&grant).await.roles, Role::ALL);
    assert!(matches!(redeem(&code, 3).await, Err(IssueError::CodeRefused)));
    assert_eq!(house.issuer.first_operator_code().await.unwrap(), None);
}

#[tokio::test]
async fn every_start_prints_a_new_code_until_one_was_used() {
    let house = house().await;
    let old = house.issuer.first_operator_code().await.unwrap().unwrap();
    let new = house.issuer.first_operator_code().await.unwrap().unwrap();
    assert!(house.issuer.redeem_operator_code(&old, &phone(1), None).await.is_err());
    house.wait(7 * 24 * 3_600_000);
    let late = house.issuer.redeem_operator_code(&new, &phone(1), None).await;
    assert!(matches!(late, Err(IssueError::CodeRefused)), "{late:?}");
}

#[tokio::test]
async fn a_signed_in_person_becomes_the_operator_and_keeps_their_id() {
    let house = house().await;
    let ada = house.account("ada@example.org", 1).await;
    let caller = house.caller(&ada).await;
    let code = house.issuer.new_operator_code().await.unwrap();
    let grant = house.issuer.redeem_operator_code(&code, &phone(1), Some(&caller)).await.unwrap();
    assert_eq!(grant.user.id, ada.user.id);
    assert!(house.caller(&grant).await.is_operator());
}

#[tokio::test]
async fn roles_are_given_by_operators_only_and_count_at_once() {
    let house = house().await;
    let operator = house.operator().await;
    let boss = house.caller(&operator).await;
    let ada = house.account("ada@example.org", 1).await;
    let caller = house.caller(&ada).await;
    let refused = house.issuer.set_roles(&caller, ada.user.id, &[Role::Operator]).await;
    assert!(matches!(refused, Err(IssueError::NotAllowed)));
    assert!(matches!(house.issuer.search(&caller, operator_filter()).await, Err(IssueError::NotAllowed)));

    house.issuer.set_roles(&boss, ada.user.id, &[Role::Moderator]).await.unwrap();
    let stale = house.verifier.verify(&ada.access_token).await;
    assert!(matches!(stale, Err(TokenError::Expired)), "the client refreshes: {stale:?}");
    let ada = house.refresh(&ada, 1).await.unwrap();
    assert!(house.caller(&ada).await.is_moderator());

    house.issuer.set_roles(&boss, ada.user.id, &[]).await.unwrap();
    assert!(house.verifier.verify(&ada.access_token).await.is_err(), "taken away at once");
    let ada = house.refresh(&ada, 1).await.unwrap();
    assert_eq!(house.caller(&ada).await.roles, [Role::Viewer]);
}

#[tokio::test]
async fn an_operator_cannot_lock_the_door_from_inside() {
    let house = house().await;
    let operator = house.operator().await;
    let boss = house.caller(&operator).await;
    let refused = house.issuer.set_roles(&boss, boss.user, &[Role::Moderator]).await;
    assert!(matches!(refused, Err(IssueError::NotAllowed)));
    let unknown = house.issuer.set_roles(&boss, UserId(404), &[Role::Moderator]).await;
    assert!(matches!(unknown, Err(IssueError::NoUser(UserId(404)))), "{unknown:?}");
}

#[tokio::test]
async fn a_profile_changes_field_by_field() {
    let house = house().await;
    let ada = house.account("ada@example.org", 1).await;
    let bob = house.account("bob@example.org", 2).await;
    let caller = house.caller(&ada).await;
    let edit = ProfileEdit { bio: Some("hello".into()), ..ProfileEdit::default() };
    let changed = house.issuer.update_profile(&caller, edit).await.unwrap();
    assert_eq!((changed.bio.as_str(), changed.display_name.as_str()), ("hello", "Ada Lovelace"));
    let taken = ProfileEdit { handle: Some(bob.user.handle.clone()), ..ProfileEdit::default() };
    let refused = house.issuer.update_profile(&caller, taken).await;
    assert!(matches!(refused, Err(IssueError::HandleTaken)), "{refused:?}");
    let bad = ProfileEdit { handle: Some("x".into()), display_name: Some(String::new()), bio: None };
    let Err(IssueError::BadFields(fields)) = house.issuer.update_profile(&caller, bad).await else {
        panic!("taken");
    };
    assert_eq!(fields.len(), 2);
    assert!(house.verifier.verify(&ada.access_token).await.is_ok(), "an edit ends no token");
    let asked = [bob.user.id, UserId(404), ada.user.id];
    let profiles = house.issuer.profiles(&asked).await.unwrap();
    assert_eq!(profiles.iter().map(|p| p.id).collect::<Vec<_>>(), [bob.user.id, ada.user.id]);
    let many = vec![ada.user.id; 450];
    assert_eq!(house.issuer.profiles(&many).await.unwrap().len(), 450);
}

#[derive(Debug, Clone)]
enum Step {
    /// Present the n-th token ever given, counted from the newest.
    Refresh {
        back: usize,
        with_device: bool,
    },
    Wait(i64),
    SignOut,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0usize..4, any::<bool>()).prop_map(|(back, with_device)| Step::Refresh { back, with_device }),
        4 => (0i64..15_000).prop_map(Step::Wait),
        1 => Just(Step::SignOut),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever is presented when: there is one live token, a spent one never opens anything but
    /// its own successor, and a dead family stays dead.
    #[test]
    fn a_family_has_one_live_token_or_none(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let house = house().await;
            let first = house.guest(1).await;
            let caller = house.caller(&first).await;
            let mut given = vec![first.refresh_token];
            let (mut dead, mut now, mut rotated_at) = (false, 0i64, i64::MIN);
            for step in steps {
                match step {
                    Step::Wait(ms) => { house.wait(ms); now += ms; }
                    Step::SignOut => { house.issuer.sign_out(&caller).await.unwrap(); dead = true; }
                    Step::Refresh { back, with_device } => {
                        let at = given.len().saturating_sub(1 + back);
                        let device = with_device.then_some(DeviceId(1));
                        let outcome = house.issuer.refresh(&given[at], device).await;
                        match outcome {
                            Ok(grant) => {
                                prop_assert!(!dead);
                                if at + 1 == given.len() {
                                    prop_assert!(!given.contains(&grant.refresh_token));
                                    given.push(grant.refresh_token);
                                    rotated_at = now;
                                } else {
                                    prop_assert_eq!(at + 2, given.len());
                                    prop_assert!(with_device && now - rotated_at <= 10_000);
                                    prop_assert_eq!(&grant.refresh_token, &given[at + 1]);
                                }
                            }
                            Err(IssueError::Reused) => {
                                prop_assert!(!dead && at + 1 < given.len());
                                dead = true;
                            }
                            Err(IssueError::Refused) => prop_assert!(dead),
                            Err(IssueError::TooMany { .. }) => return Ok(()),
                            Err(e) => prop_assert!(false, "{e}"),
                        }
                    }
                }
            }
            Ok(())
        })?;
    }
}
