//! CPU and memory of one phone clip.

use super::studio::{Studio, costing, largest_child_mib, plain_ffmpeg};
use crate::report::{Better, Figure, Report};
use crate::walk::media::{naive_cpu, phone_clip};
use anyhow::{Context, ensure};
use moderation::port::Examination;
use packager::Muxed;
use std::path::Path;
use transcode::{Encoder, Expectation, LadderPlan, VerifyJob};
use vocab::VideoId;

/// Odd. Parts of one round are compared with each other only: the machine is not equally fast from round to round.
const ROUNDS: usize = 5;

/// CPU seconds of each part, and what one child needs.
struct Round {
    decode: f64,
    pass_a: f64,
    /// Pass B as the product does it: the first wave, then the others, each with its own decode and its own sound.
    waves: f64,
    /// Pass B of the same plan in one go, which the product does not do here.
    at_once: f64,
    /// The per-title probes before the second wave; the baseline has none.
    probes: f64,
    /// The decode before publication; the baseline has none.
    verify: f64,
    naive: f64,
    /// The largest child of ours, where no other was larger before: in the first round.
    rss_mib: f64,
}

pub async fn run(studio: &Studio, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let dir = studio.room()?;
    let clip = phone_clip(&media.join("natural/nail_portrait_1080x1916_30fps.mp4"), &dir)?;
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        rounds.push(round(studio, &clip, &dir).await?);
    }
    for (n, r) in (1..).zip(&rounds) {
        println!(
            "NOTE round {n}, CPU-s: decode {:.2}, pass A {:.2}, in waves {:.2} (at once {:.2}), probes {:.2}, \
             verification {:.2}, one process per artefact {:.2}",
            r.decode, r.pass_a, r.waves, r.at_once, r.probes, r.verify, r.naive
        );
    }
    let share = |part: fn(&Round) -> f64| {
        let (value, baseline) = middle(&rounds, |r| (part(r), r.naive));
        value / baseline
    };
    println!(
        "NOTE of one process per artefact: the same package encoded at once {:.3}; per-title probes {:.3} and \
         verification {:.3}, of which it has neither; the package with both {:.3}",
        share(|r| r.pass_a + r.at_once),
        share(|r| r.probes),
        share(|r| r.verify),
        share(|r| r.pass_a + r.waves + r.probes + r.verify)
    );
    for (name, (value, baseline), target) in [
        ("package_cpu_vs_one_process_per_artefact", middle(&rounds, |r| (r.pass_a + r.waves, r.naive)), 0.68),
        ("pass_a_cpu_vs_decode_alone", middle(&rounds, |r| (r.pass_a, r.decode)), 1.35),
    ] {
        let baseline = Some(baseline);
        report.add(&Figure { name, value, unit: "cpu-s", baseline, target, better: Better::Lower });
    }
    report.add(&Figure {
        name: "rss_of_the_largest_child_1080p",
        value: rounds.first().map_or(f64::NAN, |r| r.rss_mib),
        unit: "MiB",
        baseline: None,
        target: 600.0,
        better: Better::Lower,
    });
    Ok(())
}

/// The pair in the middle by its ratio.
fn middle(rounds: &[Round], pair: impl Fn(&Round) -> (f64, f64)) -> (f64, f64) {
    let mut pairs: Vec<_> = rounds.iter().map(pair).collect();
    pairs.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    pairs.get(pairs.len() / 2).copied().unwrap_or((f64::NAN, f64::NAN))
}

/// The fixed ladder at the profile's quality, as the baseline has it.
async fn round(studio: &Studio, clip: &Path, dir: &Path) -> anyhow::Result<Round> {
    let nowhere = Path::new("-");
    let decode = costing(async { plain_ffmpeg(clip, "-map 0:v -map 0:a -f null", nowhere) }).await?.1;
    let (seen, pass_a) = costing(studio.examine(clip)).await?;
    let plan = studio.plan(&seen.source)?;
    let (first, later) = studio.waves(&plan);
    ensure!(
        first.rungs.len() == 2 && later.rungs.len() == 2,
        "the phone clip is published in waves of {} and {} rungs, not of two",
        first.rungs.len(),
        later.rungs.len()
    );
    let at_once = costing(encoded(studio, clip, &plan, &seen)).await?.1;
    let (rungs, waves) = costing(async {
        let mut rungs = encoded(studio, clip, &first, &seen).await?;
        rungs.extend(encoded(studio, clip, &later, &seen).await?);
        Ok(rungs)
    })
    .await?;
    let rss_mib = largest_child_mib()?;
    let naive = naive_cpu(clip, dir)?;
    let (probed, probes) = costing(studio.probe(clip, &later)).await?;
    ensure!(probed.is_some(), "nothing here measures quality: the probes cost nothing and say nothing");
    let job = verification(studio, &plan, &rungs)?;
    let verify = costing(async { Ok(studio.engine.verify(job).await?) }).await?.1;
    Ok(Round { decode, pass_a, waves, at_once, probes, verify, naive, rss_mib })
}

async fn encoded(
    studio: &Studio,
    clip: &Path,
    plan: &LadderPlan,
    seen: &Examination,
) -> anyhow::Result<Vec<Muxed>> {
    studio.package(&studio.encode(clip, plan, seen).await?)
}

fn verification(studio: &Studio, plan: &LadderPlan, rungs: &[Muxed]) -> anyhow::Result<VerifyJob> {
    ensure!(plan.rungs.len() == rungs.len(), "{} rungs of {}", rungs.len(), plan.rungs.len());
    let work_dir = studio.room()?;
    let mut files = Vec::new();
    for (rung, muxed) in plan.rungs.iter().zip(rungs) {
        let path = work_dir.join(format!("{}.mp4", rung.name));
        std::fs::write(&path, muxed.single_file())?;
        files.push(path);
    }
    let expect = Expectation {
        duration_ms: plan.duration_ms,
        fps: plan.fps,
        has_audio: plan.audio.is_some(),
        sizes: plan.rungs.iter().map(|r| (r.width, r.height)).collect(),
        segment_ms: rungs.first().context("a rung")?.segment_ms(),
    };
    let progress = std::sync::Arc::new(|_| {});
    Ok(VerifyJob { video: VideoId(1), work_dir, files, sound: None, expect, progress })
}
