//! How records stand in the tables.

use crate::dynamo::{Attr, Index, Item, Key, Projection, Table};
use ::upload::quota::{DAY, Places};
use ::upload::{KeyClaim, Upload};
use stdx::Fault;
use vocab::{Millis, UploadId, UserId};

/// The layout of claims and quotas.
const V: i64 = 1;
/// The layout of uploads. Before 2 they also named their owner in `live_owner`, for an index that is gone;
/// before 3 completing ones stood in buckets of their own ([`old_completing_bucket`]), by their start.
const UPLOAD_V: i64 = 3;
/// Seconds since 1970.
const TTL: &str = "ttl";

/// A live row stands at one place from its insert to its end. Its state is carried along, so that a look for
/// stuck completions reads entries of the index and only the rows that it is after. That costs a unit when an
/// upload begins to complete; with the keys alone each sweep would have to read every live row instead.
pub static DUE: Index = Index {
    name: "Due",
    hash: Attr::s("due"),
    range: Some(Attr::n("due_at")),
    projection: Projection::Include(&["state"]),
};
pub static UPLOADS: Table =
    Table { name: "Uploads", hash: Attr::s("upload_id"), range: None, indexes: &[DUE], ttl: Some(TTL) };
pub static UPLOAD_KEYS: Table =
    Table { name: "UploadKeys", hash: Attr::s("owner_key"), range: None, indexes: &[], ttl: Some(TTL) };
pub static UPLOAD_QUOTAS: Table =
    Table { name: "UploadQuotas", hash: Attr::s("owner_id"), range: None, indexes: &[], ttl: Some(TTL) };

pub const TABLES: &[&Table] = &[&UPLOADS, &UPLOAD_KEYS, &UPLOAD_QUOTAS];

/// The due index is written three times an upload: one partition takes about 300 uploads a second.
pub(super) const DUE_SHARDS: u64 = 4;

/// Of live uploads, by their expiry. The word is from the time when only open ones stood here.
pub(super) fn due_bucket(shard: u64) -> String {
    format!("open#{shard}")
}

/// Where rows of the layouts before 3 stand while they complete, by the time when they began to.
pub(super) fn old_completing_bucket(shard: u64) -> String {
    format!("completing#{shard}")
}

fn seconds(at: Millis) -> i64 {
    at.0.div_euclid(1000) + 1
}

pub(super) fn upload_key(id: UploadId) -> Key {
    Key::of(id.to_string())
}

pub(super) fn claim_key(owner: UserId, key: &str) -> Key {
    Key::of(format!("{owner}#{key}"))
}

pub(super) fn quota_key(owner: UserId) -> Key {
    Key::of(owner.to_string())
}

/// `remember`: how long an ended record stays.
pub(super) fn upload_item(u: &Upload, remember: Millis) -> Result<Item, Fault> {
    let is_live = !u.state.has_ended();
    // The low bits of the id are random.
    let shard = (u.id.0 % u128::from(DUE_SHARDS)) as u64;
    let item = Item::new(UPLOAD_V)
        .s("upload_id", u.id.to_string())
        .s("owner_id", u.owner.to_string())
        .s("video_id", u.video.to_string())
        .s("state", u.state.word())
        .n("created_at", u.created_at.0)
        .maybe_s("due", is_live.then(|| due_bucket(shard)))
        .maybe_n("due_at", is_live.then_some(u.expires_at.0))
        .maybe_n(TTL, (!is_live).then(|| seconds(u.state_changed_at.saturating_add(remember))));
    item.json("body", u)
}

pub(super) fn upload(item: &Item) -> Result<Upload, Fault> {
    item.layout(UPLOAD_V)?;
    item.get_json("body")
}

pub(super) fn claim_item(
    owner: UserId,
    key: &str,
    claim: &KeyClaim,
    remember: Millis,
) -> Result<Item, Fault> {
    Item::new(V)
        .s("owner_key", claim_key(owner, key).hash)
        .s("owner_id", owner.to_string())
        .s("upload_id", claim.upload.to_string())
        .n(TTL, seconds(claim.at.saturating_add(remember)))
        .json("body", claim)
}

pub(super) fn claim(item: &Item) -> Result<KeyClaim, Fault> {
    item.layout(V)?;
    item.get_json("body")
}

