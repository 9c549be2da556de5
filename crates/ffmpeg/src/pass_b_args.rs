//! The command line of pass B: all rungs and the sound in one process. Pure.

use crate::args::{Args, INPUT, Look, clamped_clock, picture, seconds};
use crate::audit::{Sound, Source};
use crate::doctor::Features;
use crate::pass_b_codec::{Encoding, buffer_ms, encoder};
use crate::policy::FfmpegPolicy;
use moderation::Loudness;
use transcode::policy::AudioProfile;
use transcode::{LadderPlan, PlannedRung};

pub(crate) const AUDIO: &str = "audio.mp4";
/// Grows when the same plan would give other bytes.
pub(crate) const RECIPE: u32 = 4;
/// Samples that the AAC encoder puts before the first one; taken from the start, so that sound and
/// picture meet without an edit list.
const AAC_PRIMING: u32 = 1_024;

pub(crate) fn rung_file(rung: &PlannedRung) -> String {
    format!("{}.mp4", rung.name)
}

/// What the sound is measured at, and what the child can do.
#[derive(Debug, Clone)]
pub(crate) struct Given<'a> {
    pub loudness: Option<Loudness>,
    pub features: &'a Features,
}

/// A decoder with a thread of its own keeps ahead of the encoders, and more threads only cost: a tenth of all
/// CPU on two cores (ADR 0020). One without needs as many as there are.
pub(crate) const fn decoding(modern: bool) -> &'static str {
    if modern { "-threads 1" } else { "" }
}

pub(crate) fn pass_b(source: &Source, plan: &LadderPlan, given: &Given<'_>, policy: &FfmpegPolicy) -> Args {
    let mut args = Args::ffmpeg(policy);
    args.words(decoding(given.features.modern));
    args.words("-noautorotate -i").arg(INPUT).arg("-filter_complex").arg(graph(source, plan, given));
    let encoding = encoding(plan, given.features.modern, policy);
    for (i, rung) in plan.rungs.iter().enumerate() {
        video_output(&mut args, (i, rung), plan, encoding);
    }
    if let (Some(sound), Some(profile)) = (&source.audio, &plan.audio) {
        let kbps = if sound.is_thin { profile.low_kbps } else { profile.kbps };
        args.words(&format!("-map [a] -c:a aac -b:a {}k -map_metadata -1 -map_chapters -1", kbps.0));
        args.words("-flags +bitexact -fflags +bitexact -f mp4 -movflags +cmaf");
        args.words(&format!("-frag_duration {}", plan.segment_ms.0 * 1000)).arg(AUDIO);
    }
    args
}

pub(crate) fn encoding(plan: &LadderPlan, modern: bool, policy: &FfmpegPolicy) -> Encoding {
    let (profile, gop, threads) = (plan.encoder, plan.gop_frames(), policy.x264_threads);
    Encoding { profile, gop, threads, modern, buffer_ms: buffer_ms(plan.duration_ms) }
}

pub(crate) fn video_output(
    args: &mut Args,
    (i, rung): (usize, &PlannedRung),
    plan: &LadderPlan,
    encoding: Encoding,
) {
    args.words(&format!("-map [v{i}] -frames:v {}", plan.frames()));
    args.words(&encoder(rung, encoding));
    args.words("-color_primaries bt709 -color_trc bt709 -colorspace bt709 -color_range tv");
    args.words("-map_metadata -1 -map_chapters -1 -flags +bitexact -fflags +bitexact");
    args.words("-f mp4 -movflags +cmaf").arg(rung_file(rung));
}

fn graph(source: &Source, plan: &LadderPlan, given: &Given<'_>) -> String {
    let first = frames_at(plan.start_ms.0, plan.fps);
    let (fps, last) = (plan.fps, first + i64::from(plan.frames()));
    let mut out = format!(
        "[0:{}]{},fps=fps={fps}:start_time=0,trim=start_frame={first}:end_frame={last},setpts=PTS-STARTPTS",
        source.video.index,
        clamped_clock(source)
    );
    out.push_str(&cascade(source, plan, given.features.zscale));
    if let (Some(sound), Some(profile)) = (&source.audio, &plan.audio) {
        out.push(';');
        out.push_str(&sound_chain(sound, plan, profile, given.loudness));
    }
    out
}

/// Each rung is scaled from the next larger one, which costs half of scaling each from the source.
fn cascade(source: &Source, plan: &LadderPlan, zscale: bool) -> String {
    let mut out = String::new();
    for (i, rung) in plan.rungs.iter().enumerate().rev() {
        let top = i + 1 == plan.rungs.len();
        if top {
            out.push_str(&format!(",{}", picture(source, (rung.width, rung.height), Look::Video, zscale)));
        } else {
            let keep = "in_color_matrix=bt709:out_color_matrix=bt709:in_range=tv:out_range=tv";
            out.push_str(&format!(
                ";[t{i}]scale={}:{}:flags=bicubic+accurate_rnd:{keep},setsar=1",
                rung.width, rung.height
            ));
        }
        out.push_str(&if i == 0 { "[v0]".to_owned() } else { format!(",split=2[v{i}][t{}]", i - 1) });
    }
    out
}

