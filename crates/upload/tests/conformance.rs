//! The memory stores keep the ports' promises, and the promises bite.

use async_trait::async_trait;
use bytes::Bytes as Octets;
use std::sync::Arc;
use stdx::Fault;
use testkit::{saboteur, trials};
use upload::conformance::{PartSender, RawBench, forgetting, mending, raw_store, upload_store};
use upload::{
    Begin, KeyClaim, Limits, MemoryRawStore, MemoryUploadStore, PartToSign, RawFacts, RawStore,
    RawStoreError, ReceivedPart, Reservation, SignedPart, Signing, Upload, UploadQuery, UploadState,
    UploadStore, UploadStoreError, Usage,
};
use vocab::{MediaKey, Millis, UploadId, UserId};

/// What is broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fails {
    /// The last claim of a key wins.
    LastClaimWins,
    /// Reads, thinks, then writes.
    ChecksThenActs,
    /// A crash between two attempts is counted twice.
    CountsTwice,
    /// `list` gives everybody's.
    MixesOwners,
    /// Finishes with whatever parts are there.
    TrustsTheList,
    /// Commits before it compares.
    CommitsThenChecks,
    /// Parts stay after the end.
    KeepsParts,
}

struct BrokenStore(Fails, MemoryUploadStore);

#[async_trait]
impl UploadStore for BrokenStore {
    async fn claim_key(
        &self,
        owner: UserId,
        key: &str,
        claim: KeyClaim,
        stale: Millis,
    ) -> Result<KeyClaim, Fault> {
        let stale = if self.0 == Fails::LastClaimWins { Millis(i64::MAX) } else { stale };
        self.1.claim_key(owner, key, claim, stale).await
    }
    async fn reserve(
        &self,
        owner: UserId,
        place: Reservation,
        limits: &Limits,
    ) -> Result<Usage, UploadStoreError> {
        if self.0 == Fails::CountsTwice {
            let upload =
                UploadId(place.upload.0 << 16 | u128::from(self.1.usage(owner, place.at).await?.open));
            return self.1.reserve(owner, Reservation { upload, ..place }, limits).await;
        }
        self.1.reserve(owner, place, limits).await
    }
    async fn release(&self, owner: UserId, upload: UploadId, refund: bool) -> Result<(), Fault> {
        self.1.release(owner, upload, refund).await
    }
    async fn usage(&self, owner: UserId, now: Millis) -> Result<Usage, Fault> {
        self.1.usage(owner, now).await
    }
    async fn insert(&self, upload: Upload) -> Result<Upload, Fault> {
        self.1.insert(upload).await
    }
    async fn get(&self, id: UploadId) -> Result<Upload, UploadStoreError> {
        self.1.get(id).await
    }
    async fn advance(
        &self,
        id: UploadId,
        from: &[UploadState],
        to: UploadState,
        at: Millis,
    ) -> Result<Upload, UploadStoreError> {
        if self.0 == Fails::ChecksThenActs {
            let seen = self.1.get(id).await?;
            tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            if from.contains(&seen.state) && seen.state.may_become(to) {
                let _ = self.1.advance(id, from, to, at).await;
                return Ok(Upload { state: to, state_changed_at: at, ..seen });
            }
        }
        self.1.advance(id, from, to, at).await
    }
    async fn list(&self, query: UploadQuery, limit: usize) -> Result<Vec<Upload>, Fault> {
        match (self.0, &query) {
            (Fails::MixesOwners, UploadQuery::LiveOf(owner)) => {
                let mut all = self.1.list(query.clone(), limit).await?;
                all.extend(self.1.list(UploadQuery::LiveOf(UserId(owner.0 + 1)), limit).await?);
                Ok(all)
            }
            _ => self.1.list(query, limit).await,
        }
    }
    async fn forget(&self, before: Millis, limit: usize) -> Result<usize, Fault> {
        self.1.forget(before, limit).await
    }
}

struct BrokenRaw(Fails, Arc<MemoryRawStore>);

