//! Files of a bounded size.

use std::io::Read;
use std::path::Path;

/// The whole file, or `None` when it is longer than `limit`.
pub(crate) fn bounded(path: &Path, limit: u64) -> std::io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= limit).then_some(bytes))
}
