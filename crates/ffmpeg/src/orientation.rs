//! How the coded picture must be turned to be shown, from the container's display matrix. Pure.
//!
//! We turn the picture ourselves, after it was scaled down: ffmpeg's own autorotation does it first,
//! on every full-size frame, at several times the cost.

/// A quarter turn or mirror, as filters of ffmpeg name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Orientation {
    /// `transpose=` direction; width and height change places.
    pub transpose: Option<&'static str>,
    pub hflip: bool,
    pub vflip: bool,
}

impl Orientation {
    /// From the first two rows and columns of the matrix, in the order it is stored.
    /// The same decisions as `ffmpeg_filter.c` of ffmpeg 5.1; a matrix that is no multiple of a quarter
    /// turn counts as the nearest one.
    pub fn from_matrix([a, b, c, d]: [i64; 4]) -> Self {
        if b.abs() > a.abs() {
            let direction = match (b > 0, c) {
                (true, 1..) => "cclock_flip",
                (true, _) => "clock",
                (false, ..0) => "clock_flip",
                (false, _) => "cclock",
            };
            return Self { transpose: Some(direction), ..Self::default() };
        }
        Self { transpose: None, hflip: a < 0, vflip: d < 0 }
    }

    /// Parses ffprobe's `displaymatrix` text: three rows of three numbers behind an offset.
    pub fn parse(text: &str) -> Self {
        let rows = text.lines().filter_map(|l| l.split_once(':')).map(|(_, numbers)| numbers);
        let rows: Vec<Vec<i64>> =
            rows.map(|r| r.split_whitespace().filter_map(|n| n.parse().ok()).collect()).collect();
        match rows.as_slice() {
            [x, y, ..] if x.len() >= 2 && y.len() >= 2 => Self::from_matrix([x[0], x[1], y[0], y[1]]),
            _ => Self::default(),
        }
    }

    pub fn swaps_sides(self) -> bool {
        self.transpose.is_some()
    }

    /// Filters, each with a leading comma; empty when nothing is to be done.
    pub fn filters(self) -> String {
        let mut out = self.transpose.map(|d| format!(",transpose={d}")).unwrap_or_default();
        out.push_str(if self.hflip { ",hflip" } else { "" });
        out.push_str(if self.vflip { ",vflip" } else { "" });
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i64 = 65_536;

    #[test]
    fn a_phone_held_upright_turns_clockwise() {
        let text = "\n00000000:            0       65536           0\n00000001:       -65536           0           0\n00000002:            0           0  1073741824\n";
        let o = Orientation::parse(text);
        assert_eq!((o.filters().as_str(), o.swaps_sides()), (",transpose=clock", true));
    }

    #[test]
    fn all_eight_orientations() {
        for (matrix, filters) in [
            ([ONE, 0, 0, ONE], ""),
            ([-ONE, 0, 0, ONE], ",hflip"),
            ([ONE, 0, 0, -ONE], ",vflip"),
            ([-ONE, 0, 0, -ONE], ",hflip,vflip"),
            ([0, ONE, -ONE, 0], ",transpose=clock"),
            ([0, ONE, ONE, 0], ",transpose=cclock_flip"),
            ([0, -ONE, ONE, 0], ",transpose=cclock"),
            ([0, -ONE, -ONE, 0], ",transpose=clock_flip"),
        ] {
            assert_eq!(Orientation::from_matrix(matrix).filters(), filters, "{matrix:?}");
        }
    }

    #[test]
    fn nonsense_turns_nothing() {
        for text in ["", "x", "0:\n1:\n", "a: 1 2 3"] {
            assert_eq!(Orientation::parse(text), Orientation::default());
        }
    }
}
