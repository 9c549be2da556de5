//! Who may see what: the one function behind every read path.

use crate::video::Video;
use vocab::{Status, UserId, Visibility};

/// Who asks.
#[derive(Debug, Clone, Copy, Default)]
pub struct Viewer<'a> {
    /// `None` = nobody is signed in.
    pub user: Option<UserId>,
    /// Holds the role that judges other people's videos.
    pub moderator: bool,
    /// The key that came with the link.
    pub link_key: Option<&'a str>,
}

impl<'a> Viewer<'a> {
    pub const fn nobody() -> Self {
        Self { user: None, moderator: false, link_key: None }
    }
    pub const fn user(user: UserId) -> Self {
        Self { user: Some(user), moderator: false, link_key: None }
    }
    pub const fn with_key(mut self, link_key: Option<&'a str>) -> Self {
        self.link_key = link_key;
        self
    }
    pub const fn moderating(mut self, moderator: bool) -> Self {
        self.moderator = moderator;
        self
    }
}

/// What somebody gets to see of a video.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Sight {
    /// Everything: status, reasons, verdict. The owner and moderators.
    Full,
    /// The published video.
    Public,
    /// As if it did not exist: 404.
    Hidden,
    /// It was there for this viewer and is not any more: 410.
    Gone,
}

/// What `viewer` gets to see of `video`.
pub fn visible(video: &Video, viewer: &Viewer<'_>) -> Sight {
    let owns = viewer.user == Some(video.owner);
    if video.is_gone() {
        let knew = owns || viewer.moderator || (video.published_at.is_some() && is_audience(video, viewer));
        return if knew { Sight::Gone } else { Sight::Hidden };
    }
    if owns || viewer.moderator {
        return Sight::Full;
    }
    if video.status.is_readable() && is_audience(video, viewer) { Sight::Public } else { Sight::Hidden }
}

/// What a holder of a media path gets. Such paths hold 128 random bits and are handed out only
/// with a video that was visible, so they carry no viewer: `Public`, `Hidden` or `Gone`.
pub fn media_sight(video: &Video) -> Sight {
    if video.is_gone() {
        Sight::Gone
    } else if video.status.is_readable() {
        Sight::Public
    } else {
        Sight::Hidden
    }
}

/// Whether the owner meant `viewer` to see the video, once it is published.
fn is_audience(video: &Video, viewer: &Viewer<'_>) -> bool {
    let status = video.removed_from.unwrap_or(video.status);
    match video.meta.visibility {
        Visibility::Private => false,
        // Taken out of public sight after publication: the link still works for those who have its key.
        Visibility::Public if status != Status::Unlisted => true,
        Visibility::Public | Visibility::Unlisted => {
            viewer.link_key.is_some_and(|key| is_same_secret(key, &video.link_key))
        }
    }
}

/// Compares without telling by its time how much was right. An empty secret opens nothing.
fn is_same_secret(given: &str, secret: &str) -> bool {
    let (given, secret) = (given.as_bytes(), secret.as_bytes());
    if secret.is_empty() || given.len() != secret.len() {
        return false;
    }
    let differing = given.iter().zip(secret).fold(0u8, |acc, (a, b)| acc | (a ^ b));
    std::hint::black_box(differing) == 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{Millis, VideoId};

    const OWNER: UserId = UserId(1);
    const OTHER: UserId = UserId(2);
    const KEY: &str = "00112233445566778899aabbccddeeff";

    fn video(status: Status, visibility: Visibility) -> Video {
        let mut v = Video::reserved(VideoId(7), OWNER, KEY.into(), Millis(0));
        v.status = status;
        v.meta.visibility = visibility;
        if status.is_readable() {
            v.published_at = Some(Millis(1));
        }
        v
    }

    #[test]
    fn strangers_see_nothing_before_publication() {
        for status in Status::ALL {
            for visibility in [Visibility::Public, Visibility::Unlisted, Visibility::Private] {
                let v = video(status, visibility);
                let seen = visible(&v, &Viewer::user(OTHER).with_key(Some(KEY)));
                if !status.is_readable() {
                    assert_eq!(seen, Sight::Hidden, "{status:?} {visibility:?}");
                }
                assert_ne!(visible(&v, &Viewer::nobody()), Sight::Full);
            }
        }
    }

    #[test]
    fn an_unlisted_video_opens_with_its_key_only() {
        let v = video(Status::Published, Visibility::Unlisted);
        let see = |key| visible(&v, &Viewer::nobody().with_key(key));
        assert_eq!(see(Some(KEY)), Sight::Public);
        assert_eq!(see(None), Sight::Hidden);
        assert_eq!(see(Some("")), Sight::Hidden);
        assert_eq!(see(Some("00112233445566778899aabbccddeefe")), Sight::Hidden);
        assert_eq!(see(Some("00112233445566778899AABBCCDDEEFF")), Sight::Hidden);
        let mut keyless = v.clone();
        keyless.link_key = String::new();
        assert_eq!(visible(&keyless, &Viewer::nobody().with_key(Some(""))), Sight::Hidden);
    }

    #[test]
    fn a_private_video_is_for_its_owner_and_moderators() {
        let v = video(Status::Published, Visibility::Private);
        assert_eq!(visible(&v, &Viewer::user(OWNER)), Sight::Full);
        assert_eq!(visible(&v, &Viewer::user(OTHER).with_key(Some(KEY))), Sight::Hidden);
        assert_eq!(visible(&v, &Viewer::user(OTHER).moderating(true)), Sight::Full);
    }

    #[test]
    fn gone_is_told_only_to_those_who_could_have_seen_it() {
        let mut v = video(Status::Removed, Visibility::Public);
        assert_eq!(visible(&v, &Viewer::user(OTHER)), Sight::Hidden);
        assert_eq!(visible(&v, &Viewer::user(OWNER)), Sight::Gone);
        v.published_at = Some(Millis(1));
        v.removed_from = Some(Status::Published);
        assert_eq!(visible(&v, &Viewer::user(OTHER)), Sight::Gone);
        v.meta.visibility = Visibility::Unlisted;
        assert_eq!(visible(&v, &Viewer::user(OTHER)), Sight::Hidden);
        assert_eq!(visible(&v, &Viewer::user(OTHER).with_key(Some(KEY))), Sight::Gone);
    }

    #[test]
    fn media_is_read_only_while_published() {
        for status in Status::ALL {
            let expected = match status {
                Status::Published | Status::Unlisted => Sight::Public,
                Status::Removed | Status::Erased => Sight::Gone,
                _ => Sight::Hidden,
            };
            assert_eq!(media_sight(&video(status, Visibility::Public)), expected, "{status:?}");
        }
    }
}
