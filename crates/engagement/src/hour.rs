//! An hour of UTC, the seed's `window#yyyy-mm-ddThh`.

use std::fmt;
use vocab::Millis;

/// Hours since 1970-01-01T00.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hour(pub i64);

impl Hour {
    pub const fn of(at: Millis) -> Self {
        Self(at.0.div_euclid(3_600_000))
    }
    pub const fn start(self) -> Millis {
        Millis(self.0.saturating_mul(3_600_000))
    }
}

impl fmt::Display for Hour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.0.div_euclid(24));
        write!(f, "{year:04}-{month:02}-{day:02}T{:02}", self.0.rem_euclid(24))
    }
}

/// Days since 1970-01-01 → (year, month, day); Hinnant, "chrono-Compatible Low-Level Date Algorithms".
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (yoe + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_read_as_the_seed_writes_them() {
        for (ms, text) in [
            (0, "1970-01-01T00"),
            (1_767_225_600_000, "2026-01-01T00"),
            (1_709_211_599_999, "2024-02-29T12"),
            (-1, "1969-12-31T23"),
        ] {
            assert_eq!(Hour::of(Millis(ms)).to_string(), text);
        }
    }
}
