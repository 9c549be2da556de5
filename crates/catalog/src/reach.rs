//! Conveniences over any [`VideoStore`], so that engines cannot differ on them.

use crate::policy::GET_MANY_MAX;
use crate::port::{VideoPage, VideoStore, VideoStoreError};
use crate::video::Video;
use async_trait::async_trait;
use vocab::{UserId, VideoId};

/// Pages of an owner's videos that one question may read.
const PAGES_MAX: usize = 10;

#[async_trait]
pub trait VideoStoreExt: VideoStore {
    /// `get_many` for any number of ids.
    async fn get_all(&self, ids: &[VideoId]) -> Result<Vec<Video>, VideoStoreError> {
        let mut videos = Vec::with_capacity(ids.len());
        for some in ids.chunks(GET_MANY_MAX) {
            videos.extend(self.get_many(some).await?);
        }
        Ok(videos)
    }

    /// The listed videos of an owner, newest first: their public page.
    async fn list_public_by_owner(
        &self,
        owner: UserId,
        before: Option<VideoId>,
        limit: usize,
    ) -> Result<VideoPage, VideoStoreError> {
        let mut found = VideoPage { videos: Vec::new(), next_before: before };
        for _ in 0..PAGES_MAX {
            let page = self.list_by_owner(owner, found.next_before, limit).await?;
            found.next_before = page.next_before;
            for video in page.videos.into_iter().filter(Video::is_listed) {
                if found.videos.len() == limit {
                    found.next_before = found.videos.last().map(|v: &Video| v.id);
                    return Ok(found);
                }
                found.videos.push(video);
            }
            if found.next_before.is_none() || found.videos.len() == limit {
                break;
            }
        }
        Ok(found)
    }

    /// How many videos an owner has, counted up to `at_most`; only `listed` ones where asked.
    async fn count_by_owner(
        &self,
        owner: UserId,
        listed: bool,
        at_most: usize,
    ) -> Result<usize, VideoStoreError> {
        let (mut count, mut before) = (0, None);
        loop {
            let page = self.list_by_owner(owner, before, GET_MANY_MAX).await?;
            count += page.videos.iter().filter(|v| !listed || v.is_listed()).count();
            before = page.next_before;
            if before.is_none() || count >= at_most {
                return Ok(count.min(at_most));
            }
        }
    }
}

impl<S: VideoStore + ?Sized> VideoStoreExt for S {}
