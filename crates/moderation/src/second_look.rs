//! What a service saw in the whole video, put onto the grid of a closer look. Pure.

use crate::port::Sight;
use crate::sampling::CloserPlan;
use std::collections::{BTreeMap, BTreeSet};
use vocab::{Finding, Millis};

/// The moments of `plan` and those of `sights`, on the grid of the plan, with what was seen at each; and the
/// plan of their pictures. A service names only moments at which it saw something: those of the plan that
/// it did not name are clean, or two hot moments of a long video would be all of it.
/// Outside the plan at most `most` moments are kept, the hottest.
pub(crate) fn on_grid(
    plan: &CloserPlan,
    sights: &[Sight],
    duration: Millis,
    most: usize,
) -> (CloserPlan, Vec<(Millis, Vec<Finding>)>) {
    let step = plan.interval.0.max(1);
    let last = ((duration.0 - 1) / step).max(0);
    let mut seen: BTreeMap<i64, Vec<Finding>> = BTreeMap::new();
    for sight in sights {
        let at = (sight.at_ms.0.max(0).saturating_add(step / 2) / step).min(last);
        for finding in &sight.findings {
            put_hottest(seen.entry(at).or_default(), Finding { at_ms: at * step, ..finding.clone() });
        }
    }
    let planned: BTreeSet<i64> = plan.times().map(|t| t.0 / step).collect();
    let mut outside: Vec<i64> = seen.keys().copied().filter(|at| !planned.contains(at)).collect();
    outside.sort_by(|a, b| heat(&seen[b]).total_cmp(&heat(&seen[a])).then(a.cmp(b)));
    outside.truncate(most);
    let all: BTreeSet<i64> = planned.into_iter().chain(outside).collect();
    let moments = all.iter().map(|at| (Millis(at * step), seen.remove(at).unwrap_or_default())).collect();
    (CloserPlan { interval: Millis(step), spans: spans(&all, step) }, moments)
}

/// Of a name its strongest; nonsense stays, so that it is seen to be nonsense.
fn put_hottest(findings: &mut Vec<Finding>, new: Finding) {
    match findings.iter_mut().find(|f| f.name == new.name) {
        Some(old) if old.confidence.is_nan() || old.confidence >= new.confidence => {}
        Some(old) => *old = new,
        None => findings.push(new),
    }
}

fn heat(findings: &[Finding]) -> f32 {
    findings.iter().map(|f| f.confidence).fold(0.0, f32::max)
}

/// Neighbours on the grid are one span.
fn spans(all: &BTreeSet<i64>, step: i64) -> Vec<(Millis, Millis)> {
    let mut spans: Vec<(Millis, Millis)> = Vec::new();
    for at in all {
        let (from, to) = (Millis(at * step), Millis(at * step + 1));
        match spans.last_mut() {
            Some(last) if last.1.0 + step > from.0 => last.1 = to,
            _ => spans.push((from, to)),
        }
    }
    spans
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sight(at: i64, confidence: f32) -> Sight {
        let finding =
            Finding { name: "Explicit".into(), parent: String::new(), level: 1, confidence, at_ms: at };
        Sight { at_ms: Millis(at), findings: vec![finding] }
    }

    fn plan() -> CloserPlan {
        CloserPlan { interval: Millis(200), spans: vec![(Millis(1_000), Millis(1_601))] }
    }

    #[test]
    fn what_was_not_named_is_clean_and_what_was_named_stands_at_its_moment() {
        let (pictures, moments) = on_grid(&plan(), &[sight(1_233, 90.0)], Millis(9_000), 60);
        let seen: Vec<_> = moments.iter().map(|(at, f)| (at.0, f.len())).collect();
        assert_eq!(seen, [(1_000, 0), (1_200, 1), (1_400, 0), (1_600, 0)]);
        assert_eq!(moments[1].1[0].at_ms, 1_200);
        assert_eq!(pictures.times().map(|t| t.0).collect::<Vec<_>>(), [1_000, 1_200, 1_400, 1_600]);
        assert_eq!(pictures.spans.len(), 1);
    }

    #[test]
    fn what_was_seen_elsewhere_counts_too_and_two_sights_of_one_moment_are_one() {
        let sights = [sight(5_010, 70.0), sight(5_090, 95.0), sight(8_990, 60.0)];
        let (pictures, moments) = on_grid(&plan(), &sights, Millis(9_000), 60);
        let seen: Vec<_> = moments[4..].iter().map(|(at, f)| (at.0, f[0].confidence)).collect();
        assert_eq!(seen, [(5_000, 95.0), (8_800, 60.0)], "the last moment of the video is the last frame");
        assert_eq!(pictures.times().count(), moments.len());
    }

    #[test]
    fn of_too_many_sights_the_hottest_stay() {
        let sights: Vec<_> = (0..500).map(|i| sight(10_000 + i * 200, 50.0 + i as f32 / 10.0)).collect();
        let (pictures, moments) = on_grid(&plan(), &sights, Millis(600_000), 60);
        assert_eq!(moments.len(), 4 + 60);
        assert!(moments[4..].iter().all(|(_, f)| f[0].confidence >= 93.9));
        assert_eq!(pictures.times().count(), moments.len());
    }

    #[test]
    fn nonsense_is_not_smoothed_away_and_nothing_panics() {
        let (_, moments) = on_grid(&plan(), &[sight(-5, f32::NAN), sight(0, 60.0)], Millis(0), 60);
        assert!(moments[0].1[0].confidence.is_nan());
        on_grid(&plan(), &[sight(i64::MAX / 2, 1.0)], Millis(9_000), 0);
    }
}
