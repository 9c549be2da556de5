//! Moderation's cases on the embedded engine.

use embedded::moderation::{EmbeddedBlockList, EmbeddedFrameBlockList, EmbeddedModerationStore, SCHEMA};
use embedded::{Database, DbPolicy};
use moderation::conformance::{block_list_cases, cases, frame_block_list_cases};
use moderation::{BlockList, FrameBlockList, ModerationStore};
use std::sync::Arc;
use testkit::trials;

/// A fresh database; its directory lives as long as the process.
fn database() -> Database {
    let dir = tempfile::tempdir().expect("a directory").keep();
    Database::open(&dir, &[SCHEMA], &DbPolicy::default()).expect("opened")
}

fn main() {
    let mut all = trials("embedded", cases(), || -> Arc<dyn ModerationStore> {
        Arc::new(EmbeddedModerationStore::new(database()))
    });
    all.extend(trials("embedded_frame_blocks", frame_block_list_cases(), || -> Arc<dyn FrameBlockList> {
        Arc::new(EmbeddedFrameBlockList::new(database()))
    }));
    all.extend(trials("embedded_block_list", block_list_cases(), || -> Arc<dyn BlockList> {
        Arc::new(EmbeddedBlockList::new(database()))
    }));
    testkit::main(all)
}
