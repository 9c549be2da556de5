//! People of an outside issuer: linked once, remembered in bounds, signed out everywhere.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;

use async_trait::async_trait;
use fixture::{form, house, house_with, phone};
use identity::outside::{OutsideDeps, OutsidePeople, OutsidePolicy, OutsideVerifier, TokenVerifiers};
use identity::{
    IdentityPolicy, IssueError, KeySource, MemoryAccountStore, MemoryLinkStore, MemoryRevocationStore,
    Outside, RevocationPolicy, RevokedSessions, Role, StoredKey, TokenError, TokenVerifier,
};
use jsonwebtoken::{Algorithm, Header};
use serde_json::{Value, json};
use std::sync::Arc;
use stdx::{Clock, Fault, ManualClock, SeededEntropy};
use vocab::{Millis, UserId};

const ISSUER: &str = "https://id.example/pool";
const NOW: i64 = 1_767_225_600;

fn key() -> StoredKey {
    StoredKey::new([9; 32], Millis(0), Millis(0)).unwrap()
}

struct Keys;

#[async_trait]
impl KeySource for Keys {
    async fn jwks(&self) -> Result<Value, Fault> {
        identity::keys::jwks(&[key()], Millis(0))
    }
}

fn token(claims: Value) -> String {
    let mut header = Header::new(Algorithm::EdDSA);
    header.kid = Some(key().kid);
    jsonwebtoken::encode(&header, &claims, &key().encoding_key()).unwrap()
}

fn claims(subject: &str, groups: &[&str]) -> Value {
    json!({ "iss": ISSUER, "sub": subject, "aud": "signal-api", "exp": NOW + 3_600, "iat": NOW,
        "sid": format!("sign-in of {subject}"), "name": "Ada Lovelace", "groups": groups })
}

fn policy() -> OutsidePolicy {
    OutsidePolicy { groups_claim: Some("groups".into()), ..OutsidePolicy::of(ISSUER, "signal-api") }
}

fn deps() -> OutsideDeps {
    OutsideDeps {
        links: Arc::new(MemoryLinkStore::default()),
        accounts: Arc::new(MemoryAccountStore::default()),
        revoked: Arc::new(RevokedSessions::default()),
        clock: Arc::new(ManualClock::default()),
        entropy: Arc::new(SeededEntropy::new(7)),
    }
}

fn verifier(deps: &OutsideDeps, policy: OutsidePolicy) -> Arc<OutsideVerifier> {
    let people = Arc::new(OutsidePeople::new(deps.clone(), &policy));
    let (revoked, clock) = (deps.revoked.clone(), deps.clock.clone());
    Arc::new(OutsideVerifier::new(Arc::new(Keys), people, revoked, clock, policy).unwrap())
}

#[tokio::test]
async fn a_person_seen_for_the_first_time_gets_a_record_and_keeps_it() {
    let deps = deps();
    let first = verifier(&deps, policy()).verify(&token(claims("ada", &["operator"]))).await.unwrap();
    assert!(!first.guest && first.is_operator());
    let record = deps.accounts.get(first.user).await.unwrap();
    assert_eq!((record.display_name.as_str(), record.handle.as_str()), ("Ada Lovelace", "ada_lovelace"));
    assert_eq!((record.email, record.password_hash), (None, None));
    assert_eq!(first.user.created_at_unix_ms(), NOW * 1_000, "ids stay sortable by birth");
    // Another process, nothing remembered.
    let again = verifier(&deps, policy()).verify(&token(claims("ada", &["operator"]))).await.unwrap();
    assert_eq!(again, first);
    let eve = verifier(&deps, policy()).verify(&token(claims("eve", &[]))).await.unwrap();
    assert_ne!(eve.user, first.user);
}

#[tokio::test]
async fn many_first_sights_at_once_make_one_record() {
    let deps = deps();
    let sights: tokio::task::JoinSet<_> = (0..16)
        .map(|_| {
            let verifier = verifier(&deps, policy());
            async move { verifier.verify(&token(claims("ada", &[]))).await.unwrap().user }
        })
        .collect();
    let mut users: Vec<UserId> = sights.join_all().await;
    users.dedup();
    assert_eq!(users.len(), 1);
}

#[tokio::test]
async fn a_link_whose_record_was_never_written_is_mended() {
    let deps = deps();
    let ada = Outside { issuer: ISSUER.into(), subject: "ada".into() };
    deps.links.link(&ada, UserId(77)).await.unwrap();
    let caller = verifier(&deps, policy()).verify(&token(claims("ada", &[]))).await.unwrap();
    assert_eq!(caller.user, UserId(77));
    assert!(deps.accounts.get(UserId(77)).await.is_ok());
}

#[tokio::test]
async fn groups_decide_and_the_record_follows() {
    let deps = deps();
    let verifier = verifier(&deps, policy());
    let roles = async |groups: &[&str]| {
        let caller = verifier.verify(&token(claims("ada", groups))).await.unwrap();
        (caller.roles, deps.accounts.get(caller.user).await.unwrap().roles)
    };
    let moderator = vec![Role::Viewer, Role::Moderator];
    assert_eq!(roles(&["moderator"]).await, (moderator.clone(), moderator));
    assert_eq!(roles(&[]).await, (vec![Role::Viewer], vec![Role::Viewer]), "taken away at once");
}

