//! Our own S3 endpoint in a process of its own, and weather on the wire to it.
//!
//! Requests are signed, so weather may lose, repeat and refuse them and change answers, never a request.

use super::support;
use aws::Aws;
use aws::objects::{S3Objects, S3Policy, S3Settings};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use s3door::{Credentials, Door, DoorConfig, DoorPolicy, NoListener, Objects, ObjectsDeps};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use stdx::{Entropy, OsEntropy, SystemClock};
use vocab::Bytes;

pub const BUCKET: &str = "signal-media";
pub const PART_MIN: usize = 4096;
pub const PAGE: &str = "http://pages.example";
const KEY: &str = "AKIDSIGNAL";
const SECRET: &str = "a secret with / and + signs";
/// The argument that makes this binary the endpoint.
const AS_DOOR: &str = "serve-as-s3-door";

/// In the process that is started as the endpoint: serves until the other one ends, and goes without traces.
pub fn serve_if_asked() {
    if std::env::args().nth(1).as_deref() != Some(AS_DOOR) {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let policy = DoorPolicy {
        part_min: Bytes(PART_MIN as u64),
        reserve: Bytes(0),
        // Everything that has pages shows several.
        list_page_max: 4,
        ..DoorPolicy::default()
    };
    let credentials = Credentials { access_key: KEY.into(), secret_key: SECRET.into() };
    let mut config = DoorConfig { policy: policy.clone(), ..DoorConfig::new(credentials) };
    config.bucket = BUCKET.into();
    config.cors_origins = vec![PAGE.into()];
    let deps = ObjectsDeps {
        clock: Arc::new(SystemClock),
        entropy: Arc::new(OsEntropy),
        listener: Arc::new(NoListener),
    };
    let objects = Objects::open(dir.path(), BUCKET, deps, policy).expect("opens");
    let door = Door::new(objects, &config);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        println!("{}", listener.local_addr().expect("an address").port());
        std::io::stdout().flush().expect("the other one listens");
        let serving = tokio::spawn(door.serve(listener, std::future::pending()));
        let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
        let _ = ended.await;
        serving.abort();
    });
    drop(dir);
    std::process::exit(0);
}

/// The address of the endpoint. It ends when its standard input does: with this process, however that ends.
pub fn endpoint() -> String {
    static AT: OnceLock<String> = OnceLock::new();
    AT.get_or_init(|| {
        let program = std::env::current_exe().expect("this binary");
        let mut command = Command::new(program);
        command.arg(AS_DOOR).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("the endpoint starts");
        let mut port = String::new();
        BufReader::new(child.stdout.take().expect("is piped")).read_line(&mut port).expect("says its port");
        // Its standard input stays open as long as this process lives.
        std::mem::forget(child);
        format!("http://127.0.0.1:{}", port.trim())
    })
    .clone()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    Calm,
    /// 503 SlowDown; nothing happened.
    Throttled,
    /// Time ran out before the service saw the request.
    LostRequest,
    /// Time ran out after it happened.
    LostAnswer,
    /// The request arrives twice; the second answer is the one that is heard.
    Duplicate,
    /// The body of an answer ends in the middle.
    BrokenBody,
    /// A deletion is answered as a whole, and of every key it says that it failed, as it did.
    PartialDelete,
    /// A completion's answer is lost, and asked again S3 knows no such upload, as its manual says.
    Forgetful,
    /// Not a weather but a state: every answer is this refusal.
    Says(u16, &'static str),
}

impl Weather {
    pub const ALL: [Weather; 8] = [
        Self::Calm,
        Self::Throttled,
        Self::LostRequest,
        Self::LostAnswer,
        Self::Duplicate,
        Self::BrokenBody,
        Self::PartialDelete,
        Self::Forgetful,
    ];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Throttled => "throttled",
            Self::LostRequest => "lost_request",
            Self::LostAnswer => "lost_answer",
            Self::Duplicate => "duplicate",
            Self::BrokenBody => "broken_body",
            Self::PartialDelete => "partial_delete",
            Self::Forgetful => "forgetful",
            Self::Says(_, code) => code,
        }
    }
}

#[derive(Debug, Clone)]
struct Sky {
    inner: SharedHttpClient,
    weather: Weather,
    calls: Arc<AtomicU64>,
    struck: Arc<AtomicU64>,
}

#[derive(Debug, Clone)]
struct SkyConnector {
    inner: SharedHttpConnector,
    sky: Sky,
}

impl HttpClient for Sky {
    fn http_connector(&self, s: &HttpConnectorSettings, c: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(SkyConnector { inner: self.inner.http_connector(s, c), sky: self.clone() })
    }
}

impl HttpConnector for SkyConnector {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let this = self.clone();
        HttpConnectorFuture::new(async move { this.strike(request).await })
    }
}

fn lost() -> ConnectorError {
    ConnectorError::timeout("the weather".into())
}

fn xml(status: u16, text: &str) -> HttpResponse {
    let mut answer = HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(text));
    answer.headers_mut().insert("content-type", "application/xml");
    answer
}

fn is_deletion(request: &HttpRequest) -> bool {
    request.method() == "POST" && request.uri().contains("?delete")
}

fn is_completion(request: &HttpRequest) -> bool {
    request.method() == "POST" && request.uri().contains("uploadId=")
}

/// As S3 refuses: a `HEAD` has no body, and its clock is another one's.
fn refusal(status: u16, code: &str, request: &HttpRequest) -> HttpResponse {
    let text = match request.method() {
        "HEAD" => String::new(),
        _ => format!("<Error><Code>{code}</Code><Message>the weather</Message></Error>"),
    };
    let mut answer = xml(status, &text);
    if code == "RequestTimeTooSkewed" {
        answer.headers_mut().insert("date", "Thu, 01 Jan 2026 00:00:00 GMT");
    }
    answer
}

