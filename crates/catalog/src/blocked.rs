//! Words that an operator does not want written. Nobody else judges texts: what is not on the list passes.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::once;
use unicode_normalization::UnicodeNormalization;
use unicode_security::MixedScript;
use unicode_security::confusable_detection::skeleton;

/// A list of words and phrases. The same word in another case, with accents, in wide or styled letters or with
/// invisible characters inside is found; one inside another word is not, but for scripts that put no space
/// between words. In a word of more than one script (UTS 39) letters are what they look like, too: a Cyrillic "а"
/// among Latin letters is an "a". A word wholly in one script is what it says, whatever it looks like, and a digit is
/// no letter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BlockedWords {
    /// By their first word.
    phrases: BTreeMap<String, Vec<Vec<String>>>,
    /// The words of phrases, by what they look like.
    looks: BTreeMap<String, BTreeSet<String>>,
    /// Of scripts without spaces.
    parts: Vec<String>,
}

impl BlockedWords {
    /// Entries with no letter and no digit are left out.
    pub fn new<W: AsRef<str>>(entries: impl IntoIterator<Item = W>) -> Self {
        let mut list = Self::default();
        for entry in entries {
            let words: Vec<String> = pieces(&seen(entry.as_ref())).map(fold).collect();
            let Some(first) = words.first().cloned() else { continue };
            if words.iter().flat_map(|w| w.chars()).any(is_unspaced) {
                list.parts.push(words.concat());
                continue;
            }
            for word in &words {
                list.looks.entry(look(word)).or_default().insert(word.clone());
            }
            list.phrases.entry(first).or_default().push(words);
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
        let seen = seen(text);
        let words: Vec<String> = pieces(&seen).map(fold).collect();
        let alike = if seen.is_ascii() { BTreeMap::new() } else { self.alike(&seen) };
        let is_said =
            |i: usize, w: &String| words.get(i) == Some(w) || alike.get(&i).is_some_and(|a| a.contains(w));
        for (i, word) in words.iter().enumerate() {
            let firsts = once(word).chain(alike.get(&i).into_iter().flatten().copied());
            let mut phrases = firsts.filter_map(|first| self.phrases.get(first)).flatten();
            let found = phrases.find(|p| p.iter().enumerate().all(|(n, w)| is_said(i + n, w)));
            if let Some(phrase) = found {
                return Some(phrase.join(" "));
            }
        }
        let run = if self.parts.is_empty() { String::new() } else { words.concat() };
        self.parts.iter().find(|p| run.contains(p.as_str())).cloned()
    }

    /// The words of the list that words of several scripts look like, by the place of these in the text.
    fn alike(&self, seen: &str) -> BTreeMap<usize, BTreeSet<&String>> {
        let mixed = pieces(seen).enumerate().filter(|(_, w)| !w.is_ascii() && !w.is_single_script());
        let like = |w: &str| self.looks.get(&look(w)).into_iter().flatten();
        let both = mixed.map(|(i, w)| (i, like(&fold(w)).chain(like(&fold(&capitals(w)))).collect()));
        both.collect()
    }
}

/// A text without what nobody sees or what only decorates letters.
fn seen(text: &str) -> String {
    text.nfkd().filter(|c| !is_accent(*c) && !is_invisible(*c)).collect()
}

/// The words of a text.
fn pieces(seen: &str) -> impl Iterator<Item = &str> {
    let is_part = |c: char| c.is_alphanumeric() || unicode_normalization::char::is_combining_mark(c);
    seen.split(move |c| !is_part(c)).filter(|w| !w.is_empty())
}

/// Up and down again makes one of letters that have several small or large forms (ß, ς).
fn fold(word: &str) -> String {
    word.chars().flat_map(char::to_uppercase).flat_map(char::to_lowercase).nfkd().collect()
}

/// What UTS 39 says a folded word looks like; two that look alike have the same. Digits stay digits.
fn look(folded: &str) -> String {
    let (mut look, mut buffer) = (String::new(), [0; 4]);
    for c in folded.chars() {
        if c.is_ascii_digit() {
            look.push(c);
        } else {
            look.extend(skeleton(c.encode_utf8(&mut buffer)));
        }
    }
    look
}

/// The word with Latin capitals for letters that look like these: the small letter of one, which folding would make
/// of it, may look like nothing (В, Η, or ꓐ, which has none).
fn capitals(word: &str) -> String {
    let mut buffer = [0; 4];
    let seen_as = |c: char| {
        let mut look = skeleton(c.encode_utf8(&mut buffer));
        match (look.next(), look.next()) {
            (Some(capital), None) if !c.is_ascii() && capital.is_ascii_uppercase() => capital,
            _ => c,
        }
    };
    word.chars().map(seen_as).collect()
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
        assert_eq!(BlockedWords::default().find("badword"), None);
    }

