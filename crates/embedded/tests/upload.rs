//! The upload store's promises on the SQLite file.

use embedded::upload::EmbeddedUploadStore;
use embedded::{Database, DbPolicy, SCHEMA};
use std::sync::Arc;
use testkit::trials;
use upload::UploadStore;
use upload::conformance::{forgetting, upload_store};

fn store() -> Arc<dyn UploadStore> {
    let dir = tempfile::tempdir().expect("a directory");
    let db = Database::open(dir.path(), SCHEMA, &DbPolicy::default()).expect("a database");
    // The files of a test live as long as the process.
    std::mem::forget(dir);
    Arc::new(EmbeddedUploadStore::new(db))
}

fn main() {
    let mut all = trials("embedded", upload_store(), store);
    all.extend(trials("embedded", forgetting(), store));
    testkit::main(all)
}
