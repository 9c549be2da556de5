//! Places for parts that a killed process made and wrote no record of.

use crate::objects::FileObjects;
use ::upload::jobs::upload_of;
use ::upload::{UploadStore, UploadStoreError};
use stdx::Fault;

impl FileObjects {
    /// Ends multipart uploads of raw objects that no live record names; their parts are out of every
    /// client's reach. Call before requests are served: a start under way has no record yet.
    pub async fn drop_orphans(&self, uploads: &dyn UploadStore) -> Result<usize, Fault> {
        let mut dropped = 0;
        for open in self.objects().uploads("raw/").await? {
            let Some(id) = upload_of(&open.key) else { continue };
            let is_named = match uploads.get(id).await {
                Ok(upload) => upload.ticket == open.id && !upload.state.has_ended(),
                Err(UploadStoreError::NotFound(_)) => false,
                Err(UploadStoreError::Fault(fault)) => return Err(fault),
                Err(e) => return Err(Fault::internal(e)),
            };
            if !is_named {
                self.objects().abort(&open.key, &open.id).await?;
                dropped += 1;
            }
        }
        Ok(dropped)
    }
}
