//! The one definition of a view (seed §8): dwell ≥ 2 s or ≥ 50 % completion.

/// Dwell that makes a view.
pub const VIEW_DWELL_MS: i64 = 2_000;
/// Completion that makes a view, in percent of the duration.
pub const VIEW_COMPLETION_PERCENT: i64 = 50;

/// Whether an impression counts as a view.
///
/// `dwell_ms` is the time the video was visible and playing; `watched_ms` the
/// media time played. An unknown duration (`<= 0`) leaves only the dwell rule.
pub const fn counts_as_view(dwell_ms: i64, watched_ms: i64, duration_ms: i64) -> bool {
    if dwell_ms >= VIEW_DWELL_MS {
        return true;
    }
    duration_ms > 0
        && watched_ms > 0
        && watched_ms.saturating_mul(100) >= duration_ms.saturating_mul(VIEW_COMPLETION_PERCENT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_says_two_seconds_or_half() {
        for (dwell, watched, duration, expected) in [
            (1_999, 0, 10_000, false),
            (2_000, 0, 10_000, true),
            (1_000, 499, 1_000, false),
            (1_000, 500, 1_000, true),
            (0, 5_000, 0, false),
            (0, 0, 0, false),
            (i64::MAX, i64::MAX, i64::MAX, true),
        ] {
            assert_eq!(counts_as_view(dwell, watched, duration), expected, "{dwell} {watched} {duration}");
        }
    }
}
