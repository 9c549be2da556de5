//! What a picture file says it is, from its first bytes and tables, before anything decodes it. Pure.

use crate::policy::CoverLimits;
use vocab::FailureReason;

/// The kinds of picture that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum StillKind {
    Jpeg,
    Png,
    WebP,
}

impl StillKind {
    pub const ALL: [Self; 3] = [Self::Jpeg, Self::Png, Self::WebP];

    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Jpeg => "image/jpeg",
            Self::Png => "image/png",
            Self::WebP => "image/webp",
        }
    }
}

/// How a camera was held, as EXIF counts it: 1 = upright.
pub type Turn = u8;
const UPRIGHT: Turn = 1;

/// What the tables of a picture say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Still {
    pub kind: StillKind,
    /// As stored, not turned.
    pub width: u32,
    pub height: u32,
    /// 1–8.
    pub turn: Turn,
}

impl Still {
    /// Width and height as a viewer sees them.
    pub const fn shown(&self) -> (u32, u32) {
        if self.turn >= 5 { (self.height, self.width) } else { (self.width, self.height) }
    }
}

fn refuse(code: &str, message: impl Into<String>) -> FailureReason {
    FailureReason::new(code, message, false)
}

/// Reads the tables of a picture, and refuses one that is none or is outside the limits.
pub fn read(bytes: &[u8], limits: &CoverLimits) -> Result<Still, FailureReason> {
    if bytes.len() as u64 > limits.bytes_max.0 {
        let text = format!("The picture is larger than {} MB.", limits.bytes_max.0 >> 20);
        return Err(refuse("cover.too_large", text));
    }
    let kind = kind_of(bytes)
        .ok_or_else(|| refuse("cover.not_a_picture", "The file is no JPEG, PNG or WebP picture."))?;
    let found = match kind {
        StillKind::Jpeg => jpeg(bytes),
        StillKind::Png => png(bytes),
        StillKind::WebP => webp(bytes),
    };
    let unreadable = || refuse("cover.unreadable", "The picture cannot be read. It may be damaged.");
    let (width, height, turn) = found.ok_or_else(unreadable)?;
    let still = Still { kind, width, height, turn };
    check(&still, limits)?;
    Ok(still)
}

fn check(still: &Still, limits: &CoverLimits) -> Result<(), FailureReason> {
    let (width, height) = still.shown();
    let (short, long) = (width.min(height), width.max(height));
    if u64::from(width) * u64::from(height) > limits.pixels_max || long > limits.side_max {
        let text = format!("The picture is {width} × {height}; that is more than we take.");
        return Err(refuse("cover.too_large", text));
    }
    if short < limits.side_min {
        let text = format!("The picture is {width} × {height}; each side needs {}.", limits.side_min);
        return Err(refuse("cover.too_small", text));
    }
    if long > short.saturating_mul(limits.shape_max) {
        let text = format!("The longer side may be {} times the shorter one.", limits.shape_max);
        return Err(refuse("cover.too_narrow", text));
    }
    Ok(())
}

fn kind_of(bytes: &[u8]) -> Option<StillKind> {
    if bytes.starts_with(&[0xff, 0xd8, 0xff]) {
        return Some(StillKind::Jpeg);
    }
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        return Some(StillKind::Png);
    }
    (bytes.starts_with(b"RIFF") && bytes.get(8..12) == Some(b"WEBP")).then_some(StillKind::WebP)
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    let b = bytes.get(at..at.checked_add(2)?)?;
    Some(u32::from(u16::from_be_bytes([b[0], b[1]])))
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    let b = bytes.get(at..at.checked_add(4)?)?;
    Some(u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
}

fn le(bytes: &[u8], at: usize, n: usize) -> Option<u32> {
    let b = bytes.get(at..at.checked_add(n)?)?;
    Some(b.iter().rev().fold(0, |all, byte| all << 8 | u32::from(*byte)))
}

/// One table of a picture: what it is, its body and where in the file that begins.
pub(crate) struct Table<'a, K> {
    pub kind: K,
    pub body: &'a [u8],
    at: usize,
}

/// The segments of a JPEG up to the coded picture, or to where they are damaged.
pub(crate) fn jpeg_tables(bytes: &[u8]) -> impl Iterator<Item = Table<'_, u8>> {
    let mut at = 2usize;
    std::iter::from_fn(move || {
        loop {
            if *bytes.get(at)? != 0xff {
                return None;
            }
            // Any number of fill bytes.
            while *bytes.get(at)? == 0xff {
                at += 1;
            }
            let kind = *bytes.get(at)?;
            at += 1;
            match kind {
                0x01 | 0xd0..=0xd8 => {}
                // The picture ends or begins.
                0xd9 | 0xda => return None,
                _ => {
                    let length = (be16(bytes, at)? as usize).max(2);
                    let body = bytes.get(at + 2..at.checked_add(length)?)?;
                    let table = Table { kind, body, at: at + 2 };
                    at += length;
                    return Some(table);
                }
            }
        }
    })
}

