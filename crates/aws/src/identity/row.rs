//! Rows of people, their claims and their sessions.

use super::policy::{DAY, DAY_SHELVES, KEEP_OVER, SHELVES};
use crate::dynamo::Item;
use identity::memory::search_text;
use identity::{Ended, Role, Session, SessionId, StoredKey, User};
use serde::{Deserialize, Serialize};
use stdx::Fault;
use vocab::{Millis, UserId};

/// The newest layout this program writes and reads.
pub const LAYOUT: i64 = 1;

/// Marks a row that only keeps a late writer out; there is no such person.
const FENCE: &str = "fence";

/// What of a person no question asks for.
#[derive(Serialize, Deserialize)]
struct Body {
    guest: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password_hash: Option<String>,
    display_name: String,
    bio: String,
    roles: Vec<Role>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    merged_into: Option<UserId>,
}

pub fn role_bits(roles: &[Role]) -> i64 {
    let bit = |role: &Role| match role {
        Role::Viewer => 1,
        Role::Moderator => 2,
        Role::Operator => 4,
    };
    roles.iter().map(bit).fold(0, |all, bit| all | bit)
}

pub fn shelf(n: u64) -> String {
    format!("s{n}")
}

pub fn account(user: &User) -> Result<Item, Fault> {
    let body = Body {
        guest: user.guest,
        password_hash: user.password_hash.clone(),
        display_name: user.display_name.clone(),
        bio: user.bio.clone(),
        roles: user.roles.clone(),
        merged_into: user.merged_into,
    };
    let roles = role_bits(&user.roles);
    // Index keys last: without `staff` a row is not in the index of those who do more than watch.
    let revision = i64::try_from(user.revision).map_err(Fault::internal)?;
    Item::new(LAYOUT)
        .s("user_id", user.id.to_string())
        .maybe_s("email", user.email.clone())
        .s("handle", user.handle.clone())
        .n("revision", revision)
        .n("created_at", user.created_at.0)
        .n("roles", roles)
        .s("search", search_text(user))
        .s("shelf", shelf(user.id.0 % SHELVES))
        .maybe_s("staff", (roles > 1).then(|| "staff".to_owned()))
        .json("body", &body)
}

/// Keeps whoever believes that the person does not exist from writing them.
pub fn fence(id: UserId) -> Item {
    Item::new(LAYOUT).s("user_id", id.to_string()).flag(FENCE, true)
}

/// `None` for a fence.
pub fn user(item: &Item) -> Result<Option<User>, Fault> {
    item.layout(LAYOUT)?;
    if item.get_flag(FENCE) {
        return Ok(None);
    }
    let body: Body = item.get_json("body")?;
    Ok(Some(User {
        id: user_id(item)?,
        guest: body.guest,
        email: item.opt_s("email").map(str::to_owned),
        password_hash: body.password_hash,
        display_name: body.display_name,
        handle: item.get_s("handle")?.to_owned(),
        bio: body.bio,
        roles: body.roles,
        created_at: Millis(item.get_n("created_at")?),
        merged_into: body.merged_into,
        revision: u64::try_from(item.get_n("revision")?).map_err(Fault::corrupt)?,
    }))
}

pub fn user_id(item: &Item) -> Result<UserId, Fault> {
    item.get_s("user_id")?.parse().map_err(Fault::corrupt)
}

pub fn email_claim(email: &str) -> String {
    format!("email#{email}")
}

pub fn handle_claim(handle: &str) -> String {
    format!("handle#{handle}")
}

/// What the record of a person says it holds.
pub fn claims_of(user: &User) -> Vec<String> {
    let email = user.email.as_deref().map(email_claim);
    email.into_iter().chain([handle_claim(&user.handle)]).collect()
}

/// `by` names the attempt, so that a refused one takes back its own stamp and nobody else's.
pub fn claim(name: &str, owner: UserId, by: &str) -> Item {
    Item::new(LAYOUT).s("claim", name).s("user_id", owner.to_string()).s("by", by)
}

fn ended_of(text: &str) -> Result<Ended, Fault> {
    Ended::from_word(text).ok_or_else(|| Fault::corrupt(format!("a session ended by {text}")))
}

/// When nothing can be done with the session any more.
pub fn over_at(s: &Session) -> Millis {
    Millis(s.ended.map_or(s.expires_at.0, |(at, _)| at.0.min(s.expires_at.0)))
}

