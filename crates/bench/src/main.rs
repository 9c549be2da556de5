#![doc = include_str!("../README.md")]

mod media;
mod report;
mod seed;
mod server;
mod stores;
mod walk;

use clap::Parser;
use std::path::PathBuf;

#[derive(Parser)]
struct Args {
    /// The group to run.
    #[arg(value_parser = ["walk", "stores", "media"])]
    group: String,
    /// The release binary under test.
    #[arg(long)]
    signal: PathBuf,
    /// Real phone clips; figures that need them are skipped where they are absent.
    #[arg(long, default_value = "../shared/media")]
    media: PathBuf,
    /// Only this part of the group, where it has parts.
    #[arg(long)]
    part: Option<String>,
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
    match args.group.as_str() {
        "stores" => stores::run(&args, &mut report).await?,
        "media" => media::run(&args.signal, &args.media, args.part.as_deref(), &mut report).await?,
        _ => walk::run(&args.signal, &args.media, &mut report).await?,
    }
    report.finish()
}
