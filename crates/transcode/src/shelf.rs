//! Puts a package into the store and fetches it back.

use crate::names::Names;
use crate::port::{Content, Encoded, MediaStore, MediaStoreError};
use bytes::Bytes;
use catalog::{Package, RenditionFacts, SpriteFacts, Video};
use moderation::Draft;
use moderation::record::digest_of;
use packager::{Muxed, PackError, SpriteSheet, Variant};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use stdx::Fault;
use tokio::io::AsyncWriteExt;
use vocab::ladder::START_RUNG;
use vocab::{Kbps, MediaKey, PackageId, RenditionId, RungName, VideoId};

/// Why a package could not be put together or stored.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error("packaging: {0}")]
    Pack(#[from] PackError),
    #[error("storing: {0}")]
    Store(#[from] MediaStoreError),
    #[error("{0} came back from the store changed")]
    Changed(RungName),
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl ShelfError {
    /// The engine's fault inside.
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Store(MediaStoreError::Fault(fault)) | Self::Fault(fault) => Some(fault),
            Self::Pack(_) | Self::Store(_) | Self::Changed(_) => None,
        }
    }
}

impl From<std::io::Error> for ShelfError {
    fn from(e: std::io::Error) -> Self {
        Self::Fault(e.into())
    }
}

/// A rung that stands in the store.
#[derive(Debug, Clone)]
pub struct Shelved {
    pub rung: RungName,
    pub facts: RenditionFacts,
    /// Without its bytes.
    pub muxed: Muxed,
    /// SHA-256 of init and segments in a row.
    digest: [u8; 32],
}

/// Writes and reads the objects of one package.
pub struct Shelf<'a> {
    pub media: &'a dyn MediaStore,
    pub video: &'a Video,
    pub names: &'a Names,
}

