//! From the first part to the pipeline on the embedded engines, through a real socket, and across a
//! restart between the commit of the bytes and everything after it.

use ::catalog::jobs::{Eraser, JUDGE};
use ::catalog::policy::MetadataPolicy;
use ::catalog::{Metadata, VideoStore};
use ::moderation::port::SourceFiles;
use ::upload::jobs::{ARRIVED, Arrivals};
use ::upload::{
    CompleteUpload, PartWant, RawStore, StartUpload, Upload, UploadPolicy, UploadState, UploadStore, Uploads,
    UploadsDeps,
};
use ::work::{JobContext, JobFilter, JobHandler, JobStore, Jobs};
use embedded::catalog::EmbeddedVideoStore;
use embedded::objects::{ArrivalJobs, FileObjects};
use embedded::upload::EmbeddedUploadStore;
use embedded::work::EmbeddedJobStore;
use embedded::{Database, DbPolicy, SCHEMA};
use s3door::{Credentials, Door, DoorConfig, Objects, ObjectsDeps, Presigner};
use std::path::Path;
use std::sync::Arc;
use stdx::{Clock, Entropy, OsEntropy, SystemClock};
use vocab::{Bytes, MediaKey, Status, UserId};

const OWNER: UserId = UserId(42);

struct House {
    uploads: Arc<Uploads>,
    store: Arc<EmbeddedUploadStore>,
    files: FileObjects,
    videos: Arc<EmbeddedVideoStore>,
    jobs: Arc<EmbeddedJobStore>,
    http: reqwest::Client,
    door: tokio::task::JoinHandle<()>,
}

async fn house(dir: &Path) -> House {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let entropy: Arc<dyn Entropy> = Arc::new(OsEntropy);
    let db = Database::open(dir, SCHEMA, &DbPolicy::default()).expect("a database");
    let (store, videos) = (EmbeddedUploadStore::new(db.clone()), EmbeddedVideoStore::new(db.clone()));
    let (store, videos, jobs) = (Arc::new(store), Arc::new(videos), Arc::new(EmbeddedJobStore::new(db)));
    let queue = Jobs::new(jobs.clone(), clock.clone(), entropy.clone());
    let policy = UploadPolicy::default();
    let listener = ArrivalJobs { jobs: queue.clone(), clock: clock.clone(), policy: policy.clone() };
    let credentials = Credentials { access_key: "key".into(), secret_key: "secret".into() };
    let mut config = DoorConfig::new(credentials.clone());
    config.policy.reserve = Bytes(0);
    let deps = ObjectsDeps { clock: clock.clone(), entropy: entropy.clone(), listener: Arc::new(listener) };
    let objects =
        Objects::open(&dir.join("objects"), &config.bucket, deps, config.policy.clone()).expect("opens");
    let socket = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
    let endpoint = format!("http://{}", socket.local_addr().expect("an address"));
    let door = tokio::spawn(Door::new(objects.clone(), &config).serve(socket, std::future::pending()));
    let files = FileObjects::new(objects, Presigner::new(credentials, &config.region), &endpoint);
    let deps = UploadsDeps {
        store: store.clone(),
        raw: Arc::new(files.clone()),
        videos: videos.clone(),
        jobs: queue,
        clock,
        entropy,
    };
    let uploads = Arc::new(Uploads::new(deps, policy, MetadataPolicy::default()));
    House { uploads, store, files, videos, jobs, http: reqwest::Client::new(), door }
}

impl House {
    async fn sent(&self, bytes: &[u8]) -> Upload {
        let ask = StartUpload {
            filename: "clip.mp4".into(),
            size_bytes: Bytes(bytes.len() as u64),
            meta: Metadata { title: "Sea".into(), ..Metadata::default() },
            ..StartUpload::default()
        };
        let upload = self.uploads.start(OWNER, ask, None).await.expect("starts");
        let plan = upload.plan();
        let wants: Vec<_> = plan.numbers().map(|number| PartWant { number, ..PartWant::default() }).collect();
        let signed = self.uploads.sign(OWNER, upload.id, &wants, None).await.expect("signs");
        for (part, bytes) in signed.iter().zip(bytes.chunks(plan.part_size.0 as usize)) {
            let reply = self.http.put(&part.url).body(bytes.to_vec()).send().await.expect("an answer");
            assert_eq!(reply.status(), 200, "{:?}", reply.text().await);
        }
        upload
    }

    async fn keys(&self, kind: &str) -> Vec<String> {
        let filter = JobFilter { kind: Some(kind.into()), limit: 10, ..JobFilter::default() };
        self.jobs.list(filter).await.expect("lists").into_iter().map(|j| j.key).collect()
    }

    async fn assert_handed_on(&self, upload: &Upload, bytes: &[u8]) {
        let video = self.videos.get(upload.video).await.expect("stands");
        assert_eq!((video.status, video.meta.title.as_str()), (Status::Uploaded, "Sea"));
        assert_eq!(self.keys(JUDGE).await, [upload.video.to_string()]);
        assert_eq!(self.keys(ARRIVED).await, [upload.id.to_string()]);
        assert_eq!(self.store.get(upload.id).await.expect("stands").state, UploadState::Completed);
        let raw = SourceFiles::local_raw(&self.files, upload.video, upload.id).await.expect("stands");
        assert!(std::fs::read(raw.path()).expect("reads") == bytes, "the file is what was sent");
    }
}

fn file() -> Vec<u8> {
    (0..11_000_003u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_sent_to_signed_urls_reach_the_pipeline() {
    let dir = tempfile::tempdir().expect("a directory");
    let (h, bytes) = (house(dir.path()).await, file());
    let upload = h.sent(&bytes).await;
    let state = h.uploads.state(OWNER, upload.id).await.expect("reads");
    assert_eq!((state.received_bytes, state.missing.len()), (upload.size_bytes, 0));
    h.uploads.complete(OWNER, upload.id, CompleteUpload::default()).await.expect("completes");
    h.assert_handed_on(&upload, &bytes).await;
    for prefix in MediaKey::prefixes_of(upload.video) {
        Eraser::delete_prefix(&h.files, &prefix).await.expect("erases");
    }
    assert!(SourceFiles::local_raw(&h.files, upload.video, upload.id).await.is_err());
    let left = std::fs::read_dir(dir.path().join("objects/signal-media")).expect("reads").count();
    assert_eq!(left, 0, "no empty directories stay");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_process_that_died_right_after_the_commit_is_taken_up_by_the_event() {
    let dir = tempfile::tempdir().expect("a directory");
    let bytes = file();
    let upload = {
        let h = house(dir.path()).await;
        let upload = h.sent(&bytes).await;
        let (key, ticket) = (upload.raw_key(), &upload.ticket);
        let parts = h.files.list_parts(&key, ticket).await.expect("lists");
        // What `complete` does up to the commit; then the process is gone.
        h.files.finish(&key, ticket, &parts, None).await.expect("finishes");
        h.door.abort();
        upload
    };
    let h = house(dir.path()).await;
    assert_eq!(h.videos.get(upload.video).await.expect("stands").status, Status::Reserved);
    let filter = JobFilter { kind: Some(ARRIVED.into()), limit: 10, ..JobFilter::default() };
    let job = h.jobs.list(filter).await.expect("lists").pop().expect("the event is a job");
    for _ in 0..2 {
        Arrivals(Arc::clone(&h.uploads)).run(JobContext::new(job.clone())).await.expect("runs");
    }
    h.assert_handed_on(&upload, &bytes).await;
}
