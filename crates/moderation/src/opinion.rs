//! The machine's opinion: classify the frames, rule, write it down.

mod kept;

use crate::closer::Closer;
use crate::likeness::Likeness;
use crate::moderator::{Attempt, JudgeError, Moderator, again};
use crate::policy::Found;
use crate::port::{BlockEntry, Examination, SampledFrame, Trail};
use crate::record::{Decider, Decision, JudgedFrame, ModerationRecord, Resemblance, action};
use crate::verdict::{self, Ruling};
use std::path::Path;
use stdx::Fault;
use vocab::{Finding, UploadId, Verdict};

/// What there is to judge by.
pub(crate) struct Scene<'a> {
    pub seen: &'a Examination,
    pub raw: &'a Path,
    pub upload: UploadId,
    pub work: &'a Path,
    pub likeness: &'a Likeness,
    pub attempt: &'a Attempt,
}

impl Moderator {
    /// Looks at the frames, rules, and writes the record with its decision in one step. Before a closer look it
    /// writes down what was said of the frames: the classifier is not asked, and paid, again on every try.
    pub(crate) async fn decide(
        &self,
        mut record: ModerationRecord,
        scene: &Scene<'_>,
        blocked: Option<&BlockEntry>,
    ) -> Result<ModerationRecord, JudgeError> {
        let desk = &self.0.desk;
        let mut answer = kept::answer(&record, &scene.seen.frames, self.classifier_id().as_ref());
        if answer.is_none() {
            answer = self.classify(&scene.seen.frames, 0, scene.attempt.last).await?;
            // One that did not answer has not looked.
            record.classifier = self.classifier_id().filter(|_| answer.is_some());
        }
        let judges = self.0.classifier.as_ref().filter(|_| answer.is_some()).map(|c| c.judges());
        let mut judged = answer.unwrap_or_else(|| unseen(&scene.seen.frames));
        let mut ruling = verdict::rule(&judged, judges, &desk.policy);
        if let (Some(judges), false) = (judges, ruling.closer.is_empty()) {
            record = self.keep_answer(record, &judged).await?;
            match self.look_closer(&record, scene, &ruling.closer).await? {
                Closer::Cannot => {}
                Closer::Failed => {
                    verdict::escalate(&mut ruling, "It could not be looked at closer.".into());
                }
                Closer::Judged(closer, also) => {
                    ruling = verdict::rule_closer((&judged, judges), (&closer, &also), &desk.policy);
                    judged.extend(closer);
                    judged.sort_by_key(|f| (f.at_ms, f.n));
                }
            }
        }
        record.resembles = self.resembles(&record, scene).await?;
        if let Some(like) = &record.resembles {
            verdict::resembles(&mut ruling, like, &desk.policy);
        }
        record.frames = judged;
        record.labels.clone_from(&ruling.labels);
        record.unjudged.clone_from(&ruling.unjudged);
        record.near.clone_from(&ruling.near);
        record.policy_version.clone_from(&desk.policy.version);
        record.judged_at = desk.clock.now();
        // What a person decided about these bytes stands, whatever a machine thinks later.
        if !stands(&record, blocked) {
            let decision = match blocked {
                Some(entry) => self.blocked(&record, &entry.reason_code),
                None => self.ruled(&record.content_sha256, ruling),
            };
            record.decide(decision);
        }
        let record = desk.store.save(record).await?;
        self.trail(&record).await?;
        Ok(record)
    }

    async fn resembles(
        &self,
        record: &ModerationRecord,
        scene: &Scene<'_>,
    ) -> Result<Option<Resemblance>, JudgeError> {
        let policy = &self.0.desk.policy.likeness;
        if policy.found == Found::Off {
            return Ok(None);
        }
        let now = self.0.desk.clock.now();
        self.0.lookalikes.find(record.video, scene.likeness, policy, now).await.map_err(again)
    }

