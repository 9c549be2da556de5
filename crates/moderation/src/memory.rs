//! The ports in memory: the executable specification, and what tests run on.

use crate::port::{
    BlockEntry, BlockList, Content, FileError, FrameBlock, FrameBlockList, LocalFile, ModerationStore,
    ModerationStoreError, SecondLook, SecondLookJob, Sight, SourceFiles, Trail, TrailFilter,
};
use crate::record::ModerationRecord;
use async_trait::async_trait;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use stdx::Fault;
use vocab::{CacheClass, MediaKey, Millis, UploadId, VideoId};

fn lock<T>(m: &Mutex<T>) -> MutexGuard<'_, T> {
    m.lock().unwrap_or_else(PoisonError::into_inner)
}

#[derive(Debug, Default)]
pub struct MemoryModerationStore {
    records: Mutex<BTreeMap<VideoId, ModerationRecord>>,
    trail: Mutex<Vec<Trail>>,
}

#[async_trait]
impl ModerationStore for MemoryModerationStore {
    async fn get(&self, video: VideoId) -> Result<Option<ModerationRecord>, ModerationStoreError> {
        Ok(lock(&self.records).get(&video).cloned())
    }

    async fn save(&self, mut record: ModerationRecord) -> Result<ModerationRecord, ModerationStoreError> {
        let mut records = lock(&self.records);
        let stored = records.get(&record.video).map(|r| r.revision);
        if stored.unwrap_or(0) != record.revision {
            return Err(ModerationStoreError::Stale { video: record.video, actual: stored });
        }
        record.revision += 1;
        records.insert(record.video, record.clone());
        Ok(record)
    }

    async fn by_content(
        &self,
        content_sha256: &str,
        limit: usize,
    ) -> Result<Vec<ModerationRecord>, ModerationStoreError> {
        let records = lock(&self.records);
        let same = records.values().rev().filter(|r| r.content_sha256 == content_sha256);
        Ok(same.take(limit).cloned().collect())
    }

    async fn waiting(
        &self,
        after: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<ModerationRecord>, ModerationStoreError> {
        let records = lock(&self.records);
        let mut queue: Vec<_> =
            records.values().filter_map(|r| Some(((r.waiting_since?, r.video), r.clone()))).collect();
        queue.sort_by_key(|(place, _)| *place);
        let rest = queue.into_iter().filter(|(place, _)| after.is_none_or(|a| *place > a));
        Ok(rest.take(limit).map(|(_, r)| r).collect())
    }

    async fn append(&self, entry: Trail) -> Result<(), ModerationStoreError> {
        let mut trail = lock(&self.trail);
        if !trail.iter().any(|t| t.id == entry.id) {
            trail.push(entry);
        }
        Ok(())
    }

    async fn trail(&self, filter: TrailFilter) -> Result<Vec<Trail>, ModerationStoreError> {
        let trail = lock(&self.trail);
        let mut hits: Vec<Trail> = trail
            .iter()
            .filter(|t| filter.video.is_none_or(|v| t.video == Some(v)))
            .filter(|t| filter.action.as_ref().is_none_or(|a| t.action == *a))
            .filter(|t| filter.since.is_none_or(|s| t.at >= s))
            .cloned()
            .collect();
        hits.sort_by(|a, b| (b.at, &b.id).cmp(&(a.at, &a.id)));
        hits.truncate(filter.limit);
        Ok(hits)
    }
}

#[derive(Debug, Default)]
pub struct MemoryBlockList(Mutex<BTreeMap<String, BlockEntry>>);

#[async_trait]
impl BlockList for MemoryBlockList {
    async fn add(&self, entry: BlockEntry) -> Result<bool, Fault> {
        let mut entries = lock(&self.0);
        if entries.contains_key(&entry.content_sha256) {
            return Ok(false);
        }
        entries.insert(entry.content_sha256.clone(), entry);
        Ok(true)
    }

    async fn remove(&self, content_sha256: &str) -> Result<bool, Fault> {
        Ok(lock(&self.0).remove(content_sha256).is_some())
    }

    async fn find(&self, content_sha256: &str) -> Result<Option<BlockEntry>, Fault> {
        Ok(lock(&self.0).get(content_sha256).cloned())
    }

