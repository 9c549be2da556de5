//! For moderators: the queue, one case, a decision, a way back, the block list. And for viewers: a report.

mod source;
pub(crate) mod ticket;

use crate::auth::{Caller, Moderator};
use crate::body::{Json, Path, Query};
use crate::cursor::{List, Position};
use crate::dto::cover::ReviewCover;
use crate::dto::moderation::{
    BlockAsk, BlockedContent, CoverReviewAsk, Lookalike, Queue, QueueItem, Report, Review, ReviewAsk,
    ReviewClassifier, ReviewFrame, ReviewReasons, ReviewRecord, TrailList,
};
use crate::dto::{self, Page, PageQuery};
use crate::problem::Problem;
use crate::routes::videos::seen;
use crate::state::ApiState;
use axum::extract::State;
use catalog::Sight;
use http::StatusCode;
use moderation::{Ask, CoverAsk, ModerationRecord, ReviewError, TrailFilter, Waiting};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::{Millis, UserId, VideoId};

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(queue))
        .routes(routes!(case))
        .routes(routes!(decide))
        .routes(routes!(decide_cover))
        .routes(routes!(undo))
        .routes(routes!(reasons))
        .routes(routes!(block_list, block))
        .routes(routes!(unblock))
        .routes(routes!(trail))
        .routes(routes!(report))
        .merge(source::router())
}

impl From<ReviewError> for Problem {
    fn from(e: ReviewError) -> Self {
        match e {
            ReviewError::NotFound => Self::not_found("There is no such video, frame or entry."),
            ReviewError::Invalid { field, message } => Self::field(field, "invalid", message),
            ReviewError::Conflict(said) => Self::conflict(said),
            ReviewError::Fault(fault) => fault.into(),
        }
    }
}

fn queue_of(reader: UserId) -> List<'static> {
    List { name: "moderation.queue", reader: Some(reader), about: "" }
}

/// Videos that wait for a person, oldest first.
#[utoipa::path(get, path = "/v1/moderation/queue", tag = "moderation", operation_id = "moderation_queue",
    params(PageQuery), security(("bearer" = [])),
    responses((status = 200, description = "A page of the queue.", body = Queue)))]
async fn queue(
    State(state): State<ApiState>,
    Moderator(caller): Moderator,
    Query(page): Query<PageQuery>,
) -> Result<Json<Queue>, Problem> {
    let list = queue_of(caller.user);
    let after = page.cursor.as_deref().map(|c| state.cursors.read(list, c)).transpose()?;
    let limit = page.limit(&state.config.policy)?;
    let found = state.reviews.queue(after.map(|p| (p.at, VideoId(p.id))), limit).await?;
    let owners = dto::hydrate::owners(&state, found.items.iter().map(|w| w.video.owner)).await?;
    let now = state.clock.now();
    let item = |w: Waiting| {
        let owner = owners.get(&w.video.owner).cloned();
        let owner = owner.unwrap_or_else(|| dto::Owner::unknown(w.video.owner));
        queue_item(&state, w, owner, (caller.user, now))
    };
    let next = found.next.map(|(at, id)| state.cursors.write(list, Position { at, id: id.0 }));
    let items = found.items.into_iter().map(item).collect();
    Ok(Json(Queue { items, next_cursor: next, handled_today: found.handled_today }))
}

fn queue_item(state: &ApiState, w: Waiting, owner: dto::Owner, (by, now): (UserId, Millis)) -> QueueItem {
    let Waiting { video, record, since } = w;
    let frame = record.top_frame().map(|f| f.n);
    QueueItem {
        video_id: video.id,
        owner,
        title: video.meta.title.clone(),
        created_at_ms: video.created_at.get(),
        waiting_ms: now.saturating_sub(since).get().max(0),
        reason: record.waits_for().to_owned(),
        top_score: record.top_score(),
        poster_url: match &record.cover {
            Some(c) if record.only_cover_waits => Some(source::cover_url(state, video.id, c.n, by)),
            _ => frame.map(|n| source::frame_url(state, video.id, n, by)),
        },
        duration_ms: video.source.as_ref().map(|s| s.duration_ms.get()),
        appeal: record.appeal,
    }
}

/// Everything known of the judgement of one video. The addresses in it carry a ticket of ten minutes,
/// so that pictures and players can fetch them.
#[utoipa::path(get, path = "/v1/moderation/videos/{id}", tag = "moderation", operation_id = "moderation_case",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])), responses(
        (status = 200, description = "The case.", body = Review),
        (status = 404, description = "No such video, or nobody has judged it yet."),
    ))]
