//! The stores of identity: people, sessions, keys, links.

mod keys;
mod links;
mod sessions;
mod users;

pub use keys::EmbeddedKeyStore;
pub use links::EmbeddedLinkStore;
pub use sessions::EmbeddedSessionStore;
pub use users::EmbeddedAccountStore;

use stdx::{Fault, FaultKind};

/// Version of the rows written here. A newer one is refused.
const ROW_VERSION: i64 = 1;

pub const SCHEMA: &str = "
CREATE TABLE IF NOT EXISTS identity_users (
  id INTEGER PRIMARY KEY,
  v INTEGER NOT NULL,
  email TEXT UNIQUE,
  handle TEXT NOT NULL UNIQUE,
  roles INTEGER NOT NULL,
  search TEXT NOT NULL,
  revision INTEGER NOT NULL,
  doc TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS identity_users_staff ON identity_users (id) WHERE roles > 1;
CREATE TABLE IF NOT EXISTS identity_sessions (
  id TEXT PRIMARY KEY,
  v INTEGER NOT NULL,
  user INTEGER NOT NULL,
  device TEXT NOT NULL,
  device_name TEXT NOT NULL,
  created_at INTEGER NOT NULL,
  seen_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL,
  generation INTEGER NOT NULL,
  secret_hash BLOB NOT NULL,
  previous_hash BLOB,
  nonce BLOB NOT NULL,
  mark_key BLOB NOT NULL,
  retries INTEGER NOT NULL,
  ended_at INTEGER,
  ended_why TEXT,
  over_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS identity_sessions_user ON identity_sessions (user, seen_at);
CREATE INDEX IF NOT EXISTS identity_sessions_over ON identity_sessions (over_at);
CREATE TABLE IF NOT EXISTS identity_keys (
  kid TEXT PRIMARY KEY,
  v INTEGER NOT NULL,
  seed BLOB NOT NULL,
  created_at INTEGER NOT NULL,
  active_from INTEGER NOT NULL,
  retired_at INTEGER,
  drop_at INTEGER
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS identity_operator_code (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  v INTEGER NOT NULL,
  hash BLOB NOT NULL,
  expires_at INTEGER NOT NULL
);
CREATE TABLE IF NOT EXISTS identity_links (
  issuer TEXT NOT NULL,
  subject TEXT NOT NULL,
  v INTEGER NOT NULL,
  user INTEGER NOT NULL,
  PRIMARY KEY (issuer, subject)
) WITHOUT ROWID;
";

fn known_version(v: i64) -> Result<(), Fault> {
    if v > ROW_VERSION {
        return Err(Fault::new(FaultKind::Newer, format!("an identity row of version {v}")));
    }
    Ok(())
}
