//! The events cases on the embedded engine.

use embedded::events::{EmbeddedEventLog, SCHEMA};
use embedded::{Database, DbPolicy};
use events::EventLog;
use events::conformance::cases;
use std::path::Path;
use std::sync::Arc;
use testkit::trials_in;

fn database(dir: &Path) -> Database {
    Database::open(dir, &[SCHEMA], &DbPolicy::default()).expect("opened")
}

fn main() {
    let make = |dir: &Path| -> Arc<dyn EventLog> { Arc::new(EmbeddedEventLog::new(database(dir))) };
    testkit::main(trials_in("embedded", cases(), make));
}
