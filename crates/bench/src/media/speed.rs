//! The whole product: a phone clip from complete to playable, and to its last rung.

use crate::report::{Better, Figure, Report};
use crate::server::Server;
use crate::walk::media::{CLIP_S, phone_clip, publish};
use anyhow::ensure;
use serde_json::Value;
use std::path::Path;
use std::time::{Duration, Instant};

const RUNGS: usize = 4;
const WAIT: Duration = Duration::from_secs(180);

pub async fn run(signal: &Path, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(signal).await?;
    let dir = tempfile::tempdir()?;
    let clip = phone_clip(&media.join("natural/nail_portrait_1080x1916_30fps.mp4"), dir.path())?;
    let operator = server.operator().await?;
    let first = publish(&server, &operator, &clip).await?;
    let since = Instant::now();
    loop {
        let page = operator.get(&format!("/v1/videos/{}", first.video)).await?;
        let rungs = page["playback"]["rungs"].as_array().map_or(0, Vec::len);
        if rungs >= RUNGS {
            break;
        }
        ensure!(since.elapsed() < WAIT, "only {rungs} rungs after {WAIT:?}: {}", Value::to_string(&page));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let all_s = first.wall_s + since.elapsed().as_secs_f64();
    for (name, value, target) in
        [("complete_to_first_playable", first.wall_s, 0.5), ("complete_to_all_rungs", all_s, 1.2)]
    {
        let baseline = Some(CLIP_S);
        report.add(&Figure { name, value, unit: "s", baseline, target, better: Better::Lower });
    }
    Ok(())
}