#[async_trait]
impl RawStore for BrokenRaw {
    async fn begin(&self, key: &MediaKey, begin: Begin) -> Result<String, RawStoreError> {
        self.1.begin(key, begin).await
    }
    async fn sign_parts(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[PartToSign],
        signing: &Signing,
    ) -> Result<Vec<SignedPart>, RawStoreError> {
        self.1.sign_parts(key, ticket, parts, signing).await
    }
    async fn list_parts(&self, key: &MediaKey, ticket: &str) -> Result<Vec<ReceivedPart>, RawStoreError> {
        self.1.list_parts(key, ticket).await
    }
    async fn finish(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[ReceivedPart],
        sha256: Option<&str>,
    ) -> Result<RawFacts, RawStoreError> {
        match self.0 {
            Fails::TrustsTheList => {
                let there = self.1.list_parts(key, ticket).await?;
                self.1.finish(key, ticket, &there, sha256).await
            }
            Fails::CommitsThenChecks => {
                let facts = self.1.finish(key, ticket, parts, None).await?;
                match (sha256, facts.sha256.clone()) {
                    (Some(expected), Some(found)) if expected != found => {
                        Err(RawStoreError::ChecksumMismatch { found })
                    }
                    _ => Ok(facts),
                }
            }
            _ => self.1.finish(key, ticket, parts, sha256).await,
        }
    }
    async fn abort(&self, key: &MediaKey, ticket: &str) -> Result<(), RawStoreError> {
        if self.0 == Fails::KeepsParts { Ok(()) } else { self.1.abort(key, ticket).await }
    }
    async fn head(&self, key: &MediaKey) -> Result<Option<RawFacts>, RawStoreError> {
        self.1.head(key).await
    }
    async fn remove(&self, key: &MediaKey) -> Result<(), RawStoreError> {
        self.1.remove(key).await
    }
}

struct Sender(Arc<MemoryRawStore>);

#[async_trait]
impl PartSender for Sender {
    async fn send(&self, key: &MediaKey, ticket: &str, number: u32, bytes: Octets) -> Result<(), String> {
        self.0.put_part(key, ticket, number, bytes).map_err(|e| e.to_string())
    }
}

fn bench(raw: Arc<dyn RawStore>, memory: Arc<MemoryRawStore>) -> RawBench {
    RawBench { raw, sender: Arc::new(Sender(memory)), now: Millis(1_767_225_600_000), part_min: 1024 }
}

fn memory_bench() -> RawBench {
    let memory = Arc::new(MemoryRawStore::default());
    bench(Arc::clone(&memory) as Arc<dyn RawStore>, memory)
}

fn broken(fails: Fails) -> impl Fn() -> Arc<dyn UploadStore> {
    move || Arc::new(BrokenStore(fails, MemoryUploadStore::default()))
}

fn broken_raw(fails: Fails) -> impl Fn() -> RawBench {
    move || {
        let memory = Arc::new(MemoryRawStore::default());
        bench(Arc::new(BrokenRaw(fails, Arc::clone(&memory))), memory)
    }
}

fn main() {
    let memory = || Arc::new(MemoryUploadStore::default()) as Arc<dyn UploadStore>;
    let mut all = trials("memory", upload_store(), memory);
    all.extend(trials("memory", forgetting(), memory));
    all.extend(trials("memory_raw", raw_store(), memory_bench));
    all.extend(trials("memory_raw", mending(), memory_bench));
    all.extend([
        saboteur(
            "last_claim_wins",
            upload_store,
            broken(Fails::LastClaimWins),
            &["the_first_claim_of_a_key_holds", "racing_claims_agree"],
        ),
        saboteur(
            "checks_then_acts",
            upload_store,
            broken(Fails::ChecksThenActs),
            &["racing_advances_have_one_winner"],
        ),
        saboteur(
            "counts_twice",
            upload_store,
            broken(Fails::CountsTwice),
            &[
                "quotas_stop_the_next_one",
                "the_same_upload_takes_one_place",
                "release_frees_and_refund_forgets",
            ],
        ),
        saboteur("mixes_owners", upload_store, broken(Fails::MixesOwners), &["queries_find_their_own"]),
        saboteur(
            "trusts_the_list",
            raw_store,
            broken_raw(Fails::TrustsTheList),
            &["finish_refuses_missing_and_changed_parts"],
        ),
        saboteur(
            "commits_then_checks",
            raw_store,
            broken_raw(Fails::CommitsThenChecks),
            &["a_wrong_checksum_leaves_no_object"],
        ),
        saboteur(
            "keeps_parts",
            raw_store,
            broken_raw(Fails::KeepsParts),
            &["abort_drops_the_parts_and_may_be_repeated"],
        ),
    ]);
    testkit::main(all)
}
