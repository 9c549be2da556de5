//! What the verifier refuses, and how it gets its keys.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use fixture::{House, house};
use identity::claims::{Claims, TOKEN_TYPE, sign};
use identity::{KeySource, RevokedSessions, SessionId, StoredKey, TokenError, Verifier, VerifierPolicy};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use stdx::{Clock, Fault, ManualClock};
use vocab::{DeviceId, Millis, UserId};

/// 2026-01-01T00:00:00Z, where the manual clock starts.
const NOW: i64 = 1_767_225_600;

fn our_key() -> StoredKey {
    StoredKey::new([1; 32], Millis(0), Millis(0)).unwrap()
}

fn claims() -> Value {
    json!({
        "iss": "http://127.0.0.1:8080", "aud": "signal-video", "sub": UserId(7).to_string(),
        "exp": NOW + 600, "nbf": NOW, "iat": NOW, "token_use": "access",
        "sid": SessionId(5).to_string(), "did": DeviceId(6).to_string(),
        "guest": false, "roles": ["viewer", "moderator"], "rev": 1,
    })
}

fn header() -> Value {
    json!({ "alg": "EdDSA", "typ": TOKEN_TYPE, "kid": our_key().kid })
}

fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()))
}

/// Signed with an Ed25519 key, whatever the header says.
fn signed(header: &Value, claims: &Value, key: &StoredKey) -> String {
    let input = signing_input(header, claims);
    let signature =
        jsonwebtoken::crypto::sign(input.as_bytes(), &key.encoding_key(), Algorithm::EdDSA).unwrap();
    format!("{input}.{signature}")
}

/// Signed with a secret, as HS256.
fn hmac(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let input = signing_input(header, claims);
    let key = EncodingKey::from_secret(secret);
    format!("{input}.{}", jsonwebtoken::crypto::sign(input.as_bytes(), &key, Algorithm::HS256).unwrap())
}

fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}

fn without(mut object: Value, field: &str) -> Value {
    object.as_object_mut().unwrap().remove(field);
    object
}

/// A JWKS document that counts its readers and may be away.
#[derive(Default)]
struct Source {
    document: Mutex<Value>,
    reads: AtomicU32,
    away: AtomicBool,
}

#[async_trait]
impl KeySource for Source {
    async fn jwks(&self) -> Result<Value, Fault> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        if self.away.load(Ordering::SeqCst) {
            return Err(Fault::unavailable("no route to the issuer"));
        }
        Ok(self.document.lock().unwrap().clone())
    }
}

struct Gate {
    verifier: Verifier,
    source: Arc<Source>,
    clock: Arc<ManualClock>,
    revoked: Arc<RevokedSessions>,
}

fn gate() -> Gate {
    let source = Arc::new(Source::default());
    *source.document.lock().unwrap() = identity::keys::jwks(&[our_key()], Millis(0)).unwrap();
    let (clock, revoked) = (Arc::new(ManualClock::default()), Arc::new(RevokedSessions::default()));
    let policy = VerifierPolicy::default();
    let verifier = Verifier::new(source.clone(), revoked.clone(), clock.clone(), policy);
    Gate { verifier, source, clock, revoked }
}

#[tokio::test]
async fn the_control_token_is_good() {
    let caller = gate().verifier.verify(&signed(&header(), &claims(), &our_key())).await.unwrap();
    assert_eq!((caller.user, caller.session, caller.device), (UserId(7), SessionId(5), DeviceId(6)));
    assert!(caller.is_moderator() && !caller.is_operator() && !caller.guest);
    assert_eq!(caller.expires_at, Millis((NOW + 600) * 1_000));
}

