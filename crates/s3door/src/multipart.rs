//! Multipart uploads: a directory of parts each, named by what they are.

use crate::error::StoreError;
use crate::files::{self, Temp};
use crate::meta::{ALGORITHMS, META_VERSION, NewObject, ObjectMeta, PartMeta, Sums, UploadMeta};
use crate::name::Place;
use crate::objects::{Commit, Condition, Objects, TMP, UPLOADS};
use crate::receive::{Digests, Received};
use bytes::Bytes as Octets;
use s3s::crypto::{Checksum as _, Md5};
use std::fs::File;
use std::io::{Read, Write};
use std::path::PathBuf;
use vocab::UploadId;

pub(crate) const RECORD: &str = "upload.json";
const COPY_CHUNK: usize = 1024 * 1024;

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

/// A part's file: `<number>.<generation>.<size>.<md5>[.<algorithm>-<hex>…]`.
struct PartFile {
    meta: PartMeta,
    generation: u64,
    path: PathBuf,
}

impl Objects {
    /// Opens a multipart upload. The id is random: it stands in URLs.
    pub async fn begin(
        &self,
        key: &str,
        says: NewObject,
        algorithm: Option<String>,
    ) -> Result<UploadMeta, StoreError> {
        Place::of(key)?;
        let id = UploadId(self.inner().deps.entropy.u128()).to_string();
        let initiated_ms = self.now_ms();
        let upload = UploadMeta { v: META_VERSION, id, key: key.to_owned(), initiated_ms, algorithm, says };
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
    fn upload_dir(&self, id: &str) -> Result<PathBuf, StoreError> {
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
        let mut name = format!("{number:05}.{:016x}.{}.{}", received.generation, received.size, received.md5);
        for (algorithm, get, _) in ALGORITHMS {
            if let Some(sum) = get(&received.sums) {
                name.push_str(&format!(".{algorithm}-{}", hex_of(sum)?));
            }
        }
        let path = dir.join(&name);
        received.temp.place(&path)?;
        files::sync_dir(&dir)?;
        let (mut meta, mut newest) = (None, received.generation);
        for part in all_parts(&dir)?.into_iter().filter(|p| p.meta.number == number) {
            newest = newest.max(part.generation);
            if part.generation == received.generation {
                meta = Some(part.meta);
            } else if part.generation < newest {
                files::remove(&part.path)?;
            }
        }
        meta.ok_or(StoreError::NoSuchUpload)
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
            let received = o.receive_bytes(&bytes)?;
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
        let (temp, generation, whole) = self.assemble(&parts, &ask.expect, size)?;
        let sha256_hex = whole.sha256.as_deref().map(hex_of).transpose()?;
        match whole.differs_from(&ask.expect) {
            None => {}
            Some("SHA256") => return Err(StoreError::WrongSha256 { found: sha256_hex.unwrap_or_default() }),
            Some(other) => return Err(StoreError::BadDigest(other)),
        }
        stdx::crash::reached("s3door.complete.assembled");
        let etag = Some(whole_etag(&parts)?);
        let sums = if whole.is_empty() { composite(&parts, upload.algorithm.as_deref())? } else { whole };
        let received = Received { temp, generation, size, md5: String::new(), sums };
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

    /// The whole in a temporary file, with the checksums that `expect` names.
    fn assemble(
        &self,
        parts: &[PartFile],
        expect: &Sums,
        size: u64,
    ) -> Result<(Temp, u64, Sums), StoreError> {
        let _promise = self.promise(if parts.len() == 1 { 0 } else { size })?;
        let (generation, temp) = self.new_temp("data");
        let names: Vec<_> =
            ALGORITHMS.iter().filter(|(_, get, _)| get(expect).is_some()).map(|(name, ..)| *name).collect();
        let mut digests = Digests::sums_only(&names);
        let mut whole = match parts {
            // A second name for the same bytes: nothing to copy.
            [only] => std::fs::hard_link(&only.path, temp.path()).map(|()| None)?,
            _ => Some(files::create(temp.path())?),
        };
        for part in parts {
            let mut from = File::open(&part.path)?;
            match &mut whole {
                // The kernel copies by itself, and shares blocks where the file system can.
                Some(to) if names.is_empty() => drop(std::io::copy(&mut from, to)?),
                None if names.is_empty() => {}
                to => hash_copy(&mut from, to.as_mut(), &mut digests)?,
            }
        }
        if let Some(whole) = whole {
            whole.sync_all()?;
        }
        Ok((temp, generation, digests.finish().1))
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

fn hash_copy(from: &mut File, mut to: Option<&mut File>, digests: &mut Digests) -> std::io::Result<()> {
    let mut chunk = vec![0; COPY_CHUNK];
    loop {
        let n = from.read(&mut chunk)?;
        if n == 0 {
            return Ok(());
        }
        digests.update(&chunk[..n]);
        if let Some(to) = &mut to {
            to.write_all(&chunk[..n])?;
        }
    }
}

/// By number, the newest of each: a process that died while replacing a part leaves two.
fn newest(mut parts: Vec<PartFile>) -> Vec<PartFile> {
    parts.sort_by_key(|p| (p.meta.number, std::cmp::Reverse(p.generation)));
    parts.dedup_by_key(|p| p.meta.number);
    parts
}

fn all_parts(dir: &std::path::Path) -> Result<Vec<PartFile>, StoreError> {
    let entries = match std::fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(StoreError::NoSuchUpload),
        other => other?,
    };
    let mut parts = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        if let Some((meta, generation)) = parse_part(&name) {
            parts.push(PartFile { meta, generation, path });
        }
    }
    Ok(parts)
}

fn parse_part(name: &str) -> Option<(PartMeta, u64)> {
    let mut fields = name.split('.');
    let number = fields.next()?.parse().ok()?;
    let generation = u64::from_str_radix(fields.next()?, 16).ok()?;
    let (size, etag) = (fields.next()?.parse().ok()?, fields.next()?.to_owned());
    let mut sums = Sums::default();
    for field in fields {
        let (algorithm, digits) = field.split_once('-')?;
        let (.., slot) = ALGORITHMS.iter().find(|(name, ..)| *name == algorithm)?;
        *slot(&mut sums) = Some(base64_of(&hex::decode(digits).ok()?));
    }
    let modified_ms = i64::try_from(generation >> 20).ok()?;
    Some((PartMeta { number, size, etag, modified_ms, sums }, generation))
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(crate) fn bytes_of(base64: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(base64).ok()
}

fn hex_of(base64: &str) -> Result<String, StoreError> {
    bytes_of(base64).map(hex::encode).ok_or(StoreError::InvalidArgument("a checksum is base64"))
}

/// MD5 of the parts' MD5s, and how many they are.
fn whole_etag(parts: &[PartFile]) -> Result<String, StoreError> {
    let mut md5 = Md5::new();
    for part in parts {
        let digest = hex::decode(&part.meta.etag)
            .map_err(|_| StoreError::InvalidParts { numbers: vec![part.meta.number] })?;
        md5.update(&digest);
    }
    Ok(format!("{}-{}", hex::encode::<&[u8]>(md5.finalize().as_ref()), parts.len()))
}

/// The checksum of the parts' checksums with `-N`, for the announced algorithm, if every part has one.
fn composite(parts: &[PartFile], algorithm: Option<&str>) -> Result<Sums, StoreError> {
    let mut sums = Sums::default();
    let Some((name, get, slot)) = algorithm.and_then(|a| ALGORITHMS.iter().find(|(n, ..)| *n == a)) else {
        return Ok(sums);
    };
    let mut joined = Vec::new();
    for part in parts {
        match get(&part.meta.sums).as_deref().and_then(bytes_of) {
            Some(bytes) => joined.extend(bytes),
            None => return Ok(sums),
        }
    }
    let mut digests = Digests::sums_only(&[name]);
    digests.update(&joined);
    let (_, mut found) = digests.finish();
    *slot(&mut sums) = slot(&mut found).take().map(|sum| format!("{sum}-{}", parts.len()));
    Ok(sums)
}