    #[test]
    fn letters_of_another_script_are_what_they_look_like_in_a_word_of_two() {
        for text in [
            "b\u{430}dword",
            "a B\u{410}DW\u{41e}RD!",
            // A capital whose small letter looks like nothing: Cyrillic Ve, Greek Beta, Lisu Ba.
            "\u{412}adword",
            "\u{392}ADWORD",
            "\u{a4d0}ADWORD",
            "b\u{430}\u{301}d\u{200b}word",
        ] {
            assert_eq!(list().find(text).as_deref(), Some("badword"), "{text}");
        }
        assert_eq!(list().find("very b\u{430}d phr\u{430}se").as_deref(), Some("very bad phrase"));
        assert_eq!(list().find("v\u{435}ry bad phrase").as_deref(), Some("very bad phrase"));
        // A Cyrillic list, and Latin letters among Cyrillic ones.
        let cyrillic = BlockedWords::new(["дурак"]);
        for text in ["дурaк", "ДУРAК", "Дypак"] {
            assert_eq!(cyrillic.find(text).as_deref(), Some("дурак"), "{text}");
        }
    }

    #[test]
    fn a_word_of_one_script_is_what_it_says() {
        // "сор" is a Russian word of three Cyrillic letters; "cop" is Latin.
        assert_eq!(BlockedWords::new(["cop"]).find("\u{441}\u{43e}\u{440} из избы"), None);
        assert_eq!(BlockedWords::new(["\u{441}\u{43e}\u{440}"]).find("a cop"), None);
        // Where nothing stands between words, letters are only what they are: a kana "ro" is no Han "mouth".
        assert_eq!(BlockedWords::new(["口"]).find("ロビー"), None);
        // A digit is no letter, with one script or two.
        for text in ["b4dword", "badw0rd", "b\u{430}dw0rd"] {
            assert_eq!(list().find(text), None, "{text}");
        }
        assert_eq!(BlockedWords::new(["fool"]).find("f\u{43e}o1"), None);
        // Said aloud: by UTS 39 a small Cyrillic ve is like a small capital B, and that like no b.
        assert_eq!(list().find("\u{432}adword"), None);
    }

    /// Latin letters and Cyrillic ones that look the same.
    const TWINS: [(char, char); 7] =
        [('a', 'а'), ('c', 'с'), ('e', 'е'), ('o', 'о'), ('p', 'р'), ('x', 'х'), ('y', 'у')];

    proptest! {
        #[test]
        fn some_letters_of_another_script_are_seen_through_and_all_are_another_word(
            letters in prop::collection::vec((0..TWINS.len(), any::<bool>(), any::<bool>()), 2..9),
        ) {
            let word: String = letters.iter().map(|(n, ..)| TWINS[*n].0).collect();
            let spell = |(n, other, up): &(usize, bool, bool)| {
                let c = if *other { TWINS[*n].1 } else { TWINS[*n].0 };
                if *up { c.to_uppercase().collect() } else { c.to_string() }
            };
            let written: String = letters.iter().map(spell).collect();
            let is_cyrillic = letters.iter().all(|(_, other, _)| *other);
            let found = BlockedWords::new([&word]).find(&format!("so {written}, and on"));
            prop_assert_eq!(found, (!is_cyrillic).then_some(word));
        }

        #[test]
        fn every_entry_is_found_in_a_text_that_has_it(entry in "\\PC{1,20}", before in "[a-z ]{0,9}") {
            let list = BlockedWords::new([&entry]);
            let found = list.find(&format!("{before} {entry} and on"));
            prop_assert_eq!(found.is_some(), !list.is_empty());
        }
    }
}
