//! Verifies access tokens of an outside issuer, and chooses between issuers.

use super::claims::OutsideClaims;
use super::keys::{self, OutsideKey};
use super::people::OutsidePeople;
use super::policy::{BadOutsidePolicy, OutsidePolicy};
use crate::account::Caller;
use crate::keyring::Keyring;
use crate::port::{KeySource, TokenVerifier};
use crate::revoked::RevokedSessions;
use crate::verifier::{TokenError, refused};
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Header, Validation, decode, decode_header};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::sync::Arc;
use stdx::{Clock, Fault};
use vocab::Millis;

pub struct OutsideVerifier {
    keys: Keyring<OutsideKey>,
    people: Arc<OutsidePeople>,
    revoked: Arc<RevokedSessions>,
    clock: Arc<dyn Clock>,
    policy: OutsidePolicy,
}

impl std::fmt::Debug for OutsideVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutsideVerifier").field("policy", &self.policy).finish_non_exhaustive()
    }
}

fn invalid<T>(why: &'static str) -> Result<T, TokenError> {
    Err(TokenError::Invalid(why))
}

/// The key id, when nothing in the header points to another key or asks for what we do not know.
fn key_id(header: &Header) -> Result<&str, TokenError> {
    let typed = header.typ.as_deref().is_none_or(|t| {
        ["jwt", "at+jwt", "application/at+jwt"].iter().any(|known| t.eq_ignore_ascii_case(known))
    });
    if !typed {
        return invalid("type");
    }
    let plain = Header::new(header.alg);
    if header.jku.is_some() || header.jwk.is_some() || header.x5u.is_some() || header.x5c.is_some() {
        return invalid("header names another key");
    }
    if header.crit != plain.crit {
        return invalid("header asks for an extension");
    }
    header.kid.as_deref().filter(|kid| !kid.is_empty()).ok_or(TokenError::Invalid("no key id"))
}

impl OutsideVerifier {
    pub fn new(
        source: Arc<dyn KeySource>,
        people: Arc<OutsidePeople>,
        revoked: Arc<RevokedSessions>,
        clock: Arc<dyn Clock>,
        policy: OutsidePolicy,
    ) -> Result<Self, BadOutsidePolicy> {
        policy.check()?;
        let keys = Keyring::new(source, Arc::clone(&clock), policy.keyring, keys::read);
        Ok(Self { keys, people, revoked, clock, policy })
    }

    pub fn policy(&self) -> &OutsidePolicy {
        &self.policy
    }

    /// For a task in the background, now and then: see [`Keyring::refresh`].
    pub async fn refresh_keys(&self) -> Result<(), Fault> {
        self.keys.refresh().await
    }

    /// How old the keys are; `None` = the issuer was not reached yet.
    pub fn keys_age(&self) -> Option<Millis> {
        self.keys.age()
    }
}

#[async_trait]
impl TokenVerifier for OutsideVerifier {
    async fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        if token.len() > self.policy.token_bytes_max {
            return invalid("too long");
        }
        let header = decode_header(token).map_err(|_| TokenError::Invalid("not a token"))?;
        let allowed = self.policy.algorithms.iter().any(|a| a.as_jwt() == header.alg);
        if !allowed {
            return invalid("algorithm");
        }
        let key = self.keys.key(key_id(&header)?).await?;
        let key = key.ok_or(TokenError::Invalid("unknown key id"))?;
        if key.algorithm.as_jwt() != header.alg {
            return invalid("algorithm");
        }
        // Only the signature: what the claims must be is ours to judge, by our clock.
        let mut signature = Validation::new(key.algorithm.as_jwt());
        signature.required_spec_claims.clear();
        (signature.validate_exp, signature.validate_nbf, signature.validate_aud) = (false, false, false);
        let claims = decode::<Map<String, Value>>(token, &key.key, &signature).map_err(refused)?.claims;
        let believed = OutsideClaims::new(claims).believe(&self.policy, self.clock.now())?;
        if self.revoked.is_ended(believed.session) {
            return Err(TokenError::Ended);
        }
        let roles = believed.roles.as_deref();
        let known = self.people.who(&believed.subject, believed.name.as_deref(), roles).await?;
        Ok(Caller {
            user: known.user,
            guest: false,
            roles: known.roles,
            device: believed.device,
            session: believed.session,
            expires_at: believed.expires_at,
        })
    }
}

/// Tokens of several issuers side by side; the first is the embedded one, which keeps the guests.
pub struct TokenVerifiers {
    own: (String, Arc<dyn TokenVerifier>),
    outside: Vec<Arc<OutsideVerifier>>,
}

#[derive(Deserialize)]
struct Issued {
    iss: String,
}

/// What the token says of its issuer, unverified: good for choosing who verifies it and for nothing else.
fn issuer_of(token: &str) -> Option<String> {
    let claims = token.split('.').nth(1)?;
    let claims = URL_SAFE_NO_PAD.decode(claims).ok()?;
    serde_json::from_slice::<Issued>(&claims).ok().map(|issued| issued.iss)
}

impl TokenVerifiers {
    /// `issuer`: of the tokens `own` verifies.
    pub fn new(
        issuer: impl Into<String>,
        own: Arc<dyn TokenVerifier>,
        outside: Vec<Arc<OutsideVerifier>>,
    ) -> Self {
        Self { own: (issuer.into(), own), outside }
    }

    fn bytes_max(&self) -> usize {
        self.outside.iter().map(|v| v.policy.token_bytes_max).max().unwrap_or(0)
    }
}

#[async_trait]
impl TokenVerifier for TokenVerifiers {
    async fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        let issuer = if token.len() > self.bytes_max() { None } else { issuer_of(token) };
        let outside = self.outside.iter().find(|v| issuer.as_deref() == Some(v.policy.issuer.as_str()));
        match outside {
            // Our own name is never left to others, whatever is configured.
            Some(outside) if outside.policy.issuer != self.own.0 => outside.verify(token).await,
            _ => self.own.1.verify(token).await,
        }
    }
}
