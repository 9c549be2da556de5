//! The issuer's keys over time, and the documents that tell the world about them.

use crate::issuer::{IssueError, Issuer};
use crate::keys::{self, StoredKey, signing_key};
use crate::port::{KeySource, KeyStoreError};
use crate::revoked::{Revocation, Revoked};
use async_trait::async_trait;
use serde_json::{Value, json};
use stdx::Fault;
use vocab::Millis;

/// Why keys are changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// The new key is published first and signs a little later; the old one stays in the JWKS until
    /// its last token has ended. Nobody notices.
    Routine,
    /// The old keys leave at once: every access token given so far stops working, at verifiers of this
    /// process immediately and at others as soon as they look again, and clients refresh.
    Compromise,
}

impl Issuer {
    /// The key that signs now; made when there is none.
    pub(crate) async fn current_key(&self) -> Result<StoredKey, IssueError> {
        let now = self.now();
        let keys = self.deps.keys.keys().await?;
        if let Some(key) = signing_key(&keys, now) {
            return Ok(key.clone());
        }
        self.add_key(now).await
    }

    async fn add_key(&self, active_from: Millis) -> Result<StoredKey, IssueError> {
        let key = StoredKey::new(self.random(), self.now(), active_from)?;
        match self.deps.keys.add(key.clone()).await {
            Ok(()) => Ok(key),
            Err(e) => Err(e.into()),
        }
    }

    /// Makes a new signing key and retires the others. The new key's id.
    pub async fn rotate_keys(&self, occasion: Occasion) -> Result<String, IssueError> {
        let now = self.now();
        let (active_from, keep) = match occasion {
            Occasion::Routine => (Millis(now.0 + self.policy.key_publish_ahead.0), true),
            Occasion::Compromise => (now, false),
        };
        let old = self.deps.keys.keys().await?;
        let new = self.add_key(active_from).await?;
        let drop_at = if keep { self.last_token_ends(active_from) } else { now };
        for key in &old {
            match self.deps.keys.retire(&key.kid, active_from, drop_at).await {
                Ok(()) | Err(KeyStoreError::NotFound(_)) => {}
                Err(e) => return Err(e.into()),
            }
        }
        self.deps.keys.purge(now).await?;
        if occasion == Occasion::Compromise {
            let revocation = Revocation { what: Revoked::Keys, at: now, until: self.last_token_ends(now) };
            self.deps.revoked.tell(revocation).await?;
        }
        tracing::info!(kid = %new.kid, ?occasion, "identity.keys.rotated");
        Ok(new.kid)
    }

    /// RFC 7517: the public keys.
    pub async fn jwks(&self) -> Result<Value, IssueError> {
        let keys = self.deps.keys.keys().await?;
        Ok(keys::jwks(&keys, self.now())?)
    }

    /// OpenID Connect Discovery, as far as this issuer goes: it has no authorisation endpoint and
    /// says so by leaving it out.
    pub fn discovery(&self) -> Value {
        let issuer = self.policy.issuer.trim_end_matches('/');
        json!({
            "issuer": self.policy.issuer,
            "jwks_uri": format!("{issuer}/.well-known/jwks.json"),
            "token_endpoint": format!("{issuer}/v1/auth/refresh"),
            "revocation_endpoint": format!("{issuer}/v1/auth/logout"),
            "userinfo_endpoint": format!("{issuer}/v1/me"),
            "response_types_supported": [],
            "grant_types_supported": ["refresh_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["EdDSA"],
            "claims_supported": [
                "iss", "aud", "sub", "exp", "nbf", "iat", "token_use", "sid", "did", "guest", "roles"
            ],
        })
    }
}

#[async_trait]
impl KeySource for Issuer {
    async fn jwks(&self) -> Result<Value, Fault> {
        Issuer::jwks(self).await.map_err(|e| match e {
            IssueError::Fault(fault) => fault,
            other => Fault::internal(other),
        })
    }
}
