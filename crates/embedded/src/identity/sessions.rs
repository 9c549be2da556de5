//! Sessions and their refresh-token families.

use super::{ROW_VERSION, known_version};
use crate::Database;
use crate::db::fault;
use async_trait::async_trait;
use identity::{Ended, Rotation, Session, SessionId, SessionStore, SessionStoreError};
use rusqlite::{Connection, Row, params};
use stdx::Fault;
use vocab::{DeviceId, Millis, UserId};

const SESSION_COLUMNS: &str = "id, v, user, device, device_name, created_at, seen_at, expires_at, generation, \
     secret_hash, previous_hash, nonce, mark_key, retries, ended_at, ended_why";

fn ended_of(text: &str) -> Result<Ended, Fault> {
    Ended::from_word(text).ok_or_else(|| Fault::corrupt(format!("a session ended by {text}")))
}

fn session(row: &Row<'_>) -> Result<Session, Fault> {
    known_version(row.get(1).map_err(fault)?)?;
    let text = |n: usize| row.get::<_, String>(n).map_err(fault);
    let number = |n: usize| row.get::<_, i64>(n).map_err(fault);
    let bytes = |n: usize| row.get::<_, [u8; 32]>(n).map_err(fault);
    let ended_at: Option<i64> = row.get(14).map_err(fault)?;
    let ended = match ended_at {
        Some(at) => Some((Millis(at), ended_of(&text(15)?)?)),
        None => None,
    };
    Ok(Session {
        id: text(0)?.parse().map_err(Fault::corrupt)?,
        user: UserId(number(2)? as u64),
        device: text(3)?.parse::<DeviceId>().map_err(Fault::corrupt)?,
        device_name: text(4)?,
        created_at: Millis(number(5)?),
        seen_at: Millis(number(6)?),
        expires_at: Millis(number(7)?),
        generation: u32::try_from(number(8)?).map_err(Fault::corrupt)?,
        secret_hash: bytes(9)?,
        previous_hash: row.get(10).map_err(fault)?,
        nonce: bytes(11)?,
        mark_key: bytes(12)?,
        retries: u32::try_from(number(13)?).map_err(Fault::corrupt)?,
        ended,
    })
}

fn find_session(conn: &Connection, id: SessionId) -> Result<Session, SessionStoreError> {
    let sql = format!("SELECT {SESSION_COLUMNS} FROM identity_sessions WHERE id = ?1");
    let mut statement = conn.prepare_cached(&sql).map_err(fault)?;
    let mut rows = statement.query([id.to_string()]).map_err(fault)?;
    match rows.next().map_err(fault)? {
        Some(row) => Ok(session(row)?),
        None => Err(SessionStoreError::NotFound(id)),
    }
}

fn write_session(conn: &Connection, s: &Session) -> Result<(), Fault> {
    let over_at = s.ended.map_or(s.expires_at.0, |(at, _)| at.0.min(s.expires_at.0));
    let sql = format!(
        "INSERT OR REPLACE INTO identity_sessions ({SESSION_COLUMNS}, over_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
    );
    let written = conn.prepare_cached(&sql).and_then(|mut statement| {
        statement.execute(params![
            s.id.to_string(),
            ROW_VERSION,
            s.user.0 as i64,
            s.device.to_string(),
            s.device_name,
            s.created_at.0,
            s.seen_at.0,
            s.expires_at.0,
            s.generation,
            s.secret_hash,
            s.previous_hash,
            s.nonce,
            s.mark_key,
            s.retries,
            s.ended.map(|(at, _)| at.0),
            s.ended.map(|(_, why)| why.word()),
            over_at,
        ])
    });
    written.map(|_| ()).map_err(fault)
}

#[derive(Debug, Clone)]
pub struct EmbeddedSessionStore(Database);

impl EmbeddedSessionStore {
    pub fn new(db: Database) -> Self {
        Self(db)
    }

    /// Changes a session as `change` says, in one step.
    async fn change<T, F>(&self, id: SessionId, change: F) -> Result<T, SessionStoreError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Session) -> Result<T, SessionStoreError> + Send + 'static,
    {
        self.0
            .write(move |tx| {
                let mut session = find_session(tx, id)?;
                let outcome = change(&mut session)?;
                write_session(tx, &session)?;
                Ok(outcome)
            })
            .await
    }
}

#[async_trait]
impl SessionStore for EmbeddedSessionStore {
    async fn open(&self, session: Session) -> Result<(), SessionStoreError> {
        self.0
            .write(move |tx| match find_session(tx, session.id) {
                Ok(_) => Err(SessionStoreError::Exists(session.id)),
                Err(SessionStoreError::NotFound(_)) => Ok(write_session(tx, &session)?),
                Err(e) => Err(e),
            })
            .await
    }

    async fn get(&self, id: SessionId) -> Result<Session, SessionStoreError> {
        self.0.read(move |conn| find_session(conn, id)).await
    }

    async fn rotate(&self, id: SessionId, to: Rotation) -> Result<Session, SessionStoreError> {
        self.change(id, move |session| {
            session.rotate(&to)?;
            Ok(session.clone())
        })
        .await
    }

    async fn count_retry(
        &self,
        id: SessionId,
        generation: u32,
        max: u32,
    ) -> Result<Session, SessionStoreError> {
        self.change(id, move |session| {
            session.count_retry(generation, max)?;
            Ok(session.clone())
        })
        .await
    }

    async fn end(&self, id: SessionId, why: Ended, at: Millis) -> Result<bool, SessionStoreError> {
        self.change(id, move |session| {
            let first = session.ended.is_none();
            session.ended.get_or_insert((at, why));
            Ok(first)
        })
        .await
    }

    async fn list(&self, user: UserId, now: Millis) -> Result<Vec<Session>, SessionStoreError> {
        let sql = format!(
            "SELECT {SESSION_COLUMNS} FROM identity_sessions
             WHERE user = ?1 AND expires_at > ?2 AND ended_at IS NULL ORDER BY seen_at DESC, id DESC"
        );
        let found: Result<_, Fault> = self
            .0
            .read(move |conn| {
                let mut statement = conn.prepare_cached(&sql).map_err(fault)?;
                let mut rows = statement.query(params![user.0 as i64, now.0]).map_err(fault)?;
                let mut sessions = Vec::new();
                while let Some(row) = rows.next().map_err(fault)? {
                    sessions.push(session(row)?);
                }
                Ok(sessions)
            })
            .await;
        Ok(found?)
    }

    async fn purge(&self, before: Millis, limit: usize) -> Result<usize, SessionStoreError> {
        let sql = "DELETE FROM identity_sessions WHERE id IN
                   (SELECT id FROM identity_sessions WHERE over_at < ?1 LIMIT ?2)";
        let gone: Result<_, Fault> =
            self.0.write(move |tx| tx.execute(sql, params![before.0, limit as i64]).map_err(fault)).await;
        Ok(gone?)
    }
}
