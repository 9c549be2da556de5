//! Completes records with what other slices know of them, a page at a time.

use crate::auth::Caller;
use crate::dto::video::{Counts, Surroundings};
use crate::dto::{Owner, Video};
use crate::problem::Problem;
use crate::state::ApiState;
use ::feed::FeedItem;
use catalog::{Shelf, Sight};
use engagement::{EngagementError, Totals, retention};
use identity::IssueError;
use std::collections::{HashMap, HashSet};
use vocab::{UserId, VideoId};

/// Videos as `caller` sees them, in the order given.
pub async fn videos(
    state: &ApiState,
    caller: Option<&Caller>,
    seen: &[(catalog::Video, Sight)],
) -> Result<Vec<Video>, Problem> {
    let ids: Vec<VideoId> = seen.iter().map(|(v, _)| v.id).collect();
    let totals = state.engagement.totals(&ids).await.map_err(counting)?;
    complete(state, caller, seen, &totals).await
}

/// The same for a caller that has the counters already: one of `totals` for each video.
pub async fn complete(
    state: &ApiState,
    caller: Option<&Caller>,
    seen: &[(catalog::Video, Sight)],
    totals: &[Totals],
) -> Result<Vec<Video>, Problem> {
    let ids: Vec<VideoId> = seen.iter().map(|(v, _)| v.id).collect();
    let owners = owners(state, seen.iter().map(|(v, _)| v.owner)).await?;
    let liked = on_shelf(state, caller, Shelf::Likes, &ids).await?;
    let saved = on_shelf(state, caller, Shelf::Saves, &ids).await?;
    let weight = state.engagement_policy.retention_prior_weight;
    let public_url = &state.config.public_url;
    let complete = seen.iter().enumerate().map(|(i, (video, sight))| {
        let totals = totals.get(i).copied().unwrap_or_default();
        let around = Surroundings {
            owner: owners.get(&video.owner).cloned().unwrap_or_else(|| Owner::unknown(video.owner)),
            counts: counts(&totals),
            liked: liked.contains(&video.id),
            saved: saved.contains(&video.id),
            progress_percent: state.hub.progress_of(video.id, video.status),
            retention_ppm: retention::curve(&totals.reached, weight).to_vec(),
        };
        Video::of(video, *sight, around, public_url)
    });
    Ok(complete.collect())
}

/// One video.
pub async fn video(
    state: &ApiState,
    caller: Option<&Caller>,
    video: catalog::Video,
    sight: Sight,
) -> Result<Video, Problem> {
    let mut one = videos(state, caller, &[(video, sight)]).await?;
    one.pop().ok_or_else(|| Problem::internal("one video went in and none came out"))
}

/// Videos of a feed page: their counts came with them.
pub async fn feed(state: &ApiState, caller: &Caller, items: &[FeedItem]) -> Result<Vec<Video>, Problem> {
    let ids: Vec<VideoId> = items.iter().map(|i| i.video.id).collect();
    let (owners, liked, saved) = futures::try_join!(
        owners(state, items.iter().map(|i| i.video.owner)),
        on_shelf(state, Some(caller), Shelf::Likes, &ids),
        on_shelf(state, Some(caller), Shelf::Saves, &ids),
    )?;
    let complete = items.iter().map(|item| {
        let video = &item.video;
        let around = Surroundings {
            owner: owners.get(&video.owner).cloned().unwrap_or_else(|| Owner::unknown(video.owner)),
            counts: counts(&item.totals),
            liked: liked.contains(&video.id),
            saved: saved.contains(&video.id),
            progress_percent: None,
            retention_ppm: item.retention_ppm.to_vec(),
        };
        Video::of(video, Sight::Public, around, &state.config.public_url)
    });
    Ok(complete.collect())
}

/// The people behind videos, each asked for once.
pub async fn owners(
    state: &ApiState,
    ids: impl Iterator<Item = UserId>,
) -> Result<HashMap<UserId, Owner>, Problem> {
    let ids: Vec<UserId> = ids.collect::<HashSet<_>>().into_iter().collect();
    if ids.is_empty() {
        return Ok(HashMap::new());
    }
    let profiles = state.issuer.profiles(&ids).await.map_err(|e| match e {
        IssueError::Fault(fault) => Problem::from(fault),
        other => Problem::internal(other),
    })?;
    Ok(profiles.into_iter().map(|p| (p.id, Owner::from(p))).collect())
}

async fn on_shelf(
    state: &ApiState,
    caller: Option<&Caller>,
    shelf: Shelf,
    ids: &[VideoId],
) -> Result<HashSet<VideoId>, Problem> {
    match caller {
        Some(caller) if !ids.is_empty() => {
            Ok(state.library.contains(caller.user, shelf, ids).await?.into_iter().collect())
        }
        _ => Ok(HashSet::new()),
    }
}

/// Counters never fall below zero toward people, whatever a correction did to them.
fn counts(totals: &Totals) -> Counts {
    let whole = |n: i64| u64::try_from(n).unwrap_or(0);
    Counts {
        views: whole(totals.counters.views),
        likes: totals.likes,
        shares: totals.shares,
        avg_dwell_ms: whole(totals.counters.avg_dwell_ms()),
    }
}

pub(crate) fn counting(e: EngagementError) -> Problem {
    match e {
        EngagementError::Fault(fault) => fault.into(),
        other @ EngagementError::Gap { .. } => Problem::internal(other),
    }
}
