//! `identity.url = "oidc:…"` from the outside: running API processes and a real issuer on loopback.

#[path = "aws_start/doubles.rs"]
mod doubles;
#[path = "../../aws/tests/oidc/issuer.rs"]
#[allow(
    dead_code,
    clippy::unwrap_used,
    reason = "a test's issuer, which can misbehave in more ways than are tried here"
)]
mod issuer;

use doubles::{Double, with};
use issuer::{Issuer, TestKey, signing_input};
use serde_json::{Value, json};
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use stdx::{Clock, SystemClock};

const WAIT: Duration = Duration::from_secs(30);

/// An API process and how it is reached; it goes with it.
struct Api {
    child: Child,
    url: String,
    _data: tempfile::TempDir,
}

impl Drop for Api {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

struct World {
    double: Double,
    issuer: Arc<Issuer>,
    key: TestKey,
    http: reqwest::Client,
}

type Said = (u16, Value);

impl World {
    async fn new() -> Option<Self> {
        let double = Double::start()?;
        let (ok, said) = double.run(&["contract", "--create"], &with(&[]));
        assert!(ok, "{said}");
        let key = TestKey::rsa_a();
        let issuer = Issuer::start(&[&key]).await;
        Some(Self { double, issuer, key, http: reqwest::Client::new() })
    }

    fn settings(&self) -> Vec<(String, String)> {
        let own = [
            ("SIGNAL_IDENTITY__URL", format!("oidc:{}", self.issuer.url)),
            ("SIGNAL_IDENTITY__GROUPS_CLAIM", "groups".to_owned()),
            ("SIGNAL_SERVER__RATE_LIMITS", "false".to_owned()),
            ("SIGNAL_OBJECTS__RESERVE_MIB", "16".to_owned()),
            ("SIGNAL_SERVER__PUBLIC_URL", "http://signal.example".to_owned()),
        ];
        let keys = with(&[]).into_iter().map(|(n, v)| (n, v.to_owned()));
        keys.chain(own).map(|(n, v)| (n.to_owned(), v)).collect()
    }

    fn run(&self) -> (bool, String) {
        let settings = self.settings();
        let env: Vec<_> = settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        self.double.run(&["run", "api,objects", "--port", "0", "--s3-port", "0"], &env)
    }

