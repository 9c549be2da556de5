//! The domain event `video.status`: what processes tell each other about videos.

use catalog::Video;
use serde::{Deserialize, Serialize};
use vocab::{Millis, Status, UserId, VideoId};

/// `source` of every event on the bus.
pub const SOURCE: &str = "signal.video";
/// `detail-type` of a change of a video's record.
pub const CHANGED: &str = "video.status";
/// `detail-type` of progress within a step.
pub const PROGRESSED: &str = "video.progress";
/// The layout of the detail. A later one is not understood and let go.
pub const LAYOUT: u32 = 1;
/// EventBridge's limit of one call is 256 KiB; a detail with a record larger than this goes without it.
pub const DETAIL_MAX: usize = 200 * 1024;

/// The detail. Events arrive at least once and in no order: `revision` says which is newer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoEvent {
    pub v: u32,
    /// The same for every delivery of the same event.
    pub id: String,
    /// The process that published it, which need not hear it.
    pub origin: String,
    pub at: Millis,
    pub video_id: VideoId,
    pub owner_id: UserId,
    pub status: Status,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<u64>,
    /// Of a progress: 0–100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<u8>,
    /// The whole record, for hot caches of our own processes; absent where it is too large.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub video: Option<Box<Video>>,
}

/// An event type as the contract prints it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct EventType {
    pub source: &'static str,
    pub detail_type: &'static str,
    pub layout: u32,
    /// Field and meaning.
    pub fields: &'static [(&'static str, &'static str)],
}

const COMMON: &[(&str, &str)] = &[
    ("v", "layout of this detail"),
    ("id", "event id, the same for every delivery"),
    ("origin", "the process that published it"),
    ("at", "milliseconds since 1970"),
    ("video_id", "13 characters"),
    ("owner_id", "13 characters"),
    ("status", "the status after the change"),
    ("revision", "of the record; grows with every change"),
    ("video", "the whole record; absent above 200 KiB"),
];
const PROGRESS: &[(&str, &str)] = &[
    ("v", "layout of this detail"),
    ("id", "event id, the same for every delivery"),
    ("origin", "the process that published it"),
    ("at", "milliseconds since 1970"),
    ("video_id", "13 characters"),
    ("owner_id", "13 characters"),
    ("status", "the step that goes on"),
    ("percent", "0 to 100"),
];

/// Everything this product puts on the bus.
pub const EVENT_TYPES: &[EventType] = &[
    EventType { source: SOURCE, detail_type: CHANGED, layout: LAYOUT, fields: COMMON },
    EventType { source: SOURCE, detail_type: PROGRESSED, layout: LAYOUT, fields: PROGRESS },
];

impl VideoEvent {
    pub fn changed(video: &Video, origin: &str, at: Millis) -> Self {
        Self {
            v: LAYOUT,
            id: format!("{}-{}", video.id, video.revision),
            origin: origin.to_owned(),
            at,
            video_id: video.id,
            owner_id: video.owner,
            status: video.status,
            revision: Some(video.revision),
            percent: None,
            video: Some(Box::new(video.clone())),
        }
    }

    pub fn progressed(
        video: VideoId,
        owner: UserId,
        (status, percent): (Status, u8),
        origin: &str,
        at: Millis,
    ) -> Self {
        Self {
            v: LAYOUT,
            id: format!("{video}-{}-{percent}-{}", status.word(), at.0),
            origin: origin.to_owned(),
            at,
            video_id: video,
            owner_id: owner,
            status,
            revision: None,
            percent: Some(percent),
            video: None,
        }
    }

    pub fn detail_type(&self) -> &'static str {
        if self.percent.is_some() { PROGRESSED } else { CHANGED }
    }

    /// As it goes on the bus.
    pub fn detail(&self) -> Result<String, serde_json::Error> {
        let text = serde_json::to_string(self)?;
        if text.len() <= DETAIL_MAX {
            return Ok(text);
        }
        serde_json::to_string(&Self { video: None, ..self.clone() })
    }

    /// From a queue, in the envelope of EventBridge. `None` for what is not ours or of a later layout.
    pub fn read(body: &str) -> Option<Self> {
        #[derive(Deserialize)]
        struct Envelope {
            source: String,
            detail: serde_json::Value,
        }
        let envelope: Envelope = serde_json::from_str(body).ok()?;
        // The version first: a later layout may not have these fields.
        if envelope.source != SOURCE || envelope.detail["v"].as_u64()? > u64::from(LAYOUT) {
            return None;
        }
        serde_json::from_value(envelope.detail).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn video() -> Video {
        Video::reserved(VideoId(7), UserId(8), "key".into(), Millis(9))
    }

    fn envelope(detail: &str) -> String {
        format!(r#"{{"version":"0","source":"{SOURCE}","detail-type":"{CHANGED}","detail":{detail}}}"#)
    }

    #[test]
    fn every_documented_field_is_in_the_detail_and_no_other() {
        let changed = VideoEvent::changed(&video(), "p", Millis(1));
        let progressed =
            VideoEvent::progressed(VideoId(7), UserId(8), (Status::Encoding, 40), "p", Millis(1));
        for (event, documented) in [(changed, EVENT_TYPES[0]), (progressed, EVENT_TYPES[1])] {
            let detail: serde_json::Value = serde_json::from_str(&event.detail().unwrap()).unwrap();
            let mut found: Vec<_> = detail.as_object().unwrap().keys().cloned().collect();
            let mut told: Vec<_> = documented.fields.iter().map(|(f, _)| (*f).to_owned()).collect();
            found.sort();
            told.sort();
            assert_eq!(found, told);
            assert_eq!(event.detail_type(), documented.detail_type);
        }
    }

    #[test]
    fn an_event_comes_back_and_what_is_not_ours_does_not() {
        let event = VideoEvent::changed(&video(), "p", Millis(1));
        let body = envelope(&event.detail().unwrap());
        assert_eq!(VideoEvent::read(&body), Some(event));
        assert_eq!(VideoEvent::read(&body.replace(SOURCE, "aws.s3")), None);
        assert_eq!(VideoEvent::read(&body.replace("\"v\":1", "\"v\":2")), None);
        assert_eq!(VideoEvent::read("{"), None);
    }

    #[test]
    fn a_record_too_large_for_the_bus_stays_behind() {
        let mut video = video();
        video.meta.caption = "x".repeat(DETAIL_MAX);
        let detail = VideoEvent::changed(&video, "p", Millis(1)).detail().unwrap();
        let read = VideoEvent::read(&envelope(&detail)).unwrap();
        assert_eq!((read.video, read.video_id), (None, VideoId(7)));
    }

    #[test]
    fn an_event_of_the_first_layout_is_still_read() {
        let golden = r#"{"v":1,"id":"0000000000007-encoding-40-1","origin":"p","at":1,
            "video_id":"0000000000007","owner_id":"0000000000008","status":"encoding","percent":40}"#;
        let read = VideoEvent::read(&envelope(golden)).unwrap();
        assert_eq!((read.status, read.percent), (Status::Encoding, Some(40)));
    }
}
