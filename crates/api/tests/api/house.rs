//! A house of memory stores with the real entrance, and people who call.

use api::{ApiConfig, ApiState, Check, DemoOrder, DemoPort, DemoProgress, Deps, Disk, Health, Machine, Site};
use async_trait::async_trait;
use axum::Router;
use axum::body::Body;
use catalog::{
    Announcing, BlockedWords, CatalogPolicy, Facts, LibraryStore, Listeners, MemoryLibraryStore,
    MemoryVideoStore, Owners, OwnersDeps, Package, RenditionFacts, Video, VideoStore,
};
use delivery::memory::MemoryObjectReader;
use delivery::{DeliveryPolicy, Origin, OriginDeps};
use engagement::{EngagementPolicy, MemoryEngagementStore, Reactions};
use events::{EventPolicy, Ingest, MemoryEventLog};
use feed::{Feed, FeedPolicy, MemorySeenStore, MemoryWarmQueue};
use http::{HeaderMap, Request, StatusCode, header};
use http_body_util::BodyExt;
use identity::{
    Grant, IdentityPolicy, Issuer, IssuerDeps, MemoryAccountStore, MemoryKeyStore, MemorySessionStore,
    NothingToMerge, PasswordHasher, RevokedSessions, Role, Verifier, VerifierPolicy,
};
use moderation::{
    Desk, MemoryBlockList, MemoryModerationStore, MemorySourceFiles, ModerationPolicy, Reviews, ReviewsDeps,
};
use push::{Hub, HubDeps, PushPolicy};
use serde_json::Value;
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use stdx::{Clock, Entropy, Fault, ManualClock, SeededEntropy};
use telemetry::Indicators;
use tower::ServiceExt;
use transcode::MemoryMediaStore;
use transcode::captions::{CaptionLimits, CaptionsDeps, CaptionsDesk};
use transcode::cover::{CoverDeps, CoverDesk};
use transcode::policy::CaptionsPolicy;
use upload::{MemoryRawStore, MemoryUploadStore, UploadPolicy, Uploads, UploadsDeps};
use vocab::{
    Bytes, DeviceId, FailureReason, Kbps, MediaKey, Millis, PackageId, RenditionId, RungName, Status, UserId,
    VideoId, Visibility,
};
use work::{Jobs, MemoryJobStore};

pub const LINK_KEY: &str = "00112233445566778899aabbccddeeff";
pub const PUBLIC_URL: &str = "http://signal.test";

pub struct House {
    pub app: Router,
    pub state: ApiState,
    pub clock: Arc<ManualClock>,
    pub videos: Arc<dyn VideoStore>,
    pub library: Arc<dyn LibraryStore>,
    pub objects: Arc<MemoryObjectReader>,
    pub media: Arc<MemoryMediaStore>,
    pub jobs: Arc<MemoryJobStore>,
    pub issuer: Arc<Issuer>,
    pub hub: Arc<Hub>,
    next: AtomicU64,
}

/// Somebody who calls.
#[derive(Clone)]
pub struct Person {
    pub id: UserId,
    pub token: String,
}

/// What came back.
#[derive(Debug)]
pub struct Reply {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: bytes::Bytes,
}

impl Reply {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {} {:?}", self.status, String::from_utf8_lossy(&self.body)))
    }
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |v| v.to_str().expect("a text"))
    }
    /// The last part of the problem's type; checks that it is a whole problem.
    pub fn problem(&self) -> String {
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let json = self.json();
        assert_eq!(json["status"], self.status.as_u16());
        assert!(
            json["title"].is_string() && json["detail"].is_string() && json["instance"].is_string(),
            "{json}"
        );
        let kind = json["type"].as_str().expect("a type");
        kind.strip_prefix(api::problem::TYPE_PREFIX).expect("a type of ours").to_owned()
    }
}

struct PlainHasher;

#[async_trait]
impl PasswordHasher for PlainHasher {
    async fn hash(&self, password: String, _: [u8; 16]) -> Result<String, Fault> {
        Ok(password)
    }
    async fn verify(&self, password: String, phc: String) -> Result<bool, Fault> {
        Ok(password == phc)
    }
}

struct SmallMachine;

impl Machine for SmallMachine {
    fn disk(&self) -> Option<Disk> {
        Some(Disk { free: Bytes(1_000), total: Bytes(4_000), data: Bytes(10) })
    }
}

struct Demo;

