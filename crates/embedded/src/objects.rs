//! Stored bytes for every slice: one directory, which the S3 door serves too.

use ::catalog::jobs::Eraser;
use ::delivery::port::ObjectReader;
use ::moderation::port::{Content, FileError, LocalFile, SourceFiles};
use ::transcode::port::{MediaStore, MediaStoreError};
use ::upload::jobs::arrival;
use ::upload::{
    Begin, PartToSign, RawFacts, RawStore, RawStoreError, ReceivedPart, SignedPart, Signing, UploadPolicy,
};
use ::work::Jobs;
use async_trait::async_trait;
use bytes::Bytes as Octets;
use s3door::{
    Completion, Layout, NewObject, ObjectCreated, ObjectListener, ObjectMeta, Objects, PresignRequest,
    Presigner, StoreError, Sums,
};
use std::sync::Arc;
use stdx::{BoxError, Clock, Fault};
use vocab::{Bytes, CacheClass, MediaKey, UploadId, VideoId};

/// Objects of all classes. Clones share the directory.
#[derive(Clone)]
pub struct FileObjects {
    objects: Objects,
    presigner: Arc<Presigner>,
    /// `scheme://host:port` of the S3 door, for clients that are told no other.
    endpoint: String,
}

impl FileObjects {
    pub fn new(objects: Objects, presigner: Presigner, endpoint: &str) -> Self {
        Self { objects, presigner: Arc::new(presigner), endpoint: endpoint.to_owned() }
    }

    /// What the S3 door is opened with.
    pub fn objects(&self) -> &Objects {
        &self.objects
    }

    async fn put_content(&self, key: &MediaKey, content: Content) -> Result<(), Fault> {
        let mut says = NewObject::typed(key.content_type());
        says.cache_control = Some(key.cache_class().cache_control().to_owned());
        let name = key.object_key();
        match content {
            Content::Bytes(bytes) => self.objects.put_bytes(&name, bytes, says).await?,
            Content::File(path) => self.objects.put_file(&name, path, says).await?,
        };
        Ok(())
    }

    async fn content(&self, key: &MediaKey) -> Result<Option<Octets>, Fault> {
        Ok(self.objects.read(&key.object_key()).await?)
    }

    async fn raw_path(&self, video: VideoId, upload: UploadId) -> Result<Option<LocalFile>, Fault> {
        let key = MediaKey::Raw { video, upload }.object_key();
        // The path names a generation: an overwritten object does not change under its reader.
        Ok(self.objects.standing(&key).await?.map(|s| LocalFile::standing(s.path)))
    }
}

fn raw_error(e: StoreError) -> RawStoreError {
    match e {
        StoreError::NoSuchUpload => RawStoreError::NoSuchUpload,
        StoreError::InvalidParts { numbers } => RawStoreError::Parts { numbers },
        StoreError::PartTooSmall { number, .. } => RawStoreError::Parts { numbers: vec![number] },
        StoreError::WrongSha256 { found } => RawStoreError::ChecksumMismatch { found },
        other => RawStoreError::Fault(other.into()),
    }
}

fn facts(meta: ObjectMeta) -> RawFacts {
    RawFacts { size: Bytes(meta.size), etag: meta.etag, sha256: meta.sha256_hex }
}

#[async_trait]
impl RawStore for FileObjects {
    async fn begin(&self, key: &MediaKey, begin: Begin) -> Result<String, RawStoreError> {
        self.objects.check_room(begin.size).map_err(raw_error)?;
        let mut says = NewObject::typed(&begin.content_type);
        says.cache_control = Some(key.cache_class().cache_control().to_owned());
        // The length is declared and bound part by part: the parts can be written where they belong.
        let layout = Some(Layout { part_size: begin.part_size.0, size: begin.size.0 });
        let upload = self.objects.begin(&key.object_key(), says, None, layout).await.map_err(raw_error)?;
        Ok(upload.id)
    }

    async fn sign_parts(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[PartToSign],
        signing: &Signing,
    ) -> Result<Vec<SignedPart>, RawStoreError> {
        let endpoint = signing.endpoint.as_deref().unwrap_or(&self.endpoint);
        let key = key.object_key();
        let mut signed = Vec::with_capacity(parts.len());
        for part in parts {
            let (number, length) = (part.number.to_string(), part.size.0.to_string());
            let mut headers = vec![("content-length", length.as_str())];
            headers.extend(part.sha256.as_deref().map(|sum| ("x-amz-checksum-sha256", sum)));
            let ask = PresignRequest {
                method: "PUT",
                endpoint,
                bucket: self.objects.bucket(),
                key: &key,
                query: &[("partNumber", &number), ("uploadId", ticket), ("x-id", "UploadPart")],
                headers: &headers,
                now: signing.now,
                life: signing.life,
            };
            let url = self.presigner.sign(&ask).map_err(raw_error)?;
            // The length is set by every client by itself, and by browsers only by themselves.
            let headers = headers.split_off(1);
            signed.push(SignedPart {
                number: part.number,
                url,
                headers: headers.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
                size: part.size,
                expires_at: signing.now.saturating_add(signing.life),
            });
        }
        Ok(signed)
    }

    async fn list_parts(&self, key: &MediaKey, ticket: &str) -> Result<Vec<ReceivedPart>, RawStoreError> {
        let parts = self.objects.parts(&key.object_key(), ticket).await.map_err(raw_error)?;
        let received =
            |p: s3door::PartMeta| ReceivedPart { number: p.number, size: Bytes(p.size), etag: p.etag };
        Ok(parts.into_iter().map(received).collect())
    }

