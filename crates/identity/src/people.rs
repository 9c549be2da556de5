//! Who people are, what they may do, and how the first operator comes to be.

use crate::account::{Caller, Profile, Role, User};
use crate::issuer::{Grant, IssueError, Issuer};
use crate::port::{AccountStoreError, OperatorCode, Origin, UserFilter};
use crate::text;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use vocab::{Millis, UserId};

const TRIES: usize = 5;

/// What a person changes of themselves; `None` leaves a field as it is.
#[derive(Debug, Clone, Default)]
pub struct ProfileEdit {
    pub display_name: Option<String>,
    pub handle: Option<String>,
    pub bio: Option<String>,
}

fn code_hash(code: &str) -> [u8; 32] {
    Sha256::digest(code.trim().as_bytes()).into()
}

impl Issuer {
    /// The caller's own record.
    pub async fn me(&self, caller: &Caller) -> Result<User, IssueError> {
        Ok(self.deps.accounts.get(caller.user).await?)
    }

    pub async fn profile(&self, user: UserId) -> Result<Profile, IssueError> {
        Ok(Profile::from(&self.deps.accounts.get(user).await?))
    }

    /// Public profiles in the order asked; unknown ids are left out.
    pub async fn profiles(&self, users: &[UserId]) -> Result<Vec<Profile>, IssueError> {
        let mut profiles = Vec::with_capacity(users.len());
        for batch in users.chunks(self.policy.profiles_max.max(1)) {
            profiles.extend(self.deps.accounts.get_many(batch).await?.iter().map(Profile::from));
        }
        Ok(profiles)
    }

    pub async fn update_profile(&self, caller: &Caller, edit: ProfileEdit) -> Result<User, IssueError> {
        let shapes = &self.policy.text;
        let mut wrong = Vec::new();
        let mut take = |outcome: Option<Result<String, text::BadField>>| match outcome {
            Some(Ok(text)) => Some(text),
            Some(Err(bad)) => {
                wrong.push(bad);
                None
            }
            None => None,
        };
        let name = take(edit.display_name.map(|t| text::display_name(&t, shapes)));
        let handle = take(edit.handle.map(|t| text::handle(&t, shapes)));
        let bio = take(edit.bio.map(|t| text::bio(&t, shapes)));
        if !wrong.is_empty() {
            return Err(IssueError::BadFields(wrong));
        }
        self.change(caller.user, |user| {
            set(&mut user.display_name, name.as_ref());
            set(&mut user.handle, handle.as_ref());
            set(&mut user.bio, bio.as_ref());
        })
        .await
    }

    /// Writes a change to the record as it stands, again when somebody else was faster.
    async fn change(&self, id: UserId, change: impl Fn(&mut User)) -> Result<User, IssueError> {
        for _ in 0..TRIES {
            let before = self.deps.accounts.get(id).await?;
            let mut user = before.clone();
            change(&mut user);
            if user == before {
                return Ok(user);
            }
            match self.deps.accounts.update(user).await {
                Err(AccountStoreError::Stale { .. }) => {}
                outcome => return Ok(outcome?),
            }
        }
        Err(IssueError::Conflict)
    }

    /// People for operators, newest first.
    pub async fn search(&self, by: &Caller, mut filter: UserFilter) -> Result<Vec<User>, IssueError> {
        if !by.is_operator() {
            return Err(IssueError::NotAllowed);
        }
        filter.limit = filter.limit.clamp(1, self.policy.search_max);
        filter.text = filter.text.map(|t| t.trim().to_owned()).filter(|t| !t.is_empty());
        Ok(self.deps.accounts.search(filter).await?)
    }

    /// Gives `user` exactly these roles. Tokens with the old ones stop counting, here at
    /// once and in other processes after their next look. Operators cannot drop their own operator role: somebody must keep the keys.
    pub async fn set_roles(&self, by: &Caller, user: UserId, roles: &[Role]) -> Result<User, IssueError> {
        let roles = Role::normalised(roles);
        if !by.is_operator() || (by.user == user && !roles.contains(&Role::Operator)) {
            return Err(IssueError::NotAllowed);
        }
        let changed = self.change(user, |user| user.roles.clone_from(&roles)).await?;
        self.require_revision(user, changed.revision).await?;
        tracing::info!(by = %by.user, user = %user, roles = ?roles, "identity.roles.set");
        Ok(changed)
    }

    /// A fresh one-time code when nobody is an operator yet, for the link printed at start. Only
    /// its hash is stored, so every start makes a new one until somebody has used it.
    pub async fn first_operator_code(&self) -> Result<Option<String>, IssueError> {
        let filter = UserFilter { role: Some(Role::Operator), limit: 1, ..UserFilter::default() };
        if self.deps.accounts.search(filter).await?.is_empty() {
            return Ok(Some(self.new_operator_code().await?));
        }
        Ok(None)
    }

    /// A fresh one-time code; an earlier unused one stops working.
    pub async fn new_operator_code(&self) -> Result<String, IssueError> {
        let mut bytes = vec![0; self.policy.operator_code_bytes];
        self.deps.entropy.fill(&mut bytes);
        let code = URL_SAFE_NO_PAD.encode(bytes);
        let expires_at = Millis(self.now().0 + self.policy.operator_code_ttl.0);
        self.deps.keys.put_code(OperatorCode { hash: code_hash(&code), expires_at }).await?;
        Ok(code)
    }

    /// Spends the code: the caller, or a new guest, becomes an operator.
    pub async fn redeem_operator_code(
        &self,
        code: &str,
        origin: &Origin,
        caller: Option<&Caller>,
    ) -> Result<Grant, IssueError> {
        self.knock_from("operator", origin.ip, self.policy.attempts.operator_ip)?;
        let (hash, now) = (code_hash(code), self.now());
        if !self.deps.keys.take_code(hash, now).await? {
            return Err(IssueError::CodeRefused);
        }
        match self.make_operator(caller).await {
            Ok(user) => {
                tracing::info!(user = %user.id, "identity.operator.redeemed");
                self.admit(user, origin).await
            }
            Err(e) => {
                // Nobody became an operator: the code must not be lost with the fault.
                let expires_at = Millis(now.0 + self.policy.operator_code_ttl.0);
                self.deps.keys.put_code(OperatorCode { hash, expires_at }).await?;
                Err(e)
            }
        }
    }

    async fn make_operator(&self, caller: Option<&Caller>) -> Result<User, IssueError> {
        let id = match caller {
            Some(caller) => caller.user,
            None => self.new_guest().await?.id,
        };
        let changed = self.change(id, |user| user.roles = Role::ALL.to_vec()).await?;
        self.require_revision(id, changed.revision).await?;
        Ok(changed)
    }
}

fn set(target: &mut String, text: Option<&String>) {
    if let Some(text) = text {
        target.clone_from(text);
    }
}