#[async_trait]
impl DemoPort for Demo {
    async fn start(&self, order: DemoOrder) -> Result<DemoProgress, Fault> {
        Ok(DemoProgress { running: true, total: order.videos.unwrap_or(12), ..DemoProgress::default() })
    }
    async fn progress(&self) -> DemoProgress {
        DemoProgress::default()
    }
}

struct Always(Result<(), &'static str>);

#[async_trait]
impl Check for Always {
    fn name(&self) -> &'static str {
        "always"
    }
    async fn check(&self) -> Result<(), String> {
        self.0.map_err(str::to_owned)
    }
}

fn site() -> Site {
    let file = |path: &str, body: &'static str| (path.to_owned(), Cow::Borrowed(body.as_bytes()));
    Site::new([file("index.html", "<!doctype html><title>app</title>"), file("assets/a-1.js", "let a = 1;")])
}

pub async fn house() -> House {
    house_with(|_| {}).await
}

/// A house whose configuration or parts `change` has altered.
pub async fn house_with(change: impl FnOnce(&mut Deps)) -> House {
    let clock = Arc::new(ManualClock::default());
    let ticking: Arc<dyn Clock> = clock.clone();
    let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(1));
    let records = Arc::new(MemoryVideoStore::default());
    let objects = Arc::new(MemoryObjectReader::default());
    let hub = Arc::new(Hub::new(
        HubDeps { clock: ticking.clone(), entropy: entropy.clone() },
        PushPolicy::default(),
    ));
    let origin = Arc::new(Origin::new(OriginDeps {
        videos: records.clone(),
        objects: objects.clone(),
        clock: ticking.clone(),
        policy: DeliveryPolicy::default(),
    }));
    let listeners = Arc::new(Listeners(vec![hub.clone(), origin.clone()]));
    let videos: Arc<dyn VideoStore> = Arc::new(Announcing::new(records, listeners.clone()));
    let library: Arc<dyn LibraryStore> = Arc::new(MemoryLibraryStore::default());
    let job_store = Arc::new(MemoryJobStore::default());
    let jobs = Jobs::new(job_store.clone(), ticking.clone(), entropy.clone());
    let (issuer, verifier) = identity(ticking.clone(), entropy.clone()).await;
    let engagement_policy = EngagementPolicy::default();
    let engagement = Arc::new(MemoryEngagementStore::new(engagement_policy.clone()));
    let reactions = Reactions::new(library.clone(), engagement.clone(), ticking.clone());
    let indicators = Arc::new(Indicators::default());
    let feed = feed::Deps {
        videos: videos.clone(),
        library: library.clone(),
        counts: engagement.clone(),
        queue: Arc::new(MemoryWarmQueue::default()),
        seen: Arc::new(MemorySeenStore::default()),
        clock: ticking.clone(),
        entropy: entropy.clone(),
        cursor_key: [8; 32],
        policy: FeedPolicy::default(),
        engagement: engagement_policy.clone(),
    };
    let owners = OwnersDeps { videos: videos.clone(), jobs: jobs.clone(), clock: ticking.clone() };
    let uploads = UploadsDeps {
        store: Arc::new(MemoryUploadStore::default()),
        raw: Arc::new(MemoryRawStore::default()),
        videos: videos.clone(),
        jobs: jobs.clone(),
        clock: ticking.clone(),
        entropy: entropy.clone(),
    };
    let desk = Desk {
        videos: videos.clone(),
        listener: listeners,
        jobs: jobs.clone(),
        store: Arc::new(MemoryModerationStore::default()),
        clock: ticking.clone(),
        policy: Arc::new(ModerationPolicy::default()),
    };
    let events = events::Deps {
        log: Arc::new(MemoryEventLog::default()),
        clock: ticking.clone(),
        entropy: entropy.clone(),
        policy: EventPolicy::default(),
    };
    let media = Arc::new(MemoryMediaStore::new(std::env::temp_dir()));
    let owners = Arc::new(Owners::new(owners, CatalogPolicy::default()));
    let captions = CaptionsDeps {
        owners: owners.clone(),
        videos: videos.clone(),
        media: media.clone(),
        eraser: media.clone(),
        clock: ticking.clone(),
        limits: CaptionLimits::default(),
        policy: CaptionsPolicy::default(),
        blocked_words: BlockedWords::new(["forbidden"]),
    };
    let covers = CoverDeps {
        owners: owners.clone(),
        videos: videos.clone(),
        media: media.clone(),
        jobs,
        clock: ticking.clone(),
        limits: moderation::CoverLimits::default(),
        policy: transcode::policy::CoverPolicy::default(),
    };
    let mut deps = Deps {
        config: ApiConfig { public_url: PUBLIC_URL.into(), demo_enabled: true, ..ApiConfig::default() },
        clock: ticking,
        entropy: entropy.clone(),
        cursor_key: [7; 32],
        issuer: issuer.clone(),
        verifier: Arc::new(verifier),
        videos: videos.clone(),
        library: library.clone(),
        owners,
        captions: Arc::new(CaptionsDesk::new(captions)),
        covers: Arc::new(CoverDesk::new(covers)),
        jobs: job_store.clone(),
        uploads: Arc::new(Uploads::new(uploads, UploadPolicy::default(), CatalogPolicy::default().metadata)),
        reviews: Arc::new(Reviews::new(ReviewsDeps {
            desk,
            blocks: Arc::new(MemoryBlockList::default()),
            frame_blocks: Arc::new(moderation::MemoryFrameBlockList::default()),
            files: Arc::new(MemorySourceFiles::default()),
            entropy,
        })),
        events: Arc::new(Ingest::new(events)),
        engagement,
        engagement_policy,
        reactions: Arc::new(reactions),
        feed: Arc::new(Feed::new(feed).gauged(Arc::new(api::RankerGauge(indicators.clone())))),
        origin,
        hub: hub.clone(),
        indicators,
        machine: Arc::new(SmallMachine),
        web: Arc::new(site()),
        demo: Some(Arc::new(Demo)),
        health: Health {
            checks: vec![Arc::new(Always(Ok(())))],
            metrics: Some(Box::new(|| "up 1\n".into())),
        },
    };
    change(&mut deps);
    let state = ApiState::new(deps);
    let app = api::app(state.clone());
    House {
        app,
        state,
        clock,
        videos,
        library,
        objects,
        media,
        jobs: job_store,
        issuer,
        hub,
        next: AtomicU64::new(1),
    }
}

