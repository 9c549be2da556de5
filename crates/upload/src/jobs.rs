//! Durable jobs of uploading. Both are idempotent.

use crate::error::UploadError;
use crate::policy::UploadPolicy;
use crate::port::{UploadStore, UploadStoreError};
use crate::uploads::{SweepReport, Uploads};
use async_trait::async_trait;
use std::sync::Arc;
use stdx::Fault;
use vocab::{MediaKey, Millis, UploadId};
use work::{JobContext, JobError, JobHandler, NewJob, Outcome};

/// Ends abandoned uploads and drives stuck completions again. Periodic.
pub const EXPIRE: &str = "upload.expire";
/// A raw object stands: make sure that its video was handed on. Key = upload id.
pub const ARRIVED: &str = "upload.arrived";

/// The job that makes the store's `ObjectCreated` durable; `None` for keys that are no raw object.
pub fn arrival(object_key: &str, now: Millis, policy: &UploadPolicy) -> Option<NewJob> {
    let upload = upload_of(object_key)?;
    Some(NewJob {
        kind: ARRIVED.to_owned(),
        key: upload.to_string(),
        payload: serde_json::json!({ "object_key": object_key }),
        run_at: now.saturating_add(policy.arrival_delay),
        max_attempts: policy.job_attempts_max,
    })
}

/// The upload whose raw object has this key: the exact key and no other spelling.
pub fn upload_of(object_key: &str) -> Option<UploadId> {
    let mut parts = object_key.strip_prefix("raw/")?.split('/');
    let (_, video, upload) = (parts.next()?, parts.next()?, parts.next()?);
    let (video, upload) = (video.parse().ok()?, upload.parse().ok()?);
    (MediaKey::Raw { video, upload }.object_key() == object_key).then_some(upload)
}

/// Whether nobody has handed on the upload of a raw object yet. One that is unknown has ended.
pub async fn is_awaited(store: &dyn UploadStore, object_key: &str) -> Result<bool, Fault> {
    let Some(id) = upload_of(object_key) else { return Ok(false) };
    match store.get(id).await {
        Ok(upload) => Ok(!upload.state.has_ended()),
        Err(UploadStoreError::NotFound(_)) => Ok(false),
        Err(UploadStoreError::Fault(fault)) => Err(fault),
        Err(other) => Err(Fault::internal(other)),
    }
}

/// Runs [`ARRIVED`] jobs.
pub struct Arrivals(pub Arc<Uploads>);

#[async_trait]
impl JobHandler for Arrivals {
    fn kind(&self) -> &'static str {
        ARRIVED
    }

    async fn run(&self, context: JobContext) -> Result<Outcome, JobError> {
        let key = &context.job.key;
        let id =
            key.parse().map_err(|e| JobError::dead(format!("the key of the job is no upload id: {e}")))?;
        self.0.arrived(id).await?;
        Ok(Outcome::Done)
    }
}

/// Runs [`EXPIRE`] jobs: `runner.every(policy.sweep_every, Arc::new(Expiry(uploads)))`.
pub struct Expiry(pub Arc<Uploads>);

#[async_trait]
impl JobHandler for Expiry {
    fn kind(&self) -> &'static str {
        EXPIRE
    }

    async fn run(&self, _: JobContext) -> Result<Outcome, JobError> {
        let report = self.0.sweep().await?;
        if report != SweepReport::default() {
            tracing::info!(?report, "uploads swept");
        }
        Ok(Outcome::Done)
    }
}

impl From<UploadError> for JobError {
    fn from(e: UploadError) -> Self {
        match e {
            UploadError::Fault(fault) => fault.into(),
            other => Self::retry(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vocab::VideoId;

    #[test]
    fn only_a_raw_object_in_its_own_spelling_is_an_arrival() {
        let (video, upload) = (VideoId(99), UploadId(7));
        let key = MediaKey::Raw { video, upload }.object_key();
        assert_eq!(upload_of(&key), Some(upload));
        assert_eq!(upload_of(&key.to_uppercase()), None);
        assert_eq!(upload_of(&format!("{key}/x")), None);
        assert_eq!(upload_of("raw/00/0000000000001/00000000000000000000000007"), None);
        assert_eq!(upload_of("vod/packaged/x"), None);
        let job = arrival(&key, Millis(10), &UploadPolicy::default()).expect("a job");
        assert_eq!((job.kind.as_str(), job.key), (ARRIVED, upload.to_string()));
    }
}
