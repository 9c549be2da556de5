//! The pictures and the original, for moderators' eyes only.

use super::ticket;
use crate::auth::MaybeCaller;
use crate::body::{Path, Query};
use crate::problem::{Problem, Slug};
use crate::state::ApiState;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use moderation::LocalFile;
use serde::Deserialize;
use std::io::{self, SeekFrom};
use stdx::Fault;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use utoipa::IntoParams;
use utoipa_axum::{router::OpenApiRouter, routes};
use vocab::{UserId, VideoId};

pub fn router() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(frame)).routes(routes!(cover)).routes(routes!(original))
}

/// What a stranger sent is shown, never run: no script, no frame, nothing fetched.
const CSP: &str = "default-src 'none'; media-src 'self'; img-src 'self'; sandbox";
const PRIVATE: &str = "private, no-store";
/// A frame is the same for as long as its ticket lives.
const FRAME_CACHE: &str = "private, max-age=300";
/// Bytes read from the disk at a time.
const CHUNK_BYTES: usize = 256 * 1024;

pub(super) fn frame_url(state: &ApiState, id: VideoId, n: u16, by: UserId) -> String {
    format!("/v1/moderation/videos/{id}/frames/{n}?ticket={}", ticket::write(state, id, by))
}

/// Another picture has another address.
pub(super) fn cover_url(state: &ApiState, id: VideoId, n: u64, by: UserId) -> String {
    format!("/v1/moderation/videos/{id}/covers/{n}?ticket={}", ticket::write(state, id, by))
}

pub(super) fn source_url(state: &ApiState, id: VideoId, by: UserId) -> String {
    format!("/v1/moderation/videos/{id}/source?ticket={}", ticket::write(state, id, by))
}

#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TicketQuery {
    /// From the addresses in a case, where no token can be sent.
    pub ticket: Option<String>,
}

/// One sampled frame.
#[utoipa::path(get, path = "/v1/moderation/videos/{id}/frames/{n}", tag = "moderation",
    operation_id = "moderation_frame", security(("bearer" = [])), params(
        ("id" = String, Path, description = "Video id."),
        ("n" = u16, Path, description = "From 1."),
        TicketQuery,
    ), responses(
        (status = 200, description = "The picture.", content_type = "image/jpeg"),
        (status = 404, description = "No such frame."),
    ))]
async fn frame(
    State(state): State<ApiState>,
    caller: MaybeCaller,
    Path((id, n)): Path<(VideoId, u16)>,
    Query(query): Query<TicketQuery>,
) -> Result<Response, Problem> {
    ticket::admit(&state, caller, query.ticket.as_deref(), id)?;
    Ok(picture(state.reviews.frame(id, n).await?))
}

fn picture(jpeg: Bytes) -> Response {
    let headers = [
        (header::CONTENT_TYPE, "image/jpeg"),
        (header::CACHE_CONTROL, FRAME_CACHE),
        (header::CONTENT_SECURITY_POLICY, CSP),
    ];
    (headers, jpeg).into_response()
}

/// The picture that the owner sent for the cover, as it would be shown.
#[utoipa::path(get, path = "/v1/moderation/videos/{id}/covers/{n}", tag = "moderation",
    operation_id = "moderation_cover", security(("bearer" = [])), params(
        ("id" = String, Path, description = "Video id."),
        ("n" = u64, Path, description = "Which picture, as a case names it."),
        TicketQuery,
    ), responses(
        (status = 200, description = "The picture.", content_type = "image/jpeg"),
        (status = 404, description = "No such picture, or another one by now."),
    ))]
async fn cover(
    State(state): State<ApiState>,
    caller: MaybeCaller,
    Path((id, n)): Path<(VideoId, u64)>,
    Query(query): Query<TicketQuery>,
) -> Result<Response, Problem> {
    ticket::admit(&state, caller, query.ticket.as_deref(), id)?;
    Ok(picture(state.reviews.cover(id, n).await?))
}

/// The file as its owner sent it, whole or by ranges. Who looked is noted.
#[utoipa::path(get, path = "/v1/moderation/videos/{id}/source", tag = "moderation",
    operation_id = "moderation_source", security(("bearer" = [])), params(
        ("id" = String, Path, description = "Video id."),
        TicketQuery,
    ), responses(
        (status = 200, description = "The file.", content_type = "video/mp4"),
        (status = 206, description = "A part of it.", content_type = "video/mp4"),
        (status = 404, description = "No such video, or its file is gone."),
        (status = 416, description = "The range lies outside the file."),
    ))]
