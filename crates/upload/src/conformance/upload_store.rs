//! Cases of [`UploadStore`].

use crate::port::{KeyClaim, Limits, Reservation, UploadQuery, UploadStore, UploadStoreError, Usage};
use crate::record::{Upload, UploadState};
use std::sync::Arc;
use testkit::{Case, case};
use vocab::{Bytes, Millis, UploadId, UserId, VideoId};

type Store = Arc<dyn UploadStore>;

const OWNER: UserId = UserId(1);
const DAY: Millis = Millis::from_secs(24 * 3600);
const LIMITS: Limits = Limits { open_max: 2, day_uploads_max: 3, day_bytes_max: Bytes(1_000) };

pub fn upload_store() -> Vec<Case<Store>> {
    vec![
        case("the_first_claim_of_a_key_holds", the_first_claim_of_a_key_holds),
        case("racing_claims_agree", racing_claims_agree),
        case("keys_of_two_owners_are_two_keys", keys_of_two_owners_are_two_keys),
        case("a_stale_claim_gives_way", a_stale_claim_gives_way),
        case("quotas_stop_the_next_one", quotas_stop_the_next_one),
        case("racing_reservations_keep_to_the_limit", racing_reservations_keep_to_the_limit),
        case("the_same_upload_takes_one_place", the_same_upload_takes_one_place),
        case("release_frees_and_refund_forgets", release_frees_and_refund_forgets),
        case("places_leave_after_a_day", places_leave_after_a_day),
        case("insert_keeps_what_stands", insert_keeps_what_stands),
        case("an_unknown_upload_is_not_found", an_unknown_upload_is_not_found),
        case("a_record_comes_back_as_it_was", a_record_comes_back_as_it_was),
        case("racing_advances_have_one_winner", racing_advances_have_one_winner),
        case("an_illegal_advance_is_stale", an_illegal_advance_is_stale),
        case("queries_find_their_own", queries_find_their_own),
    ]
}

/// For engines that drop rows when they are told, not by a time to live.
pub fn forgetting() -> Vec<Case<Store>> {
    vec![case("forget_drops_only_what_ended_long_ago", forget_drops_only_what_ended_long_ago)]
}

fn at(ms: i64) -> Millis {
    Millis(1_767_225_600_000 + ms)
}

fn claim(digest: &str, n: u128, ms: i64) -> KeyClaim {
    KeyClaim { digest: digest.into(), upload: UploadId(n), video: VideoId(n as u64), at: at(ms) }
}

fn place(n: u128, size: u64, ms: i64) -> Reservation {
    Reservation { upload: UploadId(n), size: Bytes(size), at: at(ms) }
}

fn upload(n: u128, owner: UserId, ms: i64) -> Upload {
    Upload {
        id: UploadId(n << 64 | n),
        owner,
        video: VideoId(n as u64),
        filename: "Ünïcode \"clip\".MOV".into(),
        content_type: "video/quicktime".into(),
        size_bytes: Bytes(11_000_000),
        sha256: Some("ab".repeat(32)),
        part_size_bytes: Bytes(5 << 20),
        part_count: 3,
        state: UploadState::Open,
        ticket: format!("t{n}"),
        created_at: at(ms),
        expires_at: at(ms).saturating_add(DAY),
        state_changed_at: at(ms),
    }
}

fn ids(found: &[Upload]) -> Vec<u64> {
    found.iter().map(|u| u.video.0).collect()
}

async fn the_first_claim_of_a_key_holds(s: Store) {
    let first = claim("a", 1, 0);
    assert_eq!(s.claim_key(OWNER, "k", first.clone(), at(-1)).await.expect("claims"), first);
    assert_eq!(s.claim_key(OWNER, "k", claim("b", 2, 5), at(-1)).await.expect("claims"), first);
}

async fn racing_claims_agree(s: Store) {
    let mut racing = Vec::new();
    for n in 0..16 {
        let s = Arc::clone(&s);
        racing.push(tokio::spawn(async move { s.claim_key(OWNER, "k", claim("d", n, 0), at(-1)).await }));
    }
    let mut held = Vec::new();
    for r in racing {
        held.push(r.await.expect("runs").expect("claims").upload);
    }
    held.dedup();
    assert_eq!(held.len(), 1, "all see one winner");
}

