//! An owner's captions: WebVTT read strictly, kept as cues, written again by ourselves. Nothing of the
//! file is passed on as it came.

use crate::policy::CaptionLimits;
use crate::vtt::stamp;
use std::fmt::Write as _;
use vocab::Millis;

/// Why captions were refused. Lines count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CaptionError {
    #[error("the file is larger than {0}")]
    TooLarge(vocab::Bytes),
    #[error("the file is not UTF-8 text")]
    NotText,
    #[error("the first line is not WEBVTT")]
    NoHeader,
    #[error("there are no captions in it")]
    Empty,
    #[error("there are more than {0} captions")]
    TooMany(usize),
    #[error("line {line}: {what}")]
    Bad { line: usize, what: &'static str },
    #[error("{0}: not a language tag such as en, de or pt-BR")]
    Language(String),
}

/// One caption.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    pub from: Millis,
    pub to: Millis,
    /// `line:`, `position:`, `size:`, `align:`, `vertical:` as they were understood.
    settings: Vec<String>,
    /// With `<b>`, `<i>` and `<u>` only; `&`, `<` and `>` escaped.
    text: String,
}

impl Cue {
    /// What a viewer reads, without tags.
    pub fn plain(&self) -> String {
        let mut plain = String::with_capacity(self.text.len());
        let mut is_tag = false;
        for c in self.text.chars() {
            match c {
                '<' => is_tag = true,
                '>' if is_tag => is_tag = false,
                c if !is_tag => plain.push(c),
                _ => {}
            }
        }
        plain.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    }
}

/// Captions that were understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captions {
    pub cues: Vec<Cue>,
}

impl Captions {
    /// Reads a WebVTT file. Comments are left out, as is every tag but bold, italic and underlined;
    /// style sheets, regions, foreign markup, addresses and control characters are refused.
    pub fn parse(file: &[u8], limits: &CaptionLimits) -> Result<Self, CaptionError> {
        if file.len() as u64 > limits.bytes_max.0 {
            return Err(CaptionError::TooLarge(limits.bytes_max));
        }
        let text = std::str::from_utf8(file).map_err(|_| CaptionError::NotText)?;
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
        let mut lines = text.split('\n').zip(1usize..).peekable();
        let header = lines.next().map_or("", |(l, _)| l);
        let rest = header.strip_prefix("WEBVTT").ok_or(CaptionError::NoHeader)?;
        if !rest.is_empty() && !rest.starts_with([' ', '\t']) {
            return Err(CaptionError::NoHeader);
        }
        // Whatever stands right below the header belongs to it.
        while lines.next_if(|(l, _)| !l.is_empty()).is_some() {}
        let mut cues: Vec<Cue> = Vec::new();
        while let Some((_, line)) = lines.next_if(|(l, _)| l.is_empty()).or_else(|| lines.peek().copied()) {
            let mut block = Vec::new();
            while let Some((text, line)) = lines.next_if(|(l, _)| !l.is_empty()) {
                block.push((text, line));
            }
            if let Some(cue) = read_block(&block, limits)? {
                if cues.last().is_some_and(|last| last.from > cue.from) {
                    let line = block.first().map_or(line, |b| b.1);
                    return Err(CaptionError::Bad { line, what: "it begins before the caption above it" });
                }
                cues.push(cue);
            }
            if cues.len() > limits.cues_max {
                return Err(CaptionError::TooMany(limits.cues_max));
            }
        }
        if cues.is_empty() { Err(CaptionError::Empty) } else { Ok(Self { cues }) }
    }

    /// The file viewers fetch: cues of a video of this length; the last may end with it.
    pub fn to_vtt(&self, duration: Option<Millis>) -> String {
        let mut out = String::from("WEBVTT\n");
        for cue in &self.cues {
            let to = duration.map_or(cue.to, |end| cue.to.min(end));
            if cue.from >= to {
                continue;
            }
            // Writing to a String cannot fail.
            let _ = write!(out, "\n{} --> {}", stamp(cue.from.0), stamp(to.0));
            for setting in &cue.settings {
                let _ = write!(out, " {setting}");
            }
            let _ = writeln!(out, "\n{}", cue.text);
        }
        out
    }
}

/// `None`: a comment.
fn read_block(block: &[(&str, usize)], limits: &CaptionLimits) -> Result<Option<Cue>, CaptionError> {
    let Some(&(first, line)) = block.first() else { return Ok(None) };
    let word = first.split([' ', '\t']).next().unwrap_or_default();
    let at = block.iter().position(|(l, _)| l.contains("-->"));
    match (word, at) {
        ("NOTE", _) => return Ok(None),
        ("STYLE" | "REGION", None) => return Err(bad(line, "style sheets and regions are not taken")),
        (_, Some(0 | 1)) => {}
        _ => return Err(bad(line, "neither a caption nor a comment")),
    }
    let at = at.unwrap_or_default();
    let Some((&(timing, line), texts)) = block[at..].split_first() else { return Ok(None) };
    let (from, to, settings) = read_timing(timing).map_err(|what| bad(line, what))?;
    if to > limits.end_max {
        return Err(bad(line, "it ends later than any video"));
    }
    let mut text = String::new();
    let mut open = Vec::new();
    for &(row, line) in texts {
        if row.contains("-->") {
            return Err(bad(line, "a second time in one caption; leave an empty line before it"));
        }
        let mut cleaned = String::new();
        clean(row, &mut cleaned, &mut open).map_err(|what| bad(line, what))?;
        // An empty row would end the caption, and what follows would be something else.
        if !cleaned.is_empty() && !text.is_empty() {
            text.push('\n');
        }
        text.push_str(&cleaned);
    }
    while let Some(tag) = open.pop() {
        let _ = write!(text, "</{tag}>");
    }
    if text.chars().count() > limits.cue_chars_max {
        return Err(bad(line, "the caption is too long"));
    }
    if text.trim().is_empty() {
        return Ok(None);
    }
    if has_address(&text) {
        return Err(bad(line, "an address; captions say words"));
    }
    Ok(Some(Cue { from, to, settings, text }))
}