async fn original(
    State(state): State<ApiState>,
    caller: MaybeCaller,
    Path(id): Path<VideoId>,
    Query(query): Query<TicketQuery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let by = ticket::admit(&state, caller, query.ticket.as_deref(), id)?;
    let local = state.reviews.source(id, by).await?;
    let mut file = File::open(local.path()).await.map_err(Fault::from)?;
    let total = file.metadata().await.map_err(Fault::from)?.len();
    let kind = sniff(&mut file).await.map_err(Fault::from)?;
    let wanted = headers.get(header::RANGE).and_then(|v| v.to_str().ok());
    let (status, first, last) = match range(wanted, total) {
        Wanted::Whole => (StatusCode::OK, 0, total),
        Wanted::Part(first, end) => (StatusCode::PARTIAL_CONTENT, first, end),
        Wanted::Nothing => return Ok(outside(total)),
    };
    file.seek(SeekFrom::Start(first)).await.map_err(Fault::from)?;
    let mut reply = Response::new(body(local, file, last - first));
    *reply.status_mut() = status;
    let out = reply.headers_mut();
    out.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    out.insert(header::CONTENT_LENGTH, HeaderValue::from(last - first));
    out.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    out.insert(header::CACHE_CONTROL, HeaderValue::from_static(PRIVATE));
    out.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CSP));
    out.insert(header::CONTENT_DISPOSITION, HeaderValue::from_static("inline"));
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::try_from(format!("bytes {first}-{}/{total}", last - 1))
    {
        out.insert(header::CONTENT_RANGE, value);
    }
    Ok(reply)
}

fn outside(total: u64) -> Response {
    let mut reply = Problem::new(Slug::BadRange, "The range lies outside the file.").into_response();
    if let Ok(value) = HeaderValue::try_from(format!("bytes */{total}")) {
        reply.headers_mut().insert(header::CONTENT_RANGE, value);
    }
    reply
}

/// Exactly `left` bytes of the file from where it stands; the file stays local until the last is sent.
fn body(local: LocalFile, file: File, left: u64) -> Body {
    let chunks = stream::try_unfold((local, file, left), |(local, mut file, left)| async move {
        if left == 0 {
            return Ok(None);
        }
        let want = usize::try_from(left).unwrap_or(CHUNK_BYTES).min(CHUNK_BYTES);
        let mut chunk = vec![0; want];
        let got = file.read(&mut chunk).await?;
        if got == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
        }
        chunk.truncate(got);
        Ok::<_, io::Error>(Some((Bytes::from(chunk), (local, file, left - got as u64))))
    });
    Body::from_stream(chunks)
}

/// What a player needs to be told. Anything but the two well-known containers stays unnamed.
async fn sniff(file: &mut File) -> io::Result<&'static str> {
    let mut head = [0u8; 12];
    let mut got = 0;
    while got < head.len() {
        match file.read(&mut head[got..]).await? {
            0 => break,
            n => got += n,
        }
    }
    Ok(match &head[..got] {
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => "video/mp4",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "video/webm",
        _ => "application/octet-stream",
    })
}

#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// First byte, and one past the last.
    Part(u64, u64),
    Nothing,
}

/// One range of RFC 9110; several, or what is no range of bytes, is the whole file.
fn range(header: Option<&str>, total: u64) -> Wanted {
    let Some((first, last)) = header
        .and_then(|h| h.trim().strip_prefix("bytes="))
        .filter(|set| !set.contains(','))
        .and_then(|set| set.trim().split_once('-'))
    else {
        return Wanted::Whole;
    };
    let number =
        |text: &str| -> Option<u64> { text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())? };
    match (first.is_empty(), number(first), number(last)) {
        (true, _, Some(0)) => Wanted::Nothing,
        (true, _, Some(_)) if total == 0 => Wanted::Nothing,
        (true, _, Some(n)) => Wanted::Part(total.saturating_sub(n), total),
        (false, Some(first), _) if last.is_empty() => part(first, total, total),
        (false, Some(first), Some(last)) if first <= last => part(first, last.saturating_add(1), total),
        _ => Wanted::Whole,
    }
}

fn part(first: u64, end: u64, total: u64) -> Wanted {
    if first < total { Wanted::Part(first, end.min(total)) } else { Wanted::Nothing }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_what_the_standard_says() {
        use Wanted::{Nothing, Part, Whole};
        for (header, wanted) in [
            ("bytes=0-", Part(0, 100)),
            ("bytes=0-0", Part(0, 1)),
            ("bytes=10-19", Part(10, 20)),
            ("bytes=90-1000", Part(90, 100)),
            ("bytes=-10", Part(90, 100)),
            ("bytes=-1000", Part(0, 100)),
            ("bytes=100-", Nothing),
            ("bytes=-0", Nothing),
            ("bytes=5-4", Whole),
            ("bytes=0-1,3-4", Whole),
            ("items=0-1", Whole),
            ("bytes=+1-2", Whole),
            ("bytes=-", Whole),
            ("bytes=", Whole),
            ("bytes=99999999999999999999-", Whole),
            ("nonsense", Whole),
        ] {
            assert_eq!(range(Some(header), 100), wanted, "{header}");
        }
        assert_eq!(range(None, 100), Whole);
        assert_eq!(range(Some("bytes=0-"), 0), Nothing);
    }
}
