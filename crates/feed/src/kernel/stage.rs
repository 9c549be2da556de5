//! The stages' traits. Names are constants, so that renaming a type renames no dashboard.

use super::ctx::Ctx;
use std::hash::Hash;

/// What flows through.
pub trait Item {
    type Id: Copy + Eq + Ord + Hash;
    fn id(&self) -> Self::Id;
    /// NaN ranks below everything.
    fn score(&self) -> f64;
}

/// Derives something from the query itself.
pub trait QueryHydrator<Q, C: Item>: Send + Sync {
    fn name(&self) -> &'static str;
    fn hydrate(&self, ctx: &Ctx<'_, C::Id>, query: &mut Q);
}

/// Names candidates. Late: contributes nothing, unless it is the one that must.
pub trait Source<Q, C: Item>: Send + Sync {
    fn name(&self) -> &'static str;
    /// Runs even past the deadline; a page cannot do without.
    fn is_essential(&self) -> bool {
        false
    }
    fn candidates(&self, ctx: &Ctx<'_, C::Id>, query: &Q) -> Vec<C>;
}

/// Adds facts to candidates. Late: they stay without.
pub trait Hydrator<Q, C: Item>: Send + Sync {
    fn name(&self) -> &'static str;
    fn hydrate(&self, ctx: &Ctx<'_, C::Id>, query: &Q, candidates: &mut [C]);
}

/// Removes what must not be shown. Never skipped.
pub trait Filter<Q, C: Item>: Send + Sync {
    fn name(&self) -> &'static str;
    /// The reason to remove it.
    fn refuses(&self, ctx: &Ctx<'_, C::Id>, query: &Q, candidate: &C) -> Option<&'static str>;
}

/// Gives scores; each scorer sees those before it. A learned ranker is one more of these.
pub trait Scorer<Q, C: Item>: Send + Sync {
    fn name(&self) -> &'static str;
    fn score(&self, ctx: &Ctx<'_, C::Id>, query: &Q, candidates: &mut [C]);
    /// The degrade step: cheap scores when there is no time for good ones.
    fn score_late(&self, _ctx: &Ctx<'_, C::Id>, _query: &Q, _candidates: &mut [C]) {}
}

/// The slate, and what stays behind, both in order.
#[derive(Debug)]
pub struct Selected<C> {
    pub picked: Vec<C>,
    pub rest: Vec<C>,
}

/// Makes the slate out of ranked candidates.
pub trait Selector<Q, C: Item>: Send + Sync {
    fn name(&self) -> &'static str;
    fn select(&self, ctx: &Ctx<'_, C::Id>, query: &Q, ranked: Vec<C>) -> Selected<C>;
}

/// Looks at the result: counters, logs. Changes nothing.
pub trait SideEffect<Q, C: Item>: Send + Sync {
    fn name(&self) -> &'static str;
    fn after(&self, ctx: &Ctx<'_, C::Id>, query: &Q, picked: &[C]);
}
