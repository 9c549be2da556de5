//! The record of one upload.

use crate::plan::PartPlan;
use serde::{Deserialize, Serialize};
use vocab::{Bytes, MediaKey, Millis, UploadId, UserId, VideoId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UploadState {
    /// Parts may arrive.
    Open,
    /// The parts are being put together; from here only a failed check leads back to `Open`.
    Completing,
    /// The raw object stands and the video was handed on.
    Completed,
    /// Given up by the owner, by time or by a failed check.
    Aborted,
}

impl UploadState {
    pub const ALL: [Self; 4] = [Self::Open, Self::Completing, Self::Completed, Self::Aborted];

    pub const fn word(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Completing => "completing",
            Self::Completed => "completed",
            Self::Aborted => "aborted",
        }
    }

    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|s| s.word() == word)
    }

    pub const fn has_ended(self) -> bool {
        matches!(self, Self::Completed | Self::Aborted)
    }

    pub const fn may_become(self, to: Self) -> bool {
        match self {
            Self::Open => matches!(to, Self::Completing | Self::Aborted),
            Self::Completing => matches!(to, Self::Open | Self::Completed | Self::Aborted),
            Self::Completed | Self::Aborted => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Upload {
    pub id: UploadId,
    pub owner: UserId,
    pub video: VideoId,
    /// As the owner's machine calls it; shown to the owner, never a path.
    pub filename: String,
    pub content_type: String,
    /// Declared, and enforced part by part.
    pub size_bytes: Bytes,
    /// Declared SHA-256 of the whole file, lowercase hex.
    pub sha256: Option<String>,
    pub part_size_bytes: Bytes,
    pub part_count: u32,
    pub state: UploadState,
    /// The raw store's name of the multipart upload.
    pub ticket: String,
    pub created_at: Millis,
    pub expires_at: Millis,
    pub state_changed_at: Millis,
}

impl Upload {
    /// Where the assembled file stands. Chosen here, never by a client.
    pub fn raw_key(&self) -> MediaKey {
        MediaKey::Raw { video: self.video, upload: self.id }
    }

    pub fn plan(&self) -> PartPlan {
        PartPlan { size: self.size_bytes, part_size: self.part_size_bytes, part_count: self.part_count }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ends_are_ends() {
        for to in UploadState::ALL {
            assert!(!UploadState::Completed.may_become(to) && !UploadState::Aborted.may_become(to));
        }
        for s in UploadState::ALL {
            assert_eq!(UploadState::from_word(s.word()), Some(s));
        }
    }
}
