//! Simulated viewers: they swipe the real feed and send the events a phone would send.

use crate::client::Client;
use serde_json::{Value, json};
use stdx::Entropy;
use vocab::DeviceId;

/// Pages a viewer swipes at most.
const PAGES: usize = 3;
/// A viewer's taste: share of each video watched, in percent, is drawn around this.
const ATTENTION_PERCENT: u64 = 45;

/// Lets one viewer watch what the feed gives; returns how many videos were seen.
pub async fn watch(viewer: &Client, entropy: &dyn Entropy) -> anyhow::Result<u32> {
    let device = DeviceId(entropy.u128()).to_string();
    let epoch = stdx::Clock::now(&stdx::SystemClock).0;
    let mut seq = 0u64;
    let mut seen = 0;
    let mut cursor: Option<String> = None;
    for _ in 0..PAGES {
        let path = match &cursor {
            Some(c) => format!("/v1/feed?limit=10&cursor={c}"),
            None => "/v1/feed?limit=10".to_owned(),
        };
        let page = viewer.get(&path).await?;
        let items = page["items"].as_array().cloned().unwrap_or_default();
        if items.is_empty() {
            break;
        }
        let now = stdx::Clock::now(&stdx::SystemClock).0;
        let mut events = Vec::new();
        for item in &items {
            let look = Look::draw(item, entropy);
            events.extend(look.events(item, now, &mut seq));
            if look.likes {
                viewer
                    .put(&format!("/v1/videos/{}/like", item["id"].as_str().unwrap_or_default()), &json!({}))
                    .await?;
            }
            seen += 1;
        }
        let sent_at = stdx::Clock::now(&stdx::SystemClock).0;
        let batch = json!({ "device": device, "epoch": epoch, "sent_at": sent_at, "events": events });
        viewer.post("/v1/events", &batch).await?;
        cursor = page["next_cursor"].as_str().map(str::to_owned);
        if cursor.is_none() {
            break;
        }
    }
    Ok(seen)
}

/// What a viewer does with one video.
struct Look {
    duration_ms: i64,
    watched_ms: i64,
    likes: bool,
}

impl Look {
    fn draw(item: &Value, entropy: &dyn Entropy) -> Self {
        let duration_ms = item["duration_ms"].as_i64().unwrap_or(8_000).max(1);
        // The mean of two draws: few leave at once, few stay to the end.
        let percent =
            (entropy.u64() % (2 * ATTENTION_PERCENT) + entropy.u64() % (2 * ATTENTION_PERCENT)) / 2 + 5;
        let watched_ms = duration_ms * percent.min(100) as i64 / 100;
        Self { duration_ms, watched_ms, likes: percent > 60 && entropy.u64().is_multiple_of(3) }
    }

    fn events(&self, item: &Value, now: i64, seq: &mut u64) -> Vec<Value> {
        let base = |kind: &str, seq: &mut u64, ts: i64| {
            *seq += 1;
            json!({
                "seq": *seq, "type": kind, "ts": ts, "video_id": item["id"],
                "impression_id": item["impression_id"],
            })
        };
        let started = now - self.watched_ms;
        let impression = base("impression", seq, started);
        let mut end = base("view_end", seq, now);
        end["dwell_ms"] = json!(self.watched_ms);
        end["watched_ms"] = json!(self.watched_ms);
        end["duration_ms"] = json!(self.duration_ms);
        vec![impression, end]
    }
}
