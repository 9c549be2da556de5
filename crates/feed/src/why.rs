//! Why a viewer got a video, or did not: the record of their last top-up.

use crate::candidate::{Candidate, Query};
use crate::kernel::{Ctx, SideEffect, StageRecord};
use crate::reason::Reason;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use vocab::{Millis, UserId, VideoId};

pub const RECORDER: &str = "feed.side_effect.recorder";

/// The answer to "why this video?".
#[derive(Debug, Clone, PartialEq)]
pub struct Why {
    pub at: Millis,
    pub policy_version: &'static str,
    pub fate: Fate,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    /// In the slate, at this place, for this reason, with these parts of its score.
    Picked { place: usize, reason: Reason, score: f64, parts: Vec<(&'static str, f64)> },
    /// Taken out by a stage.
    Removed { by: &'static str, reason: &'static str },
}

#[derive(Debug, Clone)]
struct Run {
    at: Millis,
    policy_version: &'static str,
    picked: Vec<Candidate>,
    removed: HashMap<VideoId, (&'static str, &'static str)>,
    stages: Vec<StageRecord>,
}

/// The last run of each of the latest viewers.
#[derive(Debug)]
pub struct Runs {
    max: usize,
    runs: Mutex<HashMap<UserId, Run>>,
}

impl Runs {
    pub fn new(max: usize) -> Self {
        Self { max, runs: Mutex::default() }
    }

    pub fn why(&self, viewer: UserId, video: VideoId) -> Option<Why> {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        let run = runs.get(&viewer)?;
        let picked = run.picked.iter().enumerate().find(|(_, c)| c.video == video);
        let fate = match picked {
            Some((place, c)) => {
                let parts = c.parts.named().to_vec();
                Fate::Picked { place, reason: c.reason, score: c.score, parts }
            }
            None => {
                let (by, reason) = run.removed.get(&video)?;
                Fate::Removed { by, reason }
            }
        };
        Some(Why { at: run.at, policy_version: run.policy_version, fate })
    }

    /// What each stage of a viewer's last run did.
    pub fn stages(&self, viewer: UserId) -> Vec<StageRecord> {
        let runs = self.runs.lock().unwrap_or_else(PoisonError::into_inner);
        runs.get(&viewer).map(|r| r.stages.clone()).unwrap_or_default()
    }
}

/// Writes down each run.
pub struct Recorder(pub Arc<Runs>);

impl SideEffect<Query, Candidate> for Recorder {
    fn name(&self) -> &'static str {
        RECORDER
    }
    fn after(&self, ctx: &Ctx<'_, VideoId>, query: &Query, picked: &[Candidate]) {
        let Some(viewer) = query.viewer else { return };
        let union = crate::kernel::pipeline::BY_UNION;
        let removed = ctx.trace.removed.iter().filter(|r| r.by != union).map(|r| (r.id, (r.by, r.reason)));
        let run = Run {
            at: ctx.now,
            policy_version: ctx.policy_version,
            picked: picked.to_vec(),
            removed: removed.collect(),
            stages: ctx.trace.stages.clone(),
        };
        let mut runs = self.0.runs.lock().unwrap_or_else(PoisonError::into_inner);
        if runs.len() >= self.0.max && !runs.contains_key(&viewer) {
            runs.clear();
        }
        runs.insert(viewer, run);
    }
}
