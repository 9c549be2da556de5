//! The ports in memory: the executable specification.

use crate::account::User;
use crate::keys::StoredKey;
use crate::port::{
    AccountStore, AccountStoreError, KeyStore, KeyStoreError, LinkStore, OperatorCode, Outside,
    RevocationStore, SessionStore, SessionStoreError, UserFilter,
};
use crate::revoked::Revocation;
use crate::session::{Ended, Rotation, Session, SessionId};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use stdx::Fault;
use vocab::{Millis, UserId};

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
pub struct MemoryAccountStore(Mutex<BTreeMap<UserId, User>>);

fn check_unique(users: &BTreeMap<UserId, User>, user: &User) -> Result<(), AccountStoreError> {
    let mut others = users.values().filter(|u| u.id != user.id);
    if user.email.is_some() && others.clone().any(|u| u.email == user.email) {
        return Err(AccountStoreError::EmailTaken);
    }
    if others.any(|u| u.handle == user.handle) {
        return Err(AccountStoreError::HandleTaken);
    }
    Ok(())
}

/// The text a search looks in.
pub fn search_text(user: &User) -> String {
    let email = user.email.as_deref().unwrap_or_default();
    format!("{}\n{email}\n{}", user.handle, user.display_name).to_lowercase()
}

#[async_trait]
impl AccountStore for MemoryAccountStore {
    async fn insert(&self, user: User) -> Result<(), AccountStoreError> {
        let mut users = lock(&self.0);
        if users.contains_key(&user.id) {
            return Err(AccountStoreError::Exists(user.id));
        }
        check_unique(&users, &user)?;
        users.insert(user.id, user);
        Ok(())
    }

    async fn get(&self, id: UserId) -> Result<User, AccountStoreError> {
        lock(&self.0).get(&id).cloned().ok_or(AccountStoreError::NotFound(id))
    }

    async fn get_many(&self, ids: &[UserId]) -> Result<Vec<User>, AccountStoreError> {
        let users = lock(&self.0);
        Ok(ids.iter().filter_map(|id| users.get(id).cloned()).collect())
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<User>, AccountStoreError> {
        Ok(lock(&self.0).values().find(|u| u.email.as_deref() == Some(email)).cloned())
    }

    async fn update(&self, mut user: User) -> Result<User, AccountStoreError> {
        let mut users = lock(&self.0);
        let id = user.id;
        let revision = users.get(&id).ok_or(AccountStoreError::NotFound(id))?.revision;
        if revision != user.revision {
            return Err(AccountStoreError::Stale { id, revision });
        }
        check_unique(&users, &user)?;
        user.revision += 1;
        users.insert(id, user.clone());
        Ok(user)
    }

    async fn search(&self, filter: UserFilter) -> Result<Vec<User>, AccountStoreError> {
        let text = filter.text.map(|t| t.to_lowercase());
        let users = lock(&self.0);
        let found = users.values().rev().filter(|u| {
            filter.before.is_none_or(|before| u.id < before)
                && filter.role.is_none_or(|role| u.roles.contains(&role))
                && text.as_ref().is_none_or(|t| search_text(u).contains(t))
        });
        Ok(found.take(filter.limit).cloned().collect())
    }
}

#[derive(Debug, Default)]
pub struct MemorySessionStore(Mutex<BTreeMap<SessionId, Session>>);

#[async_trait]
impl SessionStore for MemorySessionStore {
    async fn open(&self, session: Session) -> Result<(), SessionStoreError> {
        let mut sessions = lock(&self.0);
        if sessions.contains_key(&session.id) {
            return Err(SessionStoreError::Exists(session.id));
        }
        sessions.insert(session.id, session);
        Ok(())
    }

    async fn get(&self, id: SessionId) -> Result<Session, SessionStoreError> {
        lock(&self.0).get(&id).cloned().ok_or(SessionStoreError::NotFound(id))
    }

    async fn rotate(&self, id: SessionId, to: Rotation) -> Result<Session, SessionStoreError> {
        let mut sessions = lock(&self.0);
        let session = sessions.get_mut(&id).ok_or(SessionStoreError::NotFound(id))?;
        session.rotate(&to)?;
        Ok(session.clone())
    }

    async fn count_retry(
        &self,
        id: SessionId,
        generation: u32,
        max: u32,
    ) -> Result<Session, SessionStoreError> {
        let mut sessions = lock(&self.0);
        let session = sessions.get_mut(&id).ok_or(SessionStoreError::NotFound(id))?;
        session.count_retry(generation, max)?;
        Ok(session.clone())
    }

