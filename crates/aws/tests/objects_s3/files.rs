//! Private files, raw files on the disk, large files, erasure.

use super::{Client, begin, raw_key};
use crate::s3::{Area, PART_MIN};
use bytes::Bytes as Octets;
use catalog::jobs::Eraser;
use moderation::port::{Content, FileError, SourceFiles};
use std::collections::BTreeSet;
use testkit::{Case, case};
use transcode::{MediaStore, MediaStoreError};
use upload::conformance::PartSender;
use upload::{RawStore, RawStoreError};
use vocab::{MediaKey, PackageId, RenditionId, UploadId, VideoId};

pub fn cases() -> Vec<Case<Area>> {
    vec![
        case("private_files_come_back_and_public_keys_are_refused", private_files_come_back),
        case("objects_say_what_they_are", objects_say_what_they_are),
        case("a_large_file_goes_in_parts_and_leaves_none", a_large_file_goes_in_parts),
        case("a_raw_file_comes_in_ranges_and_goes_with_its_value", a_raw_file_comes_in_ranges),
        case("an_empty_raw_file_is_a_file", an_empty_raw_file_is_a_file),
        case("a_raw_file_beyond_the_limit_is_not_fetched", a_raw_file_beyond_the_limit),
        case("an_erased_video_leaves_nothing_and_takes_nobody_along", an_erased_video_leaves_nothing),
        case("a_prefix_that_is_no_videos_is_refused", a_prefix_that_is_no_videos_is_refused),
    ]
}

/// With the numbers of production.
pub fn real_sizes() -> Vec<Case<Area>> {
    vec![case("seventy_megabytes_go_in_five_parts_and_come_in_nine_ranges", seventy_megabytes)]
}

async fn seventy_megabytes(a: Area) {
    let whole: Vec<u8> = (0..70 << 20).map(|i: u32| (i ^ (i >> 11)) as u8).collect();
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("large");
    std::fs::write(&path, &whole).expect("a file");
    MediaStore::put(&a.objects, raw_key(1), Content::File(path)).await.expect("is stored");
    let head = a.objects.head(&raw_key(1)).await.expect("looks").expect("stands");
    assert!(head.etag.ends_with("-5"), "{}", head.etag);
    let file = SourceFiles::local_raw(&a.objects, VideoId(1), UploadId(1)).await.expect("is there");
    assert!(std::fs::read(file.path()).expect("reads") == whole);
}

fn bytes(n: usize) -> Octets {
    (0..n).map(|i| (i * 31 % 251) as u8).collect::<Vec<_>>().into()
}

fn segment(video: u64, n: u32) -> MediaKey {
    MediaKey::Segment { video: VideoId(video), rendition: RenditionId(1), n }
}

async fn private_files_come_back(a: Area) {
    let key = MediaKey::DraftFacts { video: VideoId(1), digest: 5 };
    assert!(matches!(a.objects.get_private(key.clone()).await, Err(FileError::NotFound)));
    for text in [&b"{}"[..], b"{\"a\":1}"] {
        let content = Content::Bytes(Octets::from_static(text));
        a.objects.put_private(key.clone(), content).await.expect("is stored");
        assert_eq!(a.objects.get_private(key.clone()).await.expect("reads"), text);
    }
    let public = segment(1, 0);
    let put = a.objects.put_private(public.clone(), Content::Bytes(bytes(1))).await;
    assert!(matches!(put, Err(FileError::NotPrivate)), "{put:?}");
    MediaStore::put(&a.objects, public.clone(), Content::Bytes(bytes(1))).await.expect("is stored");
    assert!(matches!(a.objects.get_private(public).await, Err(FileError::NotPrivate)));
}

async fn objects_say_what_they_are(a: Area) {
    let playlist = MediaKey::Multivariant { video: VideoId(1), package: PackageId(2) };
    let frame = MediaKey::ReviewFrame { video: VideoId(1), digest: 3, n: 1 };
    for key in [playlist, frame] {
        MediaStore::put(&a.objects, key.clone(), Content::Bytes(bytes(10))).await.expect("is stored");
        let name = format!("{}{}", a.prefix, key.object_key());
        let head = a.client.head_object().bucket(crate::s3::BUCKET).key(name).send().await.expect("stands");
        assert_eq!(head.content_type(), Some(key.content_type()));
        assert_eq!(head.cache_control(), Some(key.cache_class().cache_control()));
    }
}

