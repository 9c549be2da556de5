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
            "RESULT {} value={:.3} unit={}{baseline} target={sign}{} {word}",
            f.name, f.value, f.unit, f.target
        );
        if good { self.passed += 1 } else { self.failed += 1 }
    }

    pub fn skip(&self, name: &str, why: &str) {
        println!("SKIPPED {name}: {why}");
    }

    pub fn finish(&self) -> anyhow::Result<()> {
        println!("{} passed, {} failed", self.passed, self.failed);
        ensure!(self.failed == 0, "{} figures miss their target", self.failed);
        Ok(())
    }
}
