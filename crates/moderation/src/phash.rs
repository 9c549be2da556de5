//! A perceptual hash of a frame: 256 bits that a new encode, another size and a small crop change little. Pure.
//!
//! The picture's luma is averaged down to 64 × 64; of its cosine transform the 16 × 16 lowest frequencies but the
//! constant ones are kept, and each bit says whether a coefficient is above their median. A 64-bit hash of
//! differences merges frames in which people walk by (`evidence/media.md` 4.3); this one is four times as long,
//! and what it is compared for is a whole video, never one frame.

use serde::{Deserialize, Serialize};
use std::fmt;

/// The picture is averaged to this many cells a side.
const SIDE: usize = 64;
/// Frequencies kept a side.
const KEPT: usize = 16;

/// A picture's brightness, row by row.
#[derive(Debug, Clone, Copy)]
pub struct Luma<'a> {
    pub width: usize,
    pub height: usize,
    /// `width` × `height` of them.
    pub pixels: &'a [u8],
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FrameHash(pub [u64; 4]);

impl FrameHash {
    /// In how many of the 256 bits they differ.
    pub fn distance(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }
}

impl fmt::Display for FrameHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|part| write!(f, "{part:016x}"))
    }
}

impl fmt::Debug for FrameHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FrameHash({self})")
    }
}

impl From<FrameHash> for String {
    fn from(hash: FrameHash) -> Self {
        hash.to_string()
    }
}

impl TryFrom<String> for FrameHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const SAID: &str = "a frame's hash is 64 hexadecimal digits";
        if text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(SAID);
        }
        let mut parts = [0; 4];
        for (i, part) in parts.iter_mut().enumerate() {
            *part = u64::from_str_radix(&text[i * 16..i * 16 + 16], 16).map_err(|_| SAID)?;
        }
        Ok(Self(parts))
    }
}

/// The hash of the middle of a picture, `percent` of each side. `None` = there is nothing to see: a black or
/// plain frame would look like every other one, and so would one with less to see than `detail_min` (0–100).
pub fn hash(luma: Luma<'_>, percent: usize, detail_min: u32) -> Option<FrameHash> {
    let cells = shrink(luma, percent.clamp(1, 100))?;
    if detail(&cells) < detail_min {
        return None;
    }
    let wave = waves();
    // Rows first: `half[v][x]` is frequency v over column x.
    let mut half = [[0f32; SIDE]; KEPT];
    for (v, row) in half.iter_mut().enumerate() {
        for (x, out) in row.iter_mut().enumerate() {
            *out = (0..SIDE).map(|y| wave[v][y] * cells[y][x]).sum();
        }
    }
    let mut kept = [0f32; KEPT * KEPT];
    for (v, row) in half.iter().enumerate() {
        for u in 0..KEPT {
            kept[v * KEPT + u] = (0..SIDE).map(|x| wave[u][x] * row[x]).sum();
        }
    }
    let mut sorted = kept;
    sorted.sort_unstable_by(f32::total_cmp);
    let median = (sorted[KEPT * KEPT / 2 - 1] + sorted[KEPT * KEPT / 2]) / 2.0;
    let mut bits = [0u64; 4];
    for (i, value) in kept.iter().enumerate() {
        if *value > median {
            bits[i / 64] |= 1 << (i % 64);
        }
    }
    Some(FrameHash(bits))
}

/// Frequencies 1 to 16 of the cosine transform.
fn waves() -> [[f32; SIDE]; KEPT] {
    let mut waves = [[0f32; SIDE]; KEPT];
    for (k, wave) in waves.iter_mut().enumerate() {
        for (x, out) in wave.iter_mut().enumerate() {
            let angle = std::f64::consts::PI / (2 * SIDE) as f64 * ((k + 1) * (2 * x + 1)) as f64;
            *out = angle.cos() as f32;
        }
    }
    waves
}

/// Averages of equal parts of the middle of the picture. `None` = it is no picture.
fn shrink(luma: Luma<'_>, percent: usize) -> Option<[[f32; SIDE]; SIDE]> {
    let Luma { width, height, pixels } = luma;
    if width == 0 || height == 0 || width.checked_mul(height)? > pixels.len() {
        return None;
    }
    let part = |whole: usize| {
        let kept = (whole * percent / 100).max(1);
        ((whole - kept) / 2, kept)
    };
    let ((left, across), (top, down)) = (part(width), part(height));
    // A small picture's pixels stand in several cells.
    let span = |start: usize, size: usize, i: usize| {
        let from = start + i * size / SIDE;
        (from, (start + (i + 1) * size / SIDE).max(from + 1))
    };
    let mut cells = [[0f32; SIDE]; SIDE];
    for (y, row) in cells.iter_mut().enumerate() {
        let (y0, y1) = span(top, down, y);
        for (x, cell) in row.iter_mut().enumerate() {
            let (x0, x1) = span(left, across, x);
            let sum: u64 =
                (y0..y1).flat_map(|y| &pixels[y * width + x0..y * width + x1]).map(|p| u64::from(*p)).sum();
            *cell = sum as f32 / ((y1 - y0) * (x1 - x0)) as f32;
        }
    }
    Some(cells)
}

/// How much there is to see, 0–100: the steps between neighbouring cells, small ones left out.
fn detail(cells: &[[f32; SIDE]; SIDE]) -> u32 {
    let step = |a: f32, b: f32| ((a - b).abs() * 100.0 / 255.0) as u32;
    let across = cells.iter().flat_map(|row| row.windows(2)).map(|w| step(w[0], w[1]));
    let down = cells.windows(2).flat_map(|rows| rows[0].iter().zip(&rows[1])).map(|(a, b)| step(*a, *b));
    (across.chain(down).sum::<u32>() / 90).min(100)
}
