//! One fact, one place: what every stored object is called, what it is, and how it is cached.

use crate::id::{PackageId, RenditionId, UploadId, VideoId};
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

/// How an object class may be cached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CacheClass {
    /// Never leaves the house: raw objects, moderation frames.
    Private,
    /// Immutable under its name: 30 days (seed §5: TTL 7–30 d).
    Immutable,
    /// A playlist that may be rewritten: 15–60 s with stale-while-revalidate (seed §5).
    /// No class of ours uses it today (ADR 0002); the policy stays.
    Mutable,
}

/// Seconds an immutable object may be cached: 30 days.
pub const IMMUTABLE_TTL_S: u32 = 30 * 24 * 3600;
/// Seconds a mutable playlist may be cached (seed §5: 15–60 s).
pub const MUTABLE_TTL_S: u32 = 30;
/// Seconds a mutable playlist may be served stale while it is revalidated.
pub const MUTABLE_SWR_S: u32 = 60;

impl CacheClass {
    /// The `Cache-Control` value of the class.
    pub const fn cache_control(self) -> &'static str {
        match self {
            Self::Private => "private, no-store",
            Self::Immutable => "public, max-age=2592000, immutable",
            Self::Mutable => "public, max-age=30, stale-while-revalidate=60",
        }
    }
}

/// Every class of object the product stores.
///
/// Public URLs are `/v/{video}/{id}/{file}` for playback and `/p/{video}/{package}/{file}`
/// for pictures; see [`MediaKey::public_path`].
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum MediaKey {
    /// The file as the owner sent it.
    Raw {
        video: VideoId,
        upload: UploadId,
    },
    /// A sampled frame for moderators; `n` from 1. `digest` = first 16 hex digits of the content hash.
    ReviewFrame {
        video: VideoId,
        digest: u64,
        n: u16,
    },
    /// Pass A's sheet of tiles before publication.
    DraftSprite {
        video: VideoId,
        digest: u64,
    },
    /// The chosen or owner's cover before publication.
    DraftPoster {
        video: VideoId,
        digest: u64,
    },
    /// Pass A's facts (audit, loudness, frame times) as JSON.
    DraftFacts {
        video: VideoId,
        digest: u64,
    },
    Multivariant {
        video: VideoId,
        package: PackageId,
    },
    MediaPlaylist {
        video: VideoId,
        rendition: RenditionId,
    },
    Init {
        video: VideoId,
        rendition: RenditionId,
    },
    /// `n` from 0.
    Segment {
        video: VideoId,
        rendition: RenditionId,
        n: u32,
    },
    /// A rung's key frames as byte ranges.
    IFramePlaylist {
        video: VideoId,
        rendition: RenditionId,
    },
    /// A rendition in one object, which its playlists name ranges of.
    SingleFile {
        video: VideoId,
        rendition: RenditionId,
    },
    /// The cues of a captions rendition.
    Captions {
        video: VideoId,
        rendition: RenditionId,
    },
    /// The owner's captions, checked. `digest` stands for the text and the change that brought it.
    DraftCaptions {
        video: VideoId,
        digest: u64,
    },
    /// A picture the owner sent for the cover, as it came. `digest` = first 16 hex digits of its hash.
    SentCover {
        video: VideoId,
        digest: u64,
    },
    /// That picture drawn anew: what is judged and, once approved, shown. `digest` as above, of this file.
    DraftCover {
        video: VideoId,
        digest: u64,
    },
    Poster {
        video: VideoId,
        package: PackageId,
    },
    Sprite {
        video: VideoId,
        package: PackageId,
    },
    SpriteVtt {
        video: VideoId,
        package: PackageId,
    },
}

/// A path that names no object of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaKeyError;

impl fmt::Display for MediaKeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no media object has such a path")
    }
}

impl core::error::Error for MediaKeyError {}

/// Two hex digits that spread objects over store partitions.
fn shard(video: VideoId) -> u8 {
    (video.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56) as u8
}

