//! Plain tables and words for a terminal.

use serde_json::Value;

/// Prints columns padded to their widest cell; nothing but a sentence when there is no row.
pub fn print(head: &[&str], rows: &[Vec<String>], empty: &str) {
    if rows.is_empty() {
        println!("{empty}");
        return;
    }
    let mut widths: Vec<usize> = head.iter().map(|h| h.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |cells: &[String]| {
        let padded: Vec<String> = cells
            .iter()
            .zip(&widths)
            .map(|(c, w)| format!("{c}{}", " ".repeat(w - c.chars().count())))
            .collect();
        println!("{}", padded.join("  ").trim_end());
    };
    line(&head.iter().map(|h| (*h).to_owned()).collect::<Vec<_>>());
    rows.iter().for_each(|r| line(r));
}

/// A field as text, `-` when it is not there.
pub fn cell(value: &Value, path: &str) -> String {
    match value.pointer(path) {
        Some(Value::String(s)) if !s.is_empty() => s.replace(['\n', '\r', '\t', '\u{1b}'], " "),
        Some(Value::Number(n)) => n.to_string(),
        Some(Value::Bool(b)) => b.to_string(),
        _ => "-".to_owned(),
    }
}

/// `1:05` for 65,000 ms.
pub fn clock(ms: i64) -> String {
    let s = (ms.max(0) + 500) / 1000;
    format!("{}:{:02}", s / 60, s % 60)
}

/// `3 min`, `2 h`, `5 d`.
pub fn span(ms: i64) -> String {
    let s = ms.max(0) / 1000;
    match s {
        0..60 => format!("{s} s"),
        60..3600 => format!("{} min", s / 60),
        3600..86_400 => format!("{} h", s / 3600),
        _ => format!("{} d", s / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_like_a_person_says_them() {
        assert_eq!((clock(65_000), clock(-1)), ("1:05".into(), "0:00".into()));
        assert_eq!((span(59_000), span(7_200_000)), ("59 s".into(), "2 h".into()));
    }

    #[test]
    fn a_title_cannot_move_the_cursor() {
        assert_eq!(cell(&serde_json::json!({"t": "a\u{1b}[2Jb"}), "/t"), "a [2Jb");
    }
}
