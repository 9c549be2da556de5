//! What pages cost on DynamoDB: a viewer's feed, page by page, and an owner's own videos.
//!
//! A process asks for several things on its own account: what was published meanwhile, what happened in the
//! logs, which job is due. They cost the same for one page as for a thousand and are counted by the time.
//! What a page asks for itself is told by table: the viewer's queue, what they saw and put on shelves, and
//! the records, counters and people it shows, which are read eventually.

use super::dynamo::{charge, tell};
use super::toll::{TollGate, Tolls, sum};
use crate::report::Report;
use crate::server::Server;
use anyhow::ensure;
use signal::client::Client;
use std::time::Duration;

/// Items of a page: what the targets are about.
const ITEMS: usize = 20;
/// Pages of one queue of 200.
const QUEUE_PAGES: usize = 10;
/// Pages of a viewer: two queues, and so two top-ups.
const PAGES: usize = 18;
/// Longer than a record is remembered (30 s) and a card trusted (5 s), shorter than counters live (60 s).
const RECORDS_FADE: Duration = Duration::from_secs(36);
/// Longer than anything is remembered but people.
const COUNTERS_FADE: Duration = Duration::from_secs(62);
/// For what goes on behind an answer.
const SETTLE: Duration = Duration::from_millis(60);

/// Requests that a page makes for itself.
fn own(tolls: &Tolls) -> Tolls {
    let asked = ["FeedCache", "Seen", "UserLibrary", "Accounts", "EngagementAgg"];
    let is_own = |name: &str| {
        let of_viewer = asked.iter().any(|table| name.ends_with(&format!("-{table}")));
        // Strong ones are the index of the whole feed and the house's sweeps.
        of_viewer || (name.starts_with("BatchGetItem") && name.ends_with("-Videos"))
    };
    tolls.iter().filter(|(name, _)| is_own(name)).map(|(name, toll)| (name.clone(), *toll)).collect()
}

/// A ranking reads the whole queue and its ring; a page only its row.
fn has_top_up(tolls: &Tolls) -> bool {
    tolls.iter().any(|(name, _)| name.starts_with("Query") && name.ends_with("-FeedCache"))
}

/// Whether a page found video records that the process no longer trusts.
fn reads_records(tolls: &Tolls) -> bool {
    tolls.iter().any(|(name, _)| name.starts_with("BatchGetItem"))
}

struct Viewer {
    client: Client,
    cursor: Option<String>,
}

impl Viewer {
    async fn new(server: &Server, device: u64) -> anyhow::Result<Self> {
        let client = Client::guest(&server.url, &format!("{device:026}"), "bench").await?;
        Ok(Self { client, cursor: None })
    }

    async fn page(&mut self) -> anyhow::Result<()> {
        let path = match &self.cursor {
            Some(c) => format!("/v1/feed?limit={ITEMS}&cursor={c}"),
            None => format!("/v1/feed?limit={ITEMS}"),
        };
        let page = self.client.get(&path).await?;
        let items = page["items"].as_array().map_or(0, Vec::len);
        ensure!(items == ITEMS, "a page of {items} items");
        self.cursor = page["next_cursor"].as_str().map(str::to_owned);
        Ok(())
    }

    /// What the next page asks for itself.
    async fn counted(&mut self, gate: &TollGate) -> anyhow::Result<Tolls> {
        gate.take();
        self.page().await?;
        tokio::time::sleep(SETTLE).await;
        Ok(own(&gate.take()))
    }
}

