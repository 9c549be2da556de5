//! What another service wrote into the bucket: looked for by prefix, fetched as files.

use super::S3Objects;
use super::error::{fault, size};
use std::path::Path;
use stdx::Fault;
use vocab::MediaKey;

/// One job writes a dozen objects, and with captured frames some hundreds.
const PAGES_MAX: usize = 4;

/// An object by its key without the prefix of the settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    pub key: String,
    pub bytes: u64,
}

impl S3Objects {
    /// `s3://bucket/key` as other services name the object.
    pub fn uri(&self, key: &MediaKey) -> String {
        self.uri_of(&key.object_key())
    }

    pub fn uri_of(&self, key: &str) -> String {
        format!("s3://{}/{}", self.settings.bucket, self.named(key))
    }

    /// Objects whose keys begin with `prefix`.
    pub async fn under(&self, prefix: &str) -> Result<Vec<Found>, Fault> {
        let (whole, skip) = (self.named(prefix), self.settings.prefix.len());
        let (mut found, mut after) = (Vec::new(), None);
        for _ in 0..PAGES_MAX {
            let call = self.client.list_objects_v2().bucket(self.bucket()).prefix(&whole);
            let page = call.set_continuation_token(after).send().await;
            let page = page.map_err(|e| fault("listing track files", e))?;
            found.extend(page.contents().iter().filter_map(|o| {
                let key = o.key()?.get(skip..)?.to_owned();
                Some(Found { key, bytes: size(o.size()) })
            }));
            after = page.next_continuation_token().map(str::to_owned);
            if after.is_none() || !page.is_truncated().unwrap_or(false) {
                return Ok(found);
            }
        }
        Err(Fault::internal(format!("there is no end of objects under {prefix}")))
    }

    /// The object as the file `to`; `false` = there is none.
    pub async fn fetch_to(&self, key: &str, to: &Path) -> Result<bool, Fault> {
        let Some(file) = self.fetch(&self.named(key)).await? else { return Ok(false) };
        // The scratch directory may stand on another file system than the job's.
        if tokio::fs::hard_link(file.path(), to).await.is_err() {
            tokio::fs::copy(file.path(), to).await?;
        }
        Ok(true)
    }
}
