//! Deleting everything of a video: parts under way, then objects, a thousand a request.

use super::S3Objects;
use super::error::fault;
use ::catalog::jobs::Eraser;
use async_trait::async_trait;
use aws_sdk_s3::types::{Delete, ObjectIdentifier};
use stdx::{Fault, FaultKind};

/// S3's own, for a listing and for a deletion.
const PAGE: i32 = 1_000;
/// Ten million objects under one prefix are a mistake.
const PAGES_MAX: usize = 10_000;

#[async_trait]
impl Eraser for S3Objects {
    /// Killed in between, the next call goes on with what is left.
    async fn delete_prefix(&self, prefix: &str) -> Result<(), Fault> {
        if prefix.trim_matches('/').is_empty() || !prefix.ends_with('/') {
            return Err(Fault::internal(format!("{prefix:?} is no prefix of one video's objects")));
        }
        let prefix = self.named(prefix);
        self.abort_under(&prefix).await?;
        for _ in 0..PAGES_MAX {
            // Always the first page: what it named is gone by the next time.
            let call = self.client.list_objects_v2().bucket(self.bucket()).prefix(&prefix).max_keys(PAGE);
            let page = call.send().await.map_err(|e| fault("listing objects", e))?;
            let keys: Vec<_> = page.contents().iter().filter_map(|o| o.key().map(str::to_owned)).collect();
            if keys.is_empty() {
                return Ok(());
            }
            self.delete_all(keys).await?;
            if !page.is_truncated().unwrap_or(false) {
                return Ok(());
            }
        }
        Err(Fault::internal(format!("there is no end of objects under {prefix}")))
    }
}

impl S3Objects {
    async fn abort_under(&self, prefix: &str) -> Result<(), Fault> {
        let (mut key, mut id) = (None, None);
        for _ in 0..PAGES_MAX {
            let call = self.client.list_multipart_uploads().bucket(self.bucket()).prefix(prefix);
            let page = call
                .set_key_marker(key)
                .set_upload_id_marker(id)
                .send()
                .await
                .map_err(|e| fault("listing uploads", e))?;
            for upload in page.uploads() {
                if let (Some(name), Some(ticket)) = (upload.key(), upload.upload_id()) {
                    self.abort_upload(name, ticket).await?;
                }
            }
            if !page.is_truncated().unwrap_or(false) {
                return Ok(());
            }
            key = page.next_key_marker().map(str::to_owned);
            id = page.next_upload_id_marker().map(str::to_owned);
        }
        Err(Fault::internal(format!("there is no end of uploads under {prefix}")))
    }

    /// One request may do a part of it; the rest is asked for again.
    async fn delete_all(&self, mut keys: Vec<String>) -> Result<(), Fault> {
        let mut said = String::new();
        for round in 0..self.settings.policy.delete_rounds_max {
            let named = |key: &String| ObjectIdentifier::builder().key(key).build().map_err(Fault::internal);
            let objects = keys.iter().map(named).collect::<Result<Vec<_>, _>>()?;
            let delete = Delete::builder().set_objects(Some(objects)).quiet(true).build();
            let call = self.client.delete_objects().bucket(self.bucket());
            let answer = call.delete(delete.map_err(Fault::internal)?).send().await;
            let answer = answer.map_err(|e| fault("deleting objects", e))?;
            let Some(first) = answer.errors().first() else { return Ok(()) };
            said = format!("{} ({})", first.message().unwrap_or_default(), first.code().unwrap_or_default());
            keys = answer.errors().iter().filter_map(|e| e.key().map(str::to_owned)).collect();
            self.pause(round).await;
        }
        let said = format!("{} objects could not be deleted: {said}", keys.len());
        Err(Fault::new(FaultKind::Unavailable, said))
    }
}
