//! Runs the stages in order, by the clock, and writes down what each did.

use super::ctx::{Ctx, Removed, StageRecord};
use super::stage::{Filter, Hydrator, Item, QueryHydrator, Scorer, Selected, Selector, SideEffect, Source};
use std::collections::HashSet;
use vocab::Millis;

/// A list of stages is all a pipeline is.
pub struct Pipeline<Q, C: Item> {
    pub query_hydrators: Vec<Box<dyn QueryHydrator<Q, C>>>,
    /// In order of precedence: of equal candidates the first stays.
    pub sources: Vec<Box<dyn Source<Q, C>>>,
    pub hydrators: Vec<Box<dyn Hydrator<Q, C>>>,
    pub filters: Vec<Box<dyn Filter<Q, C>>>,
    pub scorers: Vec<Box<dyn Scorer<Q, C>>>,
    pub selector: Box<dyn Selector<Q, C>>,
    pub side_effects: Vec<Box<dyn SideEffect<Q, C>>>,
}

/// The slate of a run. The trace is in the context.
#[derive(Debug)]
pub struct Outcome<C> {
    pub picked: Vec<C>,
    pub rest: Vec<C>,
}

pub const BY_UNION: &str = "feed.union";
pub const REASON_DUPLICATE: &str = "named by an earlier source";

impl<Q, C: Item> Pipeline<Q, C> {
    pub fn run(&self, ctx: &mut Ctx<'_, C::Id>, query: &mut Q) -> Outcome<C> {
        for stage in &self.query_hydrators {
            let began = ctx.clock.now();
            let late = ctx.is_late();
            if !late {
                stage.hydrate(ctx, query);
            }
            note(ctx, stage.name(), (0, 0), began, late);
        }
        let candidates = self.gather(ctx, query);
        let mut candidates = union(ctx, candidates);
        for stage in &self.hydrators {
            let (began, n, late) = (ctx.clock.now(), candidates.len(), ctx.is_late());
            if !late {
                stage.hydrate(ctx, query, &mut candidates);
            }
            note(ctx, stage.name(), (n, n), began, late);
        }
        for stage in &self.filters {
            candidates = filter(ctx, query, stage.as_ref(), candidates);
        }
        for stage in &self.scorers {
            let (began, n, late) = (ctx.clock.now(), candidates.len(), ctx.is_late());
            if late {
                stage.score_late(ctx, query, &mut candidates);
            } else {
                stage.score(ctx, query, &mut candidates);
            }
            note(ctx, stage.name(), (n, n), began, late);
        }
        rank(&mut candidates);
        let (began, n) = (ctx.clock.now(), candidates.len());
        let Selected { picked, rest } = self.selector.select(ctx, query, candidates);
        note(ctx, self.selector.name(), (n, picked.len()), began, false);
        for stage in &self.side_effects {
            stage.after(ctx, query, &picked);
        }
        Outcome { picked, rest }
    }

    fn gather(&self, ctx: &mut Ctx<'_, C::Id>, query: &Q) -> Vec<C> {
        let mut all = Vec::new();
        for stage in &self.sources {
            let (began, before) = (ctx.clock.now(), all.len());
            let late = ctx.is_late() && !stage.is_essential();
            if !late {
                all.extend(stage.candidates(ctx, query));
            }
            note(ctx, stage.name(), (before, all.len()), began, late);
        }
        all
    }
}

fn note<Id>(
    ctx: &mut Ctx<'_, Id>,
    name: &'static str,
    counts: (usize, usize),
    began: Millis,
    degraded: bool,
) {
    let spent = ctx.clock.now().saturating_sub(began);
    ctx.trace.stages.push(StageRecord { name, before: counts.0, after: counts.1, spent, degraded });
}

fn union<C: Item>(ctx: &mut Ctx<'_, C::Id>, candidates: Vec<C>) -> Vec<C> {
    let mut known = HashSet::with_capacity(candidates.len());
    let mut kept = Vec::with_capacity(candidates.len());
    for candidate in candidates {
        let id = candidate.id();
        if known.insert(id) {
            kept.push(candidate);
        } else {
            ctx.trace.removed.push(Removed { id, by: BY_UNION, reason: REASON_DUPLICATE });
        }
    }
    kept
}

