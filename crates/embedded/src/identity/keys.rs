//! Signing keys and the operator code.

use super::{ROW_VERSION, known_version};
use crate::Database;
use crate::db::fault;
use async_trait::async_trait;
use identity::{KeyStore, KeyStoreError, OperatorCode, StoredKey};
use rusqlite::{Connection, Row, params};
use stdx::Fault;
use vocab::Millis;

#[derive(Debug, Clone)]
pub struct EmbeddedKeyStore(Database);

impl EmbeddedKeyStore {
    pub fn new(db: Database) -> Self {
        Self(db)
    }
}

fn key(row: &Row<'_>) -> Result<StoredKey, Fault> {
    known_version(row.get(1).map_err(fault)?)?;
    let time = |n: usize| row.get::<_, Option<i64>>(n).map(|t| t.map(Millis)).map_err(fault);
    let must = |n: usize| row.get::<_, i64>(n).map(Millis).map_err(fault);
    Ok(StoredKey {
        kid: row.get(0).map_err(fault)?,
        seed: row.get(2).map_err(fault)?,
        created_at: must(3)?,
        active_from: must(4)?,
        retired_at: time(5)?,
        drop_at: time(6)?,
    })
}

fn all_keys(conn: &Connection) -> Result<Vec<StoredKey>, Fault> {
    let sql = "SELECT kid, v, seed, created_at, active_from, retired_at, drop_at FROM identity_keys
               ORDER BY created_at, kid";
    let mut statement = conn.prepare_cached(sql).map_err(fault)?;
    let mut rows = statement.query([]).map_err(fault)?;
    let mut keys = Vec::new();
    while let Some(row) = rows.next().map_err(fault)? {
        keys.push(key(row)?);
    }
    Ok(keys)
}

#[async_trait]
impl KeyStore for EmbeddedKeyStore {
    async fn keys(&self) -> Result<Vec<StoredKey>, KeyStoreError> {
        let keys: Result<_, Fault> = self.0.read(all_keys).await;
        Ok(keys?)
    }

    async fn add(&self, key: StoredKey) -> Result<(), KeyStoreError> {
        let sql = "INSERT INTO identity_keys (kid, v, seed, created_at, active_from, retired_at, drop_at)
                   VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT (kid) DO NOTHING";
        self.0
            .write(move |tx| {
                let (retired_at, drop_at) = (key.retired_at.map(|t| t.0), key.drop_at.map(|t| t.0));
                let times = (key.created_at.0, key.active_from.0);
                let row = params![key.kid, ROW_VERSION, key.seed, times.0, times.1, retired_at, drop_at];
                match tx.execute(sql, row).map_err(fault)? {
                    0 => Err(KeyStoreError::Exists(key.kid)),
                    _ => Ok(()),
                }
            })
            .await
    }

    async fn retire(&self, kid: &str, retired_at: Millis, drop_at: Millis) -> Result<(), KeyStoreError> {
        let kid = kid.to_owned();
        let sql = "UPDATE identity_keys SET retired_at = min(coalesce(retired_at, ?2), ?2),
                   drop_at = min(coalesce(drop_at, ?3), ?3) WHERE kid = ?1";
        self.0
            .write(move |tx| match tx.execute(sql, params![kid, retired_at.0, drop_at.0]).map_err(fault)? {
                0 => Err(KeyStoreError::NotFound(kid)),
                _ => Ok(()),
            })
            .await
    }

    async fn purge(&self, now: Millis) -> Result<usize, KeyStoreError> {
        let sql = "DELETE FROM identity_keys WHERE drop_at <= ?1";
        let gone: Result<_, Fault> = self.0.write(move |tx| tx.execute(sql, [now.0]).map_err(fault)).await;
        Ok(gone?)
    }

    async fn put_code(&self, code: OperatorCode) -> Result<(), KeyStoreError> {
        let sql = "INSERT OR REPLACE INTO identity_operator_code (id, v, hash, expires_at)
                   VALUES (1, ?1, ?2, ?3)";
        let row = move |tx: &rusqlite::Transaction<'_>| {
            tx.execute(sql, params![ROW_VERSION, code.hash, code.expires_at.0]).map_err(fault)
        };
        let put: Result<_, Fault> = self.0.write(row).await;
        put?;
        Ok(())
    }

    async fn take_code(&self, hash: [u8; 32], now: Millis) -> Result<bool, KeyStoreError> {
        let sql = "DELETE FROM identity_operator_code WHERE hash = ?1 AND expires_at > ?2";
        let taken: Result<_, Fault> =
            self.0.write(move |tx| tx.execute(sql, params![hash, now.0]).map_err(fault)).await;
        Ok(taken? > 0)
    }
}
