//! The agent of uploading: the only place that knows the order of the steps.
//!
//! Every step is conditional on one item and may be repeated. A completion that dies anywhere is
//! driven again by the owner's retry, by the store's `ObjectCreated` event or by the sweep.

use crate::error::{UploadError, video_fault};
use crate::intake::{Intake, StartUpload, intake};
use crate::policy::UploadPolicy;
use crate::port::{
    Begin, KeyClaim, Limits, PartToSign, RawStore, RawStoreError, ReceivedPart, Reservation, SignedPart,
    Signing, UploadQuery, UploadStore, UploadStoreError, Usage,
};
use crate::record::{Upload, UploadState};
use catalog::policy::MetadataPolicy;
use catalog::{Advance, FieldError, Video, VideoStore, VideoStoreError};
use std::sync::Arc;
use stdx::{Clock, Entropy};
use vocab::{Bytes, Status, UploadId, UserId};
use work::Jobs;

/// What uploading works with.
#[derive(Clone)]
pub struct UploadsDeps {
    pub store: Arc<dyn UploadStore>,
    pub raw: Arc<dyn RawStore>,
    /// Tells its listeners by itself ([`catalog::Announcing`]).
    pub videos: Arc<dyn VideoStore>,
    /// The writing end of the queue.
    pub jobs: Jobs,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
}

/// A part that a client is about to send.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartWant {
    pub number: u32,
    /// When given, must be what the plan says.
    pub size: Option<Bytes>,
    /// Base64 of the part's SHA-256.
    pub sha256: Option<String>,
}

/// A part that a client believes it has sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartClaim {
    pub number: u32,
    pub etag: String,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CompleteUpload {
    /// When given, each must be what the store has.
    pub parts: Vec<PartClaim>,
    /// SHA-256 of the whole file, hex; over the one declared at the start.
    pub sha256: Option<String>,
}

/// An upload and what the store says has arrived.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    pub upload: Upload,
    pub received: Vec<ReceivedPart>,
    pub received_bytes: Bytes,
    pub missing: Vec<u32>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SweepReport {
    pub expired: usize,
    pub resumed: usize,
    pub forgotten: usize,
    pub failed: usize,
}

pub struct Uploads {
    deps: UploadsDeps,
    policy: UploadPolicy,
    metadata: MetadataPolicy,
}

impl Uploads {
    pub fn new(deps: UploadsDeps, policy: UploadPolicy, metadata: MetadataPolicy) -> Self {
        Self { deps, policy, metadata }
    }

    pub fn policy(&self) -> &UploadPolicy {
        &self.policy
    }

    pub(crate) fn deps(&self) -> &UploadsDeps {
        &self.deps
    }

    pub async fn usage(&self, owner: UserId) -> Result<Usage, UploadError> {
        Ok(self.deps.store.usage(owner, self.deps.clock.now()).await?)
    }

    /// Begins an upload, or answers with the one that `key` has begun before.
    ///
    /// Order: key → quota → ticket → record → video. The record is what a sweep finds: a crash between any two
    /// leaves nothing that a repeated start, the end of the record after a day, the quota's own expiry or the
    /// raw store's sweep does not mend.
    pub async fn start(
        &self,
        owner: UserId,
        ask: StartUpload,
        key: Option<&str>,
    ) -> Result<Upload, UploadError> {
        let now = self.deps.clock.now();
        let taken = intake(&ask, &self.policy, &self.metadata).map_err(|errors| self.refusal(errors))?;
        let fresh = KeyClaim {
            digest: ask.digest(),
            upload: UploadId(self.deps.entropy.u128()),
            video: catalog::ids::born(&*self.deps.clock, &*self.deps.entropy),
            at: now,
        };
        let claim = self.claim(owner, key, fresh).await?;
        if let Some(standing) = self.standing(claim.upload).await? {
            self.reserve_video(&standing, taken).await?;
            return Ok(standing);
        }
        let place = Reservation { upload: claim.upload, size: taken.plan.size, at: now };
        self.deps.store.reserve(owner, place, &self.limits()).await?;
        let (id, outcome) = (claim.upload, self.open(owner, claim, &taken).await);
        if outcome.is_err()
            && let Err(error) = self.take_back(owner, id, key).await
        {
            // The place leaves by itself after a day.
            tracing::warn!(upload = %id, %error, "a place in the quota could not be given back");
        }
        let upload = outcome?;
        stdx::crash::reached("upload.start.recorded");
        let reserved = self.reserve_video(&upload, taken).await;
        // Without a key nobody can come back to it.
        if reserved.is_err()
            && key.is_none()
            && let Err(error) = self.end(upload.clone()).await
        {
            tracing::warn!(upload = %id, %error, "an upload without a video stands until it expires");
        }
        reserved.map(|()| upload)
    }

