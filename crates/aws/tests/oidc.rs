//! Outside issuers: a small one of our own that misbehaves on request, and Cognito on its double.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

#[path = "oidc/cognito.rs"]
mod cognito;
#[path = "oidc/issuer.rs"]
mod issuer;

use aws::identity::oidc::{FetchLimits, OidcProvider, OidcSettings};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use identity::outside::{OutsideDeps, OutsidePolicy};
use identity::{
    Caller, KeyringPolicy, MemoryAccountStore, MemoryLinkStore, RevokedSessions, SignatureAlgorithm,
    TokenError, TokenVerifier,
};
use issuer::{Issuer, Mood, TestKey, hmac, signing_input};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};
use stdx::{Clock, ManualClock, OsEntropy, SystemClock};
use testkit::{Case, case, trials};
use vocab::Millis;

/// 2026-01-01T00:00:00Z, where the manual clock starts.
const NOW: i64 = 1_767_225_600;
const AUDIENCE: &str = "signal-api";

fn main() {
    let mut all = trials("issuer", cases(), || ());
    match support::double::oidc() {
        Some(endpoint) => all.extend(trials("cognito", cognito::cases(), move || endpoint.clone())),
        None => println!("skipped: oidc is missing: the cases of Cognito"),
    }
    testkit::main(all);
}

fn cases() -> Vec<Case<()>> {
    vec![
        case("tokens_of_three_kinds_of_keys_are_good", tokens_of_three_kinds_of_keys_are_good),
        case("every_forged_token_is_refused", every_forged_token_is_refused),
        case("an_algorithm_that_is_not_allowed_is_refused", an_algorithm_that_is_not_allowed_is_refused),
        case("discovery_is_asked_once_and_keys_are_kept", discovery_is_asked_once_and_keys_are_kept),
        case("a_new_key_is_found_and_a_withdrawn_one_forgotten", a_new_key_is_found),
        case("unknown_key_ids_cannot_hammer_the_issuer", unknown_key_ids_cannot_hammer),
        case("keys_are_refreshed_in_the_background", keys_are_refreshed_in_the_background),
        case("an_issuer_that_is_away_stops_nobody_for_a_day", an_issuer_that_is_away_stops_nobody),
        case("a_slow_issuer_holds_nobody_up_who_has_a_key", a_slow_issuer_holds_nobody_up),
        case("too_much_too_slow_and_strange_documents_are_refused", strange_documents_are_refused),
        case("an_issuer_set_wrongly_is_told_at_start", an_issuer_set_wrongly_is_told),
        case("an_issuer_away_at_start_is_asked_again", an_issuer_away_at_start),
    ]
}

fn policy(issuer: &Issuer) -> OutsidePolicy {
    OutsidePolicy { groups_claim: Some("groups".into()), ..OutsidePolicy::of(&issuer.url, AUDIENCE) }
}

fn settings(issuer: &Issuer) -> OidcSettings {
    let limits = FetchLimits { timeout: Duration::from_millis(800), ..FetchLimits::default() };
    OidcSettings { limits, ..OidcSettings::new(policy(issuer)) }
}

fn deps(clock: Arc<dyn Clock>) -> OutsideDeps {
    OutsideDeps {
        links: Arc::new(MemoryLinkStore::default()),
        accounts: Arc::new(MemoryAccountStore::default()),
        revoked: Arc::new(RevokedSessions::default()),
        clock,
        entropy: Arc::new(OsEntropy),
    }
}

struct Gate {
    provider: OidcProvider,
    issuer: Arc<Issuer>,
    clock: Arc<ManualClock>,
}

async fn gate(keys: &[&TestKey]) -> Gate {
    let issuer = Issuer::start(keys).await;
    let clock = Arc::new(ManualClock::default());
    let provider = OidcProvider::start(settings(&issuer), deps(clock.clone())).await;
    Gate { provider: provider.expect("the issuer is there"), issuer, clock }
}

impl Gate {
    fn claims(&self) -> Value {
        json!({ "iss": self.issuer.url, "sub": "ada", "aud": AUDIENCE, "exp": NOW + 3_600, "iat": NOW,
            "jti": "one", "groups": ["moderator"] })
    }
    async fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        self.provider.verify(token).await
    }
}

fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

async fn tokens_of_three_kinds_of_keys_are_good((): ()) {
    let keys = [TestKey::rsa_a(), TestKey::ec(), TestKey::ed()];
    let gate = gate(&keys.each_ref()).await;
    let mut users = Vec::new();
    for key in &keys {
        let caller = gate.verify(&key.token(&gate.claims())).await.unwrap();
        assert!(caller.is_moderator() && !caller.guest);
        users.push(caller.user);
    }
    users.dedup();
    assert_eq!(users.len(), 1, "one person whatever the key");
    gate.clock.advance(Millis(3_660_000));
    let over = gate.verify(&keys[0].token(&gate.claims())).await;
    assert!(matches!(over, Err(TokenError::Expired)), "{over:?}");
}

