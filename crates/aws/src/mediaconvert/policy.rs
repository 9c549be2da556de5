//! Every number of the MediaConvert engine.

use stdx::Backoff;
use vocab::Millis;

/// Grows when the same plan would give other bytes. Part of every claim and rendition.
pub const RECIPE: u32 = 1;

/// How jobs are watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaConvertPolicy {
    /// The claim's row, into which events are written, is looked at so often: half a read unit each.
    pub look_every: Millis,
    /// The service itself is asked so often, for events that were lost: its limit is a few calls a second
    /// for the whole account.
    pub poll: Backoff,
    /// A run gives up waiting after this; the next one waits on for the same job, and no attempt is used up.
    pub patience: Millis,
    /// Before a dropped run ends the job, so that another one may have taken it over: a lease must pass, and
    /// the raw file is fetched and hashed before the claim changes hands.
    pub cancel_grace: Millis,
    /// Between the decision to create a job and the call there may be no more than this: a process that
    /// slept in between looks again first. Far below the minute for which the service knows a token.
    pub create_within: Millis,
    /// Jobs in a row that one claim may create; only what ended without a bill is followed by another.
    pub attempts_max: u32,
    /// So long after the last of them the count begins anew.
    pub forgive_after: Millis,
    /// Pages of 20 jobs that a look-up reads.
    pub search_pages_max: u32,
    /// A claim is remembered so long. Less than its track files ([`crate::objects::ENCODED_DAYS`]).
    pub remember: Millis,
    /// Of the whole bar, encoding; the rest is fetching.
    pub encode_percent: u8,
}

impl Default for MediaConvertPolicy {
    fn default() -> Self {
        Self {
            look_every: Millis::from_secs(2),
            poll: Backoff { base: Millis::from_secs(15), cap: Millis::from_secs(60) },
            patience: Millis::from_secs(3_600),
            cancel_grace: Millis::from_secs(600),
            create_within: Millis::from_secs(10),
            attempts_max: 5,
            forgive_after: Millis::from_secs(3_600),
            search_pages_max: 5,
            remember: Millis::from_secs(7 * 24 * 3_600),
            encode_percent: 95,
        }
    }
}

/// The service's limits.
pub const CLIENT_TOKEN_MAX: usize = 64;
pub const INPUT_FILE_MAX: usize = 300;
/// The field of frames in a timecode has two digits.
pub const TIMECODE_FRAME_MAX: u64 = 99;
/// The service rounds its quality level to thirds.
pub const QVBR_STEPS: u32 = 3;

/// How hard the encoder tries. Two passes belong to another tier, which costs 1.7 times and more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Effort {
    /// `SINGLE_PASS`: fastest, larger files.
    Economy,
    /// `SINGLE_PASS_HQ`.
    #[default]
    Balanced,
}

impl Effort {
    pub const fn word(self) -> &'static str {
        match self {
            Self::Economy => "economy",
            Self::Balanced => "balanced",
        }
    }
}

/// Stills made beside the rungs. Off by default: pass A makes its own before the verdict, and an output is billed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Captures {
    /// Between two stills.
    pub every: Millis,
    pub count_max: u32,
    /// JPEG quality, 1–100.
    pub quality: u8,
}

impl Default for Captures {
    fn default() -> Self {
        Self { every: Millis::from_secs(1), count_max: 60, quality: 80 }
    }
}

/// What an on-demand queue costs, in millionths of a US dollar a minute of output at up to 30 frames a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Prices {
    pub source: &'static str,
    pub read_on: &'static str,
    pub sd_minute_micros: u64,
    pub hd_minute_micros: u64,
    /// An output without pictures. The list has no number we could read: taken as half of SD.
    pub sound_minute_micros: u64,
    /// Loudness correction is billed on top; no number we could read either: taken as half of SD.
    pub loudness_minute_micros: u64,
    /// From this many pixels on a picture is HD.
    pub hd_pixels: u64,
    /// Every output is billed for at least this.
    pub output_min: Millis,
}

/// Basic tier (AVC, single pass), us-east-1, first 100,000 minutes of a month.
pub const PRICES: Prices = Prices {
    source: "AWS Elemental MediaConvert price list, basic tier, us-east-1",
    read_on: "2026-08",
    sd_minute_micros: 7_500,
    hd_minute_micros: 15_000,
    sound_minute_micros: 3_750,
    loudness_minute_micros: 3_750,
    hd_pixels: 1_280 * 720,
    output_min: Millis::from_secs(10),
};

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_claim_leaves_before_its_track_files_do() {
        let days = i64::from(crate::objects::ENCODED_DAYS);
        assert!(MediaConvertPolicy::default().remember < Millis::from_secs(days * 24 * 3_600));
    }

    #[test]
    fn a_job_outlives_the_time_in_which_another_run_takes_it_over() {
        // A lease of 60 s on DynamoDB, a look for due jobs, and the largest raw file at 50 Mbit/s.
        let raw = crate::objects::S3Policy::default().raw_max.0 as i64;
        let fetched = Millis(raw * 8 / 50_000);
        assert!(
            MediaConvertPolicy::default().cancel_grace > Millis::from_secs(60 + 10).saturating_add(fetched)
        );
    }

    #[test]
    fn a_job_is_created_while_the_service_still_knows_its_token() {
        // CreateJob: "within one minute of a successful request"; a call takes 20 s at most.
        let call = crate::AwsPolicy::default().operation_timeout.as_millis() as i64;
        assert!(MediaConvertPolicy::default().create_within.0 + call < 60_000);
    }
}
