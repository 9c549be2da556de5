//! Durable jobs as rows. The rules of a job's life are the slice's (`work::Job`); here is only
//! how its questions become SQL.

use crate::db::{Database, fault};
use ::work::{
    Claim, Ending, Heartbeat, Job, JobFilter, JobState, JobStore, JobStoreError, NewJob, Order, Prune, Tally,
};
use async_trait::async_trait;
use rusqlite::{Connection, OptionalExtension, Row, params};
use stdx::{Fault, FaultKind};
use vocab::{JobId, Millis};

/// The layout of the rows below. A row of a later one is refused, not guessed at.
const JOB_V: i64 = 1;

/// `due_at` is when a worker may take a live job: its `run_at`, or the end of its lease.
pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS work_job (
  id INTEGER PRIMARY KEY,
  kind TEXT NOT NULL,
  key TEXT NOT NULL,
  state TEXT NOT NULL,
  run_at INTEGER NOT NULL,
  due_at INTEGER,
  finished_at INTEGER,
  attempt INTEGER NOT NULL,
  max_attempts INTEGER NOT NULL,
  lease_until INTEGER,
  fence INTEGER NOT NULL,
  progress_percent INTEGER NOT NULL,
  cancel_requested INTEGER NOT NULL,
  last_error TEXT,
  created_at INTEGER NOT NULL,
  v INTEGER NOT NULL,
  payload TEXT NOT NULL
) STRICT;
CREATE UNIQUE INDEX IF NOT EXISTS work_job_live ON work_job (kind, key) WHERE state IN ('ready', 'running');
CREATE INDEX IF NOT EXISTS work_job_due ON work_job (kind, state, due_at, id) WHERE due_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS work_job_key ON work_job (kind, key, id);
CREATE INDEX IF NOT EXISTS work_job_state ON work_job (state, id);
CREATE INDEX IF NOT EXISTS work_job_ended ON work_job (state, finished_at) WHERE finished_at IS NOT NULL;
";

const COLUMNS: &str = "id, kind, key, state, run_at, finished_at, attempt, max_attempts, lease_until, fence,
  progress_percent, cancel_requested, last_error, created_at, v, payload";

#[derive(Debug, Clone)]
pub struct EmbeddedJobStore(Database);

impl EmbeddedJobStore {
    pub fn new(db: Database) -> Self {
        Self(db)
    }
}

type Result<T> = std::result::Result<T, JobStoreError>;

fn err(e: rusqlite::Error) -> JobStoreError {
    fault(e).into()
}

/// When a worker may take it, for the index of due jobs.
fn due_at(job: &Job) -> Option<i64> {
    match job.state {
        JobState::Ready => Some(job.run_at.0),
        JobState::Running => Some(job.lease_until.map_or(i64::MIN, |until| until.0)),
        JobState::Done | JobState::Dead | JobState::Cancelled => None,
    }
}

fn write(conn: &Connection, job: &Job) -> Result<()> {
    // Kind, key, birth and payload never change.
    let sql = "INSERT INTO work_job (id, kind, key, state, run_at, due_at, finished_at, attempt,
        max_attempts, lease_until, fence, progress_percent, cancel_requested, last_error, created_at, v, payload)
      VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
      ON CONFLICT (id) DO UPDATE SET state = ?4, run_at = ?5, due_at = ?6, finished_at = ?7, attempt = ?8,
        max_attempts = ?9, lease_until = ?10, fence = ?11, progress_percent = ?12, cancel_requested = ?13,
        last_error = ?14, v = ?16";
    let payload = serde_json::to_string(&job.payload).map_err(Fault::internal)?;
    conn.prepare_cached(sql)
        .and_then(|mut s| {
            s.execute(params![
                job.id.0 as i64,
                job.kind,
                job.key,
                job.state.word(),
                job.run_at.0,
                due_at(job),
                job.finished_at.map(|t| t.0),
                job.attempt,
                job.max_attempts,
                job.lease_until.map(|t| t.0),
                job.fence as i64,
                job.progress_percent,
                job.cancel_requested,
                job.last_error,
                job.created_at.0,
                JOB_V,
                payload
            ])
        })
        .map_err(err)?;
    Ok(())
}

/// A row of `COLUMNS`: the job with its state and payload still as text.
fn parts(row: &Row<'_>) -> rusqlite::Result<(Job, String, i64, String)> {
    let job = Job {
        id: JobId(row.get::<_, i64>("id")? as u64),
        kind: row.get("kind")?,
        key: row.get("key")?,
        payload: serde_json::Value::Null,
        state: JobState::Ready,
        attempt: row.get("attempt")?,
        max_attempts: row.get("max_attempts")?,
        run_at: Millis(row.get("run_at")?),
        lease_until: row.get::<_, Option<i64>>("lease_until")?.map(Millis),
        fence: row.get::<_, i64>("fence")? as u64,
        progress_percent: row.get("progress_percent")?,
        cancel_requested: row.get("cancel_requested")?,
        last_error: row.get("last_error")?,
        created_at: Millis(row.get("created_at")?),
        finished_at: row.get::<_, Option<i64>>("finished_at")?.map(Millis),
    };
    Ok((job, row.get("state")?, row.get("v")?, row.get("payload")?))
}

