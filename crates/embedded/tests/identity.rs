//! The embedded stores of identity keep every promise, survive a reopening and read old rows.

#![expect(clippy::unwrap_used, reason = "a case fails by panicking")]

use embedded::identity::{
    EmbeddedAccountStore, EmbeddedKeyStore, EmbeddedLinkStore, EmbeddedSessionStore, SCHEMA,
};
use embedded::{Database, DbPolicy};
use identity::conformance::{account_cases, key_cases, link_cases, session_cases};
use identity::{
    AccountStore, AccountStoreError, KeyStore, LinkStore, OperatorCode, Outside, Role, Session, SessionId,
    SessionStore, StoredKey, User,
};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stdx::FaultKind;
use testkit::{Case, case, trials_in};
use vocab::{DeviceId, Millis, UserId};

fn open(dir: &Path) -> Database {
    Database::open(dir, &[SCHEMA], &DbPolicy::default()).expect("the database opens")
}

fn main() {
    let mut all =
        trials_in("embedded", account_cases(), |dir| Arc::new(EmbeddedAccountStore::new(open(dir))) as _);
    all.extend(trials_in("embedded", session_cases(), |dir| {
        Arc::new(EmbeddedSessionStore::new(open(dir))) as _
    }));
    all.extend(trials_in("embedded", key_cases(), |dir| Arc::new(EmbeddedKeyStore::new(open(dir))) as _));
    all.extend(trials_in("embedded", link_cases(), |dir| Arc::new(EmbeddedLinkStore::new(open(dir))) as _));
    all.extend(trials_in("embedded", rows(), Path::to_owned));
    testkit::main(all);
}

fn rows() -> Vec<Case<PathBuf>> {
    vec![
        case("everything_is_there_after_a_reopening", everything_is_there_after_a_reopening),
        case("rows_of_version_one_are_read", rows_of_version_one_are_read),
        case("a_row_of_a_newer_version_is_refused", a_row_of_a_newer_version_is_refused),
    ]
}

fn ada() -> User {
    User {
        id: UserId(9),
        guest: false,
        email: Some("ada@example.org".into()),
        password_hash: Some("$argon2id$v=19$x".into()),
        display_name: "Ada".into(),
        handle: "ada".into(),
        bio: "hello".into(),
        roles: vec![Role::Viewer, Role::Operator],
        created_at: Millis(1_000),
        merged_into: Some(UserId(3)),
        revision: 4,
    }
}

fn phone() -> Session {
    Session {
        id: SessionId(5),
        user: UserId(9),
        device: DeviceId(6),
        device_name: "phone".into(),
        created_at: Millis(1),
        seen_at: Millis(2),
        expires_at: Millis(3),
        generation: 4,
        secret_hash: [5; 32],
        previous_hash: Some([6; 32]),
        nonce: [7; 32],
        mark_key: [8; 32],
        retries: 1,
        ended: None,
    }
}

async fn everything_is_there_after_a_reopening(dir: PathBuf) {
    let key = StoredKey::new([1; 32], Millis(1), Millis(2)).expect("a seed makes a key");
    {
        let db = open(&dir);
        EmbeddedAccountStore::new(db.clone()).insert(ada()).await.expect("written");
        EmbeddedSessionStore::new(db.clone()).open(phone()).await.expect("written");
        let keys = EmbeddedKeyStore::new(db);
        keys.add(key.clone()).await.expect("written");
        keys.put_code(OperatorCode { hash: [1; 32], expires_at: Millis(9) }).await.expect("written");
    }
    let db = open(&dir);
    assert_eq!(EmbeddedAccountStore::new(db.clone()).get(UserId(9)).await.unwrap(), ada());
    assert_eq!(EmbeddedSessionStore::new(db.clone()).get(SessionId(5)).await.unwrap(), phone());
    let keys = EmbeddedKeyStore::new(db);
    assert_eq!(keys.keys().await.unwrap(), [key]);
    assert!(keys.take_code([1; 32], Millis(8)).await.unwrap());
}

/// Writes a row as an earlier or later program left it.
async fn plant(db: &Database, sql: &'static str) {
    let planted: Result<(), stdx::Fault> =
        db.write(move |tx| tx.execute_batch(sql).map_err(embedded::db::fault)).await;
    planted.expect("planted");
}

/// Golden: never change this text; add one a version.
const USER_V1: &str = r#"INSERT INTO identity_users (id, v, email, handle, roles, search, revision, doc) VALUES
(9, 1, 'ada@example.org', 'ada', 5, 'ada', 4, '{"guest":false,"password_hash":"$argon2id$v=19$x","display_name":"Ada","bio":"hello","roles":["viewer","operator"],"created_at_ms":1000,"merged_into":"0000000000003"}')"#;

const SESSION_V1: &str = "INSERT INTO identity_sessions VALUES ('00000000000000000000000000000005', 1, 9,
'00000000000000000000000006', 'phone', 1, 2, 3, 4,
X'0505050505050505050505050505050505050505050505050505050505050505',
X'0606060606060606060606060606060606060606060606060606060606060606',
X'0707070707070707070707070707070707070707070707070707070707070707',
X'0808080808080808080808080808080808080808080808080808080808080808', 1, NULL, NULL, 3)";

async fn rows_of_version_one_are_read(dir: PathBuf) {
    let db = open(&dir);
    plant(&db, USER_V1).await;
    plant(&db, SESSION_V1).await;
    plant(&db, "INSERT INTO identity_links VALUES ('https://id.example', 'ada', 1, 9)").await;
    let ada_there = Outside { issuer: "https://id.example".into(), subject: "ada".into() };
    let linked = EmbeddedLinkStore::new(db.clone()).find(&ada_there).await.unwrap();
    assert_eq!(linked, Some(UserId(9)));
    assert_eq!(EmbeddedAccountStore::new(db.clone()).get(UserId(9)).await.unwrap(), ada());
    assert_eq!(EmbeddedSessionStore::new(db).get(SessionId(5)).await.unwrap(), phone());
}

async fn a_row_of_a_newer_version_is_refused(dir: PathBuf) {
    let db = open(&dir);
    plant(&db, USER_V1).await;
    plant(&db, "UPDATE identity_users SET v = 2").await;
    let refused = EmbeddedAccountStore::new(db).get(UserId(9)).await;
    assert!(
        matches!(&refused, Err(AccountStoreError::Fault(f)) if f.kind == FaultKind::Newer),
        "{refused:?}"
    );
}
