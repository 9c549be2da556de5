//! What viewers get for the bits: our ladder, chosen per title, against the fixed one.

use super::curve::{Point, Rung, delivered, saved_at_equal_score};
use super::ladders::{Original, sized, stock_vbr};
use super::studio::{Studio, name_of, plain_ffmpeg};
use super::vmaf::Vmaf;
use crate::report::{Better, Figure, Report};
use anyhow::{Context, ensure};
use moderation::port::Examination;
use std::path::Path;
use transcode::LadderPlan;
use vocab::Kbps;
use vocab::ladder::SEED_LADDER;

const CLIPS: [&str; 11] = [
    "natural/nail_portrait_1080x1916_30fps.mp4",
    "natural/butterfly.mp4",
    "natural/bee.mp4",
    "natural/clock_360p_audio.mp4",
    "natural/bikes.mp4",
    "natural/trams_240p_60fps_5s.mp4",
    "format/internal_emulator_transformer_output_270_rotated.mp4",
    "format/bbb_642x642_768kbps_30fps_vp9.webm",
    "format/trim_optimization_failure.mp4",
    "format/sample_portrait.mp4",
    "format/sowt-with-video.mov",
];
const FIRST_S: f64 = 6.0;
/// The reference is at this short side, or at the source's where that is smaller.
const SHORT: u32 = 720;
/// The fixed ladder at these multiples of its bitrates, so that equal quality lies between two.
const SCALES: [f64; 4] = [0.75, 1.0, 1.4, 2.0];

/// Our ladder and the fixed one at every scale, as viewers get them.
type Compared = (Point, Vec<Point>);

pub async fn run(studio: &Studio, vmaf: &Vmaf, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (mut declared, mut average, mut uniform) = (Vec::new(), Vec::new(), Vec::new());
    for name in CLIPS {
        let Ladders { ours, plain, scales } = compare(studio, vmaf, &media.join(name)).await?;
        let by_declared = viewed(name, &ours, &scales)?;
        let (ladder, fixed) = (by_declared.0, by_declared.1[1]);
        println!(
            "NOTE {name}: {:+.0} % bits and {:+.1} VMAF of the fixed ladder ({:.1})",
            (ladder.bps / fixed.bps - 1.0) * 100.0,
            ladder.score - fixed.score,
            fixed.score
        );
        declared.push(by_declared);
        uniform.push(viewed(name, &plain, &scales)?);
        let scales: Vec<_> = scales.iter().map(|rungs| by_average(rungs)).collect();
        average.push(viewed(name, &by_average(&ours), &scales)?);
    }
    let saved_by_average = saved("by average rates", &average);
    println!("NOTE saved if players chose by average rates: {:.1} %", saved_by_average * 100.0);
    let without = saved("with one quality for all videos", &uniform);
    println!("NOTE saved without choosing per title: {:.1} %", without * 100.0);
    report.add(&Figure {
        name: "delivered_bits_saved_at_equal_delivered_vmaf",
        value: saved("by declared bandwidths", &declared) * 100.0,
        unit: "%",
        baseline: None,
        target: 28.0,
        better: Better::Higher,
    });
    Ok(())
}

/// As if players were told the average.
fn by_average(rungs: &[Rung]) -> Vec<Rung> {
    rungs.iter().map(|r| Rung { declared_bps: r.point.bps, ..*r }).collect()
}

fn viewed(name: &str, ours: &[Rung], scales: &[Vec<Rung>]) -> anyhow::Result<Compared> {
    let fixed: Vec<Point> = scales.iter().filter_map(|rungs| delivered(rungs)).collect();
    ensure!(fixed.len() == SCALES.len(), "{name} has no fixed ladder");
    Ok((delivered(ours).with_context(|| format!("{name} has no ladder of ours"))?, fixed))
}

/// The share of bits saved over all clips, each against its own fixed ladder. No number where ours is
/// better or worse than every scale of that.
fn saved(how: &str, all: &[Compared]) -> f64 {
    let mean = |of: &dyn Fn(&Compared) -> Point| {
        let n = all.len() as f64;
        let relative = |c: &Compared| of(c).bps / c.1[1].bps;
        (all.iter().map(relative).sum::<f64>() / n, all.iter().map(|c| of(c).score).sum::<f64>() / n)
    };
    let (bits, score) = mean(&|c| c.0);
    let anchors: Vec<_> = (0..SCALES.len()).map(|i| mean(&|c| c.1[i])).collect();
    println!("NOTE {how}: {bits:.3} of the bits at VMAF {score:.2}; fixed at {SCALES:?}: {anchors:.3?}");
    saved_at_equal_score(&anchors, bits, score).unwrap_or(f64::NAN)
}

/// The clip almost without loss (CRF 1, no cap), turned, timed and coloured by the engine itself, so that
/// only encoders are compared.
async fn reference(
    studio: &Studio,
    cut: &Path,
    (plan, seen): (&LadderPlan, &Examination),
    (width, height): (u32, u32),
) -> anyhow::Result<Original> {
    let mut rung = plan.rungs.last().context("a rung")?.clone();
    (rung.width, rung.height, rung.crf_centi, rung.max_kbps) = (width, height, 100, Kbps(400_000));
    let plan = LadderPlan { rungs: vec![rung], audio: None, ..plan.clone() };
    let encoded = studio.encode(cut, &plan, seen).await?;
    // Packaged, it says no more which way up the source was.
    let rungs = studio.package(&encoded)?;
    let whole = rungs.first().context("a track")?;
    let file = studio.room()?.join("reference.mp4");
    std::fs::write(&file, whole.single_file())?;
    Original::of(file, (width, height), plan.fps)
}

/// The ladders of one clip.
struct Ladders {
    /// As the product has it.
    ours: Vec<Rung>,
    /// The same at the profile's quality.
    plain: Vec<Rung>,
    /// The fixed one at every scale.
    scales: Vec<Vec<Rung>>,
}

async fn compare(studio: &Studio, vmaf: &Vmaf, clip: &Path) -> anyhow::Result<Ladders> {
    let room = studio.room()?;
    let cut = room.join(format!("cut-{}", name_of(clip)));
    plain_ffmpeg(clip, &format!("-t {FIRST_S} -map 0:v:0 -c copy"), &cut)?;
    let seen = studio.examine(&cut).await?;
    let plan = studio.titled(&cut, &seen).await?;
    let size = (seen.source.width, seen.source.height);
    let short = SHORT.min(size.0.min(size.1)) & !1;
    let original = reference(studio, &cut, (&plan, &seen), sized(size, short)).await?;
    let ladder = async |plan: &LadderPlan| -> anyhow::Result<Vec<Rung>> {
        let encoded = studio.encode(&cut, plan, &seen).await?;
        encoded.rungs.iter().map(|t| original.rung(vmaf, &t.path)).collect()
    };
    let (ours, plain) = (ladder(&plan).await?, ladder(&studio.plan(&seen.source)?).await?);
    let mut scales = Vec::new();
    for scale in SCALES {
        let mut rungs = Vec::new();
        for rung in SEED_LADDER.iter().filter(|r| u32::from(r.name.0) <= short.max(240)) {
            let out = room.join("fixed.mp4");
            let kbps = (f64::from(rung.max_kbps.0) * scale) as u32;
            stock_vbr(&original, sized(size, u32::from(rung.name.0)), kbps, &out)?;
            rungs.push(original.rung(vmaf, &out)?);
        }
        scales.push(rungs);
    }
    Ok(Ladders { ours, plain, scales })
}
