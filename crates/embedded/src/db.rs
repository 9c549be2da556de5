//! One SQLite file in WAL mode: one writer thread that batches commits, a few readers.
//!
//! A write is a closure over a savepoint. Closures that arrive while a commit is under way
//! share the next one, so a durable write costs one `fsync` a batch, not one each. A closure
//! that fails rolls back alone; its neighbours commit. A caller is answered after the commit.

use crate::policy::DbPolicy;
use rusqlite::{Connection, OpenFlags, Transaction};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, mpsc};
use stdx::{Fault, FaultKind};
use tokio::sync::{Semaphore, oneshot};

/// Version of the data directory. A newer one is refused, an older one migrated.
pub const FORMAT_VERSION: i64 = 1;

type Task = Box<dyn FnOnce(&Transaction<'_>) -> Box<dyn FnOnce(Result<(), Fault>) + Send> + Send>;

/// A handle; clones share the same file.
#[derive(Clone)]
pub struct Database {
    writer: mpsc::SyncSender<Task>,
    readers: Arc<Readers>,
    path: PathBuf,
}

struct Readers {
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database").field("path", &self.path).finish_non_exhaustive()
    }
}

/// Maps an engine error to what a caller may do about it.
pub fn fault(e: rusqlite::Error) -> Fault {
    use rusqlite::ErrorCode as C;
    let kind = match e.sqlite_error_code() {
        Some(C::DiskFull) => FaultKind::Full,
        Some(C::DatabaseBusy | C::DatabaseLocked) => FaultKind::Throttled,
        Some(C::DatabaseCorrupt | C::NotADatabase) => FaultKind::Corrupt,
        Some(C::SystemIoFailure | C::CannotOpen | C::ReadOnly) => FaultKind::Unavailable,
        _ => FaultKind::Internal,
    };
    Fault::new(kind, e)
}

fn gone() -> Fault {
    Fault::unavailable("the store is shutting down")
}

impl Database {
    /// Opens `signal.db` in `dir`, creating or migrating it. `schema` = every room's tables.
    pub fn open(dir: &Path, schema: &[&str], policy: &DbPolicy) -> Result<Self, Fault> {
        std::fs::create_dir_all(dir)?;
        let path = dir.join("signal.db");
        let mut conn = connect(&path, policy, false)?;
        migrate(&mut conn, schema)?;
        let mut idle = Vec::new();
        for _ in 0..policy.readers {
            idle.push(connect(&path, policy, true)?);
        }
        let (writer, tasks) = mpsc::sync_channel(policy.write_queue);
        let batch = policy.batch;
        std::thread::Builder::new()
            .name("signal-db-writer".into())
            .spawn(move || write_loop(conn, &tasks, batch))?;
        let readers = Readers { idle: Mutex::new(idle), permits: Arc::new(Semaphore::new(policy.readers)) };
        Ok(Self { writer, readers: Arc::new(readers), path })
    }

    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Runs `f` inside the writer's transaction and answers after the commit is durable.
    /// `Err` from `f` undoes what `f` did and nothing else.
    pub async fn write<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
        F: FnOnce(&Transaction<'_>) -> Result<T, E> + Send + 'static,
    {
        let (tell, told) = oneshot::channel();
        let task: Task = Box::new(move |tx| {
            let outcome = in_savepoint(tx, f);
            Box::new(move |committed| {
                let _ = tell.send(match (outcome, committed) {
                    (Ok(_), Err(fault)) => Err(E::from(fault)),
                    (outcome, _) => outcome,
                });
            })
        });
        match self.writer.try_send(task) {
            Ok(()) => {}
            Err(mpsc::TrySendError::Full(_)) => {
                return Err(E::from(Fault::new(FaultKind::Throttled, "the store's write queue is full")));
            }
            Err(mpsc::TrySendError::Disconnected(_)) => return Err(E::from(gone())),
        }
        told.await.unwrap_or_else(|_| Err(E::from(gone())))
    }

    /// Runs `f` on a read-only connection, off the async threads.
    pub async fn read<T, E, F>(&self, f: F) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<Fault> + Send + 'static,
        F: FnOnce(&Connection) -> Result<T, E> + Send + 'static,
    {
        let lent = Arc::clone(&self.readers);
        let Ok(permit) = Arc::clone(&lent.permits).acquire_owned().await else { return Err(E::from(gone())) };
        let done = tokio::task::spawn_blocking(move || {
            // The permit goes with the connection: a caller that gives up waiting must not free it early.
            let _permit = permit;
            let lock = |r: &Readers| r.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).pop();
            let conn = lock(&lent).ok_or_else(gone).map_err(E::from)?;
            let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f(&conn)));
            lent.idle.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(conn);
            outcome.unwrap_or_else(|_| Err(E::from(Fault::internal("a read panicked"))))
        });
        done.await.unwrap_or_else(|_| Err(E::from(gone())))
    }
}

