//! The ports in memory: the executable specification, and what tests run on.

use crate::port::{
    Content, EncodeJob, Encoded, EncodedTrack, Encoder, LocalFile, MediaError, MediaStore, MediaStoreError,
    VerifyJob,
};
use async_trait::async_trait;
use bytes::Bytes;
use catalog::jobs::Eraser;
use packager::synthetic::{Synthetic, audio_track, av1_track, video_track};
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use stdx::Fault;
use vocab::{Codec, MediaKey, UploadId, VideoId};

/// Objects in memory. A raw object is given to child processes as a file in `dir`.
#[derive(Debug)]
pub struct MemoryMediaStore {
    dir: PathBuf,
    objects: Mutex<HashMap<MediaKey, Bytes>>,
    written: AtomicU64,
}

impl MemoryMediaStore {
    /// `dir` exists and belongs to this store alone.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), objects: Mutex::default(), written: AtomicU64::new(0) }
    }

    fn objects(&self) -> MutexGuard<'_, HashMap<MediaKey, Bytes>> {
        self.objects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn keys(&self) -> Vec<MediaKey> {
        self.objects().keys().cloned().collect()
    }
}

#[async_trait]
impl MediaStore for MemoryMediaStore {
    async fn put(&self, key: MediaKey, content: Content) -> Result<(), MediaStoreError> {
        let bytes = match content {
            Content::Bytes(b) => b,
            Content::File(path) => tokio::fs::read(path).await.map_err(Fault::from)?.into(),
        };
        self.objects().insert(key, bytes);
        Ok(())
    }

    async fn get(&self, key: MediaKey) -> Result<Bytes, MediaStoreError> {
        self.objects().get(&key).cloned().ok_or(MediaStoreError::NotFound)
    }

    async fn local_raw(&self, video: VideoId, upload: UploadId) -> Result<LocalFile, MediaStoreError> {
        let bytes = self.get(MediaKey::Raw { video, upload }).await?;
        let path = self.dir.join(format!("{video}-{upload}"));
        // Whole at once: another run may be reading it.
        let written = path.with_extension(self.written.fetch_add(1, Ordering::Relaxed).to_string());
        tokio::fs::write(&written, bytes).await.map_err(Fault::from)?;
        tokio::fs::rename(&written, &path).await.map_err(Fault::from)?;
        Ok(LocalFile::standing(path))
    }
}

#[async_trait]
impl Eraser for MemoryMediaStore {
    async fn delete_prefix(&self, prefix: &str) -> Result<(), Fault> {
        self.objects().retain(|key, _| !key.object_key().starts_with(prefix));
        Ok(())
    }
}

/// An encoder that makes up its pictures but keeps every promise about the structure.
#[derive(Debug, Default)]
pub struct MemoryEncoder {
    /// Runs of `encode` so far.
    pub encodes: std::sync::atomic::AtomicU32,
}

#[async_trait]
impl Encoder for MemoryEncoder {
    fn fingerprint(&self) -> String {
        "memory 1".into()
    }

    async fn encode(&self, job: EncodeJob) -> Result<Encoded, MediaError> {
        self.encodes.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        let mut rungs = Vec::new();
        for (i, rung) in job.plan.rungs.iter().enumerate() {
            let made = Synthetic {
                width: rung.width as u16,
                height: rung.height as u16,
                fps: job.plan.fps,
                frames: job.plan.frames(),
                gop: job.plan.gop_frames(),
                key_bytes: rung.max_kbps.0 * if rung.codec == Codec::Av1 { 5 } else { 8 },
            };
            let track = match rung.codec {
                Codec::H264 => video_track(made),
                Codec::Av1 => av1_track(made),
            };
            let path = job.work_dir.join(format!("{}.mp4", rung.name));
            tokio::fs::write(&path, track).await.map_err(Fault::from)?;
            rungs.push(EncodedTrack { rung: rung.name, path });
            (job.progress)((100 * (i + 1) / job.plan.rungs.len()) as u8);
        }
        let mut audio = None;
        if job.plan.audio.is_some() {
            let path = job.work_dir.join("audio.mp4");
            let track = audio_track(job.plan.duration_ms.0.max(0) as u64);
            tokio::fs::write(&path, track).await.map_err(Fault::from)?;
            audio = Some(path);
        }
        Ok(Encoded { rungs, audio })
    }

    async fn verify(&self, job: VerifyJob) -> Result<(), MediaError> {
        for path in job.files.iter().chain(&job.sound) {
            let data = tokio::fs::read(path).await.map_err(Fault::from)?;
            let boxes = packager::top_level(&data).map_err(|e| MediaError::Failed(e.to_string()))?;
            let segments = boxes.iter().filter(|(kind, _)| kind == b"moof").count();
            // A long segment is several fragments.
            if segments < job.expect.segment_ms.len() {
                return Err(MediaError::Failed(format!("{segments} fragments in {}", path.display())));
            }
        }
        (job.progress)(100);
        Ok(())
    }
}