/// The key of the index by end: a day and a shelf of it. A rotation moves the end, but seldom the day, and
/// an index is written only when what stands in it changes.
pub fn over_day(day: i64, shelf: u128) -> String {
    format!("{day}#{shelf}")
}

pub fn session(s: &Session) -> Item {
    let over = over_at(s);
    let ttl = over.0.saturating_add(KEEP_OVER.0).div_euclid(1_000);
    let row = Item::new(LAYOUT)
        .s("session_id", s.id.to_string())
        .s("user_id", s.user.to_string())
        // An ended session leaves the index of its person.
        .maybe_s("live_user", s.ended.is_none().then(|| s.user.to_string()))
        .s("device_id", s.device.to_string())
        .s("device_name", s.device_name.clone())
        .n("created_at", s.created_at.0)
        .n("seen_at", s.seen_at.0)
        .n("expires_at", s.expires_at.0)
        .n("generation", i64::from(s.generation))
        .b("secret_hash", s.secret_hash.to_vec())
        .b("nonce", s.nonce.to_vec())
        .b("mark_key", s.mark_key.to_vec())
        .n("retries", i64::from(s.retries))
        .maybe_n("ended_at", s.ended.map(|(at, _)| at.0))
        .maybe_s("ended_why", s.ended.map(|(_, why)| why.word().to_owned()))
        .s("over_day", over_day(over.0.div_euclid(DAY.0), s.id.0 % DAY_SHELVES))
        .n("ttl", ttl);
    match s.previous_hash {
        Some(hash) => row.b("previous_hash", hash.to_vec()),
        None => row,
    }
}

fn bytes(item: &Item, name: &str) -> Result<[u8; 32], Fault> {
    item.get_b(name)?.try_into().map_err(Fault::corrupt)
}

fn small(item: &Item, name: &str) -> Result<u32, Fault> {
    u32::try_from(item.get_n(name)?).map_err(Fault::corrupt)
}

pub fn session_id(item: &Item) -> Result<SessionId, Fault> {
    item.get_s("session_id")?.parse().map_err(Fault::corrupt)
}

pub fn session_of(item: &Item) -> Result<Session, Fault> {
    item.layout(LAYOUT)?;
    let ended = match item.opt_n("ended_at") {
        Some(at) => Some((Millis(at), ended_of(item.get_s("ended_why")?)?)),
        None => None,
    };
    let previous_hash = match item.attribute("previous_hash") {
        Some(_) => Some(bytes(item, "previous_hash")?),
        None => None,
    };
    Ok(Session {
        id: session_id(item)?,
        user: user_id(item)?,
        device: item.get_s("device_id")?.parse().map_err(Fault::corrupt)?,
        device_name: item.get_s("device_name")?.to_owned(),
        created_at: Millis(item.get_n("created_at")?),
        seen_at: Millis(item.get_n("seen_at")?),
        expires_at: Millis(item.get_n("expires_at")?),
        generation: small(item, "generation")?,
        secret_hash: bytes(item, "secret_hash")?,
        previous_hash,
        nonce: bytes(item, "nonce")?,
        mark_key: bytes(item, "mark_key")?,
        retries: small(item, "retries")?,
        ended,
    })
}

/// Private halves stand in the table: it is encrypted at rest and only the API's role may read it.
pub fn key(partition: &str, key: &StoredKey) -> Item {
    Item::new(LAYOUT)
        .s("kind", partition)
        .s("key_id", key.kid.clone())
        .b("seed", key.seed.to_vec())
        .n("created_at", key.created_at.0)
        .n("active_from", key.active_from.0)
        .maybe_n("retired_at", key.retired_at.map(|t| t.0))
        .maybe_n("drop_at", key.drop_at.map(|t| t.0))
}

