//! `FrameClassifier` with a model on this machine, and no network.

use crate::envelope;
use crate::files::{self, bounded};
use crate::labels::{Activation, LabelMap, Layout, LoadError, activate};
use crate::net::{self, Engine, Net, OpenError};
use crate::policy;
use crate::resize::{Picture, golden, tensor};
use async_trait::async_trait;
use futures::future::try_join_all;
use moderation::{FrameClassifier, SampledFrame};
use sha2::{Digest, Sha256};
use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stdx::{Fault, FaultKind};
use tokio::sync::Semaphore;
use vocab::{Finding, taxonomy};

/// Where the operator's model and its label map stand.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelFiles {
    /// An `.onnx` file with one input picture and one row of answers.
    pub model: PathBuf,
    /// A label map; see the README of this crate.
    pub labels: PathBuf,
}

struct Loaded {
    net: Box<dyn Net>,
    labels: LabelMap,
    engine: &'static str,
    /// Frames that are looked at at once.
    lanes: usize,
}

/// Sees in frames what the operator's model sees. One call at a time and a frame or two of it: bounded memory.
pub struct LocalClassifier {
    loaded: Arc<Loaded>,
    version: String,
    turn: Semaphore,
}

impl std::fmt::Debug for LocalClassifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LocalClassifier({} {})", self.loaded.labels.name, self.version)
    }
}

impl LocalClassifier {
    /// Reads, checks and tries the model. Slow (up to a second or so); call it once, at the start.
    pub fn load(files: &ModelFiles, engine: &Engine) -> Result<Self, LoadError> {
        Self::with_lanes(files, engine, policy::frames_at_once())
    }

    /// The same, for this many frames at once, at least one. Each costs a core and up to 17 MB.
    pub fn with_lanes(files: &ModelFiles, engine: &Engine, lanes: usize) -> Result<Self, LoadError> {
        let (labels, text) = labels(&files.labels)?;
        let digest = digest(&files.model)?;
        if let Some(pinned) = labels.model_sha256.as_ref().filter(|p| !p.eq_ignore_ascii_case(&digest)) {
            let said = format!("the label map is for the model {pinned}, this one is {digest}");
            return Err(LoadError::Mismatch(said));
        }
        // Another map over the same model can answer differently, so both make the version.
        let both = Sha256::new().chain_update(&digest).chain_update(text.as_bytes()).finalize();
        let version = format!("{}+{}", labels.version, hex::encode(&both[..6]));
        let loaded = Loaded::of(files, engine, &digest, (labels, lanes.max(1)))?;
        Ok(Self { loaded: Arc::new(loaded), version, turn: Semaphore::new(1) })
    }

    /// The library that computes.
    pub fn engine(&self) -> &'static str {
        self.loaded.engine
    }

    /// What the model answers to a picture, as probabilities in the order of classes.
    pub fn answers(&self, picture: &Picture) -> Result<Vec<f32>, Fault> {
        let input = tensor(picture, &self.loaded.labels.input);
        let raw = self.loaded.infer(input, 0).map_err(Fault::internal)?;
        Ok(activate(self.loaded.labels.output.activation, &raw))
    }
}

#[async_trait]
impl FrameClassifier for LocalClassifier {
    fn name(&self) -> &str {
        &self.loaded.labels.name
    }

    fn version(&self) -> String {
        self.version.clone()
    }

    fn judges(&self) -> &[String] {
        &self.loaded.labels.judges
    }

    async fn classify(&self, frames: &[SampledFrame]) -> Result<Vec<Vec<Finding>>, Fault> {
        let _turn = self.turn.acquire().await.map_err(Fault::internal)?;
        let lanes = self.loaded.lanes;
        let seen = try_join_all((0..lanes).map(|lane| self.look_at_each(frames, lane))).await?;
        let mut seen: Vec<_> = seen.into_iter().map(Vec::into_iter).collect();
        Ok((0..frames.len()).filter_map(|i| seen[i % lanes].next()).collect())
    }
}

