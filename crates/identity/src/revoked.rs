//! Access tokens that end before their time.
//!
//! Access tokens are short (10 minutes) and verified without a store. What must end sooner —
//! a signed-out or revoked session, roles taken away — is told to this set by the issuer in the
//! same process and remembered until the last token it concerns has expired. It is not durable and
//! not shared: after a restart, or in another process, such a token lives out its minutes.

use crate::session::SessionId;
use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};
use vocab::{Millis, UserId};

/// Below this many entries nothing is looked through.
const TRIM_LEN_MIN: usize = 1_024;

/// Bounded by what ends within one life of an access token, which sign-in limits bound.
#[derive(Debug, Default)]
struct Entries {
    trim_at_len: usize,
    sessions: HashMap<SessionId, Millis>,
    /// Tokens made from an older revision of the user's record.
    revisions: HashMap<UserId, (u64, Millis)>,
    /// How often signing keys were withdrawn.
    withdrawals: u64,
}

/// Shared by the issuer, which fills it, and the verifiers of the same process.
#[derive(Debug, Default)]
pub struct RevokedSessions(RwLock<Entries>);

impl RevokedSessions {
    /// No token of the session counts any more; forgotten at `until`.
    pub fn end_session(&self, session: SessionId, now: Millis, until: Millis) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        entries.sessions.insert(session, until);
        trim(&mut entries, now);
    }

    /// Tokens made from a record older than `revision` are stale: their holder refreshes.
    pub fn require_revision(&self, user: UserId, revision: u64, now: Millis, until: Millis) {
        let mut entries = self.0.write().unwrap_or_else(PoisonError::into_inner);
        entries.revisions.insert(user, (revision, until));
        trim(&mut entries, now);
    }

    /// The signing keys given out so far are not to be trusted: verifiers ask their source anew.
    pub fn withdraw_keys(&self) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).withdrawals += 1;
    }

    /// Grows with every withdrawal of keys.
    pub fn withdrawals(&self) -> u64 {
        self.0.read().unwrap_or_else(PoisonError::into_inner).withdrawals
    }

    pub fn is_ended(&self, session: SessionId) -> bool {
        self.0.read().unwrap_or_else(PoisonError::into_inner).sessions.contains_key(&session)
    }

    pub fn is_stale(&self, user: UserId, revision: u64) -> bool {
        let entries = self.0.read().unwrap_or_else(PoisonError::into_inner);
        entries.revisions.get(&user).is_some_and(|(least, _)| revision < *least)
    }
}

fn trim(entries: &mut Entries, now: Millis) {
    let len = |e: &Entries| e.sessions.len() + e.revisions.len();
    if len(entries) < entries.trim_at_len.max(TRIM_LEN_MIN) {
        return;
    }
    entries.sessions.retain(|_, until| now < *until);
    entries.revisions.retain(|_, (_, until)| now < *until);
    // Looked through again when grown by half, so that a write is cheap on the average.
    entries.trim_at_len = len(entries) * 3 / 2;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ended_session_and_an_old_revision_are_known() {
        let revoked = RevokedSessions::default();
        revoked.end_session(SessionId(1), Millis(0), Millis(100));
        revoked.require_revision(UserId(7), 3, Millis(0), Millis(100));
        assert!(revoked.is_ended(SessionId(1)) && !revoked.is_ended(SessionId(2)));
        assert!(revoked.is_stale(UserId(7), 2) && !revoked.is_stale(UserId(7), 3));
        assert!(!revoked.is_stale(UserId(8), 0));
    }

    #[test]
    fn memory_does_not_grow_with_what_has_expired() {
        let revoked = RevokedSessions::default();
        for n in 0..20_000u32 {
            let now = Millis(i64::from(n));
            revoked.end_session(SessionId(u128::from(n)), now, Millis(now.0 + 10));
        }
        assert!(revoked.0.read().unwrap().sessions.len() <= 1_024);
        assert!(revoked.is_ended(SessionId(19_999)));
    }
}
