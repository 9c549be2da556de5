//! Puts a package into the store.

use crate::dressing;
use crate::ladder::LadderPlan;
use crate::manifest;
use crate::names::Names;
use crate::port::{Content, Encoded, EncodedTrack, MediaStore, MediaStoreError};
use bytes::Bytes;
use catalog::{Layout, Package, Rates, RenditionFacts, SoundFacts, SpriteFacts, Tracks, Video};
use moderation::Draft;
use moderation::record::digest_of;
use packager::{Addresses, Files, Lengths, PackError, Rendition, Sound, SpriteSheet};
use sha2::{Digest, Sha256};
use stdx::Fault;
use vocab::ladder::START_RUNG;
use vocab::{Kbps, MediaKey, Millis, RenditionId, RungName, VideoId};

/// Stores what `new` has under names of its own beside the renditions: this poster, the sprite of `old` and the
/// playlist. The playlist is last: who can read it can read the rest.
pub(crate) async fn put_over(
    media: &dyn MediaStore,
    (video, poster): (VideoId, MediaKey),
    old: &Package,
    new: &Package,
) -> Result<(), ShelfError> {
    let (from, to) = (old.id, new.id);
    let mut pictures = vec![(poster, MediaKey::Poster { video, package: to })];
    if old.sprite.is_some() {
        pictures.extend([
            (MediaKey::Sprite { video, package: from }, MediaKey::Sprite { video, package: to }),
            (MediaKey::SpriteVtt { video, package: from }, MediaKey::SpriteVtt { video, package: to }),
        ]);
    }
    for (from, to) in pictures {
        let bytes = media.get(from).await?;
        media.put(to, Content::Bytes(bytes)).await?;
    }
    let playlist = manifest::multivariant(video, new);
    media.put(MediaKey::Multivariant { video, package: to }, Content::Bytes(playlist.into())).await?;
    Ok(())
}

/// Where the poster of a package comes from: the owner's own picture, or the one that pass A chose.
pub(crate) fn poster_source(video: VideoId, content: &str, own: Option<&str>) -> Result<MediaKey, Fault> {
    let digest =
        digest_of(own.unwrap_or(content)).ok_or_else(|| Fault::corrupt("a poster without a digest"))?;
    Ok(if own.is_some() {
        MediaKey::DraftCover { video, digest }
    } else {
        MediaKey::DraftPoster { video, digest }
    })
}