impl LocalClassifier {
    /// The frames of one lane: every so many-th.
    async fn look_at_each(&self, frames: &[SampledFrame], lane: usize) -> Result<Vec<Vec<Finding>>, Fault> {
        let mut seen = Vec::new();
        for frame in frames.iter().skip(lane).step_by(self.loaded.lanes) {
            // One blocking call a frame: dropping this future stops after the frame under way.
            let (loaded, frame) = (Arc::clone(&self.loaded), frame.clone());
            let look = tokio::task::spawn_blocking(move || loaded.look(&frame, lane));
            seen.push(look.await.map_err(Fault::internal)??);
        }
        Ok(seen)
    }
}

/// Whether what was prepared of the model with this digest answers here as it should.
pub(crate) fn is_sound(files: &ModelFiles, engine: &Engine, digest: &str) -> bool {
    let tried = || {
        let net = net::open_prepared(&net::prepared(engine, &files.model, digest)?, 1).ok()?;
        let (labels, _) = labels(&files.labels).ok()?;
        Loaded { net, labels, engine: engine.name(), lanes: 1 }.tried().ok()
    };
    tried().is_some()
}

impl Loaded {
    /// As it was prepared for this machine, where that answers as it should; else from the model's own bytes.
    fn of(
        files: &ModelFiles,
        engine: &Engine,
        digest: &str,
        (labels, lanes): (LabelMap, usize),
    ) -> Result<Self, LoadError> {
        let tried = |net: Result<Box<dyn Net>, OpenError>| {
            let net = net.map_err(|e| e.about(engine, &files.model))?;
            Self { net, labels: labels.clone(), engine: engine.name(), lanes }.tried()
        };
        if let Some(prepared) = net::prepared(engine, &files.model, digest) {
            match tried(net::open_prepared(&prepared, lanes)) {
                Ok(loaded) => return Ok(loaded),
                Err(e) => tracing::warn!(error = %e, "the prepared model does not fit this machine"),
            }
        }
        tried(net::open(engine, model(files, digest)?, lanes))
    }

    /// Itself, once it fits its label map and answers the golden picture rightly.
    fn tried(self) -> Result<Self, LoadError> {
        self.check_shapes()?;
        self.try_out()?;
        Ok(self)
    }

    fn look(&self, frame: &SampledFrame, lane: usize) -> Result<Vec<Finding>, Fault> {
        // The picture is gone before the model needs memory.
        let input = tensor(&decode(&frame.jpeg)?, &self.labels.input);
        let raw = self.infer(input, lane).map_err(Fault::internal)?;
        let found = self.labels.read(&raw).into_iter();
        let finding = |(name, confidence): (&str, f32)| {
            let (_, parent, level) = taxonomy::find(name)?;
            let (name, parent) = (name.to_owned(), parent.to_owned());
            Some(Finding { name, parent, level, confidence, at_ms: frame.at_ms.0 })
        };
        Ok(found.filter(|(_, c)| *c >= policy::CONFIDENCE_MIN).filter_map(finding).collect())
    }

    fn shape(&self) -> [usize; 4] {
        let (w, h) = (self.labels.input.width as usize, self.labels.input.height as usize);
        match self.labels.input.layout {
            Layout::Nchw => [1, 3, h, w],
            Layout::Nhwc => [1, h, w, 3],
        }
    }

    /// The raw answers of the model; one a class, all of them numbers.
    fn infer(&self, input: Vec<f32>, lane: usize) -> Result<Vec<f32>, String> {
        let answer = self.net.infer(input, self.shape(), lane)?;
        let (shape, answers) = (answer.shape, answer.numbers);
        let classes = self.labels.classes.len();
        if shape != [1, classes] {
            return Err(format!("the model answers {shape:?}, the label map names {classes} classes"));
        }
        if !answers.iter().all(|a| a.is_finite()) {
            return Err("the model answers with something that is no number".into());
        }
        Ok(answers)
    }

    fn check_shapes(&self) -> Result<(), LoadError> {
        let mismatch = |said: String| Err(LoadError::Mismatch(said));
        let (inputs, outputs) = self.net.ends();
        if inputs != 1 || outputs != 1 {
            return mismatch(format!("the model has {inputs} inputs and {outputs} outputs; both must be 1"));
        }
        let (Some(found), expected) = (self.net.takes(), self.shape()) else { return Ok(()) };
        let fits = |(side, size): (&Option<usize>, usize)| side.is_none_or(|n| n == size);
        if found.len() != expected.len() || !found.iter().zip(expected).all(fits) {
            let sides: Vec<String> =
                found.iter().map(|s| s.map_or("any".into(), |n| n.to_string())).collect();
            let takes = sides.join(", ");
            return mismatch(format!("the model takes [{takes}], the label map says {expected:?}"));
        }
        Ok(())
    }

