//! Reading: the owner's list, the public index, the sweeper's question.

use super::{OWNER, Videos, at, given, given_to, ids, video_in};
use crate::policy::GET_MANY_MAX;
use crate::port::{Advance, Edit, VideoStoreError};
use crate::video::{Metadata, Video};
use testkit::{Case, case};
use vocab::{Millis, Status, UserId, VideoId, Visibility};

pub(super) fn cases() -> Vec<Case<Videos>> {
    vec![
        case("get_many_keeps_the_order_asked", get_many_keeps_the_order_asked),
        case("get_many_is_bounded", get_many_is_bounded),
        case("the_index_follows_the_status_both_ways", the_index_follows_the_status_both_ways),
        case("the_index_follows_the_visibility_both_ways", the_index_follows_the_visibility_both_ways),
        case("the_index_shows_the_record_as_it_is", the_index_shows_the_record_as_it_is),
        case("the_index_pages_by_publication", the_index_pages_by_publication),
        case("owner_lists_page_without_gap_or_repeat", owner_lists_page_without_gap_or_repeat),
        case("owner_lists_are_newest_first", owner_lists_are_newest_first),
        case("owner_lists_leave_out_removed_and_foreign", owner_lists_leave_out_removed_and_foreign),
        case("standing_videos_come_oldest_first", standing_videos_come_oldest_first),
        case("standing_is_counted_from_the_last_move", standing_is_counted_from_the_last_move),
    ]
}

async fn get_many_keeps_the_order_asked(videos: Videos) {
    let mut known = Vec::new();
    for n in 1..=5 {
        known.push(given(&videos, n, Status::Published).await.id);
    }
    let asked = [known[3], known[0], VideoId(4), known[4], known[1]];
    let found = videos.get_many(&asked).await.expect("read");
    assert_eq!(ids(&found), [known[3], known[0], known[4], known[1]]);
    assert_eq!(videos.get_many(&[]).await.expect("read"), []);
}

async fn get_many_is_bounded(videos: Videos) {
    let asked: Vec<VideoId> = (1..).map(VideoId).take(GET_MANY_MAX).collect();
    assert_eq!(videos.get_many(&asked).await.expect("as many as may be"), []);
    let asked: Vec<VideoId> = (1..).map(VideoId).take(GET_MANY_MAX + 1).collect();
    assert!(matches!(videos.get_many(&asked).await, Err(VideoStoreError::Fault(_))));
}

async fn listed(videos: &Videos) -> Vec<VideoId> {
    ids(&videos.list_public(None, 100).await.expect("listed"))
}

async fn the_index_follows_the_status_both_ways(videos: Videos) {
    let video = given(&videos, 1, Status::Verifying).await;
    let go = async |from, to, ms| {
        videos.advance(Advance::new(video.id, from, to, at(ms))).await.expect("a legal move");
    };
    assert_eq!(listed(&videos).await, []);
    go(Status::Verifying, Status::Published, 1).await;
    assert_eq!(listed(&videos).await, [video.id]);
    for (n, away) in (1..).zip([Status::Unlisted, Status::Removed]) {
        go(Status::Published, away, 10 * n).await;
        assert_eq!(listed(&videos).await, [], "{away:?} is out of the index");
        go(away, Status::Published, 10 * n + 5).await;
        assert_eq!(listed(&videos).await, [video.id], "and back from {away:?}");
    }
    go(Status::Published, Status::InReview, 90).await;
    assert_eq!(listed(&videos).await, []);
}

async fn the_index_follows_the_visibility_both_ways(videos: Videos) {
    let video = given_to(&videos, 1, Status::Verifying, Visibility::Private).await;
    let step = Advance::new(video.id, Status::Verifying, Status::Published, at(1));
    let mut revision = videos.advance(step).await.expect("published").revision;
    assert_eq!(listed(&videos).await, [], "published for its owner alone");
    for visibility in [Visibility::Public, Visibility::Unlisted, Visibility::Public, Visibility::Private] {
        let meta = Metadata { visibility, ..Metadata::default() };
        let edit = Edit { meta: Some(meta), ..Edit::default() };
        revision = videos.edit(video.id, revision, edit).await.expect("edited").revision;
        let expected = if visibility == Visibility::Public { vec![video.id] } else { vec![] };
        assert_eq!(listed(&videos).await, expected, "{visibility:?}");
    }
}

async fn the_index_shows_the_record_as_it_is(videos: Videos) {
    let video = given(&videos, 1, Status::Verifying).await;
    let step = Advance::new(video.id, Status::Verifying, Status::Published, at(1));
    let revision = videos.advance(step).await.expect("published").revision;
    let meta = Metadata { title: "new".into(), ..Metadata::default() };
    let edited =
        videos.edit(video.id, revision, Edit { meta: Some(meta), ..Edit::default() }).await.expect("edited");
    assert_eq!(videos.list_public(None, 5).await.expect("listed"), [edited]);
}

