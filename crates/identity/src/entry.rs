//! Coming in: as a guest, with a new account, with a known one.

use crate::account::{Caller, Role, User};
use crate::issuer::{Grant, IssueError, Issuer};
use crate::port::{AccountStoreError, Origin};
use crate::session::Ended;
use crate::text::{self, BadField};
use std::net::IpAddr;
use vocab::UserId;

/// Tries against another writer of the same record, and against taken names.
const TRIES: usize = 5;

#[derive(Clone)]
pub struct Registration {
    pub email: String,
    pub password: String,
    pub display_name: String,
}

#[derive(Clone)]
pub struct Credentials {
    pub email: String,
    pub password: String,
}

/// Keeps the first refusal of each field, so that a form shows all of them at once.
fn gather<T>(into: &mut Vec<BadField>, outcome: Result<T, BadField>) -> Option<T> {
    outcome.map_err(|bad| into.push(bad)).ok()
}

impl Issuer {
    /// Somebody new, without a form. Every call makes a new guest: the device id names the device in
    /// lists, it is no secret and opens nothing.
    pub async fn guest(&self, origin: &Origin) -> Result<Grant, IssueError> {
        self.knock_from("guest", origin.ip, self.policy.attempts.guest_ip)?;
        let user = self.new_guest().await?;
        self.admit(user, origin).await
    }

    pub(crate) async fn new_guest(&self) -> Result<User, IssueError> {
        let number = 1_000 + self.deps.entropy.u64() % 9_000;
        let user = User {
            id: self.new_user_id(),
            guest: true,
            email: None,
            password_hash: None,
            display_name: format!("Guest {number}"),
            handle: self.random_handle(),
            bio: String::new(),
            roles: vec![Role::Viewer],
            created_at: self.now(),
            merged_into: None,
            revision: 1,
        };
        self.insert(user).await
    }

    /// Writes a new record, with another id or handle where chance gave a taken one.
    async fn insert(&self, mut user: User) -> Result<User, IssueError> {
        for _ in 0..TRIES {
            match self.deps.accounts.insert(user.clone()).await {
                Ok(()) => return Ok(user),
                Err(AccountStoreError::Exists(_)) => user.id = self.new_user_id(),
                Err(AccountStoreError::HandleTaken) => user.handle = self.random_handle(),
                Err(e) => return Err(e.into()),
            }
        }
        Err(IssueError::Conflict)
    }

    fn random_handle(&self) -> String {
        text::random_handle(self.deps.entropy.u64())
    }

    /// The n-th handle to try for a name.
    fn handle_for(&self, display_name: &str, n: usize) -> String {
        match text::handle_from(display_name, &self.policy.text) {
            Some(handle) if n == 0 => handle,
            Some(handle) if n + 1 < TRIES => format!("{handle}_{:04}", self.deps.entropy.u64() % 10_000),
            _ => self.random_handle(),
        }
    }

    /// A new account. A guest that registers becomes the account and keeps its user id, and with it
    /// its videos, likes and history. Asked again with the same words by the same guest (the reply
    /// was lost), it answers like a sign-in.
    pub async fn register(
        &self,
        form: Registration,
        origin: &Origin,
        guest: Option<&Caller>,
    ) -> Result<Grant, IssueError> {
        self.accounts_are_here()?;
        let mut wrong = Vec::new();
        let email = gather(&mut wrong, text::email(&form.email, &self.policy.text));
        gather(&mut wrong, text::password(&form.password, &self.policy.text));
        let name = gather(&mut wrong, text::display_name(&form.display_name, &self.policy.text));
        let (Some(email), Some(name), true) = (email, name, wrong.is_empty()) else {
            return Err(IssueError::BadFields(wrong));
        };
        self.knock_from("register", origin.ip, self.policy.attempts.register_ip)?;
        let guest = guest.filter(|caller| caller.guest).map(|caller| caller.user);
        if let Some(holder) = self.deps.accounts.find_by_email(&email).await? {
            // Counted like a sign-in: it answers whether a password is right.
            self.knock_login(&email, origin.ip)?;
            let again =
                guest == Some(holder.id) && self.password_is_right(Some(&holder), form.password).await?;
            return if again { self.admit(holder, origin).await } else { Err(IssueError::EmailTaken) };
        }
        let hash = self.deps.hasher.hash(form.password, self.random()).await?;
        let user = match guest {
            Some(id) => self.upgrade(id, &email, &name, &hash).await?,
            None => self.new_account(&email, &name, &hash).await?,
        };
        self.admit(user, origin).await
    }

