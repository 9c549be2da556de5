//! What an owner may write: one place that validates and normalises it.

use crate::policy::MetadataPolicy;
use crate::video::{Metadata, Transform};
use std::fmt;
use unicode_normalization::UnicodeNormalization;
use vocab::Millis;

/// What is wrong with one field, for its writer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// As in the API: `title`, `hashtags[3]`, `transform.trim_end_ms`.
    pub field: String,
    /// Stable: `too_long`, `too_many`, `empty`, `control_character`, `not_a_word`, `negative`,
    /// `not_after_start`, `too_short`, `out_of_range`, `blocked_words`.
    pub code: &'static str,
    /// One plain sentence.
    pub message: String,
}

impl FieldError {
    pub fn new(field: impl Into<String>, code: &'static str, message: impl Into<String>) -> Self {
        Self { field: field.into(), code, message: message.into() }
    }

    /// A word of the operator's list.
    pub fn blocked(field: impl Into<String>, word: &str) -> Self {
        Self::new(field, "blocked_words", format!("“{word}” cannot be used here."))
    }
}

/// Everything that is wrong, in the order of the fields; never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidFields(pub Vec<FieldError>);

impl fmt::Display for InvalidFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, e) in self.0.iter().enumerate() {
            let gap = if i == 0 { "" } else { "; " };
            write!(f, "{gap}{}: {}", e.field, e.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for InvalidFields {}

fn all<T>(value: T, errors: Vec<FieldError>) -> Result<T, InvalidFields> {
    if errors.is_empty() { Ok(value) } else { Err(InvalidFields(errors)) }
}

/// The metadata as it is stored: NFC, trimmed, hashtags lowercase without `#` and each once.
pub fn clean(meta: Metadata, policy: &MetadataPolicy) -> Result<Metadata, InvalidFields> {
    let mut errors = Vec::new();
    let title = text("title", &meta.title, policy.title_chars_max, Lines::One, &mut errors);
    let caption = text("caption", &meta.caption, policy.caption_chars_max, Lines::Many, &mut errors);
    let hashtags = hashtags(&meta.hashtags, policy, &mut errors);
    all(Metadata { title, caption, hashtags, visibility: meta.visibility }, errors)
}

/// Refuses what has words of the operator's list and was not there before: whoever changes something else, the
/// audience perhaps, is not held up by an old title.
pub fn check_words(new: &Metadata, old: &Metadata, policy: &MetadataPolicy) -> Result<(), InvalidFields> {
    let mut errors = Vec::new();
    let mut look = |field: String, text: &str| {
        errors.extend(policy.blocked_words.find(text).map(|word| FieldError::blocked(field, &word)));
    };
    if new.title != old.title {
        look("title".into(), &new.title);
    }
    if new.caption != old.caption {
        look("caption".into(), &new.caption);
    }
    for (i, tag) in new.hashtags.iter().enumerate().filter(|(_, t)| !old.hashtags.contains(t)) {
        look(format!("hashtags[{i}]"), tag);
    }
    all((), errors)
}

/// What an owner writes when asking for another look. May not be empty.
pub fn clean_appeal(message: &str, policy: &MetadataPolicy) -> Result<String, InvalidFields> {
    let mut errors = Vec::new();
    let message = text("message", message, policy.appeal_chars_max, Lines::Many, &mut errors);
    if message.is_empty() && errors.is_empty() {
        errors.push(FieldError::new("message", "empty", "Say in a few words why we should look again."));
    }
    all(message, errors)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    Many,
}

/// Overrides of the writing direction: they make a text read as what it is not.
const fn is_direction_override(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}')
}

fn text(field: &str, raw: &str, chars_max: usize, lines: Lines, errors: &mut Vec<FieldError>) -> String {
    let unified = raw.replace("\r\n", "\n").replace('\r', "\n");
    let clean: String = unified.nfc().collect::<String>().trim().to_owned();
    let is_bad =
        |c: char| (c.is_control() && !(lines == Lines::Many && c == '\n')) || is_direction_override(c);
    if clean.chars().any(is_bad) {
        errors.push(FieldError::new(field, "control_character", "Control characters cannot be used here."));
    }
    if clean.chars().count() > chars_max {
        errors.push(FieldError::new(field, "too_long", format!("At most {chars_max} characters.")));
    }
    clean
}

fn hashtags(raw: &[String], policy: &MetadataPolicy, errors: &mut Vec<FieldError>) -> Vec<String> {
    let mut tags: Vec<String> = Vec::new();
    // Counted before duplicates are dropped: the work is bounded by what was sent.
    if raw.len() > policy.hashtags_max {
        let message = format!("At most {} hashtags.", policy.hashtags_max);
        errors.push(FieldError::new("hashtags", "too_many", message));
        return tags;
    }
    for (i, raw) in raw.iter().enumerate() {
        match hashtag(raw, policy) {
            Ok(tag) if tags.contains(&tag) => {}
            Ok(tag) => tags.push(tag),
            Err((code, message)) => errors.push(FieldError::new(format!("hashtags[{i}]"), code, message)),
        }
    }
    tags
}

/// One hashtag as it is stored and searched.
pub fn hashtag(raw: &str, policy: &MetadataPolicy) -> Result<String, (&'static str, String)> {
    let bare = raw.trim().trim_start_matches(['#', '\u{ff03}']);
    // Lowercasing can undo composition (İ), so it comes first.
    let tag: String = bare.chars().flat_map(char::to_lowercase).nfc().collect();
    if tag.is_empty() {
        return Err(("empty", "A hashtag needs at least one letter or digit.".to_owned()));
    }
    if tag.chars().count() > policy.hashtag_chars_max {
        return Err(("too_long", format!("At most {} characters.", policy.hashtag_chars_max)));
    }
    if tag.chars().any(char::is_control) {
        return Err(("control_character", "Control characters cannot be used here.".to_owned()));
    }
    if !tag.chars().all(is_tag_char) {
        return Err(("not_a_word", "A hashtag is one word of letters, digits and underscores.".to_owned()));
    }
    Ok(tag)
}

/// Letters, digits, underscore, and the marks that many scripts write their vowels with.
fn is_tag_char(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || unicode_normalization::char::is_combining_mark(c)
}

/// Checks a transform; with `duration` also against the file.
pub fn clean_transform(
    transform: &Transform,
    duration: Option<Millis>,
    policy: &MetadataPolicy,
) -> Result<Transform, InvalidFields> {
    let mut errors = Vec::new();
    let Transform { trim_start_ms, trim_end_ms, cover_at_ms, .. } = transform;
    let times =
        [("trim_start_ms", trim_start_ms), ("trim_end_ms", trim_end_ms), ("cover_at_ms", cover_at_ms)];
    for (name, time) in times {
        if time.is_some_and(|t| t.0 < 0) {
            errors.push(of_transform(name, "negative", "A time cannot be negative."));
        }
    }
    if errors.is_empty() {
        span(transform, duration, policy, &mut errors);
    }
    all(transform.clone(), errors)
}

fn of_transform(name: &str, code: &'static str, message: impl Into<String>) -> FieldError {
    FieldError::new(format!("transform.{name}"), code, message)
}

fn span(t: &Transform, duration: Option<Millis>, policy: &MetadataPolicy, errors: &mut Vec<FieldError>) {
    let start = t.trim_start_ms.unwrap_or(Millis(0));
    if let Some(end) = t.trim_end_ms.filter(|end| *end <= start) {
        let message = format!("The end ({end}) must come after the start ({start}).");
        errors.push(of_transform("trim_end_ms", "not_after_start", message));
        return;
    }
    if let (Some(end), Some(duration)) = (t.trim_end_ms, duration)
        && end > duration
    {
        errors.push(of_transform("trim_end_ms", "out_of_range", format!("The video ends at {duration}.")));
        return;
    }
    let Some(end) = t.trim_end_ms.or(duration) else {
        // Without an end the span is the file's business; a cover only has to lie within the longest video.
        if t.cover_at_ms.is_some_and(|c| c >= policy.span_max) {
            errors.push(of_transform("cover_at_ms", "out_of_range", "The cover lies after the end."));
        }
        return;
    };
    let span = end.saturating_sub(start);
    if span < policy.span_min {
        let (name, least) =
            (if t.trim_end_ms.is_some() { "trim_end_ms" } else { "trim_start_ms" }, policy.span_min);
        errors.push(of_transform(name, "too_short", format!("At least {least} must be left.")));
    } else if span > policy.span_max {
        let message = format!("At most {} can be published. Trim it shorter.", policy.span_max);
        errors.push(of_transform("trim_end_ms", "too_long", message));
    }
    if t.cover_at_ms.is_some_and(|c| c >= span) {
        errors.push(of_transform("cover_at_ms", "out_of_range", "The cover lies after the end."));
    }
}
