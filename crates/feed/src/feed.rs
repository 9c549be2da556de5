//! The use case: a page for a viewer, within its deadline, never the same video twice.

use crate::board::Board;
use crate::cards::{Card, Cards, Freshness};
use crate::check::Refused;
use crate::cursor::{InvalidCursor, Place, Sealer};
use crate::index::{Index, is_showable};
use crate::kernel::ctx::mix;
use crate::page::{FeedItem, Page, PageRequest};
use crate::policy::FeedPolicy;
use crate::port::{Queued, SeenStore, Take, Turn, WarmQueue};
use crate::reason::Reason;
use crate::top_up::{Need, TopUp, ToppedUp, pipeline};
use crate::why::{Recorder, Runs, Why};
use catalog::{LibraryStore, VideoStore, VideoStoreError};
use engagement::{EngagementPolicy, EngagementStore, retention};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use stdx::{Clock, Entropy, Fault};
use vocab::{ImpressionId, Millis, UserId, VideoId};

#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error(transparent)]
    InvalidCursor(#[from] InvalidCursor),
    #[error(transparent)]
    Fault(#[from] Fault),
}

pub struct Deps {
    pub videos: Arc<dyn VideoStore>,
    pub library: Arc<dyn LibraryStore>,
    pub counts: Arc<dyn EngagementStore>,
    pub queue: Arc<dyn WarmQueue>,
    pub seen: Arc<dyn SeenStore>,
    pub clock: Arc<dyn Clock>,
    pub entropy: Arc<dyn Entropy>,
    /// Seals cursors; kept across restarts, or cursors are void after one.
    pub cursor_key: [u8; 32],
    pub policy: FeedPolicy,
    pub engagement: EngagementPolicy,
}

/// Viewers of whom small notes are kept.
const NOTES_MAX: usize = 20_000;
/// How often a page is begun anew because the viewer changed their mind under it.
const ROUNDS_MAX: usize = 3;
/// Top-ups of one viewer queue up behind one of these.
const LOCKS: usize = 64;

#[derive(Debug, Clone, Default)]
pub(crate) struct Note {
    /// At this version of the index and this moment nothing was left.
    dry: Option<(u64, Millis)>,
    pub(crate) quick_skips: u8,
    pub(crate) refused: Option<Refused>,
}

pub struct Feed {
    videos: Arc<dyn VideoStore>,
    pub(crate) queue: Arc<dyn WarmQueue>,
    pub(crate) seen: Arc<dyn SeenStore>,
    pub(crate) clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    pub(crate) policy: FeedPolicy,
    engagement: EngagementPolicy,
    sealer: Sealer,
    pub(crate) cards: Arc<Cards>,
    pub(crate) index: Arc<Index>,
    board: Arc<Board>,
    runs: Arc<Runs>,
    pub(crate) top_up: TopUp,
    notes: Mutex<HashMap<UserId, Note>>,
    turns: Vec<tokio::sync::Mutex<()>>,
}

impl std::fmt::Debug for Feed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Feed").field("policy", &self.policy).finish_non_exhaustive()
    }
}

impl Feed {
    pub fn new(deps: Deps) -> Self {
        let Deps { videos, library, counts, queue, seen, clock, entropy, cursor_key, policy, engagement } =
            deps;
        let cards = Arc::new(Cards::new(Arc::clone(&videos), Arc::clone(&counts), policy.cache.clone()));
        let index = Arc::new(Index::new(policy.cache.clone()));
        let board = Arc::new(Board::new(counts, policy.cache.clone(), engagement.clone()));
        let runs = Arc::new(Runs::new(policy.cache.traces));
        let top_up = TopUp {
            library,
            queue: Arc::clone(&queue),
            seen: Arc::clone(&seen),
            clock: Arc::clone(&clock),
            cards: Arc::clone(&cards),
            index: Arc::clone(&index),
            board: Arc::clone(&board),
            pipeline: pipeline(&policy, Recorder(Arc::clone(&runs))),
            policy: policy.clone(),
        };
        let (notes, turns) = (Mutex::default(), (0..LOCKS).map(|_| tokio::sync::Mutex::new(())).collect());
        let sealer = Sealer::new(&cursor_key);
        Self {
            videos,
            queue,
            seen,
            clock,
            entropy,
            policy,
            engagement,
            sealer,
            cards,
            index,
            board,
            runs,
            top_up,
            notes,
            turns,
        }
    }

    /// Reads the index, so that the first page need not.
    pub async fn warm(&self) -> Result<(), Fault> {
        self.refresh(self.clock.now()).await
    }

    /// The page at a cursor, or the first of a new session.
    pub async fn page(&self, viewer: UserId, request: PageRequest) -> Result<Page, FeedError> {
        let now = self.clock.now();
        let limit = request.limit.unwrap_or(self.policy.page_default);
        let limit = limit.clamp(self.policy.page_min, self.policy.page_max);
        let begin = || Turn { session: self.entropy.u64(), page: 0 };
        let place = match (&request.cursor, request.again) {
            (Some(text), _) => self.sealer.open(viewer, text)?,
            (None, false) => Place::Next(begin()),
            (None, true) => Place::Again { turn: begin(), after: (Millis(i64::MIN), VideoId(0)) },
        };
        self.refresh(now).await?;
        match place {
            Place::Next(turn) => self.next(viewer, turn, limit, now).await,
            Place::Again { turn, after } => self.again(viewer, turn, after, limit).await,
        }
    }

