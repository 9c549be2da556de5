//! BD-rate of the default encoder settings and of AV1, three clips at 540 short.

use super::curve::{Point, bd_rate};
use super::ladders::{Original, sized};
use super::studio::{cpu_s, plain_ffmpeg};
use super::vmaf::Vmaf;
use crate::report::{Better, Figure, Report};
use std::path::Path;

/// Clip, display size.
const CLIPS: [(&str, (u32, u32)); 3] = [
    ("natural/nail_portrait_1080x1916_30fps.mp4", (1080, 1916)),
    ("natural/butterfly.mp4", (1280, 720)),
    ("format/internal_emulator_transformer_output_270_rotated.mp4", (1080, 1920)),
];
const SHORT: u32 = 540;
const FPS: u32 = 30;
const FIRST_S: f64 = 6.0;
const X264_CRFS: [u32; 4] = [20, 24, 28, 32];
const AV1_CRFS: [u32; 4] = [28, 36, 44, 52];
const GOP: &str = "-g 60 -keyint_min 60 -sc_threshold 0";

/// Points of one encoder over a clip, and its CPU seconds with reading the original, which is no part of
/// encoding.
fn curve(
    original: &Original,
    vmaf: &Vmaf,
    dir: &Path,
    (crfs, line): (&[u32], &dyn Fn(u32) -> String),
) -> anyhow::Result<(Vec<Point>, f64)> {
    let (mut points, mut cost_s) = (Vec::new(), 0.0);
    for &crf in crfs {
        let out = dir.join("encode.mp4");
        let before = cpu_s()?;
        plain_ffmpeg(&original.file, &line(crf), &out)?;
        cost_s += cpu_s()? - before;
        points.push(original.point(vmaf, &out)?);
    }
    Ok((points, cost_s))
}

/// CPU seconds over all clips; each encoder's with reading the originals.
#[derive(Default)]
struct Cost {
    stock: f64,
    ours: f64,
    cheap: f64,
    /// Reading alone, as often as one encoder read.
    reading: f64,
}

pub fn run(vmaf: &Vmaf, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let stock = |crf: u32| format!("-c:v libx264 -preset veryfast -crf {crf} {GOP}");
    let ours = |crf: u32| {
        let x264 = ffmpeg::X264_TUNED;
        format!("-c:v libx264 -preset veryfast -x264-params {x264} -crf {crf} {GOP}")
    };
    let economy = |crf: u32| {
        let x264 = ffmpeg::X264_ECONOMY;
        format!("-c:v libx264 -preset veryfast -x264-params {x264} -crf {crf} {GOP}")
    };
    let av1 = |crf: u32| format!("{} -crf {crf} -g 60", ffmpeg::AV1_OPTIONS);
    let (mut default, mut cheaper, mut newer) = (Vec::new(), Vec::new(), Vec::new());
    let mut cost = Cost::default();
    for (name, size) in CLIPS {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("original.mkv");
        let original = Original::make(&media.join(name), sized(size, SHORT), (FPS, FIRST_S), file)?;
        let (anchor, anchor_s) = curve(&original, vmaf, dir.path(), (&X264_CRFS, &stock))?;
        let (tuned, tuned_s) = curve(&original, vmaf, dir.path(), (&X264_CRFS, &ours))?;
        let (cheap, cheap_s) = curve(&original, vmaf, dir.path(), (&X264_CRFS, &economy))?;
        let (modern, _) = curve(&original, vmaf, dir.path(), (&AV1_CRFS, &av1))?;
        let against = |anchor: &[Point], test: &[Point]| bd_rate(anchor, test).unwrap_or(f64::NAN) * 100.0;
        let (d, n) = (against(&anchor, &tuned), against(&tuned, &modern));
        let e = against(&anchor, &cheap);
        println!(
            "NOTE {name}: default {d:+.1} %, economy {e:+.1} % of stock veryfast, AV1 {n:+.1} % of the default"
        );
        default.push(d);
        cheaper.push(e);
        newer.push(n);
        cost.stock += anchor_s;
        cost.ours += tuned_s;
        cost.cheap += cheap_s;
        cost.reading += original.decode_s()? * X264_CRFS.len() as f64;
    }
    let mean = |all: &[f64]| all.iter().sum::<f64>() / all.len() as f64;
    for (name, value, target) in [
        ("bd_rate_default_vs_stock_veryfast", mean(&default), -20.0),
        ("bd_rate_economy_vs_stock_veryfast", mean(&cheaper), -8.0),
        ("bd_rate_av1_vs_default", mean(&newer), -30.0),
    ] {
        report.add(&Figure { name, value, unit: "%", baseline: None, target, better: Better::Lower });
    }
    costs(&cost, report);
    Ok(())
}

/// Encoding alone: reading the lossless original, the same for all, would pull every ratio towards 1.
fn costs(cost: &Cost, report: &mut Report) {
    println!(
        "NOTE with reading the originals ({:.1} CPU-s): default {:.3}, economy {:.3} of stock veryfast",
        cost.reading,
        cost.ours / cost.stock,
        cost.cheap / cost.stock
    );
    for (name, value, target) in [
        ("cpu_default_vs_stock_veryfast", cost.ours, 1.65),
        ("cpu_economy_vs_stock_veryfast", cost.cheap, 1.10),
    ] {
        let (value, baseline) = (value - cost.reading, Some(cost.stock - cost.reading));
        report.add(&Figure { name, value, unit: "cpu-s", baseline, target, better: Better::Lower });
    }
}
