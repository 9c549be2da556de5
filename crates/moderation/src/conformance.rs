//! What every engine of moderation's stores must promise.

use crate::phash::FrameHash;
use crate::port::{
    BlockEntry, BlockList, FrameBlock, FrameBlockList, ModerationStore, ModerationStoreError, Trail,
    TrailFilter,
};
use crate::record::{
    ClassifierId, Decider, Decision, JudgedCover, JudgedFrame, LabelSummary, ModerationRecord, Resemblance,
    action,
};
use std::sync::Arc;
use testkit::{Case, case};
use vocab::{Finding, Millis, UserId, Verdict, VideoId};

type Store = Arc<dyn ModerationStore>;
type Blocks = Arc<dyn BlockList>;
type Frames = Arc<dyn FrameBlockList>;

/// The cases of [`ModerationStore`].
pub fn cases() -> Vec<Case<Store>> {
    vec![
        case("a_record_comes_back_whole", a_record_comes_back_whole),
        case("an_unknown_video_has_no_record", an_unknown_video_has_no_record),
        case("each_save_raises_the_revision", each_save_raises_the_revision),
        case("a_stale_save_changes_nothing", a_stale_save_changes_nothing),
        case("a_first_save_over_a_record_is_stale", a_first_save_over_a_record_is_stale),
        case("racing_saves_have_one_winner", racing_saves_have_one_winner),
        case("the_queue_is_oldest_first_and_pages", the_queue_is_oldest_first_and_pages),
        case("leaving_the_queue_is_seen_at_once", leaving_the_queue_is_seen_at_once),
        case("the_same_bytes_are_found_newest_first", the_same_bytes_are_found_newest_first),
        case("the_trail_is_newest_first_and_filtered", the_trail_is_newest_first_and_filtered),
        case("an_entry_is_appended_once", an_entry_is_appended_once),
    ]
}

/// The cases of [`BlockList`].
pub fn block_list_cases() -> Vec<Case<Blocks>> {
    vec![
        case("an_entry_is_found_until_removed", an_entry_is_found_until_removed),
        case("the_first_entry_of_a_hash_stays", the_first_entry_of_a_hash_stays),
        case("entries_are_newest_first_and_page", entries_are_newest_first_and_page),
    ]
}

/// The cases of [`FrameBlockList`].
pub fn frame_block_list_cases() -> Vec<Case<Frames>> {
    vec![
        case("an_entry_comes_back_whole_and_replaces_its_forerunner", an_entry_comes_back_whole),
        case("changes_come_oldest_first_and_page", changes_come_oldest_first_and_page),
        case("what_was_lifted_is_told", what_was_lifted_is_told),
    ]
}

/// A record with every field set, for conformance and golden rows.
pub fn sample(video: u64) -> ModerationRecord {
    let finding = Finding {
        name: "Explicit Nudity".into(),
        parent: "Explicit".into(),
        level: 2,
        confidence: 87.5,
        at_ms: 1_250,
    };
    ModerationRecord {
        video: VideoId(video),
        revision: 0,
        content_sha256: "ab".repeat(32),
        phase_seed: u64::MAX - 1,
        policy_version: "p1".into(),
        classifier: Some(ClassifierId { name: "toy".into(), version: "1".into() }),
        judged_at: Millis(1_000),
        frames: vec![JudgedFrame { n: 1, at_ms: Millis(1_250), findings: vec![finding] }],
        labels: vec![LabelSummary {
            name: "Explicit".into(),
            max_confidence: 87.5,
            hot_frames: 1,
            frames: 1,
            reject_at: Some(98),
            review_at: Some(85),
        }],
        unjudged: vec!["Violence".into()],
        near: vec![Millis(1_250)],
        resembles: Some(Resemblance {
            video: VideoId(3),
            matched: 7,
            pictures: 8,
            reason_code: "hate".into(),
            decided_at: Millis(700),
        }),
        decisions: vec![Decision {
            at: Millis(1_000),
            content_sha256: "ab".repeat(32),
            by: Some(UserId(9)),
            decided_by: Decider::Moderator,
            verdict: Verdict::Reject,
            reason_code: Some("other".into()),
            reason: Some("because".into()),
            undoes: Some(0),
        }],
        waiting_since: None,
        queued_at: Some(Millis(900)),
        appeal: Some("please look again".into()),
        cover: Some(JudgedCover {
            n: 7,
            sent_sha256: "cd".repeat(32),
            sha256: "ef".repeat(32),
            blurhash: Some("LEHV6nWB2yk8pyo0adR*.7kCMdnj".into()),
            findings: Vec::new(),
            labels: Vec::new(),
            unjudged: vec!["Violence".into()],
            classifier: Some(ClassifierId { name: "toy".into(), version: "1".into() }),
            policy_version: "p1".into(),
            decisions: Vec::new(),
            waiting_since: Some(Millis(800)),
        }),
        only_cover_waits: true,
    }
}

