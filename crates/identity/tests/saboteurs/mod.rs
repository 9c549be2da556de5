//! Deliberately broken stores, each caught by exactly the cases named here.

#![expect(clippy::unwrap_used, reason = "a poisoned lock fails the test")]

mod shared;

use async_trait::async_trait;
use identity::conformance::{account_cases, key_cases, session_cases};
use identity::{
    AccountStore, AccountStoreError, Ended, KeyStore, KeyStoreError, MemoryAccountStore, MemoryKeyStore,
    MemorySessionStore, OperatorCode, Rotation, Session, SessionId, SessionStore, SessionStoreError,
    StoredKey, User, UserFilter,
};
use libtest_mimic::Trial;
use std::sync::{Arc, Mutex};
use testkit::saboteur;
use vocab::{Millis, UserId};

type AResult<T> = Result<T, AccountStoreError>;
type SResult<T> = Result<T, SessionStoreError>;
type KResult<T> = Result<T, KeyStoreError>;

pub fn trials() -> Vec<Trial> {
    let account = |name: &str, how: Account, expected| {
        saboteur(name, account_cases, move || Arc::new(BadAccounts::of(how)) as _, expected)
    };
    let session = |name: &str, how: Sess, expected| {
        saboteur(name, session_cases, move || Arc::new(BadSessions::of(how)) as _, expected)
    };
    let key = |name: &str, how: Key, expected| {
        saboteur(name, key_cases, move || Arc::new(BadKeys::of(how)) as _, expected)
    };
    let mut all = vec![
        account(
            "forgets_the_revision",
            Account::ForgetsTheRevision,
            &["an_update_of_an_old_revision_is_stale", "racing_updates_have_one_winner"],
        ),
        account(
            "lets_an_email_have_two_holders",
            Account::SharesEmails,
            &[
                "an_email_has_one_holder_on_insert",
                "an_email_has_one_holder_on_update",
                "a_refused_write_changes_nothing",
                "racing_registrations_of_one_email_have_one_winner",
            ],
        ),
        account(
            "claims_an_email_before_it_refuses",
            Account::LeaksClaims,
            &["a_refused_write_changes_nothing"],
        ),
        account("matches_by_pattern", Account::MatchesByPattern, &["a_search_takes_wildcards_as_letters"]),
        account(
            "gives_pages_that_overlap",
            Account::OverlapsPages,
            &["a_search_goes_page_by_page_newest_first"],
        ),
        session(
            "rotates_without_looking",
            Sess::RotatesBlindly,
            &["a_rotation_from_another_generation_is_stale", "racing_rotations_have_one_winner"],
        ),
        session(
            "never_ends_a_session",
            Sess::NeverEnds,
            &[
                "an_ended_session_does_not_rotate",
                "an_ended_session_counts_no_retry",
                "the_first_end_stays",
                "racing_ends_have_one_winner",
                "a_list_holds_the_live_sessions_of_one_person",
                "a_purge_forgets_only_what_is_over",
            ],
        ),
        session("never_runs_out_of_retries", Sess::NeverTires, &["retries_are_counted_up_to_the_limit"]),
        session("lists_the_dead", Sess::ListsTheDead, &["a_list_holds_the_live_sessions_of_one_person"]),
        session("purges_the_living", Sess::PurgesTheLiving, &["a_purge_forgets_only_what_is_over"]),
        key(
            "takes_a_code_twice",
            Key::TakesTwice,
            &["a_code_is_taken_once", "racing_takers_of_a_code_have_one_winner"],
        ),
        key("ignores_the_end_of_a_code", Key::IgnoresTheEnd, &["a_code_past_its_end_is_refused"]),
        key("extends_a_retirement", Key::ExtendsRetirement, &["the_earlier_retirement_stays"]),
        key("drops_the_retired_at_once", Key::DropsAtOnce, &["a_retired_key_stays_until_it_is_dropped"]),
    ];
    all.extend(shared::trials());
    all
}

