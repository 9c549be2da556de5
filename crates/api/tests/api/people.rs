//! Sign-in, sessions, devices, keys, profiles and roles, as clients meet them.

use crate::house::{House, Person, Reply, house};
use serde_json::{Value, json};
use vocab::{DeviceId, Millis, UserId};

const PASSWORD: &str = "correct horse battery";

fn device(n: u128) -> String {
    DeviceId(n).to_string()
}

/// A session as a client keeps it.
struct Held {
    person: Person,
    refresh: String,
    json: Value,
}

fn held(reply: &Reply) -> Held {
    assert!(reply.status.is_success(), "{reply:?}");
    let json = reply.json();
    let text = |name: &str| json[name].as_str().unwrap_or_else(|| panic!("no {name}: {json}")).to_owned();
    let id: UserId = json["user"]["id"].as_str().expect("an id").parse().expect("an id");
    Held { person: Person { id, token: text("access_token") }, refresh: text("refresh_token"), json }
}

async fn guest(h: &House, n: u128) -> Held {
    let reply =
        h.post("/v1/auth/guest", None, json!({ "device_id": device(n), "device_name": "Phone" })).await;
    assert_eq!(reply.status, 201);
    held(&reply)
}

fn account(email: &str, n: u128) -> Value {
    json!({ "email": email, "password": PASSWORD, "display_name": "Ada Lovelace", "device_id": device(n) })
}

async fn register(h: &House, email: &str, n: u128, who: Option<&Person>) -> Held {
    held(&h.post("/v1/auth/register", who, account(email, n)).await)
}

async fn login(h: &House, email: &str, password: &str, n: u128, who: Option<&Person>) -> Reply {
    let body = json!({ "email": email, "password": password, "device_id": device(n) });
    h.post("/v1/auth/login", who, body).await
}

async fn refresh(h: &House, token: &str, n: Option<u128>) -> Reply {
    let body = json!({ "refresh_token": token, "device_id": n.map(device) });
    h.post("/v1/auth/refresh", None, body).await
}

#[tokio::test]
async fn a_guest_has_a_session_and_a_profile() {
    let h = house().await;
    let held = guest(&h, 1).await;
    assert_eq!(held.json["token_type"], "Bearer");
    assert_eq!(held.json["expires_in_s"], 600);
    assert_eq!(held.json["user"]["roles"], json!(["viewer"]));
    let me = h.get("/v1/me", Some(&held.person)).await.json();
    assert_eq!((&me["id"], &me["guest"]), (&held.json["user"]["id"], &json!(true)));
    assert_eq!(me["counts"], json!({ "videos": 0, "likes": 0 }));
    assert_eq!(h.get("/v1/me", None).await.problem(), "unauthorized");
}

#[tokio::test]
async fn a_guest_becomes_an_account_and_signs_in_elsewhere() {
    let h = house().await;
    let first = guest(&h, 1).await;
    h.published(&first.person).await;
    let ada = register(&h, "Ada@Example.org", 1, Some(&first.person)).await;
    assert_eq!(ada.person.id, first.person.id);
    assert_eq!(ada.json["user"]["email"], "ada@example.org");
    let second = guest(&h, 2).await;
    let there = held(&login(&h, "ada@example.org", PASSWORD, 2, Some(&second.person)).await);
    assert_eq!(there.person.id, ada.person.id);
    assert_eq!(there.json["merged_from"], second.json["user"]["id"]);
    let me = h.get("/v1/me", Some(&there.person)).await.json();
    assert_eq!(me["counts"]["videos"], 1);
    assert_eq!(h.get("/v1/me", Some(&second.person)).await.problem(), "unauthorized");
}

async fn adopt(h: &House, who: &Person, guest: &str) -> Reply {
    h.post("/v1/auth/adopt", Some(who), json!({ "guest_token": guest })).await
}

