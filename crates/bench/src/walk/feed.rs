//! Feed pages at a steady 300 requests a second, open loop: a late answer delays no later question.

use crate::report::{Better, Figure, Report};
use crate::server::Server;
use hdrhistogram::Histogram;
use signal::client::Client;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use stdx::OsEntropy;

const RATE: u64 = 300;
const SECONDS: u64 = 10;
const VIEWERS: usize = 60;
const VIDEOS: u32 = 24;

pub async fn run(server: &Server, report: &mut Report) -> anyhow::Result<()> {
    let operator = server.operator().await?;
    signal::demo::Demo { url: &server.url, moderator: &operator, entropy: &OsEntropy, tell: &|_| {} }
        .run(VIDEOS, 2)
        .await?;
    let mut viewers = Vec::new();
    for n in 0..VIEWERS {
        viewers.push(Arc::new(
            Client::guest(&server.url, &format!("000000000000000000000002{n:02}"), "bench").await?,
        ));
    }
    let histogram = Arc::new(Mutex::new(Histogram::<u64>::new(3)?));
    let failures = Arc::new(Mutex::new(Vec::new()));
    let begin = tokio::time::Instant::now();
    let mut asked = Vec::new();
    for n in 0..RATE * SECONDS {
        let due = begin + Duration::from_micros(n * 1_000_000 / RATE);
        tokio::time::sleep_until(due).await;
        let viewer = Arc::clone(&viewers[n as usize % VIEWERS]);
        let (histogram, failures) = (Arc::clone(&histogram), Arc::clone(&failures));
        asked.push(tokio::spawn(async move {
            let started = Instant::now().min(due.into_std());
            // `again=true` keeps pages full for viewers who have seen everything.
            let answer = viewer.get("/v1/feed?limit=10&again=true").await;
            let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
            if let Err(e) = answer {
                failures.lock().expect("not poisoned").push(format!("{e:#}"));
            }
            let _ = histogram.lock().expect("not poisoned").record(micros);
        }));
    }
    for one in asked {
        one.await?;
    }
    let failures = failures.lock().expect("not poisoned");
    anyhow::ensure!(
        failures.is_empty(),
        "{} feed requests failed, the first: {}",
        failures.len(),
        failures[0]
    );
    let histogram = histogram.lock().expect("not poisoned");
    let ms = |q: f64| histogram.value_at_quantile(q) as f64 / 1000.0;
    println!(
        "feed pages: {} at {RATE}/s, p50 {:.2} ms, p90 {:.2} ms, max {:.2} ms",
        histogram.len(),
        ms(0.5),
        ms(0.9),
        ms(1.0)
    );
    report.add(&Figure {
        name: "feed_page_p99_at_300_rps",
        value: ms(0.99),
        unit: "ms",
        baseline: None,
        target: 10.0,
        better: Better::Lower,
    });
    Ok(())
}
