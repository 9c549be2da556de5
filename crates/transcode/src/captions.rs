//! Captions by the owner: checked when they come, in the package when it is made or, where viewers are
//! shown one already, in a new package over the same renditions.

use crate::desk::{Desk, TRIES, Tally, TooOften, told};
use crate::dressing::show;
use crate::policy::CaptionsPolicy;
use crate::port::{Content, MediaStore, MediaStoreError};
use crate::shelf::ShelfError;
use crate::transcoder::TranscodeError;
use bytes::Bytes;
use catalog::jobs::Eraser;
use catalog::{
    BlockedWords, Edit, FieldError, InvalidFields, OwnerError, Owners, OwnersCaptions, Video, VideoStore,
    VideoStoreError,
};
use moderation::record::digest_of;
pub use packager::language_name;
pub use packager::policy::CaptionLimits;
use packager::{CaptionError, Captions, language_tag};
use sha2::{Digest, Sha256};
use std::sync::Arc;
use stdx::{Clock, Fault, FaultKind};
use vocab::{MediaKey, Millis, Status, UserId, VideoId};

#[derive(Debug, thiserror::Error)]
pub enum CaptionsError {
    #[error(transparent)]
    Owner(#[from] OwnerError),
    #[error(transparent)]
    Refused(#[from] CaptionError),
    #[error("there are captions in {0} languages already")]
    TooMany(usize),
    #[error("the captions of a video change at most {limit} times a day")]
    TooOften { limit: u32, retry_after: Millis },
    #[error("no captions in {0}")]
    NoSuch(String),
    #[error(transparent)]
    Store(#[from] ShelfError),
}

impl From<VideoStoreError> for CaptionsError {
    fn from(e: VideoStoreError) -> Self {
        told(e).into()
    }
}

impl From<TooOften> for CaptionsError {
    fn from(TooOften { limit, retry_after }: TooOften) -> Self {
        Self::TooOften { limit, retry_after }
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
    /// Takes away the texts that others replaced.
    pub eraser: Arc<dyn Eraser>,
    pub clock: Arc<dyn Clock>,
    pub limits: CaptionLimits,
    pub blocked_words: BlockedWords,
    pub policy: CaptionsPolicy,
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
        Ok(self.0.media.get(draft_key(id, held)?).await?)
    }

    /// Takes a WebVTT file for a language, in the place of the one there was. Putting the same again changes nothing.
    /// A change is counted before anything is stored for it, so that what may be stored a day is limited.
    pub async fn put(
        &self,
        owner: UserId,
        id: VideoId,
        language: &str,
        file: &[u8],
    ) -> Result<Video, CaptionsError> {
        let language = language_tag(language)?;
        self.desk(owner, id).standing().await?;
        let parsed = Captions::parse(file, &self.0.limits)?;
        let text = parsed.to_vtt(None);
        self.check_words(&parsed)?;
        let sha256 = hex::encode(Sha256::digest(&text));
        let mut new = OwnersCaptions { language, sha256, cues: parsed.cues.len() as u32, n: 0 };
        let Some(n) = self.count(owner, id, |all| self.with(all, &new)).await? else {
            // A process that died may have left the package behind.
            return Ok(self.change(owner, id, Ok).await?.1);
        };
        new.n = n;
        self.0.media.put(draft_key(id, &new)?, Content::Bytes(text.into())).await?;
        match self.change(owner, id, |all| self.with(all, &new)).await {
            Ok((before, video)) => {
                // Ours too: somebody may have put the same meanwhile.
                self.forget(before.iter().chain([&new]), &video).await;
                Ok(video)
            }
            Err(e) => {
                self.withdraw(id, &new, &e).await;
                Err(e)
            }
        }
    }

    /// Nobody looks at what captions say but for the operator's list of words.
    fn check_words(&self, captions: &Captions) -> Result<(), CaptionsError> {
        let said: Vec<String> = captions.cues.iter().map(packager::Cue::plain).collect();
        // In one text: a phrase may go on in the next caption.
        match self.0.blocked_words.find(&said.join("\n")) {
            Some(word) => {
                let field = FieldError::blocked("captions", &word);
                Err(OwnerError::Invalid(InvalidFields(vec![field])).into())
            }
            None => Ok(()),
        }
    }

    /// Takes captions away; none there is fine.
    pub async fn remove(&self, owner: UserId, id: VideoId, language: &str) -> Result<Video, CaptionsError> {
        let language = language_tag(language)?;
        let without = |mut all: Vec<OwnersCaptions>| {
            all.retain(|c| c.language != language);
            Ok(all)
        };
        if self.count(owner, id, without).await?.is_none() {
            return Ok(self.change(owner, id, Ok).await?.1);
        }
        let (before, video) = self.change(owner, id, without).await?;
        self.forget(before.iter(), &video).await;
        Ok(video)
    }

    /// `all` and `new`; `all` itself where it says the same already.
    fn with(
        &self,
        mut all: Vec<OwnersCaptions>,
        new: &OwnersCaptions,
    ) -> Result<Vec<OwnersCaptions>, CaptionsError> {
        if all.iter().any(|c| c.language == new.language && c.sha256 == new.sha256) {
            return Ok(all);
        }
        all.retain(|c| c.language != new.language);
        all.push(new.clone());
        all.sort_by(|a, b| a.language.cmp(&b.language));
        let most = self.0.limits.languages_max;
        if all.len() > most { Err(CaptionsError::TooMany(most)) } else { Ok(all) }
    }

    fn desk(&self, owner: UserId, id: VideoId) -> Desk<'_> {
        let CaptionsDeps { owners, videos, clock, .. } = &self.0;
        Desk { owners, videos: videos.as_ref(), clock: clock.as_ref(), owner, id }
    }

    /// Counts a change, and answers the revision with which it stands in the record. `None`: nothing would change.
    async fn count(
        &self,
        owner: UserId,
        id: VideoId,
        with: impl Fn(Vec<OwnersCaptions>) -> Result<Vec<OwnersCaptions>, CaptionsError>,
    ) -> Result<Option<u64>, CaptionsError> {
        let tally = Tally {
            rate: self.0.policy.changes,
            so_far: |video| video.captions_changes,
            counted: |changes| Edit { captions_changes: Some(changes), ..Edit::default() },
        };
        let would_change = |video: &Video| Ok(with(video.captions.clone())? != video.captions);
        self.desk(owner, id).count(&tally, would_change).await
    }

    /// Answers the captions that were replaced, and the record.
    async fn change(
        &self,
        owner: UserId,
        id: VideoId,
        with: impl Fn(Vec<OwnersCaptions>) -> Result<Vec<OwnersCaptions>, CaptionsError>,
    ) -> Result<(Vec<OwnersCaptions>, Video), CaptionsError> {
        let desk = self.desk(owner, id);
        for _ in 0..TRIES {
            let video = desk.standing().await?;
            let before = video.captions.clone();
            let edit = Edit { captions: Some(with(before.clone())?), ..Edit::default() };
            if let Some(video) = show(self.0.videos.as_ref(), self.0.media.as_ref(), video, edit).await? {
                return Ok((before, video));
            }
        }
        Err(desk.busy().into())
    }

    /// Deletes the drafts that the record names no more. What stays after a failure goes with the video.
    async fn forget(&self, drafts: impl Iterator<Item = &OwnersCaptions>, video: &Video) {
        let named: Vec<_> = video.captions.iter().filter_map(|c| draft_key(video.id, c).ok()).collect();
        for key in drafts.filter_map(|c| draft_key(video.id, c).ok()).filter(|k| !named.contains(k)) {
            let key = key.object_key();
            self.erase(key.trim_end_matches(|c| c != '/')).await;
        }
    }

    /// Takes back what was stored for a change that came to nothing.
    async fn withdraw(&self, id: VideoId, new: &OwnersCaptions, why: &CaptionsError) {
        // The step may have been made all the same.
        if matches!(why, CaptionsError::Owner(OwnerError::Fault(f)) if f.kind != FaultKind::Throttled) {
            return;
        }
        let Ok(video) = self.0.videos.get(id).await else { return };
        self.forget([new].into_iter(), &video).await;
        if video.status == Status::Erased {
            // What we wrote after the deletion, nobody would delete.
            for prefix in MediaKey::prefixes_of(id) {
                self.erase(&prefix).await;
            }
        }
    }

    async fn erase(&self, prefix: &str) {
        if let Err(error) = self.0.eraser.delete_prefix(prefix).await {
            tracing::warn!(prefix, %error, "captions that nothing names any more stay");
        }
    }
}

pub(crate) fn draft_key(video: VideoId, captions: &OwnersCaptions) -> Result<MediaKey, Fault> {
    let OwnersCaptions { sha256, n, .. } = captions;
    // Each change has a draft of its own: none is deleted that another one wrote.
    let of_change = || hex::encode(Sha256::digest(format!("{sha256} {n}")));
    let digest = if *n == 0 { digest_of(sha256) } else { digest_of(&of_change()) };
    let digest = digest.ok_or_else(|| Fault::corrupt("captions without a digest"))?;
    Ok(MediaKey::DraftCaptions { video, digest })
}