pub(super) fn quota_item(owner: UserId, places: &Places) -> Result<Item, Fault> {
    let ends = places.youngest().map(|at| seconds(at.saturating_add(DAY)));
    Item::new(V).s("owner_id", owner.to_string()).maybe_n(TTL, ends).json("places", places)
}

pub(super) fn places(item: Option<&Item>) -> Result<Places, Fault> {
    let Some(item) = item else { return Ok(Places::default()) };
    item.layout(V)?;
    item.get_json("places")
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::upload::UploadState;
    use stdx::FaultKind;
    use vocab::{Bytes, VideoId};

    /// Rows as the first layout wrote them: they are read for ever.
    const UPLOAD_V1: &str = r#"{"id":"00000000000000000000000007","owner":"0000000000001","video":"0000000000003","filename":"a.mov","content_type":"video/quicktime","size_bytes":11,"sha256":null,"part_size_bytes":5,"part_count":3,"state":"completing","ticket":"t","created_at":10,"expires_at":20,"state_changed_at":15}"#;
    const CLAIM_V1: &str =
        r#"{"digest":"d","upload":"00000000000000000000000007","video":"0000000000003","at":5}"#;
    const PLACES_V1: &str = r#"[{"upload":"00000000000000000000000007","size":100,"at":5,"open":true}]"#;

    fn old_upload() -> Item {
        let row = Item::new(1).s("upload_id", "00000000000000000000000007").s("state", "completing");
        let row = row.s("live_owner", "0000000000001").s("due", "completing#3").n("due_at", 15);
        row.s("body", UPLOAD_V1)
    }

    #[test]
    fn rows_of_the_first_layout_are_read() {
        let read = upload(&old_upload()).unwrap();
        assert_eq!((read.id, read.owner, read.video), (UploadId(7), UserId(1), VideoId(3)));
        assert_eq!((read.state, read.size_bytes, read.sha256), (UploadState::Completing, Bytes(11), None));
        let read = claim(&Item::new(1).s("body", CLAIM_V1)).unwrap();
        assert_eq!((read.upload, read.at), (UploadId(7), Millis(5)));
        let read = places(Some(&Item::new(1).s("places", PLACES_V1))).unwrap();
        assert_eq!(read.usage(Millis(6)).open, 1);
    }

    #[test]
    fn documents_are_still_written_as_in_the_first_layout() {
        let item = upload_item(&upload(&old_upload()).unwrap(), DAY).unwrap();
        assert_eq!(item.get_s("body").unwrap(), UPLOAD_V1);
        assert_eq!((item.layout(UPLOAD_V).unwrap(), item.opt_s("live_owner")), (3, None));
        assert_eq!((item.get_s("due").unwrap(), item.get_n("due_at").unwrap()), ("open#3", 20));
        let read = claim(&Item::new(1).s("body", CLAIM_V1)).unwrap();
        assert_eq!(claim_item(UserId(1), "k", &read, DAY).unwrap().get_s("body").unwrap(), CLAIM_V1);
        let read = places(Some(&Item::new(1).s("places", PLACES_V1))).unwrap();
        assert_eq!(quota_item(UserId(1), &read).unwrap().get_s("places").unwrap(), PLACES_V1);
    }

    #[test]
    fn a_row_of_a_newer_program_is_refused() {
        let newer = |item: Item| item.n("v", V + 1);
        assert_eq!(upload(&old_upload().n("v", UPLOAD_V + 1)).unwrap_err().kind, FaultKind::Newer);
        let item = newer(Item::new(1).s("body", CLAIM_V1));
        assert_eq!(claim(&item).unwrap_err().kind, FaultKind::Newer);
        let item = newer(Item::new(1).s("places", PLACES_V1));
        assert_eq!(places(Some(&item)).unwrap_err().kind, FaultKind::Newer);
    }

    #[test]
    fn an_ended_record_leaves_the_indexes_and_gets_an_end() {
        let open = upload(&old_upload()).unwrap();
        let ended = Upload { state: UploadState::Completed, state_changed_at: Millis(2_500), ..open.clone() };
        let item = upload_item(&ended, Millis(7_000)).unwrap();
        assert_eq!((item.opt_s("due"), item.opt_n("due_at"), item.opt_n(TTL)), (None, None, Some(10)));
        let item = upload_item(&open, Millis(7_000)).unwrap();
        assert!(item.opt_s("due").is_some() && item.opt_n(TTL).is_none());
    }
}