impl Shelf<'_> {
    fn id(&self) -> VideoId {
        self.video.id
    }

    /// Packages and stores every rung, one at a time so that only one is in memory.
    pub async fn put_renditions(
        &self,
        encoded: &Encoded,
        segment_ms: u32,
    ) -> Result<Vec<Shelved>, ShelfError> {
        let audio = match &encoded.audio {
            Some(path) => Some(tokio::fs::read(path).await?),
            None => None,
        };
        let mut shelved = Vec::with_capacity(encoded.rungs.len());
        for track in &encoded.rungs {
            let picture = tokio::fs::read(&track.path).await?;
            let muxed = packager::mux(&picture, audio.as_deref(), segment_ms)?;
            drop(picture);
            shelved.push(self.put_rendition(track.rung, muxed).await?);
        }
        let all: Vec<Muxed> = shelved.iter().map(|s| s.muxed.clone()).collect();
        packager::same_cuts(&all)?;
        Ok(shelved)
    }

    async fn put_rendition(&self, rung: RungName, mut muxed: Muxed) -> Result<Shelved, ShelfError> {
        let (video, rendition) = (self.id(), self.names.rendition(rung));
        let facts = facts_of(rendition, rung, &muxed);
        let playlist = packager::media_playlist(&muxed, "init.mp4", |n| format!("{n}.m4s"));
        let mut digest = Sha256::new();
        digest.update(&muxed.init);
        let init = std::mem::take(&mut muxed.init);
        self.put(MediaKey::Init { video, rendition }, init).await?;
        for (n, bytes) in std::mem::take(&mut muxed.segments).into_iter().enumerate() {
            digest.update(&bytes);
            self.put(MediaKey::Segment { video, rendition, n: n as u32 }, bytes).await?;
        }
        self.put(MediaKey::MediaPlaylist { video, rendition }, playlist).await?;
        Ok(Shelved { rung, facts, muxed, digest: digest.finalize().into() })
    }

    /// Stores poster, sprite and, last, the playlist that names everything.
    pub async fn put_package(&self, shelved: &[Shelved], draft: &Draft) -> Result<Package, ShelfError> {
        let (video, package) = (self.id(), self.names.package());
        let first = shelved.first().ok_or(PackError::Missing("rung"))?;
        let duration_ms = first.muxed.duration_ms();
        let digest = digest_of(&draft.content_sha256).unwrap_or_default();
        self.copy(MediaKey::DraftPoster { video, digest }, MediaKey::Poster { video, package }).await?;
        if let Some(sprite) = &draft.sprite {
            self.copy(MediaKey::DraftSprite { video, digest }, MediaKey::Sprite { video, package }).await?;
            let cues = packager::sprite_vtt(&sheet(sprite, duration_ms));
            self.put(MediaKey::SpriteVtt { video, package }, cues).await?;
        }
        let ordered = start_first(shelved);
        let variant = |s: &&Shelved| Variant::of(&s.muxed, format!("../{}/media.m3u8", s.facts.id));
        let variants: Vec<Variant> = ordered.iter().map(variant).collect();
        self.put(MediaKey::Multivariant { video, package }, packager::multivariant(&variants)).await?;
        let largest = shelved.last().unwrap_or(first);
        Ok(Package {
            id: package,
            duration_ms,
            width: largest.muxed.width,
            height: largest.muxed.height,
            fps_milli: first.muxed.fps_milli,
            has_audio: first.muxed.has_audio,
            renditions: ordered.into_iter().map(|s| s.facts.clone()).collect(),
            segment_ms: first.muxed.segment_ms(),
            blurhash: draft.blurhash.clone(),
            sprite: draft.sprite.clone(),
            pending: vec![],
            quality: None,
        })
    }

    /// Fetches what a player would fetch, one file a rendition in the order given.
    pub async fn fetch(&self, shelved: &[Shelved], into: &Path) -> Result<Vec<PathBuf>, ShelfError> {
        let mut files = Vec::with_capacity(shelved.len());
        for s in shelved {
            let (video, rendition) = (self.id(), s.facts.id);
            self.media.get(MediaKey::MediaPlaylist { video, rendition }).await?;
            let path = into.join(format!("{}.mp4", s.rung));
            let mut file = tokio::fs::File::create(&path).await?;
            let mut digest = Sha256::new();
            let segments =
                (0..s.facts.segment_bytes.len() as u32).map(|n| MediaKey::Segment { video, rendition, n });
            for key in std::iter::once(MediaKey::Init { video, rendition }).chain(segments) {
                let bytes = self.media.get(key).await?;
                digest.update(&bytes);
                file.write_all(&bytes).await?;
            }
            file.flush().await?;
            if <[u8; 32]>::from(digest.finalize()) != s.digest {
                return Err(ShelfError::Changed(s.rung));
            }
            files.push(path);
        }
        Ok(files)
    }

    /// The pictures and the multivariant playlist must be there too.
    pub async fn check_package(&self, package: PackageId, has_sprite: bool) -> Result<(), ShelfError> {
        let video = self.id();
        self.media.get(MediaKey::Multivariant { video, package }).await?;
        self.media.get(MediaKey::Poster { video, package }).await?;
        if has_sprite {
            self.media.get(MediaKey::Sprite { video, package }).await?;
            self.media.get(MediaKey::SpriteVtt { video, package }).await?;
        }
        Ok(())
    }

    /// Asks nobody: the names are this run's alone.
    async fn put(&self, key: MediaKey, bytes: impl Into<Bytes> + Send) -> Result<(), ShelfError> {
        self.media.put(key, Content::Bytes(bytes.into())).await?;
        stdx::crash::reached(crate::transcoder::OBJECT_STORED);
        Ok(())
    }

    async fn copy(&self, from: MediaKey, to: MediaKey) -> Result<(), ShelfError> {
        let bytes = self.media.get(from).await?;
        self.put(to, bytes).await
    }
}

fn facts_of(id: RenditionId, rung: RungName, muxed: &Muxed) -> RenditionFacts {
    let kbps = |bps: u64| Kbps(u32::try_from(bps.div_ceil(1000)).unwrap_or(u32::MAX));
    RenditionFacts {
        id,
        rung,
        width: muxed.width,
        height: muxed.height,
        codecs: muxed.codecs.clone(),
        peak_kbps: kbps(muxed.peak_bps),
        average_kbps: kbps(muxed.average_bps),
        init_bytes: muxed.init.len() as u32,
        first_frame_bytes: muxed.first_frame_bytes,
        segment_bytes: muxed.segments.iter().map(|s| s.len() as u32).collect(),
    }
}

/// The rung to start with first (the largest that is no larger than 360p, else the smallest), then the
/// others by size.
fn start_first(shelved: &[Shelved]) -> Vec<&Shelved> {
    let start = shelved.iter().rposition(|s| s.rung <= START_RUNG).unwrap_or(0);
    let mut ordered: Vec<&Shelved> = shelved.iter().collect();
    if !ordered.is_empty() {
        let first = ordered.remove(start);
        ordered.insert(0, first);
    }
    ordered
}

fn sheet(sprite: &SpriteFacts, duration_ms: vocab::Millis) -> SpriteSheet {
    SpriteSheet {
        uri: "sprite.jpg".into(),
        tile_width: u32::from(sprite.tile_width),
        tile_height: u32::from(sprite.tile_height),
        columns: u32::from(sprite.columns),
        tiles: u32::from(sprite.tiles),
        cadence_ms: sprite.cadence_ms,
        duration_ms,
    }
}
