//! Parts on disk: their names say what they are, and the whole's etag and checksums follow from them.

use crate::error::StoreError;
use crate::meta::{ALGORITHMS, PartMeta, Sums, UploadMeta};
use crate::receive::Digests;
use s3s::crypto::{Checksum as _, Md5};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Take};
use std::path::{Path, PathBuf};

/// The file that parts of a known layout are written into, each at its place.
pub(crate) const WHOLE: &str = "whole";
/// Marks a part whose bytes stand in [`WHOLE`].
const HERE: &str = "here";

/// A part's record: `<number>.<generation>.<size>.<md5>[.here][.<algorithm>-<hex>…]`.
pub(crate) struct PartFile {
    pub meta: PartMeta,
    pub generation: u64,
    pub path: PathBuf,
    /// Its bytes stand in [`WHOLE`]; the file itself is empty.
    pub here: bool,
}

impl PartFile {
    pub fn name(meta: &PartMeta, generation: u64, here: bool) -> Result<String, StoreError> {
        let PartMeta { number, size, etag, sums, .. } = meta;
        let mut name = format!("{number:05}.{generation:016x}.{size}.{etag}");
        if here {
            name.push_str(&format!(".{HERE}"));
        }
        for (algorithm, get, _) in ALGORITHMS {
            if let Some(sum) = get(sums) {
                name.push_str(&format!(".{algorithm}-{}", hex_of(sum)?));
            }
        }
        Ok(name)
    }

    /// Its bytes.
    pub fn open(&self, upload: &UploadMeta) -> Result<Take<File>, StoreError> {
        if !self.here {
            return Ok(File::open(&self.path)?.take(self.meta.size));
        }
        let mut whole = File::open(self.path.with_file_name(WHOLE))?;
        let offset = upload.layout.as_ref().map_or(0, |l| l.offset(self.meta.number));
        whole.seek(SeekFrom::Start(offset))?;
        Ok(whole.take(self.meta.size))
    }
}

/// By number, the newest of each: a process that died while replacing a part leaves two.
pub(crate) fn newest(mut parts: Vec<PartFile>) -> Vec<PartFile> {
    parts.sort_by_key(|p| (p.meta.number, std::cmp::Reverse(p.generation)));
    parts.dedup_by_key(|p| p.meta.number);
    parts
}

pub(crate) fn all_parts(dir: &Path) -> Result<Vec<PartFile>, StoreError> {
    let entries = match std::fs::read_dir(dir) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(StoreError::NoSuchUpload),
        other => other?,
    };
    let mut parts = Vec::new();
    for entry in entries {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default().to_owned();
        if let Some((meta, generation, here)) = parse(&name) {
            parts.push(PartFile { meta, generation, path, here });
        }
    }
    Ok(parts)
}

fn parse(name: &str) -> Option<(PartMeta, u64, bool)> {
    let mut fields = name.split('.');
    let number = fields.next()?.parse().ok()?;
    let generation = u64::from_str_radix(fields.next()?, 16).ok()?;
    let (size, etag) = (fields.next()?.parse().ok()?, fields.next()?.to_owned());
    let (mut sums, mut here) = (Sums::default(), false);
    for field in fields {
        if field == HERE {
            here = true;
            continue;
        }
        let (algorithm, digits) = field.split_once('-')?;
        let (.., slot) = ALGORITHMS.iter().find(|(name, ..)| *name == algorithm)?;
        *slot(&mut sums) = Some(base64_of(&hex::decode(digits).ok()?));
    }
    let modified_ms = i64::try_from(generation >> 20).ok()?;
    Some((PartMeta { number, size, etag, modified_ms, sums }, generation, here))
}

fn base64_of(bytes: &[u8]) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

pub(crate) fn bytes_of(base64: &str) -> Option<Vec<u8>> {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.decode(base64).ok()
}

pub(crate) fn hex_of(base64: &str) -> Result<String, StoreError> {
    bytes_of(base64).map(hex::encode).ok_or(StoreError::InvalidArgument("a checksum is base64"))
}

/// MD5 of the parts' MD5s, and how many they are.
pub(crate) fn whole_etag(parts: &[PartFile]) -> Result<String, StoreError> {
    let mut md5 = Md5::new();
    for part in parts {
        let digest = hex::decode(&part.meta.etag)
            .map_err(|_| StoreError::InvalidParts { numbers: vec![part.meta.number] })?;
        md5.update(&digest);
    }
    Ok(format!("{}-{}", hex::encode::<&[u8]>(md5.finalize().as_ref()), parts.len()))
}

/// The checksum of the parts' checksums with `-N`, for the announced algorithm, if every part has one.
pub(crate) fn composite(parts: &[PartFile], algorithm: Option<&str>) -> Result<Sums, StoreError> {
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
