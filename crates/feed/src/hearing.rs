//! What the feed hears: status changes, observations, and what viewers do not want.

use crate::feed::{Feed, Note};
use crate::port::Refusal;
use async_trait::async_trait;
use catalog::{StatusListener, Video};
use engagement::{Observed, Watcher};
use std::collections::{HashMap, HashSet};
use stdx::Fault;
use vocab::{Millis, Status, UserId, VideoId};

impl Feed {
    /// "Not interested": this one never, and the next pages are thought over.
    pub async fn dismiss(&self, viewer: UserId, video: VideoId) -> Result<(), Fault> {
        self.refuse(viewer, Refusal::Video(video)).await
    }

    /// Nothing more of this creator.
    pub async fn hide(&self, viewer: UserId, owner: UserId) -> Result<(), Fault> {
        self.refuse(viewer, Refusal::Owner(owner)).await
    }

    async fn refuse(&self, viewer: UserId, what: Refusal) -> Result<(), Fault> {
        // In this order: whoever reads refusals under the old generation reads them again under the new.
        self.seen.refuse(viewer, what, self.clock.now()).await?;
        self.react(viewer).await
    }

    /// Takes back "not interested" or "hide".
    pub async fn forgive(&self, viewer: UserId, what: Refusal) -> Result<(), Fault> {
        self.seen.forgive(viewer, what).await?;
        self.react(viewer).await
    }

    /// Strong feedback (a like, a refusal, a row of skips): all but the next few waiting are ranked anew.
    pub async fn react(&self, viewer: UserId) -> Result<(), Fault> {
        self.with_note(viewer, |n| *n = Note::default());
        self.queue.invalidate(viewer, self.policy.keep_on_feedback).await
    }

    /// A guest became an account: what was seen, served and refused comes along. Idempotent.
    pub async fn merge(&self, from: UserId, into: UserId) -> Result<(), Fault> {
        self.seen.merge(from, into).await?;
        self.with_note(into, |n| n.refused = None);
        self.queue.merge(from, into).await
    }
}

#[async_trait]
impl StatusListener for Feed {
    async fn changed(&self, video: &Video) {
        self.cards.note(video, self.clock.now());
        self.index.note(video);
    }
    async fn progressed(&self, _: VideoId, _: UserId, _: Status, _: u8) {}
}

#[async_trait]
impl Watcher for Feed {
    async fn observed(&self, seen: &[Observed]) -> Result<(), Fault> {
        let mut shown: HashMap<UserId, Vec<(VideoId, Millis)>> = HashMap::new();
        let mut moved: HashSet<UserId> = HashSet::new();
        for o in seen {
            if o.shown {
                shown.entry(o.viewer).or_default().push((o.video, o.at));
            }
            let streak = self.with_note(o.viewer, |n| {
                n.quick_skips = match (o.quick_skip, o.viewed) {
                    (true, _) => n.quick_skips.saturating_add(1),
                    (false, true) => 0,
                    (false, false) => n.quick_skips,
                };
                n.quick_skips
            });
            if o.liked || streak >= self.policy.skip_streak {
                moved.insert(o.viewer);
            }
        }
        for (viewer, videos) in shown {
            self.seen.mark(viewer, &videos).await?;
        }
        for viewer in moved {
            self.react(viewer).await?;
        }
        Ok(())
    }
}
