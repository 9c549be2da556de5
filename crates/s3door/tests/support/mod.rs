//! A door on loopback over a directory that goes away, and a client that signs its URLs.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use async_trait::async_trait;
use s3door::{
    Credentials, Door, DoorConfig, DoorPolicy, ObjectCreated, ObjectListener, Objects, ObjectsDeps,
    PresignRequest, Presigner,
};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use stdx::{BoxError, Clock, OsEntropy, SystemClock};
use tempfile::TempDir;
use vocab::{Bytes, Millis};

pub const BUCKET: &str = "signal-media";
pub const PART_MIN: usize = 5 * 1024 * 1024;

/// Remembers what it was told; refuses while it is told to.
#[derive(Default)]
pub struct Ear {
    pub heard: Mutex<Vec<ObjectCreated>>,
    pub deaf: AtomicBool,
}

#[async_trait]
impl ObjectListener for Ear {
    fn wants(&self, key: &str) -> bool {
        key.starts_with("raw/")
    }
    async fn created(&self, event: &ObjectCreated) -> Result<(), BoxError> {
        if self.deaf.load(Ordering::SeqCst) {
            return Err("not now".into());
        }
        self.heard.lock().expect("no panic").push(event.clone());
        Ok(())
    }
}

impl Ear {
    pub fn keys(&self) -> Vec<String> {
        self.heard.lock().expect("no panic").iter().map(|e| e.key.clone()).collect()
    }
}

pub fn credentials() -> Credentials {
    Credentials { access_key: "AKIDSIGNAL".into(), secret_key: "a secret with spaces / and + signs".into() }
}

pub fn policy() -> DoorPolicy {
    DoorPolicy { reserve: Bytes(0), outbox_every: Millis(50), ..DoorPolicy::default() }
}

pub fn objects(root: &Path, ear: &Arc<Ear>, policy: DoorPolicy) -> Objects {
    objects_at(root, ear, policy, Arc::new(SystemClock))
}

pub fn objects_at(root: &Path, ear: &Arc<Ear>, policy: DoorPolicy, clock: Arc<dyn Clock>) -> Objects {
    let deps = ObjectsDeps {
        clock,
        entropy: Arc::new(OsEntropy),
        listener: Arc::clone(ear) as Arc<dyn ObjectListener>,
    };
    Objects::open(root, BUCKET, deps, policy).expect("opens")
}

pub struct House {
    pub dir: TempDir,
    pub ear: Arc<Ear>,
    pub objects: Objects,
    pub endpoint: String,
    pub http: reqwest::Client,
    pub signer: Presigner,
}

pub async fn house() -> House {
    house_with(policy()).await
}

pub async fn house_with(policy: DoorPolicy) -> House {
    let dir = tempfile::tempdir().expect("a directory");
    let ear = Arc::new(Ear::default());
    let objects = objects(dir.path(), &ear, policy.clone());
    let config = DoorConfig { policy, ..DoorConfig::new(credentials()) };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let door = Door::new(objects.clone(), &config);
    tokio::spawn(door.serve(listener, std::future::pending()));
    let signer = Presigner::new(credentials(), &config.region);
    House { dir, ear, objects, endpoint, http: reqwest::Client::new(), signer }
}

pub struct Reply {
    pub status: u16,
    pub headers: reqwest::header::HeaderMap,
    pub body: Vec<u8>,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default()
    }
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
    /// The text of an XML element; the first one of that name.
    pub fn xml(&self, name: &str) -> String {
        let text = self.text();
        let start = text.find(&format!("<{name}>")).map(|at| at + name.len() + 2);
        let end = text.find(&format!("</{name}>"));
        start.zip(end).map(|(a, b)| text[a..b].replace("&quot;", "\"")).unwrap_or_default()
    }
    pub fn code(&self) -> (u16, String) {
        (self.status, self.xml("Code"))
    }
    pub fn etag(&self) -> String {
        self.header("etag").trim_matches('"').to_owned()
    }
}

/// A request whose URL carries the signature.
pub struct Ask<'a> {
    pub method: &'a str,
    pub key: &'a str,
    pub query: &'a [(&'a str, &'a str)],
    /// Signed and sent.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Vec<u8>,
}

impl<'a> Ask<'a> {
    pub fn of(method: &'a str, key: &'a str) -> Self {
        Self { method, key, query: &[], headers: &[], body: vec![] }
    }
    pub fn query(self, query: &'a [(&'a str, &'a str)]) -> Self {
        Self { query, ..self }
    }
    pub fn headers(self, headers: &'a [(&'a str, &'a str)]) -> Self {
        Self { headers, ..self }
    }
    pub fn body(self, body: impl Into<Vec<u8>>) -> Self {
        Self { body: body.into(), ..self }
    }
}

impl House {
    pub fn url(&self, ask: &Ask<'_>) -> String {
        let request = PresignRequest {
            method: ask.method,
            endpoint: &self.endpoint,
            bucket: BUCKET,
            key: ask.key,
            query: ask.query,
            headers: ask.headers,
            now: SystemClock.now(),
            life: Millis(60_000),
        };
        self.signer.sign(&request).expect("signs")
    }

    pub async fn send(&self, ask: Ask<'_>) -> Reply {
        let url = self.url(&ask);
        self.raw(ask.method, &url, ask.headers, ask.body).await
    }

    pub async fn raw(&self, method: &str, url: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Reply {
        let method = method.parse::<reqwest::Method>().expect("a method");
        let mut request = self.http.request(method, url).body(body);
        for (name, value) in headers.iter().filter(|(n, _)| *n != "content-length") {
            request = request.header(*name, *value);
        }
        let reply = request.send().await.expect("an answer");
        let (status, headers) = (reply.status().as_u16(), reply.headers().clone());
        Reply { status, headers, body: reply.bytes().await.expect("a body").to_vec() }
    }

    pub async fn put(&self, key: &str, body: &[u8]) -> Reply {
        self.send(Ask::of("PUT", key).body(body)).await
    }
    pub async fn get(&self, key: &str) -> Reply {
        self.send(Ask::of("GET", key)).await
    }

    /// Files in work: none are left once requests have ended.
    pub fn temps(&self) -> usize {
        std::fs::read_dir(self.dir.path().join(".tmp")).expect("reads").count()
    }

    /// Waits for what goes on after an answer.
    pub async fn until(&self, what: &str, done: impl Fn() -> bool) {
        for _ in 0..200 {
            if done() {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(25)).await;
        }
        panic!("never: {what}");
    }
}
