//! The startup descriptor (D8): all a player must know to show the first frame without asking.

use catalog::{CaptionsFacts, Package, RenditionFacts, SoundFacts};
use serde::Serialize;
use utoipa::ToSchema;
use vocab::ladder::START_RUNG;
use vocab::{MediaKey, PackageId, RenditionId, VideoId};

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Playback {
    #[schema(value_type = String)]
    pub package_id: PackageId,
    pub multivariant_url: String,
    pub poster_url: String,
    /// BlurHash of the poster.
    pub blurhash: Option<String>,
    pub width: u32,
    pub height: u32,
    pub fps_milli: u32,
    pub has_audio: bool,
    pub sprite: Option<Sprite>,
    /// Short side of the rung to start with.
    pub start_rung: u16,
    /// Duration of every segment, the same in every rung.
    pub segment_ms: Vec<u32>,
    pub rungs: Vec<PlaybackRung>,
    /// The sound where it is a rendition of its own; absent = it is in the rungs, or there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sound: Option<PlaybackSound>,
    /// By language.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub captions: Vec<PlaybackCaptions>,
    /// Viewers still watching when k/20 has played, in parts per million.
    pub retention_ppm: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sprite {
    pub url: String,
    pub vtt_url: String,
    pub tile_width: u16,
    pub tile_height: u16,
    pub columns: u8,
    pub rows: u8,
    pub tiles: u16,
    pub cadence_ms: u32,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlaybackRung {
    /// Short side.
    pub rung: u16,
    pub width: u32,
    pub height: u32,
    pub codecs: String,
    pub peak_kbps: u32,
    pub average_kbps: u32,
    pub media_url: String,
    /// With the segments in a row behind it where `single_file` is.
    pub init_url: String,
    pub init_bytes: u32,
    /// Segments are ranges of the object at `init_url`, from `init_bytes` on.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub single_file: bool,
    /// Its key frames as byte ranges.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub i_frames_url: Option<String>,
    /// Bytes of segment 0 up to and including the first frame.
    pub first_frame_bytes: u32,
    pub segment_bytes: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlaybackSound {
    pub codecs: String,
    pub channels: u16,
    pub peak_kbps: u32,
    pub average_kbps: u32,
    pub media_url: String,
    pub init_url: String,
    pub init_bytes: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub single_file: bool,
    pub segment_bytes: Vec<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct PlaybackCaptions {
    /// BCP 47.
    pub language: String,
    /// As viewers read it.
    pub name: String,
    /// A WebVTT file.
    pub url: String,
}

/// The public path of a key that has one.
fn path(key: &MediaKey) -> String {
    key.public_path().unwrap_or_default()
}

impl Playback {
    pub fn of(video: VideoId, package: &Package, retention_ppm: Vec<u32>) -> Self {
        let id = package.id;
        let sprite = package.sprite.as_ref().map(|s| Sprite {
            url: path(&MediaKey::Sprite { video, package: id }),
            vtt_url: path(&MediaKey::SpriteVtt { video, package: id }),
            tile_width: s.tile_width,
            tile_height: s.tile_height,
            columns: s.columns,
            rows: s.rows,
            tiles: s.tiles,
            cadence_ms: s.cadence_ms,
        });
        Self {
            package_id: id,
            multivariant_url: path(&MediaKey::Multivariant { video, package: id }),
            poster_url: path(&MediaKey::Poster { video, package: id }),
            blurhash: package.blurhash.clone(),
            width: package.width,
            height: package.height,
            fps_milli: package.fps_milli,
            has_audio: package.has_audio,
            sprite,
            start_rung: start_rung(package),
            segment_ms: package.segment_ms.clone(),
            rungs: package.renditions.iter().map(|r| PlaybackRung::of(video, r)).collect(),
            sound: package.tracks.sound.as_ref().map(|s| PlaybackSound::of(video, s)),
            captions: package.tracks.captions.iter().map(|c| PlaybackCaptions::of(video, c)).collect(),
            retention_ppm,
        }
    }
}

/// The seed's 360, or the highest rung below it, or the lowest there is.
fn start_rung(package: &Package) -> u16 {
    // Everything plays these.
    let rungs = || package.renditions.iter().filter(|r| r.codec().is_h264()).map(|r| r.rung);
    rungs().filter(|r| *r <= START_RUNG).max().or_else(|| rungs().min()).unwrap_or(START_RUNG).0
}

/// Where the init segment is.
fn init_path(video: VideoId, rendition: RenditionId, single_file: bool) -> String {
    if single_file {
        path(&MediaKey::SingleFile { video, rendition })
    } else {
        path(&MediaKey::Init { video, rendition })
    }
}

impl PlaybackSound {
    fn of(video: VideoId, facts: &SoundFacts) -> Self {
        Self {
            codecs: facts.codecs.clone(),
            channels: facts.channels,
            peak_kbps: facts.rates.peak_kbps.get(),
            average_kbps: facts.rates.average_kbps.get(),
            media_url: path(&MediaKey::MediaPlaylist { video, rendition: facts.id }),
            init_url: init_path(video, facts.id, facts.single_file),
            init_bytes: facts.init_bytes,
            single_file: facts.single_file,
            segment_bytes: facts.segment_bytes.clone(),
        }
    }
}

impl PlaybackCaptions {
    fn of(video: VideoId, facts: &CaptionsFacts) -> Self {
        Self {
            language: facts.language.clone(),
            name: transcode::captions::language_name(&facts.language),
            url: path(&MediaKey::Captions { video, rendition: facts.id }),
        }
    }
}

impl PlaybackRung {
    fn of(video: VideoId, facts: &RenditionFacts) -> Self {
        let rendition = facts.id;
        Self {
            rung: facts.rung.0,
            width: facts.width,
            height: facts.height,
            codecs: facts.codecs.clone(),
            peak_kbps: facts.peak_kbps.get(),
            average_kbps: facts.average_kbps.get(),
            media_url: path(&MediaKey::MediaPlaylist { video, rendition }),
            init_url: init_path(video, rendition, facts.layout.single_file),
            init_bytes: facts.init_bytes,
            single_file: facts.layout.single_file,
            i_frames_url: (facts.layout.i_frames)
                .map(|_| path(&MediaKey::IFramePlaylist { video, rendition })),
            first_frame_bytes: facts.first_frame_bytes,
            segment_bytes: facts.segment_bytes.clone(),
        }
    }
}
