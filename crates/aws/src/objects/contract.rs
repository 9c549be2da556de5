//! What the bucket must be like, as data: the infrastructure builds from it.

use serde::Serialize;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct LifecycleRule {
    pub id: &'static str,
    /// Empty = the whole bucket.
    pub prefix: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub abort_incomplete_after_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub noncurrent_expire_after_days: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expire_after_days: Option<u32>,
    pub why: &'static str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct CorsRule {
    pub methods: &'static [&'static str],
    pub allowed_headers: &'static [&'static str],
    pub expose_headers: &'static [&'static str],
    pub max_age_s: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct BucketContract {
    /// Classes that leave the bucket through the CDN only.
    pub public_prefixes: &'static [&'static str],
    pub private_prefixes: &'static [&'static str],
    pub block_public_access: bool,
    /// With versions an erased object is only hidden.
    pub versioning: bool,
    /// Object-created events go to the event bus for these.
    pub event_prefixes: &'static [&'static str],
    pub lifecycle: &'static [LifecycleRule],
    /// For the origins of the web pages.
    pub cors: CorsRule,
    /// What the processes may do, on the bucket and on its objects.
    pub actions: &'static [&'static str],
}

/// Track files of an encoder outside leave after this many days; who asks later has them made again.
pub const ENCODED_DAYS: u32 = 8;

pub const BUCKET: BucketContract = BucketContract {
    public_prefixes: &["vod/packaged/", "thumbnails/", "sprites/"],
    private_prefixes: &["raw/", "review/", "encoded/"],
    block_public_access: true,
    versioning: false,
    event_prefixes: &["raw/"],
    lifecycle: &[
        LifecycleRule {
            id: "abort-incomplete",
            prefix: "",
            abort_incomplete_after_days: Some(1),
            noncurrent_expire_after_days: None,
            expire_after_days: None,
            why: "parts that nobody names cost as objects do; S3 counts full days, so no upload of 24 h is cut",
        },
        LifecycleRule {
            id: "erased-is-erased",
            prefix: "",
            abort_incomplete_after_days: None,
            noncurrent_expire_after_days: Some(1),
            expire_after_days: None,
            why: "where somebody turns versions on, what was erased leaves all the same",
        },
        LifecycleRule {
            id: "encoded-is-fetched",
            prefix: "encoded/",
            abort_incomplete_after_days: None,
            noncurrent_expire_after_days: None,
            expire_after_days: Some(ENCODED_DAYS),
            why: "track files of MediaConvert are fetched and packaged within hours",
        },
    ],
    cors: CorsRule {
        methods: &["PUT"],
        allowed_headers: &["content-type", "x-amz-checksum-sha256"],
        expose_headers: &["ETag"],
        max_age_s: 3_600,
    },
    actions: &[
        "s3:ListBucket",
        "s3:ListBucketMultipartUploads",
        "s3:GetObject",
        "s3:PutObject",
        "s3:DeleteObject",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;
    use vocab::{CacheClass, MediaKey, PackageId, RenditionId, UploadId, VideoId};

    fn keys(n: u64) -> Vec<MediaKey> {
        let (video, package, rendition) = (VideoId(n), PackageId(5), RenditionId(6));
        vec![
            MediaKey::Raw { video, upload: UploadId(7) },
            MediaKey::ReviewFrame { video, digest: 1, n: 1 },
            MediaKey::DraftSprite { video, digest: 1 },
            MediaKey::DraftPoster { video, digest: 1 },
            MediaKey::DraftFacts { video, digest: 1 },
            MediaKey::Multivariant { video, package },
            MediaKey::MediaPlaylist { video, rendition },
            MediaKey::Init { video, rendition },
            MediaKey::Segment { video, rendition, n: 1 },
            MediaKey::IFramePlaylist { video, rendition },
            MediaKey::SingleFile { video, rendition },
            MediaKey::Captions { video, rendition },
            MediaKey::DraftCaptions { video, digest: 1 },
            MediaKey::SentCover { video, digest: 1 },
            MediaKey::DraftCover { video, digest: 1 },
            MediaKey::Poster { video, package },
            MediaKey::Sprite { video, package },
            MediaKey::SpriteVtt { video, package },
        ]
    }

    #[test]
    fn every_class_is_public_or_private_as_its_keys_are() {
        for key in keys(1) {
            let name = key.object_key();
            let is_under = |all: &[&str]| all.iter().any(|p| name.starts_with(p));
            let is_private = key.cache_class() == CacheClass::Private;
            assert_eq!(is_under(BUCKET.private_prefixes), is_private, "{name}");
            assert_eq!(is_under(BUCKET.public_prefixes), !is_private, "{name}");
        }
    }

    #[test]
    fn keys_of_videos_in_a_row_spread_over_256_ranges_of_their_class_and_the_eraser_finds_them() {
        let mut ranges: BTreeMap<String, usize> = BTreeMap::new();
        for n in 0..4_096 {
            // As ids are made: neighbours in time.
            let video = 1_000_000_000_000 + n;
            for key in keys(video) {
                let name = key.object_key();
                assert!(MediaKey::prefixes_of(VideoId(video)).iter().any(|p| name.starts_with(p)), "{name}");
            }
            let name = keys(video)[0].object_key();
            *ranges.entry(name["raw/".len()..][..2].to_owned()).or_default() += 1;
        }
        assert_eq!(ranges.len(), 256);
        assert!(ranges.values().all(|n| (8..=32).contains(n)), "16 each on average: {ranges:?}");
    }
}
