//! The cases of engagement on AWS engines.

#[path = "engagement/kills.rs"]
mod kills;
mod support;

use aws::dynamo::Dynamo;
use aws::engagement::{DynamoEngagementStore, TABLES};
use engagement::conformance::cases;
use engagement::{EngagementPolicy, EngagementStore, Reaction, ReactionKind};
use std::sync::Arc;
use support::{Storm, block_on, dynamo, in_all_weathers};
use testkit::Trial;
use vocab::{Millis, UserId, VideoId};

fn main() {
    let make = |dynamo| -> Arc<dyn EngagementStore> {
        Arc::new(DynamoEngagementStore::new(dynamo, EngagementPolicy::default()))
    };
    let mut all = in_all_weathers("dynamodb", cases, TABLES, make);
    all.extend(kills::trials());
    all.push(Trial::test("a_like_costs_four_writes_and_a_totals_question_half_a_read", || {
        block_on(a_like_costs_four_writes_and_a_totals_question_half_a_read(dynamo(TABLES, Storm::Calm)));
        Ok(())
    }));
    testkit::main(all);
}

async fn a_like_costs_four_writes_and_a_totals_question_half_a_read(rows: Dynamo) {
    let store = DynamoEngagementStore::new(rows.clone(), EngagementPolicy::default());
    let video = VideoId(1);
    for viewer in 1..=30 {
        let (viewer, at) = (UserId(viewer << 30 | viewer), Millis(1_795_000_000_000));
        let before = rows.meter().spent();
        store.react(Reaction { viewer, video, kind: ReactionKind::Like, on: true, at }).await.expect("likes");
        let spent = rows.meter().spent() - before;
        assert!(spent.write_units <= 4.0 && spent.read_units <= 4.0, "a like: {spent:?}");
    }
    let before = rows.meter().spent();
    assert_eq!(store.totals(&[video]).await.expect("answers")[0].likes, 30);
    let spent = rows.meter().spent() - before;
    assert!(spent.requests == 1 && spent.read_units <= 0.5, "totals: {spent:?}");
}