/// A check that always says the same.
pub fn check(outcome: Result<(), &'static str>) -> Arc<dyn Check> {
    Arc::new(Always(outcome))
}

async fn identity(clock: Arc<dyn Clock>, entropy: Arc<dyn Entropy>) -> (Arc<Issuer>, Verifier) {
    let revoked = Arc::new(RevokedSessions::default());
    let policy = IdentityPolicy::default();
    let deps = IssuerDeps {
        accounts: Arc::new(MemoryAccountStore::default()),
        sessions: Arc::new(MemorySessionStore::default()),
        keys: Arc::new(MemoryKeyStore::default()),
        hasher: Arc::new(PlainHasher),
        merges: Arc::new(NothingToMerge),
        revoked: revoked.clone(),
        clock: clock.clone(),
        entropy,
    };
    let verifying = VerifierPolicy::of(&policy);
    let issuer = Arc::new(Issuer::start(deps, policy).await.expect("an issuer starts"));
    let verifier = Verifier::new(issuer.clone(), revoked, clock, verifying);
    (issuer, verifier)
}

impl From<Grant> for Person {
    fn from(grant: Grant) -> Self {
        Self { id: grant.user.id, token: grant.access_token }
    }
}

impl House {
    fn origin(&self) -> identity::Origin {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        // Every person comes from an address of their own, so that no test meets the issuer's limits.
        let ip = std::net::Ipv4Addr::from(0x0a00_0000 + u32::try_from(n).expect("few people"));
        identity::Origin { ip: Some(ip.into()), device: DeviceId(u128::from(n)), device_name: None }
    }

    pub async fn guest(&self) -> Person {
        let origin = self.origin();
        self.issuer.guest(&origin).await.expect("a guest comes in").into()
    }

    pub async fn device(&self, person: &Person) -> DeviceId {
        self.state.verifier.verify(&person.token).await.expect("signed in").device
    }

    pub async fn operator(&self) -> Person {
        let code = self.issuer.new_operator_code().await.expect("a code");
        let origin = self.origin();
        self.issuer.redeem_operator_code(&code, &origin, None).await.expect("an operator").into()
    }

    pub async fn moderator(&self) -> Person {
        let operator = self.operator().await;
        let by = self.state.verifier.verify(&operator.token).await.expect("just given");
        let origin = self.origin();
        let registration = identity::Registration {
            email: format!("moderator{}@example.org", self.next.load(Ordering::Relaxed)),
            password: "correct horse battery".into(),
            display_name: "Mo Derator".into(),
        };
        let email = registration.email.clone();
        let grant = self.issuer.register(registration, &origin, None).await.expect("an account");
        self.issuer.set_roles(&by, grant.user.id, &[Role::Moderator]).await.expect("granted");
        let credentials = identity::Credentials { email, password: "correct horse battery".into() };
        self.issuer.login(credentials, &origin, None).await.expect("signed in").into()
    }

