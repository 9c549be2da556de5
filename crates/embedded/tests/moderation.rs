//! Moderation's cases on the embedded engine.

use embedded::moderation::{EmbeddedBlockList, EmbeddedFrameBlockList, EmbeddedModerationStore, SCHEMA};
use embedded::{Database, DbPolicy};
use moderation::conformance::{block_list_cases, cases, frame_block_list_cases};
use moderation::{BlockList, FrameBlockList, ModerationStore};
use std::path::Path;
use std::sync::Arc;
use testkit::trials_in;

fn database(dir: &Path) -> Database {
    Database::open(dir, &[SCHEMA], &DbPolicy::default()).expect("opened")
}

fn main() {
    let mut all = trials_in("embedded", cases(), |dir| -> Arc<dyn ModerationStore> {
        Arc::new(EmbeddedModerationStore::new(database(dir)))
    });
    all.extend(trials_in(
        "embedded_frame_blocks",
        frame_block_list_cases(),
        |dir| -> Arc<dyn FrameBlockList> { Arc::new(EmbeddedFrameBlockList::new(database(dir))) },
    ));
    all.extend(trials_in("embedded_block_list", block_list_cases(), |dir| -> Arc<dyn BlockList> {
        Arc::new(EmbeddedBlockList::new(database(dir)))
    }));
    testkit::main(all)
}
