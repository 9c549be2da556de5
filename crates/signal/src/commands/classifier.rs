//! `signal classifier`: the model of an npm package, made ready for this program.

use super::Ctx;
use crate::wiring::classifier::{MODEL, model_dir};
use anyhow::Context;
use onnx::tfjs::{self, Installed};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Converts the model of the installed package `nsfwjs`; quick where that was done before.
pub fn install(ctx: &Ctx, package: &Path, dir: Option<PathBuf>) -> anyhow::Result<()> {
    let dir = dir.unwrap_or_else(model_dir);
    let made = tfjs::install(package, &dir, MODEL).context("the model cannot be installed")?;
    let is_new = made == Installed::Converted;
    if ctx.json {
        return ctx.print_json(&json!({ "model": MODEL.name(), "dir": dir, "converted": is_new }));
    }
    let what = if is_new { "converted" } else { "already there" };
    println!("    the model {} of nsfwjs {} is {what}: {}", MODEL.name(), tfjs::VERSION, dir.display());
    Ok(())
}
