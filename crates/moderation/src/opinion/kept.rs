//! What the classifier said, kept while a closer look is waited for: its answers may cost money, and a place at
//! the service of second looks may be waited for through many runs.

use crate::moderator::{JudgeError, Moderator};
use crate::port::SampledFrame;
use crate::record::{ClassifierId, JudgedFrame, ModerationRecord};

/// The answer that an unfinished judgement of these bytes left behind, where this classifier would look at these
/// very frames.
pub(super) fn answer(
    record: &ModerationRecord,
    frames: &[SampledFrame],
    classifier: Option<&ClassifierId>,
) -> Option<Vec<JudgedFrame>> {
    let is_unfinished = record.standing().is_none() && !record.frames.is_empty();
    let is_its = classifier.is_some() && record.classifier.as_ref() == classifier;
    let same = record.frames.len() == frames.len()
        && record.frames.iter().zip(frames).all(|(kept, frame)| kept.at_ms == frame.at_ms);
    (is_unfinished && is_its && same).then(|| record.frames.clone())
}

impl Moderator {
    /// Keeps the answer with the record, which has no decision yet. One that stands is not mixed with other
    /// frames than its own, and a number that is none cannot be written down: those are asked for again.
    pub(super) async fn keep_answer(
        &self,
        mut record: ModerationRecord,
        judged: &[JudgedFrame],
    ) -> Result<ModerationRecord, JudgeError> {
        let mut findings = judged.iter().flat_map(|f| &f.findings);
        if record.standing().is_some()
            || record.frames == judged
            || !findings.all(|f| f.confidence.is_finite())
        {
            return Ok(record);
        }
        record.frames = judged.to_vec();
        Ok(self.0.desk.store.save(record).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Decider, Decision};
    use vocab::{Millis, Verdict, VideoId};

    fn id(version: &str) -> ClassifierId {
        ClassifierId { name: "toy".into(), version: version.into() }
    }

    fn frames(times: &[i64]) -> Vec<SampledFrame> {
        times.iter().map(|t| SampledFrame { at_ms: Millis(*t), jpeg: "f.jpg".into() }).collect()
    }

    fn record() -> ModerationRecord {
        let mut record = ModerationRecord::begin(VideoId(1), "ab".repeat(32), 7);
        record.classifier = Some(id("1"));
        let seen = (1..).zip([100, 600]);
        record.frames =
            seen.map(|(n, t)| JudgedFrame { n, at_ms: Millis(t), findings: Vec::new() }).collect();
        record
    }

    #[test]
    fn an_answer_is_used_again_for_the_same_frames_and_classifier_alone() {
        let kept = record();
        assert_eq!(answer(&kept, &frames(&[100, 600]), Some(&id("1"))), Some(kept.frames.clone()));
        assert_eq!(answer(&kept, &frames(&[100, 600]), Some(&id("2"))), None);
        assert_eq!(answer(&kept, &frames(&[100, 600]), None), None);
        assert_eq!(answer(&kept, &frames(&[100, 601]), Some(&id("1"))), None);
        assert_eq!(answer(&kept, &frames(&[100]), Some(&id("1"))), None);
        let unseen = ModerationRecord { classifier: None, ..kept.clone() };
        assert_eq!(answer(&unseen, &frames(&[100, 600]), None), None, "nobody looked at them");
        let other_bytes = kept.begin_again("cd".repeat(32), 8);
        assert_eq!(answer(&other_bytes, &frames(&[]), Some(&id("1"))), None);
    }

    #[test]
    fn an_answer_that_was_decided_by_is_asked_for_again() {
        let mut decided = record();
        decided.decisions.push(Decision {
            at: Millis(1),
            content_sha256: decided.content_sha256.clone(),
            by: None,
            decided_by: Decider::Classifier,
            verdict: Verdict::Approve,
            reason_code: None,
            reason: None,
            undoes: None,
        });
        assert_eq!(answer(&decided, &frames(&[100, 600]), Some(&id("1"))), None);
    }
}