/// `(what, token)`; each differs from a good one in what its name says.
fn forged(gate: &Gate, ours: &TestKey) -> Vec<(&'static str, String)> {
    let (h, c) = (|| ours.header(), || gate.claims());
    let (thief, ed) = (TestKey::rsa_b(), TestKey::ed());
    let n = ours.public()["n"].as_str().unwrap().to_owned();
    let modulus = B64.decode(&n).unwrap();
    let pem = include_bytes!("oidc/rsa_a.pem");
    let s = |header: Value, claims: Value| ours.sign(&header, &claims);
    let hs = |secret: &[u8]| hmac(&with(h(), "alg", json!("HS256")), &c(), secret);
    vec![
        ("alg none", format!("{}.", signing_input(&with(h(), "alg", json!("none")), &c()))),
        ("no signature", format!("{}.", signing_input(&h(), &c()))),
        ("HS256 with the modulus as secret", hs(&modulus)),
        ("HS256 with its text as secret", hs(n.as_bytes())),
        ("HS256 with a PEM as secret", hs(pem)),
        ("RS256 header over an HMAC", hmac(&h(), &c(), &modulus)),
        ("RS384", s(with(h(), "alg", json!("RS384")), c())),
        ("PS256", s(with(h(), "alg", json!("PS256")), c())),
        ("ES256 by an RSA key", s(with(h(), "alg", json!("ES256")), c())),
        ("EdDSA under the name of an RSA key", ed.sign(&with(ed.header(), "kid", json!("rsa-a")), &c())),
        ("another key under our name", thief.sign(&h(), &c())),
        ("a key the issuer does not know", thief.token(&c())),
        ("its key brought along", thief.sign(&with(h(), "jwk", thief.public()), &c())),
        ("jku", s(with(h(), "jku", json!(format!("{}/keys", gate.issuer.url))), c())),
        ("crit", s(with(h(), "crit", json!(["exp"])), c())),
        ("no key id", ours.sign(&json!({ "alg": "RS256" }), &c())),
        ("a logout token", s(with(h(), "typ", json!("logout+jwt")), c())),
        ("another issuer", s(h(), with(c(), "iss", json!("https://id.example")))),
        ("issuer with a slash", s(h(), with(c(), "iss", json!(format!("{}/", gate.issuer.url))))),
        ("another audience", s(h(), with(c(), "aud", json!("another-api")))),
        ("no audience", s(h(), with(c(), "aud", json!(null)))),
        ("an id token by its use", s(h(), with(c(), "token_use", json!("id")))),
        ("an id token by its nonce", s(h(), with(c(), "nonce", json!("n")))),
        ("expired", s(h(), with(c(), "exp", json!(NOW - 60)))),
        ("not yet", s(h(), with(c(), "nbf", json!(NOW + 61)))),
        ("for a year", s(h(), with(c(), "exp", json!(NOW + 31_536_000)))),
        ("nobody", s(h(), with(c(), "sub", json!("")))),
        ("too long", s(h(), with(c(), "groups", json!(vec!["group"; 2_000])))),
        ("noise", "!!!.???.***".to_owned()),
        ("nothing", String::new()),
    ]
}

async fn every_forged_token_is_refused((): ()) {
    let ours = TestKey::rsa_a();
    let gate = gate(&[&ours, &TestKey::ec()]).await;
    gate.verify(&ours.token(&gate.claims())).await.expect("the control token is good");
    for (what, token) in forged(&gate, &ours) {
        let outcome = gate.verify(&token).await;
        let right = matches!(outcome, Err(TokenError::Invalid(_)))
            || (what == "expired" && matches!(outcome, Err(TokenError::Expired)));
        assert!(right, "{what}: {outcome:?}");
    }
}

async fn an_algorithm_that_is_not_allowed_is_refused((): ()) {
    let (rsa, ec) = (TestKey::rsa_a(), TestKey::ec());
    let issuer = Issuer::start(&[&rsa, &ec]).await;
    let mut settings = settings(&issuer);
    settings.policy.algorithms = vec![SignatureAlgorithm::Rs256];
    let clock = Arc::new(ManualClock::default());
    let provider = OidcProvider::start(settings, deps(clock.clone())).await.unwrap();
    let gate = Gate { provider, issuer, clock };
    assert!(gate.verify(&rsa.token(&gate.claims())).await.is_ok());
    assert!(matches!(gate.verify(&ec.token(&gate.claims())).await, Err(TokenError::Invalid("algorithm"))));
}

