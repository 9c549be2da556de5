//! Rekognition's moderation on loopback: JSON 1.1, deterministic, as reliable as it is told to be.
//!
//! Pictures are judged by their colour, stored videos by a script. It knows tokens, holds no more open jobs than
//! the service would, pays attention to what it is paid for, and keeps every request.

use aws::work::Mailbox;
use aws::work::mail::Outgoing;
use axum::extract::State as Ax;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use vocab::{Millis, taxonomy};

pub const BUCKET: &str = "signal-media";
pub const TOPIC: &str = "arn:aws:sns:us-east-1:123456789012:signal-looks";
pub const ROLE: &str = "arn:aws:iam::123456789012:role/signal-looks";

/// What happens to a call.
#[derive(Debug, Clone, Copy)]
pub enum Weather {
    /// Refused with this code; nothing happened.
    Refused(&'static str),
    /// It happened, and the answer is lost on the way.
    LostAnswer,
}

/// How the ends of jobs are told.
#[derive(Debug, Clone, Copy)]
pub enum Notices {
    Lost,
    /// Each so many times, later copies later, so that those of several jobs come mixed.
    Copies(u64),
    Late(Duration),
    /// Before the answer to the start.
    Early,
}

/// Moment, label, confidence; `None` = the job fails.
pub type Script = Option<Vec<(i64, &'static str, f32)>>;

struct Job {
    object: String,
    tag: String,
    is_open: bool,
}

struct State {
    scripts: HashMap<String, Script>,
    jobs: BTreeMap<String, Job>,
    tokens: HashMap<String, (String, Value)>,
    weather: HashMap<&'static str, VecDeque<Weather>>,
    requests: Vec<(String, Value)>,
    mailbox: Option<Mailbox>,
    notices: Notices,
    job_time: Duration,
    open_max: usize,
    open_seen: usize,
    is_down: bool,
    model: String,
    busy: usize,
    busy_seen: usize,
}

/// The address of a running fake and the hand that moves it.
#[derive(Clone)]
pub struct Fake {
    pub at: String,
    state: Arc<Mutex<State>>,
}

impl Fake {
    /// Listens for as long as the runtime lives.
    pub async fn start() -> Self {
        let state = State {
            scripts: HashMap::new(),
            jobs: BTreeMap::new(),
            tokens: HashMap::new(),
            weather: HashMap::new(),
            requests: Vec::new(),
            mailbox: None,
            notices: Notices::Lost,
            job_time: Duration::from_millis(20),
            open_max: 20,
            open_seen: 0,
            is_down: false,
            model: "7.0".into(),
            busy: 0,
            busy_seen: 0,
        };
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let at = format!("http://{}", listener.local_addr().expect("an address"));
        let fake = Self { at, state: Arc::new(Mutex::new(state)) };
        let router = axum::Router::new().fallback(answer).with_state(fake.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        fake
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
    pub fn store(&self, object: &str, script: Script) {
        self.state().scripts.insert(object.to_owned(), script);
    }
    pub fn erase(&self, object: &str) {
        self.state().scripts.remove(object);
    }
    /// The next calls of this operation.
    pub fn weather(&self, operation: &'static str, weather: &[Weather]) {
        self.state().weather.entry(operation).or_default().extend(weather);
    }
    /// As it should be from now on.
    pub fn calm(&self, operation: &'static str) {
        self.state().weather.remove(operation);
    }
    pub fn tell(&self, mailbox: Mailbox, notices: Notices) {
        let mut state = self.state();
        (state.mailbox, state.notices) = (Some(mailbox), notices);
    }
    pub fn set_job_time(&self, time: Duration) {
        self.state().job_time = time;
    }
    pub fn set_open_max(&self, open_max: usize) {
        self.state().open_max = open_max;
    }
    pub fn set_down(&self, is_down: bool) {
        self.state().is_down = is_down;
    }
    pub fn set_model(&self, model: &str) {
        self.state().model = model.to_owned();
    }
    /// As the service may after some time that nobody knows.
    pub fn forget_tokens(&self) {
        self.state().tokens.clear();
    }
    /// Videos that were paid for.
    pub fn billed(&self) -> usize {
        self.state().jobs.len()
    }
    /// The most jobs that were open at once, and the most pictures.
    pub fn most(&self) -> (usize, usize) {
        let state = self.state();
        (state.open_seen, state.busy_seen)
    }
    pub fn requests(&self, operation: &str) -> Vec<Value> {
        let state = self.state();
        state.requests.iter().filter(|(op, _)| op == operation).map(|(_, body)| body.clone()).collect()
    }

    fn end(&self, id: &str) {
        let (mailbox, notices, body) = {
            let mut state = self.state();
            let failed = {
                let Some(job) = state.jobs.get(id) else { return };
                matches!(state.scripts.get(&job.object), Some(None))
            };
            let Some(job) = state.jobs.get_mut(id) else { return };
            job.is_open = false;
            let status = if failed { "FAILED" } else { "SUCCEEDED" };
            let message = json!({
                "JobId": id, "Status": status, "API": "StartContentModeration", "JobTag": job.tag,
                "Timestamp": 1_790_000_000_000_i64,
                "Video": {"S3ObjectName": job.object, "S3Bucket": BUCKET},
            });
            let envelope = json!({
                "Type": "Notification", "MessageId": id, "TopicArn": TOPIC, "Message": message.to_string(),
            });
            (state.mailbox.clone(), state.notices, envelope.to_string())
        };
        let Some(mailbox) = mailbox else { return };
        let (copies, apart) = match notices {
            Notices::Lost => (0, Duration::ZERO),
            Notices::Copies(n) => (n, Duration::from_millis(30)),
            Notices::Late(time) => (1, time),
            Notices::Early => (1, Duration::ZERO),
        };
        for copy in 0..copies {
            let (mailbox, body) = (mailbox.clone(), body.clone());
            let wait = match notices {
                Notices::Late(time) => time,
                _ => apart * u32::try_from(copy).unwrap_or(0),
            };
            tokio::spawn(async move {
                tokio::time::sleep(wait).await;
                let letter = Outgoing { body, delay: Millis(0) };
                mailbox.send(&[letter]).await.expect("the message is sent");
            });
        }
    }
}

fn refuse(code: &str, said: &str) -> Response {
    let status = match code {
        "InternalServerError" => StatusCode::INTERNAL_SERVER_ERROR,
        _ => StatusCode::BAD_REQUEST,
    };
    reply(status, &json!({"__type": code, "Message": said}))
}

fn reply(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], body.to_string()).into_response()
}

async fn answer(Ax(fake): Ax<Fake>, headers: HeaderMap, body: String) -> Response {
    let target = headers.get("x-amz-target").and_then(|t| t.to_str().ok()).unwrap_or_default();
    let Some(operation) = target.strip_prefix("RekognitionService.").map(str::to_owned) else {
        return refuse("UnknownOperationException", target);
    };
    let body: Value = serde_json::from_str(&body).expect("JSON");
    let weather = {
        let mut state = fake.state();
        if state.is_down {
            return refuse("InternalServerError", "down");
        }
        state.requests.push((operation.clone(), body.clone()));
        state.weather.get_mut(operation.as_str()).and_then(VecDeque::pop_front)
    };
    if let Some(Weather::Refused(code)) = weather {
        return refuse(code, "as told");
    }
    let done = match operation.as_str() {
        "DetectModerationLabels" => detect(&fake, &body).await,
        "StartContentModeration" => start(&fake, &body).await,
        "GetContentModeration" => get(&fake, &body),
        other => refuse("UnknownOperationException", other),
    };
    match weather {
        Some(Weather::LostAnswer) => refuse("InternalServerError", "the answer is lost"),
        _ => done,
    }
}

fn label(name: &str, confidence: f32) -> Value {
    let (_, parent, level) = taxonomy::find(name).unwrap_or((name, "", 1));
    json!({"Confidence": confidence, "Name": name, "ParentName": parent, "TaxonomyLevel": level})
}

/// Red is explicit, orange nearly so, blue violent (a parent without its child), everything else harmless.
async fn detect(fake: &Fake, body: &Value) -> Response {
    let model = {
        let mut state = fake.state();
        state.busy += 1;
        state.busy_seen = state.busy_seen.max(state.busy);
        state.model.clone()
    };
    tokio::time::sleep(Duration::from_millis(2)).await;
    fake.state().busy -= 1;
    let bytes = body["Image"]["Bytes"].as_str().unwrap_or_default();
    let bytes = base64::engine::general_purpose::STANDARD.decode(bytes).unwrap_or_default();
    let Ok(picture) = image::load_from_memory(&bytes) else {
        return refuse("InvalidImageFormatException", "Request has invalid image format");
    };
    let picture = picture.to_rgb8();
    let at = picture.get_pixel(picture.width() / 2, picture.height() / 2).0;
    let labels = match at {
        [200..=255, ..60, ..60] => vec![label("Explicit", 99.2), label("Explicit Nudity", 99.2)],
        [200..=255, 90..160, ..60] => vec![label("Explicit", 82.5)],
        [..60, ..60, 200..=255] => vec![label("Violence", 95.0)],
        _ => vec![],
    };
    reply(StatusCode::OK, &json!({"ModerationLabels": labels, "ModerationModelVersion": model}))
}

async fn start(fake: &Fake, body: &Value) -> Response {
    let text = |at: &Value| at.as_str().unwrap_or_default().to_owned();
    let object = text(&body["Video"]["S3Object"]["Name"]);
    let (token, tag) = (text(&body["ClientRequestToken"]), text(&body["JobTag"]));
    let (id, time, is_early) = {
        let mut state = fake.state();
        if let Some((id, words)) = state.tokens.get(&token) {
            return match words == body {
                true => reply(StatusCode::OK, &json!({"JobId": id})),
                false => refuse("IdempotentParameterMismatchException", "other words"),
            };
        }
        if !state.scripts.contains_key(&object) {
            return refuse("InvalidS3ObjectException", "Unable to get object metadata from S3");
        }
        let open = state.jobs.values().filter(|j| j.is_open).count();
        if open >= state.open_max {
            return refuse("LimitExceededException", "too many open jobs");
        }
        state.open_seen = state.open_seen.max(open + 1);
        let id = format!("job-{}", state.jobs.len() + 1);
        state.jobs.insert(id.clone(), Job { object, tag, is_open: true });
        state.tokens.insert(token, (id.clone(), body.clone()));
        (id, state.job_time, matches!(state.notices, Notices::Early))
    };
    if is_early {
        fake.end(&id);
        tokio::time::sleep(Duration::from_millis(150)).await;
    } else {
        let (fake, id) = (fake.clone(), id.clone());
        tokio::spawn(async move {
            tokio::time::sleep(time).await;
            fake.end(&id);
        });
    }
    reply(StatusCode::OK, &json!({"JobId": id}))
}

fn get(fake: &Fake, body: &Value) -> Response {
    let state = fake.state();
    let id = body["JobId"].as_str().unwrap_or_default();
    let Some(job) = state.jobs.get(id) else {
        return refuse("ResourceNotFoundException", "no such job");
    };
    let common = json!({"JobId": id, "JobTag": job.tag, "ModerationModelVersion": state.model});
    let with = |more: Value| {
        let mut all = common.clone();
        if let (Some(all), Some(more)) = (all.as_object_mut(), more.as_object()) {
            all.extend(more.clone());
        }
        reply(StatusCode::OK, &all)
    };
    if job.is_open {
        return with(json!({"JobStatus": "IN_PROGRESS"}));
    }
    let Some(Some(script)) = state.scripts.get(&job.object) else {
        return with(json!({"JobStatus": "FAILED", "StatusMessage": "Unsupported codec"}));
    };
    let mut seen = script.clone();
    seen.sort_by_key(|s| s.0);
    let from: usize = body["NextToken"].as_str().and_then(|t| t.parse().ok()).unwrap_or(0);
    let size = body["MaxResults"].as_u64().unwrap_or(1_000) as usize;
    let page: Vec<_> = seen
        .iter()
        .skip(from)
        .take(size)
        .map(|(at, name, confidence)| json!({"Timestamp": at, "ModerationLabel": label(name, *confidence)}))
        .collect();
    let next = (from + size < seen.len()).then(|| (from + size).to_string());
    let mut more = json!({"JobStatus": "SUCCEEDED", "ModerationLabels": page});
    if let Some(next) = next {
        more["NextToken"] = json!(next);
    }
    with(more)
}
