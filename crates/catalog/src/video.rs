//! The record of a video and its parts.

use crate::changes::Changes;
use serde::{Deserialize, Serialize};
use vocab::{
    Bytes, Codec, FailureReason, Kbps, Millis, PackageId, RenditionId, RungName, Status, UploadId, UserId,
    VideoId, Visibility,
};

/// What the owner wants done to the picture and sound before publication.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transform {
    /// Play from here; `None` = from the start.
    pub trim_start_ms: Option<Millis>,
    /// Play until here; `None` = to the end.
    pub trim_end_ms: Option<Millis>,
    /// Publish without sound.
    pub mute: bool,
    /// The cover is the frame at this time of the *published* video; `None` = chosen for the owner.
    pub cover_at_ms: Option<Millis>,
}

/// What the owner says about a video. Validated by [`crate::metadata`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Metadata {
    pub title: String,
    pub caption: String,
    /// Lowercase, without `#`.
    pub hashtags: Vec<String>,
    pub visibility: Visibility,
}

/// Facts of the source, from the audit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceFacts {
    pub duration_ms: Millis,
    /// Display size, rotation applied.
    pub width: u32,
    pub height: u32,
    pub fps_milli: u32,
    pub has_audio: bool,
    pub video_codec: String,
    pub audio_codec: Option<String>,
    pub size_bytes: Bytes,
}

/// One encoded rung: what a player must know to start without asking.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RenditionFacts {
    pub id: RenditionId,
    pub rung: RungName,
    pub width: u32,
    pub height: u32,
    /// RFC 6381, e.g. `avc1.64001f,mp4a.40.2`.
    pub codecs: String,
    /// Measured peak of any segment.
    pub peak_kbps: Kbps,
    /// Measured average.
    pub average_kbps: Kbps,
    pub init_bytes: u32,
    /// Bytes of segment 0 up to and including the first frame.
    pub first_frame_bytes: u32,
    pub segment_bytes: Vec<u32>,
    #[serde(default, skip_serializing_if = "Layout::is_plain")]
    pub layout: Layout,
}

impl RenditionFacts {
    pub fn codec(&self) -> Codec {
        Codec::of(&self.codecs)
    }
}

/// How a rendition lies in the store, beyond its init segment, segments and media playlist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Layout {
    /// Its I-frame playlist; `None` = it has none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub i_frames: Option<Rates>,
    /// One object, the init segment and all segments in a row, instead of one each.
    #[serde(skip_serializing_if = "is_false")]
    pub single_file: bool,
}

impl Layout {
    fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

fn is_false(flag: &bool) -> bool {
    !*flag
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Measured bit rates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rates {
    pub peak_kbps: Kbps,
    pub average_kbps: Kbps,
}

/// What a package has beside its rungs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Tracks {
    /// The sound where it is a rendition of its own; `None` = it is in the rungs, or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<SoundFacts>,
    /// By language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub captions: Vec<CaptionsFacts>,
    /// Rungs that were encoded in AV1 too, whether or not that was worth showing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub av1: Vec<RungName>,
    /// SHA-256 of the owner's own picture that is its poster ([`OwnCover::sha256`]); `None` = one of the video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cover: Option<String>,
}

impl Tracks {
    fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A rendition of sound alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SoundFacts {
    pub id: RenditionId,
    pub codecs: String,
    pub channels: u16,
    #[serde(flatten)]
    pub rates: Rates,
    pub init_bytes: u32,
    pub segment_bytes: Vec<u32>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub single_file: bool,
}

/// A captions rendition of a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionsFacts {
    /// BCP 47, in its canonical spelling.
    pub language: String,
    pub id: RenditionId,
}

/// The owner's captions in one language. Whether a package shows them already, the package says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnersCaptions {
    /// BCP 47, in its canonical spelling.
    pub language: String,
    /// Of the checked text.
    pub sha256: String,
    pub cues: u32,
    /// The revision that the record got when the change was counted: names the draft of this change alone.
    /// 0 = of a time when drafts were named by their text.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub n: u64,
}

/// The owner's own picture as the cover. Nobody but moderators sees one that was not approved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Cover {
    /// The one that was sent last, until it is approved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub asked: Option<AskedCover>,
    /// The one that viewers are shown, once there is a package; `None` = a picture of the video.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shown: Option<OwnCover>,
}

impl Cover {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }
}

/// A picture that waits for its approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AskedCover {
    /// The revision that the record got with it. A later picture has a greater one: the last wins.
    pub n: u64,
    /// Of the file as it was sent.
    pub sha256: String,
    pub state: CoverState,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CoverState {
    /// Nobody has looked yet.
    Checking,
    /// A person is asked.
    InReview,
    /// It will not be shown.
    Refused(FailureReason),
}

/// A picture that was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnCover {
    /// As of [`AskedCover::n`].
    pub n: u64,
    /// Of the file as it was sent.
    pub sent_sha256: String,
    /// Of the picture that was made of it, judged and shown.
    pub sha256: String,
    pub blurhash: Option<String>,
}

/// One immutable package: a multivariant playlist over renditions, poster and sprite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Package {
    pub id: PackageId,
    pub duration_ms: Millis,
    pub width: u32,
    pub height: u32,
    pub fps_milli: u32,
    pub has_audio: bool,
    /// Start rung first.
    pub renditions: Vec<RenditionFacts>,
    /// The same for every rendition.
    pub segment_ms: Vec<u32>,
    /// A 4×3 BlurHash of the poster.
    pub blurhash: Option<String>,
    pub sprite: Option<SpriteFacts>,
    /// Rungs of the plan that are still to come, in a package of their own over the same renditions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub pending: Vec<RungName>,
    /// How the qualities were chosen; `None` = as the profile says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quality: Option<QualityFacts>,
    #[serde(default, skip_serializing_if = "Tracks::is_empty")]
    pub tracks: Tracks,
}

