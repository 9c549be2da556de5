//! The catalog's cases on the embedded engine.

use catalog::conformance::{cases, library_cases};
use catalog::{LibraryStore, VideoStore};
use embedded::catalog::{EmbeddedVideoStore, SCHEMA};
use embedded::library::{self, EmbeddedLibraryStore};
use embedded::{Database, DbPolicy};
use std::path::Path;
use std::sync::Arc;
use testkit::trials_in;

fn database(dir: &Path) -> Database {
    Database::open(dir, &[SCHEMA, library::SCHEMA], &DbPolicy::default()).expect("opened")
}

fn main() {
    let mut all = trials_in("embedded", cases(), |dir| -> Arc<dyn VideoStore> {
        Arc::new(EmbeddedVideoStore::new(database(dir)))
    });
    all.extend(trials_in("embedded_library", library_cases(), |dir| -> Arc<dyn LibraryStore> {
        Arc::new(EmbeddedLibraryStore::new(database(dir)))
    }));
    testkit::main(all)
}
