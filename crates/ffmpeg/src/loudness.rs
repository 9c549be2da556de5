//! Reads what the `loudnorm` filter measured out of a log.

use crate::lines::Log;
use moderation::Loudness;

/// `None` when nothing was measured or all of it is silence.
pub(crate) fn loudness(log: &Log) -> Option<Loudness> {
    Some(Loudness {
        integrated_centi_lufs: value(log, "input_i")?,
        true_peak_centi_dbtp: value(log, "input_tp")?,
        range_centi_lu: value(log, "input_lra")?,
        threshold_centi_lufs: value(log, "input_thresh")?,
        offset_centi_lu: value(log, "target_offset").unwrap_or(0),
    })
}

/// Finds `"key" : "-12.34",` and gives hundredths; `inf` is no value.
fn value(log: &Log, key: &str) -> Option<i32> {
    let quoted = format!("\"{key}\"");
    let line = log.lines().rev().find(|l| l.trim_start().starts_with(&quoted))?;
    let (_, rest) = line.split_once(':')?;
    hundredths(rest.trim().trim_matches(|c| matches!(c, '"' | ',' | ' ')))
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

    fn log(i: &str) -> Log {
        let mut log = Log::default();
        for line in [
            "[Parsed_loudnorm_5 @ 0x5] ",
            "{",
            &format!("\t\"input_i\" : \"{i}\","),
            "\t\"input_tp\" : \"-5.44\",",
            "\t\"input_lra\" : \"3.20\",",
            "\t\"input_thresh\" : \"-37.77\",",
            "\t\"target_offset\" : \"0.05\"",
            "}",
        ] {
            log.line(line);
        }
        log
    }

    #[test]
    fn a_measurement_is_read_in_hundredths() {
        let l = loudness(&log("-27.31")).expect("measured");
        assert_eq!((l.integrated_centi_lufs, l.true_peak_centi_dbtp, l.range_centi_lu), (-2731, -544, 320));
        assert_eq!((l.threshold_centi_lufs, l.offset_centi_lu), (-3777, 5));
    }

    #[test]
    fn silence_is_no_measurement() {
        assert_eq!(loudness(&log("-inf")), None);
        assert_eq!(loudness(&Log::default()), None);
    }
}
