//! The service as an HTTP server on loopback: jobs that take their time, tokens known for a (short) minute,
//! events that come five times, in any order, or never.

use super::render::render;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant};
use tokio::sync::mpsc;
use tokio::time::sleep;

/// What the outputs of a job are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outputs {
    Good,
    /// One rung is not there.
    Missing,
    /// The pictures end early.
    Short,
}

#[derive(Debug, Clone)]
pub struct Knobs {
    /// From creation to the end.
    pub job_time: Duration,
    /// The minute for which a token is known, scaled.
    pub token_life: Duration,
    /// Jobs are found by a search so long after their creation.
    pub search_lag: Duration,
    /// Every n-th request is refused as too much; 0 = none.
    pub throttle_every: u64,
    /// The answer of every n-th request is lost after it happened; 0 = none.
    pub lose_every: u64,
    /// Jobs end in this error, the first so many of them.
    pub error: Option<(i64, &'static str)>,
    pub errors_left: u32,
    pub outputs: Outputs,
    /// Every call is refused with this, and nothing happens.
    pub refuses: Option<(u16, &'static str)>,
}

impl Default for Knobs {
    fn default() -> Self {
        Self {
            job_time: Duration::from_millis(80),
            token_life: Duration::from_millis(120),
            search_lag: Duration::ZERO,
            throttle_every: 0,
            lose_every: 0,
            error: None,
            errors_left: u32::MAX,
            outputs: Outputs::Good,
            refuses: None,
        }
    }
}

#[derive(Debug, Clone)]
pub struct Job {
    pub id: String,
    pub request: Value,
    pub status: &'static str,
    pub percent: i64,
    pub error: Option<(i64, &'static str)>,
    created: Instant,
}

#[derive(Default)]
pub struct Ledger {
    pub jobs: Vec<Job>,
    tokens: HashMap<String, (Instant, String, Value)>,
    calls: u64,
    pub throttled: u64,
    pub lost: u64,
    pub refused: u64,
}

pub struct Fake {
    pub endpoint: String,
    shared: Arc<Shared>,
}

struct Shared {
    ledger: Mutex<Ledger>,
    knobs: Mutex<Knobs>,
    events: mpsc::UnboundedSender<String>,
    s3: aws_sdk_s3::Client,
}

impl Shared {
    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().expect("not poisoned")
    }
    fn knobs(&self) -> Knobs {
        self.knobs.lock().expect("not poisoned").clone()
    }
}

fn refusal(status: u16, code: &str) -> Response {
    let status = StatusCode::from_u16(status).expect("a status");
    (status, [("x-amzn-errortype", code.to_owned())], json!({"message": "the weather"}).to_string())
        .into_response()
}

fn answer(status: u16, body: &Value) -> Response {
    (StatusCode::from_u16(status).expect("a status"), body.to_string()).into_response()
}

impl Job {
    fn json(&self) -> Value {
        let mut said = json!({
            "id": self.id, "arn": format!("arn:aws:mediaconvert:us-east-1:111122223333:jobs/{}", self.id),
            "status": self.status, "jobPercentComplete": self.percent, "role": self.request["role"],
            "settings": {}, "userMetadata": self.request["userMetadata"], "createdAt": 1_770_000_000,
        });
        if let Some((code, message)) = self.error {
            said["errorCode"] = json!(code);
            said["errorMessage"] = json!(message);
        }
        said
    }

    fn event(&self, status: &str) -> String {
        let mut detail = json!({
            "timestamp": 1_770_000_000_000_i64, "accountId": "111122223333", "jobId": self.id, "status": status,
            "queue": "arn:aws:mediaconvert:us-east-1:111122223333:queues/Default",
            "userMetadata": self.request["userMetadata"],
        });
        if status == "STATUS_UPDATE" {
            detail["jobProgress"] =
                json!({"jobPercentComplete": self.percent, "currentPhase": "TRANSCODING"});
        }
        json!({
            "version": "0", "id": format!("{}-{status}", self.id), "source": "aws.mediaconvert",
            "detail-type": "MediaConvert Job State Change", "account": "111122223333", "detail": detail,
        })
        .to_string()
    }

    pub fn work(&self) -> &str {
        self.request["userMetadata"]["work"].as_str().expect("a work")
    }
}

impl Fake {
    /// Serves on the current runtime; `events` gets each event once.
    pub async fn start(s3: aws_sdk_s3::Client, knobs: Knobs) -> (Self, mpsc::UnboundedReceiver<String>) {
        let (tell, told) = mpsc::unbounded_channel();
        let shared =
            Arc::new(Shared { ledger: Mutex::default(), knobs: Mutex::new(knobs), events: tell, s3 });
        let app = Router::new()
            .route("/2017-08-29/jobs", post(create))
            .route("/2017-08-29/jobs/{id}", get(look).delete(cancel))
            .route("/2017-08-29/search", get(search))
            .route("/2017-08-29/queues/{name}", get(queue))
            .layer(axum::middleware::from_fn_with_state(Arc::clone(&shared), weather))
            .with_state(Arc::clone(&shared));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("binds");
        let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, app).await });
        (Self { endpoint, shared }, told)
    }

    pub fn change(&self, change: impl FnOnce(&mut Knobs)) {
        change(&mut self.shared.knobs.lock().expect("not poisoned"));
    }
    pub fn jobs(&self) -> Vec<Job> {
        self.shared.ledger().jobs.clone()
    }
    /// What the month's bill would count: "only when a job reaches the COMPLETED status".
    pub fn billed(&self) -> usize {
        self.jobs().iter().filter(|j| j.status == "COMPLETE").count()
    }
    pub fn refused(&self) -> u64 {
        self.shared.ledger().refused
    }
    pub fn struck(&self) -> (u64, u64) {
        let ledger = self.shared.ledger();
        (ledger.throttled, ledger.lost)
    }
}

