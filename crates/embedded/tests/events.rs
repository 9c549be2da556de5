//! The events cases on the embedded engine.

use embedded::events::{EmbeddedEventLog, SCHEMA};
use embedded::{Database, DbPolicy};
use events::EventLog;
use events::conformance::cases;
use std::sync::Arc;
use testkit::trials;

/// A fresh database; its directory lives as long as the process.
fn database() -> Database {
    let dir = tempfile::tempdir().expect("a directory").keep();
    Database::open(&dir, &[SCHEMA], &DbPolicy::default()).expect("opened")
}

fn main() {
    let make = || -> Arc<dyn EventLog> { Arc::new(EmbeddedEventLog::new(database())) };
    testkit::main(trials("embedded", cases(), make));
}
