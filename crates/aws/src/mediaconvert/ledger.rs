//! Who asked for which work, and what became of it: one row a piece of work, written on condition.
//!
//! The row is written before the service is asked for anything, so whoever comes later finds the claim and
//! looks for its job before it thinks of another.

use super::event::{JobEvent, Stage};
use super::policy::MediaConvertPolicy;
use crate::dynamo::{Attr, Dynamo, Item, Key, Read, Table, Write};
use serde::{Deserialize, Serialize};
use stdx::Fault;
use vocab::{Millis, VideoId};

const V: i64 = 1;
const TTL: &str = "ttl";

pub static MEDIA_JOBS: Table =
    Table { name: "MediaJobs", hash: Attr::s("work"), range: None, indexes: &[], ttl: Some(TTL) };

pub const TABLES: &[&Table] = &[&MEDIA_JOBS];

/// What is known of one piece of work.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    pub video: VideoId,
    pub work: String,
    /// The run that waits for it now; an older one may still think it does.
    pub holder: String,
    /// Counts the jobs that were wanted; from 1. Never goes back while the row stands: tokens and places of
    /// files hang on it.
    pub attempt: u32,
    pub since: Millis,
    /// The attempt's job, once it is known.
    pub job_id: Option<String>,
    /// Of the attempt's job, by its events.
    pub stage: Stage,
    pub percent: u8,
    /// Jobs in a row that came to nothing, and when the last one did. Rows of the first version have neither.
    #[serde(default)]
    pub spent: u32,
    #[serde(default)]
    pub spent_at: Millis,
}

impl Claim {
    /// Jobs in a row that came to nothing lately. A fault of the service or of the role may take hours to be
    /// mended, and must not condemn a video for as long as the row is remembered.
    pub fn spent_by(&self, now: Millis, policy: &MediaConvertPolicy) -> u32 {
        let is_old = now.saturating_sub(self.spent_at) >= policy.forgive_after;
        if is_old { 0 } else { self.spent }
    }
}

#[derive(Debug, Clone)]
pub struct Ledger {
    dynamo: Dynamo,
    remember: Millis,
}

fn key(video: VideoId, work: &str) -> Key {
    Key::of(format!("{video}#{work}"))
}

fn read(item: &Item) -> Result<Claim, Fault> {
    item.layout(V)?;
    item.get_json("body")
}

impl Ledger {
    pub fn new(dynamo: Dynamo, remember: Millis) -> Self {
        Self { dynamo, remember }
    }

    pub fn dynamo(&self) -> &Dynamo {
        &self.dynamo
    }

    fn item(&self, claim: &Claim) -> Result<Item, Fault> {
        Item::new(V)
            .s("work", key(claim.video, &claim.work).hash)
            .s("video_id", claim.video.to_string())
            .maybe_s("job_id", claim.job_id.clone())
            .n("attempt", i64::from(claim.attempt))
            .n(TTL, claim.since.saturating_add(self.remember).0.div_euclid(1_000) + 1)
            .json("body", claim)
    }

    async fn change<T>(
        &self,
        (video, work): (VideoId, &str),
        mut decide: impl FnMut(Option<Claim>) -> (Option<Claim>, T),
    ) -> Result<T, Fault> {
        self.dynamo
            .change(&MEDIA_JOBS, &key(video, work), |seen| {
                let (next, answer) = decide(seen.map(read).transpose()?);
                let write = match next {
                    Some(claim) => Write::Put(self.item(&claim)?),
                    None => Write::Keep,
                };
                Ok((write, answer))
            })
            .await
    }

    /// Makes the claim, or takes over the one that stands.
    pub async fn take(&self, video: VideoId, work: &str, holder: &str, now: Millis) -> Result<Claim, Fault> {
        self.change((video, work), |stands| {
            // The service removes rows some time after their end: its track files may be gone by then.
            let alive = stands.filter(|c| c.since.saturating_add(self.remember) > now);
            let mut claim = alive.unwrap_or_else(|| Claim {
                video,
                work: work.to_owned(),
                holder: String::new(),
                attempt: 1,
                since: now,
                job_id: None,
                stage: Stage::Submitted,
                percent: 0,
                spent: 0,
                spent_at: Millis(0),
            });
            holder.clone_into(&mut claim.holder);
            (Some(claim.clone()), claim)
        })
        .await
    }

