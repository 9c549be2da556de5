//! The cases of moderation on AWS engines.

#[path = "moderation/own.rs"]
mod own;
mod support;

use aws::moderation::{DynamoBlockList, DynamoFrameBlockList, DynamoModerationStore, TABLES};
use moderation::conformance::{block_list_cases, cases, frame_block_list_cases};
use moderation::{BlockList, FrameBlockList, ModerationStore};
use std::sync::Arc;
use support::in_all_weathers;

fn main() {
    let mut all = in_all_weathers("dynamodb", cases, TABLES, |dynamo| -> Arc<dyn ModerationStore> {
        Arc::new(DynamoModerationStore::new(dynamo))
    });
    all.extend(in_all_weathers("dynamodb_block_list", block_list_cases, TABLES, |dynamo| {
        Arc::new(DynamoBlockList::new(dynamo)) as Arc<dyn BlockList>
    }));
    all.extend(in_all_weathers("dynamodb_frame_blocks", frame_block_list_cases, TABLES, |dynamo| {
        Arc::new(DynamoFrameBlockList::new(dynamo)) as Arc<dyn FrameBlockList>
    }));
    all.extend(own::trials());
    testkit::main(all)
}