fn sound_chain(
    sound: &Sound,
    plan: &LadderPlan,
    profile: &AudioProfile,
    loudness: Option<Loudness>,
) -> String {
    let rate = profile.sample_rate_hz;
    let fps = i64::from(plan.fps.max(1));
    let samples = |frames: i64| frames * i64::from(rate) / fps;
    let first = frames_at(plan.start_ms.0, plan.fps);
    let (from, length) = (samples(first), samples(i64::from(plan.frames())));
    let until = seconds(plan.start_ms.0 + plan.duration_ms.0 + 1_000);
    let level = loudness.and_then(|l| loudnorm(l, profile)).map_or_else(String::new, |filter| {
        // It puts out 192 kHz when it has to limit, and forgets the layout.
        format!("{filter},aresample={rate},aformat=channel_layouts=stereo,")
    });
    format!(
        "[0:{}]atrim=end={until},aresample={rate}:async=1:first_pts=0,aformat=channel_layouts=stereo,\
         atrim=start_sample={from}:end_sample={},asetpts=PTS-STARTPTS,{level}apad=whole_len={length},\
         atrim=start_sample={AAC_PRIMING}:end_sample={length},asetpts=PTS-STARTPTS[a]",
        sound.index,
        from + length
    )
}

/// How far peaks that the limiter cut may rise again in AAC at 64–96 kbps, in hundredths of a dB (measured
/// on very quiet clips raised by 20 LU: 1.0).
const LIMITED_OVERSHOOT_CENTI_DB: i32 = 100;
/// How far what is limited falls short of the loudness that was asked for, in hundredths of a LU (measured on a street
/// with trams, raised by 18 LU: 0.8).
const LIMITED_SHORTFALL_CENTI_LU: i32 = 50;

/// The second pass of loudness normalisation, with the guards: silence stays silence, and hiss is not
/// raised to a programme.
fn loudnorm(measured: Loudness, profile: &AudioProfile) -> Option<String> {
    let is = measured.integrated_centi_lufs;
    if is < profile.silence_centi_lufs {
        return None;
    }
    let target = profile.target_centi_lufs.min(is.saturating_add(profile.gain_max_centi_lu));
    // Where the gain alone keeps the peaks below the ceiling nothing is limited, and nothing overshoots.
    let raised = measured.true_peak_centi_dbtp.saturating_add(target.saturating_sub(is));
    let is_limited = raised > profile.true_peak_centi_dbtp;
    let (room, more) =
        if is_limited { (LIMITED_OVERSHOOT_CENTI_DB, LIMITED_SHORTFALL_CENTI_LU) } else { (0, 0) };
    Some(format!(
        "loudnorm=I={}:TP={}:LRA={}:linear=true:measured_I={}:measured_TP={}:measured_LRA={}:measured_thresh={}",
        hundredths(target.saturating_add(more).clamp(-7_000, -500)),
        hundredths((profile.true_peak_centi_dbtp - room).clamp(-900, 0)),
        hundredths(profile.range_centi_lu.clamp(100, 5_000)),
        hundredths(is.clamp(-9_900, 0)),
        hundredths(measured.true_peak_centi_dbtp.clamp(-9_900, 9_900)),
        hundredths(measured.range_centi_lu.clamp(0, 9_900)),
        hundredths(measured.threshold_centi_lufs.clamp(-9_900, 0)),
    ))
}

fn hundredths(v: i32) -> String {
    let sign = if v < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}", v.unsigned_abs() / 100, v.unsigned_abs() % 100)
}

fn frames_at(ms: i64, fps: u32) -> i64 {
    (ms * i64::from(fps) + 500) / 1000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(i: i32) -> Loudness {
        Loudness {
            integrated_centi_lufs: i,
            true_peak_centi_dbtp: -540,
            range_centi_lu: 320,
            threshold_centi_lufs: i - 1_000,
        }
    }

    #[test]
    fn quiet_sound_is_raised_to_the_target_and_hiss_by_twenty_at_most() {
        let p = AudioProfile::default();
        let filter = |i| loudnorm(measured(i), &p).unwrap_or_default();
        assert!(
            filter(-2_800).starts_with("loudnorm=I=-15.50:TP=-2.50:LRA=11.00:linear=true:measured_I=-28.00")
        );
        assert!(filter(-1_900).starts_with("loudnorm=I=-16.00:TP=-1.50:"), "nothing is limited");
        assert!(filter(-4_200).starts_with("loudnorm=I=-21.50:"), "and falls short of that");
        assert_eq!(filter(-5_001), "");
    }

    #[test]
    fn hundredths_keep_the_sign_of_small_numbers() {
        assert_eq!((hundredths(-50).as_str(), hundredths(5).as_str()), ("-0.50", "0.05"));
    }
}
