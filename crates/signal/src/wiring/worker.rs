//! The worker role: every job handler on one runner, and the fold of events into counters.

use super::house::House;
use super::media::concurrency;
use crate::config::Config;
use catalog::jobs::{ENCODE, JUDGE};
use catalog::sweep::{Erase, Sweep};
use moderation::Reviews;
use std::sync::Arc;
use vocab::Millis;
use work::{JobHandler, Runner, RunnerDeps, WorkPolicy};

/// How often decisions that a crash left behind are looked for.
const SETTLE_EVERY: Millis = Millis::from_secs(10);

pub fn policy(config: &Config) -> WorkPolicy {
    let mut policy = WorkPolicy { poll_every: Millis(config.work.poll_ms.max(10)), ..WorkPolicy::default() };
    policy.drain =
        Millis::from_secs(i64::try_from(config.server.drain_s).unwrap_or(10).saturating_sub(2).max(1));
    for kind in [JUDGE, ENCODE] {
        policy.concurrency.insert(kind.to_owned(), concurrency(config));
    }
    policy
}

pub fn runner(house: &House, config: &Config) -> Runner {
    let deps = RunnerDeps {
        store: Arc::clone(&house.jobs),
        clock: Arc::clone(&house.clock),
        entropy: Arc::clone(&house.entropy),
        wake: house.wake.clone(),
    };
    let catalog_policy = house.catalog_policy.clone();
    let sweep = Sweep::new(
        Arc::clone(&house.videos),
        house.submit.clone(),
        Arc::clone(&house.clock),
        catalog_policy.clone(),
    );
    let erase = Erase::new(
        Arc::clone(&house.videos),
        Arc::clone(&house.jobs),
        Arc::clone(&house.stores.objects.eraser),
        Arc::clone(&house.clock),
        catalog_policy.clone(),
    );
    Runner::new(deps, policy(config))
        .handle(Arc::new(moderation::JudgeHandler(house.moderator.clone())))
        .handle(Arc::new(transcode::EncodeHandler(house.transcoder.clone())))
        .handle(Arc::new(upload::jobs::Arrivals(Arc::clone(&house.uploads))))
        .handle(Arc::new(erase) as Arc<dyn JobHandler>)
        .every(catalog_policy.sweep_every, Arc::new(sweep))
        .every(house.uploads.policy().sweep_every, Arc::new(upload::jobs::Expiry(Arc::clone(&house.uploads))))
        .every(SETTLE_EVERY, Arc::new(moderation::SettleHandler(Reviews::clone(&house.reviews))))
}
