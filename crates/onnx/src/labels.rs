//! The label map: what goes into a model and what its answers mean.

use crate::policy;
use serde::Deserialize;
use std::path::PathBuf;
use vocab::taxonomy;

/// Why a classifier cannot be loaded. Each is a sentence that says what to mend.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("cannot read {path}: {error}")]
    Read { path: PathBuf, error: std::io::Error },
    #[error("cannot write {path}: {error}")]
    Write { path: PathBuf, error: std::io::Error },
    #[error("{path} is larger than {limit} bytes; is it the right file?")]
    TooLarge { path: PathBuf, limit: u64 },
    #[error("the label map {path} cannot be understood: {error}")]
    Syntax { path: PathBuf, error: Box<toml::de::Error> },
    #[error("the label map is wrong: {0}")]
    Labels(String),
    #[error("{path} is no ONNX model this program can run: {error}")]
    Model { path: PathBuf, error: String },
    #[error("ONNX Runtime cannot be used ({path}): {error}")]
    Library { path: PathBuf, error: String },
    #[error("model and label map do not fit: {0}")]
    Mismatch(String),
}

/// The file beside a model. The format is described in the README of this crate.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelMap {
    /// Always 1.
    pub format: u32,
    pub name: String,
    pub version: String,
    /// SHA-256 (hex) of the model file; another file is refused.
    #[serde(default)]
    pub model_sha256: Option<String>,
    pub input: Input,
    pub output: Output,
    /// One entry an output, in order.
    pub classes: Vec<Class>,
    /// The level-1 labels this model can see at all. Everything else counts as unjudged.
    pub judges: Vec<String>,
    /// The model's answers to the golden picture ([`crate::resize::golden`]), in order of classes:
    /// a wrong channel order or range shows here and nowhere else.
    #[serde(default)]
    pub golden: Option<Vec<f32>>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub width: u32,
    pub height: u32,
    #[serde(default)]
    pub layout: Layout,
    #[serde(default)]
    pub range: Range,
    /// Subtracted after the range was applied; R, G, B.
    #[serde(default)]
    pub mean: [f32; 3],
    /// Divided by after that.
    #[serde(default = "ones")]
    pub std: [f32; 3],
    #[serde(default)]
    pub resize: Resize,
}

