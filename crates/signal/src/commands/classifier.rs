//! `signal classifier`: the model of an npm package, made ready for this program.

use super::Ctx;
use crate::wiring::classifier::{MODEL, engine, model_dir};
use anyhow::Context;
use onnx::Prepared;
use onnx::tfjs::{self, Installed};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Converts the model of the installed package `nsfwjs`; quick where that was done before.
pub fn install(ctx: &Ctx, package: &Path, dir: Option<PathBuf>) -> anyhow::Result<()> {
    let dir = dir.unwrap_or_else(model_dir);
    let made = tfjs::install(package, &dir, MODEL).context("the model cannot be installed")?;
    let engine = engine("");
    let is_new = made == Installed::Converted;
    // Without it the model still works: it starts later and takes more memory.
    let prepared = onnx::prepare(&engine, &tfjs::model_files(&dir)).unwrap_or_else(|e| {
        tracing::warn!(error = %e, "the model could not be prepared for this machine");
        Prepared::Needless
    });
    if ctx.json {
        let is_prepared = prepared != Prepared::Needless;
        return ctx.print_json(
            &json!({ "model": MODEL.name(), "dir": dir, "converted": is_new, "prepared": is_prepared, "engine": engine.name() }),
        );
    }
    let what = if is_new { "converted" } else { "already there" };
    println!("    the model {} of nsfwjs {} is {what}: {}", MODEL.name(), tfjs::VERSION, dir.display());
    println!("    {} computes it", engine.name());
    Ok(())
}