impl MediaKey {
    pub fn video(&self) -> VideoId {
        match self {
            Self::Raw { video, .. }
            | Self::ReviewFrame { video, .. }
            | Self::DraftSprite { video, .. }
            | Self::DraftPoster { video, .. }
            | Self::DraftFacts { video, .. }
            | Self::Multivariant { video, .. }
            | Self::MediaPlaylist { video, .. }
            | Self::Init { video, .. }
            | Self::Segment { video, .. }
            | Self::IFramePlaylist { video, .. }
            | Self::SingleFile { video, .. }
            | Self::Captions { video, .. }
            | Self::DraftCaptions { video, .. }
            | Self::SentCover { video, .. }
            | Self::DraftCover { video, .. }
            | Self::Poster { video, .. }
            | Self::Sprite { video, .. }
            | Self::SpriteVtt { video, .. } => *video,
        }
    }

    /// The key in the object store. Seed §2: `raw/`, `vod/packaged/`, `thumbnails/`, `sprites/`.
    pub fn object_key(&self) -> String {
        let s = shard(self.video());
        match self {
            Self::Raw { video, upload } => format!("raw/{s:02x}/{video}/{upload}"),
            Self::ReviewFrame { video, digest, n } => {
                format!("review/{s:02x}/{video}/{digest:016x}/f_{n:03}.jpg")
            }
            Self::DraftSprite { video, digest } => {
                format!("review/{s:02x}/{video}/{digest:016x}/sprite.jpg")
            }
            Self::DraftPoster { video, digest } => {
                format!("review/{s:02x}/{video}/{digest:016x}/poster.jpg")
            }
            Self::DraftFacts { video, digest } => {
                format!("review/{s:02x}/{video}/{digest:016x}/facts.json")
            }
            Self::Multivariant { video, package } => {
                format!("vod/packaged/{s:02x}/{video}/{package}/main.m3u8")
            }
            Self::MediaPlaylist { video, rendition } => {
                format!("vod/packaged/{s:02x}/{video}/{rendition}/media.m3u8")
            }
            Self::Init { video, rendition } => {
                format!("vod/packaged/{s:02x}/{video}/{rendition}/init.mp4")
            }
            Self::Segment { video, rendition, n } => {
                format!("vod/packaged/{s:02x}/{video}/{rendition}/{n}.m4s")
            }
            Self::IFramePlaylist { video, rendition } => {
                format!("vod/packaged/{s:02x}/{video}/{rendition}/iframes.m3u8")
            }
            Self::SingleFile { video, rendition } => {
                format!("vod/packaged/{s:02x}/{video}/{rendition}/media.mp4")
            }
            Self::Captions { video, rendition } => {
                format!("vod/packaged/{s:02x}/{video}/{rendition}/captions.vtt")
            }
            Self::DraftCaptions { video, digest } => {
                format!("review/{s:02x}/{video}/{digest:016x}/captions.vtt")
            }
            Self::SentCover { video, digest } => format!("review/{s:02x}/{video}/{digest:016x}/cover"),
            Self::DraftCover { video, digest } => format!("review/{s:02x}/{video}/{digest:016x}/cover.jpg"),
            Self::Poster { video, package } => format!("thumbnails/{s:02x}/{video}/{package}/poster.jpg"),
            Self::Sprite { video, package } => format!("sprites/{s:02x}/{video}/{package}/sprite.jpg"),
            Self::SpriteVtt { video, package } => format!("sprites/{s:02x}/{video}/{package}/sprite.vtt"),
        }
    }

    /// The last part of its key: what a playlist beside it calls it.
    pub fn file_name(&self) -> String {
        let key = self.object_key();
        key.rsplit('/').next().unwrap_or_default().to_string()
    }

    /// The prefixes under which every object of a video lives, for erasure.
    pub fn prefixes_of(video: VideoId) -> Vec<String> {
        let s = shard(video);
        ["raw", "review", "encoded", "vod/packaged", "thumbnails", "sprites"]
            .iter()
            .map(|class| format!("{class}/{s:02x}/{video}/"))
            .collect()
    }

    /// Where an engine outside puts the track files of one piece of work: private, and gone after some days.
    /// `work` must be letters and digits.
    pub fn encoded_prefix(video: VideoId, work: &str, attempt: u32) -> String {
        format!("encoded/{:02x}/{video}/{work}/{attempt}/", shard(video))
    }

