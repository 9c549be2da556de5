//! The counters as a specification.

use crate::heat::{Heat, by_score};
use crate::hour::Hour;
use crate::impression::{Contribution, Counters, Impression, ImpressionKey};
use crate::policy::EngagementPolicy;
use crate::port::{EngagementError, EngagementStore, Reaction, ReactionKind, ShardBatch, Totals, Window};
use async_trait::async_trait;
use std::collections::{BTreeMap, HashMap};
use std::sync::Mutex;
use vocab::{Millis, UserId, VideoId};

#[derive(Debug, Default)]
struct State {
    folded: HashMap<u16, u64>,
    impressions: HashMap<ImpressionKey, Impression>,
    windows: BTreeMap<(VideoId, Hour), Counters>,
    totals: HashMap<VideoId, Totals>,
    reactions: HashMap<(VideoId, ReactionKind, UserId), Millis>,
}

impl State {
    fn apply(&mut self, video: VideoId, before: Option<&Contribution>, after: &Contribution) {
        let totals = self.totals.entry(video).or_default();
        if let Some(b) = before {
            *self.windows.entry((video, b.hour)).or_default() += b.counters.negated();
            totals.counters += b.counters.negated();
            totals.heat = totals.heat.add(b.heat_at, -b.heat_milli);
            if let Some(bin) = b.reached {
                totals.reached[bin] -= 1;
            }
        }
        *self.windows.entry((video, after.hour)).or_default() += after.counters;
        totals.counters += after.counters;
        totals.heat = totals.heat.add(after.heat_at, after.heat_milli);
        if let Some(bin) = after.reached {
            totals.reached[bin] += 1;
        }
    }

    fn count(&self, video: VideoId, kind: ReactionKind) -> u64 {
        self.reactions.keys().filter(|(v, k, _)| (*v, *k) == (video, kind)).count() as u64
    }

    fn given_in(&self, video: VideoId, kind: ReactionKind, hour: Hour) -> i64 {
        let stands = |((v, k, _), at): (&(VideoId, ReactionKind, UserId), &Millis)| {
            (*v, *k) == (video, kind) && Hour::of(*at) == hour
        };
        self.reactions.iter().filter(|e| stands(*e)).count() as i64
    }
}

/// Everything in maps, behind one lock.
#[derive(Debug, Default)]
pub struct MemoryEngagementStore {
    state: Mutex<State>,
    policy: EngagementPolicy,
}

impl MemoryEngagementStore {
    pub fn new(policy: EngagementPolicy) -> Self {
        Self { state: Mutex::default(), policy }
    }

    fn with<T>(&self, f: impl FnOnce(&mut State) -> T) -> T {
        f(&mut self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

#[async_trait]
impl EngagementStore for MemoryEngagementStore {
    async fn folded(&self, shard: u16) -> Result<u64, EngagementError> {
        Ok(self.with(|s| s.folded.get(&shard).copied().unwrap_or(0)))
    }

    async fn fold(&self, batch: ShardBatch) -> Result<u64, EngagementError> {
        let ShardBatch { shard, first, next, events } = batch;
        self.with(|s| {
            let folded = s.folded.get(&shard).copied().unwrap_or(0);
            if first > folded {
                return Err(EngagementError::Gap { shard, folded, first });
            }
            for placed in events.iter().filter(|p| p.offset >= folded && p.offset < next) {
                let Some(key) = ImpressionKey::of(&placed.event) else { continue };
                let known = s.impressions.get(&key).cloned();
                let mut joined = known.clone().unwrap_or_default();
                joined.absorb(&placed.event);
                let before = known.map(|i| i.contribution(&self.policy));
                s.apply(key.video, before.as_ref(), &joined.contribution(&self.policy));
                s.impressions.insert(key, joined);
            }
            let after = folded.max(next);
            s.folded.insert(shard, after);
            Ok(after)
        })
    }

    async fn totals(&self, videos: &[VideoId]) -> Result<Vec<Totals>, EngagementError> {
        Ok(self.with(|s| {
            let of = |v: &VideoId| Totals {
                likes: s.count(*v, ReactionKind::Like),
                shares: s.count(*v, ReactionKind::Share),
                ..s.totals.get(v).copied().unwrap_or_default()
            };
            videos.iter().map(of).collect()
        }))
    }

    async fn windows(&self, video: VideoId, from: Hour, to: Hour) -> Result<Vec<Window>, EngagementError> {
        Ok(self.with(|s| {
            let mut hours: BTreeMap<Hour, Counters> =
                s.windows.range((video, from)..(video, to)).map(|((_, h), c)| (*h, *c)).collect();
            for ((v, _, _), at) in &s.reactions {
                let hour = Hour::of(*at);
                if *v == video && hour >= from && hour < to {
                    hours.entry(hour).or_default();
                }
            }
            let window = |(hour, counters)| Window {
                hour,
                counters,
                likes: s.given_in(video, ReactionKind::Like, hour),
                shares: s.given_in(video, ReactionKind::Share, hour),
            };
            let says_something =
                |w: &Window| w.counters != Counters::default() || w.likes != 0 || w.shares != 0;
            hours.into_iter().map(window).filter(says_something).collect()
        }))
    }

    async fn hot(&self, now: Millis, limit: usize) -> Result<Vec<(VideoId, Heat)>, EngagementError> {
        let mut ranked: Vec<(VideoId, f64, Heat)> = self.with(|s| {
            let seen = |(v, t): (&VideoId, &Totals)| {
                let heat = t.heat.at(now);
                (*v, heat.score(&self.policy), heat)
            };
            s.totals.iter().map(seen).filter(|(_, score, _)| *score > 0.0).collect()
        });
        ranked.sort_by(|a, b| by_score(&(a.0, a.1), &(b.0, b.1)));
        Ok(ranked.into_iter().take(limit).map(|(v, _, heat)| (v, heat)).collect())
    }

    async fn react(&self, r: Reaction) -> Result<u64, EngagementError> {
        Ok(self.with(|s| {
            let key = (r.video, r.kind, r.viewer);
            if r.on {
                s.reactions.entry(key).or_insert(r.at);
            } else {
                s.reactions.remove(&key);
            }
            s.count(r.video, r.kind)
        }))
    }

    async fn merge(&self, from: UserId, into: UserId) -> Result<(), EngagementError> {
        self.with(|s| {
            let moved: Vec<_> =
                s.reactions.iter().filter(|((_, _, v), _)| *v == from).map(|(k, at)| (*k, *at)).collect();
            for ((video, kind, _), at) in moved {
                s.reactions.remove(&(video, kind, from));
                s.reactions.entry((video, kind, into)).or_insert(at);
            }
        });
        Ok(())
    }

    async fn forget(&self, before: Millis) -> Result<(), EngagementError> {
        self.with(|s| s.impressions.retain(|_, i| i.last_at >= before));
        Ok(())
    }
}
