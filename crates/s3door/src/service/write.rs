//! PUT, copy and delete.

use super::{Bucket, Reply, condition, etag, is_composite, length, time, with_sums};
use crate::checks::Claims;
use crate::commit::Commit;
use crate::error::StoreError;
use crate::meta::NewObject;
use crate::receive::Wanted;
use s3s::dto::{
    ChecksumType, CopyObjectInput, CopyObjectOutput, CopyObjectResult, CopySource, DeleteObjectsInput,
    DeleteObjectsOutput, DeletedObject, Error, MetadataDirective, PutObjectInput, PutObjectOutput,
    StreamingBlob,
};
use s3s::{Body, S3Error, S3ErrorCode, S3Request, S3Response, S3Result};
use std::collections::BTreeMap;

/// Deletions one request may ask for: S3's own.
const DELETE_MAX: usize = 1_000;

impl Bucket {
    pub(super) async fn put(&self, req: S3Request<PutObjectInput>) -> Reply<PutObjectOutput> {
        self.check_bucket(&req.input.bucket)?;
        let claims = Claims::of(&req.headers, req.trailing_headers);
        let input = req.input;
        let condition = condition(input.if_match.as_ref(), input.if_none_match.as_ref())?;
        let says = NewObject {
            content_type: input.content_type,
            cache_control: input.cache_control,
            content_disposition: input.content_disposition,
            content_encoding: input.content_encoding.and_then(without_chunks),
            content_language: input.content_language,
            user: self.user_metadata(input.metadata)?,
        };
        crate::name::Place::of(&input.key)?;
        let declared = declared(input.content_length)?;
        let wanted =
            Wanted { declared: Some(declared), algorithms: claims.algorithms(None), ..Wanted::default() };
        let received = self.objects.receive(blob(input.body), wanted).await?;
        claims.check(&received)?;
        let commit = Commit { key: input.key, says, condition, ..Commit::default() };
        let meta = self.objects.committing(move |o| o.commit(received, commit)).await?;
        let mut output = PutObjectOutput { e_tag: Some(etag(&meta.etag)), ..Default::default() };
        with_sums!(output, meta.sums);
        Ok(S3Response::new(output))
    }

    pub(super) fn user_metadata(
        &self,
        given: Option<std::collections::HashMap<String, String>>,
    ) -> S3Result<BTreeMap<String, String>> {
        let user: BTreeMap<_, _> = given.unwrap_or_default().into_iter().collect();
        let bytes: usize = user.iter().map(|(k, v)| k.len() + v.len()).sum();
        if bytes as u64 > self.objects.policy().user_metadata_max.0 {
            return Err(S3Error::new(S3ErrorCode::MetadataTooLarge));
        }
        Ok(user)
    }

    /// Within the bucket only; the new object has its own bytes.
    pub(super) async fn copy(&self, input: CopyObjectInput) -> Reply<CopyObjectOutput> {
        self.check_bucket(&input.bucket)?;
        let CopySource::Bucket { bucket, key: from, version_id: None } = &input.copy_source else {
            return Err(S3Error::with_message(S3ErrorCode::NotImplemented, "copies come from this bucket"));
        };
        self.check_bucket(bucket)?;
        let standing = self.objects.standing(from).await?.ok_or(StoreError::NoSuchKey)?;
        let replace =
            input.metadata_directive.as_ref().is_some_and(|d| d.as_str() == MetadataDirective::REPLACE);
        let says = match replace {
            false => standing.meta.says.clone(),
            true => NewObject {
                content_type: input.content_type,
                cache_control: input.cache_control,
                content_disposition: input.content_disposition,
                content_encoding: input.content_encoding,
                content_language: input.content_language,
                user: self.user_metadata(input.metadata)?,
            },
        };
        let meta = self.objects.put_file(&input.key, standing.path, says).await?;
        let result = CopyObjectResult {
            e_tag: Some(etag(&meta.etag)),
            last_modified: Some(time(meta.modified_ms)),
            ..Default::default()
        };
        Ok(S3Response::new(CopyObjectOutput { copy_object_result: Some(result), ..Default::default() }))
    }

    pub(super) async fn delete_many(&self, input: DeleteObjectsInput) -> Reply<DeleteObjectsOutput> {
        self.check_bucket(&input.bucket)?;
        if input.delete.objects.len() > DELETE_MAX {
            return Err(S3Error::with_message(S3ErrorCode::MalformedXML, "at most 1000 keys a request"));
        }
        let quiet = input.delete.quiet.unwrap_or(false);
        let (mut deleted, mut errors) = (Vec::new(), Vec::new());
        for object in input.delete.objects {
            match self.objects.delete(&object.key).await {
                Ok(_) if quiet => {}
                Ok(_) => deleted.push(DeletedObject { key: Some(object.key), ..Default::default() }),
                Err(e) => {
                    let e = S3Error::from(e);
                    errors.push(Error {
                        key: Some(object.key),
                        code: Some(e.code().as_str().to_owned()),
                        message: e.message().map(str::to_owned),
                        version_id: None,
                    });
                }
            }
        }
        let output =
            DeleteObjectsOutput { deleted: Some(deleted), errors: Some(errors), ..Default::default() };
        Ok(S3Response::new(output))
    }
}

/// `aws-chunked` is how the body travelled, not what the object is.
pub(super) fn without_chunks(encoding: String) -> Option<String> {
    let kept: Vec<_> = encoding.split(',').map(str::trim).filter(|e| *e != "aws-chunked").collect();
    let kept = kept.join(",");
    (!kept.is_empty()).then_some(kept)
}

pub(super) fn blob(body: Option<StreamingBlob>) -> StreamingBlob {
    body.unwrap_or_else(|| StreamingBlob::from(Body::empty()))
}

/// A body of unknown length is refused: room is promised before the first byte.
pub(super) fn declared(content_length: Option<i64>) -> S3Result<u64> {
    content_length
        .and_then(|n| u64::try_from(n).ok())
        .ok_or_else(|| S3Error::new(S3ErrorCode::MissingContentLength))
}

pub(super) fn checksum_type(sums: &crate::Sums) -> Option<ChecksumType> {
    let name = if is_composite(sums) { ChecksumType::COMPOSITE } else { ChecksumType::FULL_OBJECT };
    (!sums.is_empty()).then(|| ChecksumType::from_static(name))
}

pub(super) fn size(bytes: u64) -> Option<i64> {
    Some(length(bytes))
}