fn job((mut job, state, v, payload): (Job, String, i64, String)) -> Result<Job> {
    if v > JOB_V {
        let said = format!("a job is of layout {v}, this program knows {JOB_V}: use a newer one");
        return Err(Fault::new(FaultKind::Newer, said).into());
    }
    let unknown = || Fault::corrupt(format!("a job cannot be {state}"));
    job.state = JobState::from_word(&state).ok_or_else(unknown)?;
    job.payload = serde_json::from_str(&payload).map_err(Fault::corrupt)?;
    Ok(job)
}

fn one(conn: &Connection, condition: &str, params: impl rusqlite::Params) -> Result<Option<Job>> {
    let sql = format!("SELECT {COLUMNS} FROM work_job WHERE {condition} LIMIT 1");
    let mut statement = conn.prepare_cached(&sql).map_err(err)?;
    statement.query_row(params, parts).optional().map_err(err)?.map(job).transpose()
}

fn get(conn: &Connection, id: JobId) -> Result<Job> {
    one(conn, "id = ?1", [id.0 as i64])?.ok_or(JobStoreError::NotFound(id))
}

fn live(conn: &Connection, kind: &str, key: &str) -> Result<Option<Job>> {
    one(conn, "kind = ?1 AND key = ?2 AND state IN ('ready', 'running')", [kind, key])
}

fn held(conn: &Connection, id: JobId, fence: u64) -> Result<Job> {
    let job = get(conn, id)?;
    if job.is_held(fence) { Ok(job) } else { Err(JobStoreError::Fenced(id)) }
}

/// Due jobs of one kind, at most `limit` of those that wait and of those whose worker was lost.
/// The latter are few, so that their order needs no index.
fn due(conn: &Connection, kind: &str, now: Millis, limit: i64) -> Result<Vec<Job>> {
    let mut jobs = Vec::new();
    for (state, oldest) in [(JobState::Ready, "due_at"), (JobState::Running, "run_at")] {
        let sql = format!(
            "SELECT {COLUMNS} FROM work_job WHERE kind = ?1 AND state = ?2 AND due_at IS NOT NULL
             AND due_at <= ?3 ORDER BY {oldest}, id LIMIT ?4"
        );
        let mut statement = conn.prepare_cached(&sql).map_err(err)?;
        let found = statement.query_map(params![kind, state.word(), now.0, limit], parts).map_err(err)?;
        for row in found {
            jobs.push(job(row.map_err(err)?)?);
        }
    }
    Ok(jobs)
}

fn claim(conn: &Connection, claim: &Claim) -> Result<Vec<Job>> {
    let mut claimed = Vec::new();
    // Jobs that end instead of running take no place, so look again until a look gives no more.
    while claimed.len() < claim.limit {
        let room = i64::try_from(claim.limit - claimed.len()).unwrap_or(i64::MAX);
        let mut found = Vec::new();
        for kind in &claim.kinds {
            found.extend(due(conn, kind, claim.now, room)?);
        }
        if found.is_empty() {
            break;
        }
        found.sort_by_key(|job| (job.run_at, job.id));
        // Beyond these there may be older ones that were not read.
        found.truncate(claim.limit - claimed.len());
        for job in found {
            let job = job.taken(claim.now, claim.lease);
            write(conn, &job)?;
            if job.state == JobState::Running {
                claimed.push(job);
            }
        }
    }
    Ok(claimed)
}

fn list(conn: &Connection, filter: &JobFilter) -> Result<Vec<Job>> {
    let sql = format!(
        "SELECT {COLUMNS} FROM work_job WHERE id < ?1{}{}{} ORDER BY id DESC LIMIT ?5",
        if filter.kind.is_some() { " AND kind = ?2" } else { " AND ?2 IS NULL" },
        if filter.key.is_some() { " AND key = ?3" } else { " AND ?3 IS NULL" },
        if filter.state.is_some() { " AND state = ?4" } else { " AND ?4 IS NULL" },
    );
    let before = filter.before.map_or(i64::MAX, |id| id.0 as i64);
    let limit = i64::try_from(filter.limit).unwrap_or(i64::MAX);
    let mut statement = conn.prepare_cached(&sql).map_err(err)?;
    let wanted = params![before, filter.kind, filter.key, filter.state.map(JobState::word), limit];
    let found = statement.query_map(wanted, parts).map_err(err)?;
    found.map(|row| row.map_err(err).and_then(job)).collect()
}

