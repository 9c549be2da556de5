//! The order in which the files of one object change. The only place that knows it.

use crate::error::StoreError;
use crate::files::{self, Temp};
use crate::meta::{META_VERSION, NewObject, ObjectMeta};
use crate::name::Place;
use crate::objects::{Condition, Objects, READ_TRIES};
use crate::receive::{Home, Received};

/// A received body on its way to a key.
#[derive(Default)]
pub(crate) struct Commit {
    pub key: String,
    pub says: NewObject,
    pub condition: Condition,
    /// The multipart upload it came from, and the etag that makes.
    pub upload: Option<String>,
    pub etag: Option<String>,
    pub sha256_hex: Option<String>,
}

impl Objects {
    /// Puts a received body under its key. The rename of the metadata is the commit point.
    pub(crate) fn commit(&self, received: Received, ask: Commit) -> Result<ObjectMeta, StoreError> {
        let place = Place::of(&ask.key)?;
        let meta = ObjectMeta {
            v: META_VERSION,
            key: ask.key,
            generation: received.generation,
            size: received.size,
            etag: ask.etag.unwrap_or(received.md5),
            modified_ms: self.now_ms(),
            says: ask.says,
            sums: received.sums,
            upload: ask.upload,
            sha256_hex: ask.sha256_hex,
        };
        let event = self.announce(&meta)?;
        stdx::crash::reached("s3door.commit.announced");
        let _guard = self.lock_key(&meta.key);
        let before = self.meta_at(&place)?;
        hold(&ask.condition, before.as_ref())?;
        let Home::Apart(data) = received.home else {
            return Err(StoreError::InvalidArgument("a part is not an object"));
        };
        self.swap_in(&place, &meta, before.as_ref(), data)?;
        // From here the object stands, and will be told about even if the disk refuses to be synced.
        event.keep();
        files::sync_dir(&self.base().join(&place.dir))?;
        stdx::crash::reached("s3door.commit.synced");
        if let Some(before) = before {
            self.bury(&place, before.generation);
        }
        Ok(meta)
    }

    fn swap_in(
        &self,
        place: &Place,
        meta: &ObjectMeta,
        before: Option<&ObjectMeta>,
        data: Temp,
    ) -> Result<(), StoreError> {
        let base = self.base();
        let sidecar = self.temp(meta.generation, "meta");
        let text = serde_json::to_vec(meta).map_err(std::io::Error::other)?;
        files::write_durable(sidecar.path(), &text)?;
        if let Some(before) = before {
            // Says whose data is left over, should the process die before it is removed.
            let dead = self.temp(before.generation, "dead");
            let _ = files::remove(dead.path());
            std::fs::hard_link(base.join(place.meta()), dead.path())?;
            dead.keep();
        }
        let to = base.join(place.data(meta.generation));
        let mut tries = 0;
        while let Err(e) =
            files::make_dirs(&base, &place.dir).and_then(|()| std::fs::rename(data.path(), &to))
        {
            // A neighbour's deletion may take the empty directory away in between.
            tries += 1;
            if e.kind() != std::io::ErrorKind::NotFound || tries == READ_TRIES {
                return Err(e.into());
            }
        }
        stdx::crash::reached("s3door.commit.data");
        if let Err(e) = sidecar.place(&base.join(place.meta())) {
            let _ = files::remove(&to);
            return Err(e.into());
        }
        stdx::crash::reached("s3door.commit.meta");
        Ok(())
    }

    /// Removes data that no metadata names any more. What fails is left to the next start.
    fn bury(&self, place: &Place, generation: u64) {
        let dead = self.temp(generation, "dead");
        if let Err(e) = files::remove(&self.base().join(place.data(generation))) {
            tracing::warn!(error = %e, "old data stays until the next start");
            dead.keep();
        }
    }

    pub(crate) fn delete_now(&self, key: &str) -> Result<bool, StoreError> {
        let place = Place::of(key)?;
        let _guard = self.lock_key(key);
        let Some(meta) = self.meta_at(&place)? else { return Ok(false) };
        let base = self.base();
        let dead = self.temp(meta.generation, "dead");
        std::fs::rename(base.join(place.meta()), dead.path())?;
        dead.keep();
        stdx::crash::reached("s3door.delete.meta");
        files::sync_dir(&base.join(&place.dir))?;
        self.bury(&place, meta.generation);
        files::prune_dirs(&base, &place.dir);
        Ok(true)
    }
}

fn hold(condition: &Condition, standing: Option<&ObjectMeta>) -> Result<(), StoreError> {
    match (condition, standing) {
        (Condition::Always, _) | (Condition::IfAbsent, None) => Ok(()),
        (Condition::IfMatch(etag), Some(meta)) if *etag == meta.etag => Ok(()),
        (Condition::IfMatch(_), None) => Err(StoreError::NoSuchKey),
        (Condition::IfAbsent | Condition::IfMatch(_), Some(_)) => Err(StoreError::Precondition),
    }
}
