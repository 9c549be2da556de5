//! Likes, saves and history: two items for each video on a shelf, and no transaction over them.
//!
//! The **member** (`on#likes#<video>`) says that a video stands on the shelf and since when; it alone is
//! true, and it is written on condition. The **entry** (`likes#<time>#<video>`) is its place in the
//! list. An entry counts only while the member names its time; any other is void, and no list shows it.
//!
//! - *Put* writes the entry, then the member, then deletes the entry of the time before. Killed after the
//!   first step it leaves a void entry, killed after the second another one: both cost a read, neither is seen.
//! - *Remove* deletes the member, then its entry. Killed in between it leaves a void entry.
//!
//! So a member always has its entry, with one exception that is accepted: two puts of the same video *at the
//! same millisecond*, with a whole removal between the steps of the slower one, leave a member that no list
//! shows until the video is put again.

use super::digits;
use crate::dynamo::{Attr, Dynamo, Item, Key, Put, Query, Race, Range, Read, Table, Write};
use async_trait::async_trait;
use catalog::{LibraryStore, Shelf};
use futures::{StreamExt, TryStreamExt, stream};
use std::collections::{BTreeSet, HashMap};
use stdx::Fault;
use vocab::{Millis, UserId, VideoId};

const LAYOUT: i64 = 1;

pub static USER_LIBRARY: Table = Table {
    name: "UserLibrary",
    hash: Attr::s("user_id"),
    range: Some(Attr::s("sk")),
    indexes: &[],
    ttl: None,
};

/// Members that fit into one read unit of 4 KB.
const MEMBERS_A_UNIT: usize = 40;
/// Ranges of members read before the rest is asked for one by one.
const RANGES_MAX: usize = 3;
/// Videos that a merge moves at once, and those it reads at once.
const MOVED_AT_ONCE: usize = 8;
const MERGE_BATCH: usize = 200;
/// More than any shelf holds: `count` goes on to its end.
const ALL: usize = 1_000_000;

#[derive(Debug, Clone)]
pub struct DynamoLibraryStore {
    dynamo: Dynamo,
    by_day: bool,
}

type Result<T> = std::result::Result<T, Fault>;

impl DynamoLibraryStore {
    pub fn new(dynamo: Dynamo) -> Self {
        Self { dynamo, by_day: false }
    }

    /// Entries carry their day, so that one day of a history is one range. Decided once for a table:
    /// entries of the other kind are not found.
    pub fn by_day(self) -> Self {
        Self { by_day: true, ..self }
    }

    fn entry(&self, viewer: UserId, shelf: Shelf, (at, video): (Millis, VideoId)) -> Key {
        let time = if self.by_day { format!("{}#{}", day(at), digits(at)) } else { digits(at) };
        Key::pair(viewer.to_string(), format!("{}#{time}#{video}", shelf.word()))
    }

    async fn delete_entry(&self, viewer: UserId, shelf: Shelf, place: (Millis, VideoId)) -> Result<()> {
        self.dynamo.delete(&USER_LIBRARY, &self.entry(viewer, shelf, place)).await
    }

    /// Since when which of `videos` stand on the shelf. Members lie in the order of ids, so a range of
    /// them is one query; where a viewer has many, the rest is asked for one by one.
    async fn members(
        &self,
        viewer: UserId,
        shelf: Shelf,
        videos: &[VideoId],
        read: Read,
    ) -> Result<HashMap<VideoId, Millis>> {
        let mut left: BTreeSet<VideoId> = videos.iter().copied().collect();
        let mut found = HashMap::new();
        for _ in 0..RANGES_MAX {
            let (Some(first), Some(last)) = (left.first(), left.last()) else { break };
            if left.len() == 1 {
                break;
            }
            let range = Range::Between(on(shelf, *first), on(shelf, *last));
            let query = Query::of(&USER_LIBRARY, viewer.to_string(), MEMBERS_A_UNIT).range(range);
            let query = if read == Read::Strong { query.strong() } else { query };
            let rows = self.dynamo.query(query).await?;
            let members = rows.iter().map(member_of).collect::<Result<Vec<_>>>()?;
            match members.last() {
                Some((_, seen)) if rows.len() == MEMBERS_A_UNIT => left.retain(|id| id > seen),
                _ => left.clear(),
            }
            found.extend(members.into_iter().map(|(at, id)| (id, at)));
        }
        let keys: Vec<Key> = left.iter().map(|id| member_key(viewer, shelf, *id)).collect();
        let rows = self.dynamo.get_many(&USER_LIBRARY, &keys, read).await?;
        for row in &rows {
            let (at, id) = member_of(row)?;
            found.insert(id, at);
        }
        Ok(found)
    }
}

