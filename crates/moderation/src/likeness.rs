//! Whether a video looks like one that was rejected: the same pictures in a new encode, size or crop. Pure but
//! for [`of_files`], which reads pictures.

use crate::phash::{FrameHash, Luma, hash};
use crate::policy::LikenessPolicy;
use crate::port::{Examination, FrameBlock};
use crate::record::Resemblance;
use image::GenericImageView;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Middles of a picture that are hashed, in percent of each side: whoever cuts the edges off meets one of them.
pub const CROPS: [usize; 4] = [100, 94, 88, 82];

/// One picture by its [`CROPS`].
pub type Picture = Vec<FrameHash>;

/// The pictures of a video.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Likeness {
    /// Of the sprite: at fixed moments from the beginning, so a new encode shows the same ones.
    pub tiles: Vec<Picture>,
    /// Those that were judged, at moments of chance: they find a video whose beginning was cut off.
    pub frames: Vec<Picture>,
}

impl Likeness {
    pub fn hashes(&self) -> Vec<FrameHash> {
        let mut all: Vec<FrameHash> = self.tiles.iter().chain(&self.frames).flatten().copied().collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// The likeness of what pass A found. Pictures that cannot be read or show nothing are left out: this is a
/// second net, and what it misses is judged like everything else.
pub fn of_files(seen: &Examination, policy: &LikenessPolicy) -> Likeness {
    let frames = seen.frames.iter().filter_map(|f| Some(picture(&open(&f.jpeg)?, policy)));
    let frames = frames.filter(|p| !p.is_empty()).collect();
    let sheet = seen.sprite.as_ref().and_then(|s| Some((open(&s.jpeg)?, &s.facts)));
    let tiles = sheet.map_or_else(Vec::new, |(sheet, facts)| {
        let (w, h) = (u32::from(facts.tile_width), u32::from(facts.tile_height));
        let columns = u32::from(facts.columns.max(1));
        let tile = |n: u32| {
            let (x, y) = ((n % columns) * w, (n / columns) * h);
            let fits = w > 0 && h > 0 && x + w <= sheet.width() && y + h <= sheet.height();
            fits.then(|| picture(&sheet.view(x, y, w, h).to_image(), policy))
        };
        (0..u32::from(facts.tiles)).filter_map(tile).filter(|p| !p.is_empty()).collect()
    });
    Likeness { tiles, frames }
}

/// The likeness of one picture.
pub fn of_picture(path: &Path, policy: &LikenessPolicy) -> Likeness {
    let frames = open(path).map(|p| picture(&p, policy)).filter(|p| !p.is_empty());
    Likeness { tiles: Vec::new(), frames: frames.into_iter().collect() }
}

fn open(path: &Path) -> Option<image::GrayImage> {
    image::open(path).ok().map(|picture| picture.into_luma8())
}

fn picture(luma: &image::GrayImage, policy: &LikenessPolicy) -> Picture {
    let (width, height) = (luma.width() as usize, luma.height() as usize);
    let luma = Luma { width, height, pixels: luma.as_raw() };
    CROPS.iter().filter_map(|percent| hash(luma, *percent, policy.detail_min)).collect()
}

/// The blocked video that this one looks most like, if it looks enough like any.
pub fn closest<'a>(
    likeness: &Likeness,
    blocked: impl IntoIterator<Item = &'a FrameBlock>,
    policy: &LikenessPolicy,
) -> Option<Resemblance> {
    let mut best: Option<Resemblance> = None;
    for entry in blocked {
        for pictures in [&likeness.tiles, &likeness.frames] {
            let matched = pictures.iter().filter(|p| is_among(p, &entry.hashes, policy.distance_max)).count();
            let (matched, of) = (count(matched), count(pictures.len()));
            if !policy.is_enough(matched, of) {
                continue;
            }
            let is_better = best.as_ref().is_none_or(|b| {
                u64::from(matched) * u64::from(b.pictures) > u64::from(b.matched) * u64::from(of)
            });
            if is_better {
                best = Some(Resemblance {
                    video: entry.video,
                    matched,
                    pictures: of,
                    reason_code: entry.reason_code.clone(),
                    decided_at: entry.changed_at,
                });
            }
        }
    }
    best
}

fn count(n: usize) -> u32 {
    u32::try_from(n).unwrap_or(u32::MAX)
}

fn is_among(picture: &[FrameHash], hashes: &[FrameHash], most: u32) -> bool {
    picture.iter().any(|p| hashes.iter().any(|h| p.distance(h) <= most))
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Millis, VideoId};

