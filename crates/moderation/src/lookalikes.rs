//! The blocked pictures as this process knows them: read once, then only what changed.

use crate::likeness::{Likeness, closest};
use crate::policy::LikenessPolicy;
use crate::port::{FrameBlock, FrameBlockList};
use crate::record::Resemblance;
use std::collections::BTreeMap;
use std::sync::Arc;
use stdx::Fault;
use tokio::sync::Mutex;
use vocab::{Millis, VideoId};

/// Clocks of processes differ, and an index lags: changes of this last time are read again.
const OVERLAP: Millis = Millis::from_secs(120);
const PAGE: usize = 100;

/// Finds what a video looks like among what was rejected.
pub struct Lookalikes {
    list: Arc<dyn FrameBlockList>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    entries: BTreeMap<VideoId, Arc<FrameBlock>>,
    newest: Millis,
}

impl Lookalikes {
    pub fn new(list: Arc<dyn FrameBlockList>) -> Self {
        Self { list, known: Mutex::default() }
    }

    /// The rejected video, other than itself, that `video` looks most like. `now` by the clock of this process.
    pub async fn find(
        &self,
        video: VideoId,
        likeness: &Likeness,
        policy: &LikenessPolicy,
        now: Millis,
    ) -> Result<Option<Resemblance>, Fault> {
        let mut known = self.known.lock().await;
        self.catch_up(&mut known, policy, now).await?;
        let blocked: Vec<_> = known.entries.values().filter(|e| e.video != video).cloned().collect();
        drop(known);
        let (likeness, policy) = (likeness.clone(), policy.clone());
        let look = tokio::task::spawn_blocking(move || {
            closest(&likeness, blocked.iter().map(AsRef::as_ref), &policy)
        });
        look.await.map_err(Fault::internal)
    }

    async fn catch_up(&self, known: &mut Known, policy: &LikenessPolicy, now: Millis) -> Result<(), Fault> {
        let mut after = (known.newest.saturating_sub(OVERLAP), VideoId(0));
        loop {
            let page = self.list.changed(after, PAGE).await?;
            let is_last = page.len() < PAGE;
            for entry in page {
                after = (entry.changed_at, entry.video);
                // A change out of the future is read again until then: it must not hide those in between.
                known.newest = known.newest.max(entry.changed_at.min(now));
                if entry.is_lifted {
                    known.entries.remove(&entry.video);
                } else {
                    known.entries.insert(entry.video, Arc::new(entry));
                }
            }
            // Ids grow with time: the oldest go first.
            while known.entries.len() > policy.entries_max {
                known.entries.pop_first();
            }
            if is_last {
                return Ok(());
            }
        }
    }
}
