//! What a viewer watched stands in their history.

use crate::fold::{Observed, Watcher};
use async_trait::async_trait;
use catalog::{LibraryStore, Shelf};
use std::collections::HashMap;
use std::sync::Arc;
use stdx::Fault;
use vocab::{Millis, UserId, VideoId};

/// Puts every view on its viewer's history shelf.
pub struct History {
    library: Arc<dyn LibraryStore>,
}

impl std::fmt::Debug for History {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("History").finish_non_exhaustive()
    }
}

impl History {
    pub fn new(library: Arc<dyn LibraryStore>) -> Self {
        Self { library }
    }
}

#[async_trait]
impl Watcher for History {
    async fn observed(&self, seen: &[Observed]) -> Result<(), Fault> {
        let mut latest: HashMap<(UserId, VideoId), Millis> = HashMap::new();
        for o in seen.iter().filter(|o| o.viewed) {
            let at = latest.entry((o.viewer, o.video)).or_insert(o.at);
            *at = (*at).max(o.at);
        }
        for ((viewer, video), at) in latest {
            self.library.put(viewer, Shelf::History, video, at).await?;
        }
        Ok(())
    }
}
