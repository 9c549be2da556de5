//! Objects as files: the only place that knows in which order the files of one object change.

use crate::commit::Commit;
use crate::error::StoreError;
use crate::files::{self, Temp};
use crate::listing::ListQuery;
use crate::meta::{META_VERSION, NewObject, ObjectMeta};
use crate::name::Place;
use crate::outbox::ObjectListener;
use crate::policy::DoorPolicy;
use bytes::Bytes as Octets;
use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stdx::{Clock, Entropy};
use vocab::Bytes;

pub(crate) const TMP: &str = ".tmp";
pub(crate) const UPLOADS: &str = ".uploads";
pub(crate) const EVENTS: &str = ".events";

/// Locks a key or an upload hashes to: writers of one key wait for each other, of two hardly ever.
const STRIPES: usize = 64;
/// A reader that meets an overwrite looks again this often.
pub(crate) const READ_TRIES: usize = 8;

/// What objects work with.
#[derive(Clone)]
pub struct ObjectsDeps {
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    pub listener: Arc<dyn ObjectListener>,
}

/// A bucket. Clones share it; one process may open a directory once.
#[derive(Clone)]
pub struct Objects(Arc<Inner>);

pub(crate) struct Inner {
    pub root: PathBuf,
    pub bucket: String,
    pub deps: ObjectsDeps,
    pub policy: DoorPolicy,
    pub promised: Arc<AtomicU64>,
    /// Announcements that whoever commits them will tell.
    pub telling: Mutex<BTreeSet<u64>>,
    /// Parts that are being written in place.
    pub writing: Mutex<BTreeSet<(String, u32)>>,
    last_generation: AtomicU64,
    keys: [Mutex<()>; STRIPES],
    uploads: [Mutex<()>; STRIPES],
}

impl fmt::Debug for Objects {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Objects").field("root", &self.0.root).finish_non_exhaustive()
    }
}

/// What must hold for a write.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Condition {
    #[default]
    Always,
    /// Nothing stands under the key.
    IfAbsent,
    /// What stands has this etag.
    IfMatch(String),
}

/// An object as it stands: its facts and its open file, which stays whole when the object is replaced.
#[derive(Debug)]
pub struct Standing {
    pub meta: ObjectMeta,
    pub file: File,
    pub path: PathBuf,
}

impl Objects {
    /// Opens or creates the directory and mends what a killed process left. Blocks.
    pub fn open(
        root: &Path,
        bucket: &str,
        deps: ObjectsDeps,
        policy: DoorPolicy,
    ) -> Result<Self, StoreError> {
        for dir in [bucket, TMP, UPLOADS, EVENTS] {
            std::fs::create_dir_all(root.join(dir))?;
        }
        let objects = Self(Arc::new(Inner {
            root: root.to_path_buf(),
            bucket: bucket.to_owned(),
            deps,
            policy,
            promised: Arc::default(),
            telling: Mutex::default(),
            writing: Mutex::default(),
            last_generation: AtomicU64::new(0),
            keys: std::array::from_fn(|_| Mutex::new(())),
            uploads: std::array::from_fn(|_| Mutex::new(())),
        }));
        objects.recover()?;
        Ok(objects)
    }

    pub(crate) fn inner(&self) -> &Inner {
        &self.0
    }

    pub fn policy(&self) -> &DoorPolicy {
        &self.0.policy
    }

    pub fn bucket(&self) -> &str {
        &self.0.bucket
    }

    pub(crate) fn base(&self) -> PathBuf {
        self.0.root.join(&self.0.bucket)
    }

    pub(crate) fn now_ms(&self) -> i64 {
        self.0.deps.clock.now().0
    }

    /// A number no file of ours has yet: time, and a counter within the millisecond.
    pub(crate) fn next_generation(&self) -> u64 {
        let floor = u64::try_from(self.now_ms()).unwrap_or(0) << 20;
        let next = |last: u64| Some(floor.max(last + 1));
        let last = self.0.last_generation.fetch_update(Ordering::AcqRel, Ordering::Acquire, next);
        last.map_or(floor, |last| floor.max(last + 1))
    }

    pub(crate) fn new_temp(&self, kind: &str) -> (u64, Temp) {
        let generation = self.next_generation();
        (generation, self.temp(generation, kind))
    }

    pub(crate) fn temp(&self, generation: u64, kind: &str) -> Temp {
        Temp::at(self.0.root.join(TMP).join(format!("{generation:016x}.{kind}")))
    }

    /// Refuses what would eat into the reserve.
    pub fn check_room(&self, wanted: Bytes) -> Result<(), StoreError> {
        let (available, reserve) = (files::available(&self.0.root)?, self.0.policy.reserve);
        if available < wanted.saturating_add(reserve) {
            return Err(StoreError::Full { available, wanted, reserve });
        }
        Ok(())
    }

