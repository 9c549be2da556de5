//! What `/readyz` looks at.

use api::Check;
use async_trait::async_trait;
use catalog::VideoStore;
use std::path::PathBuf;
use std::sync::Arc;
use vocab::{Millis, Status};

pub struct StoreCheck(pub Arc<dyn VideoStore>);

#[async_trait]
impl Check for StoreCheck {
    fn name(&self) -> &'static str {
        "records"
    }
    async fn check(&self) -> Result<(), String> {
        let asked = self.0.list_by_status(Status::Judging, Millis(0), 1).await;
        asked.map(|_| ()).map_err(|e| format!("the records cannot be read: {e}"))
    }
}

/// Says when the disk is about to be full; reads go on all the same.
pub struct DiskCheck {
    pub dir: PathBuf,
    pub reserve_bytes: u64,
}

#[async_trait]
impl Check for DiskCheck {
    fn name(&self) -> &'static str {
        "disk"
    }
    async fn check(&self) -> Result<(), String> {
        let free =
            crate::disk::space(&self.dir).map_err(|e| format!("the disk cannot be asked: {e}"))?.free_bytes;
        if free < self.reserve_bytes {
            return Err(format!("only {} MiB are free: uploads are refused until there is more", free >> 20));
        }
        Ok(())
    }
}
