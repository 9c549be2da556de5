//! GET, HEAD and listings.

use super::write::checksum_type;
use super::{Bucket, Reply, etag, length, missing, time, with_sums};
use crate::error::StoreError;
use crate::listing::{ListPage, ListQuery};
use crate::meta::ObjectMeta;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use s3s::dto::{
    Bucket as BucketEntry, ChecksumMode, CommonPrefix, ETagCondition, EncodingType, GetObjectInput,
    GetObjectOutput, HeadObjectInput, HeadObjectOutput, ListBucketsOutput, ListObjectsInput,
    ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, Object, Owner, Range, StreamingBlob,
    Timestamp,
};
use s3s::{S3Error, S3ErrorCode, S3Response, S3Result};
use std::io::{Seek, SeekFrom};
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

const OWNER: &str = "signal";
/// What S3 leaves unencoded in listings with `encoding-type=url`.
const LISTED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~').remove(b'/');

/// The four conditions of a read, in the order of RFC 9110.
struct Conditions<'a> {
    if_match: Option<&'a ETagCondition>,
    if_none_match: Option<&'a ETagCondition>,
    if_modified_since: Option<&'a Timestamp>,
    if_unmodified_since: Option<&'a Timestamp>,
}

impl Conditions<'_> {
    fn check(&self, meta: &ObjectMeta) -> S3Result<()> {
        let is = |c: &ETagCondition| c.is_any() || c.as_etag().is_some_and(|t| t.value() == meta.etag);
        let modified = time(meta.modified_ms);
        let failed = || Err(S3Error::new(S3ErrorCode::PreconditionFailed));
        match (self.if_match, self.if_unmodified_since) {
            (Some(condition), _) if !is(condition) => return failed(),
            (None, Some(since)) if modified > *since => return failed(),
            _ => {}
        }
        let unchanged = match (self.if_none_match, self.if_modified_since) {
            (Some(condition), _) => is(condition),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        };
        if unchanged {
            let mut not_modified = S3Error::new(S3ErrorCode::NotModified);
            let mut headers = http::HeaderMap::new();
            if let Ok(tag) = format!("\"{}\"", meta.etag).parse() {
                headers.insert(http::header::ETAG, tag);
            }
            not_modified.set_headers(headers);
            return Err(not_modified);
        }
        Ok(())
    }
}

/// First byte, length, and the `Content-Range` when only a part is asked for.
fn span(range: Option<&Range>, size: u64) -> S3Result<(u64, u64, Option<String>)> {
    let Some(range) = range else { return Ok((0, size, None)) };
    let span = range.check(size).map_err(|_| {
        let mut error = S3Error::new(S3ErrorCode::InvalidRange);
        let mut headers = http::HeaderMap::new();
        if let Ok(value) = format!("bytes */{size}").parse() {
            headers.insert(http::header::CONTENT_RANGE, value);
        }
        error.set_headers(headers);
        error
    })?;
    if span.is_empty() {
        return Ok((0, 0, None));
    }
    let shown = format!("bytes {}-{}/{size}", span.start, span.end - 1);
    Ok((span.start, span.end - span.start, Some(shown)))
}

