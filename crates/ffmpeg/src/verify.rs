//! Decodes what was stored, to its end, and compares it with what was planned.

use crate::args::Args;
use crate::engine::Ffmpeg;
use crate::probe::{Probe, Stream, micros};
use moderation::port::MediaError;
use std::path::Path;
use transcode::{Expectation, VerifyJob};
use vocab::Millis;

/// A published video may be this much shorter or longer than planned, and one frame.
const TOLERANCE_PERCENT: i64 = 2;
/// The last frames of sound may be taken for the encoder's delay and start before the end.
const SOUND_FRAMES_MS: i64 = 100;
/// ffmpeg tells the time of pictures with composition offsets below zero late by the reordering delay,
/// which is two pictures of ours; players do not. More than that is an error.
const REORDER_PICTURES: i64 = 2;

/// A frame of sound lasts about 20 ms; a longer silence between two than this is a hole that is heard.
const SOUND_HOLE_MS_MAX: i64 = 50;

impl Ffmpeg {
    /// Decodes a rendition that is sound alone to its end, and compares it with how long it should be.
    pub async fn verify_sound(
        &self,
        file: &Path,
        work_dir: &Path,
        duration: Millis,
    ) -> Result<(), MediaError> {
        let _permit = Self::permit(&self.0.encoding).await?;
        self.hear(file, work_dir, duration).await
    }

    async fn hear(&self, file: &Path, out: &Path, duration: Millis) -> Result<(), MediaError> {
        let probe = self.decode_all(file, out).await?;
        check_sound_alone(&probe, duration)
            .map_err(|wrong| MediaError::Failed(format!("{}: {wrong}", file.display())))
    }

    /// All renditions at once: small rungs decode in no time, and the cores are ours for this step.
    pub(crate) async fn look_at_all(&self, job: &VerifyJob) -> Result<(), MediaError> {
        let mut looks = tokio::task::JoinSet::new();
        for (i, file) in job.files.iter().enumerate() {
            let (engine, file, out) = (self.clone(), file.clone(), job.work_dir.clone());
            let (expect, size) = (job.expect.clone(), job.expect.sizes.get(i).copied());
            looks.spawn(async move {
                let probe = engine.decode_all(&file, &out).await?;
                check(&probe, &expect, size)
                    .map_err(|wrong| MediaError::Failed(format!("{}: {wrong}", file.display())))
            });
        }
        let mut done = 0;
        while let Some(looked) = looks.join_next().await {
            looked.map_err(|e| MediaError::Failed(e.to_string()))??;
            done += 1;
            (job.progress)((done * 100 / job.files.len().max(1)) as u8);
        }
        match &job.sound {
            Some(sound) => self.hear(sound, &job.work_dir, job.expect.duration_ms).await,
            None => Ok(()),
        }
    }

    async fn decode_all(&self, file: &Path, out: &Path) -> Result<Probe, MediaError> {
        let mut args = Args::default();
        args.words("-v error").guards(&self.0.policy);
        // Every picture is decoded; only the smoothing of block edges, which cannot fail, is left out.
        args.words("-threads 1 -skip_loop_filter all -count_frames -show_streams -show_format");
        args.words("-show_entries packet=stream_index,pts_time,flags -of json").arg(file);
        let done = self.probe(args, &[file.to_owned()], out).await?;
        if !done.status.success() || done.log.lines().next().is_some() {
            let said = done.log.last_words();
            return Err(MediaError::Failed(format!("{} does not decode cleanly: {said}", file.display())));
        }
        serde_json::from_slice(&done.stdout)
            .map_err(|e| MediaError::Failed(format!("ffprobe's answer is not what it should be: {e}")))
    }
}

/// What is wrong with a decoded rendition, if anything. Pure.
fn check(probe: &Probe, expect: &Expectation, size: Option<(u32, u32)>) -> Result<(), String> {
    let of = |kind: &str| probe.streams.iter().find(|s| s.codec_type == kind);
    let video = of("video").ok_or("there is no picture")?;
    if size.is_some_and(|s| s != (video.width, video.height)) {
        return Err(format!("the picture is {} × {}", video.width, video.height));
    }
    check_count(video, expect)?;
    check_keys(probe, video, expect)?;
    if of("audio").is_some() != expect.has_audio {
        return Err("the sound is missing, or there is one that should not be".into());
    }
    if let Some(audio) = of("audio") {
        check_sound(probe, audio, expect.duration_ms)?;
    }
    let late = REORDER_PICTURES * 1_000_000 / i64::from(expect.fps.max(1)) + 1;
    match start_us(video) {
        Some(us) if (0..=late).contains(&us) => Ok(()),
        other => Err(format!("the picture starts at {other:?} µs")),
    }
}