    /// What stands now. Eventual reads are for the long wait.
    pub async fn look(&self, video: VideoId, work: &str, fresh: Read) -> Result<Option<Claim>, Fault> {
        self.dynamo.get(&MEDIA_JOBS, &key(video, work), fresh).await?.as_ref().map(read).transpose()
    }

    /// Whether `claim` is still the holder's, with the same attempt and no job. Written, so that of two only one
    /// may go on to create it.
    pub async fn intend(&self, claim: &Claim) -> Result<bool, Fault> {
        self.change((claim.video, &claim.work), |stands| match stands {
            Some(s) if s.holder == claim.holder && s.attempt == claim.attempt && s.job_id.is_none() => {
                (Some(s), true)
            }
            _ => (None, false),
        })
        .await
    }

    /// Remembers the job of an attempt. The first one stays; the one that stands is answered.
    pub async fn name(&self, claim: &Claim, job_id: &str) -> Result<Option<String>, Fault> {
        self.change((claim.video, &claim.work), |stands| match stands {
            Some(mut s) if s.attempt == claim.attempt && s.job_id.is_none() => {
                s.job_id = Some(job_id.to_owned());
                (Some(s), Some(job_id.to_owned()))
            }
            Some(s) if s.attempt == claim.attempt => (None, s.job_id),
            _ => (None, None),
        })
        .await
    }

    /// The attempt's job came to nothing: the next one may be made. Once, whoever says it.
    pub async fn spend(
        &self,
        claim: &Claim,
        job_id: &str,
        now: Millis,
        policy: &MediaConvertPolicy,
    ) -> Result<(), Fault> {
        self.change((claim.video, &claim.work), |stands| match stands {
            Some(mut s) if s.attempt == claim.attempt && s.job_id.as_deref() == Some(job_id) => {
                s.attempt = s.attempt.saturating_add(1);
                (s.spent, s.spent_at) = (s.spent_by(now, policy).saturating_add(1), now);
                (s.job_id, s.stage, s.percent, s.since) = (None, Stage::Submitted, 0, now);
                (Some(s), ())
            }
            _ => (None, ()),
        })
        .await
    }

    /// What an event says, forward only. An event may be the first to name a job whose creation was not answered.
    pub async fn note(&self, event: &JobEvent) -> Result<(), Fault> {
        self.change((event.video, &event.work), |stands| {
            let Some(mut s) = stands.filter(|s| s.attempt == event.attempt) else { return (None, ()) };
            if s.job_id.as_ref().is_some_and(|id| *id != event.job_id) {
                return (None, ());
            }
            let before = s.clone();
            s.job_id = Some(event.job_id.clone());
            s.stage = s.stage.max(event.stage);
            s.percent = s.percent.max(event.percent.unwrap_or(0));
            ((s != before).then_some(s), ())
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_of_layout_1_is_read() {
        let body = r#"{"video":"0000000000001","work":"ab","holder":"h","attempt":2,"since":7,
            "job_id":"1-x","stage":"progressing","percent":40}"#;
        let item = Item::new(1).s("work", "0000000000001#ab").s("body", body);
        let claim = read(&item).expect("read");
        assert_eq!((claim.attempt, claim.stage, claim.percent), (2, Stage::Progressing, 40));
        assert_eq!(claim.spent_by(Millis(8), &MediaConvertPolicy::default()), 0, "it did not count them");
    }

    #[test]
    fn jobs_that_came_to_nothing_are_forgiven_after_an_hour() {
        let body = r#"{"video":"0000000000001","work":"ab","holder":"h","attempt":9,"since":7,"job_id":null,
            "stage":"submitted","percent":0,"spent":5,"spent_at":1000}"#;
        let claim: Claim = serde_json::from_str(body).expect("read");
        let (policy, hour) = (MediaConvertPolicy::default(), 3_600_000);
        assert_eq!(claim.spent_by(Millis(1_000 + hour - 1), &policy), policy.attempts_max);
        assert_eq!(claim.spent_by(Millis(1_000 + hour), &policy), 0);
    }
}
