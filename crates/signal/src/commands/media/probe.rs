//! `signal media probe`: what a file really is.

use super::{Tools, media_error};
use crate::commands::table;
use anyhow::Context;
use ffmpeg::Report;
use serde_json::Value;
use std::path::Path;
use vocab::Millis;

pub async fn one(tools: &Tools, file: &Path) -> anyhow::Result<Value> {
    let report = look(tools, file).await?;
    if !tools.json {
        print(file, &report);
    }
    serde_json::to_value(&report).context("the report cannot be written")
}

/// Audits a file in a scratch directory.
pub async fn look(tools: &Tools, file: &Path) -> anyhow::Result<Report> {
    let room = tempfile::tempdir().context("no room for temporary files")?;
    tools.engine.report(file, room.path()).await.map_err(media_error)
}

fn seconds(ms: Millis) -> String {
    format!("{}.{:03} s", ms.0 / 1000, ms.0.unsigned_abs() % 1000)
}

/// `29.970` for 29,970.
pub fn rate(milli: u32) -> String {
    format!("{}.{:03}", milli / 1000, milli % 1000)
}

fn print(file: &Path, r: &Report) {
    let (facts, times) = (&r.facts, &r.times);
    let turned = if r.turned.is_empty() { String::new() } else { format!(", turned: {}", r.turned) };
    let hdr = r.hdr.as_ref().map_or_else(String::new, |t| format!(", HDR ({t})"));
    let steady = if times.is_steady { "steady" } else { "uneven" };
    let declared = times.declared_ms.map_or_else(String::new, |d| format!(", declared {}", seconds(d)));
    println!("{}", file.display());
    println!("  format    {}, {} KiB", r.format, facts.size_bytes.0 / 1024);
    println!(
        "  picture   {} × {} (coded {} × {}{turned}{hdr})",
        facts.width, facts.height, r.coded_width, r.coded_height
    );
    println!("  length    {}{declared}", seconds(facts.duration_ms));
    println!(
        "  pictures  {}, {} a second ({steady}), longest gap {}",
        times.pictures,
        rate(facts.fps_milli),
        seconds(times.longest_gap_ms)
    );
    println!(
        "  keys      {} key frames, at most {} apart",
        times.key_frames,
        seconds(times.longest_key_gap_ms)
    );
    let row = |s: &ffmpeg::report::StreamReport| {
        vec![
            s.index.to_string(),
            s.kind.clone(),
            s.codec.clone().unwrap_or_else(|| "-".into()),
            s.packets.to_string(),
            seconds(s.lasts_ms),
            if s.is_used { "used".into() } else { "left out".into() },
        ]
    };
    let rows: Vec<Vec<String>> = r.streams.iter().map(row).collect();
    table::print(&["stream", "kind", "codec", "packets", "lasts", ""], &rows, "no streams");
}
