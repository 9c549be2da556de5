//! `signal media`: the media pipeline on files of this machine, without a server.

mod encode;
mod frames;
mod package;
mod plan;
mod playlists;
mod probe;
mod progress;
mod validate;

use super::Ctx;
use crate::cli::{Media, MediaEncode, MediaFiles, MediaInto};
use crate::config::Config;
use crate::wiring::media::{ffmpeg_policy, ladder_here};
use anyhow::Context;
use ffmpeg::Ffmpeg;
use moderation::port::MediaError;
use progress::Teller;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use transcode::LadderProfile;
use vocab::FailureReason;

/// The file's own fault: it cannot be published as it is.
#[derive(Debug, thiserror::Error)]
#[error("{} ({})", .0.message, .0.code)]
pub struct Refused(pub FailureReason);

/// A package that is not what its playlists say.
#[derive(Debug, thiserror::Error)]
#[error("{}", .0.join("\n    "))]
pub struct Unsound(pub Vec<String>);

/// Some of several files did not make it; each has been named already.
#[derive(Debug, thiserror::Error)]
#[error("{failed} of {all} did not make it")]
pub struct NotAll {
    pub failed: usize,
    pub all: usize,
    /// Whether every one of them was refused, and nothing else went wrong.
    pub is_refusal: bool,
}

/// What every subcommand works with.
struct Tools {
    engine: Ffmpeg,
    profile: LadderProfile,
    json: bool,
}

impl Tools {
    async fn open(ctx: &Ctx, config: &Config) -> anyhow::Result<Self> {
        let profile = ladder_here(config);
        profile.packaging.check().context("packaging")?;
        let engine = Ffmpeg::open(ffmpeg_policy(config), profile.clone())
            .await
            .context("ffmpeg is not usable. Run `signal doctor` to see what is missing")?;
        Ok(Self { engine, profile, json: ctx.json })
    }

    fn teller(&self, file: &Path) -> Teller {
        Teller::new(self.json, file)
    }
}

/// Runs a subcommand on every file; one that fails does not keep the others from their turn.
pub async fn run(ctx: &Ctx, config: &Config, command: &Media) -> anyhow::Result<()> {
    let (Media::Probe(MediaFiles { files })
    | Media::Plan(MediaFiles { files })
    | Media::Validate(MediaFiles { files })
    | Media::Encode(MediaEncode { into: MediaInto { files, .. }, .. })
    | Media::Frames(MediaInto { files, .. })) = command;
    let tools = Tools::open(ctx, config).await?;
    tokio::select! {
        done = all(ctx, &tools, command, files) => done,
        // Dropping the work kills its children and removes what is half done.
        _ = tokio::signal::ctrl_c() => anyhow::bail!("stopped; nothing half done was left behind"),
    }
}

async fn all(ctx: &Ctx, tools: &Tools, command: &Media, files: &[PathBuf]) -> anyhow::Result<()> {
    let (mut items, mut errors) = (Vec::new(), Vec::new());
    for file in files {
        let name = file.display().to_string();
        match one(tools, command, file).await {
            Ok(item) => items.push(with_file(item, &name)),
            Err(e) => {
                items.push(with_file(error_item(&e), &name));
                errors.push(e.context(name));
            }
        }
    }
    if ctx.json {
        ctx.print_json(&json!({ "items": items }))?;
    }
    conclude(errors, files.len())
}

async fn one(tools: &Tools, command: &Media, file: &Path) -> anyhow::Result<Value> {
    anyhow::ensure!(file.exists(), "there is no such file");
    match command {
        Media::Validate(_) => return validate::one(tools, file).await,
        _ => anyhow::ensure!(file.is_file(), "this is no file"),
    }
    match command {
        Media::Probe(_) => probe::one(tools, file).await,
        Media::Plan(_) => plan::one(tools, file).await,
        Media::Encode(MediaEncode { into, av1 }) => {
            encode::one(tools, file, &target(into, file, "hls")?, *av1).await
        }
        Media::Frames(into) => frames::one(tools, file, &target(into, file, "frames")?).await,
        Media::Validate(_) => validate::one(tools, file).await,
    }
}

fn with_file(mut item: Value, name: &str) -> Value {
    item["file"] = json!(name);
    item
}

fn error_item(e: &anyhow::Error) -> Value {
    if let Some(Refused(reason)) = e.downcast_ref() {
        return json!({ "error": reason.message, "code": reason.code });
    }
    match e.downcast_ref() {
        Some(Unsound(problems)) => json!({ "error": "the package is not sound", "problems": problems }),
        None => json!({ "error": format!("{e:#}") }),
    }
}