/// `(what, token)`; every one differs from the control token in what its name says.
fn forged() -> Vec<(&'static str, String)> {
    let (h, c, key) = (header, claims, our_key());
    let thief = StoredKey::new([66; 32], Millis(0), Millis(0)).unwrap();
    let thief_jwk = identity::keys::jwks(std::slice::from_ref(&thief), Millis(0)).unwrap()["keys"][0].clone();
    let public =
        B64.decode(identity::keys::jwks(&[our_key()], Millis(0)).unwrap()["keys"][0]["x"].as_str().unwrap());
    let public = public.unwrap();
    let control = signed(&h(), &c(), &key);
    let parts: Vec<&str> = control.split('.').collect();
    let s = |header: Value, claims: Value| signed(&header, &claims, &key);
    let unsigned = |alg: &str| format!("{}.", signing_input(&with(h(), "alg", json!(alg)), &c()));
    vec![
        ("alg none", unsigned("none")),
        ("alg NONE", unsigned("NoNe")),
        ("no signature", format!("{}.{}.", parts[0], parts[1])),
        ("two parts", format!("{}.{}", parts[0], parts[1])),
        ("four parts", format!("{control}.{}", parts[2])),
        ("HS256 with the public key as secret", hmac(&with(h(), "alg", json!("HS256")), &c(), &public)),
        ("EdDSA header over an HMAC", hmac(&h(), &c(), &public)),
        ("HS256 header over an EdDSA signature", s(with(h(), "alg", json!("HS256")), c())),
        ("ES256 header", s(with(h(), "alg", json!("ES256")), c())),
        ("RS256 header", s(with(h(), "alg", json!("RS256")), c())),
        ("another key under our kid", signed(&h(), &c(), &thief)),
        ("another key under its own kid", signed(&with(h(), "kid", json!(thief.kid)), &c(), &thief)),
        ("its key brought along as jwk", signed(&with(h(), "jwk", thief_jwk), &c(), &thief)),
        ("jku", s(with(h(), "jku", json!("http://127.0.0.1:9/jwks.json")), c())),
        ("x5u", s(with(h(), "x5u", json!("http://127.0.0.1:9/cert")), c())),
        ("x5c", s(with(h(), "x5c", json!(["AAAA"])), c())),
        ("crit", s(with(h(), "crit", json!(["exp"])), c())),
        ("unknown header", s(with(h(), "b64", json!(false)), c())),
        ("no kid", s(without(h(), "kid"), c())),
        ("empty kid", s(with(h(), "kid", json!("")), c())),
        ("kid as a path", s(with(h(), "kid", json!("../../../../dev/null")), c())),
        ("kid as SQL", s(with(h(), "kid", json!("' OR 1=1 --")), c())),
        ("kid as a list", s(with(h(), "kid", json!([our_key().kid])), c())),
        ("typ JWT", s(with(h(), "typ", json!("JWT")), c())),
        ("no typ", s(without(h(), "typ"), c())),
        ("expired", s(h(), with(c(), "exp", json!(NOW - 60)))),
        ("no exp", s(h(), without(c(), "exp"))),
        ("exp as text", s(h(), with(c(), "exp", json!("99999999999")))),
        ("exp negative", s(h(), with(c(), "exp", json!(-1)))),
        ("exp beyond numbers", s(h(), with(c(), "exp", json!(1e300)))),
        ("not valid yet", s(h(), with(c(), "nbf", json!(NOW + 61)))),
        ("no nbf", s(h(), without(c(), "nbf"))),
        ("from the future", s(h(), with(c(), "iat", json!(NOW + 3_600)))),
        ("wrong audience", s(h(), with(c(), "aud", json!("another-service")))),
        ("a list of audiences", s(h(), with(c(), "aud", json!(["signal-video", "other"])))),
        ("no audience", s(h(), without(c(), "aud"))),
        ("wrong issuer", s(h(), with(c(), "iss", json!("http://127.0.0.1:8081")))),
        ("issuer with a slash", s(h(), with(c(), "iss", json!("http://127.0.0.1:8080/")))),
        ("a list of issuers", s(h(), with(c(), "iss", json!(["http://127.0.0.1:8080"])))),
        ("no issuer", s(h(), without(c(), "iss"))),
        ("an id token", s(h(), with(c(), "token_use", json!("id")))),
        ("a refresh token", s(h(), with(c(), "token_use", json!("refresh")))),
        ("no use", s(h(), without(c(), "token_use"))),
        ("sub is no id", s(h(), with(c(), "sub", json!("admin")))),
        ("sub is a number", s(h(), with(c(), "sub", json!(7)))),
        ("no sub", s(h(), without(c(), "sub"))),
        ("sid is no id", s(h(), with(c(), "sid", json!("x")))),
        ("no session", s(h(), without(c(), "sid"))),
        ("an unknown role", s(h(), with(c(), "roles", json!(["root"])))),
        ("claims changed after signing", {
            let more = with(c(), "roles", json!(["operator"])).to_string();
            format!("{}.{}.{}", parts[0], B64.encode(more), parts[2])
        }),
        ("claims are a list", s(h(), json!([c()]))),
        ("padding", format!("{control}=")),
        ("white space", format!(" {control}")),
        ("a NUL", format!("{control}\0")),
        ("empty", String::new()),
        ("dots", "..".into()),
        ("too long", format!("{}.{}", control, "A".repeat(5_000))),
        ("not base64", "!!!.???.***".into()),
    ]
}

