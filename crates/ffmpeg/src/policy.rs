//! Every number of the child processes.

use serde::{Deserialize, Serialize};
use std::path::PathBuf;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FfmpegPolicy {
    /// Program names are looked up in the search path, absolute paths are taken as they are.
    pub ffmpeg: PathBuf,
    pub ffprobe: PathBuf,
    /// An ffmpeg that has libvmaf, to measure quality with; where there is none, `ffmpeg` measures SSIM.
    pub quality_ffmpeg: PathBuf,
    /// Directories a child may read besides the system's libraries (a private build of ffmpeg, say).
    pub library_dirs: Vec<PathBuf>,
    /// What happens where the kernel cannot shut a child in.
    pub jail: JailMode,
    pub limits: Limits,
    pub intake: Intake,
    /// Runs of pass A and of pass B that may go on at once; 0 = half the cores, at least one.
    pub jobs_at_once: usize,
    /// Threads of each encoder of pictures; two encoders make a wave. Fixed, because with x264 it changes the bytes.
    pub x264_threads: u32,
    /// Short side of sampled frames and posters.
    pub frame_short_side: u32,
    /// Longest and shortest side of a sprite's tile.
    pub tile_long: u32,
    pub tile_short: u32,
    /// Seed §4: sprite sheet 10×10 …
    pub sprite_columns: u32,
    pub sprite_rows_max: u32,
    /// … with a cadence of 1 s or 2 s.
    pub sprite_cadences_ms: Vec<u32>,
    /// A shorter video has no use for a sheet.
    pub sprite_from_ms: i64,
}

/// Decoders read hostile bytes, so a child that can see and reach everything is a decision, not an accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum JailMode {
    /// Without Landlock and seccomp nothing is decoded.
    #[default]
    Required,
    /// What the kernel has is used; limits and allow-lists hold everywhere.
    BestEffort,
}

/// What a child may use before it is killed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    pub address_space_bytes: u64,
    /// Memory that is really there; looked at a few times a second.
    pub resident_bytes: u64,
    pub file_bytes: u64,
    pub open_files: u64,
    /// CPU seconds: this much for a second of media …
    pub cpu_per_media_s: u64,
    /// … and this much besides.
    pub cpu_base_s: u64,
    /// Reading the tables of a file, without decoding: they may be long, but not this long.
    pub audit_cpu_s: u64,
    /// Wall clock: the same, times this.
    pub wall_factor: u64,
    /// Kill when nothing moved for this long.
    pub stall_s: u64,
    /// Bytes of standard output that are read (the audit lists every packet).
    pub stdout_bytes: usize,
    /// Lower priority than serving viewers.
    pub niceness: i32,
}

/// Which files are taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Intake {
    /// Demuxers; `mov` stands for mp4, m4v and 3gp too.
    pub formats: Vec<String>,
    pub video_codecs: Vec<String>,
    pub audio_codecs: Vec<String>,
    pub pixels_max: u64,
    pub side_max: u32,
    pub fps_max: u32,
    /// All pixels of all pictures together: what decoding costs.
    pub decoded_pixels_max: u64,
    /// Sound and picture streams; data streams (phones write several) do not count …
    pub av_streams_max: usize,
    /// … up to this.
    pub streams_max: usize,
    /// A file that has less than this of what it declares was cut off.
    pub present_percent_min: u8,
    /// At most this share of pictures may be damaged.
    pub damaged_percent_max: u8,
}

impl Default for FfmpegPolicy {
    fn default() -> Self {
        Self {
            ffmpeg: "ffmpeg".into(),
            ffprobe: "ffprobe".into(),
            quality_ffmpeg: PathBuf::new(),
            library_dirs: Vec::new(),
            jail: JailMode::default(),
            limits: Limits::default(),
            intake: Intake::default(),
            jobs_at_once: 0,
            x264_threads: 2,
            frame_short_side: 720,
            tile_long: 160,
            tile_short: 90,
            sprite_columns: 10,
            sprite_rows_max: 10,
            sprite_cadences_ms: vec![1_000, 2_000],
            sprite_from_ms: 1_000,
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            address_space_bytes: 4 << 30,
            resident_bytes: 1 << 30,
            file_bytes: 2 << 30,
            open_files: 256,
            cpu_per_media_s: 40,
            cpu_base_s: 30,
            audit_cpu_s: 10,
            wall_factor: 3,
            stall_s: 20,
            stdout_bytes: 64 << 20,
            niceness: 10,
        }
    }
}

impl Default for Intake {
    fn default() -> Self {
        let words = |w: &[&str]| w.iter().map(|w| (*w).to_owned()).collect();
        Self {
            formats: words(&["mov", "matroska"]),
            video_codecs: words(&["h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "h263"]),
            audio_codecs: words(&[
                "aac",
                "mp3",
                "opus",
                "vorbis",
                "alac",
                "flac",
                "pcm_s16le",
                "pcm_s16be",
                "pcm_s24le",
                "pcm_s24be",
                "pcm_s32le",
                "pcm_f32le",
                "pcm_u8",
                "amr_nb",
                "amr_wb",
            ]),
            // DCI 4K, 4096 × 2304.
            pixels_max: 9_437_184,
            side_max: 4_608,
            // Phones record slow motion at 240; a thousand frames a second are an attack.
            fps_max: 240,
            // Ten minutes of 4K at 60 pictures a second.
            decoded_pixels_max: 3840 * 2160 * 60 * 600,
            av_streams_max: 4,
            streams_max: 32,
            present_percent_min: 98,
            damaged_percent_max: 2,
        }
    }
}

impl FfmpegPolicy {
    pub(crate) fn jobs(&self) -> usize {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        if self.jobs_at_once > 0 { self.jobs_at_once } else { (cores / 2).max(1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seeds_numbers() {
        let p = FfmpegPolicy::default();
        // Seed §4: "sprite sheet (e.g., 10×10 tiles, 1s or 2s cadence)".
        assert_eq!((p.sprite_columns, p.sprite_rows_max), (10, 10));
        assert_eq!(p.sprite_cadences_ms, [1_000, 2_000]);
    }

    #[test]
    fn a_4k_phone_video_fits_and_8k_does_not() {
        let i = Intake::default();
        assert!(3840 * 2160 <= i.pixels_max && 7680 * 4320 > i.pixels_max);
    }
}