    async fn finish(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[ReceivedPart],
        expect_sha256: Option<&str>,
    ) -> Result<RawFacts, RawStoreError> {
        let malformed = || Fault::internal("the expected sha-256 is not 64 hexadecimal digits");
        let expect = match expect_sha256 {
            None => Sums::default(),
            Some(digits) => Sums::of_sha256_hex(digits).ok_or_else(malformed)?,
        };
        let asked = |p: &ReceivedPart| (p.number, p.etag.clone(), Sums::default());
        let completion = Completion {
            key: key.object_key(),
            upload: ticket.to_owned(),
            parts: parts.iter().map(asked).collect(),
            expect,
            ..Completion::default()
        };
        self.objects.complete(completion).await.map(facts).map_err(raw_error)
    }

    async fn abort(&self, key: &MediaKey, ticket: &str) -> Result<(), RawStoreError> {
        match self.objects.abort(&key.object_key(), ticket).await {
            Ok(()) | Err(StoreError::NoSuchUpload) => Ok(()),
            Err(e) => Err(raw_error(e)),
        }
    }

    async fn head(&self, key: &MediaKey) -> Result<Option<RawFacts>, RawStoreError> {
        Ok(self.objects.head(&key.object_key()).await.map_err(raw_error)?.map(facts))
    }

    async fn remove(&self, key: &MediaKey) -> Result<(), RawStoreError> {
        self.objects.delete(&key.object_key()).await.map(drop).map_err(raw_error)
    }
}

#[async_trait]
impl SourceFiles for FileObjects {
    async fn local_raw(&self, video: VideoId, upload: UploadId) -> Result<LocalFile, FileError> {
        self.raw_path(video, upload).await?.ok_or(FileError::NotFound)
    }

    async fn put_private(&self, key: MediaKey, content: Content) -> Result<(), FileError> {
        private(&key)?;
        Ok(self.put_content(&key, content).await?)
    }

    async fn get_private(&self, key: MediaKey) -> Result<Octets, FileError> {
        private(&key)?;
        self.content(&key).await?.ok_or(FileError::NotFound)
    }
}

fn private(key: &MediaKey) -> Result<(), FileError> {
    match key.cache_class() {
        CacheClass::Private => Ok(()),
        CacheClass::Immutable | CacheClass::Mutable => Err(FileError::NotPrivate),
    }
}

#[async_trait]
impl MediaStore for FileObjects {
    async fn put(&self, key: MediaKey, content: Content) -> Result<(), MediaStoreError> {
        Ok(self.put_content(&key, content).await?)
    }

    async fn get(&self, key: MediaKey) -> Result<Octets, MediaStoreError> {
        self.content(&key).await?.ok_or(MediaStoreError::NotFound)
    }

    async fn local_raw(&self, video: VideoId, upload: UploadId) -> Result<LocalFile, MediaStoreError> {
        self.raw_path(video, upload).await?.ok_or(MediaStoreError::NotFound)
    }
}

#[async_trait]
impl ObjectReader for FileObjects {
    async fn read(&self, key: &MediaKey) -> Result<Option<Octets>, Fault> {
        self.content(key).await
    }
}

#[async_trait]
impl Eraser for FileObjects {
    async fn delete_prefix(&self, prefix: &str) -> Result<(), Fault> {
        self.objects.delete_prefix(prefix).await?;
        Ok(())
    }
}

/// Makes `ObjectCreated` of raw objects durable as a job: the queue is the log of events.
#[derive(Clone)]
pub struct ArrivalJobs {
    pub jobs: Jobs,
    pub clock: Arc<dyn Clock>,
    pub policy: UploadPolicy,
}

/// The same where each job is paid for: only for what the request that caused it has not handed on by itself
/// after the policy's delay. A process that dies meanwhile leaves it to the sweep of uploads.
#[derive(Clone)]
pub struct AwaitedArrivals {
    pub uploads: Arc<dyn ::upload::UploadStore>,
    pub jobs: ArrivalJobs,
}

impl AwaitedArrivals {
    async fn look(&self, event: &ObjectCreated) -> Result<(), BoxError> {
        tokio::time::sleep(self.jobs.policy.arrival_delay.to_duration()).await;
        if ::upload::jobs::is_awaited(self.uploads.as_ref(), &event.key).await? {
            self.jobs.created(event).await?;
        }
        Ok(())
    }
}

#[async_trait]
impl ObjectListener for AwaitedArrivals {
    fn wants(&self, key: &str) -> bool {
        self.jobs.wants(key)
    }

    async fn created(&self, event: &ObjectCreated) -> Result<(), BoxError> {
        let (this, event) = (self.clone(), event.clone());
        tokio::spawn(async move {
            if let Err(error) = this.look(&event).await {
                tracing::warn!(%error, key = event.key, "an arrival is left to the sweep");
            }
        });
        Ok(())
    }
}

#[async_trait]
impl ObjectListener for ArrivalJobs {
    fn wants(&self, key: &str) -> bool {
        ::upload::jobs::upload_of(key).is_some()
    }

    async fn created(&self, event: &ObjectCreated) -> Result<(), BoxError> {
        if let Some(job) = arrival(&event.key, self.clock.now(), &self.policy) {
            self.jobs.submit(job).await?;
        }
        Ok(())
    }
}
