//! The job store's cases on the embedded engine.

use embedded::work::{EmbeddedJobStore, SCHEMA};
use embedded::{Database, DbPolicy};
use std::path::Path;
use std::sync::Arc;
use testkit::trials_in;
use work::JobStore;
use work::conformance::cases;

fn database(dir: &Path) -> Database {
    Database::open(dir, &[SCHEMA], &DbPolicy::default()).expect("opened")
}

fn main() {
    let make = |dir: &Path| -> Arc<dyn JobStore> { Arc::new(EmbeddedJobStore::new(database(dir))) };
    testkit::main(trials_in("embedded", cases(), make));
}