    /// Noise, smoothed so that it has low frequencies; `n` makes it another picture.
    fn noise(n: u64, side: usize) -> Vec<u8> {
        let cell = |x: usize, y: usize| {
            let mixed = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ ((x / 8 * 37 + y / 8 * 101) as u64);
            (mixed.wrapping_mul(0xD6E8_FEB8_6659_FD93) >> 56) as u8
        };
        (0..side * side).map(|i| cell(i % side * 256 / side, i / side * 256 / side)).collect()
    }

    fn picture_of(pixels: &[u8], side: usize) -> Picture {
        let luma = Luma { width: side, height: side, pixels };
        CROPS.iter().filter_map(|percent| hash(luma, *percent, 10)).collect()
    }

    fn block(video: u64, pictures: &[Picture]) -> FrameBlock {
        FrameBlock {
            video: VideoId(video),
            hashes: pictures.iter().flatten().copied().collect(),
            reason_code: "hate".into(),
            changed_at: Millis(5),
            is_lifted: false,
        }
    }

    #[test]
    fn another_size_is_the_same_picture_and_another_picture_is_not() {
        let (large, small) = (picture_of(&noise(1, 256), 256), picture_of(&noise(1, 128), 128));
        assert!(large[0].distance(&small[0]) <= 8, "{}", large[0].distance(&small[0]));
        let other = picture_of(&noise(2, 256), 256);
        assert!(large.iter().all(|a| other.iter().all(|b| a.distance(b) > 80)));
    }

    #[test]
    fn a_plain_frame_looks_like_nothing() {
        assert_eq!(picture_of(&vec![0; 256 * 256], 256), []);
        assert_eq!(picture_of(&vec![200; 256 * 256], 256), []);
        assert_eq!(hash(Luma { width: 9, height: 9, pixels: &[1; 80] }, 100, 0), None);
        assert_eq!(hash(Luma { width: 0, height: 9, pixels: &[] }, 100, 0), None);
    }

    #[test]
    fn half_of_the_pictures_must_match_and_the_closest_video_is_named() {
        let pictures: Vec<_> = (0..8).map(|n| picture_of(&noise(n, 256), 256)).collect();
        let likeness = Likeness { tiles: pictures.clone(), frames: vec![] };
        let policy = LikenessPolicy::default();
        assert_eq!(closest(&likeness, &[block(1, &pictures[..3])], &policy), None);
        let found = closest(&likeness, &[block(1, &pictures[..5]), block(2, &pictures)], &policy);
        let found = found.expect("found");
        assert_eq!((found.video, found.matched, found.pictures), (VideoId(2), 8, 8));
        // One picture of a long video proves nothing, one of one does.
        let single = Likeness { tiles: pictures[..1].to_vec(), frames: vec![] };
        assert!(closest(&single, &[block(1, &pictures[..1])], &policy).is_some());
        assert_eq!(closest(&Likeness::default(), &[block(1, &pictures)], &policy), None);
    }

    #[test]
    fn a_hash_is_written_and_read_as_hexadecimal_digits() {
        let hash = picture_of(&noise(1, 256), 256)[0];
        let text = serde_json::to_string(&hash).expect("written");
        assert_eq!(text.len(), 66);
        assert_eq!(serde_json::from_str::<FrameHash>(&text).expect("read"), hash);
        assert!(serde_json::from_str::<FrameHash>("\"abc\"").is_err());
        let broken = format!("\"{}ü\"", "0".repeat(62));
        assert!(serde_json::from_str::<FrameHash>(&broken).is_err());
    }
}
