//! ONNX Runtime, loaded from its shared library while running: nothing of it is linked or shipped.

use super::{Answer, Net, OpenError, no_row};
use ort::environment::Environment;
use ort::logging::LogLevel;
use ort::session::Session;
use ort::session::builder::{GraphOptimizationLevel, SessionBuilder};
use ort::value::Tensor;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// The library of this process, once it was loaded.
static LOADED: Mutex<Option<(PathBuf, Environment)>> = Mutex::new(None);

fn environment(library: &Path) -> Result<Environment, String> {
    // A name without a folder would be looked for beside this program and in the system's folders.
    if !library.is_absolute() {
        return Err("it must be named by its whole path".into());
    }
    let mut loaded = LOADED.lock().unwrap_or_else(PoisonError::into_inner);
    match loaded.as_ref() {
        Some((path, environment)) if path == library => return Ok(environment.clone()),
        Some((path, _)) => return Err(format!("this process has loaded {} already", path.display())),
        None => {}
    }
    let environment = ort::init_from(library).map_err(|e| e.to_string())?.with_telemetry(false);
    let environment = environment.build().map_err(|e| e.to_string())?;
    *loaded = Some((library.to_owned(), environment.clone()));
    Ok(environment)
}

/// A session that computes with so many threads, which sleep while there is nothing to do.
fn builder(library: &Path, threads: usize) -> Result<SessionBuilder, OpenError> {
    let environment = environment(library).map_err(OpenError::Library)?;
    let builder = || -> ort::Result<SessionBuilder> {
        let builder = Session::builder(&environment)?.with_log_level(LogLevel::Error)?;
        let builder =
            builder.with_intra_threads(threads)?.with_intra_op_spinning(false)?.with_inter_threads(1)?;
        // A plan of memory takes 10 MB more and no less time.
        Ok(builder.with_memory_pattern(false)?)
    };
    builder().map_err(|e| OpenError::Library(e.to_string()))
}

pub(super) struct Runtime {
    /// One answer at a time, computed by all threads.
    session: Mutex<Session>,
    ends: (usize, usize),
    takes: Option<Vec<Option<usize>>>,
}

impl Runtime {
    pub(super) fn open(library: &Path, bytes: &[u8], threads: usize) -> Result<Self, OpenError> {
        let session = builder(library, threads)?.commit_from_memory(bytes);
        Ok(Self::of(session.map_err(|e| OpenError::Model(e.to_string()))?))
    }

    /// A file that [`save`] wrote: there is nothing left to optimise, and a third of the memory does.
    pub(super) fn open_prepared(library: &Path, file: &Path, threads: usize) -> Result<Self, OpenError> {
        let builder = builder(library, threads)?;
        let session = || -> ort::Result<Session> {
            builder.with_optimization_level(GraphOptimizationLevel::Disable)?.commit_from_file(file)
        };
        Ok(Self::of(session().map_err(|e| OpenError::Model(e.to_string()))?))
    }

    fn of(session: Session) -> Self {
        let ends = (session.inputs().len(), session.outputs().len());
        let shape = session.inputs().first().and_then(|i| i.dtype().tensor_shape());
        // A side that may be any is told as −1.
        let takes = shape.map(|sides| sides.iter().map(|s| usize::try_from(*s).ok()).collect());
        Self { session: Mutex::new(session), ends, takes }
    }
}

/// Writes the model as this machine's processor wants it.
pub(super) fn save(library: &Path, model: &Path, to: &Path) -> Result<(), OpenError> {
    let builder = builder(library, 1)?;
    let session = || -> ort::Result<Session> {
        let builder = builder.with_optimization_level(GraphOptimizationLevel::All)?;
        builder.with_optimized_model_path(to)?.commit_from_file(model)
    };
    session().map(drop).map_err(|e| OpenError::Model(e.to_string()))
}

impl Net for Runtime {
    fn ends(&self) -> (usize, usize) {
        self.ends
    }

    fn takes(&self) -> Option<Vec<Option<usize>>> {
        self.takes.clone()
    }

    fn infer(&self, input: Vec<f32>, shape: [usize; 4], _lane: usize) -> Result<Answer, String> {
        let told = |e: ort::Error| e.to_string();
        let input = Tensor::from_array((shape, input)).map_err(told)?;
        let mut session = self.session.lock().map_err(|_| "an inference before this one panicked")?;
        let outputs = session.run(ort::inputs![input]).map_err(told)?;
        let (shape, numbers) = outputs[0].try_extract_tensor::<f32>().map_err(no_row)?;
        let shape = shape.iter().map(|s| usize::try_from(*s).unwrap_or(0)).collect();
        Ok(Answer { shape, numbers: numbers.to_vec() })
    }
}
