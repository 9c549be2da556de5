//! Feed pages at a steady 300 requests a second, open loop: a late answer delays no later question.
//!
//! Through the whole path (warm queue, top-up, ranking, the durable record of what was served) over a
//! catalog of thousands of videos by many owners; every viewer pages on with its cursor.

use crate::report::{Better, Figure, Report};
use crate::server::Server;
use embedded::catalog::EmbeddedVideoStore;
use embedded::{Database, DbPolicy};
use hdrhistogram::Histogram;
use signal::client::Client;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const RATE: u64 = 300;
const SECONDS: u64 = 10;
const VIEWERS: usize = 300;
/// Viewers at a time; a tenth of all pages is somebody's first.
const FRESH: u64 = 30;
const VIDEOS: u64 = 5_000;

/// Writes the catalog that the feed is measured on, before the server starts.
pub async fn seed(data_dir: &Path) -> anyhow::Result<()> {
    let db = Database::open(data_dir, embedded::SCHEMA, &DbPolicy::default())?;
    crate::seed::videos(&EmbeddedVideoStore::new(db), VIDEOS).await?;
    Ok(())
}

pub async fn run(server: &Server, report: &mut Report) -> anyhow::Result<()> {
    let mut viewers = Vec::new();
    for n in 0..VIEWERS {
        let client = Client::guest(&server.url, &format!("00000000000000000000002{n:03}"), "bench").await?;
        viewers.push(Arc::new(tokio::sync::Mutex::new((client, None::<String>))));
    }
    let histogram = Arc::new(Mutex::new(Histogram::<u64>::new(3)?));
    let failures = Arc::new(Mutex::new(Vec::new()));
    let begin = tokio::time::Instant::now();
    let mut asked = Vec::new();
    for n in 0..RATE * SECONDS {
        let due = begin + Duration::from_micros(n * 1_000_000 / RATE);
        tokio::time::sleep_until(due).await;
        // Every second 30 new viewers arrive; each takes ten pages, the first of which ranks from nothing.
        let viewer = Arc::clone(&viewers[(n % FRESH + FRESH * (n / RATE)) as usize % VIEWERS]);
        let (histogram, failures) = (Arc::clone(&histogram), Arc::clone(&failures));
        asked.push(tokio::spawn(async move {
            let (client, cursor) = &mut *viewer.lock().await;
            let started = Instant::now();
            let answer = page(client, cursor).await;
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
    anyhow::ensure!(failures.is_empty(), "{} feed pages failed, the first: {}", failures.len(), failures[0]);
    let histogram = histogram.lock().expect("not poisoned");
    let ms = |q: f64| histogram.value_at_quantile(q) as f64 / 1000.0;
    let (p50, p90, max) = (ms(0.5), ms(0.9), ms(1.0));
    println!(
        "feed pages: {} at {RATE}/s, p50 {p50:.2} ms, p90 {p90:.2} ms, max {max:.2} ms",
        histogram.len()
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

/// The viewer's next page; ten items, or the benchmark measures the wrong thing.
async fn page(client: &Client, cursor: &mut Option<String>) -> anyhow::Result<()> {
    let path = match cursor {
        Some(c) => format!("/v1/feed?limit=10&cursor={c}"),
        None => "/v1/feed?limit=10".to_owned(),
    };
    let page = client.get(&path).await?;
    let items = page["items"].as_array().map_or(0, Vec::len);
    anyhow::ensure!(items == 10, "a page of {items} items");
    *cursor = page["next_cursor"].as_str().map(str::to_owned);
    Ok(())
}