    /// After a start that got no record, as far as it heard. One that stands all the same keeps its place:
    /// with a key its owner comes back to it, without one nobody does.
    async fn take_back(&self, owner: UserId, id: UploadId, key: Option<&str>) -> Result<(), UploadError> {
        match self.standing(id).await? {
            None => Ok(self.deps.store.release(owner, id, true).await?),
            Some(standing) if key.is_none() => self.end(standing).await,
            Some(_) => Ok(()),
        }
    }

    fn refusal(&self, errors: Vec<FieldError>) -> UploadError {
        match errors.iter().any(|e| e.field == "size_bytes" && e.code == "too_large") {
            true => UploadError::TooLarge { max: self.policy.file_max },
            false => UploadError::Invalid(errors),
        }
    }

    async fn claim(
        &self,
        owner: UserId,
        key: Option<&str>,
        fresh: KeyClaim,
    ) -> Result<KeyClaim, UploadError> {
        let Some(key) = key else { return Ok(fresh) };
        let printable = key.bytes().all(|b| (0x21..0x7f).contains(&b));
        if key.is_empty() || key.len() > self.policy.idempotency_key_chars_max || !printable {
            let said = format!("at most {} visible characters", self.policy.idempotency_key_chars_max);
            return Err(UploadError::Invalid(vec![FieldError::new("idempotency_key", "malformed", said)]));
        }
        let stale_before = fresh.at.saturating_sub(self.policy.expiry);
        let held = self.deps.store.claim_key(owner, key, fresh.clone(), stale_before).await?;
        if held.digest == fresh.digest { Ok(held) } else { Err(UploadError::IdempotencyMismatch) }
    }

