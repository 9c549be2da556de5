//! A log that a test can read.

use crate::logs::{LogError, LogSettings, subscriber};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tracing_subscriber::fmt::MakeWriter;

/// Lines written while the guard of [`Captured::start`] lives, on this thread.
#[derive(Debug, Clone, Default)]
pub struct Captured(Arc<Mutex<Vec<u8>>>);

impl Captured {
    /// Captures what `filter` lets through, as JSON lines.
    pub fn start(filter: &str) -> Result<(Self, tracing::subscriber::DefaultGuard), LogError> {
        let captured = Self::default();
        let settings = LogSettings { filter: filter.into(), ..LogSettings::default() };
        let lines = subscriber(&settings, true, false, captured.clone())?;
        Ok((captured, tracing::subscriber::set_default(lines)))
    }

    pub fn text(&self) -> String {
        let bytes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl io::Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'w> MakeWriter<'w> for Captured {
    type Writer = Self;
    fn make_writer(&'w self) -> Self {
        self.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_json_and_filtered() {
        let (captured, guard) = Captured::start("info").expect("a filter");
        tracing::info!(video = "0000000000001", "published");
        tracing::debug!("not wanted");
        drop(guard);
        tracing::info!("too late");
        let text = captured.text();
        let line: serde_json::Value = serde_json::from_str(text.trim()).expect("one JSON line");
        assert_eq!((&line["message"], &line["level"]), (&"published".into(), &"INFO".into()));
    }

    #[test]
    fn a_filter_that_is_none_is_told() {
        assert!(matches!(Captured::start("no=such=level"), Err(LogError::Filter(_))));
    }
}
