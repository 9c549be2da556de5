//! The last messages of one person, for those who reconnect. Pure.

use crate::message::VideoStatus;
use std::collections::VecDeque;

/// Numbered messages, oldest first, of which the newest few are kept. A newer message of a video
/// replaces the older ones: whoever reconnects needs the last word, not the story.
#[derive(Debug, Clone)]
pub struct Ring {
    len_max: usize,
    /// Everything after this number is here or was replaced by something that is.
    complete_after: u64,
    last_seq: u64,
    kept: VecDeque<VideoStatus>,
}

/// What somebody who saw everything up to `since` gets on return.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatchUp {
    pub seq: u64,
    pub missed: bool,
    pub messages: Vec<VideoStatus>,
}

impl Ring {
    /// An empty ring whose next number comes after `base`.
    pub fn starting_at(base: u64, len_max: usize) -> Self {
        Self { len_max, complete_after: base, last_seq: base, kept: VecDeque::new() }
    }

    pub fn last_seq(&self) -> u64 {
        self.last_seq
    }

    /// Numbers a message and keeps it.
    pub fn push(&mut self, mut message: VideoStatus) -> VideoStatus {
        self.last_seq += 1;
        message.seq = self.last_seq;
        self.kept.retain(|m| m.video_id != message.video_id);
        self.kept.push_back(message.clone());
        while self.kept.len() > self.len_max {
            if let Some(lost) = self.kept.pop_front() {
                self.complete_after = lost.seq;
            }
        }
        message
    }

    /// `since` = the last number the caller saw, `None` for one who just fetched everything.
    pub fn catch_up(&self, since: Option<u64>) -> CatchUp {
        let seq = self.last_seq;
        match since {
            None => CatchUp { seq, missed: false, messages: Vec::new() },
            // Older than what is kept, or a number this process never gave.
            Some(since) if since < self.complete_after || since > seq => {
                CatchUp { seq, missed: true, messages: Vec::new() }
            }
            Some(since) => {
                let messages = self.kept.iter().filter(|m| m.seq > since).cloned().collect();
                CatchUp { seq, missed: false, messages }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use vocab::{Millis, Status, VideoId};

    fn said(video: u64, percent: u8) -> VideoStatus {
        VideoStatus::progressed(VideoId(video), Status::Encoding, percent, Millis(0))
    }

    #[test]
    fn the_last_word_on_each_video_is_replayed() {
        let mut ring = Ring::starting_at(100, 256);
        for percent in 0..50 {
            ring.push(said(1, percent));
        }
        ring.push(said(2, 7));
        let back = ring.catch_up(Some(100));
        assert_eq!((back.seq, back.missed, back.messages.len()), (151, false, 2));
        assert_eq!(back.messages[0].progress_percent, Some(49));
        assert_eq!(ring.catch_up(Some(151)).messages, []);
    }

    #[test]
    fn whoever_was_away_too_long_is_told_so() {
        let mut ring = Ring::starting_at(0, 2);
        for video in 1..=4 {
            ring.push(said(video, 1));
        }
        assert!(ring.catch_up(Some(1)).missed);
        assert!(!ring.catch_up(Some(2)).missed);
        assert!(ring.catch_up(Some(5)).missed, "a number from the future is another life");
        assert!(!ring.catch_up(None).missed);
    }

    proptest! {
        /// Following live or returning at any point, one knows the same last word of every video.
        #[test]
        fn nothing_is_lost_without_being_told(
            videos in proptest::collection::vec(0u64..6, 0..60),
            at in 0usize..60,
            len_max in 1usize..8,
        ) {
            let mut ring = Ring::starting_at(10, len_max);
            let (mut known, mut truth, mut since) = (BTreeMap::new(), BTreeMap::new(), 10);
            for (i, video) in videos.iter().enumerate() {
                let sent = ring.push(said(*video, (i % 100) as u8));
                prop_assert!(sent.seq > since || i >= at);
                truth.insert(*video, sent.seq);
                if i < at {
                    known.insert(*video, sent.seq);
                    since = sent.seq;
                }
            }
            let back = ring.catch_up(Some(since));
            prop_assert!(back.messages.len() <= len_max);
            for m in &back.messages {
                known.insert(m.video_id.0, m.seq);
            }
            prop_assert!(back.missed || known == truth);
        }
    }
}
