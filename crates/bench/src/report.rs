//! RESULT lines.

use anyhow::ensure;

/// Which side of the target is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    Lower,
    Higher,
}

/// One figure and its promise.
pub struct Figure<'a> {
    pub name: &'a str,
    pub value: f64,
    pub unit: &'a str,
    /// A named yardstick measured in the same run; the target is then about the ratio.
    pub baseline: Option<f64>,
    pub target: f64,
    pub better: Better,
}

#[derive(Debug, Default)]
pub struct Report {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Report {
    pub fn add(&mut self, f: &Figure<'_>) {
        let judged = f.baseline.map_or(f.value, |b| f.value / b);
        let good = match f.better {
            Better::Lower => judged <= f.target,
            Better::Higher => judged >= f.target,
        };
        let baseline = f.baseline.map_or(String::new(), |b| format!(" baseline={b:.3} ratio={judged:.3}"));
        let sign = if f.better == Better::Lower { "<=" } else { ">=" };
        let word = if good { "PASS" } else { "FAIL" };
        println!(
            "RESULT {} value={} unit={}{baseline} target={sign}{} {word}",
            f.name,
            readable(f.value),
            f.unit,
            f.target
        );
        if good { self.passed += 1 } else { self.failed += 1 }
    }

    /// What could not be measured here.
    pub fn skip(&mut self, name: &str, why: &str) {
        println!("SKIPPED {name}: {why}");
        self.skipped += 1;
    }

    /// An error where a figure misses its target, or was not measured and that is not allowed.
    pub fn finish(&self, may_skip: bool) -> anyhow::Result<()> {
        let Self { passed, failed, skipped } = *self;
        println!("{passed} passed, {failed} failed, {skipped} skipped");
        ensure!(failed == 0, "{failed} figures miss their target");
        ensure!(may_skip || skipped == 0, "{skipped} measurements were skipped (ALLOW_SKIP=1 allows it)");
        ensure!(passed + skipped > 0, "nothing was measured");
        Ok(())
    }
}

/// Three places, or the first two digits of what they would show as nothing.
fn readable(value: f64) -> String {
    if value != 0.0 && value.abs() < 0.001 { format!("{value:.1e}") } else { format!("{value:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figure(value: f64, better: Better) -> Figure<'static> {
        Figure { name: "x", value, unit: "s", baseline: None, target: 1.0, better }
    }

    #[test]
    fn what_was_not_measured_meets_no_target() {
        for better in [Better::Lower, Better::Higher] {
            let mut report = Report::default();
            report.add(&figure(f64::NAN, better));
            assert_eq!((report.passed, report.failed), (0, 1));
        }
        assert!(Report::default().finish(true).is_err(), "nothing at all");
    }

    #[test]
    fn a_skip_is_a_failure_unless_it_is_allowed() {
        let mut report = Report::default();
        report.add(&figure(0.5, Better::Lower));
        assert!(report.finish(false).is_ok());
        report.skip("y", "it is not there");
        assert!(report.finish(false).is_err() && report.finish(true).is_ok());
    }

    #[test]
    fn small_values_are_not_shown_as_nothing() {
        assert_eq!([0.0, 0.000_003_2, 1.234_5].map(readable), ["0.000", "3.2e-6", "1.234"]);
    }
}
