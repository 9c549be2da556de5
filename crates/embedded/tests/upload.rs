//! The upload store's promises on the SQLite file.

use embedded::upload::EmbeddedUploadStore;
use embedded::{Database, DbPolicy, SCHEMA};
use std::path::Path;
use std::sync::Arc;
use testkit::trials_in;
use upload::UploadStore;
use upload::conformance::{forgetting, upload_store};

fn store(dir: &Path) -> Arc<dyn UploadStore> {
    let db = Database::open(dir, SCHEMA, &DbPolicy::default()).expect("a database");
    Arc::new(EmbeddedUploadStore::new(db))
}

fn main() {
    let mut all = trials_in("embedded", upload_store(), store);
    all.extend(trials_in("embedded", forgetting(), store));
    testkit::main(all)
}
