//! The raw store's promises on the directory, with parts sent through the S3 door as a client does.

use async_trait::async_trait;
use bytes::Bytes as Octets;
use embedded::objects::FileObjects;
use s3door::{Credentials, Door, DoorConfig, DoorPolicy, NoListener, Objects, ObjectsDeps, Presigner};
use std::path::Path;
use std::sync::Arc;
use stdx::{Clock, OsEntropy, SystemClock};
use testkit::trials_in;
use upload::conformance::{PartSender, RawBench, mending, raw_store};
use upload::{PartToSign, RawStore, Signing};
use vocab::{Bytes, MediaKey, Millis};

const PART_MIN: usize = 4096;

/// Signs, then sends: what the browser does. The door answers on its own thread.
struct Client {
    raw: FileObjects,
    http: reqwest::Client,
}

#[async_trait]
impl PartSender for Client {
    async fn send(&self, key: &MediaKey, ticket: &str, number: u32, bytes: Octets) -> Result<(), String> {
        let part = PartToSign { number, size: Bytes(bytes.len() as u64), sha256: None };
        let signing = Signing { now: SystemClock.now(), life: Millis(60_000), endpoint: None };
        let signed = self.raw.sign_parts(key, ticket, &[part], &signing).await.map_err(|e| e.to_string())?;
        let reply = self.http.put(&signed[0].url).body(bytes).send().await.map_err(|e| e.to_string())?;
        let status = reply.status();
        if status.is_success() { Ok(()) } else { Err(format!("{status}: {:?}", reply.text().await)) }
    }
}

fn bench(dir: &Path) -> RawBench {
    let clock = Arc::new(SystemClock);
    let deps = ObjectsDeps { clock, entropy: Arc::new(OsEntropy), listener: Arc::new(NoListener) };
    let policy = DoorPolicy { part_min: Bytes(PART_MIN as u64), reserve: Bytes(0), ..DoorPolicy::default() };
    let credentials = Credentials { access_key: "key".into(), secret_key: "secret".into() };
    let config = DoorConfig { policy: policy.clone(), ..DoorConfig::new(credentials.clone()) };
    let objects = Objects::open(dir, &config.bucket, deps, policy).expect("opens");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("binds");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    listener.set_nonblocking(true).expect("is set");
    let door = Door::new(objects.clone(), &config);
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("starts");
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
            door.serve(listener, std::future::pending()).await;
        });
    });
    let raw = FileObjects::new(objects, Presigner::new(credentials, &config.region), &endpoint);
    let sender = Arc::new(Client { raw: raw.clone(), http: reqwest::Client::new() });
    RawBench { raw: Arc::new(raw), sender, now: SystemClock.now(), part_min: PART_MIN }
}

fn main() {
    let mut all = trials_in("file_objects", raw_store(), bench);
    all.extend(trials_in("file_objects", mending(), bench));
    testkit::main(all)
}
