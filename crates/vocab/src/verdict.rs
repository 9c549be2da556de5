//! What moderation concluded.

use alloc::string::String;
use serde::{Deserialize, Deserializer, Serialize};

/// The outcome of a judgement. There is no fourth value: what could not be judged escalates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Approve,
    Reject,
    Escalate,
}

/// One label seen in one frame, in the three-level taxonomy of [`crate::taxonomy`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The label's name, e.g. `Explicit Nudity`.
    pub name: String,
    /// The parent's name; empty at level 1.
    pub parent: String,
    /// 1, 2 or 3.
    pub level: u8,
    /// 0–100. What is no number, which JSON cannot say, stays none.
    #[serde(deserialize_with = "number_or_none")]
    pub confidence: f32,
    /// Where in the video the frame stands.
    pub at_ms: i64,
}

fn number_or_none<'de, D: Deserializer<'de>>(from: D) -> Result<f32, D::Error> {
    Ok(Option::<f32>::deserialize(from)?.unwrap_or(f32::NAN))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_confidence_that_is_no_number_leaves_its_record_readable() {
        let finding = Finding {
            name: "Weapons".into(),
            parent: "Violence".into(),
            level: 2,
            confidence: f32::NAN,
            at_ms: 5,
        };
        let written = serde_json::to_string(&finding).expect("written");
        let read: Finding = serde_json::from_str(&written).expect("read");
        assert!(read.confidence.is_nan(), "{written}");
        let known = written.replace("null", "87.5");
        assert_eq!(serde_json::from_str::<Finding>(&known).expect("read").confidence, 87.5);
    }
}
