//! What EventBridge says about jobs: `MediaConvert Job State Change`.
//!
//! Delivery is at least once and in no order, and an event may never come. So an event only ever moves what is
//! known of a job forward, and never decides how it ended: see [`super::encoder`].

use super::job::meta;
use serde_json::Value;
use vocab::VideoId;

pub const SOURCE: &str = "aws.mediaconvert";
pub const DETAIL_TYPE: &str = "MediaConvert Job State Change";

/// How far a job is, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    Submitted,
    Progressing,
    /// `COMPLETE`, `ERROR` or `CANCELED`: ask the service which.
    Ended,
}

/// One event about one of our jobs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobEvent {
    pub job_id: String,
    pub video: VideoId,
    pub work: String,
    pub attempt: u32,
    pub stage: Stage,
    pub percent: Option<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOurs {
    #[error("not an event of MediaConvert: {0}")]
    Foreign(&'static str),
    /// Somebody else's job in the same account, or a status without news.
    #[error("nothing for us: {0}")]
    Other(&'static str),
}

/// Reads the body of a message.
pub fn parse(body: &str) -> Result<JobEvent, NotOurs> {
    let message: Value = serde_json::from_str(body).map_err(|_| NotOurs::Foreign("no JSON"))?;
    if message["source"] != SOURCE || message["detail-type"] != DETAIL_TYPE {
        return Err(NotOurs::Foreign("another source or type"));
    }
    let detail = &message["detail"];
    let stage = match detail["status"].as_str().unwrap_or_default() {
        "SUBMITTED" => Stage::Submitted,
        "INPUT_INFORMATION" | "PROGRESSING" | "STATUS_UPDATE" => Stage::Progressing,
        "COMPLETE" | "ERROR" | "CANCELED" => Stage::Ended,
        _ => return Err(NotOurs::Other("a status without news")),
    };
    let of = |key: &str| detail["userMetadata"][key].as_str();
    let video = of(meta::VIDEO).and_then(|v| v.parse().ok()).ok_or(NotOurs::Other("no video of ours"))?;
    let work = of(meta::WORK).filter(|w| !w.is_empty()).ok_or(NotOurs::Other("no work of ours"))?;
    let attempt = of(meta::ATTEMPT).and_then(|a| a.parse().ok()).ok_or(NotOurs::Other("no attempt"))?;
    let job_id = detail["jobId"].as_str().filter(|j| !j.is_empty()).ok_or(NotOurs::Other("no job"))?;
    let percent = detail["jobProgress"]["jobPercentComplete"].as_u64().map(|p| p.min(100) as u8);
    Ok(JobEvent { job_id: job_id.to_owned(), video, work: work.to_owned(), attempt, stage, percent })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(status: &str, more: &Value) -> String {
        let mut detail = json!({
            "timestamp": 1_515_368_120_764_i64, "accountId": "111122223333", "jobId": "1515368087458-qnoxtd",
            "queue": "arn:aws:mediaconvert:us-west-2:111122223333:queues/Default", "status": status,
            "userMetadata": {"video": "0000000000001", "work": "ab12", "attempt": "2", "plan": "cd"},
        });
        for (k, v) in more.as_object().expect("an object") {
            detail[k] = v.clone();
        }
        json!({
            "version": "0", "id": "1234abcd-12ab-34cd-56ef-1234567890ab", "detail-type": DETAIL_TYPE,
            "source": SOURCE, "account": "111122223333", "region": "us-west-2", "detail": detail,
        })
        .to_string()
    }

    #[test]
    fn each_status_is_a_stage() {
        let update = json!({"jobProgress": {"jobPercentComplete": 86, "currentPhase": "TRANSCODING"}});
        for (status, more, stage, percent) in [
            ("PROGRESSING", json!({}), Stage::Progressing, None),
            ("STATUS_UPDATE", update, Stage::Progressing, Some(86)),
            ("COMPLETE", json!({"outputGroupDetails": []}), Stage::Ended, None),
            ("ERROR", json!({"errorCode": 1040, "errorMessage": "x"}), Stage::Ended, None),
            ("CANCELED", json!({}), Stage::Ended, None),
        ] {
            let read = parse(&event(status, &more)).expect(status);
            assert_eq!((read.stage, read.percent), (stage, percent), "{status}");
            assert_eq!((read.job_id.as_str(), read.attempt), ("1515368087458-qnoxtd", 2));
            assert_eq!((read.video, read.work.as_str()), (VideoId(1), "ab12"));
        }
    }

    #[test]
    fn what_is_not_ours_is_said_and_nothing_panics() {
        assert!(matches!(parse("x"), Err(NotOurs::Foreign(_))));
        assert!(matches!(parse("[]"), Err(NotOurs::Foreign(_))));
        assert!(matches!(parse(r#"{"source":"aws.s3","detail-type":"x"}"#), Err(NotOurs::Foreign(_))));
        let theirs = event("COMPLETE", &json!({"userMetadata": {}}));
        assert!(matches!(parse(&theirs), Err(NotOurs::Other(_))));
        assert!(matches!(parse(&event("NEW_WARNING", &json!({}))), Err(NotOurs::Other(_))));
        let wild = json!({"jobProgress": {"jobPercentComplete": 4_000_000_000_u64}});
        assert_eq!(parse(&event("STATUS_UPDATE", &wild)).expect("read").percent, Some(100));
    }
}