#[tokio::test]
async fn every_forged_token_is_refused() {
    let gate = gate();
    let forged = forged();
    assert!(forged.len() >= 20);
    for (what, token) in forged {
        let outcome = gate.verifier.verify(&token).await;
        let right = matches!(outcome, Err(TokenError::Invalid(_)))
            || (what == "expired" && matches!(outcome, Err(TokenError::Expired)));
        assert!(right, "{what}: {outcome:?}");
    }
}

#[tokio::test]
async fn a_minute_of_skew_is_forgiven_and_no_more() {
    let gate = gate();
    for (field, good, bad) in
        [("exp", NOW - 59, NOW - 60), ("nbf", NOW + 60, NOW + 61), ("iat", NOW + 60, NOW + 61)]
    {
        let token = |at: i64| signed(&header(), &with(claims(), field, json!(at)), &our_key());
        assert!(gate.verifier.verify(&token(good)).await.is_ok(), "{field} {good}");
        assert!(gate.verifier.verify(&token(bad)).await.is_err(), "{field} {bad}");
    }
}

#[tokio::test]
async fn what_the_issuer_gives_the_verifier_takes_until_it_ends() {
    let House { issuer, verifier, clock, .. } = &house().await;
    let grant = issuer.guest(&fixture::phone(1)).await.unwrap();
    clock.advance(Millis(600_000 + 59_000));
    assert!(verifier.verify(&grant.access_token).await.is_ok());
    clock.advance(Millis(1_000));
    assert!(matches!(verifier.verify(&grant.access_token).await, Err(TokenError::Expired)));
}

