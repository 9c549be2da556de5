//! What must hold for every input.

use moderation::verdict::rule;
use moderation::{JudgedFrame, ModerationPolicy, SamplingPolicy, Trigger, Unjudged, plan};
use proptest::prelude::*;
use vocab::{Finding, Millis, Verdict, taxonomy};

fn finding() -> impl Strategy<Value = Finding> {
    (0..taxonomy::LABELS.len(), 0.0f32..=100.0).prop_map(|(i, confidence)| {
        let (name, parent, level) = taxonomy::LABELS[i];
        Finding { name: name.into(), parent: parent.into(), level, confidence, at_ms: 0 }
    })
}

fn frames() -> impl Strategy<Value = Vec<JudgedFrame>> {
    prop::collection::vec(prop::collection::vec(finding(), 0..4), 0..40).prop_map(|all| {
        let judged = |(i, findings): (usize, Vec<Finding>)| JudgedFrame {
            n: i as u16 + 1,
            at_ms: Millis(i as i64 * 1000),
            findings,
        };
        all.into_iter().enumerate().map(judged).collect()
    })
}

fn policy() -> impl Strategy<Value = ModerationPolicy> {
    let trigger =
        || {
            prop::option::of((1u8..=100, 1u32..5, 0u8..=100).prop_map(
                |(at, frames_min, share_min_percent)| Trigger { at, frames_min, share_min_percent },
            ))
        };
    (prop::collection::vec((trigger(), trigger()), 8), any::<bool>(), any::<bool>(), 0u8..30).prop_map(
        |(triggers, machine_may_reject, review_unjudged, near_band)| {
            let unjudged = if review_unjudged { Unjudged::Review } else { Unjudged::Allow };
            let mut policy =
                ModerationPolicy { machine_may_reject, unjudged, near_band, ..ModerationPolicy::default() };
            for (rule, (reject, review)) in policy.rules.iter_mut().zip(triggers) {
                (rule.reject, rule.review) = (reject, review);
            }
            policy
        },
    )
}

fn all_judges() -> Vec<String> {
    taxonomy::LABELS.iter().filter(|l| l.2 == 1).map(|l| l.0.to_owned()).collect()
}

fn severity(verdict: Verdict) -> u8 {
    match verdict {
        Verdict::Approve => 0,
        Verdict::Escalate => 1,
        Verdict::Reject => 2,
    }
}

proptest! {
    /// Being surer that something is there never makes the verdict milder.
    #[test]
    fn more_confidence_is_never_milder(frames in frames(), policy in policy(), raise in 0.0f32..100.0, pick in any::<prop::sample::Index>()) {
        let judges = all_judges();
        let before = rule(&frames, Some(&judges), &policy);
        let mut hotter = frames.clone();
        let mut all: Vec<&mut Finding> = hotter.iter_mut().flat_map(|f| &mut f.findings).collect();
        if !all.is_empty() {
            let at = pick.index(all.len());
            all[at].confidence = (all[at].confidence + raise).min(100.0);
        }
        let after = rule(&hotter, Some(&judges), &policy);
        prop_assert!(severity(after.verdict) >= severity(before.verdict));
    }

    /// One more thing seen never makes it milder either.
    #[test]
    fn one_more_finding_is_never_milder(frames in frames(), policy in policy(), extra in finding(), pick in any::<prop::sample::Index>()) {
        prop_assume!(!frames.is_empty());
        let judges = all_judges();
        let before = rule(&frames, Some(&judges), &policy);
        let mut more = frames.clone();
        let at = pick.index(more.len());
        more[at].findings.push(extra);
        let after = rule(&more, Some(&judges), &policy);
        prop_assert!(severity(after.verdict) >= severity(before.verdict));
    }

    /// Nobody looked: no approval, whatever the table says.
    #[test]
    fn without_eyes_nothing_is_approved(frames in frames(), policy in policy()) {
        prop_assert_ne!(rule(&frames, None, &policy).verdict, Verdict::Approve);
        prop_assert_ne!(rule(&frames, Some(&[]), &policy).verdict, Verdict::Approve);
        prop_assert_ne!(rule(&[], Some(&all_judges()), &policy).verdict, Verdict::Approve);
    }

    /// The order of frames is no evidence.
    #[test]
    fn the_order_of_frames_is_irrelevant(frames in frames(), policy in policy(), turn in any::<prop::sample::Index>()) {
        let judges = all_judges();
        let mut other = frames.clone();
        if !other.is_empty() {
            let at = turn.index(other.len());
            other.rotate_left(at);
            other.reverse();
        }
        prop_assert_eq!(rule(&frames, Some(&judges), &policy), rule(&other, Some(&judges), &policy));
    }

    /// A machine that may not reject does not.
    #[test]
    fn a_machine_without_the_right_never_rejects(frames in frames(), policy in policy()) {
        let policy = ModerationPolicy { machine_may_reject: false, ..policy };
        prop_assert_ne!(rule(&frames, Some(&all_judges()), &policy).verdict, Verdict::Reject);
    }

    /// What nobody looked for is always said.
    #[test]
    fn unjudged_labels_are_named(frames in frames(), some in prop::sample::subsequence(all_judges(), 0..6)) {
        let policy = ModerationPolicy::default();
        let ruling = rule(&frames, Some(&some), &policy);
        for r in policy.rules.iter().filter(|r| taxonomy::find(&r.label).is_some_and(|l| l.2 == 1)) {
            prop_assert_eq!(ruling.unjudged.contains(&r.label), !some.contains(&r.label));
        }
    }

    /// Never more than the limit, never none, strictly increasing, inside the video.
    #[test]
    fn samples_are_few_ordered_and_inside(duration in 0i64..100_000_000, seed in any::<u64>(), dense in any::<bool>()) {
        let policy = if dense { SamplingPolicy::dense() } else { SamplingPolicy::default() };
        let times: Vec<i64> = plan(Millis(duration), seed, &policy).times().map(|t| t.0).collect();
        prop_assert!((1..=60).contains(&times.len()));
        prop_assert!(times.windows(2).all(|w| w[0] < w[1]));
        prop_assert!(times[0] >= 0 && (*times.last().expect("one") < duration.max(1)));
    }

    /// No gap is longer than the interval, at the ends neither: nothing hides behind the phase.
    #[test]
    fn no_gap_is_longer_than_the_interval(duration in 1i64..100_000_000, seed in any::<u64>()) {
        let p = plan(Millis(duration), seed, &SamplingPolicy::default());
        let times: Vec<i64> = p.times().map(|t| t.0).collect();
        let last = *times.last().expect("one");
        prop_assert!(times[0] <= p.interval.0 && duration - last <= p.interval.0);
        prop_assert!(p.interval.0 <= 1000.max((duration + 59) / 60));
    }
}
