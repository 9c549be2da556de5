//! The parts as one file: where they stand already, or copied.

use crate::error::StoreError;
use crate::files::{self, Temp};
use crate::meta::{ALGORITHMS, Layout, Sums, UploadMeta};
use crate::objects::Objects;
use crate::parts::{PartFile, WHOLE};
use crate::receive::{Digests, digest};
use std::fs::File;
use std::io::{Seek, SeekFrom};

impl Objects {
    /// The whole under a temporary name, with the checksums that `expect` names. The parts stay.
    pub(crate) fn assemble(
        &self,
        upload: &UploadMeta,
        parts: &[PartFile],
        expect: &Sums,
    ) -> Result<(Temp, u64, Sums), StoreError> {
        let (generation, temp) = self.new_temp("data");
        match (upload.layout, parts) {
            (Some(layout), _) if stands(layout, parts) && !self.is_written(&upload.id) => {
                self.fill(upload, layout, parts, &temp)?;
            }
            // A second name for the same bytes: nothing to copy.
            (_, [only]) if !only.here => std::fs::hard_link(&only.path, temp.path())?,
            _ => self.copy(upload, parts, &temp)?,
        }
        let named = ALGORITHMS.iter().filter(|(_, get, _)| get(expect).is_some());
        let names: Vec<_> = named.map(|(name, ..)| *name).collect();
        let mut digests = Digests::sums_only(&names);
        if !names.is_empty() {
            digest(&mut File::open(temp.path())?, &mut digests)?;
        }
        Ok((temp, generation, digests.finish().1))
    }

    /// Every part has its place and most stand there: the few that stand apart are put in.
    fn fill(
        &self,
        upload: &UploadMeta,
        layout: Layout,
        parts: &[PartFile],
        temp: &Temp,
    ) -> Result<(), StoreError> {
        let path = self.upload_dir(&upload.id)?.join(WHOLE);
        let mut whole = files::open_or_create(&path)?;
        for part in parts.iter().filter(|p| !p.here) {
            whole.seek(SeekFrom::Start(layout.offset(part.meta.number)))?;
            std::io::copy(&mut part.open(upload)?, &mut whole)?;
        }
        whole.set_len(layout.size)?;
        whole.sync_all()?;
        Ok(std::fs::hard_link(&path, temp.path())?)
    }

    fn copy(&self, upload: &UploadMeta, parts: &[PartFile], temp: &Temp) -> Result<(), StoreError> {
        let _promise = self.promise(parts.iter().map(|p| p.meta.size).sum())?;
        let mut whole = files::create(temp.path())?;
        for part in parts {
            std::io::copy(&mut part.open(upload)?, &mut whole)?;
        }
        Ok(whole.sync_all()?)
    }
}

/// Whether these are all the parts of the layout, at least one of them in its place.
fn stands(layout: Layout, parts: &[PartFile]) -> bool {
    let planned = |p: &PartFile| layout.part_len(p.meta.number) == Some(p.meta.size);
    parts.iter().any(|p| p.here) && parts.len() as u64 == layout.part_count() && parts.iter().all(planned)
}
