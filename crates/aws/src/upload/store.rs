//! The port on the tables.

use super::row::{
    DUE, DUE_SHARDS, LIVE_BY_OWNER, UPLOAD_KEYS, UPLOAD_QUOTAS, UPLOADS, claim, claim_item, claim_key,
    due_bucket, places, quota_item, quota_key, upload, upload_item, upload_key,
};
use crate::dynamo::{Dynamo, Item, Key, Put, Query, Range, Read, Write};
use ::upload::{
    KeyClaim, Limits, Reservation, Upload, UploadQuery, UploadState, UploadStore, UploadStoreError, Usage,
};
use async_trait::async_trait;
use stdx::Fault;
use vocab::{Millis, UploadId, UserId};

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

    async fn rows(&self, found: Vec<Item>) -> Result<Vec<Upload>, Fault> {
        let keys = found.iter().map(|i| Ok(Key::of(i.get_s("upload_id")?)));
        let keys = keys.collect::<Result<Vec<_>, Fault>>()?;
        // Strong: the index may be behind, so what it names is looked at as it is now.
        let rows = self.dynamo.get_many(&UPLOADS, &keys, Read::Strong).await?;
        rows.iter().map(upload).collect()
    }

    async fn due(&self, state: UploadState, before: Millis, limit: usize) -> Result<Vec<Upload>, Fault> {
        let mut found = Vec::new();
        for shard in 0..DUE_SHARDS {
            let q = Query::of(&UPLOADS, due_bucket(state, shard), limit).index(&DUE);
            found.extend(self.dynamo.query(q.range(Range::Before(before.0.to_string()))).await?);
        }
        // The most overdue of all shards first, then no more rows than asked for are read.
        found.sort_by_key(|i| i.opt_n("due_at"));
        found.truncate(limit);
        self.rows(found).await
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
        self.dynamo
            .change(&UPLOAD_QUOTAS, &quota_key(owner), |seen| {
                let before = places(seen)?;
                let mut after = before.clone();
                let usage = after.reserve(&place, limits)?;
                let write =
                    if after == before { Write::Keep } else { Write::Put(quota_item(owner, &after)?) };
                Ok((write, usage))
            })
            .await
    }

    async fn release(&self, owner: UserId, id: UploadId, refund: bool) -> Result<(), Fault> {
        self.dynamo
            .change(&UPLOAD_QUOTAS, &quota_key(owner), |seen| {
                let before = places(seen)?;
                let mut after = before.clone();
                after.release(id, refund);
                let write =
                    if after == before { Write::Keep } else { Write::Put(quota_item(owner, &after)?) };
                Ok((write, ()))
            })
            .await
    }

    async fn usage(&self, owner: UserId, now: Millis) -> Result<Usage, Fault> {
        // Strong: the owner looks at it right after an upload was started or given up.
        let row = self.dynamo.get(&UPLOAD_QUOTAS, &quota_key(owner), Read::Strong).await?;
        Ok(places(row.as_ref())?.usage(now))
    }

    async fn insert(&self, new: Upload) -> Result<Upload, Fault> {
        match self.dynamo.put_new(&UPLOADS, upload_item(&new, self.remember)?).await? {
            Put::Written => Ok(new),
            Put::Refused(Some(standing)) => upload(&standing),
            Put::Refused(None) => Err(Fault::unavailable("an upload left while it was being written")),
        }
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

    /// From indexes, so what was written a moment ago may be missing: these are lists for people and sweeps.
    async fn list(&self, query: UploadQuery, limit: usize) -> Result<Vec<Upload>, Fault> {
        let mut all = match query {
            UploadQuery::LiveOf(owner) => {
                let q = Query::of(&UPLOADS, owner.to_string(), limit).index(&LIVE_BY_OWNER);
                let mut live = self.rows(self.dynamo.query(q).await?).await?;
                live.retain(|u| u.owner == owner && !u.state.has_ended());
                live
            }
            UploadQuery::ExpiredBefore(at) => {
                let mut due = self.due(UploadState::Open, at, limit).await?;
                due.retain(|u| u.state == UploadState::Open && u.expires_at < at);
                due
            }
            UploadQuery::CompletingBefore(at) => {
                let mut due = self.due(UploadState::Completing, at, limit).await?;
                due.retain(|u| u.state == UploadState::Completing && u.state_changed_at < at);
                due
            }
        };
        all.sort_by_key(|u| (u.created_at, u.id));
        Ok(all)
    }

    /// The time to live does it, for nothing.
    async fn forget(&self, _: Millis, _: usize) -> Result<usize, Fault> {
        Ok(0)
    }
}
