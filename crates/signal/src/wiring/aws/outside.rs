//! Accounts at an outside issuer: its tokens count beside those of the embedded one, which keeps the guests.

use crate::config::{Config, Entrance};
use crate::wiring::stores::Records;
use ::identity::outside::{OutsideDeps, OutsidePolicy, TokenVerifiers};
use ::identity::{RevokedSessions, TokenVerifier};
use anyhow::Context;
use aws::identity::oidc::{OidcProvider, OidcSettings};
use std::sync::Arc;
use stdx::{Clock, Entropy};

/// Keeps the issuer's keys fresh while it lives.
pub type Outside = OidcProvider;

/// Where accounts live, as tokens name it; `None` = here.
pub fn accounts_at(config: &Config) -> anyhow::Result<Option<String>> {
    Ok(settings(config)?.map(|s| s.policy.issuer))
}

fn settings(config: &Config) -> anyhow::Result<Option<OidcSettings>> {
    let audience = &config.identity.audience;
    Ok(match config.entrance()? {
        Entrance::Embedded => None,
        Entrance::Oidc { issuer } => {
            let groups = Some(config.identity.groups_claim.clone()).filter(|c| !c.is_empty());
            let policy = OutsidePolicy::of(issuer, audience.clone());
            Some(OidcSettings::new(OutsidePolicy { groups_claim: groups, ..policy }))
        }
        Entrance::Cognito { region, pool } => {
            // Cognito's access tokens have no audience: they name the app client.
            let clients = audience.split(',').map(|c| c.trim().to_owned()).collect();
            Some(OidcSettings::cognito(&region, &pool, clients, None))
        }
    })
}

/// The verifier of all tokens that count here.
pub async fn verifier(
    config: &Config,
    records: &Records,
    own: Arc<dyn TokenVerifier>,
    revoked: &Arc<RevokedSessions>,
    (clock, entropy): (&Arc<dyn Clock>, &Arc<dyn Entropy>),
) -> anyhow::Result<(Arc<dyn TokenVerifier>, Option<Outside>)> {
    let Some(settings) = settings(config)? else { return Ok((own, None)) };
    let links = records.links.clone().with_context(|| {
        format!(
            "identity.url = \"{}\" needs shared records: stores.url = \"embedded:\" cannot link outside accounts",
            config.identity.url
        )
    })?;
    let deps = OutsideDeps {
        links,
        accounts: Arc::clone(&records.accounts),
        revoked: Arc::clone(revoked),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
    };
    let outside = OidcProvider::start(settings, deps).await.context("cannot start: identity.url")?;
    let all = TokenVerifiers::new(config.public_url(), own, vec![outside.verifier()]);
    Ok((Arc::new(all), Some(outside)))
}
