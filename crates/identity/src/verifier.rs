//! Verifies access tokens by a JWKS document and nothing else.
//!
//! One algorithm; a key only by its `kid` in the document; no header that points elsewhere; issuer,
//! audience, times, type and use all demanded. Times are judged by the given clock.

use crate::account::Caller;
use crate::claims::{Claims, TOKEN_TYPE, TOKEN_USE};
use crate::keyring::Keyring;
use crate::keys::{ALGORITHM, ed25519_public};
use crate::policy::VerifierPolicy;
use crate::port::{KeySource, TokenVerifier};
use crate::revoked::RevokedSessions;
use async_trait::async_trait;
use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header};
use serde_json::Value;
use std::sync::Arc;
use stdx::{Clock, Fault};

#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Was good, is over: the client refreshes.
    #[error("the access token has expired")]
    Expired,
    /// Never was good. The reason is for logs, not for the sender.
    #[error("the access token is not valid: {0}")]
    Invalid(&'static str),
    /// Signed out or revoked.
    #[error("the session has ended")]
    Ended,
    /// No key could be fetched, or no store asked: nothing is known about the token.
    #[error(transparent)]
    Fault(#[from] Fault),
}

pub struct Verifier {
    keys: Keyring<DecodingKey>,
    revoked: Arc<RevokedSessions>,
    clock: Arc<dyn Clock>,
    policy: VerifierPolicy,
    validation: Validation,
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Verifier").field("policy", &self.policy).finish_non_exhaustive()
    }
}

fn validation(policy: &VerifierPolicy) -> Validation {
    let mut v = Validation::new(ALGORITHM);
    v.set_issuer(&[&policy.issuer]);
    v.set_audience(&[&policy.audience]);
    v.set_required_spec_claims(&["exp", "nbf", "iss", "aud", "sub"]);
    v.validate_aud = true;
    // The library reads the machine's clock; `in_time` judges by ours.
    v.validate_exp = false;
    v.validate_nbf = false;
    v
}

/// The key id, when the header is one of ours and says nothing besides.
fn key_id(header: &Header) -> Result<&str, TokenError> {
    if header.alg != ALGORITHM {
        return Err(TokenError::Invalid("algorithm"));
    }
    if header.typ.as_deref() != Some(TOKEN_TYPE) {
        return Err(TokenError::Invalid("type"));
    }
    let kid = header.kid.as_deref().ok_or(TokenError::Invalid("no key id"))?;
    let mut plain = Header::new(ALGORITHM);
    plain.typ = header.typ.clone();
    plain.kid = header.kid.clone();
    // `jku`, `jwk`, `x5u`, `x5c`, `crit` and whatever else could lead to another key.
    if *header != plain {
        return Err(TokenError::Invalid("header names more than a key id"));
    }
    Ok(kid)
}

impl Verifier {
    pub fn new(
        source: Arc<dyn KeySource>,
        revoked: Arc<RevokedSessions>,
        clock: Arc<dyn Clock>,
        policy: VerifierPolicy,
    ) -> Self {
        let validation = validation(&policy);
        let keys = Keyring::new(source, Arc::clone(&clock), policy.keyring(), read_key);
        Self { keys, revoked, clock, policy, validation }
    }

    /// Who the token speaks for. Fetches the JWKS at first use, when it has aged, and for an
    /// unknown key id at most once in `jwks_refresh_min`.
    pub async fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        if token.len() > self.policy.token_bytes_max {
            return Err(TokenError::Invalid("too long"));
        }
        let header = decode_header(token).map_err(|_| TokenError::Invalid("not a token"))?;
        self.keys.heed(self.revoked.withdrawals());
        let key = self.keys.key(key_id(&header)?).await?;
        let key = key.ok_or(TokenError::Invalid("unknown key id"))?;
        let claims = decode::<Claims>(token, &key, &self.validation).map_err(refused)?.claims;
        if claims.token_use != TOKEN_USE {
            return Err(TokenError::Invalid("use"));
        }
        self.in_time(&claims)?;
        let caller = claims.caller().ok_or(TokenError::Invalid("ids"))?;
        if self.revoked.is_ended(caller.session) {
            return Err(TokenError::Ended);
        }
        if self.revoked.is_stale(caller.user, claims.rev) {
            return Err(TokenError::Expired);
        }
        Ok(caller)
    }

    /// Looks at the source again before the next token: after keys were changed for a compromise.
    pub fn forget_keys(&self) {
        self.keys.forget();
    }

    fn in_time(&self, claims: &Claims) -> Result<(), TokenError> {
        let now = self.clock.now().0.div_euclid(1_000);
        let leeway = self.policy.leeway.0 / 1_000;
        if claims.nbf > now.saturating_add(leeway) || claims.iat > now.saturating_add(leeway) {
            return Err(TokenError::Invalid("not valid yet"));
        }
        if claims.exp.saturating_add(leeway) <= now {
            return Err(TokenError::Expired);
        }
        Ok(())
    }
}

#[async_trait]
impl TokenVerifier for Verifier {
    async fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        Verifier::verify(self, token).await
    }
}

fn read_key(jwk: &Value) -> Option<(String, DecodingKey)> {
    ed25519_public(jwk).map(|(kid, public)| (kid, DecodingKey::from_ed_der(&public)))
}

pub(crate) fn refused(e: jsonwebtoken::errors::Error) -> TokenError {
    use jsonwebtoken::errors::ErrorKind as K;
    TokenError::Invalid(match e.kind() {
        K::InvalidSignature => "signature",
        K::InvalidIssuer => "issuer",
        K::InvalidAudience => "audience",
        K::InvalidAlgorithm => "algorithm",
        K::MissingRequiredClaim(_) | K::InvalidClaimFormat(_) | K::Json(_) => "claims",
        _ => "not a token",
    })
}
