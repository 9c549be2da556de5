//! The memory store against its own cases, and broken stores that the cases must catch.

use async_trait::async_trait;
use bytes::Bytes;
use moderation::port::{Content, LocalFile};
use std::sync::Arc;
use transcode::conformance::cases;
use transcode::{MediaStore, MediaStoreError, MemoryMediaStore};
use vocab::{MediaKey, RenditionId, UploadId, VideoId};

/// What a broken store does to the calls it passes on.
#[derive(Clone, Copy, PartialEq)]
enum Sin {
    /// Keeps the first of two objects under one name.
    KeepsTheFirst,
    /// Forgets which rendition a segment belongs to.
    MixesRenditions,
    /// Stops writing after a megabyte.
    CutsShort,
    /// Says that a missing object is empty.
    FindsNothingEmpty,
    /// Remembers the path of a file and not its bytes.
    TrustsTheFile,
}

struct Broken {
    sin: Sin,
    inner: MemoryMediaStore,
    _dir: tempfile::TempDir,
    links: std::sync::Mutex<std::collections::HashMap<MediaKey, std::path::PathBuf>>,
}

fn broken(sin: Sin) -> impl Fn() -> Arc<dyn MediaStore> + Send + Sync + 'static {
    move || {
        let dir = tempfile::tempdir().expect("a directory");
        let inner = MemoryMediaStore::new(dir.path());
        Arc::new(Broken { sin, inner, _dir: dir, links: std::sync::Mutex::default() })
    }
}

impl Broken {
    fn key(&self, key: MediaKey) -> MediaKey {
        match key {
            MediaKey::Segment { video, n, .. } if self.sin == Sin::MixesRenditions => {
                MediaKey::Segment { video, rendition: RenditionId(0), n }
            }
            key => key,
        }
    }
}

#[async_trait]
impl MediaStore for Broken {
    async fn put(&self, key: MediaKey, content: Content) -> Result<(), MediaStoreError> {
        let key = self.key(key);
        if self.sin == Sin::KeepsTheFirst && self.inner.get(key.clone()).await.is_ok() {
            return Ok(());
        }
        match content {
            Content::File(path) if self.sin == Sin::TrustsTheFile => {
                self.links.lock().expect("no panic").insert(key, path);
                Ok(())
            }
            Content::Bytes(b) if self.sin == Sin::CutsShort => {
                let whole = b.len().min(1 << 20);
                self.inner.put(key, Content::Bytes(b.slice(..whole))).await
            }
            content => self.inner.put(key, content).await,
        }
    }

    async fn get(&self, key: MediaKey) -> Result<Bytes, MediaStoreError> {
        let key = self.key(key);
        let link = self.links.lock().expect("no panic").get(&key).cloned();
        if let Some(path) = link {
            return Ok(std::fs::read(path).unwrap_or_default().into());
        }
        match self.inner.get(key).await {
            Err(MediaStoreError::NotFound) if self.sin == Sin::FindsNothingEmpty => Ok(Bytes::new()),
            found => found,
        }
    }

    async fn local_raw(&self, video: VideoId, upload: UploadId) -> Result<LocalFile, MediaStoreError> {
        self.inner.local_raw(video, upload).await
    }
}

fn main() {
    let mut all = testkit::trials_in("memory", cases(), |dir| -> Arc<dyn MediaStore> {
        Arc::new(MemoryMediaStore::new(dir))
    });
    for (name, sin, caught_by) in [
        (
            "keeps_the_first",
            Sin::KeepsTheFirst,
            &["a_second_put_replaces_the_first"] as &'static [&'static str],
        ),
        ("mixes_renditions", Sin::MixesRenditions, &["neighbours_do_not_mix"]),
        ("cuts_short", Sin::CutsShort, &["what_was_put_comes_back"]),
        ("finds_nothing_empty", Sin::FindsNothingEmpty, &["nothing_put_is_not_found"]),
        ("trusts_the_file", Sin::TrustsTheFile, &["a_file_is_taken_whole_and_may_go"]),
    ] {
        all.push(testkit::saboteur(name, cases, broken(sin), caught_by));
    }
    testkit::main(all)
}
