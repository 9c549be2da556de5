//! Writing: at once, or in parts above a length. An object appears whole or not at all.
//!
//! No `If-None-Match` here: the ports promise to overwrite, because a second run of an encode must replace
//! every name of the first, or an object would be of two runs. What is written once is the raw file
//! (see [`super::finish`]).

use super::error::{bare, code, fault};
use super::finish::composite_etag;
use super::{Encryption, S3Objects};
use ::moderation::port::Content;
use aws_sdk_s3::primitives::{ByteStream, Length};
use aws_sdk_s3::types::{ChecksumAlgorithm, CompletedMultipartUpload, CompletedPart, ServerSideEncryption};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes as Octets;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use stdx::Fault;
use vocab::MediaKey;

const PART_COUNT_MAX: u64 = 9_000;

impl S3Objects {
    pub(super) async fn put_content(&self, key: &MediaKey, content: Content) -> Result<(), Fault> {
        let (name, kind, cache) = (self.name(key), key.content_type(), key.cache_class().cache_control());
        match content {
            Content::Bytes(bytes) => self.put_bytes(&name, kind, cache, bytes).await,
            Content::File(path) => {
                let length = tokio::fs::metadata(&path).await?.len();
                if length <= self.settings.policy.multipart_above.0 {
                    self.put_file(&name, kind, cache, &path).await
                } else {
                    self.put_in_parts(key, path, length).await
                }
            }
        }
    }

    pub(super) fn encryption(&self) -> (Option<ServerSideEncryption>, Option<String>) {
        match &self.settings.encryption {
            Encryption::Bucket => (None, None),
            Encryption::Kms { key_id } => (Some(ServerSideEncryption::AwsKms), Some(key_id.clone())),
        }
    }

    /// The store compares the SHA-256: what stands is what was meant.
    pub(super) async fn put_bytes(
        &self,
        name: &str,
        content_type: &str,
        cache_control: &str,
        bytes: Octets,
    ) -> Result<(), Fault> {
        let sum = BASE64.encode(Sha256::digest(&bytes));
        let (encryption, kms_key) = self.encryption();
        self.patient
            .put_object()
            .bucket(self.bucket())
            .key(name)
            .content_type(content_type)
            .cache_control(cache_control)
            .checksum_sha256(sum)
            .set_bucket_key_enabled(kms_key.as_ref().map(|_| true))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .body(ByteStream::from(bytes))
            .send()
            .await
            .map(drop)
            .map_err(|e| fault("writing an object", e))
    }

    async fn put_file(&self, name: &str, kind: &str, cache: &str, path: &Path) -> Result<(), Fault> {
        let (encryption, kms_key) = self.encryption();
        self.patient
            .put_object()
            .bucket(self.bucket())
            .key(name)
            .content_type(kind)
            .cache_control(cache)
            // Computed while it is sent.
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .set_bucket_key_enabled(kms_key.as_ref().map(|_| true))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .body(ByteStream::from_path(path).await.map_err(Fault::internal)?)
            .send()
            .await
            .map(drop)
            .map_err(|e| fault("writing an object", e))
    }

    async fn put_in_parts(&self, key: &MediaKey, path: PathBuf, length: u64) -> Result<(), Fault> {
        let name = self.name(key);
        let (encryption, kms_key) = self.encryption();
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(self.bucket())
            .key(&name)
            .content_type(key.content_type())
            .cache_control(key.cache_class().cache_control())
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .set_bucket_key_enabled(kms_key.as_ref().map(|_| true))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .send()
            .await
            .map_err(|e| fault("beginning a large object", e))?;
        let ticket =
            begun.upload_id.ok_or_else(|| Fault::internal("the store began an upload without a name"))?;
        let outcome = self.send_parts((&name, &ticket), &path, length).await;
        if outcome.is_err()
            && let Err(fault) = self.abort_upload(&name, &ticket).await
        {
            tracing::warn!(%fault, "parts of a large object stay until the lifecycle rule ends them");
        }
        outcome
    }

    async fn send_parts(&self, (name, ticket): (&str, &str), path: &Path, length: u64) -> Result<(), Fault> {
        let policy = &self.settings.policy;
        let step = policy.part_size.0.max(policy.part_min.0).max(length.div_ceil(PART_COUNT_MAX));
        let numbers: Vec<u64> = (0..length.div_ceil(step)).collect();
        let send = |n: u64| self.send_part((name, ticket), path, n, (n * step, step.min(length - n * step)));
        let mut parts: Vec<CompletedPart> =
            stream::iter(numbers).map(send).buffer_unordered(policy.parallel.max(1)).try_collect().await?;
        parts.sort_by_key(CompletedPart::part_number);
        let etags: Vec<_> = parts.iter().map(|p| bare(p.e_tag())).collect();
        let parts = CompletedMultipartUpload::builder().set_parts(Some(parts)).build();
        let call = self.patient.complete_multipart_upload().bucket(self.bucket()).key(name);
        match call.upload_id(ticket).multipart_upload(parts).send().await {
            Ok(_) => Ok(()),
            // By our own attempt, whose answer was lost: then the object is these parts.
            Err(e) if code(&e) == "NoSuchUpload" => {
                let standing = self.facts(name).await?;
                let whole = composite_etag(etags.iter().map(String::as_str));
                let is_ours =
                    standing.is_some_and(|f| whole.is_none_or(|w| w == f.etag) && f.size.0 == length);
                if is_ours { Ok(()) } else { Err(fault("completing a large object", e)) }
            }
            Err(e) => Err(fault("completing a large object", e)),
        }
    }

    async fn send_part(
        &self,
        (name, ticket): (&str, &str),
        path: &Path,
        n: u64,
        (offset, length): (u64, u64),
    ) -> Result<CompletedPart, Fault> {
        let number = i32::try_from(n + 1).map_err(Fault::internal)?;
        let body = ByteStream::read_from().path(path).offset(offset).length(Length::Exact(length));
        let sent = self
            .patient
            .upload_part()
            .bucket(self.bucket())
            .key(name)
            .upload_id(ticket)
            .part_number(number)
            .checksum_algorithm(ChecksumAlgorithm::Crc32)
            .body(body.build().await.map_err(Fault::internal)?)
            .send()
            .await
            .map_err(|e| fault("writing a part", e))?;
        let part = CompletedPart::builder().part_number(number).set_e_tag(sent.e_tag);
        Ok(part.set_checksum_crc32(sent.checksum_crc32).build())
    }
}
