//! The engine: what it was opened with, and how it runs children.

use crate::args::Args;
use crate::audit::{Source, audit, check_magic, explain, refuse};
use crate::child::{self, Done, Task, Trouble};
use crate::doctor::{self, Features};
use crate::jail::{Jail, Kernel, admit};
use crate::pass_b_args::RECIPE;
use crate::pass_b_probe::Scorer;
use crate::policy::FfmpegPolicy;
use crate::probe::Probe;
use crate::progress::Meter;
use crate::room::Room;
use moderation::port::{MediaError, Progress};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use stdx::{Fault, FaultKind};
use tokio::io::AsyncReadExt;
use tokio::sync::Semaphore;
use transcode::LadderProfile;
use vocab::FailureReason;

/// `ffmpeg` and `ffprobe` as examiner and encoder. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ffmpeg(pub(crate) Arc<Inner>);

#[derive(Debug)]
pub(crate) struct Inner {
    pub policy: FfmpegPolicy,
    pub profile: LadderProfile,
    pub features: Features,
    pub(crate) ffmpeg: PathBuf,
    ffprobe: PathBuf,
    /// Passes A and B wait in lines of their own: a verdict must not wait for a long encode.
    pub examining: Semaphore,
    pub encoding: Semaphore,
    /// Found at the first probe.
    pub scorer: tokio::sync::OnceCell<Option<Scorer>>,
}

/// A run of `ffmpeg`: its command line, where, for how much media, and who watches.
pub(crate) struct Run<'a> {
    pub args: Args,
    pub room: &'a Room,
    pub media_ms: i64,
    pub progress: Progress,
}

/// A run that ended with success.
pub(crate) struct Ran {
    pub done: Done,
    /// Pictures that came out of the first video output.
    pub frames: u64,
}

/// Why a run did not succeed.
pub(crate) enum RunError {
    /// The program ended by itself and complained. In pass A that is the file's fault, later it is ours.
    GaveUp(String),
    Media(MediaError),
}

impl From<RunError> for MediaError {
    fn from(e: RunError) -> Self {
        match e {
            RunError::GaveUp(said) => Self::Failed(said),
            RunError::Media(e) => e,
        }
    }
}

/// In pass B, where the file was decoded to its end once: what a child uses up now is the machine's affair or the
/// encoder's, not the file's, and another try may end differently.
pub(crate) fn ours(e: impl Into<MediaError>) -> MediaError {
    match e.into() {
        MediaError::Refused(why) => MediaError::Failed(format!("{}: {}", why.code, why.message)),
        other => other,
    }
}

impl Ffmpeg {
    /// Finds the programs and asks what they can do. Fails when something is missing that no work can
    /// do without; [`crate::doctor::examine`] says the same in words for a person.
    pub async fn open(policy: FfmpegPolicy, profile: LadderProfile) -> Result<Self, Fault> {
        admit(Kernel::running(), policy.jail).map_err(Fault::unavailable)?;
        let missing = |program: &Path| Fault::unavailable(format!("{} is not installed", program.display()));
        let ffmpeg = doctor::find(&policy.ffmpeg).ok_or_else(|| missing(&policy.ffmpeg))?;
        let ffprobe = doctor::find(&policy.ffprobe).ok_or_else(|| missing(&policy.ffprobe))?;
        let features = doctor::features(&ffmpeg).await?;
        if let Some(lack) = features.lacks.first() {
            return Err(Fault::unavailable(format!("this ffmpeg has no {lack}")));
        }
        if profile.av1.after_views.is_some() && !features.av1 {
            return Err(Fault::unavailable(doctor::no_av1()));
        }
        let jobs = policy.jobs();
        let (examining, encoding) = (Semaphore::new(jobs), Semaphore::new(jobs));
        let scorer = tokio::sync::OnceCell::new();
        Ok(Self(Arc::new(Inner { policy, profile, features, ffmpeg, ffprobe, examining, encoding, scorer })))
    }

