//! What DynamoDB charges, as the double counts it: one process of the product on DynamoDB tables, through
//! a gate that adds up the capacity named in every answer.

use super::life::Life;
use super::pages;
use super::toll::{Toll, TollGate, Tolls, sum};
use crate::report::{Better, Figure, Report};
use crate::server::{PORT, Server, free_port};
use crate::walk::media::phone_clip;
use crate::{Args, seed};
use anyhow::{Context, ensure};
use aws::catalog::DynamoVideoStore;
use aws::dynamo::Dynamo;
use aws::identity::DynamoAccountStore;
use aws::{Aws, AwsSettings};
use catalog::VideoStore;
use serde_json::json;
use signal::client::{Client, text_of};
use signal::commands::upload::{Bar, hash, send_parts};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vocab::{Status, VideoId};

/// What a video may cost until it is published, reads and writes each, whoever approves it.
const TARGET_UNITS: f64 = 40.0;
/// Videos the feed chooses from.
const VIDEOS: u64 = 400;
/// How long the idle process is watched.
const IDLE: Duration = Duration::from_secs(20);
/// Between two looks at the record, past the gate.
const LOOK: Duration = Duration::from_millis(100);
const PUBLISHED_WAIT: Duration = Duration::from_secs(300);
const WAVES_WAIT: Duration = Duration::from_secs(300);
const AFTERWARDS: Duration = Duration::from_secs(3);

struct Double(Child);

impl Drop for Double {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

async fn double(program: &Path) -> anyhow::Result<(Double, String)> {
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let child = Command::new(program)
        .args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("cannot start {}", program.display()))?;
    let double = Double(child);
    let begun = Instant::now();
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        ensure!(begun.elapsed() < Duration::from_secs(10), "the double does not listen");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok((double, format!("http://127.0.0.1:{port}")))
}

pub async fn run(args: &Args, dynoxide: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (_double, behind) = double(dynoxide).await?;
    let (gate, url) = TollGate::open(behind.clone(), args.calls.as_deref()).await?;
    let port = free_port()?.to_string();
    let settings = [
        // A person approves where the model is not installed.
        ("SIGNAL_MODERATION__CLASSIFIER", "nsfwjs:"),
        (PORT, port.as_str()),
        ("SIGNAL_STORES__URL", "dynamodb://us-east-1/bench-"),
        ("SIGNAL_STORES__ENDPOINT", url.as_str()),
        ("SIGNAL_SERVER__SECRET", "a secret of the benchmark, 32 bytes or more"),
        ("AWS_ACCESS_KEY_ID", "bench"),
        ("AWS_SECRET_ACCESS_KEY", "bench"),
    ];
    let made = Command::new(&args.signal)
        .args(["contract", "--create"])
        .envs(settings)
        .stdout(Stdio::null())
        .status()?;
    ensure!(made.success(), "cannot create the tables");
    let records = seed(&behind).await?;
    // Where records are shared, the session of this machine's commands is made on demand.
    let data = tempfile::tempdir()?;
    let asked = Command::new(&args.signal)
        .arg("--data-dir")
        .arg(data.path())
        .arg("operator")
        .envs(settings)
        .stdout(Stdio::null())
        .status()?;
    ensure!(asked.success(), "no operator session");
    let server = Server::start_with(&args.signal, data, &settings).await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    gate.mark("idle");
    gate.take();
    tokio::time::sleep(IDLE).await;
    let idle = gate.take();
    tell("idle", &idle);
    by_the_clock("dynamodb_idle", &sum(&idle), IDLE);
    published(args, &server, &gate, &records, report).await?;
    pages::feed(&server, &gate, report).await?;
    pages::index(&server, &gate).await?;
    pages::own_videos(&server, &gate, report).await
}

/// Writes past the gate; the records are looked at there, too.
async fn seed(url: &str) -> anyhow::Result<DynamoVideoStore> {
    let settings = AwsSettings {
        region: "us-east-1".into(),
        endpoint: Some(url.to_owned()),
        credentials: Some(("bench".into(), "bench".into())),
        ..AwsSettings::default()
    };
    let aws = Aws::open(settings, Arc::new(stdx::OsEntropy)).await;
    let tables = Dynamo::new(&aws, "bench-");
    let records = DynamoVideoStore::new(tables.clone());
    let owners = seed::videos(&records, VIDEOS).await?;
    seed::people(&DynamoAccountStore::new(tables), &owners).await?;
    Ok(records)
}

pub fn tell(what: &str, tolls: &Tolls) {
    println!("{what}:");
    for (name, t) in tolls {
        println!(
            "  {name:<34} {:>4} requests {:>7.1} RCU {:>7.1} WCU",
            t.requests, t.read_units, t.write_units
        );
    }
}

pub fn charge(report: &mut Report, name: &str, unit: &str, value: f64, target: f64) {
    report.add(&Figure { name, value, unit, baseline: None, target, better: Better::Lower });
}

