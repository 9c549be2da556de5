//! The cases on the implementation in memory, and on broken ones that they must catch.

use async_trait::async_trait;
use moderation::conformance::{block_list_cases, cases, frame_block_list_cases};
use moderation::{
    BlockEntry, BlockList, MemoryBlockList, MemoryModerationStore, ModerationRecord, ModerationStore,
    ModerationStoreError as Error, Trail, TrailFilter,
};
use std::sync::Arc;
use stdx::Fault;
use testkit::{saboteur, trials};
use vocab::{Millis, VideoId};

/// What a saboteur of [`ModerationStore`] does wrong.
#[derive(Clone, Copy, PartialEq)]
enum Wrong {
    /// Writes whatever it is given: the last writer wins.
    ForgetsTheCondition,
    /// Orders the queue by video, not by time.
    LosesTheQueuesOrder,
    /// Pages from the wrong side: the last one of a page comes again.
    RepeatsTheLastOfAPage,
    /// Keeps a video in the queue for ever.
    ForgetsToLeaveTheQueue,
    /// Appends every time.
    AppendsTwice,
    /// Finds nothing by its bytes.
    LosesTheContent,
    /// Shows the oldest entries first.
    TurnsTheTrailRound,
}

struct Saboteur {
    inner: MemoryModerationStore,
    wrong: Wrong,
}

fn store(wrong: Wrong) -> impl Fn() -> Arc<dyn ModerationStore> + Send + Sync {
    move || Arc::new(Saboteur { inner: MemoryModerationStore::default(), wrong })
}

#[async_trait]
impl ModerationStore for Saboteur {
    async fn get(&self, video: VideoId) -> Result<Option<ModerationRecord>, Error> {
        self.inner.get(video).await
    }

    async fn save(&self, mut record: ModerationRecord) -> Result<ModerationRecord, Error> {
        let stored = self.inner.get(record.video).await?;
        match self.wrong {
            Wrong::ForgetsTheCondition => record.revision = stored.map_or(0, |r| r.revision),
            Wrong::ForgetsToLeaveTheQueue => {
                record.waiting_since = record.waiting_since.or(stored.and_then(|r| r.waiting_since));
            }
            _ => {}
        }
        self.inner.save(record).await
    }

    async fn by_content(&self, content_sha256: &str, limit: usize) -> Result<Vec<ModerationRecord>, Error> {
        match self.wrong {
            Wrong::LosesTheContent => Ok(Vec::new()),
            _ => self.inner.by_content(content_sha256, limit).await,
        }
    }

