//! Measured bit rates, as RFC 8216 defines them.

/// Peak: the largest bit rate of any run of segments that lasts 0.5 to 1.5 target durations (the whole,
/// where it is shorter than that). Average: all bits over all time. Bits a second, rounded up.
pub(crate) fn peak_and_average(bytes: &[u64], micros: &[u64], target_s: u64) -> (u64, u64) {
    let total = rate(bytes.iter().sum(), micros.iter().sum());
    let (least, most) = (target_s * 500_000, target_s * 1_500_000);
    let mut peak = 0;
    for first in 0..bytes.len() {
        let (mut b, mut t) = (0u64, 0u64);
        for (more, span) in bytes[first..].iter().zip(&micros[first..]) {
            b += more;
            t += span;
            if t > most {
                break;
            }
            if t >= least {
                peak = peak.max(rate(b, t));
            }
        }
    }
    (peak.max(total), total)
}

fn rate(bytes: u64, micros: u64) -> u64 {
    let bits = u128::from(bytes) * 8 * 1_000_000;
    u64::try_from(bits.div_ceil(u128::from(micros.max(1)))).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_tail_does_not_set_the_peak() {
        let (peak, average) =
            peak_and_average(&[250_000, 250_000, 50_000], &[2_000_000, 2_000_000, 100_000], 2);
        // Segment 1 with the tail: 300 kB in 2.1 s.
        assert_eq!(peak, (300_000u64 * 8 * 10).div_ceil(21));
        assert_eq!(average, (550_000u64 * 8 * 10).div_ceil(41));
    }

    #[test]
    fn a_very_short_video_has_its_average_as_peak() {
        assert_eq!(peak_and_average(&[1000], &[100_000], 2), (80_000, 80_000));
    }
}
