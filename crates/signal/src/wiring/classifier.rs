//! The classifier by `moderation.classifier`.

use crate::config::Config;
use anyhow::{Context, bail};
use moderation::{FrameClassifier, Moderator};
use onnx::tfjs;
use onnx::{Engine, LoadError, LocalClassifier, ModelFiles};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The model of the package that is used: ADR 0011.
pub const MODEL: tfjs::PackagedModel = tfjs::PackagedModel::MobileNetV2Mid;

/// What a setting came to.
pub enum Chosen {
    /// A person looks at everything.
    People,
    /// As above, though a model was wished for: it is not installed.
    Missing(PathBuf),
    Model(Arc<dyn FrameClassifier>),
    /// A service of AWS: the root makes it.
    Outside,
}

/// Where `scripts/classifier.sh` leaves the converted model: in the tool cache, not in the data.
pub fn model_dir() -> PathBuf {
    tool_cache().join("models/nsfwjs")
}

/// Where the scripts put what is installed and not built.
pub fn tool_cache() -> PathBuf {
    #[expect(
        clippy::disallowed_methods,
        reason = "the platform says where caches live through the environment"
    )]
    let var = |name| std::env::var(name).ok().filter(|v| !v.is_empty()).map(PathBuf::from);
    let cache = var("CACHE_DIR")
        .or_else(|| var("XDG_CACHE_HOME").map(|x| x.join("signal-video")))
        .or_else(|| var("HOME").map(|h| h.join(".cache/signal-video")));
    cache.unwrap_or_else(|| "signal-video-cache".into())
}

/// Where `scripts/onnxruntime.sh` leaves the library of ONNX Runtime.
pub fn installed_runtime() -> PathBuf {
    tool_cache().join("tools/onnxruntime/libonnxruntime.so")
}

/// What computes, by `moderation.onnx_runtime`.
pub fn engine(setting: &str) -> Engine {
    match setting {
        "" if installed_runtime().is_file() => Engine::Runtime(installed_runtime()),
        "" | "rten" => Engine::Rten,
        library => Engine::Runtime(library.into()),
    }
}

/// `none:`, `nsfwjs:` (from the tool cache, when it is there), `nsfwjs:/directory` or
/// `onnx:/path/model.onnx` with the label map beside it.
pub fn choose(url: &str, runtime: &str) -> anyhow::Result<Chosen> {
    let Some((scheme, path)) = url.split_once(':') else {
        bail!("moderation.classifier = \"{url}\" is not a URL")
    };
    match (scheme, path) {
        ("none", _) => Ok(Chosen::People),
        ("nsfwjs", "") => {
            packaged(&model_dir(), runtime).map(|found| found.unwrap_or_else(|| Chosen::Missing(model_dir())))
        }
        ("nsfwjs", dir) => packaged(Path::new(dir), runtime)?.with_context(|| {
            format!("cannot start: {dir} does not hold the model that `signal classifier` makes")
        }),
        ("onnx", path) => {
            let model = PathBuf::from(path);
            let labels = model.with_extension("labels.toml");
            load(&ModelFiles { model, labels }, runtime)
        }
        ("rekognition", _) => Ok(Chosen::Outside),
        (other, _) => {
            bail!("moderation.classifier: unknown scheme {other}; allowed: none, nsfwjs, onnx, rekognition")
        }
    }
}

fn packaged(dir: &Path, runtime: &str) -> anyhow::Result<Option<Chosen>> {
    tfjs::installed(dir, MODEL).as_ref().map(|files| load(files, runtime)).transpose()
}

fn load(files: &ModelFiles, runtime: &str) -> anyhow::Result<Chosen> {
    let engine = engine(runtime);
    let loaded = match LocalClassifier::load(files, &engine) {
        // Nobody asked for it by name, and the program has an engine of its own.
        Err(LoadError::Library { path, error }) if runtime.is_empty() => {
            tracing::warn!(library = %path.display(), %error, "ONNX Runtime is installed and cannot be used; rten computes");
            LocalClassifier::load(files, &Engine::Rten)
        }
        loaded => loaded,
    };
    let classifier = loaded.with_context(|| {
        let (model, labels) = (files.model.display(), files.labels.display());
        format!("cannot use the model {model} with the label map {labels}")
    })?;
    tracing::info!(model = classifier.name(), engine = classifier.engine(), "a model looks first");
    Ok(Chosen::Model(Arc::new(classifier)))
}

impl Chosen {
    /// A machine rejects by itself only where an operator answers for what it sees. What the packaged model
    /// catches was never measured: ADR 0011.
    pub fn check_that_it_may_reject(&self) -> anyhow::Result<()> {
        let why = match self {
            Self::Outside => return Ok(()),
            Self::Model(own) if !is_packaged(own.name()) => return Ok(()),
            Self::Model(_) => "the packaged model is too weak to reject by itself",
            Self::People | Self::Missing(_) => "there is no model that could reject",
        };
        bail!(
            "moderation.machine_may_reject = true: {why}. Name your own (onnx:/path/model.onnx), or set it to false"
        )
    }

    pub fn classifier(self) -> Option<Arc<dyn FrameClassifier>> {
        match self {
            Self::Model(classifier) => Some(classifier),
            Self::Missing(dir) => {
                tracing::warn!(
                    dir = %dir.display(),
                    "the model is not installed, so a person approves every video; `make up` installs it"
                );
                None
            }
            Self::People | Self::Outside => None,
        }
    }
}

/// By the name in its label map, wherever that stands.
fn is_packaged(name: &str) -> bool {
    name.starts_with("nsfwjs")
}

