//! The job store's cases on the embedded engine.

use embedded::work::{EmbeddedJobStore, SCHEMA};
use embedded::{Database, DbPolicy};
use std::sync::Arc;
use testkit::trials;
use work::JobStore;
use work::conformance::cases;

/// A fresh database; its directory lives as long as the process.
fn database() -> Database {
    let dir = tempfile::tempdir().expect("a directory").keep();
    Database::open(&dir, &[SCHEMA], &DbPolicy::default()).expect("opened")
}

fn main() {
    let make = || -> Arc<dyn JobStore> { Arc::new(EmbeddedJobStore::new(database())) };
    testkit::main(trials("embedded", cases(), make));
}