    async fn end(&self, id: SessionId, why: Ended, at: Millis) -> Result<bool, SessionStoreError> {
        let mut sessions = lock(&self.0);
        let session = sessions.get_mut(&id).ok_or(SessionStoreError::NotFound(id))?;
        let first = session.ended.is_none();
        session.ended.get_or_insert((at, why));
        Ok(first)
    }

    async fn list(&self, user: UserId, now: Millis) -> Result<Vec<Session>, SessionStoreError> {
        let sessions = lock(&self.0);
        let live = sessions.values().filter(|s| s.user == user && s.is_live(now));
        let mut live: Vec<Session> = live.cloned().collect();
        live.sort_by_key(|s| (std::cmp::Reverse(s.seen_at), std::cmp::Reverse(s.id)));
        Ok(live)
    }

    async fn purge(&self, before: Millis, limit: usize) -> Result<usize, SessionStoreError> {
        let mut sessions = lock(&self.0);
        let over =
            sessions.values().filter(|s| s.expires_at < before || s.ended.is_some_and(|(at, _)| at < before));
        let over: Vec<SessionId> = over.take(limit).map(|s| s.id).collect();
        for id in &over {
            sessions.remove(id);
        }
        Ok(over.len())
    }
}

#[derive(Debug, Default)]
struct Secrets {
    keys: Vec<StoredKey>,
    code: Option<OperatorCode>,
}

#[derive(Debug, Default)]
pub struct MemoryKeyStore(Mutex<Secrets>);

#[async_trait]
impl KeyStore for MemoryKeyStore {
    async fn keys(&self) -> Result<Vec<StoredKey>, KeyStoreError> {
        Ok(lock(&self.0).keys.clone())
    }

    async fn add(&self, key: StoredKey) -> Result<(), KeyStoreError> {
        let keys = &mut lock(&self.0).keys;
        if keys.iter().any(|k| k.kid == key.kid) {
            return Err(KeyStoreError::Exists(key.kid));
        }
        keys.push(key);
        keys.sort_by(|a, b| (a.created_at, &a.kid).cmp(&(b.created_at, &b.kid)));
        Ok(())
    }

    async fn retire(&self, kid: &str, retired_at: Millis, drop_at: Millis) -> Result<(), KeyStoreError> {
        let keys = &mut lock(&self.0).keys;
        let key = keys.iter_mut().find(|k| k.kid == kid);
        let key = key.ok_or_else(|| KeyStoreError::NotFound(kid.to_owned()))?;
        key.retired_at = Some(key.retired_at.map_or(retired_at, |known| known.min(retired_at)));
        key.drop_at = Some(key.drop_at.map_or(drop_at, |known| known.min(drop_at)));
        Ok(())
    }

    async fn purge(&self, now: Millis) -> Result<usize, KeyStoreError> {
        let keys = &mut lock(&self.0).keys;
        let before = keys.len();
        keys.retain(|k| k.is_published_at(now));
        Ok(before - keys.len())
    }

    async fn put_code(&self, code: OperatorCode) -> Result<(), KeyStoreError> {
        lock(&self.0).code = Some(code);
        Ok(())
    }

    async fn take_code(&self, hash: [u8; 32], now: Millis) -> Result<bool, KeyStoreError> {
        let code = &mut lock(&self.0).code;
        let right = code.as_ref().is_some_and(|c| c.hash == hash && now < c.expires_at);
        if right {
            *code = None;
        }
        Ok(right)
    }
}

#[derive(Debug, Default)]
pub struct MemoryLinkStore(Mutex<HashMap<Outside, UserId>>);

#[async_trait]
impl LinkStore for MemoryLinkStore {
    async fn find(&self, outside: &Outside) -> Result<Option<UserId>, Fault> {
        Ok(lock(&self.0).get(outside).copied())
    }

    async fn link(&self, outside: &Outside, user: UserId) -> Result<UserId, Fault> {
        Ok(*lock(&self.0).entry(outside.clone()).or_insert(user))
    }
}

#[derive(Debug, Default)]
pub struct MemoryRevocationStore(Mutex<Vec<Revocation>>);

#[async_trait]
impl RevocationStore for MemoryRevocationStore {
    async fn publish(&self, revocation: Revocation) -> Result<(), Fault> {
        let mut all = lock(&self.0);
        if !all.contains(&revocation) {
            all.push(revocation);
            all.sort_by_key(|r| r.at);
        }
        Ok(())
    }

    async fn published(&self, from: Millis, to: Millis, limit: usize) -> Result<Vec<Revocation>, Fault> {
        let all = lock(&self.0);
        Ok(all.iter().filter(|r| (from..=to).contains(&r.at)).take(limit).copied().collect())
    }
}
