//! Due jobs: looked up in the index, taken on condition of their row.
//!
//! The index is eventually consistent and says only where to look: a job that it shows too early, too late
//! or twice is decided on by its row. A live job stands in it under its `run_at`, also while it runs; so a
//! look meets running jobs first, and reads one again only when the lease it last saw has ended or the job moved.

use super::jobs::{DynamoJobStore, Result};
use super::row::{self, BY_QUEUE, Entry, JOBS, Queue, sortable};
use crate::dynamo::{Item, Query, Range, Write};
use ::work::{Claim, Job, JobState, JobStoreError};
use stdx::Fault;
use vocab::JobId;

/// Entries read beyond what could be taken, for those that are lost to others.
const SLACK: usize = 8;
/// Entries of one kind read at a time.
const PAGE_MAX: usize = 500;

/// Part of what is due.
struct Look {
    /// Oldest first.
    entries: Vec<Entry>,
    /// Where the next look begins; `None` when this one saw everything.
    next: Option<String>,
}

impl DynamoJobStore {
    pub(super) async fn claim_due(&self, claim: Claim) -> Result<Vec<Job>> {
        self.memory().leases.retain(|_, (_, until)| *until > claim.now);
        let mut taken: Vec<Job> = Vec::new();
        let mut from = "0".to_owned();
        while taken.len() < claim.limit {
            let look = match self.look(&claim, &from, claim.limit - taken.len()).await {
                Ok(look) => look,
                Err(error) => return all_or(taken, error),
            };
            for entry in look.entries {
                if taken.len() == claim.limit {
                    break;
                }
                match self.take_due(entry.id, &claim).await {
                    Ok(job) => taken.extend(job),
                    Err(JobStoreError::Fault(error)) => return all_or(taken, error),
                    Err(error) => return Err(error),
                }
            }
            match look.next {
                Some(next) => from = next,
                None => break,
            }
        }
        Ok(taken)
    }

    async fn look(&self, claim: &Claim, from: &str, room: usize) -> std::result::Result<Look, Fault> {
        let limit = (room + self.memory().leases.len() + SLACK).min(PAGE_MAX);
        // Ids are digits and letters: all of this millisecond sort below.
        let to = format!("{}#~", sortable(claim.now));
        let (mut entries, mut horizon) = (Vec::new(), None::<String>);
        let kinds: std::collections::BTreeSet<_> = claim.kinds.iter().collect();
        for kind in kinds {
            let query = Query::of(&JOBS, Queue::Live.named(kind), limit)
                .index(&BY_QUEUE)
                .range(Range::Between(from.to_owned(), to.clone()));
            let found = self.dynamo.query(query).await?;
            let found = found.iter().map(Entry::of).collect::<std::result::Result<Vec<_>, _>>()?;
            if found.len() == limit
                && let Some(last) = found.last()
            {
                horizon = Some(horizon.map_or(last.at.clone(), |h| h.min(last.at.clone())));
            }
            entries.extend(found);
        }
        entries.sort();
        if let Some(horizon) = &horizon {
            // Beyond it there may be older ones that were not read.
            entries.retain(|e| e.at <= *horizon);
        }
        let memory = self.memory();
        let is_held =
            |e: &Entry| memory.leases.get(&e.id).is_some_and(|(at, until)| *at == e.at && *until > claim.now);
        entries.retain(|e| !is_held(e));
        Ok(Look { entries, next: horizon.map(|h| format!("{h}!")) })
    }

    /// Takes the job if it is due by its row.
    async fn take_due(&self, id: JobId, claim: &Claim) -> Result<Option<Job>> {
        let decide = |seen: Option<&Item>| {
            let Some(seen) = seen else { return Ok((Write::Keep, None)) };
            let job = row::job(seen)?;
            if !job.is_due(claim.now) {
                return Ok((Write::Keep, Some((false, job))));
            }
            let job = job.taken(claim.now, claim.lease);
            Ok::<_, JobStoreError>((Write::Put(row::row(&job)?), Some((true, job))))
        };
        let Some((is_mine, job)) = self.dynamo.change(&JOBS, &row::key(id), decide).await? else {
            return Ok(None);
        };
        self.remember(&job);
        Ok((is_mine && job.state == JobState::Running).then_some(job))
    }
}

/// What was taken is handed out: nobody else could have it before its lease ends.
fn all_or(taken: Vec<Job>, error: Fault) -> Result<Vec<Job>> {
    if taken.is_empty() {
        return Err(error.into());
    }
    tracing::warn!(%error, taken = taken.len(), "claiming stopped early");
    Ok(taken)
}
