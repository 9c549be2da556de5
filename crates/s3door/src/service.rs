//! The S3 operations, translated to [`Objects`] and back.

mod multipart;
mod read;
mod write;

use crate::config::Credentials;
use crate::error::StoreError;
use crate::meta::{ObjectMeta, Sums};
use crate::objects::{Condition, Objects};
use s3s::auth::{S3Auth, SecretKey};
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput,
    DeleteObjectsOutput, ETag, ETagCondition, GetBucketLocationInput, GetBucketLocationOutput,
    GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListBucketsInput, ListBucketsOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput,
    ListPartsOutput, PutObjectInput, PutObjectOutput, Timestamp, UploadPartInput, UploadPartOutput,
};
use s3s::{S3, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use std::time::{Duration, UNIX_EPOCH};

/// One bucket as an S3 service.
pub(crate) struct Bucket {
    pub objects: Objects,
    pub region: String,
}

type Reply<T> = S3Result<S3Response<T>>;

impl Bucket {
    fn check_bucket(&self, bucket: &str) -> S3Result<()> {
        if bucket == self.objects.bucket() { Ok(()) } else { Err(S3Error::new(S3ErrorCode::NoSuchBucket)) }
    }
}

/// One pair of keys; any other is unknown.
pub(crate) struct OneKey(pub Credentials);

#[async_trait::async_trait]
impl S3Auth for OneKey {
    async fn get_secret_key(&self, access_key: &str) -> S3Result<SecretKey> {
        if access_key == self.0.access_key {
            Ok(SecretKey::from(self.0.secret_key.clone()))
        } else {
            Err(S3Error::with_message(S3ErrorCode::InvalidAccessKeyId, "no such access key"))
        }
    }
}

fn etag(text: &str) -> ETag {
    ETag::Strong(text.to_owned())
}

fn time(ms: i64) -> Timestamp {
    // S3 answers in whole seconds; conditions compare what was answered.
    Timestamp::from(UNIX_EPOCH + Duration::from_secs(u64::try_from(ms).unwrap_or(0) / 1000))
}

fn length(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// `If-Match` and `If-None-Match` of a write.
fn condition(if_match: Option<&ETagCondition>, if_none_match: Option<&ETagCondition>) -> S3Result<Condition> {
    match (if_match, if_none_match) {
        (None, None) => Ok(Condition::Always),
        (None, Some(ETagCondition::Any)) => Ok(Condition::IfAbsent),
        (Some(ETagCondition::ETag(tag)), None) => Ok(Condition::IfMatch(tag.value().to_owned())),
        _ => Err(S3Error::with_message(
            S3ErrorCode::NotImplemented,
            "writes know If-Match: <etag> and If-None-Match: *",
        )),
    }
}

/// Sets the five checksum fields of an output.
macro_rules! with_sums {
    ($output:expr, $sums:expr) => {{
        let (output, sums): (_, &crate::meta::Sums) = (&mut $output, &$sums);
        output.checksum_crc32 = sums.crc32.clone();
        output.checksum_crc32c = sums.crc32c.clone();
        output.checksum_crc64nvme = sums.crc64nvme.clone();
        output.checksum_sha1 = sums.sha1.clone();
        output.checksum_sha256 = sums.sha256.clone();
    }};
}
use with_sums;

fn is_composite(sums: &Sums) -> bool {
    crate::meta::ALGORITHMS.iter().any(|(_, get, _)| get(sums).as_ref().is_some_and(|s| s.contains('-')))
}

fn missing(found: Option<ObjectMeta>) -> S3Result<ObjectMeta> {
    found.ok_or_else(|| StoreError::NoSuchKey.into())
}

#[async_trait::async_trait]
impl S3 for Bucket {
    async fn list_buckets(&self, _: S3Request<ListBucketsInput>) -> Reply<ListBucketsOutput> {
        self.buckets()
    }
    async fn head_bucket(&self, req: S3Request<HeadBucketInput>) -> Reply<HeadBucketOutput> {
        self.check_bucket(&req.input.bucket)?;
        let output = HeadBucketOutput { bucket_region: Some(self.region.clone()), ..Default::default() };
        Ok(S3Response::new(output))
    }
    async fn get_bucket_location(
        &self,
        req: S3Request<GetBucketLocationInput>,
    ) -> Reply<GetBucketLocationOutput> {
        self.check_bucket(&req.input.bucket)?;
        Ok(S3Response::new(GetBucketLocationOutput::default()))
    }
    async fn put_object(&self, req: S3Request<PutObjectInput>) -> Reply<PutObjectOutput> {
        self.put(req).await
    }
    async fn copy_object(&self, req: S3Request<CopyObjectInput>) -> Reply<CopyObjectOutput> {
        self.copy(req.input).await
    }
    async fn delete_object(&self, req: S3Request<DeleteObjectInput>) -> Reply<DeleteObjectOutput> {
        self.check_bucket(&req.input.bucket)?;
        self.objects.delete(&req.input.key).await?;
        Ok(S3Response::new(DeleteObjectOutput::default()))
    }
    async fn delete_objects(&self, req: S3Request<DeleteObjectsInput>) -> Reply<DeleteObjectsOutput> {
        self.delete_many(req.input).await
    }
    async fn get_object(&self, req: S3Request<GetObjectInput>) -> Reply<GetObjectOutput> {
        self.get(req.input).await
    }
    async fn head_object(&self, req: S3Request<HeadObjectInput>) -> Reply<HeadObjectOutput> {
        self.head(req.input).await
    }
    async fn list_objects_v2(&self, req: S3Request<ListObjectsV2Input>) -> Reply<ListObjectsV2Output> {
        self.list_v2(req.input).await
    }
    async fn list_objects(&self, req: S3Request<ListObjectsInput>) -> Reply<ListObjectsOutput> {
        self.list_v1(req.input).await
    }
    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> Reply<CreateMultipartUploadOutput> {
        self.create_multipart(req.input).await
    }
    async fn upload_part(&self, req: S3Request<UploadPartInput>) -> Reply<UploadPartOutput> {
        self.part(req).await
    }
    async fn list_parts(&self, req: S3Request<ListPartsInput>) -> Reply<ListPartsOutput> {
        self.parts(req.input).await
    }
    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> Reply<ListMultipartUploadsOutput> {
        self.multiparts(req.input).await
    }
    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> Reply<CompleteMultipartUploadOutput> {
        self.complete_multipart(req.input).await
    }
    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> Reply<AbortMultipartUploadOutput> {
        self.check_bucket(&req.input.bucket)?;
        self.objects.abort(&req.input.key, &req.input.upload_id).await?;
        Ok(S3Response::new(AbortMultipartUploadOutput::default()))
    }
}
