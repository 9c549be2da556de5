//! The whole product: a phone clip from complete to playable, and to its last rung.

use crate::report::{Better, Figure, Report};
use crate::server::Server;
use crate::walk::media::{CLIP_S, all_rungs, phone_clip, publish};
use std::path::Path;

pub async fn run(signal: &Path, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let server = Server::start(signal).await?;
    let dir = tempfile::tempdir()?;
    let clip = phone_clip(&media.join("natural/nail_portrait_1080x1916_30fps.mp4"), dir.path())?;
    let operator = server.operator().await?;
    let first = publish(&server, &operator, &clip).await?;
    let all = all_rungs(&server, &operator, &first).await?;
    for (name, value, target) in
        [("complete_to_first_playable", first.wall_s, 0.5), ("complete_to_all_rungs", all.wall_s, 1.2)]
    {
        let baseline = Some(CLIP_S);
        report.add(&Figure { name, value, unit: "s", baseline, target, better: Better::Lower });
    }
    Ok(())
}
