//! How far one file is: a bar on a terminal, lines elsewhere, silence for scripts.

use indicatif::{ProgressBar, ProgressStyle};
use moderation::port::Progress;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// Without a terminal a line is written each time this much more is done.
const LINE_EVERY_PERCENT: u8 = 25;

pub struct Teller {
    name: String,
    bar: Option<ProgressBar>,
    is_silent: bool,
}

impl Teller {
    pub fn new(is_silent: bool, file: &Path) -> Self {
        let name = file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned();
        let bar = (!is_silent && std::io::stderr().is_terminal()).then(|| {
            let bar = ProgressBar::new(100);
            if let Ok(style) = ProgressStyle::with_template("{prefix:24!} {bar:30} {pos:>3} % {msg}") {
                bar.set_style(style);
            }
            bar.set_prefix(name.clone());
            bar
        });
        Self { name, bar, is_silent }
    }

    /// Begins a step; what it returns is told how far the step is.
    pub fn step(&self, doing: &'static str) -> Progress {
        if let Some(bar) = &self.bar {
            bar.set_position(0);
            bar.set_message(doing);
            let bar = bar.clone();
            return Arc::new(move |percent| bar.set_position(u64::from(percent)));
        }
        if self.is_silent {
            return Arc::new(|_| {});
        }
        eprintln!("{}: {doing}", self.name);
        let (name, next) = (self.name.clone(), AtomicU8::new(LINE_EVERY_PERCENT));
        Arc::new(move |percent| {
            let due = next.load(Ordering::Relaxed);
            if percent < due || percent >= 99 {
                return;
            }
            let then = (percent / LINE_EVERY_PERCENT + 1) * LINE_EVERY_PERCENT;
            if next.compare_exchange(due, then, Ordering::Relaxed, Ordering::Relaxed).is_ok() {
                eprintln!("{name}: {doing} {percent} %");
            }
        })
    }

    pub fn done(self) {
        if let Some(bar) = self.bar {
            bar.finish_and_clear();
        }
    }
}
