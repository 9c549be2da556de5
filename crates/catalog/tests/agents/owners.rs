//! What owners can do, and what nobody else can.

use crate::house::{House, OTHER, OWNER};
use catalog::jobs::{ENCODE, ERASE, JUDGE};
use catalog::{Change, Facts, OwnerError};
use vocab::{FailureReason, Millis, Status, VideoId, Visibility};
use work::JobHandler;

fn titled(title: &str) -> Change {
    Change { title: Some(title.to_owned()), ..Change::default() }
}

#[tokio::test]
async fn an_edit_is_cleaned_and_leaves_the_rest() {
    let house = House::new();
    let video = house.public(Status::Published).await;
    let change = Change { hashtags: Some(vec!["#Sun".into(), "sun".into()]), ..titled("  New  ") };
    let edited = house.owners.edit(OWNER, video.id, change).await.expect("edited");
    assert_eq!(
        (edited.meta.title.as_str(), edited.meta.hashtags.as_slice()),
        ("New", &["sun".to_owned()][..])
    );
    assert_eq!(edited.meta.visibility, Visibility::Public);
    let same = house.owners.edit(OWNER, video.id, titled("New")).await.expect("nothing to do");
    assert_eq!(same.revision, edited.revision, "an edit that changes nothing writes nothing");
    let wrong = house.owners.edit(OWNER, video.id, titled(&"x".repeat(101))).await;
    assert!(matches!(wrong, Err(OwnerError::Invalid(e)) if e.0[0].field == "title"));
}

#[tokio::test]
async fn others_learn_no_more_than_they_may_see() {
    let house = House::new();
    let unknown = house.owners.remove(OTHER, VideoId(9)).await;
    assert!(matches!(unknown, Err(OwnerError::NotFound(_))));
    let hidden = house.public(Status::InReview).await;
    assert!(matches!(house.owners.remove(OTHER, hidden.id).await, Err(OwnerError::NotFound(_))));
    assert!(matches!(house.owners.edit(OTHER, hidden.id, titled("x")).await, Err(OwnerError::NotFound(_))));
    let shown = house.public(Status::Published).await;
    assert!(matches!(house.owners.remove(OTHER, shown.id).await, Err(OwnerError::NotOwner(_))));
    assert!(matches!(house.owners.restore(OTHER, shown.id).await, Err(OwnerError::NotOwner(_))));
    assert!(matches!(house.owners.retry(OTHER, shown.id).await, Err(OwnerError::NotOwner(_))));
    assert!(matches!(house.owners.appeal(OTHER, shown.id, "x").await, Err(OwnerError::NotOwner(_))));
    house.owners.remove(OWNER, shown.id).await.expect("removed");
    assert!(matches!(house.owners.edit(OTHER, shown.id, titled("x")).await, Err(OwnerError::Gone(_))));
}

#[tokio::test]
async fn a_removal_takes_effect_at_once_and_can_be_repeated() {
    let house = House::new();
    let video = house.public(Status::Published).await;
    let removed = house.owners.remove(OWNER, video.id).await.expect("removed");
    assert_eq!((removed.status, removed.removed_from), (Status::Removed, Some(Status::Published)));
    assert_eq!(house.videos.list_public(None, 9).await.expect("listed"), []);
    let due = removed.status_changed_at.saturating_add(house.policy.erase_after);
    assert_eq!(house.live(&video).await, [(ERASE.to_owned(), due)]);
    house.pass(1_000);
    let again = house.owners.remove(OWNER, video.id).await.expect("the same answer");
    assert_eq!(again, removed);
    assert!(matches!(house.owners.edit(OWNER, video.id, titled("x")).await, Err(OwnerError::Gone(_))));
}

