//! From the last part to the pipeline: the steps that may be cut anywhere.
//!
//! `Open → Completing` (claim) → the raw store puts the parts together (its rename is the commit
//! point) → the video goes `Reserved → Uploaded` → the next job is queued → `Completing → Completed`.

use crate::error::{UploadError, video_fault};
use crate::intake::sha256_hex;
use crate::port::{RawFacts, RawStoreError, UploadQuery, UploadStoreError};
use crate::record::{Upload, UploadState};
use crate::uploads::{CompleteUpload, Progress, SweepReport, Uploads};
use catalog::{Advance, Facts, FieldError, Video, VideoStoreError, jobs::JUDGE};
use std::collections::BTreeSet;
use stdx::Fault;
use vocab::{Status, UploadId, UserId};
use work::JobStoreError;

impl Uploads {
    /// Hands the file on. Idempotent: once completed, every call answers with the video as it stands.
    pub async fn complete(
        &self,
        owner: UserId,
        id: UploadId,
        ask: CompleteUpload,
    ) -> Result<Video, UploadError> {
        let upload = self.owned(owner, id).await?;
        match upload.state {
            UploadState::Completed => return self.video(&upload).await,
            UploadState::Aborted => return Err(UploadError::Ended),
            UploadState::Open | UploadState::Completing => {}
        }
        let declared = match ask.sha256.as_deref() {
            None => upload.sha256.clone(),
            Some(text) => Some(sha256_hex(text).ok_or_else(|| {
                UploadError::Invalid(vec![FieldError::new("sha256", "malformed", "64 hexadecimal digits")])
            })?),
        };
        let facts = match self.deps().raw.head(&upload.raw_key()).await? {
            // A completion got past the commit point before.
            Some(facts) => facts,
            None => self.assemble(&upload, &ask, declared.as_deref()).await?,
        };
        self.hand_on(upload, facts).await
    }

    async fn assemble(
        &self,
        upload: &Upload,
        ask: &CompleteUpload,
        declared: Option<&str>,
    ) -> Result<RawFacts, UploadError> {
        let progress = self.progress(upload.clone()).await?;
        if !progress.missing.is_empty() {
            return Err(UploadError::Incomplete { missing: progress.missing });
        }
        let differing = differing(&progress, ask);
        if !differing.is_empty() {
            return Err(UploadError::Incomplete { missing: differing });
        }
        self.claim_completion(upload).await?;
        stdx::crash::reached("upload.complete.claimed");
        let (key, parts) = (upload.raw_key(), &progress.received);
        match self.deps().raw.finish(&key, &upload.ticket, parts, declared).await {
            Ok(facts) => {
                stdx::crash::reached("upload.complete.assembled");
                Ok(facts)
            }
            // A racing completion was faster.
            Err(RawStoreError::NoSuchUpload) => self.deps().raw.head(&key).await?.ok_or(UploadError::Ended),
            Err(RawStoreError::Fault(fault)) => self.after_fault(upload, fault).await,
            Err(e) => {
                // Nothing was committed: the owner may mend the parts and complete again.
                self.reopen(upload).await;
                Err(e.into())
            }
        }
    }

    /// The store may have put the parts together all the same. Where nobody can tell, the claim stays, and
    /// the sweep looks again in a minute; an upload that is open waits for its owner, a day at the most.
    async fn after_fault(&self, upload: &Upload, fault: Fault) -> Result<RawFacts, UploadError> {
        match self.deps().raw.head(&upload.raw_key()).await {
            Ok(Some(facts)) => Ok(facts),
            Ok(None) => {
                self.reopen(upload).await;
                Err(fault.into())
            }
            Err(_) => Err(fault.into()),
        }
    }