    /// The frames with what was seen in them, numbered from `before` + 1. `None` = nobody looked: there is
    /// no classifier, or it did not answer and this was the last try.
    pub(crate) async fn classify(
        &self,
        frames: &[SampledFrame],
        before: usize,
        last: bool,
    ) -> Result<Option<Vec<JudgedFrame>>, JudgeError> {
        let Some(classifier) = &self.0.classifier else { return Ok(None) };
        match classifier.classify(frames).await {
            Ok(findings) if findings.len() == frames.len() => {
                let pairs = frames.iter().zip(findings).enumerate();
                Ok(Some(pairs.map(|(i, (frame, found))| judged_as(before + i, frame, found)).collect()))
            }
            // Fail closed: another try first, a person in the end, never an approval.
            answer => {
                let fault = answer.err().unwrap_or_else(|| Fault::internal("an answer for other frames"));
                tracing::warn!(error = %fault, last, "the classifier did not answer");
                if last { Ok(None) } else { Err(JudgeError::Classify(fault)) }
            }
        }
    }

    fn decision(&self, content_sha256: &str, verdict: Verdict, decided_by: Decider) -> Decision {
        Decision {
            at: self.0.desk.clock.now(),
            content_sha256: content_sha256.to_owned(),
            by: None,
            decided_by,
            verdict,
            reason_code: None,
            reason: None,
            undoes: None,
        }
    }

    /// A ruling as the decision about these bytes.
    pub(crate) fn ruled(&self, content_sha256: &str, ruling: Ruling) -> Decision {
        let said = ruling.reason_code.as_deref().and_then(|c| self.0.desk.policy.reason(c));
        let reason = match ruling.verdict {
            Verdict::Reject => said.map(|r| r.owner_text.clone()),
            Verdict::Escalate | Verdict::Approve => Some(ruling.reasons.join(" ")).filter(|r| !r.is_empty()),
        };
        let decision = self.decision(content_sha256, ruling.verdict, Decider::Classifier);
        Decision { reason_code: ruling.reason_code, reason, ..decision }
    }

    fn blocked(&self, record: &ModerationRecord, code: &str) -> Decision {
        let policy = &self.0.desk.policy;
        let said = policy.reason("blocked_content").or_else(|| policy.reason(code));
        Decision {
            reason_code: Some("blocked_content".into()),
            reason: said.map(|r| r.owner_text.clone()),
            ..self.decision(&record.content_sha256, Verdict::Reject, Decider::BlockList)
        }
    }

    async fn trail(&self, record: &ModerationRecord) -> Result<(), JudgeError> {
        let Some(n) = record.standing_at() else { return Ok(()) };
        let d = &record.decisions[n];
        let entry = Trail {
            id: format!("{}:{n}", record.video),
            at: d.at,
            by: d.decided_by.word().to_owned(),
            action: action::JUDGE.to_owned(),
            video: Some(record.video),
            detail: format!("{:?} {}", d.verdict, d.reason_code.as_deref().unwrap_or_default())
                .trim()
                .to_owned(),
        };
        Ok(self.0.desk.store.append(entry).await?)
    }
}

/// Whether the bytes were blocked after this decision let them pass.
pub(crate) fn is_overtaken(decision: &Decision, blocked: Option<&BlockEntry>) -> bool {
    decision.verdict != Verdict::Reject && blocked.is_some_and(|b| b.added_at >= decision.at)
}

/// Whether a person's decision about these bytes holds.
pub(crate) fn stands(record: &ModerationRecord, blocked: Option<&BlockEntry>) -> bool {
    record.standing().is_some_and(|d| {
        matches!(d.decided_by, Decider::Moderator | Decider::Owner) && !is_overtaken(d, blocked)
    })
}

fn judged_as(i: usize, frame: &SampledFrame, findings: Vec<Finding>) -> JudgedFrame {
    JudgedFrame { n: number(i), at_ms: frame.at_ms, findings }
}

fn unseen(frames: &[SampledFrame]) -> Vec<JudgedFrame> {
    frames.iter().enumerate().map(|(i, f)| judged_as(i, f, Vec::new())).collect()
}

/// The number of the frame at index `i`; its picture stands under it.
pub(crate) fn number(i: usize) -> u16 {
    u16::try_from(i + 1).unwrap_or(u16::MAX)
}
