//! What computes a network: `rten`, or ONNX Runtime where that is installed (ADR 0021).

mod prepared;
mod pure;
mod runtime;

pub use prepared::{Prepared, prepare};

use crate::labels::LoadError;
use std::path::{Path, PathBuf};

/// Which library computes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Engine {
    /// `rten`: pure Rust and part of this program.
    #[default]
    Rten,
    /// ONNX Runtime 1.17 or newer: its shared library. A process loads one and keeps it.
    Runtime(PathBuf),
}

impl Engine {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Rten => "rten",
            Self::Runtime(_) => "ONNX Runtime",
        }
    }
}

/// The numbers of the one output, and how they lie.
pub(crate) struct Answer {
    pub shape: Vec<usize>,
    pub numbers: Vec<f32>,
}

/// For an answer of another shape or kind.
fn no_row(e: impl std::fmt::Display) -> String {
    format!("the model does not answer with one row of numbers: {e}")
}

/// A network that was loaded.
pub(crate) trait Net: Send + Sync {
    /// How many inputs and outputs it has.
    fn ends(&self) -> (usize, usize);
    /// The sides of its first input, those that may be any as `None`; nothing where it does not say.
    fn takes(&self) -> Option<Vec<Option<usize>>>;
    /// Answers for one of the lanes it was opened with.
    fn infer(&self, input: Vec<f32>, shape: [usize; 4], lane: usize) -> Result<Answer, String>;
}

/// Opens the bytes of an ONNX model for this many pictures at once.
pub(crate) fn open(engine: &Engine, bytes: Vec<u8>, lanes: usize) -> Result<Box<dyn Net>, OpenError> {
    match engine {
        Engine::Rten => Ok(Box::new(pure::Pure::open(bytes, lanes).map_err(OpenError::Model)?)),
        Engine::Runtime(library) => Ok(Box::new(runtime::Runtime::open(library, &bytes, lanes)?)),
    }
}

/// What [`prepare`] made of the model with this digest, and the library it is for.
pub(crate) fn prepared(engine: &Engine, model: &Path, digest: &str) -> Option<(PathBuf, PathBuf)> {
    let Engine::Runtime(library) = engine else { return None };
    let file = prepared::path(model, digest);
    file.is_file().then(|| (library.clone(), file))
}

pub(crate) fn open_prepared(
    (library, file): &(PathBuf, PathBuf),
    lanes: usize,
) -> Result<Box<dyn Net>, OpenError> {
    Ok(Box::new(runtime::Runtime::open_prepared(library, file, lanes)?))
}

/// Whose fault it is that nothing was opened.
#[derive(Debug)]
pub(crate) enum OpenError {
    Library(String),
    Model(String),
}

impl OpenError {
    /// With the file that is at fault.
    pub(crate) fn about(self, engine: &Engine, model: &Path) -> LoadError {
        match (self, engine) {
            (Self::Library(error), Engine::Runtime(path)) => LoadError::Library { path: path.clone(), error },
            (Self::Library(error) | Self::Model(error), _) => {
                LoadError::Model { path: model.to_owned(), error }
            }
        }
    }
}
