//! What viewers get for the bits: our ladder, chosen per title, against the fixed one.

use super::curve::{Point, delivered, saved_at_equal_score};
use super::ladders::{Original, sized, stock_vbr};
use super::studio::{Studio, name_of, system_ffmpeg};
use super::vmaf::Vmaf;
use crate::report::{Better, Figure, Report};
use anyhow::Context;
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

pub async fn run(studio: &Studio, vmaf: &Vmaf, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let (mut ours, mut fixed) = (Vec::new(), vec![Vec::new(); SCALES.len()]);
    for name in CLIPS {
        let (ladder, scales) = compare(studio, vmaf, &media.join(name)).await?;
        let unit = scales[1].bps;
        println!(
            "NOTE {name}: {:+.0} % bits and {:+.1} VMAF of the fixed ladder ({:.1})",
            (ladder.bps / unit - 1.0) * 100.0,
            ladder.score - scales[1].score,
            scales[1].score
        );
        ours.push(Point { bps: ladder.bps / unit, score: ladder.score });
        for (all, point) in fixed.iter_mut().zip(scales) {
            all.push(Point { bps: point.bps / unit, score: point.score });
        }
    }
    let mean = |all: &[Point]| {
        let n = all.len() as f64;
        (all.iter().map(|p| p.bps).sum::<f64>() / n, all.iter().map(|p| p.score).sum::<f64>() / n)
    };
    let (bits, score) = mean(&ours);
    let anchors: Vec<_> = fixed.iter().map(|all| mean(all)).collect();
    println!("NOTE ours: {bits:.3} of the bits at VMAF {score:.2}; fixed at {SCALES:?}: {anchors:.3?}");
    let saved = saved_at_equal_score(&anchors, bits, score).unwrap_or(f64::NAN);
    report.add(&Figure {
        name: "delivered_bits_saved_at_equal_delivered_vmaf",
        value: saved * 100.0,
        unit: "%",
        baseline: None,
        target: 28.0,
        better: Better::Higher,
    });
    Ok(())
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
    let parts = std::iter::once(&whole.init).chain(&whole.segments).flatten().copied();
    std::fs::write(&file, parts.collect::<Vec<u8>>())?;
    Original::of(file, (width, height), plan.fps)
}

/// Our ladder and the fixed one at every scale, as viewers get them.
async fn compare(studio: &Studio, vmaf: &Vmaf, clip: &Path) -> anyhow::Result<(Point, Vec<Point>)> {
    let room = studio.room()?;
    let cut = room.join(format!("cut-{}", name_of(clip)));
    system_ffmpeg(clip, &format!("-t {FIRST_S} -map 0:v:0 -c copy"), &cut)?;
    let seen = studio.examine(&cut).await?;
    let plan = studio.titled(&cut, &seen).await?;
    let size = (seen.source.width, seen.source.height);
    let short = SHORT.min(size.0.min(size.1)) & !1;
    let original = reference(studio, &cut, (&plan, &seen), sized(size, short)).await?;
    let encoded = studio.encode(&cut, &plan, &seen).await?;
    let points = encoded.rungs.iter().map(|t| original.point(vmaf, &t.path));
    let ours = points.collect::<anyhow::Result<Vec<_>>>()?;
    let mut scales = Vec::new();
    for scale in SCALES {
        let mut rungs = Vec::new();
        for rung in SEED_LADDER.iter().filter(|r| u32::from(r.name.0) <= short.max(240)) {
            let out = room.join("fixed.mp4");
            let kbps = (f64::from(rung.max_kbps.0) * scale) as u32;
            stock_vbr(&original, sized(size, u32::from(rung.name.0)), kbps, &out)?;
            rungs.push(original.point(vmaf, &out)?);
        }
        scales.extend(delivered(&rungs));
    }
    anyhow::ensure!(scales.len() == SCALES.len(), "{} has no fixed ladder", clip.display());
    Ok((delivered(&ours).unwrap_or(scales[1]), scales))
}