#[tokio::test]
async fn an_account_adopts_a_guest_by_its_token_and_may_ask_again() {
    let h = house().await;
    let ada = register(&h, "ada@example.org", 1, None).await.person;
    let first = guest(&h, 2).await.person;
    for _ in 0..2 {
        let reply = adopt(&h, &ada, &first.token).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        assert_eq!(reply.json()["merged_from"], first.id.to_string());
    }
    assert_eq!(h.get("/v1/me", Some(&first)).await.problem(), "unauthorized", "the guest is gone");
}

#[tokio::test]
async fn nobody_adopts_what_is_not_a_guest_of_theirs() {
    let h = house().await;
    let ada = register(&h, "ada@example.org", 1, None).await.person;
    let bob = register(&h, "bob@example.org", 2, None).await.person;
    let (first, second) = (guest(&h, 3).await, guest(&h, 4).await);
    let wrong = async |who: &Person, token: &str, slug: &str, code: Option<&str>| {
        let reply = adopt(&h, who, token).await;
        assert_eq!(reply.problem(), slug, "{reply:?}");
        assert_eq!(reply.json()["errors"][0]["code"].as_str(), code, "{reply:?}");
    };
    wrong(&first.person, &second.person.token, "conflict", None).await;
    wrong(&ada, &bob.token, "invalid-request", Some("not_a_guest")).await;
    for noise in ["", "a.b.c", &format!("{}x", first.person.token), &first.refresh] {
        wrong(&ada, noise, "invalid-request", Some("invalid")).await;
    }
    assert_eq!(adopt(&h, &ada, &first.person.token).await.status, 200);
    wrong(&bob, &first.person.token, "invalid-request", Some("ended")).await;
    h.post("/v1/auth/logout", Some(&second.person), json!({})).await;
    wrong(&ada, &second.person.token, "invalid-request", Some("ended")).await;
    let third = guest(&h, 5).await.person;
    h.clock.advance(Millis(9 * 60_000));
    let again = held(&login(&h, "ada@example.org", PASSWORD, 1, None).await).person;
    h.clock.advance(Millis(2 * 60_000));
    wrong(&again, &third.token, "invalid-request", Some("expired")).await;
}

#[tokio::test]
async fn what_a_form_gets_wrong_is_told_by_field() {
    let h = house().await;
    let bad = json!({ "email": "x", "password": "short", "display_name": "", "device_id": device(1) });
    let reply = h.post("/v1/auth/register", None, bad).await;
    assert_eq!(reply.problem(), "invalid-request");
    let json = reply.json();
    let fields: Vec<_> =
        json["errors"].as_array().expect("errors").iter().map(|e| e["field"].as_str()).collect();
    assert_eq!(fields, [Some("email"), Some("password"), Some("display_name")]);
    register(&h, "ada@example.org", 1, None).await;
    let again = h.post("/v1/auth/register", None, account("ada@example.org", 2)).await;
    assert_eq!((again.status.as_u16(), again.problem()), (409, "email-taken".into()));
}

#[tokio::test]
async fn an_unknown_email_and_a_wrong_password_get_the_same_answer() {
    let h = house().await;
    register(&h, "ada@example.org", 1, None).await;
    let mut answers = Vec::new();
    for email in ["ada@example.org", "nobody@example.org"] {
        let reply = login(&h, email, "wrong password", 1, None).await;
        assert_eq!(reply.problem(), "wrong-credentials");
        let mut json = reply.json();
        json["instance"].take();
        answers.push(json);
    }
    assert_eq!(answers[0], answers[1]);
}

#[tokio::test]
async fn a_guesser_is_told_to_wait() {
    let h = house().await;
    register(&h, "ada@example.org", 1, None).await;
    for _ in 0..10 {
        assert_eq!(
            login(&h, "ada@example.org", "wrong password", 1, None).await.problem(),
            "wrong-credentials"
        );
    }
    let reply = login(&h, "ada@example.org", PASSWORD, 1, None).await;
    assert_eq!(reply.problem(), "rate-limited");
    assert!(reply.header("retry-after").parse::<u32>().expect("seconds") > 60);
}

