//! What every published clip keeps: caps, declared bandwidths, start weight, loudness.

use super::studio::{Studio, name_of, publishable};
use crate::report::{Better, Figure, Report};
use anyhow::{Context, ensure};
use moderation::port::Examination;
use packager::{Muxed, Variant};
use std::path::Path;
use std::process::Command;
use transcode::{Encoded, LadderPlan};

/// One published clip.
struct Published {
    name: String,
    seen: Examination,
    plan: LadderPlan,
    encoded: Encoded,
    rungs: Vec<Muxed>,
}

/// The worst of all clips. What was never measured is no number, and no target is met by that.
struct Worst {
    over_cap: f64,
    off_declared: f64,
    start_360: f64,
    start_phone: f64,
    lufs_off: f64,
    true_peak: f64,
    loud_clips: usize,
    clips: usize,
}

impl Worst {
    const NONE: Self = Self {
        over_cap: f64::NAN,
        off_declared: f64::NAN,
        start_360: f64::NAN,
        start_phone: f64::NAN,
        lufs_off: f64::NAN,
        true_peak: f64::NAN,
        loud_clips: 0,
        clips: 0,
    };
}

pub async fn run(studio: &Studio, media: &Path, report: &mut Report) -> anyhow::Result<()> {
    let mut worst = Worst::NONE;
    let clips = publishable(media)?;
    for clip in &clips {
        let published = async { note(studio, &publish(studio, clip).await?, &mut worst) };
        if let Err(e) = published.await {
            println!("NOTE {}: not published, or not measured: {e:#}", name_of(clip));
        }
    }
    // A clip that fills the cap of 700 kbps weighs 175 kB in its first 2 s, whatever else is done.
    println!("NOTE start weight of the heaviest clip at 360p: {:.1} kB", worst.start_360 / 1000.0);
    println!("NOTE {} clips, {} with sound that can reach the target", worst.clips, worst.loud_clips);
    report.add(&Figure {
        name: "real_clips_published_and_measured",
        value: worst.clips as f64,
        unit: "clips",
        baseline: None,
        target: clips.len() as f64,
        better: Better::Higher,
    });
    for (name, value, unit, target) in [
        ("first_segment_vs_cap_worst", worst.over_cap, "ratio", 1.10),
        ("declared_bandwidth_off_measured_peak_worst", worst.off_declared * 100.0, "%", 10.0),
        ("start_weight_360p_phone_clip", worst.start_phone / 1000.0, "kB", 140.0),
        ("loudness_off_target_worst", worst.lufs_off, "LU", 0.5),
        ("true_peak_worst", worst.true_peak, "dBTP", TRUE_PEAK_MAX),
    ] {
        report.add(&Figure { name, value, unit, baseline: None, target, better: Better::Lower });
    }
    Ok(())
}

async fn publish(studio: &Studio, clip: &Path) -> anyhow::Result<Published> {
    let seen = studio.examine(clip).await?;
    let plan = studio.titled(clip, &seen).await?;
    let encoded = studio.encode(clip, &plan, &seen).await?;
    let rungs = studio.package(&encoded)?;
    Ok(Published { name: name_of(clip), seen, plan, encoded, rungs })
}

