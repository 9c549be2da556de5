//! Clients that others wrote, and callers who mean no good: whatever they send is answered 4xx with a
//! problem, never 5xx.

mod house;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use embedded::identity::EmbeddedKeyStore;
use embedded::{Database, DbPolicy};
use house::curl::{curl, has_curl};
use house::{has, running};
use identity::claims::{Claims, sign};
use identity::{KeyStore, StoredKey};
use serde_json::{Value, json};
use signal::client::{Client, text_of};
use std::path::Path;
use std::process::Command;
use vocab::Millis;

/// The key the running server signs with, read from a copy of its records.
async fn signing_key(data: &Path) -> StoredKey {
    let copy = tempfile::tempdir().expect("a directory");
    for name in ["signal.db", "signal.db-wal"] {
        std::fs::copy(data.join(name), copy.path().join(name)).expect("copied");
    }
    let db = Database::open(copy.path(), embedded::SCHEMA, &DbPolicy::default()).expect("opens");
    EmbeddedKeyStore::new(db).keys().await.expect("readable").pop().expect("a key")
}

fn claims_of(token: &str) -> Claims {
    let body = token.split('.').nth(1).expect("a JWT has three parts");
    serde_json::from_slice(&B64.decode(body).expect("base64")).expect("claims")
}

fn unsigned(header: &Value, claims: &Claims) -> String {
    let claims = serde_json::to_value(claims).expect("JSON");
    format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()))
}