#[tokio::test]
async fn unknown_key_ids_cannot_hammer_the_source() {
    let gate = gate();
    let unknown = signed(&with(header(), "kid", json!("nobody")), &claims(), &our_key());
    for _ in 0..1_000 {
        assert!(gate.verifier.verify(&unknown).await.is_err());
        gate.clock.advance(Millis(19));
    }
    // 19 seconds: at the start and after ten.
    assert_eq!(gate.source.reads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn many_first_tokens_at_once_read_the_source_once() {
    let gate = Arc::new(gate());
    let token = signed(&header(), &claims(), &our_key());
    let readers: Vec<_> = (0..50)
        .map(|_| {
            let (gate, token) = (gate.clone(), token.clone());
            tokio::spawn(async move { gate.verifier.verify(&token).await.is_ok() })
        })
        .collect();
    for reader in readers {
        assert!(reader.await.unwrap());
    }
    assert_eq!(gate.source.reads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_a_withdrawn_one_forgotten() {
    let gate = gate();
    let new = StoredKey::new([2; 32], Millis(1), Millis(1)).unwrap();
    let old_token = signed(&header(), &with(claims(), "exp", json!(NOW + 9_000)), &our_key());
    gate.verifier.verify(&old_token).await.unwrap();
    *gate.source.document.lock().unwrap() =
        identity::keys::jwks(std::slice::from_ref(&new), Millis(1)).unwrap();
    gate.clock.advance(Millis(10_000));
    let new_token = signed(&with(header(), "kid", json!(new.kid)), &claims(), &new);
    gate.verifier.verify(&new_token).await.unwrap();
    assert!(gate.verifier.verify(&old_token).await.is_err(), "the document replaces what was known");
}

#[tokio::test]
async fn a_source_that_is_away_stops_nobody_with_a_known_key() {
    let gate = gate();
    let token = signed(&header(), &with(claims(), "exp", json!(NOW + 90_000)), &our_key());
    gate.source.away.store(true, Ordering::SeqCst);
    assert!(matches!(gate.verifier.verify(&token).await, Err(TokenError::Fault(_))), "nothing is known yet");
    gate.source.away.store(false, Ordering::SeqCst);
    assert!(
        matches!(gate.verifier.verify(&token).await, Err(TokenError::Fault(_))),
        "not asked again so soon"
    );
    gate.clock.advance(Millis(10_000));
    gate.verifier.verify(&token).await.unwrap();
    gate.source.away.store(true, Ordering::SeqCst);
    gate.clock.advance(Millis(3_600_000));
    gate.verifier.verify(&token).await.unwrap();
}

#[tokio::test]
async fn a_strange_document_gives_no_key_and_no_panic() {
    for document in [
        json!(null),
        json!({}),
        json!({ "keys": 5 }),
        json!({ "keys": [] }),
        json!({ "keys": [null, 1, "x"] }),
        json!({ "keys": [{ "kty": "OKP", "crv": "Ed25519", "kid": our_key().kid, "x": "AAAA" }] }),
        json!({ "keys": [{ "kty": "oct", "kid": our_key().kid, "k": "c2VjcmV0" }] }),
    ] {
        let gate = gate();
        *gate.source.document.lock().unwrap() = document.clone();
        let outcome = gate.verifier.verify(&signed(&header(), &claims(), &our_key())).await;
        assert!(outcome.is_err(), "{document}");
    }
}

#[tokio::test]
async fn an_ended_session_and_taken_roles_count_at_once() {
    let gate = gate();
    let token = signed(&header(), &claims(), &our_key());
    let now = gate.clock.now();
    gate.revoked.require_revision(UserId(7), 2, now, Millis(now.0 + 1));
    assert!(matches!(gate.verifier.verify(&token).await, Err(TokenError::Expired)));
    gate.revoked.end_session(SessionId(5), now, Millis(now.0 + 1));
    assert!(matches!(gate.verifier.verify(&token).await, Err(TokenError::Ended)));
}

fn good_claims() -> Claims {
    serde_json::from_value(claims()).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    /// No changed character of a good token passes.
    #[test]
    fn a_token_changed_anywhere_is_refused(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_.-]") {
        let token = sign(&good_claims(), &our_key()).unwrap();
        let at = at.index(token.len());
        let mut changed = token.clone();
        changed.replace_range(at..=at, &to);
        prop_assume!(changed != token);
        let outcome = tokio::runtime::Builder::new_current_thread().build().unwrap()
            .block_on(gate().verifier.verify(&changed));
        prop_assert!(matches!(outcome, Err(TokenError::Invalid(_))), "{changed}: {outcome:?}");
    }

    #[test]
    fn no_text_panics_or_passes(text in any::<String>(), dots in "[A-Za-z0-9_=-]{0,80}\\.[A-Za-z0-9_-]{0,80}\\.[A-Za-z0-9_-]{0,90}") {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let gate = gate();
        prop_assert!(runtime.block_on(gate.verifier.verify(&text)).is_err());
        prop_assert!(runtime.block_on(gate.verifier.verify(&dots)).is_err());
    }

    /// Whatever the times say, a token passes exactly within them, skew allowed.
    #[test]
    fn times_decide_alone(exp in -200i64..200, nbf in -200i64..200, iat in -200i64..200) {
        let mut c = good_claims();
        (c.exp, c.nbf, c.iat) = (NOW + exp, NOW + nbf, NOW + iat);
        let token = sign(&c, &our_key()).unwrap();
        let outcome = tokio::runtime::Builder::new_current_thread().build().unwrap()
            .block_on(gate().verifier.verify(&token));
        prop_assert_eq!(outcome.is_ok(), exp > -60 && nbf <= 60 && iat <= 60);
    }
}

#[test]
fn the_header_of_our_tokens_says_only_what_it_must() {
    let token = sign(&good_claims(), &our_key()).unwrap();
    let read: Header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!((read.alg, read.typ.as_deref()), (Algorithm::EdDSA, Some("at+jwt")));
    assert_eq!(read.kid, Some(our_key().kid));
    let first = token.split('.').next().unwrap();
    let fields: Value = serde_json::from_slice(&B64.decode(first).unwrap()).unwrap();
    assert_eq!(fields.as_object().unwrap().len(), 3);
}