    pub(crate) fn lock_key(&self, key: &str) -> MutexGuard<'_, ()> {
        lock(&self.0.keys, key)
    }

    pub(crate) fn lock_upload(&self, id: &str) -> MutexGuard<'_, ()> {
        lock(&self.0.uploads, id)
    }

    /// Runs blocking work off the async threads; it goes on when the caller is gone.
    pub(crate) async fn blocking<T, F>(&self, f: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Objects) -> Result<T, StoreError> + Send + 'static,
    {
        let objects = self.clone();
        match tokio::task::spawn_blocking(move || f(&objects)).await {
            Ok(outcome) => outcome,
            Err(e) => Err(StoreError::Io(std::io::Error::other(e))),
        }
    }

    pub(crate) fn meta_at(&self, place: &Place) -> Result<Option<ObjectMeta>, StoreError> {
        let path = self.base().join(place.meta());
        let Some(bytes) = files::read(&path)? else { return Ok(None) };
        let corrupt = |error: String| StoreError::Corrupt { path: path.display().to_string(), error };
        let meta: ObjectMeta = serde_json::from_slice(&bytes).map_err(|e| corrupt(e.to_string()))?;
        if meta.v > META_VERSION {
            return Err(corrupt(format!("of version {}, this program knows {META_VERSION}", meta.v)));
        }
        Ok(Some(meta))
    }

    pub(crate) fn standing_now(&self, key: &str) -> Result<Option<Standing>, StoreError> {
        let place = Place::of(key)?;
        for _ in 0..READ_TRIES {
            let Some(meta) = self.meta_at(&place)? else { return Ok(None) };
            let path = self.base().join(place.data(meta.generation));
            match File::open(&path) {
                Ok(file) => return Ok(Some(Standing { meta, file, path })),
                Err(e) if e.kind() == std::io::ErrorKind::NotFound => {}
                Err(e) => return Err(e.into()),
            }
        }
        let (path, error) = (key.to_owned(), "metadata without data".to_owned());
        Err(StoreError::Corrupt { path, error })
    }
}

fn lock<'a>(stripes: &'a [Mutex<()>; STRIPES], name: &str) -> MutexGuard<'a, ()> {
    let hash = BuildHasherDefault::<DefaultHasher>::default().hash_one(name);
    let stripe = &stripes[(hash % STRIPES as u64) as usize];
    stripe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What in-process users call.
impl Objects {
    pub async fn head(&self, key: &str) -> Result<Option<ObjectMeta>, StoreError> {
        let place = Place::of(key)?;
        self.blocking(move |o| o.meta_at(&place)).await
    }

    pub async fn standing(&self, key: &str) -> Result<Option<Standing>, StoreError> {
        let key = key.to_owned();
        self.blocking(move |o| o.standing_now(&key)).await
    }

    /// The whole object in memory: for small ones.
    pub async fn read(&self, key: &str) -> Result<Option<Octets>, StoreError> {
        let key = key.to_owned();
        self.blocking(move |o| {
            let Some(mut standing) = o.standing_now(&key)? else { return Ok(None) };
            let mut bytes = Vec::with_capacity(usize::try_from(standing.meta.size).unwrap_or(0));
            std::io::Read::read_to_end(&mut standing.file, &mut bytes)?;
            if bytes.len() as u64 != standing.meta.size {
                let error = format!("{} bytes, the metadata says {}", bytes.len(), standing.meta.size);
                return Err(StoreError::Corrupt { path: standing.path.display().to_string(), error });
            }
            Ok(Some(Octets::from(bytes)))
        })
        .await
    }

    pub async fn put_bytes(
        &self,
        key: &str,
        bytes: Octets,
        says: NewObject,
    ) -> Result<ObjectMeta, StoreError> {
        let key = key.to_owned();
        self.committing(move |o| {
            let received = o.receive_bytes(&bytes, None)?;
            o.commit(received, Commit { key, says, ..Commit::default() })
        })
        .await
    }

    /// A copy of the file at `path`; blocks are shared where the file system can.
    pub async fn put_file(
        &self,
        key: &str,
        path: PathBuf,
        says: NewObject,
    ) -> Result<ObjectMeta, StoreError> {
        let key = key.to_owned();
        self.committing(move |o| {
            let received = o.receive_file(&path)?;
            o.commit(received, Commit { key, says, ..Commit::default() })
        })
        .await
    }

    /// `true` when it was there.
    pub async fn delete(&self, key: &str) -> Result<bool, StoreError> {
        let key = key.to_owned();
        self.blocking(move |o| o.delete_now(&key)).await
    }

    /// Every object whose key begins with `prefix`, and every open multipart upload of such a key.
    pub async fn delete_prefix(&self, prefix: &str) -> Result<usize, StoreError> {
        for upload in self.uploads(prefix).await? {
            match self.abort(&upload.key, &upload.id).await {
                Ok(()) | Err(StoreError::NoSuchUpload) => {}
                Err(e) => return Err(e),
            }
        }
        let query = ListQuery {
            prefix: prefix.to_owned(),
            limit: self.policy().list_page_max,
            ..ListQuery::default()
        };
        self.blocking(move |o| {
            let mut deleted = 0;
            loop {
                let page = o.list_now(&query)?;
                if page.objects.is_empty() {
                    return Ok(deleted);
                }
                for meta in page.objects {
                    deleted += usize::from(o.delete_now(&meta.key)?);
                }
            }
        })
        .await
    }
}