/// `(publication, id)` of a listed video.
fn place(video: &Video) -> (Millis, VideoId) {
    (video.published_at.expect("listed videos were published"), video.id)
}

async fn the_index_pages_by_publication(videos: Videos) {
    // Publication order is not birth order, and some are published in the same millisecond.
    let mut expected = Vec::new();
    for n in 0..17u64 {
        let mut video = video_in(n + 1, Status::Published, Visibility::Public);
        video.published_at = Some(at(((n * 7) % 5) as i64));
        expected.push(place(&video));
        videos.insert(video).await.expect("written");
    }
    expected.sort_by(|a, b| b.cmp(a));
    for limit in [1, 3, 16, 17, 50] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = videos.list_public(before, limit).await.expect("listed");
            assert!(page.len() <= limit);
            let Some(last) = page.last() else { break };
            before = Some(place(last));
            seen.extend(page.iter().map(place));
        }
        assert_eq!(seen, expected, "pages of {limit}");
    }
}

async fn pages(videos: &Videos, owner: UserId, limit: usize) -> Vec<VideoId> {
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let page = videos.list_by_owner(owner, before, limit).await.expect("listed");
        assert!(page.videos.len() <= limit);
        seen.extend(ids(&page.videos));
        before = page.next_before;
        if before.is_none() {
            return seen;
        }
        assert_eq!(before, page.videos.last().map(|v| v.id), "the next page begins after the last video");
    }
}

async fn owner_lists_page_without_gap_or_repeat(videos: Videos) {
    let mut expected = Vec::new();
    for n in [4, 9, 1, 8, 2, 7, 3, 6, 5, 10] {
        expected.push(given(&videos, n, Status::Published).await.id);
    }
    expected.sort();
    for limit in [1, 3, 5, 10, 11] {
        let mut seen = pages(&videos, OWNER, limit).await;
        seen.sort();
        assert_eq!(seen, expected, "pages of {limit}");
    }
}

async fn owner_lists_are_newest_first(videos: Videos) {
    for n in [2, 1, 4, 3] {
        given(&videos, n, Status::Uploaded).await;
    }
    let page = videos.list_by_owner(OWNER, None, 10).await.expect("listed");
    let expected: Vec<VideoId> =
        [4, 3, 2, 1].map(|n| video_in(n, Status::Uploaded, Visibility::Public).id).into();
    assert_eq!((ids(&page.videos), page.next_before), (expected, None));
}

async fn owner_lists_leave_out_removed_and_foreign(videos: Videos) {
    let kept = given(&videos, 1, Status::Failed).await;
    let removed = given(&videos, 2, Status::Published).await;
    given(&videos, 3, Status::Erased).await;
    let mut foreign = video_in(4, Status::Published, Visibility::Public);
    foreign.owner = UserId(12);
    videos.insert(foreign.clone()).await.expect("written");
    let go = |from, to| videos.advance(Advance::new(removed.id, from, to, at(9)));
    go(Status::Published, Status::Removed).await.expect("removed");
    assert_eq!(pages(&videos, OWNER, 10).await, [kept.id]);
    assert_eq!(pages(&videos, UserId(12), 10).await, [foreign.id]);
    assert_eq!(pages(&videos, UserId(13), 10).await, []);
    go(Status::Removed, Status::Published).await.expect("undone");
    assert_eq!(pages(&videos, OWNER, 10).await, [removed.id, kept.id]);
}

async fn standing_videos_come_oldest_first(videos: Videos) {
    // (birth, last move): the order of the moves counts.
    for (n, moved) in [(1, 40), (2, 20), (3, 30), (4, 20), (5, 50)] {
        let mut video = video_in(n, Status::InReview, Visibility::Private);
        video.status_changed_at = at(moved);
        videos.insert(video).await.expect("written");
    }
    given(&videos, 6, Status::Judging).await;
    let standing = async |before, limit| {
        let found = videos.list_by_status(Status::InReview, at(before), limit).await.expect("listed");
        found.iter().map(|v| v.created_at.0 - at(0).0).collect::<Vec<_>>()
    };
    assert_eq!(standing(100, 10).await, [2, 4, 3, 1, 5]);
    assert_eq!(standing(100, 2).await, [2, 4]);
    assert_eq!(standing(40, 10).await, [2, 4, 3], "the bound is exclusive");
    assert!(standing(20, 10).await.is_empty());
}

async fn standing_is_counted_from_the_last_move(videos: Videos) {
    let video = given(&videos, 1, Status::Uploaded).await;
    let step = Advance::new(video.id, Status::Uploaded, Status::Judging, at(500));
    videos.advance(step).await.expect("moved");
    let standing =
        async |status, before| ids(&videos.list_by_status(status, at(before), 10).await.expect("listed"));
    assert_eq!(standing(Status::Uploaded, 1_000).await, []);
    assert_eq!(standing(Status::Judging, 500).await, []);
    assert_eq!(standing(Status::Judging, 501).await, [video.id]);
}
