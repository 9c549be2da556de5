//! `signal media validate`: whether a package is what its playlists say.

use super::encode::MAIN;
use super::playlists::{self, Measured, Told};
use super::{Tools, Unsound};
use crate::commands::table;
use anyhow::Context;
use moderation::port::Progress;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use transcode::{Encoder, Expectation, VerifyJob};
use vocab::{Millis, VideoId};

/// How far the declared peak may be above the measured one.
const SLACK_PERCENT: u64 = 10;

/// What was found out about a package.
pub struct Checked {
    rows: Vec<Row>,
    problems: Vec<String>,
}

struct Row {
    told: Told,
    measured: Measured,
    /// Of the sound, where that is a rendition of its own.
    sound_bps: u64,
}

impl Checked {
    pub fn sound(&self) -> anyhow::Result<()> {
        if self.problems.is_empty() { Ok(()) } else { Err(Unsound(self.problems.clone()).into()) }
    }
}

pub async fn one(tools: &Tools, path: &Path) -> anyhow::Result<Value> {
    let teller = tools.teller(path);
    let checked = package(tools, path, &teller.step("checking")).await?;
    teller.done();
    if !tools.json {
        print(path, &checked);
    }
    checked.sound()?;
    let facts = |r: &Row| {
        json!({
            "name": r.told.name, "duration_ms": r.measured.total_micros() / 1000,
            "segments": r.measured.bytes.len(), "declared_bps": r.told.bandwidth,
            "measured_bps": r.measured.peak_bps() + r.sound_bps,
        })
    };
    Ok(json!({ "ok": true, "renditions": checked.rows.iter().map(facts).collect::<Vec<_>>() }))
}

/// Reads and decodes everything that a folder or playlist names.
pub async fn package(tools: &Tools, path: &Path, progress: &Progress) -> anyhow::Result<Checked> {
    let main = if path.is_dir() { path.join(MAIN) } else { path.to_owned() };
    let told = playlists::renditions(&main)?;
    let (mut rows, mut problems, all) = (Vec::new(), Vec::new(), told.len());
    for (n, told) in told.into_iter().enumerate() {
        let name = told.name.clone();
        match rendition(tools, told).await {
            Ok((row, wrong)) => {
                problems.extend(wrong.into_iter().map(|w| format!("{name}: {w}")));
                rows.push(row);
            }
            Err(e) => problems.push(format!("{name}: {e:#}")),
        }
        progress(((n + 1) * 100 / all) as u8);
    }
    problems.extend(sounds(tools, &rows).await);
    if rows.windows(2).any(|w| w[0].measured.micros != w[1].measured.micros) {
        problems.push("the renditions are cut at different times".into());
    }
    for list in playlists::i_frame_playlists(&main)? {
        if let Err(e) = playlists::measure(&list, None) {
            problems.push(format!("{}: {e:#}", list.display()));
        }
    }
    if path.is_dir() {
        problems.extend(pictures(path));
    }
    Ok(Checked { rows, problems })
}

fn pictures(dir: &Path) -> Vec<String> {
    let is_jpeg = |name: &str| std::fs::read(dir.join(name)).is_ok_and(|b| b.starts_with(&[0xff, 0xd8]));
    let mut problems = Vec::new();
    if !is_jpeg("poster.jpg") {
        problems.push("poster.jpg: is not there, or no picture".to_owned());
    }
    if dir.join("sprite.vtt").exists() && !is_jpeg("sprite.jpg") {
        problems.push("sprite.jpg: is not there, or no picture".to_owned());
    }
    problems
}

/// One rendition: read, measured, decoded to its end. An error is one that ends the check of it.
async fn rendition(tools: &Tools, told: Told) -> anyhow::Result<(Row, Vec<String>)> {
    let work = tempfile::tempdir().context("no room for temporary files")?;
    let whole = work.path().join("whole.mp4");
    let measured = playlists::measure(&told.playlist, Some(&whole))?;
    let sound = told.sound.as_ref().map(|p| playlists::measure(p, None)).transpose().context("the sound")?;
    let mut wrong = times(&measured);
    if sound.as_ref().is_some_and(|s| s.total_micros().abs_diff(measured.total_micros()) > 100_000) {
        wrong.push("the sound is not as long as the picture".into());
    }
    let row = Row { told, sound_bps: sound.map_or(0, |s| s.peak_bps()), measured };
    wrong.extend(rate(&row));
    wrong.extend(decode(tools, &row, work.path(), whole).await.err().map(|e| format!("{e:#}")));
    Ok((row, wrong))
}

