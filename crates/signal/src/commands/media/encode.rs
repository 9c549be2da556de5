//! `signal media encode`: both passes and the packaging, into a folder that players play.

use super::{Growing, Tools, media_error, plan, validate};
use crate::commands::table;
use anyhow::Context;
use catalog::Transform;
use moderation::SamplingPolicy;
use moderation::port::{Examination, ExamineJob, Examiner, Progress};
use packager::{Addresses, IFrameStream, Multivariant, Packaging, Rendition, SpriteSheet, Variant};
use serde_json::{Value, json};
use std::path::Path;
use transcode::{EncodeJob, Encoded, Encoder, LadderPlan};
use vocab::ladder::START_RUNG;
use vocab::{RungName, VideoId};

/// Nothing here is stored under an id.
const NO_ID: VideoId = VideoId(0);

pub async fn one(tools: &Tools, file: &Path, out: &Path) -> anyhow::Result<Value> {
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
    let job = EncodeJob {
        video: NO_ID,
        source: file.to_owned(),
        origin: None,
        work_dir: room("encoded")?,
        plan: plan.clone(),
        loudness: seen.loudness,
        progress: teller.step("encoding"),
    };
    let encoded = tools.engine.encode(job).await.map_err(media_error)?;
    let rungs = write_package(folder.path(), &encoded, &plan)?;
    write_pictures(folder.path(), &seen, &plan)?;
    let checked = validate::package(tools, folder.path(), &teller.step("checking")).await?;
    checked.sound()?;
    folder.finish()?;
    teller.done();
    if !tools.json {
        print(out, &rungs);
    }
    let rungs: Vec<Value> = rungs.iter().map(|(name, r)| facts(*name, r)).collect();
    Ok(json!({ "out": out, "playlist": out.join(MAIN), "source": seen.source, "plan": plan, "rungs": rungs }))
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

/// Packages and writes every rung, then the playlist that names them. Bytes are dropped once written.
fn write_package(
    dir: &Path,
    encoded: &Encoded,
    plan: &LadderPlan,
) -> anyhow::Result<Vec<(RungName, Rendition)>> {
    let lengths = Packaging::default().lengths(plan.gop_ms, plan.segment_ms);
    let audio = encoded.audio.as_ref().map(std::fs::read).transpose().context("the sound is not there")?;
    let mut rungs = Vec::with_capacity(encoded.rungs.len());
    for track in &encoded.rungs {
        let picture = std::fs::read(&track.path).context("a rung is not there")?;
        let rendition = packager::pack(&picture, audio.as_deref(), &lengths)?;
        rungs.push((track.rung, write_rung(&dir.join(track.rung.to_string()), rendition)?));
    }
    let all: Vec<Rendition> = rungs.iter().map(|(_, r)| r.clone()).collect();
    packager::same_cuts(&all)?;
    let start = rungs.iter().rposition(|(name, _)| *name <= START_RUNG).unwrap_or(0);
    let others = (0..rungs.len()).filter(|i| *i != start);
    let order = std::iter::once(start).chain(others).filter_map(|i| rungs.get(i));
    let variants = order.map(|(name, r)| variant(*name, r)).collect();
    let text = Multivariant { variants, ..Multivariant::default() }.text();
    std::fs::write(dir.join(MAIN), text).context("cannot write the playlist")?;
    Ok(rungs)
}

fn write_rung(dir: &Path, mut rendition: Rendition) -> anyhow::Result<Rendition> {
    let put = |name: String, bytes: &[u8]| {
        std::fs::write(dir.join(&name), bytes).with_context(|| format!("cannot write {name}"))
    };
    std::fs::create_dir(dir).context("cannot write a folder")?;
    let at = Addresses::Segments { init: "init.mp4".into(), ending: ".m4s".into() };
    put("media.m3u8".into(), rendition.playlist(&at).as_bytes())?;
    put("iframes.m3u8".into(), rendition.i_frame_playlist(&at).as_bytes())?;
    put("init.mp4".into(), &std::mem::take(&mut rendition.init))?;
    for (n, bytes) in std::mem::take(&mut rendition.segments).iter().enumerate() {
        put(format!("{n}.m4s"), bytes)?;
    }
    Ok(rendition)
}

fn variant(name: RungName, rendition: &Rendition) -> Variant {
    let (peak_bps, average_bps) = rendition.i_frame_bps();
    let mut v = Variant::of(rendition, format!("{name}/media.m3u8"));
    v.i_frames = Some(IFrameStream { uri: format!("{name}/iframes.m3u8"), peak_bps, average_bps });
    v
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

fn facts(name: RungName, r: &Rendition) -> Value {
    json!({
        "rung": name.to_string(), "width": r.width, "height": r.height, "codecs": r.codecs,
        "peak_bps": r.peak_bps, "average_bps": r.average_bps, "segment_ms": r.segment_ms(),
    })
}

fn print(out: &Path, rungs: &[(RungName, Rendition)]) {
    let row = |(name, r): &(RungName, Rendition)| {
        vec![
            name.to_string(),
            format!("{} × {}", r.width, r.height),
            r.segment_micros.len().to_string(),
            (r.average_bps / 1000).to_string(),
            (r.peak_bps / 1000).to_string(),
        ]
    };
    let rows: Vec<Vec<String>> = rungs.iter().map(row).collect();
    table::print(&["rung", "size", "segments", "kbps", "peak kbps"], &rows, "no rungs");
    println!("play {}", out.join(MAIN).display());
}