#[tokio::test]
async fn a_removal_can_be_undone_for_ten_seconds() {
    let house = House::new();
    let video = house.public(Status::Published).await;
    house.owners.remove(OWNER, video.id).await.expect("removed");
    house.pass(10_000);
    let back = house.owners.restore(OWNER, video.id).await.expect("undone");
    assert_eq!(back.status, Status::Published);
    assert_eq!(house.videos.list_public(None, 9).await.expect("listed").len(), 1);
    let again = house.owners.restore(OWNER, video.id).await.expect("the same answer");
    assert_eq!(again.revision, back.revision);
    // The erasure that was on its way finds nothing to do.
    house.pass(60_000);
    house.erase.run(crate::house::context(ERASE, video.id)).await.expect("nothing to do");
    assert_eq!(house.get(&video).await.status, Status::Published);
    assert!(house.shredder.gone.lock().expect("not poisoned").is_empty());

    house.owners.remove(OWNER, video.id).await.expect("removed again");
    house.pass(10_001);
    assert!(matches!(house.owners.restore(OWNER, video.id).await, Err(OwnerError::Gone(_))));
}

#[tokio::test]
async fn an_undo_gives_back_the_job_that_was_owed() {
    let house = House::new();
    for (status, kind) in [(Status::Judging, JUDGE), (Status::Approved, ENCODE)] {
        let video = house.public(status).await;
        house.owners.remove(OWNER, video.id).await.expect("removed");
        house.pass(1_000);
        assert_eq!(house.owners.restore(OWNER, video.id).await.expect("undone").status, status);
        assert!(
            house.live(&video).await.contains(&(kind.to_owned(), stdx::Clock::now(house.clock.as_ref())))
        );
    }
}

#[tokio::test]
async fn only_what_may_succeed_is_tried_again() {
    let house = House::new();
    let video = house.public(Status::Judging).await;
    assert!(matches!(house.owners.retry(OWNER, video.id).await, Err(OwnerError::Conflict { .. })));
    let failed = |retryable| Facts {
        failure: Some(Some(FailureReason::new("media.unreadable", "It cannot be read.", retryable))),
        ..Facts::default()
    };
    house.go(&video, Status::Failed, failed(true)).await;
    let started = house.owners.retry(OWNER, video.id).await.expect("started over");
    assert_eq!((started.status, started.failure), (Status::Uploaded, None));
    assert_eq!(house.live(&video).await[0].0, JUDGE);
    house.go(&video, Status::Failed, failed(false)).await;
    let refused = house.owners.retry(OWNER, video.id).await;
    assert!(matches!(refused, Err(OwnerError::Conflict { status: Status::Failed, .. })));
}

#[tokio::test]
async fn an_owner_may_ask_once_for_another_look() {
    let house = House::new();
    let video = house.public(Status::Judging).await;
    let early = house.owners.appeal(OWNER, video.id, "please").await;
    assert!(matches!(early, Err(OwnerError::Conflict { status: Status::Judging, .. })));
    house.go(&video, Status::Rejected, Facts::default()).await;
    let empty = house.owners.appeal(OWNER, video.id, "  ").await;
    assert!(matches!(empty, Err(OwnerError::Invalid(_))));
    let asked = house.owners.appeal(OWNER, video.id, " It is my own garden. ").await.expect("asked");
    assert_eq!(asked.status, Status::InReview);
    assert_eq!(asked.appeal.map(|a| a.message).as_deref(), Some("It is my own garden."));
    house.go(&video, Status::Rejected, Facts::default()).await;
    let twice = house.owners.appeal(OWNER, video.id, "but").await;
    assert!(matches!(twice, Err(OwnerError::Conflict { status: Status::Rejected, .. })));
}

#[tokio::test]
async fn every_write_is_announced_after_it_happened() {
    let house = House::new();
    let video = house.public(Status::Published).await;
    house.owners.edit(OWNER, video.id, titled("x")).await.expect("edited");
    house.owners.remove(OWNER, video.id).await.expect("removed");
    assert!(house.owners.edit(OWNER, video.id, titled("y")).await.is_err());
    let heard = house.ears.0.lock().expect("not poisoned").clone();
    let expected = [(Status::Published, 0), (Status::Published, 1), (Status::Removed, 2)];
    assert_eq!(heard, expected.map(|(status, revision)| (video.id, status, revision)));
}