/// What probes of the top rung decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QualityFacts {
    /// `vmaf` or `ssim`.
    pub metric: String,
    /// In hundredths of a point of the metric's scale, 0–100.
    pub target_centi: u32,
    /// What was chosen for each rung, in hundredths of an x264 CRF.
    pub crf_centi: Vec<(RungName, u16)>,
    /// Rungs of the plan that would have shown nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<RungName>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SpriteFacts {
    pub tile_width: u16,
    pub tile_height: u16,
    pub columns: u8,
    pub rows: u8,
    pub tiles: u16,
    pub cadence_ms: u32,
}

/// The verdict as the owner and the pipeline need it; details live in `moderation`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerdictFacts {
    pub verdict: vocab::Verdict,
    /// SHA-256 (hex) of the exact bytes judged; encoding other bytes is refused.
    pub content_sha256: String,
    pub decided_at: Millis,
    /// `classifier`, `block_list` or `moderator`.
    pub decided_by: String,
    /// Stable code, e.g. `sexual_content`, `violence`, `blocked_content`, `other`.
    pub reason_code: Option<String>,
    /// What the owner reads.
    pub reason: Option<String>,
}

/// The owner's one request for another look at a rejected video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Appeal {
    pub at: Millis,
    pub message: String,
}

/// Everything the catalog knows of one video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Video {
    pub id: VideoId,
    pub owner: UserId,
    pub status: Status,
    /// Grows by one with every change; the condition of every write.
    pub revision: u64,
    pub meta: Metadata,
    pub transform: Transform,
    pub upload: Option<UploadId>,
    /// Declared, later measured, length of the raw object.
    pub raw_bytes: Bytes,
    pub content_sha256: Option<String>,
    pub source: Option<SourceFacts>,
    pub verdict: Option<VerdictFacts>,
    pub failure: Option<FailureReason>,
    pub package: Option<Package>,
    /// 128-bit hex key of the unlisted link.
    pub link_key: String,
    pub created_at: Millis,
    pub status_changed_at: Millis,
    pub published_at: Option<Millis>,
    /// Where `Removed` came from, so that an undo can return there.
    pub removed_from: Option<Status>,
    /// Set once and kept: an owner may appeal one time.
    #[serde(default)]
    pub appeal: Option<Appeal>,
    /// By language.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub captions: Vec<OwnersCaptions>,
    #[serde(default, skip_serializing_if = "Cover::is_none")]
    pub cover: Cover,
    /// How often the captions changed lately; `None` = never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captions_changes: Option<Changes>,
    /// The same of pictures that the owner sent for the cover.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cover_changes: Option<Changes>,
}

impl Video {
    /// A video as it begins: reserved, nothing uploaded. The other fields are public; fill in what is known.
    pub fn reserved(id: VideoId, owner: UserId, link_key: String, at: Millis) -> Self {
        Self {
            id,
            owner,
            status: Status::Reserved,
            revision: 0,
            meta: Metadata::default(),
            transform: Transform::default(),
            upload: None,
            raw_bytes: Bytes(0),
            content_sha256: None,
            source: None,
            verdict: None,
            failure: None,
            package: None,
            link_key,
            created_at: at,
            status_changed_at: at,
            published_at: None,
            removed_from: None,
            appeal: None,
            captions: Vec::new(),
            cover: Cover::default(),
            captions_changes: None,
            cover_changes: None,
        }
    }

    /// Whether feeds and public lists may name it: published, and meant for everybody.
    pub fn is_listed(&self) -> bool {
        self.status == Status::Published && self.meta.visibility == Visibility::Public
    }

    /// Whether its owner deleted it, or it is gone for good.
    pub fn is_gone(&self) -> bool {
        matches!(self.status, Status::Removed | Status::Erased)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As the first version wrote it. It must be readable for ever.
    const OLD_COVER: &str = r#"{"asked":{"n":4,"sha256":"ab","state":{"refused":{"code":"hate","message":"No.","retryable":false}}},"shown":{"n":2,"sent_sha256":"cd","sha256":"ef","blurhash":null}}"#;

    #[test]
    fn the_first_cover_is_still_read_and_written() {
        let reason = FailureReason::new("hate", "No.", false);
        let asked = AskedCover { n: 4, sha256: "ab".into(), state: CoverState::Refused(reason) };
        let shown = OwnCover { n: 2, sent_sha256: "cd".into(), sha256: "ef".into(), blurhash: None };
        let cover = Cover { asked: Some(asked), shown: Some(shown) };
        assert_eq!(serde_json::from_str::<Cover>(OLD_COVER).unwrap(), cover);
        assert_eq!(serde_json::to_string(&cover).unwrap(), OLD_COVER);
        let states = r#"["checking","in_review"]"#;
        assert_eq!(serde_json::to_string(&[CoverState::Checking, CoverState::InReview]).unwrap(), states);
        assert!(
            !serde_json::to_string(&Video::reserved(VideoId(1), UserId(1), "k".into(), Millis(0)))
                .unwrap()
                .contains("cover\""),
            "a record without one is written as before"
        );
    }
}
