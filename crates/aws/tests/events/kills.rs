//! Appends by processes that die, sleep and race.

use super::support::dying::{Life, mortal};
use super::support::{Storm, block_on, dynamo, through};
use aws::dynamo::Dynamo;
use aws::events::{DynamoEventLog, EVENT_LOG, TABLES};
use events::{Append, EventKind, EventLog, Measures, Recorded, SeqVerdict};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;
use testkit::Trial;
use vocab::{DeviceId, ImpressionId, Millis, UserId, VideoId};

/// Viewers 10 and 12 have another of them than viewer 7.
const SHARDS: u16 = 3;

pub fn trials() -> Vec<Trial> {
    let named = |name: &str, test: fn()| {
        Trial::test(format!("kills::{name}"), move || {
            test();
            Ok(())
        })
    };
    vec![
        named("an_append_killed_anywhere_and_resent_stands_once", killed),
        named("a_writer_that_wakes_late_writes_nothing_twice", late),
        named("processes_append_at_once_and_a_reader_misses_nothing", at_once),
        named("a_large_append_is_put_aside_and_read_back_whole", large),
        named("an_append_costs_what_it_weighs", cost),
    ]
}

fn event(viewer: u64, device: u64, epoch: u64, seq: u64) -> Recorded {
    Recorded {
        viewer: UserId(viewer),
        device: DeviceId(u128::from(device)),
        epoch,
        seq,
        kind: EventKind::Dwell,
        at: Millis(1_795_000_000_000 + seq as i64 * 700),
        received_at: Millis(1_795_000_400_000),
        raw_ts: Some(Millis(1_795_000_000_000 + seq as i64 * 700)),
        raw_sent_at: None,
        video: Some(VideoId::from_parts(1_794_000_000_000, seq)),
        impression: Some(ImpressionId(u128::MAX / 3 * u128::from(seq % 3))),
        measures: Measures { dwell_ms: Some(700), ..Measures::default() },
    }
}

fn batch(viewer: u64, device: u64, seqs: RangeInclusive<u64>) -> Append {
    let events = seqs.map(|seq| event(viewer, device, 1, seq)).collect();
    let device = DeviceId(u128::from(device));
    Append { viewer: UserId(viewer), device, epoch: 1, events, epochs_per_device: 4 }
}

fn log(dynamo: Dynamo) -> DynamoEventLog {
    DynamoEventLog::new(dynamo, SHARDS)
}

async fn process(whole: &Dynamo) -> DynamoEventLog {
    log(through(whole, &EVENT_LOG, aws::sdk::http_client()).await)
}

/// How often each number of each device stands in the log.
async fn counts(log: &DynamoEventLog) -> BTreeMap<(u128, u64), usize> {
    let mut counts = BTreeMap::new();
    for shard in 0..SHARDS {
        for placed in log.read(shard, 0, 100_000).await.expect("reads") {
            *counts.entry((placed.event.device.0, placed.event.seq)).or_default() += 1;
        }
    }
    counts
}

async fn expect_once(whole: &Dynamo, seqs: RangeInclusive<u64>, what: &str) {
    let found = counts(&process(whole).await).await;
    let expected: BTreeMap<_, _> = seqs.map(|seq| ((1, seq), 1)).collect();
    assert_eq!(found, expected, "{what}");
}

fn killed() {
    // The rest as it was, cut otherwise, or sent by somebody else who took over the device.
    let resent: [&[(u64, RangeInclusive<u64>)]; 4] = [
        &[(7, 1..=5), (7, 6..=8)],
        &[(7, 1..=2), (7, 2..=8)],
        &[(10, 1..=5), (7, 6..=8)],
        &[(12, 3..=8), (7, 1..=4)],
    ];
    for resent in resent {
        for n in 0..=4 {
            let whole = dynamo(TABLES, Storm::Calm);
            block_on(async {
                let first = log(mortal(&whole, &EVENT_LOG, &Life::of(n)).await);
                let _ = first.append(batch(7, 1, 1..=5)).await;
                // A second one dies on the same device before anybody finishes.
                let second = log(mortal(&whole, &EVENT_LOG, &Life::of(n / 2)).await);
                let _ = second.append(batch(resent[0].0, 1, 1..=5)).await;
                let successor = process(&whole).await;
                for (viewer, seqs) in resent {
                    successor.append(batch(*viewer, 1, seqs.clone())).await.expect("appends");
                }
                expect_once(&whole, 1..=8, &format!("killed after {n} writes, then {resent:?}")).await;
            });
        }
    }
}

