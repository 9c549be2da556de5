//! The record of a judgement: one item, or one that names pieces.
//!
//! A record holds what was seen in every frame. It has some KB as a rule and no bound that a classifier
//! must keep, so a large one is cut: the pieces are written first, under a token of their own, then the
//! item that names them, on condition. Killed in between, pieces stay that nobody names; they are never
//! read. The pieces of the record before are deleted after; a reader that still looks for them reads the
//! item again.

use super::digits;
use crate::dynamo::{Attr, Dynamo, Index, Item, Key, Projection, Read, Table, Write, document};
use moderation::{ModerationRecord, ModerationStoreError};
use stdx::{Fault, FaultKind};
use vocab::{Millis, VideoId};

pub(super) const LAYOUT: i64 = 1;
const RECORD: &str = "record";
const BODY: &str = "body";
/// The one value of the hash key of `ModerationQueue`.
pub(super) const REVIEW: &str = "review";
/// Bytes of a piece. A record of up to this is one item.
const PIECE_BYTES: usize = 60_000;
/// Rounds of a reader whose pieces are replaced under its eyes.
const ROUNDS_MAX: usize = 8;

pub(super) const BY_CONTENT: Index = Index {
    name: "ModerationByContent",
    hash: Attr::s("content_sha256"),
    range: Some(Attr::s("video_id")),
    projection: Projection::KeysOnly,
};
pub(super) const QUEUE: Index = Index {
    name: "ModerationQueue",
    hash: Attr::s("queue"),
    range: Some(Attr::s("waiting_since")),
    projection: Projection::KeysOnly,
};

pub static MODERATION: Table = Table {
    name: "Moderation",
    hash: Attr::s("video_id"),
    range: Some(Attr::s("sk")),
    indexes: &[BY_CONTENT, QUEUE],
    ttl: None,
};

pub(super) fn key(video: VideoId) -> Key {
    Key::pair(video.to_string(), RECORD)
}

/// The range key of `ModerationQueue`.
pub(super) fn waiting_since(at: Millis, video: VideoId) -> String {
    format!("{}#{video}", digits(at))
}

fn revision(item: &Item) -> Result<u64, Fault> {
    item.layout(LAYOUT)?;
    u64::try_from(item.get_n("revision")?).map_err(Fault::corrupt)
}

/// The item without the document.
fn head(record: &ModerationRecord) -> Result<Item, Fault> {
    let since = record.waiting_since;
    Ok(Item::new(LAYOUT)
        .s("video_id", record.video.to_string())
        .s("sk", RECORD)
        .n("revision", i64::try_from(record.revision).map_err(Fault::internal)?)
        // An index key cannot be empty text.
        .maybe_s("content_sha256", Some(record.content_sha256.clone()).filter(|c| !c.is_empty()))
        .maybe_s("queue", since.map(|_| REVIEW.to_owned()))
        .maybe_s("waiting_since", since.map(|at| waiting_since(at, record.video))))
}

fn numbered(mut record: ModerationRecord, item: &Item) -> Result<ModerationRecord, Fault> {
    record.revision = revision(item)?;
    Ok(record)
}

/// Where the pieces of a record stand; none for a record of one item.
fn pieces(video: VideoId, item: &Item) -> Result<Vec<Key>, Fault> {
    match (item.opt_n("parts"), item.opt_s("token")) {
        (Some(n), Some(token)) => Ok((0..n).map(|n| piece_key(video, token, n)).collect()),
        (None, None) => Ok(Vec::new()),
        _ => Err(Fault::corrupt("a record names its pieces by halves")),
    }
}

fn piece_key(video: VideoId, token: &str, n: i64) -> Key {
    Key::pair(video.to_string(), format!("part#{token}#{n:04}"))
}

/// Strong: of racing judgements each must see what the other wrote.
pub(super) async fn get(dynamo: &Dynamo, video: VideoId) -> Result<Option<ModerationRecord>, Fault> {
    for _ in 0..ROUNDS_MAX {
        let Some(item) = dynamo.get(&MODERATION, &key(video), Read::Strong).await? else { return Ok(None) };
        if let Some(record) = whole(dynamo, video, &item).await? {
            return Ok(Some(record));
        }
    }
    Err(Fault::new(FaultKind::Throttled, format!("the record of {video} does not hold still")))
}

/// The record of an item; `None` when its pieces are gone because a later save took its place.
pub(super) async fn whole(
    dynamo: &Dynamo,
    video: VideoId,
    item: &Item,
) -> Result<Option<ModerationRecord>, Fault> {
    item.layout(LAYOUT)?;
    let keys = pieces(video, item)?;
    if keys.is_empty() {
        return numbered(item.get_document(BODY)?, item).map(Some);
    }
    let mut found = dynamo.get_many(&MODERATION, &keys, Read::Strong).await?;
    if found.len() < keys.len() {
        return Ok(None);
    }
    found.sort_by(|a, b| a.opt_s("sk").cmp(&b.opt_s("sk")));
    let pieces = found.iter().map(|piece| piece.get_b(BODY)).collect::<Result<Vec<_>, Fault>>()?;
    let text = document::inflate(&pieces.concat())?;
    numbered(serde_json::from_str(&text).map_err(Fault::corrupt)?, item).map(Some)
}

