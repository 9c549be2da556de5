//! The models inside the npm package `nsfwjs`, as ONNX.
//!
//! The package is a bundle for browsers: each model is JavaScript around one literal, each shard of weights
//! around one base64 string. They are read as literals and never executed; weights are dequantised, batch
//! normalisation is folded into the convolutions before it, NHWC becomes NCHW. What the converter does not
//! know it refuses.

mod frozen;
mod install;
mod keras;
mod layers;
mod literal;
mod package;
mod weights;

pub use install::{Installed, LABELS_FILE, MODEL_FILE, install, installed, model_files};
pub use package::{PackagedModel, VERSION};

use crate::policy;
use std::path::{Path, PathBuf};

/// Why a package was not converted. Nothing is written then.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    #[error("cannot read {path}: {error}")]
    Read { path: PathBuf, error: std::io::Error },
    #[error("cannot write {path}: {error}")]
    Write { path: PathBuf, error: std::io::Error },
    #[error("{path} is not the file of nsfwjs {}", package::VERSION)]
    OtherFile { path: PathBuf },
    #[error("{path} is no bundle of nsfwjs: {said}")]
    Literal { path: PathBuf, said: String },
    #[error("the model cannot be converted: {0}")]
    Model(String),
    /// Converted, but it does not answer as the library does.
    #[error("the converted model is refused: {0}")]
    Refused(#[from] crate::LoadError),
}

pub(crate) fn odd<T>(said: impl Into<String>) -> Result<T, ConvertError> {
    Err(ConvertError::Model(said.into()))
}

/// One model of an installed package (`node_modules/nsfwjs`) as an ONNX file.
pub fn convert(package: &Path, model: PackagedModel) -> Result<Vec<u8>, ConvertError> {
    let (topology, weights) = package::open(package, model)?;
    topology_to_onnx(model, &topology, weights)
}

fn topology_to_onnx(
    model: PackagedModel,
    topology: &serde_json::Value,
    weights: weights::Weights,
) -> Result<Vec<u8>, ConvertError> {
    let side = model.side() as usize;
    match topology.get("model_config") {
        Some(config) => keras::convert(config, weights, side),
        None => frozen::convert(topology, weights, side),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, ConvertError> {
    let failed = |error| ConvertError::Read { path: path.to_owned(), error };
    let bytes = crate::files::bounded(path, policy::BUNDLE_BYTES_MAX).map_err(failed)?;
    bytes.ok_or_else(|| ConvertError::OtherFile { path: path.to_owned() })
}
