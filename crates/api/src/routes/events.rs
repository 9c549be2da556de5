//! What viewers did.

use crate::auth::{Caller, MaybeCaller};
use crate::body::{Json, Raw};
use crate::dto::feed::EventsTaken;
use crate::dto::hydrate::counting;
use crate::problem::{Problem, Slug, whole_seconds};
use crate::routes::videos::seen;
use crate::state::ApiState;
use axum::extract::{DefaultBodyLimit, State};
use events::{
    Encoding, EnvelopeError, EventKind, EventPolicy, Format, IngestError, Measures, Sender, Single,
};
use http::{HeaderMap, StatusCode, header};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::{ImpressionId, VideoId};

pub fn router() -> OpenApiRouter<ApiState> {
    let wire_max = EventPolicy::default().wire_bytes_max;
    OpenApiRouter::new()
        .merge(OpenApiRouter::new().routes(routes!(batch)).layer(DefaultBodyLimit::max(wire_max)))
        .routes(routes!(single))
}

impl From<IngestError> for Problem {
    fn from(e: IngestError) -> Self {
        match e {
            IngestError::Envelope(EnvelopeError::Malformed(why)) => {
                Self::new(Slug::InvalidJson, "The batch cannot be read.").because(why)
            }
            IngestError::Envelope(why @ EnvelopeError::BadCompression) => {
                Self::invalid("The body is not valid gzip.").because(why)
            }
            IngestError::Envelope(too_much) => {
                Self::new(Slug::PayloadTooLarge, format!("Send less at once: {too_much}."))
            }
            IngestError::RateLimited { retry_after } => {
                Self::new(Slug::RateLimited, "Too many events. Keep them and try again.")
                    .retry_after_s(whole_seconds(retry_after))
            }
            IngestError::Overloaded { retry_after } => {
                Self::new(Slug::Overloaded, "Too busy right now. Keep the events and try again.")
                    .retry_after_s(whole_seconds(retry_after))
            }
            IngestError::Unsound(code) => Self::invalid(format!("The event is not sound: {code}."))
                .and_field("", code, "The event is not sound."),
            IngestError::Fault(fault) => fault.into(),
        }
    }
}

/// A batch of events, as the document shows it. Single bad events are answered for, not refused as a whole.
#[derive(ToSchema)]
#[schema(as = EventBatch)]
#[expect(dead_code, reason = "only its schema is used; the body is read by `events`")]
pub struct EventBatchSchema {
    /// The device is the one the token was made for; this is ignored.
    device: Option<String>,
    /// One run of the client; later runs have larger numbers. The start in unix ms will do.
    #[schema(minimum = 1)]
    epoch: u64,
    /// The client's clock when it sent this.
    sent_at: Option<i64>,
    /// An access token, for `sendBeacon`, which cannot set headers.
    token: Option<String>,
    #[schema(max_items = 500)]
    events: Vec<EventSchema>,
}

#[derive(ToSchema)]
#[schema(as = Event)]
#[expect(dead_code, reason = "only its schema is used; the body is read by `events`")]
struct EventSchema {
    /// Counts up from 1 inside an epoch; send in order.
    seq: u64,
    /// `impression`, `dwell`, `view_end`, `like`, `unlike`, `share`, `skip`, `first_frame`, `rebuffer`,
    /// `playback` or `error`.
    r#type: String,
    /// The client's clock when it happened.
    ts: Option<i64>,
    video_id: Option<String>,
    impression_id: Option<String>,
    /// Visible and playing since the impression began.
    dwell_ms: Option<i64>,
    /// Media time played since the impression began.
    watched_ms: Option<i64>,
    duration_ms: Option<i64>,
    /// Whole runs of the video.
    loops: Option<i64>,
    /// Time to first frame, or length of a rebuffer.
    value_ms: Option<i64>,
    code: Option<String>,
}

fn header_text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|v| v.to_str().ok())
}

fn unsupported(detail: &str) -> Problem {
    Problem::new(Slug::UnsupportedMediaType, detail)
}

