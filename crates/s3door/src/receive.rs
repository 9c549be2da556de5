//! Takes a body in: hashed on the way to a temporary file, never held whole.

use crate::error::StoreError;
use crate::files::{Temp, create};
use crate::in_place::Claim;
use crate::meta::{ALGORITHMS, Sums};
use crate::objects::Objects;
use bytes::Bytes as Octets;
use futures::{Stream, StreamExt};
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Md5, Sha1, Sha256};
use std::fmt::Display;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;
use vocab::Bytes;

/// Pieces that may wait for the disk; the network waits beyond that.
const QUEUE: usize = 4;
const READ_CHUNK: usize = 256 * 1024;

/// What is known of a body before it comes.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub declared: Option<u64>,
    /// Names as in [`ALGORITHMS`].
    pub algorithms: Vec<&'static str>,
    /// `None` = a temporary file.
    pub place: Option<Claim>,
}

/// Where a body is put.
#[derive(Debug)]
pub(crate) enum Home {
    /// In a temporary file of its own.
    Apart(Temp),
    /// In the whole, at the place of a part.
    Here(Claim),
}

impl Home {
    fn open(&self) -> Result<File, StoreError> {
        match self {
            Self::Apart(temp) => Ok(create(temp.path())?),
            Self::Here(claim) => claim.open(),
        }
    }
}

/// A body that has come, and is synced.
#[derive(Debug)]
pub(crate) struct Received {
    pub home: Home,
    pub generation: u64,
    pub size: u64,
    /// Hex.
    pub md5: String,
    pub sums: Sums,
}

enum Piece {
    Data(Octets),
    /// Without it the body broke off.
    End,
}

pub(crate) struct Digests {
    md5: Option<Md5>,
    sums: ChecksumHasher,
}