    async fn list(&self, before: Option<(Millis, String)>, limit: usize) -> Result<Vec<BlockEntry>, Fault> {
        let place = |e: &BlockEntry| (e.added_at, e.content_sha256.clone());
        let mut all: Vec<_> = lock(&self.0).values().cloned().collect();
        all.sort_by_key(|e| std::cmp::Reverse(place(e)));
        Ok(all.into_iter().filter(|e| before.as_ref().is_none_or(|b| place(e) < *b)).take(limit).collect())
    }
}

#[derive(Debug, Default)]
pub struct MemoryFrameBlockList(Mutex<BTreeMap<VideoId, FrameBlock>>);

#[async_trait]
impl FrameBlockList for MemoryFrameBlockList {
    async fn put(&self, entry: FrameBlock) -> Result<(), Fault> {
        lock(&self.0).insert(entry.video, entry);
        Ok(())
    }

    async fn get(&self, video: VideoId) -> Result<Option<FrameBlock>, Fault> {
        Ok(lock(&self.0).get(&video).cloned())
    }

    async fn changed(&self, after: (Millis, VideoId), limit: usize) -> Result<Vec<FrameBlock>, Fault> {
        let mut all: Vec<_> = lock(&self.0).values().cloned().collect();
        all.sort_by_key(|e| (e.changed_at, e.video));
        Ok(all.into_iter().filter(|e| (e.changed_at, e.video) > after).take(limit).collect())
    }
}

/// A service that sees what it was told to see, and counts what it is paid for.
#[derive(Debug, Default)]
pub struct MemorySecondLook {
    judges: Vec<String>,
    looks: Mutex<Looks>,
}

/// By content hash.
#[derive(Debug, Default)]
struct Looks {
    script: HashMap<String, Option<Vec<Sight>>>,
    answered: HashMap<String, Option<Vec<Sight>>>,
    is_down: bool,
    billed: u32,
}

impl MemorySecondLook {
    pub fn judging(labels: &[&str]) -> Self {
        Self { judges: labels.iter().map(|l| (*l).to_owned()).collect(), ..Self::default() }
    }
    /// What will be seen in these bytes; `None` = they cannot be judged. Others are clean.
    pub fn will_see(&self, content_sha256: &str, sights: Option<Vec<Sight>>) {
        lock(&self.looks).script.insert(content_sha256.to_owned(), sights);
    }
    pub fn set_down(&self, is_down: bool) {
        lock(&self.looks).is_down = is_down;
    }
    /// Videos that were paid for.
    pub fn billed(&self) -> u32 {
        lock(&self.looks).billed
    }
}

#[async_trait]
impl SecondLook for MemorySecondLook {
    fn judges(&self) -> &[String] {
        &self.judges
    }

    async fn findings(&self, job: &SecondLookJob) -> Result<Option<Vec<Sight>>, Fault> {
        let mut looks = lock(&self.looks);
        if let Some(answer) = looks.answered.get(&job.content_sha256) {
            return Ok(answer.clone());
        }
        if looks.is_down {
            return Err(Fault::unavailable("the service is down"));
        }
        let mut answer = looks.script.get(&job.content_sha256).cloned().unwrap_or(Some(Vec::new()));
        if let Some(sights) = &mut answer {
            sights.sort_by_key(|s| s.at_ms);
        }
        looks.billed += 1;
        looks.answered.insert(job.content_sha256.clone(), answer.clone());
        Ok(answer)
    }
}

/// Raw objects are real files named by the test; private objects stand in memory.
#[derive(Debug, Default)]
pub struct MemorySourceFiles {
    raw: Mutex<HashMap<(VideoId, UploadId), PathBuf>>,
    private: Mutex<HashMap<MediaKey, Bytes>>,
}

impl MemorySourceFiles {
    pub fn put_raw(&self, video: VideoId, upload: UploadId, path: impl Into<PathBuf>) {
        lock(&self.raw).insert((video, upload), path.into());
    }
    pub fn private_keys(&self) -> Vec<MediaKey> {
        lock(&self.private).keys().cloned().collect()
    }
}

#[async_trait]
impl SourceFiles for MemorySourceFiles {
    async fn local_raw(&self, video: VideoId, upload: UploadId) -> Result<LocalFile, FileError> {
        lock(&self.raw).get(&(video, upload)).map(LocalFile::standing).ok_or(FileError::NotFound)
    }

    async fn put_private(&self, key: MediaKey, content: Content) -> Result<(), FileError> {
        if key.cache_class() != CacheClass::Private {
            return Err(FileError::NotPrivate);
        }
        let bytes = match content {
            Content::Bytes(b) => b,
            Content::File(path) => tokio::fs::read(path).await.map_err(Fault::from)?.into(),
        };
        lock(&self.private).insert(key, bytes);
        Ok(())
    }

    async fn get_private(&self, key: MediaKey) -> Result<Bytes, FileError> {
        if key.cache_class() != CacheClass::Private {
            return Err(FileError::NotPrivate);
        }
        lock(&self.private).get(&key).cloned().ok_or(FileError::NotFound)
    }
}
