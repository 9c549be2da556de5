//! A picture's colour profile as a table that ffmpeg applies: colours that are not sRGB become it.

use moxcms::{ColorProfile, DataColorSpace, Layout, TransformOptions};
use std::fmt::Write as _;

/// Steps of each channel. Between them ffmpeg interpolates; the curves of real profiles are near sRGB's own, so more would
/// be finer than eight bits.
const STEPS: usize = 33;
/// A table that moves no colour farther than this (of 1) is not worth applying: half a step of eight bits.
const NOTHING: f32 = 0.5 / 255.0;

/// The table in the Cube LUT format, 1.0. `None`: the profile is sRGB to the eye, not of an RGB picture, or unreadable.
pub(crate) fn cube(profile: &[u8]) -> Option<String> {
    let profile = ColorProfile::new_from_slice(profile).ok()?;
    if profile.color_space != DataColorSpace::Rgb {
        return None;
    }
    let (srgb, options) = (ColorProfile::new_srgb(), TransformOptions::default());
    let transform = profile.create_transform_f32(Layout::Rgb, &srgb, Layout::Rgb, options).ok()?;
    let from = lattice();
    let mut to = vec![0.0f32; from.len()];
    transform.transform(&from, &mut to).ok()?;
    if !to.iter().all(|v| v.is_finite()) {
        return None;
    }
    to.iter_mut().for_each(|v| *v = v.clamp(0.0, 1.0));
    let moved = from.iter().zip(&to).any(|(a, b)| (a - b).abs() > NOTHING);
    moved.then(|| {
        let mut text = format!("LUT_3D_SIZE {STEPS}\n");
        for c in to.as_chunks::<3>().0 {
            let _ = writeln!(text, "{:.5} {:.5} {:.5}", c[0], c[1], c[2]);
        }
        text
    })
}

/// Every colour of the table, red changing fastest.
fn lattice() -> Vec<f32> {
    let at = |i: usize| i as f32 / (STEPS - 1) as f32;
    let all = 0..STEPS * STEPS * STEPS;
    all.flat_map(|i| [at(i % STEPS), at(i / STEPS % STEPS), at(i / STEPS / STEPS)]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn srgb_and_what_is_no_rgb_profile_need_no_table() {
        let srgb = ColorProfile::new_srgb().encode().expect("a profile");
        assert_eq!(cube(&srgb), None);
        let grey = ColorProfile::new_gray_with_gamma(2.2).encode().expect("a profile");
        assert_eq!(
            (cube(&grey), cube(b""), cube(b"a profile"), cube(&srgb[..200])),
            (None, None, None, None)
        );
    }

    #[test]
    fn a_damaged_profile_gives_a_table_or_none_and_never_panics() {
        let p3 = ColorProfile::new_display_p3().encode().expect("a profile");
        for at in (0..p3.len()).step_by(13) {
            for value in [0, 0xff] {
                let mut damaged = p3.clone();
                damaged[at] = value;
                let rows = cube(&damaged).map(|t| t.lines().count());
                assert!(rows.is_none_or(|n| n == 1 + STEPS.pow(3)), "{at} {value}");
            }
        }
    }

    #[test]
    fn display_p3_is_turned_into_the_srgb_that_looks_the_same() {
        let p3 = ColorProfile::new_display_p3().encode().expect("a profile");
        let table = cube(&p3).expect("a table");
        let rows: Vec<&str> = table.lines().collect();
        assert_eq!((rows.len(), rows[0]), (1 + STEPS.pow(3), "LUT_3D_SIZE 33"));
        assert_eq!((rows[1], rows[STEPS.pow(3)]), ("0.00000 0.00000 0.00000", "1.00000 1.00000 1.00000"));
        // Red at its fullest is out of what sRGB has.
        assert_eq!(rows[STEPS], "1.00000 0.00000 0.00000");
        // By the matrices of CSS Color 4, which has both with sRGB's curve: (0.75, 0.5, 0.5) in P3.
        let row = 1 + 24 + 16 * STEPS + 16 * STEPS * STEPS;
        let is: Vec<f32> = rows[row].split(' ').map(|n| n.parse().expect("a number")).collect();
        for (is, expected) in is.iter().zip([0.793, 0.486, 0.493]) {
            assert!((is - expected).abs() < 0.002, "{}", rows[row]);
        }
    }
}