    pub(crate) async fn standing(&self, id: UploadId) -> Result<Option<Upload>, UploadError> {
        match self.deps.store.get(id).await {
            Ok(upload) => Ok(Some(upload)),
            Err(UploadStoreError::NotFound(_)) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    fn limits(&self) -> Limits {
        Limits {
            open_max: self.policy.open_uploads_max,
            day_uploads_max: self.policy.uploads_per_day_max,
            day_bytes_max: self.policy.bytes_per_day_max,
        }
    }

    async fn open(&self, owner: UserId, claim: KeyClaim, taken: &Intake) -> Result<Upload, UploadError> {
        let now = self.deps.clock.now();
        let mut upload = Upload {
            id: claim.upload,
            owner,
            video: claim.video,
            filename: taken.filename.clone(),
            content_type: taken.content_type.clone(),
            size_bytes: taken.plan.size,
            sha256: taken.sha256.clone(),
            part_size_bytes: taken.plan.part_size,
            part_count: taken.plan.part_count,
            state: UploadState::Open,
            ticket: String::new(),
            created_at: now,
            expires_at: now.saturating_add(self.policy.expiry),
            state_changed_at: now,
        };
        let begin = Begin {
            content_type: upload.content_type.clone(),
            size: upload.size_bytes,
            part_size: upload.part_size_bytes,
        };
        upload.ticket = self.deps.raw.begin(&upload.raw_key(), begin).await?;
        stdx::crash::reached("upload.start.begun");
        let standing = self.deps.store.insert(upload.clone()).await?;
        if standing.ticket != upload.ticket {
            // A racing start with the same key was faster: its ticket is the one that lives.
            self.drop_ticket(&upload).await;
        }
        Ok(standing)
    }

    /// The video of an open upload, where it does not stand yet. Whoever ends an upload removes its video
    /// before and after: one that stands is never made anew. One that is made when both have looked is
    /// removed here, by whoever made it.
    async fn reserve_video(&self, upload: &Upload, taken: Intake) -> Result<(), UploadError> {
        match upload.state {
            UploadState::Open => {}
            UploadState::Completing => return Ok(()),
            UploadState::Completed | UploadState::Aborted => {
                return self.remove_reserved(upload).await.map(drop);
            }
        }
        let link_key = catalog::ids::link_key(&*self.deps.entropy);
        let video = Video {
            meta: taken.meta,
            transform: taken.transform,
            upload: Some(upload.id),
            raw_bytes: upload.size_bytes,
            ..Video::reserved(upload.video, upload.owner, link_key, upload.created_at)
        };
        match self.deps.videos.insert(video).await {
            Ok(()) => {}
            // The same start got this far before.
            Err(VideoStoreError::Exists(_)) => return Ok(()),
            Err(e) => return Err(video_fault(e).into()),
        }
        match self.standing(upload.id).await? {
            Some(now) if !now.state.has_ended() => Ok(()),
            _ => self.remove_reserved(upload).await.map(drop),
        }
    }

    /// The video of an upload that brings it no file. Whether it stands at all.
    pub(crate) async fn remove_reserved(&self, upload: &Upload) -> Result<bool, UploadError> {
        let now = self.deps.clock.now();
        let gone = Advance::new(upload.video, Status::Reserved, Status::Removed, now);
        match self.deps.videos.advance(gone).await {
            Ok(_) | Err(VideoStoreError::Stale { .. }) => Ok(true),
            Err(VideoStoreError::NotFound(_)) => Ok(false),
            Err(e) => Err(video_fault(e).into()),
        }
    }

    pub(crate) async fn drop_ticket(&self, upload: &Upload) {
        if let Err(e) = self.deps.raw.abort(&upload.raw_key(), &upload.ticket).await {
            tracing::warn!(upload = %upload.id, error = %e, "parts stay until the store's own sweep");
        }
    }

    /// The one owner check: another owner's upload does not exist. A guest who signs in while a file is
    /// under way goes on with it as the account that its video was given to.
    pub(crate) async fn owned(&self, owner: UserId, id: UploadId) -> Result<Upload, UploadError> {
        let upload = self.deps.store.get(id).await?;
        if upload.owner == owner {
            return Ok(upload);
        }
        match self.deps.videos.get(upload.video).await {
            Ok(video) if video.owner == owner => Ok(upload),
            Ok(_) | Err(VideoStoreError::NotFound(_)) => Err(UploadError::NotFound),
            Err(e) => Err(video_fault(e).into()),
        }
    }

    /// URLs for parts, just in time. `endpoint` is where the client reaches the store.
    pub async fn sign(
        &self,
        owner: UserId,
        id: UploadId,
        wants: &[PartWant],
        endpoint: Option<&str>,
    ) -> Result<Vec<SignedPart>, UploadError> {
        let upload = self.owned(owner, id).await?;
        let now = self.deps.clock.now();
        match upload.state {
            UploadState::Open if upload.expires_at > now => {}
            UploadState::Open | UploadState::Aborted => return Err(UploadError::Ended),
            state => return Err(UploadError::NotOpen(state)),
        }
        let parts = self.parts_to_sign(&upload, wants)?;
        let signing = Signing { now, life: self.policy.url_life, endpoint: endpoint.map(str::to_owned) };
        Ok(self.deps.raw.sign_parts(&upload.raw_key(), &upload.ticket, &parts, &signing).await?)
    }

    fn parts_to_sign(&self, upload: &Upload, wants: &[PartWant]) -> Result<Vec<PartToSign>, UploadError> {
        let invalid =
            |field, code, said: String| Err(UploadError::Invalid(vec![FieldError::new(field, code, said)]));
        let max = self.policy.sign_batch_max;
        if wants.is_empty() || wants.len() > max {
            return invalid("parts", "count", format!("1 to {max} parts a request"));
        }
        let plan = upload.plan();
        let mut parts = Vec::with_capacity(wants.len());
        for want in wants {
            let Some(size) = plan.part_len(want.number) else {
                return invalid("parts.number", "outside", format!("parts are 1 to {}", plan.part_count));
            };
            if want.size.is_some_and(|s| s != size) {
                return invalid(
                    "parts.size_bytes",
                    "size",
                    format!("part {} has {} bytes", want.number, size.0),
                );
            }
            if want.sha256.as_deref().is_some_and(|s| !is_sha256_base64(s)) {
                return invalid("parts.sha256", "malformed", "sha256 of a part is base64 of 32 bytes".into());
            }
            parts.push(PartToSign { number: want.number, size, sha256: want.sha256.clone() });
        }
        Ok(parts)
    }

    /// What the store says has arrived.
    pub async fn state(&self, owner: UserId, id: UploadId) -> Result<Progress, UploadError> {
        let upload = self.owned(owner, id).await?;
        self.progress(upload).await
    }

    /// The owner's live uploads, newest first.
    pub async fn live(&self, owner: UserId) -> Result<Vec<Progress>, UploadError> {
        let limit = self.policy.sweep_batch;
        let mut all = Vec::new();
        for upload in self.deps.store.list(UploadQuery::LiveOf(owner), limit).await?.into_iter().rev() {
            match self.progress(upload.clone()).await {
                Ok(progress) => all.push(progress),
                // Its parts were erased with its video: nothing to resume, and no place to hold.
                Err(UploadError::Ended) => self.end(upload).await?,
                Err(e) => return Err(e),
            }
        }
        Ok(all)
    }

    pub(crate) async fn progress(&self, upload: Upload) -> Result<Progress, UploadError> {
        let plan = upload.plan();
        let received = match upload.state {
            UploadState::Aborted => vec![],
            UploadState::Completed => return Ok(all_received(upload)),
            UploadState::Open | UploadState::Completing => {
                match self.deps.raw.list_parts(&upload.raw_key(), &upload.ticket).await {
                    Ok(parts) => parts,
                    // Between finish and the last step the parts are one object already.
                    Err(RawStoreError::NoSuchUpload) => {
                        return match self.deps.raw.head(&upload.raw_key()).await? {
                            Some(_) => Ok(all_received(upload)),
                            None => Err(UploadError::Ended),
                        };
                    }
                    Err(e) => return Err(e.into()),
                }
            }
        };
        let right: Vec<_> =
            received.into_iter().filter(|p| plan.part_len(p.number) == Some(p.size)).collect();
        let missing = plan.numbers().filter(|n| !right.iter().any(|p| p.number == *n)).collect();
        let received_bytes = Bytes(right.iter().map(|p| p.size.0).sum());
        Ok(Progress { upload, received: right, received_bytes, missing })
    }

    /// Gives an upload up. Idempotent while it is not completed.
    pub async fn abort(&self, owner: UserId, id: UploadId) -> Result<(), UploadError> {
        let upload = self.owned(owner, id).await?;
        self.end(upload).await
    }

    /// The record is closed last: as long as it is open, somebody comes back and does the rest again. What
    /// a racing completion has put together before the parts were dropped is its owner's.
    pub(crate) async fn end(&self, upload: Upload) -> Result<(), UploadError> {
        let (now, key) = (self.deps.clock.now(), upload.raw_key());
        if matches!(upload.state, UploadState::Completing | UploadState::Completed) {
            return Err(UploadError::NotOpen(upload.state));
        }
        self.deps.raw.abort(&key, &upload.ticket).await?;
        if upload.state == UploadState::Open && self.deps.raw.head(&key).await?.is_some() {
            return Err(UploadError::NotOpen(UploadState::Completing));
        }
        let had_video = self.remove_reserved(&upload).await?;
        self.deps.store.release(upload.owner, upload.id, false).await?;
        match self.deps.store.advance(upload.id, &[UploadState::Open], UploadState::Aborted, now).await {
            Ok(_) | Err(UploadStoreError::Stale { actual: UploadState::Aborted, .. }) => {}
            Err(UploadStoreError::Stale { actual, .. }) => return Err(UploadError::NotOpen(actual)),
            Err(e) => return Err(e.into()),
        }
        if !had_video {
            // Its start may have been at it: the video it made while this was not closed.
            self.remove_reserved(&upload).await?;
        }
        Ok(())
    }
}

fn all_received(upload: Upload) -> Progress {
    let received_bytes = upload.size_bytes;
    Progress { upload, received: vec![], received_bytes, missing: vec![] }
}

/// 44 characters of which the last is padding: 32 bytes.
fn is_sha256_base64(text: &str) -> bool {
    let body = |b: u8| b.is_ascii_alphanumeric() || b == b'+' || b == b'/';
    text.len() == 44 && text.ends_with('=') && text.bytes().take(43).all(body)
}