/// What the process asks by the clock, whoever uses it.
fn by_the_clock(name: &str, toll: &Toll, elapsed: Duration) {
    let minutes = elapsed.as_secs_f64() / 60.0;
    println!(
        "NOTE {name} requests={:.0} rcu={:.1} wcu={:.1} a minute",
        toll.requests as f64 / minutes,
        toll.read_units / minutes,
        toll.write_units / minutes
    );
}

fn aside(name: &str, toll: &Toll) {
    println!("NOTE {name} requests={} rcu={:.1} wcu={:.1}", toll.requests, toll.read_units, toll.write_units);
}

/// The machine approves if it has the model and lets the clip pass; a person does if not.
async fn published(
    args: &Args,
    server: &Server,
    gate: &TollGate,
    records: &DynamoVideoStore,
    report: &mut Report,
) -> anyhow::Result<()> {
    let source = args.media.join("natural/nail_portrait_1080x1916_30fps.mp4");
    if !source.is_file() {
        report.skip("dynamodb_upload_to_published", "the real phone clip is not there");
        return Ok(());
    }
    let dir = tempfile::tempdir()?;
    let clip = phone_clip(&source, dir.path())?;
    let operator = server.operator().await?;
    gate.mark("upload to published");
    gate.keep();
    let begun = Instant::now();
    let (video, upload, by_person) = publish(&operator, records, &clip).await?;
    gate.mark("published");
    let wave = settled(records, video).await?;
    let elapsed = begun.elapsed();
    gate.mark("all waves");
    let owner = records.get(video).await?.owner.to_string();
    let names = [video.to_string(), upload, hash(&clip)?];
    let life = Life::of(&gate.kept(), &names, &owner);
    tell("upload to published", &life.published);
    let (all, who) = (sum(&life.published), if by_person { "_by_a_person" } else { "" });
    // Behind a bus nothing is written to tell other processes; without one, as here, the notices come on top.
    let behind = all.write_units - life.notices.write_units;
    charge(
        report,
        &format!("dynamodb_upload_to_published{who}_behind_a_bus_wcu"),
        "WCU",
        behind,
        TARGET_UNITS,
    );
    charge(report, &format!("dynamodb_upload_to_published{who}_wcu"), "WCU", all.write_units, TARGET_UNITS);
    charge(report, &format!("dynamodb_upload_to_published{who}_rcu"), "RCU", all.read_units, TARGET_UNITS);
    aside("dynamodb_notices_until_published", &life.notices);
    aside("dynamodb_heartbeats_until_published", &life.heartbeats);
    aside("dynamodb_progress_until_published", &life.progress);
    aside(if wave { "dynamodb_later_waves" } else { "dynamodb_later_waves_unfinished" }, &life.later);
    by_the_clock("dynamodb_by_the_clock_while_it_works", &life.others, elapsed);
    Ok(())
}

/// Uploads, and waits until it is live; looks past the gate. Approves where the machine wants a person.
async fn publish(
    operator: &Client,
    records: &DynamoVideoStore,
    clip: &Path,
) -> anyhow::Result<(VideoId, String, bool)> {
    let sha256 = hash(clip)?;
    let size = std::fs::metadata(clip)?.len();
    let body = json!({ "filename": "phone.mp4", "size_bytes": size, "sha256": sha256, "title": "bench" });
    // As the web client does.
    let upload = operator.post_keyed("/v1/uploads", &body, "bench").await?;
    send_parts(operator, &upload, clip, &Bar::hidden()).await?;
    let id = text_of(&upload, "upload_id")?;
    let done = operator.post(&format!("/v1/uploads/{id}/complete"), &json!({ "sha256": sha256 })).await?;
    let video: VideoId = text_of(&done, "video_id")?.parse()?;
    let (begun, mut by_person) = (Instant::now(), false);
    loop {
        match records.get(video).await?.status {
            Status::Published => return Ok((video, id, by_person)),
            Status::InReview => {
                by_person = true;
                let body = json!({ "decision": "approve", "reason": "benchmark" });
                operator.post(&format!("/v1/moderation/videos/{video}/decision"), &body).await?;
            }
            Status::Failed | Status::Rejected => anyhow::bail!("the phone clip was not published"),
            _ => {}
        }
        ensure!(begun.elapsed() < PUBLISHED_WAIT, "not published after {PUBLISHED_WAIT:?}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Waits until nothing is to come; `false`: it takes too long.
async fn settled(records: &DynamoVideoStore, video: VideoId) -> anyhow::Result<bool> {
    let begun = Instant::now();
    while begun.elapsed() < WAVES_WAIT {
        if records.get(video).await?.package.is_some_and(|p| p.pending.is_empty()) {
            // The job that added the last rungs ends after them.
            tokio::time::sleep(AFTERWARDS).await;
            return Ok(true);
        }
        tokio::time::sleep(LOOK).await;
    }
    Ok(false)
}
