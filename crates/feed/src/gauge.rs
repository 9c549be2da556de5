//! How long ranking takes, told to whoever keeps that promise.

use crate::candidate::{Candidate, Query};
use crate::feed::Feed;
use crate::kernel::{Ctx, SideEffect};
use crate::port::Gauge;
use crate::scorer::SCORERS;
use std::sync::Arc;
use vocab::{Millis, VideoId};

pub const MEASURE: &str = "feed.side_effect.measure";

impl Feed {
    /// Tells `gauge` how long each ranking of candidates took.
    pub fn gauged(mut self, gauge: Arc<dyn Gauge>) -> Self {
        self.top_up.pipeline.side_effects.push(Box::new(Measure(gauge)));
        self
    }
}

/// Adds up what the scorers of a run took. One that was late, or had nothing to rank, says nothing.
pub(crate) struct Measure(pub Arc<dyn Gauge>);

impl SideEffect<Query, Candidate> for Measure {
    fn name(&self) -> &'static str {
        MEASURE
    }
    fn after(&self, ctx: &Ctx<'_, VideoId>, _: &Query, _: &[Candidate]) {
        let scorers = ctx.trace.stages.iter().filter(|s| s.name.starts_with(SCORERS));
        let (mut ranked, mut took) = (false, Millis(0));
        for stage in scorers.filter(|s| !s.degraded && s.before > 0) {
            (ranked, took) = (true, took.saturating_add(stage.spent));
        }
        if ranked {
            self.0.ranked(took, ctx.now);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::candidate::{Entry, VideoFacts};
    use crate::policy::FeedPolicy;
    use crate::top_up::pipeline;
    use crate::why::{Recorder, Runs};
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicI64, Ordering};
    use stdx::Clock;
    use vocab::UserId;

    #[derive(Default)]
    struct Heard(Mutex<Vec<(Millis, Millis)>>);
    impl Gauge for Heard {
        fn ranked(&self, took: Millis, at: Millis) {
            self.0.lock().expect("lives").push((took, at));
        }
    }

    /// A millisecond passes with every look at it.
    #[derive(Debug, Default)]
    struct Hasty(AtomicI64);
    impl Clock for Hasty {
        fn now(&self) -> Millis {
            Millis(self.0.fetch_add(1, Ordering::SeqCst))
        }
    }

    fn heard(deadline: Millis, candidates: u64) -> Vec<(Millis, Millis)> {
        let (clock, heard) = (Hasty::default(), Arc::<Heard>::default());
        let mut stages = pipeline(&FeedPolicy::default(), Recorder(Arc::new(Runs::new(1))));
        stages.side_effects.push(Box::new(Measure(heard.clone())));
        let ids = || (1..=candidates).map(VideoId);
        let fresh = ids().map(|video| Entry { video, owner: UserId(video.0), published_at: Millis(0) });
        let facts = ids().map(|video| (video, VideoFacts { showable: true, ..VideoFacts::default() }));
        let mut query = Query { fresh: fresh.collect(), facts: facts.collect(), ..Query::default() };
        let mut ctx = Ctx::new(1, deadline, "v", &clock);
        stages.run(&mut ctx, &mut query);
        heard.0.lock().expect("lives").clone()
    }

    #[test]
    fn each_ranking_is_told_with_the_time_it_took() {
        // The scorer begins, asks whether it is late, and ends: two looks apart.
        assert_eq!(heard(Millis(i64::MAX), 3), [(Millis(2), Millis(0))]);
    }

    #[test]
    fn a_run_that_ranked_nothing_says_nothing() {
        assert_eq!(heard(Millis(0), 3), [], "too late");
        assert_eq!(heard(Millis(i64::MAX), 0), [], "no candidates");
    }
}