async fn case(
    State(state): State<ApiState>,
    Moderator(caller): Moderator,
    Path(id): Path<VideoId>,
) -> Result<Json<Review>, Problem> {
    let detail = state.reviews.detail(id).await?;
    let record = detail.record;
    let cover = record.cover.map(|c| {
        let url = source::cover_url(&state, id, c.n, caller.user);
        ReviewCover::of(c, &detail.video, url)
    });
    let frame = |f: moderation::JudgedFrame| {
        let url = source::frame_url(&state, id, f.n, caller.user);
        ReviewFrame::of(f, url)
    };
    Ok(Json(Review {
        video: dto::hydrate::video(&state, Some(&caller), detail.video, Sight::Full).await?,
        content_sha256: record.content_sha256,
        policy_version: record.policy_version,
        classifier: record.classifier.map(|c| ReviewClassifier { name: c.name, version: c.version }),
        frames: record.frames.into_iter().map(frame).collect(),
        labels: record.labels.into_iter().map(Into::into).collect(),
        unjudged: record.unjudged,
        decisions: record.decisions.into_iter().map(Into::into).collect(),
        same_content: detail.same_content.iter().map(Into::into).collect(),
        lookalike: record.resembles.map(|like| Lookalike::of(like, detail.resembled)),
        near_ms: record.near.iter().map(|at| at.get()).collect(),
        source_url: source::source_url(&state, id, caller.user),
        appeal: record.appeal,
        blocked: detail.blocked.is_some(),
        reports: detail.reports.into_iter().map(Into::into).collect(),
        cover,
    }))
}

fn said(state: &ApiState, record: ModerationRecord) -> ReviewRecord {
    let last = record.decisions.last().filter(|d| d.undoes.is_none());
    let window = state.reviews.undo_window();
    ReviewRecord {
        video_id: record.video,
        content_sha256: record.content_sha256.clone(),
        undo_until_ms: last.map(|d| d.at.saturating_add(window).get()),
        decisions: record.decisions.into_iter().map(Into::into).collect(),
    }
}

/// Approves, rejects or escalates. A rejection needs a reason that the owner reads. A published video is
/// taken down by rejecting it; a rejected one goes back into review by escalating it.
#[utoipa::path(post, path = "/v1/moderation/videos/{id}/decision", tag = "moderation",
    operation_id = "moderation_decide", request_body = ReviewAsk,
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])), responses(
        (status = 200, description = "Decided.", body = ReviewRecord),
        (status = 409, description = "Not in review, decided by somebody else, or on the block list."),
    ))]
async fn decide(
    State(state): State<ApiState>,
    Moderator(caller): Moderator,
    Path(id): Path<VideoId>,
    Json(body): Json<ReviewAsk>,
) -> Result<Json<ReviewRecord>, Problem> {
    let ReviewAsk { decision, reason_code, reason } = body;
    let ask = Ask { video: id, by: caller.user, verdict: decision.into(), reason_code, reason };
    let record = state.reviews.decide(ask).await?;
    Ok(Json(said(&state, record)))
}

/// Approves or rejects the owner's own picture for the cover. One that is shown is taken away by rejecting it.
/// It comes into force with a job, a moment later; there is no undo, the owner can send it again.
#[utoipa::path(post, path = "/v1/moderation/videos/{id}/cover/decision", tag = "moderation",
    operation_id = "moderation_decide_cover", request_body = CoverReviewAsk,
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])), responses(
        (status = 200, description = "Decided.", body = ReviewRecord),
        (status = 409, description = "It waits for nobody, or the owner sent another picture."),
    ))]
async fn decide_cover(
    State(state): State<ApiState>,
    Moderator(caller): Moderator,
    Path(id): Path<VideoId>,
    Json(body): Json<CoverReviewAsk>,
) -> Result<Json<ReviewRecord>, Problem> {
    let CoverReviewAsk { n, decision, reason_code, reason } = body;
    let ask = Ask { video: id, by: caller.user, verdict: decision.into(), reason_code, reason };
    let record = state.reviews.decide_cover(CoverAsk { n, ask }).await?;
    let cover = record.cover.as_ref();
    Ok(Json(ReviewRecord {
        video_id: id,
        content_sha256: cover.map(|c| c.sha256.clone()).unwrap_or_default(),
        undo_until_ms: None,
        decisions: cover.into_iter().flat_map(|c| c.decisions.clone()).map(Into::into).collect(),
    }))
}

/// Takes back one's own decision within ten seconds. An approval only until its encode starts.
#[utoipa::path(post, path = "/v1/moderation/videos/{id}/undo", tag = "moderation", operation_id = "moderation_undo",
    params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])), responses(
        (status = 200, description = "Taken back; the video waits again.", body = ReviewRecord),
        (status = 409, description = "Too late, or not one's own."),
    ))]
async fn undo(
    State(state): State<ApiState>,
    Moderator(caller): Moderator,
    Path(id): Path<VideoId>,
) -> Result<Json<ReviewRecord>, Problem> {
    let record = state.reviews.undo(id, caller.user).await?;
    Ok(Json(said(&state, record)))
}

/// The reasons a moderator can choose from.
#[utoipa::path(get, path = "/v1/moderation/reasons", tag = "moderation", operation_id = "moderation_reasons",
    security(("bearer" = [])), responses((status = 200, description = "The reasons.", body = ReviewReasons)))]
async fn reasons(State(state): State<ApiState>, _: Moderator) -> Json<ReviewReasons> {
    Json(ReviewReasons { items: state.reviews.reasons().iter().map(Into::into).collect() })
}

