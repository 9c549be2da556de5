//! HLS playlists (RFC 8216bis, Apple's authoring rules).

use crate::mux::Muxed;
use std::fmt::Write as _;

/// The media playlist of one rung. `init_uri` and `segment_uri(n)` are relative to the playlist.
pub fn media_playlist(rung: &Muxed, init_uri: &str, segment_uri: impl Fn(u32) -> String) -> String {
    let mut out = String::from("#EXTM3U\n#EXT-X-VERSION:7\n");
    // Writing to a String cannot fail.
    let _ = writeln!(out, "#EXT-X-TARGETDURATION:{}", rung.target_s());
    out.push_str("#EXT-X-MEDIA-SEQUENCE:0\n#EXT-X-PLAYLIST-TYPE:VOD\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    let _ = writeln!(out, "#EXT-X-MAP:URI=\"{init_uri}\"");
    for (n, micros) in rung.segment_micros.iter().enumerate() {
        let (s, rest) = (micros / 1_000_000, micros % 1_000_000);
        let _ = writeln!(out, "#EXTINF:{s}.{rest:06},\n{}", segment_uri(n as u32));
    }
    out.push_str("#EXT-X-ENDLIST\n");
    out
}

/// One rung as the multivariant playlist names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variant {
    /// Relative to the multivariant playlist.
    pub uri: String,
    pub peak_bps: u64,
    pub average_bps: u64,
    pub codecs: String,
    pub width: u32,
    pub height: u32,
    pub fps_milli: u32,
}

impl Variant {
    pub fn of(rung: &Muxed, uri: String) -> Self {
        Self {
            uri,
            peak_bps: rung.peak_bps,
            average_bps: rung.average_bps,
            codecs: rung.codecs.clone(),
            width: rung.width,
            height: rung.height,
            fps_milli: rung.fps_milli,
        }
    }
}

/// The multivariant playlist; variants in the order given, so put the one to start with first.
pub fn multivariant(variants: &[Variant]) -> String {
    let mut out = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
    for v in variants {
        let (whole, milli) = (v.fps_milli / 1000, v.fps_milli % 1000);
        let _ = writeln!(
            out,
            "#EXT-X-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\",RESOLUTION={}x{},\
             FRAME-RATE={whole}.{milli:03},VIDEO-RANGE=SDR\n{}",
            v.peak_bps, v.average_bps, v.codecs, v.width, v.height, v.uri
        );
    }
    out
}