fn on(shelf: Shelf, video: VideoId) -> String {
    format!("on#{}#{video}", shelf.word())
}

fn member_key(viewer: UserId, shelf: Shelf, video: VideoId) -> Key {
    Key::pair(viewer.to_string(), on(shelf, video))
}

/// An entry or a member.
fn row(key: &Key, at: Millis) -> Item {
    let sk = key.range.as_deref().unwrap_or_default();
    Item::new(LAYOUT).s("user_id", &key.hash).s("sk", sk).n("created_at", at.0)
}

fn at_of(row: &Item) -> Result<Millis> {
    row.layout(LAYOUT)?;
    row.get_n("created_at").map(Millis)
}

/// Time and video of an entry or a member: both keys end with the video.
fn member_of(row: &Item) -> Result<(Millis, VideoId)> {
    let video = row.get_s("sk")?.rsplit('#').next().unwrap_or_default();
    Ok((at_of(row)?, video.parse().map_err(Fault::corrupt)?))
}

/// The place right before another one.
fn below((at, video): (Millis, VideoId)) -> (Millis, VideoId) {
    match video.0.checked_sub(1) {
        Some(id) => (at, VideoId(id)),
        None => (Millis(at.0.saturating_sub(1)), VideoId(u64::MAX)),
    }
}

/// `yyyy-mm-dd` of a time since 1970, in UTC.
fn day(at: Millis) -> String {
    // Days from civil, backwards (Howard Hinnant): years begin in March, eras have 400 years.
    let days = at.0.max(0) / 86_400_000 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{:02}", of_year - (153 * march + 2) / 5 + 1)
}

#[async_trait]
impl LibraryStore for DynamoLibraryStore {
    async fn put(&self, viewer: UserId, shelf: Shelf, video: VideoId, at: Millis) -> Result<bool> {
        let key = member_key(viewer, shelf, video);
        // Strong: the answer says whether it stood there.
        let mut seen = self.dynamo.get(&USER_LIBRARY, &key, Read::Strong).await?;
        let (mut race, mut wrote) = (Race::new(&self.dynamo), false);
        loop {
            let there = seen.as_ref().map(at_of).transpose()?;
            let kept = there.map_or(at, |t| shelf.kept(t, at));
            if there == Some(kept) {
                if wrote && kept != at {
                    // Somebody was faster with a better time: the entry written below is void.
                    self.delete_entry(viewer, shelf, (at, video)).await?;
                }
                return Ok(false);
            }
            let entry = row(&self.entry(viewer, shelf, (at, video)), at).s("video_id", video.to_string());
            self.dynamo.put(&USER_LIBRARY, entry).await?;
            wrote = true;
            let member = row(&key, at);
            let put = match &seen {
                None => self.dynamo.put_new(&USER_LIBRARY, member).await?,
                Some(seen) => self.dynamo.replace(&USER_LIBRARY, member, seen).await?,
            };
            match put {
                Put::Written => {
                    if let Some(before) = there {
                        self.delete_entry(viewer, shelf, (before, video)).await?;
                    }
                    return Ok(there.is_none());
                }
                Put::Refused(stands) => seen = stands,
            }
            race.lost(&USER_LIBRARY).await?;
        }
    }

    async fn remove(&self, viewer: UserId, shelf: Shelf, video: VideoId) -> Result<bool> {
        let key = member_key(viewer, shelf, video);
        let stood = self.dynamo.change(&USER_LIBRARY, &key, |seen| match seen {
            None => Ok::<_, Fault>((Write::Keep, None)),
            Some(row) => Ok((Write::Delete, Some(at_of(row)?))),
        });
        let Some(at) = stood.await? else { return Ok(false) };
        self.delete_entry(viewer, shelf, (at, video)).await?;
        Ok(true)
    }

