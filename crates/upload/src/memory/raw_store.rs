//! A store of parts in maps. Its URLs are names only: parts come through [`MemoryRawStore::put_part`].

use crate::port::{Begin, PartToSign, RawFacts, RawStore, RawStoreError, ReceivedPart, SignedPart, Signing};
use async_trait::async_trait;
use bytes::Bytes as Octets;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use stdx::Fault;
use vocab::{Bytes, MediaKey};

#[derive(Debug, Default)]
struct State {
    begun: u64,
    open: BTreeMap<String, BTreeMap<u32, Octets>>,
    objects: BTreeMap<String, Octets>,
}

#[derive(Debug)]
pub struct MemoryRawStore {
    state: Mutex<State>,
    room: Bytes,
}

impl Default for MemoryRawStore {
    fn default() -> Self {
        Self::with_room(Bytes(1 << 40))
    }
}

/// A stand-in for MD5: a value that follows from the bytes.
pub fn fake_etag(bytes: &[u8]) -> String {
    hex::encode(&Sha256::digest(bytes)[..16])
}

fn slot(key: &MediaKey, ticket: &str) -> String {
    format!("{}?{ticket}", key.object_key())
}

impl MemoryRawStore {
    /// A store that refuses to begin what is larger than `room`.
    pub fn with_room(room: Bytes) -> Self {
        Self { state: Mutex::default(), room }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a client's PUT to a signed URL does.
    pub fn put_part(
        &self,
        key: &MediaKey,
        ticket: &str,
        number: u32,
        bytes: Octets,
    ) -> Result<(), RawStoreError> {
        let mut state = self.state();
        let parts = state.open.get_mut(&slot(key, ticket)).ok_or(RawStoreError::NoSuchUpload)?;
        parts.insert(number, bytes);
        Ok(())
    }

    /// Multipart uploads that hold space.
    pub fn open_count(&self) -> usize {
        self.state().open.len()
    }

    pub fn object(&self, key: &MediaKey) -> Option<Octets> {
        self.state().objects.get(&key.object_key()).cloned()
    }
}

fn received(number: u32, bytes: &Octets) -> ReceivedPart {
    ReceivedPart { number, size: Bytes(bytes.len() as u64), etag: fake_etag(bytes) }
}

fn facts(bytes: &Octets) -> RawFacts {
    RawFacts {
        size: Bytes(bytes.len() as u64),
        etag: fake_etag(bytes),
        sha256: Some(hex::encode(Sha256::digest(bytes))),
    }
}

#[async_trait]
impl RawStore for MemoryRawStore {
    async fn begin(&self, key: &MediaKey, begin: Begin) -> Result<String, RawStoreError> {
        if begin.size > self.room {
            return Err(Fault::full("no room for the declared length").into());
        }
        let mut state = self.state();
        state.begun += 1;
        let ticket = format!("ticket-{}", state.begun);
        state.open.insert(slot(key, &ticket), BTreeMap::new());
        Ok(ticket)
    }

    async fn sign_parts(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[PartToSign],
        signing: &Signing,
    ) -> Result<Vec<SignedPart>, RawStoreError> {
        let endpoint = signing.endpoint.as_deref().unwrap_or("memory:");
        let sign = |p: &PartToSign| SignedPart {
            number: p.number,
            url: format!("{endpoint}/{}?uploadId={ticket}&partNumber={}", key.object_key(), p.number),
            headers: p.sha256.iter().map(|s| ("x-amz-checksum-sha256".to_owned(), s.clone())).collect(),
            size: p.size,
            expires_at: signing.now.saturating_add(signing.life),
        };
        Ok(parts.iter().map(sign).collect())
    }

    async fn list_parts(&self, key: &MediaKey, ticket: &str) -> Result<Vec<ReceivedPart>, RawStoreError> {
        let state = self.state();
        let parts = state.open.get(&slot(key, ticket)).ok_or(RawStoreError::NoSuchUpload)?;
        Ok(parts.iter().map(|(n, b)| received(*n, b)).collect())
    }

    async fn finish(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[ReceivedPart],
        expect_sha256: Option<&str>,
    ) -> Result<RawFacts, RawStoreError> {
        let mut state = self.state();
        let stored = state.open.get(&slot(key, ticket)).ok_or(RawStoreError::NoSuchUpload)?;
        let changed: Vec<u32> = parts
            .iter()
            .filter(|p| stored.get(&p.number).is_none_or(|b| received(p.number, b) != **p))
            .map(|p| p.number)
            .collect();
        if !changed.is_empty() {
            return Err(RawStoreError::Parts { numbers: changed });
        }
        let whole: Octets = parts.iter().flat_map(|p| stored[&p.number].iter().copied()).collect();
        let facts = facts(&whole);
        if let (Some(expected), Some(found)) = (expect_sha256, &facts.sha256)
            && expected != found
        {
            return Err(RawStoreError::ChecksumMismatch { found: found.clone() });
        }
        state.objects.insert(key.object_key(), whole);
        state.open.remove(&slot(key, ticket));
        Ok(facts)
    }

    async fn abort(&self, key: &MediaKey, ticket: &str) -> Result<(), RawStoreError> {
        self.state().open.remove(&slot(key, ticket));
        Ok(())
    }

    async fn head(&self, key: &MediaKey) -> Result<Option<RawFacts>, RawStoreError> {
        Ok(self.state().objects.get(&key.object_key()).map(facts))
    }

    async fn remove(&self, key: &MediaKey) -> Result<(), RawStoreError> {
        self.state().objects.remove(&key.object_key());
        Ok(())
    }
}
