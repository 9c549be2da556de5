//! One showing of one video as the join of its events, and what it adds to the counters.

use crate::hour::Hour;
use crate::policy::EngagementPolicy;
use crate::retention;
use events::{EventKind, Recorded};
use std::fmt;
use std::ops::AddAssign;
use vocab::view::counts_as_view;
use vocab::{DeviceId, ImpressionId, Millis, UserId, VideoId};

/// What makes two events belong to the same showing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ImpressionKey {
    pub viewer: UserId,
    pub video: VideoId,
    pub showing: Showing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Showing {
    /// Named by the feed.
    Served(ImpressionId),
    /// Unnamed: one a run of the client.
    Run { device: DeviceId, epoch: u64 },
    /// Unnumbered (the seed's `POST /event`): one an hour and device.
    Hour { device: DeviceId, hour: Hour },
}

impl fmt::Display for Showing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Served(id) => write!(f, "s:{id}"),
            Self::Run { device, epoch } => write!(f, "r:{device}:{epoch}"),
            Self::Hour { device, hour } => write!(f, "h:{device}:{}", hour.0),
        }
    }
}

impl ImpressionKey {
    /// `None` for events about no video.
    pub fn of(event: &Recorded) -> Option<Self> {
        let video = event.video?;
        let device = event.device;
        let showing = match (event.impression, event.epoch) {
            (Some(id), _) => Showing::Served(id),
            (None, 0) => Showing::Hour { device, hour: Hour::of(event.at) },
            (None, epoch) => Showing::Run { device, epoch },
        };
        Some(Self { viewer: event.viewer, video, showing })
    }
}

/// The join. Every field only grows (or, for `first_at`, only falls), so order and repetition do not matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Impression {
    pub first_at: Millis,
    /// Latest receipt; decides when the impression is final.
    pub last_at: Millis,
    pub dwell_ms: i64,
    pub watched_ms: i64,
    pub duration_ms: i64,
    pub shown: bool,
    pub liked: bool,
    pub shared: bool,
    pub skipped: bool,
}

impl Default for Impression {
    fn default() -> Self {
        Self {
            first_at: Millis(i64::MAX),
            last_at: Millis(i64::MIN),
            dwell_ms: 0,
            watched_ms: 0,
            duration_ms: 0,
            shown: false,
            liked: false,
            shared: false,
            skipped: false,
        }
    }
}

impl Impression {
    pub fn absorb(&mut self, event: &Recorded) {
        let m = &event.measures;
        self.first_at = self.first_at.min(event.at);
        self.last_at = self.last_at.max(event.received_at);
        self.dwell_ms = self.dwell_ms.max(m.dwell_ms.unwrap_or(0));
        self.watched_ms = self.watched_ms.max(m.watched_ms.unwrap_or(0));
        self.duration_ms = self.duration_ms.max(m.duration_ms.unwrap_or(0));
        self.shown |= event.kind.proves_shown();
        self.liked |= event.kind == EventKind::Like;
        self.shared |= event.kind == EventKind::Share;
        self.skipped |= event.kind == EventKind::Skip;
    }

    pub fn is_view(&self) -> bool {
        self.shown && counts_as_view(self.dwell_ms, self.watched_ms, self.duration_ms)
    }

    pub fn is_completion(&self, p: &EngagementPolicy) -> bool {
        self.shown
            && self.duration_ms > 0
            && self.watched_ms.saturating_mul(100) >= self.duration_ms.saturating_mul(p.completion_percent)
    }

    pub fn is_quick_skip(&self, p: &EngagementPolicy) -> bool {
        self.skipped && self.dwell_ms < p.quick_skip.0 && !self.is_view()
    }