const fn bad(line: usize, what: &'static str) -> CaptionError {
    CaptionError::Bad { line, what }
}

fn read_timing(line: &str) -> Result<(Millis, Millis, Vec<String>), &'static str> {
    let (from, rest) = line.split_once("-->").ok_or("no times")?;
    let mut words = rest.split_ascii_whitespace();
    let from = read_stamp(from.trim()).ok_or("the first time is not hh:mm:ss.mmm")?;
    let to = read_stamp(words.next().unwrap_or_default()).ok_or("the second time is not hh:mm:ss.mmm")?;
    if to <= from {
        return Err("it ends before it begins");
    }
    Ok((from, to, words.filter_map(setting).collect()))
}

/// `mm:ss.mmm` or `hh:mm:ss.mmm`.
fn read_stamp(text: &str) -> Option<Millis> {
    let (clock, milli) = text.split_once('.')?;
    let digits = |t: &str, n: std::ops::RangeInclusive<usize>| -> Option<i64> {
        (n.contains(&t.len()) && t.bytes().all(|b| b.is_ascii_digit())).then(|| t.parse().ok())?
    };
    let parts: Vec<&str> = clock.split(':').collect();
    let (hours, minutes, seconds) = match parts.as_slice() {
        [m, s] => (0, digits(m, 2..=2)?, digits(s, 2..=2)?),
        [h, m, s] => (digits(h, 2..=4)?, digits(m, 2..=2)?, digits(s, 2..=2)?),
        _ => return None,
    };
    if minutes > 59 || seconds > 59 {
        return None;
    }
    Some(Millis(((hours * 60 + minutes) * 60 + seconds) * 1000 + digits(milli, 3..=3)?))
}

/// A setting as we understand it; others are left out.
fn setting(word: &str) -> Option<String> {
    let (name, value) = word.split_once(':')?;
    let percent = |v: &str| -> bool {
        let number = v.strip_suffix('%').and_then(|n| n.parse::<f32>().ok());
        v.len() <= 8 && number.is_some_and(|n| (0.0..=100.0).contains(&n))
    };
    let known = match name {
        "align" => matches!(value, "start" | "center" | "end" | "left" | "right"),
        "vertical" => matches!(value, "rl" | "lr"),
        "size" | "position" => percent(value),
        "line" => percent(value) || value.parse::<i8>().is_ok(),
        _ => false,
    };
    known.then(|| format!("{name}:{value}"))
}

/// Markup that WebVTT has and we leave out.
const DROPPED_TAGS: [&str; 5] = ["c", "v", "lang", "ruby", "rt"];
/// Markup that is kept.
const KEPT_TAGS: [&str; 3] = ["b", "i", "u"];
/// Names of characters that text keeps as they are.
const ENTITIES: [&str; 6] = ["amp;", "lt;", "gt;", "nbsp;", "lrm;", "rlm;"];
/// Beginnings of addresses, which no caption needs.
const ADDRESSES: [&str; 4] = ["://", "javascript:", "data:text/", "vbscript:"];

/// Looked for in what a viewer reads, so that markup inside does not hide it.
fn has_address(text: &str) -> bool {
    let mut plain = text.to_lowercase().replace('\n', "");
    for tag in KEPT_TAGS {
        plain = plain.replace(&format!("<{tag}>"), "").replace(&format!("</{tag}>"), "");
    }
    ADDRESSES.iter().any(|a| plain.contains(a))
}

/// Appends a row of text. `open` are the kept tags that are open.
fn clean(row: &str, out: &mut String, open: &mut Vec<&'static str>) -> Result<(), &'static str> {
    let mut rest = row;
    while let Some(c) = rest.chars().next() {
        match c {
            '<' => {
                let (tag, after) = rest[1..].split_once('>').ok_or("a < without a >; write &lt;")?;
                markup(tag, out, open)?;
                rest = after;
                continue;
            }
            '>' => out.push_str("&gt;"),
            '&' if ENTITIES.iter().any(|e| rest[1..].starts_with(e)) => out.push('&'),
            '&' => out.push_str("&amp;"),
            '\t' => out.push(' '),
            c if c.is_control() => return Err("a control character"),
            c => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    Ok(())
}

fn markup(tag: &str, out: &mut String, open: &mut Vec<&'static str>) -> Result<(), &'static str> {
    let (name, closes) = tag.strip_prefix('/').map_or((tag, false), |t| (t, true));
    let name = name.split(['.', ' ', '\t']).next().unwrap_or_default();
    if let Some(kept) = KEPT_TAGS.iter().find(|k| **k == name) {
        if !closes {
            open.push(kept);
            let _ = write!(out, "<{kept}>");
        } else if open.last() == Some(kept) {
            open.pop();
            let _ = write!(out, "</{kept}>");
        }
        return Ok(());
    }
    // `<00:00:01.000>` says when a word is sung; `</>` and `<>` say nothing.
    if name.is_empty() || DROPPED_TAGS.contains(&name) || read_stamp(tag).is_some() {
        return Ok(());
    }
    Err("markup that is not of WebVTT; write &lt; for <")
}