    async fn new_account(&self, email: &str, name: &str, hash: &str) -> Result<User, IssueError> {
        let mut user = self.blank_account(email, name, hash);
        for n in 0..TRIES {
            user.handle = self.handle_for(name, n);
            match self.deps.accounts.insert(user.clone()).await {
                Ok(()) => return Ok(user),
                Err(AccountStoreError::Exists(_)) => user.id = self.new_user_id(),
                Err(AccountStoreError::HandleTaken) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(IssueError::Conflict)
    }

    fn blank_account(&self, email: &str, name: &str, hash: &str) -> User {
        User {
            id: self.new_user_id(),
            guest: false,
            email: Some(email.to_owned()),
            password_hash: Some(hash.to_owned()),
            display_name: name.to_owned(),
            handle: String::new(),
            bio: String::new(),
            roles: vec![Role::Viewer],
            created_at: self.now(),
            merged_into: None,
            revision: 1,
        }
    }

    async fn upgrade(&self, id: UserId, email: &str, name: &str, hash: &str) -> Result<User, IssueError> {
        for n in 0..TRIES {
            let mut user = self.deps.accounts.get(id).await?;
            if !user.guest || user.merged_into.is_some() {
                return Err(IssueError::Conflict);
            }
            user.guest = false;
            user.email = Some(email.to_owned());
            user.password_hash = Some(hash.to_owned());
            name.clone_into(&mut user.display_name);
            user.handle = self.handle_for(name, n);
            match self.deps.accounts.update(user).await {
                Ok(user) => return Ok(user),
                Err(AccountStoreError::HandleTaken | AccountStoreError::Stale { .. }) => {}
                Err(e) => return Err(e.into()),
            }
        }
        Err(IssueError::Conflict)
    }

    /// A known account. A guest that signs in becomes the account: what it owns follows through
    /// [`crate::port::GuestMerge`] *before* the guest is closed, so a fault loses nothing and the
    /// same sign-in can be tried again.
    pub async fn login(
        &self,
        form: Credentials,
        origin: &Origin,
        guest: Option<&Caller>,
    ) -> Result<Grant, IssueError> {
        self.accounts_are_here()?;
        let email = text::email(&form.email, &self.policy.text);
        let email = email.map_err(|bad| IssueError::BadFields(vec![bad]))?;
        self.knock_login(&email, origin.ip)?;
        if form.password.len() > self.policy.text.password_bytes_max {
            return Err(IssueError::WrongCredentials);
        }
        let user = self.deps.accounts.find_by_email(&email).await?;
        let right = self.password_is_right(user.as_ref(), form.password).await?;
        let Some(user) = user.filter(|_| right) else { return Err(IssueError::WrongCredentials) };
        self.forget_knocks("login.email_ip", &[&email, &ip_text(origin.ip)]);
        let (user, merged_from) = match guest.filter(|caller| caller.guest) {
            Some(caller) => self.absorb(caller.user, user).await?,
            None => (user, None),
        };
        let mut grant = self.admit(user, origin).await?;
        grant.merged_from = merged_from;
        Ok(grant)
    }

    fn accounts_are_here(&self) -> Result<(), IssueError> {
        match &self.policy.accounts_at {
            Some(issuer) => Err(IssueError::Elsewhere { issuer: issuer.clone() }),
            None => Ok(()),
        }
    }

    /// The guest of this device signed in at the outside issuer: it becomes part of that account, as in
    /// [`Self::login`]. The guest that was taken in; `None` when there was nothing to take. Can be repeated.
    pub async fn adopt(&self, account: &Caller, guest: &Caller) -> Result<Option<UserId>, IssueError> {
        if account.guest || !guest.guest {
            return Ok(None);
        }
        let into = self.deps.accounts.get(account.user).await?;
        Ok(self.absorb(guest.user, into).await?.1)
    }

    /// Whether `guest` became part of this account before: its sessions ended with that.
    pub async fn has_adopted(&self, account: &Caller, guest: UserId) -> Result<bool, IssueError> {
        match self.deps.accounts.get(guest).await {
            Ok(guest) => Ok(guest.guest && guest.merged_into == Some(account.user)),
            Err(AccountStoreError::NotFound(_)) => Ok(false),
            Err(e) => Err(e.into()),
        }
    }

    fn knock_login(&self, email: &str, ip: Option<IpAddr>) -> Result<(), IssueError> {
        let limits = &self.policy.attempts;
        self.knock("login.email_ip", &[email, &ip_text(ip)], limits.login_email_ip)?;
        self.knock("login.email", &[email], limits.login_email)?;
        self.knock_from("login.ip", ip, limits.login_ip)
    }

    /// An unknown e-mail costs the same hash as a known one: the time tells nothing.
    async fn password_is_right(&self, user: Option<&User>, password: String) -> Result<bool, IssueError> {
        let hash = user.and_then(|u| u.password_hash.clone());
        let known = hash.is_some();
        let hash = hash.unwrap_or_else(|| self.nobodys_hash.clone());
        Ok(self.deps.hasher.verify(password, hash).await? && known)
    }

    /// Makes guest `from` part of `account`.
    async fn absorb(&self, from: UserId, account: User) -> Result<(User, Option<UserId>), IssueError> {
        let into = account.id;
        let guest = match self.deps.accounts.get(from).await {
            Ok(guest) => guest,
            Err(AccountStoreError::NotFound(_)) => return Ok((account, None)),
            Err(e) => return Err(e.into()),
        };
        let open = guest.guest && guest.merged_into.is_none_or(|already| already == into);
        if from == into || !open {
            return Ok((account, None));
        }
        self.deps.merges.merge(from, into).await?;
        let account = self.give_roles(account, &guest.roles).await?;
        self.close_guest(guest, into).await?;
        Ok((account, Some(from)))
    }

    /// An operator who redeemed the code as a guest stays one after signing in.
    async fn give_roles(&self, mut account: User, roles: &[Role]) -> Result<User, IssueError> {
        for _ in 0..TRIES {
            let both = Role::normalised(&[account.roles.as_slice(), roles].concat());
            if both == account.roles {
                return Ok(account);
            }
            let id = account.id;
            account.roles = both;
            match self.deps.accounts.update(account).await {
                Ok(user) => return Ok(user),
                Err(AccountStoreError::Stale { .. }) => account = self.deps.accounts.get(id).await?,
                Err(e) => return Err(e.into()),
            }
        }
        Err(IssueError::Conflict)
    }

    async fn close_guest(&self, mut guest: User, into: UserId) -> Result<(), IssueError> {
        let id = guest.id;
        for _ in 0..TRIES {
            if guest.merged_into != Some(into) {
                guest.merged_into = Some(into);
                guest.roles = vec![Role::Viewer];
                match self.deps.accounts.update(guest).await {
                    Ok(_) => {}
                    Err(AccountStoreError::Stale { .. }) => {
                        guest = self.deps.accounts.get(id).await?;
                        continue;
                    }
                    Err(e) => return Err(e.into()),
                }
            }
            for session in self.deps.sessions.list(id, self.now()).await? {
                self.end(session.id, Ended::Replaced).await?;
            }
            return Ok(());
        }
        Err(IssueError::Conflict)
    }
}

fn ip_text(ip: Option<IpAddr>) -> String {
    ip.map(|ip| ip.to_canonical().to_string()).unwrap_or_default()
}
