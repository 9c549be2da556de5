//! The cases of upload on DynamoDB, in all weathers, and what one upload costs.

mod support;

use aws::upload::{DynamoUploadStore, TABLES};
use std::sync::Arc;
use support::{Storm, dynamo, in_all_weathers};
use testkit::Trial;
use upload::conformance::upload_store;
use upload::{KeyClaim, Limits, Reservation, Upload, UploadPolicy, UploadState, UploadStore};
use vocab::{Bytes, Millis, UploadId, UserId, VideoId};

fn remember() -> Millis {
    UploadPolicy::default().remember
}

fn record(id: UploadId, owner: UserId) -> Upload {
    Upload {
        id,
        owner,
        video: VideoId(3),
        filename: "a clip of an evening by the sea.MOV".into(),
        content_type: "video/quicktime".into(),
        size_bytes: Bytes(80 << 20),
        sha256: Some("ab".repeat(32)),
        part_size_bytes: Bytes(5 << 20),
        part_count: 16,
        state: UploadState::Open,
        // As long as those of AWS.
        ticket: "x".repeat(160),
        created_at: Millis(1_767_225_600_000),
        expires_at: Millis(1_767_312_000_000),
        state_changed_at: Millis(1_767_225_600_000),
    }
}

/// The writes of `Uploads::start` and `Uploads::complete`, as they come.
fn one_upload_costs_at_most_12_write_and_6_read_units() {
    let rows = dynamo(TABLES, Storm::Calm);
    let store = DynamoUploadStore::new(rows.clone(), remember());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (id, owner, at) = (UploadId(77), UserId(5), Millis(1_767_225_600_000));
    let limits = Limits { open_max: 5, day_uploads_max: 50, day_bytes_max: Bytes(5_000_000_000) };
    runtime.block_on(async {
        let claim = KeyClaim { digest: "d".repeat(64), upload: id, video: VideoId(3), at };
        store.claim_key(owner, "key", claim, Millis(0)).await.expect("claims");
        let place = Reservation { upload: id, size: Bytes(80 << 20), at };
        store.reserve(owner, place, &limits).await.expect("reserves");
        store.insert(record(id, owner)).await.expect("inserts");
        store.get(id).await.expect("stands");
        for (from, to) in
            [(UploadState::Open, UploadState::Completing), (UploadState::Completing, UploadState::Completed)]
        {
            store.advance(id, &[from], to, at).await.expect("moves");
        }
        store.release(owner, id, false).await.expect("releases");
    });
    let spent = rows.meter().spent();
    println!("one upload: {spent:?}");
    assert!(spent.write_units <= 12.0 && spent.read_units <= 6.0, "{spent:?}");
}

fn a_store_without_its_tables_names_the_table() {
    let store = DynamoUploadStore::new(dynamo(&[], Storm::Calm), remember());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let said = runtime.block_on(store.get(UploadId(1))).expect_err("no table").to_string();
    assert!(said.contains("Uploads"), "{said}");
}

fn main() {
    let store = |rows| Arc::new(DynamoUploadStore::new(rows, remember())) as Arc<dyn UploadStore>;
    let mut all = in_all_weathers("dynamodb", upload_store, TABLES, store);
    let test = |name: &str, run: fn()| {
        Trial::test(format!("dynamodb::{name}"), move || {
            run();
            Ok(())
        })
    };
    all.push(test(
        "one_upload_costs_at_most_12_write_and_6_read_units",
        one_upload_costs_at_most_12_write_and_6_read_units,
    ));
    all.push(test("a_store_without_its_tables_names_the_table", a_store_without_its_tables_names_the_table));
    testkit::main(all)
}
