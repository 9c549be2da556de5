//! The whole product: a phone clip from complete to playable, and to its last rung.

use crate::report::{Better, Figure, Report};
use crate::server::Server;
use crate::walk::media::{CLIP_S, all_rungs, phone_clip, publish};
use std::path::Path;

/// Each on a server and data of its own, as what was judged once is not judged again. The median counts.
const ROUNDS: usize = 3;

/// Viewers wait for the model, too. Where it is not installed, the benchmark approves at once.
const AS_INSTALLED: (&str, &str) = ("SIGNAL_MODERATION__CLASSIFIER", "nsfwjs:");

pub async fn run(signal: &Path, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let dir = tempfile::tempdir()?;
    let clip = phone_clip(&media.join("natural/nail_portrait_1080x1916_30fps.mp4"), dir.path())?;
    let (mut playable, mut whole) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let server = Server::start_with(signal, tempfile::tempdir()?, &[AS_INSTALLED]).await?;
        let operator = server.operator().await?;
        let first = publish(&server, &operator, &clip).await?;
        let all = all_rungs(&server, &operator, &first).await?;
        println!(
            "NOTE round {round}: playable after {:.1} s and {:.1} CPU-s, all rungs after {:.1} s and {:.1} CPU-s",
            first.wall_s, first.cpu_s, all.wall_s, all.cpu_s
        );
        playable.push(first.wall_s);
        whole.push(all.wall_s);
    }
    for (name, mut values, target) in
        [("complete_to_first_playable", playable, 0.5), ("complete_to_all_rungs", whole, 1.2)]
    {
        values.sort_by(f64::total_cmp);
        let (value, baseline) = (values[ROUNDS / 2], Some(CLIP_S));
        report.add(&Figure { name, value, unit: "s", baseline, target, better: Better::Lower });
    }
    Ok(())
}