#[derive(Clone, Copy, PartialEq)]
enum Account {
    ForgetsTheRevision,
    SharesEmails,
    LeaksClaims,
    MatchesByPattern,
    OverlapsPages,
}

struct BadAccounts {
    how: Account,
    inner: MemoryAccountStore,
    emails: Mutex<Vec<(UserId, Option<String>)>>,
}

impl BadAccounts {
    fn of(how: Account) -> Self {
        Self { how, inner: MemoryAccountStore::default(), emails: Mutex::default() }
    }
    /// Keeps e-mails apart from the records, so that the store beneath sees none of them twice.
    fn hide(&self, mut user: User) -> User {
        let mut emails = self.emails.lock().unwrap();
        emails.retain(|(id, _)| *id != user.id);
        emails.push((user.id, user.email.clone()));
        user.email = user.email.map(|e| format!("{}+{e}", user.id.0));
        user
    }
    fn show(&self, mut user: User) -> User {
        let prefix = format!("{}+", user.id.0);
        user.email = user.email.map(|e| e.strip_prefix(&prefix).map_or(e.clone(), str::to_owned));
        user
    }
}

#[async_trait]
impl AccountStore for BadAccounts {
    async fn insert(&self, user: User) -> AResult<()> {
        match self.how {
            Account::SharesEmails => self.inner.insert(self.hide(user)).await,
            _ => self.inner.insert(user).await,
        }
    }
    async fn get(&self, id: UserId) -> AResult<User> {
        Ok(self.show(self.inner.get(id).await?))
    }
    async fn get_many(&self, ids: &[UserId]) -> AResult<Vec<User>> {
        self.inner.get_many(ids).await
    }
    async fn find_by_email(&self, email: &str) -> AResult<Option<User>> {
        if self.how == Account::SharesEmails {
            let holder =
                self.emails.lock().unwrap().iter().find(|(_, e)| e.as_deref() == Some(email)).cloned();
            let Some((id, _)) = holder else { return Ok(None) };
            return self.get(id).await.map(Some);
        }
        if self.how == Account::LeaksClaims {
            let claimed = self.emails.lock().unwrap().iter().any(|(_, e)| e.as_deref() == Some(email));
            if claimed {
                return self
                    .inner
                    .search(UserFilter { limit: 1, ..Default::default() })
                    .await
                    .map(|mut v| v.pop());
            }
        }
        self.inner.find_by_email(email).await
    }
    async fn update(&self, mut user: User) -> AResult<User> {
        match self.how {
            Account::ForgetsTheRevision => {
                user.revision = self.inner.get(user.id).await?.revision;
                self.inner.update(user).await
            }
            Account::SharesEmails => self.inner.update(self.hide(user)).await.map(|u| self.show(u)),
            Account::LeaksClaims => {
                let claim = (user.id, user.email.clone());
                let outcome = self.inner.update(user).await;
                if outcome.is_err() {
                    self.emails.lock().unwrap().push(claim);
                }
                outcome
            }
            _ => self.inner.update(user).await,
        }
    }
    async fn search(&self, mut filter: UserFilter) -> AResult<Vec<User>> {
        match self.how {
            Account::OverlapsPages => filter.before = filter.before.map(|b| UserId(b.0 + 1)),
            Account::MatchesByPattern => {
                filter.text =
                    filter.text.map(|t| t.split(['%', '_', '*']).next().unwrap_or_default().to_owned());
            }
            _ => {}
        }
        // A page that repeats would never end the walk through the pages.
        let stuck = filter.before.is_some_and(|b| b.0 <= 2) && self.how == Account::OverlapsPages;
        if stuck { Ok(Vec::new()) } else { self.inner.search(filter).await }
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Sess {
    RotatesBlindly,
    NeverEnds,
    NeverTires,
    ListsTheDead,
    PurgesTheLiving,
}

struct BadSessions {
    how: Sess,
    inner: MemorySessionStore,
}

impl BadSessions {
    fn of(how: Sess) -> Self {
        Self { how, inner: MemorySessionStore::default() }
    }
}

#[async_trait]
impl SessionStore for BadSessions {
    async fn open(&self, session: Session) -> SResult<()> {
        self.inner.open(session).await
    }
    async fn get(&self, id: SessionId) -> SResult<Session> {
        self.inner.get(id).await
    }
    async fn rotate(&self, id: SessionId, mut to: Rotation) -> SResult<Session> {
        if self.how == Sess::RotatesBlindly {
            to.from_generation = self.inner.get(id).await?.generation;
        }
        self.inner.rotate(id, to).await
    }
    async fn count_retry(&self, id: SessionId, generation: u32, max: u32) -> SResult<Session> {
        let max = if self.how == Sess::NeverTires { u32::MAX } else { max };
        self.inner.count_retry(id, generation, max).await
    }
    async fn end(&self, id: SessionId, why: Ended, at: Millis) -> SResult<bool> {
        if self.how == Sess::NeverEnds {
            return self.inner.get(id).await.map(|_| true);
        }
        self.inner.end(id, why, at).await
    }
    async fn list(&self, user: UserId, now: Millis) -> SResult<Vec<Session>> {
        if self.how == Sess::ListsTheDead {
            return self.inner.list(user, Millis(0)).await;
        }
        self.inner.list(user, now).await
    }
    async fn purge(&self, before: Millis, limit: usize) -> SResult<usize> {
        let before = if self.how == Sess::PurgesTheLiving { Millis(i64::MAX) } else { before };
        self.inner.purge(before, limit).await
    }
}

#[derive(Clone, Copy, PartialEq)]
enum Key {
    TakesTwice,
    IgnoresTheEnd,
    ExtendsRetirement,
    DropsAtOnce,
}

struct BadKeys {
    how: Key,
    inner: Mutex<Arc<MemoryKeyStore>>,
    code: Mutex<Option<OperatorCode>>,
}

impl BadKeys {
    fn of(how: Key) -> Self {
        Self { how, inner: Mutex::default(), code: Mutex::default() }
    }
    fn inner(&self) -> Arc<MemoryKeyStore> {
        Arc::clone(&self.inner.lock().unwrap())
    }
}

#[async_trait]
impl KeyStore for BadKeys {
    async fn keys(&self) -> KResult<Vec<StoredKey>> {
        self.inner().keys().await
    }
    async fn add(&self, key: StoredKey) -> KResult<()> {
        self.inner().add(key).await
    }
    async fn retire(&self, kid: &str, retired_at: Millis, drop_at: Millis) -> KResult<()> {
        if self.how == Key::ExtendsRetirement {
            let fresh = MemoryKeyStore::default();
            for mut key in self.inner().keys().await? {
                if key.kid == kid {
                    (key.retired_at, key.drop_at) = (None, None);
                }
                fresh.add(key).await?;
            }
            *self.inner.lock().unwrap() = Arc::new(fresh);
        }
        self.inner().retire(kid, retired_at, drop_at).await
    }
    async fn purge(&self, now: Millis) -> KResult<usize> {
        let now = if self.how == Key::DropsAtOnce { Millis(i64::MAX) } else { now };
        self.inner().purge(now).await
    }
    async fn put_code(&self, code: OperatorCode) -> KResult<()> {
        *self.code.lock().unwrap() = Some(code.clone());
        self.inner().put_code(code).await
    }
    async fn take_code(&self, hash: [u8; 32], now: Millis) -> KResult<bool> {
        match self.how {
            Key::TakesTwice => {
                let code = self.code.lock().unwrap().clone();
                Ok(code.is_some_and(|c| c.hash == hash && now < c.expires_at))
            }
            Key::IgnoresTheEnd => self.inner().take_code(hash, Millis(0)).await,
            _ => self.inner().take_code(hash, now).await,
        }
    }
}