fn waiting(video: u64, since: i64) -> ModerationRecord {
    ModerationRecord { waiting_since: Some(Millis(since)), ..sample(video) }
}

async fn put(store: &Store, record: ModerationRecord) -> ModerationRecord {
    store.save(record).await.expect("saved")
}

async fn a_record_comes_back_whole(store: Store) {
    let saved = put(&store, sample(1)).await;
    let expected = ModerationRecord { revision: 1, ..sample(1) };
    assert_eq!(saved, expected);
    assert_eq!(store.get(VideoId(1)).await.expect("read"), Some(expected));
}

async fn an_unknown_video_has_no_record(store: Store) {
    put(&store, sample(1)).await;
    assert_eq!(store.get(VideoId(2)).await.expect("read"), None);
}

async fn each_save_raises_the_revision(store: Store) {
    let mut record = put(&store, sample(1)).await;
    for expected in 2..5 {
        record = put(&store, record).await;
        assert_eq!(record.revision, expected);
    }
    assert_eq!(store.get(VideoId(1)).await.expect("read").map(|r| r.revision), Some(4));
}

async fn a_stale_save_changes_nothing(store: Store) {
    let first = put(&store, sample(1)).await;
    put(&store, first.clone()).await;
    let late = store.save(ModerationRecord { appeal: None, ..first }).await;
    assert!(
        matches!(late, Err(ModerationStoreError::Stale { video: VideoId(1), actual: Some(2) })),
        "{late:?}"
    );
    let stored = store.get(VideoId(1)).await.expect("read").expect("stands");
    assert_eq!((stored.revision, stored.appeal.is_some()), (2, true));
}

async fn a_first_save_over_a_record_is_stale(store: Store) {
    put(&store, sample(1)).await;
    let again = store.save(sample(1)).await;
    assert!(matches!(again, Err(ModerationStoreError::Stale { actual: Some(1), .. })), "{again:?}");
    let ahead = store.save(ModerationRecord { revision: 7, ..sample(2) }).await;
    assert!(matches!(ahead, Err(ModerationStoreError::Stale { actual: None, .. })), "{ahead:?}");
}

async fn racing_saves_have_one_winner(store: Store) {
    let read = put(&store, sample(1)).await;
    let mut racers = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (store, mut record) = (Arc::clone(&store), read.clone());
        record.appeal = Some(format!("racer {n}"));
        racers.spawn(async move { store.save(record).await });
    }
    let outcomes = racers.join_all().await;
    let winners: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(store.get(VideoId(1)).await.expect("read").as_ref(), winners.first());
}

async fn the_queue_is_oldest_first_and_pages(store: Store) {
    for (video, since) in [(5, 300), (1, 400), (9, 100), (3, 300), (7, 200)] {
        put(&store, waiting(video, since)).await;
    }
    put(&store, sample(8)).await;
    let (mut after, mut seen) = (None, Vec::new());
    loop {
        let page = store.waiting(after, 2).await.expect("read");
        assert!(page.len() <= 2);
        let Some(last) = page.last() else { break };
        after = last.waiting_since.map(|s| (s, last.video));
        seen.extend(page.iter().map(|r| r.video.0));
    }
    assert_eq!(seen, [9, 7, 3, 5, 1]);
}

async fn leaving_the_queue_is_seen_at_once(store: Store) {
    let queued = put(&store, waiting(1, 100)).await;
    let out = put(&store, ModerationRecord { waiting_since: None, ..queued }).await;
    assert_eq!(store.waiting(None, 10).await.expect("read"), []);
    put(&store, ModerationRecord { waiting_since: Some(Millis(200)), ..out }).await;
    assert_eq!(store.waiting(None, 10).await.expect("read").len(), 1);
}

async fn the_same_bytes_are_found_newest_first(store: Store) {
    for video in [2, 1, 3] {
        put(&store, sample(video)).await;
    }
    put(&store, ModerationRecord { content_sha256: "cd".repeat(32), ..sample(4) }).await;
    let found = store.by_content(&"ab".repeat(32), 2).await.expect("read");
    assert_eq!(found.iter().map(|r| r.video.0).collect::<Vec<_>>(), [3, 2]);
    assert_eq!(store.by_content("none", 9).await.expect("read"), []);
}

fn entry(id: &str, at: i64, video: u64, what: &str) -> Trail {
    Trail {
        id: id.into(),
        at: Millis(at),
        by: "someone".into(),
        action: what.into(),
        video: Some(VideoId(video)),
        detail: "detail".into(),
    }
}

