//! The origin: answers a path from memory, or reads it once and remembers it.

use crate::counts::{Counts, Tally};
use crate::entry::{Entry, Form, names};
use crate::policy::DeliveryPolicy;
use crate::port::ObjectReader;
use crate::range::{Wanted, wanted};
use crate::standing::{Standing, Standings};
use async_trait::async_trait;
use catalog::{StatusListener, Video, VideoStore};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use std::sync::Arc;
use stdx::{Clock, Fault, FaultKind};
use vocab::{MediaKey, Millis, Status, UserId, VideoId};

pub struct OriginDeps {
    pub videos: Arc<dyn VideoStore>,
    pub objects: Arc<dyn ObjectReader>,
    pub clock: Arc<dyn Clock>,
    pub policy: DeliveryPolicy,
}

/// What a client asks, as it wrote it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ask<'a> {
    pub path: &'a str,
    pub range: Option<&'a str>,
    pub if_range: Option<&'a str>,
    pub if_none_match: Option<&'a str>,
    pub accept_encoding: Option<&'a str>,
}

/// Where the bytes came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Stood in memory.
    Hit,
    /// Was read for this request, or for another one that this one waited for.
    Miss,
}

/// What to answer.
#[derive(Debug, Clone)]
pub enum Answer {
    Whole {
        entry: Arc<Entry>,
        form: Form,
        tier: Tier,
    },
    /// Bytes `first..=last` of the uncompressed form.
    Part {
        entry: Arc<Entry>,
        first: u64,
        last: u64,
        tier: Tier,
    },
    Unchanged {
        entry: Arc<Entry>,
        form: Form,
    },
    BadRange {
        total: u64,
    },
    NotFound {
        max_age_s: u32,
    },
    Gone {
        max_age_s: u32,
    },
}

#[derive(Clone)]
enum Slot {
    Present(Arc<Entry>),
    AbsentSince(Millis),
}

#[derive(Clone)]
struct ByBytes;

impl Weighter<MediaKey, Slot> for ByBytes {
    fn weight(&self, _: &MediaKey, slot: &Slot) -> u64 {
        match slot {
            Slot::Present(entry) => entry.weight(),
            Slot::AbsentSince(_) => 128,
        }
    }
}

/// Serves public paths. Of concurrent readers of one object, one reads the store and the others wait;
/// when it gives up, the next takes over.
pub struct Origin {
    objects: Arc<dyn ObjectReader>,
    clock: Arc<dyn Clock>,
    standings: Standings,
    hot: Cache<MediaKey, Slot, ByBytes>,
    tally: Tally,
    policy: DeliveryPolicy,
}

impl std::fmt::Debug for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Origin").field("hot_bytes", &self.hot.weight()).finish_non_exhaustive()
    }
}

impl Origin {
    pub fn new(deps: OriginDeps) -> Self {
        let OriginDeps { videos, objects, clock, policy } = deps;
        let standings = Standings::new(videos, Arc::clone(&clock), &policy);
        // The estimate sizes the index up front; a small one keeps an idle process small.
        let hot = Cache::with_weighter(1_000, policy.hot_bytes_max.get(), ByBytes);
        Self { objects, clock, standings, hot, tally: Tally::default(), policy }
    }

    /// Answers one request. Only the path decides which bytes; headers decide only their form.
    pub async fn answer(&self, ask: Ask<'_>) -> Result<Answer, Fault> {
        let answer = self.decide(ask).await;
        self.tally.count(&answer);
        answer
    }

    pub fn counts(&self) -> Counts {
        self.tally.counts(self.hot.weight())
    }

    async fn decide(&self, ask: Ask<'_>) -> Result<Answer, Fault> {
        let not_found = Answer::NotFound { max_age_s: self.policy.not_found_max_age_s };
        let Ok(key) = MediaKey::from_public_path(ask.path) else { return Ok(not_found) };
        match self.standings.of(key.video()).await? {
            Standing::Readable => {}
            Standing::Hidden => return Ok(not_found),
            Standing::Gone => return Ok(Answer::Gone { max_age_s: self.policy.gone_max_age_s }),
        }
        let (slot, tier) = self.slot(key).await?;
        match slot {
            Slot::Present(entry) => Ok(respond(entry, ask, tier)),
            Slot::AbsentSince(_) => Ok(not_found),
        }
    }

    async fn slot(&self, key: MediaKey) -> Result<(Slot, Tier), Fault> {
        match self.hot.get(&key) {
            Some(Slot::Present(entry)) => return Ok((Slot::Present(entry), Tier::Hit)),
            Some(Slot::AbsentSince(at)) if self.is_believed(at) => {
                return Ok((Slot::AbsentSince(at), Tier::Hit));
            }
            Some(Slot::AbsentSince(_)) => {
                let _ = self.hot.remove_if(&key, |slot| matches!(slot, Slot::AbsentSince(_)));
            }
            None => {}
        }
        let deadline = self.policy.read_deadline.to_duration();
        let filled = tokio::time::timeout(deadline, self.fill(&key)).await;
        let slot =
            filled.map_err(|_| Fault::new(FaultKind::TimedOut, "an object took too long to read"))??;
        Ok((slot, Tier::Miss))
    }

    async fn fill(&self, key: &MediaKey) -> Result<Slot, Fault> {
        // A guard that is dropped without a value (an error, a client that left) wakes the next waiter.
        let guard = match self.hot.get_value_or_guard_async(key).await {
            Ok(slot) => return Ok(slot),
            Err(guard) => guard,
        };
        let slot = match self.objects.read(key).await? {
            Some(raw) => Slot::Present(Arc::new(Entry::new(key, raw))),
            None => Slot::AbsentSince(self.clock.now()),
        };
        let _ = guard.insert(slot.clone());
        if matches!(&slot, Slot::Present(e) if e.weight() > self.policy.hot_object_bytes_max.get()) {
            let _ = self.hot.remove(key);
        }
        Ok(slot)
    }

    fn is_believed(&self, absent_since: Millis) -> bool {
        let now = self.clock.now();
        absent_since <= now && now.saturating_sub(absent_since) < self.policy.negative_ttl
    }
}

fn respond(entry: Arc<Entry>, ask: Ask<'_>, tier: Tier) -> Answer {
    let ranged =
        ask.range.is_some_and(|_| ask.if_range.is_none_or(|v| v.as_bytes() == entry.etag(Form::Identity)));
    let form = if ranged { Form::Identity } else { entry.form_for(ask.accept_encoding) };
    if ask.if_none_match.is_some_and(|v| names(v, entry.etag(form))) {
        return Answer::Unchanged { entry, form };
    }
    let total = entry.raw.len() as u64;
    match wanted(ask.range.filter(|_| ranged), total) {
        Wanted::Whole => {
            let form = entry.form_for(ask.accept_encoding);
            Answer::Whole { entry, form, tier }
        }
        Wanted::Part { first, last } => Answer::Part { entry, first, last, tier },
        Wanted::Nothing => Answer::BadRange { total },
    }
}

#[async_trait]
impl StatusListener for Origin {
    async fn changed(&self, video: &Video) {
        match self.standings.learn(video) {
            Standing::Gone => self.hot.retain(|key, _| key.video() != video.id),
            // What was asked for too early is asked again.
            Standing::Readable => {
                self.hot.retain(|key, slot| key.video() != video.id || matches!(slot, Slot::Present(_)));
            }
            Standing::Hidden => {}
        }
    }

    async fn progressed(&self, _: VideoId, _: UserId, _: Status, _: u8) {}
}
