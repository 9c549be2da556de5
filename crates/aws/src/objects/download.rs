//! Reading: whole objects into memory, raw files onto the disk in parallel ranges.

use super::S3Objects;
use super::error::{bare, code, fault, is_missing, size};
use ::moderation::port::LocalFile;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::primitives::ByteStream;
use bytes::Bytes as Octets;
use futures::{StreamExt, TryStreamExt, stream};
use sha2::{Digest, Sha256};
use std::io::SeekFrom;
use std::ops::Range;
use std::path::Path;
use stdx::{Fault, FaultKind};
use tempfile::TempPath;
use tokio::io::{AsyncSeekExt, AsyncWriteExt};

const LEFT_BEHIND: std::time::Duration = std::time::Duration::from_secs(24 * 3600);
const TEMP_PREFIX: &str = "s3-raw-";

/// Where bytes go.
pub(super) enum Sink<'a> {
    Digest(&'a mut Sha256),
    File(&'a mut tokio::fs::File),
}

impl Sink<'_> {
    async fn take(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match self {
            Self::Digest(digest) => digest.update(bytes),
            Self::File(file) => file.write_all(bytes).await?,
        }
        Ok(())
    }
}

/// `None` = no such object.
type Found<T> = Result<Option<T>, Fault>;

impl S3Objects {
    /// The bytes of an object. From the start again where the body breaks off: what is read so is small.
    pub(super) async fn whole(&self, name: &str) -> Found<Octets> {
        let max = self.settings.policy.read_max.0;
        let mut last = Fault::unavailable("a body broke off");
        for attempt in 0..self.settings.policy.broken_max {
            let got = match self.client.get_object().bucket(self.bucket()).key(name).send().await {
                Ok(got) => got,
                Err(e) if is_missing(&e) => return Ok(None),
                Err(e) => return Err(fault("reading an object", e)),
            };
            if size(got.content_length()) > max {
                return Err(Fault::internal(format!("{name} is larger than the {max} bytes that are read")));
            }
            match got.body.collect().await {
                Ok(body) => return Ok(Some(body.into_bytes())),
                Err(e) => last = Fault::unavailable(e),
            }
            self.pause(attempt).await;
        }
        Err(last)
    }

    async fn range(&self, name: &str, etag: Option<&str>, range: &Range<u64>) -> Found<GetObjectOutput> {
        let asked = format!("bytes={}-{}", range.start, range.end.saturating_sub(1));
        // The bytes of one object, not of two that had the name one after the other.
        let same = etag.map(|e| format!("\"{e}\""));
        let call = self.client.get_object().bucket(self.bucket()).key(name).range(asked);
        match call.set_if_match(same).send().await {
            Ok(got) => Ok(Some(got)),
            Err(e) if is_missing(&e) => Ok(None),
            Err(e) if code(&e) == "PreconditionFailed" => {
                Err(Fault::unavailable(format!("{name} was replaced while it was read")))
            }
            Err(e) => Err(fault("reading an object", e)),
        }
    }

    /// Bytes of a range into a sink; goes on where a body broke off.
    pub(super) async fn read_on(
        &self,
        name: &str,
        etag: &str,
        range: Range<u64>,
        mut sink: Sink<'_>,
    ) -> Found<()> {
        let (mut at, mut idle) = (range.start, 0);
        while at < range.end {
            let Some(got) = self.range(name, Some(etag), &(at..range.end)).await? else { return Ok(None) };
            let (read, broke) = pour(got.body, range.end - at, &mut sink).await?;
            at += read;
            let Some(broke) = broke.filter(|_| at < range.end) else { continue };
            idle = if read > 0 { 0 } else { idle + 1 };
            if idle >= self.settings.policy.broken_max {
                return Err(Fault::unavailable(broke));
            }
            self.pause(idle).await;
        }
        Ok(Some(()))
    }

    /// A copy on the disk that goes with its value. The first range says how long the whole is.
    pub(super) async fn fetch(&self, name: &str) -> Found<LocalFile> {
        let policy = &self.settings.policy;
        let first = 0..policy.range.0.max(1);
        let got = match self
            .client
            .get_object()
            .bucket(self.bucket())
            .key(name)
            .range(format!("bytes=0-{}", first.end - 1))
            .send()
            .await
        {
            Ok(got) => got,
            Err(e) if is_missing(&e) => return Ok(None),
            Err(e) if code(&e) == "InvalidRange" => return self.empty_file().await.map(Some),
            Err(e) => return Err(fault("reading a raw file", e)),
        };
        let total = total_of(&got)?;
        if total > policy.raw_max.0 {
            let said =
                format!("{name} has {total} bytes, more than the {} that are fetched", policy.raw_max.0);
            return Err(Fault::internal(said));
        }
        let (etag, end) = (bare(got.e_tag()), first.end.min(total));
        let temp = self.temp(total).await?;
        let head = self.fill(&temp, name, &etag, (0..end, Some(got.body)));
        let rest: Vec<_> = ranges(end, total, policy.range.0.max(1)).collect();
        let rest = stream::iter(rest)
            .map(|range| self.fill(&temp, name, &etag, (range, None)))
            .buffer_unordered(policy.parallel.max(1))
            .try_fold(true, |all, found| async move { Ok(all && found) });
        let (head, rest) = tokio::try_join!(head, rest)?;
        if !(head && rest) {
            return Ok(None);
        }
        Ok(Some(LocalFile::guarded(temp.to_path_buf(), temp)))
    }