/// Refuses before, or loses after, never twice in a row for one caller.
async fn weather(
    State(shared): State<Arc<Shared>>,
    request: axum::extract::Request,
    next: axum::middleware::Next,
) -> Response {
    let knobs = shared.knobs();
    let nth = {
        let mut ledger = shared.ledger();
        ledger.calls += 1;
        ledger.calls
    };
    if let Some((status, code)) = knobs.refuses {
        shared.ledger().refused += 1;
        return refusal(status, code);
    }
    let strikes = |every: u64| every > 0 && nth.is_multiple_of(every);
    if strikes(knobs.throttle_every) {
        shared.ledger().throttled += 1;
        return refusal(429, "TooManyRequestsException");
    }
    let answer = next.run(request).await;
    if strikes(knobs.lose_every) {
        shared.ledger().lost += 1;
        return refusal(500, "InternalServerErrorException");
    }
    answer
}

async fn create(State(shared): State<Arc<Shared>>, body: Bytes) -> Response {
    let Ok(request) = serde_json::from_slice::<Value>(&body) else {
        return refusal(400, "BadRequestException");
    };
    let knobs = shared.knobs();
    let token = request["clientRequestToken"].as_str().unwrap_or_default().to_owned();
    assert!(!token.is_empty() && token.len() <= 64, "a token of at most 64 characters");
    let job = {
        let mut ledger = shared.ledger();
        if let Some((at, id, first)) = ledger.tokens.get(&token)
            && at.elapsed() < knobs.token_life
        {
            if *first != request {
                return refusal(409, "ConflictException");
            }
            let job = ledger.jobs.iter().find(|j| j.id == *id).expect("a job");
            return answer(201, &json!({"job": job.json()}));
        }
        let id = format!("1770000000000-{:06}", ledger.jobs.len());
        let now = Instant::now();
        ledger.tokens.insert(token, (now, id.clone(), request.clone()));
        let job = Job { id, request, status: "SUBMITTED", percent: 0, error: None, created: now };
        ledger.jobs.push(job.clone());
        job
    };
    tokio::spawn(live(shared, job.id.clone()));
    answer(201, &json!({"job": job.json()}))
}

/// The life of a job, with its events.
async fn live(shared: Arc<Shared>, id: String) {
    let knobs = shared.knobs();
    let steps = [("PROGRESSING", "PROGRESSING", 0), ("PROGRESSING", "STATUS_UPDATE", 40)];
    for (status, event, percent) in steps {
        sleep(knobs.job_time / 4).await;
        if !step(&shared, &id, (status, event, percent)) {
            return;
        }
    }
    let fails = {
        let mut knobs = shared.knobs.lock().expect("not poisoned");
        let fails = knobs.error.is_some() && knobs.errors_left > 0;
        knobs.errors_left = knobs.errors_left.saturating_sub(u32::from(fails));
        fails.then_some(knobs.error).flatten()
    };
    sleep(knobs.job_time / 2).await;
    if let Some(error) = fails {
        if let Some(job) = shared.ledger().jobs.iter_mut().find(|j| j.id == id) {
            job.error = Some(error);
        }
        step(&shared, &id, ("ERROR", "ERROR", 40));
        return;
    }
    let request = shared.ledger().jobs.iter().find(|j| j.id == id).expect("a job").request.clone();
    write_outputs(&shared.s3, request, knobs.outputs).await;
    step(&shared, &id, ("COMPLETE", "COMPLETE", 100));
}

