//! The engagement cases on the embedded engine.

use embedded::engagement::{EmbeddedEngagementStore, SCHEMA};
use embedded::{Database, DbPolicy};
use engagement::conformance::cases;
use engagement::{EngagementPolicy, EngagementStore};
use std::path::Path;
use std::sync::Arc;
use testkit::trials_in;

fn database(dir: &Path) -> Database {
    Database::open(dir, &[SCHEMA], &DbPolicy::default()).expect("opened")
}

fn main() {
    let make = |dir: &Path| -> Arc<dyn EngagementStore> {
        Arc::new(EmbeddedEngagementStore::new(database(dir), EngagementPolicy::default()))
    };
    testkit::main(trials_in("embedded", cases(), make));
}
