//! The plan: which rungs a source gets, of which size, how fast and how long. Pure.

use crate::policy::{AudioProfile, EncoderProfile, LadderProfile};
use catalog::{SourceFacts, Transform};
use packager::Packaging;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use vocab::{Codec, FailureReason, Kbps, Millis, Rung, RungName};

/// One rung with its size worked out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedRung {
    pub name: RungName,
    /// Even, in display orientation.
    pub width: u32,
    pub height: u32,
    pub min_kbps: Kbps,
    pub max_kbps: Kbps,
    /// In hundredths of an x264 CRF, whatever the codec: engines translate it.
    pub crf_centi: u16,
    #[serde(default, skip_serializing_if = "Codec::is_h264")]
    pub codec: Codec,
}

/// What one video becomes. Engines render it; none of them adds a decision of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LadderPlan {
    /// Smallest rung first; never empty.
    pub rungs: Vec<PlannedRung>,
    pub fps: u32,
    pub gop_ms: Millis,
    pub segment_ms: Millis,
    /// The part of the source that is published.
    pub start_ms: Millis,
    pub duration_ms: Millis,
    /// `None`: published without sound.
    pub audio: Option<AudioProfile>,
    pub packaging: Packaging,
    #[serde(default, skip_serializing_if = "EncoderProfile::is_tuned")]
    pub encoder: EncoderProfile,
}

impl LadderPlan {
    /// Frames between key frames.
    pub fn gop_frames(&self) -> u32 {
        (i64::from(self.fps) * self.gop_ms.0 / 1000).max(1) as u32
    }

    /// Frames of the whole video, at least one.
    pub fn frames(&self) -> u32 {
        ((i64::from(self.fps) * self.duration_ms.0 + 500) / 1000).max(1) as u32
    }

    /// The same plan always has the same fingerprint, and another plan another.
    pub fn fingerprint(&self) -> String {
        let text = serde_json::to_vec(self).unwrap_or_default();
        hex::encode(&Sha256::digest(text)[..16])
    }
}

/// Works out the plan, or says why this file cannot be published.
pub fn plan(
    source: &SourceFacts,
    transform: &Transform,
    profile: &LadderProfile,
) -> Result<LadderPlan, FailureReason> {
    let (start_ms, duration_ms) = window(source, transform, profile)?;
    let short = source.width.min(source.height);
    if short < profile.short_side_min {
        return Err(FailureReason::new(
            "media.unreadable",
            format!("The picture is only {} × {} pixels.", source.width, source.height),
            false,
        ));
    }
    let audio = (source.has_audio && !transform.mute).then(|| profile.audio.clone());
    Ok(LadderPlan {
        rungs: rungs(source, profile),
        fps: published_fps(source.fps_milli, profile),
        gop_ms: profile.gop_ms,
        segment_ms: profile.segment_ms,
        start_ms,
        duration_ms,
        audio,
        packaging: profile.packaging.clone(),
        encoder: profile.encoder,
    })
}

/// The published part of the source: its start and length.
pub fn window(
    source: &SourceFacts,
    transform: &Transform,
    profile: &LadderProfile,
) -> Result<(Millis, Millis), FailureReason> {
    let whole = source.duration_ms.0;
    if whole > profile.source_duration_max_ms.0 {
        return Err(too_long(whole, profile.source_duration_max_ms));
    }
    let start = transform.trim_start_ms.map_or(0, |m| m.0.max(0));
    let end = transform.trim_end_ms.map_or(whole, |m| m.0.min(whole));
    let trimmed = transform.trim_start_ms.is_some() || transform.trim_end_ms.is_some();
    if trimmed && end - start < profile.window_min_ms.0 {
        let text = format!("The trim leaves nothing of a video of {} s.", whole / 1000);
        return Err(FailureReason::new("media.bad_trim", text, false));
    }
    let length = end - start;
    if length > profile.window_max_ms().0 {
        return Err(too_long(length, profile.duration_max_ms));
    }
    if length <= 0 {
        return Err(FailureReason::new("media.too_short", "The video has no length.", false));
    }
    Ok((Millis(start), Millis(length)))
}

fn too_long(is: i64, limit: Millis) -> FailureReason {
    let text = format!("The video is {} s long; the limit is {} s.", is / 1000, limit.0 / 1000);
    FailureReason::new("media.too_long", text, false)
}

fn rungs(source: &SourceFacts, profile: &LadderProfile) -> Vec<PlannedRung> {
    let short = source.width.min(source.height);
    let fits = |r: &&Rung| u32::from(r.name.0) <= short;
    let mut chosen: Vec<&Rung> = profile.rungs.iter().filter(fits).collect();
    if chosen.len() > 1 && !worth_the_top(source, profile) {
        chosen.retain(|r| r.name < profile.top_gate.from);
    }
    if chosen.is_empty() {
        return tiny(source, profile);
    }
    chosen.into_iter().map(|r| planned(r, u32::from(r.name.0), source, profile)).collect()
}

/// Below the lowest rung there is one rendition at the size of the source.
fn tiny(source: &SourceFacts, profile: &LadderProfile) -> Vec<PlannedRung> {
    let short = source.width.min(source.height);
    let lowest = profile.rungs.first().copied().unwrap_or(vocab::ladder::SEED_LADDER[0]);
    let even = (short & !1).max(2);
    let named = Rung { name: RungName(even as u16), ..lowest };
    vec![planned(&named, even, source, profile)]
}

fn planned(rung: &Rung, short: u32, source: &SourceFacts, profile: &LadderProfile) -> PlannedRung {
    let (small, large) = (source.width.min(source.height), source.width.max(source.height));
    let long = nearest_even(u64::from(short) * u64::from(large), u64::from(small.max(1)));
    // Not scaled up by the rounding either.
    let long = long.min((large & !1).max(2));
    let (width, height) = if source.width <= source.height { (short, long) } else { (long, short) };
    PlannedRung {
        name: rung.name,
        width,
        height,
        min_kbps: rung.min_kbps,
        max_kbps: rung.max_kbps,
        crf_centi: profile.crf_centi,
        codec: Codec::H264,
    }
}

fn nearest_even(numerator: u64, denominator: u64) -> u32 {
    let half = (numerator + denominator) / (2 * denominator);
    (2 * half.max(1)) as u32
}

/// Whether the source has bits enough for the highest rung to show more than the one below.
fn worth_the_top(source: &SourceFacts, profile: &LadderProfile) -> bool {
    let kbps = source.size_bytes.0.saturating_mul(8) / source.duration_ms.0.max(1) as u64;
    let modern = !matches!(source.video_codec.as_str(), "h264" | "mpeg4" | "h263" | "vp8");
    let percent = if modern { profile.top_gate.modern_codec_percent } else { 100 };
    kbps.saturating_mul(u64::from(percent)) / 100 >= u64::from(profile.top_gate.source_kbps_min.0)
}

/// 24, 25 or 30, whichever is nearest, after halving what is faster; slower sources keep their rounded
/// rate. Whole numbers make a 2 s GOP exactly 2 s.
pub fn published_fps(fps_milli: u32, profile: &LadderProfile) -> u32 {
    let mut fps = fps_milli;
    while fps > profile.halve_above_fps_milli {
        fps = fps.div_ceil(2);
    }
    let slowest = profile.frame_rates.iter().copied().min().unwrap_or(30);
    if fps + 500 < slowest * 1000 {
        return ((fps + 500) / 1000).max(1);
    }
    let distance = |rate: &u32| (rate * 1000).abs_diff(fps);
    profile.frame_rates.iter().copied().min_by_key(distance).unwrap_or(30)
}
