//! One request a profile, as it goes over the wire, written down. `tests/outside/aws_media.py` holds the same
//! files against the service's own model.

use super::rig::{ROLE, loudness};
use super::support;
use ::transcode::{LadderProfile, plan};
use aws::Aws;
use aws::mediaconvert::{Captures, Effort, JobSettings, Order, PRICES, Service, estimate};
use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient,
    SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use aws_smithy_types::body::SdkBody;
use catalog::{SourceFacts, Transform};
use serde_json::{Value, json};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use stdx::OsEntropy;
use testkit::Trial;
use vocab::{Bytes, Millis, VideoId};

/// Keeps what is sent and answers that a job was made.
#[derive(Debug, Clone, Default)]
struct Ear(Arc<Mutex<Option<Value>>>);

impl HttpClient for Ear {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Ear {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let body = request.body().bytes().and_then(|b| serde_json::from_slice(b).ok());
        *self.0.lock().expect("not poisoned") = body;
        let said = json!({"job": {"id": "1", "role": ROLE, "settings": {}}}).to_string();
        HttpConnectorFuture::ready(Ok(HttpResponse::new(
            201.try_into().expect("a status"),
            SdkBody::from(said),
        )))
    }
}

/// One profile: a source and what is wanted of it.
#[derive(Clone)]
struct Profile {
    name: &'static str,
    facts: SourceFacts,
    transform: Transform,
    effort: Effort,
    captures: Option<Captures>,
    ladder: LadderProfile,
}

fn of(name: &'static str, width: u32, height: u32) -> Profile {
    Profile {
        name,
        facts: SourceFacts {
            duration_ms: Millis(12_000),
            width,
            height,
            fps_milli: 29_970,
            has_audio: true,
            video_codec: "h264".into(),
            audio_codec: Some("aac".into()),
            size_bytes: Bytes(6_900_000),
        },
        transform: Transform::default(),
        effort: Effort::Balanced,
        captures: None,
        ladder: LadderProfile::default(),
    }
}

fn profiles() -> Vec<Profile> {
    let mut all = vec![of("portrait", 1080, 1920), of("landscape", 1920, 1080), of("square", 1080, 1080)];
    let mut silent = of("silent", 1080, 1920);
    (silent.facts.has_audio, silent.facts.audio_codec) = (false, None);
    let mut muted = of("muted", 1080, 1920);
    muted.transform.mute = true;
    let mut tiny = of("tiny", 160, 90);
    tiny.facts.size_bytes = Bytes(200_000);
    let mut economy = of("economy", 1080, 1920);
    economy.ladder.encoder = ::transcode::policy::EncoderProfile::Economy;
    economy.ladder.crf_centi = 2_600;
    let mut trimmed = of("trimmed", 1080, 1920);
    trimmed.transform = Transform {
        trim_start_ms: Some(Millis(1_500)),
        trim_end_ms: Some(Millis(9_000)),
        ..Transform::default()
    };
    let mut captured = of("captured", 1080, 1920);
    captured.captures = Some(Captures::default());
    all.extend([silent, muted, tiny, economy, trimmed, captured]);
    all
}

async fn sent(profile: &Profile) -> Value {
    let plan = plan(&profile.facts, &profile.transform, &profile.ladder).expect("planned");
    let settings = JobSettings {
        role: ROLE.into(),
        queue: "arn:aws:mediaconvert:eu-central-1:111122223333:queues/signal".into(),
        effort: profile.effort,
        captures: profile.captures,
    };
    let order = Order {
        video: VideoId(1),
        plan: &plan,
        facts: &profile.facts,
        loudness: Some(loudness()),
        input: "s3://signal-media/raw/9e/0000000000001/00000000000000000000000007".into(),
        settings: &settings,
    };
    let work = order.work();
    let to = format!("s3://signal-media/encoded/9e/0000000000001/{work}/1/");
    let request = order.request(&work, 1, &to).expect("rendered");
    let ear = Ear::default();
    let aws = Aws::with_http(
        support::settings("http://127.0.0.1:9"),
        SharedHttpClient::new(ear.clone()),
        Arc::new(OsEntropy),
    )
    .await;
    Service::new(aws.mediaconvert()).creation(request, &settings).send().await.expect("heard");
    let heard = ear.0.lock().expect("not poisoned").take();
    heard.expect("a body")
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(format!("tests/mediaconvert/golden/{name}.json"))
}

fn is_as_written(profile: &Profile) {
    let sent = support::block_on(sent(profile));
    let text = format!("{}\n", serde_json::to_string_pretty(&sent).expect("text"));
    let path = file(profile.name);
    if std::env::var_os("SIGNAL_WRITE_GOLDEN").is_some() {
        std::fs::write(&path, &text).expect("written");
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == text,
        "{} is another request now. If that is meant: grow RECIPE, and SIGNAL_WRITE_GOLDEN=1 writes the files",
        path.display()
    );
}

