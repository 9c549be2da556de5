//! What DynamoDB charges, as the double counts it: one process of the product on DynamoDB tables, through
//! a gate that adds up the capacity named in every answer.

use super::toll::{Toll, TollGate, Tolls, sum};
use crate::report::{Better, Figure, Report};
use crate::server::{PORT, Server, free_port};
use crate::walk::media::{phone_clip, publish};
use crate::{Args, seed};
use anyhow::{Context, ensure};
use aws::catalog::DynamoVideoStore;
use aws::dynamo::Dynamo;
use aws::{Aws, AwsSettings};
use signal::client::Client;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Videos the feed chooses from.
const VIDEOS: u64 = 300;
/// How long the idle process is watched: what it asks by itself is not the video's cost.
const IDLE: Duration = Duration::from_secs(20);
const PAGES: usize = 8;

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
    let (gate, url) = TollGate::open(behind).await?;
    let port = free_port()?.to_string();
    let settings = [
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
    seed(&url).await?;
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
    gate.take();
    tokio::time::sleep(IDLE).await;
    let idle = gate.take();
    tell("idle", &idle);
    published(args, &server, &gate, &idle, report).await?;
    feed_pages(&server, &gate, report).await?;
    own_videos(&server, &gate, report).await
}

async fn seed(url: &str) -> anyhow::Result<()> {
    let settings = AwsSettings {
        region: "us-east-1".into(),
        endpoint: Some(url.to_owned()),
        credentials: Some(("bench".into(), "bench".into())),
        ..AwsSettings::default()
    };
    let aws = Aws::open(settings, Arc::new(stdx::OsEntropy)).await;
    seed::videos(&DynamoVideoStore::new(Dynamo::new(&aws, "bench-")), VIDEOS).await
}

fn tell(what: &str, tolls: &Tolls) {
    println!("{what}:");
    for (name, t) in tolls {
        println!(
            "  {name:<34} {:>4} requests {:>7.1} RCU {:>7.1} WCU",
            t.requests, t.read_units, t.write_units
        );
    }
}

fn charge(report: &mut Report, name: &str, unit: &str, value: f64, target: f64) {
    report.add(&Figure { name, value, unit, baseline: None, target, better: Better::Lower });
}

/// What is left when the idle process's own questions are taken out.
fn without(idle: &Tolls, tolls: &Tolls, elapsed: Duration) -> Toll {
    let (all, own) = (sum(tolls), sum(idle));
    let share = elapsed.as_secs_f64() / IDLE.as_secs_f64();
    Toll {
        requests: all.requests,
        read_units: all.read_units - own.read_units * share,
        write_units: all.write_units - own.write_units * share,
    }
}

async fn published(
    args: &Args,
    server: &Server,
    gate: &TollGate,
    idle: &Tolls,
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
    gate.take();
    let begun = Instant::now();
    let published = publish(server, &operator, &clip).await?;
    let (tolls, elapsed) = (gate.take(), begun.elapsed());
    tell("upload to published, the benchmark's questions included", &tolls);
    let mut net = without(idle, &tolls, elapsed);
    let asked = question(&operator, gate, &published.video).await?;
    net.read_units -= asked * f64::from(published.questions);
    charge(report, "dynamodb_upload_to_published_wcu", "WCU", net.write_units, 40.0);
    charge(report, "dynamodb_upload_to_published_rcu", "RCU", net.read_units, 40.0);
    Ok(())
}

/// What one of the benchmark's own questions for the video reads, on average of ten.
async fn question(operator: &Client, gate: &TollGate, video: &str) -> anyhow::Result<f64> {
    gate.take();
    for _ in 0..10 {
        operator.get(&format!("/v1/videos/{video}")).await?;
    }
    let tolls = gate.take();
    let own = ["Accounts", "UserLibrary", "Videos", "EngagementAgg"];
    let of_question = tolls.iter().filter(|(name, _)| {
        own.iter().any(|table| name.ends_with(&format!("-{table}")))
            && !name.starts_with("Query bench-Videos")
    });
    Ok(of_question.map(|(_, t)| t.read_units).sum::<f64>() / 10.0)
}

/// The first page ranks from nothing and is not counted; the next ones come from the warm queue.
async fn feed_pages(server: &Server, gate: &TollGate, report: &mut Report) -> anyhow::Result<()> {
    let viewer = Client::guest(&server.url, "00000000000000000000009001", "bench").await?;
    let mut cursor = page(&viewer, None).await?;
    let mut worst = Toll::default();
    let mut mean = Toll::default();
    for _ in 0..PAGES {
        // Top-ups go on behind the answer: let them end before the next page is counted.
        tokio::time::sleep(Duration::from_millis(700)).await;
        gate.take();
        cursor = page(&viewer, cursor.as_deref()).await?;
        tokio::time::sleep(Duration::from_millis(60)).await;
        let tolls = gate.take();
        let one = sum(&tolls);
        tell("a feed page of 20", &tolls);
        mean.read_units += one.read_units / PAGES as f64;
        mean.write_units += one.write_units / PAGES as f64;
        worst.read_units = worst.read_units.max(one.read_units);
    }
    charge(report, "dynamodb_warm_feed_page_wcu", "WCU", mean.write_units, 2.0);
    charge(report, "dynamodb_warm_feed_page_rcu", "RCU", mean.read_units, 3.0);
    charge(report, "dynamodb_worst_feed_page_rcu", "RCU", worst.read_units, 13.0);
    Ok(())
}

async fn page(viewer: &Client, cursor: Option<&str>) -> anyhow::Result<Option<String>> {
    let path = match cursor {
        Some(c) => format!("/v1/feed?limit=20&cursor={c}"),
        None => "/v1/feed?limit=20".to_owned(),
    };
    let page = viewer.get(&path).await?;
    let items = page["items"].as_array().map_or(0, Vec::len);
    ensure!(items == 20, "a page of {items} items");
    Ok(page["next_cursor"].as_str().map(str::to_owned))
}

async fn own_videos(server: &Server, gate: &TollGate, report: &mut Report) -> anyhow::Result<()> {
    let operator = server.operator().await?;
    // Counters are kept for a while; the second look is the page alone.
    operator.get("/v1/me/videos?limit=20").await?;
    gate.take();
    operator.get("/v1/me/videos?limit=20").await?;
    let tolls = gate.take();
    tell("a page of own videos", &tolls);
    let queries =
        tolls.iter().filter(|(name, _)| name.starts_with("Query")).map(|(_, t)| t.requests).sum::<u64>();
    charge(report, "dynamodb_own_videos_queries", "queries", queries as f64, 1.0);
    Ok(())
}