#[tokio::test]
async fn a_refresh_token_is_good_once_and_a_lost_reply_is_forgiven() {
    let h = house().await;
    let first = guest(&h, 1).await;
    let second = held(&refresh(&h, &first.refresh, Some(1)).await);
    let again = held(&refresh(&h, &first.refresh, Some(1)).await);
    assert_eq!(second.refresh, again.refresh);
    h.clock.advance(Millis(10_001));
    let reused = refresh(&h, &first.refresh, Some(1)).await;
    assert_eq!((reused.status.as_u16(), reused.problem()), (401, "refresh-reused".into()));
    assert_eq!(refresh(&h, &second.refresh, Some(1)).await.problem(), "unauthorized", "the family is dead");
    assert_eq!(h.get("/v1/me", Some(&second.person)).await.problem(), "unauthorized");
}

#[tokio::test]
async fn an_access_token_expires_and_the_client_is_told_which_it_is() {
    let h = house().await;
    let first = guest(&h, 1).await;
    h.clock.advance(Millis(11 * 60_000));
    let reply = h.get("/v1/me", Some(&first.person)).await;
    assert_eq!((reply.status.as_u16(), reply.problem()), (401, "token-expired".into()));
    let next = held(&refresh(&h, &first.refresh, Some(1)).await);
    assert_eq!(h.get("/v1/me", Some(&next.person)).await.status, 200);
}

#[tokio::test]
async fn forged_tokens_open_nothing() {
    let h = house().await;
    let good = guest(&h, 1).await;
    let parts: Vec<&str> = good.person.token.split('.').collect();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0"; // {"alg":"none","typ":"at+jwt"}
    let strange = [
        "",
        "x",
        "a.b.c",
        &format!("{none}.{}.", parts[1]),
        &format!("{}.{}.AAAA", parts[0], parts[1]),
        &good.refresh,
    ];
    for token in strange {
        let thief = Person { id: good.person.id, token: token.to_owned() };
        for path in ["/v1/me", "/v1/auth/devices", "/v1/ops/users"] {
            let reply = h.get(path, Some(&thief)).await;
            assert_eq!((reply.status.as_u16(), reply.problem()), (401, "unauthorized".into()), "{token}");
        }
    }
}

#[tokio::test]
async fn signing_out_ends_the_session_here_only() {
    let h = house().await;
    let here = register(&h, "ada@example.org", 1, None).await;
    let there = held(&login(&h, "ada@example.org", PASSWORD, 2, None).await);
    assert_eq!(h.post("/v1/auth/logout", Some(&here.person), json!({})).await.status, 204);
    assert_eq!(h.get("/v1/me", Some(&here.person)).await.problem(), "unauthorized");
    assert_eq!(refresh(&h, &here.refresh, Some(1)).await.problem(), "unauthorized");
    assert_eq!(h.get("/v1/me", Some(&there.person)).await.status, 200);
    assert_eq!(h.post("/v1/auth/logout", None, json!({})).await.problem(), "unauthorized");
}

#[tokio::test]
async fn devices_are_listed_and_revoked_by_their_owner_only() {
    let h = house().await;
    let here = register(&h, "ada@example.org", 1, None).await;
    h.clock.advance(Millis(1));
    let there = held(&login(&h, "ada@example.org", PASSWORD, 2, None).await);
    let stranger = guest(&h, 3).await;
    let list = h.get("/v1/auth/devices", Some(&there.person)).await.json();
    let seen: Vec<_> = list["items"]
        .as_array()
        .expect("items")
        .iter()
        .map(|d| (d["device_id"].as_str().expect("an id").to_owned(), d["current"] == true))
        .collect();
    assert_eq!(seen, [(device(2), true), (device(1), false)]);
    let revoke = |n: u128| format!("/v1/auth/devices/{}", device(n));
    assert_eq!(h.call("DELETE", &revoke(1), Some(&stranger.person), None).await.problem(), "not-found");
    assert_eq!(
        h.call("DELETE", "/v1/auth/devices/x", Some(&there.person), None).await.problem(),
        "not-found"
    );
    assert_eq!(h.call("DELETE", &revoke(1), Some(&there.person), None).await.status, 204);
    assert_eq!(h.get("/v1/me", Some(&here.person)).await.problem(), "unauthorized");
    assert_eq!(h.call("DELETE", &revoke(1), Some(&there.person), None).await.problem(), "not-found");
}

