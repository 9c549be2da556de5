//! Frames to tensors. The thresholds of a policy belong to this resizer: see the README.

use crate::labels::{Input, Layout, Range};

/// An RGB24 picture, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    pub width: usize,
    pub height: usize,
    pub rgb: Vec<u8>,
}

/// Where output index `i` of `out` stands among `n` inputs: the two neighbours and how far it is
/// to the second. The corners are aligned: the first and the last stand on each other.
fn neighbours(i: usize, n: usize, out: usize) -> (usize, usize, f32) {
    if out == 1 || n == 1 {
        return (0, 0, 0.0);
    }
    let at = i as f64 * (n - 1) as f64 / (out - 1) as f64;
    let low = (at.floor() as usize).min(n - 1);
    (low, (low + 1).min(n - 1), (at - low as f64) as f32)
}

/// The picture squashed to the model's input, bilinear with aligned corners, no antialias,
/// in the model's range and layout.
pub fn tensor(picture: &Picture, input: &Input) -> Vec<f32> {
    let (width, height) = (input.width as usize, input.height as usize);
    let columns: Vec<_> = (0..width).map(|x| neighbours(x, picture.width, width)).collect();
    let mut out = vec![0.0f32; 3 * width * height];
    for y in 0..height {
        let (top, bottom, fy) = neighbours(y, picture.height, height);
        for (x, (left, right, fx)) in columns.iter().copied().enumerate() {
            for c in 0..3 {
                let at = |row: usize, column: usize| {
                    f32::from(picture.rgb[(row * picture.width + column) * 3 + c])
                };
                let lerp = |a: f32, b: f32, f: f32| a + (b - a) * f;
                let upper = lerp(at(top, left), at(top, right), fx);
                let lower = lerp(at(bottom, left), at(bottom, right), fx);
                let value = ranged(lerp(upper, lower, fy), input.range);
                let place = match input.layout {
                    Layout::Nchw => c * width * height + y * width + x,
                    Layout::Nhwc => (y * width + x) * 3 + c,
                };
                out[place] = (value - input.mean[c]) / input.std[c];
            }
        }
    }
    out
}

fn ranged(byte: f32, range: Range) -> f32 {
    match range {
        Range::Unit => byte / 255.0,
        Range::Signed => byte / 127.5 - 1.0,
        Range::Bytes => byte,
    }
}

/// The golden picture of `evidence/local-classifier.md`: 640 × 360 with a ramp in each channel, so
/// that swapped channels, wrong ranges and wrong corners give another answer. Needs no real imagery.
pub fn golden() -> Picture {
    let (width, height) = (640, 360);
    let mut rgb = Vec::with_capacity(width * height * 3);
    for y in 0..height {
        for x in 0..width {
            rgb.extend([
                (x * 255 / (width - 1)) as u8,
                (y * 255 / (height - 1)) as u8,
                ((x + y) * 255 / (width + height - 2)) as u8,
            ]);
        }
    }
    Picture { width, height, rgb }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn input(width: u32, height: u32) -> Input {
        let resize = crate::labels::Resize::SquashAlignCorners;
        let (mean, std) = ([0.0; 3], [1.0; 3]);
        Input { width, height, layout: Layout::Nchw, range: Range::Bytes, mean, std, resize }
    }

    #[test]
    fn the_golden_vector_holds() {
        // From an independent reference (the formula of the evidence, in double precision, Python).
        let out = tensor(&golden(), &input(224, 224));
        let at = |c: usize, y: usize, x: usize| out[c * 224 * 224 + y * 224 + x];
        for (c, y, x, expected) in GOLDEN {
            assert!((at(*c, *y, *x) - expected).abs() < 2e-4, "{c} {y} {x}: {}", at(*c, *y, *x));
        }
    }

    const GOLDEN: &[(usize, usize, usize, f32)] = &[
        (0, 0, 0, 0.00000),
        (0, 0, 1, 0.86547),
        (0, 17, 100, 114.00000),
        (0, 223, 223, 255.00000),
        (1, 1, 0, 0.60987),
        (1, 111, 5, 126.69507),
        (1, 200, 200, 228.00000),
        (1, 223, 0, 255.00000),
        (2, 3, 7, 6.00000),
        (2, 100, 150, 150.80959),
        (2, 199, 33, 105.72016),
        (2, 223, 222, 254.00000),
    ];

    #[test]
    fn the_same_size_is_the_same_picture() {
        let p = Picture { width: 3, height: 2, rgb: (0..18).collect() };
        let nhwc = Input { layout: Layout::Nhwc, ..input(3, 2) };
        assert_eq!(tensor(&p, &nhwc), (0u8..18).map(f32::from).collect::<Vec<_>>());
        let nchw = tensor(&p, &input(3, 2));
        assert_eq!(nchw[..6], [0.0, 3.0, 6.0, 9.0, 12.0, 15.0]);
    }

    #[test]
    fn two_pixels_become_three_by_halves() {
        let p = Picture { width: 2, height: 1, rgb: vec![0, 10, 200, 100, 20, 100] };
        assert_eq!(tensor(&p, &input(3, 1)), [0.0, 50.0, 100.0, 10.0, 15.0, 20.0, 200.0, 150.0, 100.0]);
    }

    #[test]
    fn ranges_mean_and_std_are_applied_in_order() {
        let p = Picture { width: 1, height: 1, rgb: vec![0, 255, 51] };
        let unit = Input { range: Range::Unit, ..input(1, 1) };
        assert_eq!(tensor(&p, &unit), [0.0, 1.0, 0.2]);
        let signed = Input { range: Range::Signed, ..input(1, 1) };
        assert_eq!(tensor(&p, &signed)[..2], [-1.0, 1.0]);
        let normal = Input { mean: [0.5; 3], std: [0.25, 0.5, 1.0], ..unit };
        assert_eq!(tensor(&p, &normal)[..2], [-2.0, 1.0]);
    }

    proptest! {
        /// A plain picture stays plain, corners stay where they are, nothing leaves the range.
        #[test]
        fn corners_stay_and_nothing_leaves_the_range(w in 1usize..20, h in 1usize..20, ow in 2u32..30, oh in 2u32..30, seed in any::<u64>()) {
            let byte = |i: usize| (seed.wrapping_mul(i as u64 * 2 + 1) >> 40) as u8;
            let p = Picture { width: w, height: h, rgb: (0..w * h * 3).map(byte).collect() };
            let out = tensor(&p, &input(ow, oh));
            let (ow, oh) = (ow as usize, oh as usize);
            let low = f32::from(*p.rgb.iter().min().expect("some"));
            let high = f32::from(*p.rgb.iter().max().expect("some"));
            prop_assert!(out.iter().all(|v| (low - 0.01..=high + 0.01).contains(v)));
            let corner = |c: usize, y: usize, x: usize| out[c * ow * oh + y * ow + x];
            for c in 0..3 {
                let src = |y: usize, x: usize| f32::from(p.rgb[(y * w + x) * 3 + c]);
                prop_assert!((corner(c, 0, 0) - src(0, 0)).abs() < 0.01);
                prop_assert!((corner(c, oh - 1, ow - 1) - src(h - 1, w - 1)).abs() < 0.01);
            }
        }
    }
}
