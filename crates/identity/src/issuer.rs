//! The issuer: who may enter, with what, and how that ends. Its verbs are in [`crate::entry`],
//! [`crate::renewal`], [`crate::people`] and [`crate::rotation`].

use crate::account::User;
use crate::attempts::{self, Attempts};
use crate::claims::{Claims, sign};
use crate::keys::StoredKey;
use crate::policy::{IdentityPolicy, Limit};
use crate::port::{
    AccountStore, AccountStoreError, GuestMerge, KeyStore, KeyStoreError, Origin, PasswordHasher,
    SessionStore, SessionStoreError,
};
use crate::refresh::{self, RefreshToken};
use crate::revoked::{Revocation, Revoked, RevokedSessions};
use crate::session::{Ended, Session, SessionId};
use crate::text::{self, BadField};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::{Clock, Entropy, Fault};
use vocab::{Millis, UserId};

/// What the issuer works with.
#[derive(Clone)]
pub struct IssuerDeps {
    pub accounts: Arc<dyn AccountStore>,
    pub sessions: Arc<dyn SessionStore>,
    pub keys: Arc<dyn KeyStore>,
    pub hasher: Arc<dyn PasswordHasher>,
    pub merges: Arc<dyn GuestMerge>,
    /// Shared with the verifiers of this process.
    pub revoked: Arc<RevokedSessions>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

#[derive(Debug, thiserror::Error)]
pub enum IssueError {
    #[error("some fields cannot be taken")]
    BadFields(Vec<BadField>),
    /// Unknown e-mail or wrong password: which of them is not said.
    #[error("the e-mail or the password is wrong")]
    WrongCredentials,
    #[error("the e-mail belongs to an account already")]
    EmailTaken,
    #[error("the handle is taken")]
    HandleTaken,
    #[error("too many attempts")]
    TooMany { retry_after: Millis },
    /// The refresh token is not ours, has ended, or comes from another device.
    #[error("the refresh token is not valid")]
    Refused,
    /// The refresh token was spent before: its family has been ended.
    #[error("the refresh token was used before; the session has been ended")]
    Reused,
    #[error("the operator code is wrong, spent or expired")]
    CodeRefused,
    #[error("not allowed")]
    NotAllowed,
    /// Accounts are made and signed in to elsewhere.
    #[error("accounts live at {issuer}")]
    Elsewhere { issuer: String },
    #[error("no user {0}")]
    NoUser(UserId),
    #[error("no such device")]
    NoDevice,
    /// Somebody else changed the same record again and again.
    #[error("the record changed at the same time")]
    Conflict,
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl From<AccountStoreError> for IssueError {
    fn from(e: AccountStoreError) -> Self {
        match e {
            AccountStoreError::NotFound(id) => Self::NoUser(id),
            AccountStoreError::EmailTaken => Self::EmailTaken,
            AccountStoreError::HandleTaken => Self::HandleTaken,
            AccountStoreError::Exists(_) | AccountStoreError::Stale { .. } => Self::Conflict,
            AccountStoreError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<SessionStoreError> for IssueError {
    fn from(e: SessionStoreError) -> Self {
        match e {
            SessionStoreError::NotFound(_) | SessionStoreError::Stale { .. } => Self::Refused,
            SessionStoreError::Exists(_) => Self::Conflict,
            SessionStoreError::Fault(fault) => Self::Fault(fault),
        }
    }
}

impl From<KeyStoreError> for IssueError {
    fn from(e: KeyStoreError) -> Self {
        match e {
            KeyStoreError::Fault(fault) => Self::Fault(fault),
            other => Self::Fault(Fault::internal(other)),
        }
    }
}

/// What a successful entry or renewal gives.
#[derive(Clone)]
pub struct Grant {
    pub access_token: String,
    pub expires_in: Millis,
    pub refresh_token: String,
    pub user: User,
    pub session: SessionId,
    /// The guest that became this account in the same step.
    pub merged_from: Option<UserId>,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant")
            .field("user", &self.user)
            .field("session", &self.session)
            .field("merged_from", &self.merged_from)
            .finish_non_exhaustive()
    }
}

/// Gives and renews tokens. One per process; cheap to share behind an `Arc`.
pub struct Issuer {
    pub(crate) deps: IssuerDeps,
    pub(crate) policy: IdentityPolicy,
    attempts: Mutex<Attempts>,
    /// What an unknown e-mail is checked against, so that it costs what a known one costs.
    pub(crate) nobodys_hash: String,
}

impl std::fmt::Debug for Issuer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Issuer").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Issuer {
    /// Ready to issue: makes the first signing key when there is none.
    pub async fn start(deps: IssuerDeps, policy: IdentityPolicy) -> Result<Self, IssueError> {
        let (mut password, mut salt) = ([0; 24], [0; 16]);
        deps.entropy.fill(&mut password);
        deps.entropy.fill(&mut salt);
        let password: String = password.iter().map(|b| format!("{b:02x}")).collect();
        let nobodys_hash = deps.hasher.hash(password, salt).await?;
        let attempts = Mutex::new(Attempts::new(policy.attempts.keys_max));
        let issuer = Self { deps, policy, attempts, nobodys_hash };
        issuer.current_key().await?;
        Ok(issuer)
    }

    pub fn policy(&self) -> &IdentityPolicy {
        &self.policy
    }

    pub(crate) fn now(&self) -> Millis {
        self.deps.clock.now()
    }

    pub(crate) fn random<const N: usize>(&self) -> [u8; N] {
        let mut bytes = [0; N];
        self.deps.entropy.fill(&mut bytes);
        bytes
    }

    pub(crate) fn new_user_id(&self) -> UserId {
        UserId::from_parts(self.now().0, self.deps.entropy.u64())
    }

    /// Counts a knock at `door` by `who`.
    pub(crate) fn knock(&self, door: &str, who: &[&str], limit: Limit) -> Result<(), IssueError> {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = attempts.take(attempts::key(door, who), limit, self.now());
        taken.map_err(|retry_after| IssueError::TooMany { retry_after })
    }

    /// Counts a knock by an address alone.
    pub(crate) fn knock_from(&self, door: &str, ip: Option<IpAddr>, limit: Limit) -> Result<(), IssueError> {
        let Some(ip) = ip else { return Ok(()) };
        if self.policy.attempts.exempt_loopback && ip.to_canonical().is_loopback() {
            return Ok(());
        }
        self.knock(door, &[&neighbourhood(ip)], limit)
    }

    pub(crate) fn forget_knocks(&self, door: &str, who: &[&str]) {
        let mut attempts = self.attempts.lock().unwrap_or_else(PoisonError::into_inner);
        attempts.clear(attempts::key(door, who));
    }

    /// Opens a session for `user` and gives its first tokens. An earlier session on the same
    /// device is replaced, and the longest unseen ones end when there are too many.
    pub(crate) async fn admit(&self, user: User, origin: &Origin) -> Result<Grant, IssueError> {
        let now = self.now();
        let (id, secret, mark_key) = (SessionId(self.deps.entropy.u128()), self.random(), self.random());
        let session = Session {
            id,
            user: user.id,
            device: origin.device,
            device_name: text::device_name(origin.device_name.as_deref(), &self.policy.text),
            created_at: now,
            seen_at: now,
            expires_at: Millis(now.0 + self.policy.refresh_ttl.0),
            generation: 0,
            secret_hash: refresh::hash(&secret),
            previous_hash: None,
            nonce: self.random(),
            mark_key,
            retries: 0,
            ended: None,
        };
        let key = self.current_key().await?;
        self.deps.sessions.open(session.clone()).await?;
        self.make_room_for(&session).await?;
        let token = RefreshToken::mint(id, 0, secret, &mark_key);
        self.grant(user, &session, &token, &key)
    }

    async fn make_room_for(&self, new: &Session) -> Result<(), IssueError> {
        let now = self.now();
        let others = self.deps.sessions.list(new.user, now).await?;
        let others = others.into_iter().filter(|s| s.id != new.id);
        let (same_device, elsewhere): (Vec<_>, Vec<_>) = others.partition(|s| s.device == new.device);
        let keep = self.policy.sessions_per_user_max.saturating_sub(1);
        for session in same_device.iter().chain(elsewhere.iter().skip(keep)) {
            // Its access token lives out its minutes: it speaks for the same person, and requests
            // under way must not fail because the tokens were changed for better ones.
            self.deps.sessions.end(session.id, Ended::Replaced, now).await?;
        }
        Ok(())
    }

    /// An access token for the session and the text of its refresh token.
    pub(crate) fn grant(
        &self,
        user: User,
        session: &Session,
        token: &RefreshToken,
        key: &StoredKey,
    ) -> Result<Grant, IssueError> {
        let claims = Claims::of(&user, session, self.now(), &self.policy);
        Ok(Grant {
            access_token: sign(&claims, key)?,
            expires_in: self.policy.access_ttl,
            refresh_token: token.to_text(),
            user,
            session: session.id,
            merged_from: None,
        })
    }

    /// Ends a session and the access tokens it gave.
    pub(crate) async fn end(&self, session: SessionId, why: Ended) -> Result<(), IssueError> {
        let until = self.last_token_ends(self.now());
        self.end_until(session, why, until).await
    }

    /// As [`Self::end`], where a token of the session may live until `until`.
    pub(crate) async fn end_until(
        &self,
        session: SessionId,
        why: Ended,
        until: Millis,
    ) -> Result<(), IssueError> {
        let now = self.now();
        let ended = self.deps.sessions.end(session, why, now).await;
        let revocation = Revocation { what: Revoked::Session(session), at: now, until };
        self.deps.revoked.tell(revocation).await?;
        match ended {
            Ok(_) | Err(SessionStoreError::NotFound(_)) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    /// Tokens made from an older record of the user stop counting; their holder refreshes.
    pub(crate) async fn require_revision(&self, user: UserId, least: u64) -> Result<(), IssueError> {
        let now = self.now();
        let what = Revoked::Revision(user, least);
        Ok(self.deps.revoked.tell(Revocation { what, at: now, until: self.last_token_ends(now) }).await?)
    }

    /// When the last access token given by now is over, for every verifier.
    pub(crate) fn last_token_ends(&self, now: Millis) -> Millis {
        Millis(now.0 + self.policy.access_ttl.0 + 2 * self.policy.leeway.0)
    }
}

/// One IPv4 address, or the /64 one household or host of IPv6 owns.
fn neighbourhood(ip: IpAddr) -> String {
    match ip.to_canonical() {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let s = v6.segments();
            format!("{:x}:{:x}:{:x}:{:x}::/64", s[0], s[1], s[2], s[3])
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_house_count_as_one() {
        let house = |text: &str| neighbourhood(text.parse().unwrap());
        assert_eq!(house("2001:db8:1:2:aaaa::1"), house("2001:db8:1:2:bbbb::9"));
        assert_ne!(house("2001:db8:1:2::1"), house("2001:db8:1:3::1"));
        assert_eq!(house("::ffff:192.0.2.1"), house("192.0.2.1"));
        assert_ne!(house("192.0.2.1"), house("192.0.2.2"));
    }
}