async fn keys_of_two_owners_are_two_keys(s: Store) {
    s.claim_key(OWNER, "k", claim("a", 1, 0), at(-1)).await.expect("claims");
    let other = claim("b", 2, 0);
    assert_eq!(s.claim_key(UserId(2), "k", other.clone(), at(-1)).await.expect("claims"), other);
}

async fn a_stale_claim_gives_way(s: Store) {
    s.claim_key(OWNER, "k", claim("a", 1, 0), at(-1)).await.expect("claims");
    let later = claim("b", 2, 100);
    assert_eq!(s.claim_key(OWNER, "k", later.clone(), at(50)).await.expect("claims"), later);
}

fn quota(r: Result<Usage, UploadStoreError>) -> &'static str {
    match r {
        Ok(_) => "admitted",
        Err(UploadStoreError::Quota { what, .. }) => what,
        Err(e) => panic!("{e}"),
    }
}

async fn quotas_stop_the_next_one(s: Store) {
    let ask = |n, size| s.reserve(OWNER, place(n, size, n as i64), &LIMITS);
    assert_eq!(quota(ask(1, 100).await), "admitted");
    assert_eq!(quota(ask(2, 1_000).await), "bytes a day");
    assert_eq!(quota(ask(2, 900).await), "admitted");
    assert_eq!(quota(ask(3, 1).await), "open uploads");
    s.release(OWNER, UploadId(1), false).await.expect("releases");
    assert_eq!(quota(ask(3, 1).await), "bytes a day");
    assert_eq!(quota(ask(3, 0).await), "admitted");
    s.release(OWNER, UploadId(2), false).await.expect("releases");
    assert_eq!(quota(ask(4, 0).await), "uploads a day");
    assert_eq!(quota(s.reserve(UserId(2), place(9, 1_000, 0), &LIMITS).await), "admitted");
}

async fn racing_reservations_keep_to_the_limit(s: Store) {
    let mut racing = Vec::new();
    for n in 0..16u128 {
        let s = Arc::clone(&s);
        racing.push(tokio::spawn(async move { s.reserve(OWNER, place(n, 1, 0), &LIMITS).await.is_ok() }));
    }
    let mut admitted = 0;
    for r in racing {
        admitted += u32::from(r.await.expect("runs"));
    }
    assert_eq!(admitted, LIMITS.open_max);
}

async fn the_same_upload_takes_one_place(s: Store) {
    for _ in 0..5 {
        let usage = s.reserve(OWNER, place(1, 600, 0), &LIMITS).await.expect("admitted");
        assert_eq!(usage, Usage { open: 1, day_uploads: 1, day_bytes: Bytes(600) });
    }
}

async fn release_frees_and_refund_forgets(s: Store) {
    s.reserve(OWNER, place(1, 600, 0), &LIMITS).await.expect("admitted");
    s.reserve(OWNER, place(2, 300, 0), &LIMITS).await.expect("admitted");
    s.release(OWNER, UploadId(1), false).await.expect("releases");
    s.release(OWNER, UploadId(2), true).await.expect("releases");
    s.release(OWNER, UploadId(77), true).await.expect("an unknown one is nothing");
    let usage = s.usage(OWNER, at(1)).await.expect("reads");
    assert_eq!(usage, Usage { open: 0, day_uploads: 1, day_bytes: Bytes(600) });
}

