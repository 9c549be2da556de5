//! A model optimised once, for this machine: ONNX Runtime then starts at once and with 40 MB less.

use super::{Engine, runtime};
use crate::classifier::{ModelFiles, digest, is_sound};
use crate::labels::LoadError;
use std::path::{Path, PathBuf};

const ENDING: &str = "prepared.onnx";
/// Hex digits of the model's digest in the name: another model's is never taken.
const DIGITS: usize = 16;

/// What [`prepare`] found or made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prepared {
    /// It stands there.
    Already,
    Made,
    /// This engine needs none.
    Needless,
}

/// Where what was made of the model with this digest stands.
pub(super) fn path(model: &Path, digest: &str) -> PathBuf {
    model.with_extension(format!("{}.{ENDING}", digest.get(..DIGITS).unwrap_or(digest)))
}

/// Optimises the model for this machine's processor and leaves the result beside it, once. On another machine it answers
/// the golden picture wrongly or not at all: then the model itself is taken until this is called there.
pub fn prepare(engine: &Engine, model: &ModelFiles) -> Result<Prepared, LoadError> {
    let Engine::Runtime(library) = engine else { return Ok(Prepared::Needless) };
    let digest = digest(&model.model)?;
    let to = path(&model.model, &digest);
    // Another processor or another library than it was made by: once more.
    if to.is_file() && is_sound(model, engine, &digest) {
        return Ok(Prepared::Already);
    }
    // Beside it and then renamed: killed anywhere, no half of it is ever taken.
    let part = to.with_extension(format!("part-{}", std::process::id()));
    let saved = runtime::save(library, &model.model, &part).map_err(|e| e.about(engine, &model.model));
    let moved = saved.and_then(|()| {
        std::fs::rename(&part, &to).map_err(|error| LoadError::Write { path: to.clone(), error })
    });
    match &moved {
        Ok(()) => remove_others(&model.model, &to),
        Err(_) => drop(std::fs::remove_file(&part)),
    }
    moved.map(|()| Prepared::Made)
}

/// What was made of models that stood here before is of no more use.
fn remove_others(model: &Path, kept: &Path) {
    let (Some(dir), Some(stem)) = (model.parent(), model.file_stem()) else { return };
    let stem = format!("{}.", stem.to_string_lossy());
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with(&stem) && name.ends_with(ENDING) && entry.path() != kept {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
