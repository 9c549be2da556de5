//! Likes and shares as state.

use super::leaf::{Leaf, Place};
use super::ledger::{self, GROUPS, Ledger};
use super::row::{ROW_V, Scope, TOTALS};
use super::store::DynamoEngagementStore;
use super::{ENGAGEMENT_AGG, REACTION_SETS, REACTIONS};
use crate::dynamo::{Item, Key, Put, Query, Race, Range, Read, Write};
use ::engagement::{Hour, Reaction, ReactionKind};
use stdx::Fault;
use vocab::{UserId, VideoId};

type Result<T> = std::result::Result<T, Fault>;

/// Reactions of a guest that are moved before the next are looked up.
const MERGE_STEP: usize = 200;

fn mine(r: &Reaction) -> String {
    format!("{}#{}", r.video, r.kind.word())
}

impl DynamoEngagementStore {
    /// Sets a reaction in its leaf and in the sums.
    ///
    /// The leaf is what counts. The viewer's own row comes before it, so that a merge finds everything,
    /// and is never taken back: the leaf says whether it still holds. The sums come after it; a leaf
    /// whose last change may not have reached them is completed before it changes again.
    pub(super) async fn set(&self, r: &Reaction) -> Result<()> {
        let place = Place::of(r.video, r.kind, r.viewer);
        let mut race = Race::new(&self.dynamo);
        loop {
            // Strong: setting what is set must change nothing.
            let seen = self.dynamo.get(&REACTION_SETS, &place.key(), Read::Strong).await?;
            let mut leaf = Leaf::of_seen(seen.as_ref())?;
            self.carry(&place, &leaf).await?;
            if leaf.since(r.viewer).is_some() == r.on {
                return Ok(());
            }
            if r.on {
                let own = Item::new(ROW_V).s("user_id", r.viewer.to_string()).s("reaction", mine(r));
                self.dynamo.put(&REACTIONS, own).await?;
            }
            leaf.set(r.viewer, r.on.then(|| Hour::of(r.at)));
            let put = match &seen {
                Some(seen) => self.dynamo.replace(&REACTION_SETS, leaf.item(&place), seen).await?,
                None => self.dynamo.put_new(&REACTION_SETS, leaf.item(&place)).await?,
            };
            if put == Put::Written {
                return self.carry(&place, &leaf).await;
            }
            race.lost(&REACTION_SETS).await?;
        }
    }

    /// Carries the last change of a leaf into the sums, unless they know.
    async fn carry(&self, place: &Place, leaf: &Leaf) -> Result<()> {
        let Some(hour) = leaf.changed else { return Ok(()) };
        for scope in [Scope::Total, Scope::Hour(hour)] {
            self.dynamo
                .change(&ENGAGEMENT_AGG, &ledger::key(place, scope), |seen| {
                    let mut ledger = Ledger::of_seen(seen)?;
                    let news = ledger.note(place, leaf, scope);
                    let write = if news { Write::Put(ledger.item(place, scope)) } else { Write::Keep };
                    Ok::<_, Fault>((write, ()))
                })
                .await?;
        }
        Ok(())
    }

    /// Strong: the viewer is shown the count with their own reaction in it.
    pub(super) async fn count(&self, video: VideoId, kind: ReactionKind) -> Result<u64> {
        let query = Query::of(&ENGAGEMENT_AGG, video.to_string(), usize::from(GROUPS));
        let query = query.range(Range::StartsWith(format!("{TOTALS}r"))).strong();
        let mut sum = 0;
        for item in self.dynamo.query(query).await? {
            let (likes, shares) = ledger::sums(&item)?;
            sum += match kind {
                ReactionKind::Like => likes,
                ReactionKind::Share => shares,
            };
        }
        Ok(u64::try_from(sum).unwrap_or(0))
    }

    /// One reaction after the other: given to the account, taken from the guest, and only then forgotten
    /// as the guest's. Killed in between, a repetition finds it and goes on.
    pub(super) async fn move_reactions(&self, from: UserId, into: UserId) -> Result<()> {
        loop {
            let query = Query::of(&REACTIONS, from.to_string(), MERGE_STEP).strong();
            let rows = self.dynamo.query(query).await?;
            if rows.is_empty() {
                return Ok(());
            }
            for row in rows {
                row.layout(ROW_V)?;
                let name = row.get_s("reaction")?;
                self.move_one(from, into, name).await?;
                self.dynamo.delete(&REACTIONS, &Key::pair(from.to_string(), name)).await?;
            }
        }
    }

    async fn move_one(&self, from: UserId, into: UserId, name: &str) -> Result<()> {
        let damaged = || Fault::corrupt(format!("a reaction {name:?}"));
        let (video, word) = name.split_once('#').ok_or_else(damaged)?;
        let video = video.parse().map_err(Fault::corrupt)?;
        let kind = ReactionKind::ALL.into_iter().find(|k| k.word() == word).ok_or_else(damaged)?;
        let place = Place::of(video, kind, from);
        let seen = self.dynamo.get(&REACTION_SETS, &place.key(), Read::Strong).await?;
        let leaf = Leaf::of_seen(seen.as_ref())?;
        let Some(hour) = leaf.since(from) else {
            // Taken from the guest already, perhaps by somebody killed before the sums knew.
            return self.carry(&place, &leaf).await;
        };
        let given = Reaction { viewer: into, video, kind, on: true, at: hour.start() };
        self.set(&given).await?;
        self.set(&Reaction { viewer: from, on: false, ..given }).await
    }
}
