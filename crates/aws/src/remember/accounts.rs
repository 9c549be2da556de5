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
/// [`RememberPolicy::account_life`] ago. Whoever decides on rights asks [`AccountStore::get`].
pub struct RememberedAccounts<S> {
    inner: S,
    kept: Kept<UserId, Arc<User>>,
}

impl<S> RememberedAccounts<S> {
    pub fn new(inner: S, clock: Arc<dyn Clock>, policy: &RememberPolicy) -> Self {
        Self { inner, kept: Kept::new(policy.records_max, policy.account_life, clock) }
    }
}

#[async_trait]
#[deny(clippy::missing_trait_methods)]
impl<S: AccountStore> AccountStore for RememberedAccounts<S> {
    async fn insert(&self, user: User) -> Result<()> {
        self.inner.insert(user).await
    }
    async fn get(&self, id: UserId) -> Result<User> {
        self.inner.get(id).await
    }
    async fn get_many(&self, ids: &[UserId]) -> Result<Vec<User>> {
        let load = async |missing: Vec<UserId>| {
            let users = self.inner.get_many(&missing).await?;
            Ok::<_, AccountStoreError>(users.into_iter().map(|u| (u.id, Arc::new(u), true)).collect())
        };
        let found = self.kept.many(ids, load).await?;
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
