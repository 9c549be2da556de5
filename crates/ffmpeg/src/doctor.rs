//! Whether this machine's ffmpeg can do the work, in words for a person.

use crate::jail::{Kernel, admit};
use crate::policy::{FfmpegPolicy, JailMode};
use std::path::{Path, PathBuf};
use std::time::Duration;
use stdx::Fault;
use tokio::process::Command;

/// What the program can do.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Features {
    /// E.g. `5.1.9-0+deb12u1`.
    pub version: String,
    /// HDR is mapped to SDR properly; without it HDR videos look pale.
    pub zscale: bool,
    /// AV1 can be encoded, and decoded to be verified.
    pub av1: bool,
    /// 7.0 or later: decoder, filters and encoders run side by side, each in a thread of its own, and SVT-AV1 is newer
    /// than 1.
    pub modern: bool,
    /// What is needed and not there.
    pub lacks: Vec<String>,
}

/// One answer of the doctor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub name: &'static str,
    /// `None`: works, but less well.
    pub ok: Option<bool>,
    pub detail: String,
    /// What to do about it.
    pub advice: Option<String>,
}

const FILTERS: [&str; 14] = [
    "scale",
    "fps",
    "setpts",
    "split",
    "trim",
    "tpad",
    "tile",
    "transpose",
    "colormatrix",
    "loudnorm",
    "aresample",
    "apad",
    "atrim",
    "aformat",
];
const ENCODERS: [&str; 4] = ["libx264", "aac", "mjpeg", "rawvideo"];
const DECODERS: [&str; 6] = ["h264", "hevc", "vp9", "aac", "mp3", "opus"];
const AV1_ENCODER: &str = "libsvtav1";
const AV1_DECODERS: [&str; 2] = ["libdav1d", "libaom-av1"];
const MODERN_SINCE: u32 = 7;
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// A program by name in the search path, or by absolute path.
pub(crate) fn find(program: &Path) -> Option<PathBuf> {
    if program.components().count() > 1 {
        return program.is_file().then(|| program.to_owned());
    }
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join(program)).find(|p| p.is_file())
}