/// Why a package could not be put together or stored.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    #[error("packaging: {0}")]
    Pack(#[from] PackError),
    #[error("storing: {0}")]
    Store(#[from] MediaStoreError),
    #[error("{0} came back from the store changed")]
    Changed(RungName),
    #[error("the sound came back from the store changed")]
    ChangedSound,
    #[error("captions that were checked cannot be read any more: {0}")]
    Captions(#[from] packager::CaptionError),
    /// The new rungs cannot be switched to from the old: the profile changed between the waves.
    #[error("the new rungs are cut at other times than those that are published")]
    OtherCuts,
    #[error(transparent)]
    Fault(#[from] Fault),
}

impl ShelfError {
    /// The engine's fault inside.
    pub const fn fault(&self) -> Option<&Fault> {
        match self {
            Self::Store(MediaStoreError::Fault(fault)) | Self::Fault(fault) => Some(fault),
            Self::Pack(_)
            | Self::Store(_)
            | Self::Changed(_)
            | Self::ChangedSound
            | Self::Captions(_)
            | Self::OtherCuts => None,
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
    pub muxed: Rendition,
    /// What is played with it, where that is a rendition of its own.
    pub sound: Option<SoundFacts>,
    /// SHA-256 of init and segments in a row.
    pub(crate) digest: [u8; 32],
    /// The same of the sound; `None` where an earlier wave stored it.
    pub(crate) sound_digest: Option<[u8; 32]>,
}

/// Writes and reads the objects of one package.
pub struct Shelf<'a> {
    pub media: &'a dyn MediaStore,
    pub video: &'a Video,
    pub names: &'a Names,
}

impl Shelf<'_> {
    pub(crate) fn id(&self) -> VideoId {
        self.video.id
    }

    /// Packages and stores every rung, one at a time so that only one is in memory, and the sound where
    /// it is a rendition of its own.
    pub async fn put_renditions(
        &self,
        encoded: &Encoded,
        plan: &LadderPlan,
    ) -> Result<Vec<Shelved>, ShelfError> {
        let audio = match &encoded.audio {
            Some(path) => Some(tokio::fs::read(path).await?),
            None => None,
        };
        let lengths = plan.packaging.lengths(plan.gop_ms, plan.segment_ms);
        let own = audio.as_deref().filter(|_| plan.packaging.sound == Sound::Own);
        let muxed = audio.as_deref().filter(|_| plan.packaging.sound == Sound::Muxed);
        let mut shelved: Vec<Shelved> = Vec::with_capacity(encoded.rungs.len());
        for track in &encoded.rungs {
            let rung = self.put_rung(track, (muxed, &lengths), plan).await?;
            shelved.push(rung);
        }
        let all: Vec<Rendition> = shelved.iter().map(|s| s.muxed.clone()).collect();
        packager::same_cuts(&all)?;
        if let (Some(own), Some(like)) = (own, all.first()) {
            let (sound, digest) = self.put_sound(own, like, plan.packaging.files).await?;
            for s in &mut shelved {
                s.sound.clone_from(&sound);
                s.sound_digest = digest;
            }
        }
        Ok(shelved)
    }

    async fn put_rung(
        &self,
        track: &EncodedTrack,
        (audio, lengths): (Option<&[u8]>, &Lengths),
        plan: &LadderPlan,
    ) -> Result<Shelved, ShelfError> {
        let picture = tokio::fs::read(&track.path).await?;
        let mut muxed = packager::pack(&picture, audio, lengths)?;
        drop(picture);
        let (video, rendition) = (self.id(), self.names.rendition(track.rung));
        let mut facts = facts_of(rendition, track.rung, &muxed);
        facts.layout.single_file = plan.packaging.files == Files::Single;
        if plan.packaging.i_frames {
            let (peak, average) = muxed.i_frame_bps();
            facts.layout.i_frames = Some(rates(peak, average));
            let playlist = muxed.i_frame_playlist(&addresses(video, rendition, plan.packaging.files));
            self.put(MediaKey::IFramePlaylist { video, rendition }, playlist).await?;
        }
        let digest = self.put_rendition(rendition, &mut muxed, plan.packaging.files).await?;
        Ok(Shelved { rung: track.rung, facts, muxed, sound: None, digest, sound_digest: None })
    }

    /// Stores what was packaged and takes its bytes; the playlist last.
    async fn put_rendition(
        &self,
        rendition: RenditionId,
        packed: &mut Rendition,
        files: Files,
    ) -> Result<[u8; 32], ShelfError> {
        let video = self.id();
        let playlist = packed.playlist(&addresses(video, rendition, files));
        let mut digest = Sha256::new();
        if files == Files::Single {
            let whole = packed.single_file();
            digest.update(&whole);
            (packed.init, packed.segments) = (Bytes::new(), Vec::new());
            self.put(MediaKey::SingleFile { video, rendition }, whole).await?;
        } else {
            let init = std::mem::take(&mut packed.init);
            digest.update(&init);
            self.put(MediaKey::Init { video, rendition }, init).await?;
            for (n, bytes) in std::mem::take(&mut packed.segments).into_iter().enumerate() {
                digest.update(&bytes);
                self.put(MediaKey::Segment { video, rendition, n: n as u32 }, bytes).await?;
            }
        }
        self.put(MediaKey::MediaPlaylist { video, rendition }, playlist).await?;
        Ok(digest.finalize().into())
    }

    /// Stores the sound, or finds the one that viewers of a growing package hear already.
    async fn put_sound(
        &self,
        audio: &[u8],
        like: &Rendition,
        files: Files,
    ) -> Result<(Option<SoundFacts>, Option<[u8; 32]>), ShelfError> {
        let shown = self.video.package.as_ref().filter(|_| self.video.status.is_readable());
        if let Some(standing) = shown.and_then(|p| p.tracks.sound.clone()) {
            return Ok((Some(standing), None));
        }
        let Some(mut packed) = packager::pack_sound(audio, like)? else { return Ok((None, None)) };
        let id = self.names.sound();
        let facts = SoundFacts {
            id,
            codecs: packed.codecs.clone(),
            channels: packed.channels,
            rates: rates(packed.peak_bps, packed.average_bps),
            init_bytes: packed.init.len() as u32,
            segment_bytes: packed.segments.iter().map(|s| s.len() as u32).collect(),
            single_file: files == Files::Single,
        };
        let digest = self.put_rendition(id, &mut packed, files).await?;
        Ok((Some(facts), Some(digest)))
    }

    /// Stores poster, sprite and, last, the playlist that names everything.
    pub async fn put_package(&self, shelved: &[Shelved], draft: &Draft) -> Result<Package, ShelfError> {
        let (video, package) = (self.id(), self.names.package());
        let first = shelved.first().ok_or(PackError::Missing("rung"))?;
        let duration_ms = first.muxed.duration_ms();
        let own = self.video.cover.shown.as_ref();
        self.put_pictures(draft, duration_ms, own.map(|c| c.sha256.as_str())).await?;
        let captions = dressing::store(self.media, self.video, &self.video.captions, duration_ms).await?;
        let largest = shelved.last().unwrap_or(first);
        let made = Package {
            id: package,
            duration_ms,
            width: largest.muxed.width,
            height: largest.muxed.height,
            fps_milli: first.muxed.fps_milli,
            has_audio: first.muxed.has_audio || first.sound.is_some(),
            renditions: start_first(shelved).into_iter().map(|s| s.facts.clone()).collect(),
            segment_ms: first.muxed.segment_ms(),
            blurhash: own.map_or_else(|| draft.blurhash.clone(), |c| c.blurhash.clone()),
            sprite: draft.sprite.clone(),
            pending: vec![],
            quality: None,
            tracks: Tracks {
                sound: first.sound.clone(),
                captions,
                av1: vec![],
                cover: own.map(|c| c.sha256.clone()),
            },
        };
        let playlist = manifest::multivariant(video, &made);
        self.put(MediaKey::Multivariant { video, package }, playlist).await?;
        Ok(made)
    }

    /// Stores a package that shows what `old` shows, less the rungs in `dropped`, and `shelved`.
    pub async fn put_grown(
        &self,
        old: &Package,
        shelved: &[Shelved],
        dropped: &[RungName],
        draft: &Draft,
    ) -> Result<Package, ShelfError> {
        let (video, package) = (self.id(), self.names.package());
        let first = shelved.first().ok_or(PackError::Missing("rung"))?;
        let has_audio = first.muxed.has_audio || first.sound.is_some();
        let cuts = (first.muxed.segment_ms(), first.muxed.fps_milli, has_audio);
        let other_sound = first.sound.is_some() != old.tracks.sound.is_some();
        if other_sound || cuts != (old.segment_ms.clone(), old.fps_milli, old.has_audio) {
            return Err(ShelfError::OtherCuts);
        }
        self.put_pictures(draft, old.duration_ms, old.tracks.cover.as_deref()).await?;
        let kept = old.renditions.iter().filter(|r| !dropped.contains(&r.rung)).cloned();
        let renditions: Vec<RenditionFacts> = kept.chain(shelved.iter().map(|s| s.facts.clone())).collect();
        let largest = renditions.iter().max_by_key(|r| r.rung);
        let (width, height) = largest.map_or((old.width, old.height), |r| (r.width, r.height));
        let grown = Package { id: package, width, height, renditions, ..old.clone() };
        let playlist = manifest::multivariant(video, &grown);
        self.put(MediaKey::Multivariant { video, package }, playlist).await?;
        Ok(grown)
    }

    /// `own`: the owner's picture, in the place of the one that pass A chose.
    async fn put_pictures(
        &self,
        draft: &Draft,
        duration_ms: Millis,
        own: Option<&str>,
    ) -> Result<(), ShelfError> {
        let (video, package) = (self.id(), self.names.package());
        let digest = digest_of(&draft.content_sha256).unwrap_or_default();
        let poster = poster_source(video, &draft.content_sha256, own)?;
        self.copy(poster, MediaKey::Poster { video, package }).await?;
        if let Some(sprite) = &draft.sprite {
            self.copy(MediaKey::DraftSprite { video, digest }, MediaKey::Sprite { video, package }).await?;
            let cues = packager::sprite_vtt(&sheet(sprite, duration_ms));
            self.put(MediaKey::SpriteVtt { video, package }, cues).await?;
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

/// What playlists call the objects beside them.
fn addresses(video: VideoId, rendition: RenditionId, files: Files) -> Addresses {
    match files {
        Files::Single => Addresses::Single { file: MediaKey::SingleFile { video, rendition }.file_name() },
        Files::Segments => {
            let first = MediaKey::Segment { video, rendition, n: 0 }.file_name();
            Addresses::Segments {
                init: MediaKey::Init { video, rendition }.file_name(),
                ending: first.trim_start_matches('0').to_owned(),
            }
        }
    }
}

/// Rounded up, so that nothing declared is less than what was measured.
fn kbps(bps: u64) -> Kbps {
    Kbps(u32::try_from(bps.div_ceil(1000)).unwrap_or(u32::MAX))
}

fn rates(peak_bps: u64, average_bps: u64) -> Rates {
    Rates { peak_kbps: kbps(peak_bps), average_kbps: kbps(average_bps) }
}

fn facts_of(id: RenditionId, rung: RungName, muxed: &Rendition) -> RenditionFacts {
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
        layout: Layout::default(),
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

fn sheet(sprite: &SpriteFacts, duration_ms: Millis) -> SpriteSheet {
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
