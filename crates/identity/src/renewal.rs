//! Staying in and going out: refresh, sign-out, devices.

use crate::account::{Caller, User};
use crate::issuer::{Grant, IssueError, Issuer};
use crate::port::SessionStoreError;
use crate::refresh::{self, Answer, RefreshToken};
use crate::session::{Device, Ended, Rotation, Session};
use vocab::{DeviceId, Millis};

/// Races between refreshes of one token that are looked at again.
const TRIES: usize = 4;

/// Ended and expired sessions are kept this long, so that lists and logs can explain them.
const KEEP_ENDED: Millis = Millis(24 * 3_600_000);

/// Sessions that one [`Issuer::housekeep`] forgets.
pub const HOUSEKEEP_BATCH: usize = 1_000;

impl Issuer {
    /// Spends a refresh token for the next pair. A spent one ends the family, except that within
    /// `rotation_grace` of its rotation the same device gets the same successor again (the reply
    /// was lost, or two tabs refreshed at once): there is never more than one live token.
    pub async fn refresh(&self, token: &str, device: Option<DeviceId>) -> Result<Grant, IssueError> {
        let token = RefreshToken::parse(token).ok_or(IssueError::Refused)?;
        for _ in 0..TRIES {
            let session = self.deps.sessions.get(token.session).await?;
            let answer = refresh::judge(&session, &token, device, self.now(), &self.policy);
            match answer {
                Answer::Refuse => return Err(IssueError::Refused),
                Answer::Reused => {
                    tracing::warn!(session = %session.id, user = %session.user, "identity.refresh.reused");
                    self.end(session.id, Ended::Reused).await?;
                    return Err(IssueError::Reused);
                }
                Answer::Rotate | Answer::Repeat => {}
            }
            // All that can fail comes before the token is spent.
            self.knock("refresh", &[&session.id.to_string()], self.policy.attempts.refresh_session)?;
            let user = self.owner(&session).await?;
            let key = self.current_key().await?;
            let moved = match answer {
                Answer::Repeat => self.repeat(&session, &token).await,
                _ => self.rotate(&session, &token).await,
            };
            match moved {
                Ok((session, next)) => return self.grant(user, &session, &next, &key),
                Err(SessionStoreError::Stale { .. }) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(IssueError::Conflict)
    }

    async fn owner(&self, session: &Session) -> Result<User, IssueError> {
        let user = self.deps.accounts.get(session.user).await?;
        if user.merged_into.is_some() {
            self.end(session.id, Ended::Replaced).await?;
            return Err(IssueError::Refused);
        }
        Ok(user)
    }

    async fn rotate(
        &self,
        session: &Session,
        token: &RefreshToken,
    ) -> Result<(Session, RefreshToken), SessionStoreError> {
        let (now, nonce) = (self.now(), self.random());
        let secret = refresh::successor(&token.secret, &nonce);
        let to = Rotation {
            from_generation: token.generation,
            secret_hash: refresh::hash(&secret),
            nonce,
            at: now,
            expires_at: Millis(now.0 + self.policy.refresh_ttl.0),
        };
        let rotated = self.deps.sessions.rotate(session.id, to).await?;
        let next = RefreshToken::mint(rotated.id, rotated.generation, secret, &rotated.mark_key);
        Ok((rotated, next))
    }

    async fn repeat(
        &self,
        session: &Session,
        token: &RefreshToken,
    ) -> Result<(Session, RefreshToken), SessionStoreError> {
        let max = self.policy.rotation_retries_max;
        let counted = self.deps.sessions.count_retry(session.id, session.generation, max).await?;
        let secret = refresh::successor(&token.secret, &counted.nonce);
        let next = RefreshToken::mint(counted.id, counted.generation, secret, &counted.mark_key);
        Ok((counted, next))
    }

    /// Ends the caller's session. Twice is once. Of an outside issuer's session the access tokens end here;
    /// its refresh token is the issuer's to end.
    pub async fn sign_out(&self, caller: &Caller) -> Result<(), IssueError> {
        let ours = self.last_token_ends(self.now());
        let until = ours.0.max(caller.expires_at.0.saturating_add(2 * self.policy.leeway.0));
        self.end_until(caller.session, Ended::SignedOut, Millis(until)).await
    }

    /// Where the caller is signed in, last seen first.
    pub async fn devices(&self, caller: &Caller) -> Result<Vec<Device>, IssueError> {
        let mut devices: Vec<Device> = Vec::new();
        for session in self.deps.sessions.list(caller.user, self.now()).await? {
            if devices.iter().any(|d| d.device == session.device) {
                continue;
            }
            devices.push(Device {
                device: session.device,
                name: session.device_name,
                current: session.device == caller.device,
                created_at: session.created_at,
                seen_at: session.seen_at,
            });
        }
        Ok(devices)
    }

    /// Ends the caller's sessions on one device.
    pub async fn revoke(&self, caller: &Caller, device: DeviceId) -> Result<(), IssueError> {
        let sessions = self.deps.sessions.list(caller.user, self.now()).await?;
        let mut found = false;
        for session in sessions.iter().filter(|s| s.device == device) {
            found = true;
            self.end(session.id, Ended::Revoked).await?;
        }
        if found { Ok(()) } else { Err(IssueError::NoDevice) }
    }

    /// Forgets what is long over, up to [`HOUSEKEEP_BATCH`] sessions; how many that were. For a
    /// periodic job.
    pub async fn housekeep(&self) -> Result<usize, IssueError> {
        let now = self.now();
        self.deps.keys.purge(now).await?;
        Ok(self.deps.sessions.purge(Millis(now.0 - KEEP_ENDED.0), HOUSEKEEP_BATCH).await?)
    }
}
