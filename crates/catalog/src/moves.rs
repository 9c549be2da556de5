//! The rules of a video's life as functions of values: every engine applies these, so that
//! none can have rules of its own.

use crate::port::{Advance, Edit, Facts, VideoStoreError};
use crate::video::{Cover, Metadata, Transform, Video};
use vocab::{Bytes, PackageId, Status, UserId};

/// Whether `video` may go to `to`: the state machine, and the undo of a removal.
pub fn may_move(video: &Video, to: Status) -> bool {
    video.status.may_become(to) || (video.status == Status::Removed && video.removed_from == Some(to))
}

fn stale(video: &Video) -> VideoStoreError {
    VideoStoreError::Stale { id: video.id, actual: video.status, revision: video.revision }
}

/// The record after a move, or `Stale`.
pub fn advanced(video: &Video, step: &Advance) -> Result<Video, VideoStoreError> {
    let expected = step.from.contains(&video.status) && step.revision.is_none_or(|r| r == video.revision);
    if !expected || !may_move(video, step.to) {
        return Err(stale(video));
    }
    if step.to == Status::Erased {
        return Ok(tombstone(video, step));
    }
    let mut next = video.clone();
    learn(&mut next, step.facts.clone());
    next.removed_from = (step.to == Status::Removed).then_some(video.status);
    next.status = step.to;
    next.revision += 1;
    next.status_changed_at = step.at;
    if step.to == Status::Published && next.published_at.is_none() {
        next.published_at = Some(step.at);
    }
    Ok(next)
}

/// The record after an edit, or `Stale`.
pub fn edited(video: &Video, revision: u64, edit: &Edit) -> Result<Video, VideoStoreError> {
    let too_late = edit.transform.is_some() && video.status != Status::Reserved;
    let grows_elsewhere = edit.package.as_ref().is_some_and(|growth| !may_grow(video, growth.instead_of));
    if video.revision != revision || video.is_gone() || too_late || grows_elsewhere {
        return Err(stale(video));
    }
    let mut next = video.clone();
    if let Some(meta) = &edit.meta {
        next.meta = meta.clone();
    }
    if let Some(transform) = &edit.transform {
        next.transform = transform.clone();
    }
    if let Some(growth) = &edit.package {
        next.package = Some(growth.package.clone());
    }
    if let Some(captions) = &edit.captions {
        next.captions = captions.clone();
    }
    if let Some(cover) = &edit.cover {
        next.cover = cover.clone();
    }
    next.captions_changes = edit.captions_changes.or(next.captions_changes);
    next.cover_changes = edit.cover_changes.or(next.cover_changes);
    next.revision += 1;
    Ok(next)
}

/// Whether the package `from` may be replaced: viewers are shown it now.
pub fn may_grow(video: &Video, from: PackageId) -> bool {
    video.status.is_readable() && video.package.as_ref().is_some_and(|p| p.id == from)
}

/// The record after a guest became an account, or `Stale` where it is neither's. What was given
/// already stays as it is, so that a merge may be repeated.
pub fn given(video: &Video, from: UserId, to: UserId) -> Result<Video, VideoStoreError> {
    match video.owner {
        owner if owner == to => Ok(video.clone()),
        owner if owner == from => Ok(Video { owner: to, revision: video.revision + 1, ..video.clone() }),
        _ => Err(stale(video)),
    }
}

fn learn(video: &mut Video, facts: Facts) {
    let Facts { upload, raw_bytes, content_sha256, source, verdict, failure, package, published_at, appeal } =
        facts;
    video.upload = upload.or(video.upload);
    video.raw_bytes = raw_bytes.unwrap_or(video.raw_bytes);
    video.content_sha256 = content_sha256.or(video.content_sha256.take());
    video.source = source.or(video.source.take());
    video.verdict = verdict.or(video.verdict.take());
    video.package = package.or(video.package.take());
    video.published_at = published_at.or(video.published_at);
    video.appeal = appeal.or(video.appeal.take());
    if let Some(failure) = failure {
        video.failure = failure;
    }
}

/// What stays of an erased video: that it was, whose it was, and who could have seen it,
/// so that an old link is answered with "gone". Nothing its owner wrote or sent.
fn tombstone(video: &Video, step: &Advance) -> Video {
    Video {
        status: Status::Erased,
        revision: video.revision + 1,
        status_changed_at: step.at,
        meta: Metadata { visibility: video.meta.visibility, ..Metadata::default() },
        transform: Transform::default(),
        upload: None,
        raw_bytes: Bytes(0),
        content_sha256: None,
        source: None,
        verdict: None,
        failure: None,
        package: None,
        appeal: None,
        captions: Vec::new(),
        cover: Cover::default(),
        captions_changes: None,
        cover_changes: None,
        ..video.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Millis, VideoId};

    fn video() -> Video {
        Video::reserved(VideoId(7), UserId(1), "k".into(), Millis(5))
    }

    fn go(video: &Video, to: Status) -> Result<Video, VideoStoreError> {
        advanced(video, &Advance::new(video.id, video.status, to, Millis(9)))
    }

    #[test]
    fn an_undo_returns_only_to_where_the_removal_came_from() {
        let removed = go(&go(&video(), Status::Uploaded).unwrap(), Status::Removed).unwrap();
        assert!(go(&removed, Status::Published).is_err());
        assert!(go(&removed, Status::Approved).is_err());
        let back = go(&removed, Status::Uploaded).unwrap();
        assert_eq!((back.status, back.removed_from, back.revision), (Status::Uploaded, None, 3));
    }

    #[test]
    fn an_erased_video_keeps_nothing_its_owner_wrote() {
        let mut v = video();
        v.meta.title = "my house".into();
        v.content_sha256 = Some("ab".into());
        let erased = go(&go(&v, Status::Removed).unwrap(), Status::Erased).unwrap();
        assert_eq!(erased.meta, Metadata::default());
        assert_eq!((erased.owner, erased.content_sha256.clone()), (UserId(1), None));
        for to in Status::ALL {
            assert!(go(&erased, to).is_err(), "{to:?}");
        }
    }

    #[test]
    fn a_video_is_given_by_its_owner_alone_and_once() {
        let (guest, account, other) = (UserId(1), UserId(2), UserId(3));
        let given_once = given(&video(), guest, account).unwrap();
        assert_eq!(given_once, Video { owner: account, revision: 1, ..video() });
        assert_eq!(given(&given_once, guest, account).unwrap(), given_once);
        assert!(matches!(given(&given_once, guest, other), Err(VideoStoreError::Stale { revision: 1, .. })));
    }

    #[test]
    fn facts_that_are_not_given_stay() {
        let mut v = video();
        v.content_sha256 = Some("ab".into());
        v.raw_bytes = Bytes(5);
        let v = go(&v, Status::Uploaded).unwrap();
        assert_eq!((v.content_sha256.as_deref(), v.raw_bytes), (Some("ab"), Bytes(5)));
    }
}
