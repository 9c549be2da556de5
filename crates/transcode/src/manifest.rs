//! The multivariant playlist of a package, from its record alone: what grows or changes is written anew
//! without asking what was written before. Pure.

use catalog::{CaptionsFacts, Package, RenditionFacts};
use packager::{CaptionsTrack, IFrameStream, Multivariant, Range, SoundTrack, Variant, language_name};
use vocab::{Kbps, MediaKey, RenditionId, VideoId};

/// The playlist that names everything a package shows, in the order of its record.
pub fn multivariant(video: VideoId, package: &Package) -> String {
    let tracks = &package.tracks;
    let sound = tracks.sound.as_ref().map(|s| SoundTrack {
        uri: beside(&MediaKey::MediaPlaylist { video, rendition: s.id }, s.id),
        peak_bps: bps(s.rates.peak_kbps),
        average_bps: bps(s.rates.average_kbps),
        codecs: s.codecs.clone(),
        channels: s.channels,
    });
    let captions = tracks.captions.iter().map(|c| captions_track(video, c)).collect();
    let variants = package.renditions.iter().map(|r| variant(video, package, r)).collect();
    Multivariant { variants, sound, captions }.text()
}

fn variant(video: VideoId, package: &Package, r: &RenditionFacts) -> Variant {
    let i_frames = r.layout.i_frames.map(|rates| IFrameStream {
        uri: beside(&MediaKey::IFramePlaylist { video, rendition: r.id }, r.id),
        peak_bps: bps(rates.peak_kbps),
        average_bps: bps(rates.average_kbps),
    });
    Variant {
        uri: beside(&MediaKey::MediaPlaylist { video, rendition: r.id }, r.id),
        peak_bps: bps(r.peak_kbps),
        average_bps: bps(r.average_kbps),
        codecs: r.codecs.clone(),
        width: r.width,
        height: r.height,
        fps_milli: package.fps_milli,
        // Every plan of ours is made SDR.
        range: Range::Sdr,
        i_frames,
    }
}

fn captions_track(video: VideoId, c: &CaptionsFacts) -> CaptionsTrack {
    CaptionsTrack {
        uri: beside(&MediaKey::MediaPlaylist { video, rendition: c.id }, c.id),
        language: c.language.clone(),
        name: language_name(&c.language),
    }
}

fn bps(kbps: Kbps) -> u64 {
    u64::from(kbps.0) * 1000
}

/// From a package's directory to an object of a rendition.
fn beside(key: &MediaKey, rendition: RenditionId) -> String {
    format!("../{rendition}/{}", key.file_name())
}
