//! Parts written straight to their place in the whole, so that a completion has nothing to copy.
//!
//! Only where nothing can be lost: the layout is known, the part has the planned length, none of
//! that number has arrived, and nobody else is sending it. Otherwise the part stands apart, and
//! the completion copies it. A part without a record does not exist, whatever bytes stand there.

use crate::error::StoreError;
use crate::files;
use crate::objects::Objects;
use crate::parts::{WHOLE, all_parts};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Seek, SeekFrom};
use std::path::PathBuf;
use std::sync::{MutexGuard, PoisonError};

/// The sole right to write one part in place. Held until its record stands or its writer has stopped.
pub(crate) struct Claim {
    objects: Objects,
    slot: (String, u32),
    path: PathBuf,
    offset: u64,
}

impl std::fmt::Debug for Claim {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Claim").field(&self.slot).finish()
    }
}

impl Claim {
    /// The whole, at the part's place.
    pub fn open(&self) -> Result<File, StoreError> {
        let mut file = files::open_or_create(&self.path)?;
        file.seek(SeekFrom::Start(self.offset))?;
        Ok(file)
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.objects.writing().remove(&self.slot);
    }
}

impl Objects {
    fn writing(&self) -> MutexGuard<'_, BTreeSet<(String, u32)>> {
        self.inner().writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether somebody is writing into the whole of this upload: a slow sender whose part was sent
    /// again by another way. The whole is not handed over under such hands. No claim is given while
    /// the upload is locked.
    pub(crate) fn is_written(&self, id: &str) -> bool {
        self.writing().iter().any(|(upload, _)| upload == id)
    }

    /// The right to write this part in place, where that is safe. Blocks.
    pub(crate) fn claim_place(
        &self,
        key: &str,
        id: &str,
        number: u32,
        len: u64,
    ) -> Result<Option<Claim>, StoreError> {
        let dir = self.upload_dir(id)?;
        let _guard = self.lock_upload(id);
        let upload = self.upload_now(key, id)?;
        let Some(layout) = upload.layout.filter(|l| l.part_len(number) == Some(len)) else { return Ok(None) };
        if all_parts(&dir)?.iter().any(|p| p.meta.number == number) {
            return Ok(None);
        }
        let slot = (id.to_owned(), number);
        if !self.writing().insert(slot.clone()) {
            return Ok(None);
        }
        let offset = layout.offset(number);
        Ok(Some(Claim { objects: self.clone(), slot, path: dir.join(WHOLE), offset }))
    }
}