/// Writes the pieces; the item that names them is to be written after.
async fn in_pieces(dynamo: &Dynamo, record: &ModerationRecord) -> Result<(Item, Vec<Key>), Fault> {
    let body = document::deflate(&document::json(record)?)?;
    let token = format!("{:026x}", dynamo.entropy().u128());
    let cut: Vec<&[u8]> = body.chunks(PIECE_BYTES).collect();
    let keys: Vec<Key> = (0..).zip(&cut).map(|(n, _)| piece_key(record.video, &token, n)).collect();
    let rows = keys.iter().zip(&cut).map(|(key, piece)| {
        let sk = key.range.clone().unwrap_or_default();
        Item::new(LAYOUT).s("video_id", &key.hash).s("sk", sk).b(BODY, piece.to_vec())
    });
    dynamo.put_many(&MODERATION, rows.collect()).await?;
    let parts = i64::try_from(cut.len()).map_err(Fault::internal)?;
    Ok((head(record)?.n("parts", parts).s("token", token), keys))
}

pub(super) async fn save(
    dynamo: &Dynamo,
    mut record: ModerationRecord,
) -> Result<ModerationRecord, ModerationStoreError> {
    let (video, expected) = (record.video, record.revision);
    record.revision += 1;
    let whole = head(&record)?.document(BODY, &record)?;
    let (item, ours) =
        if whole.bytes() <= PIECE_BYTES { (whole, Vec::new()) } else { in_pieces(dynamo, &record).await? };
    let saved = dynamo
        .change(&MODERATION, &key(video), |seen| {
            let stored = seen.map(revision).transpose()?;
            if stored.unwrap_or(0) != expected {
                return Err(ModerationStoreError::Stale { video, actual: stored });
            }
            let before = seen.map(|item| pieces(video, item)).transpose()?;
            Ok((Write::Put(item.clone()), before.unwrap_or_default()))
        })
        .await;
    match saved {
        Ok(before) => {
            dynamo.delete_many(&MODERATION, &before).await?;
            Ok(record)
        }
        Err(stale @ ModerationStoreError::Stale { .. }) => {
            dynamo.delete_many(&MODERATION, &ours).await?;
            Err(stale)
        }
        // After a fault the item may name the pieces: they stay.
        Err(fault) => Err(fault),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As version 1 wrote it. It must be readable for ever; never edit it.
    const OLD_BODY: &str = r#"{"video":"0000000000001","revision":1,"content_sha256":"abab","phase_seed":18446744073709551614,"policy_version":"p1","classifier":{"name":"toy","version":"1"},"judged_at":1000,"frames":[{"n":1,"at_ms":1250,"findings":[{"name":"Explicit Nudity","parent":"Explicit","level":2,"confidence":87.5,"at_ms":1250}]}],"labels":[{"name":"Explicit","max_confidence":87.5,"hot_frames":1,"frames":1,"reject_at":98,"review_at":85}],"unjudged":["Violence"],"near":[1250],"decisions":[{"at":1000,"content_sha256":"abab","by":"0000000000009","decided_by":"moderator","verdict":"reject","reason_code":"other","reason":"because","undoes":0}],"waiting_since":null,"queued_at":900,"appeal":"please look again"}"#;

    fn old() -> Item {
        Item::new(1).n("revision", 7).s("body", OLD_BODY)
    }

    fn read(item: &Item) -> Result<ModerationRecord, Fault> {
        numbered(item.get_document(BODY)?, item)
    }

    #[test]
    fn the_first_layout_is_still_read() {
        let deflated = old().without("body").b("body", document::deflate(OLD_BODY).unwrap());
        for item in [old(), deflated] {
            let record = read(&item).unwrap();
            assert_eq!((record.revision, record.video, record.phase_seed), (7, VideoId(1), u64::MAX - 1));
            assert_eq!(record.decisions[0].verdict, vocab::Verdict::Reject);
        }
    }

    #[test]
    fn a_later_layout_is_refused_and_a_broken_row_is_corrupt() {
        assert_eq!(read(&old().n("v", LAYOUT + 1)).unwrap_err().kind, FaultKind::Newer);
        assert_eq!(read(&old().s("body", "{")).unwrap_err().kind, FaultKind::Corrupt);
        assert_eq!(pieces(VideoId(1), &old().n("parts", 2)).unwrap_err().kind, FaultKind::Corrupt);
    }
}
