//! What uploading needs: records with conditions, and a store that takes parts.

use crate::record::{Upload, UploadState};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use stdx::Fault;
use vocab::{Bytes, MediaKey, Millis, UploadId, UserId, VideoId};

#[derive(Debug, thiserror::Error)]
pub enum UploadStoreError {
    #[error("no upload {0}")]
    NotFound(UploadId),
    /// The condition did not hold.
    #[error("upload {id} is {actual:?}")]
    Stale { id: UploadId, actual: UploadState },
    /// One more would pass the limit.
    #[error("over the limit of {limit} {what}")]
    Quota { what: &'static str, limit: u64, retry_after: Option<Millis> },
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Who started what under an `Idempotency-Key`. The first claim holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyClaim {
    /// SHA-256 (hex) of the request's meaning.
    pub digest: String,
    pub upload: UploadId,
    pub video: VideoId,
    pub at: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    pub open_max: u32,
    pub day_uploads_max: u32,
    pub day_bytes_max: Bytes,
}

/// A place in an owner's quota.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reservation {
    pub upload: UploadId,
    pub size: Bytes,
    pub at: Millis,
}

/// What an owner has used in the last 24 h.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    pub open: u32,
    pub day_uploads: u32,
    pub day_bytes: Bytes,
}

/// Which records; always oldest first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum UploadQuery {
    /// An owner's `Open` and `Completing` ones.
    LiveOf(UserId),
    /// `Open` ones whose `expires_at` is before this.
    ExpiredBefore(Millis),
    /// `Completing` ones that have stood since before this.
    CompletingBefore(Millis),
}

/// Records, keys and quotas. Every write is conditional on one item.
#[async_trait]
pub trait UploadStore: Send + Sync + 'static {
    /// Binds `key` of `owner` to a claim. Returns the claim that holds: the given one when the key
    /// was free or its claim older than `stale_before`, the earlier one otherwise.
    async fn claim_key(
        &self,
        owner: UserId,
        key: &str,
        claim: KeyClaim,
        stale_before: Millis,
    ) -> Result<KeyClaim, Fault>;

    /// Takes a place in the owner's quota of the last 24 h, or `Quota`. The same upload twice is one place.
    /// Of racing reservations no more succeed than the limits allow.
    async fn reserve(
        &self,
        owner: UserId,
        place: Reservation,
        limits: &Limits,
    ) -> Result<Usage, UploadStoreError>;

    /// The upload is no longer open. `refund` also takes it out of the day's account.
    async fn release(&self, owner: UserId, upload: UploadId, refund: bool) -> Result<(), Fault>;

    async fn usage(&self, owner: UserId, now: Millis) -> Result<Usage, Fault>;

    /// Writes a record, or returns the one that stands under the id unchanged.
    async fn insert(&self, upload: Upload) -> Result<Upload, Fault>;

    async fn get(&self, id: UploadId) -> Result<Upload, UploadStoreError>;

    /// Moves a record from one of `from`. Of racing callers exactly one succeeds, the others get `Stale`.
    async fn advance(
        &self,
        id: UploadId,
        from: &[UploadState],
        to: UploadState,
        at: Millis,
    ) -> Result<Upload, UploadStoreError>;

    async fn list(&self, query: UploadQuery, limit: usize) -> Result<Vec<Upload>, Fault>;

    /// Drops ended records and key claims last touched before `before`. Returns how many records.
    /// An engine whose rows have a time to live drops them by itself and answers 0
    /// ([`crate::conformance::forgetting`] is not for it).
    async fn forget(&self, before: Millis, limit: usize) -> Result<usize, Fault>;
}

#[derive(Debug, thiserror::Error)]
pub enum RawStoreError {
    /// Aborted, finished, or never begun.
    #[error("no such multipart upload")]
    NoSuchUpload,
    /// These parts are absent or no longer what was listed.
    #[error("parts {numbers:?} are missing or changed")]
    Parts { numbers: Vec<u32> },
    /// The whole file's SHA-256 is not the declared one; nothing stands under the key. The parts stay where
    /// the store can read them before it puts them together; elsewhere the upload has ended (S3 lets nobody
    /// read a part before the completion that uses it up).
    #[error("sha-256 is {found}")]
    ChecksumMismatch { found: String },
    #[error(transparent)]
    Fault(#[from] Fault),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    pub content_type: String,
    pub size: Bytes,
    pub part_size: Bytes,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartToSign {
    pub number: u32,
    /// Bound into the signature.
    pub size: Bytes,
    /// Base64; bound into the signature when given.
    pub sha256: Option<String>,
}

/// How the URLs are made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signing {
    pub now: Millis,
    pub life: Millis,
    /// `scheme://host[:port]` under which the client reaches the store; `None` = the configured one.
    pub endpoint: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedPart {
    pub number: u32,
    pub url: String,
    /// To be sent as they are. `content-length` is signed too, and set by every client by itself.
    pub headers: Vec<(String, String)>,
    pub size: Bytes,
    pub expires_at: Millis,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceivedPart {
    pub number: u32,
    pub size: Bytes,
    /// Without quotes.
    pub etag: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RawFacts {
    pub size: Bytes,
    pub etag: String,
    /// Lowercase hex, where the store knows it.
    pub sha256: Option<String>,
}

/// Multipart verbs of the object store.
#[async_trait]
pub trait RawStore: Send + Sync + 'static {
    /// Opens a multipart upload and returns its ticket. `Fault` of kind `Full` when there is no room.
    async fn begin(&self, key: &MediaKey, begin: Begin) -> Result<String, RawStoreError>;

    /// URLs for parts. Pure: needs no look at the store.
    async fn sign_parts(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[PartToSign],
        signing: &Signing,
    ) -> Result<Vec<SignedPart>, RawStoreError>;

    /// Every part that has arrived, by number.
    async fn list_parts(&self, key: &MediaKey, ticket: &str) -> Result<Vec<ReceivedPart>, RawStoreError>;

    /// Puts exactly these parts together under `key`. All or nothing.
    /// Racing and repeated calls make one object: each answers with its facts or `NoSuchUpload`, the first
    /// with the facts. (S3 answers a repeated completion as it did the first: it cannot name one winner.)
    /// What is under an expected checksum is not seen by `head` before it was found to be right.
    async fn finish(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[ReceivedPart],
        expect_sha256: Option<&str>,
    ) -> Result<RawFacts, RawStoreError>;

    /// Drops the parts. Idempotent.
    async fn abort(&self, key: &MediaKey, ticket: &str) -> Result<(), RawStoreError>;

    /// The finished object, if it stands.
    async fn head(&self, key: &MediaKey) -> Result<Option<RawFacts>, RawStoreError>;

    /// Deletes the finished object. Idempotent.
    async fn remove(&self, key: &MediaKey) -> Result<(), RawStoreError>;
}
