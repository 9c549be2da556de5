//! The cases of feed on AWS engines.

#[path = "feed/kills.rs"]
mod kills;
mod support;

use aws::dynamo::Dynamo;
use aws::feed::{DynamoSeenStore, DynamoWarmQueue, SeenRules, TABLES};
use feed::conformance::{queue_cases, seen_cases};
use feed::{QueueRules, Queued, Reason, Refusal, SeenStore, Take, Turn, WarmQueue};
use std::collections::HashSet;
use std::sync::Arc;
use support::lag::lagging_reads;
use support::{Storm, block_on, dynamo, in_all_weathers};
use testkit::{Trial, trials};
use vocab::{Millis, UserId, VideoId};

const NOW: Millis = Millis(1_795_000_000_000);

fn main() {
    let queue =
        |dynamo| -> Arc<dyn WarmQueue> { Arc::new(DynamoWarmQueue::new(dynamo, QueueRules::default())) };
    let seen =
        |dynamo| -> Arc<dyn SeenStore> { Arc::new(DynamoSeenStore::new(dynamo, SeenRules::default())) };
    let mut all = in_all_weathers("dynamodb", queue_cases, TABLES, queue);
    all.extend(in_all_weathers("dynamodb", seen_cases, TABLES, seen));
    all.extend(trials("dynamodb::lagging", queue_cases(), move || {
        let whole = dynamo(TABLES, Storm::Calm);
        queue(block_on(lagging_reads(&whole, TABLES[0])))
    }));
    all.push(Trial::test("a_warm_page_costs_two_writes_and_one_read_at_most", || {
        block_on(a_warm_page_costs_two_writes_and_one_read_at_most(dynamo(TABLES, Storm::Calm)));
        Ok(())
    }));
    all.push(Trial::test("processes_that_read_lagging_copies_give_every_video_once_in_order", || {
        block_on(processes_that_read_lagging_copies(dynamo(TABLES, Storm::Calm)));
        Ok(())
    }));
    all.extend(kills::trials());
    testkit::main(all);
}

/// One viewer, whose pages two processes make by turns; the last one takes back half of what waits.
async fn processes_that_read_lagging_copies(rows: Dynamo) {
    let mut processes = Vec::new();
    for _ in 0..2 {
        let copy = lagging_reads(&rows, TABLES[0]).await;
        processes.push(DynamoWarmQueue::new(copy, QueueRules::default()));
    }
    let (viewer, whole) = (UserId(9), DynamoWarmQueue::new(rows, QueueRules::default()));
    let items = (0..200).map(|n| Queued { video: VideoId(n), reason: Reason::Fresh }).collect();
    whole.fill(viewer, 0, items, NOW).await.expect("fills");
    let mut given = Vec::new();
    for page in 0..12 {
        let (queue, turn) = (&processes[page as usize % 2], Turn { session: 5, page });
        let mut generation = queue.look(viewer, turn, NOW).await.expect("looks").generation;
        if page == 8 {
            whole.invalidate(viewer, 25).await.expect("invalidates");
        }
        let take = |generation| {
            let generation = Some(generation);
            queue.take(viewer, Take { turn, n: 10, refuse: HashSet::new(), generation, now: NOW })
        };
        let mut taken = take(generation).await.expect("takes");
        if taken.passed {
            generation = queue.look(viewer, turn, NOW).await.expect("looks").generation;
            taken = take(generation).await.expect("takes");
        }
        assert!(!taken.passed, "what was looked at after a refusal stands: page {page}");
        given.extend(taken.page.iter().map(|q| q.video.0));
    }
    assert_eq!(given, (0..105).collect::<Vec<_>>());
}

/// What the feed asks of these stores for a page of 20, until the queue is used up. Refusals are read
/// with a new generation only.
async fn a_warm_page_costs_two_writes_and_one_read_at_most(rows: Dynamo) {
    let queue = DynamoWarmQueue::new(rows.clone(), QueueRules::default());
    let seen = DynamoSeenStore::new(rows.clone(), SeenRules::default());
    let (viewer, now) = (UserId::from_parts(NOW.0, 77), NOW);
    let born = |n: u64| VideoId::from_parts(NOW.0 - 40_000_000 * n as i64, n.wrapping_mul(0x9E37_79B9));
    let marks: Vec<_> = (5_000..5_300).map(|n| (born(n), now)).collect();
    seen.mark(viewer, &marks).await.expect("marks");
    for n in 0..8 {
        seen.refuse(viewer, Refusal::Owner(UserId(n)), now).await.expect("refuses");
    }
    for (session, from) in [(0xA11CE, 0), (0xB0B, 300), (0xCA01, 600)] {
        let items = (from..from + 200).map(|n| Queued { video: born(n), reason: Reason::Fresh }).collect();
        let first = Turn { session, page: 0 };
        let generation = queue.look(viewer, first, now).await.expect("looks").generation;
        assert_eq!(queue.fill(viewer, generation, items, now).await.expect("fills"), 200);
        // The first page reads what was seen into memory.
        seen.among(viewer, &[VideoId(1)], now).await.expect("answers");
        for page in 0..10 {
            let (turn, before) = (Turn { session, page }, rows.meter().spent());
            let waiting = queue.look(viewer, turn, now).await.expect("looks");
            let ids: Vec<_> = waiting.items.iter().take(20).map(|q| q.video).collect();
            assert!(seen.among(viewer, &ids, Millis(0)).await.expect("answers").is_empty());
            let take = Take {
                turn,
                n: 20,
                refuse: HashSet::new(),
                generation: None,
                now: Millis(now.0 + i64::from(page) * 240_000),
            };
            assert_eq!(queue.take(viewer, take).await.expect("takes").page.len(), 20);
            let cost = rows.meter().spent() - before;
            assert!(cost.write_units <= 2.0 && cost.read_units <= 1.0, "page {page}: {cost:?}");
        }
    }
}
