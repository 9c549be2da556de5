//! Lists, counts and forgetting, all by the index: none of them decides anything about a job's life.

use super::jobs::DynamoJobStore;
use super::live::RACE;
use super::row::{self, BY_QUEUE, Entry, JOBS, Queue, live_key, sortable};
use crate::dynamo::{Put, Query, Range, Read};
use ::work::{Job, JobFilter, JobState, Prune, Tally};
use futures::stream::{self, StreamExt, TryStreamExt};
use std::collections::BTreeSet;
use stdx::Fault;
use vocab::{JobId, Millis};

/// Entries of one kind and state that a list or a count looks at: beyond them, counts are "at least" and
/// lists miss the oldest.
const LOOK_MAX: usize = 20_000;
/// Running jobs are those that were due first: so many entries of a queue are read at a time to find them,
/// until none of them runs. What is behind counts as ready.
const RUNNING_STEP: usize = 10;
/// Entries that a list of running jobs looks at.
const RUNNING_LOOK_MAX: usize = 1_000;
/// Jobs forgotten side by side.
const FORGET_AT_ONCE: usize = 16;

fn is_wanted(job: &Job, filter: &JobFilter) -> bool {
    filter.kind.as_ref().is_none_or(|k| *k == job.kind)
        && filter.key.as_ref().is_none_or(|k| *k == job.key)
        && filter.state.is_none_or(|s| s == job.state)
        && filter.before.is_none_or(|b| job.id < b)
}

impl DynamoJobStore {
    pub(super) async fn look_for(&self, filter: &JobFilter) -> Result<Vec<Job>, Fault> {
        if filter.limit == 0 {
            return Ok(Vec::new());
        }
        let kinds: Vec<String> = match &filter.kind {
            Some(kind) => vec![kind.clone()],
            None => self.kinds().await?.into_iter().collect(),
        };
        // By key the answer is strong: before bytes are erased it says that nobody works on them.
        let (ids, read) = match &filter.key {
            Some(key) => (self.named(&kinds, key).await?, Read::Strong),
            None => (self.ids(&kinds, filter.state).await?, Read::Eventual),
        };
        let before = filter.before.unwrap_or(JobId(u64::MAX));
        let ids: BTreeSet<_> = ids.into_iter().filter(|id| *id < before).collect();
        let ids: Vec<_> = ids.into_iter().rev().collect();
        let mut found = Vec::new();
        for chunk in ids.chunks(filter.limit.min(100)) {
            let keys: Vec<_> = chunk.iter().map(|id| row::key(*id)).collect();
            let rows = self.dynamo.get_many(&JOBS, &keys, read).await?;
            let mut jobs = rows.iter().map(row::job).collect::<Result<Vec<_>, _>>()?;
            jobs.retain(|job| is_wanted(job, filter));
            jobs.sort_by_key(|job| std::cmp::Reverse(job.id));
            found.extend(jobs);
            if found.len() >= filter.limit {
                break;
            }
        }
        found.truncate(filter.limit);
        Ok(found)
    }

    /// Ids in the queues where jobs of this state stand.
    async fn ids(&self, kinds: &[String], state: Option<JobState>) -> Result<Vec<JobId>, Fault> {
        let queues = state.map_or(Queue::ALL.to_vec(), |state| vec![Queue::of(state)]);
        let mut ids = Vec::new();
        for kind in kinds {
            for queue in &queues {
                let of = |max| Query::of(&JOBS, queue.named(kind), max).index(&BY_QUEUE);
                let query = match state {
                    Some(JobState::Running) => of(RUNNING_LOOK_MAX),
                    _ => of(LOOK_MAX).newest_first(),
                };
                for item in self.dynamo.query(query).await? {
                    ids.push(Entry::of(&item)?.id);
                }
            }
        }
        Ok(ids)
    }

    pub(super) async fn count_queues(&self) -> Result<Vec<Tally>, Fault> {
        let mut all = Vec::new();
        for kind in self.kinds().await? {
            let tally = self.count_kind(kind).await?;
            if tally.ready + tally.running + tally.dead > 0 {
                all.push(tally);
            }
        }
        Ok(all)
    }

