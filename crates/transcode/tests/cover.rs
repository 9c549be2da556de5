//! The owner's own picture for the cover: moderated before anybody sees it, the last one wins.

mod studio;

use studio::*;

#[tokio::test]
async fn a_clean_picture_is_shown_in_a_new_package_once_it_was_judged() {
    let s = Studio::published().await;
    let before = s.package().await;
    s.put(1).await.expect("taken");
    assert_eq!((s.state().await, s.poster().await), (Some(CoverState::Checking), b"poster".to_vec()));
    assert!(!s.work().await);
    let after = s.package().await;
    assert_eq!((s.poster().await, s.state().await), (drawn(1), None));
    assert_ne!(after.id, before.id);
    assert_eq!(after.renditions, before.renditions);
    assert_eq!(after.blurhash.as_deref(), Some("LGF5]+Yk^6#M@-5c,1J5@[or[Q6."));
    // The old package stays for who plays it.
    assert!(s.posters().await.contains(&b"poster".to_vec()));
    // Again changes nothing.
    let revision = s.video().await.revision;
    s.put(1).await.expect("taken");
    assert_eq!((s.video().await.revision, s.world.ordered(COVER).await), (revision, 0));
    assert_eq!(s.world.leftovers(), 0);
}

#[tokio::test]
async fn nobody_is_shown_a_picture_before_a_person_approved_what_is_hot_or_near() {
    for confidence in [95.0, 86.0, 83.0] {
        let s = Studio::published().await;
        *s.sees.0.lock().expect("no panic") = Some(confidence);
        s.put(1).await.expect("taken");
        s.work().await;
        assert_eq!(s.state().await, Some(CoverState::InReview), "{confidence}");
        assert_eq!(s.posters().await, [b"poster".to_vec()], "{confidence}");
        assert!(s.waits().await, "{confidence}");
        s.decide(Verdict::Approve, None).await;
        assert!(!s.waits().await);
        s.work().await;
        assert_eq!((s.poster().await, s.state().await), (drawn(1), None), "{confidence}");
    }
}

#[tokio::test]
async fn a_rejected_picture_is_never_shown_and_its_owner_reads_why() {
    let s = Studio::published().await;
    *s.sees.0.lock().expect("no panic") = Some(99.0);
    s.put(1).await.expect("taken");
    s.work().await;
    s.decide(Verdict::Reject, Some("sexual_content")).await;
    s.work().await;
    let Some(CoverState::Refused(reason)) = s.state().await else { panic!("refused") };
    assert_eq!((reason.code.as_str(), reason.retryable), ("sexual_content", false));
    assert!(!reason.message.is_empty());
    assert_eq!(s.posters().await, [b"poster".to_vec()]);
    // Sending it again asks nobody again.
    s.put(1).await.expect("taken");
    assert_eq!(s.world.ordered(COVER).await, 0);
    s.desk().remove(OWNER, ID).await.expect("taken back");
    assert_eq!((s.state().await, s.poster().await), (None, b"poster".to_vec()));
}

#[tokio::test]
async fn a_classifier_that_is_down_shows_nothing_and_in_the_end_asks_a_person() {
    let s = Studio::published().await;
    *s.sees.0.lock().expect("no panic") = None;
    s.put(1).await.expect("taken");
    s.work().await;
    assert_eq!((s.state().await, s.cover().await.classifier), (Some(CoverState::InReview), None));
    assert_eq!(s.posters().await, [b"poster".to_vec()]);
}

#[tokio::test]
async fn no_classifier_and_labels_that_must_not_go_unjudged_ask_a_person() {
    let mut s = Studio::published().await;
    s.watched = false;
    s.put(1).await.expect("taken");
    s.work().await;
    assert_eq!(s.state().await, Some(CoverState::InReview));
    let mut s = Studio::published().await;
    s.policy.unjudged = moderation::Unjudged::Review;
    s.put(1).await.expect("taken");
    s.work().await;
    assert_eq!(s.state().await, Some(CoverState::InReview));
    assert!(!s.cover().await.unjudged.is_empty());
    assert_eq!(s.posters().await, [b"poster".to_vec()]);
}

#[tokio::test]
async fn a_picture_that_cannot_be_drawn_is_refused_with_a_reason() {
    let s = Studio::published().await;
    s.put(99).await.expect("its tables are fine");
    s.work().await;
    assert!(matches!(s.state().await, Some(CoverState::Refused(r)) if r.code == "cover.unreadable"));
    let svg = s.desk().put(OWNER, ID, StillKind::Jpeg, Raw::from_static(b"<svg/>")).await;
    assert!(matches!(svg, Err(CoverError::Refused(r)) if r.code == "cover.not_a_picture"));
    let other = s.desk().put(OWNER, ID, StillKind::Png, picture(1)).await;
    assert!(matches!(other, Err(CoverError::OtherKind(StillKind::Jpeg))));
}

