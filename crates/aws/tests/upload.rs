//! The cases of upload on DynamoDB, in all weathers, and what one upload costs.

mod support;

use aws::dynamo::Item;
use aws::upload::{DynamoUploadStore, TABLES, UPLOADS};
use std::sync::Arc;
use support::{Storm, dynamo, in_all_weathers};
use testkit::Trial;
use upload::conformance::upload_store;
use upload::{KeyClaim, Limits, Reservation, Upload, UploadPolicy, UploadQuery, UploadState, UploadStore};
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
fn one_upload_costs_at_most_9_write_and_6_read_units() {
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
    assert!(spent.write_units <= 9.0 && spent.read_units <= 6.0, "{spent:?}");
}

/// Two starts under one key share an upload; the one that fails gives back the place of both.
fn a_place_given_back_by_a_racing_start_does_not_hide_the_upload() {
    let store = DynamoUploadStore::new(dynamo(TABLES, Storm::Calm), remember());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let at = Millis(1_767_225_600_000);
    let limits = Limits { open_max: 5, day_uploads_max: 50, day_bytes_max: Bytes(5_000_000_000) };
    runtime.block_on(async {
        for (n, back_first) in [(1, true), (2, false)] {
            let (id, owner) = (UploadId(n), UserId(n as u64));
            let place = Reservation { upload: id, size: Bytes(80 << 20), at };
            store.reserve(owner, place, &limits).await.expect("reserves");
            if back_first {
                store.release(owner, id, true).await.expect("releases");
            }
            store.insert(record(id, owner)).await.expect("inserts");
            if !back_first {
                store.release(owner, id, true).await.expect("releases");
            }
            let live = store.list(UploadQuery::LiveOf(owner), 9).await.expect("lists");
            assert_eq!(live, [record(id, owner)]);
            let usage = store.usage(owner, at).await.expect("reads");
            assert_eq!((usage.open, usage.day_uploads), (1, 1));
            store.release(owner, id, false).await.expect("releases");
            assert_eq!(store.usage(owner, at).await.expect("reads").open, 0);
        }
    });
}

/// As the first layout wrote it, with the keys of an index that is gone. Never edit it.
fn first_layout(id: u128, state: UploadState, due_at: i64) -> Item {
    let id = UploadId(id);
    let body = format!(
        r#"{{"id":"{id}","owner":"0000000000001","video":"0000000000003","filename":"a.mov","content_type":"video/quicktime","size_bytes":11,"sha256":null,"part_size_bytes":5,"part_count":3,"state":"{}","ticket":"t","created_at":10,"expires_at":20,"state_changed_at":15}}"#,
        state.word()
    );
    Item::new(1)
        .s("upload_id", id.to_string())
        .s("owner_id", "0000000000001")
        .s("video_id", "0000000000003")
        .s("state", state.word())
        .n("created_at", 10)
        .s("live_owner", "0000000000001")
        .s("due", format!("{}#{}", state.word(), id.0 % 4))
        .n("due_at", due_at)
        .s("body", body)
}

fn rows_of_the_first_layout_are_found_and_go_on() {
    let rows = dynamo(TABLES, Storm::Calm);
    let store = DynamoUploadStore::new(rows.clone(), remember());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let (open, completing) = (UploadId(7), UploadId(8));
    runtime.block_on(async {
        rows.put(&UPLOADS, first_layout(open.0, UploadState::Open, 20)).await.expect("puts");
        rows.put(&UPLOADS, first_layout(completing.0, UploadState::Completing, 15)).await.expect("puts");
        let found = async |query| {
            let found = store.list(query, 9).await.expect("lists");
            found.into_iter().map(|u| u.id).collect::<Vec<_>>()
        };
        assert_eq!(found(UploadQuery::ExpiredBefore(Millis(21))).await, [open]);
        assert_eq!(found(UploadQuery::CompletingBefore(Millis(16))).await, [completing]);
        store.advance(open, &[UploadState::Open], UploadState::Completing, Millis(30)).await.expect("moves");
        store
            .advance(completing, &[UploadState::Completing], UploadState::Completed, Millis(30))
            .await
            .expect("moves");
        assert_eq!(found(UploadQuery::CompletingBefore(Millis(31))).await, [open]);
        assert_eq!(found(UploadQuery::ExpiredBefore(Millis(99))).await, []);
    });
}

fn a_sweep_reads_the_rows_it_is_after_and_no_others() {
    let rows = dynamo(TABLES, Storm::Calm);
    let store = DynamoUploadStore::new(rows.clone(), remember());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let now = Millis(1_767_225_600_000);
    runtime.block_on(async {
        for n in 1..=200 {
            store.insert(record(UploadId(n), UserId(n as u64))).await.expect("inserts");
        }
        let stuck = UploadId(200);
        store.advance(stuck, &[UploadState::Open], UploadState::Completing, now).await.expect("moves");
        let before = rows.meter().spent().read_units;
        let found = store.list(UploadQuery::CompletingBefore(Millis(now.0 + 1)), 1).await.expect("lists");
        let spent = rows.meter().spent().read_units - before;
        println!("RESULT dynamodb_upload_sweep live=200 rcu={spent}");
        assert_eq!(found.iter().map(|u| u.id).collect::<Vec<_>>(), [stuck]);
        assert!(spent <= 10.0, "{spent}");
    });
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
        "one_upload_costs_at_most_9_write_and_6_read_units",
        one_upload_costs_at_most_9_write_and_6_read_units,
    ));
    all.push(test(
        "a_place_given_back_by_a_racing_start_does_not_hide_the_upload",
        a_place_given_back_by_a_racing_start_does_not_hide_the_upload,
    ));
    all.push(test(
        "a_sweep_reads_the_rows_it_is_after_and_no_others",
        a_sweep_reads_the_rows_it_is_after_and_no_others,
    ));
    all.push(test(
        "rows_of_the_first_layout_are_found_and_go_on",
        rows_of_the_first_layout_are_found_and_go_on,
    ));
    all.push(test("a_store_without_its_tables_names_the_table", a_store_without_its_tables_names_the_table));
    testkit::main(all)
}
