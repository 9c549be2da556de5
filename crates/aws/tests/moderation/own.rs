//! What the room promises beyond the ports: what things cost, and records of any size.

use crate::support::dying::{Life, mortal};
use crate::support::lag::lagging;
use crate::support::{Storm, block_on, dynamo};
use aws::dynamo::Dynamo;
use aws::moderation::{DynamoModerationStore, MODERATION, TABLES};
use moderation::conformance::sample;
use moderation::record::action;
use moderation::{ModerationRecord, ModerationStore, ModerationStoreError, Trail, TrailFilter};
use testkit::Trial;
use vocab::{Millis, VideoId};

pub fn trials() -> Vec<Trial> {
    fn own<F: Future<Output = ()> + 'static>(storm: Storm, name: &str, run: fn(Dynamo) -> F) -> Trial {
        Trial::test(format!("dynamodb_own+{}::{name}", storm.word()), move || {
            block_on(run(dynamo(TABLES, storm)));
            Ok(())
        })
    }
    let mut all: Vec<Trial> = Storm::ALL
        .into_iter()
        .map(|storm| own(storm, "a_large_record_comes_back_whole", a_large_record_comes_back_whole))
        .collect();
    all.extend([
        own(Storm::Calm, "readers_of_a_large_record_see_one_save", readers_of_a_large_record_see_one_save),
        own(Storm::Calm, "a_save_killed_anywhere_is_done_or_not", a_save_killed_anywhere),
        own(Storm::Calm, "what_left_the_queue_is_not_shown_by_an_old_index", what_left_the_queue),
        own(Storm::Calm, "a_judgement_costs_five_writes", a_judgement_costs_five_writes),
        own(Storm::Calm, "an_action_of_a_video_is_found_among_many", an_action_of_a_video_is_found),
        own(Storm::Calm, "an_unknown_action_is_refused", an_unknown_action_is_refused),
    ]);
    all
}