const fn ones() -> [f32; 3] {
    [1.0; 3]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Layout {
    #[default]
    Nchw,
    Nhwc,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Range {
    /// 0–1.
    #[default]
    Unit,
    /// −1–1.
    Signed,
    /// 0–255.
    Bytes,
}

/// The thresholds belong to the resizer: the same model answers differently behind another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resize {
    /// Bilinear with aligned corners, squashed to the input, no antialias.
    #[default]
    SquashAlignCorners,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Output {
    /// What is still to be applied to the raw answers.
    #[serde(default)]
    pub activation: Activation,
    /// How classes of the same label are put together.
    pub combine: Combine,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// The model answers with probabilities.
    #[default]
    None,
    Softmax,
    Sigmoid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Combine {
    /// The classes exclude each other: probabilities add up.
    Sum,
    /// They do not: the strongest counts.
    Max,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Class {
    pub name: String,
    /// A label of the taxonomy; none = harmless.
    #[serde(default)]
    pub label: Option<String>,
}

impl LabelMap {
    /// Everything that can be wrong without looking at the model.
    pub fn check(&self) -> Result<(), LoadError> {
        let wrong = |said: String| Err(LoadError::Labels(said));
        if self.format != 1 {
            return wrong(format!("format {} is unknown, this program knows 1", self.format));
        }
        let side = 1..=policy::INPUT_SIDE_MAX;
        if !side.contains(&self.input.width) || !side.contains(&self.input.height) {
            return wrong(format!(
                "an input of {} × {} is out of bounds",
                self.input.width, self.input.height
            ));
        }
        let finite = self.input.mean.iter().chain(&self.input.std).all(|v| v.is_finite());
        if !finite || self.input.std.contains(&0.0) {
            return wrong("mean and std must be numbers, and std not 0".into());
        }
        if self.classes.is_empty() {
            return wrong("it names no class".into());
        }
        if self.judges.is_empty() {
            return wrong("`judges` is empty: such a model judges nothing".into());
        }
        if self.golden.as_ref().is_some_and(|g| g.len() != self.classes.len()) {
            return wrong("`golden` needs one number a class".into());
        }
        self.check_labels()
    }

    fn check_labels(&self) -> Result<(), LoadError> {
        let wrong = |said: String| Err(LoadError::Labels(said));
        let mut roots = Vec::new();
        for class in &self.classes {
            let Some(label) = &class.label else { continue };
            let Some(root) = root_of(label) else {
                return wrong(format!("class “{}” means “{label}”, which the taxonomy lacks", class.name));
            };
            if !self.judges.iter().any(|j| j == root) {
                return wrong(format!("class “{}” means “{label}”, but `judges` lacks “{root}”", class.name));
            }
            roots.push(root);
        }
        for judged in &self.judges {
            if taxonomy::find(judged).is_none_or(|l| l.2 != 1) {
                return wrong(format!("`judges` names “{judged}”, which is no level-1 label"));
            }
            // Claiming to see what no class stands for would approve it silently.
            if !roots.contains(&judged.as_str()) {
                return wrong(format!("`judges` names “{judged}”, but no class means it"));
            }
        }
        Ok(())
    }

    /// The raw answers of one frame as `(label, confidence 0–100)`, in order of first mention.
    pub fn read(&self, answers: &[f32]) -> Vec<(&str, f32)> {
        let mut labels: Vec<(&str, f32)> = Vec::new();
        for (class, p) in self.classes.iter().zip(activate(self.output.activation, answers)) {
            let Some(label) = class.label.as_deref() else { continue };
            match labels.iter_mut().find(|(l, _)| *l == label) {
                Some((_, sum)) if self.output.combine == Combine::Sum => *sum += p,
                Some((_, max)) => *max = max.max(p),
                None => labels.push((label, p)),
            }
        }
        labels.into_iter().map(|(l, p)| (l, (p * 100.0).clamp(0.0, 100.0))).collect()
    }
}

/// Raw answers as probabilities.
pub fn activate(activation: Activation, answers: &[f32]) -> Vec<f32> {
    match activation {
        Activation::None => answers.to_vec(),
        Activation::Sigmoid => answers.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect(),
        Activation::Softmax => {
            let max = answers.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let e: Vec<f32> = answers.iter().map(|x| (x - max).exp()).collect();
            let sum: f32 = e.iter().sum();
            e.into_iter().map(|x| x / sum).collect()
        }
    }
}

fn root_of(label: &str) -> Option<&'static str> {
    let (mut name, mut parent, mut level) = taxonomy::find(label).map(|(_, p, l)| (label, p, l))?;
    while level > 1 {
        name = parent;
        (parent, level) = taxonomy::find(name).map(|(_, p, l)| (p, l))?;
    }
    taxonomy::LABELS.iter().map(|l| l.0).find(|l| *l == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map() -> LabelMap {
        toml::from_str(crate::toy::LABELS).expect("parses")
    }

    fn refused(change: impl Fn(&mut LabelMap)) -> String {
        let mut m = map();
        change(&mut m);
        m.check().expect_err("refused").to_string()
    }

    #[test]
    fn the_toys_map_is_sound() {
        map().check().expect("sound");
    }

    #[test]
    fn what_is_wrong_is_said() {
        assert!(refused(|m| m.format = 2).contains("format 2"));
        assert!(refused(|m| m.judges.clear()).contains("judges nothing"));
        assert!(refused(|m| m.judges.push("Kittens".into())).contains("Kittens"));
        assert!(refused(|m| m.judges.push("Gambling".into())).contains("no class means it"));
        assert!(refused(|m| m.judges.retain(|j| j != "Explicit")).contains("lacks “Explicit”"));
        assert!(refused(|m| m.classes[1].label = Some("Explcit".into())).contains("Explcit"));
        assert!(refused(|m| m.input.width = 0).contains("out of bounds"));
        assert!(refused(|m| m.input.std = [1.0, 0.0, 1.0]).contains("std"));
        assert!(refused(|m| m.golden = Some(vec![1.0])).contains("golden"));
    }

    #[test]
    fn a_typing_error_in_a_key_is_an_error() {
        let text = crate::toy::LABELS.replace("[output]", "[output]\ncombin = \"sum\"");
        assert!(toml::from_str::<LabelMap>(&text).is_err());
    }

    #[test]
    fn classes_of_one_label_add_up_or_compete() {
        let mut m = map();
        for class in &mut m.classes[1..] {
            class.label = Some("Explicit".into());
        }
        m.output.activation = Activation::None;
        assert_eq!(m.read(&[0.25, 0.5, 0.25]), [("Explicit", 75.0)]);
        m.output.combine = Combine::Max;
        assert_eq!(m.read(&[0.25, 0.5, 0.25]), [("Explicit", 50.0)]);
    }

    #[test]
    fn activations_are_what_they_are_called() {
        let p = activate(Activation::Softmax, &[1000.0, 1000.0, -1000.0]);
        assert_eq!(p, [0.5, 0.5, 0.0]);
        assert_eq!(activate(Activation::Sigmoid, &[0.0, 100.0, -100.0])[..2], [0.5, 1.0]);
        assert_eq!(activate(Activation::None, &[0.3]), [0.3]);
    }
}