async fn the_trail_is_newest_first_and_filtered(store: Store) {
    for e in [
        entry("b", 20, 1, action::DECIDE),
        entry("a", 10, 1, action::DECIDE),
        entry("d", 30, 2, action::DECIDE),
        entry("c", 30, 1, action::UNDO),
    ] {
        store.append(e).await.expect("appended");
    }
    let ids = |entries: Vec<Trail>| entries.into_iter().map(|e| e.id).collect::<Vec<_>>();
    let all = TrailFilter { limit: 10, ..TrailFilter::default() };
    assert_eq!(ids(store.trail(all.clone()).await.expect("read")), ["d", "c", "b", "a"]);
    let of_one = TrailFilter { video: Some(VideoId(1)), ..all.clone() };
    assert_eq!(ids(store.trail(of_one).await.expect("read")), ["c", "b", "a"]);
    let decided = TrailFilter { action: Some(action::DECIDE.into()), since: Some(Millis(20)), ..all.clone() };
    assert_eq!(ids(store.trail(decided).await.expect("read")), ["d", "b"]);
    let first = TrailFilter { limit: 1, ..all };
    assert_eq!(ids(store.trail(first).await.expect("read")), ["d"]);
}

async fn an_entry_is_appended_once(store: Store) {
    store.append(entry("a", 10, 1, action::DECIDE)).await.expect("appended");
    store.append(entry("a", 99, 2, action::UNDO)).await.expect("appended");
    let all = store.trail(TrailFilter { limit: 10, ..TrailFilter::default() }).await.expect("read");
    assert_eq!(all, [entry("a", 10, 1, action::DECIDE)]);
}

fn block(hash: &str, at: i64) -> BlockEntry {
    BlockEntry {
        content_sha256: hash.into(),
        reason_code: "hate".into(),
        note: "note".into(),
        added_at: Millis(at),
        added_by: "someone".into(),
        video: Some(VideoId(7)),
    }
}

async fn an_entry_is_found_until_removed(list: Blocks) {
    assert_eq!(list.find("aa").await.expect("read"), None);
    assert!(list.add(block("aa", 1)).await.expect("added"));
    assert_eq!(list.find("aa").await.expect("read"), Some(block("aa", 1)));
    assert_eq!(list.find("ab").await.expect("read"), None);
    assert!(list.remove("aa").await.expect("removed"));
    assert!(!list.remove("aa").await.expect("removed"));
    assert_eq!(list.find("aa").await.expect("read"), None);
}

async fn the_first_entry_of_a_hash_stays(list: Blocks) {
    assert!(list.add(block("aa", 1)).await.expect("added"));
    assert!(!list.add(block("aa", 2)).await.expect("added"));
    assert_eq!(list.find("aa").await.expect("read").map(|e| e.added_at), Some(Millis(1)));
}

async fn entries_are_newest_first_and_page(list: Blocks) {
    for (hash, at) in [("b", 10), ("a", 10), ("c", 30), ("d", 20)] {
        list.add(block(hash, at)).await.expect("added");
    }
    let (mut before, mut seen) = (None, Vec::new());
    loop {
        let page = list.list(before, 3).await.expect("read");
        let Some(last) = page.last() else { break };
        before = Some((last.added_at, last.content_sha256.clone()));
        seen.extend(page.into_iter().map(|e| e.content_sha256));
    }
    assert_eq!(seen, ["c", "d", "b", "a"]);
}

fn pictures(video: u64, at: i64) -> FrameBlock {
    let hashes = (0..200).map(|n| FrameHash([video, n, u64::MAX, 1 << 63])).collect();
    FrameBlock {
        video: VideoId(video),
        hashes,
        reason_code: "hate".into(),
        changed_at: Millis(at),
        is_lifted: false,
    }
}

async fn an_entry_comes_back_whole(list: Frames) {
    assert_eq!(list.get(VideoId(1)).await.expect("read"), None);
    list.put(pictures(1, 10)).await.expect("put");
    assert_eq!(list.get(VideoId(1)).await.expect("read"), Some(pictures(1, 10)));
    list.put(pictures(1, 20)).await.expect("put");
    list.put(pictures(1, 20)).await.expect("put twice");
    assert_eq!(list.changed((Millis(0), VideoId(0)), 9).await.expect("read"), [pictures(1, 20)]);
}

async fn changes_come_oldest_first_and_page(list: Frames) {
    for (video, at) in [(5, 300), (1, 400), (9, 100), (3, 300), (7, 200)] {
        list.put(pictures(video, at)).await.expect("put");
    }
    let (mut after, mut seen) = ((Millis(0), VideoId(0)), Vec::new());
    loop {
        let page = list.changed(after, 2).await.expect("read");
        let Some(last) = page.last() else { break };
        after = (last.changed_at, last.video);
        seen.extend(page.iter().map(|e| e.video.0));
    }
    assert_eq!(seen, [9, 7, 3, 5, 1]);
}

async fn what_was_lifted_is_told(list: Frames) {
    list.put(pictures(1, 10)).await.expect("put");
    let lifted = FrameBlock { is_lifted: true, hashes: Vec::new(), ..pictures(1, 30) };
    list.put(lifted.clone()).await.expect("put");
    assert_eq!(list.changed((Millis(20), VideoId(0)), 9).await.expect("read"), [lifted]);
}