/// More than 100 KB even when deflated, with `word` in every part.
fn large(video: u64, word: &str) -> ModerationRecord {
    let noise = |n: u64| {
        let mixed = (n + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        format!("{:016x}", (mixed ^ mixed >> 29).wrapping_mul(0xD6E8_FEB8_6659_FD93))
    };
    let line = |n: u64| format!("{word} {n} {}", (8 * n..8 * n + 8).map(noise).collect::<String>());
    let unjudged = (0..2_500).map(line).collect();
    ModerationRecord { waiting_since: Some(Millis(5)), unjudged, ..sample(video) }
}

async fn a_large_record_comes_back_whole(dynamo: Dynamo) {
    let store = DynamoModerationStore::new(dynamo);
    let first = store.save(large(1, "one")).await.expect("saved");
    assert_eq!(store.get(VideoId(1)).await.expect("read"), Some(first.clone()));
    assert_eq!(store.waiting(None, 5).await.expect("read"), std::slice::from_ref(&first));
    let stale = store.save(large(1, "late")).await;
    assert!(matches!(stale, Err(ModerationStoreError::Stale { actual: Some(1), .. })), "{stale:?}");
    let second = ModerationRecord { revision: 1, ..large(1, "two") };
    let second = store.save(second).await.expect("saved");
    assert_eq!(
        store.by_content(&first.content_sha256, 5).await.expect("read"),
        std::slice::from_ref(&second)
    );
    let small = ModerationRecord { revision: 2, ..sample(1) };
    let small = store.save(small).await.expect("saved");
    assert_eq!(store.get(VideoId(1)).await.expect("read"), Some(small));
}

async fn a_save_killed_anywhere(dynamo: Dynamo) {
    let store = DynamoModerationStore::new(dynamo.clone());
    for writes in 0..8 {
        let video = 1 + writes;
        let first = store.save(large(video, "one")).await.expect("saved");
        let second = ModerationRecord { revision: 1, ..large(video, "two") };
        let dying = DynamoModerationStore::new(mortal(&dynamo, &MODERATION, &Life::of(writes)).await);
        let done = dying.save(second.clone()).await;
        let read = store.get(VideoId(video)).await.expect("read").expect("stands");
        let saved = ModerationRecord { revision: 2, ..second.clone() };
        assert!(read == saved || (done.is_err() && read == first), "{writes} writes");
        match store.save(second).await {
            Ok(again) => assert_eq!(again, saved),
            Err(e) => assert!(matches!(e, ModerationStoreError::Stale { actual: Some(2), .. }), "{e}"),
        }
        assert_eq!(store.get(VideoId(video)).await.expect("read"), Some(saved));
    }
}

async fn what_left_the_queue(dynamo: Dynamo) {
    let store = DynamoModerationStore::new(dynamo.clone());
    let behind = DynamoModerationStore::new(lagging(&dynamo, &MODERATION).await);
    let waiting =
        |video: i64| ModerationRecord { waiting_since: Some(Millis(100 + video)), ..sample(video as u64) };
    let mut saved = Vec::new();
    for video in 1..=5 {
        saved.push(store.save(waiting(video)).await.expect("saved"));
    }
    let queue = async || {
        let found = behind.waiting(None, 2).await.expect("read");
        found.iter().map(|r| r.video.0).collect::<Vec<_>>()
    };
    assert_eq!(queue().await, [1, 2]);
    for decided in &saved[..2] {
        let out = ModerationRecord { waiting_since: None, ..decided.clone() };
        store.save(out).await.expect("saved");
    }
    assert_eq!(queue().await, [3, 4], "a short page would be the end of the queue");
}

async fn readers_of_a_large_record_see_one_save(dynamo: Dynamo) {
    let store = DynamoModerationStore::new(dynamo);
    let mut record = store.save(large(1, "word 0")).await.expect("saved");
    let writer = async {
        for n in 1..8 {
            record = ModerationRecord { revision: record.revision, ..large(1, &format!("word {n}")) };
            record = store.save(record.clone()).await.expect("saved");
        }
    };
    let reader = async {
        for _ in 0..40 {
            let read = store.get(VideoId(1)).await.expect("read").expect("stands");
            let word = format!("word {} ", read.revision - 1);
            assert!(read.unjudged.iter().all(|u| u.starts_with(&word)), "pieces of two saves");
        }
    };
    futures::join!(writer, reader);
}

fn entry(n: i64, what: &str) -> Trail {
    let (id, detail) = (format!("{n}"), String::from("Approve"));
    Trail {
        id,
        at: Millis(n / 3),
        by: "classifier".into(),
        action: what.into(),
        video: Some(VideoId(7)),
        detail,
    }
}

async fn a_judgement_costs_five_writes(dynamo: Dynamo) {
    let store = DynamoModerationStore::new(dynamo.clone());
    let begun = ModerationRecord::begin(VideoId(7), "5e".repeat(32), 9);
    let judged =
        ModerationRecord { frames: vec![sample(1).frames.remove(0); 8], waiting_since: None, ..begun };
    store.save(judged).await.expect("saved");
    store.append(entry(1, action::JUDGE)).await.expect("appended");
    let spent = dynamo.meter().spent();
    println!("RESULT dynamodb_judgement wcu={} rcu={}", spent.write_units, spent.read_units);
    assert!(spent.write_units <= 5.0 && spent.read_units <= 1.0, "{spent:?}");
}

async fn an_action_of_a_video_is_found(dynamo: Dynamo) {
    let store = DynamoModerationStore::new(dynamo);
    for n in 0..250 {
        let what = if n % 50 == 0 { action::UNDO } else { action::REPORT };
        store.append(entry(n, what)).await.expect("appended");
    }
    let filter = |limit, since| TrailFilter {
        video: Some(VideoId(7)),
        action: Some(action::UNDO.into()),
        since,
        limit,
    };
    let found = async |limit, since| {
        let found = store.trail(filter(limit, since)).await.expect("read");
        found.into_iter().map(|t| t.id).collect::<Vec<_>>()
    };
    assert_eq!(found(9, None).await, ["200", "150", "100", "50", "0"]);
    assert_eq!(found(2, None).await, ["200", "150"]);
    assert_eq!(found(9, Some(Millis(30))).await, ["200", "150", "100"]);
    let all = TrailFilter { limit: 300, ..TrailFilter::default() };
    assert_eq!(store.trail(all).await.expect("read").len(), 250);
}

async fn an_unknown_action_is_refused(dynamo: Dynamo) {
    let store = DynamoModerationStore::new(dynamo);
    assert!(store.append(entry(1, "applaud")).await.is_err());
}