    async fn api(&self) -> Api {
        let port = || {
            let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
            free.local_addr().expect("an address").port().to_string()
        };
        let (port, door) = (port(), port());
        let settings = self.settings();
        let env: Vec<_> = settings.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let data = tempfile::tempdir().expect("a directory");
        let args = ["run", "api,objects", "--port", &port, "--s3-port", &door];
        let mut command = self.double.command_in(data.path(), &args, &env);
        let child = command.stdout(Stdio::null()).spawn().expect("it starts");
        let mut api = Api { child, url: format!("http://127.0.0.1:{port}"), _data: data };
        let began = Instant::now();
        while self.ask(&api, ("GET", "/readyz"), None, None).await.is_none_or(|(status, _)| status != 200) {
            assert!(api.child.try_wait().expect("is asked").is_none(), "it ended");
            assert!(began.elapsed() < WAIT, "it is not ready");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        api
    }

    /// `None` = no answer.
    async fn ask(
        &self,
        api: &Api,
        (method, path): (&str, &str),
        token: Option<&str>,
        body: Option<Value>,
    ) -> Option<Said> {
        let method = method.parse().expect("a method");
        let mut request = self.http.request(method, format!("{}{path}", api.url));
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        let text = answer.text().await.ok()?;
        Some((status, serde_json::from_str(&text).unwrap_or(Value::Null)))
    }

    async fn get(&self, api: &Api, path: &str, token: &str) -> Said {
        self.ask(api, ("GET", path), Some(token), None).await.expect("an answer")
    }

    async fn post(&self, api: &Api, path: &str, token: Option<&str>, body: Value) -> Said {
        self.ask(api, ("POST", path), token, Some(body)).await.expect("an answer")
    }

    fn claims(&self, who: &str, groups: &[&str]) -> Value {
        let now = SystemClock.now().0 / 1_000;
        json!({ "iss": self.issuer.url, "sub": who, "aud": "signal-api", "iat": now, "exp": now + 3_600,
            "sid": format!("{who}-1"), "groups": groups })
    }

    fn token(&self, who: &str, groups: &[&str]) -> String {
        self.key.token(&self.claims(who, groups))
    }
}

fn changed(mut claims: Value, name: &str, value: Value) -> Value {
    claims[name] = value;
    claims
}

fn slug(said: &Said) -> (u16, &str) {
    let kind = said.1["type"].as_str().and_then(|t| t.rsplit('/').next()).unwrap_or_default();
    (said.0, kind)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_of_the_issuer_open_and_their_groups_give_roles() {
    let Some(w) = World::new().await else { return };
    let api = w.api().await;
    let (status, me) = w.get(&api, "/v1/me", &w.token("ada", &[])).await;
    assert_eq!((status, &me["guest"], &me["roles"]), (200, &json!(false), &json!(["viewer"])), "{me}");
    let (_, again) = w.get(&api, "/v1/me", &w.token("ada", &[])).await;
    assert_eq!(again["id"], me["id"], "one person");
    for (groups, queue, users) in
        [(&[][..], 403, 403), (&["moderator"], 200, 403), (&["operator", "staff"], 200, 200)]
    {
        let token = w.token("grace", groups);
        assert_eq!(w.get(&api, "/v1/moderation/queue", &token).await.0, queue, "{groups:?}");
        assert_eq!(w.get(&api, "/v1/ops/users", &token).await.0, users, "{groups:?}");
    }
    let form = json!({ "email": "ada@example.org", "password": "correct horse", "display_name": "Ada",
        "device_id": vocab::DeviceId(1).to_string() });
    let refused = w.post(&api, "/v1/auth/register", None, form).await;
    assert_eq!(slug(&refused), (409, "conflict"));
    assert_eq!(refused.1["issuer"], w.issuer.url, "and says where accounts are made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expired_foreign_and_forged_tokens_are_refused() {
    let Some(w) = World::new().await else { return };
    let api = w.api().await;
    let good = || w.claims("ada", &["operator"]);
    assert_eq!(w.get(&api, "/v1/me", &w.key.token(&good())).await.0, 200, "the control token is good");
    let now = SystemClock.now().0 / 1_000;
    let late = w.key.token(&changed(good(), "exp", json!(now - 61)));
    assert_eq!(slug(&w.get(&api, "/v1/me", &late).await), (401, "token-expired"));
    let thief = TestKey::rsa_b();
    let none = format!("{}.", signing_input(&json!({ "alg": "none", "kid": w.key.kid }), &good()));
    for (what, token) in [
        ("another audience", w.key.token(&changed(good(), "aud", json!("another-api")))),
        ("no audience", w.key.token(&changed(good(), "aud", Value::Null))),
        ("another issuer", w.key.token(&changed(good(), "iss", json!("https://evil.example")))),
        ("not yet", w.key.token(&changed(good(), "nbf", json!(now + 600)))),
        ("an id token", w.key.token(&changed(good(), "nonce", json!("n")))),
        ("for a year", w.key.token(&changed(good(), "exp", json!(now + 31_536_000)))),
        ("a key the issuer does not know", thief.token(&good())),
        ("another key under the issuer's name for its own", thief.sign(&w.key.header(), &good())),
        ("no signature", none),
    ] {
        assert_eq!(slug(&w.get(&api, "/v1/me", &token).await), (401, "unauthorized"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_revoked_token_is_refused_in_every_process() {
    let Some(w) = World::new().await else { return };
    let (here, there) = (w.api().await, w.api().await);
    let bob = w.token("bob", &[]);
    for api in [&here, &there] {
        assert_eq!(w.get(api, "/v1/me", &bob).await.0, 200);
    }
    assert_eq!(w.post(&here, "/v1/auth/logout", Some(&bob), json!({})).await.0, 204);
    assert_eq!(slug(&w.get(&here, "/v1/me", &bob).await), (401, "unauthorized"), "at once where he left");
    let began = Instant::now();
    while w.get(&there, "/v1/me", &bob).await.0 != 401 {
        assert!(began.elapsed() < Duration::from_secs(10), "it holds elsewhere soon");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let next = w.key.token(&changed(w.claims("bob", &[]), "sid", json!("bob-2")));
    assert_eq!(w.get(&there, "/v1/me", &next).await.0, 200, "he signs in anew");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_outside_account_adopts_the_guest_it_was() {
    let Some(w) = World::new().await else { return };
    let api = w.api().await;
    let entry = json!({ "device_id": vocab::DeviceId(7).to_string() });
    let (status, session) = w.post(&api, "/v1/auth/guest", None, entry).await;
    assert_eq!(status, 201);
    let guest = session["access_token"].as_str().expect("a token");
    let upload = json!({ "filename": "a.mp4", "size_bytes": 1_000 });
    let (status, begun) = w.post(&api, "/v1/uploads", Some(guest), upload).await;
    assert_eq!(status, 201, "{begun}");
    let ada = w.token("ada", &[]);
    let adopt =
        async |who: &str| w.post(&api, "/v1/auth/adopt", Some(who), json!({ "guest_token": guest })).await;
    assert_eq!(slug(&adopt(guest).await), (409, "conflict"), "a guest takes nobody in");
    for _ in 0..2 {
        let (status, taken) = adopt(&ada).await;
        assert_eq!((status, &taken["merged_from"]), (200, &session["user"]["id"]), "{taken}");
    }
    let (_, videos) = w.get(&api, "/v1/me/videos", &ada).await;
    assert_eq!(videos["items"][0]["id"], begun["video_id"], "{videos}");
    let id = begun["upload_id"].as_str().expect("an id");
    let (status, state) = w.get(&api, &format!("/v1/uploads/{id}"), &ada).await;
    assert_eq!(status, 200, "the upload goes on in the account: {state}");
    assert_eq!(slug(&w.get(&api, "/v1/me", guest).await), (401, "unauthorized"), "the guest is gone");
    assert_eq!(slug(&adopt(&w.token("eve", &[])).await), (400, "invalid-request"), "it is Ada's");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_issuer_set_wrongly_is_told_at_the_start_in_one_sentence() {
    let Some(w) = World::new().await else { return };
    w.issuer.discovery.lock().expect("not poisoned")["issuer"] = json!("https://id.example");
    let (ok, said) = tokio::task::block_in_place(|| w.run());
    assert!(!ok && said.starts_with("cannot start: identity.url: ") && said.lines().count() == 1, "{said}");
    assert!(said.contains("speaks for the issuer \"https://id.example\""), "{said}");
}
