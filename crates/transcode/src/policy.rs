//! Every number of the ladder.

use catalog::ChangeRate;
use packager::Packaging;
use serde::{Deserialize, Serialize};
use vocab::ladder::SEED_LADDER;
use vocab::{Kbps, Millis, Rung, RungName};

/// How a video is published. The same values feed every encoder engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LadderProfile {
    /// Seed §4: four rungs, by short side of the display size, smallest first.
    pub rungs: Vec<Rung>,
    /// Constant quality, in hundredths of an x264 CRF. 24 stands for QVBR 7 (seed §4: level 6–7).
    pub crf_centi: u16,
    /// Seed §4: segments of 2 s …
    pub segment_ms: Millis,
    /// … and closed GOPs of the same length.
    pub gop_ms: Millis,
    /// Frame rates worth publishing; a slower source keeps its own.
    pub frame_rates: Vec<u32>,
    /// From here up a frame rate is halved first (60 → 30, 50 → 25, 48 → 24).
    pub halve_above_fps_milli: u32,
    /// Seed §4: 720p only where the source is worth it.
    pub top_gate: TopGate,
    pub audio: AudioProfile,
    /// The longest published video.
    pub duration_max_ms: Millis,
    /// How far above the limit a file may be and still be taken as it is (clocks of cameras differ).
    pub duration_grace_percent: u8,
    /// A longer source is refused even when the trim would make it short.
    pub source_duration_max_ms: Millis,
    /// A trim that leaves less than this is a mistake.
    pub window_min_ms: Millis,
    /// A picture smaller than this on its short side is no video.
    pub short_side_min: u32,
    pub waves: WavePolicy,
    pub per_title: PerTitle,
    /// How renditions are laid out (ADR 0014).
    pub packaging: Packaging,
    pub encoder: EncoderProfile,
    pub av1: Av1Policy,
}

/// How a job about a cover waits for what it was ordered for: an order is written before its reason is, so that
/// no reason is left without one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CoverPolicy {
    /// Pictures sent for the cover of one video: each stands in the store until the video is erased.
    pub sent: ChangeRate,
    /// How long after the order the reason may still come.
    pub order_patience: Millis,
    pub look_again: Millis,
    pub attempts: u32,
}

impl Default for CoverPolicy {
    fn default() -> Self {
        Self {
            sent: ChangeRate { count_max: 20, window: Millis::from_secs(24 * 3_600) },
            order_patience: Millis::from_secs(60),
            look_again: Millis(300),
            attempts: 5,
        }
    }
}

/// How hard H.264 is encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EncoderProfile {
    /// A quarter fewer bits than stock at the same quality, for 1.2 × its CPU (ADR 0019).
    #[default]
    Tuned,
    /// A fifth fewer bits than stock, for less than its CPU.
    Economy,
}

impl EncoderProfile {
    pub fn is_tuned(&self) -> bool {
        *self == Self::Tuned
    }
}

/// AV1 rungs beside those in H.264, for videos that many watch (ADR 0017).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Av1Policy {
    /// Views that a video must have had; `None` = no video gets AV1.
    pub after_views: Option<u64>,
    /// What is encoded of what a video shows in H.264. A ladder of its own, from the start rung up: players do
    /// not switch from one codec to another.
    pub rungs: Vec<RungName>,
    /// A rung whose fastest segment is faster than this share of its cap is dropped …
    pub cap_percent: u32,
    /// … and one that needs more than this share of the bits of the same rung in H.264.
    pub worth_percent: u32,
}

impl Default for Av1Policy {
    fn default() -> Self {
        Self {
            after_views: None,
            rungs: vec![vocab::ladder::START_RUNG, RungName(540), RungName(720)],
            cap_percent: 110,
            worth_percent: 90,
        }
    }
}

/// What owners may do with captions, beside what a file may be (`packager::policy::CaptionLimits`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptionsPolicy {
    /// Changes of one video's captions. Each keeps a rendition of the text and, once viewers are shown the video, a
    /// package with its pictures, as somebody may be playing the one before.
    pub changes: ChangeRate,
}

