//! Reads the playlists of a package on disk, and the bytes they name.

use anyhow::{Context, bail, ensure};
use m3u8_rs::{ByteRange, MediaPlaylist, Playlist};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A playlist of an hour in two-second segments has 100 KB.
const PLAYLIST_BYTES_MAX: u64 = 4 << 20;

/// One rendition as the multivariant playlist tells of it.
#[derive(Debug, Clone, Default)]
pub struct Told {
    pub name: String,
    pub playlist: PathBuf,
    pub bandwidth: Option<u64>,
    pub size: Option<(u32, u32)>,
    pub fps: Option<u32>,
    pub codecs: Option<String>,
    /// The playlist of the sound, where that is a rendition of its own.
    pub sound: Option<PathBuf>,
}

/// One rendition as it is.
#[derive(Debug, Clone, Default)]
pub struct Measured {
    pub micros: Vec<u64>,
    pub bytes: Vec<u64>,
    pub target_s: u64,
    pub is_ended: bool,
}

impl Measured {
    pub fn total_micros(&self) -> u64 {
        self.micros.iter().sum()
    }

    /// The largest bit rate of any run of segments that lasts 0.5 to 1.5 target durations (RFC 8216).
    pub fn peak_bps(&self) -> u64 {
        let rate = |bytes: u64, micros: u64| {
            u64::try_from((u128::from(bytes) * 8_000_000).div_ceil(u128::from(micros.max(1))))
                .unwrap_or(u64::MAX)
        };
        let mut peak = rate(self.bytes.iter().sum(), self.total_micros());
        for first in 0..self.bytes.len() {
            let (mut bytes, mut micros) = (0u64, 0u64);
            for (b, m) in self.bytes[first..].iter().zip(&self.micros[first..]) {
                (bytes, micros) = (bytes.saturating_add(*b), micros.saturating_add(*m));
                if micros > self.target_s.saturating_mul(1_500_000) {
                    break;
                }
                if micros >= self.target_s.saturating_mul(500_000) {
                    peak = peak.max(rate(bytes, micros));
                }
            }
        }
        peak
    }
}

/// The renditions that a playlist names; of a media playlist the one that it is.
pub fn renditions(path: &Path) -> anyhow::Result<Vec<Told>> {
    let master = match parse(path)? {
        Playlist::MasterPlaylist(master) => master,
        Playlist::MediaPlaylist(_) => {
            let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
            return Ok(vec![Told { name, playlist: path.to_owned(), ..Told::default() }]);
        }
    };
    let mut all = Vec::new();
    for v in master.variants.iter().filter(|v| !v.is_i_frame) {
        let group = v.audio.as_ref();
        let sound =
            master.alternatives.iter().find(|a| Some(&a.group_id) == group).and_then(|a| a.uri.as_ref());
        let number = |n: u64| u32::try_from(n).unwrap_or(u32::MAX);
        all.push(Told {
            name: v.uri.clone(),
            playlist: beside(path, &v.uri)?,
            bandwidth: Some(v.bandwidth),
            size: v.resolution.map(|r| (number(r.width), number(r.height))),
            fps: v.frame_rate.map(|f| f.round().clamp(1.0, 1_000.0) as u32),
            codecs: v.codecs.clone(),
            sound: sound.map(|uri| beside(path, uri)).transpose()?,
        });
    }
    ensure!(!all.is_empty(), "the playlist names no rendition");
    Ok(all)
}

/// The I-frame playlists that a multivariant playlist names.
pub fn i_frame_playlists(path: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let Playlist::MasterPlaylist(master) = parse(path)? else { return Ok(Vec::new()) };
    master.variants.iter().filter(|v| v.is_i_frame).map(|v| beside(path, &v.uri)).collect()
}

/// Reads a media playlist and what it names; with `into`, writes init segment and segments in a row.
pub fn measure(path: &Path, into: Option<&Path>) -> anyhow::Result<Measured> {
    let Playlist::MediaPlaylist(list) = parse(path)? else { bail!("is no media playlist") };
    let mut whole = into.map(std::fs::File::create).transpose().context("no room for temporary files")?;
    let mut seen =
        Measured { target_s: list.target_duration, is_ended: list.end_list, ..Measured::default() };
    if let (Some(file), Some(map)) = (&mut whole, init(&list)) {
        file.write_all(&bytes_of(path, &map.0, map.1.as_ref())?)?;
    }
    let mut next = 0;
    for s in &list.segments {
        // A range without an offset goes on where the one before ended.
        let range = s
            .byte_range
            .as_ref()
            .map(|r| ByteRange { length: r.length, offset: Some(r.offset.unwrap_or(next)) });
        next = range.as_ref().map_or(0, |r| r.offset.unwrap_or(0).saturating_add(r.length));
        let bytes = bytes_of(path, &s.uri, range.as_ref())?;
        seen.bytes.push(bytes.len() as u64);
        seen.micros.push((f64::from(s.duration).clamp(0.0, 86_400.0) * 1e6).round() as u64);
        if let Some(file) = &mut whole {
            file.write_all(&bytes)?;
        }
    }
    ensure!(!seen.bytes.is_empty(), "the playlist names no segment");
    Ok(seen)
}