    async fn waiting(
        &self,
        after: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<ModerationRecord>, Error> {
        let after = match self.wrong {
            Wrong::RepeatsTheLastOfAPage => after.map(|(at, id)| (at, VideoId(id.0 - 1))),
            _ => after,
        };
        let mut page = self.inner.waiting(after, limit).await?;
        if self.wrong == Wrong::RepeatsTheLastOfAPage && after.is_some() && page.len() < limit {
            page.clear();
        }
        if self.wrong == Wrong::LosesTheQueuesOrder {
            page.sort_by_key(|r| r.video);
        }
        Ok(page)
    }

    async fn append(&self, mut entry: Trail) -> Result<(), Error> {
        if self.wrong == Wrong::AppendsTwice {
            entry.id = format!("{}-{}", entry.id, entry.at.0);
        }
        self.inner.append(entry).await
    }

    async fn trail(&self, filter: TrailFilter) -> Result<Vec<Trail>, Error> {
        let mut entries = self.inner.trail(filter).await?;
        match self.wrong {
            Wrong::TurnsTheTrailRound => entries.reverse(),
            Wrong::AppendsTwice => {
                for e in &mut entries {
                    e.id = e.id.split('-').next().unwrap_or_default().to_owned();
                }
            }
            _ => {}
        }
        Ok(entries)
    }
}

#[derive(Clone, Copy, PartialEq)]
enum WrongList {
    Overwrites,
    NeverRemoves,
    MatchesByPrefix,
    ForgetsThePage,
}

struct ListSaboteur {
    inner: MemoryBlockList,
    wrong: WrongList,
}

fn list(wrong: WrongList) -> impl Fn() -> Arc<dyn BlockList> + Send + Sync {
    move || Arc::new(ListSaboteur { inner: MemoryBlockList::default(), wrong })
}

#[async_trait]
impl BlockList for ListSaboteur {
    async fn add(&self, entry: BlockEntry) -> Result<bool, Fault> {
        if self.wrong == WrongList::Overwrites {
            self.inner.remove(&entry.content_sha256).await?;
        }
        self.inner.add(entry).await
    }
    async fn remove(&self, content_sha256: &str) -> Result<bool, Fault> {
        match self.wrong {
            WrongList::NeverRemoves => Ok(self.inner.find(content_sha256).await?.is_some()),
            _ => self.inner.remove(content_sha256).await,
        }
    }
    async fn find(&self, content_sha256: &str) -> Result<Option<BlockEntry>, Fault> {
        match self.wrong {
            WrongList::MatchesByPrefix => {
                let all = self.inner.list(None, 100).await?;
                Ok(all.into_iter().find(|e| e.content_sha256[..1] == content_sha256[..1]))
            }
            _ => self.inner.find(content_sha256).await,
        }
    }
    async fn list(&self, before: Option<(Millis, String)>, limit: usize) -> Result<Vec<BlockEntry>, Fault> {
        match (self.wrong, before) {
            (WrongList::ForgetsThePage, Some(_)) => Ok(Vec::new()),
            (_, before) => self.inner.list(before, limit).await,
        }
    }
}

fn main() {
    let mut all = trials("memory", cases(), || Arc::new(MemoryModerationStore::default()) as _);
    all.extend(trials("memory_block_list", block_list_cases(), || Arc::new(MemoryBlockList::default()) as _));
    all.extend(trials("memory_frame_blocks", frame_block_list_cases(), || {
        Arc::new(moderation::MemoryFrameBlockList::default()) as _
    }));
    let caught: [(&str, Wrong, &'static [&'static str]); 7] = [
        (
            "forgets_the_condition",
            Wrong::ForgetsTheCondition,
            &[
                "a_stale_save_changes_nothing",
                "a_first_save_over_a_record_is_stale",
                "racing_saves_have_one_winner",
            ],
        ),
        ("loses_the_queues_order", Wrong::LosesTheQueuesOrder, &["the_queue_is_oldest_first_and_pages"]),
        (
            "repeats_the_last_of_a_page",
            Wrong::RepeatsTheLastOfAPage,
            &["the_queue_is_oldest_first_and_pages"],
        ),
        ("forgets_to_leave_the_queue", Wrong::ForgetsToLeaveTheQueue, &["leaving_the_queue_is_seen_at_once"]),
        ("appends_twice", Wrong::AppendsTwice, &["an_entry_is_appended_once"]),
        ("loses_the_content", Wrong::LosesTheContent, &["the_same_bytes_are_found_newest_first"]),
        ("turns_the_trail_round", Wrong::TurnsTheTrailRound, &["the_trail_is_newest_first_and_filtered"]),
    ];
    for (name, wrong, expected) in caught {
        all.push(saboteur(name, cases, store(wrong), expected));
    }
    let caught: [(&str, WrongList, &'static [&'static str]); 4] = [
        ("overwrites", WrongList::Overwrites, &["the_first_entry_of_a_hash_stays"]),
        ("never_removes", WrongList::NeverRemoves, &["an_entry_is_found_until_removed"]),
        ("matches_by_prefix", WrongList::MatchesByPrefix, &["an_entry_is_found_until_removed"]),
        ("forgets_the_page", WrongList::ForgetsThePage, &["entries_are_newest_first_and_page"]),
    ];
    for (name, wrong, expected) in caught {
        all.push(saboteur(name, block_list_cases, list(wrong), expected));
    }
    testkit::main(all)
}
