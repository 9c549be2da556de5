//! What was asked about which content, and the places of those that are open: see [`super`].

use super::labels;
use super::policy::RekognitionPolicy;
use crate::dynamo::{Attr, Dynamo, Item, Key, Put, Read, Table, Write};
use aws_sdk_rekognition::types::ModerationLabel;
use moderation::Sight;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use stdx::{Clock, Fault};
use tokio::sync::Notify;
use vocab::Millis;

pub static VIDEO_LOOKS: Table =
    Table { name: "VideoLooks", hash: Attr::s("look"), range: None, indexes: &[], ttl: None };

const LAYOUT: i64 = 1;
const SLOTS: &str = "slots";
const CLAIMED: &str = "claimed";
const STARTED: &str = "started";
const ENDED: &str = "ended";
const FAILED: &str = "failed";
/// When the words of `ask` were first sent.
const SENT_AT: &str = "sent_at";
/// Stands in rows of programs that write [`SENT_AT`].
const NOTES_SENDING: &str = "notes_sending";

/// A request, word for word: with the same token other words are refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ask {
    pub bucket: String,
    pub object: String,
    pub token: String,
    pub confidence_min: f32,
    /// Topic and role.
    pub channel: Option<(String, String)>,
}

/// How it ended, for good.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    Seen(Vec<Sight>),
    /// There will be no answer.
    Why(String),
}

/// A row.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub ask: Ask,
    pub claimed_at: Millis,
    pub lease_until: Millis,
    /// Since when a job may stand behind the token; `None` = it was never sent. A row of the first programs does
    /// not say: theirs counts from the claim.
    pub sent_at: Option<Millis>,
    pub job_id: Option<String>,
    pub started_at: Millis,
    pub is_told: bool,
    pub end: Option<End>,
}

/// How a claim is given back.
#[derive(Debug, Clone, Copy)]
pub enum Back<'a> {
    /// A job may stand behind its token, or whether one does is known already.
    AsItStands,
    /// The service has answered that it started nothing with these words, which were not sent before.
    Unsent,
    /// With other words, where the old ones can be used no more.
    With(&'a Ask),
}

/// `(moment, label, confidence)`; no number = the service gave none.
type Kept = (i64, String, Option<f32>);

fn kept(sights: &[Sight]) -> Vec<Kept> {
    let number = |c: f32| (!c.is_nan()).then_some(c);
    let all = sights.iter().flat_map(|s| &s.findings);
    all.map(|f| (f.at_ms, f.name.clone(), number(f.confidence))).collect()
}

/// By moment, in order of time.
pub fn sights(all: impl IntoIterator<Item = vocab::Finding>) -> Vec<Sight> {
    let mut by_time: BTreeMap<i64, Vec<vocab::Finding>> = BTreeMap::new();
    for finding in all {
        by_time.entry(finding.at_ms).or_default().push(finding);
    }
    by_time.into_iter().map(|(at, findings)| Sight { at_ms: Millis(at), findings }).collect()
}

fn revived(kept: Vec<Kept>) -> Vec<Sight> {
    sights(kept.into_iter().map(|(at, name, confidence)| {
        let label = ModerationLabel::builder().name(name).set_confidence(confidence).build();
        labels::finding(&label, at)
    }))
}

fn look(item: &Item) -> Result<Look, Fault> {
    item.layout(LAYOUT)?;
    let end = match item.get_s("state")? {
        ENDED => Some(End::Seen(revived(item.get_document("body")?))),
        FAILED => Some(End::Why(item.get_s("why")?.to_owned())),
        _ => None,
    };
    let claimed_at = Millis(item.get_n("claimed_at")?);
    let is_noted = item.opt_n(NOTES_SENDING).is_some();
    let sent_at = item.opt_n(SENT_AT).map(Millis).or_else(|| (!is_noted).then_some(claimed_at));
    Ok(Look {
        ask: item.get_document("ask")?,
        claimed_at,
        sent_at,
        lease_until: Millis(item.get_n("lease_until")?),
        job_id: item.opt_s("job_id").map(str::to_owned),
        started_at: Millis(item.opt_n("started_at").unwrap_or(0)),
        is_told: item.opt_n("told_at").is_some(),
        end,
    })
}

/// The rows, for all who ask and hear in this process.
#[derive(Clone)]
pub struct Looks {
    pub dynamo: Dynamo,
    pub clock: Arc<dyn Clock>,
    pub policy: RekognitionPolicy,
    /// Rings when a message has changed a row.
    pub told: Arc<Notify>,
}

