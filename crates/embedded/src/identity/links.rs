//! Who people of outside issuers are here.

use super::{ROW_VERSION, known_version};
use crate::Database;
use crate::db::fault;
use async_trait::async_trait;
use identity::{LinkStore, Outside};
use rusqlite::{Connection, OptionalExtension, params};
use stdx::Fault;
use vocab::UserId;

#[derive(Debug, Clone)]
pub struct EmbeddedLinkStore(Database);

impl EmbeddedLinkStore {
    pub fn new(db: Database) -> Self {
        Self(db)
    }
}

fn find(conn: &Connection, outside: &Outside) -> Result<Option<UserId>, Fault> {
    let sql = "SELECT v, user FROM identity_links WHERE issuer = ?1 AND subject = ?2";
    let found = conn.prepare_cached(sql).and_then(|mut s| {
        s.query_row(params![outside.issuer, outside.subject], |row| Ok((row.get(0)?, row.get(1)?))).optional()
    });
    let Some((v, user)) = found.map_err(fault)? else { return Ok(None) };
    known_version(v)?;
    let user: i64 = user;
    Ok(Some(UserId(user as u64)))
}

#[async_trait]
impl LinkStore for EmbeddedLinkStore {
    async fn find(&self, outside: &Outside) -> Result<Option<UserId>, Fault> {
        let outside = outside.clone();
        self.0.read(move |conn| find(conn, &outside)).await
    }

    async fn link(&self, outside: &Outside, user: UserId) -> Result<UserId, Fault> {
        let outside = outside.clone();
        let sql = "INSERT INTO identity_links (issuer, subject, v, user) VALUES (?1, ?2, ?3, ?4)
                   ON CONFLICT (issuer, subject) DO NOTHING";
        self.0
            .write(move |tx| {
                tx.prepare_cached(sql)
                    .and_then(|mut s| {
                        s.execute(params![outside.issuer, outside.subject, ROW_VERSION, user.0 as i64])
                    })
                    .map_err(fault)?;
                Ok(find(tx, &outside)?.unwrap_or(user))
            })
            .await
    }
}