/// The promises of a plan, looked for in the text that is sent.
fn the_plan_is_in_the_request(profile: &Profile) {
    let (sent, plan) = (
        support::block_on(sent(profile)),
        plan(&profile.facts, &profile.transform, &profile.ladder).expect("planned"),
    );
    let settings = &sent["settings"];
    assert_eq!(settings["inputs"][0]["videoSelector"]["rotate"], "AUTO");
    let outputs = settings["outputGroups"][0]["outputs"].as_array().expect("outputs");
    assert_eq!(outputs.len(), plan.rungs.len() + usize::from(plan.audio.is_some()));
    for (output, rung) in outputs.iter().zip(&plan.rungs) {
        let picture = &output["videoDescription"];
        assert_eq!(
            (picture["width"].as_u64(), picture["height"].as_u64()),
            (Some(u64::from(rung.width)), Some(u64::from(rung.height)))
        );
        let h264 = &picture["codecSettings"]["h264Settings"];
        let cap = u64::from(rung.max_kbps.0) * 1_000;
        assert_eq!((h264["maxBitrate"].as_u64(), h264["hrdBufferSize"].as_u64()), (Some(cap), Some(2 * cap)));
        assert_eq!(h264["hrdBufferInitialFillPercentage"], 50);
        assert_eq!((&h264["gopSize"], &h264["gopClosedCadence"]), (&json!(2.0), &json!(1)));
        assert_eq!(h264["framerateNumerator"].as_u64(), Some(u64::from(plan.fps)));
    }
    let sound = outputs.iter().find_map(|o| o["audioDescriptions"].get(0));
    assert_eq!(sound.is_some(), plan.audio.is_some());
    if let Some(sound) = sound {
        let level = &sound["audioNormalizationSettings"];
        assert_eq!((&level["targetLkfs"], &level["truePeakLimiterThreshold"]), (&json!(-16.0), &json!(-1.5)));
        assert_eq!(
            (&level["algorithm"], &level["peakCalculation"]),
            (&json!("ITU_BS_1770_4"), &json!("TRUE_PEAK"))
        );
    }
    let is_trimmed = profile.transform.trim_start_ms.is_some();
    assert_eq!(settings["inputs"][0]["inputClippings"].is_array(), is_trimmed);
}

fn equal_orders_have_equal_names_and_others_have_others() {
    let works: Vec<String> = profiles()
        .iter()
        .map(|p| support::block_on(sent(p))["userMetadata"]["work"].as_str().expect("a work").to_owned())
        .collect();
    let again: Vec<String> = profiles()
        .iter()
        .map(|p| support::block_on(sent(p))["userMetadata"]["work"].as_str().expect("a work").to_owned())
        .collect();
    assert_eq!(works, again);
    let mut distinct = works.clone();
    distinct.sort();
    distinct.dedup();
    // A muted video and one without sound are the same work of the same input.
    assert_eq!(distinct.len(), works.len() - 1);
}

fn a_cost_is_known_before() {
    let cost = |name: &str, duration: i64, normalised| {
        let mut p = profiles().into_iter().find(|p| p.name == name).expect("a profile");
        p.facts.duration_ms = Millis(duration);
        p.facts.size_bytes = Bytes(duration as u64 * 500);
        let plan = plan(&p.facts, &p.transform, &p.ladder).expect("planned");
        estimate(&plan, normalised, &PRICES)
    };
    // Three rungs of SD, one of HD, sound and its correction: a minute costs 3 × 7500 + 15000 + 2 × 3750.
    let minute = cost("portrait", 60_000, true);
    assert_eq!((minute.outputs, minute.micros, minute.billed), (5, 45_000, Millis(300_000)));
    assert_eq!(cost("silent", 60_000, false).micros, 37_500);
    // Ten seconds at least.
    assert_eq!(cost("silent", 2_000, false).micros, cost("silent", 10_000, false).micros);
}

pub fn trials() -> Vec<Trial> {
    let mut all = Vec::new();
    for profile in profiles() {
        let (name, other) = (profile.name, profile.clone());
        all.push(Trial::test(format!("golden::{name}::is_as_written"), move || {
            is_as_written(&profile);
            Ok(())
        }));
        all.push(Trial::test(format!("golden::{name}::the_plan_is_in_the_request"), move || {
            the_plan_is_in_the_request(&other);
            Ok(())
        }));
    }
    all.push(Trial::test("golden::equal_orders_have_equal_names_and_others_have_others", || {
        equal_orders_have_equal_names_and_others_have_others();
        Ok(())
    }));
    all.push(Trial::test("golden::a_cost_is_known_before", || {
        a_cost_is_known_before();
        Ok(())
    }));
    all
}
