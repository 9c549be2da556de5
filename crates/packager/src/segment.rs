//! One media segment: `styp`, then fragments: a `moof` with a run a track and an `mdat` with the
//! picture first.

use crate::boxes::Writer;
use crate::track::{Sample, Track};
use std::ops::Range;

const KEY_FLAGS: u32 = 0x0200_0000;
const DEPENDENT_FLAGS: u32 = 0x0101_0000;
/// Room for the boxes around the samples; a guess that saves copies.
const STRUCTURE_BYTES: usize = 4 << 10;

/// The part of a track that stands in a segment.
pub(crate) struct Part<'a> {
    pub track: &'a Track<'a>,
    pub samples: &'a [Sample],
    /// Decode time of the first sample.
    pub clock: u64,
}

impl Part<'_> {
    fn bytes(&self) -> usize {
        self.samples.iter().map(|s| s.size as usize).sum()
    }
}

/// A segment of one fragment or more, numbered from `first`, and where in it each fragment's first
/// picture is: from its `moof` to the end of its first sample.
pub(crate) fn segment(first: u32, fragments: &[Vec<Part<'_>>]) -> (Vec<u8>, Vec<Range<usize>>) {
    let payload: usize = fragments.iter().flatten().map(Part::bytes).sum();
    let mut w = Writer::default();
    w.out.reserve(payload + STRUCTURE_BYTES);
    w.boxed(b"styp", |w| {
        w.raw(b"msdh").u32(0).raw(b"msdhmsix");
    });
    let pictures = fragments.iter().zip(first..).map(|(parts, n)| fragment(&mut w, n, parts)).collect();
    (w.out, pictures)
}

fn fragment(w: &mut Writer, number: u32, parts: &[Part<'_>]) -> Range<usize> {
    let moof_start = w.out.len();
    let mut patches = Vec::new();
    w.boxed(b"moof", |w| {
        w.full(b"mfhd", 0, 0, |w| {
            w.u32(number);
        });
        for (i, part) in parts.iter().enumerate() {
            w.boxed(b"traf", |w| patches.push(traf(w, i as u32 + 1, part)));
        }
    });
    let mut data_at = w.out.len() - moof_start + 8;
    for (patch, part) in patches.into_iter().zip(parts) {
        w.out[patch..patch + 4].copy_from_slice(&(data_at as u32).to_be_bytes());
        data_at += part.bytes();
    }
    let mdat = w.out.len() + 8;
    w.boxed(b"mdat", |w| {
        for part in parts {
            for s in part.samples {
                w.raw(part.track.bytes(s));
            }
        }
    });
    let first = parts.first().and_then(|p| p.samples.first()).map_or(0, |s| s.size as usize);
    moof_start..mdat + first
}

/// Writes a `traf` and returns where its data offset stands.
fn traf(w: &mut Writer, id: u32, part: &Part<'_>) -> usize {
    let duration = part.samples.first().map_or(0, |s| s.duration);
    let even = part.samples.iter().all(|s| s.duration == duration);
    let shifted = part.samples.iter().any(|s| s.shift != 0);
    let all_keys = part.samples.iter().all(|s| s.key);
    let only_first_key = part.samples.iter().skip(1).all(|s| !s.key);
    let default_flags = if all_keys { KEY_FLAGS } else { DEPENDENT_FLAGS };
    // Offsets count from the moof; default duration and flags are given.
    w.full(b"tfhd", 0, 0x02_0000 | 0x8 | 0x20, |w| {
        w.u32(id).u32(duration).u32(default_flags);
    });
    w.full(b"tfdt", 1, 0, |w| {
        w.u64(part.clock);
    });
    let first_flags = !all_keys && only_first_key;
    let own_flags = !all_keys && !only_first_key;
    let mut flags = 0x1 | 0x200;
    flags |= if first_flags { 0x4 } else { 0 };
    flags |= if even { 0 } else { 0x100 };
    flags |= if own_flags { 0x400 } else { 0 };
    flags |= if shifted { 0x800 } else { 0 };
    let mut patch = 0;
    w.full(b"trun", 1, flags, |w| {
        w.u32(part.samples.len() as u32);
        patch = w.out.len();
        w.u32(0);
        if first_flags {
            w.u32(KEY_FLAGS);
        }
        for s in part.samples {
            if !even {
                w.u32(s.duration);
            }
            w.u32(s.size);
            if own_flags {
                w.u32(if s.key { KEY_FLAGS } else { DEPENDENT_FLAGS });
            }
            if shifted {
                w.u32(s.shift as u32);
            }
        }
    });
    patch
}
