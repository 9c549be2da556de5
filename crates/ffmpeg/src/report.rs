//! The audit of one file in full, for a person or a script.

use crate::audit::Source;
use crate::engine::Ffmpeg;
use crate::probe::{Probe, Stream, micros};
use crate::room::Room;
use catalog::SourceFacts;
use moderation::port::MediaError;
use serde::Serialize;
use std::path::Path;
use stdx::Fault;
use vocab::Millis;

/// What a file really is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// What the pipeline works with.
    pub facts: SourceFacts,
    pub format: String,
    /// Before turning and before the shape of a pixel is taken into account.
    pub coded_width: u32,
    pub coded_height: u32,
    /// How the picture is turned to be shown, in ffmpeg's words; empty = not at all.
    pub turned: String,
    /// The transfer function of an HDR source.
    pub hdr: Option<String>,
    pub times: Times,
    pub streams: Vec<StreamReport>,
}

/// The clock of the picture track, from its packets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Times {
    pub starts_at_ms: Millis,
    pub ends_at_ms: Millis,
    /// What the file says the picture track lasts.
    pub declared_ms: Option<Millis>,
    pub pictures: u64,
    pub longest_gap_ms: Millis,
    pub key_frames: u64,
    pub longest_key_gap_ms: Millis,
    pub is_steady: bool,
}

/// One stream of the file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    pub index: u32,
    /// `video`, `audio`, `subtitle`, `data`, `attachment`.
    pub kind: String,
    pub codec: Option<String>,
    /// Whether it is the one that is encoded.
    pub is_used: bool,
    pub packets: u64,
    /// From its first packet to the end of its last.
    pub lasts_ms: Millis,
}

impl Ffmpeg {
    /// Audits a file without decoding it. `work_dir` is an empty directory; the caller removes it.
    pub async fn report(&self, source: &Path, work_dir: &Path) -> Result<Report, MediaError> {
        let room = Room::furnish(work_dir, source).await.map_err(Fault::from)?;
        let (source, probe) = self.look(&room).await?;
        Ok(report(&source, &probe))
    }
}

fn report(source: &Source, probe: &Probe) -> Report {
    let video = probe.streams.iter().find(|s| s.index == source.video.index);
    let declared = video.and_then(|v| v.duration.as_deref()).and_then(micros);
    let times = &source.times;
    let ms = |us: i64| Millis((us + 500) / 1000);
    Report {
        facts: source.facts.clone(),
        format: probe.format.format_name.clone(),
        coded_width: video.map_or(0, |v| v.width),
        coded_height: video.map_or(0, |v| v.height),
        turned: source.video.orientation.filters().trim_start_matches(',').to_owned(),
        hdr: source.video.hdr.map(str::to_owned),
        times: Times {
            starts_at_ms: ms(times.start_us),
            ends_at_ms: ms(times.end_us),
            declared_ms: declared.map(ms),
            pictures: times.pictures,
            longest_gap_ms: ms(times.gap_us),
            key_frames: times.key_frames,
            longest_key_gap_ms: ms(times.key_gap_us),
            is_steady: times.is_steady,
        },
        streams: probe.streams.iter().map(|s| stream(s, source, probe)).collect(),
    }
}

fn stream(s: &Stream, source: &Source, probe: &Probe) -> StreamReport {
    let (mut packets, mut first, mut end) = (0u64, i64::MAX, i64::MIN);
    for p in probe.packets.iter().filter(|p| p.stream_index == s.index) {
        packets += 1;
        if let Some(pts) = p.pts_us() {
            first = first.min(pts);
            end = end.max(pts.saturating_add(p.duration_us().unwrap_or(0)));
        }
    }
    let used = [Some(source.video.index), source.audio.as_ref().map(|a| a.index)];
    StreamReport {
        index: s.index,
        kind: s.codec_type.clone(),
        codec: s.codec_name.clone(),
        is_used: used.contains(&Some(s.index)),
        packets,
        lasts_ms: Millis(if first <= end { end.saturating_sub(first) / 1000 } else { 0 }),
    }
}
