//! The cases of catalog on AWS engines.

#[path = "catalog/own.rs"]
mod own;
mod support;

use aws::catalog::{DynamoLibraryStore, DynamoVideoStore, TABLES};
use catalog::conformance::{cases, library_cases};
use catalog::{LibraryStore, VideoStore};
use std::sync::Arc;
use support::in_all_weathers;

fn main() {
    let mut all = in_all_weathers("dynamodb", cases, TABLES, |dynamo| -> Arc<dyn VideoStore> {
        Arc::new(DynamoVideoStore::new(dynamo))
    });
    all.extend(in_all_weathers("dynamodb_library", library_cases, TABLES, |dynamo| {
        Arc::new(DynamoLibraryStore::new(dynamo)) as Arc<dyn LibraryStore>
    }));
    all.extend(in_all_weathers("dynamodb_library_by_day", library_cases, TABLES, |dynamo| {
        Arc::new(DynamoLibraryStore::new(dynamo).by_day()) as Arc<dyn LibraryStore>
    }));
    all.extend(own::trials());
    testkit::main(all)
}