    async fn refresh(&self, now: Millis) -> Result<(), Fault> {
        let read = self.index.refresh(self.videos.as_ref(), now);
        // An old index still makes pages; each is checked anyway.
        let read = if self.index.listing().entries.is_empty() {
            read.await
        } else {
            match tokio::time::timeout(self.policy.top_up_budget.to_duration(), read).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => {
                    tracing::warn!(%error, "the index cannot be read anew");
                    Ok(())
                }
                Err(_late) => Ok(()),
            }
        };
        read.map_err(|e| match e {
            VideoStoreError::Fault(fault) => fault,
            other => Fault::internal(other),
        })
    }

    async fn next(&self, viewer: UserId, turn: Turn, limit: usize, now: Millis) -> Result<Page, FeedError> {
        for _ in 0..ROUNDS_MAX {
            if let Some(page) = self.next_once(viewer, turn, limit, now).await? {
                return Ok(page);
            }
        }
        Ok(Page { degraded: true, ..self.page_of(viewer, turn, Vec::new(), Ending::More) })
    }

    /// `None`: what waits was thought over since it was looked at.
    async fn next_once(
        &self,
        viewer: UserId,
        turn: Turn,
        limit: usize,
        now: Millis,
    ) -> Result<Option<Page>, FeedError> {
        let mut waiting = self.queue.look(viewer, turn, now).await?;
        if let Some(given) = waiting.given {
            let items = self.items(viewer, turn, &given, now).await?;
            return Ok(Some(self.page_of(viewer, turn, items, Ending::More)));
        }
        let mut degraded = false;
        if waiting.items.len() < self.policy.low_water.max(limit) {
            degraded = self.fill(viewer, turn, now).await?;
            waiting = self.queue.look(viewer, turn, now).await?;
        }
        let checked = self.check(viewer, &waiting, limit, now).await?;
        degraded |= checked.degraded;
        let (n, generation) = (checked.allowed.min(limit), Some(waiting.generation));
        let take = Take { turn, n, refuse: checked.refuse, generation, now };
        let taken = self.queue.take(viewer, take).await?;
        if taken.passed {
            return Ok(None);
        }
        let items = self.items(viewer, turn, &taken.page, now).await?;
        let over = !taken.replayed && !degraded && taken.remaining == 0 && taken.page.len() < limit;
        let ending = if over { Ending::Exhausted } else { Ending::More };
        Ok(Some(Page { degraded, ..self.page_of(viewer, turn, items, ending) }))
    }

    /// Tops up, within the budget; past it, falls back to what trends. Answers whether anything was left out.
    async fn fill(&self, viewer: UserId, turn: Turn, now: Millis) -> Result<bool, Fault> {
        let version = self.index.listing().version;
        let is_dry = |n: Note| {
            n.dry.is_some_and(|(v, at)| v == version && now.saturating_sub(at) < self.policy.cache.dry)
        };
        if is_dry(self.note(viewer)) {
            return Ok(false);
        }
        let budget = self.policy.top_up_budget.to_duration();
        match tokio::time::timeout(budget, self.top_up_in_turn(viewer, turn, now)).await {
            Ok(Ok(Some((waiting, done)))) => {
                if !done.degraded && waiting + done.added < self.policy.low_water {
                    self.with_note(viewer, |n| n.dry = Some((version, now)));
                }
                Ok(done.degraded)
            }
            Ok(Ok(None)) => Ok(false),
            Ok(Err(fault)) => {
                tracing::warn!(error = %fault, "a top-up failed; falling back to trending");
                self.fall_back(viewer, turn, now).await
            }
            Err(_late) => self.fall_back(viewer, turn, now).await,
        }
    }

    /// Tops up unless somebody just did. Answers how many waited before, and what came of it.
    async fn top_up_in_turn(
        &self,
        viewer: UserId,
        turn: Turn,
        now: Millis,
    ) -> Result<Option<(usize, ToppedUp)>, Fault> {
        let place = usize::try_from(viewer.0 % LOCKS as u64).unwrap_or(0);
        let _turn = self.turns[place].lock().await;
        let waiting = self.queue.look(viewer, turn, now).await?;
        if waiting.items.len() >= self.policy.low_water {
            return Ok(None);
        }
        let need = Need {
            viewer,
            seed: turn.session,
            position: usize::try_from(turn.page).unwrap_or(0) * self.policy.page_default,
            deadline: now.saturating_add(self.policy.top_up_budget),
        };
        let done = self.top_up.run(need, &waiting).await?;
        Ok(Some((waiting.items.len(), done)))
    }

    /// What trends, then what is newest; the queue itself leaves out what was served.
    async fn fall_back(&self, viewer: UserId, turn: Turn, now: Millis) -> Result<bool, Fault> {
        let generation = self.queue.look(viewer, turn, now).await?.generation;
        let listing = self.index.listing();
        let standing = self.board.standing(&listing, now).await;
        let hot = standing.ranked.iter().map(|(v, _)| Queued { video: *v, reason: Reason::Trending });
        let new = listing.entries.iter().map(|e| Queued { video: e.video, reason: Reason::Fresh });
        let items = hot.chain(new.take(self.policy.sources.fresh)).collect();
        self.queue.fill(viewer, generation, items, now).await?;
        Ok(true)
    }

    async fn again(
        &self,
        viewer: UserId,
        turn: Turn,
        after: (Millis, VideoId),
        limit: usize,
    ) -> Result<Page, FeedError> {
        let now = self.clock.now();
        let listing = self.index.listing();
        let refusals = self.seen.refusals(viewer).await?;
        let rest: Vec<_> =
            listing.entries.iter().rev().filter(|e| (e.published_at, e.video) > after).collect();
        let mut items = Vec::new();
        let mut last = after;
        for step in rest.chunks(limit) {
            let wanted: Vec<Queued> = step
                .iter()
                .filter(|e| !refusals.videos.contains(&e.video) && !refusals.owners.contains(&e.owner))
                .map(|e| Queued { video: e.video, reason: Reason::Again })
                .collect();
            for item in self.items(viewer, turn, &wanted, now).await? {
                if items.len() < limit {
                    last = listing.get(item.video.id).map_or(last, |e| (e.published_at, e.video));
                    items.push(item);
                }
            }
            if items.len() >= limit {
                break;
            }
        }
        let more = rest.last().is_some_and(|e| (e.published_at, e.video) > last) && items.len() >= limit;
        let ending = if more { Ending::Again(last) } else { Ending::Exhausted };
        Ok(self.page_of(viewer, turn, items, ending))
    }

    pub(crate) fn for_page(&self) -> Freshness {
        Freshness { video: self.policy.cache.video_age_page, totals: self.policy.cache.totals_age_page }
    }

    /// Cards of a page; what is not visible any more is left out, on a page given before as well.
    async fn items(
        &self,
        viewer: UserId,
        turn: Turn,
        page: &[Queued],
        now: Millis,
    ) -> Result<Vec<FeedItem>, Fault> {
        let ids: Vec<VideoId> = page.iter().map(|q| q.video).collect();
        let cards = self.cards.get(&ids, now, self.for_page()).await?;
        let item = |q: &Queued| {
            let card = cards.get(&q.video).filter(|c| is_showable(&c.video))?;
            Some(FeedItem {
                reason: q.reason,
                impression: impression(viewer, turn, q.video),
                ..self.item(card)
            })
        };
        Ok(page.iter().filter_map(item).collect())
    }

    fn item(&self, card: &Card) -> FeedItem {
        FeedItem {
            video: Arc::clone(&card.video),
            totals: card.totals,
            retention_ppm: retention::curve(&card.totals.reached, self.engagement.retention_prior_weight),
            impression: ImpressionId(0),
            reason: Reason::Fresh,
        }
    }

    fn page_of(&self, viewer: UserId, turn: Turn, items: Vec<FeedItem>, ending: Ending) -> Page {
        let next = Turn { page: turn.page.saturating_add(1), ..turn };
        let place = match ending {
            Ending::More => Some(Place::Next(next)),
            Ending::Again(after) => Some(Place::Again { turn: next, after }),
            Ending::Exhausted => None,
        };
        Page {
            items,
            next_cursor: place.map(|p| self.sealer.seal(viewer, p, self.entropy.as_ref())),
            session: format!("{:016x}", turn.session),
            exhausted: place.is_none(),
            degraded: false,
        }
    }

    /// The counts of a video were changed by a viewer who wants to see that at once.
    pub fn recount(&self, video: VideoId) {
        self.cards.recount(video);
    }

    /// Why a viewer got a video or did not, by their last top-up.
    pub fn why(&self, viewer: UserId, video: VideoId) -> Option<Why> {
        self.runs.why(viewer, video)
    }

    pub fn policy(&self) -> &FeedPolicy {
        &self.policy
    }

    fn note(&self, viewer: UserId) -> Note {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner).get(&viewer).cloned().unwrap_or_default()
    }

    pub(crate) fn with_note<T>(&self, viewer: UserId, f: impl FnOnce(&mut Note) -> T) -> T {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if notes.len() >= NOTES_MAX && !notes.contains_key(&viewer) {
            notes.clear();
        }
        f(notes.entry(viewer).or_default())
    }
}

#[derive(Debug, Clone, Copy)]
enum Ending {
    More,
    Again((Millis, VideoId)),
    Exhausted,
}

/// The same for the same showing, different for any other.
fn impression(viewer: UserId, turn: Turn, video: VideoId) -> ImpressionId {
    let page = mix(turn.session ^ mix(u64::from(turn.page)));
    let high = mix(page ^ mix(viewer.0));
    let low = mix(high ^ mix(video.0 ^ page));
    ImpressionId(u128::from(high) << 64 | u128::from(low))
}
