//! HLS media playlists (RFC 8216bis, Apple's authoring rules).

use crate::rendition::{Rendition, target_s};
use std::fmt::Write as _;

/// How the objects of a rendition are called, relative to its playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Addresses {
    /// Segment `n` is called `n` and this ending.
    Segments { init: String, ending: String },
    /// One object that begins with the init segment.
    Single { file: String },
}

/// A playlist begun: its header and where the init segment is.
fn begun(rendition: &Rendition, at: &Addresses, target_s: u64, kind: &str) -> String {
    let mut out = String::from("#EXTM3U\n#EXT-X-VERSION:7\n");
    // Writing to a String cannot fail.
    let _ = writeln!(out, "#EXT-X-TARGETDURATION:{target_s}");
    let _ = writeln!(out, "#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n{kind}");
    let _ = match at {
        Addresses::Segments { init, .. } => writeln!(out, "#EXT-X-MAP:URI=\"{init}\""),
        Addresses::Single { file } => {
            writeln!(out, "#EXT-X-MAP:URI=\"{file}\",BYTERANGE=\"{}@0\"", rendition.init.len())
        }
    };
    out
}

fn extinf(out: &mut String, micros: u64) {
    let (s, rest) = (micros / 1_000_000, micros % 1_000_000);
    let _ = writeln!(out, "#EXTINF:{s}.{rest:06},");
}

impl Rendition {
    /// The media playlist. Call it while the rendition holds its bytes: ranges are measured.
    pub fn playlist(&self, at: &Addresses) -> String {
        let mut out = begun(self, at, self.target_s(), "#EXT-X-INDEPENDENT-SEGMENTS");
        let mut offset = self.init.len();
        for ((bytes, micros), n) in self.segments.iter().zip(&self.segment_micros).zip(0u32..) {
            extinf(&mut out, *micros);
            let _ = match at {
                Addresses::Segments { ending, .. } => writeln!(out, "{n}{ending}"),
                Addresses::Single { file } => {
                    writeln!(out, "#EXT-X-BYTERANGE:{}@{offset}\n{file}", bytes.len())
                }
            };
            offset += bytes.len();
        }
        out.push_str("#EXT-X-ENDLIST\n");
        out
    }

    /// The I-frame playlist: every fragment's first picture as a byte range. Call it while the
    /// rendition holds its bytes.
    pub fn i_frame_playlist(&self, at: &Addresses) -> String {
        let target = target_s(self.i_frames.iter().map(|i| i.micros));
        let mut out = begun(self, at, target, "#EXT-X-I-FRAMES-ONLY");
        let mut starts = Vec::with_capacity(self.segments.len());
        let mut end = self.init.len();
        for s in &self.segments {
            starts.push(end);
            end += s.len();
        }
        for i in &self.i_frames {
            extinf(&mut out, i.micros);
            let _ = match at {
                Addresses::Segments { ending, .. } => {
                    writeln!(out, "#EXT-X-BYTERANGE:{}@{}\n{}{ending}", i.bytes, i.offset, i.segment)
                }
                Addresses::Single { file } => {
                    let start = starts.get(i.segment as usize).copied().unwrap_or_default();
                    writeln!(out, "#EXT-X-BYTERANGE:{}@{}\n{file}", i.bytes, start + i.offset as usize)
                }
            };
        }
        out.push_str("#EXT-X-ENDLIST\n");
        out
    }
}

/// The media playlist of one rung. `init_uri` and `segment_uri(n)` are relative to the playlist.
pub fn media_playlist(rung: &Rendition, init_uri: &str, segment_uri: impl Fn(u32) -> String) -> String {
    let ending = segment_uri(0).trim_start_matches('0').to_owned();
    rung.playlist(&Addresses::Segments { init: init_uri.to_owned(), ending })
}

/// The playlist of one whole file of cues that lasts as long as the video.
pub fn captions_playlist(file: &str, duration_micros: u64) -> String {
    let mut out = String::from("#EXTM3U\n#EXT-X-VERSION:7\n");
    let _ = writeln!(out, "#EXT-X-TARGETDURATION:{}", duration_micros.div_ceil(1_000_000).max(1));
    out.push_str("#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n");
    extinf(&mut out, duration_micros);
    let _ = writeln!(out, "{file}\n#EXT-X-ENDLIST");
    out
}
