//! What happened to videos, told from each process to all others: a row a change, read a moment later.
//!
//! Best effort, like every status listener: whoever misses a notice finds the same truth in the record.
//! For houses without SQS and a bus (`work::Bus`): nothing to set up, but a write a change that others act on
//! or people see ([`is_told`]), and a question each second.

use crate::dynamo::{Attr, Dynamo, Item, Query, Range, Table};
use async_trait::async_trait;
use catalog::{StatusListener, Video};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use stdx::{Clock, Fault};
use vocab::{Millis, Status, UserId, VideoId};

pub static NOTICES: Table = Table {
    name: "Notices",
    hash: Attr::s("minute"),
    range: Some(Attr::s("at_id")),
    indexes: &[],
    ttl: Some("expires_at"),
};

pub const TABLES: &[&Table] = &[&NOTICES];

const LAYOUT: i64 = 1;
const MINUTE_MS: i64 = 60_000;
/// How far back each question looks: clocks of two machines differ, and a row may become visible late.
const LOOK_BACK: Millis = Millis(5_000);
/// Rows are removed some time after this.
const KEPT: Millis = Millis(600_000);
/// Notices of one question. More wait for the next.
const PAGE: usize = 200;
/// Progress of one video is told no more often than this, and not before: each telling is a write, and most
/// steps are over by then.
const PROGRESS_EVERY: Millis = Millis(20_000);
/// A change must not wait for its notice.
const PATIENCE: Duration = Duration::from_millis(500);

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    pub video: VideoId,
    pub owner: UserId,
    pub status: Status,
    /// Progress inside a step; `None` = the record changed.
    pub percent: Option<u8>,
}

/// One process's pen and eyes.
pub struct Notices {
    dynamo: Dynamo,
    clock: Arc<dyn Clock>,
    /// Of this process: its own notices are no news to it.
    author: String,
    told: Mutex<HashMap<VideoId, Millis>>,
    seen: Mutex<BTreeMap<String, ()>>,
}

impl Notices {
    pub fn new(dynamo: Dynamo, clock: Arc<dyn Clock>) -> Self {
        let author = format!("{:016x}", dynamo.entropy().u64());
        Self { dynamo, clock, author, told: Mutex::default(), seen: Mutex::default() }
    }

    /// What other processes told since this was last asked, oldest first.
    pub async fn news(&self) -> Result<Vec<Notice>, Fault> {
        let now = self.clock.now();
        let from = now.saturating_sub(LOOK_BACK);
        let mut rows = Vec::new();
        // A clock that goes ahead of ours writes into the next minute.
        let minutes = [from, now, now.saturating_add(LOOK_BACK)].map(minute);
        let mut last = None;
        for minute in minutes {
            if last.as_ref() == Some(&minute) {
                continue;
            }
            let after = Range::From(format!("{:015}", from.0));
            rows.extend(self.dynamo.query(Query::of(&NOTICES, minute.clone(), PAGE).range(after)).await?);
            last = Some(minute);
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        *seen = seen.split_off(&format!("{:015}", from.0));
        let mut news = Vec::new();
        for row in rows {
            let key = row.get_s("at_id")?.to_owned();
            if row.get_s("author")? != self.author && seen.insert(key, ()).is_none() {
                news.push(notice(&row)?);
            }
        }
        Ok(news)
    }

    async fn tell(&self, notice: Notice) {
        let wrote = tokio::time::timeout(PATIENCE, self.write(&notice)).await;
        match wrote {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(%error, video = %notice.video, "a notice is lost"),
            Err(_) => tracing::warn!(video = %notice.video, "a notice takes too long"),
        }
    }

    async fn write(&self, notice: &Notice) -> Result<(), Fault> {
        let now = self.clock.now();
        let item = Item::new(LAYOUT)
            .s("minute", minute(now))
            .s("at_id", format!("{:015}#{:08x}", now.0, self.dynamo.entropy().u64() >> 32))
            .s("author", self.author.clone())
            .s("video_id", notice.video.to_string())
            .s("owner_id", notice.owner.to_string())
            .json("status", &notice.status)?
            .maybe_n("percent", notice.percent.map(i64::from))
            .n("expires_at", now.saturating_add(KEPT).0 / 1_000);
        self.dynamo.put(&NOTICES, item).await
    }

    /// Whether progress of this video was told long enough ago.
    fn is_due(&self, video: VideoId) -> bool {
        let now = self.clock.now();
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.len() >= PAGE {
            told.retain(|_, at| now.saturating_sub(*at) < PROGRESS_EVERY);
        }
        let last = *told.entry(video).or_insert(now);
        let is_due = now.saturating_sub(last) >= PROGRESS_EVERY;
        if is_due {
            told.insert(video, now);
        }
        is_due
    }
}

/// Whether a change is worth a write. Not told are steps that the owner's own process just made, that are called
/// the same as the one before (`judging`), that last no longer than a telling, or that their progress tells
/// (`encoding`): whoever watches elsewhere sees the next one.
const fn is_told(status: Status) -> bool {
    use Status::{Approved, Encoding, Judging, Reserved, Uploaded, Verifying};
    !matches!(status, Reserved | Uploaded | Judging | Approved | Encoding | Verifying)
}

fn minute(at: Millis) -> String {
    format!("{:010}", at.0.div_euclid(MINUTE_MS))
}

fn notice(row: &Item) -> Result<Notice, Fault> {
    row.layout(LAYOUT)?;
    Ok(Notice {
        video: row.get_s("video_id")?.parse().map_err(Fault::corrupt)?,
        owner: row.get_s("owner_id")?.parse().map_err(Fault::corrupt)?,
        status: row.get_json("status")?,
        percent: row.opt_n("percent").and_then(|p| u8::try_from(p).ok()),
    })
}

#[async_trait]
impl StatusListener for Notices {
    async fn changed(&self, video: &Video) {
        if !is_told(video.status) {
            return;
        }
        let (id, owner, status) = (video.id, video.owner, video.status);
        self.tell(Notice { video: id, owner, status, percent: None }).await;
    }

    async fn progressed(&self, video: VideoId, owner: UserId, status: Status, percent: u8) {
        if self.is_due(video) {
            self.tell(Notice { video, owner, status, percent: Some(percent) }).await;
        }
    }
}
