//! Captions by the owner: checked when they come, in the package when it is made or, where viewers are
//! shown one already, in a new package over the same renditions.

use crate::manifest;
use crate::port::{Content, MediaStore, MediaStoreError};
use crate::shelf::ShelfError;
use crate::transcoder::{TranscodeError, TranscoderDeps};
use bytes::Bytes;
use catalog::{
    CaptionsFacts, Edit, Growth, OwnerError, Owners, OwnersCaptions, Package, Tracks, Video, VideoStore,
    VideoStoreError, moves,
};
use moderation::record::digest_of;
pub use packager::language_name;
pub use packager::policy::CaptionLimits;
use packager::{CaptionError, Captions, captions_playlist, language_tag};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use stdx::{Fault, FaultKind};
use vocab::{MediaKey, Millis, PackageId, RenditionId, UserId, VideoId};

/// Tries of a change against whoever else changes the video.
const TRIES: u32 = 8;

#[derive(Debug, thiserror::Error)]
pub enum CaptionsError {
    #[error(transparent)]
    Owner(#[from] OwnerError),
    #[error(transparent)]
    Refused(#[from] CaptionError),
    #[error("there are captions in {0} languages already")]
    TooMany(usize),
    #[error("no captions in {0}")]
    NoSuch(String),
    #[error(transparent)]
    Store(#[from] ShelfError),
}

impl From<VideoStoreError> for CaptionsError {
    fn from(e: VideoStoreError) -> Self {
        match e {
            VideoStoreError::NotFound(id) => OwnerError::NotFound(id).into(),
            VideoStoreError::Fault(fault) => OwnerError::Fault(fault).into(),
            e => OwnerError::Fault(Fault::internal(e.to_string())).into(),
        }
    }
}

impl From<Fault> for CaptionsError {
    fn from(fault: Fault) -> Self {
        OwnerError::Fault(fault).into()
    }
}

impl From<CaptionsError> for TranscodeError {
    fn from(e: CaptionsError) -> Self {
        match e {
            CaptionsError::Owner(OwnerError::Fault(fault)) => fault.into(),
            CaptionsError::Store(e) => e.into(),
            e => Fault::internal(e.to_string()).into(),
        }
    }
}

impl From<MediaStoreError> for CaptionsError {
    fn from(e: MediaStoreError) -> Self {
        Self::Store(e.into())
    }
}

pub struct CaptionsDeps {
    pub owners: Arc<Owners>,
    pub videos: Arc<dyn VideoStore>,
    pub media: Arc<dyn MediaStore>,
    pub limits: CaptionLimits,
}

/// What owners do with captions.
pub struct CaptionsDesk(CaptionsDeps);

impl CaptionsDesk {
    pub const fn new(deps: CaptionsDeps) -> Self {
        Self(deps)
    }

    /// The captions a video has, and the package that shows them or does not yet.
    pub async fn of(&self, owner: UserId, id: VideoId) -> Result<Video, CaptionsError> {
        Ok(self.0.owners.owned(owner, id).await?)
    }

    /// The checked text in one language.
    pub async fn get(&self, owner: UserId, id: VideoId, language: &str) -> Result<Bytes, CaptionsError> {
        let language = language_tag(language)?;
        let video = self.of(owner, id).await?;
        let held = video.captions.iter().find(|c| c.language == language);
        let held = held.ok_or(CaptionsError::NoSuch(language))?;
        Ok(self.0.media.get(draft_key(id, &held.sha256)?).await?)
    }

    /// Takes a WebVTT file for a language, in the place of the one there was. Putting the same again changes nothing.
    pub async fn put(
        &self,
        owner: UserId,
        id: VideoId,
        language: &str,
        file: &[u8],
    ) -> Result<Video, CaptionsError> {
        let language = language_tag(language)?;
        self.of(owner, id).await?;
        let parsed = Captions::parse(file, &self.0.limits)?;
        let text = parsed.to_vtt(None);
        let sha256 = hex::encode(Sha256::digest(&text));
        self.0.media.put(draft_key(id, &sha256)?, Content::Bytes(text.into())).await?;
        let new = OwnersCaptions { language, sha256, cues: parsed.cues.len() as u32 };
        self.change(owner, id, |mut all| {
            all.retain(|c| c.language != new.language);
            all.push(new.clone());
            all.sort_by(|a, b| a.language.cmp(&b.language));
            let most = self.0.limits.languages_max;
            if all.len() > most { Err(CaptionsError::TooMany(most)) } else { Ok(all) }
        })
        .await
    }

    /// Takes captions away; none there is fine.
    pub async fn remove(&self, owner: UserId, id: VideoId, language: &str) -> Result<Video, CaptionsError> {
        let language = language_tag(language)?;
        self.change(owner, id, |mut all| {
            all.retain(|c| c.language != language);
            Ok(all)
        })
        .await
    }

    async fn change(
        &self,
        owner: UserId,
        id: VideoId,
        with: impl Fn(Vec<OwnersCaptions>) -> Result<Vec<OwnersCaptions>, CaptionsError>,
    ) -> Result<Video, CaptionsError> {
        for _ in 0..TRIES {
            let video = self.of(owner, id).await?;
            if video.is_gone() {
                return Err(OwnerError::Gone(id).into());
            }
            let captions = with(video.captions.clone())?;
            if let Some(video) = show(self.0.videos.as_ref(), self.0.media.as_ref(), video, captions).await? {
                return Ok(video);
            }
        }
        let text = format!("video {id} is changing too fast");
        Err(OwnerError::Fault(Fault::new(FaultKind::Throttled, text)).into())
    }
}

/// After a publication: shows what the owner changed while the package was made. Asks nobody where that
/// is nothing, the usual case.
pub(crate) async fn settle(deps: &TranscoderDeps, mut video: Video) -> Result<(), TranscodeError> {
    for _ in 0..TRIES {
        let is_settled = |p: &Package| p.tracks.captions == named_for(&video, &video.captions, p.duration_ms);
        if !video.status.is_readable() || video.package.as_ref().is_none_or(is_settled) {
            return Ok(());
        }
        let (id, captions) = (video.id, video.captions.clone());
        if show(deps.videos.as_ref(), deps.media.as_ref(), video, captions).await?.is_some() {
            return Ok(());
        }
        video = match deps.videos.get(id).await {
            Err(VideoStoreError::NotFound(_)) => return Ok(()),
            found => found?,
        };
    }
    Ok(())
}

/// Writes the list, and the package that shows it where viewers are shown one. `None`: look again.
async fn show(
    videos: &dyn VideoStore,
    media: &dyn MediaStore,
    video: Video,
    captions: Vec<OwnersCaptions>,
) -> Result<Option<Video>, CaptionsError> {
    let mut edit = Edit { captions: Some(captions), ..Edit::default() };
    let shown = video.package.as_ref().filter(|p| moves::may_grow(&video, p.id));
    if let (Some(old), Some(captions)) = (shown, &edit.captions) {
        let new = captioned(media, &video, old, captions).await?;
        edit.package = (new != *old).then_some(Growth { instead_of: old.id, package: new });
    }
    if edit.package.is_none() && edit.captions.as_ref() == Some(&video.captions) {
        return Ok(Some(video));
    }
    match videos.edit(video.id, video.revision, edit).await {
        Ok(video) => Ok(Some(video)),
        Err(VideoStoreError::Stale { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The package `old` with these captions, stored; `old` itself where it shows them.
async fn captioned(
    media: &dyn MediaStore,
    video: &Video,
    old: &Package,
    captions: &[OwnersCaptions],
) -> Result<Package, ShelfError> {
    let facts = store(media, video, captions, old.duration_ms).await?;
    if facts == old.tracks.captions {
        return Ok(old.clone());
    }
    let id = package_id(video, old, &facts);
    let tracks = Tracks { captions: facts, ..old.tracks.clone() };
    let new = Package { id, tracks, ..old.clone() };
    let (video, from) = (video.id, old.id);
    let mut moved =
        vec![(MediaKey::Poster { video, package: from }, MediaKey::Poster { video, package: id })];
    if old.sprite.is_some() {
        moved.extend([
            (MediaKey::Sprite { video, package: from }, MediaKey::Sprite { video, package: id }),
            (MediaKey::SpriteVtt { video, package: from }, MediaKey::SpriteVtt { video, package: id }),
        ]);
    }
    for (from, to) in moved {
        let bytes = media.get(from).await?;
        media.put(to, Content::Bytes(bytes)).await?;
    }
    let playlist = manifest::multivariant(video, &new);
    media.put(MediaKey::Multivariant { video, package: id }, Content::Bytes(playlist.into())).await?;
    Ok(new)
}

/// Stores captions as renditions of a video of this length. The same captions have the same names.
pub(crate) async fn store(
    media: &dyn MediaStore,
    video: &Video,
    captions: &[OwnersCaptions],
    duration: Millis,
) -> Result<Vec<CaptionsFacts>, ShelfError> {
    let facts = named_for(video, captions, duration);
    for (c, CaptionsFacts { id, .. }) in captions.iter().zip(&facts) {
        let draft = media.get(draft_key(video.id, &c.sha256)?).await?;
        let text = Captions::parse(&draft, &CaptionLimits::none())?.to_vtt(Some(duration));
        let (video, rendition) = (video.id, *id);
        let key = MediaKey::Captions { video, rendition };
        let micros = u64::try_from(duration.0).unwrap_or(0).saturating_mul(1000);
        let playlist = captions_playlist(&key.file_name(), micros);
        media.put(key, Content::Bytes(text.into())).await?;
        media.put(MediaKey::MediaPlaylist { video, rendition }, Content::Bytes(playlist.into())).await?;
    }
    Ok(facts)
}

/// What a package of this length calls these captions.
fn named_for(video: &Video, captions: &[OwnersCaptions], duration: Millis) -> Vec<CaptionsFacts> {
    let length = duration.0.to_string();
    let facts = captions.iter().map(|c| CaptionsFacts {
        language: c.language.clone(),
        id: RenditionId(named(video, "captions", &[&c.language, &c.sha256, &length])),
    });
    facts.collect()
}

fn package_id(video: &Video, old: &Package, captions: &[CaptionsFacts]) -> PackageId {
    let renditions = old.renditions.iter().map(|r| r.id.to_string());
    // The poster may be another one while the renditions are the same.
    let look = old.blurhash.clone().unwrap_or_default();
    let parts: Vec<String> =
        renditions.chain([look]).chain(captions.iter().map(|c| c.id.to_string())).collect();
    PackageId(named(video, "captioned package", &parts.iter().map(String::as_str).collect::<Vec<_>>()))
}

/// A name that only who knows the video's secret could guess.
fn named(video: &Video, what: &str, parts: &[&str]) -> u128 {
    let mut h = Sha256::new();
    let id = video.id.to_string();
    for part in [what, &id, &video.link_key].iter().chain(parts) {
        // The length keeps two neighbours from being read as one.
        h.update((part.len() as u64).to_le_bytes());
        h.update(part.as_bytes());
    }
    let mut half = [0u8; 16];
    half.copy_from_slice(&h.finalize()[..16]);
    u128::from_be_bytes(half)
}

fn draft_key(video: VideoId, sha256: &str) -> Result<MediaKey, Fault> {
    let digest = digest_of(sha256).ok_or_else(|| Fault::corrupt("captions without a digest"))?;
    Ok(MediaKey::DraftCaptions { video, digest })
}
