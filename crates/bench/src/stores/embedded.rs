//! The embedded engine, one call after the other, beside the bare statements.

use super::bare::Bare;
use crate::report::{Better, Figure, Report};
use ::embedded::catalog::EmbeddedVideoStore;
use ::embedded::engagement::EmbeddedEngagementStore;
use ::embedded::{Database, DbPolicy};
use catalog::{Advance, Video, VideoStore};
use engagement::{EngagementPolicy, EngagementStore, ImpressionKey, ShardBatch};
use events::{EventKind, Measures, Placed, Recorded};
use std::time::{Duration, Instant};
use vocab::{DeviceId, ImpressionId, Millis, Status, UserId, VideoId};

const OWNER: UserId = UserId(7);
const ROUNDS: u64 = 400;
const PAGE: usize = 20;
const BATCH: u64 = 1_000;
const BATCHES: u64 = 12;
/// Of the issue: at most this much slower than the bare statement.
const RATIO_MAX: f64 = 1.5;

struct Pair {
    ours: Vec<Duration>,
    bare: Vec<Duration>,
}

impl Pair {
    fn new() -> Self {
        Self { ours: Vec::new(), bare: Vec::new() }
    }

    fn tell(mut self, name: &str, report: &mut Report) {
        report.add(&Figure {
            name,
            value: median_us(&mut self.ours),
            unit: "us",
            baseline: Some(median_us(&mut self.bare)),
            target: RATIO_MAX,
            better: Better::Lower,
        });
    }
}

fn median_us(times: &mut [Duration]) -> f64 {
    times.sort_unstable();
    times[times.len() / 2].as_secs_f64() * 1e6
}

fn video(n: u64) -> Video {
    let born = Millis(1_780_000_000_000 + n as i64);
    let mut video = Video::reserved(VideoId::from_parts(born.0, 5), OWNER, format!("{n:032x}"), born);
    video.meta.title = format!("Clip number {n}");
    video.meta.caption = "What a caption of middling length looks like in practice".into();
    video
}

/// Ours and the bare one by turns, so that the machine's mood strikes both.
pub async fn run(report: &mut Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let db = Database::open(dir.path(), ::embedded::SCHEMA, &DbPolicy::default())?;
    let mut bare = Bare::open(dir.path())?;
    let videos = EmbeddedVideoStore::new(db.clone());
    let (mut put, mut advance, mut page) = (Pair::new(), Pair::new(), Pair::new());
    for n in 0..ROUNDS {
        let video = video(n);
        let body = serde_json::to_string(&video)?;
        let key = i64::try_from(video.id.0)?;
        let begun = Instant::now();
        videos.insert(video.clone()).await?;
        put.ours.push(begun.elapsed());
        let begun = Instant::now();
        bare.put(key, 7, &body)?;
        put.bare.push(begun.elapsed());

        let step = Advance::new(video.id, Status::Reserved, Status::Uploaded, video.created_at);
        let begun = Instant::now();
        videos.advance(step).await?;
        advance.ours.push(begun.elapsed());
        let begun = Instant::now();
        bare.advance(key, &body)?;
        advance.bare.push(begun.elapsed());
    }
    for _ in 0..ROUNDS {
        let begun = Instant::now();
        let found = videos.list_by_owner(OWNER, None, PAGE).await?;
        page.ours.push(begun.elapsed());
        let begun = Instant::now();
        let same = bare.page(7, i64::try_from(PAGE)?)?;
        page.bare.push(begun.elapsed());
        anyhow::ensure!(found.videos.len() == same.len(), "the pages differ");
    }
    put.tell("embedded_document_put", report);
    advance.tell("embedded_conditional_advance", report);
    page.tell("embedded_page_of_20", report);
    counters(db, &mut bare, report).await
}

async fn counters(db: Database, bare: &mut Bare, report: &mut Report) -> anyhow::Result<()> {
    let store = EmbeddedEngagementStore::new(db, EngagementPolicy::default());
    let mut pair = Pair::new();
    for round in 0..BATCHES {
        let events: Vec<Placed> = (0..BATCH).map(|n| event(round * BATCH + n)).collect();
        let rows: Vec<_> = events.iter().filter_map(|p| row(&p.event)).collect();
        let (first, next) = (round * BATCH, (round + 1) * BATCH);
        let begun = Instant::now();
        store.fold(ShardBatch { shard: 0, first, next, events }).await?;
        pair.ours.push(begun.elapsed());
        let begun = Instant::now();
        bare.count(&rows)?;
        pair.bare.push(begun.elapsed());
    }
    pair.tell("embedded_counter_batch_of_1000", report);
    Ok(())
}

fn row(event: &Recorded) -> Option<(i64, i64, String)> {
    let key = ImpressionKey::of(event)?;
    let (viewer, video) = (i64::try_from(key.viewer.0).ok()?, i64::try_from(key.video.0).ok()?);
    Some((viewer, video, key.showing.to_string()))
}

/// The `n`th showing: fifty videos, a viewer each.
fn event(n: u64) -> Placed {
    let at = Millis(1_780_000_000_000 + n as i64);
    let event = Recorded {
        viewer: UserId(n + 1),
        device: DeviceId(u128::from(n)),
        epoch: 1,
        seq: n,
        kind: EventKind::ViewEnd,
        at,
        received_at: at,
        raw_ts: None,
        raw_sent_at: None,
        video: Some(VideoId(n % 50 + 1)),
        impression: Some(ImpressionId(u128::from(n))),
        measures: Measures {
            dwell_ms: Some(4_000),
            watched_ms: Some(4_000),
            duration_ms: Some(10_000),
            ..Measures::default()
        },
    };
    Placed { offset: n, event }
}
