//! The embedded issuer, and the session that commands on this machine use.

use super::aws;
use super::stores::Records;
use crate::client::{SavedSession, session_file};
use crate::config::Config;
use crate::data_dir::{DataDir, write_private};
use ::identity::{
    ArgonHasher, GuestMerge, IdentityPolicy, Issuer, IssuerDeps, KeySource, Origin, ProfileEdit,
    RevocationPolicy, RevokedSessions, Role, TokenVerifier, UserFilter, Verifier, VerifierPolicy,
};
use anyhow::Context;
use async_trait::async_trait;
use std::sync::Arc;
use stdx::{Clock, Entropy, Fault};
use vocab::{DeviceId, UserId};

pub struct Identity {
    pub issuer: Arc<Issuer>,
    pub verifier: Arc<dyn TokenVerifier>,
    /// What ended before its time.
    pub revoked: Arc<RevokedSessions>,
    /// Lives as long as its keys are wanted.
    _outside: Option<aws::Outside>,
}

/// What follows a guest into the account it signs in to.
pub struct Merges(pub Vec<Arc<dyn GuestMerge>>);

#[async_trait]
impl GuestMerge for Merges {
    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault> {
        for one in &self.0 {
            one.merge(from, into).await?;
        }
        Ok(())
    }
}

pub async fn build(
    config: &Config,
    records: &Records,
    merges: Merges,
    clock: &Arc<dyn Clock>,
    entropy: &Arc<dyn Entropy>,
) -> anyhow::Result<Identity> {
    let policy = IdentityPolicy {
        issuer: config.public_url(),
        audience: config.identity.audience.clone(),
        accounts_at: aws::accounts_at(config)?,
        ..IdentityPolicy::default()
    };
    let revoked = Arc::new(match &records.revocations {
        Some(store) => RevokedSessions::shared(Arc::clone(store), RevocationPolicy::default()),
        None => RevokedSessions::default(),
    });
    revoked.catch_up(clock.now()).await.context("cannot read what was revoked")?;
    let deps = IssuerDeps {
        accounts: Arc::clone(&records.accounts),
        sessions: Arc::clone(&records.sessions),
        keys: Arc::clone(&records.keys),
        hasher: Arc::new(ArgonHasher::new(policy.hash)?),
        merges: Arc::new(merges),
        revoked: Arc::clone(&revoked),
        clock: Arc::clone(clock),
        entropy: Arc::clone(entropy),
    };
    let verifier_policy = VerifierPolicy::of(&policy);
    let issuer = Arc::new(Issuer::start(deps, policy).await.context("cannot start the issuer")?);
    // The issuer's own JWKS: asked in process, but as the document it would serve.
    let source = Arc::clone(&issuer) as Arc<dyn KeySource>;
    let own = Arc::new(Verifier::new(source, Arc::clone(&revoked), Arc::clone(clock), verifier_policy));
    let (verifier, outside) = aws::verifier(config, records, own, &revoked, (clock, entropy)).await?;
    Ok(Identity { issuer, verifier, revoked, _outside: outside })
}

/// The name people see on what the command line uploads.
const MACHINE_NAME: &str = "This machine";

/// Renews (or makes) the operator session that `signal` commands use, and leaves it in the data directory.
pub async fn leave_session(
    identity: &Identity,
    data: &DataDir,
    url: &str,
    entropy: &dyn Entropy,
) -> anyhow::Result<UserId> {
    let file = session_file(data.path());
    let saved =
        std::fs::read_to_string(&file).ok().and_then(|t| serde_json::from_str::<SavedSession>(&t).ok());
    let device = data.secret("cli-device", || DeviceId(entropy.u128()).to_string())?;
    let device: DeviceId = device.parse().context("the command line's device id is damaged")?;
    let renewed = match saved {
        Some(saved) => identity.issuer.refresh(&saved.refresh_token, Some(device)).await.ok(),
        None => None,
    };
    let grant = match renewed {
        Some(grant) => grant,
        None => {
            let code = identity.issuer.new_operator_code().await?;
            let origin = Origin { ip: None, device, device_name: Some("command line".into()) };
            let grant = identity.issuer.redeem_operator_code(&code, &origin, None).await?;
            let caller = identity.verifier.verify(&grant.access_token).await?;
            let edit = ProfileEdit { display_name: Some(MACHINE_NAME.into()), ..ProfileEdit::default() };
            identity.issuer.update_profile(&caller, edit).await?;
            grant
        }
    };
    let next = SavedSession { url: url.to_owned(), refresh_token: grant.refresh_token };
    write_private(&file, serde_json::to_string(&next)?.as_bytes())?;
    Ok(grant.user.id)
}

/// A fresh one-time operator link until a person has used one.
pub async fn operator_link(
    identity: &Identity,
    records: &Records,
    machine: UserId,
    url: &str,
) -> anyhow::Result<Option<String>> {
    let filter = UserFilter { text: None, role: Some(Role::Operator), before: None, limit: 2 };
    let operators = records.accounts.search(filter).await.map_err(|e| anyhow::anyhow!("{e}"))?;
    if operators.iter().any(|u| u.id != machine) {
        return Ok(None);
    }
    link(identity, url).await.map(Some)
}

/// A fresh one-time operator link; the one before it is void.
pub async fn link(identity: &Identity, url: &str) -> anyhow::Result<String> {
    let code = identity.issuer.new_operator_code().await?;
    Ok(format!("{url}/operator#code={code}"))
}
