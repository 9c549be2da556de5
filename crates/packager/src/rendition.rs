//! One rendition: track files become an init segment and segments.

use crate::bandwidth::peak_and_average;
use crate::boxes::PackError;
use crate::codec::{Range as ColourRange, audio_channels, audio_codec, video_codec, video_range, video_size};
use crate::cut::{Cut, cuts, share_sound};
use crate::init::init_segment;
use crate::packaging::Lengths;
use crate::segment::{Part, segment};
use crate::track::{Kind, Track};
use bytes::Bytes;
use vocab::Millis;

/// A packaged rendition: a rung, with its sound or without, or the sound alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendition {
    pub init: Bytes,
    pub segments: Vec<Bytes>,
    /// Length of each segment in microseconds.
    pub segment_micros: Vec<u64>,
    /// RFC 6381, video first.
    pub codecs: String,
    /// 0 for sound alone, as `height`.
    pub width: u32,
    pub height: u32,
    /// Frames a second × 1000; 0 for sound alone.
    pub fps_milli: u32,
    pub range: ColourRange,
    pub has_audio: bool,
    /// Of the sound; 0 where there is none.
    pub channels: u16,
    /// Bits a second, measured.
    pub peak_bps: u64,
    pub average_bps: u64,
    /// Bytes of segment 0 up to and including the first picture.
    pub first_frame_bytes: u32,
    /// The first picture of every fragment; none for sound alone.
    pub i_frames: Vec<IFrame>,
    grid: Grid,
}

/// A key frame that can be fetched by itself: its `moof` up to the end of the picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IFrame {
    pub segment: u32,
    /// From the start of the segment.
    pub offset: u32,
    pub bytes: u32,
    /// Until the next one.
    pub micros: u64,
}

/// Where the fragments of every segment begin and end, in ticks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Grid {
    timescale: u32,
    segments: Vec<Vec<(u64, u64)>>,
}

impl Grid {
    fn of(timescale: u32, segments: &[Vec<Cut>]) -> Self {
        let spans = |cuts: &Vec<Cut>| cuts.iter().map(|c| (c.start, c.end)).collect();
        Self { timescale, segments: segments.iter().map(spans).collect() }
    }

    fn micros(&self, ticks: u64) -> u64 {
        micros(ticks, self.timescale)
    }
}

fn micros(ticks: u64, timescale: u32) -> u64 {
    (u128::from(ticks) * 1_000_000 / u128::from(timescale.max(1))) as u64
}

impl Rendition {
    /// Lengths in milliseconds that add up to the whole without drift.
    pub fn segment_ms(&self) -> Vec<u32> {
        let (mut micros, mut told) = (0u64, 0u64);
        let each = self.segment_micros.iter().map(|m| {
            micros += m;
            let ms = (micros + 500) / 1000;
            let span = ms - told;
            told = ms;
            span as u32
        });
        each.collect()
    }

    pub fn duration_ms(&self) -> Millis {
        let micros: u64 = self.segment_micros.iter().sum();
        Millis(((micros + 500) / 1000) as i64)
    }

    /// The rounded maximum segment length (RFC 8216: no segment is longer, rounded).
    pub fn target_s(&self) -> u64 {
        target_s(self.segment_micros.iter().copied())
    }

    /// Peak and average bits a second of the I-frame playlist.
    pub fn i_frame_bps(&self) -> (u64, u64) {
        let bytes: Vec<u64> = self.i_frames.iter().map(|i| u64::from(i.bytes)).collect();
        let spans: Vec<u64> = self.i_frames.iter().map(|i| i.micros).collect();
        peak_and_average(&bytes, &spans, target_s(spans.iter().copied()))
    }

    /// Everything in one object: the init segment and all segments in a row.
    pub fn single_file(&self) -> Bytes {
        let parts = || std::iter::once(&self.init).chain(&self.segments);
        let mut all = Vec::with_capacity(parts().map(Bytes::len).sum());
        parts().for_each(|p| all.extend_from_slice(p));
        all.into()
    }

    fn measured(mut self) -> Self {
        let bytes: Vec<u64> = self.segments.iter().map(|s| s.len() as u64).collect();
        (self.peak_bps, self.average_bps) = peak_and_average(&bytes, &self.segment_micros, self.target_s());
        self
    }
}

