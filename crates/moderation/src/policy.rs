//! Every number and table of moderation.

use serde::{Deserialize, Serialize};
use vocab::{Bytes, Millis};

/// Which frames are looked at (Tier A).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SamplingPolicy {
    /// Seed §3 A: "sample 1 fps".
    pub interval_ms: Millis,
    /// Seed §3 A: "up to 60 frames".
    pub frames_max: u32,
    /// A shorter clip is sampled more densely until it has this many …
    pub frames_min: u32,
    /// … but never more densely than this.
    pub interval_min_ms: Millis,
}

impl Default for SamplingPolicy {
    fn default() -> Self {
        Self { interval_ms: Millis(1000), frames_max: 60, frames_min: 1, interval_min_ms: Millis(250) }
    }
}

impl SamplingPolicy {
    /// What `evidence/local-classifier.md` advises where a frame costs nothing but our own CPU:
    /// up to 4 fps for short clips, at least 16 frames.
    pub fn dense() -> Self {
        Self { frames_min: 16, ..Self::default() }
    }
}

/// Tier B where the classifier is our own: looking closer around the moments that may matter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CloserPolicy {
    /// 5 frames a second …
    pub interval_ms: Millis,
    /// … from so long before each moment to so long after it.
    pub around_ms: Millis,
    /// More than this and the frames stand further apart; 0 = nobody looks closer.
    pub frames_max: u32,
}

impl Default for CloserPolicy {
    fn default() -> Self {
        Self { interval_ms: Millis(200), around_ms: Millis(1000), frames_max: 60 }
    }
}

/// When enough frames are hot. One frame alone proves little (`evidence/local-classifier.md`:
/// "any frame" flags 5 of 25 harmless clips), so a trigger asks for a number and a share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trigger {
    /// A frame with at least this confidence (0–100) is hot.
    pub at: u8,
    /// At least so many hot frames; a clip with fewer frames needs all of its own.
    #[serde(default = "one")]
    pub frames_min: u32,
    /// And at least this share of all frames.
    #[serde(default)]
    pub share_min_percent: u8,
}

const fn one() -> u32 {
    1
}

impl Trigger {
    /// Any single frame.
    pub const fn any(at: u8) -> Self {
        Self { at, frames_min: 1, share_min_percent: 0 }
    }

    /// How many of `frames` must be hot; never 0.
    pub fn needed(&self, frames: u32) -> u32 {
        let share = u64::from(frames) * u64::from(self.share_min_percent.min(100));
        let share = u32::try_from(share.div_ceil(100)).unwrap_or(u32::MAX);
        self.frames_min.min(frames).max(share).max(1)
    }
}

/// What to do with a video that looks like a rejected one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Found {
    /// Nobody compares.
    Off,
    /// A person decides, with the earlier decision before them.
    Review,
    Reject,
}

/// When a video looks like a rejected one. Pictures are compared by `phash`; measured on seven clips, each as it was,
/// encoded anew at half the size, cropped by 6 and 15 % and framed: at the same moments at most 34 of 256 bits
/// differ; unrelated clips differ in 90 or more, 98 at the moments of a sprite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LikenessPolicy {
    pub found: Found,
    /// Pictures that differ in so many of 256 bits at most are the same.
    pub distance_max: u32,
    /// At least this share of a video's pictures …
    pub share_min_percent: u8,
    /// … and so many; a video of fewer needs all of its own.
    pub frames_min: u32,
    /// Pictures with less to see (0–100) are not compared: black ones are all alike.
    pub detail_min: u32,
    /// Rejected videos that are remembered, the latest.
    pub entries_max: usize,
}

impl Default for LikenessPolicy {
    fn default() -> Self {
        Self {
            found: Found::Review,
            distance_max: 40,
            share_min_percent: 50,
            frames_min: 2,
            detail_min: 10,
            entries_max: 10_000,
        }
    }
}

impl LikenessPolicy {
    /// Whether `matched` of `pictures` say that it is the same video.
    pub fn is_enough(&self, matched: u32, pictures: u32) -> bool {
        let needed =
            Trigger { at: 0, frames_min: self.frames_min, share_min_percent: self.share_min_percent };
        pictures > 0 && matched >= needed.needed(pictures)
    }
}

/// What happens at which confidence of one label. A finding counts for its label and all parents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// A name of `vocab::taxonomy`, any level.
    pub label: String,
    /// A code of [`ModerationPolicy::reasons`].
    pub reason_code: String,
    #[serde(default)]
    pub reject: Option<Trigger>,
    #[serde(default)]
    pub review: Option<Trigger>,
}

/// Which pictures an owner may send for the cover. What passes is drawn anew at the size of a poster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct CoverLimits {
    /// Phones write 2–8 MB.
    pub bytes_max: Bytes,
    /// 50 megapixels, what the cameras of phones can do; as RGBA 200 MB, which a child has.
    pub pixels_max: u64,
    pub side_max: u32,
    pub side_min: u32,
    /// The longer side in shorter ones.
    pub shape_max: u32,
}

