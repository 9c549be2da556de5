//! Tells one listener about created objects, at least once.
//!
//! The announcement is written before the commit and removed after the listener took it, so a
//! process that dies in between tells it at the next start.

use crate::error::StoreError;
use crate::files::{self, Temp};
use crate::meta::ObjectMeta;
use crate::name::Place;
use crate::objects::{EVENTS, Objects};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{MutexGuard, PoisonError};
use stdx::BoxError;

/// An object stands, durably.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectCreated {
    pub bucket: String,
    pub key: String,
    pub size: u64,
    pub etag: String,
    /// Two creations under one key have two generations.
    pub generation: u64,
}

/// Told after the object is durable, possibly more than once, in no order.
#[async_trait]
pub trait ObjectListener: Send + Sync + 'static {
    /// Only these keys are announced.
    fn wants(&self, key: &str) -> bool;
    /// `Err` = tell me again later.
    async fn created(&self, event: &ObjectCreated) -> Result<(), BoxError>;
}

/// Wants nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoListener;

#[async_trait]
impl ObjectListener for NoListener {
    fn wants(&self, _: &str) -> bool {
        false
    }
    async fn created(&self, _: &ObjectCreated) -> Result<(), BoxError> {
        Ok(())
    }
}

/// Withdrawn unless kept.
pub(crate) struct Announcement<'a>(Option<(&'a Objects, u64, Temp)>);

impl Announcement<'_> {
    /// The object stands: whoever committed it tells, and until then nobody else does.
    pub fn keep(mut self) {
        if let Some((_, _, temp)) = self.0.take() {
            temp.keep();
        }
    }
}

impl Drop for Announcement<'_> {
    fn drop(&mut self) {
        if let Some((objects, generation, _)) = &self.0 {
            objects.telling().remove(generation);
        }
    }
}

impl Objects {
    fn telling(&self) -> MutexGuard<'_, BTreeSet<u64>> {
        self.inner().telling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn event_path(&self, generation: u64) -> PathBuf {
        self.inner().root.join(EVENTS).join(format!("{generation:016x}.json"))
    }

    pub(crate) fn announce(&self, meta: &ObjectMeta) -> Result<Announcement<'_>, StoreError> {
        if !self.inner().deps.listener.wants(&meta.key) {
            return Ok(Announcement(None));
        }
        let text = serde_json::to_vec(&self.event(meta)).map_err(std::io::Error::other)?;
        let temp = Temp::at(self.event_path(meta.generation));
        self.telling().insert(meta.generation);
        let announcement = Announcement(Some((self, meta.generation, temp)));
        files::write_durable(&self.event_path(meta.generation), &text)?;
        files::sync_dir(&self.inner().root.join(EVENTS))?;
        Ok(announcement)
    }

    fn event(&self, meta: &ObjectMeta) -> ObjectCreated {
        ObjectCreated {
            bucket: self.bucket().to_owned(),
            key: meta.key.clone(),
            size: meta.size,
            etag: meta.etag.clone(),
            generation: meta.generation,
        }
    }

    /// Runs a commit and tells the listener. Both go on when the caller is gone.
    /// What the listener refuses is offered again by [`Objects::deliver_pending`].
    pub(crate) async fn committing<F>(&self, commit: F) -> Result<ObjectMeta, StoreError>
    where
        F: FnOnce(&Objects) -> Result<ObjectMeta, StoreError> + Send + 'static,
    {
        let objects = self.clone();
        let task = tokio::spawn(async move {
            let meta = objects.blocking(commit).await?;
            if objects.inner().deps.listener.wants(&meta.key) {
                objects.deliver(&objects.event(&meta)).await;
                objects.telling().remove(&meta.generation);
            }
            Ok(meta)
        });
        task.await.unwrap_or_else(|e| Err(StoreError::Io(std::io::Error::other(e))))
    }

    async fn deliver(&self, event: &ObjectCreated) -> bool {
        match self.inner().deps.listener.created(event).await {
            Ok(()) => {
                stdx::crash::reached("s3door.event.delivered");
                if let Err(e) = files::remove(&self.event_path(event.generation)) {
                    tracing::warn!(error = %e, "an event will be told again");
                }
                true
            }
            Err(e) => {
                tracing::warn!(error = %e, key = event.key, "the listener did not take an event; it is kept");
                false
            }
        }
    }

    /// Offers what was not taken yet. Returns how many were taken.
    pub async fn deliver_pending(&self) -> Result<usize, StoreError> {
        let events = self.blocking(|o| o.pending()).await?;
        let mut taken = 0;
        for event in events {
            taken += usize::from(self.deliver(&event).await);
        }
        Ok(taken)
    }

    /// Announcements whose object stands.
    pub(crate) fn pending(&self) -> Result<Vec<ObjectCreated>, StoreError> {
        let mut events = Vec::new();
        for entry in std::fs::read_dir(self.inner().root.join(EVENTS))? {
            let path = entry?.path();
            let Some(bytes) = files::read(&path)? else { continue };
            let Ok(event) = serde_json::from_slice::<ObjectCreated>(&bytes) else {
                tracing::warn!(path = %path.display(), "not an event; left alone");
                continue;
            };
            let standing = self.meta_at(&Place::of(&event.key)?)?;
            let told_by_another = self.telling().contains(&event.generation);
            if !told_by_another && standing.is_some_and(|m| m.generation == event.generation) {
                events.push(event);
            }
        }
        events.sort_by_key(|e| e.generation);
        Ok(events)
    }
}
