//! Captions as their owner sees them.

use catalog::Video;
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CaptionsList {
    pub items: Vec<CaptionsEntry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CaptionsEntry {
    /// BCP 47, in its canonical spelling.
    pub language: String,
    /// As viewers read it.
    pub name: String,
    pub cues: u32,
    /// Whether viewers can choose it: the published package has it.
    pub shown: bool,
}

impl CaptionsList {
    pub fn of(video: &Video) -> Self {
        let shown = video.package.as_ref().map_or(&[][..], |p| &p.tracks.captions);
        let entry = |c: &catalog::OwnersCaptions| CaptionsEntry {
            name: transcode::captions::language_name(&c.language),
            language: c.language.clone(),
            cues: c.cues,
            shown: video.status.is_readable() && shown.iter().any(|s| s.language == c.language),
        };
        Self { items: video.captions.iter().map(entry).collect() }
    }
}