pub(crate) fn target_s(spans: impl Iterator<Item = u64>) -> u64 {
    spans.map(|m| (m + 500_000) / 1_000_000).max().unwrap_or(1).max(1)
}

/// Packages one rung with its sound, in segments of equal length: the default packaging.
pub fn mux(video: &[u8], audio: Option<&[u8]>, segment_ms: u32) -> Result<Rendition, PackError> {
    pack(video, audio, &Lengths::even(segment_ms))
}

/// Packages one rung, and the sound with it where it is given. Cuts happen at key frames only.
pub fn pack(video: &[u8], audio: Option<&[u8]>, lengths: &Lengths) -> Result<Rendition, PackError> {
    let video = Track::read(video)?;
    let audio = audio.map(Track::read).transpose()?;
    if video.kind != Kind::Video || audio.as_ref().is_some_and(|a| a.kind != Kind::Audio) {
        return Err(PackError::Unsupported("picture and sound in each other's place"));
    }
    let audio = audio.filter(|a| !a.samples.is_empty());
    let cuts = cuts(&video, audio.as_ref(), lengths)?;
    let mut codecs = video_codec(video.stsd)?;
    let (mut tracks, mut channels) = (vec![&video], 0);
    if let Some(audio) = &audio {
        codecs = format!("{codecs},{}", audio_codec(audio.stsd)?);
        channels = audio_channels(audio.stsd)?;
        tracks.push(audio);
    }
    let init = Bytes::from(init_segment(&tracks)?);
    let grid = Grid::of(video.timescale, &cuts);
    let (segments, i_frames) = segments(&video, audio.as_ref(), &cuts);
    let (width, height) = video_size(video.stsd)?;
    let rendition = Rendition {
        init,
        segments,
        segment_micros: spans(&grid),
        codecs,
        width,
        height,
        fps_milli: fps_milli(&video),
        range: video_range(video.stsd)?,
        has_audio: audio.is_some(),
        channels,
        peak_bps: 0,
        average_bps: 0,
        first_frame_bytes: i_frames.first().map_or(0, |i| i.offset + i.bytes),
        i_frames,
        grid,
    };
    Ok(rendition.measured())
}

/// The length of every segment.
fn spans(grid: &Grid) -> Vec<u64> {
    let edge = |span: Option<&(u64, u64)>| span.copied().unwrap_or_default();
    let span = |cuts: &Vec<(u64, u64)>| grid.micros(edge(cuts.last()).1) - grid.micros(edge(cuts.first()).0);
    grid.segments.iter().map(span).collect()
}

fn segments(video: &Track<'_>, audio: Option<&Track<'_>>, cuts: &[Vec<Cut>]) -> (Vec<Bytes>, Vec<IFrame>) {
    let (mut out, mut i_frames) = (Vec::with_capacity(cuts.len()), Vec::new());
    let (mut number, mut sound_clock) = (1u32, 0u64);
    for (n, cuts) in cuts.iter().enumerate() {
        let mut fragments = Vec::with_capacity(cuts.len());
        for cut in cuts {
            let samples = &video.samples[cut.video.clone()];
            let mut parts = vec![Part { track: video, samples, clock: cut.start }];
            // A run without samples would be a traf that says nothing: it is left out.
            parts.extend(sound_part(audio, cut, &mut sound_clock));
            fragments.push(parts);
        }
        let (bytes, pictures) = segment(number, &fragments);
        number += fragments.len() as u32;
        for (cut, at) in cuts.iter().zip(pictures) {
            let micros = micros(cut.end, video.timescale) - micros(cut.start, video.timescale);
            let (offset, bytes) = (at.start as u32, at.len() as u32);
            i_frames.push(IFrame { segment: n as u32, offset, bytes, micros });
        }
        out.push(Bytes::from(bytes));
    }
    (out, i_frames)
}

