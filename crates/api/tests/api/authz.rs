//! Who may do what: every operation of the OpenAPI document × {anonymous, another viewer, owner,
//! moderator, operator}. An operation missing from the table fails the test.

use crate::documents::{Operation, operations};
use crate::house::{House, Person, Reply, house};
use serde_json::{Value, json};
use std::collections::HashSet;
use stdx::Clock;
use upload::StartUpload;
use vocab::{Bytes, DeviceId, JobId, Millis, Status, Visibility};
use work::{JobStore, NewJob};

/// Who gets past the door. What is behind it may still say 404 or 409.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Door {
    /// Everybody.
    Open,
    /// A session of any kind.
    Session,
    /// The owner of the thing in the path.
    Owner,
    Moderator,
    Operator,
}

struct Row {
    id: &'static str,
    door: Door,
    /// The status of the video in the path.
    status: Status,
    body: Option<fn() -> Value>,
}

const fn row(id: &'static str, door: Door) -> Row {
    Row { id, door, status: Status::Published, body: None }
}

impl Row {
    const fn at(mut self, status: Status) -> Self {
        self.status = status;
        self
    }
    const fn with(mut self, body: fn() -> Value) -> Self {
        self.body = Some(body);
        self
    }
}

fn table() -> Vec<Row> {
    use Door::{Moderator, Open, Operator, Owner, Session};
    vec![
        row("auth_adopt", Session),
        row("auth_device_revoke", Owner),
        row("auth_devices", Session),
        row("auth_discovery", Open),
        row("auth_guest", Open),
        row("auth_jwks", Open),
        row("auth_login", Open),
        row("auth_logout", Session),
        row("auth_operator", Open),
        row("auth_refresh", Open),
        row("auth_register", Open),
        row("captions_delete", Owner),
        row("captions_get", Owner),
        row("captions_list", Owner),
        row("captions_put", Owner),
        row("config_get", Open),
        row("cover_delete", Owner),
        row("cover_get", Owner),
        row("cover_put", Owner),
        row("demo_progress", Session),
        row("demo_start", Session).with(|| json!({})),
        row("events_batch", Session).with(|| json!({"epoch": 1, "events": []})),
        row("feed_page", Session),
        row("health_live", Open),
        row("health_metrics", Open),
        row("health_ready", Open),
        row("me_edit", Session).with(|| json!({"bio": "new"})),
        row("me_get", Session),
        row("me_history", Session),
        row("me_likes", Session),
        row("me_saves", Session),
        row("me_videos", Session),
        row("moderation_block", Moderator)
            .with(|| json!({"content_sha256": "0".repeat(64), "reason_code": "hate"})),
        row("moderation_blocklist", Moderator),
        row("moderation_case", Moderator),
        row("moderation_cover", Moderator),
        row("moderation_decide", Moderator).with(|| json!({"decision": "approve"})),
        row("moderation_decide_cover", Moderator).with(|| json!({"n": 1, "decision": "approve"})),
        row("moderation_frame", Moderator),
        row("moderation_queue", Moderator),
        row("moderation_reasons", Moderator),
        row("moderation_source", Moderator),
        row("moderation_trail", Moderator),
        row("moderation_unblock", Moderator),
        row("moderation_undo", Moderator),
        row("ops_job", Operator),
        row("ops_job_cancel", Operator),
        row("ops_job_replay", Operator),
        row("ops_jobs", Operator),
        row("ops_summary", Operator),
        row("ops_user_roles", Operator).with(|| json!({"roles": ["viewer"]})),
        row("ops_users", Operator),
        row("seed_event", Session).with(|| json!({"type": "playback"})),
        row("seed_feed_page", Session),
        row("upload_abort", Owner),
        row("upload_complete", Owner).with(|| json!({})),
        row("upload_limits", Open),
        row("upload_list", Session),
        row("upload_presign", Session).with(|| json!({"filename": "a.mp4", "size_bytes": 1_000})),
        row("upload_sign", Owner).with(|| json!({"numbers": [1]})),
        row("upload_start", Session).with(|| json!({"filename": "a.mp4", "size_bytes": 1_000})),
        row("upload_state", Owner),
        row("user_get", Open),
        row("user_hide", Session),
        row("user_unhide", Session),
        row("user_videos", Open),
        row("video_appeal", Owner).at(Status::Rejected).with(|| json!({"message": "Please look again."})),
        row("video_delete", Owner),
        row("video_edit", Owner).with(|| json!({"title": "new"})),
        row("video_get", Open),
        row("video_interested", Session),
        row("video_like", Session),
        row("video_not_interested", Session),
        row("video_report", Session).with(|| json!({"reason_code": "spam"})),
        row("video_restore", Owner).at(Status::Removed),
        row("video_retry", Owner).at(Status::Failed),
        row("video_save", Session),
        row("video_share", Session),
        row("video_unlike", Session),
        row("video_unsave", Session),
        row("video_why", Session),
        row("ws_open", Open),
        row("ws_ticket", Session),
    ]
}

