//! Rate and quality: the Bjøntegaard difference, and what a viewer gets over many bandwidths. Pure.

/// One encode: bits a second and its score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    pub bps: f64,
    pub score: f64,
}

/// A rung of a ladder: what it gives, and what a player is told that it needs.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rung {
    pub point: Point,
    /// `BANDWIDTH` of its playlist: the measured peak, bits a second.
    pub declared_bps: f64,
}

/// Steps of the integral over the scores that both curves reach.
const STEPS: usize = 200;

/// How much less (negative) or more bits `test` needs than `anchor` at equal score, as a share
/// (Bjøntegaard, VCEG-M33, with monotone piecewise-cubic interpolation of log rate over score).
/// `None` where the scores do not overlap.
pub fn bd_rate(anchor: &[Point], test: &[Point]) -> Option<f64> {
    let (a, b) = (rising(anchor), rising(test));
    let ends = |c: &[(f64, f64)]| Some((c.first()?.0, c.last()?.0));
    let ((a_low, a_high), (b_low, b_high)) = (ends(&a)?, ends(&b)?);
    let (low, high) = (a_low.max(b_low), a_high.min(b_high));
    if a.len() < 2 || b.len() < 2 || high <= low {
        return None;
    }
    let at = |n: usize| low + (high - low) * (n as f64 + 0.5) / STEPS as f64;
    let sum: f64 = (0..STEPS).map(|n| pchip(&b, at(n)) - pchip(&a, at(n))).sum();
    Some((sum / STEPS as f64).exp() - 1.0)
}

/// (score, ln rate), strictly rising in score.
fn rising(points: &[Point]) -> Vec<(f64, f64)> {
    let mut all: Vec<(f64, f64)> = points.iter().map(|p| (p.score, p.bps.max(1.0).ln())).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    all.dedup_by(|b, a| b.0 - a.0 < 1e-6);
    all
}

/// Fritsch–Carlson: a cubic through the points that does not overshoot.
fn pchip(points: &[(f64, f64)], x: f64) -> f64 {
    let last = points.len() - 2;
    let i = points.windows(2).position(|w| x <= w[1].0).unwrap_or(last);
    let ((x0, y0), (x1, y1)) = (points[i], points[i + 1]);
    let h = x1 - x0;
    let (m0, m1) = (slope(points, i), slope(points, i + 1));
    let t = ((x - x0) / h).clamp(0.0, 1.0);
    let (t2, t3) = (t * t, t * t * t);
    (2.0 * t3 - 3.0 * t2 + 1.0) * y0
        + (t3 - 2.0 * t2 + t) * h * m0
        + (-2.0 * t3 + 3.0 * t2) * y1
        + (t3 - t2) * h * m1
}

fn slope(points: &[(f64, f64)], i: usize) -> f64 {
    let secant = |n: usize| (points[n + 1].1 - points[n].1) / (points[n + 1].0 - points[n].0);
    if i == 0 {
        return secant(0);
    }
    if i + 1 == points.len() {
        return secant(i - 1);
    }
    let (before, after) = (secant(i - 1), secant(i));
    if before * after <= 0.0 { 0.0 } else { 2.0 * before * after / (before + after) }
}

/// A viewer's bandwidth, bits a second, from and to; each octave is as likely as any other.
const BANDWIDTH_BPS: (f64, f64) = (300_000.0, 6_000_000.0);
const BANDWIDTHS: usize = 128;
/// A player takes the best rung that declares no more than this share of what it measured.
const USABLE: f64 = 0.8;

/// Mean bits a second and mean score over bandwidths that are uniform in their logarithm. `rungs` in
/// any order; below the cheapest rung the viewer gets that one.
pub fn delivered(rungs: &[Rung]) -> Option<Point> {
    let mut rungs = rungs.to_vec();
    rungs.sort_by(|a, b| a.declared_bps.total_cmp(&b.declared_bps));
    let cheapest = *rungs.first()?;
    let (low, high) = (BANDWIDTH_BPS.0.ln(), BANDWIDTH_BPS.1.ln());
    let mut sum = Point { bps: 0.0, score: 0.0 };
    for n in 0..BANDWIDTHS {
        let has = (low + (high - low) * (n as f64 + 0.5) / BANDWIDTHS as f64).exp();
        let got = rungs.iter().rev().find(|r| r.declared_bps <= has * USABLE).unwrap_or(&cheapest).point;
        sum.bps += got.bps / BANDWIDTHS as f64;
        sum.score += got.score / BANDWIDTHS as f64;
    }
    Some(sum)
}

/// The share of bits saved at equal score. `anchors` = (bits relative to the anchor itself, score) of
/// the anchor at several scales; the value is read off between them. `None` where `score` lies outside.
pub fn saved_at_equal_score(anchors: &[(f64, f64)], bits: f64, score: f64) -> Option<f64> {
    let mut anchors = anchors.to_vec();
    anchors.sort_by(|a, b| a.1.total_cmp(&b.1));
    let pair = anchors.windows(2).find(|w| (w[0].1..=w[1].1).contains(&score))?;
    let ((bits0, score0), (bits1, score1)) = (pair[0], pair[1]);
    let part = if score1 > score0 { (score - score0) / (score1 - score0) } else { 0.0 };
    let equal = (bits0.ln() + part * (bits1.ln() - bits0.ln())).exp();
    Some(1.0 - bits / equal)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(factor: f64) -> Vec<Point> {
        [70.0, 80.0, 90.0, 95.0]
            .map(|score| Point { bps: factor * 1000.0 * (score / 10.0f64).exp(), score })
            .to_vec()
    }

    #[test]
    fn a_curve_at_four_fifths_of_the_bits_everywhere_saves_a_fifth() {
        let saved = bd_rate(&line(1.0), &line(0.8)).expect("they overlap");
        assert!((saved + 0.2).abs() < 1e-9, "{saved}");
        assert_eq!(bd_rate(&line(1.0), &[]), None);
    }

    #[test]
    fn curves_that_never_meet_in_quality_are_not_compared() {
        let high = [Point { bps: 1.0, score: 96.0 }, Point { bps: 2.0, score: 99.0 }];
        assert_eq!(bd_rate(&line(1.0), &high), None);
    }

    #[test]
    fn a_viewer_takes_the_best_rung_whose_declared_bandwidth_fits_and_gets_its_average() {
        let rung =
            |bps: f64, declared_bps: f64, score: f64| Rung { point: Point { bps, score }, declared_bps };
        let (one, top) = (rung(100_000.0, 150_000.0, 50.0), rung(600_000.0, 1_000_000.0, 90.0));
        let got = delivered(&[top, one]).expect("rungs");
        // The top fits from 1.25 Mbps up: ln(6 / 1.25) / ln(20) of the octaves.
        let share = (6.0f64 / 1.25).ln() / 20.0f64.ln();
        assert!((got.score - (50.0 + 40.0 * share)).abs() < 0.3, "{got:?}");
        assert!((got.bps - (100_000.0 + 500_000.0 * share)).abs() < 5_000.0, "{got:?}");
        assert_eq!(delivered(&[]), None);
    }

    #[test]
    fn equal_quality_is_read_off_between_two_scales_of_the_anchor() {
        let saved = saved_at_equal_score(&[(1.0, 80.0), (1.44, 84.0)], 0.9, 82.0).expect("inside");
        assert!((saved - (1.0 - 0.9 / 1.2)).abs() < 1e-9, "{saved}");
        assert_eq!(saved_at_equal_score(&[(1.0, 80.0), (1.4, 84.0)], 0.9, 90.0), None);
    }
}
