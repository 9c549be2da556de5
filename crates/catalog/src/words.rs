//! What a status is called toward its owner (`ux.md`, principle 5).

use crate::video::Video;
use vocab::{Status, Visibility};

/// The sentence for a step in progress, from the status alone.
pub fn step_text(status: Status, percent: Option<u8>) -> String {
    let (words, counts) = match status {
        Status::Reserved => ("Uploading", true),
        Status::Uploaded | Status::Judging => ("Checking your video", false),
        Status::InReview => ("A person is taking a look", false),
        Status::Approved | Status::Encoding | Status::Verifying => ("Making it play everywhere", true),
        Status::Published => ("Live", false),
        Status::Unlisted => ("Live for people with the link", false),
        Status::Rejected | Status::Failed => ("Not published", false),
        Status::Removed | Status::Erased => ("Deleted", false),
    };
    match percent.filter(|_| counts) {
        Some(percent) => format!("{words} {} %", percent.min(100)),
        None => words.to_owned(),
    }
}

/// The sentence for a video: what happens, and why where it stopped.
pub fn status_text(video: &Video, percent: Option<u8>) -> String {
    let words = step_text(video.status, percent);
    match video.status {
        Status::Published => match video.meta.visibility {
            Visibility::Public => words,
            Visibility::Unlisted => "Live for people with the link".to_owned(),
            Visibility::Private => "Live for you alone".to_owned(),
        },
        Status::Rejected => because(words, video.verdict.as_ref().and_then(|v| v.reason.as_deref())),
        Status::Failed => because(words, video.failure.as_ref().map(|f| f.message.as_str())),
        _ => words,
    }
}

fn because(words: String, reason: Option<&str>) -> String {
    match reason.map(str::trim).filter(|r| !r.is_empty()) {
        Some(reason) => format!("{words}: {reason}"),
        None => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::{FailureReason, Millis, UserId, VideoId};

    #[test]
    fn every_status_speaks_plainly() {
        let said: Vec<_> = Status::ALL.iter().map(|s| step_text(*s, Some(63))).collect();
        assert_eq!(
            said,
            [
                "Uploading 63 %",
                "Checking your video",
                "Checking your video",
                "A person is taking a look",
                "Making it play everywhere 63 %",
                "Not published",
                "Making it play everywhere 63 %",
                "Making it play everywhere 63 %",
                "Live",
                "Live for people with the link",
                "Not published",
                "Deleted",
                "Deleted",
            ]
        );
        for text in said {
            assert!(!text.contains(['!', '_']), "{text}");
        }
    }

    #[test]
    fn a_failure_says_why() {
        let mut v = Video::reserved(VideoId(1), UserId(1), String::new(), Millis(0));
        v.status = Status::Failed;
        assert_eq!(status_text(&v, None), "Not published");
        v.failure = Some(FailureReason::new("media.no_video", "There is no picture in this file.", false));
        assert_eq!(status_text(&v, None), "Not published: There is no picture in this file.");
    }
}
