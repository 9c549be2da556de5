//! The log: for people on a terminal, for machines otherwise.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::{SubscriberInitExt, TryInitError};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Pretty on a terminal, JSON otherwise.
    #[default]
    Auto,
    Pretty,
    Json,
}

#[derive(Debug, Clone)]
pub struct LogSettings {
    /// `info`, or per crate: `info,upload=debug`.
    pub filter: String,
    pub format: Format,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self { filter: "info".into(), format: Format::Auto }
    }
}

#[derive(Debug)]
pub enum LogError {
    /// The filter is not a directive.
    Filter(String),
    /// Something else has set up the log already.
    Taken(TryInitError),
}

impl std::fmt::Display for LogError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Filter(said) => write!(f, "the log filter is not valid: {said}"),
            Self::Taken(e) => write!(f, "the log is set up twice: {e}"),
        }
    }
}

impl std::error::Error for LogError {}

/// Sets up the log of this process, on standard error.
pub fn init(settings: &LogSettings) -> Result<(), LogError> {
    let terminal = std::io::stderr().is_terminal();
    let json = match settings.format {
        Format::Auto => !terminal,
        Format::Pretty => false,
        Format::Json => true,
    };
    subscriber(settings, json, terminal, std::io::stderr)?.try_init().map_err(LogError::Taken)
}

type Subscriber = Box<dyn tracing::Subscriber + Send + Sync>;

/// The subscriber that writes `json` or pretty lines to `writer`.
pub fn subscriber<W>(
    settings: &LogSettings,
    json: bool,
    colours: bool,
    writer: W,
) -> Result<Subscriber, LogError>
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let filter = EnvFilter::try_new(&settings.filter).map_err(|e| LogError::Filter(e.to_string()))?;
    let lines = tracing_subscriber::fmt::layer().with_writer(writer);
    let registry = tracing_subscriber::registry().with(filter);
    Ok(if json {
        Box::new(
            registry.with(lines.json().flatten_event(true).with_current_span(true).with_span_list(false)),
        )
    } else {
        Box::new(registry.with(lines.compact().with_ansi(colours).with_target(false)))
    })
}