/// One file's error is the command's; of several, each is said and then counted.
fn conclude(mut errors: Vec<anyhow::Error>, all: usize) -> anyhow::Result<()> {
    if all == 1 {
        return errors.pop().map_or(Ok(()), Err);
    }
    if errors.is_empty() {
        return Ok(());
    }
    errors.iter().for_each(|e| eprintln!("{e:#}"));
    let is_refusal = errors.iter().all(|e| e.downcast_ref::<Refused>().is_some());
    Err(NotAll { failed: errors.len(), all, is_refusal }.into())
}

/// Where the output of one file goes: the folder that was named, a folder in it where there are several
/// files, or one beside the caller named after the file.
fn target(into: &MediaInto, file: &Path, ending: &str) -> anyhow::Result<PathBuf> {
    let stem = file.file_stem().context("the file has no name")?;
    let path = match &into.out {
        Some(dir) if into.files.len() == 1 => dir.clone(),
        Some(dir) => dir.join(stem),
        None => PathBuf::from(format!("{}.{ending}", stem.to_string_lossy())),
    };
    let is_free = match std::fs::read_dir(&path) {
        Ok(mut inside) => inside.next().is_none(),
        Err(e) => e.kind() == std::io::ErrorKind::NotFound,
    };
    anyhow::ensure!(
        is_free,
        "{} is there already and not an empty folder. Choose another with --out",
        path.display()
    );
    Ok(path)
}

/// A folder that appears under its name only when everything is in it.
struct Growing {
    dir: tempfile::TempDir,
    target: PathBuf,
}

impl Growing {
    fn begin(target: &Path) -> anyhow::Result<Self> {
        let parent = match target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        std::fs::create_dir_all(parent).with_context(|| format!("cannot write to {}", parent.display()))?;
        let dir = tempfile::Builder::new().prefix(".signal-media-").tempdir_in(parent);
        let dir = dir.with_context(|| format!("cannot write to {}", parent.display()))?;
        Ok(Self { dir, target: target.to_owned() })
    }

    fn path(&self) -> &Path {
        self.dir.path()
    }

    /// Room for files on the way, on the disk that the folder will be on.
    fn scratch(&self) -> anyhow::Result<tempfile::TempDir> {
        let beside = self.dir.path().parent().unwrap_or(Path::new("."));
        let dir = tempfile::Builder::new().prefix(".signal-media-").tempdir_in(beside);
        dir.context("no room for temporary files")
    }

    fn finish(self) -> anyhow::Result<()> {
        use std::os::unix::fs::PermissionsExt;
        // Temporary directories are for their owner alone; a package is to be read.
        std::fs::set_permissions(self.dir.path(), std::fs::Permissions::from_mode(0o755))?;
        std::fs::rename(self.dir.path(), &self.target)
            .with_context(|| format!("cannot write {}", self.target.display()))?;
        let _ = self.dir.keep();
        Ok(())
    }
}

fn media_error(e: MediaError) -> anyhow::Error {
    match e {
        MediaError::Refused(reason) => Refused(reason).into(),
        MediaError::Failed(said) => anyhow::anyhow!(said),
        MediaError::Fault(fault) => fault.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused() -> anyhow::Error {
        Refused(FailureReason::new("media.empty", "The file is empty.", false)).into()
    }

    #[test]
    fn one_file_speaks_for_itself_and_several_are_counted() {
        assert!(conclude(vec![], 1).is_ok() && conclude(vec![], 3).is_ok());
        let alone = conclude(vec![refused().context("a.mp4")], 1).expect_err("refused");
        assert_eq!(format!("{alone:#}"), "a.mp4: The file is empty. (media.empty)");
        assert!(alone.downcast_ref::<Refused>().is_some());
        let some = conclude(vec![refused(), anyhow::anyhow!("disk full")], 3).expect_err("not all");
        let some = some.downcast_ref::<NotAll>().expect("counted");
        assert_eq!((some.failed, some.all, some.is_refusal), (2, 3, false));
    }

    #[test]
    fn an_output_folder_that_holds_something_is_left_alone() {
        let dir = tempfile::tempdir().expect("a directory");
        let into = |files: &[&str]| MediaInto {
            files: files.iter().map(PathBuf::from).collect(),
            out: Some(dir.path().to_owned()),
        };
        let file = Path::new("beach.mov");
        assert_eq!(target(&into(&["beach.mov"]), file, "hls").expect("free"), dir.path());
        assert_eq!(target(&into(&["beach.mov", "b"]), file, "hls").expect("free"), dir.path().join("beach"));
        std::fs::write(dir.path().join("x"), "x").expect("a file");
        let said = target(&into(&["beach.mov"]), file, "hls").expect_err("taken").to_string();
        assert!(said.contains("--out"), "{said}");
    }
}
