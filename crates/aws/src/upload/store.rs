//! The port on the tables.

use super::row::{
    DUE, DUE_SHARDS, UPLOAD_KEYS, UPLOAD_QUOTAS, UPLOADS, claim, claim_item, claim_key, due_bucket,
    old_completing_bucket, places, quota_item, quota_key, upload, upload_item, upload_key,
};
use crate::dynamo::{Dynamo, Item, Key, Put, Query, Range, Read, Write};
use ::upload::quota::{Place, Places};
use ::upload::{
    KeyClaim, Limits, Reservation, Upload, UploadQuery, UploadState, UploadStore, UploadStoreError, Usage,
};
use async_trait::async_trait;
use stdx::Fault;
use vocab::{Millis, UploadId, UserId};

/// Entries of one shard of the index that a sweep looks at: about 14 read units. With more live uploads than
/// that, a stuck completion is seen when those before it have expired.
const LOOKED_AT_MAX: usize = 1_000;

#[derive(Debug, Clone)]
pub struct DynamoUploadStore {
    dynamo: Dynamo,
    remember: Millis,
}

impl DynamoUploadStore {
    /// `remember` (`UploadPolicy::remember`) is how long ended records and key claims stay. It must be
    /// longer than `UploadPolicy::expiry`: a claim that still binds must not leave.
    pub fn new(dynamo: Dynamo, remember: Millis) -> Self {
        Self { dynamo, remember }
    }

    async fn rows(&self, keys: &[Key]) -> Result<Vec<Upload>, Fault> {
        // Strong: what names a row may be behind, so the row is looked at as it is now.
        let rows = self.dynamo.get_many(&UPLOADS, keys, Read::Strong).await?;
        rows.iter().map(upload).collect()
    }

    /// Those that the owner's quota row names. Places of ended ones may still stand there, and one that was
    /// handed on is no longer named in the moment before its record closes: there is nothing to resume.
    async fn live_of(&self, owner: UserId) -> Result<Vec<Upload>, Fault> {
        // Strong: the owner looks at it right after an upload was started.
        let row = self.dynamo.get(&UPLOAD_QUOTAS, &quota_key(owner), Read::Strong).await?;
        let named = places(row.as_ref())?.0;
        let keys: Vec<Key> = named.iter().filter(|p| p.open).map(|p| upload_key(p.upload)).collect();
        let mut live = self.rows(&keys).await?;
        live.retain(|u| u.owner == owner && !u.state.has_ended());
        Ok(live)
    }

    /// A live record is named by its owner's quota row, or no list would show it. The reservation before
    /// the insert has seen to that, except where a racing start of the same key failed and gave the place
    /// back. That one looks for the record after it gave back, this one for the place after it wrote the
    /// record: one of the two sees what the other did.
    async fn name(&self, u: &Upload) -> Result<(), Fault> {
        if u.state.has_ended() {
            return Ok(());
        }
        self.places_of(u.owner, |named| {
            if !named.0.iter().any(|p| p.upload == u.id) {
                named.0.push(Place { upload: u.id, size: u.size_bytes, at: u.created_at, open: true });
            }
            Ok(())
        })
        .await
    }

    /// Changes the places of an owner, and writes them if they changed.
    async fn places_of<T, E: From<Fault>>(
        &self,
        owner: UserId,
        change: impl Fn(&mut Places) -> Result<T, E>,
    ) -> Result<T, E> {
        self.dynamo
            .change(&UPLOAD_QUOTAS, &quota_key(owner), |seen| {
                let before = places(seen)?;
                let mut after = before.clone();
                let answer = change(&mut after)?;
                let write =
                    if after == before { Write::Keep } else { Write::Put(quota_item(owner, &after)?) };
                Ok((write, answer))
            })
            .await
    }

    /// Live ones that the index has in `state`, by their expiry.
    async fn due(&self, state: UploadState, range: Range, limit: usize) -> Result<Vec<Upload>, Fault> {
        let mut found = Vec::new();
        for shard in 0..DUE_SHARDS {
            let q = Query::of(&UPLOADS, due_bucket(shard), LOOKED_AT_MAX).index(&DUE);
            found.extend(self.dynamo.query(q.range(range.clone())).await?);
        }
        found.retain(|i| i.opt_s("state") == Some(state.word()));
        self.first(found, limit).await
    }

    /// Completing ones that were last written before layout 3; there are none a day after its coming.
    async fn old_completing(&self, before: Millis, limit: usize) -> Result<Vec<Upload>, Fault> {
        let mut found = Vec::new();
        for shard in 0..DUE_SHARDS {
            let q = Query::of(&UPLOADS, old_completing_bucket(shard), limit).index(&DUE);
            found.extend(self.dynamo.query(q.range(Range::Before(before.0.to_string()))).await?);
        }
        self.first(found, limit).await
    }