impl Default for CaptionsPolicy {
    fn default() -> Self {
        // Every language there may be twice, and ten corrections.
        Self { changes: ChangeRate { count_max: 50, window: Millis::from_secs(24 * 3_600) } }
    }
}

/// What publication waits for, and what follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WavePolicy {
    /// Rungs up to here are published first, the others follow in a package of their own; `None` = all at
    /// once, as an engine that bills by the job would have it.
    pub first_wave_max: Option<RungName>,
    /// With fewer rungs than this, one wave is as quick.
    pub rungs_min: usize,
    /// Seed §4: 720p "conditional on source quality and engagement". The source is asked by
    /// [`LadderProfile::top_gate`], the viewers by this.
    pub lazy_top: LazyTop,
    /// Rungs from here up wait for viewers where the top is lazy.
    pub lazy_from: RungName,
    /// How often published videos are looked through for rungs that are due.
    pub look_every: Millis,
    /// The hottest videos and the newest that a look goes through, each.
    pub look_at: usize,
    /// A second wave that did not come after this long was lost.
    pub lost_after: Millis,
    /// A wave is ordered a moment before the publication it follows, so it looks for that a few times …
    pub looks: u32,
    /// … this far apart …
    pub look_again: Millis,
    /// … before it gives its place up and is done again this much later.
    pub wait: Millis,
}

/// How the quality of a video is chosen: see [`crate::per_title`] and ADR 0013.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PerTitle {
    pub enabled: bool,
    /// Shorter videos are not worth a probe …
    pub from_ms: Millis,
    /// … nor are those whose top rung is smaller: there is little to save, and viewers wait for them.
    pub from_rung: RungName,
    /// The two qualities that are probed, the finer first, in hundredths of a CRF.
    pub probe_crf_centi: [u16; 2],
    pub target_vmaf_centi: u32,
    /// Where nothing measures VMAF: about the same on the clips we have.
    pub target_ssim_centi: u32,
    /// Scores closer together than this say that something else than the CRF decides, such as the cap.
    pub falls_min_centi: u32,
    /// The same of SSIM, which falls a tenth as far.
    pub falls_min_ssim_centi: u32,
    pub crf_min_centi: u16,
    pub crf_max_centi: u16,
    /// Each rung below the top is finer by this …
    pub step_centi: u16,
    /// … at most so many times.
    pub steps_max: u16,
    /// Places in the video that are probed …
    pub samples: u8,
    /// … which together are at most this share of it …
    pub sample_percent: u8,
    /// … and this long.
    pub samples_ms_max: Millis,
    /// Rungs below one of so few bits of picture are useless.
    pub enough_kbps: Kbps,
}

impl Default for PerTitle {
    fn default() -> Self {
        Self {
            enabled: true,
            from_ms: Millis(5_000),
            from_rung: RungName(540),
            probe_crf_centi: [2_400, 3_000],
            target_vmaf_centi: 9_500,
            target_ssim_centi: 9_940,
            falls_min_centi: 100,
            falls_min_ssim_centi: 15,
            crf_min_centi: 1_900,
            crf_max_centi: 3_300,
            step_centi: 150,
            steps_max: 2,
            samples: 2,
            sample_percent: 7,
            samples_ms_max: Millis(2_000),
            enough_kbps: Kbps(250),
        }
    }
}

/// When the top rung is encoded.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LazyTop {
    /// With the second wave.
    #[default]
    Off,
    /// Once a video has had so many views.
    Views(u64),
}

/// When the highest rung is worth its bits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TopGate {
    /// Rungs from here up are gated.
    pub from: RungName,
    /// The source must carry at least this many bits (1.2 × the rung below, at the foot of its band).
    pub source_kbps_min: Kbps,
    /// What a kilobit of a newer codec (HEVC, VP9, AV1) is worth in H.264, in percent.
    pub modern_codec_percent: u32,
}

