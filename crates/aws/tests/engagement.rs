//! The cases of engagement on AWS engines.

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
    testkit::main(in_all_weathers("dynamodb", cases, TABLES, make));
}
