//! What a job's error code means to the owner and to us. Pure.
//!
//! The codes are those of the service's manual. Only the input's own faults are final: a video that passed our
//! audit and fails for another reason is worth another try, and jobs that end in an error are not billed.

use ::moderation::port::MediaError;
use stdx::{Fault, FaultKind};
use vocab::FailureReason;

/// What an `ERROR` is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ending {
    /// The file's own fault: no other job would end differently.
    Input(FailureReason),
    /// Ours or the service's; another job may end differently.
    Passing(String),
}

/// Words of a 1010 that mean "may not", not "cannot".
const FORBIDDEN: &[&str] = &["denied", "forbidden", "permission", "not authorized", "403"];

/// Reads code and message of a job that ended in `ERROR`.
pub fn ending(code: Option<i32>, message: &str) -> Ending {
    let input = |code: &str, text: &str| Ending::Input(FailureReason::new(code, text, false));
    let lower = message.to_lowercase();
    match code {
        // "Can't open": the file's fault, unless it is the role's.
        Some(1010) if FORBIDDEN.iter().any(|word| lower.contains(word)) => passing(code, message),
        Some(1010) => input("media.unreadable", "The file cannot be opened as a video. It may be damaged."),
        Some(1020) => input("media.no_video", "The file has no picture that can be decoded."),
        Some(1030) => input("media.codec", "The video is in a format that we cannot decode."),
        Some(1040) => input("media.damaged", "The video is damaged: not all of it can be decoded."),
        _ => passing(code, message),
    }
}

fn passing(code: Option<i32>, message: &str) -> Ending {
    let code = code.map_or_else(|| "no code".to_owned(), |c| c.to_string());
    Ending::Passing(format!("MediaConvert: {message} ({code})"))
}

impl From<Ending> for MediaError {
    fn from(ending: Ending) -> Self {
        match ending {
            Ending::Input(reason) => Self::Refused(reason),
            Ending::Passing(said) => Self::Fault(Fault::new(FaultKind::Unavailable, said)),
        }
    }
}