impl Digests {
    /// MD5, which every etag is made of, and these.
    pub fn of(algorithms: &[&'static str]) -> Self {
        Self { md5: Some(Md5::new()), ..Self::sums_only(algorithms) }
    }

    pub fn sums_only(algorithms: &[&'static str]) -> Self {
        let on = |name| algorithms.contains(&name);
        let sums = ChecksumHasher {
            crc32: on("CRC32").then(Crc32::new),
            crc32c: on("CRC32C").then(Crc32c::new),
            sha1: on("SHA1").then(Sha1::new),
            sha256: on("SHA256").then(Sha256::new),
            crc64nvme: on("CRC64NVME").then(Crc64Nvme::new),
        };
        Self { md5: None, sums }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        if let Some(md5) = &mut self.md5 {
            md5.update(bytes);
        }
        self.sums.update(bytes);
    }

    pub fn finish(self) -> (String, Sums) {
        let found = self.sums.finalize();
        let sums = Sums {
            crc32: found.checksum_crc32,
            crc32c: found.checksum_crc32c,
            crc64nvme: found.checksum_crc64nvme,
            sha1: found.checksum_sha1,
            sha256: found.checksum_sha256,
        };
        let md5 = self.md5.map(|md5| hex::encode::<&[u8]>(md5.finalize().as_ref()));
        (md5.unwrap_or_default(), sums)
    }
}

/// Space promised to a body that is on its way.
pub(crate) struct Promise {
    total: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for Promise {
    fn drop(&mut self) {
        self.total.fetch_sub(self.bytes, Ordering::AcqRel);
    }
}

impl Objects {
    /// Promises room for `bytes` beside what is promised already, or refuses before any is written.
    pub(crate) fn promise(&self, bytes: u64) -> Result<Promise, StoreError> {
        let total = Arc::clone(&self.inner().promised);
        let before = total.fetch_add(bytes, Ordering::AcqRel);
        let promise = Promise { total, bytes };
        self.check_room(Bytes(before.saturating_add(bytes)))?;
        Ok(promise)
    }

    pub(crate) async fn receive<S, E>(&self, body: S, mut wanted: Wanted) -> Result<Received, StoreError>
    where
        S: Stream<Item = Result<Octets, E>> + Send,
        E: Display,
    {
        let max = self.policy().body_max;
        if wanted.declared.is_some_and(|n| n > max.0) {
            return Err(StoreError::TooLarge { max });
        }
        let _promise = self.promise(wanted.declared.unwrap_or(0))?;
        let (pieces, queue) = mpsc::channel(QUEUE);
        let (generation, temp) = self.new_temp("data");
        let home = wanted.place.take().map_or(Home::Apart(temp), Home::Here);
        let digests = Digests::of(&wanted.algorithms);
        let written = tokio::task::spawn_blocking(move || write(queue, home, digests));
        let pumped = self.pump(body, &wanted, &pieces).await;
        drop(pieces);
        // The writer's own failure (a full disk) says more than the pump's.
        let written = written.await.map_err(|e| StoreError::Io(std::io::Error::other(e)))?;
        match (written, pumped) {
            (Err(e), _) | (Ok(_), Err(e)) => Err(e),
            (Ok(None), Ok(_)) => Err(StoreError::Body("the writer stopped".into())),
            (Ok(Some(done)), Ok(size)) => match wanted.declared {
                Some(declared) if declared != size => {
                    Err(StoreError::Incomplete { declared, received: size })
                }
                _ => Ok(done.with(generation, size)),
            },
        }
    }

    async fn pump<S, E>(
        &self,
        body: S,
        wanted: &Wanted,
        pieces: &mpsc::Sender<Piece>,
    ) -> Result<u64, StoreError>
    where
        S: Stream<Item = Result<Octets, E>> + Send,
        E: Display,
    {
        let max = self.policy().body_max;
        let idle = self.policy().body_idle.to_duration();
        let mut body = pin!(body);
        let mut size = 0u64;
        loop {
            let piece = match tokio::time::timeout(idle, body.next()).await {
                Err(_) => return Err(StoreError::Idle),
                Ok(None) => break,
                Ok(Some(Err(e))) => return Err(StoreError::Body(e.to_string())),
                Ok(Some(Ok(piece))) => piece,
            };
            size += piece.len() as u64;
            if size > max.0 {
                return Err(StoreError::TooLarge { max });
            }
            if let Some(declared) = wanted.declared
                && size > declared
            {
                return Err(StoreError::Incomplete { declared, received: size });
            }
            if pieces.send(Piece::Data(piece)).await.is_err() {
                break;
            }
        }
        // Refused only when the writer has failed, and its reason is asked for next.
        let _ = pieces.send(Piece::End).await;
        Ok(size)
    }

    /// A whole body that is in memory already.
    pub(crate) fn receive_bytes(&self, bytes: &[u8], place: Option<Claim>) -> Result<Received, StoreError> {
        let size = bytes.len() as u64;
        let _promise = self.promise(size)?;
        let (generation, temp) = self.new_temp("data");
        let home = place.map_or(Home::Apart(temp), Home::Here);
        let mut digests = Digests::of(&[]);
        digests.update(bytes);
        let mut file = home.open()?;
        file.write_all(bytes)?;
        file.sync_all()?;
        let (md5, sums) = digests.finish();
        Ok(Received { home, generation, size, md5, sums })
    }
}

impl Objects {
    /// A copy of a file of ours.
    pub(crate) fn receive_file(&self, from: &Path) -> Result<Received, StoreError> {
        let mut from = File::open(from)?;
        let _promise = self.promise(from.metadata()?.len())?;
        let (generation, temp) = self.new_temp("data");
        let mut to = create(temp.path())?;
        let size = std::io::copy(&mut from, &mut to)?;
        to.sync_all()?;
        let mut digests = Digests::of(&[]);
        to.rewind()?;
        digest(&mut to, &mut digests)?;
        let (md5, sums) = digests.finish();
        Ok(Received { home: Home::Apart(temp), generation, size, md5, sums })
    }
}

pub(crate) fn digest(from: &mut File, digests: &mut Digests) -> std::io::Result<()> {
    let mut chunk = vec![0; READ_CHUNK];
    loop {
        let n = from.read(&mut chunk)?;
        if n == 0 {
            return Ok(());
        }
        digests.update(&chunk[..n]);
    }
}

struct Done {
    home: Home,
    md5: String,
    sums: Sums,
}

impl Done {
    fn with(self, generation: u64, size: u64) -> Received {
        Received { home: self.home, generation, size, md5: self.md5, sums: self.sums }
    }
}

/// Writes and hashes until `End`; `None` when the body broke off.
fn write(
    mut queue: mpsc::Receiver<Piece>,
    home: Home,
    mut digests: Digests,
) -> Result<Option<Done>, StoreError> {
    let mut file = home.open()?;
    while let Some(piece) = queue.blocking_recv() {
        match piece {
            Piece::Data(bytes) => {
                digests.update(&bytes);
                file.write_all(&bytes)?;
            }
            Piece::End => {
                file.sync_all()?;
                let (md5, sums) = digests.finish();
                return Ok(Some(Done { home, md5, sums }));
            }
        }
    }
    Ok(None)
}

/// The algorithm of that name, in any case.
pub(crate) fn algorithm(name: &str) -> Option<&'static str> {
    ALGORITHMS.iter().map(|(n, ..)| *n).find(|n| n.eq_ignore_ascii_case(name))
}
