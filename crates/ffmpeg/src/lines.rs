//! Bounded reading of what a child says.

use std::collections::VecDeque;

/// Longer lines are cut: metadata of a hostile file may be printed.
const LINE_BYTES: usize = 1_024;
/// Lines of a log that are kept.
const TAIL_LINES: usize = 120;

/// Splits bytes into lines.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    held: Vec<u8>,
}

impl Lines {
    pub fn feed(&mut self, bytes: &[u8], mut each: impl FnMut(&str)) {
        for b in bytes {
            if matches!(b, b'\n' | b'\r') {
                self.give(&mut each);
            } else if self.held.len() < LINE_BYTES {
                self.held.push(*b);
            }
        }
    }

    pub fn finish(mut self, mut each: impl FnMut(&str)) {
        self.give(&mut each);
    }

    fn give(&mut self, each: &mut impl FnMut(&str)) {
        if !self.held.is_empty() {
            each(&String::from_utf8_lossy(&self.held));
            self.held.clear();
        }
    }
}

/// The end of a log, and what was counted on the way.
#[derive(Debug, Default, Clone)]
pub(crate) struct Log {
    tail: VecDeque<String>,
    /// Pictures and sound frames that were decoded with errors.
    pub corrupt: u64,
}

impl Log {
    pub fn line(&mut self, line: &str) {
        if line.contains("corrupt decoded frame") {
            self.corrupt += 1;
            return;
        }
        if self.tail.len() == TAIL_LINES {
            self.tail.pop_front();
        }
        self.tail.push_back(line.to_owned());
    }

    pub fn lines(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.tail.iter().map(String::as_str)
    }

    pub fn has(&self, word: &str) -> bool {
        self.lines().any(|l| l.contains(word))
    }

    /// The last few lines as one, for an error message.
    pub fn last_words(&self) -> String {
        let words: Vec<&str> = self.lines().rev().take(4).collect();
        words.into_iter().rev().collect::<Vec<_>>().join(" | ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_put_together_and_cut() {
        let (mut lines, mut seen) = (Lines::default(), Vec::new());
        lines.feed(b"one\ntw", |l| seen.push(l.to_owned()));
        lines.feed(b"o\r\n\n", |l| seen.push(l.to_owned()));
        lines.feed(&vec![b'x'; 9_000], |l| seen.push(l.to_owned()));
        lines.finish(|l| seen.push(l.to_owned()));
        assert_eq!(seen.len(), 3);
        assert_eq!((&seen[0][..], &seen[1][..], seen[2].len()), ("one", "two", LINE_BYTES));
    }

    #[test]
    fn a_log_keeps_its_end() {
        let mut log = Log::default();
        for i in 0..1_000 {
            log.line(&format!("line {i}"));
            log.line("[0:v] corrupt decoded frame in stream 0");
        }
        assert_eq!((log.tail.len(), log.corrupt), (TAIL_LINES, 1_000));
        assert!(log.last_words().ends_with("line 999"));
    }
}