    /// Strong: whoever liked a video and opens the list finds it there.
    async fn list(
        &self,
        viewer: UserId,
        shelf: Shelf,
        before: Option<(Millis, VideoId)>,
        limit: usize,
    ) -> Result<Vec<(Millis, VideoId)>> {
        let lowest = format!("{}#", shelf.word());
        let last = (Millis(i64::MAX), VideoId(u64::MAX));
        let (mut found, mut before) = (Vec::new(), before.map_or(last, below));
        // A page of voids alone asks for the next one.
        for _ in 0..self.dynamo.policy().pages_max {
            let asked = limit - found.len();
            let highest = self.entry(viewer, shelf, before).range.unwrap_or_default();
            let query = Query::of(&USER_LIBRARY, viewer.to_string(), asked)
                .range(Range::Between(lowest.clone(), highest))
                .newest_first()
                .strong();
            let rows = self.dynamo.query(query).await?;
            let entries = rows.iter().map(member_of).collect::<Result<Vec<_>>>()?;
            let ids: Vec<VideoId> = entries.iter().map(|(_, id)| *id).collect();
            let members = self.members(viewer, shelf, &ids, Read::Strong).await?;
            found.extend(entries.iter().filter(|(at, id)| members.get(id) == Some(at)));
            match entries.last() {
                Some(last) if entries.len() == asked && found.len() < limit => before = below(*last),
                _ => break,
            }
        }
        Ok(found)
    }

    async fn count(&self, viewer: UserId, shelf: Shelf) -> Result<u64> {
        let members = Range::StartsWith(format!("on#{}#", shelf.word()));
        self.dynamo.count(Query::of(&USER_LIBRARY, viewer.to_string(), ALL).range(members)).await
    }

    /// Eventual, at half the price: a heart on a card of the feed.
    async fn contains(&self, viewer: UserId, shelf: Shelf, videos: &[VideoId]) -> Result<Vec<VideoId>> {
        let there = self.members(viewer, shelf, videos, Read::Eventual).await?;
        Ok(videos.iter().filter(|id| there.contains_key(id)).copied().collect())
    }

    /// One video after the other, put there before it is taken here: killed anywhere, a repetition
    /// finds what is left.
    async fn merge(&self, from: UserId, into: UserId) -> Result<()> {
        if from == into {
            return Ok(());
        }
        for shelf in Shelf::ALL {
            loop {
                let members = Range::StartsWith(format!("on#{}#", shelf.word()));
                let query = Query::of(&USER_LIBRARY, from.to_string(), MERGE_BATCH).range(members).strong();
                let rows = self.dynamo.query(query).await?;
                let moved = rows.iter().map(member_of).collect::<Result<Vec<_>>>()?;
                let done = moved.len() < MERGE_BATCH;
                stream::iter(moved)
                    .map(|(at, video)| async move {
                        self.put(into, shelf, video, at).await?;
                        self.remove(from, shelf, video).await
                    })
                    .buffer_unordered(MOVED_AT_ONCE)
                    .try_for_each(|_| async { Ok(()) })
                    .await?;
                if done {
                    break;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stdx::FaultKind;

    #[test]
    fn the_first_layout_is_still_read_and_a_later_one_refused() {
        let old = Item::new(1)
            .s("user_id", "000000000000b")
            .s("sk", "likes#000001780000000#0fvnqs0g00005")
            .n("created_at", 1_780_000_000)
            .s("video_id", "0fvnqs0g00005");
        let video: VideoId = "0fvnqs0g00005".parse().unwrap();
        assert_eq!(member_of(&old).unwrap(), (Millis(1_780_000_000), video));
        let member = old.clone().s("sk", "on#likes#0fvnqs0g00005");
        assert_eq!(member_of(&member).unwrap(), (Millis(1_780_000_000), video));
        assert_eq!(member_of(&old.n("v", 2)).unwrap_err().kind, FaultKind::Newer);
    }

    #[test]
    fn days_are_those_of_the_calendar() {
        let ms = |days: i64| Millis(days * 86_400_000);
        assert_eq!(
            (day(ms(0)), day(ms(58)), day(ms(59))),
            ("1970-01-01".into(), "1970-02-28".into(), "1970-03-01".into())
        );
        assert_eq!((day(ms(11_016)), day(ms(11_017))), ("2000-02-29".into(), "2000-03-01".into()));
        assert_eq!(day(Millis(1_780_000_000_000)), "2026-05-28");
        assert_eq!(
            (day(Millis(86_399_999)), day(Millis(86_400_000))),
            ("1970-01-01".into(), "1970-01-02".into())
        );
    }

    #[test]
    fn the_place_below_is_the_next_one_down() {
        assert_eq!(below((Millis(5), VideoId(7))), (Millis(5), VideoId(6)));
        assert_eq!(below((Millis(5), VideoId(0))), (Millis(4), VideoId(u64::MAX)));
    }
}
