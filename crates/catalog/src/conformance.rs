//! What every [`VideoStore`](crate::VideoStore) and [`LibraryStore`](crate::LibraryStore) promises,
//! as named cases.

mod gifts;
mod lists;
mod moves;
mod shelves;

use crate::port::{LibraryStore, VideoStore, VideoStoreError};
use crate::video::Video;
use std::sync::Arc;
use testkit::Case;
use vocab::{Millis, Status, UserId, VideoId, Visibility};

/// The cases of [`VideoStore`].
pub fn cases() -> Vec<Case<Arc<dyn VideoStore>>> {
    let mut cases = moves::cases();
    cases.extend(lists::cases());
    cases.extend(gifts::cases());
    cases
}

/// The cases of [`LibraryStore`].
pub fn library_cases() -> Vec<Case<Arc<dyn LibraryStore>>> {
    shelves::cases()
}

type Videos = Arc<dyn VideoStore>;

/// Midday of some day; ids and times of the cases lie after it.
const T0: i64 = 1_780_000_000_000;

const OWNER: UserId = UserId(11);

fn at(ms: i64) -> Millis {
    Millis(T0 + ms)
}

/// The `n`th video: born `n` milliseconds after the others began.
fn video_in(n: u64, status: Status, visibility: Visibility) -> Video {
    let born = at(n as i64);
    let mut video = Video::reserved(VideoId::from_parts(born.0, 5), OWNER, format!("{n:032x}"), born);
    video.status = status;
    video.meta.visibility = visibility;
    video
}

async fn given(videos: &Videos, n: u64, status: Status) -> Video {
    given_to(videos, n, status, Visibility::Public).await
}

async fn given_to(videos: &Videos, n: u64, status: Status, visibility: Visibility) -> Video {
    let video = video_in(n, status, visibility);
    videos.insert(video.clone()).await.expect("a new video is written");
    video
}

fn is_stale<T>(outcome: &Result<T, VideoStoreError>) -> bool {
    matches!(outcome, Err(VideoStoreError::Stale { .. }))
}

fn ids(videos: &[Video]) -> Vec<VideoId> {
    videos.iter().map(|v| v.id).collect()
}
