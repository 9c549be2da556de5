//! The real hasher.

use identity::{ArgonHasher, HashPolicy, PasswordHasher};
use std::sync::Arc;
use stdx::FaultKind;

fn cheap() -> HashPolicy {
    HashPolicy { memory_kib: 64, passes: 1, ..HashPolicy::default() }
}

#[tokio::test]
async fn a_password_matches_its_own_hash_only() {
    let hasher = ArgonHasher::new(cheap()).unwrap();
    let one = hasher.hash("correct horse".into(), [1; 16]).await.unwrap();
    let two = hasher.hash("correct horse".into(), [2; 16]).await.unwrap();
    assert_ne!(one, two, "the salt differs");
    assert!(hasher.verify("correct horse".into(), one.clone()).await.unwrap());
    assert!(hasher.verify("correct horse".into(), two).await.unwrap());
    for wrong in ["", "correct hors", "correct horse ", "Correct horse"] {
        assert!(!hasher.verify(wrong.into(), one.clone()).await.unwrap(), "{wrong}");
    }
}

#[tokio::test]
async fn the_default_cost_is_written_into_the_hash() {
    let hasher = ArgonHasher::new(HashPolicy::default()).unwrap();
    let phc = hasher.hash("correct horse".into(), [1; 16]).await.unwrap();
    assert!(phc.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{phc}");
}

#[tokio::test]
async fn a_hash_of_an_earlier_cost_still_counts() {
    let old = ArgonHasher::new(cheap()).unwrap().hash("correct horse".into(), [1; 16]).await.unwrap();
    let hasher = ArgonHasher::new(HashPolicy::default()).unwrap();
    assert!(hasher.verify("correct horse".into(), old.clone()).await.unwrap());
    assert!(!hasher.verify("wrong horse".into(), old).await.unwrap());
}

#[tokio::test]
async fn a_stored_text_that_is_no_hash_is_corrupt() {
    let hasher = ArgonHasher::new(cheap()).unwrap();
    for phc in ["", "plain", "$argon2id$v=19$m=1", "$2b$12$abc"] {
        let fault = hasher.verify("correct horse".into(), phc.into()).await;
        assert!(!matches!(fault, Ok(true)), "{phc}");
    }
    let fault = hasher.verify("x".into(), "plain".into()).await.unwrap_err();
    assert_eq!(fault.kind, FaultKind::Corrupt);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_may_wait_are_refused_and_the_rest_served() {
    let policy = HashPolicy { concurrency: 1, queue: 2, memory_kib: 19_456, passes: 2, lanes: 1 };
    let hasher = Arc::new(ArgonHasher::new(policy).unwrap());
    let all: Vec<_> = (0..12)
        .map(|n| {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move { hasher.hash("correct horse".into(), [n; 16]).await })
        })
        .collect();
    let (mut served, mut refused) = (0, 0);
    for one in all {
        match one.await.unwrap() {
            Ok(_) => served += 1,
            Err(fault) => {
                assert!(fault.is_retryable());
                refused += 1;
            }
        }
    }
    assert!(served >= 3 && refused >= 1, "served {served}, refused {refused}");
    assert!(hasher.hash("correct horse".into(), [0; 16]).await.is_ok(), "free again");
}

#[tokio::test]
async fn hashing_leaves_the_async_thread_free() {
    let hasher = Arc::new(ArgonHasher::new(HashPolicy::default()).unwrap());
    let work = tokio::spawn({
        let hasher = Arc::clone(&hasher);
        async move { hasher.hash("correct horse".into(), [1; 16]).await.is_ok() }
    });
    // On the one thread of this runtime: these turns pass only if the hash is elsewhere.
    let mut turns = 0u64;
    while !work.is_finished() {
        tokio::task::yield_now().await;
        turns += 1;
    }
    assert!(work.await.unwrap());
    assert!(turns > 100, "{turns}");
}
