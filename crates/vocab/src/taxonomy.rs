//! The moderation labels, three levels (Rekognition moderation taxonomy v7).

/// `(name, parent, level)`; the parent of a level-1 label is empty.
pub const LABELS: &[(&str, &str, u8)] = &[
    ("Explicit", "", 1),
    ("Explicit Nudity", "Explicit", 2),
    ("Exposed Male Genitalia", "Explicit Nudity", 3),
    ("Exposed Female Genitalia", "Explicit Nudity", 3),
    ("Exposed Buttocks or Anus", "Explicit Nudity", 3),
    ("Exposed Female Nipple", "Explicit Nudity", 3),
    ("Explicit Sexual Activity", "Explicit", 2),
    ("Sex Toys", "Explicit", 2),
    ("Non-Explicit Nudity of Intimate parts and Kissing", "", 1),
    ("Non-Explicit Nudity", "Non-Explicit Nudity of Intimate parts and Kissing", 2),
    ("Bare Back", "Non-Explicit Nudity", 3),
    ("Exposed Male Nipple", "Non-Explicit Nudity", 3),
    ("Partially Exposed Buttocks", "Non-Explicit Nudity", 3),
    ("Partially Exposed Female Breast", "Non-Explicit Nudity", 3),
    ("Implied Nudity", "Non-Explicit Nudity", 3),
    ("Obstructed Intimate Parts", "Non-Explicit Nudity of Intimate parts and Kissing", 2),
    ("Obstructed Female Nipple", "Obstructed Intimate Parts", 3),
    ("Obstructed Male Genitalia", "Obstructed Intimate Parts", 3),
    ("Kissing on the Lips", "Non-Explicit Nudity of Intimate parts and Kissing", 2),
    ("Swimwear or Underwear", "", 1),
    ("Female Swimwear or Underwear", "Swimwear or Underwear", 2),
    ("Male Swimwear or Underwear", "Swimwear or Underwear", 2),
    ("Violence", "", 1),
    ("Weapons", "Violence", 2),
    ("Graphic Violence", "Violence", 2),
    ("Weapon Violence", "Graphic Violence", 3),
    ("Physical Violence", "Graphic Violence", 3),
    ("Self-Harm", "Graphic Violence", 3),
    ("Blood & Gore", "Graphic Violence", 3),
    ("Explosions and Blasts", "Graphic Violence", 3),
    ("Visually Disturbing", "", 1),
    ("Death and Emaciation", "Visually Disturbing", 2),
    ("Emaciated Bodies", "Death and Emaciation", 3),
    ("Corpses", "Death and Emaciation", 3),
    ("Crashes", "Visually Disturbing", 2),
    ("Air Crash", "Crashes", 3),
    ("Drugs & Tobacco", "", 1),
    ("Products", "Drugs & Tobacco", 2),
    ("Pills", "Products", 3),
    ("Drugs & Tobacco Paraphernalia & Use", "Drugs & Tobacco", 2),
    ("Smoking", "Drugs & Tobacco Paraphernalia & Use", 3),
    ("Alcohol", "", 1),
    ("Alcohol Use", "Alcohol", 2),
    ("Drinking", "Alcohol Use", 3),
    ("Alcoholic Beverages", "Alcohol", 2),
    ("Rude Gestures", "", 1),
    ("Middle Finger", "Rude Gestures", 2),
    ("Gambling", "", 1),
    ("Hate Symbols", "", 1),
    ("Nazi Party", "Hate Symbols", 2),
    ("White Supremacy", "Hate Symbols", 2),
    ("Extremist", "Hate Symbols", 2),
];

/// The parent and level of a label, or `None` for a name outside the taxonomy.
pub fn find(name: &str) -> Option<(&'static str, &'static str, u8)> {
    LABELS.iter().copied().find(|(n, _, _)| *n == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_parent_exists_one_level_up() {
        for (name, parent, level) in LABELS {
            match level {
                1 => assert_eq!(*parent, "", "{name}"),
                _ => assert_eq!(find(parent).map(|p| p.2), Some(level - 1), "{name}"),
            }
        }
    }
}