/// `false`: it was cancelled.
fn step(shared: &Shared, id: &str, (status, event, percent): (&'static str, &str, i64)) -> bool {
    let mut ledger = shared.ledger();
    let job = ledger.jobs.iter_mut().find(|j| j.id == id).expect("a job");
    if job.status == "CANCELED" {
        return false;
    }
    (job.status, job.percent) = (status, percent);
    let _ = shared.events.send(job.event(event));
    true
}

fn place(uri: &str) -> (String, String) {
    let rest = uri.strip_prefix("s3://").expect("an address in S3");
    let (bucket, key) = rest.split_once('/').expect("a key");
    (bucket.to_owned(), key.to_owned())
}

async fn write_outputs(s3: &aws_sdk_s3::Client, mut request: Value, outputs: Outputs) {
    let settings = &mut request["settings"];
    let (bucket, key) = place(settings["inputs"][0]["fileInput"].as_str().expect("an input"));
    let raw = s3.get_object().bucket(bucket).key(key).send().await.expect("the raw object is there");
    let raw = raw.body.collect().await.expect("whole").into_bytes();
    let cmaf = &settings["outputGroups"][0]["outputGroupSettings"]["cmafGroupSettings"];
    let (bucket, to) = place(cmaf["destination"].as_str().expect("a destination"));
    let dir = to.rsplit_once('/').expect("a directory").0.to_owned();
    // The same request whoever's video it is, so that it is rendered once.
    settings["outputGroups"][0]["outputGroupSettings"]["cmafGroupSettings"]["destination"] =
        json!("s3://b/d/t");
    if outputs == Outputs::Short {
        settings["inputs"][0]["inputClippings"] =
            json!([{"startTimecode": "00:00:00:00", "endTimecode": "00:00:01:24"}]);
    }
    let files = tokio::task::spawn_blocking(move || render(&request, &raw)).await.expect("rendered");
    let mut pictures = 0;
    for (name, bytes) in files {
        pictures += usize::from(name.ends_with(".cmfv"));
        if outputs == Outputs::Missing && name.ends_with(".cmfv") && pictures == 1 {
            continue;
        }
        let put = s3.put_object().bucket(&bucket).key(format!("{dir}/{name}")).body(bytes.into());
        put.send().await.expect("is stored");
    }
}

async fn look(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    match shared.ledger().jobs.iter().find(|j| j.id == id) {
        Some(job) => answer(200, &json!({"job": job.json()})),
        None => refusal(404, "NotFoundException"),
    }
}

async fn queue(Path(name): Path<String>) -> Response {
    match name.as_str() {
        "Default" | "signal" => answer(200, &json!({"queue": {"name": name, "status": "ACTIVE"}})),
        _ => refusal(404, "NotFoundException"),
    }
}

async fn cancel(State(shared): State<Arc<Shared>>, Path(id): Path<String>) -> Response {
    let mut ledger = shared.ledger();
    let Some(job) = ledger.jobs.iter_mut().find(|j| j.id == id) else {
        return refusal(404, "NotFoundException");
    };
    if matches!(job.status, "COMPLETE" | "ERROR" | "CANCELED") {
        return refusal(409, "ConflictException");
    }
    job.status = "CANCELED";
    let _ = shared.events.send(job.event("CANCELED"));
    answer(202, &json!({}))
}

/// Pages of one job, newest first, so that pages are met.
async fn search(State(shared): State<Arc<Shared>>, Query(asked): Query<HashMap<String, String>>) -> Response {
    let (lag, ledger) = (shared.knobs().search_lag, shared.ledger());
    let input = asked.get("inputFile").cloned().unwrap_or_default();
    let mut found: Vec<&Job> = ledger
        .jobs
        .iter()
        .filter(|j| j.created.elapsed() >= lag)
        .filter(|j| {
            j.request["settings"]["inputs"][0]["fileInput"].as_str().is_some_and(|i| i.contains(&input))
        })
        .collect();
    found.reverse();
    let from = asked.get("nextToken").and_then(|t| t.parse().ok()).unwrap_or(0_usize);
    let page: Vec<Value> = found.iter().skip(from).take(1).map(|j| j.json()).collect();
    let mut said = json!({"jobs": page});
    if found.len() > from + 1 {
        said["nextToken"] = json!((from + 1).to_string());
    }
    answer(200, &said)
}
