//! Where a video stands in the index behind the public list and the sweeper's question.
//!
//! Every change of an index key costs two writes (out, in), and a video changes its status six times on
//! its way up. So the five statuses in which only the pipeline moves it share one place, `flight`: it is
//! written once at its beginning and once at its end, not at each step. The question "which stand in
//! `judging`?" reads the videos longest in flight and looks at their records. What it may cost is bounded by
//! [`LOOKED_AT_MAX`]; a video that is stuck comes to the front, because those before it leave.
//!
//! A place is spread over [`SHARDS`] partitions by the id, so that none is hot; a question asks all of
//! them and merges.
//!
//! A reserved video stands nowhere: the record of its upload is written first and closed last, and is
//! what a sweep finds. That saves the way in and the way out.

use super::digits;
use catalog::Video;
use vocab::{Millis, Status, VideoId};

/// Partitions a place is spread over: 8,000 index writes a second each way. Part of the layout: a row is found
/// only where it was put.
pub const SHARDS: u64 = 8;

/// Records a question looks at where a place holds more than what was asked for.
pub const LOOKED_AT_MAX: usize = 1_000;

/// The public list.
pub const LISTED: &str = "listed";
/// Everything between the end of the upload and publication that waits for no person.
const FLIGHT: &str = "flight";

/// The words a question about `status` asks, and whether each holds nothing else, in the order of
/// `status_changed_at`.
pub fn places_of(status: Status) -> (&'static [&'static str], bool) {
    match status {
        Status::Reserved => (&[], true),
        Status::InReview => (&["in_review"], true),
        Status::Rejected => (&["rejected"], true),
        Status::Unlisted => (&["unlisted"], true),
        Status::Failed => (&["failed"], true),
        Status::Removed => (&["removed"], true),
        Status::Erased => (&["erased"], true),
        // Listed ones stand in the order of publication, which is never after the last change.
        Status::Published => (&[LISTED, "published"], false),
        Status::Uploaded | Status::Judging | Status::Approved | Status::Encoding | Status::Verifying => {
            (&[FLIGHT], false)
        }
    }
}

/// The word of the place of a video; `None` = it is in no index by place.
pub fn place_of(video: &Video) -> Option<&'static str> {
    match places_of(video.status).0 {
        [LISTED, published] => Some(if video.is_listed() { LISTED } else { published }),
        [only, ..] => Some(only),
        [] => None,
    }
}

/// Since when a video stands where it does, for one that just came there.
pub fn since(video: &Video) -> Millis {
    if video.is_listed() { listed_at(video) } else { video.status_changed_at }
}

/// The place of a listed video in the public list.
pub fn listed_at(video: &Video) -> Millis {
    video.published_at.unwrap_or(video.status_changed_at)
}

fn shard(id: VideoId) -> u64 {
    // Fibonacci hashing: neighbours in time do not share a partition.
    (id.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) % SHARDS
}

/// The partition of a video in its place.
pub fn partition(place: &str, id: VideoId) -> String {
    format!("{place}#{}", shard(id))
}

/// All partitions of a place.
pub fn partitions(place: &str) -> impl Iterator<Item = String> {
    (0..SHARDS).map(move |n| format!("{place}#{n}"))
}

/// The range key in a place.
pub fn since_key(at: Millis, id: VideoId) -> String {
    format!("{}#{id}", digits(at))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;
    use vocab::{UserId, Visibility};

    #[test]
    fn every_video_stands_in_a_place_that_its_status_asks() {
        for status in Status::ALL {
            for visibility in [Visibility::Public, Visibility::Unlisted, Visibility::Private] {
                let mut video = Video::reserved(VideoId(7), UserId(1), "k".into(), Millis(5));
                video.status = status;
                video.meta.visibility = visibility;
                let place = place_of(&video);
                assert_eq!(place.is_none(), status == Status::Reserved);
                let is_asked = place.is_none_or(|place| places_of(status).0.contains(&place));
                assert!(is_asked, "{status:?} {visibility:?}");
                assert_eq!(place == Some(LISTED), video.is_listed());
            }
        }
    }

    #[test]
    fn all_statuses_that_only_the_pipeline_moves_share_a_place() {
        for status in Status::ALL {
            assert_eq!(places_of(status).0 == [FLIGHT], status.is_in_flight(), "{status:?}");
        }
    }

    #[test]
    fn videos_spread_evenly_whatever_their_random_part() {
        for random in [0, 5, (1 << 21) - 1] {
            let mut of: HashMap<u64, usize> = HashMap::new();
            for ms in 0..8_000 {
                let n = shard(VideoId::from_parts(1_780_000_000_000 + ms, random));
                assert!(n < SHARDS);
                *of.entry(n).or_default() += 1;
            }
            assert!(of.len() == 8 && of.values().all(|n| (800..1_200).contains(n)), "{of:?}");
        }
    }

    #[test]
    fn keys_sort_by_time_and_then_by_id() {
        let key = |at, id| since_key(Millis(at), VideoId(id));
        assert!(key(9, 7) < key(10, 3) && key(10, 3) < key(10, 40));
        assert!(key(10, u64::MAX) < digits(Millis(11)) && key(11, 0) > digits(Millis(11)));
    }
}
