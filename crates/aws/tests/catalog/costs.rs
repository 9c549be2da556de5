//! What videos and shelves cost.

use crate::own;
use aws::catalog::{DynamoLibraryStore, DynamoVideoStore};
use aws::dynamo::{Dynamo, Spent};
use catalog::{
    Advance, Facts, LibraryStore, Metadata, Package, RenditionFacts, Shelf, SourceFacts, SpriteFacts,
    VerdictFacts, Video, VideoStore,
};
use testkit::Trial;
use vocab::{
    Bytes, Kbps, Millis, PackageId, RenditionId, RungName, Status, UploadId, UserId, Verdict, VideoId,
};

const T0: i64 = 1_780_000_000_000;
const OWNER: UserId = UserId(1 << 60);

pub fn trials() -> Vec<Trial> {
    vec![
        own("from_reservation_to_publication_in_14_write_units", from_reservation_to_publication),
        own("a_page_of_own_videos_is_one_query", a_page_of_own_videos_is_one_query),
        own("own_videos_in_the_pipeline_are_read_in_one_batch", own_videos_in_the_pipeline),
        own("twenty_records_cost_ten_units", twenty_records_cost_ten_units),
        own("hearts_of_a_page_cost_half_a_unit_a_shelf", hearts_of_a_page),
        own("a_like_costs_two_writes", a_like_costs_two_writes),
        own("a_video_in_flight_is_found_by_each_of_its_statuses", in_flight_is_found),
    ]
}

fn source() -> SourceFacts {
    SourceFacts {
        duration_ms: Millis(21_345),
        width: 1080,
        height: 1920,
        fps_milli: 29_970,
        has_audio: true,
        video_codec: "h264".into(),
        audio_codec: Some("aac".into()),
        size_bytes: Bytes(48_000_000),
    }
}

fn verdict() -> VerdictFacts {
    VerdictFacts {
        verdict: Verdict::Approve,
        content_sha256: hash(),
        decided_at: Millis(T0 + 9_000),
        decided_by: "classifier".into(),
        reason_code: None,
        reason: None,
    }
}

/// As hard to compress as the real thing: ids and sizes are random there.
fn noise(n: u64) -> u64 {
    let mixed = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 29).wrapping_mul(0xD6E8_FEB8_6659_FD93)
}

fn random_id(n: u64) -> u128 {
    u128::from(noise(n)) << 64 | u128::from(noise(n + 1))
}

fn hash() -> String {
    (1..=4).map(|n| format!("{:016x}", noise(n))).collect()
}

/// Twenty seconds in four rungs.
fn package() -> Package {
    let rendition = |rung: u16| RenditionFacts {
        id: RenditionId(random_id(rung.into())),
        rung: RungName(rung),
        width: u32::from(rung),
        height: u32::from(rung) * 16 / 9,
        codecs: "avc1.64001f,mp4a.40.2".into(),
        peak_kbps: Kbps(1_700),
        average_kbps: Kbps(1_500),
        init_bytes: 1_200,
        first_frame_bytes: 29_000,
        segment_bytes: (0..10).map(|n| 100_000 + noise(u64::from(rung) + n) as u32 % 400_000).collect(),
        layout: catalog::Layout::default(),
    };
    Package {
        id: PackageId(random_id(9)),
        duration_ms: Millis(20_000),
        width: 1080,
        height: 1920,
        fps_milli: 29_970,
        has_audio: true,
        renditions: [360, 240, 540, 720].map(rendition).into(),
        segment_ms: vec![2_000; 10],
        blurhash: Some("LEHV6nWB2yk8pyo0adR*.7kCMdnj".into()),
        sprite: Some(SpriteFacts {
            tile_width: 90,
            tile_height: 160,
            columns: 10,
            rows: 2,
            tiles: 20,
            cadence_ms: 1_000,
        }),
        pending: vec![],
        quality: None,
        tracks: catalog::Tracks::default(),
    }
}

fn reserved(n: i64) -> Video {
    let at = Millis(T0 + n);
    let mut video =
        Video::reserved(VideoId::from_parts(at.0, 77), OWNER, format!("{:032x}", random_id(n as u64)), at);
    video.meta = Metadata {
        title: "A walk along the beach at sunset".into(),
        caption: "Half an hour after the rain. #sunset #beach".into(),
        hashtags: vec!["sunset".into(), "beach".into()],
        ..Metadata::default()
    };
    video
}

/// The way of a video as the slices make it go.
async fn publish(dynamo: &Dynamo, video: &Video) -> Vec<Spent> {
    let videos = DynamoVideoStore::new(dynamo.clone());
    let judged = Facts {
        source: Some(source()),
        verdict: Some(verdict()),
        content_sha256: Some(hash()),
        ..Facts::default()
    };
    let uploaded = Facts {
        upload: Some(UploadId(random_id(8))),
        raw_bytes: Some(Bytes(48_000_000)),
        ..Facts::default()
    };
    let published = Facts { package: Some(package()), failure: Some(None), ..Facts::default() };
    let way = [
        (Status::Reserved, Status::Uploaded, uploaded),
        (Status::Uploaded, Status::Judging, Facts::default()),
        (Status::Judging, Status::Approved, judged),
        (Status::Approved, Status::Encoding, Facts::default()),
        (Status::Encoding, Status::Verifying, Facts::default()),
        (Status::Verifying, Status::Published, published),
    ];
    let mut spent = vec![dynamo.meter().spent()];
    videos.insert(video.clone()).await.expect("written");
    spent.push(dynamo.meter().spent());
    for (n, (from, to, facts)) in (1..).zip(way) {
        let at = Millis(video.created_at.0 + 1_000 * n);
        videos.advance(Advance::new(video.id, from, to, at).with(facts)).await.expect("moved");
        spent.push(dynamo.meter().spent());
    }
    spent.windows(2).map(|w| w[1] - w[0]).collect()
}

