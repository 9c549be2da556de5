//! What viewers are shown of captions and covers: a new package over the same renditions, swapped in one step.

use crate::captions::{CaptionsError, draft_key};
use crate::desk::TRIES;
use crate::port::{Content, MediaStore, MediaStoreError};
use crate::shelf::{ShelfError, poster_source, put_over};
use crate::transcoder::{TranscodeError, TranscoderDeps};
use catalog::{
    CaptionsFacts, Edit, Growth, OwnCover, OwnersCaptions, Package, Tracks, Video, VideoStore,
    VideoStoreError, moves,
};
use moderation::Draft;
use moderation::record::digest_of;
use packager::policy::CaptionLimits;
use packager::{Captions, captions_playlist};
use sha2::{Digest, Sha256};
use stdx::Fault;
use vocab::{MediaKey, Millis, PackageId, RenditionId};

/// After a publication: shows what the owner changed while the package was made. Asks nobody where that
/// is nothing, the usual case.
pub(crate) async fn settle(deps: &TranscoderDeps, mut video: Video) -> Result<(), TranscodeError> {
    for _ in 0..TRIES {
        let own = video.cover.shown.as_ref().map(|c| &c.sha256);
        let is_settled = |p: &Package| {
            p.tracks.captions == named_for(&video, &video.captions, p.duration_ms)
                && p.tracks.cover.as_ref() == own
        };
        if !video.status.is_readable() || video.package.as_ref().is_none_or(is_settled) {
            return Ok(());
        }
        let id = video.id;
        if show(deps.videos.as_ref(), deps.media.as_ref(), video, Edit::default()).await?.is_some() {
            return Ok(());
        }
        video = match deps.videos.get(id).await {
            Err(VideoStoreError::NotFound(_)) => return Ok(()),
            found => found?,
        };
    }
    Ok(())
}

/// Writes what the owner changed, and the package that shows it where viewers are shown one. `None`: look again.
pub(crate) async fn show(
    videos: &dyn VideoStore,
    media: &dyn MediaStore,
    video: Video,
    mut edit: Edit,
) -> Result<Option<Video>, CaptionsError> {
    let captions = edit.captions.as_ref().unwrap_or(&video.captions);
    let cover = edit.cover.as_ref().unwrap_or(&video.cover);
    let is_changed = *captions != video.captions || *cover != video.cover;
    if let Some(old) = video.package.as_ref().filter(|p| moves::may_grow(&video, p.id)) {
        let dressed = dressed(media, &video, old, (captions, cover.shown.as_ref())).await?;
        let Some(new) = dressed else { return Ok(None) };
        edit.package = (new != *old).then_some(Growth { instead_of: old.id, package: new });
    }
    if edit.package.is_none() && !is_changed {
        return Ok(Some(video));
    }
    match videos.edit(video.id, video.revision, edit).await {
        Ok(video) => Ok(Some(video)),
        Err(VideoStoreError::Stale { .. }) => Ok(None),
        Err(e) => Err(e.into()),
    }
}

/// The package `old` with these captions and this cover (`None` = the picture that pass A chose), stored; `old`
/// itself where it shows them. `None`: a text was replaced meanwhile.
async fn dressed(
    media: &dyn MediaStore,
    video: &Video,
    old: &Package,
    (captions, cover): (&[OwnersCaptions], Option<&OwnCover>),
) -> Result<Option<Package>, ShelfError> {
    let facts = store(media, video, captions, old.duration_ms).await?;
    if facts.len() < captions.len() {
        return Ok(None);
    }
    let own = cover.map(|c| c.sha256.clone());
    if facts == old.tracks.captions && own == old.tracks.cover {
        return Ok(Some(old.clone()));
    }
    let (poster, blurhash) = poster(media, video, old, cover).await?;
    let look = own.as_deref().or(blurhash.as_deref()).unwrap_or_default();
    let id = package_id(video, old, (&facts, look));
    let tracks = Tracks { captions: facts, cover: own, ..old.tracks.clone() };
    let new = Package { id, tracks, blurhash, ..old.clone() };
    put_over(media, (video.id, poster), old, &new).await?;
    Ok(Some(new))
}

/// The poster that a package of `video` is to have in the place of that of `old`, and its blurhash.
async fn poster(
    media: &dyn MediaStore,
    video: &Video,
    old: &Package,
    cover: Option<&OwnCover>,
) -> Result<(MediaKey, Option<String>), ShelfError> {
    let (id, own) = (video.id, cover.map(|c| c.sha256.as_str()));
    if own == old.tracks.cover.as_deref() {
        return Ok((MediaKey::Poster { video: id, package: old.id }, old.blurhash.clone()));
    }
    let content = video.content_sha256.as_deref().unwrap_or_default();
    let source = poster_source(id, content, own)?;
    if let Some(cover) = cover {
        return Ok((source, cover.blurhash.clone()));
    }
    let digest = digest_of(content).ok_or_else(|| Fault::corrupt("a package without a source"))?;
    let facts = media.get(MediaKey::DraftFacts { video: id, digest }).await?;
    let draft: Draft = serde_json::from_slice(&facts).map_err(Fault::corrupt)?;
    Ok((source, draft.blurhash))
}

/// Stores captions as renditions of a video of this length. The same captions have the same names. Those whose
/// text was replaced meanwhile are left out: who replaced it, or [`settle`], shows the other.
pub(crate) async fn store(
    media: &dyn MediaStore,
    video: &Video,
    captions: &[OwnersCaptions],
    duration: Millis,
) -> Result<Vec<CaptionsFacts>, ShelfError> {
    let mut stored = Vec::with_capacity(captions.len());
    for (c, facts) in captions.iter().zip(named_for(video, captions, duration)) {
        let draft = match media.get(draft_key(video.id, c)?).await {
            Err(MediaStoreError::NotFound) => continue,
            draft => draft?,
        };
        let text = Captions::parse(&draft, &CaptionLimits::none())?.to_vtt(Some(duration));
        let (video, rendition) = (video.id, facts.id);
        let key = MediaKey::Captions { video, rendition };
        let micros = u64::try_from(duration.0).unwrap_or(0).saturating_mul(1000);
        let playlist = captions_playlist(&key.file_name(), micros);
        media.put(key, Content::Bytes(text.into())).await?;
        media.put(MediaKey::MediaPlaylist { video, rendition }, Content::Bytes(playlist.into())).await?;
        stored.push(facts);
    }
    Ok(stored)
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

/// `look` says which poster: it may be another one while the renditions are the same.
fn package_id(video: &Video, old: &Package, (captions, look): (&[CaptionsFacts], &str)) -> PackageId {
    let renditions = old.renditions.iter().map(|r| r.id.to_string());
    let parts: Vec<String> =
        renditions.chain([look.to_owned()]).chain(captions.iter().map(|c| c.id.to_string())).collect();
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
