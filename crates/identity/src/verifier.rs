//! Verifies access tokens by a JWKS document and nothing else.
//!
//! One algorithm; a key only by its `kid` in the document; no header that points elsewhere; issuer,
//! audience, times, type and use all demanded. Times are judged by the given clock.

use crate::account::Caller;
use crate::claims::{Claims, TOKEN_TYPE, TOKEN_USE};
use crate::keys::{ALGORITHM, ed25519_public};
use crate::policy::VerifierPolicy;
use crate::port::KeySource;
use crate::revoked::RevokedSessions;
use jsonwebtoken::{DecodingKey, Header, Validation, decode, decode_header};
use serde_json::Value;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use stdx::{Clock, Fault};
use vocab::Millis;

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
    /// No key could be fetched: nothing is known about the token.
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Default)]
struct Cached {
    keys: HashMap<String, DecodingKey>,
    /// Of the last try, successful or not.
    tried_at: Option<Millis>,
    /// Of the last success.
    fetched_at: Option<Millis>,
    /// Withdrawals known when these keys were asked for.
    withdrawals: u64,
}

pub struct Verifier {
    source: Arc<dyn KeySource>,
    revoked: Arc<RevokedSessions>,
    clock: Arc<dyn Clock>,
    policy: VerifierPolicy,
    validation: Validation,
    cached: RwLock<Cached>,
    /// One fetch at a time.
    fetching: tokio::sync::Mutex<()>,
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
        let (cached, fetching) = (RwLock::default(), tokio::sync::Mutex::default());
        Self { source, revoked, clock, policy, validation, cached, fetching }
    }

    /// Who the token speaks for. Fetches the JWKS at first use, when it has aged, and for an
    /// unknown key id at most once in `jwks_refresh_min`.
    pub async fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        if token.len() > self.policy.token_bytes_max {
            return Err(TokenError::Invalid("too long"));
        }
        let header = decode_header(token).map_err(|_| TokenError::Invalid("not a token"))?;
        self.heed_withdrawals();
        let key = self.key(key_id(&header)?).await?;
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
        let fresh = Cached { withdrawals: self.revoked.withdrawals(), ..Cached::default() };
        *self.cached.write().unwrap_or_else(PoisonError::into_inner) = fresh;
    }

    /// Keys that were asked for before a withdrawal may be the withdrawn ones.
    fn heed_withdrawals(&self) {
        let known = self.cached.read().unwrap_or_else(PoisonError::into_inner).withdrawals;
        if known != self.revoked.withdrawals() {
            self.forget_keys();
        }
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

    async fn key(&self, kid: &str) -> Result<DecodingKey, TokenError> {
        let (found, fresh) = self.look_up(kid);
        if let (Some(key), true) = (&found, fresh) {
            return Ok(key.clone());
        }
        let fetched = self.fetch(kid).await;
        match (self.look_up(kid).0, fetched) {
            (Some(key), _) => Ok(key),
            (None, Ok(())) => Err(TokenError::Invalid("unknown key id")),
            (None, Err(fault)) => Err(TokenError::Fault(fault)),
        }
    }

    fn look_up(&self, kid: &str) -> (Option<DecodingKey>, bool) {
        let cached = self.cached.read().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.now();
        let fresh = cached.fetched_at.is_some_and(|at| now.0 - at.0 < self.policy.jwks_age_max.0);
        (cached.keys.get(kid).cloned(), fresh)
    }

    async fn fetch(&self, kid: &str) -> Result<(), Fault> {
        let _one = self.fetching.lock().await;
        if let (Some(_), true) = self.look_up(kid) {
            return Ok(());
        }
        let now = self.clock.now();
        {
            let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
            let too_soon = cached.tried_at.is_some_and(|at| now.0 - at.0 < self.policy.jwks_refresh_min.0);
            if too_soon {
                return match cached.fetched_at {
                    Some(_) => Ok(()),
                    None => Err(Fault::unavailable("the keys of the issuer cannot be fetched")),
                };
            }
            cached.tried_at = Some(now);
        }
        let withdrawals = self.revoked.withdrawals();
        let keys = self.parse(&self.source.jwks().await?)?;
        let mut cached = self.cached.write().unwrap_or_else(PoisonError::into_inner);
        cached.keys = keys;
        cached.fetched_at = Some(now);
        cached.withdrawals = withdrawals;
        Ok(())
    }

    fn parse(&self, document: &Value) -> Result<HashMap<String, DecodingKey>, Fault> {
        let listed = document.get("keys").and_then(Value::as_array);
        let listed = listed.ok_or_else(|| Fault::corrupt("the JWKS document has no list of keys"))?;
        let usable = listed.iter().take(self.policy.jwks_keys_max).filter_map(ed25519_public);
        Ok(usable.map(|(kid, public)| (kid, DecodingKey::from_ed_der(&public))).collect())
    }
}

fn refused(e: jsonwebtoken::errors::Error) -> TokenError {
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