#[tokio::test]
async fn the_operator_link_opens_once_and_its_holder_grants_roles() {
    let h = house().await;
    let code = h.issuer.first_operator_code().await.expect("it works").expect("nobody is one yet");
    let redeem = |code: &str| json!({ "code": code, "device_id": device(1) });
    assert_eq!(h.post("/v1/auth/operator", None, redeem("guess")).await.problem(), "forbidden");
    let boss = held(&h.post("/v1/auth/operator", None, redeem(&code)).await);
    assert_eq!(boss.json["user"]["roles"], json!(["viewer", "moderator", "operator"]));
    assert_eq!(h.post("/v1/auth/operator", None, redeem(&code)).await.problem(), "forbidden");

    let ada = register(&h, "ada@example.org", 2, None).await;
    let found = h.get("/v1/ops/users?query=ADA%40", Some(&boss.person)).await.json();
    assert_eq!(found["items"][0]["id"], ada.json["user"]["id"]);
    let roles = |who: &Held| format!("/v1/ops/users/{}/roles", who.person.id);
    let wanted = |roles: Value| Some(json!({ "roles": roles }));
    let set =
        async |path: &str, by: &Held, to: Value| h.call("PUT", path, Some(&by.person), wanted(to)).await;
    let granted = set(&roles(&ada), &boss, json!(["moderator"])).await;
    assert_eq!(granted.json()["roles"], json!(["viewer", "moderator"]));
    assert_eq!(h.get("/v1/me", Some(&ada.person)).await.problem(), "token-expired", "roles count at once");
    let ada = held(&refresh(&h, &ada.refresh, Some(2)).await);
    assert_eq!(ada.json["user"]["roles"], json!(["viewer", "moderator"]));

    assert_eq!(set(&roles(&ada), &ada, json!(["operator"])).await.problem(), "forbidden");
    assert_eq!(h.get("/v1/ops/users", Some(&ada.person)).await.problem(), "forbidden");
    assert_eq!(set(&roles(&boss), &boss, json!(["viewer"])).await.problem(), "forbidden");
    assert_eq!(set(&roles(&ada), &boss, json!(["root"])).await.problem(), "invalid-json");
    let nobody = format!("/v1/ops/users/{}/roles", UserId(404));
    assert_eq!(set(&nobody, &boss, json!([])).await.problem(), "not-found");
}