    /// The path viewers fetch it under; `None` for what never leaves the house.
    pub fn public_path(&self) -> Option<String> {
        match self {
            Self::Raw { .. }
            | Self::ReviewFrame { .. }
            | Self::DraftSprite { .. }
            | Self::DraftPoster { .. }
            | Self::DraftFacts { .. }
            | Self::DraftCaptions { .. }
            | Self::SentCover { .. }
            | Self::DraftCover { .. } => None,
            Self::Multivariant { video, package } => Some(format!("/v/{video}/{package}/main.m3u8")),
            Self::MediaPlaylist { video, rendition } => Some(format!("/v/{video}/{rendition}/media.m3u8")),
            Self::Init { video, rendition } => Some(format!("/v/{video}/{rendition}/init.mp4")),
            Self::Segment { video, rendition, n } => Some(format!("/v/{video}/{rendition}/{n}.m4s")),
            Self::IFramePlaylist { video, rendition } => Some(format!("/v/{video}/{rendition}/iframes.m3u8")),
            Self::SingleFile { video, rendition } => Some(format!("/v/{video}/{rendition}/media.mp4")),
            Self::Captions { video, rendition } => Some(format!("/v/{video}/{rendition}/captions.vtt")),
            Self::Poster { video, package } => Some(format!("/p/{video}/{package}/poster.jpg")),
            Self::Sprite { video, package } => Some(format!("/p/{video}/{package}/sprite.jpg")),
            Self::SpriteVtt { video, package } => Some(format!("/p/{video}/{package}/sprite.vtt")),
        }
    }

    /// Parses a public path (`/v/…` or `/p/…`) into typed parts; nothing is ever joined raw.
    pub fn from_public_path(path: &str) -> Result<Self, MediaKeyError> {
        let mut parts = path.strip_prefix('/').ok_or(MediaKeyError)?.split('/');
        let (Some(class), Some(video), Some(id), Some(file), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(MediaKeyError);
        };
        let video = canonical::<VideoId>(video)?;
        match (class, file) {
            ("v", "main.m3u8") => Ok(Self::Multivariant { video, package: canonical(id)? }),
            ("v", "media.m3u8") => Ok(Self::MediaPlaylist { video, rendition: canonical(id)? }),
            ("v", "init.mp4") => Ok(Self::Init { video, rendition: canonical(id)? }),
            ("v", "iframes.m3u8") => Ok(Self::IFramePlaylist { video, rendition: canonical(id)? }),
            ("v", "media.mp4") => Ok(Self::SingleFile { video, rendition: canonical(id)? }),
            ("v", "captions.vtt") => Ok(Self::Captions { video, rendition: canonical(id)? }),
            ("v", file) => {
                let n = segment_number(file).ok_or(MediaKeyError)?;
                Ok(Self::Segment { video, rendition: canonical(id)?, n })
            }
            ("p", "poster.jpg") => Ok(Self::Poster { video, package: canonical(id)? }),
            ("p", "sprite.jpg") => Ok(Self::Sprite { video, package: canonical(id)? }),
            ("p", "sprite.vtt") => Ok(Self::SpriteVtt { video, package: canonical(id)? }),
            _ => Err(MediaKeyError),
        }
    }