/// What nobody looks for before a video is published: with a model, what it cannot see and the policy allows.
pub fn unseen(moderator: &Moderator, config: &Config) -> Vec<String> {
    let is_allowed = moderator.classifier_id().is_some() && config.moderation.unjudged == "allow";
    if is_allowed { moderator.unjudged() } else { Vec::new() }
}

/// What is said aloud at the start: who judges, and what nobody does.
pub fn said(moderator: &Moderator, config: &Config) -> Vec<String> {
    let console = format!("{}/moderation", config.public_url());
    let Some(model) = moderator.classifier_id() else {
        let why = if config.moderation.classifier == "none:" { "configured" } else { "installed" };
        return vec![format!("no model is {why}: a person approves every video at {console}")];
    };
    let rejects = if config.moderation.machine_may_reject { "what is over the limit" } else { "nothing" };
    let looks = format!("{} looks first and rejects {rejects}; what is hot waits at {console}", model.name);
    std::iter::once(looks).chain(left(&moderator.unjudged(), &config.moderation.unjudged)).collect()
}

/// What a model leaves, and what comes of it; a model that sees everything leaves nothing to say.
fn left(unjudged: &[String], policy: &str) -> Option<String> {
    let labels = unjudged.join(", ");
    (!unjudged.is_empty()).then(|| match policy {
        "allow" => format!("NOBODY looks for: {labels} (moderation.unjudged = allow)"),
        _ => format!("a person looks at every video for: {labels}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_that_was_named_must_be_there_and_the_default_may_be_missing() {
        let dir = tempfile::tempdir().expect("a directory");
        let url = format!("nsfwjs:{}", dir.path().display());
        let said = choose(&url, "").err().expect("refused").to_string();
        assert!(said.contains("does not hold the model"), "{said}");
        assert!(packaged(dir.path(), "").expect("no error").is_none());
        assert!(matches!(choose("none:", ""), Ok(Chosen::People)));
        assert!(choose("tensorflow:x", "").is_err() && choose("none", "").is_err());
    }

    #[test]
    fn the_packaged_model_is_known_by_its_name_and_never_rejects() {
        assert!(is_packaged(&format!("nsfwjs-{}", MODEL.name())) && !is_packaged("toy-colours"));
        let dir = tempfile::tempdir().expect("a directory");
        let toy = onnx::toy::write(dir.path()).expect("written");
        let map = std::fs::read_to_string(&toy.labels).expect("a map");
        let named = map.replace("toy-colours", &format!("nsfwjs-{}", MODEL.name()));
        std::fs::write(&toy.labels, named).expect("written");
        let chosen = choose(&format!("onnx:{}", toy.model.display()), "rten").expect("loads");
        let said = chosen.check_that_it_may_reject().expect_err("refused").to_string();
        assert_eq!(
            said,
            "moderation.machine_may_reject = true: the packaged model is too weak to reject by itself. Name your own \
             (onnx:/path/model.onnx), or set it to false"
        );
        assert!(Chosen::Outside.check_that_it_may_reject().is_ok());
    }

    #[test]
    fn what_nobody_looks_for_is_said_aloud_and_who_does_instead() {
        let labels = ["Violence".to_owned(), "Hate Symbols".to_owned()];
        let allowed = left(&labels, "allow").expect("said");
        assert_eq!(allowed, "NOBODY looks for: Violence, Hate Symbols (moderation.unjudged = allow)");
        let reviewed = left(&labels, "review").expect("said");
        assert_eq!(reviewed, "a person looks at every video for: Violence, Hate Symbols");
        assert_eq!(left(&[], "allow"), None);
    }

    #[test]
    fn the_laptop_allows_what_nobody_judges_and_aws_asks_a_person() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config");
        for (file, policy) in [("laptop.toml", "allow"), ("aws.toml", "review")] {
            let text = std::fs::read_to_string(root.join(file)).expect("a profile");
            let set: toml::Table = text.parse().expect("TOML");
            assert_eq!(set["moderation"]["unjudged"].as_str(), Some(policy), "{file}");
        }
        assert_eq!(Config::default().moderation.unjudged, "allow");
    }

    #[test]
    fn a_library_that_was_named_must_be_one() {
        let dir = tempfile::tempdir().expect("a directory");
        let toy = onnx::toy::write(dir.path()).expect("written");
        let library = dir.path().join("libonnxruntime.so");
        std::fs::write(&library, "no library").expect("written");
        let url = format!("onnx:{}", toy.model.display());
        let refused = choose(&url, &library.display().to_string()).err().expect("refused");
        assert!(format!("{refused:#}").contains("ONNX Runtime cannot be used"), "{refused:#}");
        let refused = choose(&url, "libonnxruntime.so").err().expect("refused");
        assert!(format!("{refused:#}").contains("whole path"), "{refused:#}");
        assert_eq!(
            (engine("rten"), engine("/opt/x.so")),
            (Engine::Rten, Engine::Runtime("/opt/x.so".into()))
        );
    }

    #[test]
    fn an_operators_own_model_is_loaded_with_the_map_beside_it() {
        let dir = tempfile::tempdir().expect("a directory");
        let toy = onnx::toy::write(dir.path()).expect("written");
        let chosen = choose(&format!("onnx:{}", toy.model.display()), "rten").expect("loads");
        let Chosen::Model(classifier) = chosen else { panic!("no model") };
        assert_eq!(classifier.name(), "toy-colours");
        std::fs::remove_file(toy.labels).expect("removed");
        assert!(choose(&format!("onnx:{}", toy.model.display()), "rten").is_err());
    }
}