/// Sound that is a rendition of its own, once however many rungs are played with it.
async fn sounds(tools: &Tools, rows: &[Row]) -> Vec<String> {
    let all: BTreeSet<&PathBuf> = rows.iter().filter_map(|r| r.told.sound.as_ref()).collect();
    let mut problems = Vec::new();
    for playlist in all {
        match hear(tools, playlist).await {
            Ok(wrong) => problems.extend(wrong.into_iter().map(|w| format!("{}: {w}", playlist.display()))),
            Err(e) => problems.push(format!("{}: {e:#}", playlist.display())),
        }
    }
    problems
}

async fn hear(tools: &Tools, playlist: &Path) -> anyhow::Result<Vec<String>> {
    let work = tempfile::tempdir().context("no room for temporary files")?;
    let (whole, decoded) = (work.path().join("sound.mp4"), work.path().join("decoded"));
    std::fs::create_dir(&decoded).context("no room for temporary files")?;
    let measured = playlists::measure(playlist, Some(&whole))?;
    let lasts = Millis((measured.total_micros() / 1000) as i64);
    tools.engine.verify_sound(&whole, &decoded, lasts).await.map_err(super::media_error)?;
    Ok(times(&measured))
}

fn times(m: &Measured) -> Vec<String> {
    let mut wrong = Vec::new();
    if !m.is_ended {
        wrong.push("the playlist has no end".to_owned());
    }
    let longest = m.micros.iter().max().map_or(0, |m| (m + 500_000) / 1_000_000);
    if longest > m.target_s {
        wrong
            .push(format!("a segment of {longest} s is longer than the target duration of {} s", m.target_s));
    }
    wrong
}

/// RFC 8216: no run of segments needs more than BANDWIDTH; and it should not be far above.
fn rate(row: &Row) -> Option<String> {
    let (declared, measured) = (row.told.bandwidth?, row.measured.peak_bps() + row.sound_bps);
    let most = measured.saturating_mul(100 + SLACK_PERCENT) / 100;
    // Lengths in playlists are rounded to microseconds.
    let least = measured.saturating_sub(measured / 1000 + 1);
    let is_honest = (least..=most).contains(&declared);
    (!is_honest).then(|| format!("declares {declared} bit/s, measured are {measured}"))
}

/// The look of the pipeline at its own work: durations, key frames, sizes, sound, every picture decodes.
async fn decode(tools: &Tools, row: &Row, work: &Path, whole: PathBuf) -> anyhow::Result<()> {
    let room = |name: &str| -> anyhow::Result<PathBuf> {
        let path = work.join(name);
        std::fs::create_dir(&path).context("no room for temporary files")?;
        Ok(path)
    };
    let seen = tools.engine.report(&whole, &room("probed")?).await.map_err(super::media_error)?;
    let (mut segment_ms, mut micros, mut told) = (Vec::new(), 0u64, 0u64);
    for m in &row.measured.micros {
        micros += m;
        let ms = (micros + 500) / 1000;
        segment_ms.push(u32::try_from(ms - told).unwrap_or(u32::MAX));
        told = ms;
    }
    let codecs = row.told.codecs.as_deref();
    let has_audio = codecs.map_or(seen.facts.has_audio, |c| row.told.sound.is_none() && c.contains("mp4a"));
    let job = VerifyJob {
        video: VideoId(0),
        work_dir: room("decoded")?,
        files: vec![whole],
        sound: None,
        expect: Expectation {
            duration_ms: Millis(told as i64),
            fps: row.told.fps.unwrap_or((seen.facts.fps_milli + 500) / 1000),
            has_audio,
            sizes: vec![row.told.size.unwrap_or((seen.coded_width, seen.coded_height))],
            segment_ms,
        },
        progress: std::sync::Arc::new(|_| {}),
    };
    tools.engine.verify(job).await.map_err(super::media_error)
}

fn print(path: &Path, checked: &Checked) {
    let row = |r: &Row| {
        let ms = r.measured.total_micros() / 1000;
        vec![
            r.told.name.clone(),
            r.told.size.map_or_else(|| "-".into(), |(w, h)| format!("{w} × {h}")),
            format!("{}.{:03} s", ms / 1000, ms % 1000),
            r.measured.bytes.len().to_string(),
            r.told.bandwidth.map_or_else(|| "-".into(), |b| (b / 1000).to_string()),
            ((r.measured.peak_bps() + r.sound_bps) / 1000).to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = checked.rows.iter().map(row).collect();
    let head = ["rendition", "size", "length", "segments", "declared kbps", "measured kbps"];
    table::print(&head, &rows, "nothing could be read");
    if checked.problems.is_empty() {
        println!("{}: every segment is there, starts with a key frame and decodes", path.display());
    }
}