#[tokio::test]
async fn a_blocked_picture_is_refused_without_a_look() {
    let s = Studio::published().await;
    let code = s.policy.reasons.iter().find(|r| r.blocks_bytes).expect("one blocks").code.clone();
    *s.sees.0.lock().expect("no panic") = Some(99.0);
    s.put(1).await.expect("taken");
    s.work().await;
    s.decide(Verdict::Reject, Some(&code)).await;
    s.work().await;
    *s.sees.0.lock().expect("no panic") = Some(1.0);
    s.desk().remove(OWNER, ID).await.expect("taken back");
    s.work().await;
    s.put(1).await.expect("taken");
    s.work().await;
    assert!(matches!(s.state().await, Some(CoverState::Refused(r)) if r.code == code));
    assert_eq!(s.posters().await.iter().filter(|p| **p == drawn(1)).count(), 0);
}

#[tokio::test]
async fn the_last_picture_wins_whatever_was_decided_about_the_one_before() {
    let s = Studio::published().await;
    *s.sees.0.lock().expect("no panic") = Some(99.0);
    s.put(1).await.expect("taken");
    s.work().await;
    let first = s.cover().await.n;
    *s.sees.0.lock().expect("no panic") = Some(1.0);
    s.put(2).await.expect("taken");
    // The moderator still has the first before them.
    let ask = Ask { video: ID, by: MODERATOR, verdict: Verdict::Approve, reason_code: None, reason: None };
    let late = s.reviews().decide_cover(CoverAsk { n: first, ask: ask.clone() }).await;
    assert!(matches!(late, Err(moderation::ReviewError::Conflict(_))), "{late:?}");
    s.work().await;
    assert_eq!((s.poster().await, s.state().await), (drawn(2), None));
    assert!(!s.waits().await && !s.posters().await.contains(&drawn(1)));
    let late = s.reviews().decide_cover(CoverAsk { n: first, ask }).await;
    assert!(matches!(late, Err(moderation::ReviewError::Conflict(_))), "{late:?}");
}

#[tokio::test]
async fn what_waits_and_is_taken_back_asks_nobody() {
    let s = Studio::published().await;
    *s.sees.0.lock().expect("no panic") = Some(99.0);
    s.put(1).await.expect("taken");
    s.work().await;
    assert!(s.waits().await);
    s.desk().remove(OWNER, ID).await.expect("taken back");
    s.work().await;
    assert!(!s.waits().await);
    assert_eq!(s.posters().await, [b"poster".to_vec()]);
}

#[tokio::test]
async fn an_owner_goes_back_to_a_picture_of_the_video() {
    let s = Studio::published().await;
    let before = s.package().await;
    s.put(1).await.expect("taken");
    s.work().await;
    for _ in 0..2 {
        s.desk().remove(OWNER, ID).await.expect("taken back");
    }
    let after = s.package().await;
    assert_eq!((s.poster().await, after.blurhash.clone()), (b"poster".to_vec(), before.blurhash));
    assert_eq!((after.tracks, after.renditions), (before.tracks, before.renditions));
    // And forth again: it was approved, but each sending is looked at.
    s.put(1).await.expect("taken");
    s.work().await;
    assert_eq!(s.poster().await, drawn(1));
}

#[tokio::test]
async fn a_moderator_takes_away_what_is_shown() {
    let s = Studio::published().await;
    s.put(1).await.expect("taken");
    s.work().await;
    s.decide(Verdict::Reject, Some("sexual_content")).await;
    s.work().await;
    assert_eq!(s.poster().await, b"poster".to_vec());
    assert!(matches!(s.state().await, Some(CoverState::Refused(r)) if r.code == "sexual_content"));
    assert_eq!(s.video().await.cover.shown, None);
}

#[tokio::test]
async fn a_moderator_takes_away_what_is_shown_while_the_owner_sends_another() {
    let s = Studio::published().await;
    s.put(1).await.expect("taken");
    s.work().await;
    s.decide(Verdict::Reject, Some("sexual_content")).await;
    s.put(2).await.expect("taken");
    *s.sees.0.lock().expect("no panic") = Some(99.0);
    s.work().await;
    assert_eq!((s.poster().await, s.state().await), (b"poster".to_vec(), Some(CoverState::InReview)));
}

#[tokio::test]
async fn a_picture_before_publication_is_in_the_first_package_if_it_was_approved_by_then() {
    let s = Studio::new().await;
    s.put(1).await.expect("taken");
    s.work().await;
    assert_eq!(s.world.run(1).await.expect("runs"), Status::Published);
    assert_eq!((s.poster().await, s.posters().await.len()), (drawn(1), 1));
    // One that waits is not.
    let s = Studio::new().await;
    s.put(1).await.expect("taken");
    assert_eq!(s.world.run(1).await.expect("runs"), Status::Published);
    assert_eq!(s.poster().await, b"poster".to_vec());
    s.work().await;
    assert_eq!(s.poster().await, drawn(1));
}

#[tokio::test]
async fn a_second_wave_keeps_the_picture() {
    let mut profile = fixed();
    profile.waves.rungs_min = 2;
    let mut s = Studio::new().await;
    s.world = World::with_profile(profile).await.with(video(1)).await;
    s.world.run(1).await.expect("runs");
    s.put(1).await.expect("taken");
    s.work().await;
    let first = s.package().await;
    assert_eq!(s.world.grow(1, Wave::Second).await.expect("grows"), Grown::Done);
    let second = s.package().await;
    assert!(second.renditions.len() > first.renditions.len());
    assert_eq!((second.blurhash, second.tracks), (first.blurhash, first.tracks));
    assert_eq!(s.poster().await, drawn(1));
}
