//! The engagement cases on the embedded engine.

use embedded::engagement::{EmbeddedEngagementStore, SCHEMA};
use embedded::{Database, DbPolicy};
use engagement::conformance::cases;
use engagement::{EngagementPolicy, EngagementStore};
use std::sync::Arc;
use testkit::trials;

/// A fresh database; its directory lives as long as the process.
fn database() -> Database {
    let dir = tempfile::tempdir().expect("a directory").keep();
    Database::open(&dir, &[SCHEMA], &DbPolicy::default()).expect("opened")
}

fn main() {
    let make = || -> Arc<dyn EngagementStore> {
        Arc::new(EmbeddedEngagementStore::new(database(), EngagementPolicy::default()))
    };
    testkit::main(trials("embedded", cases(), make));
}
