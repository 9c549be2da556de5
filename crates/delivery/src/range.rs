//! Byte ranges (RFC 9110 §14) as a function of values.

/// What a `Range` header asks of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// No range, several ranges, or a unit we do not know: the whole object.
    Whole,
    /// `first..=last`, both inside the object.
    Part { first: u64, last: u64 },
    /// Nothing of the object: 416.
    Nothing,
}

/// Reads a `Range` value for an object of `total` bytes.
pub fn wanted(range: Option<&str>, total: u64) -> Wanted {
    let Some(set) = range.and_then(|r| r.trim().strip_prefix("bytes=")) else { return Wanted::Whole };
    if set.contains(',') {
        return Wanted::Whole;
    }
    match one(set.trim(), total) {
        Some((first, last)) => Wanted::Part { first, last },
        None => Wanted::Nothing,
    }
}

fn one(spec: &str, total: u64) -> Option<(u64, u64)> {
    let (from, to) = spec.split_once('-')?;
    let end = total.checked_sub(1)?;
    match (from.trim(), to.trim()) {
        ("", suffix) => match number(suffix)? {
            0 => None,
            n => Some((total.saturating_sub(n), end)),
        },
        (from, "") => {
            let first = number(from)?;
            (first <= end).then_some((first, end))
        }
        (from, to) => {
            let (first, last) = (number(from)?, number(to)?);
            (first <= last && first <= end).then_some((first, last.min(end)))
        }
    }
}

/// Digits only: no sign, no space. A number too large for us is beyond every object.
fn number(text: &str) -> Option<u64> {
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    Some(text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_shapes_of_the_rfc() {
        let part = |first, last| Wanted::Part { first, last };
        for (range, expected) in [
            ("bytes=0-0", part(0, 0)),
            ("bytes=0-99", part(0, 9)),
            ("bytes=3-5", part(3, 5)),
            ("bytes=9-", part(9, 9)),
            ("bytes=-4", part(6, 9)),
            ("bytes=-400", part(0, 9)),
            ("bytes= 1 - 2 ", part(1, 2)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=10-12", Wanted::Nothing),
            ("bytes=5-3", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=-", Wanted::Nothing),
            ("bytes=", Wanted::Nothing),
            ("bytes=a-b", Wanted::Nothing),
            ("bytes=+1-2", Wanted::Nothing),
            ("bytes=99999999999999999999999-", Wanted::Nothing),
            ("bytes=0-99999999999999999999999", part(0, 9)),
            ("bytes=0-1,3-4", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
            ("nonsense", Wanted::Whole),
        ] {
            assert_eq!(wanted(Some(range), 10), expected, "{range}");
        }
        assert_eq!(wanted(None, 10), Wanted::Whole);
        assert_eq!(wanted(Some("bytes=0-"), 0), Wanted::Nothing);
    }

    proptest! {
        #[test]
        fn a_part_lies_inside_the_object(range in "bytes=[0-9]{0,21}-[0-9]{0,21}", total in any::<u64>()) {
            if let Wanted::Part { first, last } = wanted(Some(&range), total) {
                prop_assert!(first <= last && last < total);
            }
        }
        #[test]
        fn no_text_panics(range in ".{0,60}", total in any::<u64>()) {
            let _ = wanted(Some(&range), total);
        }
    }
}