    async fn claim_completion(&self, upload: &Upload) -> Result<(), UploadError> {
        let now = self.deps().clock.now();
        let to = UploadState::Completing;
        match self.deps().store.advance(upload.id, &[UploadState::Open], to, now).await {
            // Held already: by a racing call or one that died. `finish` is safe for both.
            Ok(_) | Err(UploadStoreError::Stale { actual: UploadState::Completing, .. }) => Ok(()),
            // The racing call has done it all: `finish` will find nothing and `head` the object.
            Err(UploadStoreError::Stale { actual: UploadState::Completed, .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    async fn reopen(&self, upload: &Upload) {
        let now = self.deps().clock.now();
        let back = self.deps().store.advance(upload.id, &[UploadState::Completing], UploadState::Open, now);
        if let Err(e) = back.await {
            tracing::warn!(upload = %upload.id, error = %e, "the sweep will look at this completion again");
        }
    }

    /// Everything after the commit point. Each step is conditional; all of it may be repeated.
    async fn hand_on(&self, upload: Upload, facts: RawFacts) -> Result<Video, UploadError> {
        if facts.size != upload.size_bytes {
            let said =
                format!("raw object of {} has {}, declared {}", upload.id, facts.size, upload.size_bytes);
            return Err(Fault::corrupt(said).into());
        }
        let now = self.deps().clock.now();
        let step = Advance::new(upload.video, Status::Reserved, Status::Uploaded, now).with(Facts {
            upload: Some(upload.id),
            raw_bytes: Some(facts.size),
            ..Facts::default()
        });
        let video = match self.deps().videos.advance(step).await {
            Ok(video) => video,
            Err(VideoStoreError::Stale { .. }) => self.video(&upload).await?,
            Err(VideoStoreError::NotFound(_)) => return self.hand_back(upload).await,
            Err(e) => return Err(video_fault(e).into()),
        };
        stdx::crash::reached("upload.complete.advanced");
        if video.status == Status::Uploaded {
            self.queue_next(&upload).await?;
        }
        stdx::crash::reached("upload.complete.queued");
        if video.is_gone() {
            // Deleted while it was being put together: its eraser may have been here before the bytes.
            self.deps().raw.remove(&upload.raw_key()).await?;
        }
        self.deps().store.release(upload.owner, upload.id, false).await?;
        // Last: as long as the record is not closed, somebody comes back and does the above again.
        let live = [UploadState::Open, UploadState::Completing];
        self.close(&upload, &live).await?;
        Ok(video)
    }

    /// The start died before it reserved the video, and its owner sent the file all the same. One that is
    /// only slow may reserve it yet, and by its own look or by this one the video goes again.
    async fn hand_back(&self, upload: Upload) -> Result<Video, UploadError> {
        self.deps().raw.remove(&upload.raw_key()).await?;
        self.deps().store.release(upload.owner, upload.id, false).await?;
        self.close(&upload, &[UploadState::Open, UploadState::Completing]).await?;
        self.remove_reserved(&upload).await?;
        Err(UploadError::Ended)
    }

    async fn queue_next(&self, upload: &Upload) -> Result<(), UploadError> {
        match self.deps().jobs.submit_now(JUDGE, upload.video).await {
            Ok(_) => Ok(()),
            Err(JobStoreError::Fault(fault)) => Err(fault.into()),
            Err(e) => Err(Fault::internal(e).into()),
        }
    }

    /// `Open` too: the owner's own completion may have died before it wrote its claim.
    async fn close(&self, upload: &Upload, live: &[UploadState]) -> Result<(), UploadError> {
        let now = self.deps().clock.now();
        if upload.state == UploadState::Open {
            self.claim_completion(upload).await?;
        }
        match self.deps().store.advance(upload.id, live, UploadState::Completed, now).await {
            Ok(_) | Err(UploadStoreError::Stale { actual: UploadState::Completed, .. }) => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    async fn video(&self, upload: &Upload) -> Result<Video, UploadError> {
        self.deps().videos.get(upload.video).await.map_err(|e| match e {
            VideoStoreError::NotFound(_) => UploadError::NotFound,
            e => video_fault(e).into(),
        })
    }

    /// The store says that the raw object stands. Nothing to do when the request got through by itself.
    pub async fn arrived(&self, id: UploadId) -> Result<(), UploadError> {
        let upload = match self.deps().store.get(id).await {
            Ok(upload) => upload,
            // Forgotten since: it had ended.
            Err(UploadStoreError::NotFound(_)) => return Ok(()),
            Err(e) => return Err(e.into()),
        };
        match upload.state {
            UploadState::Completed | UploadState::Aborted => Ok(()),
            UploadState::Open | UploadState::Completing => self.resume(upload).await.map(drop),
        }
    }

    /// Drives a completion on from wherever it stands.
    async fn resume(&self, upload: Upload) -> Result<(), UploadError> {
        match self.deps().raw.head(&upload.raw_key()).await? {
            Some(facts) => self.hand_on(upload, facts).await.map(drop),
            // Died before the commit point: the parts are all there, the owner completes again.
            None if upload.state == UploadState::Completing => {
                self.reopen(&upload).await;
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Ends what expired, drives what is stuck, forgets what ended long ago.
    pub async fn sweep(&self) -> Result<SweepReport, UploadError> {
        let (now, mut report) = (self.deps().clock.now(), SweepReport::default());
        let stuck = UploadQuery::CompletingBefore(now.saturating_sub(self.policy().completing_stuck));
        self.sweep_all(stuck, &mut report).await?;
        self.sweep_all(UploadQuery::ExpiredBefore(now), &mut report).await?;
        let before = now.saturating_sub(self.policy().remember);
        report.forgotten = self.deps().store.forget(before, self.policy().sweep_batch).await?;
        Ok(report)
    }

    /// A batch of what is listed. The oldest come first, and those that fail stay there: they are passed
    /// over, so that they hold up nobody behind them.
    async fn sweep_all(&self, query: UploadQuery, report: &mut SweepReport) -> Result<(), UploadError> {
        let (mut done, mut failed) = (0, BTreeSet::new());
        while done < self.policy().sweep_batch && failed.len() < self.policy().sweep_failures_max {
            let limit = self.policy().sweep_batch - done + failed.len();
            let listed = self.deps().store.list(query.clone(), limit).await?;
            let is_all = listed.len() < limit;
            let fresh: Vec<_> = listed.into_iter().filter(|u| !failed.contains(&u.id)).collect();
            if fresh.is_empty() {
                return Ok(());
            }
            for upload in fresh {
                let id = upload.id;
                match self.sweep_one(upload, report).await {
                    Ok(()) => done += 1,
                    Err(error) => {
                        failed.insert(id);
                        report.note(&error);
                    }
                }
            }
            if is_all {
                return Ok(());
            }
        }
        Ok(())
    }

    async fn sweep_one(&self, upload: Upload, report: &mut SweepReport) -> Result<(), UploadError> {
        if upload.state == UploadState::Open {
            match self.end(upload.clone()).await {
                Ok(()) => {
                    report.expired += 1;
                    return Ok(());
                }
                // Its file stands: a completion got past the commit point and nobody heard of it.
                Err(UploadError::NotOpen(_)) => {}
                Err(e) => return Err(e),
            }
        }
        match self.resume(upload).await {
            // Ended: there was no video to hand it to, and now there is no file.
            Ok(()) | Err(UploadError::Ended) => report.resumed += 1,
            Err(e) => return Err(e),
        }
        Ok(())
    }
}

impl SweepReport {
    fn note(&mut self, error: &UploadError) {
        self.failed += 1;
        tracing::warn!(%error, "an upload could not be swept; the next sweep tries again");
    }
}

/// Parts of which the client believes another etag than the store has.
fn differing(progress: &Progress, ask: &CompleteUpload) -> Vec<u32> {
    let has = |number: u32, etag: &str| {
        let etag = etag.trim_matches('"');
        progress.received.iter().any(|p| p.number == number && p.etag == etag)
    };
    ask.parts.iter().filter(|c| !has(c.number, &c.etag)).map(|c| c.number).collect()
}