    async fn count_kind(&self, kind: String) -> Result<Tally, Fault> {
        let of = |queue: Queue| Query::of(&JOBS, queue.named(&kind), LOOK_MAX).index(&BY_QUEUE);
        let dead = self.dynamo.count(of(Queue::Dead)).await?;
        let live = self.dynamo.query(of(Queue::Live)).await?;
        let live = live.iter().map(Entry::of).collect::<Result<Vec<_>, _>>()?;
        let running = self.running_of(&live).await?;
        let ready = live.iter().filter(|e| !running.contains(&e.id));
        let oldest_run_at = ready.clone().map(Entry::time).next().transpose()?;
        Ok(Tally { kind, ready: ready.count() as u64, running: running.len() as u64, dead, oldest_run_at })
    }

    /// Those of a live queue, the first due first, that run.
    async fn running_of(&self, live: &[Entry]) -> Result<BTreeSet<JobId>, Fault> {
        let mut running = BTreeSet::new();
        for step in live.chunks(RUNNING_STEP) {
            let keys: Vec<_> = step.iter().map(|entry| row::key(entry.id)).collect();
            let before = running.len();
            for item in self.dynamo.get_many(&JOBS, &keys, Read::Eventual).await? {
                let job = row::job(&item)?;
                if job.state == JobState::Running {
                    running.insert(job.id);
                }
            }
            if running.len() == before {
                break;
            }
        }
        Ok(running)
    }

    /// Dead ones, and what the first layout left in the index; the time to live does the rest, for nothing.
    pub(super) async fn forget_old(&self, prune: &Prune) -> Result<usize, Fault> {
        let mut forgotten = 0;
        for kind in self.kinds().await? {
            for (queue, before) in [(Queue::Ended, prune.ended_before), (Queue::Dead, prune.dead_before)] {
                let room = prune.limit.saturating_sub(forgotten);
                let query = Query::of(&JOBS, queue.named(&kind), room)
                    .index(&BY_QUEUE)
                    .range(Range::Before(sortable(before)));
                let old = self.dynamo.query(query).await?;
                let old = old.iter().map(Entry::of).collect::<Result<Vec<_>, _>>()?;
                forgotten += stream::iter(old)
                    .map(|entry| self.forget(entry.id, before))
                    .buffer_unordered(FORGET_AT_ONCE)
                    .try_fold(0, async |sum, gone| Ok(sum + usize::from(gone)))
                    .await?;
            }
        }
        Ok(forgotten)
    }

    /// Again while others write the same name: old jobs of one key are forgotten side by side.
    async fn forget(&self, id: JobId, before: Millis) -> Result<bool, Fault> {
        for round in 0..self.dynamo.policy().races_max {
            if let Some(is_gone) = self.try_forget(id, before).await? {
                return Ok(is_gone);
            }
            tokio::time::sleep(RACE.delay(round, self.dynamo.entropy()).to_duration()).await;
        }
        Ok(false)
    }

    /// The name before the row. A dead job may be replayed at the same time: its name is read first and its
    /// row written once in between, so that a replay either fails on the row or is seen by its new name.
    /// `None` when somebody else was faster.
    async fn try_forget(&self, id: JobId, before: Millis) -> Result<Option<bool>, Fault> {
        let is_old = |job: &Job| !job.state.is_live() && job.finished_at.is_some_and(|at| at < before);
        let Some((mut seen, job)) = self.find(id).await? else { return Ok(Some(false)) };
        let name = self.dynamo.get(&JOBS, &live_key(&job.kind, &job.key), Read::Strong).await?;
        let may_be_replayed = job.state == JobState::Dead;
        if may_be_replayed {
            let Some((again, job)) = self.find(id).await? else { return Ok(Some(false)) };
            if !is_old(&job) {
                return Ok(Some(false));
            }
            if self.dynamo.replace(&JOBS, again.clone(), &again).await? != Put::Written {
                return Ok(None);
            }
        }
        if !is_old(&job) {
            return Ok(Some(false));
        }
        if !self.unname(name, &job).await? {
            return Ok(None);
        }
        if may_be_replayed {
            let Some((again, job)) = self.find(id).await? else { return Ok(Some(false)) };
            if !is_old(&job) {
                return Ok(Some(false));
            }
            seen = again;
        }
        Ok(Some(self.dynamo.delete_seen(&JOBS, &row::key(id), &seen).await? == Put::Written))
    }
}