async fn from_reservation_to_publication(dynamo: Dynamo) {
    let spent = publish(&dynamo, &reserved(1)).await;
    let writes: Vec<f64> = spent.iter().map(|s| s.write_units).collect();
    let reads: f64 = spent.iter().map(|s| s.read_units).sum();
    println!("RESULT dynamodb_video_life writes={writes:?} wcu={} rcu={reads}", writes.iter().sum::<f64>());
    assert!(writes.iter().sum::<f64>() <= 14.0, "{writes:?}");
    assert!(reads <= 6.0, "{reads}");
}

async fn a_page_of_own_videos_is_one_query(dynamo: Dynamo) {
    for n in 1..=25 {
        publish(&dynamo, &reserved(n)).await;
    }
    let before = dynamo.meter().spent();
    let videos = DynamoVideoStore::new(dynamo.clone());
    let page = videos.list_by_owner(OWNER, None, 20).await.expect("listed");
    let spent = dynamo.meter().spent() - before;
    println!("RESULT dynamodb_own_videos_page requests={} rcu={}", spent.requests, spent.read_units);
    assert_eq!((page.videos.len(), spent.requests), (20, 1));
    assert_eq!(page.videos[0], videos.get(page.videos[0].id).await.expect("found"), "whole records");
}

async fn own_videos_in_the_pipeline(dynamo: Dynamo) {
    let videos = DynamoVideoStore::new(dynamo.clone());
    publish(&dynamo, &reserved(1)).await;
    for (n, status) in [(2, Status::Encoding), (3, Status::Reserved), (4, Status::InReview)] {
        videos.insert(Video { status, ..reserved(n) }).await.expect("written");
    }
    let before = dynamo.meter().spent();
    let page = videos.list_by_owner(OWNER, None, 20).await.expect("listed");
    assert_eq!((dynamo.meter().spent() - before).requests, 2);
    let ids: Vec<VideoId> = page.videos.iter().map(|v| v.id).collect();
    assert_eq!(ids, [4, 3, 2, 1].map(|n| reserved(n).id));
    assert_eq!(page.videos, videos.get_many(&ids).await.expect("read"));
}

async fn twenty_records_cost_ten_units(dynamo: Dynamo) {
    for n in 1..=20 {
        publish(&dynamo, &reserved(n)).await;
    }
    let videos = DynamoVideoStore::new(dynamo.clone());
    let ids: Vec<VideoId> = (1..=20).map(|n| reserved(n).id).collect();
    let before = dynamo.meter().spent();
    assert_eq!(videos.get_many(&ids).await.expect("read").len(), 20);
    let spent = dynamo.meter().spent() - before;
    assert_eq!((spent.requests, spent.read_units), (1, 10.0));
}

async fn hearts_of_a_page(dynamo: Dynamo) {
    let library = DynamoLibraryStore::new(dynamo.clone());
    for n in 0..30 {
        library.put(OWNER, Shelf::Likes, VideoId(1_000 + 7 * n), Millis(T0)).await.expect("put");
    }
    let page: Vec<VideoId> = (0..20).map(|n| VideoId(1_000 + 10 * n)).collect();
    let before = dynamo.meter().spent();
    let liked = library.contains(OWNER, Shelf::Likes, &page).await.expect("asked");
    let spent = dynamo.meter().spent() - before;
    assert_eq!(liked, [1_000, 1_070, 1_140].map(VideoId));
    assert_eq!((spent.requests, spent.read_units), (1, 0.5));
}

async fn a_like_costs_two_writes(dynamo: Dynamo) {
    let library = DynamoLibraryStore::new(dynamo.clone());
    let mut last = dynamo.meter().spent();
    let mut step = || {
        let now = dynamo.meter().spent();
        let spent = now - std::mem::replace(&mut last, now);
        (spent.write_units, spent.read_units)
    };
    let (video, at) = (VideoId(7), |ms| Millis(T0 + ms));
    library.put(OWNER, Shelf::Likes, video, at(1)).await.expect("put");
    assert_eq!(step(), (2.0, 1.0), "a like");
    library.put(OWNER, Shelf::Likes, video, at(2)).await.expect("put");
    assert_eq!(step(), (0.0, 1.0), "the same again");
    library.remove(OWNER, Shelf::Likes, video).await.expect("removed");
    assert_eq!(step(), (2.0, 1.0), "taken back");
    for (ms, writes) in [(1, 2.0), (9, 3.0), (4, 0.0)] {
        library.put(OWNER, Shelf::History, video, at(ms)).await.expect("put");
        assert_eq!(step(), (writes, 1.0), "seen at {ms}");
    }
}

async fn in_flight_is_found(dynamo: Dynamo) {
    let videos = DynamoVideoStore::new(dynamo);
    let flight = [
        Status::Uploaded,
        Status::Judging,
        Status::Approved,
        Status::Encoding,
        Status::Verifying,
        Status::Published,
    ];
    for n in 0..60 {
        let video =
            Video { status: flight[n as usize % 6], status_changed_at: Millis(T0 + 100 - n), ..reserved(n) };
        videos.insert(video).await.expect("written");
    }
    for (n, status) in (0..).zip(flight) {
        let found = videos.list_by_status(status, Millis(T0 + 90), 4).await.expect("listed");
        let at: Vec<i64> = found.iter().map(|v| v.status_changed_at.0 - T0).collect();
        assert_eq!(at, [0, 6, 12, 18].map(|late| 46 - n + late), "{status:?}");
    }
}
