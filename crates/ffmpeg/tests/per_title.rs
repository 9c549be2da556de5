//! Probes of quality with the real program, and what waves and probes cost.

mod common;

use common::{Bench, media, quiet};
use ffmpeg::{Ffmpeg, FfmpegPolicy};
use std::path::{Path, PathBuf};
use std::time::Instant;
use transcode::{EncodeJob, Encoder, LadderPlan, LadderProfile, Metric, ProbeJob, Probed};
use vocab::{RungName, VideoId};

/// Where `scripts/ffmpeg.sh` puts an ffmpeg with libvmaf.
fn quality_ffmpeg() -> Option<PathBuf> {
    let cache = std::env::var_os("CACHE_DIR").map(PathBuf::from);
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/signal-video"));
    cache.or_else(home).map(|c| c.join("tools/ffmpeg/ffmpeg")).filter(|p| p.is_file())
}

/// Whether the ffmpeg of the search path has it too.
fn has_libvmaf() -> bool {
    let listed = std::process::Command::new("ffmpeg").args(["-hide_banner", "-filters"]).output();
    String::from_utf8_lossy(&listed.expect("ffmpeg is installed").stdout).contains(" libvmaf ")
}

async fn engine_with(quality_ffmpeg: PathBuf) -> Ffmpeg {
    let policy = FfmpegPolicy { quality_ffmpeg, ..FfmpegPolicy::default() };
    Ffmpeg::open(policy, LadderProfile::default()).await.expect("ffmpeg is installed")
}

fn job(bench: &Bench, name: &str, source: &Path, plan: &LadderPlan) -> ProbeJob {
    let policy = LadderProfile::default().per_title;
    ProbeJob {
        video: VideoId(1),
        source: source.to_owned(),
        work_dir: bench.room(name),
        plan: plan.clone(),
        samples: policy.samples(plan),
        crf_centi: policy.probe_crf_centi,
    }
}

async fn planned(bench: &Bench, name: &str, source: &Path) -> (LadderPlan, Option<moderation::Loudness>) {
    let whole = catalog::Transform::default();
    let seen = bench.examine(name, source, &whole).await.expect("is read");
    (transcode::plan(&seen.source, &whole, &LadderProfile::default()).expect("a plan"), seen.loudness)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sample_scores_better_at_the_finer_quality() {
    let Some(media) = media() else { return };
    let mut bench = Bench::new().await;
    let source = media.join("natural/nail_portrait_1080x1916_30fps.mp4");
    let (plan, _) = planned(&bench, "nail", &source).await;
    let probe = job(&bench, "own", &source, &plan);
    let probed = bench.engine.probe(probe).await.expect("is probed").expect("ffmpeg has ssim");
    assert_eq!(probed.metric, if has_libvmaf() { Metric::Vmaf } else { Metric::Ssim });
    good(probed);
    let Some(program) = quality_ffmpeg() else {
        println!("skipped: no ffmpeg with libvmaf; run scripts/ffmpeg.sh");
        return;
    };
    bench.engine = engine_with(program).await;
    let probed = bench.engine.probe(job(&bench, "vmaf", &source, &plan)).await.expect("is probed");
    let probed = probed.expect("a score");
    assert_eq!(probed.metric, Metric::Vmaf);
    good(probed);
}

fn good(probed: Probed) {
    let [fine, coarse] = probed.scores_centi;
    println!("{}: {fine} and {coarse}", probed.metric.word());
    assert!(fine > coarse && fine <= 10_000 && coarse > 5_000, "{probed:?}");
}

/// CPU seconds of ended children of this process, user and system.
fn cpu_s() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("a process");
    let after = stat.rsplit(')').next().expect("fields");
    let ticks: f64 =
        after.split_whitespace().skip(13).take(2).map(|f| f.parse::<f64>().expect("ticks")).sum();
    ticks / 100.0
}

async fn encode(
    bench: &Bench,
    name: &str,
    source: &Path,
    plan: &LadderPlan,
    l: Option<moderation::Loudness>,
) -> (f64, f64, u64) {
    let (before, began) = (cpu_s(), Instant::now());
    let job = EncodeJob {
        video: VideoId(1),
        source: source.to_owned(),
        origin: None,
        work_dir: bench.room(name),
        plan: plan.clone(),
        loudness: l,
        progress: quiet(),
    };
    let made = bench.engine.encode(job).await.expect("is encoded");
    let bytes = made.rungs.iter().map(|t| std::fs::metadata(&t.path).expect("a file").len()).sum();
    (cpu_s() - before, began.elapsed().as_secs_f64(), bytes)
}

/// `cargo test -p ffmpeg --test per_title -- --ignored --nocapture --test-threads 1`
#[tokio::test(flavor = "multi_thread")]
#[ignore = "measures; takes minutes"]
async fn what_waves_and_probes_cost() {
    let Some(media) = media() else { return };
    let mut bench = Bench::new().await;
    if let Some(program) = quality_ffmpeg() {
        bench.engine = engine_with(program).await;
    }
    let policy = LadderProfile::default().per_title;
    println!(
        "clip s | at once CPU-s | wave 1 CPU-s (wall s) | wave 2 CPU-s | probes CPU-s | scores, CRF | bytes fixed, tuned"
    );
    for source in common::names(&media.join("natural")) {
        let name = source.file_stem().expect("a name").to_string_lossy().into_owned();
        let (plan, l) = planned(&bench, &name, &source).await;
        let (once, _, fixed) = encode(&bench, &format!("{name}-once"), &source, &plan, l).await;
        let small: Vec<RungName> = plan.names().into_iter().filter(|r| r.0 <= 360).collect();
        let large: Vec<RungName> = plan.names().into_iter().filter(|r| r.0 > 360).collect();
        let (one, wall, _) = encode(&bench, &format!("{name}-1"), &source, &plan.only(&small), l).await;
        let two = match large.is_empty() {
            true => 0.0,
            false => encode(&bench, &format!("{name}-2"), &source, &plan.only(&large), l).await.0,
        };
        let before = cpu_s();
        let probe = job(&bench, &format!("{name}-p"), &source, &plan);
        let probed = match probe.samples.is_empty() {
            true => None,
            false => bench.engine.probe(probe).await.expect("is probed"),
        };
        let probes = cpu_s() - before;
        let tuned = match probed {
            None => fixed,
            Some(p) => encode(&bench, &format!("{name}-t"), &source, &policy.tuned(&plan, p).0, l).await.2,
        };
        println!(
            "{name} {:.1} | {once:.1} | {one:.1} ({wall:.1}) | {two:.1} | {probes:.1} | {:?} {} | {fixed} {tuned}",
            plan.duration_ms.0 as f64 / 1000.0,
            probed.map(|p| p.scores_centi),
            probed.map_or(0, |p| policy.crf_centi(p)),
        );
    }
}