impl Looks {
    pub async fn get(&self, content: &str) -> Result<Option<Look>, Fault> {
        let item = self.dynamo.get(&VIDEO_LOOKS, &Key::of(content), Read::Strong).await?;
        item.as_ref().map(look).transpose()
    }

    fn lease(&self) -> i64 {
        self.clock.now().saturating_add(self.policy.claim_lease).0
    }

    /// `false` when somebody has claimed it before.
    pub async fn claim(&self, content: &str, ask: &Ask) -> Result<bool, Fault> {
        let item = Item::new(LAYOUT)
            .s("look", content)
            .s("state", CLAIMED)
            .document("ask", ask)?
            .n("claimed_at", self.clock.now().0)
            .n(NOTES_SENDING, 1)
            .n("lease_until", self.lease());
        Ok(self.dynamo.put_new(&VIDEO_LOOKS, item).await? == Put::Written)
    }

    /// The request of a claim that nobody holds any more; now we do. `None` = there is nothing to start.
    pub async fn take_over(&self, content: &str) -> Result<Option<Ask>, Fault> {
        self.change(content, |look, item| {
            let is_free = look.job_id.is_none() && look.end.is_none() && look.lease_until <= self.clock.now();
            match is_free {
                true => Ok((Write::Put(item.clone().n("lease_until", self.lease())), Some(look.ask))),
                false => Ok((Write::Keep, None)),
            }
        })
        .await
        .map(Option::flatten)
    }

    /// Said before the request is sent. Whether it is sent for the first time.
    pub async fn sending(&self, content: &str) -> Result<bool, Fault> {
        self.change(content, |look, item| match look.sent_at {
            None => Ok((Write::Put(item.clone().n(SENT_AT, self.clock.now().0)), true)),
            Some(_) => Ok((Write::Keep, false)),
        })
        .await
        .map(|first| first.unwrap_or(false))
    }

    /// Lets others start it.
    pub async fn give_back(&self, content: &str, back: Back<'_>) -> Result<(), Fault> {
        self.change(content, |look, item| {
            if look.job_id.is_some() || look.end.is_some() {
                return Ok((Write::Keep, ()));
            }
            let item = item.clone().n("lease_until", 0);
            let item = match back {
                Back::AsItStands => item,
                Back::Unsent => item.without(SENT_AT),
                Back::With(ask) => item.without(SENT_AT).n(NOTES_SENDING, 1).document("ask", ask)?,
            };
            Ok((Write::Put(item), ()))
        })
        .await
        .map(drop)
    }

    /// The job that stands behind a claim; the first word holds.
    pub async fn started(&self, content: &str, job: &str) -> Result<(), Fault> {
        self.change(content, |look, item| Ok(self.with_job(&look, item, job))).await.map(drop)
    }

    fn with_job(&self, look: &Look, item: &Item, job: &str) -> (Write, ()) {
        if look.job_id.is_some() || look.end.is_some() {
            return (Write::Keep, ());
        }
        let started = item.clone().s("state", STARTED).s("job_id", job);
        (Write::Put(started.n("started_at", self.clock.now().0)), ())
    }

    /// A message says that the job has ended. `false` when nobody asked about this content.
    pub async fn tell(&self, content: &str, job: &str) -> Result<bool, Fault> {
        let known = self
            .change(content, |look, item| {
                let is_other = look.job_id.as_ref().is_some_and(|id| id != job);
                if look.is_told || look.end.is_some() || is_other {
                    return Ok((Write::Keep, ()));
                }
                let item = match self.with_job(&look, item, job).0 {
                    Write::Put(item) => item,
                    Write::Keep | Write::Delete => item.clone(),
                };
                Ok((Write::Put(item.n("told_at", self.clock.now().0)), ()))
            })
            .await?;
        self.told.notify_waiters();
        Ok(known.is_some())
    }

    /// The last word about this content. Its place is free first: whoever dies in between is asked again, and
    /// a place that nobody gives back would be lost for long.
    pub async fn end(&self, content: &str, end: &End, model: Option<&str>) -> Result<(), Fault> {
        self.leave(content).await?;
        self.change(content, |look, item| {
            if look.end.is_some() {
                return Ok((Write::Keep, ()));
            }
            let item = item.clone().maybe_s("model", model.map(str::to_owned));
            let item = match end {
                End::Seen(sights) => item.s("state", ENDED).document("body", &kept(sights))?,
                End::Why(why) => item.s("state", FAILED).s("why", why),
            };
            Ok((Write::Put(item), ()))
        })
        .await?;
        self.told.notify_waiters();
        Ok(())
    }

