#![doc = include_str!("../README.md")]

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
    #[arg(value_parser = ["walk", "stores"])]
    group: String,
    /// The release binary under test.
    #[arg(long)]
    signal: PathBuf,
    /// Real phone clips; figures that need them are skipped where they are absent.
    #[arg(long, default_value = "../shared/media")]
    media: PathBuf,
    /// The DynamoDB double; what DynamoDB charges is skipped without it.
    #[arg(long)]
    dynoxide: Option<PathBuf>,
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let mut report = report::Report::default();
    match args.group.as_str() {
        "stores" => stores::run(&args, &mut report).await?,
        _ => walk::run(&args.signal, &args.media, &mut report).await?,
    }
    report.finish()
}