fn sound_part<'a>(audio: Option<&'a Track<'a>>, cut: &Cut, clock: &mut u64) -> Option<Part<'a>> {
    let track = audio?;
    let samples = track.samples.get(cut.audio.clone()).filter(|s| !s.is_empty())?;
    let part = Part { track, samples, clock: *clock };
    *clock += samples.iter().map(|s| u64::from(s.duration)).sum::<u64>();
    Some(part)
}

/// A last segment of sound shorter than this joins the one before it: encoders leave a single frame.
const SOUND_TAIL_MICROS: u64 = 250_000;

/// Packages sound as a rendition of its own, cut where `like`, a rung of the package, is cut. `None`
/// where there is no sound. It ends where the sound does, and has fewer segments when that is early.
pub fn pack_sound(audio: &[u8], like: &Rendition) -> Result<Option<Rendition>, PackError> {
    let audio = Track::read(audio)?;
    if audio.kind != Kind::Audio {
        return Err(PackError::Unsupported("picture and sound in each other's place"));
    }
    if audio.samples.is_empty() {
        return Ok(None);
    }
    let blank = |&(start, end): &(u64, u64)| Cut { video: 0..0, audio: 0..0, start, end };
    let mut cuts: Vec<Vec<Cut>> =
        like.grid.segments.iter().map(|spans| spans.iter().map(blank).collect()).collect();
    share_sound(cuts.iter_mut().flatten(), like.grid.timescale, &audio);
    cuts.iter_mut().for_each(|cuts| cuts.retain(|c| !c.audio.is_empty()));
    cuts.retain(|cuts| !cuts.is_empty());
    join_tail(&mut cuts, &audio);
    let (mut clock, mut number) = (0u64, 1u32);
    let (mut segments, mut segment_micros) = (Vec::new(), Vec::new());
    for cuts in &cuts {
        let start = clock;
        let parts = |cut| sound_part(Some(&audio), cut, &mut clock).map(|part| vec![part]);
        let fragments: Vec<Vec<Part<'_>>> = cuts.iter().filter_map(parts).collect();
        segments.push(Bytes::from(segment(number, &fragments).0));
        number += fragments.len() as u32;
        segment_micros.push(micros(clock, audio.timescale) - micros(start, audio.timescale));
    }
    let rendition = Rendition {
        init: Bytes::from(init_segment(&[&audio])?),
        segments,
        segment_micros,
        codecs: audio_codec(audio.stsd)?,
        width: 0,
        height: 0,
        fps_milli: 0,
        range: ColourRange::Sdr,
        has_audio: true,
        channels: audio_channels(audio.stsd)?,
        peak_bps: 0,
        average_bps: 0,
        first_frame_bytes: 0,
        i_frames: Vec::new(),
        grid: Grid::default(),
    };
    Ok(Some(rendition.measured()))
}

fn join_tail(cuts: &mut Vec<Vec<Cut>>, audio: &Track<'_>) {
    let ticks =
        |cut: &Cut| -> u64 { audio.samples[cut.audio.clone()].iter().map(|s| u64::from(s.duration)).sum() };
    let tail = cuts.last().map_or(0, |cuts| cuts.iter().map(ticks).sum());
    if cuts.len() < 2 || micros(tail, audio.timescale) >= SOUND_TAIL_MICROS {
        return;
    }
    let end = cuts.pop().and_then(|cuts| cuts.last().map(|c| (c.audio.end, c.end)));
    let last = cuts.last_mut().and_then(|cuts| cuts.last_mut());
    if let (Some((samples, ticks)), Some(last)) = (end, last) {
        (last.audio.end, last.end) = (samples, ticks);
    }
}

fn fps_milli(video: &Track<'_>) -> u32 {
    let ticks = u128::from(video.ticks().max(1));
    let milli = video.samples.len() as u128 * u128::from(video.timescale) * 1000;
    u32::try_from((milli + ticks / 2) / ticks).unwrap_or(u32::MAX)
}

/// All rungs of a package must be cut at the same times, or players cannot switch between them.
pub fn same_cuts(rungs: &[Rendition]) -> Result<(), PackError> {
    let first = rungs.first().ok_or(PackError::Missing("rung"))?;
    let same = rungs.iter().all(|r| r.segment_micros == first.segment_micros);
    if same { Ok(()) } else { Err(PackError::UnevenCuts) }
}