/// The first process sleeps before its windows (1) or its chunk (2) is written, the second as well or not
/// at all; both wake.
fn late() {
    block_on(viewers_have_their_shards(dynamo(TABLES, Storm::Calm)));
    for (first_at, second_at, second_viewer) in
        [(2, 9, 7), (2, 2, 7), (1, 9, 7), (1, 2, 7), (2, 9, 10), (2, 2, 10), (2, 3, 10)]
    {
        let whole = dynamo(TABLES, Storm::Calm);
        block_on(async {
            let (life, first_pause) = Life::pausing(first_at);
            let first = Arc::new(log(mortal(&whole, &EVENT_LOG, &life).await));
            let first = tokio::spawn(async move { first.append(batch(7, 1, 1..=5)).await });
            first_pause.reached.notified().await;
            let (life, second_pause) = Life::pausing(second_at);
            let second = Arc::new(log(mortal(&whole, &EVENT_LOG, &life).await));
            let second = tokio::spawn(async move { second.append(batch(second_viewer, 1, 1..=6)).await });
            if second_at < 9 {
                second_pause.reached.notified().await;
            } else {
                while !second.is_finished() {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
            first_pause.over.notify_one();
            tokio::time::sleep(Duration::from_millis(50)).await;
            second_pause.over.notify_one();
            let first = first.await.expect("no panic").expect("appends");
            let second = second.await.expect("no panic").expect("appends");
            let all = first.verdicts.iter().chain(&second.verdicts);
            let fresh = all.filter(|v| **v == SeqVerdict::Fresh).count();
            let what = format!("paused at {first_at} and {second_at}, viewer {second_viewer}");
            assert_eq!(fresh, 6, "{what}");
            expect_once(&whole, 1..=6, &what).await;
        });
    }
}

/// Without it, nobody would take over a device in another shard.
async fn viewers_have_their_shards(whole: Dynamo) {
    let log = log(whole);
    for (viewer, device) in [(7, 1), (10, 2), (12, 3)] {
        log.append(batch(viewer, device, 1..=1)).await.expect("appends");
    }
    let mut of = BTreeMap::new();
    for shard in 0..SHARDS {
        of.extend(log.read(shard, 0, 9).await.expect("reads").iter().map(|p| (p.event.viewer.0, shard)));
    }
    assert!(of[&7] != of[&10] && of[&7] != of[&12], "{of:?}");
}

fn at_once() {
    const PROCESSES: u64 = 3;
    const APPENDS: u64 = 12;
    let whole = dynamo(TABLES, Storm::Calm);
    block_on(async {
        let mut writers = Vec::new();
        for p in 0..PROCESSES {
            let log = process(&whole).await;
            writers.push(tokio::spawn(async move {
                for n in 0..APPENDS {
                    // Every device sends to every process, and most of it twice.
                    let device = (p + n) % 4;
                    let from = n / 2 * 3 + 1;
                    log.append(batch(device, device, from..=from + 2)).await.expect("appends");
                }
            }));
        }
        let reader = process(&whole).await;
        let mut read: Vec<Vec<_>> = vec![Vec::new(); usize::from(SHARDS)];
        let mut quiet = 0;
        while quiet < 2 {
            quiet = if writers.iter().all(tokio::task::JoinHandle::is_finished) { quiet + 1 } else { 0 };
            for shard in 0..SHARDS {
                let list = &mut read[usize::from(shard)];
                loop {
                    let from = list.last().map_or(0, |p: &events::Placed| p.offset + 1);
                    let page = reader.read(shard, from, 4).await.expect("reads");
                    if page.is_empty() {
                        break;
                    }
                    list.extend(page);
                }
            }
        }
        for writer in writers {
            writer.await.expect("no panic");
        }
        let fresh = process(&whole).await;
        for shard in 0..SHARDS {
            let whole = fresh.read(shard, 0, 100_000).await.expect("reads");
            assert_eq!(read[usize::from(shard)], whole, "shard {shard}");
        }
        let counts = counts(&fresh).await;
        assert!(counts.len() > 40 && counts.values().all(|n| *n == 1), "{counts:?}");
    });
}

fn large() {
    let mut big = batch(7, 1, 1..=500);
    for e in &mut big.events {
        e.measures.code = Some("\u{10348}".repeat(64));
    }
    for n in 0..=4 {
        let whole = dynamo(TABLES, Storm::Calm);
        block_on(async {
            let victim = log(mortal(&whole, &EVENT_LOG, &Life::of(n)).await);
            let _ = victim.append(big.clone()).await;
            let successor = process(&whole).await;
            successor.append(big.clone()).await.expect("appends");
            let mut found = Vec::new();
            for shard in 0..SHARDS {
                found.extend(successor.read(shard, 0, 10_000).await.expect("reads"));
            }
            let found: Vec<_> = found.into_iter().map(|p| p.event).collect();
            assert!(found == big.events, "killed after {n} writes: {} events", found.len());
        });
    }
}

fn cost() {
    let whole = dynamo(TABLES, Storm::Calm);
    block_on(async {
        let log = log(whole.clone());
        log.append(batch(7, 1, 1..=20)).await.expect("appends");
        let before = whole.meter().spent();
        log.append(batch(7, 1, 21..=40)).await.expect("appends");
        let spent = whole.meter().spent() - before;
        assert!(spent.write_units <= 3.0 && spent.read_units <= 1.0, "an append: {spent:?}");
        let shard = 0..SHARDS;
        let mut busy = None;
        for s in shard {
            let page = log.read(s, 0, 1_000).await.expect("reads");
            busy = page.last().map(|p| (s, p.offset + 1)).or(busy);
        }
        let (shard, from) = busy.expect("events");
        let before = whole.meter().spent();
        assert!(log.read(shard, from, 1_000).await.expect("reads").is_empty());
        let spent = whole.meter().spent() - before;
        assert!(spent.requests == 1 && spent.read_units <= 0.5, "a look at the end: {spent:?}");
    });
}
