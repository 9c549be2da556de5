//! Words that an operator does not want written. Nobody else judges texts: what is not on the list passes.

use std::collections::BTreeMap;
use unicode_normalization::UnicodeNormalization;

/// A list of words and phrases. The same word in another case, with accents, in wide or styled letters or with
/// invisible characters inside is found; one inside another word is not, but for scripts that put no space
/// between words. A letter of another script that only looks alike is another letter here.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockedWords {
    /// By their first word.
    phrases: BTreeMap<String, Vec<Vec<String>>>,
    /// Of scripts without spaces.
    parts: Vec<String>,
}

impl BlockedWords {
    /// Entries with no letter and no digit are left out.
    pub fn new<W: AsRef<str>>(entries: impl IntoIterator<Item = W>) -> Self {
        let mut list = Self::default();
        for entry in entries {
            let words = words(entry.as_ref());
            let Some(first) = words.first().cloned() else { continue };
            if words.iter().flat_map(|w| w.chars()).any(is_unspaced) {
                list.parts.push(words.concat());
            } else {
                list.phrases.entry(first).or_default().push(words);
            }
        }
        list
    }

    pub fn is_empty(&self) -> bool {
        self.phrases.is_empty() && self.parts.is_empty()
    }

    /// An entry that is in the text, in folded letters.
    pub fn find(&self, text: &str) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let words = words(text);
        for (i, word) in words.iter().enumerate() {
            let mut phrases = self.phrases.get(word).into_iter().flatten();
            if let Some(phrase) = phrases.find(|p| words[i..].starts_with(p)) {
                return Some(phrase.join(" "));
            }
        }
        let run = if self.parts.is_empty() { String::new() } else { words.concat() };
        self.parts.iter().find(|p| run.contains(p.as_str())).cloned()
    }
}

/// The words of a text in folded letters.
fn words(text: &str) -> Vec<String> {
    let seen = text.nfkd().filter(|c| !is_accent(*c) && !is_invisible(*c));
    // Up and down again makes one of letters that have several small or large forms (ß, ς).
    let folded: String = seen.flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkd().collect();
    let is_part = |c: char| c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c);
    folded.split(|c| !is_part(c)).filter(|w| !w.is_empty()).map(str::to_owned).collect()
}

const fn is_accent(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}')
}

const fn is_invisible(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// Thai, Lao, Burmese, Khmer, kana and Han.
const fn is_unspaced(c: char) -> bool {
    matches!(c, '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}'
        | '\u{3040}'..='\u{30ff}' | '\u{3400}'..='\u{9fff}' | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn list() -> BlockedWords {
        BlockedWords::new(["Badword", "very bad phrase", "Straße", "禁止", "", " — "])
    }

    #[test]
    fn a_word_is_found_however_it_is_spelled() {
        for text in [
            "badword",
            "A BADWORD, here",
            "bádwörd",
            "ｂａｄｗｏｒｄ",
            "𝒷𝒶𝒹𝓌ℴ𝓇𝒹",
            "bad\u{200b}wo\u{ad}rd",
            "#badword",
            "it's_badword_",
        ] {
            assert_eq!(list().find(text).as_deref(), Some("badword"), "{text}");
        }
        assert_eq!(list().find("in der STRASSE").as_deref(), Some("strasse"));
        assert_eq!(list().find("a Very\n bad -- PHRASE!").as_deref(), Some("very bad phrase"));
        assert_eq!(list().find("这是禁止的").as_deref(), Some("禁止"));
    }

    #[test]
    fn what_is_not_on_the_list_passes() {
        for text in ["", "badwords", "notabadword", "very bad", "bad phrase very", "止禁", "— —"] {
            assert_eq!(list().find(text), None, "{text}");
        }
        // Said aloud: a look-alike letter of another script (here a Cyrillic а) is another word.
        assert_eq!(list().find("b\u{430}dword"), None);
        assert_eq!(BlockedWords::default().find("badword"), None);
    }

    proptest! {
        #[test]
        fn every_entry_is_found_in_a_text_that_has_it(entry in "\\PC{1,20}", before in "[a-z ]{0,9}") {
            let list = BlockedWords::new([&entry]);
            let found = list.find(&format!("{before} {entry} and on"));
            prop_assert_eq!(found.is_some(), !list.is_empty());
        }
    }
}