impl Default for CoverLimits {
    fn default() -> Self {
        Self {
            bytes_max: Bytes(10 << 20),
            pixels_max: 50_000_000,
            side_max: 12_000,
            side_min: 64,
            shape_max: 3,
        }
    }
}

/// What to do about labels of the table that the classifier cannot see at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unjudged {
    /// Approve all the same; the record and the console say what nobody judged.
    Allow,
    /// A person looks at every video.
    Review,
}

/// A reason a moderator can choose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reason {
    pub code: String,
    /// As the moderator reads it.
    pub title: String,
    /// As the owner reads it when the moderator adds nothing.
    pub owner_text: String,
    /// A rejection for this reason puts the bytes on the block list.
    #[serde(default)]
    pub blocks_bytes: bool,
    /// The moderator must say more.
    #[serde(default)]
    pub needs_text: bool,
}

/// The policy table and the rules around it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ModerationPolicy {
    /// Written into every record; change it with the table.
    pub version: String,
    pub sampling: SamplingPolicy,
    pub rules: Vec<Rule>,
    /// Points below a threshold that count as near it: Tier B looks closer there (seed §3 A: "if
    /// near-threshold: Tier B"); where the engine cannot, a person does.
    pub near_band: u8,
    pub closer: CloserPolicy,
    /// Whether a machine may reject alone. Off: what it would reject goes to a person.
    /// The evidence could not measure what the local model catches, only what it gets wrong.
    pub machine_may_reject: bool,
    pub unjudged: Unjudged,
    pub likeness: LikenessPolicy,
    pub cover: CoverLimits,
    /// A moderator may take a decision back for so long.
    pub undo_window_ms: Millis,
    /// An approved video waits so long before it is encoded. While it waits the approval can be
    /// undone; 0 means an undo comes too late as soon as a worker is free.
    pub approve_grace_ms: Millis,
    pub judge_attempts: u32,
    pub encode_attempts: u32,
    /// Characters of a free text the owner reads, and of an appeal.
    pub text_max_chars: usize,
    pub page_max: usize,
    pub reasons: Vec<Reason>,
}

impl Default for ModerationPolicy {
    fn default() -> Self {
        Self {
            version: "2026-11-3".into(),
            sampling: SamplingPolicy::default(),
            rules: default_rules(),
            near_band: 5,
            closer: CloserPolicy::default(),
            machine_may_reject: false,
            unjudged: Unjudged::Allow,
            likeness: LikenessPolicy::default(),
            cover: CoverLimits::default(),
            undo_window_ms: Millis::from_secs(10),
            approve_grace_ms: Millis(0),
            judge_attempts: 5,
            encode_attempts: 5,
            text_max_chars: 500,
            page_max: 100,
            reasons: default_reasons(),
        }
    }
}

impl ModerationPolicy {
    pub fn reason(&self, code: &str) -> Option<&Reason> {
        self.reasons.iter().find(|r| r.code == code)
    }

    /// What is wrong with a table somebody wrote, in one sentence.
    pub fn check(&self) -> Result<(), String> {
        if self.rules.is_empty() {
            return Err("the policy has no rule: it would approve everything".into());
        }
        for rule in &self.rules {
            if vocab::taxonomy::find(&rule.label).is_none() {
                return Err(format!("the policy names the label “{}”, which the taxonomy lacks", rule.label));
            }
            if self.reason(&rule.reason_code).is_none() {
                return Err(format!(
                    "the rule for “{}” gives the reason “{}”, which is not in the list",
                    rule.label, rule.reason_code
                ));
            }
            for trigger in [rule.reject, rule.review].into_iter().flatten() {
                if !(1..=100).contains(&trigger.at) || trigger.share_min_percent > 100 {
                    return Err(format!("the rule for “{}” has a threshold outside 1–100", rule.label));
                }
            }
        }
        if self.closer.interval_ms.0 <= 0 || self.closer.around_ms.0 < 0 {
            return Err("the policy for looking closer has an interval that is none".into());
        }
        if self.sampling.frames_max == 0 || self.sampling.interval_ms.0 <= 0 {
            return Err("the sampling policy would look at no frame".into());
        }
        Ok(())
    }
}

fn rule(label: &str, reason_code: &str, reject: Option<Trigger>, review: Option<Trigger>) -> Rule {
    Rule { label: label.into(), reason_code: reason_code.into(), reject, review }
}