#[tokio::test]
async fn people_come_in_pages() {
    let h = house().await;
    let boss = h.operator().await;
    for _ in 0..7 {
        h.clock.advance(Millis(1));
        h.guest().await;
    }
    let (mut seen, mut next) = (Vec::new(), String::new());
    loop {
        let page = h.get(&format!("/v1/ops/users?query=guest&limit=3{next}"), Some(&boss)).await.json();
        seen.extend(page["items"].as_array().expect("items").iter().map(|u| u["id"].to_string()));
        let Some(cursor) = page["next_cursor"].as_str() else { break };
        let foreign = format!("/v1/ops/users?query=other&cursor={cursor}");
        assert_eq!(h.get(&foreign, Some(&boss)).await.problem(), "invalid-cursor");
        next = format!("&cursor={cursor}");
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    sorted.reverse();
    assert_eq!((seen.len(), &seen), (8, &sorted), "each once, newest first");
}

#[tokio::test]
async fn a_profile_is_edited_by_its_owner_and_seen_by_all_without_what_is_private() {
    let h = house().await;
    let ada = register(&h, "ada@example.org", 1, None).await;
    let bob = register(&h, "bob@example.org", 2, None).await;
    let change = |body: Value| h.call("PATCH", "/v1/me", Some(&ada.person), Some(body));
    let me = change(json!({ "bio": "Numbers.\nAnd engines.", "handle": "@Countess" })).await.json();
    assert_eq!((&me["bio"], &me["handle"]), (&json!("Numbers.\nAnd engines."), &json!("countess")));
    let taken = change(json!({ "handle": bob.json["user"]["handle"] })).await;
    assert_eq!((taken.problem(), &taken.json()["errors"][0]["code"]), ("conflict".into(), &json!("taken")));
    assert_eq!(change(json!({ "display_name": "\u{200B}" })).await.problem(), "invalid-request");
    assert_eq!(change(json!({ "display_name": 5 })).await.problem(), "invalid-json");
    h.published(&ada.person).await;
    let seen = h.get(&format!("/v1/users/{}", ada.person.id), None).await.json();
    let mut fields: Vec<_> = seen.as_object().expect("an object").keys().cloned().collect();
    fields.sort();
    assert_eq!(fields, ["bio", "counts", "created_at_ms", "display_name", "guest", "handle", "id"]);
    assert_eq!(seen["counts"]["videos"], 1);
    for unknown in [UserId(404).to_string(), "x".into(), "..%2f..".into(), "%00".into()] {
        assert_eq!(h.get(&format!("/v1/users/{unknown}"), None).await.problem(), "not-found", "{unknown}");
    }
}

#[tokio::test]
async fn the_keys_are_published_and_name_the_key_of_the_tokens() {
    let h = house().await;
    let discovery = h.get("/.well-known/openid-configuration", None).await.json();
    let uri = discovery["jwks_uri"].as_str().expect("an address");
    let path = &uri[discovery["issuer"].as_str().expect("an issuer").len()..];
    let reply = h.get(path, None).await;
    assert_eq!(reply.header("cache-control"), "public, max-age=15");
    let keys = reply.json();
    assert_eq!((&keys["keys"][0]["kty"], &keys["keys"][0]["alg"]), (&json!("OKP"), &json!("EdDSA")));
    assert!(!keys.to_string().contains("\"d\""), "no private part");
    h.issuer.rotate_keys(identity::Occasion::Routine).await.expect("rotated");
    assert_eq!(h.get(path, None).await.json()["keys"].as_array().expect("keys").len(), 2);
}

#[tokio::test]
async fn no_body_makes_a_server_error() {
    let h = house().await;
    let someone = guest(&h, 1).await;
    let long = "x".repeat(40_000);
    let bodies = [
        json!(null),
        json!([]),
        json!("x"),
        json!({}),
        json!({ "device_id": 5 }),
        json!({ "device_id": "x" }),
        json!({ "device_id": device(1), "email": long, "password": long, "display_name": long, "code": long,
            "refresh_token": long, "device_name": long, "roles": [long] }),
        json!({ "device_id": device(1), "email": "\u{0}@\u{0}.\u{0}", "password": "\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}\u{0}",
            "display_name": "\u{202E}", "code": "\u{0}", "refresh_token": "\u{0}", "device_name": "\u{0}" }),
        json!({ "device_id": "zzzzzzzzzzzzzzzzzzzzzzzzzz", "refresh_token": "svr1_", "roles": "viewer" }),
    ];
    let routes =
        ["guest", "register", "login", "refresh", "operator"].map(|r| ("POST", format!("/v1/auth/{r}")));
    let more =
        [("PATCH", "/v1/me".to_owned()), ("PUT", format!("/v1/ops/users/{}/roles", someone.person.id))];
    for (method, path) in routes.iter().chain(&more) {
        for body in &bodies {
            // Slowly, so that the limits of the entrance do not answer first.
            h.clock.advance(Millis(2_000));
            let reply = h.call(method, path, Some(&someone.person), Some(body.clone())).await;
            assert!(reply.status.as_u16() != 429, "{method} {path}: this must reach the handler");
            assert!(!reply.status.is_server_error(), "{method} {path} {body}: {reply:?}");
        }
    }
}