fn in_savepoint<T, E: From<Fault>>(
    tx: &Transaction<'_>,
    f: impl FnOnce(&Transaction<'_>) -> Result<T, E>,
) -> Result<T, E> {
    tx.execute_batch("SAVEPOINT w").map_err(|e| E::from(fault(e)))?;
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| f(tx)))
        .unwrap_or_else(|_| Err(E::from(Fault::internal("a write panicked"))));
    let close = if outcome.is_ok() { "RELEASE w" } else { "ROLLBACK TO w; RELEASE w" };
    match (tx.execute_batch(close), outcome) {
        (Err(e), Ok(_)) => Err(E::from(fault(e))),
        (_, outcome) => outcome,
    }
}

fn connect(path: &Path, policy: &DbPolicy, read_only: bool) -> Result<Connection, Fault> {
    let flags = if read_only {
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX
    } else {
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX
    };
    let conn = Connection::open_with_flags(path, flags).map_err(fault)?;
    conn.busy_timeout(policy.busy_timeout.to_duration()).map_err(fault)?;
    if !read_only {
        conn.execute_batch(
            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA wal_autocheckpoint=2000;",
        )
        .map_err(fault)?;
    }
    conn.execute_batch(&format!("PRAGMA cache_size=-{};", policy.cache_kib)).map_err(fault)?;
    conn.set_prepared_statement_cache_capacity(128);
    Ok(conn)
}

fn migrate(conn: &mut Connection, schema: &[&str]) -> Result<(), Fault> {
    let found: i64 = conn.pragma_query_value(None, "user_version", |r| r.get(0)).map_err(fault)?;
    if found > FORMAT_VERSION {
        let said =
            format!("the data is of format {found}, this program knows {FORMAT_VERSION}: use a newer one");
        return Err(Fault::new(FaultKind::Newer, said));
    }
    let tx = conn.transaction().map_err(fault)?;
    for tables in schema {
        tx.execute_batch(tables).map_err(fault)?;
    }
    tx.pragma_update(None, "user_version", FORMAT_VERSION).map_err(fault)?;
    tx.commit().map_err(fault)
}

fn write_loop(mut conn: Connection, tasks: &mpsc::Receiver<Task>, batch: usize) {
    while let Ok(first) = tasks.recv() {
        let mut replies = Vec::with_capacity(batch);
        let committed = match conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate) {
            Ok(tx) => {
                replies.push(first(&tx));
                while replies.len() < batch {
                    match tasks.try_recv() {
                        Ok(task) => replies.push(task(&tx)),
                        Err(_) => break,
                    }
                }
                tx.commit().map_err(|e| match fault(e) {
                    full if full.kind == FaultKind::Full => (FaultKind::Full, full.to_string()),
                    // Whatever it was, the same write may succeed later.
                    other => (FaultKind::Unavailable, other.to_string()),
                })
            }
            // The task is dropped unanswered and its caller told that the store is gone.
            Err(e) => {
                tracing::error!(error = %e, "cannot begin a transaction");
                continue;
            }
        };
        for reply in replies {
            reply(committed.clone().map_err(|(kind, said)| Fault::new(kind, said)));
        }
    }
}
