//! Writes a package into a folder: what the store's shelf does for a server, with names a person reads.

use super::encode::MAIN;
use anyhow::Context;
use bytes::Bytes;
use packager::{
    Addresses, Files, IFrameStream, Lengths, Multivariant, Packaging, Rendition, Sound, SoundTrack, Variant,
};
use std::path::{Path, PathBuf};
use transcode::{Av1Policy, EncodedTrack, LadderPlan};
use vocab::ladder::START_RUNG;
use vocab::{Codec, Kbps, RungName};

/// The folder of a sound that is a rendition of its own.
const SOUND: &str = "sound";

/// A rung that stands in the folder; its rendition without the bytes.
pub struct Written {
    pub rung: RungName,
    pub codec: Codec,
    /// Its folder in the package.
    pub dir: String,
    pub rendition: Rendition,
}

/// A package that grows rung by rung, so that only one is in memory.
pub struct Writer<'a> {
    dir: &'a Path,
    packaging: Packaging,
    lengths: Lengths,
    audio: Option<Vec<u8>>,
    /// Of the sound in every rung's segments.
    muxed_kbps: Kbps,
    rungs: Vec<Written>,
}

impl<'a> Writer<'a> {
    pub fn begin(dir: &'a Path, plan: &LadderPlan, audio: Option<&PathBuf>) -> anyhow::Result<Self> {
        let audio = audio.map(std::fs::read).transpose().context("the sound is not there")?;
        let is_muxed = audio.is_some() && plan.packaging.sound == Sound::Muxed;
        let muxed_kbps = plan.audio.as_ref().filter(|_| is_muxed).map_or(Kbps(0), |a| a.kbps);
        Ok(Self {
            dir,
            packaging: plan.packaging.clone(),
            lengths: plan.packaging.lengths(plan.gop_ms, plan.segment_ms),
            audio,
            muxed_kbps,
            rungs: Vec::new(),
        })
    }

    pub fn add(&mut self, track: &EncodedTrack, codec: Codec) -> anyhow::Result<()> {
        let picture = std::fs::read(&track.path).context("a rung is not there")?;
        let muxed = self.audio.as_deref().filter(|_| self.packaging.sound == Sound::Muxed);
        let rendition = packager::pack(&picture, muxed, &self.lengths)?;
        drop(picture);
        let dir = match codec {
            Codec::H264 => track.rung.to_string(),
            Codec::Av1 => format!("{}-av1", track.rung),
        };
        let rendition = self.write(&dir, rendition)?;
        self.rungs.push(Written { rung: track.rung, codec, dir, rendition });
        Ok(())
    }

    /// Whether viewers are better off with a rung in AV1 than with the one in H.264 that stands here.
    pub fn is_worth(&self, av1: &EncodedTrack, cap: Kbps, policy: &Av1Policy) -> anyhow::Result<bool> {
        let Some(beside) = self.rungs.iter().find(|w| w.rung == av1.rung && w.codec.is_h264()) else {
            return Ok(false);
        };
        let average = u32::try_from(beside.rendition.average_bps.div_ceil(1000)).unwrap_or(u32::MAX);
        let picture = std::fs::read(&av1.path).context("a rung is not there")?;
        let alone = packager::pack(&picture, None, &self.lengths)?;
        Ok(policy.is_worth(&alone, cap, Kbps(average.saturating_sub(self.muxed_kbps.0))))
    }

    pub fn rungs(&self) -> impl Iterator<Item = RungName> {
        self.rungs.iter().map(|w| w.rung)
    }

    /// Writes the sound where it is on its own and, last, the playlist that names everything.
    pub fn finish(self) -> anyhow::Result<Vec<Written>> {
        let all: Vec<Rendition> = self.rungs.iter().map(|w| w.rendition.clone()).collect();
        packager::same_cuts(&all)?;
        let own = self.audio.as_deref().filter(|_| self.packaging.sound == Sound::Own);
        let sound = match (own, all.first()) {
            (Some(own), Some(like)) => packager::pack_sound(own, like)?,
            _ => None,
        };
        let sound = sound.map(|s| self.write(SOUND, s)).transpose()?.map(|s| SoundTrack {
            uri: format!("{SOUND}/media.m3u8"),
            peak_bps: s.peak_bps,
            average_bps: s.average_bps,
            codecs: s.codecs,
            channels: s.channels,
        });
        let is_start = |w: &Written| w.codec.is_h264() && w.rung <= START_RUNG;
        let start = self.rungs.iter().rposition(is_start).unwrap_or(0);
        let others = (0..self.rungs.len()).filter(|i| *i != start);
        let order = std::iter::once(start).chain(others).filter_map(|i| self.rungs.get(i));
        let variants = order.map(|w| variant(w, self.packaging.i_frames)).collect();
        let text = Multivariant { variants, sound, captions: Vec::new() }.text();
        std::fs::write(self.dir.join(MAIN), text).context("cannot write the playlist")?;
        Ok(self.rungs)
    }

    /// Writes what was packaged and takes its bytes.
    fn write(&self, name: &str, mut r: Rendition) -> anyhow::Result<Rendition> {
        let dir = self.dir.join(name);
        let put = |name: &str, bytes: &[u8]| {
            std::fs::write(dir.join(name), bytes).with_context(|| format!("cannot write {name}"))
        };
        std::fs::create_dir(&dir).context("cannot write a folder")?;
        let at = match self.packaging.files {
            Files::Single => Addresses::Single { file: "media.mp4".into() },
            Files::Segments => Addresses::Segments { init: "init.mp4".into(), ending: ".m4s".into() },
        };
        put("media.m3u8", r.playlist(&at).as_bytes())?;
        if self.packaging.i_frames && name != SOUND {
            put("iframes.m3u8", r.i_frame_playlist(&at).as_bytes())?;
        }
        if self.packaging.files == Files::Single {
            put("media.mp4", &r.single_file())?;
        } else {
            put("init.mp4", &r.init)?;
            for (n, bytes) in r.segments.iter().enumerate() {
                put(&format!("{n}.m4s"), bytes)?;
            }
        }
        (r.init, r.segments) = (Bytes::new(), Vec::new());
        Ok(r)
    }
}

fn variant(w: &Written, has_i_frames: bool) -> Variant {
    let (peak_bps, average_bps) = w.rendition.i_frame_bps();
    let mut v = Variant::of(&w.rendition, format!("{}/media.m3u8", w.dir));
    let uri = format!("{}/iframes.m3u8", w.dir);
    v.i_frames = has_i_frames.then_some(IFrameStream { uri, peak_bps, average_bps });
    v
}
