//! Chooses the poster among small copies of the frames. Pure.

use crate::pass_a_args::THUMB;

/// A small RGB picture, [`THUMB`] in size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Thumb(Vec<u8>);

/// BlurHash components: 4×3, as the startup descriptor promises.
const BLURHASH: (u32, u32) = (4, 3);
/// Mean brightness (of 255) below which a frame is black to the eye, and above which it is white.
const DARK: u32 = 24;
const BRIGHT: u32 = 232;

/// Cuts a file of raw pictures into pictures; a torn last one is dropped.
pub(crate) fn thumbs(bytes: &[u8]) -> Vec<Thumb> {
    let each = (THUMB.0 * THUMB.1 * 3) as usize;
    bytes.chunks_exact(each).map(|c| Thumb(c.to_vec())).collect()
}

pub(crate) fn blurhash_of(thumb: &Thumb) -> Option<String> {
    let rgba: Vec<u8> = thumb.0.chunks_exact(3).flat_map(|p| [p[0], p[1], p[2], 255]).collect();
    blurhash::encode(BLURHASH.0, BLURHASH.1, THUMB.0, THUMB.1, &rgba).ok()
}

/// The index given with the best picture: not too dark, not blown out, most detail; the earlier of equals.
pub(crate) fn best(candidates: &[(usize, &Thumb)]) -> Option<usize> {
    let scored = candidates.iter().map(|(i, t)| (score(t), std::cmp::Reverse(*i)));
    scored.max().map(|(_, std::cmp::Reverse(i))| i)
}

fn score(thumb: &Thumb) -> u32 {
    let luma: Vec<u32> = thumb
        .0
        .chunks_exact(3)
        .map(|p| (u32::from(p[0]) * 54 + u32::from(p[1]) * 183 + u32::from(p[2]) * 19) / 256)
        .collect();
    let (width, pixels) = (THUMB.0 as usize, luma.len().max(1) as u32);
    let mean = luma.iter().sum::<u32>() / pixels;
    let across = luma.chunks(width).flat_map(|row| row.windows(2)).map(|w| w[0].abs_diff(w[1])).sum::<u32>();
    let down = luma.iter().zip(luma.iter().skip(width)).map(|(a, b)| a.abs_diff(*b)).sum::<u32>();
    let detail = (across + down) * 64 / pixels;
    // Any picture one can see beats one that is all black or white.
    if (DARK..=BRIGHT).contains(&mean) { 1_000_000 + detail } else { detail }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flat(value: u8) -> Thumb {
        Thumb(vec![value; (THUMB.0 * THUMB.1 * 3) as usize])
    }

    fn striped(dark: u8, light: u8) -> Thumb {
        let pixels = (0..THUMB.0 * THUMB.1).flat_map(|i| [if i % 8 < 4 { dark } else { light }; 3]);
        Thumb(pixels.collect())
    }

    #[test]
    fn detail_beats_a_plain_wall_and_black_loses_to_both() {
        let (black, wall, scene) = (flat(2), flat(120), striped(40, 200));
        assert_eq!(best(&[(3, &black), (5, &wall), (9, &scene)]), Some(9));
        assert_eq!(best(&[(3, &black), (5, &wall)]), Some(5));
        assert_eq!(best(&[(0, &wall), (1, &wall)]), Some(0));
        assert_eq!(best(&[]), None);
    }

    #[test]
    fn a_noisy_black_frame_is_still_black() {
        assert_eq!(best(&[(0, &striped(0, 30)), (1, &flat(60))]), Some(1));
    }

    #[test]
    fn a_blurhash_of_four_by_three() {
        let hash = blurhash_of(&striped(40, 200)).expect("a hash");
        assert_eq!(hash.len(), 4 + 2 * 12);
    }

    #[test]
    fn a_torn_picture_is_dropped() {
        assert_eq!(thumbs(&vec![0; (THUMB.0 * THUMB.1 * 3) as usize * 2 + 5]).len(), 2);
    }
}
