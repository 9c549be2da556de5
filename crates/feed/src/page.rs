//! What a viewer gets.

use crate::reason::Reason;
use catalog::Video;
use engagement::Totals;
use engagement::retention::BINS;
use std::sync::Arc;
use vocab::{ImpressionId, VideoId};

/// Asks for a page.
#[derive(Debug, Clone, Default)]
pub struct PageRequest {
    /// From the page before; `None` begins a session.
    pub cursor: Option<String>,
    /// Clamped to the policy's 10–20.
    pub limit: Option<usize>,
    /// Begin again from the oldest, seen or not. Only without a cursor.
    pub again: bool,
}

/// One video in the feed.
#[derive(Debug, Clone)]
pub struct FeedItem {
    pub video: Arc<Video>,
    pub totals: Totals,
    pub retention_ppm: [u32; BINS],
    /// Names this showing in events; the same when a page is asked for again.
    pub impression: ImpressionId,
    pub reason: Reason,
}

#[derive(Debug, Clone)]
pub struct Page {
    pub items: Vec<FeedItem>,
    pub next_cursor: Option<String>,
    pub session: String,
    /// Nothing is left but watching again.
    pub exhausted: bool,
    /// Some step was late or failed and its substitute was taken.
    pub degraded: bool,
}

impl Page {
    pub fn ids(&self) -> Vec<VideoId> {
        self.items.iter().map(|i| i.video.id).collect()
    }
}