impl SkyConnector {
    fn can_strike(&self, request: &HttpRequest) -> bool {
        match self.sky.weather {
            Weather::Calm => false,
            Weather::BrokenBody => request.method() == "GET" && request.uri().contains("x-id=GetObject"),
            Weather::PartialDelete => is_deletion(request),
            Weather::Forgetful => is_completion(request),
            Weather::Says(..) => true,
            _ => {
                let said = request.headers().get("amz-sdk-request").unwrap_or_default();
                let attempt = said.split(';').find_map(|p| p.trim().strip_prefix("attempt="));
                attempt.and_then(|n| n.parse::<u32>().ok()).is_none_or(|n| !n.is_multiple_of(2))
            }
        }
    }

    async fn strike(&self, request: HttpRequest) -> Result<HttpResponse, ConnectorError> {
        let every = match self.sky.weather {
            Weather::Says(..) => 1,
            Weather::PartialDelete | Weather::Forgetful => 2,
            _ => 3,
        };
        if !self.can_strike(&request) || !self.sky.calls.fetch_add(1, Ordering::SeqCst).is_multiple_of(every)
        {
            return self.inner.call(request).await;
        }
        self.sky.struck.fetch_add(1, Ordering::SeqCst);
        match self.sky.weather {
            Weather::Calm => self.inner.call(request).await,
            Weather::Throttled => Ok(refusal(503, "SlowDown", &request)),
            Weather::Says(status, code) => Ok(refusal(status, code, &request)),
            Weather::Forgetful => {
                let forgotten = refusal(404, "NoSuchUpload", &request);
                let answer = self.inner.call(request).await?;
                Ok(if answer.status().is_success() { forgotten } else { answer })
            }
            Weather::LostRequest => Err(lost()),
            Weather::LostAnswer => {
                self.inner.call(request).await?;
                Err(lost())
            }
            Weather::Duplicate => {
                // A body that cannot be sent again cannot arrive twice.
                if let Some(first) = request.try_clone() {
                    self.inner.call(first).await?;
                }
                self.inner.call(request).await
            }
            Weather::BrokenBody => {
                let mut answer = self.inner.call(request).await?;
                let whole = std::mem::replace(answer.body_mut(), SdkBody::empty());
                let whole =
                    ByteStream::new(whole).collect().await.map_err(|e| ConnectorError::io(e.into()))?;
                let mut half = whole.into_bytes();
                half.truncate(half.len() / 2);
                *answer.body_mut() = SdkBody::from(half);
                Ok(answer)
            }
            Weather::PartialDelete => {
                let asked =
                    request.body().bytes().map(String::from_utf8_lossy).unwrap_or_default().into_owned();
                let keys = asked.split("<Key>").skip(1).filter_map(|k| k.split("</Key>").next());
                let failed = keys.map(|k| {
                    format!("<Error><Key>{k}</Key><Code>InternalError</Code><Message>no</Message></Error>")
                });
                Ok(xml(200, &format!("<DeleteResult>{}</DeleteResult>", failed.collect::<String>())))
            }
        }
    }
}

/// Small numbers, so that small files meet every path.
pub fn settings(prefix: &str, scratch: PathBuf) -> S3Settings {
    S3Settings {
        prefix: prefix.to_owned(),
        path_style: true,
        origins: vec![PAGE.into()],
        policy: S3Policy {
            part_min: Bytes(PART_MIN as u64),
            part_size: Bytes(PART_MIN as u64),
            multipart_above: Bytes(3 * PART_MIN as u64),
            range: Bytes(1_000),
            raw_max: Bytes(100_000),
            ..S3Policy::default()
        },
        ..S3Settings::new(BUCKET, scratch)
    }
}

pub fn aws(weather: Weather, change: impl FnOnce(&mut aws::AwsSettings)) -> Aws {
    aws_counted(weather, Arc::default(), change)
}

/// `struck` counts what the weather did.
pub fn aws_counted(
    weather: Weather,
    struck: Arc<AtomicU64>,
    change: impl FnOnce(&mut aws::AwsSettings),
) -> Aws {
    let mut to = support::settings(&endpoint());
    to.credentials = Some((KEY.into(), SECRET.into()));
    change(&mut to);
    let sky = Sky { inner: aws::sdk::http_client(), weather, calls: Arc::default(), struck };
    let opening = Aws::with_http(to, SharedHttpClient::new(sky), Arc::new(OsEntropy));
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime").block_on(opening)
}

/// One area of the bucket, seen through the weather and without.
#[derive(Clone)]
pub struct Area {
    pub objects: S3Objects,
    pub calm: S3Objects,
    /// The SDK itself, for what no port of ours says.
    pub client: aws_sdk_s3::Client,
    pub prefix: String,
    pub scratch: PathBuf,
    pub struck: Arc<AtomicU64>,
    _scratch: Arc<tempfile::TempDir>,
}

pub fn area(weather: Weather) -> Area {
    area_with(weather, |_| {})
}

pub fn area_with(weather: Weather, change: impl FnOnce(&mut S3Settings)) -> Area {
    let scratch = tempfile::tempdir().expect("a directory");
    let prefix = format!("t{:016x}/", OsEntropy.u64());
    let mut settings = settings(&prefix, scratch.path().to_owned());
    change(&mut settings);
    let calm = aws(Weather::Calm, |_| {});
    let struck = Arc::default();
    Area {
        objects: S3Objects::new(&aws_counted(weather, Arc::clone(&struck), |_| {}), settings.clone()),
        struck,
        calm: S3Objects::new(&calm, settings),
        client: calm.s3(true),
        prefix,
        scratch: scratch.path().to_owned(),
        _scratch: Arc::new(scratch),
    }
}
