//! From findings to a verdict. Pure: values in, a value out.

use crate::policy::{Found, ModerationPolicy, Rule, Trigger, Unjudged};
use crate::record::{JudgedFrame, LabelSummary, Resemblance};
use vocab::{Finding, Millis, Verdict, taxonomy};

/// The answer, and why.
#[derive(Debug, Clone, PartialEq)]
pub struct Ruling {
    pub verdict: Verdict,
    /// Of the rule that decided; `None` where no rule did.
    pub reason_code: Option<String>,
    /// Plain sentences for moderators.
    pub reasons: Vec<String>,
    /// One line a rule, hottest first.
    pub labels: Vec<LabelSummary>,
    /// Level-1 labels of the table that nobody looked for.
    pub unjudged: Vec<String>,
    /// Moments just under a threshold: a person looks, unless Tier B does first.
    pub near: Vec<Millis>,
    /// Where looking closer (Tier B) could change the verdict: the moments above, and single hot frames
    /// that alone are too few. Empty where a person is asked anyway.
    pub closer: Vec<Millis>,
}

/// How strongly a rule spoke.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Voice {
    Silent,
    /// A hot frame or two, too few to ask a person: worth a closer look, not an opinion.
    Hint,
    Near,
    Review,
    Reject,
}

/// Rules on frames. `judges` = the level-1 labels the classifier can see; `None` = no classifier.
/// What could not be judged escalates; there is no way from "nobody looked" to an approval.
pub fn rule(frames: &[JudgedFrame], judges: Option<&[String]>, policy: &ModerationPolicy) -> Ruling {
    let judges = judges.unwrap_or_default();
    let mut spoken: Vec<(Voice, &Rule, LabelSummary)> = policy
        .rules
        .iter()
        .filter(|r| judges.iter().any(|j| j == root_of(&r.label)))
        .map(|r| weigh(r, frames, policy))
        .collect();
    spoken.sort_by(|a, b| {
        b.0.cmp(&a.0)
            .then(b.2.max_confidence.total_cmp(&a.2.max_confidence))
            .then_with(|| a.2.name.cmp(&b.2.name))
    });
    let mut ruling = Ruling {
        verdict: Verdict::Approve,
        reason_code: None,
        reasons: Vec::new(),
        unjudged: unjudged(judges, policy),
        near: moments(&spoken, frames, policy, Voice::Near),
        closer: Vec::new(),
        labels: Vec::new(),
    };
    if spoken.iter().all(|(voice, ..)| *voice < Voice::Review) {
        ruling.closer = moments(&spoken, frames, policy, Voice::Hint);
    }
    for (voice, rule, label) in &spoken {
        speak(&mut ruling, *voice, rule, label, policy);
    }
    for said in asks_anyway(&ruling, frames, judges, policy) {
        ruling.closer.clear();
        escalate(&mut ruling, said);
    }
    ruling.labels = spoken.into_iter().map(|(_, _, label)| label).collect();
    ruling
}

/// A video that looks like a rejected one: what the policy says, whatever was seen in it.
pub(crate) fn resembles(ruling: &mut Ruling, like: &Resemblance, policy: &ModerationPolicy) {
    let said = format!(
        "{} of {} pictures are those of {}, which was rejected ({}).",
        like.matched, like.pictures, like.video, like.reason_code
    );
    match policy.likeness.found {
        Found::Off => return,
        Found::Review => escalate(ruling, said),
        Found::Reject => {
            ruling.verdict = Verdict::Reject;
            ruling.reasons.push(said);
        }
    }
    ruling.reason_code = Some("blocked_content".into());
}

/// Why a person looks whatever the frames show.
fn asks_anyway(
    ruling: &Ruling,
    frames: &[JudgedFrame],
    judges: &[String],
    policy: &ModerationPolicy,
) -> Vec<String> {
    let mut said = Vec::new();
    if policy.unjudged == Unjudged::Review && !ruling.unjudged.is_empty() {
        said.push(format!("Nobody looked for: {}.", ruling.unjudged.join(", ")));
    }
    if judges.is_empty() {
        said.push("No classifier looked at it.".into());
    } else if frames.is_empty() {
        said.push("There was no frame to look at.".into());
    } else if frames.iter().flat_map(|f| &f.findings).any(is_nonsense) {
        said.push("The classifier answered outside the taxonomy.".into());
    }
    said
}

pub(crate) fn escalate(ruling: &mut Ruling, why: String) {
    if ruling.verdict == Verdict::Approve {
        ruling.verdict = Verdict::Escalate;
    }
    ruling.reasons.push(why);
}