fn filter<Q, C: Item>(
    ctx: &mut Ctx<'_, C::Id>,
    query: &Q,
    stage: &dyn Filter<Q, C>,
    candidates: Vec<C>,
) -> Vec<C> {
    let (began, before) = (ctx.clock.now(), candidates.len());
    let mut kept = Vec::with_capacity(before);
    for candidate in candidates {
        match stage.refuses(ctx, query, &candidate) {
            None => kept.push(candidate),
            Some(reason) => {
                ctx.trace.removed.push(Removed { id: candidate.id(), by: stage.name(), reason });
            }
        }
    }
    note(ctx, stage.name(), (before, kept.len()), began, false);
    kept
}

/// Highest first, equal scores by larger id. NaN ranks last, so one broken score cannot lead a feed.
pub fn rank<C: Item>(candidates: &mut [C]) {
    let key = |c: &C| if c.score().is_nan() { f64::NEG_INFINITY } else { c.score() };
    candidates.sort_by(|a, b| key(b).total_cmp(&key(a)).then(b.id().cmp(&a.id())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::ManualClock;

    #[derive(Debug, Clone, PartialEq)]
    struct Toy(u32, f64);
    impl Item for Toy {
        type Id = u32;
        fn id(&self) -> u32 {
            self.0
        }
        fn score(&self) -> f64 {
            self.1
        }
    }

    struct Numbers(&'static str, std::ops::Range<u32>, bool);
    impl Source<u32, Toy> for Numbers {
        fn name(&self) -> &'static str {
            self.0
        }
        fn is_essential(&self) -> bool {
            self.2
        }
        fn candidates(&self, _: &Ctx<'_, u32>, _: &u32) -> Vec<Toy> {
            self.1.clone().map(|n| Toy(n, 0.0)).collect()
        }
    }
    struct Odd;
    impl Filter<u32, Toy> for Odd {
        fn name(&self) -> &'static str {
            "odd"
        }
        fn refuses(&self, _: &Ctx<'_, u32>, _: &u32, c: &Toy) -> Option<&'static str> {
            (c.0 % 2 == 1).then_some("is odd")
        }
    }
    struct ById;
    impl Scorer<u32, Toy> for ById {
        fn name(&self) -> &'static str {
            "by_id"
        }
        fn score(&self, _: &Ctx<'_, u32>, _: &u32, candidates: &mut [Toy]) {
            for c in candidates {
                c.1 = if c.0 == 4 { f64::NAN } else { f64::from(c.0) };
            }
        }
    }
    struct First;
    impl Selector<u32, Toy> for First {
        fn name(&self) -> &'static str {
            "first"
        }
        fn select(&self, _: &Ctx<'_, u32>, n: &u32, mut ranked: Vec<Toy>) -> Selected<Toy> {
            let rest = ranked.split_off((*n as usize).min(ranked.len()));
            Selected { picked: ranked, rest }
        }
    }

    fn pipeline() -> Pipeline<u32, Toy> {
        Pipeline {
            query_hydrators: vec![],
            sources: vec![Box::new(Numbers("low", 0..5, true)), Box::new(Numbers("high", 4..9, false))],
            hydrators: vec![],
            filters: vec![Box::new(Odd)],
            scorers: vec![Box::new(ById)],
            selector: Box::new(First),
            side_effects: vec![],
        }
    }

    #[test]
    fn every_removal_has_a_name_and_nan_comes_last() {
        let clock = ManualClock::default();
        let mut ctx = Ctx::new(1, Millis(i64::MAX), "v", &clock);
        let out = pipeline().run(&mut ctx, &mut 3);
        assert_eq!(out.picked.iter().map(|t| t.0).collect::<Vec<_>>(), [8, 6, 2]);
        assert_eq!(out.rest.iter().map(|t| t.0).collect::<Vec<_>>(), [0, 4]);
        assert_eq!(ctx.trace.removed.len(), 5);
        assert!(ctx.trace.removed.contains(&Removed { id: 4, by: BY_UNION, reason: REASON_DUPLICATE }));
        assert!(ctx.trace.removed.contains(&Removed { id: 7, by: "odd", reason: "is odd" }));
        assert!(!ctx.trace.is_degraded());
    }

    #[test]
    fn past_the_deadline_only_what_must_runs_and_filters_still_hold() {
        let clock = ManualClock::default();
        let mut ctx = Ctx::new(1, clock.now(), "v", &clock);
        let out = pipeline().run(&mut ctx, &mut 9);
        assert_eq!(out.picked.iter().map(|t| t.0).collect::<Vec<_>>(), [4, 2, 0]);
        let late: Vec<_> = ctx.trace.stages.iter().filter(|s| s.degraded).map(|s| s.name).collect();
        assert_eq!(late, ["high", "by_id"]);
    }

    use stdx::Clock;
}
