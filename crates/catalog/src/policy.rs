//! The numbers of the catalog.

use crate::blocked::BlockedWords;
use vocab::Millis;

/// Records a single `get_many` may ask for.
pub const GET_MANY_MAX: usize = 200;

/// What an owner may write. Lengths count characters after normalisation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataPolicy {
    pub title_chars_max: usize,
    pub caption_chars_max: usize,
    pub hashtags_max: usize,
    pub hashtag_chars_max: usize,
    pub appeal_chars_max: usize,
    /// Shortest span a trim may leave.
    pub span_min: Millis,
    /// Longest video that is published.
    pub span_max: Millis,
    /// What may not be written where viewers read it; empty = nothing is looked for.
    pub blocked_words: BlockedWords,
}

impl Default for MetadataPolicy {
    fn default() -> Self {
        Self {
            title_chars_max: 100,
            caption_chars_max: 2_200,
            hashtags_max: 30,
            hashtag_chars_max: 50,
            appeal_chars_max: 1_000,
            span_min: Millis::from_secs(1),
            span_max: Millis::from_secs(180),
            blocked_words: BlockedWords::default(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogPolicy {
    pub metadata: MetadataPolicy,
    /// How long a removal can be undone.
    pub undo: Millis,
    /// How long after a removal the bytes are deleted. Longer than the undo, so that a slow undo
    /// cannot meet a deletion.
    pub erase_after: Millis,
    /// How often the sweep looks for videos without a job.
    pub sweep_every: Millis,
    /// How long a video stands in a status before the sweep looks at it.
    pub sweep_standing: Millis,
    /// Videos of one status a sweep looks at.
    pub sweep_batch: usize,
    /// Tries of an owner's edit against others.
    pub edit_tries: u32,
    /// Videos of a guest that are read at once when it becomes an account.
    pub hand_over_batch: usize,
}

impl Default for CatalogPolicy {
    fn default() -> Self {
        Self {
            metadata: MetadataPolicy::default(),
            undo: Millis::from_secs(10),
            erase_after: Millis::from_secs(20),
            sweep_every: Millis::from_secs(15),
            sweep_standing: Millis::from_secs(10),
            sweep_batch: 200,
            edit_tries: 5,
            hand_over_batch: 100,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_has_ten_seconds_to_undo_and_bytes_go_later() {
        let p = CatalogPolicy::default();
        assert_eq!(p.undo, Millis(10_000));
        assert!(p.erase_after > p.undo);
    }

    #[test]
    fn a_lost_job_is_found_well_within_the_fifteen_minutes_a_video_may_stand() {
        let p = CatalogPolicy::default();
        assert!(p.sweep_every.saturating_add(p.sweep_standing) < Millis::from_secs(60));
    }

    #[test]
    fn texts_have_the_agreed_lengths() {
        let p = MetadataPolicy::default();
        assert_eq!((p.title_chars_max, p.caption_chars_max), (100, 2_200));
        assert_eq!((p.hashtags_max, p.hashtag_chars_max), (30, 50));
        assert_eq!((p.span_min, p.span_max), (Millis(1_000), Millis(180_000)));
    }
}
