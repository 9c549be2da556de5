//! Where fragments and segments begin and which sound goes into which.

use crate::boxes::PackError;
use crate::packaging::Lengths;
use crate::track::Track;
use std::ops::Range;

/// One fragment as ranges of samples, and its picture's time span in video ticks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    pub video: Range<usize>,
    pub audio: Range<usize>,
    pub start: u64,
    pub end: u64,
}

impl Cut {
    pub fn ticks(&self) -> u64 {
        self.end - self.start
    }
}

/// A key frame may stand this much before its due time and still open a fragment.
const EARLY_DIVISOR: u64 = 8;
/// A tail shorter than this share of the wish joins the fragment before it: one request less, and
/// the target duration, which is rounded, stays what it was.
const TAIL_DIVISOR: u64 = 4;
/// A fragment that grows beyond this many wishes has lost its key frames.
const LATE_FACTOR: u64 = 2;

/// The fragments of every segment.
pub(crate) fn cuts(
    video: &Track<'_>,
    audio: Option<&Track<'_>>,
    lengths: &Lengths,
) -> Result<Vec<Vec<Cut>>, PackError> {
    let mut cuts = video_cuts(video, u64::from(lengths.fragment_ms))?;
    if let Some(audio) = audio {
        share_sound(cuts.iter_mut(), video.timescale, audio);
    }
    Ok(grouped(cuts, u64::from(video.timescale), lengths))
}

fn video_cuts(video: &Track<'_>, fragment_ms: u64) -> Result<Vec<Cut>, PackError> {
    if !video.samples.first().is_some_and(|s| s.key) {
        return Err(PackError::Missing("key frame at the start"));
    }
    let scale = u64::from(video.timescale);
    let target = (fragment_ms * scale / 1000).max(1);
    let mut cuts: Vec<Cut> = Vec::new();
    let (mut first, mut start, mut clock) = (0usize, 0u64, 0u64);
    for (i, s) in video.samples.iter().enumerate() {
        if i > first && s.key && clock - start + target / EARLY_DIVISOR >= target {
            cuts.push(Cut { video: first..i, audio: 0..0, start, end: clock });
            (first, start) = (i, clock);
        }
        clock = clock.saturating_add(u64::from(s.duration));
        if clock - start > target.saturating_mul(LATE_FACTOR) {
            return Err(PackError::NoKeyFrame((clock - start).saturating_mul(1000) / scale));
        }
    }
    let all = video.samples.len();
    match cuts.last_mut() {
        Some(last) if (clock - start) * TAIL_DIVISOR < target => {
            last.video.end = all;
            last.end = clock;
        }
        _ => cuts.push(Cut { video: first..all, audio: 0..0, start, end: clock }),
    }
    Ok(cuts)
}

/// Fragments become segments as soon as they are as long as wished; what is left is the last one.
fn grouped(cuts: Vec<Cut>, scale: u64, lengths: &Lengths) -> Vec<Vec<Cut>> {
    let mut segments: Vec<Vec<Cut>> = Vec::new();
    let (mut open, mut span): (Vec<Cut>, u64) = (Vec::new(), 0);
    for cut in cuts {
        span += cut.ticks();
        open.push(cut);
        let wished = lengths.segment(segments.len()) * scale / 1000;
        if span + wished / EARLY_DIVISOR >= wished {
            segments.push(std::mem::take(&mut open));
            span = 0;
        }
    }
    if !open.is_empty() {
        segments.push(open);
    }
    segments
}

/// Sound belongs where it starts. What begins behind the last picture is left out, but for the frame
/// that spans the end, which is in the last fragment already.
pub(crate) fn share_sound<'c>(cuts: impl Iterator<Item = &'c mut Cut>, video_scale: u32, audio: &Track<'_>) {
    let (mut next, mut clock) = (0usize, 0u64);
    for cut in cuts {
        let first = next;
        let end = u128::from(cut.end) * u128::from(audio.timescale);
        while let Some(s) = audio.samples.get(next) {
            if u128::from(clock) * u128::from(video_scale) >= end {
                break;
            }
            clock = clock.saturating_add(u64::from(s.duration));
            next += 1;
        }
        cut.audio = first..next;
    }
}
