//! Fetches a package back from the store, as a player would.

use crate::shelf::{Shelf, ShelfError, Shelved};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use tokio::io::AsyncWriteExt;
use vocab::{MediaKey, PackageId, RenditionId, VideoId};

impl Shelf<'_> {
    /// Fetches what a player would fetch, one file a rendition in the order given.
    pub async fn fetch(&self, shelved: &[Shelved], into: &Path) -> Result<Vec<PathBuf>, ShelfError> {
        let mut files = Vec::with_capacity(shelved.len());
        for s in shelved {
            let (video, rendition) = (self.id(), s.facts.id);
            let path = into.join(format!("{}.mp4", s.rung));
            if s.facts.layout.i_frames.is_some() {
                self.media.get(MediaKey::IFramePlaylist { video, rendition }).await?;
            }
            let (single, segments) = (s.facts.layout.single_file, s.facts.segment_bytes.len());
            if self.fetch_rendition(rendition, (single, segments), &path).await? != s.digest {
                return Err(ShelfError::Changed(s.rung));
            }
            files.push(path);
        }
        Ok(files)
    }

    /// The same of sound that is a rendition of its own. `None` where there is none, or one that was looked at when
    /// an earlier wave stored it.
    pub async fn fetch_sound(&self, shelved: &[Shelved], into: &Path) -> Result<Option<PathBuf>, ShelfError> {
        let Some((sound, digest)) = shelved.first().and_then(|s| Some((s.sound.as_ref()?, s.sound_digest?)))
        else {
            return Ok(None);
        };
        let path = into.join("sound.mp4");
        let parts = (sound.single_file, sound.segment_bytes.len());
        if self.fetch_rendition(sound.id, parts, &path).await? != digest {
            return Err(ShelfError::ChangedSound);
        }
        Ok(Some(path))
    }

    /// What a player would fetch of a rendition, in one file. Answers the SHA-256 of it.
    async fn fetch_rendition(
        &self,
        rendition: RenditionId,
        (single, segments): (bool, usize),
        path: &Path,
    ) -> Result<[u8; 32], ShelfError> {
        let video = self.id();
        self.media.get(MediaKey::MediaPlaylist { video, rendition }).await?;
        let mut file = tokio::fs::File::create(path).await?;
        let mut digest = Sha256::new();
        for key in media_keys(video, rendition, single, segments) {
            let bytes = self.media.get(key).await?;
            digest.update(&bytes);
            file.write_all(&bytes).await?;
        }
        file.flush().await?;
        Ok(digest.finalize().into())
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
}

/// The objects of a rendition in the order of their bytes.
fn media_keys(video: VideoId, rendition: RenditionId, single: bool, segments: usize) -> Vec<MediaKey> {
    if single {
        return vec![MediaKey::SingleFile { video, rendition }];
    }
    let segments = (0..segments as u32).map(|n| MediaKey::Segment { video, rendition, n });
    std::iter::once(MediaKey::Init { video, rendition }).chain(segments).collect()
}
