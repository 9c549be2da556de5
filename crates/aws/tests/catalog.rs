//! The cases of catalog on AWS engines.

#[path = "catalog/costs.rs"]
mod costs;
#[path = "catalog/lag.rs"]
mod lag;
#[path = "catalog/shelves.rs"]
mod shelves;
mod support;

use aws::catalog::{DynamoLibraryStore, DynamoVideoStore, TABLES};
use aws::dynamo::Dynamo;
use catalog::conformance::{cases, library_cases};
use catalog::{LibraryStore, VideoStore};
use std::sync::Arc;
use support::{Storm, block_on, dynamo, in_all_weathers};
use testkit::{Trial, trials};

/// A promise of the room beyond the ports, on a calm wire.
fn own<F: Future<Output = ()> + 'static>(name: &str, run: fn(Dynamo) -> F) -> Trial {
    Trial::test(format!("dynamodb_own::{name}"), move || {
        block_on(run(dynamo(TABLES, Storm::Calm)));
        Ok(())
    })
}

fn main() {
    let mut all = in_all_weathers("dynamodb", cases, TABLES, |dynamo| -> Arc<dyn VideoStore> {
        Arc::new(DynamoVideoStore::new(dynamo))
    });
    all.extend(in_all_weathers("dynamodb_library", library_cases, TABLES, |dynamo| {
        Arc::new(DynamoLibraryStore::new(dynamo)) as Arc<dyn LibraryStore>
    }));
    // Another key and the same steps: one weather will do.
    all.extend(trials("dynamodb_library_by_day", library_cases(), || {
        Arc::new(DynamoLibraryStore::new(dynamo(TABLES, Storm::Calm)).by_day()) as Arc<dyn LibraryStore>
    }));
    all.extend(costs::trials());
    all.extend(lag::trials());
    all.extend(shelves::trials());
    testkit::main(all)
}
