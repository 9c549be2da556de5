//! How much room there is.

use std::path::Path;

#[derive(Debug, Clone, Copy, Default)]
pub struct Space {
    pub free_bytes: u64,
    pub total_bytes: u64,
}

/// The space of the file system that holds `path`.
pub fn space(path: &Path) -> std::io::Result<Space> {
    let s = nix::sys::statvfs::statvfs(path).map_err(std::io::Error::from)?;
    let unit = s.fragment_size();
    Ok(Space { free_bytes: s.blocks_available() * unit, total_bytes: s.blocks() * unit })
}

/// Bytes of all files below `dir`, counted on demand.
pub fn used(dir: &Path) -> u64 {
    let Ok(entries) = std::fs::read_dir(dir) else { return 0 };
    entries
        .flatten()
        .map(|e| match e.metadata() {
            Ok(m) if m.is_dir() => used(&e.path()),
            Ok(m) => m.len(),
            Err(_) => 0,
        })
        .sum()
}