/// Seed §4: AAC LC 64–96 kbps, EBU R128 loudness.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AudioProfile {
    pub kbps: Kbps,
    /// For a mono source or one that has no more bits itself.
    pub low_kbps: Kbps,
    pub sample_rate_hz: u32,
    pub target_centi_lufs: i32,
    pub true_peak_centi_dbtp: i32,
    pub range_centi_lu: i32,
    /// Nothing is raised by more than this, or hiss becomes the programme.
    pub gain_max_centi_lu: i32,
    /// Below this it is silence and stays so.
    pub silence_centi_lufs: i32,
}

impl Default for LadderProfile {
    fn default() -> Self {
        Self {
            rungs: SEED_LADDER.to_vec(),
            crf_centi: 2400,
            segment_ms: Millis(2_000),
            gop_ms: Millis(2_000),
            frame_rates: vec![24, 25, 30],
            halve_above_fps_milli: 42_000,
            top_gate: TopGate::default(),
            audio: AudioProfile::default(),
            duration_max_ms: Millis(180_000),
            duration_grace_percent: 10,
            source_duration_max_ms: Millis(600_000),
            window_min_ms: Millis(100),
            short_side_min: 16,
            waves: WavePolicy::default(),
            per_title: PerTitle::default(),
            packaging: Packaging::default(),
            encoder: EncoderProfile::default(),
            av1: Av1Policy::default(),
        }
    }
}

impl Default for WavePolicy {
    fn default() -> Self {
        Self {
            first_wave_max: Some(vocab::ladder::START_RUNG),
            rungs_min: 3,
            lazy_top: LazyTop::Off,
            lazy_from: RungName(720),
            look_every: Millis::from_secs(300),
            look_at: 100,
            lost_after: Millis::from_secs(900),
            looks: 5,
            look_again: Millis(100),
            wait: Millis::from_secs(2),
        }
    }
}

impl Default for TopGate {
    fn default() -> Self {
        Self { from: RungName(720), source_kbps_min: Kbps(960), modern_codec_percent: 160 }
    }
}

impl Default for AudioProfile {
    fn default() -> Self {
        Self {
            kbps: Kbps(96),
            low_kbps: Kbps(64),
            sample_rate_hz: 48_000,
            target_centi_lufs: -1_600,
            true_peak_centi_dbtp: -150,
            range_centi_lu: 1_100,
            gain_max_centi_lu: 2_000,
            silence_centi_lufs: -5_000,
        }
    }
}

impl LadderProfile {
    /// The longest window that is accepted: the limit and its grace.
    pub fn window_max_ms(&self) -> Millis {
        let limit = self.duration_max_ms.0;
        Millis(limit + limit * i64::from(self.duration_grace_percent) / 100)
    }

    /// The QVBR level (in tenths) that stands for the profile's CRF: 24 ↔ 7, 26 ↔ 6.
    /// An assumption until calibrated on a real MediaConvert account.
    pub fn qvbr_tenths(&self) -> u16 {
        qvbr_tenths(self.crf_centi)
    }
}

/// [`LadderProfile::qvbr_tenths`] of one rung's CRF.
pub fn qvbr_tenths(crf_centi: u16) -> u16 {
    let tenths = 70 - (i32::from(crf_centi) - 2_400) / 20;
    tenths.clamp(10, 100) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_numbers() {
        let p = LadderProfile::default();
        // Seed §4: "segment duration 2s; keyframe-aligned GOP=2s".
        assert_eq!((p.segment_ms, p.gop_ms), (Millis(2000), Millis(2000)));
        // Seed §4: "QVBR level 6–7".
        assert!((60..=70).contains(&p.qvbr_tenths()));
        // Seed §4: "Audio: AAC LC 64–96 kbps; EBU R128 loudness normalization".
        assert_eq!((p.audio.low_kbps, p.audio.kbps), (Kbps(64), Kbps(96)));
        // Seed §4: the initial ladder, 720p conditional.
        assert_eq!(p.rungs, SEED_LADDER);
        assert_eq!(p.top_gate.from, RungName(720));
    }

    #[test]
    fn the_limit_has_a_tenth_of_grace() {
        assert_eq!(LadderProfile::default().window_max_ms(), Millis(198_000));
    }
}
