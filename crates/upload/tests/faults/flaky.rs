//! Ports of which one chosen call fails.

use async_trait::async_trait;
use catalog::{Advance, Edit, Video, VideoPage, VideoStore, VideoStoreError};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use stdx::Fault;
use tokio::sync::Notify;
use upload::{
    Begin, KeyClaim, Limits, PartToSign, RawFacts, RawStore, RawStoreError, ReceivedPart, Reservation,
    SignedPart, Signing, Upload, UploadQuery, UploadState, UploadStore, UploadStoreError, Usage,
};
use vocab::{JobId, MediaKey, Millis, Status, UploadId, UserId, VideoId};
use work::{Claim, Ending, Heartbeat, Job, JobFilter, JobStore, JobStoreError, NewJob, Order, Prune, Tally};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fails {
    /// The call has no effect.
    Before,
    /// The call has its effect and the caller is not told.
    After,
    /// The call has no effect, and the process lives on.
    Once,
    /// The call has its effect, the caller is not told, and the process lives on.
    OnceAfter,
}

/// A call that is held until it is let go.
#[derive(Debug, Default)]
pub struct Gate {
    pub reached: Notify,
    pub over: Notify,
}

/// Burns down call by call; at zero one call fails, and every later one: the process is dead ([`Fails::Once`]
/// and [`Fails::OnceAfter`] leave it alive).
#[derive(Debug, Default)]
pub struct Fuse(Mutex<Option<(usize, Fails)>>, Mutex<HashMap<&'static str, Arc<Gate>>>);

impl Fuse {
    pub fn light(&self, calls: usize, fails: Fails) {
        *self.0.lock().expect("no panic") = Some((calls, fails));
    }

    /// Holds the next call of this name: `video.insert` or `release`.
    pub fn gate(&self, at: &'static str) -> Arc<Gate> {
        let gate = Arc::new(Gate::default());
        self.1.lock().expect("no panic").insert(at, Arc::clone(&gate));
        gate
    }

    async fn pass(&self, at: &str) {
        let gate = self.1.lock().expect("no panic").remove(at);
        if let Some(gate) = gate {
            gate.reached.notify_one();
            gate.over.notified().await;
        }
    }

    /// Whether the fault has happened.
    pub fn put_out(&self) -> bool {
        self.0.lock().expect("no panic").take().is_some_and(|(left, _)| left == 0)
    }

    async fn call<T, E: From<Fault>>(&self, work: impl Future<Output = Result<T, E>>) -> Result<T, E> {
        let (fails_now, dead) = match self.0.lock().expect("no panic").as_mut() {
            None => (None, false),
            Some((0, Fails::Once | Fails::OnceAfter)) => (None, false),
            Some((0, _)) => (None, true),
            Some((left, fails)) => {
                *left -= 1;
                ((*left == 0).then_some(*fails), false)
            }
        };
        let fault = || E::from(Fault::unavailable("as the test wants it"));
        match (dead, fails_now) {
            (true, _) | (_, Some(Fails::Before | Fails::Once)) => Err(fault()),
            (_, Some(Fails::After | Fails::OnceAfter)) => work.await.and_then(|_| Err(fault())),
            (_, None) => work.await,
        }
    }
}

pub struct Flaky<P>(pub Arc<P>, pub Arc<Fuse>);

#[async_trait]
impl<P: UploadStore> UploadStore for Flaky<P> {
    async fn claim_key(&self, o: UserId, k: &str, c: KeyClaim, s: Millis) -> Result<KeyClaim, Fault> {
        self.1.call(self.0.claim_key(o, k, c, s)).await
    }
    async fn reserve(&self, o: UserId, p: Reservation, l: &Limits) -> Result<Usage, UploadStoreError> {
        self.1.call(self.0.reserve(o, p, l)).await
    }
    async fn release(&self, o: UserId, u: UploadId, refund: bool) -> Result<(), Fault> {
        self.1.pass("release").await;
        self.1.call(self.0.release(o, u, refund)).await
    }
    async fn usage(&self, o: UserId, now: Millis) -> Result<Usage, Fault> {
        self.1.call(self.0.usage(o, now)).await
    }
    async fn insert(&self, u: Upload) -> Result<Upload, Fault> {
        self.1.call(self.0.insert(u)).await
    }
    async fn get(&self, id: UploadId) -> Result<Upload, UploadStoreError> {
        self.1.call(self.0.get(id)).await
    }
    async fn advance(
        &self,
        id: UploadId,
        from: &[UploadState],
        to: UploadState,
        at: Millis,
    ) -> Result<Upload, UploadStoreError> {
        self.1.call(self.0.advance(id, from, to, at)).await
    }
    async fn list(&self, query: UploadQuery, limit: usize) -> Result<Vec<Upload>, Fault> {
        self.1.call(self.0.list(query, limit)).await
    }
    async fn forget(&self, before: Millis, limit: usize) -> Result<usize, Fault> {
        self.1.call(self.0.forget(before, limit)).await
    }
}

#[async_trait]
impl<P: RawStore> RawStore for Flaky<P> {
    async fn begin(&self, key: &MediaKey, begin: Begin) -> Result<String, RawStoreError> {
        self.1.call(self.0.begin(key, begin)).await
    }
    async fn sign_parts(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[PartToSign],
        signing: &Signing,
    ) -> Result<Vec<SignedPart>, RawStoreError> {
        self.1.call(self.0.sign_parts(key, ticket, parts, signing)).await
    }
    async fn list_parts(&self, key: &MediaKey, ticket: &str) -> Result<Vec<ReceivedPart>, RawStoreError> {
        self.1.call(self.0.list_parts(key, ticket)).await
    }
    async fn finish(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[ReceivedPart],
        sha256: Option<&str>,
    ) -> Result<RawFacts, RawStoreError> {
        self.1.call(self.0.finish(key, ticket, parts, sha256)).await
    }
    async fn abort(&self, key: &MediaKey, ticket: &str) -> Result<(), RawStoreError> {
        self.1.call(self.0.abort(key, ticket)).await
    }
    async fn head(&self, key: &MediaKey) -> Result<Option<RawFacts>, RawStoreError> {
        self.1.call(self.0.head(key)).await
    }
    async fn remove(&self, key: &MediaKey) -> Result<(), RawStoreError> {
        self.1.call(self.0.remove(key)).await
    }
}

#[async_trait]
impl<P: VideoStore> VideoStore for Flaky<P> {
    async fn insert(&self, video: Video) -> Result<(), VideoStoreError> {
        self.1.pass("video.insert").await;
        self.1.call(self.0.insert(video)).await
    }
    async fn get(&self, id: VideoId) -> Result<Video, VideoStoreError> {
        self.1.call(self.0.get(id)).await
    }
    async fn get_many(&self, ids: &[VideoId]) -> Result<Vec<Video>, VideoStoreError> {
        self.1.call(self.0.get_many(ids)).await
    }
    async fn advance(&self, step: Advance) -> Result<Video, VideoStoreError> {
        self.1.call(self.0.advance(step)).await
    }
    async fn edit(&self, id: VideoId, revision: u64, edit: Edit) -> Result<Video, VideoStoreError> {
        self.1.call(self.0.edit(id, revision, edit)).await
    }
    async fn give(&self, id: VideoId, from: UserId, to: UserId) -> Result<Video, VideoStoreError> {
        self.1.call(self.0.give(id, from, to)).await
    }
    async fn list_by_owner(
        &self,
        owner: UserId,
        before: Option<VideoId>,
        limit: usize,
    ) -> Result<VideoPage, VideoStoreError> {
        self.1.call(self.0.list_by_owner(owner, before, limit)).await
    }
    async fn list_public(
        &self,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        self.1.call(self.0.list_public(before, limit)).await
    }
    async fn list_by_status(
        &self,
        status: Status,
        before: Millis,
        limit: usize,
    ) -> Result<Vec<Video>, VideoStoreError> {
        self.1.call(self.0.list_by_status(status, before, limit)).await
    }
}

#[async_trait]
impl<P: JobStore> JobStore for Flaky<P> {
    async fn enqueue(&self, id: JobId, job: NewJob, now: Millis) -> Result<Job, JobStoreError> {
        self.1.call(self.0.enqueue(id, job, now)).await
    }
    async fn claim(&self, claim: Claim) -> Result<Vec<Job>, JobStoreError> {
        self.1.call(self.0.claim(claim)).await
    }
    async fn heartbeat(
        &self,
        id: JobId,
        fence: u64,
        until: Millis,
        percent: u8,
    ) -> Result<Heartbeat, JobStoreError> {
        self.1.call(self.0.heartbeat(id, fence, until, percent)).await
    }
    async fn finish(&self, id: JobId, fence: u64, ending: Ending, now: Millis) -> Result<Job, JobStoreError> {
        self.1.call(self.0.finish(id, fence, ending, now)).await
    }
    async fn get(&self, id: JobId) -> Result<Job, JobStoreError> {
        self.1.call(self.0.get(id)).await
    }
    async fn list(&self, filter: JobFilter) -> Result<Vec<Job>, JobStoreError> {
        self.1.call(self.0.list(filter)).await
    }
    async fn steer(&self, id: JobId, order: Order, now: Millis) -> Result<Job, JobStoreError> {
        self.1.call(self.0.steer(id, order, now)).await
    }
    async fn tally(&self) -> Result<Vec<Tally>, JobStoreError> {
        self.1.call(self.0.tally()).await
    }
    async fn prune(&self, prune: Prune) -> Result<usize, JobStoreError> {
        self.1.call(self.0.prune(prune)).await
    }
}
