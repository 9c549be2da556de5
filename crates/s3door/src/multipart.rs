//! Multipart uploads: a directory of parts each, named by what they are.

use crate::commit::Commit;
use crate::error::StoreError;
use crate::files;
use crate::meta::{Layout, META_VERSION, NewObject, ObjectMeta, PartMeta, Sums, UploadMeta};
use crate::name::Place;
use crate::objects::{Condition, Objects, TMP, UPLOADS};
use crate::parts::{PartFile, all_parts, composite, hex_of, newest, whole_etag};
use crate::receive::{Home, Received};
use bytes::Bytes as Octets;
use std::path::PathBuf;
use vocab::UploadId;

pub(crate) const RECORD: &str = "upload.json";

/// What a completion asks for.
#[derive(Debug, Clone, Default)]
pub struct Completion {
    pub key: String,
    pub upload: String,
    /// In ascending order: number, etag without quotes, and checksums to be checked.
    pub parts: Vec<(u32, String, Sums)>,
    /// Checksums of the whole object: compared before the commit.
    pub expect: Sums,
    pub condition: Condition,
}

impl Objects {
    /// Opens a multipart upload. The id is random: it stands in URLs. With a layout, parts that keep
    /// to it are written straight to their place.
    pub async fn begin(
        &self,
        key: &str,
        says: NewObject,
        algorithm: Option<String>,
        layout: Option<Layout>,
    ) -> Result<UploadMeta, StoreError> {
        Place::of(key)?;
        let id = UploadId(self.inner().deps.entropy.u128()).to_string();
        let initiated_ms = self.now_ms();
        let key = key.to_owned();
        let upload = UploadMeta { v: META_VERSION, id, key, initiated_ms, algorithm, layout, says };
        self.blocking(move |o| {
            // Complete or not there: the record is in the directory before the directory has its name.
            let (_, fresh) = o.new_temp("upload");
            std::fs::create_dir(fresh.path())?;
            let text = serde_json::to_vec(&upload).map_err(std::io::Error::other)?;
            files::write_durable(&fresh.path().join(RECORD), &text)?;
            let uploads = o.inner().root.join(UPLOADS);
            fresh.place(&uploads.join(&upload.id))?;
            files::sync_dir(&uploads)?;
            Ok(upload)
        })
        .await
    }

    /// Only ids of our own spelling name a directory.
    pub(crate) fn upload_dir(&self, id: &str) -> Result<PathBuf, StoreError> {
        match id.parse::<UploadId>() {
            Ok(parsed) if parsed.to_string() == id => Ok(self.inner().root.join(UPLOADS).join(id)),
            _ => Err(StoreError::NoSuchUpload),
        }
    }

    pub(crate) fn upload_now(&self, key: &str, id: &str) -> Result<UploadMeta, StoreError> {
        let path = self.upload_dir(id)?.join(RECORD);
        let bytes = files::read(&path)?.ok_or(StoreError::NoSuchUpload)?;
        let upload: UploadMeta = serde_json::from_slice(&bytes)
            .map_err(|e| StoreError::Corrupt { path: path.display().to_string(), error: e.to_string() })?;
        if upload.key == key { Ok(upload) } else { Err(StoreError::NoSuchUpload) }
    }

    /// The record of an open upload of that key.
    pub async fn upload(&self, key: &str, id: &str) -> Result<UploadMeta, StoreError> {
        let (key, id) = (key.to_owned(), id.to_owned());
        self.blocking(move |o| o.upload_now(&key, &id)).await
    }

    /// Puts a received body in place as a part; an earlier one of that number goes.
    pub(crate) fn commit_part(
        &self,
        key: &str,
        id: &str,
        number: u32,
        received: Received,
    ) -> Result<PartMeta, StoreError> {
        let dir = self.upload_dir(id)?;
        let _guard = self.lock_upload(id);
        self.upload_now(key, id)?;
        let generation = received.generation;
        let meta = PartMeta {
            number,
            size: received.size,
            etag: received.md5,
            modified_ms: i64::try_from(generation >> 20).unwrap_or_default(),
            sums: received.sums,
        };
        let here = matches!(received.home, Home::Here(_));
        let path = dir.join(PartFile::name(&meta, generation, here)?);
        stdx::crash::reached("s3door.part.received");
        match &received.home {
            Home::Here(_) => drop(files::create(&path)?),
            Home::Apart(temp) => std::fs::rename(temp.path(), &path)?,
        }
        files::sync_dir(&dir)?;
        stdx::crash::reached("s3door.part.stored");
        let of_this = all_parts(&dir)?.into_iter().filter(|p| p.meta.number == number);
        for part in of_this.filter(|p| p.generation < generation) {
            files::remove(&part.path)?;
        }
        Ok(meta)
    }

    /// A part that is in memory already.
    pub async fn put_part(
        &self,
        key: &str,
        id: &str,
        number: u32,
        bytes: Octets,
    ) -> Result<PartMeta, StoreError> {
        let (key, id) = (key.to_owned(), id.to_owned());
        self.blocking(move |o| {
            let place = o.claim_place(&key, &id, number, bytes.len() as u64)?;
            let received = o.receive_bytes(&bytes, place)?;
            o.commit_part(&key, &id, number, received)
        })
        .await
    }

    /// Parts that have arrived, by number.
    pub async fn parts(&self, key: &str, id: &str) -> Result<Vec<PartMeta>, StoreError> {
        let (key, id) = (key.to_owned(), id.to_owned());
        self.blocking(move |o| {
            o.upload_now(&key, &id)?;
            Ok(newest(all_parts(&o.upload_dir(&id)?)?).into_iter().map(|p| p.meta).collect())
        })
        .await
    }

