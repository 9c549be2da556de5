//! A linear score whose parts are the explanation. A learned ranker replaces it behind the same trait.

use crate::candidate::{Candidate, Parts, Query};
use crate::kernel::{Ctx, Hydrator, Scorer};
use crate::policy::ScoreWeights;
use std::collections::HashMap;
use vocab::{Millis, UserId, VideoId};

pub const FACTS: &str = "feed.hydrator.facts";
/// What the names of scorers begin with.
pub const SCORERS: &str = "feed.scorer.";
pub const LINEAR: &str = "feed.scorer.linear";

/// Copies the snapshot's facts to the candidates.
pub struct Facts;

impl Hydrator<Query, Candidate> for Facts {
    fn name(&self) -> &'static str {
        FACTS
    }
    fn hydrate(&self, _: &Ctx<'_, VideoId>, query: &Query, candidates: &mut [Candidate]) {
        for c in candidates {
            c.facts = query.facts.get(&c.video).copied().unwrap_or_default();
        }
    }
}

pub struct Linear {
    pub weights: ScoreWeights,
}

impl Linear {
    /// The parts of one candidate's score.
    pub fn parts(&self, ctx: &Ctx<'_, VideoId>, query: &Query, c: &Candidate) -> Parts {
        let w = &self.weights;
        let rate = |n: i64, prior: f64| {
            let shown = c.facts.impressions.max(0) as f64;
            (n.max(0) as f64 + prior * w.prior_weight) / (shown + w.prior_weight).max(1.0)
        };
        let likes = query.likes_of.get(&c.owner).copied().unwrap_or(0);
        Parts {
            fresh: w.fresh * halved(ctx.now.saturating_sub(c.published_at), w.fresh_half_life),
            heat: w.heat * c.facts.heat.max(0.0) / (c.facts.heat.max(0.0) + 1.0),
            completion: w.completion * (rate(c.facts.completions, w.prior_completion) - w.prior_completion),
            affinity: w.affinity * (1.0 - 0.5f64.powi(likes.min(30) as i32)),
            skip: -w.skip * (rate(c.facts.skips, w.prior_skip) - w.prior_skip),
            fatigue: -w.fatigue * fatigue(query, c.owner),
            jitter: w.jitter * ctx.draw(c.video.0),
        }
    }
}

fn halved(age: Millis, half_life: Millis) -> f64 {
    (-(age.0.max(0) as f64) / half_life.0.max(1) as f64).exp2()
}

/// How tired the viewer is of a creator: the share of the last places it took, at most 1.
fn fatigue(query: &Query, owner: UserId) -> f64 {
    let n = query.tail.iter().filter(|o| **o == owner).count();
    (n as f64 / 4.0).min(1.0)
}

impl Scorer<Query, Candidate> for Linear {
    fn name(&self) -> &'static str {
        LINEAR
    }

    fn score(&self, ctx: &Ctx<'_, VideoId>, query: &Query, candidates: &mut [Candidate]) {
        for c in candidates.iter_mut() {
            c.parts = self.parts(ctx, query, c);
            c.score = c.parts.sum();
        }
        // A creator's best keeps its score, the next ones fall behind: variety before the slate even starts.
        let mut ranked: Vec<usize> = (0..candidates.len()).collect();
        ranked.sort_by(|a, b| candidates[*b].score.total_cmp(&candidates[*a].score));
        let mut of_owner: HashMap<UserId, i32> = HashMap::new();
        for i in ranked {
            let k = of_owner.entry(candidates[i].owner).or_insert(0);
            let tired = 1.0 - 0.5f64.powi((*k).min(30));
            candidates[i].parts.fatigue -= self.weights.fatigue * tired;
            candidates[i].score = candidates[i].parts.sum();
            *k += 1;
        }
    }

    /// Newest first needs nothing but the candidates themselves.
    fn score_late(&self, ctx: &Ctx<'_, VideoId>, _: &Query, candidates: &mut [Candidate]) {
        for c in candidates {
            c.score = halved(ctx.now.saturating_sub(c.published_at), self.weights.fresh_half_life);
        }
    }
}
