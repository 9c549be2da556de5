//! What an engine says when it could not do its work.

use vocab::Millis;

pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Decides what a caller may do about a fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Busy or throttled: the same call may succeed later.
    Throttled,
    /// Time ran out; the effect may or may not have happened.
    TimedOut,
    /// Out of reach.
    Unavailable,
    /// No room left: disk or quota of the engine.
    Full,
    /// Stored data cannot be read as what it should be.
    Corrupt,
    /// Written by a newer version than this one.
    Newer,
    /// A bug or a refusal that a retry does not mend.
    Internal,
}

impl FaultKind {
    pub const fn is_retryable(self) -> bool {
        matches!(self, Self::Throttled | Self::TimedOut | Self::Unavailable)
    }
}

#[derive(Debug, thiserror::Error)]
#[error("{kind:?}: {source}")]
pub struct Fault {
    pub kind: FaultKind,
    pub retry_after: Option<Millis>,
    #[source]
    pub source: BoxError,
}

impl Fault {
    pub fn new(kind: FaultKind, source: impl Into<BoxError>) -> Self {
        Self { kind, retry_after: None, source: source.into() }
    }
    pub fn internal(source: impl Into<BoxError>) -> Self {
        Self::new(FaultKind::Internal, source)
    }
    pub fn corrupt(source: impl Into<BoxError>) -> Self {
        Self::new(FaultKind::Corrupt, source)
    }
    pub fn unavailable(source: impl Into<BoxError>) -> Self {
        Self::new(FaultKind::Unavailable, source)
    }
    pub fn full(source: impl Into<BoxError>) -> Self {
        Self::new(FaultKind::Full, source)
    }
    pub const fn is_retryable(&self) -> bool {
        self.kind.is_retryable()
    }
}

impl From<std::io::Error> for Fault {
    fn from(e: std::io::Error) -> Self {
        use std::io::ErrorKind as K;
        let kind = match e.kind() {
            K::StorageFull | K::QuotaExceeded | K::FileTooLarge => FaultKind::Full,
            K::TimedOut | K::WouldBlock => FaultKind::TimedOut,
            K::ConnectionRefused | K::ConnectionReset | K::ConnectionAborted | K::NotConnected => {
                FaultKind::Unavailable
            }
            K::Interrupted => FaultKind::Throttled,
            _ => FaultKind::Internal,
        };
        Self::new(kind, e)
    }
}