fn speak(ruling: &mut Ruling, voice: Voice, rule: &Rule, label: &LabelSummary, policy: &ModerationPolicy) {
    let seen = format!(
        "{} up to {} % in {} of {} frames",
        label.name, label.max_confidence as u32, label.hot_frames, label.frames
    );
    match voice {
        Voice::Silent | Voice::Hint => return,
        Voice::Reject if policy.machine_may_reject => {
            ruling.verdict = Verdict::Reject;
            ruling.reasons.push(format!("{seen}: over the limit."));
        }
        Voice::Reject => escalate(ruling, format!("{seen}: over the limit; a person decides.")),
        Voice::Review => escalate(ruling, format!("{seen}: to be reviewed.")),
        Voice::Near => escalate(ruling, format!("{seen}: just under the limit.")),
    }
    if ruling.reason_code.is_none() {
        ruling.reason_code = Some(rule.reason_code.clone());
    }
}

/// The level-1 label above `label`.
fn root_of(label: &str) -> &str {
    let mut at = label;
    while let Some((_, parent, level)) = taxonomy::find(at) {
        if level == 1 {
            break;
        }
        at = parent;
    }
    at
}

/// Whether a finding is evidence for `label`: the label itself or anything below it.
/// A parent returned without a child is evidence too, for the parent.
fn counts_for(finding: &Finding, label: &str) -> bool {
    let mut at = finding.name.as_str();
    while let Some((name, parent, _)) = taxonomy::find(at) {
        if name == label {
            return true;
        }
        at = parent;
    }
    false
}

fn is_nonsense(finding: &Finding) -> bool {
    taxonomy::find(&finding.name).is_none() || !(0.0..=100.0).contains(&finding.confidence)
}

/// The strongest evidence for `label` in one frame, 0–100.
fn heat(frame: &JudgedFrame, label: &str) -> f32 {
    let seen = frame.findings.iter().filter(|f| counts_for(f, label)).map(|f| f.confidence);
    // `max` passes over NaN; nonsense escalates by itself.
    seen.fold(0.0, f32::max).min(100.0)
}

fn weigh<'a>(
    rule: &'a Rule,
    frames: &[JudgedFrame],
    policy: &ModerationPolicy,
) -> (Voice, &'a Rule, LabelSummary) {
    let heats: Vec<f32> = frames.iter().map(|f| heat(f, &rule.label)).collect();
    let total = u32::try_from(frames.len()).unwrap_or(u32::MAX);
    let over = |at: u8| heats.iter().filter(|h| **h >= f32::from(at)).count() as u32;
    let fires = |t: Trigger| total > 0 && over(t.at) >= t.needed(total);
    let nearly = |t: Trigger| fires(Trigger { at: t.at.saturating_sub(policy.near_band).max(1), ..t });
    let triggers = || [rule.reject, rule.review].into_iter().flatten();
    let warm = |t: Trigger| over(t.at.saturating_sub(policy.near_band).max(1)) > 0;
    let voice = if rule.reject.is_some_and(fires) {
        Voice::Reject
    } else if rule.review.is_some_and(fires) {
        Voice::Review
    } else if triggers().any(nearly) {
        Voice::Near
    } else if triggers().any(warm) {
        Voice::Hint
    } else {
        Voice::Silent
    };
    let shown_at = rule.review.or(rule.reject).map_or(100, |t| t.at);
    let near_at = if voice == Voice::Near { shown_at.saturating_sub(policy.near_band) } else { shown_at };
    let summary = LabelSummary {
        name: rule.label.clone(),
        max_confidence: heats.iter().copied().fold(0.0, f32::max),
        hot_frames: over(near_at.max(1)),
        frames: total,
        reject_at: rule.reject.map(|t| t.at),
        review_at: rule.review.map(|t| t.at),
    };
    (voice, rule, summary)
}

/// Level-1 labels of the table that are not among `judges`.
pub(crate) fn unjudged(judges: &[String], policy: &ModerationPolicy) -> Vec<String> {
    let mut missing: Vec<String> = Vec::new();
    for rule in &policy.rules {
        let root = root_of(&rule.label);
        if !judges.iter().any(|j| j == root) && !missing.iter().any(|m| m == root) {
            missing.push(root.to_owned());
        }
    }
    missing
}

