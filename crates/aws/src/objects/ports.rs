//! The ports of the workers and of delivery.

use super::S3Objects;
use ::delivery::port::ObjectReader;
use ::moderation::port::{Content, FileError, LocalFile, SourceFiles};
use ::transcode::port::{MediaStore, MediaStoreError};
use async_trait::async_trait;
use bytes::Bytes as Octets;
use stdx::Fault;
use vocab::{CacheClass, MediaKey, UploadId, VideoId};

fn private(key: &MediaKey) -> Result<(), FileError> {
    match key.cache_class() {
        CacheClass::Private => Ok(()),
        CacheClass::Immutable | CacheClass::Mutable => Err(FileError::NotPrivate),
    }
}

impl S3Objects {
    async fn raw_file(&self, video: VideoId, upload: UploadId) -> Result<Option<LocalFile>, Fault> {
        self.fetch(&self.name(&MediaKey::Raw { video, upload })).await
    }
}

#[async_trait]
impl SourceFiles for S3Objects {
    async fn local_raw(&self, video: VideoId, upload: UploadId) -> Result<LocalFile, FileError> {
        self.raw_file(video, upload).await?.ok_or(FileError::NotFound)
    }

    async fn put_private(&self, key: MediaKey, content: Content) -> Result<(), FileError> {
        private(&key)?;
        Ok(self.put_content(&key, content).await?)
    }

    async fn get_private(&self, key: MediaKey) -> Result<Octets, FileError> {
        private(&key)?;
        self.whole(&self.name(&key)).await?.ok_or(FileError::NotFound)
    }
}

#[async_trait]
impl MediaStore for S3Objects {
    async fn put(&self, key: MediaKey, content: Content) -> Result<(), MediaStoreError> {
        Ok(self.put_content(&key, content).await?)
    }

    async fn get(&self, key: MediaKey) -> Result<Octets, MediaStoreError> {
        self.whole(&self.name(&key)).await?.ok_or(MediaStoreError::NotFound)
    }

    async fn local_raw(&self, video: VideoId, upload: UploadId) -> Result<LocalFile, MediaStoreError> {
        self.raw_file(video, upload).await?.ok_or(MediaStoreError::NotFound)
    }
}

#[async_trait]
impl ObjectReader for S3Objects {
    async fn read(&self, key: &MediaKey) -> Result<Option<Octets>, Fault> {
        self.whole(&self.name(key)).await
    }
}