async fn ask(program: &Path, question: &str) -> Result<String, Fault> {
    let mut command = Command::new(program);
    command.args(["-hide_banner", question]).stdin(std::process::Stdio::null()).kill_on_drop(true);
    let answer = tokio::time::timeout(PROBE_LIMIT, command.output()).await;
    let output =
        answer.map_err(|_| Fault::unavailable(format!("{} does not answer", program.display())))??;
    if !output.status.success() {
        return Err(Fault::unavailable(format!("{} {question} failed", program.display())));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Asks a program what it can do.
pub(crate) async fn features(ffmpeg: &Path) -> Result<Features, Fault> {
    let (version, filters, encoders, decoders) = tokio::try_join!(
        ask(ffmpeg, "-version"),
        ask(ffmpeg, "-filters"),
        ask(ffmpeg, "-encoders"),
        ask(ffmpeg, "-decoders"),
    )?;
    let word = |n: usize| version.split_whitespace().nth(n).unwrap_or("unknown").to_owned();
    let mut lacks = Vec::new();
    for (kind, names, list) in [
        ("filter", &FILTERS[..], &filters),
        ("encoder", &ENCODERS[..], &encoders),
        ("decoder", &DECODERS[..], &decoders),
    ] {
        let missing = names.iter().filter(|n| !has(list, n));
        lacks.extend(missing.map(|n| format!("{kind} {n}")));
    }
    let av1 = has(&encoders, AV1_ENCODER) && AV1_DECODERS.iter().any(|d| has(&decoders, d));
    let zscale = has(&filters, "zscale") && has(&filters, "tonemap");
    let version = word(2);
    let modern = major(&version).is_some_and(|n| n >= MODERN_SINCE);
    Ok(Features { version, zscale, av1, modern, lacks })
}

/// Of `5.1.9-0+deb12u1` or `n9.0.2-17-g2a571b6068`; a build of no release has none.
fn major(version: &str) -> Option<u32> {
    version.trim_start_matches('n').split('.').next()?.parse().ok()
}

/// Whether a program has a filter. One that does not answer has none.
pub(crate) async fn has_filter(program: &Path, filter: &str) -> bool {
    ask(program, "-filters").await.is_ok_and(|list| has(&list, filter))
}

/// Whether AV1 rungs can be made; `wanted` where the settings ask for them.
pub async fn av1(ffmpeg: &Path, wanted: bool) -> Finding {
    let can = match find(ffmpeg) {
        Some(program) => features(&program).await.is_ok_and(|f| f.av1),
        None => false,
    };
    av1_finding(can, wanted)
}

fn av1_finding(can: bool, wanted: bool) -> Finding {
    let (ok, detail) = match (can, wanted) {
        (true, _) => (Some(true), format!("{AV1_ENCODER} and a decoder")),
        (false, true) => (Some(false), no_av1()),
        (false, false) => (None, format!("{}; no settings ask for it", no_av1())),
    };
    let advice = "Install an ffmpeg with libsvtav1 and libdav1d (Debian's has both), or set encoder.av1_after_views = 0.";
    Finding { name: "AV1", ok, detail, advice: (ok != Some(true)).then(|| advice.to_owned()) }
}

/// What is said wherever AV1 is asked of a program that lacks it.
pub(crate) fn no_av1() -> String {
    format!("this ffmpeg cannot encode AV1: it has no {AV1_ENCODER}, or no decoder to verify it with")
}

/// Lists have the name in the second column.
fn has(list: &str, name: &str) -> bool {
    list.lines().any(|l| l.split_whitespace().nth(1) == Some(name))
}

/// Everything about media work on this machine that a person may have to mend.
pub async fn examine(policy: &FfmpegPolicy) -> Vec<Finding> {
    let mut findings = Vec::new();
    let install =
        || Some("Install ffmpeg 5.1 or later with libx264 (Debian: apt install ffmpeg).".to_owned());
    for (name, program) in [("ffprobe", &policy.ffprobe), ("ffmpeg", &policy.ffmpeg)] {
        let found = find(program);
        let detail = found.as_ref().map_or_else(|| "not found".to_owned(), |p| p.display().to_string());
        let ok = found.is_some();
        findings.push(Finding { name, ok: Some(ok), detail, advice: if ok { None } else { install() } });
        let (Some(path), "ffmpeg") = (found, name) else { continue };
        findings.push(match features(&path).await {
            Ok(f) if f.lacks.is_empty() => {
                Finding { name: "ffmpeg features", ok: Some(true), detail: f.version, advice: None }
            }
            Ok(f) => {
                let detail = format!("{} has no {}", f.version, f.lacks.join(", "));
                Finding { name: "ffmpeg features", ok: Some(false), detail, advice: install() }
            }
            Err(e) => {
                Finding { name: "ffmpeg features", ok: Some(false), detail: e.to_string(), advice: install() }
            }
        });
    }
    findings.push(sandbox(policy.jail));
    findings
}

/// Whether children can be shut in, and what follows where they cannot.
pub fn sandbox(mode: JailMode) -> Finding {
    judge(Kernel::running(), mode)
}

fn judge(kernel: Kernel, mode: JailMode) -> Finding {
    let name = "media sandbox";
    let Some(what) = kernel.lacks() else {
        let detail = format!("Landlock version {} and seccomp", kernel.landlock);
        return Finding { name, ok: Some(true), detail, advice: None };
    };
    match admit(kernel, mode) {
        Err(advice) => Finding {
            name,
            ok: Some(false),
            detail: format!("the kernel has no {what}: nothing will be decoded"),
            advice: Some(advice),
        },
        Ok(()) => Finding {
            name,
            ok: None,
            detail: format!(
                "the kernel has no {what}, and encoder.jail is \"best-effort\": children are limited, but may \
                 read or reach what we may"
            ),
            advice: Some(
                "Use a kernel with landlock and seccomp, and set encoder.jail = \"required\".".to_owned(),
            ),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_cannot_shut_children_in_is_refused_unless_told_otherwise() {
        let whole = Kernel { landlock: 4, seccomp: true };
        for kernel in [
            Kernel { landlock: 0, ..whole },
            Kernel { seccomp: false, ..whole },
            Kernel { landlock: 0, seccomp: false },
        ] {
            let refused = judge(kernel, JailMode::Required);
            assert_eq!(refused.ok, Some(false), "{refused:?}");
            let advice = refused.advice.expect("what to do");
            assert!(advice.contains("best-effort") && advice.contains(kernel.lacks().expect("something")));
            let let_pass = judge(kernel, JailMode::BestEffort);
            assert_eq!(let_pass.ok, None, "works, but less well: {let_pass:?}");
            assert!(let_pass.detail.contains(kernel.lacks().expect("something")));
        }
        for mode in [JailMode::Required, JailMode::BestEffort] {
            assert_eq!(judge(whole, mode).ok, Some(true));
        }
    }

    #[test]
    fn a_release_says_its_major_version() {
        let of = |v| major(v);
        assert_eq!(
            [of("5.1.9-0+deb12u1"), of("n9.0.2-17-g2a571b6068"), of("7.0")],
            [Some(5), Some(9), Some(7)]
        );
        assert_eq!([of("N-118341-g5e7f9d4"), of("unknown"), of("")], [None; 3]);
    }

    #[test]
    fn av1_that_is_wanted_and_missing_is_an_error_and_else_a_remark() {
        assert_eq!((av1_finding(true, true).ok, av1_finding(true, false).advice), (Some(true), None));
        let wanted = av1_finding(false, true);
        assert_eq!(wanted.ok, Some(false));
        assert!(
            wanted.detail.contains("libsvtav1")
                && wanted.advice.is_some_and(|a| a.contains("av1_after_views"))
        );
        assert_eq!(av1_finding(false, false).ok, None);
    }

    #[test]
    fn the_jail_is_required_unless_the_settings_say_otherwise() {
        assert_eq!(FfmpegPolicy::default().jail, JailMode::Required);
        let said: JailMode = serde_json::from_str("\"best-effort\"").expect("a word");
        assert_eq!(said, JailMode::BestEffort);
    }
}