/// A first viewer has warmed the process with every video; the second one is counted.
pub async fn feed(server: &Server, gate: &TollGate, report: &mut Report) -> anyhow::Result<()> {
    let mut first = Viewer::new(server, 9_001).await?;
    for _ in 0..PAGES {
        first.page().await?;
    }
    let mut viewer = Viewer::new(server, 9_002).await?;
    let (mut pages, mut top_ups, mut faded) = (Vec::new(), Vec::new(), 0);
    for _ in 0..PAGES {
        let tolls = viewer.counted(gate).await?;
        if reads_records(&tolls) {
            // On a slow machine the kept records outlive their 30 s before the last page: a cold page.
            faded += 1;
        } else if has_top_up(&tolls) {
            tell("a feed page of 20 and its top-up", &tolls);
            top_ups.push(sum(&tolls));
        } else {
            pages.push(tolls);
        }
    }
    println!(
        "NOTE dynamodb_pages from_the_queue={} with_a_top_up={} records_faded={faded}",
        pages.len(),
        top_ups.len()
    );
    ensure!(!top_ups.is_empty() && pages.len() >= QUEUE_PAGES, "{} pages came from the queue", pages.len());
    if let Some(last) = pages.last() {
        tell("a feed page of 20 from a warm queue", last);
    }
    let costs: Vec<_> = pages.iter().map(sum).collect();
    let (n, worst) = (costs.len() as f64, costs.iter().map(|c| c.read_units).fold(0.0, f64::max));
    let mean = costs.iter().fold((0.0, 0.0), |m, c| (m.0 + c.read_units / n, m.1 + c.write_units / n));
    charge(report, "dynamodb_warm_feed_page_wcu", "WCU", mean.1, 2.0);
    charge(report, "dynamodb_warm_feed_page_rcu", "RCU", mean.0, 3.0);
    charge(report, "dynamodb_worst_warm_feed_page_rcu", "RCU", worst, 3.0);
    // What the page with a top-up costs more, spread over the pages of a queue.
    let of_page = (QUEUE_PAGES * top_ups.len()) as f64;
    let (reads, writes) =
        top_ups.iter().fold((0.0, 0.0), |m, c| (m.0 + c.read_units - mean.0, m.1 + c.write_units - mean.1));
    println!(
        "NOTE dynamodb_top_up_a_page rcu={:.2} wcu={:.2} (a ranking behind the answer, spread over its pages)",
        reads / of_page,
        writes / of_page
    );
    cold(server, gate, report).await
}

/// The queue is warm, the process is not: first without records, as the target says, then without counters too.
async fn cold(server: &Server, gate: &TollGate, report: &mut Report) -> anyhow::Result<()> {
    // Counters live longer than records, so all are read anew before the records alone fade.
    tokio::time::sleep(COUNTERS_FADE).await;
    let mut viewer = Viewer::new(server, 9_003).await?;
    viewer.page().await?;
    let mut another = Viewer::new(server, 9_005).await?;
    for _ in 0..PAGES {
        another.page().await?;
    }
    tokio::time::sleep(RECORDS_FADE).await;
    let tolls = viewer.counted(gate).await?;
    tell("a feed page of 20 whose records are not remembered", &tolls);
    charge(report, "dynamodb_cold_feed_page_rcu", "RCU", sum(&tolls).read_units, 13.0);
    tokio::time::sleep(COUNTERS_FADE).await;
    let tolls = viewer.counted(gate).await?;
    tell("a feed page of 20 after a minute without any", &tolls);
    println!(
        "NOTE dynamodb_feed_page_after_a_quiet_minute rcu={:.1} (counters are read anew too: 0.5 a video)",
        sum(&tolls).read_units
    );
    Ok(())
}

/// What the process reads for all pages together, so that the feed knows what was published.
pub async fn index(server: &Server, gate: &TollGate) -> anyhow::Result<()> {
    const WATCHED: Duration = Duration::from_secs(20);
    let mut viewer = Viewer::new(server, 9_004).await?;
    viewer.page().await?;
    gate.take();
    let begun = std::time::Instant::now();
    // The same page again and again: nothing of it changes.
    let path = format!("/v1/feed?limit={ITEMS}&cursor={}", viewer.cursor.clone().unwrap_or_default());
    while begun.elapsed() < WATCHED {
        viewer.client.get(&path).await?;
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
    let tolls = gate.take();
    let of_index = tolls
        .iter()
        .filter(|(name, _)| name.ends_with("Videos strong") || name.ends_with("Videos VideosByPlace"));
    let units: f64 = of_index.map(|(_, t)| t.read_units).sum();
    // No target: it grows with the videos, not with the viewers.
    println!(
        "NOTE the feed's index costs a process {:.1} RCU a second",
        units / begun.elapsed().as_secs_f64()
    );
    Ok(())
}

pub async fn own_videos(server: &Server, gate: &TollGate, report: &mut Report) -> anyhow::Result<()> {
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
