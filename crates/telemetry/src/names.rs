//! Every metric's name. Labels are few and bounded: never an id, a path or an address.

/// Requests by `route` (the template), `method`, `status`.
pub const HTTP_REQUESTS: &str = "signal_http_requests_total";
/// Seconds of a request by `route`.
pub const HTTP_SECONDS: &str = "signal_http_request_seconds";
/// Problems by `type`.
pub const HTTP_PROBLEMS: &str = "signal_http_problems_total";
/// Sockets open now.
pub const WS_OPEN: &str = "signal_ws_open";
/// Sockets closed because their reader was too slow.
pub const WS_DROPPED: &str = "signal_ws_dropped_total";
/// Media answers by `outcome`.
pub const MEDIA_ANSWERS: &str = "signal_media_answers_total";
/// Bytes of media sent.
pub const MEDIA_SENT_BYTES: &str = "signal_media_sent_bytes_total";
/// Bytes held by the hot cache.
pub const MEDIA_HOT_BYTES: &str = "signal_media_hot_bytes";
/// Jobs by `kind` and `state`.
pub const JOBS: &str = "signal_jobs";
/// Seconds a job ran by `kind` and `ending`.
pub const JOB_SECONDS: &str = "signal_job_seconds";
/// Events by `outcome`.
pub const EVENTS: &str = "signal_events_total";
/// Seconds to make a feed page.
pub const FEED_PAGE_SECONDS: &str = "signal_feed_page_seconds";
/// Feed pages by the stage that gave up (`none` for whole ones).
pub const FEED_DEGRADED: &str = "signal_feed_degraded_total";
/// Milliseconds from wanting to play to the first frame, as players tell.
pub const FIRST_FRAME_MS: &str = "signal_player_first_frame_ms";
/// Milliseconds stalled, as players tell.
pub const REBUFFER_MS: &str = "signal_player_rebuffer_ms_total";
/// Milliseconds watched, as players tell.
pub const WATCHED_MS: &str = "signal_player_watched_ms_total";
/// Bytes free on the data volume.
pub const DISK_FREE_BYTES: &str = "signal_disk_free_bytes";
/// Seconds since the start.
pub const UPTIME_SECONDS: &str = "signal_uptime_seconds";

pub const ALL: &[&str] = &[
    HTTP_REQUESTS,
    HTTP_SECONDS,
    HTTP_PROBLEMS,
    WS_OPEN,
    WS_DROPPED,
    MEDIA_ANSWERS,
    MEDIA_SENT_BYTES,
    MEDIA_HOT_BYTES,
    JOBS,
    JOB_SECONDS,
    EVENTS,
    FEED_PAGE_SECONDS,
    FEED_DEGRADED,
    FIRST_FRAME_MS,
    REBUFFER_MS,
    WATCHED_MS,
    DISK_FREE_BYTES,
    UPTIME_SECONDS,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_prometheus_names_of_one_family() {
        for name in ALL {
            assert!(name.starts_with("signal_"), "{name}");
            assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_'), "{name}");
        }
    }
}
