//! The cases of events on AWS engines.

#[path = "events/kills.rs"]
mod kills;
mod support;

use aws::events::{DynamoEventLog, TABLES};
use events::EventLog;
use events::conformance::cases;
use std::sync::Arc;
use support::in_all_weathers;

fn main() {
    let mut all = Vec::new();
    for (name, shards) in [("dynamodb", 1), ("dynamodb-3-shards", 3)] {
        let make = move |dynamo| -> Arc<dyn EventLog> { Arc::new(DynamoEventLog::new(dynamo, shards)) };
        all.extend(in_all_weathers(name, cases, TABLES, make));
    }
    all.extend(kills::trials());
    testkit::main(all);
}