async fn discovery_is_asked_once_and_keys_are_kept((): ()) {
    let key = TestKey::ed();
    let gate = gate(&[&key]).await;
    for _ in 0..50 {
        gate.verify(&key.token(&gate.claims())).await.unwrap();
    }
    gate.clock.advance(Millis(900_000));
    for _ in 0..50 {
        gate.verify(&key.token(&gate.claims())).await.unwrap();
    }
    assert_eq!((gate.issuer.discovery_read.load(Ordering::SeqCst), gate.issuer.reads()), (1, 2));
}

async fn a_new_key_is_found((): ()) {
    let (old, new) = (TestKey::rsa_a(), TestKey::rsa_b());
    let gate = gate(&[&old]).await;
    gate.verify(&old.token(&gate.claims())).await.unwrap();
    gate.issuer.publish(&[&old, &new]);
    gate.clock.advance(Millis(30_000));
    gate.verify(&new.token(&gate.claims())).await.expect("looked for at once");
    gate.verify(&old.token(&gate.claims())).await.expect("both count while both are published");
    gate.issuer.publish(&[&new]);
    gate.clock.advance(Millis(900_000));
    gate.verify(&new.token(&gate.claims())).await.unwrap();
    let withdrawn = gate.verify(&old.token(&gate.claims())).await;
    assert!(matches!(withdrawn, Err(TokenError::Invalid(_))), "{withdrawn:?}");
}

async fn unknown_key_ids_cannot_hammer((): ()) {
    let key = TestKey::ed();
    let gate = Arc::new(gate(&[&key]).await);
    let flood: tokio::task::JoinSet<_> = (0..200)
        .map(|n| {
            let gate = Arc::clone(&gate);
            let header = json!({ "alg": "EdDSA", "kid": format!("unknown-{n}") });
            let token = TestKey::ed().sign(&header, &gate.claims());
            async move { gate.verify(&token).await.is_err() }
        })
        .collect();
    assert!(flood.join_all().await.into_iter().all(|refused| refused));
    assert_eq!(gate.issuer.reads(), 1, "the one at start");
    gate.clock.advance(Millis(30_000));
    for n in 0..200 {
        let header = json!({ "alg": "EdDSA", "kid": format!("later-{n}") });
        assert!(gate.verify(&key.sign(&header, &gate.claims())).await.is_err());
    }
    assert_eq!(gate.issuer.reads(), 2, "one more in half a minute");
    assert!(gate.verify(&key.token(&gate.claims())).await.is_ok(), "known people come in all the while");
}

