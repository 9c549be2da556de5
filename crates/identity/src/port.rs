//! What identity needs from engines and neighbours.

use crate::account::{Caller, Role, User};
use crate::keys::StoredKey;
use crate::revoked::Revocation;
use crate::session::{Ended, Rotation, Session, SessionId};
use crate::verifier::TokenError;
use async_trait::async_trait;
use stdx::Fault;
use vocab::{DeviceId, Millis, UserId};

#[derive(Debug, thiserror::Error)]
pub enum AccountStoreError {
    #[error("no user {0}")]
    NotFound(UserId),
    #[error("user {0} exists already")]
    Exists(UserId),
    #[error("the e-mail belongs to somebody else")]
    EmailTaken,
    #[error("the handle belongs to somebody else")]
    HandleTaken,
    /// Somebody else wrote first.
    #[error("user {id} is at revision {revision}")]
    Stale { id: UserId, revision: u64 },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Which people to list.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    /// Found anywhere in handle, e-mail or display name, case ignored; `None` = everybody.
    pub text: Option<String>,
    pub role: Option<Role>,
    /// Only users with a smaller id: the last one of the page before.
    pub before: Option<UserId>,
    pub limit: usize,
}

/// The record of every person. E-mail and handle are unique. An engine without transactions
/// claims both in items of their own, naming the user, before it writes the record; a claim
/// whose user does not carry it is void.
#[async_trait]
pub trait AccountStore: Send + Sync + 'static {
    /// Writes a new record at its revision.
    async fn insert(&self, user: User) -> Result<(), AccountStoreError>;
    async fn get(&self, id: UserId) -> Result<User, AccountStoreError>;
    /// Records in the order asked; unknown ids are left out. At most 200 ids.
    async fn get_many(&self, ids: &[UserId]) -> Result<Vec<User>, AccountStoreError>;
    /// `email` in its normalised form.
    async fn find_by_email(&self, email: &str) -> Result<Option<User>, AccountStoreError>;
    /// Replaces the record if it still stands at `user.revision`; the stored revision is one more.
    /// A freed e-mail or handle may be taken by others from then on.
    async fn update(&self, user: User) -> Result<User, AccountStoreError>;
    /// Newest first.
    async fn search(&self, filter: UserFilter) -> Result<Vec<User>, AccountStoreError>;
}

#[derive(Debug, thiserror::Error)]
pub enum SessionStoreError {
    #[error("no session {0}")]
    NotFound(SessionId),
    #[error("session {0} exists already")]
    Exists(SessionId),
    /// The session has ended, or stands at another generation.
    #[error("session {id} is at generation {generation}, ended: {ended:?}")]
    Stale { id: SessionId, generation: u32, ended: Option<Ended> },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Sessions and their refresh-token families. Conditions on one item only.
#[async_trait]
pub trait SessionStore: Send + Sync + 'static {
    async fn open(&self, session: Session) -> Result<(), SessionStoreError>;
    async fn get(&self, id: SessionId) -> Result<Session, SessionStoreError>;
    /// Moves to the next generation: the live hash becomes the previous one, retries start at 0.
    /// Of racing callers exactly one succeeds; the others, and all on an ended session, get `Stale`.
    async fn rotate(&self, id: SessionId, to: Rotation) -> Result<Session, SessionStoreError>;
    /// Counts one more answer to a rotation already made, if the session still stands at
    /// `generation`, has not ended and fewer than `max` were counted; otherwise `Stale`.
    async fn count_retry(
        &self,
        id: SessionId,
        generation: u32,
        max: u32,
    ) -> Result<Session, SessionStoreError>;
    /// Ends a session. `true` when it had not ended before; the first reason stays.
    async fn end(&self, id: SessionId, why: Ended, at: Millis) -> Result<bool, SessionStoreError>;
    /// A person's live sessions at `now`, last seen first.
    async fn list(&self, user: UserId, now: Millis) -> Result<Vec<Session>, SessionStoreError>;
    /// Forgets at most `limit` sessions that expired or ended before `before`.
    async fn purge(&self, before: Millis, limit: usize) -> Result<usize, SessionStoreError>;
}