fn blocks_of(reader: UserId) -> List<'static> {
    List { name: "moderation.blocklist", reader: Some(reader), about: "" }
}

/// Bytes that are refused without being looked at again, newest first.
#[utoipa::path(get, path = "/v1/moderation/blocklist", tag = "moderation", operation_id = "moderation_blocklist",
    params(PageQuery), security(("bearer" = [])),
    responses((status = 200, description = "A page of the list.", body = Page<BlockedContent>)))]
async fn block_list(
    State(state): State<ApiState>,
    Moderator(caller): Moderator,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<BlockedContent>>, Problem> {
    let list = blocks_of(caller.user);
    let before = page.cursor.as_deref().map(|c| state.cursors.read(list, c)).transpose()?;
    // A hash is too long for a cursor; its first 16 digits stand right below it in the order.
    let before = before.map(|p| (p.at, format!("{:016x}", p.id)));
    let limit = page.limit(&state.config.policy)?;
    let entries = state.reviews.block_list(before, limit).await?;
    let next = entries.last().filter(|_| entries.len() == limit).map(|e| {
        let id = moderation::record::digest_of(&e.content_sha256).unwrap_or_default();
        state.cursors.write(list, Position { at: e.added_at, id })
    });
    Ok(Json(Page { items: entries.into_iter().map(Into::into).collect(), next_cursor: next }))
}

/// Refuses bytes from now on.
#[utoipa::path(post, path = "/v1/moderation/blocklist", tag = "moderation", operation_id = "moderation_block",
    request_body = BlockAsk, security(("bearer" = [])), responses(
        (status = 201, description = "They are refused from now on."),
        (status = 200, description = "They were refused already."),
    ))]
async fn block(
    State(state): State<ApiState>,
    Moderator(caller): Moderator,
    Json(body): Json<BlockAsk>,
) -> Result<StatusCode, Problem> {
    let added = state.reviews.block(&body.content_sha256, caller.user, &body.reason_code, &body.note).await?;
    Ok(if added { StatusCode::CREATED } else { StatusCode::OK })
}

/// Stops refusing bytes.
#[utoipa::path(delete, path = "/v1/moderation/blocklist/{sha256}", tag = "moderation",
    operation_id = "moderation_unblock", params(("sha256" = String, Path, description = "64 hexadecimal digits.")),
    security(("bearer" = [])), responses(
        (status = 204, description = "No longer refused."),
        (status = 404, description = "Not on the list."),
    ))]
async fn unblock(
    State(state): State<ApiState>,
    Moderator(caller): Moderator,
    Path(sha256): Path<String>,
) -> Result<StatusCode, Problem> {
    state.reviews.unblock(&sha256, caller.user).await?;
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TrailQuery {
    /// Of this video only.
    #[param(value_type = Option<String>)]
    pub video: Option<VideoId>,
    /// `judge`, `decide`, `undo`, `block`, `unblock`, `report`, `view_source`.
    pub action: Option<String>,
    /// At or after.
    pub since_ms: Option<i64>,
    /// Entries wanted, 1–100.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
}

/// What was done, newest first: the audit trail.
#[utoipa::path(get, path = "/v1/moderation/trail", tag = "moderation", operation_id = "moderation_trail",
    params(TrailQuery), security(("bearer" = [])),
    responses((status = 200, description = "The newest entries.", body = TrailList)))]
async fn trail(
    State(state): State<ApiState>,
    _: Moderator,
    Query(query): Query<TrailQuery>,
) -> Result<Json<TrailList>, Problem> {
    let page = PageQuery { cursor: None, limit: query.limit };
    let limit = page.limit(&state.config.policy)?;
    let since = query.since_ms.map(Millis);
    let filter = TrailFilter { video: query.video, action: query.action, since, limit };
    let items = state.reviews.trail(filter).await?.into_iter().map(Into::into).collect();
    Ok(Json(TrailList { items }))
}

/// Tells the moderators what is wrong with a video. Again by the same person changes nothing.
#[utoipa::path(post, path = "/v1/videos/{id}/report", tag = "videos", operation_id = "video_report",
    request_body = Report, params(("id" = String, Path, description = "Video id.")), security(("bearer" = [])),
    responses((status = 202, description = "A person will look at it.")))]
async fn report(
    State(state): State<ApiState>,
    caller: Caller,
    Path(id): Path<VideoId>,
    Json(body): Json<Report>,
) -> Result<StatusCode, Problem> {
    let code = body.reason_code.trim();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if code.is_empty() || code.len() > 64 || !code.chars().all(plain) {
        return Err(Problem::field("reason_code", "invalid", "Name a reason, e.g. spam."));
    }
    seen(&state, Some(&caller), id, None).await?;
    let message = body.message.unwrap_or_default();
    let detail = format!("{code} {}", message.trim());
    state.reviews.report(id, caller.user, detail.trim().to_owned()).await?;
    Ok(StatusCode::ACCEPTED)
}
