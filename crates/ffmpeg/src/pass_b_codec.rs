//! Encoder options of one rung, by codec and profile. Pure.

use transcode::{EncoderProfile, PlannedRung};
use vocab::{Codec, Millis};

/// veryfast with these is a quarter smaller at the same quality than veryfast without (ADR 0019), for about its
/// CPU. The buffer starts half full, or the first segment overshoots.
pub const X264_TUNED: &str =
    "subme=7:trellis=1:aq-mode=2:aq-strength=0.6:no-psy=1:partitions=i8x8:vbv-init=0.5";
/// What of that costs nothing: a fifth smaller than veryfast, for less than its CPU.
pub const X264_ECONOMY: &str = "trellis=1:aq-mode=2:aq-strength=0.6:partitions=i8x8:vbv-init=0.5";
/// A third smaller than [`X264_TUNED`] at the same quality. Its own cap on the rate is weak (SVT-AV1 1.4), so
/// it has none, and what is too fast is dropped afterwards.
pub const AV1_OPTIONS: &str = "-c:v libsvtav1 -preset 10";

/// An SVT-AV1 CRF that gives the quality of an x264 CRF, in whole steps: measured (ADR 0017, 0020).
const AV1_CRF_AT_24: i32 = 34;
const AV1_CRF_PER_STEP_PERCENT: i32 = 240;
const AV1_CRF_BOUNDS: (i32, i32) = (20, 55);
/// How much coarser a newer SVT-AV1 may be asked to be for the same.
const AV1_CRF_MODERN: i32 = 3;

/// The `-x264-params` of a profile.
pub const fn x264_params(profile: EncoderProfile) -> &'static str {
    match profile {
        EncoderProfile::Tuned => X264_TUNED,
        EncoderProfile::Economy => X264_ECONOMY,
    }
}

/// What all encoders of a run share.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Encoding {
    pub profile: EncoderProfile,
    pub gop: u32,
    pub threads: u32,
    /// See [`crate::doctor::Features::modern`].
    pub modern: bool,
    /// What may be sent ahead of the cap, as time at the cap.
    pub buffer_ms: u32,
}

/// The buffer of a video of half a second or more.
pub(crate) const BUFFER_MS: u32 = 2_000;
/// A shorter one's, in lengths of it: one of a few pictures could take the whole buffer at once, many times its cap.
const BUFFER_LENGTHS: i64 = 4;
/// Less than a few pictures would leave the encoder nothing to share out.
const BUFFER_MS_MIN: u32 = 100;

/// The buffer of a video of this length.
pub(crate) fn buffer_ms(duration: Millis) -> u32 {
    let lengths = duration.0.saturating_mul(BUFFER_LENGTHS);
    u32::try_from(lengths.clamp(BUFFER_MS_MIN.into(), BUFFER_MS.into())).unwrap_or(BUFFER_MS)
}

/// The SVT-AV1 CRF for a plan's quality, which is an x264 CRF in hundredths.
fn av1_crf(crf_centi: u16, modern: bool) -> u8 {
    let steps_centi = (i32::from(crf_centi) - 2_400) * AV1_CRF_PER_STEP_PERCENT / 100;
    let crf = AV1_CRF_AT_24 + (steps_centi + 50).div_euclid(100);
    let crf = crf.clamp(AV1_CRF_BOUNDS.0, AV1_CRF_BOUNDS.1) + if modern { AV1_CRF_MODERN } else { 0 };
    u8::try_from(crf).unwrap_or(u8::MAX)
}

/// The words that choose and set up the encoder of a rung.
pub(crate) fn encoder(rung: &PlannedRung, encoding: Encoding) -> String {
    let Encoding { profile, gop, threads, modern, buffer_ms } = encoding;
    match rung.codec {
        Codec::H264 => {
            let (params, cap) = (x264_params(profile), rung.max_kbps.0);
            format!(
                "-c:v libx264 -preset veryfast -threads {threads} -x264-params {params} -profile:v high \
                 -crf {}.{:02} -maxrate {cap}k -bufsize {}k -g {gop} -keyint_min {gop} -sc_threshold 0",
                rung.crf_centi / 100,
                rung.crf_centi % 100,
                u64::from(cap) * u64::from(buffer_ms) / 1_000
            )
        }
        // Closed GOPs of exactly this length are its default. By itself it takes every core, and memory with each.
        Codec::Av1 => {
            let crf = av1_crf(rung.crf_centi, modern);
            format!("{AV1_OPTIONS} -svtav1-params lp={threads} -crf {crf} -g {gop}")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Kbps, RungName};

    fn rung(codec: Codec) -> PlannedRung {
        PlannedRung {
            name: RungName(540),
            width: 540,
            height: 960,
            min_kbps: Kbps(800),
            max_kbps: Kbps(1_100),
            crf_centi: 2_150,
            codec,
        }
    }

    const ENCODING: Encoding =
        Encoding { profile: EncoderProfile::Tuned, gop: 60, threads: 2, modern: true, buffer_ms: BUFFER_MS };

    #[test]
    fn economy_leaves_out_what_costs_time() {
        let of = |profile| encoder(&rung(Codec::H264), Encoding { profile, ..ENCODING });
        let (tuned, economy) = (of(EncoderProfile::Tuned), of(EncoderProfile::Economy));
        assert!(tuned.contains(&format!("-x264-params {X264_TUNED} ")));
        assert_eq!(tuned.replace(X264_TUNED, X264_ECONOMY), economy);
        assert!(economy.contains("-crf 21.50 -maxrate 1100k -bufsize 2200k -g 60 "));
    }

    #[test]
    fn a_video_of_a_few_pictures_cannot_take_a_whole_buffer() {
        let of = |ms| buffer_ms(Millis(ms));
        assert_eq!([of(-1), of(133), of(499), of(500), of(i64::MAX)], [100, 532, 1_996, 2_000, 2_000]);
        let words = encoder(&rung(Codec::H264), Encoding { buffer_ms: 532, ..ENCODING });
        assert!(words.contains("-maxrate 1100k -bufsize 585k "), "{words}");
    }

    #[test]
    fn av1_has_a_key_frame_where_h264_has_one_and_no_cap() {
        let words = encoder(&rung(Codec::Av1), ENCODING);
        assert_eq!(words, "-c:v libsvtav1 -preset 10 -svtav1-params lp=2 -crf 31 -g 60");
    }

    #[test]
    fn a_finer_plan_is_finer_in_av1_within_bounds() {
        let crfs = [0, 1_900, 2_400, 2_425, 3_300, u16::MAX];
        assert_eq!(crfs.map(|crf| av1_crf(crf, false)), [20, 22, 34, 35, 55, 55]);
        assert_eq!(crfs.map(|crf| av1_crf(crf, true)), [23, 25, 37, 38, 58, 58]);
    }
}