    /// Runs the golden picture: a model that cannot answer is found now, not at the first video.
    fn try_out(&self) -> Result<(), LoadError> {
        let input = tensor(&golden(), &self.labels.input);
        let raw = self.infer(input, 0).map_err(LoadError::Mismatch)?;
        let p = activate(self.labels.output.activation, &raw);
        if !p.iter().all(|p| (-policy::SUM_TOLERANCE..=1.0 + policy::SUM_TOLERANCE).contains(p)) {
            let said = "the answers are no probabilities; set `activation` to softmax or sigmoid";
            return Err(LoadError::Mismatch(said.into()));
        }
        let sum: f32 = p.iter().sum();
        let exclusive = self.labels.output.combine == crate::labels::Combine::Sum;
        if exclusive
            && self.labels.output.activation != Activation::Sigmoid
            && (sum - 1.0).abs() > policy::SUM_TOLERANCE
        {
            let said = format!("the answers add up to {sum}, not 1; is `activation` or `combine` wrong?");
            return Err(LoadError::Mismatch(said));
        }
        let Some(expected) = &self.labels.golden else { return Ok(()) };
        let off = p.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        if off > policy::GOLDEN_TOLERANCE {
            let said = format!(
                "the golden picture gives {p:?} instead of {expected:?}; channel order, range or resizing is wrong"
            );
            return Err(LoadError::Mismatch(said));
        }
        Ok(())
    }
}

/// The label map, and its text.
fn labels(path: &Path) -> Result<(LabelMap, String), LoadError> {
    let text = String::from_utf8_lossy(&read(path, policy::LABELS_BYTES_MAX)?).into_owned();
    let labels: LabelMap =
        toml::from_str(&text).map_err(|e| LoadError::Syntax { path: path.to_owned(), error: Box::new(e) })?;
    labels.check()?;
    Ok((labels, text))
}

/// The bytes of the model with this digest.
fn model(files: &ModelFiles, digest: &str) -> Result<Vec<u8>, LoadError> {
    let bytes = read(&files.model, policy::MODEL_BYTES_MAX)?;
    if hex::encode(Sha256::digest(&bytes)) != digest {
        return Err(LoadError::Mismatch("the model was replaced while it was read".into()));
    }
    if !envelope::is_onnx(&bytes) {
        let error = "it is damaged, or something else entirely".into();
        return Err(LoadError::Model { path: files.model.clone(), error });
    }
    Ok(bytes)
}

/// The digest of a model file.
pub(crate) fn digest(path: &Path) -> Result<String, LoadError> {
    let failed = |error| LoadError::Read { path: path.to_owned(), error };
    let limit = policy::MODEL_BYTES_MAX;
    let digest = files::digest(path, limit).map_err(failed)?;
    digest.ok_or_else(|| LoadError::TooLarge { path: path.to_owned(), limit })
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, LoadError> {
    let failed = |error| LoadError::Read { path: path.to_owned(), error };
    match bounded(path, limit).map_err(failed)? {
        Some(bytes) => Ok(bytes),
        None => Err(LoadError::TooLarge { path: path.to_owned(), limit }),
    }
}

fn decode(jpeg: &Path) -> Result<Picture, Fault> {
    let bytes =
        bounded(jpeg, policy::FRAME_BYTES_MAX)?.ok_or_else(|| Fault::internal("a frame is too large"))?;
    let mut reader = image::ImageReader::with_format(Cursor::new(bytes), image::ImageFormat::Jpeg);
    let mut limits = image::Limits::default();
    (limits.max_image_width, limits.max_image_height) =
        (Some(policy::FRAME_SIDE_MAX), Some(policy::FRAME_SIDE_MAX));
    reader.limits(limits);
    let rgb = reader.decode().map_err(|e| Fault::new(FaultKind::Internal, e))?.into_rgb8();
    let (width, height) = (rgb.width() as usize, rgb.height() as usize);
    Ok(Picture { width, height, rgb: rgb.into_raw() })
}