#[tokio::test]
async fn public_pages_and_counts_are_of_listed_videos() {
    use catalog::VideoStoreExt;
    let house = House::new();
    let mut listed = Vec::new();
    for n in 0..25 {
        let visibility = if n % 3 == 0 { Visibility::Public } else { Visibility::Private };
        let video = house.given(Status::Published, visibility).await;
        if n % 3 == 0 {
            listed.insert(0, video.id);
        }
        house.pass(1);
    }
    for limit in [1, 2, 4, 30] {
        let (mut seen, mut before) = (Vec::new(), None);
        loop {
            let page = house.videos.list_public_by_owner(OWNER, before, limit).await.expect("listed");
            assert!(page.videos.len() <= limit);
            seen.extend(page.videos.iter().map(|v| v.id));
            before = page.next_before;
            if before.is_none() {
                break;
            }
        }
        assert_eq!(seen, listed, "pages of {limit}");
    }
    assert_eq!(house.videos.count_by_owner(OWNER, true, 1_000).await.expect("counted"), 9);
    assert_eq!(house.videos.count_by_owner(OWNER, false, 1_000).await.expect("counted"), 25);
    assert_eq!(house.videos.count_by_owner(OWNER, false, 7).await.expect("counted"), 7);
    let all: Vec<VideoId> = (0..450).map(VideoId).chain(listed.clone()).collect();
    assert_eq!(house.videos.get_all(&all).await.expect("read").len(), listed.len());
    assert_eq!(house.policy.undo, Millis(10_000));
}

async fn listed_of(house: &House, owner: vocab::UserId) -> Vec<VideoId> {
    let page = house.videos.list_by_owner(owner, None, 999).await.expect("listed");
    page.videos.iter().map(|v| v.id).collect()
}

#[tokio::test]
async fn every_video_of_a_guest_follows_it_into_its_account() {
    let house = House::new();
    let mut all = Vec::new();
    // More than one page, in every status that a list shows.
    for n in 0..house.policy.hand_over_batch * 2 + 1 {
        let status = Status::ALL[n % Status::ALL.len()];
        let video = house.public(status).await;
        if !video.is_gone() {
            all.insert(0, video.id);
        }
        house.pass(1);
    }
    for _ in 0..2 {
        house.owners.hand_over(OWNER, OTHER).await.expect("handed over");
        assert_eq!(listed_of(&house, OTHER).await, all);
        assert_eq!(listed_of(&house, OWNER).await, []);
    }
    let video = house.videos.get(all[0]).await.expect("found");
    assert_eq!((video.owner, video.revision), (OTHER, 1), "given once, however often asked");
    house.owners.edit(OTHER, all[0], titled("mine")).await.expect("the account's to edit");
    assert!(house.owners.edit(OWNER, all[0], titled("mine")).await.is_err());
}

#[tokio::test]
async fn a_hand_over_that_was_cut_is_ended_by_the_next() {
    let house = House::new();
    let (first, second) = (house.public(Status::Published).await, house.public(Status::Reserved).await);
    house.videos.give(first.id, OWNER, OTHER).await.expect("given before the cut");
    house.owners.hand_over(OWNER, OTHER).await.expect("handed over");
    for video in [&first, &second] {
        assert_eq!((house.get(video).await.owner, house.get(video).await.revision), (OTHER, 1));
    }
    let told = house.ears.0.lock().expect("not poisoned").clone();
    assert!(told.contains(&(second.id, Status::Reserved, 1)), "who watches the video is told");
}

#[tokio::test]
async fn handing_over_to_oneself_changes_nothing() {
    let house = House::new();
    let video = house.public(Status::Published).await;
    house.owners.hand_over(OWNER, OWNER).await.expect("nothing to do");
    assert_eq!(house.get(&video).await, video);
}