async fn places_leave_after_a_day(s: Store) {
    s.reserve(OWNER, place(1, 1_000, 0), &LIMITS).await.expect("admitted");
    match s.reserve(OWNER, place(2, 1, 1_000), &LIMITS).await {
        Err(UploadStoreError::Quota { retry_after, .. }) => {
            assert_eq!(retry_after, Some(DAY.saturating_sub(Millis(1_000))));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(s.usage(OWNER, at(DAY.0)).await.expect("reads"), Usage::default());
    assert_eq!(quota(s.reserve(OWNER, place(2, 1, DAY.0), &LIMITS).await), "admitted");
}

async fn insert_keeps_what_stands(s: Store) {
    let first = s.insert(upload(1, OWNER, 0)).await.expect("inserts");
    let second = Upload { ticket: "other".into(), ..first.clone() };
    assert_eq!(s.insert(second).await.expect("answers"), first);
}

async fn an_unknown_upload_is_not_found(s: Store) {
    assert!(matches!(s.get(UploadId(5)).await, Err(UploadStoreError::NotFound(UploadId(5)))));
    let step = s.advance(UploadId(5), &[UploadState::Open], UploadState::Aborted, at(0)).await;
    assert!(matches!(step, Err(UploadStoreError::NotFound(_))));
}

async fn a_record_comes_back_as_it_was(s: Store) {
    let whole = upload(1, OWNER, 0);
    let bare = Upload { sha256: None, id: UploadId(u128::MAX), ..upload(2, UserId(u64::MAX >> 1), 0) };
    for u in [whole, bare] {
        s.insert(u.clone()).await.expect("inserts");
        assert_eq!(s.get(u.id).await.expect("stands"), u);
    }
}

async fn racing_advances_have_one_winner(s: Store) {
    let u = s.insert(upload(1, OWNER, 0)).await.expect("inserts");
    let mut racing = Vec::new();
    for n in 0..16 {
        let s = Arc::clone(&s);
        let to = if n % 2 == 0 { UploadState::Completing } else { UploadState::Aborted };
        racing.push(tokio::spawn(
            async move { s.advance(u.id, &[UploadState::Open], to, at(n)).await.is_ok() },
        ));
    }
    let mut won = 0;
    for r in racing {
        won += u32::from(r.await.expect("runs"));
    }
    assert_eq!(won, 1);
}

async fn an_illegal_advance_is_stale(s: Store) {
    let u = s.insert(upload(1, OWNER, 0)).await.expect("inserts");
    let skip = s.advance(u.id, &[UploadState::Open], UploadState::Completed, at(1)).await;
    assert!(matches!(skip, Err(UploadStoreError::Stale { actual: UploadState::Open, .. })));
    s.advance(u.id, &[UploadState::Open], UploadState::Aborted, at(2)).await.expect("legal");
    let back = s.advance(u.id, &UploadState::ALL, UploadState::Open, at(3)).await;
    assert!(matches!(back, Err(UploadStoreError::Stale { actual: UploadState::Aborted, .. })));
    assert_eq!(s.get(u.id).await.expect("stands").state_changed_at, at(2));
}

async fn queries_find_their_own(s: Store) {
    for (n, owner, ms) in [(3, OWNER, 30), (1, OWNER, 10), (2, UserId(2), 20), (4, OWNER, 40)] {
        s.insert(upload(n, owner, ms)).await.expect("inserts");
    }
    let id = |n| upload(n, OWNER, 0).id;
    s.advance(id(1), &[UploadState::Open], UploadState::Completing, at(50)).await.expect("moves");
    s.advance(id(4), &[UploadState::Open], UploadState::Aborted, at(50)).await.expect("moves");
    let live = s.list(UploadQuery::LiveOf(OWNER), 10).await.expect("lists");
    assert_eq!(ids(&live), [1, 3]);
    assert_eq!(ids(&s.list(UploadQuery::LiveOf(OWNER), 1).await.expect("lists")), [1]);
    let expired = UploadQuery::ExpiredBefore(at(DAY.0 + 30));
    assert_eq!(ids(&s.list(expired, 10).await.expect("lists")), [2]);
    let stuck = |ms| s.list(UploadQuery::CompletingBefore(at(ms)), 10);
    assert_eq!(ids(&stuck(51).await.expect("lists")), [1]);
    assert!(stuck(50).await.expect("lists").is_empty());
}

async fn forget_drops_only_what_ended_long_ago(s: Store) {
    for n in 1..=3 {
        s.insert(upload(n, OWNER, 0)).await.expect("inserts");
    }
    let id = |n| upload(n, OWNER, 0).id;
    s.advance(id(1), &[UploadState::Open], UploadState::Aborted, at(10)).await.expect("moves");
    s.advance(id(2), &[UploadState::Open], UploadState::Aborted, at(99)).await.expect("moves");
    s.claim_key(OWNER, "old", claim("a", 1, 10), at(0)).await.expect("claims");
    assert_eq!(s.forget(at(50), 10).await.expect("forgets"), 1);
    assert!(matches!(s.get(id(1)).await, Err(UploadStoreError::NotFound(_))));
    assert!(s.get(id(2)).await.is_ok() && s.get(id(3)).await.is_ok());
    let fresh = claim("b", 9, 60);
    assert_eq!(s.claim_key(OWNER, "old", fresh.clone(), at(0)).await.expect("claims"), fresh);
}
