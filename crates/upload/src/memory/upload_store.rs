//! Records, keys and quotas in maps.

use crate::port::{KeyClaim, Limits, Reservation, UploadQuery, UploadStore, UploadStoreError, Usage};
use crate::quota::Places;
use crate::record::{Upload, UploadState};
use async_trait::async_trait;
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use stdx::Fault;
use vocab::{Millis, UploadId, UserId};

#[derive(Debug, Default)]
struct State {
    keys: BTreeMap<(UserId, String), KeyClaim>,
    places: BTreeMap<UserId, Places>,
    uploads: BTreeMap<UploadId, Upload>,
}

#[derive(Debug, Default)]
pub struct MemoryUploadStore(Mutex<State>);

impl MemoryUploadStore {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl UploadStore for MemoryUploadStore {
    async fn claim_key(
        &self,
        owner: UserId,
        key: &str,
        claim: KeyClaim,
        stale_before: Millis,
    ) -> Result<KeyClaim, Fault> {
        let mut state = self.state();
        let slot = (owner, key.to_owned());
        match state.keys.get(&slot) {
            Some(held) if held.at >= stale_before => Ok(held.clone()),
            _ => {
                state.keys.insert(slot, claim.clone());
                Ok(claim)
            }
        }
    }

    async fn reserve(
        &self,
        owner: UserId,
        place: Reservation,
        limits: &Limits,
    ) -> Result<Usage, UploadStoreError> {
        self.state().places.entry(owner).or_default().reserve(&place, limits)
    }

    async fn release(&self, owner: UserId, upload: UploadId, refund: bool) -> Result<(), Fault> {
        if let Some(places) = self.state().places.get_mut(&owner) {
            places.release(upload, refund);
        }
        Ok(())
    }

    async fn usage(&self, owner: UserId, now: Millis) -> Result<Usage, Fault> {
        Ok(self.state().places.get(&owner).map(|p| p.usage(now)).unwrap_or_default())
    }

    async fn insert(&self, upload: Upload) -> Result<Upload, Fault> {
        Ok(self.state().uploads.entry(upload.id).or_insert(upload).clone())
    }

    async fn get(&self, id: UploadId) -> Result<Upload, UploadStoreError> {
        self.state().uploads.get(&id).cloned().ok_or(UploadStoreError::NotFound(id))
    }

    async fn advance(
        &self,
        id: UploadId,
        from: &[UploadState],
        to: UploadState,
        at: Millis,
    ) -> Result<Upload, UploadStoreError> {
        let mut state = self.state();
        let upload = state.uploads.get_mut(&id).ok_or(UploadStoreError::NotFound(id))?;
        if !from.contains(&upload.state) || !upload.state.may_become(to) {
            return Err(UploadStoreError::Stale { id, actual: upload.state });
        }
        upload.state = to;
        upload.state_changed_at = at;
        Ok(upload.clone())
    }

    async fn list(&self, query: UploadQuery, limit: usize) -> Result<Vec<Upload>, Fault> {
        let state = self.state();
        let mut found: Vec<_> = state.uploads.values().filter(|u| matches(u, &query)).cloned().collect();
        found.sort_by_key(|u| (u.created_at, u.id));
        found.truncate(limit);
        Ok(found)
    }

    async fn forget(&self, before: Millis, limit: usize) -> Result<usize, Fault> {
        let mut state = self.state();
        let ended: Vec<_> = state
            .uploads
            .values()
            .filter(|u| matches!(u.state, UploadState::Completed | UploadState::Aborted))
            .filter(|u| u.state_changed_at < before)
            .map(|u| u.id)
            .take(limit)
            .collect();
        for id in &ended {
            state.uploads.remove(id);
        }
        state.keys.retain(|_, claim| claim.at >= before);
        Ok(ended.len())
    }
}

fn matches(upload: &Upload, query: &UploadQuery) -> bool {
    let live = matches!(upload.state, UploadState::Open | UploadState::Completing);
    match query {
        UploadQuery::LiveOf(owner) => live && upload.owner == *owner,
        UploadQuery::ExpiredBefore(at) => upload.state == UploadState::Open && upload.expires_at < *at,
        UploadQuery::CompletingBefore(at) => {
            upload.state == UploadState::Completing && upload.state_changed_at < *at
        }
    }
}
