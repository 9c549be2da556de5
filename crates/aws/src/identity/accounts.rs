//! People. The record is what counts; see [`super::claims`] for what only one may hold.

use super::claims::{self, ACCOUNT_CLAIMS, Claims};
use super::{row, search};
use crate::dynamo::{Attr, Dynamo, Index, Item, Key, Projection, Put, Read, Table};
use async_trait::async_trait;
use identity::{AccountStore, AccountStoreError, User, UserFilter};
use std::collections::HashMap;
use stdx::{Fault, FaultKind};
use vocab::UserId;

/// People by age, in shelves; what a search looks at stands in the index.
pub(super) static BY_AGE: Index = Index {
    name: "AccountsByAge",
    hash: Attr::s("shelf"),
    range: Some(Attr::s("user_id")),
    projection: Projection::Include(&["search", "roles"]),
};

/// Those who may do more than watch.
pub(super) static STAFF: Index = Index {
    name: "AccountsStaff",
    hash: Attr::s("staff"),
    range: Some(Attr::s("user_id")),
    projection: Projection::Include(&["search", "roles"]),
};

pub static ACCOUNTS: Table =
    Table { name: "Accounts", hash: Attr::s("user_id"), range: None, indexes: &[BY_AGE, STAFF], ttl: None };

#[derive(Debug, Clone)]
pub struct DynamoAccountStore(Dynamo);

fn too_many() -> Fault {
    Fault::new(FaultKind::Throttled, "too many others write the same person")
}

impl DynamoAccountStore {
    pub fn new(dynamo: Dynamo) -> Self {
        Self(dynamo)
    }

    /// The row and the person in it; a fence is a row without one.
    async fn read(&self, id: UserId) -> Result<(Option<Item>, Option<User>), Fault> {
        // Strong: who has just registered or changed their name asks for themselves next.
        let seen = self.0.get(&ACCOUNTS, &Key::of(id.to_string()), Read::Strong).await?;
        let user = seen.as_ref().map(row::user).transpose()?.flatten();
        Ok((seen, user))
    }

    /// Claims what `next` has beyond `known`; takes nothing when it cannot have all.
    async fn claim(&self, next: &User, known: Option<&User>) -> Result<Claims<'_>, AccountStoreError> {
        let had = known.map(row::claims_of).unwrap_or_default();
        let mut claims = Claims::new(&self.0, next.id);
        let email = next.email.as_deref().map(|e| (row::email_claim(e), AccountStoreError::EmailTaken));
        let handle = (row::handle_claim(&next.handle), AccountStoreError::HandleTaken);
        for (name, taken) in email.into_iter().chain([handle]) {
            if !had.contains(&name) && !claims.take(&name).await? {
                claims.release().await?;
                return Err(taken);
            }
        }
        Ok(claims)
    }

    async fn holder(&self, claim: &str) -> Result<Option<User>, AccountStoreError> {
        // Strong: a sign-in may follow the registration at once.
        let found = self.0.get(&ACCOUNT_CLAIMS, &Key::of(claim), Read::Strong).await?;
        let Some(found) = found else { return Ok(None) };
        let (_, user) = self.read(row::user_id(&found)?).await?;
        Ok(user.filter(|u| row::claims_of(u).iter().any(|held| held == claim)))
    }

    /// People whose whole e-mail or handle is `text`, however long ago they came.
    async fn named(&self, text: &str) -> Result<Vec<User>, AccountStoreError> {
        let mut found = Vec::new();
        for claim in [row::email_claim(text), row::handle_claim(text)] {
            found.extend(self.holder(&claim).await?);
        }
        Ok(found)
    }
}

#[async_trait]
impl AccountStore for DynamoAccountStore {
    async fn insert(&self, user: User) -> Result<(), AccountStoreError> {
        // Nobody deletes a person, so that there is none at the write means there was none before the claims.
        let mut seen: Option<Item> = None;
        for _ in 0..self.0.policy().races_max {
            let claims = self.claim(&user, None).await?;
            let row = row::account(&user)?;
            let put = match &seen {
                None => self.0.put_new(&ACCOUNTS, row).await?,
                Some(fence) => self.0.replace(&ACCOUNTS, row, fence).await?,
            };
            let stands = match put {
                Put::Written => return Ok(()),
                Put::Refused(stands) => stands,
            };
            if stands.as_ref().map(row::user).transpose()?.flatten().is_some() {
                claims.release().await?;
                return Err(AccountStoreError::Exists(user.id));
            }
            // Somebody who wants one of the claims fenced us: once more, claims first.
            seen = stands;
        }
        Err(too_many().into())
    }

    async fn get(&self, id: UserId) -> Result<User, AccountStoreError> {
        self.read(id).await?.1.ok_or(AccountStoreError::NotFound(id))
    }

    async fn get_many(&self, ids: &[UserId]) -> Result<Vec<User>, AccountStoreError> {
        // Names beside videos: a moment old is new enough, at half the price.
        let keys: Vec<Key> = ids.iter().map(|id| Key::of(id.to_string())).collect();
        let mut found = HashMap::new();
        for item in self.0.get_many(&ACCOUNTS, &keys, Read::Eventual).await? {
            if let Some(user) = row::user(&item)? {
                found.insert(user.id, user);
            }
        }
        Ok(ids.iter().filter_map(|id| found.get(id).cloned()).collect())
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<User>, AccountStoreError> {
        self.holder(&row::email_claim(email)).await
    }

    async fn update(&self, mut user: User) -> Result<User, AccountStoreError> {
        let (id, revision) = (user.id, user.revision);
        user.revision += 1;
        for _ in 0..self.0.policy().races_max {
            let (Some(seen), Some(known)) = self.read(id).await? else {
                return Err(AccountStoreError::NotFound(id));
            };
            if known.revision != revision {
                return Err(AccountStoreError::Stale { id, revision: known.revision });
            }
            let freed = claims::to_be_freed(&self.0, &known, &user).await?;
            let claims = self.claim(&user, Some(&known)).await?;
            if self.0.replace(&ACCOUNTS, row::account(&user)?, &seen).await? == Put::Written {
                claims::free(&self.0, freed).await;
                return Ok(user);
            }
            // Another writer, or a fence: what stands there decides.
            claims.release().await?;
        }
        Err(too_many().into())
    }

    async fn search(&self, filter: UserFilter) -> Result<Vec<User>, AccountStoreError> {
        let look = search::Look::of(&filter);
        let mut ids = search::ids(&self.0, &look, &filter).await?;
        let named = match &look.text {
            Some(text) => self.named(text).await?,
            None => Vec::new(),
        };
        ids.extend(named.iter().map(|u| u.id).filter(|id| filter.before.is_none_or(|before| *id < before)));
        ids.sort_unstable_by(|a, b| b.cmp(a));
        ids.dedup();
        ids.truncate(filter.limit);
        // The index may be a moment behind the record.
        let mut found = self.get_many(&ids).await?;
        found.retain(|user| look.takes(&identity::memory::search_text(user), row::role_bits(&user.roles)));
        Ok(found)
    }
}