/// Conservative towards review: see `evidence/local-classifier.md`, "Suggested default"
/// (hot ≥ 85; review when ≥ 2 hot frames and ≥ 10 % hot; reject, if at all, ≥ 98 in ≥ 30 % and ≥ 3).
fn default_rules() -> Vec<Rule> {
    let hot = |at| Some(Trigger { at, frames_min: 2, share_min_percent: 10 });
    let sure = Some(Trigger { at: 98, frames_min: 3, share_min_percent: 30 });
    vec![
        rule("Explicit", "sexual_content", sure, hot(85)),
        rule("Non-Explicit Nudity of Intimate parts and Kissing", "sexual_content", None, hot(90)),
        rule("Violence", "violence", None, hot(90)),
        rule("Graphic Violence", "graphic_violence", sure, hot(80)),
        rule("Self-Harm", "self_harm", None, Some(Trigger::any(70))),
        rule("Visually Disturbing", "graphic_violence", sure, hot(80)),
        rule("Drugs & Tobacco", "drugs", None, hot(90)),
        rule("Hate Symbols", "hate", sure, Some(Trigger::any(80))),
    ]
}

fn reason(code: &str, title: &str, owner_text: &str) -> Reason {
    Reason {
        code: code.into(),
        title: title.into(),
        owner_text: owner_text.into(),
        blocks_bytes: false,
        needs_text: false,
    }
}

fn default_reasons() -> Vec<Reason> {
    let blocking = |r: Reason| Reason { blocks_bytes: true, ..r };
    vec![
        blocking(reason("sexual_content", "Nudity or sexual content", "It shows nudity or sexual content.")),
        blocking(reason("child_safety", "Child safety", "It puts a child at risk.")),
        reason("violence", "Violence", "It shows violence."),
        blocking(reason("graphic_violence", "Graphic violence or gore", "It shows graphic violence.")),
        reason("self_harm", "Self-harm", "It shows or encourages self-harm."),
        blocking(reason("hate", "Hate", "It shows hateful symbols or attacks people for who they are.")),
        reason("harassment", "Harassment", "It attacks or exposes a person."),
        reason("drugs", "Drugs or tobacco", "It shows or promotes drugs or tobacco."),
        reason("copyright", "Somebody else’s work", "It uses somebody else’s work without permission."),
        reason("spam", "Spam or deception", "It is spam or misleads people."),
        blocking(reason(
            "blocked_content",
            "Seen and rejected before",
            "The same video was rejected before.",
        )),
        Reason { needs_text: true, ..reason("other", "Something else", "It does not follow the rules.") },
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_sampling_holds() {
        // Seed §3 A: "Tier A: sample 1 fps up to 60 frames".
        let p = SamplingPolicy::default();
        assert_eq!((p.interval_ms, p.frames_max), (Millis(1000), 60));
    }

    #[test]
    fn tier_b_looks_at_five_frames_a_second() {
        // Issue: "near a threshold the local engine samples 5 fps around the hits".
        assert_eq!(CloserPolicy::default().interval_ms, Millis(1000 / 5));
    }

    #[test]
    fn the_ux_promise_of_ten_seconds_holds() {
        // ux.md: "`U` undo within 10 s".
        assert_eq!(ModerationPolicy::default().undo_window_ms, Millis(10_000));
    }

    #[test]
    fn a_local_model_rejects_nothing_by_itself() {
        let p = ModerationPolicy::default();
        assert!(!p.machine_may_reject);
        assert_eq!(p.unjudged, Unjudged::Allow);
    }

    #[test]
    fn perceptual_matches_go_to_a_person() {
        // Issue: "perceptual-hash block list for re-uploads"; evidence/media.md 4.3: 64 bits are too coarse.
        let p = LikenessPolicy::default();
        assert_eq!((p.found, p.distance_max), (Found::Review, 40));
        assert!(p.is_enough(1, 1) && p.is_enough(4, 8) && !p.is_enough(1, 2) && !p.is_enough(0, 0));
    }

    #[test]
    fn the_default_table_is_sound() {
        ModerationPolicy::default().check().expect("sound");
    }

    #[test]
    fn the_evidences_hot_frame_rule_holds() {
        let p = ModerationPolicy::default();
        let review = p.rules[0].review.expect("review");
        assert_eq!((review.at, review.frames_min, review.share_min_percent), (85, 2, 10));
        // Worst harmless case of the evidence: 1 hot of 8 and 1 hot of 30 are not enough.
        assert_eq!((review.needed(8), review.needed(30), review.needed(60)), (2, 3, 6));
        // A one-frame clip can be flagged too.
        assert_eq!(review.needed(1), 1);
    }

    #[test]
    fn a_table_with_a_typing_error_is_refused() {
        let mut p = ModerationPolicy::default();
        p.rules[0].label = "Explcit".into();
        assert!(p.check().expect_err("unknown").contains("Explcit"));
        let mut p = ModerationPolicy::default();
        p.rules[0].review = Some(Trigger::any(0));
        assert!(p.check().is_err());
    }
}