/// `(what, token)`; each differs from a good token in what its name says.
async fn bad_tokens(data: &Path, good: &str) -> Vec<(&'static str, String)> {
    let key = signing_key(data).await;
    let claims = claims_of(good);
    let with = |change: &dyn Fn(&mut Claims)| {
        let mut claims = claims.clone();
        change(&mut claims);
        sign(&claims, &key).expect("signs")
    };
    let thief = StoredKey::new([66; 32], Millis(0), Millis(0)).expect("a key");
    let disguised = StoredKey { kid: key.kid.clone(), ..thief.clone() };
    let none = json!({ "alg": "none", "typ": "at+jwt", "kid": key.kid });
    let secret = json!({ "alg": "HS256", "typ": "at+jwt", "kid": key.kid });
    let input = unsigned(&secret, &claims);
    let hmac_key = jsonwebtoken::EncodingKey::from_secret(key.kid.as_bytes());
    let hmac = jsonwebtoken::crypto::sign(input.as_bytes(), &hmac_key, jsonwebtoken::Algorithm::HS256);
    let (head, signature) = good.rsplit_once('.').expect("a signature");
    let mut other = B64.decode(signature).expect("base64");
    other[10] ^= 1;
    vec![
        ("expired", with(&|c| (c.nbf, c.iat, c.exp) = (c.nbf - 9_000, c.iat - 9_000, c.exp - 9_000))),
        ("not yet good", with(&|c| c.nbf += 9_000)),
        ("of another audience", with(&|c| c.aud = "another-api".into())),
        ("of another issuer", with(&|c| c.iss = "https://evil.example".into())),
        ("of another use", with(&|c| c.token_use = "refresh".into())),
        ("of nobody", with(&|c| c.sub = "nobody".into())),
        ("signed by a thief", sign(&claims, &thief).expect("signs")),
        ("signed by a thief under our key's name", sign(&claims, &disguised).expect("signs")),
        ("without a signature", format!("{}.", unsigned(&none, &claims))),
        ("signed with the public name", format!("{input}.{}", hmac.expect("signs"))),
        ("with a changed signature", format!("{head}.{}", B64.encode(other))),
        ("cut off", good[..good.len() - 9].to_owned()),
        ("not a token", "abc".to_owned()),
        ("empty", String::new()),
        ("of 100 kB", "a".repeat(100_000)),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn forged_expired_and_foreign_tokens_are_answered_401() {
    if !has_curl() {
        return;
    }
    let (data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let good = operator.access_token().to_owned();
    let me = format!("{}/v1/me", house.url);
    assert_eq!(curl(&me, &["-H", &format!("authorization: Bearer {good}")]).status, 200);
    let minted = sign(&claims_of(&good), &signing_key(data.path()).await).expect("signs");
    let bearer = |t: &str| format!("authorization: Bearer {t}");
    assert_eq!(curl(&me, &["-H", &bearer(&minted)]).status, 200, "the control token is good");
    for (what, token) in bad_tokens(data.path(), &good).await {
        // hyper itself refuses a head that is larger than it likes.
        let seen = curl(&me, &["-H", &bearer(&token)]);
        if what == "of 100 kB" {
            assert!([401, 431].contains(&seen.status), "{what}: {}", seen.status);
        } else {
            seen.refused(what, &[401]);
        }
    }
    for scheme in ["Basic dTpw", "Bearer", "bearer\t", "Token x", "Bearer a b"] {
        curl(&me, &["-H", &format!("authorization: {scheme}")]).refused(scheme, &[401]);
    }
    curl(&me, &[]).refused("no token", &[401]);
    // A spent refresh token ends its whole family.
    let guest = json!({ "device_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV" });
    let session = operator.post("/v1/auth/guest", &guest).await.expect("a guest");
    let spent = json!({ "refresh_token": text_of(&session, "refresh_token").expect("a token") }).to_string();
    let refresh = |body: &str| {
        let url = format!("{}/v1/auth/refresh", house.url);
        curl(&url, &["-H", "content-type: application/json", "--data", body])
    };
    let mut last = refresh(&spent);
    let renewed: Value = serde_json::from_slice(&last.body).expect("a session");
    // The lost reply is answered again a few times; the thief's reuse is not.
    for _ in 0..20 {
        last = refresh(&spent);
        if last.status != 200 {
            break;
        }
    }
    last.refused("a spent refresh token", &[401]);
    let family = json!({ "refresh_token": renewed["refresh_token"] }).to_string();
    refresh(&family).refused("the family of a reused refresh token", &[401]);
}

/// Bodies that no route may stumble over.
fn bad_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let text = |s: &str| s.as_bytes().to_vec();
    vec![
        ("nothing", vec![]),
        ("half an object", text("{\"a\":")),
        ("a list", text("[1,2,3]")),
        ("null", text("null")),
        ("a number", text("42")),
        ("not UTF-8", vec![b'{', b'"', 0xff, 0xfe, b'"', b':', b'1', b'}']),
        ("nested a thousand deep", [vec![b'['; 1_000], vec![b']'; 1_000]].concat()),
        (
            "wrong types",
            text(
                r#"{"filename":7,"size_bytes":"x","email":[],"password":{},"device_id":1,"events":{},
            "parts":"all","decision":5,"refresh_token":null,"title":[],"roles":"operator","message":{},"type":9,
            "video_id":{},"sha256":1,"reason_code":[],"transform":1,"sent_at":"x","device":[],"code":{}}"#,
            ),
        ),
        (
            "huge numbers",
            text(r#"{"filename":"a.mp4","size_bytes":1e400,"sent_at":99999999999999999999999}"#),
        ),
        (
            "negative numbers",
            text(r#"{"filename":"a.mp4","size_bytes":-1,"dwell_ms":-1,"type":"dwell","video_id":"0"}"#),
        ),
        (
            "NUL and control characters",
            text(r#"{"filename":"a\u0000/../b.mp4","size_bytes":10,"title":"\u0001\u202e"}"#),
        ),
    ]
}

/// Every operation of the document the server serves, as `(method, path)`.
async fn operations(client: &Client) -> Vec<(String, String)> {
    let document = client.get("/openapi.json").await.expect("a document");
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("methods").keys() {
            if ["get", "put", "post", "patch", "delete"].contains(&method.as_str()) {
                found.push((method.to_uppercase(), path.clone()));
            }
        }
    }
    assert!(found.len() > 50, "{} operations", found.len());
    found
}

/// Values for every `{parameter}` of a path: unknown, malformed, hostile.
fn spellings(path: &str) -> Vec<String> {
    if !path.contains('{') {
        return vec![path.to_owned()];
    }
    let values = [
        "0000000000000",
        "01arz3ndektsv4rrffq69g5fav",
        "x",
        "-1",
        "18446744073709551616",
        "%00",
        "..%2f..%2fetc",
        "%ff%fe",
        "a%20b",
        "'%20or%201=1--",
    ];
    let long = "9".repeat(5_000);
    values
        .into_iter()
        .chain([long.as_str()])
        .map(|value| {
            let mut out = String::new();
            for piece in path.split_inclusive('}') {
                let (fixed, has_parameter) = piece.split_once('{').map_or((piece, false), |(f, _)| (f, true));
                out.push_str(fixed);
                if has_parameter {
                    out.push_str(value);
                }
            }
            out
        })
        .collect()
}

async fn ask(
    http: &reqwest::Client,
    (method, url): (&str, &str),
    token: Option<&str>,
    body: Option<&[u8]>,
) -> (u16, String, String) {
    let mut request = http.request(method.parse().expect("a method"), url);
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if let Some(body) = body {
        request = request.header("content-type", "application/json").body(body.to_vec());
    }
    let answer = request.send().await.unwrap_or_else(|e| panic!("{method} {url}: {e}"));
    let kind =
        answer.headers().get("content-type").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    (answer.status().as_u16(), kind, answer.text().await.unwrap_or_default())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_route_answers_nonsense_with_a_problem_and_never_with_5xx() {
    let (_data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let guest = Client::guest(&house.url, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "phone").await.expect("a guest");
    let http = signal::client::http().expect("a client");
    let mut asked = 0;
    for (method, path) in operations(&operator).await {
        // These end the session of the caller or begin an hour of work.
        if path.contains("logout") || path == "/v1/demo" {
            continue;
        }
        let bodies = if ["POST", "PUT", "PATCH"].contains(&method.as_str()) { bad_bodies() } else { vec![] };
        for (n, spelled) in spellings(&path).into_iter().enumerate() {
            for (who, token) in [
                ("nobody", None),
                ("a guest", Some(guest.access_token())),
                ("an operator", Some(operator.access_token())),
            ] {
                let url = format!("{}{spelled}", house.url);
                // Each body once; each spelling with one of them.
                let some: Vec<Option<&[u8]>> = if bodies.is_empty() {
                    vec![None]
                } else if n == 0 {
                    bodies.iter().map(|(_, b)| Some(b.as_slice())).collect()
                } else {
                    vec![Some(b"{}".as_slice())]
                };
                for body in some {
                    let (status, kind, text) = ask(&http, (&method, &url), token, body).await;
                    let said = || {
                        let sent = body.map(String::from_utf8_lossy).unwrap_or_default();
                        format!("{method} {spelled:.80} by {who} with {sent:.80}: {status} {text:.300}")
                    };
                    assert!(status < 500 || (status == 503 && path == "/readyz"), "{}", said());
                    assert!(status < 400 || kind == "application/problem+json", "{} ({kind})", said());
                    asked += 1;
                }
            }
        }
    }
    println!("{asked} requests");
    assert!(asked > 1_000);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_bodies_and_methods_out_of_bounds_are_refused() {
    if !has_curl() {
        return;
    }
    let (data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let guest = Client::guest(&house.url, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "phone").await.expect("a guest");
    let mine = format!("authorization: Bearer {}", operator.access_token());
    let at = |path: &str| format!("{}{path}", house.url);
    let json = "content-type: application/json";
    for path in [
        "/v1/feed?cursor=AAAA",
        "/v1/feed?limit=-1",
        "/v1/feed?limit=x",
        "/v1/me/videos?cursor=%00",
        "/v1/me/videos?limit=99999999999999999999",
        "/v1/moderation/queue?cursor=../..",
        "/v1/ops/jobs?state=nonsense",
        "/v1/ops/jobs?cursor=1",
    ] {
        let seen = curl(&at(path), &["-H", &mine]);
        assert!(seen.status == 200 || seen.status == 400, "{path}: {}", seen.status);
        if path.contains("cursor") || path.contains("=x") || path.contains("nonsense") {
            seen.refused(path, &[400]);
        }
    }
    // Another person's cursor is no cursor.
    for n in 0..2 {
        let body = json!({ "filename": format!("{n}.mp4"), "size_bytes": 10 });
        operator.post("/v1/uploads", &body).await.expect("reserved");
    }
    let page = operator.get("/v1/me/videos?limit=1").await.expect("a page");
    let cursor = text_of(&page, "next_cursor").expect("more");
    let theirs = format!("authorization: Bearer {}", guest.access_token());
    curl(&at(&format!("/v1/me/videos?limit=1&cursor={cursor}")), &["-H", &theirs])
        .refused("a foreign cursor", &[400]);
    // Another person's upload does not exist.
    let upload = operator
        .post("/v1/uploads", &json!({ "filename": "a.mp4", "size_bytes": 10 }))
        .await
        .expect("reserved");
    let id = text_of(&upload, "upload_id").expect("an id");
    let video = text_of(&upload, "video_id").expect("an id");
    for (method, path) in [
        ("GET", format!("/v1/uploads/{id}")),
        ("DELETE", format!("/v1/uploads/{id}")),
        ("GET", format!("/v1/videos/{video}")),
        ("DELETE", format!("/v1/videos/{video}")),
    ] {
        curl(&at(&path), &["-X", method, "-H", &theirs]).refused(&path, &[403, 404]);
    }
    curl(&at("/v1/ops/summary"), &["-H", &theirs]).refused("a guest at the operations", &[403]);
    curl(&at("/v1/moderation/queue"), &["-H", &theirs]).refused("a guest at the queue", &[403]);
    let wide = data.path().join("wide");
    std::fs::write(&wide, vec![b' '; 8 << 20]).expect("written");
    let wide = format!("@{}", wide.display());
    curl(&at("/v1/uploads"), &["-H", &mine, "-H", json, "--data-binary", &wide])
        .refused("8 MiB of JSON", &[413]);
    curl(&at("/v1/uploads"), &["-H", &mine, "-H", "content-type: text/xml", "--data", "<a/>"])
        .refused("XML", &[400, 415]);
    curl(&at("/v1/feed"), &["-X", "DELETE", "-H", &mine]).refused("a method nobody serves", &[405]);
    curl(&at("/v1/nothing/here"), &["-H", &mine]).refused("a path nobody serves", &[404]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_aws_sdk_for_python_works_with_the_door_of_the_running_product() {
    if !has("python3", &["-c", "import boto3"]) {
        println!("skipped: python3 with boto3 is not installed");
        return;
    }
    let (data, house) = running().await;
    let secret = |name: &str| {
        let text = std::fs::read_to_string(data.path().join("secrets").join(name)).expect("a secret");
        text.trim().to_owned()
    };
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../s3door/tests/boto3_client.py");
    let mut command = Command::new("python3");
    command.arg(script).args([house.s3_url.as_str(), "signal-media"]);
    command.args([secret("s3-access-key"), secret("s3-secret-key")]);
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("NO_PROXY", "*");
    let output = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ends");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    for step in ["put_get_range", "listing", "multipart", "presigned", "wrong_keys"] {
        assert!(said.contains(&format!("ok {step}")), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_signed_for_one_part_is_good_for_nothing_else() {
    if !has_curl() {
        return;
    }
    let (data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let body = json!({ "filename": "a.mp4", "size_bytes": 1_000 });
    let upload = operator.post("/v1/uploads", &body).await.expect("reserved");
    let parts = format!("/v1/uploads/{}/parts", text_of(&upload, "upload_id").expect("an id"));
    let signed = operator.post(&parts, &json!({ "numbers": [1] })).await.expect("signed");
    let url = text_of(&signed["parts"][0], "url").expect("an address");
    let file = data.path().join("part");
    std::fs::write(&file, vec![7; 1_000]).expect("written");
    let send = |url: &str, file: &Path, more: &[&str]| {
        let mut args = vec!["--upload-file", file.to_str().expect("a path")];
        args.extend_from_slice(more);
        curl(url, &args).status
    };
    let (path, query) = url.split_once('?').expect("a query");
    let fields: Vec<(&str, &str)> = query.split('&').map(|f| f.split_once('=').expect("a field")).collect();
    let join = |fields: &[String]| format!("{path}?{}", fields.join("&"));
    for i in 0..fields.len() {
        let with = |change: &dyn Fn(&str) -> Option<String>| {
            let spelled = fields.iter().enumerate().filter_map(|(j, (n, v))| {
                let value = if i == j { change(v)? } else { (*v).to_owned() };
                Some(format!("{n}={value}"))
            });
            join(&spelled.collect::<Vec<_>>())
        };
        let name = fields[i].0;
        let changed = with(&|v| Some(format!("{v}0")));
        assert_eq!(send(&changed, &file, &[]), 403, "{name} changed");
        assert_eq!(send(&with(&|_| None), &file, &[]), 403, "{name} left out");
    }
    let doubled = format!("{url}&partNumber=2");
    assert_eq!(send(&doubled, &file, &[]), 403, "a field added");
    assert_eq!(send(&url.replacen("/raw/", "/vod/", 1), &file, &[]), 403, "another key");
    assert_eq!(curl(&url, &[]).status, 403, "read instead of written");
    assert_eq!(curl(&url, &["-X", "DELETE"]).status, 403, "deleted instead of written");
    let long = data.path().join("long");
    std::fs::write(&long, vec![7; 1_001]).expect("written");
    assert!([400, 403].contains(&send(&url, &long, &[])), "a longer body");
    assert_eq!(curl(&format!("{}/signal-media/?list-type=2", house.s3_url), &[]).status, 403, "no signature");
    assert_eq!(send(&url, &file, &[]), 200, "the address as it was signed");
}
