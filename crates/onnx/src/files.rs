//! Files of a bounded size.

use sha2::{Digest, Sha256};
use std::io::Read;
use std::path::Path;

/// A file is hashed in pieces of this: what is only hashed needs no memory.
const PIECE_BYTES: usize = 64 << 10;

/// The whole file, or `None` when it is longer than `limit`.
pub(crate) fn bounded(path: &Path, limit: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}

/// The SHA-256 of the file in hex, or `None` when it is longer than `limit`.
pub(crate) fn digest(path: &Path, limit: u64) -> std::io::Result<Option<String>> {
    let mut file = std::fs::File::open(path)?.take(limit + 1);
    let (mut sha, mut read, mut piece) = (Sha256::new(), 0, vec![0; PIECE_BYTES]);
    loop {
        match file.read(&mut piece)? {
            0 => return Ok((read <= limit).then(|| hex::encode(sha.finalize()))),
            n => {
                sha.update(&piece[..n]);
                read += n as u64;
            }
        }
    }
}