struct People {
    owner_device: DeviceId,
    other: Person,
    owner: Person,
    moderator: Person,
    operator: Person,
}

/// A name, who it is, and which doors open.
type Principal<'a> = (&'static str, Option<&'a Person>, fn(Door) -> bool);

impl People {
    fn all(&self) -> [Principal<'_>; 5] {
        [
            ("anonymous", None, |d| d == Door::Open),
            ("other", Some(&self.other), |d| matches!(d, Door::Open | Door::Session)),
            ("owner", Some(&self.owner), |d| matches!(d, Door::Open | Door::Session | Door::Owner)),
            ("moderator", Some(&self.moderator), |d| {
                matches!(d, Door::Open | Door::Session | Door::Moderator)
            }),
            // Operators may do what moderators may.
            ("operator", Some(&self.operator), |d| d != Door::Owner),
        ]
    }
}

/// The path with real ids of things that belong to the owner.
async fn path(h: &House, operation: &Operation, row: &Row, people: &People) -> String {
    let template = operation.path.as_str();
    if !template.contains('{') {
        return template.to_owned();
    }
    let id = if template.contains("/jobs/") {
        h.clock.advance(Millis(1));
        let now = h.clock.now();
        let id = JobId::from_parts(now.get(), now.get() as u64);
        h.jobs.enqueue(id, NewJob::new("catalog.sweep", id, now), now).await.expect("enqueued");
        id.to_string()
    } else if template.starts_with("/v1/uploads/") {
        let ask =
            StartUpload { filename: "a.mp4".into(), size_bytes: Bytes(1_000), ..StartUpload::default() };
        h.state.uploads.start(people.owner.id, ask, None).await.expect("begun").id.to_string()
    } else if template.contains("{device_id}") {
        people.owner_device.to_string()
    } else if template.starts_with("/v1/users/") || template.contains("/ops/users/") {
        people.owner.id.to_string()
    } else {
        h.video(&people.owner, row.status, Visibility::Public).await.to_string()
    };
    ["{id}", "{device_id}"]
        .iter()
        .fold(template.to_owned(), |p, part| p.replace(part, &id))
        .replace("{n}", "1")
        .replace("{language}", "en")
        .replace("{sha256}", &"0".repeat(64))
}

fn judge(who: &str, operation: &Operation, passes: bool, reply: &Reply) {
    let (id, status) = (&operation.id, reply.status.as_u16());
    assert!(status < 500 || status == 503 && id == "health_ready", "{id} as {who}: {status}");
    if passes {
        assert!(!matches!(status, 401 | 403), "{id} as {who}: {status}");
    } else if who == "anonymous" {
        assert_eq!((status, reply.problem().as_str()), (401, "unauthorized"), "{id}");
    } else {
        assert!(matches!(status, 403 | 404 | 410), "{id} as {who}: {status}");
        reply.problem();
    }
}

#[tokio::test]
async fn every_operation_opens_for_those_it_is_for() {
    let h = house().await;
    let table = table();
    for operation in operations().values() {
        let row = table.iter().find(|r| r.id == operation.id);
        let row = row.unwrap_or_else(|| panic!("{} is missing from the table of doors", operation.id));
        assert_eq!(
            operation.needs_bearer(),
            row.door != Door::Open,
            "{}: the document and the table differ",
            row.id
        );
        // New people for each: some operations end the caller's session.
        let owner = h.guest().await;
        let people = People {
            owner_device: h.device(&owner).await,
            other: h.guest().await,
            owner,
            moderator: h.moderator().await,
            operator: h.operator().await,
        };
        for (who, person, passes) in people.all() {
            let path = path(&h, operation, row, &people).await;
            let reply = h.call(&operation.method, &path, person, row.body.map(|b| b())).await;
            judge(who, operation, passes(row.door), &reply);
        }
    }
}

#[test]
fn the_table_names_only_what_exists() {
    let known: HashSet<_> = operations().into_keys().collect();
    for row in table() {
        assert!(known.contains(row.id), "{} is in no document", row.id);
    }
}
