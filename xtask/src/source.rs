//! Reading Rust sources as text: good enough for sizes and forbidden names.

use std::fs;
use std::path::{Path, PathBuf};

/// Every `.rs` file below `dir`.
pub fn rust_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(dir) else { return found };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The file's lines up to its inline test module; comments blanked.
pub fn production_lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a source file is readable");
    text.lines()
        .take_while(|l| l.trim() != "#[cfg(test)]" || l.starts_with("    "))
        .map(|l| if l.trim_start().starts_with("//") { String::new() } else { l.to_owned() })
        .collect()
}

/// `(name, first line, length)` of every function, found by brace counting.
pub fn functions(lines: &[String]) -> Vec<(String, usize, usize)> {
    let mut found = Vec::new();
    for (i, line) in lines.iter().enumerate() {
        let Some(name) = function_name(line) else { continue };
        let mut depth = 0i64;
        let mut opened = false;
        for (j, body) in lines.iter().enumerate().skip(i) {
            let code = strip_literals(body);
            if !opened && code.trim_end().ends_with(';') && !code.contains('{') {
                break;
            }
            depth += code.matches('{').count() as i64 - code.matches('}').count() as i64;
            opened |= code.contains('{');
            if opened && depth <= 0 {
                found.push((name, i + 1, j - i + 1));
                break;
            }
        }
    }
    found
}

fn function_name(line: &str) -> Option<String> {
    let trimmed = line.trim_start();
    let at = trimmed.find("fn ")?;
    let before = &trimmed[..at];
    let modifiers_only = before.split_whitespace().all(|w| {
        matches!(w, "pub" | "async" | "const" | "unsafe" | "extern" | "\"C\"") || w.starts_with("pub(")
    });
    if !modifiers_only {
        return None;
    }
    let name: String = trimmed[at + 3..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
    (!name.is_empty()).then_some(name)
}

/// Blanks string and char literals so that braces in them do not count.
fn strip_literals(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    let mut in_string = false;
    while let Some(c) = chars.next() {
        match c {
            '\\' if in_string => {
                chars.next();
            }
            '"' => in_string = !in_string,
            '\'' if !in_string => {
                let rest: Vec<char> = chars.clone().take(2).collect();
                if rest.get(1) == Some(&'\'') {
                    chars.next();
                    chars.next();
                }
            }
            _ if in_string => {}
            '/' if chars.peek() == Some(&'/') => break,
            c => out.push(c),
        }
    }
    out
}
