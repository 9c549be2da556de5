//! A small real issuer on loopback that can misbehave, and keys to sign with.

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD as B64;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub struct TestKey {
    pub kid: &'static str,
    pub algorithm: Algorithm,
    pub key: EncodingKey,
}

impl TestKey {
    pub fn rsa_a() -> Self {
        let key = EncodingKey::from_rsa_pem(include_bytes!("rsa_a.pem")).expect("a key");
        Self { kid: "rsa-a", algorithm: Algorithm::RS256, key }
    }
    pub fn rsa_b() -> Self {
        let key = EncodingKey::from_rsa_pem(include_bytes!("rsa_b.pem")).expect("a key");
        Self { kid: "rsa-b", algorithm: Algorithm::RS256, key }
    }
    pub fn ec() -> Self {
        let key = EncodingKey::from_ec_pem(include_bytes!("ec.pem")).expect("a key");
        Self { kid: "ec", algorithm: Algorithm::ES256, key }
    }
    pub fn ed() -> Self {
        let seed = identity::StoredKey::new([7; 32], vocab::Millis(0), vocab::Millis(0)).expect("a key");
        Self { kid: "ed", algorithm: Algorithm::EdDSA, key: seed.encoding_key() }
    }

    pub fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("a public half");
        jwk.common.key_id = Some(self.kid.to_owned());
        serde_json::to_value(jwk).expect("JSON")
    }

    pub fn header(&self) -> Value {
        json!({ "alg": format!("{:?}", self.algorithm), "kid": self.kid })
    }

    /// Signed by this key as its own kind, whatever the header says.
    pub fn sign(&self, header: &Value, claims: &Value) -> String {
        let input = signing_input(header, claims);
        let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &self.key, self.algorithm);
        format!("{input}.{}", signature.expect("a signature"))
    }

    pub fn token(&self, claims: &Value) -> String {
        self.sign(&self.header(), claims)
    }
}

pub fn signing_input(header: &Value, claims: &Value) -> String {
    format!("{}.{}", B64.encode(header.to_string()), B64.encode(claims.to_string()))
}

/// Signed with a secret, as HS256.
pub fn hmac(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let input = signing_input(header, claims);
    let key = EncodingKey::from_secret(secret);
    let signature = jsonwebtoken::crypto::sign(input.as_bytes(), &key, Algorithm::HS256);
    format!("{input}.{}", signature.expect("a signature"))
}

#[derive(Clone, PartialEq)]
pub enum Mood {
    Well,
    Broken(u16),
    Slow(Duration),
    /// Answers so many bytes of JSON.
    Huge(usize),
    Redirects(String),
    Says(&'static str),
}

pub struct Issuer {
    pub url: String,
    pub keys: Mutex<Vec<Value>>,
    pub discovery: Mutex<Value>,
    pub mood: Mutex<Mood>,
    pub keys_read: AtomicU32,
    pub discovery_read: AtomicU32,
}

impl Issuer {
    pub async fn start(keys: &[&TestKey]) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let discovery = json!({ "issuer": url, "jwks_uri": format!("{url}/keys") });
        let issuer = Arc::new(Self {
            url,
            keys: Mutex::new(keys.iter().map(|k| k.public()).collect()),
            discovery: Mutex::new(discovery),
            mood: Mutex::new(Mood::Well),
            keys_read: AtomicU32::new(0),
            discovery_read: AtomicU32::new(0),
        });
        let router = Router::new().fallback(answer).with_state(Arc::clone(&issuer));
        tokio::spawn(async move { axum::serve(listener, router).await });
        issuer
    }

    pub fn publish(&self, keys: &[&TestKey]) {
        *self.keys.lock().unwrap() = keys.iter().map(|k| k.public()).collect();
    }
    pub fn be(&self, mood: Mood) {
        *self.mood.lock().unwrap() = mood;
    }
    pub fn reads(&self) -> u32 {
        self.keys_read.load(Ordering::SeqCst)
    }
}

async fn answer(State(issuer): State<Arc<Issuer>>, uri: Uri) -> Response {
    let document = match uri.path() {
        "/.well-known/openid-configuration" => {
            issuer.discovery_read.fetch_add(1, Ordering::SeqCst);
            issuer.discovery.lock().unwrap().clone()
        }
        "/keys" => {
            issuer.keys_read.fetch_add(1, Ordering::SeqCst);
            json!({ "keys": *issuer.keys.lock().unwrap() })
        }
        _ => return StatusCode::NOT_FOUND.into_response(),
    };
    let mood = issuer.mood.lock().unwrap().clone();
    match mood {
        Mood::Well => document.to_string().into_response(),
        Mood::Broken(status) => StatusCode::from_u16(status).expect("a status").into_response(),
        Mood::Slow(wait) => {
            tokio::time::sleep(wait).await;
            document.to_string().into_response()
        }
        Mood::Huge(bytes) => {
            let mut huge = document;
            huge["padding"] = "x".repeat(bytes).into();
            huge.to_string().into_response()
        }
        Mood::Redirects(to) => (StatusCode::FOUND, [(header::LOCATION, to)]).into_response(),
        Mood::Says(text) => text.into_response(),
    }
}