    /// Part of every rendition's name: another version may encode the same plan to other bytes.
    pub(crate) fn identity(&self) -> String {
        let threads = self.0.policy.x264_threads;
        format!("ffmpeg {} recipe {RECIPE} threads {threads}", self.0.features.version)
    }

    pub(crate) async fn permit(line: &Semaphore) -> Result<tokio::sync::SemaphorePermit<'_>, MediaError> {
        line.acquire().await.map_err(|e| MediaError::Fault(Fault::internal(e)))
    }

    /// Looks at the file without decoding it.
    pub(crate) async fn audit(&self, room: &Room) -> Result<Source, MediaError> {
        Ok(self.look(room).await?.0)
    }

    /// The audit, and what it was reached from.
    pub(crate) async fn look(&self, room: &Room) -> Result<(Source, Probe), MediaError> {
        let size = tokio::fs::metadata(room.input()).await.map_err(Fault::from)?.len();
        let mut head = [0u8; 16];
        let mut file = tokio::fs::File::open(room.input()).await.map_err(Fault::from)?;
        let n = file.read(&mut head).await.map_err(Fault::from)?;
        check_magic(&head[..n]).map_err(MediaError::Refused)?;
        let mut args = Args::default();
        args.words("-v error").guards(&self.0.policy);
        args.words(
            "-show_streams -show_format -show_entries packet=stream_index,pts_time,duration_time,flags",
        );
        args.words("-of json").arg(room.input());
        let cpu_s = self.0.policy.limits.audit_cpu_s;
        let done = self.probe_within(cpu_s, args, std::slice::from_ref(&room.input_dir), &room.out).await?;
        let log = done.log.lines().collect::<Vec<_>>().join("\n");
        if !done.status.success() {
            return Err(self.probe_failed(&done, &log));
        }
        let probe: Probe = serde_json::from_slice(&done.stdout)
            .map_err(|e| MediaError::Failed(format!("ffprobe's answer is not what it should be: {e}")))?;
        let source = audit(&probe, &log, size, &self.0.policy.intake).map_err(MediaError::Refused)?;
        Ok((source, probe))
    }

    fn probe_failed(&self, done: &Done, log: &str) -> MediaError {
        use std::os::unix::process::ExitStatusExt;
        match done.status.signal() {
            Some(signal) => killed(signal),
            None => MediaError::Refused(explain(log)),
        }
    }

    /// Runs ffprobe on files that `read` allows, for as long as decoding may take.
    pub(crate) async fn probe(&self, args: Args, read: &[PathBuf], out: &Path) -> Result<Done, MediaError> {
        let cpu_s = self.0.policy.limits.cpu_base_s + self.longest_s();
        self.probe_within(cpu_s, args, read, out).await
    }

    async fn probe_within(
        &self,
        cpu_s: u64,
        args: Args,
        read: &[PathBuf],
        out: &Path,
    ) -> Result<Done, MediaError> {
        let limits = &self.0.policy.limits;
        let task = Task {
            program: self.0.ffprobe.clone(),
            args: args.0,
            jail: self.jail(read, out, cpu_s),
            wall: Duration::from_secs(cpu_s * limits.wall_factor),
            stall: None,
            stdout_bytes: limits.stdout_bytes,
        };
        child::run(&task, None).await.map_err(trouble)
    }

    fn longest_s(&self) -> u64 {
        (self.0.profile.source_duration_max_ms.0.max(0) / 1000) as u64
    }

    fn jail(&self, read: &[PathBuf], write: &Path, cpu_s: u64) -> Jail {
        let mut read = read.to_vec();
        read.extend(self.0.policy.library_dirs.iter().cloned());
        // A private build stands beside its libraries.
        read.extend([&self.0.ffmpeg, &self.0.ffprobe].iter().filter_map(|p| p.parent().map(Path::to_owned)));
        let policy = &self.0.policy;
        Jail { read, write: write.to_owned(), cpu_s, limits: policy.limits.clone(), mode: policy.jail }
    }

    /// Runs ffmpeg in a room until it succeeds or its end is understood.
    pub(crate) async fn run(&self, run: Run<'_>) -> Result<Ran, RunError> {
        self.run_by(&self.0.ffmpeg, run).await
    }

    /// The same with another build of ffmpeg, in the same jail.
    pub(crate) async fn run_by(&self, program: &Path, run: Run<'_>) -> Result<Ran, RunError> {
        let limits = &self.0.policy.limits;
        let cpu_s = limits.cpu_base_s + limits.cpu_per_media_s * (run.media_ms.max(0) as u64).div_ceil(1000);
        let mut read = vec![run.room.input_dir.clone()];
        read.extend(program.parent().map(Path::to_owned));
        let task = Task {
            program: program.to_owned(),
            args: run.args.0,
            jail: self.jail(&read, &run.room.out, cpu_s),
            wall: Duration::from_secs(cpu_s * limits.wall_factor),
            stall: Some(Duration::from_secs(limits.stall_s)),
            stdout_bytes: limits.stdout_bytes,
        };
        let mut meter = Meter::new(run.progress, run.media_ms);
        let mut each_line = |line: &str| meter.line(line);
        let done = child::run(&task, Some(&mut each_line)).await.map_err(|t| RunError::Media(trouble(t)))?;
        if done.status.success() {
            return Ok(Ran { done, frames: meter.frames });
        }
        Err(failed(&done))
    }
}