    pub async fn send(&self, request: Request<Body>) -> Reply {
        let reply = self.app.clone().oneshot(request).await.expect("never fails");
        let (parts, body) = reply.into_parts();
        let body = body.collect().await.expect("a body").to_bytes();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    pub async fn call(&self, method: &str, path: &str, who: Option<&Person>, body: Option<Value>) -> Reply {
        let mut request = Request::builder().method(method).uri(path);
        if let Some(person) = who {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", person.token));
        }
        let body = match body {
            Some(json) => {
                request = request.header(header::CONTENT_TYPE, "application/json");
                Body::from(json.to_string())
            }
            None => Body::empty(),
        };
        self.send(request.body(body).expect("a request")).await
    }

    pub async fn get(&self, path: &str, who: Option<&Person>) -> Reply {
        self.call("GET", path, who, None).await
    }

    pub async fn post(&self, path: &str, who: Option<&Person>, body: Value) -> Reply {
        self.call("POST", path, who, Some(body)).await
    }

    /// A GET with headers.
    pub async fn fetch(&self, path: &str, headers: &[(&str, &str)]) -> Reply {
        let mut request = Request::builder().uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::empty()).expect("a request")).await
    }

    /// A video of `owner` as it stands in `status`, with a package once published.
    pub async fn video(&self, owner: &Person, status: Status, visibility: Visibility) -> VideoId {
        let n = self.next.fetch_add(1, Ordering::Relaxed);
        self.clock.advance(Millis(1));
        let now = self.clock.now();
        let id = VideoId::from_parts(now.get(), n);
        let mut video = Video::reserved(id, owner.id, LINK_KEY.into(), now);
        video.meta.title = format!("video {n}");
        video.meta.visibility = visibility;
        video.status = status;
        if status.is_readable() || matches!(status, Status::Removed | Status::Erased) {
            video.published_at = Some(now);
            video.package = Some(package(n));
        }
        if status == Status::Removed {
            video.removed_from = Some(Status::Published);
        }
        if status == Status::Failed {
            video.failure = Some(FailureReason::new("media.timeout", "It took too long.", true));
        }
        self.videos.insert(video).await.expect("a free id");
        id
    }

    pub async fn published(&self, owner: &Person) -> VideoId {
        self.video(owner, Status::Published, Visibility::Public).await
    }

    pub async fn advance(&self, id: VideoId, from: Status, to: Status) {
        let step = catalog::Advance::new(id, from, to, self.clock.now()).with(Facts::default());
        self.videos.advance(step).await.expect("a legal move");
    }

    /// Puts the objects of a published video where the origin reads them.
    pub async fn stock(&self, id: VideoId) -> Package {
        let package = self.videos.get(id).await.expect("there").package.expect("published");
        let rendition = package.renditions[0].id;
        let playlist = "#EXTM3U\n#EXT-X-VERSION:7\n".repeat(40);
        self.objects.put(MediaKey::Multivariant { video: id, package: package.id }, playlist);
        self.objects.put(MediaKey::Segment { video: id, rendition, n: 0 }, vec![9u8; 1_000]);
        self.objects.put(MediaKey::Poster { video: id, package: package.id }, vec![8u8; 100]);
        package
    }
}

fn package(n: u64) -> Package {
    Package {
        id: PackageId(u128::from(n) << 64 | 5),
        duration_ms: Millis(4_000),
        width: 720,
        height: 1280,
        fps_milli: 30_000,
        has_audio: true,
        renditions: vec![RenditionFacts {
            id: RenditionId(u128::from(n) << 64 | 6),
            rung: RungName(360),
            width: 360,
            height: 640,
            codecs: "avc1.64001f,mp4a.40.2".into(),
            peak_kbps: Kbps(700),
            average_kbps: Kbps(500),
            init_bytes: 800,
            first_frame_bytes: 4_000,
            segment_bytes: vec![1_000, 1_000],
            layout: catalog::Layout::default(),
        }],
        segment_ms: vec![2_000, 2_000],
        blurhash: Some("LEHV6nWB2yk8pyo0adR*.7kCMdnj".into()),
        sprite: None,
        pending: vec![],
        quality: None,
        tracks: catalog::Tracks::default(),
    }
}
