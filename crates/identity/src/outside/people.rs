//! Who an outside person is here: linked at first sight, remembered for a moment.

use super::policy::OutsidePolicy;
use crate::account::{Role, User};
use crate::policy::TextPolicy;
use crate::port::{AccountStore, AccountStoreError, LinkStore, Outside};
use crate::revoked::RevokedSessions;
use crate::text;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::{Clock, Entropy, Fault, FaultKind};
use vocab::{Millis, UserId};

/// Tries against another writer of the same record, and against taken handles.
const TRIES: usize = 5;

/// A person as the house knows them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    pub user: UserId,
    pub roles: Vec<Role>,
    revision: u64,
    at: Millis,
}

/// Two generations: when the young one is full it becomes the old one, and the old one is dropped.
#[derive(Default)]
struct Remembered {
    young: HashMap<String, Known>,
    old: HashMap<String, Known>,
}

impl Remembered {
    fn get(&self, subject: &str) -> Option<&Known> {
        self.young.get(subject).or_else(|| self.old.get(subject))
    }
    fn put(&mut self, subject: &str, known: Known, max: usize) {
        if self.young.len() >= (max / 2).max(1) {
            self.old = std::mem::take(&mut self.young);
        }
        self.young.insert(subject.to_owned(), known);
    }
}

/// The people of one issuer.
pub struct OutsidePeople {
    issuer: String,
    links: Arc<dyn LinkStore>,
    accounts: Arc<dyn AccountStore>,
    revoked: Arc<RevokedSessions>,
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    max: usize,
    age_max: Millis,
    remembered: Mutex<Remembered>,
}

impl std::fmt::Debug for OutsidePeople {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OutsidePeople").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}

/// What [`OutsidePeople`] works with.
#[derive(Clone)]
pub struct OutsideDeps {
    pub links: Arc<dyn LinkStore>,
    pub accounts: Arc<dyn AccountStore>,
    /// Shared with the embedded issuer of this process.
    pub revoked: Arc<RevokedSessions>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

fn fault(e: AccountStoreError) -> Fault {
    match e {
        AccountStoreError::Fault(fault) => fault,
        other => Fault::internal(other),
    }
}

impl OutsidePeople {
    pub fn new(deps: OutsideDeps, policy: &OutsidePolicy) -> Self {
        let OutsideDeps { links, accounts, revoked, clock, entropy } = deps;
        let (issuer, max, age_max) = (policy.issuer.clone(), policy.people_max, policy.people_age_max);
        let remembered = Mutex::default();
        Self { issuer, links, accounts, revoked, clock, entropy, max, age_max, remembered }
    }

    /// Who `subject` is. At first sight the record is made; may be called by many at once and be stopped
    /// anywhere. `roles`: what the token says, `None` = the record decides.
    pub async fn who(
        &self,
        subject: &str,
        name: Option<&str>,
        roles: Option<&[Role]>,
    ) -> Result<Known, Fault> {
        let now = self.clock.now();
        let remembered = self.lock().get(subject).cloned();
        if let Some(known) = remembered
            && now.0.saturating_sub(known.at.0) < self.age_max.0
            && roles.is_none_or(|roles| roles == known.roles)
            && !self.revoked.is_stale(known.user, known.revision)
        {
            return Ok(known);
        }
        let user = self.record(subject, name).await?;
        let user = self.mirror(user, roles).await?;
        let known = Known { user: user.id, roles: user.roles, revision: user.revision, at: now };
        self.lock().put(subject, known.clone(), self.max);
        Ok(known)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The link is made before the record: whoever dies in between leaves a link to nobody, and the next
    /// sight makes the record under the id the link names. Of two at once one link stands, and of two
    /// records under one id the second is refused.
    async fn record(&self, subject: &str, name: Option<&str>) -> Result<User, Fault> {
        let outside = Outside { issuer: self.issuer.clone(), subject: subject.to_owned() };
        let id = match self.links.find(&outside).await? {
            Some(id) => id,
            None => {
                let fresh = UserId::from_parts(self.clock.now().0, self.entropy.u64());
                self.links.link(&outside, fresh).await?
            }
        };
        match self.accounts.get(id).await {
            Err(AccountStoreError::NotFound(_)) => self.insert(id, name).await,
            outcome => outcome.map_err(fault),
        }
    }

    async fn insert(&self, id: UserId, name: Option<&str>) -> Result<User, Fault> {
        let shapes = TextPolicy::default();
        let display_name = name.and_then(|n| text::display_name(n, &shapes).ok());
        let mut user = User {
            id,
            guest: false,
            // E-mail and password live at the issuer; a record without a password opens no door here.
            email: None,
            password_hash: None,
            display_name: display_name
                .unwrap_or_else(|| format!("Viewer {}", 1_000 + self.entropy.u64() % 9_000)),
            handle: String::new(),
            bio: String::new(),
            roles: vec![Role::Viewer],
            created_at: self.clock.now(),
            merged_into: None,
            revision: 1,
        };
        let wished = name.and_then(|n| text::handle_from(n, &shapes));
        for n in 0..TRIES {
            user.handle = match &wished {
                Some(handle) if n == 0 => handle.clone(),
                _ => text::random_handle(self.entropy.u64()),
            };
            match self.accounts.insert(user.clone()).await {
                Ok(()) => {
                    tracing::info!(user = %id, issuer = %self.issuer, "identity.outside.linked");
                    return Ok(user);
                }
                Err(AccountStoreError::HandleTaken) => {}
                Err(AccountStoreError::Exists(_)) => return self.accounts.get(id).await.map_err(fault),
                Err(e) => return Err(fault(e)),
            }
        }
        Err(Fault::new(FaultKind::Throttled, "no handle is free"))
    }

    /// The record keeps the roles the issuer gives, so that people can be listed by them.
    async fn mirror(&self, mut user: User, roles: Option<&[Role]>) -> Result<User, Fault> {
        let Some(roles) = roles else { return Ok(user) };
        for _ in 0..TRIES {
            if user.roles == roles {
                return Ok(user);
            }
            let id = user.id;
            user.roles = roles.to_vec();
            match self.accounts.update(user).await {
                Ok(user) => return Ok(user),
                Err(AccountStoreError::Stale { .. }) => user = self.accounts.get(id).await.map_err(fault)?,
                Err(e) => return Err(fault(e)),
            }
        }
        // The token decides what its holder may do; the record is corrected another time.
        user.roles = roles.to_vec();
        Ok(user)
    }
}