pub fn key_of(item: &Item) -> Result<StoredKey, Fault> {
    item.layout(LAYOUT)?;
    Ok(StoredKey {
        kid: item.get_s("key_id")?.to_owned(),
        seed: bytes(item, "seed")?,
        created_at: Millis(item.get_n("created_at")?),
        active_from: Millis(item.get_n("active_from")?),
        retired_at: item.opt_n("retired_at").map(Millis),
        drop_at: item.opt_n("drop_at").map(Millis),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;
    use vocab::DeviceId;

    /// As the first release wrote it, attribute by attribute.
    fn old_account() -> Item {
        Item::new(1)
            .s("user_id", "000000000000a")
            .s("email", "ada@example.org")
            .s("handle", "ada")
            .n("revision", 3)
            .n("created_at", 1_000)
            .n("roles", 3)
            .s("search", "ada\nada@example.org\nada lovelace")
            .s("shelf", "s2")
            .s("staff", "staff")
            .s(
                "body",
                r#"{"guest":false,"password_hash":"$argon2id$x","display_name":"Ada Lovelace","bio":"hm","roles":["viewer","moderator"],"merged_into":"000000000000b"}"#,
            )
    }

    fn ada() -> User {
        User {
            id: UserId(10),
            guest: false,
            email: Some("ada@example.org".into()),
            password_hash: Some("$argon2id$x".into()),
            display_name: "Ada Lovelace".into(),
            handle: "ada".into(),
            bio: "hm".into(),
            roles: vec![Role::Viewer, Role::Moderator],
            created_at: Millis(1_000),
            merged_into: Some(UserId(11)),
            revision: 3,
        }
    }

    fn old_session() -> Item {
        Item::new(1)
            .s("session_id", "0000000000000000000000000000002a")
            .s("user_id", "000000000000a")
            .s("device_id", "00000000000000000000000007")
            .s("device_name", "phone")
            .n("created_at", 1)
            .n("seen_at", 2)
            .n("expires_at", 3_000)
            .n("generation", 4)
            .b("secret_hash", vec![1; 32])
            .b("nonce", vec![2; 32])
            .b("mark_key", vec![3; 32])
            .n("retries", 1)
            .n("ended_at", 2_500)
            .s("ended_why", "revoked")
            .s("over_day", "0#2")
            .n("ttl", 172_802)
            .b("previous_hash", vec![9; 32])
    }

    fn phone() -> Session {
        Session {
            id: SessionId(42),
            user: UserId(10),
            device: DeviceId(7),
            device_name: "phone".into(),
            created_at: Millis(1),
            seen_at: Millis(2),
            expires_at: Millis(3_000),
            generation: 4,
            secret_hash: [1; 32],
            previous_hash: Some([9; 32]),
            nonce: [2; 32],
            mark_key: [3; 32],
            retries: 1,
            ended: Some((Millis(2_500), Ended::Revoked)),
        }
    }

    #[test]
    fn rows_of_the_first_layout_are_still_read() {
        assert_eq!(user(&old_account()).unwrap(), Some(ada()));
        assert_eq!(session_of(&old_session()).unwrap(), phone());
        let key = Item::new(1)
            .s("kind", "signing-key")
            .s("key_id", "k")
            .b("seed", vec![5; 32])
            .n("created_at", 1)
            .n("active_from", 2)
            .n("drop_at", 9);
        let known = key_of(&key).unwrap();
        assert_eq!((known.seed, known.retired_at, known.drop_at), ([5; 32], None, Some(Millis(9))));
    }

    #[test]
    fn rows_are_written_as_they_are_read() {
        assert_eq!(account(&ada()).unwrap(), old_account());
        assert_eq!(session(&phone()), old_session());
    }

    #[test]
    fn a_row_of_a_later_layout_is_refused() {
        let newer = |item: Item| item.n("v", LAYOUT + 1);
        assert_eq!(user(&newer(old_account())).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(session_of(&newer(old_session())).unwrap_err().kind, FaultKind::Newer);
    }

    #[test]
    fn a_damaged_row_is_damage_and_no_panic() {
        assert_eq!(user(&old_account().without("handle")).unwrap_err().kind, FaultKind::Corrupt);
        assert_eq!(session_of(&old_session().b("nonce", vec![1])).unwrap_err().kind, FaultKind::Corrupt);
        assert_eq!(session_of(&old_session().s("ended_why", "eaten")).unwrap_err().kind, FaultKind::Corrupt);
    }

    #[test]
    fn a_fence_is_no_person() {
        assert_eq!(user(&fence(UserId(1))).unwrap(), None);
    }

    #[test]
    fn a_rotation_within_a_day_changes_nothing_that_an_index_holds() {
        let mut before = phone();
        before.ended = None;
        let mut after = before.clone();
        (after.generation, after.seen_at, after.expires_at) = (5, Millis(600_000), Millis(603_000));
        let (before, after) = (session(&before), session(&after));
        for name in ["live_user", "created_at", "over_day"] {
            assert_eq!(before.attribute(name), after.attribute(name), "{name}");
        }
    }
}
