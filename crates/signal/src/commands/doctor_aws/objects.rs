//! The slices' own cases of stored bytes, in a prefix of the configured bucket.

use super::ground::Ground;
use async_trait::async_trait;
use aws::objects::S3Objects;
use bytes::Bytes as Octets;
use delivery::conformance::Stocked;
use delivery::port::ObjectReader;
use moderation::port::Content;
use std::sync::Arc;
use stdx::{Clock, Fault, SystemClock};
use testkit::{Trial, trials as named};
use transcode::MediaStore;
use upload::conformance::{PartSender, RawBench, raw_store};
use upload::{PartToSign, RawStore, Signing};
use vocab::{Bytes, MediaKey, Millis};

/// A signed address is good for this long.
const SIGNED: Millis = Millis(300_000);

pub(super) fn trials(ground: &Arc<Ground>) -> Vec<Trial> {
    if ground.objects_at().is_err() {
        return Vec::new();
    }
    let on = || Arc::clone(ground);
    let (raw, media, reader) = (on(), on(), on());
    let mut all = named("raw", raw_store(), move || bench(raw.objects()));
    all.extend(named("media", transcode::conformance::cases(), move || {
        Arc::new(media.objects()) as Arc<dyn MediaStore>
    }));
    all.extend(named("reader", delivery::conformance::cases(), move || {
        Arc::new(Filled(reader.objects())) as Arc<dyn Stocked>
    }));
    all
}

fn bench(objects: S3Objects) -> RawBench {
    let part_min = usize::try_from(objects.settings().policy.part_min.0).unwrap_or(usize::MAX);
    RawBench {
        raw: Arc::new(objects.clone()),
        sender: Arc::new(Browser(objects)),
        now: SystemClock.now(),
        part_min,
    }
}

/// Sends parts to signed addresses.
struct Browser(S3Objects);

#[async_trait]
impl PartSender for Browser {
    async fn send(&self, key: &MediaKey, ticket: &str, number: u32, bytes: Octets) -> Result<(), String> {
        let part = PartToSign { number, size: Bytes(bytes.len() as u64), sha256: None };
        let signing = Signing { now: SystemClock.now(), life: SIGNED, endpoint: None };
        let signed = self.0.sign_parts(key, ticket, &[part], &signing).await.map_err(|e| e.to_string())?;
        let part = signed.into_iter().next().ok_or("nothing was signed")?;
        let mut call = reqwest::Client::new().put(&part.url).body(bytes);
        for (name, value) in &part.headers {
            call = call.header(name, value);
        }
        let reply = call.send().await.map_err(|e| e.to_string())?;
        let status = reply.status();
        if status.is_success() {
            return Ok(());
        }
        Err(format!("{status}: {}", reply.text().await.unwrap_or_default()))
    }
}

/// The reader, and the store a case fills it through.
struct Filled(S3Objects);

#[async_trait]
impl ObjectReader for Filled {
    async fn read(&self, key: &MediaKey) -> Result<Option<Octets>, Fault> {
        self.0.read(key).await
    }
}

#[async_trait]
impl Stocked for Filled {
    async fn put(&self, key: &MediaKey, bytes: Octets) {
        MediaStore::put(&self.0, key.clone(), Content::Bytes(bytes)).await.expect("is stored");
    }
}
