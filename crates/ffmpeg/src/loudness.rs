//! Reads what the `ebur128` filter measured out of a log.

use crate::lines::Log;
use moderation::Loudness;

/// What the filter says of sound that its gate never let through.
const NOTHING_CENTI_LUFS: i32 = -7_000;

/// `None` when nothing was measured or all of it is silence.
pub(crate) fn loudness(log: &Log) -> Option<Loudness> {
    let lines: Vec<&str> = log.lines().collect();
    // The last: a name inside a file may say the same before.
    let start = lines.iter().rposition(|l| l.contains("ebur128") && l.trim_end().ends_with("Summary:"))?;
    let summary = &lines[start + 1..];
    let integrated_centi_lufs = value(summary, "I:", "LUFS")?;
    if integrated_centi_lufs <= NOTHING_CENTI_LUFS {
        return None;
    }
    Some(Loudness {
        integrated_centi_lufs,
        true_peak_centi_dbtp: value(summary, "Peak:", "dBFS")?,
        range_centi_lu: value(summary, "LRA:", "LU")?,
        // The first of two: that of the integrated loudness.
        threshold_centi_lufs: value(summary, "Threshold:", "LUFS")?,
    })
}

/// Finds `name  -12.3 unit` and gives hundredths; `-inf` is no value.
fn value(lines: &[&str], name: &str, unit: &str) -> Option<i32> {
    let line = lines.iter().find_map(|l| l.trim().strip_prefix(name))?;
    hundredths(line.trim().strip_suffix(unit)?.trim_end())
}

fn hundredths(text: &str) -> Option<i32> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "00"));
    let whole: i32 = whole.parse().ok()?;
    let cents: i32 = format!("{fraction:0<2}").get(..2)?.parse().ok()?;
    whole.checked_mul(100)?.checked_add(cents).map(|v| sign * v)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log(integrated: &str, peak: &str) -> Log {
        let mut log = Log::default();
        for line in [
            "    title : [Parsed_ebur128_0 @ 0x0] Summary:",
            "    I:         -99.0 LUFS",
            "[Parsed_ebur128_5 @ 0x5] Summary:",
            "",
            "  Integrated loudness:",
            &format!("    I:         {integrated} LUFS"),
            "    Threshold: -37.7 LUFS",
            "",
            "  Loudness range:",
            "    LRA:         3.2 LU",
            "    Threshold: -47.7 LUFS",
            "    LRA low:   -29.9 LUFS",
            "    LRA high:  -26.1 LUFS",
            "",
            "  True peak:",
            &format!("    Peak:       {peak} dBFS"),
        ] {
            log.line(line);
        }
        log
    }

    #[test]
    fn a_measurement_is_read_in_hundredths() {
        let l = loudness(&log("-27.3", "-5.4")).expect("measured");
        assert_eq!((l.integrated_centi_lufs, l.true_peak_centi_dbtp, l.range_centi_lu), (-2730, -540, 320));
        assert_eq!(l.threshold_centi_lufs, -3770);
    }

    #[test]
    fn silence_is_no_measurement() {
        assert_eq!(loudness(&log("-70.0", "-80.1")), None);
        assert_eq!(loudness(&log("-27.3", "-inf")), None);
        assert_eq!(loudness(&Log::default()), None);
    }
}