#[async_trait]
impl JobStore for EmbeddedJobStore {
    async fn enqueue(&self, id: JobId, new: NewJob, now: Millis) -> Result<Job> {
        self.0
            .write(move |tx| {
                if let Some(live) = live(tx, &new.kind, &new.key)? {
                    return Ok(live);
                }
                if one(tx, "id = ?1", [id.0 as i64])?.is_some() {
                    return Err(Fault::internal(format!("job {id} exists already")).into());
                }
                let job = Job::enqueued(id, new, now);
                write(tx, &job)?;
                Ok(job)
            })
            .await
    }

    async fn claim(&self, wanted: Claim) -> Result<Vec<Job>> {
        // Most looks find nothing: those cost a read and no place in the write queue.
        let looked = wanted.clone();
        let anything = self
            .0
            .read(move |conn| {
                for kind in &looked.kinds {
                    if !due(conn, kind, looked.now, 1)?.is_empty() {
                        return Ok(true);
                    }
                }
                Ok::<_, JobStoreError>(false)
            })
            .await?;
        if !anything || wanted.limit == 0 {
            return Ok(Vec::new());
        }
        self.0.write(move |tx| claim(tx, &wanted)).await
    }

    async fn heartbeat(
        &self,
        id: JobId,
        fence: u64,
        lease_until: Millis,
        progress_percent: u8,
    ) -> Result<Heartbeat> {
        self.0
            .write(move |tx| {
                let job = held(tx, id, fence)?.beaten(lease_until, progress_percent);
                write(tx, &job)?;
                Ok(Heartbeat { cancel_requested: job.cancel_requested })
            })
            .await
    }

    async fn finish(&self, id: JobId, fence: u64, ending: Ending, now: Millis) -> Result<Job> {
        self.0
            .write(move |tx| {
                let job = held(tx, id, fence)?.finished(ending, now);
                write(tx, &job)?;
                Ok(job)
            })
            .await
    }

    async fn get(&self, id: JobId) -> Result<Job> {
        self.0.read(move |conn| get(conn, id)).await
    }

    async fn list(&self, filter: JobFilter) -> Result<Vec<Job>> {
        self.0.read(move |conn| list(conn, &filter)).await
    }

    async fn steer(&self, id: JobId, order: Order, now: Millis) -> Result<Job> {
        self.0
            .write(move |tx| {
                let job = get(tx, id)?;
                let other = match order {
                    Order::Replay => live(tx, &job.kind, &job.key)?.map(|j| j.id),
                    Order::Cancel => None,
                };
                let job = job.steered(order, other, now)?;
                write(tx, &job)?;
                Ok(job)
            })
            .await
    }

    async fn tally(&self) -> Result<Vec<Tally>> {
        let sql =
            "SELECT kind, count(*) FILTER (WHERE state = 'ready'), count(*) FILTER (WHERE state = 'running'),
             count(*) FILTER (WHERE state = 'dead'), min(run_at) FILTER (WHERE state = 'ready')
           FROM work_job WHERE state IN ('ready', 'running', 'dead') GROUP BY kind ORDER BY kind";
        self.0
            .read(move |conn| {
                let mut statement = conn.prepare_cached(sql).map_err(err)?;
                let found = statement
                    .query_map([], |row| {
                        Ok(Tally {
                            kind: row.get(0)?,
                            ready: row.get::<_, i64>(1)? as u64,
                            running: row.get::<_, i64>(2)? as u64,
                            dead: row.get::<_, i64>(3)? as u64,
                            oldest_run_at: row.get::<_, Option<i64>>(4)?.map(Millis),
                        })
                    })
                    .map_err(err)?;
                found.collect::<rusqlite::Result<Vec<_>>>().map_err(err)
            })
            .await
    }

    async fn prune(&self, prune: Prune) -> Result<usize> {
        let sql = "DELETE FROM work_job WHERE id IN (SELECT id FROM work_job
             WHERE (state IN ('done', 'cancelled') AND finished_at < ?1) OR (state = 'dead' AND finished_at < ?2)
             LIMIT ?3)";
        let limit = i64::try_from(prune.limit).unwrap_or(i64::MAX);
        self.0
            .write(move |tx| {
                tx.execute(sql, params![prune.ended_before.0, prune.dead_before.0, limit]).map_err(err)
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_layout_and_an_unknown_state_are_refused() {
        let new = Job::enqueued(JobId(1), NewJob::new("k", "k", Millis(0)), Millis(0));
        let read = |state: &str, v, payload: &str| job((new.clone(), state.into(), v, payload.into()));
        assert_eq!(read("ready", JOB_V, "null").unwrap(), new);
        let kind = |outcome| match outcome {
            Err(JobStoreError::Fault(f)) => f.kind,
            other => panic!("expected a fault, got {other:?}"),
        };
        assert_eq!(kind(read("ready", JOB_V + 1, "null")), FaultKind::Newer);
        assert_eq!(kind(read("resting", JOB_V, "null")), FaultKind::Corrupt);
        assert_eq!(kind(read("ready", JOB_V, "{")), FaultKind::Corrupt);
    }
}
