//! One rung: a video track file and the sound become an init segment and segments.

use crate::bandwidth::peak_and_average;
use crate::boxes::PackError;
use crate::codec::{audio_codec, video_codec, video_size};
use crate::cut::{Cut, cuts};
use crate::init::init_segment;
use crate::segment::{Part, segment};
use crate::track::{Kind, Track};
use bytes::Bytes;
use vocab::Millis;

/// A packaged rung.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Muxed {
    pub init: Bytes,
    pub segments: Vec<Bytes>,
    /// Length of each segment in microseconds.
    pub segment_micros: Vec<u64>,
    /// RFC 6381, video first.
    pub codecs: String,
    pub width: u32,
    pub height: u32,
    /// Frames a second × 1000.
    pub fps_milli: u32,
    pub has_audio: bool,
    /// Bits a second, measured.
    pub peak_bps: u64,
    pub average_bps: u64,
    /// Bytes of segment 0 up to and including the first picture.
    pub first_frame_bytes: u32,
}

impl Muxed {
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
        self.segment_micros.iter().map(|m| (m + 500_000) / 1_000_000).max().unwrap_or(1).max(1)
    }
}

/// Muxes one rung. `segment_ms` is the wished length; cuts happen at key frames only.
pub fn mux(video: &[u8], audio: Option<&[u8]>, segment_ms: u32) -> Result<Muxed, PackError> {
    let video = Track::read(video)?;
    let audio = audio.map(Track::read).transpose()?;
    if video.kind != Kind::Video || audio.as_ref().is_some_and(|a| a.kind != Kind::Audio) {
        return Err(PackError::Unsupported("picture and sound in each other's place"));
    }
    let audio = audio.filter(|a| !a.samples.is_empty());
    let cuts = cuts(&video, audio.as_ref(), u64::from(segment_ms))?;
    let mut codecs = video_codec(video.stsd)?;
    let mut tracks = vec![&video];
    if let Some(audio) = &audio {
        codecs = format!("{codecs},{}", audio_codec(audio.stsd)?);
        tracks.push(audio);
    }
    let init = Bytes::from(init_segment(&tracks)?);
    let (segments, first_frame_bytes) = segments(&video, audio.as_ref(), &cuts);
    let scale = u64::from(video.timescale);
    let micros = |ticks: u64| (u128::from(ticks) * 1_000_000 / u128::from(scale)) as u64;
    let segment_micros: Vec<u64> = cuts.iter().map(|c| micros(c.end) - micros(c.start)).collect();
    let (width, height) = video_size(video.stsd)?;
    let mut muxed = Muxed {
        init,
        segments,
        segment_micros,
        codecs,
        width,
        height,
        fps_milli: fps_milli(&video),
        has_audio: audio.is_some(),
        peak_bps: 0,
        average_bps: 0,
        first_frame_bytes,
    };
    let bytes: Vec<u64> = muxed.segments.iter().map(|s| s.len() as u64).collect();
    (muxed.peak_bps, muxed.average_bps) = peak_and_average(&bytes, &muxed.segment_micros, muxed.target_s());
    Ok(muxed)
}

fn segments(video: &Track<'_>, audio: Option<&Track<'_>>, cuts: &[Cut]) -> (Vec<Bytes>, u32) {
    let mut out = Vec::with_capacity(cuts.len());
    let (mut first_frame, mut sound_clock) = (0u32, 0u64);
    for (n, cut) in cuts.iter().enumerate() {
        let mut parts =
            vec![Part { track: video, samples: &video.samples[cut.video.clone()], clock: cut.start }];
        if let Some(audio) = audio {
            let samples = &audio.samples[cut.audio.clone()];
            // A run without samples would be a traf that says nothing: leave it out.
            if !samples.is_empty() {
                parts.push(Part { track: audio, samples, clock: sound_clock });
            }
            sound_clock += samples.iter().map(|s| u64::from(s.duration)).sum::<u64>();
        }
        let (bytes, prefix) = segment(n as u32, &parts);
        if n == 0 {
            first_frame = prefix as u32;
        }
        out.push(Bytes::from(bytes));
    }
    (out, first_frame)
}

fn fps_milli(video: &Track<'_>) -> u32 {
    let ticks = u128::from(video.ticks().max(1));
    let milli = video.samples.len() as u128 * u128::from(video.timescale) * 1000;
    u32::try_from((milli + ticks / 2) / ticks).unwrap_or(u32::MAX)
}

/// All rungs of a package must be cut at the same times, or players cannot switch between them.
pub fn same_cuts(rungs: &[Muxed]) -> Result<(), PackError> {
    let first = rungs.first().ok_or(PackError::Missing("rung"))?;
    let same = rungs.iter().all(|r| r.segment_micros == first.segment_micros);
    if same { Ok(()) } else { Err(PackError::UnevenCuts) }
}