/// A one-time code, hashed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperatorCode {
    pub hash: [u8; 32],
    pub expires_at: Millis,
}

#[derive(Debug, thiserror::Error)]
pub enum KeyStoreError {
    #[error("no key {0}")]
    NotFound(String),
    #[error("key {0} exists already")]
    Exists(String),
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// The issuer's secrets: signing keys and the operator code.
#[async_trait]
pub trait KeyStore: Send + Sync + 'static {
    /// All keys, oldest first.
    async fn keys(&self) -> Result<Vec<StoredKey>, KeyStoreError>;
    async fn add(&self, key: StoredKey) -> Result<(), KeyStoreError>;
    /// The key signs nothing from `retired_at` and leaves the JWKS at `drop_at`.
    /// An earlier time given before stays.
    async fn retire(&self, kid: &str, retired_at: Millis, drop_at: Millis) -> Result<(), KeyStoreError>;
    /// Forgets keys whose `drop_at` is at or before `now`.
    async fn purge(&self, now: Millis) -> Result<usize, KeyStoreError>;
    /// Replaces the operator code.
    async fn put_code(&self, code: OperatorCode) -> Result<(), KeyStoreError>;
    /// Spends the code. `true` for exactly one caller with the right hash before its end.
    async fn take_code(&self, hash: [u8; 32], now: Millis) -> Result<bool, KeyStoreError>;
}

/// Slow hashes of passwords, off the async threads.
#[async_trait]
pub trait PasswordHasher: Send + Sync + 'static {
    /// A PHC text with a fresh `salt`.
    async fn hash(&self, password: String, salt: [u8; 16]) -> Result<String, Fault>;
    async fn verify(&self, password: String, phc: String) -> Result<bool, Fault>;
}

/// Told when a guest signs in to an account: likes, history and videos follow. Idempotent; called
/// before the guest is closed, and again when the sign-in is retried after a fault.
#[async_trait]
pub trait GuestMerge: Send + Sync + 'static {
    async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault>;
}

/// Merges nothing: for worlds where a guest owns nothing.
#[derive(Debug, Default, Clone, Copy)]
pub struct NothingToMerge;

#[async_trait]
impl GuestMerge for NothingToMerge {
    async fn merge(&self, _from: UserId, _into: UserId) -> Result<(), Fault> {
        Ok(())
    }
}

/// Says who a bearer token speaks for.
#[async_trait]
pub trait TokenVerifier: Send + Sync + 'static {
    async fn verify(&self, token: &str) -> Result<Caller, TokenError>;
}

/// A person as an outside issuer names them. The pair is unique and never given to somebody else.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Outside {
    pub issuer: String,
    pub subject: String,
}

/// Who a person of an outside issuer is here.
#[async_trait]
pub trait LinkStore: Send + Sync + 'static {
    async fn find(&self, outside: &Outside) -> Result<Option<UserId>, Fault>;
    /// Links the person to `user` unless they are linked already; who they are from then on, for every
    /// caller the same. The record of that user need not exist yet.
    async fn link(&self, outside: &Outside, user: UserId) -> Result<UserId, Fault>;
}

/// What stopped counting before its time, told to all processes.
#[async_trait]
pub trait RevocationStore: Send + Sync + 'static {
    /// Idempotent.
    async fn publish(&self, revocation: Revocation) -> Result<(), Fault>;
    /// Those whose `at` is within `from..=to`, oldest first, at most `limit`. What is over (`until`) may be
    /// missing.
    async fn published(&self, from: Millis, to: Millis, limit: usize) -> Result<Vec<Revocation>, Fault>;
}

/// Where a verifier gets its keys: a JWKS document and nothing else.
#[async_trait]
pub trait KeySource: Send + Sync + 'static {
    async fn jwks(&self) -> Result<serde_json::Value, Fault>;
}

/// Where a sign-in comes from.
#[derive(Debug, Clone)]
pub struct Origin {
    pub ip: Option<std::net::IpAddr>,
    pub device: DeviceId,
    pub device_name: Option<String>,
}