impl Bucket {
    pub(super) async fn get(&self, input: GetObjectInput) -> Reply<GetObjectOutput> {
        self.check_bucket(&input.bucket)?;
        let standing = self.objects.standing(&input.key).await?.ok_or(StoreError::NoSuchKey)?;
        let meta = standing.meta;
        Conditions {
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
        }
        .check(&meta)?;
        let (start, len, content_range) = span(input.range.as_ref(), meta.size)?;
        let mut file = standing.file;
        if start > 0 {
            file.seek(SeekFrom::Start(start)).map_err(StoreError::Io)?;
        }
        let reader = tokio::fs::File::from_std(file).take(len);
        let body = ReaderStream::with_capacity(reader, self.objects.policy().read_chunk);
        let partial = content_range.is_some();
        let wants_sums = input.checksum_mode.is_some_and(|m| m.as_str() == ChecksumMode::ENABLED);
        let mut output = GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(StreamingBlob::wrap(body)),
            content_length: Some(length(len)),
            content_range,
            content_type: meta.says.content_type.clone(),
            cache_control: meta.says.cache_control.clone(),
            content_disposition: meta.says.content_disposition.clone(),
            content_encoding: meta.says.content_encoding.clone(),
            content_language: meta.says.content_language.clone(),
            e_tag: Some(etag(&meta.etag)),
            last_modified: Some(time(meta.modified_ms)),
            metadata: Some(meta.says.user.clone().into_iter().collect()),
            ..Default::default()
        };
        if wants_sums && !partial {
            with_sums!(output, meta.sums);
            output.checksum_type = checksum_type(&meta.sums);
        }
        Ok(S3Response::new(output))
    }

    pub(super) async fn head(&self, input: HeadObjectInput) -> Reply<HeadObjectOutput> {
        self.check_bucket(&input.bucket)?;
        let meta = missing(self.objects.head(&input.key).await?)?;
        Conditions {
            if_match: input.if_match.as_ref(),
            if_none_match: input.if_none_match.as_ref(),
            if_modified_since: input.if_modified_since.as_ref(),
            if_unmodified_since: input.if_unmodified_since.as_ref(),
        }
        .check(&meta)?;
        let (_, len, content_range) = span(input.range.as_ref(), meta.size)?;
        let mut output = HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(length(len)),
            content_range,
            content_type: meta.says.content_type.clone(),
            cache_control: meta.says.cache_control.clone(),
            content_disposition: meta.says.content_disposition.clone(),
            content_encoding: meta.says.content_encoding.clone(),
            content_language: meta.says.content_language.clone(),
            e_tag: Some(etag(&meta.etag)),
            last_modified: Some(time(meta.modified_ms)),
            metadata: Some(meta.says.user.clone().into_iter().collect()),
            ..Default::default()
        };
        if input.checksum_mode.is_some_and(|m| m.as_str() == ChecksumMode::ENABLED) {
            with_sums!(output, meta.sums);
            output.checksum_type = checksum_type(&meta.sums);
        }
        Ok(S3Response::new(output))
    }

    pub(super) fn buckets(&self) -> Reply<ListBucketsOutput> {
        let entry = BucketEntry { name: Some(self.objects.bucket().to_owned()), ..Default::default() };
        let output =
            ListBucketsOutput { buckets: Some(vec![entry]), owner: Some(owner()), ..Default::default() };
        Ok(S3Response::new(output))
    }

    pub(super) async fn list_v2(&self, input: ListObjectsV2Input) -> Reply<ListObjectsV2Output> {
        self.check_bucket(&input.bucket)?;
        let limit = self.page_size(input.max_keys)?;
        let after = match &input.continuation_token {
            Some(token) => Some(unseal(token)?),
            None => input.start_after.clone(),
        };
        let (prefix, delimiter) = (input.prefix.clone().unwrap_or_default(), input.delimiter.clone());
        let page = self.objects.list(ListQuery { prefix, after, delimiter, limit }).await?;
        let show = Names::of(input.encoding_type.as_ref());
        let output = ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: input.prefix.map(|p| show.name(&p)),
            max_keys: input.max_keys.or(Some(1_000)),
            key_count: i32::try_from(page.objects.len() + page.common_prefixes.len()).ok(),
            continuation_token: input.continuation_token,
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next.as_deref().map(|n| URL_SAFE_NO_PAD.encode(n)),
            contents: Some(show.objects(&page, input.fetch_owner.unwrap_or(false))),
            common_prefixes: Some(show.prefixes(&page)),
            delimiter: input.delimiter.map(|d| show.name(&d)),
            encoding_type: input.encoding_type,
            start_after: input.start_after.map(|s| show.name(&s)),
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    /// The first version of the listing: some clients still send it.
    pub(super) async fn list_v1(&self, input: ListObjectsInput) -> Reply<ListObjectsOutput> {
        self.check_bucket(&input.bucket)?;
        let limit = self.page_size(input.max_keys)?;
        let query = ListQuery {
            prefix: input.prefix.clone().unwrap_or_default(),
            after: input.marker.clone(),
            delimiter: input.delimiter.clone(),
            limit,
        };
        let page = self.objects.list(query).await?;
        let show = Names::of(input.encoding_type.as_ref());
        let output = ListObjectsOutput {
            name: Some(input.bucket),
            prefix: input.prefix.map(|p| show.name(&p)),
            max_keys: input.max_keys.or(Some(1_000)),
            marker: Some(input.marker.map(|m| show.name(&m)).unwrap_or_default()),
            is_truncated: Some(page.next.is_some()),
            next_marker: page.next.as_deref().map(|n| show.name(n)),
            contents: Some(show.objects(&page, true)),
            common_prefixes: Some(show.prefixes(&page)),
            delimiter: input.delimiter.map(|d| show.name(&d)),
            encoding_type: input.encoding_type,
            ..Default::default()
        };
        Ok(S3Response::new(output))
    }

    pub(super) fn page_size(&self, asked: Option<i32>) -> S3Result<usize> {
        let max = self.objects.policy().list_page_max;
        match asked {
            None => Ok(max),
            Some(n) => usize::try_from(n).map(|n| n.min(max)).map_err(|_| {
                S3Error::with_message(S3ErrorCode::InvalidArgument, "a page size is not negative")
            }),
        }
    }
}

fn unseal(token: &str) -> S3Result<String> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok();
    bytes.and_then(|b| String::from_utf8(b).ok()).ok_or_else(|| {
        S3Error::with_message(S3ErrorCode::InvalidArgument, "the continuation token is not one of ours")
    })
}

fn owner() -> Owner {
    Owner { id: Some(OWNER.to_owned()), display_name: Some(OWNER.to_owned()) }
}

/// How names are written into a listing.
struct Names {
    encoded: bool,
}

impl Names {
    fn of(encoding: Option<&EncodingType>) -> Self {
        Self { encoded: encoding.is_some_and(|e| e.as_str() == EncodingType::URL) }
    }

    fn name(&self, name: &str) -> String {
        if self.encoded { utf8_percent_encode(name, LISTED).to_string() } else { name.to_owned() }
    }

    fn objects(&self, page: &ListPage, with_owner: bool) -> Vec<Object> {
        let object = |meta: &ObjectMeta| Object {
            key: Some(self.name(&meta.key)),
            size: Some(length(meta.size)),
            e_tag: Some(etag(&meta.etag)),
            last_modified: Some(time(meta.modified_ms)),
            owner: with_owner.then(owner),
            ..Default::default()
        };
        page.objects.iter().map(object).collect()
    }

    fn prefixes(&self, page: &ListPage) -> Vec<CommonPrefix> {
        let prefix = |p: &String| CommonPrefix { prefix: Some(self.name(p)) };
        page.common_prefixes.iter().map(prefix).collect()
    }
}
