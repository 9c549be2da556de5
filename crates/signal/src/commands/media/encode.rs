//! `signal media encode`: both passes and the packaging, into a folder that players play.

use super::package::{Writer, Written};
use super::{Growing, Tools, media_error, plan, validate};
use crate::commands::table;
use anyhow::Context;
use catalog::Transform;
use moderation::SamplingPolicy;
use moderation::port::{Examination, ExamineJob, Examiner, Progress};
use packager::SpriteSheet;
use serde_json::{Value, json};
use std::path::Path;
use transcode::{EncodeJob, Encoded, Encoder, LadderPlan};
use vocab::{Codec, RungName, VideoId};

/// Nothing here is stored under an id.
const NO_ID: VideoId = VideoId(0);

pub async fn one(tools: &Tools, file: &Path, out: &Path, is_av1: bool) -> anyhow::Result<Value> {
    let (folder, teller) = (Growing::begin(out)?, tools.teller(file));
    let work = folder.scratch()?;
    let room = |name: &str| -> anyhow::Result<std::path::PathBuf> {
        let path = work.path().join(name);
        std::fs::create_dir(&path).context("no room for temporary files")?;
        Ok(path)
    };
    let job = examine_job(file, &room("examined")?, teller.step("reading"))?;
    let seen = tools.engine.examine(job).await.map_err(media_error)?;
    let plan = plan::of(tools, &seen.source)?;
    let job = |plan: &LadderPlan, work_dir, progress| EncodeJob {
        video: NO_ID,
        source: file.to_owned(),
        origin: None,
        work_dir,
        plan: plan.clone(),
        loudness: seen.loudness,
        progress,
    };
    let order = job(&plan, room("encoded")?, teller.step("encoding"));
    let encoded = tools.engine.encode(order).await.map_err(media_error)?;
    let mut package = Writer::begin(folder.path(), &plan, encoded.audio.as_ref())?;
    encoded.rungs.iter().try_for_each(|track| package.add(track, Codec::H264))?;
    let mut left_out = Vec::new();
    let av1 = av1_plan(tools, &plan, &package);
    if is_av1 && !av1.rungs.is_empty() {
        let order = job(&av1, room("encoded-av1")?, teller.step("encoding in AV1"));
        let encoded = tools.engine.encode(order).await.map_err(media_error)?;
        left_out = add_av1(tools, &mut package, &encoded, &av1)?;
    }
    let rungs = package.finish()?;
    write_pictures(folder.path(), &seen, &plan)?;
    let checked = validate::package(tools, folder.path(), &teller.step("checking")).await?;
    checked.sound()?;
    folder.finish()?;
    teller.done();
    if !tools.json {
        print(out, &rungs, &left_out);
    }
    let (rungs, left_out): (Vec<Value>, Vec<String>) =
        (rungs.iter().map(facts).collect(), left_out.iter().map(RungName::to_string).collect());
    Ok(json!({
        "out": out, "playlist": out.join(MAIN), "source": seen.source, "plan": plan, "rungs": rungs,
        "av1_left_out": left_out,
    }))
}

/// What of the package AV1 is made of. The sound is there already.
fn av1_plan(tools: &Tools, plan: &LadderPlan, package: &Writer<'_>) -> LadderPlan {
    let wanted = &tools.profile.av1.rungs;
    let rungs: Vec<RungName> = package.rungs().filter(|r| wanted.contains(r)).collect();
    LadderPlan { audio: None, ..plan.only(&rungs).in_av1(None) }
}

/// Adds the rungs that are worth it, and returns those that are not.
fn add_av1(
    tools: &Tools,
    package: &mut Writer<'_>,
    encoded: &Encoded,
    plan: &LadderPlan,
) -> anyhow::Result<Vec<RungName>> {
    let mut left_out = Vec::new();
    for (track, rung) in encoded.rungs.iter().zip(&plan.rungs) {
        if package.is_worth(track, rung.max_kbps, &tools.profile.av1)? {
            package.add(track, Codec::Av1)?;
        } else {
            left_out.push(track.rung);
        }
    }
    Ok(left_out)
}

/// The multivariant playlist of a folder.
pub const MAIN: &str = "main.m3u8";

/// Pass A of a file that belongs to nobody.
pub fn examine_job(file: &Path, work_dir: &Path, progress: Progress) -> anyhow::Result<ExamineJob> {
    Ok(ExamineJob {
        video: NO_ID,
        source: file.canonicalize().context("cannot read the file")?,
        work_dir: work_dir.to_owned(),
        transform: Transform::default(),
        phase_seed: 0,
        sampling: SamplingPolicy::default(),
        progress,
    })
}

fn write_pictures(dir: &Path, seen: &Examination, plan: &LadderPlan) -> anyhow::Result<()> {
    std::fs::copy(&seen.poster, dir.join("poster.jpg")).context("cannot write the poster")?;
    let Some(sprite) = &seen.sprite else { return Ok(()) };
    std::fs::copy(&sprite.jpeg, dir.join("sprite.jpg")).context("cannot write the sprite")?;
    let cues = packager::sprite_vtt(&SpriteSheet {
        uri: "sprite.jpg".into(),
        tile_width: u32::from(sprite.facts.tile_width),
        tile_height: u32::from(sprite.facts.tile_height),
        columns: u32::from(sprite.facts.columns),
        tiles: u32::from(sprite.facts.tiles),
        cadence_ms: sprite.facts.cadence_ms,
        duration_ms: plan.duration_ms,
    });
    std::fs::write(dir.join("sprite.vtt"), cues).context("cannot write the sprite's cues")
}

fn facts(w: &Written) -> Value {
    let r = &w.rendition;
    json!({
        "rung": w.rung.to_string(), "dir": w.dir, "width": r.width, "height": r.height, "codecs": r.codecs,
        "peak_bps": r.peak_bps, "average_bps": r.average_bps, "segment_ms": r.segment_ms(),
    })
}

fn print(out: &Path, rungs: &[Written], left_out: &[RungName]) {
    let row = |w: &Written| {
        let r = &w.rendition;
        vec![
            w.dir.clone(),
            format!("{} × {}", r.width, r.height),
            r.segment_micros.len().to_string(),
            (r.average_bps / 1000).to_string(),
            (r.peak_bps / 1000).to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = rungs.iter().map(row).collect();
    table::print(&["rung", "size", "segments", "kbps", "peak kbps"], &rows, "no rungs");
    for rung in left_out {
        println!("{rung} in AV1 is left out: it would not be smaller enough, or too fast for the rung");
    }
    println!("play {}", out.join(MAIN).display());
}