    /// The most overdue of all shards first, then no more rows than asked for are read.
    async fn first(&self, mut found: Vec<Item>, limit: usize) -> Result<Vec<Upload>, Fault> {
        found.sort_by_key(|i| i.opt_n("due_at"));
        found.truncate(limit);
        let keys = found.iter().map(|i| Ok(Key::of(i.get_s("upload_id")?)));
        self.rows(&keys.collect::<Result<Vec<_>, Fault>>()?).await
    }
}

#[async_trait]
impl UploadStore for DynamoUploadStore {
    async fn claim_key(
        &self,
        owner: UserId,
        key: &str,
        new: KeyClaim,
        stale_before: Millis,
    ) -> Result<KeyClaim, Fault> {
        // Nearly every key is new: write first, read only what is in the way.
        let item = || claim_item(owner, key, &new, self.remember);
        if self.dynamo.put_new(&UPLOAD_KEYS, item()?).await? == Put::Written {
            return Ok(new);
        }
        self.dynamo
            .change(&UPLOAD_KEYS, &claim_key(owner, key), |seen| {
                // The service removes rows some time after their end, so a stale claim may still stand.
                match seen.map(claim).transpose()? {
                    Some(held) if held.at >= stale_before => Ok((Write::Keep, held)),
                    _ => Ok((Write::Put(item()?), new.clone())),
                }
            })
            .await
    }

    async fn reserve(
        &self,
        owner: UserId,
        place: Reservation,
        limits: &Limits,
    ) -> Result<Usage, UploadStoreError> {
        self.places_of(owner, |places| places.reserve(&place, limits)).await
    }

    async fn release(&self, owner: UserId, id: UploadId, refund: bool) -> Result<(), Fault> {
        self.places_of(owner, |places| {
            places.release(id, refund);
            Ok::<_, Fault>(())
        })
        .await?;
        if refund && let Some(row) = self.dynamo.get(&UPLOADS, &upload_key(id), Read::Strong).await? {
            self.name(&upload(&row)?).await?;
        }
        Ok(())
    }

    async fn usage(&self, owner: UserId, now: Millis) -> Result<Usage, Fault> {
        // Strong: the owner looks at it right after an upload was started or given up.
        let row = self.dynamo.get(&UPLOAD_QUOTAS, &quota_key(owner), Read::Strong).await?;
        Ok(places(row.as_ref())?.usage(now))
    }

    async fn insert(&self, new: Upload) -> Result<Upload, Fault> {
        let stands = match self.dynamo.put_new(&UPLOADS, upload_item(&new, self.remember)?).await? {
            Put::Written => new,
            Put::Refused(Some(standing)) => upload(&standing)?,
            Put::Refused(None) => {
                return Err(Fault::unavailable("an upload left while it was being written"));
            }
        };
        self.name(&stands).await?;
        Ok(stands)
    }

    async fn get(&self, id: UploadId) -> Result<Upload, UploadStoreError> {
        // Strong: the client asks for URLs right after its start, of any process.
        let row = self.dynamo.get(&UPLOADS, &upload_key(id), Read::Strong).await?;
        Ok(upload(&row.ok_or(UploadStoreError::NotFound(id))?)?)
    }

    async fn advance(
        &self,
        id: UploadId,
        from: &[UploadState],
        to: UploadState,
        at: Millis,
    ) -> Result<Upload, UploadStoreError> {
        self.dynamo
            .change(&UPLOADS, &upload_key(id), |seen| {
                let standing = upload(seen.ok_or(UploadStoreError::NotFound(id))?)?;
                if !from.contains(&standing.state) || !standing.state.may_become(to) {
                    return Err(UploadStoreError::Stale { id, actual: standing.state });
                }
                let next = Upload { state: to, state_changed_at: at, ..standing };
                Ok((Write::Put(upload_item(&next, self.remember)?), next))
            })
            .await
    }

    /// What is due comes from an index: what was written a moment ago may be missing, the next sweep sees it.
    async fn list(&self, query: UploadQuery, limit: usize) -> Result<Vec<Upload>, Fault> {
        let mut all = match query {
            UploadQuery::LiveOf(owner) => self.live_of(owner).await?,
            UploadQuery::ExpiredBefore(at) => {
                let before = Range::Before(at.0.to_string());
                let mut due = self.due(UploadState::Open, before, limit).await?;
                due.retain(|u| u.state == UploadState::Open && u.expires_at < at);
                due
            }
            UploadQuery::CompletingBefore(at) => {
                let mut due = self.due(UploadState::Completing, Range::All, LOOKED_AT_MAX).await?;
                due.extend(self.old_completing(at, limit).await?);
                due.retain(|u| u.state == UploadState::Completing && u.state_changed_at < at);
                due
            }
        };
        all.sort_by_key(|u| (u.created_at, u.id));
        all.truncate(limit);
        Ok(all)
    }

    /// The time to live does it, for nothing.
    async fn forget(&self, _: Millis, _: usize) -> Result<usize, Fault> {
        Ok(0)
    }
}
