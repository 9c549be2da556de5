//! Language tags: the part of BCP 47 that captions need, in one spelling.

use crate::captions::CaptionError;

/// Longest tag we take: language, script, region, one variant.
const TAG_BYTES_MAX: usize = 24;

/// The tag in its canonical spelling (`pt-BR`, `zh-Hant`), or why it is none.
pub fn language_tag(text: &str) -> Result<String, CaptionError> {
    let refuse = || CaptionError::Language(text.chars().take(TAG_BYTES_MAX).collect());
    let mut parts = text.split('-');
    let language = parts.next().unwrap_or_default();
    let letters = |t: &str| t.bytes().all(|b| b.is_ascii_alphabetic());
    if text.len() > TAG_BYTES_MAX || !(2..=3).contains(&language.len()) || !letters(language) {
        return Err(refuse());
    }
    let mut out = language.to_ascii_lowercase();
    let mut rank = 0;
    for part in parts {
        let digits = part.bytes().all(|b| b.is_ascii_digit());
        let (is, spelled) = match part.len() {
            4 if letters(part) => (1, titled(part)),
            2 if letters(part) => (2, part.to_ascii_uppercase()),
            3 if digits => (2, part.to_owned()),
            4..=8 if part.bytes().all(|b| b.is_ascii_alphanumeric()) => (3, part.to_ascii_lowercase()),
            _ => return Err(refuse()),
        };
        // Script, region, variant: in this order, each once.
        if is <= rank {
            return Err(refuse());
        }
        rank = is;
        out.push('-');
        out.push_str(&spelled);
    }
    Ok(out)
}

fn titled(part: &str) -> String {
    let mut out = part.to_ascii_lowercase();
    if let Some(first) = out.get_mut(..1) {
        first.make_ascii_uppercase();
    }
    out
}

/// Languages by the name their speakers read; others go by their tag.
const NAMES: [(&str, &str); 24] = [
    ("ar", "العربية"),
    ("bn", "বাংলা"),
    ("cs", "Čeština"),
    ("da", "Dansk"),
    ("de", "Deutsch"),
    ("el", "Ελληνικά"),
    ("en", "English"),
    ("es", "Español"),
    ("fi", "Suomi"),
    ("fr", "Français"),
    ("he", "עברית"),
    ("hi", "हिन्दी"),
    ("id", "Bahasa Indonesia"),
    ("it", "Italiano"),
    ("ja", "日本語"),
    ("ko", "한국어"),
    ("nl", "Nederlands"),
    ("pl", "Polski"),
    ("pt", "Português"),
    ("ru", "Русский"),
    ("sv", "Svenska"),
    ("tr", "Türkçe"),
    ("uk", "Українська"),
    ("zh", "中文"),
];

/// What a viewer reads for a canonical tag; different for different tags.
pub fn language_name(tag: &str) -> String {
    let (language, rest) = tag.split_once('-').map_or((tag, None), |(l, r)| (l, Some(r)));
    match (NAMES.iter().find(|(t, _)| *t == language), rest) {
        (Some((_, name)), None) => (*name).to_owned(),
        (Some((_, name)), Some(rest)) => format!("{name} ({rest})"),
        (None, _) => tag.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_language_has_one_spelling() {
        for (text, tag) in [
            ("en", "en"),
            ("PT-br", "pt-BR"),
            ("zh-hANT-tw", "zh-Hant-TW"),
            ("es-419", "es-419"),
            ("sl-rozaj", "sl-rozaj"),
            ("fil", "fil"),
        ] {
            assert_eq!(language_tag(text).as_deref(), Ok(tag), "{text}");
        }
        for text in ["", "e", "english", "en-", "en-US-US", "en_US", "../x", "en-\"", "de-de-Latn", "en-x"] {
            assert!(language_tag(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_for_readers_and_differ() {
        assert_eq!(language_name("de"), "Deutsch");
        assert_eq!(language_name("pt-BR"), "Português (BR)");
        assert_eq!(language_name("tlh"), "tlh");
    }
}