/// The chunks of a PNG, to the last or to where they are damaged.
pub(crate) fn png_tables(bytes: &[u8]) -> impl Iterator<Item = Table<'_, &[u8]>> {
    let mut at = 8usize;
    std::iter::from_fn(move || {
        let (length, kind) = (be32(bytes, at)? as usize, bytes.get(at + 4..at + 8)?);
        let begins = at + 8;
        let ends = begins.checked_add(length)?;
        // Behind it stands a sum of four bytes.
        at = ends.checked_add(4)?;
        Some(Table { kind, body: bytes.get(begins..ends)?, at: begins })
    })
}

/// The chunks of a WebP, to the last or to where they are damaged.
pub(crate) fn webp_tables(bytes: &[u8]) -> impl Iterator<Item = Table<'_, &[u8]>> {
    let mut at = 12usize;
    std::iter::from_fn(move || {
        let (kind, length) = (bytes.get(at..at + 4)?, le(bytes, at + 4, 4)? as usize);
        let begins = at + 8;
        let ends = begins.checked_add(length)?;
        at = ends.checked_add(length & 1)?;
        Some(Table { kind, body: bytes.get(begins..ends)?, at: begins })
    })
}

/// A whole picture ends with a marker that nothing coded can hold.
fn jpeg(bytes: &[u8]) -> Option<(u32, u32, Turn)> {
    let mut turn = UPRIGHT;
    for table in jpeg_tables(bytes) {
        match table.kind {
            // Start of frame, whichever the coding; 0xc4, 0xc8 and 0xcc are other tables.
            0xc0..=0xc3 | 0xc5..=0xc7 | 0xc9..=0xcb | 0xcd..=0xcf => {
                let is_whole = bytes.get(table.at..)?.windows(2).any(|w| w == [0xff, 0xd9]);
                return is_whole.then_some((be16(table.body, 3)?, be16(table.body, 1)?, turn));
            }
            0xe1 => turn = table.body.strip_prefix(b"Exif\0\0").and_then(exif_turn).unwrap_or(turn),
            _ => {}
        }
    }
    // Nobody said how large it is.
    None
}

/// The header, and how it is turned where a table says so. A whole picture has a last table.
fn png(bytes: &[u8]) -> Option<(u32, u32, Turn)> {
    if be32(bytes, 8)? != 13 || bytes.get(12..16)? != b"IHDR" {
        return None;
    }
    let (width, height, mut turn) = (be32(bytes, 16)?, be32(bytes, 20)?, UPRIGHT);
    for table in png_tables(bytes) {
        match table.kind {
            b"IEND" => return Some((width, height, turn)),
            b"eXIf" => turn = exif_turn(table.body).unwrap_or(turn),
            _ => {}
        }
    }
    None
}

fn webp(bytes: &[u8]) -> Option<(u32, u32, Turn)> {
    if (le(bytes, 4, 4)? as usize).checked_add(8)? > bytes.len() {
        return None;
    }
    match bytes.get(12..16)? {
        b"VP8 " => {
            let start = bytes.get(23..26)? == [0x9d, 0x01, 0x2a];
            start.then_some((le(bytes, 26, 2)? & 0x3fff, le(bytes, 28, 2)? & 0x3fff, UPRIGHT))
        }
        b"VP8L" => {
            let bits = le(bytes, 21, 4).filter(|_| bytes.get(20) == Some(&0x2f))?;
            Some(((bits & 0x3fff) + 1, ((bits >> 14) & 0x3fff) + 1, UPRIGHT))
        }
        b"VP8X" => {
            const ANIMATED: u8 = 0x02;
            if bytes.get(20)? & ANIMATED != 0 {
                return None;
            }
            Some((le(bytes, 24, 3)? + 1, le(bytes, 27, 3)? + 1, webp_turn(bytes).unwrap_or(UPRIGHT)))
        }
        _ => None,
    }
}

fn webp_turn(bytes: &[u8]) -> Option<Turn> {
    let exif = webp_tables(bytes).find(|t| t.kind == b"EXIF")?.body;
    exif_turn(exif.strip_prefix(b"Exif\0\0").unwrap_or(exif))
}

/// Tag 0x0112 of the first directory of a TIFF.
fn exif_turn(tiff: &[u8]) -> Option<Turn> {
    let is_little = match tiff.get(..4)? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let read = |at: usize, n: usize| {
        if is_little {
            le(tiff, at, n)
        } else if n == 2 {
            be16(tiff, at)
        } else {
            be32(tiff, at)
        }
    };
    let directory = read(4, 4)? as usize;
    let entries = read(directory, 2)? as usize;
    for n in 0..entries {
        let at = directory.checked_add(2 + 12 * n)?;
        if read(at, 2)? == 0x0112 {
            let turn = read(at.checked_add(8)?, 2)?;
            return u8::try_from(turn).ok().filter(|t| (1..=8).contains(t));
        }
    }
    None
}

#[cfg(test)]
#[path = "still_tests.rs"]
mod tests;
