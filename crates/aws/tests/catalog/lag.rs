//! What lists show while their indexes are behind the records.

use crate::own;
use crate::support::lag::lagging;
use aws::catalog::{DynamoVideoStore, VIDEOS};
use aws::dynamo::Dynamo;
use catalog::{Advance, Edit, Metadata, Video, VideoStore};
use testkit::Trial;
use vocab::{Millis, Status, UserId, VideoId, Visibility};

const T0: i64 = 1_780_000_000_000;
const OWNER: UserId = UserId(1 << 60);

pub fn trials() -> Vec<Trial> {
    vec![
        own("what_left_the_public_list_is_not_shown_by_an_old_index", what_left_is_not_shown),
        own("a_page_of_an_old_index_is_filled_with_what_follows", an_old_page_is_filled),
        own("what_moved_on_does_not_stand_by_an_old_index", what_moved_on_does_not_stand),
        own("a_given_video_in_the_pipeline_is_no_longer_the_guests", a_given_video_is_not_the_guests),
    ]
}

async fn stored(videos: &DynamoVideoStore, n: i64, status: Status) -> Video {
    let at = Millis(T0 + n);
    let mut video = Video::reserved(VideoId::from_parts(at.0, 7), OWNER, format!("{n:032x}"), at);
    video.status = status;
    videos.insert(video.clone()).await.expect("written");
    video
}

fn later(video: &Video, to: Status) -> Advance {
    Advance::new(video.id, video.status, to, Millis(T0 + 1_000))
}

async fn what_left_is_not_shown(dynamo: Dynamo) {
    let videos = DynamoVideoStore::new(dynamo.clone());
    let behind = DynamoVideoStore::new(lagging(&dynamo, &VIDEOS).await);
    let (first, second) =
        (stored(&videos, 1, Status::Published).await, stored(&videos, 2, Status::Published).await);
    assert_eq!(behind.list_public(None, 10).await.expect("listed").len(), 2);
    videos.advance(later(&first, Status::Removed)).await.expect("removed");
    assert_eq!(behind.list_public(None, 10).await.expect("listed"), std::slice::from_ref(&second));
    let meta = Metadata { visibility: Visibility::Private, ..Metadata::default() };
    videos.edit(second.id, 0, Edit { meta: Some(meta), ..Edit::default() }).await.expect("edited");
    assert!(behind.list_public(None, 10).await.expect("listed").is_empty());
}

async fn an_old_page_is_filled(dynamo: Dynamo) {
    let videos = DynamoVideoStore::new(dynamo.clone());
    let behind = DynamoVideoStore::new(lagging(&dynamo, &VIDEOS).await);
    let mut all = Vec::new();
    for n in 1..=8 {
        all.push(stored(&videos, n, Status::Published).await);
    }
    assert_eq!(behind.list_public(None, 3).await.expect("listed").len(), 3);
    for newest in &all[6..] {
        videos.advance(later(newest, Status::Unlisted)).await.expect("withdrawn");
    }
    let page = behind.list_public(None, 3).await.expect("listed");
    assert_eq!(page, [all[5].clone(), all[4].clone(), all[3].clone()], "a short page would be the end");
}

async fn what_moved_on_does_not_stand(dynamo: Dynamo) {
    let videos = DynamoVideoStore::new(dynamo.clone());
    let behind = DynamoVideoStore::new(lagging(&dynamo, &VIDEOS).await);
    let standing = async |status| {
        let found = behind.list_by_status(status, Millis(T0 + 500), 10).await.expect("listed");
        found.iter().map(|v| v.id).collect::<Vec<_>>()
    };
    for (n, from, to) in [
        (1, Status::InReview, Status::Approved),
        (2, Status::Verifying, Status::Published),
        (3, Status::Rejected, Status::InReview),
    ] {
        let video = stored(&videos, n, from).await;
        assert_eq!(standing(from).await, [video.id]);
        videos.advance(later(&video, to)).await.expect("moved");
        assert_eq!(standing(from).await, [], "{from:?}");
    }
}

async fn a_given_video_is_not_the_guests(dynamo: Dynamo) {
    let videos = DynamoVideoStore::new(dynamo.clone());
    let behind = DynamoVideoStore::new(lagging(&dynamo, &VIDEOS).await);
    let video = stored(&videos, 1, Status::Encoding).await;
    assert_eq!(behind.list_by_owner(OWNER, None, 10).await.expect("listed").videos.len(), 1);
    videos.give(video.id, OWNER, UserId(5)).await.expect("given");
    assert!(behind.list_by_owner(OWNER, None, 10).await.expect("listed").videos.is_empty());
}
