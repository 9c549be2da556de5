//! The cases of engagement on AWS engines.

#[path = "engagement/kills.rs"]
mod kills;
mod support;

use aws::engagement::{DynamoEngagementStore, TABLES};
use engagement::conformance::cases;
use engagement::{EngagementPolicy, EngagementStore};
use std::sync::Arc;
use support::in_all_weathers;

fn main() {
    let make = |dynamo| -> Arc<dyn EngagementStore> {
        Arc::new(DynamoEngagementStore::new(dynamo, EngagementPolicy::default()))
    };
    let mut all = in_all_weathers("dynamodb", cases, TABLES, make);
    all.extend(kills::trials());
    testkit::main(all);
}
