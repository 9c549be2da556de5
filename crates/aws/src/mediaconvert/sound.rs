//! The sound of a job. Pure.

use ::moderation::port::Loudness;
use ::transcode::policy::AudioProfile;
use aws_sdk_mediaconvert::types as t;
use stdx::Fault;

/// What the sound is brought to, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    pub target_centi: i32,
    pub peak_centi: i32,
    /// What is quieter is left alone.
    pub gate_centi: i32,
}

/// The guards of the profile, as the local engine has them: silence stays silence, and nothing is raised by
/// more than the profile says.
pub fn level(profile: &AudioProfile, measured: Loudness) -> Option<Level> {
    if measured.integrated_centi_lufs < profile.silence_centi_lufs {
        return None;
    }
    let highest = measured.integrated_centi_lufs.saturating_add(profile.gain_max_centi_lu);
    Some(Level {
        target_centi: profile.target_centi_lufs.min(highest),
        peak_centi: profile.true_peak_centi_dbtp,
        gate_centi: profile.silence_centi_lufs,
    })
}

pub(super) fn description(
    profile: &AudioProfile,
    level: Option<Level>,
    selector: &str,
) -> Result<t::AudioDescription, Fault> {
    let aac = t::AacSettings::builder()
        .bitrate(i32::try_from(profile.kbps.0).map_err(Fault::internal)?.saturating_mul(1_000))
        .sample_rate(i32::try_from(profile.sample_rate_hz).map_err(Fault::internal)?)
        .coding_mode(t::AacCodingMode::CodingMode20)
        .codec_profile(t::AacCodecProfile::Lc)
        .rate_control_mode(t::AacRateControlMode::Cbr)
        .specification(t::AacSpecification::Mpeg4);
    let codec = t::AudioCodecSettings::builder().codec(t::AudioCodec::Aac).aac_settings(aac.build());
    let mut described =
        t::AudioDescription::builder().audio_source_name(selector).codec_settings(codec.build());
    if let Some(level) = level {
        let normalised = t::AudioNormalizationSettings::builder()
            .algorithm(t::AudioNormalizationAlgorithm::ItuBs17704)
            .algorithm_control(t::AudioNormalizationAlgorithmControl::CorrectAudio)
            .peak_calculation(t::AudioNormalizationPeakCalculation::TruePeak)
            .loudness_logging(t::AudioNormalizationLoudnessLogging::DontLog)
            .target_lkfs(f64::from(level.target_centi.clamp(-5_900, 0)) / 100.0)
            .true_peak_limiter_threshold(f64::from(level.peak_centi.clamp(-800, 0)) / 100.0)
            .correction_gate_level(level.gate_centi.clamp(-7_000, 0) / 100);
        described = described.audio_normalization_settings(normalised.build());
    }
    Ok(described.build())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(integrated_centi_lufs: i32) -> Loudness {
        Loudness {
            integrated_centi_lufs,
            true_peak_centi_dbtp: -300,
            range_centi_lu: 500,
            threshold_centi_lufs: -3_000,
        }
    }

    #[test]
    fn the_seeds_loudness_with_the_profiles_guards() {
        let profile = AudioProfile::default();
        let at = |lufs| level(&profile, measured(lufs));
        assert_eq!(at(-2_300).map(|l| (l.target_centi, l.peak_centi)), Some((-1_600, -150)));
        assert_eq!(at(-500).map(|l| l.target_centi), Some(-1_600), "loud sound is lowered");
        assert_eq!(at(-4_500).map(|l| l.target_centi), Some(-2_500), "20 LU at most");
        assert_eq!(at(-5_100), None, "silence stays silence");
    }
}