    /// Puts the parts together. All or nothing; the parts go only when it succeeds.
    pub async fn complete(&self, ask: Completion) -> Result<ObjectMeta, StoreError> {
        self.committing(move |o| o.complete_now(&ask)).await
    }

    fn complete_now(&self, ask: &Completion) -> Result<ObjectMeta, StoreError> {
        let dir = self.upload_dir(&ask.upload)?;
        let _guard = self.lock_upload(&ask.upload);
        let upload = self.upload_now(&ask.key, &ask.upload)?;
        let parts = self.chosen(ask, newest(all_parts(&dir)?))?;
        let size: u64 = parts.iter().map(|p| p.meta.size).sum();
        if size > self.policy().object_max.0 {
            return Err(StoreError::TooLarge { max: self.policy().object_max });
        }
        let (temp, generation, whole) = self.assemble(&upload, &parts, &ask.expect)?;
        let sha256_hex = whole.sha256.as_deref().map(hex_of).transpose()?;
        match whole.differs_from(&ask.expect) {
            None => {}
            Some("SHA256") => return Err(StoreError::WrongSha256 { found: sha256_hex.unwrap_or_default() }),
            Some(other) => return Err(StoreError::BadDigest(other)),
        }
        stdx::crash::reached("s3door.complete.assembled");
        let etag = Some(whole_etag(&parts)?);
        let sums = if whole.is_empty() { composite(&parts, upload.algorithm.as_deref())? } else { whole };
        let received = Received { home: Home::Apart(temp), generation, size, md5: String::new(), sums };
        let commit = Commit {
            key: ask.key.clone(),
            says: upload.says,
            condition: ask.condition.clone(),
            upload: Some(upload.id),
            etag,
            sha256_hex,
        };
        let meta = self.commit(received, commit)?;
        stdx::crash::reached("s3door.complete.committed");
        self.drop_upload(&ask.upload)?;
        Ok(meta)
    }

    /// The parts asked for, all of them checked.
    fn chosen(&self, ask: &Completion, there: Vec<PartFile>) -> Result<Vec<PartFile>, StoreError> {
        if ask.parts.is_empty() {
            return Err(StoreError::InvalidArgument("at least one part"));
        }
        if !ask.parts.is_sorted_by(|a, b| a.0 < b.0) {
            return Err(StoreError::PartOrder);
        }
        let matches = |p: &PartFile, (number, etag, sums): &(u32, String, Sums)| {
            p.meta.number == *number && p.meta.etag == *etag && p.meta.sums.differs_from(sums).is_none()
        };
        let wrong: Vec<u32> =
            ask.parts.iter().filter(|a| !there.iter().any(|p| matches(p, a))).map(|a| a.0).collect();
        if !wrong.is_empty() {
            return Err(StoreError::InvalidParts { numbers: wrong });
        }
        let chosen: Vec<_> =
            there.into_iter().filter(|p| ask.parts.iter().any(|a| a.0 == p.meta.number)).collect();
        let min = self.policy().part_min;
        let all_but_last = chosen.split_last().map_or(&[][..], |(_, rest)| rest);
        match all_but_last.iter().find(|p| p.meta.size < min.0) {
            Some(small) => Err(StoreError::PartTooSmall { number: small.meta.number, min }),
            None => Ok(chosen),
        }
    }

    /// Out of sight at once, then removed.
    fn drop_upload(&self, id: &str) -> Result<(), StoreError> {
        let dir = self.upload_dir(id)?;
        let gone = self.inner().root.join(TMP).join(format!("{id}.gone"));
        match std::fs::rename(&dir, &gone) {
            Ok(()) => Ok(std::fs::remove_dir_all(&gone)?),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
            Err(e) => Err(e.into()),
        }
    }

    pub async fn abort(&self, key: &str, id: &str) -> Result<(), StoreError> {
        let (key, id) = (key.to_owned(), id.to_owned());
        self.blocking(move |o| {
            o.upload_dir(&id)?;
            let _guard = o.lock_upload(&id);
            o.upload_now(&key, &id)?;
            o.drop_upload(&id)
        })
        .await
    }

    /// Open multipart uploads by key and start.
    pub async fn uploads(&self, prefix: &str) -> Result<Vec<UploadMeta>, StoreError> {
        let prefix = prefix.to_owned();
        self.blocking(move |o| {
            let mut found = o.uploads_now()?;
            found.retain(|u| u.key.starts_with(&prefix));
            Ok(found)
        })
        .await
    }

    fn uploads_now(&self) -> Result<Vec<UploadMeta>, StoreError> {
        let mut found = Vec::new();
        for entry in std::fs::read_dir(self.inner().root.join(UPLOADS))? {
            // Completed or aborted since: simply not there.
            if let Some(bytes) = files::read(&entry?.path().join(RECORD))?
                && let Ok(upload) = serde_json::from_slice::<UploadMeta>(&bytes)
            {
                found.push(upload);
            }
        }
        found.sort_by(|a, b| (&a.key, a.initiated_ms, &a.id).cmp(&(&b.key, b.initiated_ms, &b.id)));
        Ok(found)
    }

    /// Ends multipart uploads older than the policy says. Returns how many.
    pub async fn sweep(&self) -> Result<usize, StoreError> {
        self.blocking(|o| {
            let before = o.now_ms().saturating_sub(o.policy().multipart_life.0);
            let mut ended = 0;
            for upload in o.uploads_now()?.into_iter().filter(|u| u.initiated_ms < before) {
                let _guard = o.lock_upload(&upload.id);
                o.drop_upload(&upload.id)?;
                ended += 1;
            }
            Ok(ended)
        })
        .await
    }
}