    async fn change<T>(
        &self,
        content: &str,
        mut decide: impl FnMut(Look, &Item) -> Result<(Write, T), Fault>,
    ) -> Result<Option<T>, Fault> {
        self.dynamo
            .change(&VIDEO_LOOKS, &Key::of(content), |seen| match seen {
                None => Ok((Write::Keep, None)),
                Some(item) => decide(look(item)?, item).map(|(write, answer)| (write, Some(answer))),
            })
            .await
    }

    /// Takes one of the places of open jobs, or keeps the one it has. `false` when all are taken.
    pub async fn enter(&self, content: &str) -> Result<bool, Fault> {
        let now = self.clock.now();
        let until = now.saturating_add(self.policy.open_job_max);
        self.slots(|open| {
            open.retain(|_, until| *until > now.0);
            if !open.contains_key(content) && open.len() >= self.policy.open_jobs_max {
                return false;
            }
            open.insert(content.to_owned(), until.0);
            true
        })
        .await
    }

    pub async fn leave(&self, content: &str) -> Result<(), Fault> {
        self.slots(|open| open.remove(content).is_some()).await.map(drop)
    }

    /// How many are open.
    pub async fn open(&self) -> Result<usize, Fault> {
        let (now, mut count) = (self.clock.now().0, 0);
        self.slots(|open| {
            count = open.values().filter(|until| **until > now).count();
            false
        })
        .await?;
        Ok(count)
    }

    /// Changes the one row of places; written where `decide` says so.
    async fn slots(&self, mut decide: impl FnMut(&mut BTreeMap<String, i64>) -> bool) -> Result<bool, Fault> {
        self.dynamo
            .change(&VIDEO_LOOKS, &Key::of(SLOTS), |seen| {
                let mut open: BTreeMap<String, i64> = match seen {
                    Some(item) => {
                        item.layout(LAYOUT)?;
                        item.get_json("open")?
                    }
                    None => BTreeMap::new(),
                };
                if !decide(&mut open) {
                    return Ok((Write::Keep, false));
                }
                let item = Item::new(LAYOUT).s("look", SLOTS).json("open", &open)?;
                Ok((Write::Put(item), true))
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    fn ask() -> Ask {
        Ask {
            bucket: "b".into(),
            object: "raw/1".into(),
            token: "t".into(),
            confidence_min: 50.0,
            channel: Some(("topic".into(), "role".into())),
        }
    }

    /// As the first version wrote it. It must be readable for ever.
    fn old() -> Item {
        Item::new(1)
            .s("look", "ab")
            .s("state", "ended")
            .s(
                "ask",
                r#"{"bucket":"b","channel":["topic","role"],"confidence_min":50.0,"object":"raw/1","token":"t"}"#,
            )
            .n("claimed_at", 5)
            .n("lease_until", 65)
            .s("job_id", "j")
            .n("started_at", 6)
            .n("told_at", 7)
            .s("body", r#"[[500,"Weapons",71.5],[700,"Kittens",null]]"#)
    }

    #[test]
    fn the_first_layout_is_still_read() {
        let row = look(&old()).unwrap();
        assert_eq!((row.ask, row.job_id.as_deref(), row.is_told), (ask(), Some("j"), true));
        let Some(End::Seen(seen)) = row.end else { panic!("no answer") };
        assert_eq!((seen[0].at_ms, seen[0].findings[0].parent.as_str()), (Millis(500), "Violence"));
        assert!(seen[1].findings[0].confidence.is_nan(), "nonsense stays nonsense");
        assert_eq!(row.sent_at, Some(Millis(5)), "it may have been sent as soon as it was claimed");
        let again = Item::default().document("ask", &ask()).unwrap();
        assert_eq!(again.opt_s("ask"), old().opt_s("ask"));
    }

    #[test]
    fn a_row_says_whether_its_words_were_sent() {
        let new = old().n(NOTES_SENDING, 1);
        assert_eq!(look(&new).unwrap().sent_at, None);
        assert_eq!(look(&new.n(SENT_AT, 9)).unwrap().sent_at, Some(Millis(9)));
    }

    #[test]
    fn a_later_layout_is_refused_and_a_broken_row_is_corrupt() {
        assert_eq!(look(&old().n("v", 2)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(look(&old().without("ask")).unwrap_err().kind, FaultKind::Corrupt);
        assert_eq!(look(&old().s("body", "{")).unwrap_err().kind, FaultKind::Corrupt);
    }
}