fn note(studio: &Studio, done: &Published, worst: &mut Worst) -> anyhow::Result<()> {
    let segment_ms = u32::try_from(studio.profile.segment_ms.0)?;
    let planned = done.plan.rungs.len();
    ensure!(
        planned > 0 && done.encoded.rungs.len() == planned && done.rungs.len() == planned,
        "{} rungs of {planned}",
        done.rungs.len()
    );
    for ((track, planned), rung) in done.encoded.rungs.iter().zip(&done.plan.rungs).zip(&done.rungs) {
        let picture = packager::mux(&std::fs::read(&track.path)?, None, segment_ms)?;
        let first = picture.segments.first().zip(picture.segment_micros.first()).context("no segment")?;
        let (bytes, micros) = (first.0.len(), *first.1.max(&1));
        let kbps = bytes as f64 * 8_000.0 / micros as f64;
        let over = kbps / f64::from(planned.max_kbps.0);
        if over > 1.1 {
            println!("NOTE {}: the first segment of {} is {over:.2} of its cap", done.name, planned.name);
        }
        worst.over_cap = worst.over_cap.max(over);
        if off_declared(rung) > 0.1 {
            println!(
                "NOTE {}: {} declares {} for {:?}",
                done.name, planned.name, rung.peak_bps, rung.segment_micros
            );
        }
        worst.off_declared = worst.off_declared.max(off_declared(rung));
        if planned.name.0 == 360 {
            let bytes = start_weight(done, rung);
            if done.name.starts_with("nail") {
                worst.start_phone = bytes;
            }
            worst.start_360 = worst.start_360.max(bytes);
        }
    }
    if let (Some(loudness), Some(rung)) = (done.seen.loudness, done.rungs.last()) {
        let profile = &studio.profile.audio;
        let is = loudness.integrated_centi_lufs;
        let reachable =
            is >= profile.silence_centi_lufs && is + profile.gain_max_centi_lu >= profile.target_centi_lufs;
        let (lufs, peak) = measure(studio, rung)?;
        if peak > TRUE_PEAK_MAX {
            println!("NOTE {}: true peak {peak:.2} dBTP from {loudness:?}", done.name);
        }
        worst.true_peak = worst.true_peak.max(peak);
        if reachable && done.plan.duration_ms.0 >= LOUD_FROM_MS {
            worst.loud_clips += 1;
            let off = (lufs - f64::from(profile.target_centi_lufs) / 100.0).abs();
            if off > 0.5 {
                println!("NOTE {}: {lufs:.2} LUFS, {peak:.2} dBTP", done.name);
            }
            worst.lufs_off = worst.lufs_off.max(off);
        }
    }
    worst.clips += 1;
    Ok(())
}

/// dBTP, as the issue asks.
const TRUE_PEAK_MAX: f64 = -1.0;
/// Shorter sound has too few gating blocks for a steady integrated loudness (BS.1770: 400 ms each).
const LOUD_FROM_MS: i64 = 3_000;

/// How far the declared peak is from the measured one (RFC 8216bis: of any run of segments between half
/// and one and a half target durations), as a share of that.
fn off_declared(rung: &Muxed) -> f64 {
    let spans: Vec<(f64, f64)> =
        rung.segments.iter().zip(&rung.segment_micros).map(|(s, m)| (s.len() as f64, *m as f64)).collect();
    let target = rung.target_s() as f64 * 1e6;
    let whole = spans.iter().fold((0.0, 0.0), |(b, m), s| (b + s.0, m + s.1));
    let runs = (0..spans.len()).flat_map(|from| (from + 1..=spans.len()).map(move |to| (from, to)));
    let rates = runs.filter_map(|(from, to)| {
        let (bytes, micros) = spans[from..to].iter().fold((0.0, 0.0), |(b, m), s| (b + s.0, m + s.1));
        (0.5..=1.5).contains(&(micros / target)).then_some(bytes / micros)
    });
    let peak = rates.fold(whole.0 / whole.1.max(1.0), f64::max) * 8e6;
    ((rung.peak_bps as f64 - peak) / peak.max(1.0)).abs()
}

/// Playlists, init and first segment, bytes.
fn start_weight(done: &Published, rung: &Muxed) -> f64 {
    let all: Vec<Variant> =
        done.rungs.iter().map(|r| Variant::of(r, "../0123456789abcdef/media.m3u8".into())).collect();
    let playlists = packager::multivariant(&all).len()
        + packager::media_playlist(rung, "init.mp4", |n| format!("{n}.m4s")).len();
    (playlists + rung.init.len() + rung.segments[0].len()) as f64
}

/// Integrated loudness and true peak of what a player hears.
fn measure(studio: &Studio, rung: &Muxed) -> anyhow::Result<(f64, f64)> {
    let file = studio.room()?.join("whole.mp4");
    std::fs::write(&file, rung.single_file())?;
    let out = Command::new("ffmpeg")
        .args(["-nostdin", "-hide_banner", "-i"])
        .arg(&file)
        .args(["-map", "0:a", "-af", "ebur128=peak=true", "-f", "null", "-"])
        .output()?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "the sound cannot be decoded: {said}");
    let (_, summary) = said.rsplit_once("Summary:").context("no summary of the loudness")?;
    let value = |key: &str| {
        let line = summary.lines().find_map(|l| l.trim().strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<f64>().ok()
    };
    Ok((value("I:").context("no loudness")?, value("Peak:").context("no true peak")?))
}
