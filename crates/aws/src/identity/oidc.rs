//! Any OpenID Connect issuer, and Cognito, as the place where accounts live.
//!
//! The embedded issuer stays: it keeps the guests, who fill in no form. An access token of the outside
//! issuer counts as it is, on every request; it is verified by the issuer's published keys and nothing else.

mod fetch;

use async_trait::async_trait;
use fetch::{Fetcher, address, refused};
use identity::outside::{BadOutsidePolicy, OutsideDeps, OutsidePeople, OutsidePolicy, OutsideVerifier};
use identity::{Caller, KeySource, TokenError, TokenVerifier};
use reqwest::Url;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use stdx::Fault;
use tokio::sync::OnceCell;
use tokio::task::JoinHandle;

/// Bounds of what is fetched from an issuer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// One document, from the connection to the last byte.
    pub timeout: Duration,
    pub discovery_bytes_max: usize,
    pub jwks_bytes_max: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_secs(5), discovery_bytes_max: 64 * 1024, jwks_bytes_max: 256 * 1024 }
    }
}

/// Where the issuer is and what its tokens must say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OidcSettings {
    /// What tokens must say; its `issuer` is where the discovery document is, unless `jwks_url` is given.
    pub policy: OutsidePolicy,
    /// The keys' address, where discovery cannot be reached or does not exist.
    pub jwks_url: Option<String>,
    pub limits: FetchLimits,
}

impl OidcSettings {
    /// Keys are found by discovery.
    pub fn new(policy: OutsidePolicy) -> Self {
        Self { policy, jwks_url: None, limits: FetchLimits::default() }
    }

    /// The user pool `pool` of `region`, for tokens of these app clients. `endpoint`: another address than
    /// the region's own, for doubles; tokens carry the region's own as their issuer all the same.
    pub fn cognito(region: &str, pool: &str, client_ids: Vec<String>, endpoint: Option<&str>) -> Self {
        let own = format!("https://cognito-idp.{region}.amazonaws.com");
        let at = endpoint.unwrap_or(&own).trim_end_matches('/');
        // Fixed: one document less to depend on, and its place is part of Cognito's contract.
        let jwks_url = Some(format!("{at}/{pool}/.well-known/jwks.json"));
        let policy = OutsidePolicy::cognito(format!("{own}/{pool}"), client_ids);
        Self { policy, jwks_url, limits: FetchLimits::default() }
    }
}

/// The issuer's keys over HTTP. Where they are is asked once.
struct HttpKeys {
    issuer: String,
    fetcher: Fetcher,
    limits: FetchLimits,
    discovery: Option<Url>,
    jwks: OnceCell<Url>,
}

impl HttpKeys {
    fn new(settings: &OidcSettings) -> Result<Self, Fault> {
        let issuer = settings.policy.issuer.clone();
        let fixed = settings.jwks_url.as_deref();
        let (discovery, jwks) = match fixed {
            Some(url) => (None, OnceCell::new_with(Some(address("the keys' address", url)?))),
            None => {
                let place = format!("{}/.well-known/openid-configuration", issuer.trim_end_matches('/'));
                (Some(address("the issuer", &place)?), OnceCell::new())
            }
        };
        let limits = settings.limits;
        Ok(Self { issuer, fetcher: Fetcher::new(limits), limits, discovery, jwks })
    }

    async fn discover(&self) -> Result<Url, Fault> {
        let Some(place) = &self.discovery else {
            return Err(Fault::internal("neither discovery nor a keys' address is known"));
        };
        let document = self.fetcher.json(place, self.limits.discovery_bytes_max).await?;
        let text = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default();
        // OpenID Connect Discovery 1.0, section 4.3: to the letter, or somebody speaks for somebody else.
        if text("issuer") != self.issuer {
            return Err(refused(format!(
                "{place} speaks for the issuer \"{}\": write that as the issuer, or the right one",
                text("issuer")
            )));
        }
        let keys = address("jwks_uri of the discovery document", text("jwks_uri"))?;
        if place.scheme() == "https" && keys.scheme() != "https" {
            return Err(refused(format!("{place} names keys without https: {keys}")));
        }
        Ok(keys)
    }
}

#[async_trait]
impl KeySource for HttpKeys {
    async fn jwks(&self) -> Result<Value, Fault> {
        let url = self.jwks.get_or_try_init(|| self.discover()).await?;
        self.fetcher.json(url, self.limits.jwks_bytes_max).await
    }
}

/// An outside issuer in use: its verifier, and the task that keeps its keys fresh. Dropped, the task ends.
pub struct OidcProvider {
    verifier: Arc<OutsideVerifier>,
    tending: JoinHandle<()>,
}

impl std::fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OidcProvider").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl Drop for OidcProvider {
    fn drop(&mut self) {
        self.tending.abort();
    }
}

impl From<BadOutsidePolicy> for OidcError {
    fn from(e: BadOutsidePolicy) -> Self {
        Self(e.0)
    }
}

/// Why an issuer cannot be used as it is set: a sentence for the one who set it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OidcError(pub String);

impl OidcProvider {
    /// Fetches the keys once. An issuer that is merely away does not keep the house shut: it is asked again,
    /// and [`Self::check`] says so until it answers. One that is set wrongly does.
    pub async fn start(settings: OidcSettings, deps: OutsideDeps) -> Result<Self, OidcError> {
        let keys = Arc::new(HttpKeys::new(&settings).map_err(|e| OidcError(e.source.to_string()))?);
        let policy = settings.policy;
        let people = Arc::new(OutsidePeople::new(deps.clone(), &policy));
        let verifier = OutsideVerifier::new(keys, people, deps.revoked, deps.clock, policy)?;
        let verifier = Arc::new(verifier);
        match verifier.refresh_keys().await {
            Ok(()) => {}
            Err(fault) if fault.is_retryable() => tracing::warn!(%fault, "identity.oidc.away"),
            Err(fault) => return Err(OidcError(fault.source.to_string())),
        }
        let tending = tokio::spawn(tend(Arc::clone(&verifier)));
        Ok(Self { verifier, tending })
    }

    pub fn verifier(&self) -> Arc<OutsideVerifier> {
        Arc::clone(&self.verifier)
    }

    /// Whether tokens can be verified; a sentence when not. For readiness.
    pub fn check(&self) -> Result<(), String> {
        let issuer = &self.verifier.policy().issuer;
        match self.verifier.keys_age() {
            None => Err(format!("the keys of {issuer} could not be fetched yet")),
            Some(age) if age >= self.verifier.policy().keyring.stale_max => {
                Err(format!("the keys of {issuer} are too old: it has not answered for {} s", age.0 / 1_000))
            }
            Some(_) => Ok(()),
        }
    }
}

/// So that no request waits for the issuer.
async fn tend(verifier: Arc<OutsideVerifier>) {
    // Each time is a look at the clock; keys are fetched at half their age.
    let every = verifier.policy().keyring.refresh_min.to_duration().max(Duration::from_millis(50));
    loop {
        tokio::time::sleep(every).await;
        if let Err(fault) = verifier.refresh_keys().await {
            tracing::warn!(%fault, "identity.oidc.away");
        }
    }
}

#[async_trait]
impl TokenVerifier for OidcProvider {
    async fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        self.verifier.verify(token).await
    }
}
