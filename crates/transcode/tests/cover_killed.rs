//! The owner's own picture for the cover: killed anywhere, erased with its video.

mod studio;

use studio::*;

#[tokio::test]
async fn killed_anywhere_a_picture_is_judged_and_shown_once() {
    let points = [
        moderation::covers::DRAWN,
        moderation::covers::KEPT,
        moderation::covers::RECORDED,
        cover::RULED,
        cover::IN_FORCE,
    ];
    for point in points {
        let s = Studio::published().await;
        s.put(1).await.expect("taken");
        DIES_AT.set(Some(point));
        assert!(s.work().await, "{point} is on the way");
        assert_eq!((s.poster().await, s.state().await), (drawn(1), None), "{point}");
        assert_eq!(s.cover().await.decisions.len(), 1, "{point}");
        let mut posters = s.posters().await;
        posters.sort();
        assert_eq!(posters, [drawn(1), b"poster".to_vec()], "{point}");
    }
}

#[tokio::test]
async fn killed_while_a_picture_comes_in_the_owner_sends_it_again() {
    for point in [cover::SENT, cover::ORDERED] {
        let s = Studio::published().await;
        DIES_AT.set(Some(point));
        let desk = s.desk();
        let sent =
            tokio::spawn(async move { desk.put(OWNER, ID, StillKind::Jpeg, picture(1)).await.map(drop) });
        assert!(sent.await.is_err(), "{point} is on the way");
        // An order whose reason was never written ends by itself.
        s.work().await;
        assert_eq!((s.state().await, s.poster().await), (None, b"poster".to_vec()), "{point}");
        s.put(1).await.expect("taken");
        s.work().await;
        assert_eq!(s.poster().await, drawn(1), "{point}");
    }
}

#[tokio::test]
async fn killed_while_a_person_decides_the_decision_comes_into_force() {
    for (point, verdict) in [
        (moderation::covers::DECIDED, Verdict::Approve),
        (moderation::covers::DECIDED, Verdict::Reject),
        (cover::RULED, Verdict::Approve),
        (cover::IN_FORCE, Verdict::Approve),
    ] {
        let s = Studio::published().await;
        *s.sees.0.lock().expect("no panic") = Some(99.0);
        s.put(1).await.expect("taken");
        s.work().await;
        DIES_AT.set(Some(point));
        let (n, reviews) = (s.cover().await.n, s.reviews());
        let code = (verdict == Verdict::Reject).then(|| "sexual_content".to_owned());
        let ask = Ask { video: ID, by: MODERATOR, verdict, reason_code: code, reason: None };
        let decided = tokio::spawn(async move { reviews.decide_cover(CoverAsk { n, ask }).await.map(drop) });
        let died = decided.await.is_err();
        assert!(s.work().await || died, "{point} is on the way");
        let expected = if verdict == Verdict::Approve { drawn(1) } else { b"poster".to_vec() };
        assert_eq!(s.poster().await, expected, "{point} {verdict:?}");
    }
}

#[tokio::test]
async fn an_order_waits_for_its_reason() {
    let s = Studio::published().await;
    let revision = s.video().await.revision;
    // The picture is counted first.
    let early = CoverJob { video: ID, n: revision + 2, decisions: 0 };
    assert!(!s.handler().0.keep(early, false).await.expect("kept"), "nobody wrote yet what it is for");
    s.put(1).await.expect("taken");
    assert!(s.handler().0.keep(early, false).await.expect("kept"));
    assert_eq!(s.poster().await, drawn(1));
}

#[tokio::test]
async fn the_removal_of_a_video_erases_its_pictures_and_stops_what_works_on_them() {
    let s = Studio::published().await;
    s.put(1).await.expect("taken");
    s.work().await;
    s.put(2).await.expect("taken");
    let step = Advance::new(ID, Status::Published, Status::Removed, Millis(0));
    s.world.videos.advance(step).await.expect("removed");
    assert!(matches!(s.put(3).await, Err(CoverError::Owner(catalog::OwnerError::Gone(_)))));
    let policy = CatalogPolicy::default();
    s.clock.advance(policy.erase_after);
    let erase =
        Erase::new(s.videos(), s.world.jobs.store().clone(), s.world.media.clone(), s.clock.clone(), policy);
    let job = s.world.jobs.submit_now(catalog::jobs::ERASE, ID).await.expect("submitted");
    let first = erase.run(JobContext::new(job.clone())).await.expect("ran");
    assert!(matches!(first, Outcome::Later { .. }), "a job of a cover is alive");
    assert_eq!(s.world.ordered(COVER).await, 0, "and was told to stop");
    assert_eq!(erase.run(JobContext::new(job)).await.expect("ran"), Outcome::Done);
    assert!(s.world.media.inner.keys().is_empty());
    assert_eq!(s.video().await.cover, catalog::Cover::default());
}
