//! Every number of uploading, with the seed's value as default.

use vocab::{Bytes, Millis};

const MIB: u64 = 1024 * 1024;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadPolicy {
    /// Seed §3A: parts 5–15 MB. The object store's own minimum is 5 MiB, so the bounds are MiB.
    pub part_min: Bytes,
    pub part_max: Bytes,
    /// Parts the plan aims at before it makes parts larger: fewer requests on large files,
    /// little to send again on small ones.
    pub part_count_aim: u32,
    /// What an object store takes.
    pub part_count_max: u32,
    pub file_max: Bytes,
    /// Shown to clients before they send; the audit decides.
    pub duration_max: Millis,
    pub open_uploads_max: u32,
    pub uploads_per_day_max: u32,
    pub bytes_per_day_max: Bytes,
    /// An upload nobody finishes ends after this.
    pub expiry: Millis,
    pub sign_batch_max: usize,
    pub url_life: Millis,
    /// Lowercase; compared without case.
    pub extensions: Vec<String>,
    pub filename_chars_max: usize,
    pub idempotency_key_chars_max: usize,
    /// A completion that stands this long is driven again.
    pub completing_stuck: Millis,
    /// Ended uploads are remembered this long.
    pub remember: Millis,
    pub sweep_batch: usize,
    /// So many uploads may fail in one sweep and it still goes on to those behind them.
    pub sweep_failures_max: usize,
    pub sweep_every: Millis,
    /// How long the event waits for the request that caused it to finish by itself.
    pub arrival_delay: Millis,
    pub job_attempts_max: u32,
}

impl Default for UploadPolicy {
    fn default() -> Self {
        Self {
            part_min: Bytes(5 * MIB),
            part_max: Bytes(15 * MIB),
            part_count_aim: 20,
            part_count_max: 10_000,
            file_max: Bytes(500_000_000),
            duration_max: Millis::from_secs(180),
            open_uploads_max: 5,
            uploads_per_day_max: 50,
            bytes_per_day_max: Bytes(5_000_000_000),
            expiry: Millis::from_secs(24 * 3600),
            sign_batch_max: 50,
            url_life: Millis::from_secs(15 * 60),
            extensions: ["mp4", "mov", "m4v", "webm", "mkv", "3gp"].map(String::from).to_vec(),
            filename_chars_max: 255,
            idempotency_key_chars_max: 128,
            completing_stuck: Millis::from_secs(60),
            remember: Millis::from_secs(7 * 24 * 3600),
            sweep_batch: 100,
            sweep_failures_max: 1_000,
            sweep_every: Millis::from_secs(60),
            arrival_delay: Millis::from_secs(5),
            job_attempts_max: 20,
        }
    }
}

impl UploadPolicy {
    /// Whether the file's name ends as a video's does. `.MOV` is right: phones write it.
    pub fn accepts(&self, filename: &str) -> bool {
        let Some((stem, extension)) = filename.rsplit_once('.') else { return false };
        !stem.is_empty() && self.extensions.iter().any(|e| e.eq_ignore_ascii_case(extension))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_seed_says_parts_of_5_to_15_mb() {
        let p = UploadPolicy::default();
        assert_eq!((p.part_min.0 / MIB, p.part_max.0 / MIB), (5, 15));
    }

    #[test]
    fn abandoned_uploads_end_after_a_day_and_urls_after_a_quarter_of_an_hour() {
        let p = UploadPolicy::default();
        assert_eq!((p.expiry, p.url_life), (Millis(86_400_000), Millis(900_000)));
    }

    #[test]
    fn the_extension_has_no_case() {
        let p = UploadPolicy::default();
        for (name, accepted) in [
            ("IMG_0001.MOV", true),
            ("clip.Mp4", true),
            ("a.b.webm", true),
            ("clip.m3u8", false),
            ("clip", false),
            (".mp4", false),
            ("mp4", false),
            ("clip.mp4 ", false),
        ] {
            assert_eq!(p.accepts(name), accepted, "{name}");
        }
    }
}
