//! `signal media frames`: the frames that moderation would look at.

use super::{Growing, Tools, encode, media_error};
use anyhow::Context;
use moderation::port::Examiner;
use serde_json::{Value, json};
use std::path::Path;

pub async fn one(tools: &Tools, file: &Path, out: &Path) -> anyhow::Result<Value> {
    let (folder, teller) = (Growing::begin(out)?, tools.teller(file));
    let room = folder.scratch()?;
    let job = encode::examine_job(file, room.path(), teller.step("reading"))?;
    let seen = tools.engine.examine(job).await.map_err(media_error)?;
    let mut frames = Vec::with_capacity(seen.frames.len());
    for frame in &seen.frames {
        let ms = frame.at_ms.0;
        let name = format!("{:03}m{:02}s{:03}.jpg", ms / 60_000, ms / 1000 % 60, ms % 1000);
        std::fs::copy(&frame.jpeg, folder.path().join(&name)).context("cannot write a frame")?;
        frames.push(json!({ "at_ms": ms, "jpeg": name }));
    }
    folder.finish()?;
    teller.done();
    if !tools.json {
        println!("{}: {} frames in {}", file.display(), frames.len(), out.display());
    }
    Ok(json!({ "out": out, "frames": frames }))
}
