//! Signing keys over time, and the documents that tell of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod fixture;

use fixture::{house, phone};
use identity::{Grant, Occasion, TokenError};
use std::sync::Arc;

#[tokio::test]
async fn a_key_change_is_noticed_by_nobody() {
    let house = house().await;
    let old = house.guest(1).await;
    house.caller(&old).await;
    house.issuer.rotate_keys(Occasion::Routine).await.unwrap();
    for _ in 0..40 {
        house.wait(1_000);
        let fresh = house.issuer.guest(&phone_here(9)).await.unwrap();
        house.caller(&fresh).await;
        house.caller(&old).await;
    }
    let kid = |grant: &Grant| jsonwebtoken::decode_header(&grant.access_token).unwrap().kid.unwrap();
    let fresh = house.issuer.guest(&phone_here(9)).await.unwrap();
    assert_ne!(kid(&old), kid(&fresh), "the new key signs by now");
    assert_eq!(house.issuer.jwks().await.unwrap()["keys"].as_array().unwrap().len(), 2);
    house.wait(20 * 60_000);
    assert_eq!(house.issuer.jwks().await.unwrap()["keys"].as_array().unwrap().len(), 1);
}

fn phone_here(n: u128) -> identity::Origin {
    let mut here = phone(n);
    here.ip = Some("127.0.0.1".parse().unwrap());
    here
}

#[tokio::test]
async fn a_compromised_key_opens_nothing_from_that_moment() {
    let house = house().await;
    let old = house.guest(1).await;
    house.caller(&old).await;
    house.issuer.rotate_keys(Occasion::Compromise).await.unwrap();
    assert!(matches!(house.verifier.verify(&old.access_token).await, Err(TokenError::Invalid(_))));
    let fresh = house.refresh(&old, 1).await.unwrap();
    house.caller(&fresh).await;
}

/// Answers with what the issuer said before, while a test holds it back.
struct Slow(Arc<identity::Issuer>, tokio::sync::Notify, tokio::sync::Notify);

#[async_trait::async_trait]
impl identity::KeySource for Slow {
    async fn jwks(&self) -> Result<serde_json::Value, stdx::Fault> {
        let said = identity::KeySource::jwks(self.0.as_ref()).await;
        self.1.notify_one();
        self.2.notified().await;
        said
    }
}

#[tokio::test]
async fn keys_asked_for_before_a_compromise_are_not_kept_after_it() {
    let house = house().await;
    let old = house.guest(1).await;
    let slow = Arc::new(Slow(house.issuer.clone(), Default::default(), Default::default()));
    let policy = identity::VerifierPolicy::of(house.issuer.policy());
    let verifier =
        identity::Verifier::new(slow.clone(), house.deps.revoked.clone(), house.clock.clone(), policy);
    let ((), ()) = tokio::join!(
        async {
            // Asked before, answered after: this one token may pass, being older than the withdrawal.
            let _ = verifier.verify(&old.access_token).await;
        },
        async {
            slow.1.notified().await;
            house.issuer.rotate_keys(Occasion::Compromise).await.unwrap();
            slow.2.notify_one();
        }
    );
    slow.2.notify_one();
    assert!(matches!(verifier.verify(&old.access_token).await, Err(TokenError::Invalid(_))));
}

#[tokio::test]
async fn the_discovery_document_points_at_the_keys() {
    let house = house().await;
    let document = house.issuer.discovery();
    assert_eq!(document["issuer"], "http://127.0.0.1:8080");
    assert_eq!(document["jwks_uri"], "http://127.0.0.1:8080/.well-known/jwks.json");
    assert_eq!(document["id_token_signing_alg_values_supported"][0], "EdDSA");
}
