//! What flows through our pipeline, and the snapshot it is made from.

use crate::kernel::Item;
use crate::reason::Reason;
use std::collections::{HashMap, HashSet};
use vocab::{Millis, UserId, VideoId};

/// A public video in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    pub video: VideoId,
    pub owner: UserId,
    pub published_at: Millis,
}

/// What scoring knows of a video.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct VideoFacts {
    /// Published, public and playable at the time of the snapshot.
    pub showable: bool,
    /// New, and short of viewers.
    pub explorable: bool,
    pub impressions: i64,
    pub completions: i64,
    pub skips: i64,
    /// Score on the trending board; 0 when not hot.
    pub heat: f64,
}

/// Weighted contributions to the score: the explanation is the computation.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Parts {
    pub fresh: f64,
    pub heat: f64,
    pub completion: f64,
    pub affinity: f64,
    pub skip: f64,
    pub fatigue: f64,
    pub jitter: f64,
}

impl Parts {
    pub fn sum(&self) -> f64 {
        self.fresh + self.heat + self.completion + self.affinity + self.skip + self.fatigue + self.jitter
    }

    pub fn named(&self) -> [(&'static str, f64); 7] {
        [
            ("fresh", self.fresh),
            ("heat", self.heat),
            ("completion", self.completion),
            ("affinity", self.affinity),
            ("skip", self.skip),
            ("fatigue", self.fatigue),
            ("jitter", self.jitter),
        ]
    }
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    pub video: VideoId,
    pub owner: UserId,
    pub published_at: Millis,
    pub reason: Reason,
    pub facts: VideoFacts,
    pub parts: Parts,
    pub score: f64,
}

impl Candidate {
    pub fn new(entry: Entry, reason: Reason) -> Self {
        Self {
            video: entry.video,
            owner: entry.owner,
            published_at: entry.published_at,
            reason,
            facts: VideoFacts::default(),
            parts: Parts::default(),
            score: 0.0,
        }
    }
}

impl Item for Candidate {
    type Id = VideoId;
    fn id(&self) -> VideoId {
        self.video
    }
    fn score(&self) -> f64 {
        self.score
    }
}

/// Everything the pipeline may know of a request: the shell read it, the stages only compute.
#[derive(Debug, Clone, Default)]
pub struct Query {
    pub viewer: Option<UserId>,
    /// Newest first; what is excluded may be in it, filters name it.
    pub fresh: Vec<Entry>,
    /// Hottest first, owners already capped.
    pub trending: Vec<Entry>,
    pub liked_creators: Vec<Entry>,
    /// New and short of viewers.
    pub explore: Vec<Entry>,
    pub facts: HashMap<VideoId, VideoFacts>,
    pub served: HashSet<VideoId>,
    pub seen: HashSet<VideoId>,
    pub waiting: HashSet<VideoId>,
    pub dismissed: HashSet<VideoId>,
    pub hidden: HashSet<UserId>,
    /// Likes given to each creator.
    pub likes_of: HashMap<UserId, u32>,
    /// Owners of what comes right before, oldest first: the tail of queue and last page.
    pub tail: Vec<UserId>,
    /// How many to pick.
    pub wanted: usize,
    /// Places already filled since exploration's rhythm began.
    pub position: usize,
}