/// Takes a batch; `202` means every accepted event is durable. JSON, NDJSON or, from `sendBeacon`, plain text;
/// plain or gzip.
#[utoipa::path(post, path = "/v1/events", tag = "events", operation_id = "events_batch",
    request_body(content((EventBatchSchema = "application/json"))), security(("bearer" = [])),
    responses((status = 202, description = "What became of the events.", body = EventsTaken)))]
async fn batch(
    State(state): State<ApiState>,
    caller: MaybeCaller,
    headers: HeaderMap,
    Raw(body): Raw,
) -> Result<(StatusCode, Json<EventsTaken>), Problem> {
    let format = Format::from_content_type(header_text(&headers, header::CONTENT_TYPE))
        .ok_or_else(|| unsupported("Send events as application/json or application/x-ndjson."))?;
    let encoding = Encoding::from_header(header_text(&headers, header::CONTENT_ENCODING))
        .ok_or_else(|| unsupported("Send events plain or compressed with gzip."))?;
    let caller = match caller.0 {
        Some(caller) => caller,
        None => by_body(&state, &body, encoding, format).await?,
    };
    let sender = Sender { viewer: caller.user, device: caller.device };
    let reply = state.events.accept(sender, &body, encoding, format).await?;
    Ok((StatusCode::ACCEPTED, Json(reply.into())))
}

/// The caller by the token inside the body.
async fn by_body(
    state: &ApiState,
    body: &[u8],
    encoding: Encoding,
    format: Format,
) -> Result<Caller, Problem> {
    let token = state.events.token_in(body, encoding, format).ok_or_else(|| {
        Problem::unauthorized("This needs a session: send a bearer token, or a token in the body.")
    })?;
    Ok(state.verifier.verify(&token).await?)
}

/// One event without a number (the seed's `POST /event`). Send batches where you can: only they are
/// counted once when sent twice.
#[derive(Debug, Deserialize, ToSchema)]
pub struct SingleEvent {
    /// As in a batch.
    pub r#type: String,
    #[schema(value_type = Option<String>)]
    pub video_id: Option<VideoId>,
    #[schema(value_type = Option<String>)]
    pub impression_id: Option<ImpressionId>,
    pub dwell_ms: Option<i64>,
    pub watched_ms: Option<i64>,
    pub duration_ms: Option<i64>,
    pub loops: Option<i64>,
    pub value_ms: Option<i64>,
    pub code: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct EventTaken {
    pub accepted: usize,
}

/// Takes one event; a like, unlike or share also sets the state.
#[utoipa::path(post, path = "/event", tag = "events", operation_id = "seed_event",
    request_body = SingleEvent, security(("bearer" = [])),
    responses((status = 202, description = "Durable.", body = EventTaken)))]
async fn single(
    State(state): State<ApiState>,
    caller: Caller,
    Json(event): Json<SingleEvent>,
) -> Result<(StatusCode, Json<EventTaken>), Problem> {
    let kind = EventKind::from_word(&event.r#type)
        .ok_or_else(|| Problem::field("type", "unknown_type", "There is no such type of event."))?;
    if let Some(id) = event.video_id {
        seen(&state, Some(&caller), id, None).await?;
        match kind {
            EventKind::Like | EventKind::Unlike => {
                let on = kind == EventKind::Like;
                state.reactions.like(caller.user, id, on).await.map_err(counting)?;
                state.feed.recount(id);
            }
            EventKind::Share => {
                state.reactions.share(caller.user, id).await.map_err(counting)?;
                state.feed.recount(id);
            }
            _ => {}
        }
    }
    let measures = Measures {
        dwell_ms: event.dwell_ms,
        watched_ms: event.watched_ms,
        duration_ms: event.duration_ms,
        loops: event.loops,
        value_ms: event.value_ms,
        code: event.code,
    };
    let single = Single { kind, video: event.video_id, impression: event.impression_id, measures };
    state.events.record(Sender { viewer: caller.user, device: caller.device }, single).await?;
    Ok((StatusCode::ACCEPTED, Json(EventTaken { accepted: 1 })))
}
