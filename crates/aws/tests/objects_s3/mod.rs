//! What is run: the slices' own cases, then what only S3 can get wrong.

mod check;
mod files;
mod finish;
mod signing;

use crate::s3::{Area, PART_MIN, Weather, area, area_with};
use async_trait::async_trait;
use aws::objects::{S3Objects, S3Policy};
use bytes::Bytes as Octets;
use catalog::jobs::Eraser;
use delivery::conformance::Stocked;
use delivery::port::ObjectReader;
use moderation::port::Content;
use std::sync::Arc;
use stdx::{Clock, Fault, SystemClock};
use testkit::{Case, Trial, trials};
use transcode::MediaStore;
use upload::conformance::{PartSender, RawBench, raw_store};
use upload::{PartToSign, RawStore, SignedPart, Signing};
use vocab::{Bytes, MediaKey, Millis, UploadId, VideoId};

pub fn all() -> Vec<Trial> {
    let mut all = Vec::new();
    for weather in Weather::ALL {
        let name = |port: &str| match weather {
            Weather::Calm => format!("s3_{port}"),
            other => format!("s3_{port}+{}", other.word()),
        };
        all.extend(trials(&name("raw"), raw_store(), move || bench(&area(weather))));
        all.extend(trials(&name("media"), transcode::conformance::cases(), move || {
            Arc::new(Held(area(weather))) as Arc<dyn MediaStore>
        }));
        all.extend(trials(&name("reader"), delivery::conformance::cases(), move || {
            Arc::new(Held(area(weather))) as Arc<dyn Stocked>
        }));
        let own: Vec<Case<Area>> = files::cases().into_iter().chain(finish::cases()).collect();
        all.extend(trials(&name("files"), own, move || area(weather)));
    }
    all.extend(trials("s3_signing", signing::cases(), || area(Weather::Calm)));
    all.extend(check::trials());
    all.push(Trial::test("s3_weather::every_weather_strikes", || {
        every_weather_strikes();
        Ok(())
    }));
    all.extend(trials("s3_real_sizes", files::real_sizes(), || {
        area_with(Weather::Calm, |s| s.policy = S3Policy::default())
    }));
    all
}

/// Or the cases above would prove nothing.
fn every_weather_strikes() {
    for weather in Weather::ALL.into_iter().skip(1) {
        let area = area(weather);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let sender = Client(area.calm.clone());
            for n in 1..=3 {
                let ticket = area.objects.begin(&raw_key(n), begin(1)).await.expect("begins");
                let part = Octets::from(vec![1; PART_MIN]);
                sender.send(&raw_key(n), &ticket, 1, part).await.expect("taken");
                let parts = area.objects.list_parts(&raw_key(n), &ticket).await.expect("lists");
                area.objects.finish(&raw_key(n), &ticket, &parts, None).await.expect("finishes");
                MediaStore::get(&area.objects, raw_key(n)).await.expect("reads");
                let MediaKey::Raw { video, .. } = raw_key(n) else { unreachable!() };
                for prefix in MediaKey::prefixes_of(video) {
                    area.objects.delete_prefix(&prefix).await.expect("erases");
                }
            }
        });
        let struck = area.struck.load(std::sync::atomic::Ordering::SeqCst);
        println!("{}: {struck}", weather.word());
        assert!(struck > 0, "{}", weather.word());
    }
}

/// Keeps the scratch directory as long as the engine.
struct Held(Area);

#[async_trait]
impl MediaStore for Held {
    async fn put(&self, key: MediaKey, content: Content) -> Result<(), transcode::MediaStoreError> {
        MediaStore::put(&self.0.objects, key, content).await
    }
    async fn get(&self, key: MediaKey) -> Result<Octets, transcode::MediaStoreError> {
        self.0.objects.get(key).await
    }
    async fn local_raw(
        &self,
        video: VideoId,
        upload: UploadId,
    ) -> Result<moderation::port::LocalFile, transcode::MediaStoreError> {
        MediaStore::local_raw(&self.0.objects, video, upload).await
    }
}

#[async_trait]
impl ObjectReader for Held {
    async fn read(&self, key: &MediaKey) -> Result<Option<Octets>, Fault> {
        self.0.objects.read(key).await
    }
}

#[async_trait]
impl Stocked for Held {
    async fn put(&self, key: &MediaKey, bytes: Octets) {
        MediaStore::put(&self.0.objects, key.clone(), Content::Bytes(bytes)).await.expect("is stored");
    }
}

/// Signs, then sends: what the browser does. Its wire is calm: its retries are its own.
pub struct Client(pub S3Objects);

pub fn signing() -> Signing {
    Signing { now: SystemClock.now(), life: Millis(60_000), endpoint: None }
}

pub async fn signed(raw: &S3Objects, key: &MediaKey, ticket: &str, part: PartToSign) -> SignedPart {
    raw.sign_parts(key, ticket, &[part], &signing()).await.expect("signs").remove(0)
}

/// `Err` with status and words of the refusal.
pub async fn send(part: &SignedPart, bytes: Octets) -> Result<(), (u16, String)> {
    let mut call = reqwest::Client::new().put(&part.url).body(bytes);
    for (name, value) in &part.headers {
        call = call.header(name, value);
    }
    let reply = call.send().await.map_err(|e| (0, e.to_string()))?;
    let status = reply.status();
    if status.is_success() {
        return Ok(());
    }
    Err((status.as_u16(), reply.text().await.unwrap_or_default()))
}

#[async_trait]
impl PartSender for Client {
    async fn send(&self, key: &MediaKey, ticket: &str, number: u32, bytes: Octets) -> Result<(), String> {
        let part = PartToSign { number, size: Bytes(bytes.len() as u64), sha256: None };
        let part = signed(&self.0, key, ticket, part).await;
        send(&part, bytes).await.map_err(|(status, said)| format!("{status}: {said}"))
    }
}

fn bench(area: &Area) -> RawBench {
    RawBench {
        raw: Arc::new(area.objects.clone()),
        sender: Arc::new(Client(area.calm.clone())),
        now: SystemClock.now(),
        part_min: PART_MIN,
    }
}

pub fn raw_key(n: u64) -> MediaKey {
    MediaKey::Raw { video: VideoId(n), upload: UploadId(u128::from(n)) }
}

pub fn begin(parts: u64) -> upload::Begin {
    let part_size = Bytes(PART_MIN as u64);
    upload::Begin { content_type: "video/mp4".into(), size: Bytes(PART_MIN as u64 * parts), part_size }
}
