//! The memory log keeps every promise; each saboteur breaks some and is caught.

use async_trait::async_trait;
use events::conformance::cases;
use events::{Append, EventLog, EventLogError, MemoryEventLog, Placed, Receipt, SeqVerdict};
use std::sync::Arc;
use testkit::{saboteur, trials};

/// What a saboteur does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    /// Writes duplicates too.
    CountsTwice,
    /// Keeps the window apart from the events: a resend after a trim is fresh again.
    ForgetsWindows,
    /// Drops the last event of a page.
    DropsTheLast,
    /// Answers an append newest first.
    LosesOrder,
}

struct Broken {
    inner: MemoryEventLog,
    fault: Fault,
}

#[async_trait]
impl EventLog for Broken {
    async fn append(&self, mut batch: Append) -> Result<Receipt, EventLogError> {
        match self.fault {
            Fault::CountsTwice if batch.epoch != 0 => {
                let receipt = self.inner.append(batch.clone()).await?;
                let again: Vec<_> = batch
                    .events
                    .into_iter()
                    .zip(&receipt.verdicts)
                    .filter(|(_, v)| **v == SeqVerdict::Duplicate)
                    .map(|(e, _)| e)
                    .collect();
                let device = batch.device;
                let epoch = 0;
                self.inner
                    .append(Append {
                        viewer: batch.viewer,
                        device,
                        epoch,
                        events: again,
                        epochs_per_device: 1,
                    })
                    .await?;
                Ok(receipt)
            }
            Fault::ForgetsWindows => {
                batch.epoch = 0;
                let next_seq = batch.events.iter().map(|e| e.seq + 1).max().unwrap_or(0);
                Ok(Receipt { next_seq, ..self.inner.append(batch).await? })
            }
            Fault::LosesOrder => {
                batch.events.reverse();
                let mut receipt = self.inner.append(batch).await?;
                receipt.verdicts.reverse();
                Ok(receipt)
            }
            _ => self.inner.append(batch).await,
        }
    }
    async fn read(&self, shard: u16, from: u64, limit: usize) -> Result<Vec<Placed>, EventLogError> {
        let mut page = self.inner.read(shard, from, limit).await?;
        if self.fault == Fault::DropsTheLast && page.len() > 1 {
            page.pop();
        }
        Ok(page)
    }
    async fn end(&self, shard: u16) -> Result<u64, EventLogError> {
        self.inner.end(shard).await
    }
    async fn trim(&self, shard: u16, before: u64) -> Result<(), EventLogError> {
        self.inner.trim(shard, before).await
    }
    fn shards(&self) -> u16 {
        self.inner.shards()
    }
}

fn broken(fault: Fault) -> impl Fn() -> Arc<dyn EventLog> + Send + Sync + 'static {
    move || Arc::new(Broken { inner: MemoryEventLog::default(), fault })
}

fn main() {
    let mut all = trials("memory", cases(), || Arc::new(MemoryEventLog::default()) as Arc<dyn EventLog>);
    all.push(saboteur(
        "counts_twice",
        cases,
        broken(Fault::CountsTwice),
        &[
            "a_resent_append_writes_nothing",
            "a_partly_new_append_writes_only_the_new",
            "a_forgotten_epoch_stays_forgotten",
            "racing_resends_write_once",
            "trim_forgets_events_but_no_windows_and_no_offsets",
        ],
    ));
    all.push(saboteur(
        "forgets_windows",
        cases,
        broken(Fault::ForgetsWindows),
        &[
            "a_resent_append_writes_nothing",
            "a_partly_new_append_writes_only_the_new",
            "behind_the_window_is_too_old",
            "a_forgotten_epoch_stays_forgotten",
            "racing_resends_write_once",
            "trim_forgets_events_but_no_windows_and_no_offsets",
        ],
    ));
    all.push(saboteur(
        "drops_the_last",
        cases,
        broken(Fault::DropsTheLast),
        &[
            "an_append_is_read_back_whole_and_in_order",
            "a_resent_append_writes_nothing",
            "a_partly_new_append_writes_only_the_new",
            "behind_the_window_is_too_old",
            "epochs_and_devices_count_apart",
            "a_forgotten_epoch_stays_forgotten",
            "epoch_zero_passes_no_window",
            "racing_resends_write_once",
            "reading_resumes_at_any_offset",
        ],
    ));
    all.push(saboteur(
        "loses_order",
        cases,
        broken(Fault::LosesOrder),
        &["an_append_is_read_back_whole_and_in_order", "a_partly_new_append_writes_only_the_new"],
    ));
    testkit::main(all);
}
