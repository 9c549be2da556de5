//! The five multipart operations.

use super::write::{blob, checksum_type, declared, size, without_chunks};
use super::{Bucket, Reply, condition, etag, time, with_sums};
use crate::checks::Claims;
use crate::error::StoreError;
use crate::meta::{NewObject, ObjectMeta, Sums};
use crate::multipart::Completion;
use crate::receive::{Wanted, algorithm};
use s3s::dto::{
    CompleteMultipartUploadInput, CompleteMultipartUploadOutput, CompletedPart, CreateMultipartUploadInput,
    CreateMultipartUploadOutput, ListMultipartUploadsInput, ListMultipartUploadsOutput, ListPartsInput,
    ListPartsOutput, MultipartUpload, Part, UploadPartInput, UploadPartOutput,
};
use s3s::{S3Error, S3ErrorCode, S3Request, S3Response, S3Result};

fn invalid(message: &'static str) -> S3Error {
    S3Error::with_message(S3ErrorCode::InvalidArgument, message)
}

impl Bucket {
    pub(super) async fn create_multipart(
        &self,
        input: CreateMultipartUploadInput,
    ) -> Reply<CreateMultipartUploadOutput> {
        self.check_bucket(&input.bucket)?;
        let named = input.checksum_algorithm.as_ref().map(|a| algorithm(a.as_str()));
        let algorithm = named.map(|a| a.ok_or_else(|| invalid("unknown checksum algorithm"))).transpose()?;
        let says = NewObject {
            content_type: input.content_type,
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding.and_then(without_chunks),
            content_language: input.content_language,
            user: self.user_metadata(input.metadata)?,
        };
        self.objects.check_room(vocab::Bytes(0))?;
        let upload = self.objects.begin(&input.key, says, algorithm.map(str::to_owned), None).await?;
        let output = CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(upload.id),
            checksum_algorithm: input.checksum_algorithm,
            checksum_type: input.checksum_type,
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    pub(super) async fn part(&self, req: S3Request<UploadPartInput>) -> Reply<UploadPartOutput> {
        self.check_bucket(&req.input.bucket)?;
        let claims = Claims::of(&req.headers, req.trailing_headers);
        let input = req.input;
        let number = u32::try_from(input.part_number).unwrap_or(0);
        if number == 0 || number > self.objects.policy().part_count_max {
            return Err(invalid("part numbers are 1 to 10000"));
        }
        let upload = self.objects.upload(&input.key, &input.upload_id).await?;
        let declared = declared(input.content_length)?;
        let algorithms = claims.algorithms(upload.algorithm.as_deref());
        let (key, id) = (input.key.clone(), input.upload_id.clone());
        let claim = move |o: &crate::Objects| o.claim_place(&key, &id, number, declared);
        let place = self.objects.blocking(claim).await?;
        let wanted = Wanted { declared: Some(declared), algorithms, place };
        let received = self.objects.receive(blob(input.body), wanted).await?;
        claims.check(&received)?;
        let (key, id) = (input.key, input.upload_id);
        let part = self.objects.blocking(move |o| o.commit_part(&key, &id, number, received)).await?;
        let mut output = UploadPartOutput { e_tag: Some(etag(&part.etag)), ..Default::default() };
        with_sums!(output, part.sums);
        Ok(S3Response::new(output))
    }

    pub(super) async fn parts(&self, input: ListPartsInput) -> Reply<ListPartsOutput> {
        self.check_bucket(&input.bucket)?;
        let limit = self.page_size(input.max_parts)?;
        let after = u32::try_from(input.part_number_marker.unwrap_or(0)).unwrap_or(0);
        let upload = self.objects.upload(&input.key, &input.upload_id).await?;
        let mut parts = self.objects.parts(&input.key, &input.upload_id).await?;
        parts.retain(|p| p.number > after);
        let truncated = parts.len() > limit;
        parts.truncate(limit);
        let next = parts.last().and_then(|p| i32::try_from(p.number).ok());
        let shown = parts.iter().map(|p| {
            let mut part = Part {
                part_number: i32::try_from(p.number).ok(),
                size: size(p.size),
                e_tag: Some(etag(&p.etag)),
                last_modified: Some(time(p.modified_ms)),
                ..Default::default()
            };
            with_sums!(part, p.sums);
            part
        });
        let output = ListPartsOutput {
            parts: Some(shown.collect()),
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(input.upload_id),
            is_truncated: Some(truncated),
            max_parts: input.max_parts.or(Some(1_000)),
            part_number_marker: input.part_number_marker,
            next_part_number_marker: next,
            checksum_algorithm: upload.algorithm.map(Into::into),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    pub(super) async fn multiparts(
        &self,
        input: ListMultipartUploadsInput,
    ) -> Reply<ListMultipartUploadsOutput> {
        self.check_bucket(&input.bucket)?;
        let limit = self.page_size(input.max_uploads)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let mut uploads = self.objects.uploads(&prefix).await?;
        if let Some(marker) = &input.key_marker {
            // The pair of markers names the last one of the page before.
            let seen = uploads.iter().position(|u| {
                u.key == *marker && input.upload_id_marker.as_ref().is_some_and(|id| *id == u.id)
            });
            match seen {
                Some(at) => drop(uploads.drain(..=at)),
                None => uploads.retain(|u| u.key > *marker),
            }
        }
        let truncated = uploads.len() > limit;
        uploads.truncate(limit);
        let last = uploads.last().filter(|_| truncated).cloned();
        let shown = uploads.into_iter().map(|u| MultipartUpload {
            key: Some(u.key),
            upload_id: Some(u.id),
            initiated: Some(time(u.initiated_ms)),
            checksum_algorithm: u.algorithm.map(Into::into),
            ..Default::default()
        });
        let output = ListMultipartUploadsOutput {
            uploads: Some(shown.collect()),
            bucket: Some(input.bucket),
            prefix: input.prefix,
            key_marker: input.key_marker,
            upload_id_marker: input.upload_id_marker,
            is_truncated: Some(truncated),
            max_uploads: input.max_uploads.or(Some(1_000)),
            next_key_marker: last.as_ref().map(|u| u.key.clone()),
            next_upload_id_marker: last.map(|u| u.id),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    pub(super) async fn complete_multipart(
        &self,
        input: CompleteMultipartUploadInput,
    ) -> Reply<CompleteMultipartUploadOutput> {
        self.check_bucket(&input.bucket)?;
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let asked = input.multipart_upload.as_ref().and_then(|m| m.parts.as_ref());
        let parts = asked.ok_or_else(|| S3Error::new(S3ErrorCode::MalformedXML))?;
        let parts = parts.iter().map(asked_part).collect::<S3Result<Vec<_>>>()?;
        let said = sums_of(&input);
        let composite = super::is_composite(&said);
        let completion = Completion {
            key: input.key.clone(),
            upload: input.upload_id.clone(),
            parts,
            expect: if composite { Sums::default() } else { said },
            condition,
        };
        let meta = match self.objects.complete(completion).await {
            Err(StoreError::NoSuchUpload) => self.completed_before(&input).await?,
            other => other?,
        };
        if let Some(size) = input.mpu_object_size
            && u64::try_from(size) != Ok(meta.size)
        {
            tracing::warn!(key = input.key, "a completion declared another size than its parts have");
        }
        let mut output = CompleteMultipartUploadOutput {
            location: Some(format!("/{}/{}", input.bucket, input.key)),
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(etag(&meta.etag)),
            ..Default::default()
        };
        with_sums!(output, meta.sums);
        output.checksum_type = checksum_type(&meta.sums);
        Ok(S3Response::new(output))
    }

    /// A client whose first completion was answered into the void asks again: the same answer.
    async fn completed_before(&self, input: &CompleteMultipartUploadInput) -> Result<ObjectMeta, StoreError> {
        let standing = self.objects.head(&input.key).await?;
        standing.filter(|m| m.upload.as_deref() == Some(&input.upload_id)).ok_or(StoreError::NoSuchUpload)
    }
}

fn asked_part(part: &CompletedPart) -> S3Result<(u32, String, Sums)> {
    let number = part.part_number.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    let number = number.ok_or_else(|| invalid("a part has a number"))?;
    let tag = part.e_tag.as_ref().ok_or_else(|| invalid("a part has an ETag"))?;
    let sums = Sums {
        crc32: part.checksum_crc32.clone(),
        crc32c: part.checksum_crc32c.clone(),
        crc64nvme: part.checksum_crc64nvme.clone(),
        sha1: part.checksum_sha1.clone(),
        sha256: part.checksum_sha256.clone(),
    };
    Ok((number, tag.value().to_owned(), sums))
}

fn sums_of(input: &CompleteMultipartUploadInput) -> Sums {
    Sums {
        crc32: input.checksum_crc32.clone(),
        crc32c: input.checksum_crc32c.clone(),
        crc64nvme: input.checksum_crc64nvme.clone(),
        sha1: input.checksum_sha1.clone(),
        sha256: input.checksum_sha256.clone(),
    }
}
