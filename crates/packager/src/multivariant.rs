//! The multivariant playlist: every rendition of a package with its measured needs.

use crate::codec::Range;
use crate::rendition::Rendition;
use std::fmt::Write as _;

const SOUND_GROUP: &str = "sound";
const CAPTIONS_GROUP: &str = "captions";

/// One rung as the multivariant playlist names it. Rates are its own, without sound that is a
/// rendition of its own.
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
    pub range: Range,
    pub i_frames: Option<IFrameStream>,
}

/// A rung's I-frame playlist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IFrameStream {
    pub uri: String,
    pub peak_bps: u64,
    pub average_bps: u64,
}

/// The sound, where it is a rendition of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SoundTrack {
    pub uri: String,
    pub peak_bps: u64,
    pub average_bps: u64,
    pub codecs: String,
    pub channels: u16,
}

/// A captions track.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CaptionsTrack {
    pub uri: String,
    /// BCP 47.
    pub language: String,
    /// As a viewer reads it; unique in the package.
    pub name: String,
}

/// Everything the multivariant playlist names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Multivariant {
    /// Players start with the first.
    pub variants: Vec<Variant>,
    pub sound: Option<SoundTrack>,
    pub captions: Vec<CaptionsTrack>,
}

impl Variant {
    pub fn of(rung: &Rendition, uri: String) -> Self {
        Self {
            uri,
            peak_bps: rung.peak_bps,
            average_bps: rung.average_bps,
            codecs: rung.codecs.clone(),
            width: rung.width,
            height: rung.height,
            fps_milli: rung.fps_milli,
            range: rung.range,
            i_frames: None,
        }
    }

    /// The codec of the picture alone.
    fn picture(&self) -> &str {
        self.codecs.split(',').next().unwrap_or_default()
    }
}

impl Multivariant {
    /// The playlist. A variant's rates count the sound once, wherever it is.
    pub fn text(&self) -> String {
        let mut out = String::from("#EXTM3U\n#EXT-X-VERSION:7\n#EXT-X-INDEPENDENT-SEGMENTS\n");
        if let Some(s) = &self.sound {
            // Writing to a String cannot fail.
            let _ = writeln!(
                out,
                "#EXT-X-MEDIA:TYPE=AUDIO,GROUP-ID=\"{SOUND_GROUP}\",NAME=\"Sound\",DEFAULT=YES,AUTOSELECT=YES,\
                 CHANNELS=\"{}\",URI=\"{}\"",
                s.channels,
                quoted(&s.uri)
            );
        }
        for c in &self.captions {
            let _ = writeln!(
                out,
                "#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID=\"{CAPTIONS_GROUP}\",NAME=\"{}\",LANGUAGE=\"{}\",\
                 DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI=\"{}\"",
                quoted(&c.name),
                quoted(&c.language),
                quoted(&c.uri)
            );
        }
        self.variants.iter().for_each(|v| self.variant(&mut out, v));
        self.variants.iter().for_each(|v| i_frame_stream(&mut out, v));
        out
    }

    fn variant(&self, out: &mut String, v: &Variant) {
        let (mut peak, mut average, mut codecs) = (v.peak_bps, v.average_bps, v.codecs.clone());
        if let Some(s) = &self.sound {
            peak += s.peak_bps;
            average += s.average_bps;
            codecs = format!("{codecs},{}", s.codecs);
        }
        let _ = write!(
            out,
            "#EXT-X-STREAM-INF:BANDWIDTH={peak},AVERAGE-BANDWIDTH={average},CODECS=\"{}\",RESOLUTION={}x{},\
             FRAME-RATE={}.{:03},VIDEO-RANGE={}",
            quoted(&codecs),
            v.width,
            v.height,
            v.fps_milli / 1000,
            v.fps_milli % 1000,
            v.range.word()
        );
        if self.sound.is_some() {
            let _ = write!(out, ",AUDIO=\"{SOUND_GROUP}\"");
        }
        if !self.captions.is_empty() {
            let _ = write!(out, ",SUBTITLES=\"{CAPTIONS_GROUP}\"");
        }
        let _ = writeln!(out, "\n{}", v.uri);
    }
}

fn i_frame_stream(out: &mut String, v: &Variant) {
    let Some(i) = &v.i_frames else { return };
    let _ = writeln!(
        out,
        "#EXT-X-I-FRAME-STREAM-INF:BANDWIDTH={},AVERAGE-BANDWIDTH={},CODECS=\"{}\",RESOLUTION={}x{},\
         VIDEO-RANGE={},URI=\"{}\"",
        i.peak_bps,
        i.average_bps,
        quoted(v.picture()),
        v.width,
        v.height,
        v.range.word(),
        quoted(&i.uri)
    );
}

/// A quoted string has no quotes and no line ends (RFC 8216 §4.2).
fn quoted(text: &str) -> String {
    text.chars().filter(|c| *c != '"' && !c.is_control()).collect()
}

/// The multivariant playlist of rungs alone; variants in the order given.
pub fn multivariant(variants: &[Variant]) -> String {
    Multivariant { variants: variants.to_vec(), ..Multivariant::default() }.text()
}