    /// One range into its place; `begun` is the answer to it, where it was asked already.
    async fn fill(
        &self,
        temp: &Path,
        name: &str,
        etag: &str,
        (range, begun): (Range<u64>, Option<ByteStream>),
    ) -> Result<bool, Fault> {
        let mut file = tokio::fs::OpenOptions::new().write(true).open(temp).await?;
        file.seek(SeekFrom::Start(range.start)).await?;
        let mut at = range.start;
        if let Some(body) = begun {
            at += pour(body, range.end - at, &mut Sink::File(&mut file)).await?.0;
        }
        let found = self.read_on(name, etag, at..range.end, Sink::File(&mut file)).await?;
        file.flush().await?;
        Ok(found.is_some())
    }

    async fn temp(&self, size: u64) -> Result<TempPath, Fault> {
        let scratch = self.settings.scratch.clone();
        let make = move || {
            std::fs::create_dir_all(&scratch)?;
            let temp = tempfile::Builder::new().prefix(TEMP_PREFIX).tempfile_in(&scratch)?;
            // A full disk is found out where it can be said, and the ranges write into their places.
            temp.as_file().set_len(size)?;
            Ok::<_, std::io::Error>(temp.into_temp_path())
        };
        Ok(tokio::task::spawn_blocking(make).await.map_err(Fault::internal)??)
    }

    async fn empty_file(&self) -> Result<LocalFile, Fault> {
        let temp = self.temp(0).await?;
        Ok(LocalFile::guarded(temp.to_path_buf(), temp))
    }

    /// Removes copies that killed processes left. Call at the start; several processes may share the directory.
    pub async fn tidy_scratch(&self) -> Result<usize, Fault> {
        let scratch = self.settings.scratch.clone();
        let tidy = move || {
            let entries = match std::fs::read_dir(&scratch) {
                Ok(entries) => entries,
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(0),
                Err(e) => return Err(e),
            };
            let mut gone = 0;
            for entry in entries.flatten() {
                let is_ours = entry.file_name().to_string_lossy().starts_with(TEMP_PREFIX);
                let age = entry.metadata()?.modified()?.elapsed().unwrap_or_default();
                if is_ours && age > LEFT_BEHIND && std::fs::remove_file(entry.path()).is_ok() {
                    gone += 1;
                }
            }
            Ok(gone)
        };
        Ok(tokio::task::spawn_blocking(tidy).await.map_err(Fault::internal)??)
    }
}

/// At most `most` bytes of a body, and why it ended early.
async fn pour(mut body: ByteStream, most: u64, sink: &mut Sink<'_>) -> Result<(u64, Option<String>), Fault> {
    let mut read = 0;
    while read < most {
        match body.next().await {
            Some(Ok(mut bytes)) => {
                let left = usize::try_from(most - read).unwrap_or(usize::MAX);
                bytes.truncate(left);
                sink.take(&bytes).await?;
                read += bytes.len() as u64;
            }
            Some(Err(e)) => return Ok((read, Some(e.to_string()))),
            None => return Ok((read, Some("the body ended early".into()))),
        }
    }
    Ok((read, None))
}

fn total_of(got: &GetObjectOutput) -> Result<u64, Fault> {
    let of_range = got.content_range().and_then(|r| r.rsplit('/').next()).map(str::parse);
    match of_range {
        Some(Ok(total)) => Ok(total),
        Some(Err(_)) => Err(Fault::new(FaultKind::Internal, "the store does not say how long the object is")),
        // A store that answers with everything.
        None => Ok(size(got.content_length())),
    }
}

fn ranges(from: u64, to: u64, step: u64) -> impl Iterator<Item = Range<u64>> {
    let mut at = from;
    std::iter::from_fn(move || {
        let range = at..to.min(at.saturating_add(step));
        at = range.end;
        (!range.is_empty()).then_some(range)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_cover_everything_once() {
        let all = |from, to, step| ranges(from, to, step).collect::<Vec<_>>();
        assert_eq!(all(0, 10, 4), [0..4, 4..8, 8..10]);
        assert_eq!(all(4, 12, 4), [4..8, 8..12]);
        assert!(all(8, 8, 4).is_empty() && all(9, 8, 4).is_empty());
    }
}