fn init(list: &MediaPlaylist) -> Option<(String, Option<ByteRange>)> {
    let map = list.segments.iter().find_map(|s| s.map.as_ref())?;
    Some((map.uri.clone(), map.byte_range.clone()))
}

fn parse(path: &Path) -> anyhow::Result<Playlist> {
    let name = || path.display().to_string();
    let size = std::fs::metadata(path).with_context(|| format!("cannot read {}", name()))?.len();
    ensure!(size <= PLAYLIST_BYTES_MAX, "{} is too large for a playlist", name());
    let text = std::fs::read(path).with_context(|| format!("cannot read {}", name()))?;
    m3u8_rs::parse_playlist_res(&text).map_err(|_| anyhow::anyhow!("{} is no playlist", name()))
}

/// A name relative to a playlist. Only files: nothing here goes over a network.
fn beside(playlist: &Path, uri: &str) -> anyhow::Result<PathBuf> {
    let is_name = !uri.is_empty() && !uri.contains(':') && !uri.starts_with('/');
    ensure!(is_name, "{uri} is no name relative to the playlist");
    let uri = uri.split(['?', '#']).next().unwrap_or(uri);
    Ok(playlist.parent().unwrap_or(Path::new(".")).join(uri))
}

fn bytes_of(playlist: &Path, uri: &str, range: Option<&ByteRange>) -> anyhow::Result<Vec<u8>> {
    let path = beside(playlist, uri)?;
    let mut file = std::fs::File::open(&path).with_context(|| format!("{uri} is not there"))?;
    let size = file.metadata()?.len();
    let (offset, length) = range.map_or((0, size), |r| (r.offset.unwrap_or(0), r.length));
    let end = offset.checked_add(length).filter(|end| *end <= size);
    ensure!(end.is_some(), "{uri} ends before byte {}", offset.saturating_add(length));
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_beside_the_playlist_are_followed() {
        let playlist = Path::new("a/main.m3u8");
        assert_eq!(beside(playlist, "240p/media.m3u8").expect("a name"), Path::new("a/240p/media.m3u8"));
        assert_eq!(beside(playlist, "../b/0.m4s?x=1").expect("a name"), Path::new("a/../b/0.m4s"));
        for uri in ["", "/etc/passwd", "http://127.0.0.1/x", "file:///etc/passwd", "data:,x"] {
            assert!(beside(playlist, uri).is_err(), "{uri}");
        }
    }

    #[test]
    fn the_peak_is_that_of_the_busiest_run() {
        let m = Measured {
            micros: vec![2_000_000, 2_000_000, 500_000],
            bytes: vec![250_000, 500_000, 250_000],
            target_s: 2,
            is_ended: true,
        };
        assert_eq!(m.peak_bps(), (750_000u64 * 80).div_ceil(25));
    }

    #[test]
    fn ranges_are_read_and_ranges_beyond_the_end_refused() {
        let dir = tempfile::tempdir().expect("a directory");
        std::fs::write(dir.path().join("media.mp4"), b"iinnnnaaaabb").expect("a file");
        let list = |last: &str| {
            let text = format!(
                "#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-TARGETDURATION:2\n#EXT-X-MAP:URI=\"media.mp4\",BYTERANGE=\"2@0\"\n#EXTINF:2.0,\n#EXT-X-BYTERANGE:4@2\nmedia.mp4\n#EXTINF:2.0,\n#EXT-X-BYTERANGE:{last}\nmedia.mp4\n#EXT-X-ENDLIST\n"
            );
            let path = dir.path().join("media.m3u8");
            std::fs::write(&path, text).expect("a file");
            path
        };
        let whole = dir.path().join("whole");
        let seen = measure(&list("4"), Some(&whole)).expect("is read");
        assert_eq!((seen.bytes, seen.micros), (vec![4, 4], vec![2_000_000, 2_000_000]));
        assert_eq!(std::fs::read(&whole).expect("a file"), b"iinnnnaaaa");
        assert!(measure(&list("40@6"), None).is_err());
    }
}