/// When frames were at or near a threshold of a rule that spoke this loudly or louder, but asked nobody.
fn moments(
    spoken: &[(Voice, &Rule, LabelSummary)],
    frames: &[JudgedFrame],
    policy: &ModerationPolicy,
    from_voice: Voice,
) -> Vec<Millis> {
    let mut times: Vec<Millis> = Vec::new();
    for (_, rule, _) in spoken.iter().filter(|(v, ..)| (from_voice..=Voice::Near).contains(v)) {
        let lowest = [rule.reject, rule.review].into_iter().flatten().map(|t| t.at).min().unwrap_or(100);
        let from = f32::from(lowest.saturating_sub(policy.near_band).max(1));
        times.extend(frames.iter().filter(|f| heat(f, &rule.label) >= from).map(|f| f.at_ms));
    }
    times.sort_unstable();
    times.dedup();
    times
}

/// Rules again after a closer look. Being near a threshold is no opinion any more: either enough frames
/// around the moments are hot, or the thresholds were not reached. Monotone like [`rule`]: what the first
/// frames said stays said.
///
/// Frames come with the level-1 labels that were looked for in them. Who looks closer may see labels that
/// the first look could not; what both left out nobody judged.
pub fn rule_closer(
    (first, judges): (&[JudgedFrame], &[String]),
    (closer, also): (&[JudgedFrame], &[String]),
    policy: &ModerationPolicy,
) -> Ruling {
    let strict = ModerationPolicy { near_band: 0, ..policy.clone() };
    let all: Vec<String> = judges.iter().chain(also).cloned().collect();
    let (a, b) = (rule(first, Some(judges), &strict), rule(closer, Some(also), &strict));
    let (mut said, other) = if b.reason_code.is_some() { (b, a) } else { (a, b) };
    if said.verdict == Verdict::Approve && other.verdict != Verdict::Approve {
        said.verdict = other.verdict;
        said.reasons.extend(other.reasons);
    }
    for label in &mut said.labels {
        let hotter = other.labels.iter().filter(|o| o.name == label.name).map(|o| o.max_confidence);
        label.max_confidence = hotter.fold(label.max_confidence, f32::max);
    }
    said.reasons.push(format!("Looked closer: {} more frames.", closer.len()));
    said.closer = Vec::new();
    said.unjudged = unjudged(&all, policy);
    said
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frames(label: &str, confidences: &[f32]) -> Vec<JudgedFrame> {
        let finding =
            |c: f32| Finding { name: label.into(), parent: String::new(), level: 1, confidence: c, at_ms: 0 };
        let judged = |(i, c): (usize, &f32)| JudgedFrame {
            n: i as u16 + 1,
            at_ms: Millis(i as i64 * 1000),
            findings: if *c != 0.0 { vec![finding(*c)] } else { vec![] },
        };
        confidences.iter().enumerate().map(judged).collect()
    }

    fn check(label: &str, confidences: &[f32]) -> Ruling {
        let judges = ["Explicit".to_owned(), "Violence".to_owned()];
        super::rule(&frames(label, confidences), Some(&judges), &ModerationPolicy::default())
    }

    #[test]
    fn clean_frames_are_approved_and_what_nobody_judged_is_said() {
        let r = check("Explicit", &[0.0; 12]);
        assert_eq!(r.verdict, Verdict::Approve);
        assert!(
            r.unjudged.contains(&"Hate Symbols".to_owned()) && !r.unjudged.contains(&"Explicit".to_owned())
        );
    }

    #[test]
    fn two_hot_frames_of_twelve_are_reviewed() {
        let mut c = [0.0; 12];
        (c[3], c[4]) = (90.0, 86.0);
        let r = check("Explicit", &c);
        assert_eq!((r.verdict, r.reason_code.as_deref()), (Verdict::Escalate, Some("sexual_content")));
    }

    #[test]
    fn one_hot_frame_of_twelve_is_not_enough() {
        let mut c = [0.0; 12];
        c[3] = 87.0;
        assert_eq!(check("Explicit", &c).verdict, Verdict::Approve);
    }

    #[test]
    fn the_wooden_floor_of_the_evidence_is_left_alone() {
        assert_eq!(check("Explicit", &[72.0, 78.1, 75.0, 70.0, 77.0, 71.0]).verdict, Verdict::Approve);
    }

    #[test]
    fn just_under_the_limit_a_person_looks_and_tier_b_knows_where() {
        let r = check("Explicit", &[0.0, 82.0, 83.0, 0.0]);
        assert_eq!(r.verdict, Verdict::Escalate);
        assert_eq!(r.near, [Millis(1000), Millis(2000)]);
    }

    #[test]
    fn a_child_label_counts_for_its_parents() {
        let r = check("Exposed Female Nipple", &[95.0, 95.0]);
        assert_eq!(r.reason_code.as_deref(), Some("sexual_content"));
        let r = check("Weapon Violence", &[85.0, 85.0]);
        assert_eq!(r.reason_code.as_deref(), Some("graphic_violence"));
    }

    #[test]
    fn certain_frames_are_rejected_only_where_the_machine_may() {
        let f = frames("Explicit", &[99.0, 99.0, 99.0, 0.0]);
        let judges = ["Explicit".to_owned()];
        let mut policy = ModerationPolicy::default();
        assert_eq!(super::rule(&f, Some(&judges), &policy).verdict, Verdict::Escalate);
        policy.machine_may_reject = true;
        assert_eq!(super::rule(&f, Some(&judges), &policy).verdict, Verdict::Reject);
    }

    #[test]
    fn nobody_looked_means_a_person_does() {
        let f = frames("Explicit", &[0.0; 5]);
        for judges in [None, Some(&[][..])] {
            let r = super::rule(&f, judges, &ModerationPolicy::default());
            assert_eq!(r.verdict, Verdict::Escalate);
            assert!(r.unjudged.contains(&"Explicit".to_owned()));
        }
        assert_eq!(check("Explicit", &[]).verdict, Verdict::Escalate);
    }

    #[test]
    fn unjudged_labels_can_be_made_to_ask_for_a_person() {
        let policy = ModerationPolicy { unjudged: Unjudged::Review, ..ModerationPolicy::default() };
        let judges = ["Explicit".to_owned()];
        let r = super::rule(&frames("Explicit", &[0.0]), Some(&judges), &policy);
        assert_eq!(r.verdict, Verdict::Escalate);
    }

    #[test]
    fn a_label_outside_the_taxonomy_and_a_confidence_that_is_none_escalate() {
        assert_eq!(check("Kittens", &[10.0]).verdict, Verdict::Escalate);
        assert_eq!(check("Explicit", &[f32::NAN]).verdict, Verdict::Escalate);
        assert_eq!(check("Explicit", &[250.0]).verdict, Verdict::Escalate);
    }

    fn closer(first: &[f32], closer: &[f32]) -> Ruling {
        let judges = ["Explicit".to_owned()];
        let policy = ModerationPolicy::default();
        super::rule_closer(
            (&frames("Explicit", first), &judges),
            (&frames("Explicit", closer), &judges),
            &policy,
        )
    }

    #[test]
    fn one_hot_frame_alone_is_worth_a_closer_look_and_no_opinion() {
        let r = check("Explicit", &[0.0, 87.0, 0.0, 0.0, 82.0, 40.0]);
        assert_eq!((r.verdict, r.near.len()), (Verdict::Escalate, 2), "two near ones are near");
        let r = check("Explicit", &[0.0, 87.0, 0.0, 0.0, 60.0, 40.0]);
        assert_eq!(r.verdict, Verdict::Approve);
        assert_eq!((r.near.len(), r.closer), (0, vec![Millis(1000)]));
        let sure = check("Explicit", &[90.0, 87.0, 99.0]);
        assert!(sure.closer.is_empty(), "a person is asked anyway");
        assert!(check("Explicit", &[70.0; 12]).closer.is_empty());
    }

    #[test]
    fn a_closer_look_confirms_or_clears() {
        let r = closer(&[0.0, 87.0, 0.0], &[0.0, 86.0, 88.0, 0.0, 0.0, 10.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!((r.verdict, r.reason_code.as_deref()), (Verdict::Escalate, Some("sexual_content")));
        assert_eq!(r.labels[0].max_confidence, 88.0);
        let r = closer(&[0.0, 82.0, 83.0], &[82.0, 83.0, 84.0, 80.0]);
        assert_eq!((r.verdict, r.near.len(), r.closer.len()), (Verdict::Approve, 0, 0));
        assert_eq!(r.reasons, ["Looked closer: 4 more frames."]);
        assert_eq!(r.labels[0].max_confidence, 84.0);
    }

    #[test]
    fn a_closer_look_takes_nothing_back_that_is_said_without_it() {
        assert_eq!(closer(&[90.0, 90.0, 90.0], &[0.0; 10]).verdict, Verdict::Escalate);
        assert_eq!(closer(&[0.0, 87.0], &[f32::NAN]).verdict, Verdict::Escalate);
        assert_eq!(closer(&[0.0, 87.0], &[]).verdict, Verdict::Escalate);
    }
}
