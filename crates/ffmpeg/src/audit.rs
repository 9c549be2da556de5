//! What a file really is, before anything decodes it in earnest: which streams, how large, how long,
//! turned how. Pure: the answers of ffprobe in, facts or a refusal out.

use crate::orientation::Orientation;
use crate::policy::Intake;
use crate::probe::{Probe, Stream, micros};
use crate::timeline::{Timeline, timeline};
use catalog::SourceFacts;
use vocab::{Bytes, FailureReason, Millis};

/// A file that may be worked on, and how.
#[derive(Debug, Clone)]
pub(crate) struct Source {
    pub facts: SourceFacts,
    pub video: Picture,
    pub audio: Option<Sound>,
    /// The longest time between two pictures; a longer gap at decode time is clamped to this.
    pub gap_ms: i64,
    /// Pictures that decoding should yield.
    pub pictures: u64,
    pub times: Timeline,
}

#[derive(Debug, Clone)]
pub(crate) struct Picture {
    pub index: u32,
    pub orientation: Orientation,
    /// The transfer function of an HDR source, in zscale's words.
    pub hdr: Option<&'static str>,
    pub matrix: Matrix,
}

/// The colour matrix of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Matrix {
    Bt709,
    /// Both 525 and 625 line systems; also what nobody said at SD sizes.
    Bt601,
    Bt2020,
}

#[derive(Debug, Clone)]
pub(crate) struct Sound {
    pub index: u32,
    /// One channel, or no more bits than our low rate.
    pub is_thin: bool,
}

/// Below this many kilobits a source's sound gains nothing from our full rate.
const THIN_AUDIO_BPS: u64 = 64_000;
/// SD ends here: without a tag, larger pictures are BT.709.
const SD_SHORT_SIDE_MAX: u32 = 576;

pub(crate) fn refuse(code: &str, message: impl Into<String>) -> FailureReason {
    FailureReason::new(code, message, false)
}

/// Looks at the first bytes only: an MP4 family or Matroska file begins like one.
pub(crate) fn check_magic(head: &[u8]) -> Result<(), FailureReason> {
    if head.is_empty() {
        return Err(refuse("media.empty", "The file is empty."));
    }
    let matroska = head.starts_with(&[0x1a, 0x45, 0xdf, 0xa3]);
    let kinds: [&[u8]; 8] = [b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp"];
    let movie = head.get(4..8).is_some_and(|kind| kinds.contains(&kind));
    if matroska || movie {
        return Ok(());
    }
    Err(refuse("media.not_media", "The file is no video. MP4, MOV and WebM files are welcome."))
}

/// Why ffprobe failed, in the owner's words.
pub(crate) fn explain(log: &str) -> FailureReason {
    if log.contains("moov atom not found") {
        return refuse("media.truncated", "The file ends before the video begins. Was it sent whole?");
    }
    if log.contains("exceeds specified max pixel count") {
        return refuse("media.too_large", "The picture is too large. Up to 4K is welcome.");
    }
    if log.contains("not on whitelist") {
        return refuse("media.not_media", "The file is no video but a list of other files.");
    }
    refuse("media.unreadable", "The file cannot be read. It may be damaged.")
}

/// The whole audit. `log` is what ffprobe said on standard error.
pub(crate) fn audit(probe: &Probe, log: &str, size: u64, intake: &Intake) -> Result<Source, FailureReason> {
    let video = pick_video(probe, log, intake)?;
    let audio = pick_audio(probe, intake)?;
    let origin = probe.format.start_time.as_deref().and_then(micros).unwrap_or(0);
    let times = timeline(&probe.packets, video.index, origin);
    let Some(times) = times else {
        return Err(nothing_there(video));
    };
    check_whole(video, &times, intake)?;
    check_rate(&times, intake)?;
    check_cost(video, &times, intake)?;
    let (width, height) = display_size(video)?;
    let orientation = orientation(video);
    let (width, height) = if orientation.swaps_sides() { (height, width) } else { (width, height) };
    let short = width.min(height);
    let heard = audio.filter(|a| probe.packets.iter().any(|p| p.stream_index == a.index));
    let facts = SourceFacts {
        duration_ms: Millis((times.end_us + 500) / 1000),
        width,
        height,
        fps_milli: times.fps_milli,
        has_audio: heard.is_some(),
        video_codec: video.codec_name.clone().unwrap_or_default(),
        audio_codec: heard.and_then(|a| a.codec_name.clone()),
        size_bytes: Bytes(size),
    };
    Ok(Source {
        facts,
        video: Picture { index: video.index, orientation, hdr: hdr(video), matrix: matrix(video, short) },
        audio: heard.map(|a| Sound { index: a.index, is_thin: is_thin(a) }),
        gap_ms: times.gap_us / 1000,
        pictures: times.pictures,
        times,
    })
}

fn pick_video<'a>(probe: &'a Probe, log: &str, intake: &Intake) -> Result<&'a Stream, FailureReason> {
    let av = probe.streams.iter().filter(|s| matches!(s.codec_type.as_str(), "video" | "audio")).count();
    if av > intake.av_streams_max || probe.streams.len() > intake.streams_max {
        return Err(refuse("media.unsupported_codec", "The file holds too many tracks."));
    }
    let mut pictures = probe
        .streams
        .iter()
        .filter(|s| {
            s.codec_type == "video" && s.disposition.attached_pic == 0 && s.disposition.still_image == 0
        })
        .peekable();
    let Some(first) = pictures.peek().copied() else {
        // A picture beyond the limit leaves no stream behind, only this complaint.
        if log.contains("exceeds specified max pixel count") {
            return Err(explain(log));
        }
        return Err(refuse("media.no_video", "The file has no picture."));
    };
    let known = |s: &&Stream| s.codec_name.as_ref().is_some_and(|c| intake.video_codecs.contains(c));
    let Some(video) = pictures.find(known) else {
        let name = first.codec_name.as_deref().unwrap_or("something unknown");
        return Err(refuse(
            "media.unsupported_codec",
            format!("The picture is coded as {name}, which we cannot take."),
        ));
    };
    if video.width == 0 || video.height == 0 {
        return Err(explain(log));
    }
    let pixels = u64::from(video.width) * u64::from(video.height);
    if pixels > intake.pixels_max || video.width.max(video.height) > intake.side_max {
        let text = format!("The picture is {} × {}; up to 4K is welcome.", video.width, video.height);
        return Err(refuse("media.too_large", text));
    }
    Ok(video)
}

