//! What is sent, as JSON with a `type`.

use catalog::{Video, words};
use serde::Serialize;
use vocab::{FailureReason, Millis, Status, Verdict, VideoId};

/// One text frame. `seq` grows with every message of a person; it has gaps.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// The first message. `missed`: something between the caller's `since` and `seq` is no longer
    /// here; fetch the lists again.
    Hello {
        seq: u64,
        missed: bool,
    },
    VideoStatus(Box<VideoStatus>),
    /// The line was too slow and messages were left out: fetch the lists again.
    Resync {
        seq: u64,
    },
    Ping,
}

impl Message {
    pub fn to_json(&self) -> String {
        // Plain data with text keys: there is nothing in it that cannot be written.
        serde_json::to_string(self).expect("messages are plain data")
    }
}

/// Where a video of the receiver stands now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VideoStatus {
    pub seq: u64,
    pub video_id: VideoId,
    pub status: Status,
    /// A sentence for the owner.
    pub status_text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress_percent: Option<u8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<FailureReason>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<VerdictNote>,
    /// The revision of the record; absent in messages of mere progress.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    pub at_ms: Millis,
}

/// The part of a verdict that its owner reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VerdictNote {
    pub verdict: Verdict,
    pub reason_code: Option<String>,
    pub reason: Option<String>,
    pub decided_at_ms: Millis,
    pub decided_by: String,
}

impl VideoStatus {
    /// After a change of the record. The hub gives it its number.
    pub fn changed(video: &Video, at: Millis) -> Self {
        let verdict = video.verdict.as_ref().map(|v| VerdictNote {
            verdict: v.verdict,
            reason_code: v.reason_code.clone(),
            reason: v.reason.clone(),
            decided_at_ms: v.decided_at,
            decided_by: v.decided_by.clone(),
        });
        Self {
            seq: 0,
            video_id: video.id,
            status: video.status,
            status_text: words::status_text(video, None),
            progress_percent: None,
            failure: video.failure.clone(),
            verdict,
            revision: Some(video.revision),
            at_ms: at,
        }
    }

    /// Progress inside a step.
    pub fn progressed(video: VideoId, status: Status, percent: u8, at: Millis) -> Self {
        let percent = percent.min(100);
        Self {
            seq: 0,
            video_id: video,
            status,
            status_text: words::step_text(status, Some(percent)),
            progress_percent: Some(percent),
            failure: None,
            verdict: None,
            revision: None,
            at_ms: at,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_have_the_agreed_shape() {
        assert_eq!(
            Message::Hello { seq: 7, missed: true }.to_json(),
            r#"{"type":"hello","seq":7,"missed":true}"#
        );
        assert_eq!(Message::Ping.to_json(), r#"{"type":"ping"}"#);
        let mut status = VideoStatus::progressed(VideoId(1), Status::Encoding, 63, Millis(9));
        status.seq = 8;
        assert_eq!(
            Message::VideoStatus(Box::new(status)).to_json(),
            r#"{"type":"video_status","seq":8,"video_id":"0000000000001","status":"encoding","status_text":"Making it play everywhere 63 %","progress_percent":63,"at_ms":9}"#
        );
    }
}
