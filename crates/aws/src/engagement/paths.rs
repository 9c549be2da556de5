//! What the events of a stretch do to each showing, event by event, and to which partials.

use super::impression_row;
use super::row::{Partial, Scope};
use crate::dynamo::Item;
use ::engagement::impression::{Contribution, Counters, Impression, ImpressionKey};
use ::engagement::{EngagementPolicy, Hour, ShardBatch};
use ::events::Recorded;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use stdx::Fault;
use vocab::VideoId;

/// One showing on its way through a stretch.
#[derive(Debug)]
pub(super) struct Path {
    pub key: ImpressionKey,
    pub stored: Option<Item>,
    pub known: Option<Impression>,
    pub joined: Impression,
    /// Before the stretch.
    before: Option<Contribution>,
    /// After each of its events.
    steps: Vec<(u64, Contribution)>,
}

/// What a contribution adds to the partial of an hour.
fn in_hour(c: Option<&Contribution>, hour: Hour) -> Counters {
    c.filter(|c| c.hour == hour).map(|c| c.counters).unwrap_or_default()
}

/// Whether two contributions add the same to the total.
fn same_in_total(a: Option<&Contribution>, b: &Contribution) -> bool {
    let warm = |c: &Contribution| (c.heat_milli != 0).then_some((c.heat_at, c.heat_milli));
    match a {
        None => b.counters == Counters::default() && warm(b).is_none() && b.reached.is_none(),
        Some(a) => (a.counters, warm(a), a.reached) == (b.counters, warm(b), b.reached),
    }
}

impl Path {
    fn new(
        key: ImpressionKey,
        stored: Option<Item>,
        events: &[(u64, &Recorded)],
        p: &EngagementPolicy,
    ) -> Result<Self, Fault> {
        let known = stored.as_ref().map(impression_row::of).transpose()?;
        let before = known.as_ref().map(|i| i.contribution(p));
        let mut joined = known.clone().unwrap_or_default();
        let mut steps = Vec::with_capacity(events.len());
        for (offset, event) in events {
            joined.absorb(event);
            steps.push((*offset, joined.contribution(p)));
        }
        Ok(Self { key, stored, known, joined, before, steps })
    }

    /// Its contribution with the events below `offset`.
    fn at(&self, offset: u64) -> Option<&Contribution> {
        let below = self.steps.iter().rev().find(|(o, _)| *o < offset);
        below.map(|(_, c)| c).or(self.before.as_ref())
    }

    /// The partials some step changes, even if a later one changes them back.
    fn touches(&self) -> BTreeSet<Scope> {
        let mut touched = BTreeSet::new();
        let mut last = self.before.as_ref();
        for (_, now) in &self.steps {
            if !same_in_total(last, now) {
                touched.insert(Scope::Total);
            }
            for hour in last.map(|c| c.hour).into_iter().chain([now.hour]) {
                if in_hour(last, hour) != in_hour(Some(now), hour) {
                    touched.insert(Scope::Hour(hour));
                }
            }
            last = Some(now);
        }
        touched
    }
}

/// The showings of a stretch, and which of them each partial looks at.
#[derive(Debug, Default)]
pub(super) struct Paths {
    all: Vec<Path>,
    touched: BTreeMap<(VideoId, Scope), Vec<usize>>,
}

/// The events of a stretch beyond `done`, by showing.
pub(super) fn by_showing(batch: &ShardBatch, done: u64) -> BTreeMap<ImpressionKey, Vec<(u64, &Recorded)>> {
    let mut by_key: BTreeMap<ImpressionKey, Vec<(u64, &Recorded)>> = BTreeMap::new();
    for placed in batch.events.iter().filter(|e| e.offset >= done && e.offset < batch.next) {
        if let Some(key) = ImpressionKey::of(&placed.event) {
            by_key.entry(key).or_default().push((placed.offset, &placed.event));
        }
    }
    by_key
}

impl Paths {
    pub fn new(
        events: BTreeMap<ImpressionKey, Vec<(u64, &Recorded)>>,
        mut stored: HashMap<String, Item>,
        p: &EngagementPolicy,
    ) -> Result<Self, Fault> {
        let mut paths = Self::default();
        for (key, events) in events {
            let path = Path::new(key, stored.remove(&impression_row::name(&key)), &events, p)?;
            for scope in path.touches() {
                paths.touched.entry((key.video, scope)).or_default().push(paths.all.len());
            }
            paths.all.push(path);
        }
        Ok(paths)
    }

    pub fn touched(&self) -> impl Iterator<Item = (VideoId, Scope)> {
        self.touched.keys().copied()
    }

    pub fn changed(&self) -> impl Iterator<Item = &Path> {
        self.all.iter().filter(|p| p.known.as_ref() != Some(&p.joined))
    }

    /// The partial with everything below `next`. `None`: it has that already.
    pub fn advance(&self, of: (VideoId, Scope), seen: &Partial, next: u64) -> Option<Partial> {
        if seen.folded_to >= next {
            return None;
        }
        let mut partial = Partial { folded_to: next, ..*seen };
        for path in self.touched.get(&of)?.iter().map(|i| &self.all[*i]) {
            let (before, after) = (path.at(seen.folded_to), path.at(next));
            match of.1 {
                Scope::Hour(hour) => {
                    partial.counters += in_hour(before, hour).negated();
                    partial.counters += in_hour(after, hour);
                }
                Scope::Total => {
                    for (c, sign) in before.map(|c| (c, -1)).into_iter().chain(after.map(|c| (c, 1))) {
                        add(&mut partial, c, sign);
                    }
                }
            }
        }
        Some(partial)
    }
}

fn add(partial: &mut Partial, c: &Contribution, sign: i64) {
    partial.counters += if sign < 0 { c.counters.negated() } else { c.counters };
    partial.heat = partial.heat.add(c.heat_at, sign * c.heat_milli);
    if let Some(bin) = c.reached {
        let n = i64::from(partial.reached[bin]) + sign;
        partial.reached[bin] = u32::try_from(n.max(0)).unwrap_or(u32::MAX);
    }
}
