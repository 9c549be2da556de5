//! A video as an item.

use super::places;
use super::videos::{BODY, CONST, DRAFT, LAYOUT};
use crate::dynamo::{Item, Key};
use aws_sdk_dynamodb::types::AttributeValue;
use catalog::Video;
use std::collections::HashMap;
use stdx::Fault;
use vocab::id::ID_RANDOM_BITS;
use vocab::{MediaKey, Millis, Status, Verdict, VideoId};

pub fn key(id: VideoId) -> Key {
    Key::pair(id.to_string(), CONST)
}

/// The birth of an id as a number whose order is the order of the ids: milliseconds, and the random part
/// behind the point.
pub fn created_at(id: VideoId) -> String {
    let random = id.0 & ((1 << ID_RANDOM_BITS) - 1);
    format!("{}.{random:07}", id.created_at_unix_ms())
}

/// The item of a video; `seen` is the one it takes the place of. A video that stays in its place keeps
/// its `since`: the index is not written.
pub fn item(video: &Video, seen: Option<&Item>) -> Result<Item, Fault> {
    let partition = places::place_of(video).map(|place| places::partition(place, video.id));
    let stays = seen.filter(|s| s.opt_s("place") == partition.as_deref()).and_then(|s| s.opt_s("since"));
    let since = stays.map_or_else(|| places::since_key(places::since(video), video.id), str::to_owned);
    let since = partition.is_some().then_some(since);
    let verdict = video.verdict.as_ref().map(|v| verdict_word(v.verdict).to_owned());
    let item = Item::new(LAYOUT)
        .s("video_id", video.id.to_string())
        .s("sk", CONST)
        .maybe_s("owner_id", (!video.is_gone()).then(|| video.owner.to_string()))
        .s("status", video.status.word())
        .maybe_s("moderation_verdict", verdict)
        .maybe_s("place", partition)
        .maybe_s("since", since)
        .document(if is_settled(video.status) { BODY } else { DRAFT }, video)?;
    Ok(with_created_at(with_package(item, video), video.id))
}

/// Whether the record stands in `VideosByUser`. One that the pipeline moves does not: each step would write it
/// there too, and a page of an owner's videos has few of them.
fn is_settled(status: Status) -> bool {
    status != Status::Reserved && !status.is_in_flight()
}

fn verdict_word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Approve => "approve",
        Verdict::Reject => "reject",
        Verdict::Escalate => "escalate",
    }
}

fn with_package(item: Item, video: &Video) -> Item {
    let Some(package) = &video.package else { return item };
    let sides: Vec<String> = package.renditions.iter().map(|r| r.rung.0.to_string()).collect();
    let poster = MediaKey::Poster { video: video.id, package: package.id };
    let sprite = MediaKey::Sprite { video: video.id, package: package.id };
    item.n("duration", package.duration_ms.0)
        .s("ladder_profile", sides.join(","))
        .maybe_s("poster_path", poster.public_path())
        .maybe_s("sprite_path", package.sprite.as_ref().and_then(|_| sprite.public_path()))
}

/// A number with a fraction, which [`Item::n`] does not write.
fn with_created_at(item: Item, id: VideoId) -> Item {
    let mut map: HashMap<String, AttributeValue> = item.into();
    map.insert("created_at".to_owned(), AttributeValue::N(created_at(id)));
    Item::from(map)
}

/// Reads what [`item`] wrote.
pub fn video(item: &Item) -> Result<Video, Fault> {
    item.layout(LAYOUT)?;
    item.get_document(if item.attribute(DRAFT).is_some() { DRAFT } else { BODY })
}

/// A row of `VideosByUser`: the record, or the id of one that is not settled.
pub fn owned(item: &Item) -> Result<Result<Video, VideoId>, Fault> {
    if item.attribute(BODY).is_some() {
        return video(item).map(Ok);
    }
    Ok(Err(item.get_s("video_id")?.parse().map_err(Fault::corrupt)?))
}

