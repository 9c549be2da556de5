//! What every engine of [`MediaStore`] must promise.

use crate::port::{Content, MediaStore, MediaStoreError};
use bytes::Bytes;
use std::sync::Arc;
use testkit::{Case, case};
use vocab::{MediaKey, PackageId, RenditionId, UploadId, VideoId};

type Store = Arc<dyn MediaStore>;

pub fn cases() -> Vec<Case<Store>> {
    vec![
        case("what_was_put_comes_back", what_was_put_comes_back),
        case("nothing_put_is_not_found", nothing_put_is_not_found),
        case("a_second_put_replaces_the_first", a_second_put_replaces_the_first),
        case("neighbours_do_not_mix", neighbours_do_not_mix),
        case("a_file_is_taken_whole_and_may_go", a_file_is_taken_whole_and_may_go),
        case("an_empty_object_is_an_object", an_empty_object_is_an_object),
        case("the_raw_object_is_a_local_file", the_raw_object_is_a_local_file),
        case("a_missing_raw_object_is_not_found", a_missing_raw_object_is_not_found),
        case("a_reader_never_sees_half_an_object", a_reader_never_sees_half_an_object),
    ]
}

const VIDEO: VideoId = VideoId(77);

fn segment(rendition: u128, n: u32) -> MediaKey {
    MediaKey::Segment { video: VIDEO, rendition: RenditionId(rendition), n }
}

async fn put(s: &Store, key: MediaKey, bytes: &'static [u8]) {
    s.put(key, Content::Bytes(Bytes::from_static(bytes))).await.expect("is stored");
}

async fn get(s: &Store, key: MediaKey) -> Bytes {
    s.get(key).await.expect("is there")
}

async fn what_was_put_comes_back(s: Store) {
    let big: Bytes = (0..3_000_000u32).map(|i| (i >> 4) as u8).collect();
    s.put(segment(1, 0), Content::Bytes(big.clone())).await.expect("is stored");
    assert_eq!(get(&s, segment(1, 0)).await, big);
    let poster = MediaKey::Poster { video: VIDEO, package: PackageId(5) };
    put(&s, poster.clone(), b"jpeg").await;
    assert_eq!(get(&s, poster).await, "jpeg");
}

async fn nothing_put_is_not_found(s: Store) {
    put(&s, segment(1, 0), b"x").await;
    assert!(matches!(s.get(segment(1, 1)).await, Err(MediaStoreError::NotFound)));
}

async fn a_second_put_replaces_the_first(s: Store) {
    put(&s, segment(1, 0), b"first and longer").await;
    put(&s, segment(1, 0), b"second").await;
    assert_eq!(get(&s, segment(1, 0)).await, "second");
}

async fn neighbours_do_not_mix(s: Store) {
    let other = MediaKey::Segment { video: VideoId(78), rendition: RenditionId(1), n: 0 };
    let init = MediaKey::Init { video: VIDEO, rendition: RenditionId(1) };
    put(&s, segment(1, 0), b"a").await;
    put(&s, segment(2, 0), b"b").await;
    put(&s, segment(1, 1), b"c").await;
    put(&s, other.clone(), b"d").await;
    put(&s, init.clone(), b"e").await;
    let mut seen = Vec::new();
    for key in [segment(1, 0), segment(2, 0), segment(1, 1), other, init] {
        seen.extend_from_slice(&get(&s, key).await);
    }
    assert_eq!(seen, b"abcde");
}

async fn a_file_is_taken_whole_and_may_go(s: Store) {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("source");
    std::fs::write(&path, b"from a file").expect("a file");
    s.put(segment(3, 0), Content::File(path.clone())).await.expect("is stored");
    // The file is the caller's: what is stored must not change with it.
    let _ = std::fs::remove_file(&path);
    std::fs::write(&path, b"changed").expect("a file");
    assert_eq!(get(&s, segment(3, 0)).await, "from a file");
}

async fn an_empty_object_is_an_object(s: Store) {
    put(&s, segment(1, 0), b"").await;
    assert_eq!(get(&s, segment(1, 0)).await, "");
}

async fn the_raw_object_is_a_local_file(s: Store) {
    let upload = UploadId(9);
    put(&s, MediaKey::Raw { video: VIDEO, upload }, b"raw bytes").await;
    let file = s.local_raw(VIDEO, upload).await.expect("is there");
    assert_eq!(std::fs::read(file.path()).expect("readable"), b"raw bytes");
}

async fn a_missing_raw_object_is_not_found(s: Store) {
    put(&s, MediaKey::Raw { video: VIDEO, upload: UploadId(9) }, b"raw bytes").await;
    let other = s.local_raw(VIDEO, UploadId(10)).await;
    assert!(matches!(other, Err(MediaStoreError::NotFound)), "{other:?}");
}

async fn a_reader_never_sees_half_an_object(s: Store) {
    let of = |b: u8| Bytes::from(vec![b; 400_000]);
    s.put(segment(1, 0), Content::Bytes(of(0))).await.expect("is stored");
    let writer = {
        let s = Arc::clone(&s);
        async move {
            for b in 1..20u8 {
                s.put(segment(1, 0), Content::Bytes(of(b))).await.expect("is stored");
            }
        }
    };
    let reader = async {
        for _ in 0..40 {
            let seen = get(&s, segment(1, 0)).await;
            assert_eq!(seen.len(), 400_000);
            assert!(seen.iter().all(|b| *b == seen[0]), "a mixture of two objects");
            tokio::task::yield_now().await;
        }
    };
    tokio::join!(writer, reader);
}
