//! What every event log promises.

use crate::port::{Append, EventLog};
use crate::schema::{EventKind, Measures, Recorded};
use crate::window::SeqVerdict::{Duplicate, Fresh, TooOld};
use std::sync::Arc;
use testkit::{Case, case};
use vocab::{DeviceId, Millis, UserId, VideoId};

type Log = Arc<dyn EventLog>;

pub fn cases() -> Vec<Case<Log>> {
    vec![
        case("an_append_is_read_back_whole_and_in_order", an_append_is_read_back_whole_and_in_order),
        case("a_resent_append_writes_nothing", a_resent_append_writes_nothing),
        case("a_partly_new_append_writes_only_the_new", a_partly_new_append_writes_only_the_new),
        case("behind_the_window_is_too_old", behind_the_window_is_too_old),
        case("epochs_and_devices_count_apart", epochs_and_devices_count_apart),
        case("a_forgotten_epoch_stays_forgotten", a_forgotten_epoch_stays_forgotten),
        case("epoch_zero_passes_no_window", epoch_zero_passes_no_window),
        case("racing_resends_write_once", racing_resends_write_once),
        case("reading_resumes_at_any_offset", reading_resumes_at_any_offset),
        case(
            "trim_forgets_events_but_no_windows_and_no_offsets",
            trim_forgets_events_but_no_windows_and_no_offsets,
        ),
        case("an_unknown_shard_is_refused", an_unknown_shard_is_refused),
    ]
}

fn append(device: u128, epoch: u64, seqs: impl IntoIterator<Item = u64>) -> Append {
    let event = |seq| Recorded {
        viewer: UserId(7),
        device: DeviceId(device),
        epoch,
        seq,
        kind: EventKind::ViewEnd,
        at: Millis(1_000 + seq as i64),
        received_at: Millis(2_000),
        raw_ts: Some(Millis(-5)),
        raw_sent_at: None,
        video: Some(VideoId(seq % 3 + 1)),
        impression: Some(vocab::ImpressionId(u128::MAX - u128::from(seq))),
        measures: Measures { dwell_ms: Some(10), code: Some("ü\"".into()), ..Measures::default() },
    };
    Append {
        viewer: UserId(7),
        device: DeviceId(device),
        epoch,
        events: seqs.into_iter().map(event).collect(),
        epochs_per_device: 4,
    }
}

/// Every event of every shard.
async fn all(log: &Log) -> Vec<Recorded> {
    let mut found = Vec::new();
    for shard in 0..log.shards() {
        found.extend(log.read(shard, 0, 10_000).await.expect("reads").into_iter().map(|p| p.event));
    }
    found
}

async fn an_append_is_read_back_whole_and_in_order(log: Log) {
    let batch = append(1, 1, 1..=5);
    let expected = batch.events.clone();
    let receipt = log.append(batch).await.expect("appends");
    assert_eq!((receipt.verdicts, receipt.next_seq), (vec![Fresh; 5], 6));
    assert_eq!(all(&log).await, expected);
}

async fn a_resent_append_writes_nothing(log: Log) {
    log.append(append(1, 1, 1..=5)).await.expect("appends");
    let receipt = log.append(append(1, 1, 1..=5)).await.expect("appends");
    assert_eq!((receipt.verdicts, receipt.next_seq), (vec![Duplicate; 5], 6));
    assert_eq!(all(&log).await.len(), 5);
}

async fn a_partly_new_append_writes_only_the_new(log: Log) {
    log.append(append(1, 1, [1, 3])).await.expect("appends");
    let receipt = log.append(append(1, 1, [1, 2, 2, 3, 4])).await.expect("appends");
    assert_eq!(receipt.verdicts, [Duplicate, Fresh, Duplicate, Duplicate, Fresh]);
    assert_eq!(all(&log).await.iter().map(|e| e.seq).collect::<Vec<_>>(), [1, 3, 2, 4]);
}

async fn behind_the_window_is_too_old(log: Log) {
    log.append(append(1, 1, [100])).await.expect("appends");
    let receipt = log.append(append(1, 1, [36, 37])).await.expect("appends");
    assert_eq!((receipt.verdicts, receipt.next_seq), (vec![TooOld, Fresh], 101));
    assert_eq!(all(&log).await.len(), 2);
}

async fn epochs_and_devices_count_apart(log: Log) {
    for (device, epoch) in [(1, 1), (1, 2), (2, 1)] {
        let receipt = log.append(append(device, epoch, [1, 2])).await.expect("appends");
        assert_eq!(receipt.verdicts, [Fresh, Fresh]);
    }
    assert_eq!(all(&log).await.len(), 6);
}

async fn a_forgotten_epoch_stays_forgotten(log: Log) {
    for epoch in 1..=6 {
        log.append(append(1, epoch, [1])).await.expect("appends");
    }
    // Four are kept: 3, 4, 5 and 6.
    assert_eq!(log.append(append(1, 2, [9])).await.expect("appends").verdicts, [TooOld]);
    assert_eq!(log.append(append(1, 3, [1, 9])).await.expect("appends").verdicts, [Duplicate, Fresh]);
    assert_eq!(all(&log).await.len(), 7);
}

async fn epoch_zero_passes_no_window(log: Log) {
    for _ in 0..3 {
        assert_eq!(log.append(append(1, 0, [0])).await.expect("appends").verdicts, [Fresh]);
    }
    assert_eq!(all(&log).await.len(), 3);
}

async fn racing_resends_write_once(log: Log) {
    let racers = (0..8).map(|_| {
        let log = Arc::clone(&log);
        tokio::spawn(async move { log.append(append(1, 1, 1..=20)).await.expect("appends") })
    });
    let mut fresh = 0;
    for racer in racers.collect::<Vec<_>>() {
        fresh += racer.await.expect("no panic").verdicts.iter().filter(|v| **v == Fresh).count();
    }
    assert_eq!((fresh, all(&log).await.len()), (20, 20));
}

async fn reading_resumes_at_any_offset(log: Log) {
    for epoch in 1..=3 {
        log.append(append(1, epoch, 1..=10)).await.expect("appends");
    }
    for shard in 0..log.shards() {
        let whole = log.read(shard, 0, 1_000).await.expect("reads");
        assert!(whole.windows(2).all(|w| w[0].offset < w[1].offset));
        let (mut stepwise, mut from) = (Vec::new(), 0);
        loop {
            let page = log.read(shard, from, 7).await.expect("reads");
            assert!(page.len() <= 7);
            let Some(last) = page.last() else { break };
            from = last.offset + 1;
            stepwise.extend(page);
        }
        assert_eq!(stepwise, whole);
        assert_eq!(log.end(shard).await.expect("answers"), whole.last().map_or(0, |p| p.offset + 1));
    }
}

async fn trim_forgets_events_but_no_windows_and_no_offsets(log: Log) {
    log.append(append(1, 1, 1..=10)).await.expect("appends");
    for shard in 0..log.shards() {
        let end = log.end(shard).await.expect("answers");
        log.trim(shard, end).await.expect("trims");
        assert_eq!(log.end(shard).await.expect("answers"), end);
    }
    assert!(all(&log).await.is_empty());
    assert_eq!(log.append(append(1, 1, [10, 11])).await.expect("appends").verdicts, [Duplicate, Fresh]);
    assert_eq!(all(&log).await.len(), 1);
}

async fn an_unknown_shard_is_refused(log: Log) {
    let beyond = log.shards();
    assert!(log.read(beyond, 0, 1).await.is_err());
    assert!(log.end(beyond).await.is_err());
}
