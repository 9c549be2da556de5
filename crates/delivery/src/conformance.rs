//! What every [`ObjectReader`] promises, as named cases.

use crate::port::ObjectReader;
use async_trait::async_trait;
use bytes::Bytes;
use std::sync::Arc;
use testkit::{Case, case};
use vocab::{MediaKey, PackageId, RenditionId, VideoId};

/// A reader whose store a test can fill.
#[async_trait]
pub trait Stocked: ObjectReader {
    async fn put(&self, key: &MediaKey, bytes: Bytes);
}

#[async_trait]
impl Stocked for crate::memory::MemoryObjectReader {
    async fn put(&self, key: &MediaKey, bytes: Bytes) {
        Self::put(self, key.clone(), bytes);
    }
}

pub fn cases() -> Vec<Case<Arc<dyn Stocked>>> {
    vec![
        case("what_was_put_is_read_whole", what_was_put_is_read_whole),
        case("a_large_object_is_read_whole", a_large_object_is_read_whole),
        case("what_was_never_put_is_none", what_was_never_put_is_none),
        case("an_empty_object_is_there", an_empty_object_is_there),
        case("neighbours_are_not_confused", neighbours_are_not_confused),
        case("readers_at_once_agree", readers_at_once_agree),
    ]
}

fn segment(video: u64, n: u32) -> MediaKey {
    MediaKey::Segment { video: VideoId(video), rendition: RenditionId(7), n }
}

async fn what_was_put_is_read_whole(store: Arc<dyn Stocked>) {
    let (video, package, rendition) = (VideoId(1), PackageId(2), RenditionId(3));
    let keys = [
        MediaKey::Multivariant { video, package },
        MediaKey::MediaPlaylist { video, rendition },
        MediaKey::Init { video, rendition },
        MediaKey::Segment { video, rendition, n: 0 },
        MediaKey::IFramePlaylist { video, rendition },
        MediaKey::SingleFile { video, rendition },
        MediaKey::Captions { video, rendition },
        MediaKey::Poster { video, package },
        MediaKey::Sprite { video, package },
        MediaKey::SpriteVtt { video, package },
    ];
    for (i, key) in keys.iter().enumerate() {
        store.put(key, Bytes::from(vec![i as u8; 1_000 + i])).await;
    }
    for (i, key) in keys.iter().enumerate() {
        let read = store.read(key).await.expect("readable").expect("there");
        assert_eq!(read, vec![i as u8; 1_000 + i], "{key:?}");
    }
}

async fn a_large_object_is_read_whole(store: Arc<dyn Stocked>) {
    let body: Vec<u8> = (0..3_000_000u32).map(|i| (i % 251) as u8).collect();
    store.put(&segment(1, 0), Bytes::from(body.clone())).await;
    assert!(store.read(&segment(1, 0)).await.expect("readable").expect("there") == body);
}

async fn what_was_never_put_is_none(store: Arc<dyn Stocked>) {
    store.put(&segment(1, 0), Bytes::from_static(b"x")).await;
    assert_eq!(store.read(&segment(1, 1)).await.expect("no fault"), None);
    assert_eq!(store.read(&segment(2, 0)).await.expect("no fault"), None);
}

async fn an_empty_object_is_there(store: Arc<dyn Stocked>) {
    store.put(&segment(1, 0), Bytes::new()).await;
    assert_eq!(store.read(&segment(1, 0)).await.expect("no fault"), Some(Bytes::new()));
}

async fn neighbours_are_not_confused(store: Arc<dyn Stocked>) {
    let other = MediaKey::Segment { video: VideoId(1), rendition: RenditionId(8), n: 1 };
    for (key, byte) in [(segment(1, 1), 1u8), (segment(1, 11), 2), (segment(2, 1), 3), (other.clone(), 4)] {
        store.put(&key, Bytes::from(vec![byte])).await;
    }
    for (key, byte) in [(segment(1, 1), 1u8), (segment(1, 11), 2), (segment(2, 1), 3), (other, 4)] {
        assert_eq!(store.read(&key).await.expect("no fault"), Some(Bytes::from(vec![byte])), "{key:?}");
    }
}

async fn readers_at_once_agree(store: Arc<dyn Stocked>) {
    store.put(&segment(1, 0), Bytes::from(vec![9u8; 300_000])).await;
    let mut tasks = Vec::new();
    for _ in 0..16 {
        let store = Arc::clone(&store);
        tasks.push(tokio::spawn(async move { store.read(&segment(1, 0)).await.expect("no fault") }));
    }
    for task in tasks {
        assert_eq!(task.await.expect("no panic").map(|b| b.len()), Some(300_000));
    }
}