    pub const fn content_type(&self) -> &'static str {
        match self {
            // Nobody has looked at what either is.
            Self::Raw { .. } | Self::SentCover { .. } => "application/octet-stream",
            Self::ReviewFrame { .. }
            | Self::DraftCover { .. }
            | Self::DraftSprite { .. }
            | Self::DraftPoster { .. }
            | Self::Poster { .. }
            | Self::Sprite { .. } => "image/jpeg",
            Self::DraftFacts { .. } => "application/json",
            Self::Multivariant { .. } | Self::MediaPlaylist { .. } | Self::IFramePlaylist { .. } => {
                "application/vnd.apple.mpegurl"
            }
            Self::Init { .. } | Self::SingleFile { .. } => "video/mp4",
            Self::Segment { .. } => "video/iso.segment",
            Self::SpriteVtt { .. } | Self::Captions { .. } | Self::DraftCaptions { .. } => {
                "text/vtt; charset=utf-8"
            }
        }
    }

    pub const fn cache_class(&self) -> CacheClass {
        match self {
            Self::Raw { .. }
            | Self::ReviewFrame { .. }
            | Self::DraftSprite { .. }
            | Self::DraftPoster { .. }
            | Self::DraftFacts { .. }
            | Self::DraftCaptions { .. }
            | Self::SentCover { .. }
            | Self::DraftCover { .. } => CacheClass::Private,
            Self::Multivariant { .. }
            | Self::MediaPlaylist { .. }
            | Self::Init { .. }
            | Self::Segment { .. }
            | Self::IFramePlaylist { .. }
            | Self::SingleFile { .. }
            | Self::Captions { .. }
            | Self::Poster { .. }
            | Self::Sprite { .. }
            | Self::SpriteVtt { .. } => CacheClass::Immutable,
        }
    }

    /// Whether a stored copy is worth keeping compressed (playlists and cues).
    pub const fn is_text(&self) -> bool {
        matches!(
            self,
            Self::Multivariant { .. }
                | Self::MediaPlaylist { .. }
                | Self::IFramePlaylist { .. }
                | Self::SpriteVtt { .. }
                | Self::Captions { .. }
        )
    }
}

/// One spelling a path: other spellings of the same id (case, `o` for `0`) are not found.
fn canonical<T: FromStr + fmt::Display>(text: &str) -> Result<T, MediaKeyError> {
    let id: T = text.parse().map_err(|_| MediaKeyError)?;
    if id.to_string() == text { Ok(id) } else { Err(MediaKeyError) }
}

fn segment_number(file: &str) -> Option<u32> {
    let digits = file.strip_suffix(".m4s")?;
    let n: u32 = digits.parse().ok()?;
    (n.to_string() == digits).then_some(n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::vec;

    fn public_keys() -> Vec<MediaKey> {
        let (video, package, rendition) = (VideoId(77), PackageId(1 << 90), RenditionId(3));
        vec![
            MediaKey::Multivariant { video, package },
            MediaKey::MediaPlaylist { video, rendition },
            MediaKey::Init { video, rendition },
            MediaKey::Segment { video, rendition, n: 12 },
            MediaKey::IFramePlaylist { video, rendition },
            MediaKey::SingleFile { video, rendition },
            MediaKey::Captions { video, rendition },
            MediaKey::Poster { video, package },
            MediaKey::Sprite { video, package },
            MediaKey::SpriteVtt { video, package },
        ]
    }

    #[test]
    fn public_paths_round_trip() {
        for key in public_keys() {
            let path = key.public_path().expect("public");
            assert_eq!(MediaKey::from_public_path(&path), Ok(key));
        }
    }

    #[test]
    fn the_seeds_ttls_hold() {
        let days = IMMUTABLE_TTL_S / 86_400;
        assert!((7..=30).contains(&days));
        assert!((15..=60).contains(&MUTABLE_TTL_S));
        assert!(CacheClass::Immutable.cache_control().contains(&IMMUTABLE_TTL_S.to_string()));
        assert!(CacheClass::Mutable.cache_control().contains(&MUTABLE_TTL_S.to_string()));
        assert!(CacheClass::Mutable.cache_control().contains(&MUTABLE_SWR_S.to_string()));
    }

    #[test]
    fn what_is_private_has_no_public_path() {
        let key = MediaKey::Raw { video: VideoId(1), upload: UploadId(2) };
        assert_eq!((key.public_path(), key.cache_class()), (None, CacheClass::Private));
    }

    #[test]
    fn path_tricks_name_nothing() {
        for path in [
            "",
            "/",
            "/v",
            "/v/../../etc/passwd",
            "/v/0000000000001/%2e%2e/main.m3u8",
            "/v/0000000000001/00000000000000000000000001/01.m4s",
            "/v/0000000000001/00000000000000000000000001/+1.m4s",
            "/v/000000000000I/00000000000000000000000001/main.m3u8",
            "//v/0000000000001/00000000000000000000000001/main.m3u8",
            "/v/0000000000001/00000000000000000000000001/main.m3u8/",
        ] {
            assert_eq!(MediaKey::from_public_path(path), Err(MediaKeyError), "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_panics(path in ".{0,80}") {
            let _ = MediaKey::from_public_path(&path);
        }
    }
}
