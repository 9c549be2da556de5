//! The multipart verbs that uploading needs; the end of an upload is in [`super::finish`].

use super::error::{bare, code, fault, size};
use super::{PartSums, S3Objects};
use ::upload::{Begin, PartToSign, RawFacts, RawStore, RawStoreError, ReceivedPart, SignedPart, Signing};
use async_trait::async_trait;
use aws_sdk_s3::config::Config;
use aws_sdk_s3::presigning::PresigningConfig;
use aws_sdk_s3::types::{ChecksumAlgorithm, Part};
use std::time::{Duration, UNIX_EPOCH};
use stdx::Fault;
use vocab::{Bytes, MediaKey, Millis};

/// 10,000 parts in pages of 1,000, and one to spare.
const PART_PAGES_MAX: usize = 11;
/// S3's own.
const PART_COUNT_MAX: u64 = 10_000;
const SUM_HEADER: &str = "x-amz-checksum-sha256";

fn since_epoch(ms: Millis) -> Duration {
    Duration::from_millis(u64::try_from(ms.0).unwrap_or(0))
}

fn length(bytes: Bytes) -> Result<i64, Fault> {
    i64::try_from(bytes.0).map_err(Fault::internal)
}

pub(super) fn received(part: &Part) -> ReceivedPart {
    ReceivedPart {
        number: part.part_number().and_then(|n| u32::try_from(n).ok()).unwrap_or(0),
        size: Bytes(size(part.size())),
        etag: bare(part.e_tag()),
    }
}

impl S3Objects {
    /// All pages, by number, with their checksums.
    pub(super) async fn parts(&self, name: &str, ticket: &str) -> Result<Vec<Part>, RawStoreError> {
        let (mut all, mut after) = (Vec::new(), None);
        for _ in 0..PART_PAGES_MAX {
            let call = self.client.list_parts().bucket(self.bucket()).key(name).upload_id(ticket);
            let page = match call.set_part_number_marker(after).send().await {
                Ok(page) => page,
                Err(e) if code(&e) == "NoSuchUpload" => return Err(RawStoreError::NoSuchUpload),
                Err(e) => return Err(fault("listing parts", e).into()),
            };
            let is_last = !page.is_truncated().unwrap_or(false);
            after = page.next_part_number_marker().map(str::to_owned);
            all.extend(page.parts.unwrap_or_default());
            if is_last || after.is_none() {
                return Ok(all);
            }
        }
        Err(Fault::internal("the store lists more parts than an upload can have").into())
    }

    async fn sign(
        &self,
        name: &str,
        ticket: &str,
        part: &PartToSign,
        signing: &Signing,
    ) -> Result<SignedPart, Fault> {
        let config = PresigningConfig::builder()
            .start_time(UNIX_EPOCH + since_epoch(signing.now))
            .expires_in(since_epoch(signing.life))
            .build()
            .map_err(Fault::internal)?;
        let call = self
            .signer
            .upload_part()
            .bucket(self.bucket())
            .key(name)
            .upload_id(ticket)
            .part_number(i32::try_from(part.number).map_err(Fault::internal)?)
            .content_length(length(part.size)?)
            .set_checksum_sha256(part.sha256.clone());
        let signed = match &signing.endpoint {
            None => call.presigned(config).await,
            Some(endpoint) => {
                let there = Config::builder().endpoint_url(endpoint);
                call.customize().config_override(there).presigned(config).await
            }
        };
        let signed = signed.map_err(|e| fault("signing a part", e))?;
        // Every client sets the length by itself, and browsers only by themselves.
        let sent = signed.headers().filter(|(name, _)| *name == SUM_HEADER);
        Ok(SignedPart {
            number: part.number,
            url: signed.uri().to_owned(),
            headers: sent.map(|(n, v)| (n.to_owned(), v.to_owned())).collect(),
            size: part.size,
            expires_at: signing.now.saturating_add(signing.life),
        })
    }
}

#[async_trait]
impl RawStore for S3Objects {
    /// A lost answer may leave a second upload that nobody names: the lifecycle rule ends it.
    async fn begin(&self, key: &MediaKey, begin: Begin) -> Result<String, RawStoreError> {
        // S3 itself is never full; what no number of parts can carry has no room.
        let most = self.settings.policy.object_max.0.min(begin.part_size.0.saturating_mul(PART_COUNT_MAX));
        if begin.size.0 > most {
            return Err(Fault::full(format!("the store takes no object of {} bytes", begin.size.0)).into());
        }
        let sums = (self.settings.part_sums == PartSums::Required).then_some(ChecksumAlgorithm::Sha256);
        let (encryption, kms_key) = self.encryption();
        let begun = self
            .client
            .create_multipart_upload()
            .bucket(self.bucket())
            .key(self.name(key))
            .content_type(begin.content_type)
            .cache_control(key.cache_class().cache_control())
            .set_checksum_algorithm(sums)
            .set_bucket_key_enabled(kms_key.as_ref().map(|_| true))
            .set_server_side_encryption(encryption)
            .set_ssekms_key_id(kms_key)
            .send()
            .await
            .map_err(|e| fault("beginning an upload", e))?;
        Ok(begun.upload_id.ok_or_else(|| Fault::internal("the store began an upload without a name"))?)
    }

    /// URLs end with the credentials that signed them, where those end earlier.
    async fn sign_parts(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[PartToSign],
        signing: &Signing,
    ) -> Result<Vec<SignedPart>, RawStoreError> {
        if self.settings.part_sums == PartSums::Required {
            let bare = parts.iter().filter(|p| p.sha256.is_none());
            let numbers: Vec<_> = bare.map(|p| p.number).collect();
            if !numbers.is_empty() {
                return Err(RawStoreError::Parts { numbers });
            }
        }
        let name = self.name(key);
        let mut signed = Vec::with_capacity(parts.len());
        for part in parts {
            signed.push(self.sign(&name, ticket, part, signing).await?);
        }
        Ok(signed)
    }

    async fn list_parts(&self, key: &MediaKey, ticket: &str) -> Result<Vec<ReceivedPart>, RawStoreError> {
        Ok(self.parts(&self.name(key), ticket).await?.iter().map(received).collect())
    }

    async fn finish(
        &self,
        key: &MediaKey,
        ticket: &str,
        parts: &[ReceivedPart],
        expect_sha256: Option<&str>,
    ) -> Result<RawFacts, RawStoreError> {
        self.finish_upload(&self.name(key), ticket, parts, expect_sha256).await
    }

    async fn abort(&self, key: &MediaKey, ticket: &str) -> Result<(), RawStoreError> {
        Ok(self.abort_upload(&self.name(key), ticket).await?)
    }

    async fn head(&self, key: &MediaKey) -> Result<Option<RawFacts>, RawStoreError> {
        self.verified(&self.name(key)).await
    }

    async fn remove(&self, key: &MediaKey) -> Result<(), RawStoreError> {
        Ok(self.remove_raw(&self.name(key)).await?)
    }
}

impl S3Objects {
    pub(super) async fn abort_upload(&self, name: &str, ticket: &str) -> Result<(), Fault> {
        let call = self.client.abort_multipart_upload().bucket(self.bucket()).key(name).upload_id(ticket);
        match call.send().await {
            Ok(_) => Ok(()),
            Err(e) if code(&e) == "NoSuchUpload" => Ok(()),
            Err(e) => Err(fault("aborting an upload", e)),
        }
    }
}
