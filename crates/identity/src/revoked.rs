//! Access tokens that end before their time.
//!
//! Access tokens are short (10 minutes) and verified without a store. What must end sooner —
//! a signed-out or revoked session, roles taken away — is told to this set by the issuer and remembered
//! until the last token it concerns has expired. With a [`RevocationStore`] it is shared: what one process
//! tells, every other knows after its next [`RevokedSessions::catch_up`], and so does one that starts anew.
//! Without one it is neither durable nor shared: after a restart such a token lives out its minutes.

use crate::policy::RevocationPolicy;
use crate::port::RevocationStore;
use crate::session::SessionId;
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use stdx::Fault;
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
    /// How often signing keys were withdrawn, and when last.
    withdrawals: (u64, Millis),
}

/// Something that no longer counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Revoked {
    Session(SessionId),
    /// Tokens of the user made from an older revision of their record.
    Revision(UserId, u64),
    /// The signing keys given out before: verifiers ask their source anew.
    Keys,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Revocation {
    pub what: Revoked,
    /// When it was told, by the clock of who tells.
    pub at: Millis,
    /// The last token concerned is over by then.
    pub until: Millis,
}

struct Shared {
    store: Arc<dyn RevocationStore>,
    policy: RevocationPolicy,
    /// Up to here the list has been read.
    read_to: tokio::sync::Mutex<Option<Millis>>,
}

/// Shared by the issuer, which fills it, and the verifiers of the same process.
#[derive(Default)]
pub struct RevokedSessions {
    entries: RwLock<Entries>,
    shared: Option<Shared>,
}

impl std::fmt::Debug for RevokedSessions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RevokedSessions").field("shared", &self.shared.is_some()).finish_non_exhaustive()
    }
}

impl RevokedSessions {
    /// Among processes. Call [`Self::catch_up`] before serving and then every `policy.poll`.
    pub fn shared(store: Arc<dyn RevocationStore>, policy: RevocationPolicy) -> Self {
        let shared = Shared { store, policy, read_to: tokio::sync::Mutex::default() };
        Self { entries: RwLock::default(), shared: Some(shared) }
    }

    /// Holds here at once; on success the other processes learn of it.
    pub async fn tell(&self, revocation: Revocation) -> Result<(), Fault> {
        self.apply(&revocation, revocation.at);
        match &self.shared {
            Some(shared) => shared.store.publish(revocation).await,
            None => Ok(()),
        }
    }

    /// Takes over what was told elsewhere since the last time; how much it read. After a fault the next
    /// call reads the same again, so nothing is missed.
    pub async fn catch_up(&self, now: Millis) -> Result<usize, Fault> {
        let Some(Shared { store, policy, read_to }) = &self.shared else { return Ok(0) };
        let mut read_to = read_to.lock().await;
        let mut from = match *read_to {
            Some(known) => Millis(known.0 - policy.overlap.0),
            None => Millis(now.0 - policy.horizon.0),
        };
        let mut read = 0;
        loop {
            let page = store.published(from, Millis(now.0 + policy.overlap.0), policy.page).await?;
            for revocation in page.iter().filter(|r| now < r.until) {
                self.apply(revocation, now);
            }
            read += page.len();
            match page.last() {
                // A page may end among several of one moment: that moment is read again.
                Some(last) if page.len() >= policy.page => from = Millis(last.at.0.max(from.0 + 1)),
                _ => break,
            }
        }
        *read_to = Some(now);
        Ok(read)
    }

    fn apply(&self, revocation: &Revocation, now: Millis) {
        match revocation.what {
            Revoked::Session(session) => self.end_session(session, now, revocation.until),
            Revoked::Revision(user, least) => self.require_revision(user, least, now, revocation.until),
            Revoked::Keys => self.withdraw_keys(revocation.at),
        }
    }

