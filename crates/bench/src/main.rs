#![doc = include_str!("../README.md")]

mod media;
mod report;
mod seed;
mod server;
mod stores;
mod walk;

use anyhow::{Context, ensure};
use clap::Parser;
use clap::builder::{PossibleValue, PossibleValuesParser};
use std::path::PathBuf;

/// The groups, and what the media group starts a process of its own for.
fn groups() -> PossibleValuesParser {
    let shown = ["walk", "stores", "media"].map(PossibleValue::new);
    PossibleValuesParser::new(shown.into_iter().chain([PossibleValue::new(FRAMES).hide(true)]))
}

const FRAMES: &str = "frames";

#[derive(Parser)]
struct Args {
    /// The group to run.
    #[arg(value_parser = groups())]
    group: String,
    /// The release binary under test.
    #[arg(long)]
    signal: PathBuf,
    /// Real phone clips; figures that need them are skipped where they are absent.
    #[arg(long, default_value = "../shared/media")]
    media: PathBuf,
    /// Only this part of the media group.
    #[arg(long, value_parser = media::PARTS)]
    part: Option<String>,
    /// What is not there to be measured is no failure.
    #[arg(long)]
    allow_skip: bool,
    /// A list of pictures that the local model judges.
    #[arg(long, hide = true)]
    frames: Option<PathBuf>,
    /// The DynamoDB double; what DynamoDB charges is skipped without it.
    #[arg(long)]
    dynoxide: Option<PathBuf>,
    /// Where each request to the double is listed with its key and its units.
    #[arg(long)]
    calls: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut report = report::Report::default();
    ensure!(args.part.is_none() || args.group == "media", "--part is of the media group");
    match args.group.as_str() {
        FRAMES => return media::classifier::judge(args.frames.as_deref().context("--frames")?).await,
        "stores" => stores::run(&args, &mut report).await?,
        "media" => media::run(&args.signal, &args.media, args.part.as_deref(), &mut report).await?,
        _ => walk::run(&args.signal, &args.media, &mut report).await?,
    }
    report.finish(args.allow_skip)
}
