//! People.

use super::{ROW_VERSION, known_version};
use crate::Database;
use crate::db::fault;
use async_trait::async_trait;
use identity::memory::search_text;
use identity::{AccountStore, AccountStoreError, Role, User, UserFilter};
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use stdx::Fault;
use vocab::{Millis, UserId};

/// What of a person is in no column of its own.
#[derive(Serialize, Deserialize)]
struct UserDoc {
    guest: bool,
    password_hash: Option<String>,
    display_name: String,
    bio: String,
    roles: Vec<Role>,
    created_at_ms: i64,
    merged_into: Option<UserId>,
}

fn role_bits(roles: &[Role]) -> i64 {
    let bit = |role: &Role| match role {
        Role::Viewer => 1,
        Role::Moderator => 2,
        Role::Operator => 4,
    };
    roles.iter().map(bit).fold(0, |all, bit| all | bit)
}

fn user_doc(user: &User) -> Result<String, Fault> {
    let doc = UserDoc {
        guest: user.guest,
        password_hash: user.password_hash.clone(),
        display_name: user.display_name.clone(),
        bio: user.bio.clone(),
        roles: user.roles.clone(),
        created_at_ms: user.created_at.0,
        merged_into: user.merged_into,
    };
    serde_json::to_string(&doc).map_err(Fault::internal)
}

type UserRow = (i64, i64, Option<String>, String, i64, String);

const USER_COLUMNS: &str = "id, v, email, handle, revision, doc";

fn user_row(row: &Row<'_>) -> rusqlite::Result<UserRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?))
}

fn user((id, v, email, handle, revision, doc): UserRow) -> Result<User, Fault> {
    known_version(v)?;
    let doc: UserDoc = serde_json::from_str(&doc).map_err(Fault::corrupt)?;
    Ok(User {
        id: UserId(id as u64),
        guest: doc.guest,
        email,
        password_hash: doc.password_hash,
        display_name: doc.display_name,
        handle,
        bio: doc.bio,
        roles: doc.roles,
        created_at: Millis(doc.created_at_ms),
        merged_into: doc.merged_into,
        revision: revision as u64,
    })
}

fn user_where(conn: &Connection, what: &str, value: impl rusqlite::ToSql) -> Result<Option<User>, Fault> {
    let sql = format!("SELECT {USER_COLUMNS} FROM identity_users WHERE {what} = ?1");
    let found = conn.prepare_cached(&sql).and_then(|mut s| s.query_row([value], user_row).optional());
    found.map_err(fault)?.map(user).transpose()
}

fn check_unique(conn: &Connection, user: &User) -> Result<(), AccountStoreError> {
    let held = |column: &str, value: &str| {
        let sql = format!("SELECT 1 FROM identity_users WHERE {column} = ?1 AND id <> ?2");
        let found = conn
            .prepare_cached(&sql)
            .and_then(|mut s| s.query_row(params![value, user.id.0 as i64], |_| Ok(())).optional());
        found.map(|f| f.is_some()).map_err(fault)
    };
    if let Some(email) = &user.email
        && held("email", email)?
    {
        return Err(AccountStoreError::EmailTaken);
    }
    if held("handle", &user.handle)? { Err(AccountStoreError::HandleTaken) } else { Ok(()) }
}

fn write_user(conn: &Connection, user: &User) -> Result<(), Fault> {
    let written = conn
        .prepare_cached(
            "INSERT INTO identity_users (id, v, email, handle, roles, search, revision, doc)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT (id) DO UPDATE SET v = excluded.v, email = excluded.email,
               handle = excluded.handle, roles = excluded.roles, search = excluded.search,
               revision = excluded.revision, doc = excluded.doc",
        )
        .and_then(|mut s| {
            s.execute(params![
                user.id.0 as i64,
                ROW_VERSION,
                user.email,
                user.handle,
                role_bits(&user.roles),
                search_text(user),
                user.revision as i64,
                user_doc(user).map_err(|e| rusqlite::Error::ToSqlConversionFailure(e.into()))?,
            ])
        });
    written.map(|_| ()).map_err(fault)
}

#[derive(Debug, Clone)]
pub struct EmbeddedAccountStore(Database);

impl EmbeddedAccountStore {
    pub fn new(db: Database) -> Self {
        Self(db)
    }
}

#[async_trait]
impl AccountStore for EmbeddedAccountStore {
    async fn insert(&self, user: User) -> Result<(), AccountStoreError> {
        self.0
            .write(move |tx| {
                if user_where(tx, "id", user.id.0 as i64)?.is_some() {
                    return Err(AccountStoreError::Exists(user.id));
                }
                check_unique(tx, &user)?;
                Ok(write_user(tx, &user)?)
            })
            .await
    }

    async fn get(&self, id: UserId) -> Result<User, AccountStoreError> {
        let found = self.0.read(move |conn| user_where(conn, "id", id.0 as i64)).await?;
        found.ok_or(AccountStoreError::NotFound(id))
    }

    async fn get_many(&self, ids: &[UserId]) -> Result<Vec<User>, AccountStoreError> {
        let ids = ids.to_vec();
        let found: Result<Vec<_>, Fault> = self
            .0
            .read(move |conn| {
                let one = |id: &UserId| user_where(conn, "id", id.0 as i64).transpose();
                ids.iter().filter_map(one).collect()
            })
            .await;
        Ok(found?)
    }

    async fn find_by_email(&self, email: &str) -> Result<Option<User>, AccountStoreError> {
        let email = email.to_owned();
        let found: Result<_, Fault> = self.0.read(move |conn| user_where(conn, "email", email)).await;
        Ok(found?)
    }

    async fn update(&self, mut user: User) -> Result<User, AccountStoreError> {
        self.0
            .write(move |tx| {
                let id = user.id;
                let known = user_where(tx, "id", id.0 as i64)?.ok_or(AccountStoreError::NotFound(id))?;
                if known.revision != user.revision {
                    return Err(AccountStoreError::Stale { id, revision: known.revision });
                }
                check_unique(tx, &user)?;
                user.revision += 1;
                write_user(tx, &user)?;
                Ok(user)
            })
            .await
    }

    async fn search(&self, filter: UserFilter) -> Result<Vec<User>, AccountStoreError> {
        let found: Result<_, Fault> = self.0.read(move |conn| search(conn, &filter)).await;
        Ok(found?)
    }
}

fn search(conn: &Connection, filter: &UserFilter) -> Result<Vec<User>, Fault> {
    // Said word for word as in the partial index, so that looking for staff reads staff only.
    let staff = filter.role.is_some_and(|role| role != Role::Viewer);
    let staff = if staff { "roles > 1 AND" } else { "" };
    let sql = format!(
        "SELECT {USER_COLUMNS} FROM identity_users WHERE {staff} id < ?1 AND (roles & ?2) = ?2
         AND instr(search, ?3) > 0 ORDER BY id DESC LIMIT ?4"
    );
    let before = filter.before.map_or(i64::MAX, |id| id.0 as i64);
    let role = filter.role.map_or(0, |role| role_bits(&[role]));
    let text = filter.text.as_deref().unwrap_or_default().to_lowercase();
    let mut statement = conn.prepare_cached(&sql).map_err(fault)?;
    let rows =
        statement.query_map(params![before, role, text, filter.limit as i64], user_row).map_err(fault)?;
    rows.map(|row| user(row.map_err(fault)?)).collect()
}
