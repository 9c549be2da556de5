//! The catalog's cases on the embedded engine.

use catalog::conformance::{cases, library_cases};
use catalog::{LibraryStore, VideoStore};
use embedded::catalog::{EmbeddedVideoStore, SCHEMA};
use embedded::library::{self, EmbeddedLibraryStore};
use embedded::{Database, DbPolicy};
use std::sync::Arc;
use testkit::trials;

/// A fresh database; its directory lives as long as the process.
fn database() -> Database {
    let dir = tempfile::tempdir().expect("a directory").keep();
    Database::open(&dir, &[SCHEMA, library::SCHEMA], &DbPolicy::default()).expect("opened")
}

fn main() {
    let mut all = trials("embedded", cases(), || -> Arc<dyn VideoStore> {
        Arc::new(EmbeddedVideoStore::new(database()))
    });
    all.extend(trials("embedded_library", library_cases(), || -> Arc<dyn LibraryStore> {
        Arc::new(EmbeddedLibraryStore::new(database()))
    }));
    testkit::main(all)
}