#[tokio::test]
async fn without_a_groups_claim_roles_are_given_here_and_hold_within_the_remembered_time() {
    let (deps, clock) = (deps(), Arc::new(ManualClock::default()));
    let deps = OutsideDeps { clock: clock.clone(), ..deps };
    let verifier = verifier(&deps, OutsidePolicy { groups_claim: None, ..policy() });
    let ada = token(claims("ada", &["operator"]));
    let caller = verifier.verify(&ada).await.unwrap();
    assert!(!caller.is_moderator(), "groups are not asked for");
    let mut record = deps.accounts.get(caller.user).await.unwrap();
    record.roles = vec![Role::Viewer, Role::Moderator];
    deps.accounts.update(record).await.unwrap();
    clock.advance(Millis(60_000));
    assert!(verifier.verify(&ada).await.unwrap().is_moderator());
    let mut record = deps.accounts.get(caller.user).await.unwrap();
    record.roles = vec![Role::Viewer];
    let record = deps.accounts.update(record).await.unwrap();
    // Told, not waited for.
    let now = clock.now();
    deps.revoked.require_revision(caller.user, record.revision, now, Millis(now.0 + 1));
    assert!(!verifier.verify(&ada).await.unwrap().is_moderator());
}

#[tokio::test]
async fn a_sign_out_in_one_process_holds_in_another_after_one_look() {
    let news = Arc::new(MemoryRevocationStore::default());
    let shared = || Arc::new(RevokedSessions::shared(news.clone(), RevocationPolicy::default()));
    let (clock, here) = (Arc::new(ManualClock::default()), shared());
    let deps = OutsideDeps { revoked: here.clone(), clock: clock.clone(), ..deps() };
    let (there, late) = (shared(), shared());
    let elsewhere = verifier(&OutsideDeps { revoked: there.clone(), ..deps.clone() }, policy());
    let ada = token(claims("ada", &[]));
    let caller = verifier(&deps, policy()).verify(&ada).await.unwrap();
    there.catch_up(clock.now()).await.unwrap();

    let home = house().await;
    let mut issuing = home.deps.clone();
    (issuing.revoked, issuing.clock) = (here.clone(), clock.clone());
    let issuer = identity::Issuer::start(issuing, IdentityPolicy::default()).await.unwrap();
    issuer.sign_out(&caller).await.unwrap();
    assert!(here.is_ended(caller.session));
    assert!(elsewhere.verify(&ada).await.is_ok(), "not yet told");
    clock.advance(RevocationPolicy::default().poll);
    there.catch_up(clock.now()).await.unwrap();
    assert!(matches!(elsewhere.verify(&ada).await, Err(TokenError::Ended)));
    // The token lives an hour, longer than ours: it is remembered as long, also by a process that starts.
    clock.advance(Millis(3_500_000));
    late.catch_up(clock.now()).await.unwrap();
    assert!(late.is_ended(caller.session));
}

#[tokio::test]
async fn tokens_go_to_the_verifier_of_their_issuer() {
    let (deps, home) = (deps(), house().await);
    let guest = home.guest(1).await;
    let both = TokenVerifiers::new(
        home.issuer.policy().issuer.clone(),
        Arc::new(home.verifier),
        vec![verifier(&deps, policy())],
    );
    assert!(both.verify(&guest.access_token).await.unwrap().guest);
    assert!(!both.verify(&token(claims("ada", &[]))).await.unwrap().guest);
    let mut stranger = claims("ada", &[]);
    for iss in [json!("https://evil.example"), json!("http://127.0.0.1:8080"), json!(null), json!([ISSUER])] {
        stranger["iss"] = iss.clone();
        assert!(both.verify(&token(stranger.clone())).await.is_err(), "{iss}");
    }
    for text in ["", ".", "..", "a.b", "a.e30.c", &"x.".repeat(9_000)] {
        assert!(both.verify(text).await.is_err());
    }
}

#[tokio::test]
async fn with_accounts_elsewhere_only_guests_enter_and_an_account_adopts_its_guest() {
    let home = house_with(IdentityPolicy { accounts_at: Some(ISSUER.into()), ..IdentityPolicy::default() });
    let home = home.await;
    let refused = home.issuer.register(form("ada@example.org"), &phone(1), None).await;
    assert!(matches!(refused, Err(IssueError::Elsewhere { issuer }) if issuer == ISSUER));
    assert!(matches!(home.login("ada@example.org", "x", 1).await, Err(IssueError::Elsewhere { .. })));
    let guest = home.caller(&home.guest(1).await).await;

    let deps = OutsideDeps { accounts: home.deps.accounts.clone(), ..deps() };
    let ada = verifier(&deps, policy()).verify(&token(claims("ada", &[]))).await.unwrap();
    assert_eq!(home.issuer.adopt(&ada, &guest).await.unwrap(), Some(guest.user));
    assert_eq!(*home.merges.merged.lock().unwrap(), [(guest.user, ada.user)]);
    assert_eq!(home.deps.accounts.get(guest.user).await.unwrap().merged_into, Some(ada.user));
    assert_eq!(home.issuer.adopt(&ada, &guest).await.unwrap(), Some(guest.user), "the reply was lost");
    assert_eq!(home.issuer.adopt(&guest, &guest).await.unwrap(), None);
    assert_eq!(home.issuer.adopt(&ada, &ada).await.unwrap(), None, "an account is not taken in");
    let other = verifier(&deps, policy()).verify(&token(claims("eve", &[]))).await.unwrap();
    assert_eq!(home.issuer.adopt(&other, &guest).await.unwrap(), None, "it is Ada's");
}