    /// No token of the session counts any more in this process; forgotten at `until`.
    pub fn end_session(&self, session: SessionId, now: Millis, until: Millis) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let end = entries.sessions.entry(session).or_insert(until);
        *end = until.max(*end);
        trim(&mut entries, now);
    }

    /// Tokens made from a record older than `revision` are stale in this process: their holder refreshes.
    pub fn require_revision(&self, user: UserId, revision: u64, now: Millis, until: Millis) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        let known = entries.revisions.entry(user).or_insert((revision, until));
        // News may arrive out of order.
        *known = (revision.max(known.0), until.max(known.1));
        trim(&mut entries, now);
    }

    /// The signing keys given out before `at` are not to be trusted: verifiers ask their source anew. The same
    /// news read twice is one withdrawal.
    pub fn withdraw_keys(&self, at: Millis) {
        let mut entries = self.entries.write().unwrap_or_else(PoisonError::into_inner);
        if entries.withdrawals.1 < at {
            entries.withdrawals = (entries.withdrawals.0 + 1, at);
        }
    }

    /// Grows with every withdrawal of keys.
    pub fn withdrawals(&self) -> u64 {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).withdrawals.0
    }

    pub fn is_ended(&self, session: SessionId) -> bool {
        self.entries.read().unwrap_or_else(PoisonError::into_inner).sessions.contains_key(&session)
    }

    pub fn is_stale(&self, user: UserId, revision: u64) -> bool {
        let entries = self.entries.read().unwrap_or_else(PoisonError::into_inner);
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
        assert!(revoked.entries.read().unwrap().sessions.len() <= 1_024);
        assert!(revoked.is_ended(SessionId(19_999)));
    }

    fn told(n: u128, at: i64) -> Revocation {
        Revocation { what: Revoked::Session(SessionId(n)), at: Millis(at), until: Millis(at + 600_000) }
    }

    #[tokio::test]
    async fn what_one_process_tells_another_knows_after_its_next_look() {
        let store = Arc::new(crate::memory::MemoryRevocationStore::default());
        let policy = RevocationPolicy { page: 3, ..RevocationPolicy::default() };
        let (here, there) =
            (RevokedSessions::shared(store.clone(), policy), RevokedSessions::shared(store.clone(), policy));
        let now = Millis(100_000_000);
        assert_eq!(there.catch_up(now).await.unwrap(), 0);
        for n in 0..10 {
            here.tell(told(n, now.0 + 5)).await.unwrap();
            assert!(here.is_ended(SessionId(n)), "at once where it was told");
        }
        here.tell(Revocation { what: Revoked::Revision(UserId(7), 4), ..told(0, now.0 + 6) }).await.unwrap();
        assert!(!there.is_ended(SessionId(0)));
        there.catch_up(Millis(now.0 + 2_000)).await.unwrap();
        let late = RevokedSessions::shared(store, policy);
        late.catch_up(Millis(now.0 + 300_000)).await.unwrap();
        for one in [&there, &late] {
            // Three a page, ten of one moment: a page that holds one moment alone is passed.
            assert!(one.is_ended(SessionId(0)) && one.is_stale(UserId(7), 3) && !one.is_stale(UserId(7), 4));
        }
    }

    #[tokio::test]
    async fn a_clock_behind_is_forgiven_within_the_overlap() {
        let store = Arc::new(crate::memory::MemoryRevocationStore::default());
        let there = RevokedSessions::shared(store.clone(), RevocationPolicy::default());
        there.catch_up(Millis(100_000_000)).await.unwrap();
        store.publish(told(1, 100_000_000 - 59_000)).await.unwrap();
        store.publish(told(2, 100_000_000 + 59_000)).await.unwrap();
        there.catch_up(Millis(100_000_000 + 2_000)).await.unwrap();
        assert!(there.is_ended(SessionId(1)) && there.is_ended(SessionId(2)));
    }

    #[test]
    fn older_news_takes_nothing_back() {
        let revoked = RevokedSessions::default();
        revoked.require_revision(UserId(7), 5, Millis(0), Millis(100));
        revoked.require_revision(UserId(7), 3, Millis(0), Millis(50));
        assert!(revoked.is_stale(UserId(7), 4));
        for at in [50, 50, 40, 51] {
            revoked.withdraw_keys(Millis(at));
        }
        assert_eq!(revoked.withdrawals(), 2);
    }
}
