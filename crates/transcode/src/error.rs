//! Why transcoding stopped.

use crate::port::{MediaError, MediaStoreError};
use crate::shelf::ShelfError;
use catalog::VideoStoreError;
use stdx::Fault;
use vocab::{FailureReason, VideoId};
use work::JobStoreError;

/// Why an encode did not come to an end this time.
#[derive(Debug, thiserror::Error)]
pub enum TranscodeError {
    /// Nothing unjudged is encoded, whatever a job asks for.
    #[error("{0} has no approval for the bytes it has")]
    NotApproved(VideoId),
    #[error("reading: {0}")]
    Read(MediaStoreError),
    #[error(transparent)]
    Videos(#[from] VideoStoreError),
    #[error("encoder: {0}")]
    Encoder(String),
    #[error(transparent)]
    Shelf(#[from] ShelfError),
    /// Rungs that a published video waits for cannot be made of what it has.
    #[error("{}: {}", .0.code, .0.message)]
    Refused(FailureReason),
    #[error(transparent)]
    Jobs(#[from] JobStoreError),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl TranscodeError {
    /// Whether another try may end differently.
    pub const fn is_final(&self) -> bool {
        matches!(self, Self::NotApproved(_) | Self::Refused(_) | Self::Shelf(ShelfError::OtherCuts))
    }

    /// The engine's fault inside, which says what another try needs.
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Read(MediaStoreError::Fault(fault))
            | Self::Videos(VideoStoreError::Fault(fault))
            | Self::Jobs(JobStoreError::Fault(fault))
            | Self::Fault(fault) => Some(fault),
            Self::Shelf(shelf) => shelf.fault(),
            Self::NotApproved(_)
            | Self::Read(_)
            | Self::Videos(_)
            | Self::Jobs(_)
            | Self::Refused(_)
            | Self::Encoder(_) => None,
        }
    }
}

/// Why a run stopped short: for good, with a reason the owner reads, or for now.
pub(crate) enum Halt {
    Refused(FailureReason),
    Again(TranscodeError),
}

impl<E: Into<TranscodeError>> From<E> for Halt {
    fn from(e: E) -> Self {
        Self::Again(e.into())
    }
}

impl From<MediaError> for Halt {
    fn from(e: MediaError) -> Self {
        match e {
            MediaError::Refused(reason) => Self::Refused(reason),
            MediaError::Failed(said) => Self::Again(TranscodeError::Encoder(said)),
            MediaError::Fault(fault) => Self::Again(fault.into()),
        }
    }
}

impl From<MediaStoreError> for TranscodeError {
    fn from(e: MediaStoreError) -> Self {
        Self::Read(e)
    }
}