async fn a_large_file_goes_in_parts(a: Area) {
    let whole = bytes(PART_MIN * 7 + 13);
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("large");
    std::fs::write(&path, &whole).expect("a file");
    let key = segment(1, 0);
    MediaStore::put(&a.objects, key.clone(), Content::File(path)).await.expect("is stored");
    assert_eq!(a.calm.get(key.clone()).await.expect("stands"), whole);
    let name = format!("{}{}", a.prefix, key.object_key());
    let head = a.client.head_object().bucket(crate::s3::BUCKET).key(name).send().await.expect("stands");
    assert!(head.e_tag().is_some_and(|e| e.contains("-8")), "{:?}", head.e_tag());
    assert_eq!(head.content_type(), Some(key.content_type()));
}

async fn a_raw_file_comes_in_ranges(a: Area) {
    // Ranges are of 1,000 bytes.
    for (n, length) in [(1, 999), (2, 1_000), (3, 1_001), (4, 25_345)] {
        let whole = bytes(length);
        MediaStore::put(&a.calm, raw_key(n), Content::Bytes(whole.clone())).await.expect("is stored");
        let file =
            SourceFiles::local_raw(&a.objects, VideoId(n), UploadId(u128::from(n))).await.expect("is there");
        assert_eq!(std::fs::read(file.path()).expect("reads"), whole, "{length}");
        assert!(file.path().starts_with(&a.scratch));
        drop(file);
        assert_eq!(std::fs::read_dir(&a.scratch).expect("lists").count(), 0, "the copy went");
    }
    let missing = SourceFiles::local_raw(&a.objects, VideoId(9), UploadId(9)).await;
    assert!(matches!(missing, Err(FileError::NotFound)), "{missing:?}");
}

async fn an_empty_raw_file_is_a_file(a: Area) {
    MediaStore::put(&a.calm, raw_key(1), Content::Bytes(Octets::new())).await.expect("is stored");
    let file = SourceFiles::local_raw(&a.objects, VideoId(1), UploadId(1)).await.expect("is there");
    assert_eq!(std::fs::read(file.path()).expect("reads"), b"");
}

async fn a_raw_file_beyond_the_limit(a: Area) {
    MediaStore::put(&a.calm, raw_key(1), Content::Bytes(bytes(100_001))).await.expect("is stored");
    let refused = SourceFiles::local_raw(&a.objects, VideoId(1), UploadId(1)).await;
    let Err(FileError::Fault(fault)) = refused else { panic!("{refused:?}") };
    assert!(fault.to_string().contains("100001"), "{fault}");
    assert_eq!(std::fs::read_dir(&a.scratch).expect("lists").count(), 0);
}

async fn an_erased_video_leaves_nothing(a: Area) {
    let video = VideoId(1);
    // The endpoint shows four a page.
    let mut keys: Vec<_> = (0..9).map(|n| segment(1, n)).collect();
    keys.push(MediaKey::Poster { video, package: PackageId(1) });
    keys.push(MediaKey::DraftFacts { video, digest: 1 });
    keys.push(raw_key(1));
    for key in keys.iter().chain([&segment(2, 0)]) {
        MediaStore::put(&a.calm, key.clone(), Content::Bytes(bytes(3))).await.expect("is stored");
    }
    let mut open = Vec::new();
    for _ in 0..6 {
        let ticket = a.calm.begin(&raw_key(1), begin(1)).await.expect("begins");
        let sender = Client(a.calm.clone());
        sender.send(&raw_key(1), &ticket, 1, bytes(PART_MIN)).await.expect("taken");
        open.push(ticket);
    }
    let other = a.calm.begin(&raw_key(2), begin(1)).await.expect("begins");
    for _ in 0..2 {
        for prefix in MediaKey::prefixes_of(video) {
            a.objects.delete_prefix(&prefix).await.expect("erases");
        }
    }
    for key in &keys {
        let gone = a.calm.get(key.clone()).await;
        assert!(matches!(gone, Err(MediaStoreError::NotFound)), "{key:?}");
    }
    for ticket in open {
        let gone = a.calm.list_parts(&raw_key(1), &ticket).await;
        assert!(matches!(gone, Err(RawStoreError::NoSuchUpload)), "{gone:?}");
    }
    a.calm.get(segment(2, 0)).await.expect("another video stays");
    a.calm.list_parts(&raw_key(2), &other).await.expect("another upload stays");
    let left = a.client.list_objects_v2().bucket(crate::s3::BUCKET).prefix(&a.prefix).send().await;
    let left: BTreeSet<_> =
        left.expect("lists").contents().iter().filter_map(|o| o.key().map(str::to_owned)).collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

async fn a_prefix_that_is_no_videos_is_refused(a: Area) {
    MediaStore::put(&a.calm, segment(1, 0), Content::Bytes(bytes(3))).await.expect("is stored");
    for prefix in ["", "/", "raw", "vod/packaged"] {
        assert!(a.objects.delete_prefix(prefix).await.is_err(), "{prefix}");
    }
    a.calm.get(segment(1, 0)).await.expect("stays");
}
