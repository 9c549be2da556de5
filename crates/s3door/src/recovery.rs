//! What the next start does about a killed process: everything half done says what it belongs to.

use crate::error::StoreError;
use crate::files;
use crate::meta::{ObjectMeta, UploadMeta};
use crate::name::Place;
use crate::objects::{EVENTS, Objects, TMP, UPLOADS};
use crate::outbox::ObjectCreated;
use std::path::Path;

impl Objects {
    /// Leaves `.tmp` empty, no data without metadata, no parts of finished uploads and no
    /// announcement of an object that never was. Runs before anybody else works here.
    pub(crate) fn recover(&self) -> Result<(), StoreError> {
        let root = self.inner().root.clone();
        let mut found = 0usize;
        for entry in std::fs::read_dir(root.join(TMP))? {
            let path = entry?.path();
            self.mend(&path)?;
            found += 1;
        }
        for entry in std::fs::read_dir(root.join(UPLOADS))? {
            self.mend_upload(&entry?.path())?;
        }
        for entry in std::fs::read_dir(root.join(EVENTS))? {
            self.mend_event(&entry?.path())?;
        }
        if found > 0 {
            tracing::info!(found, "files of an earlier run were finished or removed");
        }
        Ok(())
    }

    fn mend(&self, path: &Path) -> Result<(), StoreError> {
        if path.is_dir() {
            return Ok(std::fs::remove_dir_all(path)?);
        }
        let kind = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        // `meta`: a commit that did not happen. `dead`: an object replaced or deleted. Both name data
        // that may still be there; it goes unless it is what stands now.
        if matches!(kind, "meta" | "dead")
            && let Some(bytes) = files::read(path)?
            && let Ok(meta) = serde_json::from_slice::<ObjectMeta>(&bytes)
        {
            let place = Place::of(&meta.key)?;
            let standing = self.meta_at(&place)?.map(|m| m.generation);
            if standing != Some(meta.generation) {
                files::remove(&self.base().join(place.data(meta.generation)))?;
                files::prune_dirs(&self.base(), &place.dir);
            }
        }
        Ok(files::remove(path)?)
    }

    /// Parts whose object stands already, and directories without a record of what they are for.
    fn mend_upload(&self, path: &Path) -> Result<(), StoreError> {
        let record = files::read(&path.join(crate::multipart::RECORD))?;
        let Some(upload) = record.and_then(|b| serde_json::from_slice::<UploadMeta>(&b).ok()) else {
            return Ok(std::fs::remove_dir_all(path)?);
        };
        let standing = self.meta_at(&Place::of(&upload.key)?)?;
        if standing.is_some_and(|m| m.upload.as_deref() == Some(&upload.id)) {
            std::fs::remove_dir_all(path)?;
        }
        Ok(())
    }

    fn mend_event(&self, path: &Path) -> Result<(), StoreError> {
        let event = files::read(path)?.and_then(|b| serde_json::from_slice::<ObjectCreated>(&b).ok());
        let standing = match &event {
            Some(event) => self.meta_at(&Place::of(&event.key)?)?.map(|m| m.generation),
            None => None,
        };
        if event.is_none_or(|e| standing != Some(e.generation)) {
            files::remove(path)?;
        }
        Ok(())
    }
}
