//! One live job a kind and key, kept by a row of its own that names the job.
//!
//! The name alone makes nobody live: the job's own row does. A name whose job has ended is void, so ending
//! a job need not touch it. The order is always name, then row:
//!
//! - *Enqueue* writes the name with the whole job in it, then the row. A crash in between leaves a name
//!   without a row; whoever asks for the same kind and key next writes that row and gets that job.
//! - *Taking a name over* happens only from an ended job. A dead one could be replayed meanwhile, so its row
//!   is written once (unchanged but for the token) between reading it and taking the name: a replay that
//!   read the row before fails on its own write. A replay that reads it afterwards renews the name first,
//!   whereby the taker's condition on the name fails. So of a taker and a replay at most one succeeds.
//! - *Forgetting* takes the name away before the row, so a name without a row is not a forgotten job.
//!   A look at a missing row counts only if the name still stands afterwards as it did before. A row whose
//!   time to live is over goes before its name; by then the name is older than any enqueue takes
//!   ([`HALF_WRITTEN_MAX`]) and void.

use super::jobs::DynamoJobStore;
use super::row::{self, JOBS, Live, live_key, live_row};
use crate::dynamo::{Item, Put, Read};
use ::work::{Job, JobState};
use stdx::{Backoff, Fault, FaultKind};
use vocab::{JobId, Millis};

/// Who has the name.
#[derive(Debug)]
pub(super) enum Hold {
    /// The caller's job.
    Taken,
    By(Box<Job>),
}

/// What came of one look at a name.
enum Found {
    Live(Box<Job>),
    /// Whoever had the name has ended, or never was.
    Void,
    /// It changed meanwhile: look again.
    Moved,
}

/// Whoever writes a name writes the row at once: a name that still has none after this never gets one.
const HALF_WRITTEN_MAX: Millis = Millis::from_secs(3_600);

/// Between two rounds of a race.
pub(super) const RACE: Backoff = Backoff { base: Millis(5), cap: Millis(200) };

impl DynamoJobStore {
    /// Takes the name of `job`'s kind and key for it. `body` = the job as it is enqueued; `None` for a
    /// replay, which renews a name it already has.
    pub(super) async fn take(&self, job: &Job, body: Option<Job>) -> Result<Hold, Fault> {
        let (kind, key) = (job.kind.as_str(), job.key.as_str());
        let first = Live { id: job.id, job: body.clone(), past: Vec::new() };
        for round in 0..self.dynamo.policy().races_max {
            let seen = match self.dynamo.put_new(&JOBS, live_row(kind, key, &first)?).await? {
                Put::Written => return Ok(Hold::Taken),
                Put::Refused(None) => continue,
                Put::Refused(Some(seen)) => seen,
            };
            let live = row::live(&seen)?;
            let is_renewal = body.is_none() && live.id == job.id;
            let found = if is_renewal { Found::Void } else { self.holder(&seen, &live, job).await? };
            match found {
                Found::Live(job) => return Ok(Hold::By(job)),
                Found::Moved => {}
                Found::Void => {
                    let next = live_row(kind, key, &live.named(job.id, body.clone()))?;
                    if self.dynamo.replace(&JOBS, next, &seen).await? == Put::Written {
                        return Ok(Hold::Taken);
                    }
                }
            }
            tokio::time::sleep(RACE.delay(round, self.dynamo.entropy()).to_duration()).await;
        }
        let said = format!("too many others enqueue {kind} for {key}");
        Err(Fault::new(FaultKind::Throttled, said))
    }

    /// Whether the job that has the name is live. One that was never written is written now; a dead one is
    /// barred from a replay that began before.
    async fn holder(&self, seen: &Item, live: &Live, wanted: &Job) -> Result<Found, Fault> {
        let Some((row, job)) = self.find(live.id).await? else {
            return self.complete(seen, live, wanted).await;
        };
        if job.kind != wanted.kind || job.key != wanted.key {
            return Ok(Found::Void);
        }
        match job.state {
            JobState::Ready | JobState::Running => Ok(Found::Live(Box::new(job))),
            JobState::Done | JobState::Cancelled => Ok(Found::Void),
            JobState::Dead => match self.dynamo.replace(&JOBS, row.clone(), &row).await? {
                Put::Written => Ok(Found::Void),
                Put::Refused(_) => Ok(Found::Moved),
            },
        }
    }

    async fn complete(&self, seen: &Item, live: &Live, wanted: &Job) -> Result<Found, Fault> {
        let key = live_key(&wanted.kind, &wanted.key);
        let again = self.dynamo.get(&JOBS, &key, Read::Strong).await?;
        if again.as_ref().map(Item::written).transpose()? != Some(seen.written()?) {
            return Ok(Found::Moved);
        }
        let Some(job) = &live.job else { return Ok(Found::Void) };
        if wanted.created_at.saturating_sub(job.created_at) > HALF_WRITTEN_MAX {
            return Ok(Found::Void);
        }
        match self.dynamo.put_new(&JOBS, row::row(job)?).await? {
            Put::Written => Ok(Found::Live(Box::new(job.clone()))),
            Put::Refused(_) => Ok(Found::Moved),
        }
    }

    /// Takes an ended job out of its name. `false` when somebody else wrote the name meanwhile.
    pub(super) async fn unname(&self, seen: Option<Item>, job: &Job) -> Result<bool, Fault> {
        let Some(seen) = seen else { return Ok(true) };
        let live = row::live(&seen)?;
        if !live.ids().contains(&job.id) {
            return Ok(true);
        }
        let put = match live.without(job.id) {
            Some(left) => {
                let left = live_row(&job.kind, &job.key, &left)?;
                self.dynamo.replace(&JOBS, left, &seen).await?
            }
            None => self.dynamo.delete_seen(&JOBS, &live_key(&job.kind, &job.key), &seen).await?,
        };
        Ok(put == Put::Written)
    }

    /// Every job that the name of this kind and key remembers.
    pub(super) async fn named(&self, kinds: &[String], key: &str) -> Result<Vec<JobId>, Fault> {
        let keys: Vec<_> = kinds.iter().map(|kind| live_key(kind, key)).collect();
        let names = self.dynamo.get_many(&JOBS, &keys, Read::Strong).await?;
        let mut ids = Vec::new();
        for name in names {
            ids.extend(row::live(&name)?.ids());
        }
        Ok(ids)
    }
}
