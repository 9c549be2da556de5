//! The media engine: what it costs, what quality it gives for the bits, and what every clip keeps.

pub mod classifier;
mod cost;
mod curve;
mod delivered;
mod facts;
mod ladders;
mod offset;
mod quality;
mod speed;
pub mod studio;
mod vmaf;

use crate::report::Report;
use std::path::Path;
use studio::Studio;
use vmaf::Vmaf;

/// What `--part` may name.
pub const PARTS: [&str; 6] = ["cost", "facts", "classifier", "quality", "delivered", "speed"];

/// All parts; one that needs what is not there says so and is left out.
pub async fn run(signal: &Path, media: &Path, part: Option<&str>, report: &mut Report) -> anyhow::Result<()> {
    if !media.join("natural").is_dir() {
        report.skip("media", &format!("the real clips are not at {}", media.display()));
        return Ok(());
    }
    let wanted = |name: &str| part.is_none_or(|p| p == name);
    let studio = Studio::open().await?;
    if wanted("cost") {
        cost::run(&studio, media, report).await?;
    }
    if wanted("facts") {
        facts::run(&studio, media, report).await?;
        offset::run(&studio, report).await?;
    }
    if wanted("classifier") {
        classifier::run(&studio, (signal, media), report).await?;
    }
    let vmaf = Vmaf::find();
    for part in ["quality", "delivered"].into_iter().filter(|part| wanted(part)) {
        match &vmaf {
            Some(vmaf) if part == "quality" => quality::run(vmaf, media, report)?,
            Some(vmaf) => delivered::run(&studio, vmaf, media, report).await?,
            None => report.skip(part, "no ffmpeg with libvmaf is installed (scripts/ffmpeg.sh)"),
        }
    }
    if wanted("speed") {
        speed::run(signal, media, report).await?;
    }
    Ok(())
}
