//! Status changes as they happen: a ticket bought with a token opens one socket.

use crate::auth::Caller;
use crate::body::{Json, Query};
use crate::policy::WsPolicy;
use crate::problem::{Problem, Slug};
use crate::state::ApiState;
use axum::extract::ws::{CloseFrame, Message as Frame, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{FromRequestParts, State};
use axum::response::Response;
use http::request::Parts;
use http::{HeaderMap, header};
use push::{Message, Subscription};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use tokio::time::{Instant, timeout};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(ticket)).routes(routes!(socket))
}

#[derive(Debug, Serialize, ToSchema)]
pub struct WsTicket {
    /// Opens one socket, once.
    pub ticket: String,
    pub expires_in_s: i64,
}

/// A one-time ticket for `GET /v1/ws`.
#[utoipa::path(post, path = "/v1/ws/ticket", tag = "push", operation_id = "ws_ticket", security(("bearer" = [])),
    responses((status = 200, description = "The ticket.", body = WsTicket)))]
async fn ticket(State(state): State<ApiState>, caller: Caller) -> Json<WsTicket> {
    let (ticket, life) = state.hub.issue_ticket(caller.user);
    Json(WsTicket { ticket, expires_in_s: life.get() / 1000 })
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SocketQuery {
    /// From `POST /v1/ws/ticket`.
    pub ticket: Option<String>,
    /// The largest `seq` seen before; what came after it is sent first.
    pub since: Option<u64>,
}

/// The request's wish to become a socket, refused with a problem where it is none.
struct Upgrade(WebSocketUpgrade);

impl FromRequestParts<ApiState> for Upgrade {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Problem> {
        WebSocketUpgrade::from_request_parts(parts, state)
            .await
            .map(Self)
            .map_err(|_| Problem::invalid("This address speaks WebSocket only."))
    }
}

/// Opens the socket. The server sends `hello`, `video_status`, `ping` and `resync` as JSON texts.
#[utoipa::path(get, path = "/v1/ws", tag = "push", operation_id = "ws_open", params(SocketQuery), responses(
    (status = 101, description = "The socket is open."),
    (status = 401, description = "The ticket is wrong, spent or expired."),
    (status = 403, description = "The page belongs to another site."),
))]
async fn socket(
    State(state): State<ApiState>,
    Query(query): Query<SocketQuery>,
    headers: HeaderMap,
    Upgrade(upgrade): Upgrade,
) -> Result<Response, Problem> {
    if !is_own_page(&state, &headers) {
        return Err(Problem::forbidden("This page may not open a socket here."));
    }
    let policy = state.config.policy.ws.clone();
    if state.hub.connections() >= policy.sockets_max {
        return Err(
            Problem::new(Slug::Overloaded, "Too many sockets are open. Try again later.").retry_after_s(30)
        );
    }
    let user = query.ticket.as_deref().and_then(|t| state.hub.redeem_ticket(t));
    let user = user.ok_or_else(|| Problem::unauthorized("The ticket is wrong, spent or expired."))?;
    let line = state.hub.subscribe(user, query.since);
    Ok(upgrade
        .max_message_size(policy.message_bytes_max)
        .max_frame_size(policy.message_bytes_max)
        .on_upgrade(move |socket| converse(socket, line, policy)))
}

/// Browsers name the page that opens a socket; only our own may (cross-site socket hijacking).
fn is_own_page(state: &ApiState, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    let config = &state.config;
    if origin == config.public_url || config.allowed_origins.iter().any(|o| o == origin) {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    host.is_some() && authority == host
}

/// Why a conversation ended, as the close frame says it.
enum End {
    /// The peer left, or can no longer be reached.
    Gone,
    Said(u16, &'static str),
}

async fn converse(mut socket: WebSocket, mut line: Subscription, policy: WsPolicy) {
    let end = talk(&mut socket, &mut line, &policy).await;
    if let End::Said(code, reason) = end {
        if code == close_code::POLICY {
            metrics::counter!(telemetry::names::WS_DROPPED).increment(1);
        }
        let frame = Frame::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _ = timeout(Duration::from_secs(1), socket.send(frame)).await;
    }
}

async fn talk(socket: &mut WebSocket, line: &mut Subscription, policy: &WsPolicy) -> End {
    let ends_at = Instant::now() + policy.lifetime_max.to_duration();
    let idle_max = policy.idle_max.to_duration();
    let mut heard_at = Instant::now();
    let mut pings = tokio::time::interval(line.ping_every().to_duration());
    pings.tick().await;
    let mut budget = Budget::new(policy.messages_per_minute_max);
    loop {
        tokio::select! {
            () = tokio::time::sleep_until(ends_at) => {
                return End::Said(close_code::AWAY, "come back with a new ticket");
            }
            _ = pings.tick() => {
                if heard_at.elapsed() > idle_max {
                    return End::Gone;
                }
                // The frame makes the peer's machine answer, the text tells its script that the line lives.
                for frame in [Frame::Ping(Vec::new().into()), Frame::Text(Message::Ping.to_json().into())] {
                    if !send(socket, frame, policy).await {
                        return End::Gone;
                    }
                }
            }
            message = line.next() => match message {
                Some(message) => {
                    if !send(socket, Frame::Text(message.to_json().into()), policy).await {
                        return End::Gone;
                    }
                }
                None => return End::Said(close_code::POLICY, "too slow, or replaced by a newer connection"),
            },
            heard = socket.recv() => match heard {
                Some(Ok(Frame::Close(_)) | Err(_)) | None => return End::Gone,
                Some(Ok(_)) if !budget.allows() => return End::Said(close_code::POLICY, "too many messages"),
                // A client has nothing to say here; what it sends only proves that it lives.
                Some(Ok(_)) => heard_at = Instant::now(),
            },
        }
    }
}

/// `false` = the reader does not take it in time.
async fn send(socket: &mut WebSocket, frame: Frame, policy: &WsPolicy) -> bool {
    matches!(timeout(policy.send_timeout.to_duration(), socket.send(frame)).await, Ok(Ok(())))
}

/// Messages a client may send in the running minute.
struct Budget {
    per_minute: u32,
    left: u32,
    since: Instant,
}

impl Budget {
    fn new(per_minute: u32) -> Self {
        Self { per_minute, left: per_minute, since: Instant::now() }
    }

    fn allows(&mut self) -> bool {
        if self.since.elapsed() >= Duration::from_secs(60) {
            (self.left, self.since) = (self.per_minute, Instant::now());
        }
        let allowed = self.left > 0;
        self.left = self.left.saturating_sub(1);
        allowed
    }
}
