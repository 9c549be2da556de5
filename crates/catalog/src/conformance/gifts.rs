//! A guest's videos follow it into its account.

use super::{OWNER, Videos, at, given, given_to, ids, is_stale};
use crate::port::{Advance, VideoStoreError};
use crate::video::Video;
use futures::future::join_all;
use testkit::{Case, case};
use vocab::{Status, UserId, VideoId, Visibility};

/// What the guest of the cases becomes.
const ACCOUNT: UserId = UserId(21);

pub(super) fn cases() -> Vec<Case<Videos>> {
    vec![
        case("a_gift_changes_the_owner_and_nothing_else", a_gift_changes_the_owner_and_nothing_else),
        case("a_gift_changes_the_lists_of_both", a_gift_changes_the_lists_of_both),
        case("a_gift_may_be_repeated", a_gift_may_be_repeated),
        case("only_the_owners_video_is_given", only_the_owners_video_is_given),
        case("racing_gifts_have_one_winner", racing_gifts_have_one_winner),
        case("a_gift_and_a_move_do_not_lose_each_other", a_gift_and_a_move_do_not_lose_each_other),
        case("a_given_video_stays_listed_as_it_was", a_given_video_stays_listed_as_it_was),
        case("a_removed_video_is_given_and_restored", a_removed_video_is_given_and_restored),
    ]
}

async fn list_of(videos: &Videos, owner: UserId) -> Vec<VideoId> {
    ids(&videos.list_by_owner(owner, None, 50).await.expect("listed").videos)
}

async fn a_gift_changes_the_owner_and_nothing_else(videos: Videos) {
    for (n, status) in (1..).zip(Status::ALL) {
        let video = given(&videos, n, status).await;
        let expected = Video { owner: ACCOUNT, revision: video.revision + 1, ..video };
        assert_eq!(videos.give(video.id, OWNER, ACCOUNT).await.expect("given"), expected, "{status:?}");
        assert_eq!(videos.get(video.id).await.expect("found"), expected, "{status:?}");
    }
}

async fn a_gift_changes_the_lists_of_both(videos: Videos) {
    let (first, second, third) = (
        given(&videos, 1, Status::Published).await.id,
        given(&videos, 2, Status::Reserved).await.id,
        given(&videos, 3, Status::Failed).await.id,
    );
    videos.give(second, OWNER, ACCOUNT).await.expect("given");
    assert_eq!(list_of(&videos, OWNER).await, [third, first]);
    assert_eq!(list_of(&videos, ACCOUNT).await, [second]);
    for id in [first, third] {
        videos.give(id, OWNER, ACCOUNT).await.expect("given");
    }
    assert_eq!(list_of(&videos, OWNER).await, []);
    assert_eq!(list_of(&videos, ACCOUNT).await, [third, second, first]);
}

async fn a_gift_may_be_repeated(videos: Videos) {
    let video = given(&videos, 1, Status::Published).await;
    let once = videos.give(video.id, OWNER, ACCOUNT).await.expect("given");
    assert_eq!(videos.give(video.id, OWNER, ACCOUNT).await.expect("given already"), once);
    assert_eq!(videos.give(video.id, ACCOUNT, ACCOUNT).await.expect("to itself"), once);
    assert_eq!(videos.get(video.id).await.expect("found"), once);
    assert_eq!(list_of(&videos, ACCOUNT).await, [video.id]);
}

async fn only_the_owners_video_is_given(videos: Videos) {
    let video = given(&videos, 1, Status::Published).await;
    assert!(is_stale(&videos.give(video.id, UserId(12), ACCOUNT).await), "it is another's");
    assert_eq!(videos.get(video.id).await.expect("found"), video);
    assert_eq!(list_of(&videos, ACCOUNT).await, []);
    let unknown = videos.give(VideoId(4), OWNER, ACCOUNT).await;
    assert!(matches!(unknown, Err(VideoStoreError::NotFound(id)) if id == VideoId(4)));
}

async fn racing_gifts_have_one_winner(videos: Videos) {
    let video = given(&videos, 1, Status::Published).await;
    let accounts: Vec<UserId> = (100..116).map(UserId).collect();
    let outcomes = join_all(accounts.iter().map(|to| videos.give(video.id, OWNER, *to))).await;
    let winners: Vec<Video> = outcomes.into_iter().filter_map(Result::ok).collect();
    assert_eq!(winners.len(), 1, "exactly one account has the video");
    assert_eq!(videos.get(video.id).await.expect("found"), winners[0]);
    for account in accounts {
        let expected = if account == winners[0].owner { vec![video.id] } else { vec![] };
        assert_eq!(list_of(&videos, account).await, expected, "{account:?}");
    }
}

async fn a_gift_and_a_move_do_not_lose_each_other(videos: Videos) {
    // The guest signs in while the pipeline works on its video.
    for n in 1..=20 {
        let video = given(&videos, n, Status::Uploaded).await;
        let step = Advance::new(video.id, Status::Uploaded, Status::Judging, at(30));
        let (gift, moved) = futures::join!(videos.give(video.id, OWNER, ACCOUNT), videos.advance(step));
        gift.expect("nobody else gives it");
        // The answer to the move was lost, and the gift came before the look at what became of it.
        let is_done = matches!(moved, Err(VideoStoreError::Stale { actual: Status::Judging, .. }));
        assert!(moved.is_ok() || is_done, "nobody else moves it: {moved:?}");
        let now = videos.get(video.id).await.expect("found");
        assert_eq!((now.owner, now.status, now.revision), (ACCOUNT, Status::Judging, 2));
    }
}

async fn a_given_video_stays_listed_as_it_was(videos: Videos) {
    let public = given(&videos, 1, Status::Verifying).await;
    let private = given_to(&videos, 2, Status::Published, Visibility::Private).await;
    let step = Advance::new(public.id, Status::Verifying, Status::Published, at(1));
    videos.advance(step).await.expect("published");
    let shown = videos.give(public.id, OWNER, ACCOUNT).await.expect("given");
    videos.give(private.id, OWNER, ACCOUNT).await.expect("given");
    assert_eq!(videos.list_public(None, 10).await.expect("listed"), [shown]);
}

async fn a_removed_video_is_given_and_restored(videos: Videos) {
    let video = given(&videos, 1, Status::Published).await;
    let go = |from, to| videos.advance(Advance::new(video.id, from, to, at(9)));
    go(Status::Published, Status::Removed).await.expect("removed");
    videos.give(video.id, OWNER, ACCOUNT).await.expect("given");
    assert_eq!(list_of(&videos, ACCOUNT).await, []);
    go(Status::Removed, Status::Published).await.expect("undone");
    assert_eq!(list_of(&videos, ACCOUNT).await, [video.id]);
    assert_eq!(list_of(&videos, OWNER).await, []);
}
