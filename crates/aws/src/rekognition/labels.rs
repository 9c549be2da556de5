//! The service's labels as findings.

use aws_sdk_rekognition::types::ModerationLabel;
use vocab::{Finding, taxonomy};

/// All of level 1: the service looks for everything of its taxonomy.
pub const JUDGES: [&str; 10] = [
    "Explicit",
    "Non-Explicit Nudity of Intimate parts and Kissing",
    "Swimwear or Underwear",
    "Violence",
    "Visually Disturbing",
    "Drugs & Tobacco",
    "Alcohol",
    "Rude Gestures",
    "Gambling",
    "Hate Symbols",
];

pub fn judges() -> Vec<String> {
    JUDGES.iter().map(|l| (*l).to_owned()).collect()
}

/// A label outside the taxonomy stays what it is: the rules take it for nonsense, and a person looks. A parent
/// that comes without a child is a finding like any other.
pub fn finding(label: &ModerationLabel, at_ms: i64) -> Finding {
    let name = label.name().unwrap_or_default();
    let (parent, level) = match taxonomy::find(name) {
        Some((_, parent, level)) => (parent, level),
        None => {
            let level = label.taxonomy_level().and_then(|l| u8::try_from(l).ok());
            (label.parent_name().unwrap_or_default(), level.unwrap_or(0))
        }
    };
    // An answer without a number is no answer: not even 0.
    let confidence = label.confidence().unwrap_or(f32::NAN);
    Finding { name: name.to_owned(), parent: parent.to_owned(), level, confidence, at_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_service_judges_every_label_of_level_1_and_no_other() {
        let level_1: Vec<_> = taxonomy::LABELS.iter().filter(|l| l.2 == 1).map(|l| l.0).collect();
        assert_eq!(level_1, JUDGES);
    }

    #[test]
    fn labels_of_the_taxonomy_take_their_place_and_others_stay_what_they_are() {
        let label = ModerationLabel::builder().name("Weapons").confidence(71.5).build();
        let found = finding(&label, 40);
        assert_eq!((found.parent.as_str(), found.level, found.at_ms), ("Violence", 2, 40));
        let label = ModerationLabel::builder().name("Kittens").parent_name("Violence").taxonomy_level(2);
        let found = finding(&label.confidence(60.0).build(), 0);
        assert_eq!((found.name.as_str(), found.parent.as_str(), found.level), ("Kittens", "Violence", 2));
        assert!(finding(&ModerationLabel::builder().name("Violence").build(), 0).confidence.is_nan());
    }
}
