//! People, as cards and comments name them.

use super::RememberPolicy;
use super::kept::Kept;
use async_trait::async_trait;
use identity::{AccountStore, AccountStoreError, User, UserFilter};
use std::sync::Arc;
use stdx::Clock;
use vocab::UserId;

type Result<T> = std::result::Result<T, AccountStoreError>;

/// An account store whose [`AccountStore::get_many`] may answer what stood up to
/// [`RememberPolicy::account_life`] ago, and of nobody up to [`RememberPolicy::absence_life`]. Whoever decides
/// on rights asks [`AccountStore::get`].
pub struct RememberedAccounts<S> {
    inner: S,
    kept: Kept<UserId, Arc<User>>,
    absent: Kept<UserId, ()>,
}

impl<S> RememberedAccounts<S> {
    pub fn new(inner: S, clock: Arc<dyn Clock>, policy: &RememberPolicy) -> Self {
        let max = policy.records_max;
        let absent = Kept::new(max, policy.absence_life, Arc::clone(&clock));
        Self { inner, kept: Kept::new(max, policy.account_life, clock), absent }
    }
}

impl<S: AccountStore> RememberedAccounts<S> {
    async fn load(&self, missing: Vec<UserId>) -> Result<Vec<(UserId, Arc<User>, bool)>> {
        let asked: Vec<UserId> = missing.into_iter().filter(|id| self.absent.fresh(id).is_none()).collect();
        if asked.is_empty() {
            return Ok(Vec::new());
        }
        let users = self.inner.get_many(&asked).await?;
        for id in asked.into_iter().filter(|id| users.iter().all(|user| user.id != *id)) {
            self.absent.put(id, ());
        }
        Ok(users.into_iter().map(|u| (u.id, Arc::new(u), true)).collect())
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: AccountStore> AccountStore for RememberedAccounts<S> {
    async fn insert(&self, user: User) -> Result<()> {
        let id = user.id;
        let written = self.inner.insert(user).await;
        self.absent.forget(&id);
        written
    }
    async fn get(&self, id: UserId) -> Result<User> {
        self.inner.get(id).await
    }
    async fn get_many(&self, ids: &[UserId]) -> Result<Vec<User>> {
        let found = self.kept.many(ids, |missing| self.load(missing)).await?;
        Ok(found.into_iter().map(Arc::unwrap_or_clone).collect())
    }
    async fn find_by_email(&self, email: &str) -> Result<Option<User>> {
        self.inner.find_by_email(email).await
    }
    async fn update(&self, user: User) -> Result<User> {
        let id = user.id;
        let written = self.inner.update(user).await;
        self.kept.forget(&id);
        written
    }
    async fn search(&self, filter: UserFilter) -> Result<Vec<User>> {
        self.inner.search(filter).await
    }
}