    /// What this impression adds, as a function of the join alone.
    pub fn contribution(&self, p: &EngagementPolicy) -> Contribution {
        let (view, completion) = (self.is_view(), self.is_completion(p));
        let dwelled = self.shown && self.dwell_ms > 0;
        let w = &p.weights;
        let heat_milli = weight(view, w.view_milli)
            + weight(completion, w.completion_milli)
            + weight(self.liked, w.like_milli)
            + weight(self.shared, w.share_milli)
            + weight(self.is_quick_skip(p), w.quick_skip_milli);
        Contribution {
            hour: Hour::of(self.first_at),
            counters: Counters {
                impressions: i64::from(self.shown),
                views: i64::from(view),
                dwell_ms: if dwelled { self.dwell_ms } else { 0 },
                dwells: i64::from(dwelled),
                completions: i64::from(completion),
                skips: i64::from(self.skipped),
            },
            heat_milli,
            heat_at: self.first_at,
            reached: if self.shown { retention::bin(self.watched_ms, self.duration_ms) } else { None },
        }
    }
}

fn weight(on: bool, milli: i64) -> i64 {
    if on { milli } else { 0 }
}

/// What one impression adds to its video.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contribution {
    pub hour: Hour,
    pub counters: Counters,
    pub heat_milli: i64,
    pub heat_at: Millis,
    pub reached: Option<usize>,
}

/// Sums over impressions.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    pub impressions: i64,
    pub views: i64,
    pub dwell_ms: i64,
    pub dwells: i64,
    pub completions: i64,
    pub skips: i64,
}

impl Counters {
    pub const fn negated(self) -> Self {
        Self {
            impressions: -self.impressions,
            views: -self.views,
            dwell_ms: -self.dwell_ms,
            dwells: -self.dwells,
            completions: -self.completions,
            skips: -self.skips,
        }
    }
    /// Seed §6: `avg_dwell`.
    pub const fn avg_dwell_ms(&self) -> i64 {
        if self.dwells > 0 { self.dwell_ms / self.dwells } else { 0 }
    }
}

impl AddAssign for Counters {
    fn add_assign(&mut self, o: Self) {
        self.impressions += o.impressions;
        self.views += o.views;
        self.dwell_ms += o.dwell_ms;
        self.dwells += o.dwells;
        self.completions += o.completions;
        self.skips += o.skips;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use events::Measures;

    fn event(kind: EventKind, dwell: i64, watched: i64) -> Recorded {
        Recorded {
            viewer: UserId(1),
            device: DeviceId(1),
            epoch: 1,
            seq: 1,
            kind,
            at: Millis(3_600_000),
            received_at: Millis(3_600_000),
            raw_ts: None,
            raw_sent_at: None,
            video: Some(VideoId(1)),
            impression: None,
            measures: Measures {
                dwell_ms: Some(dwell),
                watched_ms: Some(watched),
                duration_ms: Some(10_000),
                ..Measures::default()
            },
        }
    }

    fn sum(events: &[Recorded]) -> Counters {
        let mut i = Impression::default();
        events.iter().for_each(|e| i.absorb(e));
        i.contribution(&EngagementPolicy::default()).counters
    }

    #[test]
    fn many_progress_events_are_one_view_with_the_last_dwell() {
        let c = sum(&[
            event(EventKind::Impression, 0, 0),
            event(EventKind::Dwell, 2_500, 2_500),
            event(EventKind::Dwell, 5_000, 5_000),
            event(EventKind::ViewEnd, 9_900, 9_800),
        ]);
        assert_eq!((c.impressions, c.views, c.dwells, c.avg_dwell_ms(), c.completions), (1, 1, 1, 9_900, 1));
    }

    #[test]
    fn a_glance_is_no_view_and_a_like_alone_no_impression() {
        assert_eq!(sum(&[event(EventKind::ViewEnd, 1_999, 1_999)]).views, 0);
        assert_eq!(sum(&[event(EventKind::Like, 9_000, 9_000)]), Counters::default());
    }

    #[test]
    fn a_quick_skip_cools_until_a_longer_dwell_is_known() {
        let p = EngagementPolicy::default();
        let mut i = Impression::default();
        i.absorb(&event(EventKind::Skip, 800, 800));
        assert_eq!(i.contribution(&p).heat_milli, -500);
        i.absorb(&event(EventKind::ViewEnd, 2_000, 2_000));
        assert_eq!(i.contribution(&p).heat_milli, 1_000);
    }
}