/// The place in an index a row of `VideosByPlace` names.
pub fn standing(item: &Item) -> Result<(Millis, VideoId), Fault> {
    let since = item.get_s("since")?;
    let (at, id) = since.split_once('#').ok_or_else(|| Fault::corrupt("a since without an id"))?;
    Ok((Millis(at.parse().map_err(Fault::corrupt)?), id.parse().map_err(Fault::corrupt)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dynamo::document;
    use stdx::FaultKind;
    use vocab::UserId;

    /// As the first version wrote it. It must be readable for ever.
    const OLD_BODY: &str = r##"{"created_at":1,"id":"0fvnqs0g00005","link_key":"0f","meta":{"caption":"","hashtags":["sun"],"title":"Beach","visibility":"public"},"owner":"000000000000b","package":{"duration_ms":12300,"fps_milli":29970,"has_audio":true,"height":1920,"id":"00000000000000000000000007","renditions":[{"average_kbps":500,"codecs":"avc1.64001f,mp4a.40.2","first_frame_bytes":9000,"height":640,"id":"00000000000000000000000008","init_bytes":1200,"peak_kbps":700,"rung":360,"segment_bytes":[100000,5],"width":360}],"segment_ms":[2000,1999],"sprite":{"cadence_ms":1000,"columns":10,"rows":2,"tile_height":160,"tile_width":90,"tiles":13},"width":1080},"published_at":4,"raw_bytes":5,"revision":3,"status":"published","status_changed_at":4,"transform":{"mute":false,"trim_end_ms":9000},"upload":"00000000000000000000000003","verdict":{"content_sha256":"ab","decided_at":3,"decided_by":"moderator","verdict":"approve"}}"##;

    fn old() -> Item {
        Item::new(1).s("body", OLD_BODY)
    }

    #[test]
    fn the_first_layout_is_still_read() {
        let v = video(&old()).unwrap();
        assert_eq!((v.status, v.revision, v.meta.title.as_str()), (Status::Published, 3, "Beach"));
        assert_eq!(v.package.as_ref().map(|p| p.renditions.len()), Some(1));
        assert_eq!((v.source.is_none(), v.appeal.is_none()), (true, true));
        assert_eq!(document::json(&v).unwrap(), OLD_BODY, "and it is still what is written");
        let deflated = Item::new(1).b("body", document::deflate(OLD_BODY).unwrap());
        assert_eq!(video(&deflated).unwrap(), v);
        assert_eq!(video(&Item::new(1).s("draft", OLD_BODY)).unwrap(), v);
    }

    #[test]
    fn a_later_layout_is_refused() {
        assert_eq!(video(&old().n("v", LAYOUT + 1)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(video(&old().s("body", "{")).unwrap_err().kind, FaultKind::Corrupt);
    }

    #[test]
    fn the_seeds_attributes_are_there() {
        let v = video(&old()).unwrap();
        let item = item(&v, None).unwrap();
        let text = |name| item.get_s(name).unwrap().to_owned();
        assert_eq!((text("video_id"), text("sk")), (v.id.to_string(), "const".into()));
        assert_eq!((text("owner_id"), text("status")), ("000000000000b".into(), "published".into()));
        assert_eq!((text("moderation_verdict"), text("ladder_profile")), ("approve".into(), "360".into()));
        assert_eq!(text("poster_path"), format!("/p/{}/00000000000000000000000007/poster.jpg", v.id));
        assert_eq!(text("sprite_path"), format!("/p/{}/00000000000000000000000007/sprite.jpg", v.id));
        assert_eq!(item.get_n("duration").unwrap(), 12_300);
        let created = item.attribute("created_at").unwrap().as_n().unwrap();
        assert_eq!(created, &format!("{}.0000005", v.id.created_at_unix_ms()));
    }

    #[test]
    fn a_removed_video_leaves_its_owners_list() {
        let mut v = video(&old()).unwrap();
        v.status = Status::Removed;
        assert_eq!(item(&v, None).unwrap().opt_s("owner_id"), None);
    }

    #[test]
    fn the_number_orders_as_the_ids_do() {
        let ids = [VideoId(0), VideoId(99), VideoId::from_parts(1_780_000_000_000, 9)];
        let ids = ids.into_iter().chain([VideoId::from_parts(1_780_000_000_000, 10), VideoId(u64::MAX)]);
        let parts = |id| {
            let text = created_at(id);
            let (ms, random) = text.split_once('.').map(|(a, b)| (a.to_owned(), b.to_owned())).unwrap();
            assert_eq!(random.len(), 7);
            (ms.parse::<i64>().unwrap(), random.parse::<u64>().unwrap())
        };
        assert!(ids.map(parts).is_sorted_by(|a, b| a < b));
    }

    #[test]
    fn the_index_is_written_when_a_video_enters_and_leaves_the_pipeline_only() {
        let mut v = Video::reserved(VideoId(7), UserId(1), "k".into(), Millis(1));
        let mut seen = item(&v, None).unwrap();
        let mut moves = 0;
        let way = [
            Status::Uploaded,
            Status::Judging,
            Status::Approved,
            Status::Encoding,
            Status::Verifying,
            Status::Published,
        ];
        for (n, status) in (2..).zip(way) {
            (v.status, v.status_changed_at) = (status, Millis(n));
            let next = item(&v, Some(&seen)).unwrap();
            // A reserved video stands in no index.
            let place = |i: &Item| {
                let of = |name| i.get_s(name).ok().map(str::to_owned);
                (of("place"), of("since"))
            };
            moves += u32::from(place(&next) != place(&seen));
            seen = next;
        }
        assert_eq!(moves, 2);
    }

    #[test]
    fn a_place_is_read_as_it_was_written() {
        let (at, id) = (Millis(1_780_000_000_000), VideoId(u64::MAX));
        let row = Item::default().s("since", places::since_key(at, id));
        assert_eq!(standing(&row).unwrap(), (at, id));
        assert!(standing(&Item::default().s("since", "5")).is_err());
    }
}