/// A child that ended badly by itself: whose fault was it?
fn failed(done: &Done) -> RunError {
    use std::os::unix::process::ExitStatusExt;
    if let Some(signal) = done.status.signal() {
        return RunError::Media(killed(signal));
    }
    if done.log.has("No space left on device") || done.log.has("File too large") {
        return RunError::Media(Fault::new(FaultKind::Full, done.log.last_words()).into());
    }
    if done.log.has("Cannot allocate memory") {
        return RunError::Media(MediaError::Refused(greedy()));
    }
    RunError::GaveUp(done.log.last_words())
}

fn killed(signal: i32) -> MediaError {
    if signal == libc::SIGXCPU {
        return MediaError::Refused(timeout());
    }
    MediaError::Failed(format!("killed by signal {signal}"))
}

fn greedy() -> FailureReason {
    refuse("media.too_large", "The video needs more memory than we give to one.")
}

fn timeout() -> FailureReason {
    refuse("media.timeout", "The video takes far longer to read than it is long. It may be damaged.")
}

fn trouble(trouble: Trouble) -> MediaError {
    match trouble {
        Trouble::Stalled { busy: true, .. } => MediaError::Refused(timeout()),
        Trouble::Flood => {
            MediaError::Refused(refuse("media.unreadable", "The file has far more parts than a video needs."))
        }
        Trouble::Greedy(_) => MediaError::Refused(greedy()),
        Trouble::Start(e) | Trouble::Io(e) => MediaError::Fault(e.into()),
        other => MediaError::Failed(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_child_uses_up_is_the_files_fault_in_pass_a_and_ours_in_pass_b() {
        let spent =
            || [Trouble::Greedy(2 << 30), Trouble::Stalled { after: Duration::from_secs(20), busy: true }];
        for in_pass_a in spent().map(trouble) {
            assert!(matches!(in_pass_a, MediaError::Refused(_)), "{in_pass_a:?}");
        }
        for in_pass_b in spent().map(|t| ours(RunError::Media(trouble(t)))) {
            assert!(matches!(in_pass_b, MediaError::Failed(_)), "{in_pass_b:?}");
        }
        let full = ours(MediaError::Fault(Fault::full("no space left")));
        assert!(matches!(full, MediaError::Fault(_)), "which uses up no attempt");
    }
}