async fn keys_are_refreshed_in_the_background((): ()) {
    let issuer = Issuer::start(&[&TestKey::ed()]).await;
    let mut settings = settings(&issuer);
    settings.policy.keyring =
        KeyringPolicy { age_max: Millis(200), refresh_min: Millis(50), ..settings.policy.keyring };
    let provider = OidcProvider::start(settings, deps(Arc::new(SystemClock))).await.unwrap();
    let begun = Instant::now();
    while issuer.reads() < 4 {
        assert!(begun.elapsed() < Duration::from_secs(20), "nobody asks");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    drop(provider);
    tokio::time::sleep(Duration::from_millis(200)).await;
    let reads = issuer.reads();
    tokio::time::sleep(Duration::from_millis(400)).await;
    assert_eq!(issuer.reads(), reads, "a provider that is gone asks no more");
}

async fn an_issuer_that_is_away_stops_nobody((): ()) {
    let (key, new) = (TestKey::ed(), TestKey::rsa_a());
    let gate = gate(&[&key]).await;
    gate.issuer.be(Mood::Broken(503));
    let token = |gate: &Gate| {
        let now = gate.clock.now().0 / 1_000;
        key.token(&with(with(gate.claims(), "exp", json!(now + 600)), "iat", json!(now)))
    };
    gate.clock.advance(Millis(23 * 3_600_000));
    gate.verify(&token(&gate)).await.expect("keys count for a day");
    let unknown = gate.verify(&new.token(&gate.claims())).await;
    assert!(matches!(unknown, Err(TokenError::Fault(_))), "nothing is known of a new key: {unknown:?}");
    assert_eq!(gate.provider.check(), Ok(()));
    gate.clock.advance(Millis(3_600_000));
    assert!(matches!(gate.verify(&token(&gate)).await, Err(TokenError::Fault(f)) if f.is_retryable()));
    assert!(gate.provider.check().unwrap_err().contains("has not answered"));
    gate.issuer.be(Mood::Well);
    gate.clock.advance(Millis(30_000));
    gate.verify(&token(&gate)).await.expect("back again");
    assert_eq!(gate.provider.check(), Ok(()));
}

async fn a_slow_issuer_holds_nobody_up((): ()) {
    let key = TestKey::ed();
    let issuer = Issuer::start(&[&key]).await;
    let clock = Arc::new(ManualClock::default());
    let patient = OidcSettings { limits: FetchLimits::default(), ..settings(&issuer) };
    let provider = OidcProvider::start(patient, deps(clock.clone())).await.unwrap();
    let gate = Arc::new(Gate { provider, issuer, clock });
    gate.issuer.be(Mood::Slow(Duration::from_secs(3)));
    gate.clock.advance(Millis(900_000));
    let begun = Instant::now();
    let crowd: tokio::task::JoinSet<_> = (0..8)
        .map(|_| {
            let (gate, token) = (Arc::clone(&gate), key.token(&gate.claims()));
            async move {
                gate.verify(&token).await.expect("its key is known");
                begun.elapsed() < Duration::from_millis(2_900)
            }
        })
        .collect();
    let at_once = crowd.join_all().await.into_iter().filter(|at_once| *at_once).count();
    assert_eq!((at_once, gate.issuer.reads()), (7, 2), "one asks, the others go on");
}

async fn strange_documents_are_refused((): ()) {
    let slow = Mood::Slow(Duration::from_secs(5));
    let huge = Mood::Huge(300 * 1024);
    let elsewhere = Mood::Redirects("https://evil.example/keys".to_owned());
    let moods =
        [slow, huge, elsewhere, Mood::Broken(404), Mood::Says("<html>"), Mood::Says("[]"), Mood::Says("{}")];
    for mood in moods {
        let key = TestKey::ed();
        let gate = gate(&[&key]).await;
        gate.issuer.be(mood);
        gate.clock.advance(Millis(900_000));
        let begun = Instant::now();
        gate.verify(&key.token(&gate.claims())).await.expect("what was known stays");
        let unknown = gate.verify(&TestKey::rsa_a().token(&gate.claims())).await;
        assert!(matches!(unknown, Err(TokenError::Fault(_))), "{unknown:?}");
        assert!(begun.elapsed() < Duration::from_secs(3), "in bounds of time");
    }
}

async fn an_issuer_set_wrongly_is_told((): ()) {
    let issuer = Issuer::start(&[&TestKey::ed()]).await;
    let clock = || deps(Arc::new(ManualClock::default()));
    let said = async |settings: OidcSettings| {
        OidcProvider::start(settings, clock()).await.expect_err("it is set wrongly").to_string()
    };
    let mut other = settings(&issuer);
    other.policy.issuer = format!("{}/", issuer.url);
    assert!(said(other).await.contains("speaks for the issuer"));
    let mut plain = settings(&issuer);
    plain.policy.issuer = "http://id.example".into();
    assert!(said(plain).await.contains("https"));
    let mut anybody = settings(&issuer);
    anybody.policy.audience = None;
    assert!(said(anybody).await.contains("set one of them"));
    let mut fixed = settings(&issuer);
    fixed.jwks_url = Some("http://10.0.0.1/keys".into());
    assert!(said(fixed).await.contains("https"));
    *issuer.discovery.lock().unwrap() = json!({ "issuer": issuer.url, "jwks_uri": "http://10.0.0.1/keys" });
    assert!(said(settings(&issuer)).await.contains("jwks_uri"));
    *issuer.discovery.lock().unwrap() = json!({ "issuer": issuer.url });
    assert!(said(settings(&issuer)).await.contains("jwks_uri"));
    issuer.be(Mood::Redirects("https://evil.example/".into()));
    assert!(said(settings(&issuer)).await.contains("redirect"));
    issuer.be(Mood::Huge(300 * 1024));
    assert!(said(settings(&issuer)).await.contains("more than"));
}

async fn an_issuer_away_at_start((): ()) {
    let key = TestKey::ed();
    let issuer = Issuer::start(&[&key]).await;
    issuer.be(Mood::Broken(500));
    let clock = Arc::new(ManualClock::default());
    let provider = OidcProvider::start(settings(&issuer), deps(clock.clone())).await.expect("it may come");
    let gate = Gate { provider, issuer, clock };
    assert!(gate.provider.check().unwrap_err().contains("could not be fetched"));
    assert!(matches!(gate.verify(&key.token(&gate.claims())).await, Err(TokenError::Fault(_))));
    gate.issuer.be(Mood::Well);
    gate.clock.advance(Millis(30_000));
    gate.verify(&key.token(&gate.claims())).await.unwrap();
}
