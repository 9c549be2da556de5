//! What people and their sessions cost, as the double counts it.

use crate::support::{Storm, dynamo};
use aws::dynamo::{Dynamo, Spent};
use aws::identity::{DynamoAccountStore, DynamoSessionStore, TABLES};
use identity::{AccountStore, Role, Rotation, Session, SessionId, SessionStore, User};
use testkit::{Trial, case, trials};
use vocab::{DeviceId, Millis, UserId};

pub fn all() -> Vec<Trial> {
    let cases = vec![
        case("a_guest_and_their_session_cost_six_writes", a_guest_and_their_session),
        case("a_refresh_costs_one_write", a_refresh),
    ];
    trials("costs", cases, || dynamo(TABLES, Storm::Calm))
}

const NOW: i64 = 1_767_225_600_000;

fn guest() -> User {
    User {
        id: UserId::from_parts(NOW, 7),
        guest: true,
        email: None,
        password_hash: None,
        display_name: "Guest 4711".into(),
        handle: "user_0123abcd".into(),
        bio: String::new(),
        roles: vec![Role::Viewer],
        created_at: Millis(NOW),
        merged_into: None,
        revision: 1,
    }
}

fn session() -> Session {
    Session {
        id: SessionId(7),
        user: guest().id,
        device: DeviceId(9),
        device_name: "Firefox on a phone".into(),
        created_at: Millis(NOW),
        seen_at: Millis(NOW),
        expires_at: Millis(NOW + 30 * 86_400_000),
        generation: 0,
        secret_hash: [1; 32],
        previous_hash: None,
        nonce: [2; 32],
        mark_key: [3; 32],
        retries: 0,
        ended: None,
    }
}

fn spent(dynamo: &Dynamo, before: Spent) -> (f64, f64) {
    let spent = dynamo.meter().spent() - before;
    println!("{} requests, {} read, {} write units", spent.requests, spent.read_units, spent.write_units);
    (spent.read_units, spent.write_units)
}

async fn a_guest_and_their_session(dynamo: Dynamo) {
    let before = dynamo.meter().spent();
    DynamoAccountStore::new(dynamo.clone()).insert(guest()).await.unwrap();
    DynamoSessionStore::new(dynamo.clone()).open(session()).await.unwrap();
    let (read, write) = spent(&dynamo, before);
    assert!(read <= 0.0 && write <= 6.0, "{read} {write}");
}

async fn a_refresh(dynamo: Dynamo) {
    let (accounts, sessions) =
        (DynamoAccountStore::new(dynamo.clone()), DynamoSessionStore::new(dynamo.clone()));
    accounts.insert(guest()).await.unwrap();
    sessions.open(session()).await.unwrap();
    let before = dynamo.meter().spent();
    sessions.get(SessionId(7)).await.unwrap();
    accounts.get(guest().id).await.unwrap();
    let at = Millis(NOW + 600_000);
    let to = Rotation {
        from_generation: 0,
        secret_hash: [4; 32],
        nonce: [5; 32],
        at,
        expires_at: Millis(at.0 + 30 * 86_400_000),
    };
    sessions.rotate(SessionId(7), to).await.unwrap();
    let (read, write) = spent(&dynamo, before);
    assert!(read <= 3.0 && write <= 1.0, "{read} {write}");
}