fn decoded(stream: &Stream) -> i64 {
    stream.nb_read_frames.as_deref().and_then(|n| n.parse().ok()).unwrap_or(0)
}

fn check_count(video: &Stream, expect: &Expectation) -> Result<(), String> {
    let planned = (expect.duration_ms.0 * i64::from(expect.fps) + 500) / 1000;
    let allowed = 1 + planned * TOLERANCE_PERCENT / 100;
    let is = decoded(video);
    if is == 0 || (is - planned).abs() > allowed {
        return Err(format!("{is} pictures instead of {planned}"));
    }
    Ok(())
}

/// Sound that is there and stops half-way is not there. A shorter source was filled up with silence.
fn check_sound(probe: &Probe, audio: &Stream, duration: Millis) -> Result<(), String> {
    if decoded(audio) == 0 {
        return Err("the sound is empty".into());
    }
    if start_us(audio) != Some(0) {
        return Err(format!("the sound starts at {:?} µs", start_us(audio)));
    }
    let packets = probe.packets.iter().filter(|p| p.stream_index == audio.index);
    let last_us = packets.filter_map(crate::probe::Packet::pts_us).max().unwrap_or(0);
    let least_ms = duration.0 * (100 - TOLERANCE_PERCENT) / 100 - SOUND_FRAMES_MS;
    if last_us / 1000 < least_ms {
        return Err(format!("the sound ends at {} ms of {duration}", last_us / 1000));
    }
    Ok(())
}

/// What is wrong with a decoded rendition of sound alone, if anything. Pure.
fn check_sound_alone(probe: &Probe, duration: Millis) -> Result<(), String> {
    let [audio] = probe.streams.as_slice() else {
        return Err(format!("there are {} streams instead of one", probe.streams.len()));
    };
    if audio.codec_type != "audio" {
        return Err(format!("the stream is {} and no sound", audio.codec_type));
    }
    check_sound(probe, audio, duration)?;
    let mut times: Vec<i64> = probe.packets.iter().filter_map(crate::probe::Packet::pts_us).collect();
    times.sort_unstable();
    let hole = times.windows(2).find(|w| w[1] - w[0] > SOUND_HOLE_MS_MAX * 1000);
    hole.map_or(Ok(()), |w| Err(format!("the sound has a hole from {} to {} ms", w[0] / 1000, w[1] / 1000)))
}

/// A segment that does not start with a key frame cannot be switched to.
fn check_keys(probe: &Probe, video: &Stream, expect: &Expectation) -> Result<(), String> {
    let packets = probe.packets.iter().filter(|p| p.stream_index == video.index);
    let keys: Vec<i64> = packets.filter(|p| p.is_key()).filter_map(crate::probe::Packet::pts_us).collect();
    let first = keys.first().copied().unwrap_or(0);
    let mut starts_ms = 0i64;
    for (n, length) in expect.segment_ms.iter().enumerate() {
        if !keys.iter().any(|k| (k - first - starts_ms * 1000).abs() <= 1_000) {
            return Err(format!("segment {n} does not start with a key frame"));
        }
        starts_ms += i64::from(*length);
    }
    Ok(())
}

fn start_us(stream: &Stream) -> Option<i64> {
    stream.start_time.as_deref().and_then(micros)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Ten seconds of AAC at 48 kHz, as ffprobe tells of it, without the packets in `gone`.
    fn sound(gone: std::ops::Range<u64>) -> Probe {
        let time = |n: u64| format!("{:.6}", (n * 1024) as f64 / 48_000.0);
        let packets: Vec<_> =
            (0..468).filter(|n| !gone.contains(n)).map(|n| json!({ "pts_time": time(n) })).collect();
        let stream = json!({ "codec_type": "audio", "start_time": "0.000000", "nb_read_frames": packets.len().to_string() });
        let probe = json!({ "packets": packets, "streams": [stream], "format": {} });
        serde_json::from_value(probe).expect("an answer")
    }

    #[test]
    fn sound_alone_is_whole_or_the_hole_is_named() {
        let ten = Millis(10_000);
        assert_eq!(check_sound_alone(&sound(0..0), ten), Ok(()));
        let hole = check_sound_alone(&sound(94..188), ten).expect_err("a hole");
        assert_eq!(hole, "the sound has a hole from 1984 to 4010 ms");
        let short = check_sound_alone(&sound(400..468), ten).expect_err("short");
        assert!(short.starts_with("the sound ends at 8512 ms"), "{short}");
        let none = check_sound_alone(&sound(0..468), ten).expect_err("nothing");
        assert_eq!(none, "the sound is empty");
        let mut picture = sound(0..0);
        picture.streams[0].codec_type = "video".into();
        assert!(check_sound_alone(&picture, ten).is_err());
    }
}