fn pick_audio<'a>(probe: &'a Probe, intake: &Intake) -> Result<Option<&'a Stream>, FailureReason> {
    let mut sounds = probe.streams.iter().filter(|s| s.codec_type == "audio").peekable();
    let Some(first) = sounds.peek().copied() else { return Ok(None) };
    let known = |s: &&Stream| s.codec_name.as_ref().is_some_and(|c| intake.audio_codecs.contains(c));
    match sounds.find(known) {
        Some(sound) => Ok(Some(sound)),
        None => {
            let name = first.codec_name.as_deref().unwrap_or("something unknown");
            let text = format!("The sound is coded as {name}, which we cannot take.");
            Err(refuse("media.unsupported_codec", text))
        }
    }
}

fn nothing_there(video: &Stream) -> FailureReason {
    let declared = video.nb_frames.as_deref().and_then(|n| n.parse::<u64>().ok()).unwrap_or(0);
    if declared > 0 {
        return refuse("media.truncated", "The file ends before the first picture. Was it sent whole?");
    }
    refuse("media.no_video", "The file has a picture track with nothing in it.")
}

/// What is there against what the file says is there.
fn check_whole(video: &Stream, times: &Timeline, intake: &Intake) -> Result<(), FailureReason> {
    let Some(declared) = video.duration.as_deref().and_then(micros) else { return Ok(()) };
    let present = times.end_us - times.start_us;
    let missing = declared - present;
    let least = declared / 100 * i64::from(intake.present_percent_min);
    if present < least && missing > 2 * times.frame_us {
        let text = format!(
            "Only {} s of the {} s that the file announces are there. Was it sent whole?",
            crate::args::seconds(present / 1_000),
            crate::args::seconds(declared / 1_000)
        );
        return Err(refuse("media.truncated", text));
    }
    Ok(())
}

/// What is shown against the time it is shown for, and what is decoded against all the time there is: a cut by an
/// edit list leaves pictures behind that are decoded and not shown.
fn check_rate(times: &Timeline, intake: &Intake) -> Result<(), FailureReason> {
    let rate = |count: u64, us: i64| count.saturating_mul(1_000_000) / us.max(1_000_000).unsigned_abs();
    let shown = rate(times.pictures, times.end_us - times.start_us);
    let rate = shown.max(rate(times.packets, times.packets_us));
    if rate > u64::from(intake.fps_max) {
        let text = format!("The video has {rate} pictures a second; up to {} are welcome.", intake.fps_max);
        return Err(refuse("media.unsupported_codec", text));
    }
    Ok(())
}

/// A few bytes a picture are enough to ask for hours of decoding.
fn check_cost(video: &Stream, times: &Timeline, intake: &Intake) -> Result<(), FailureReason> {
    let pixels = u64::from(video.width) * u64::from(video.height);
    if pixels.saturating_mul(times.packets) > intake.decoded_pixels_max {
        let text = format!("{} pictures of this size are more than we take.", times.packets);
        return Err(refuse("media.too_large", text));
    }
    Ok(())
}

/// Size in square pixels, not turned yet.
fn display_size(video: &Stream) -> Result<(u32, u32), FailureReason> {
    let ratio = video.sample_aspect_ratio.as_deref().and_then(|r| r.split_once(':'));
    let ratio = ratio.and_then(|(n, d)| Some((n.parse::<u64>().ok()?, d.parse::<u64>().ok()?)));
    let (n, d) = ratio.filter(|(n, d)| *n > 0 && *d > 0).unwrap_or((1, 1));
    let width = (u64::from(video.width).saturating_mul(n) + d / 2) / d;
    match u32::try_from(width) {
        Ok(width) if width > 0 && width <= 4 * video.width.max(video.height) => Ok((width, video.height)),
        _ => Err(refuse("media.unreadable", "The picture has an impossible shape.")),
    }
}

fn orientation(video: &Stream) -> Orientation {
    let matrix = video.side_data_list.iter().find_map(|s| s.displaymatrix.as_deref());
    matrix.map(Orientation::parse).unwrap_or_default()
}

fn hdr(video: &Stream) -> Option<&'static str> {
    ["smpte2084", "arib-std-b67"].into_iter().find(|t| video.color_transfer.as_deref() == Some(t))
}

fn matrix(video: &Stream, short: u32) -> Matrix {
    match video.color_space.as_deref() {
        Some("bt709") => Matrix::Bt709,
        Some("smpte170m" | "bt470bg" | "fcc" | "smpte240m") => Matrix::Bt601,
        Some("bt2020nc" | "bt2020c") => Matrix::Bt2020,
        _ if short > SD_SHORT_SIDE_MAX => Matrix::Bt709,
        _ => Matrix::Bt601,
    }
}

fn is_thin(audio: &Stream) -> bool {
    let bps = audio.bit_rate.as_deref().and_then(|b| b.parse::<u64>().ok());
    audio.channels <= 1 || bps.is_some_and(|b| b <= THIN_AUDIO_BPS)
}

#[cfg(test)]
#[path = "audit_tests.rs"]
mod tests;
