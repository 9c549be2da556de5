//! Every number of the entrance.

use crate::limits::RateLimits;
use vocab::Millis;

#[derive(Debug, Clone)]
pub struct ApiPolicy {
    /// A JSON body; routes that take more say so.
    pub body_bytes_max: usize,
    /// Time for a body to arrive.
    pub body_timeout: Millis,
    /// Time for a handler to answer.
    pub request_timeout: Millis,
    /// Requests in flight; one more is told 503.
    pub in_flight_max: usize,
    pub rates: RateLimits,
    /// A page, when the client does not say.
    pub page_default: u32,
    pub page_max: u32,
    /// Longest header value that is read (request ids, idempotency keys, cursors).
    pub token_chars_max: usize,
    /// How long a deleted video can be brought back.
    pub undo_window: Millis,
    pub ws: WsPolicy,
    /// Points kept of every operations series, one a `series_step`.
    pub series_points: usize,
    pub series_step: Millis,
}

#[derive(Debug, Clone)]
pub struct WsPolicy {
    /// Without a sign of life for this long the socket is closed.
    pub idle_max: Millis,
    /// No longer than an access token lives: then the client comes back with a new ticket.
    pub lifetime_max: Millis,
    pub message_bytes_max: usize,
    /// Client messages a minute; a client has little to say.
    pub messages_per_minute_max: u32,
    /// Time one message may take to leave; slower readers are dropped.
    pub send_timeout: Millis,
    pub sockets_max: usize,
}

impl Default for ApiPolicy {
    fn default() -> Self {
        Self {
            body_bytes_max: 64 * 1024,
            body_timeout: Millis::from_secs(10),
            request_timeout: Millis::from_secs(30),
            in_flight_max: 1024,
            rates: RateLimits::default(),
            page_default: 20,
            page_max: 100,
            token_chars_max: 256,
            undo_window: catalog::CatalogPolicy::default().undo,
            ws: WsPolicy::default(),
            series_points: 360,
            series_step: Millis::from_secs(5),
        }
    }
}

impl Default for WsPolicy {
    fn default() -> Self {
        Self {
            idle_max: Millis::from_secs(60),
            lifetime_max: Millis::from_secs(10 * 60),
            message_bytes_max: 4096,
            messages_per_minute_max: 60,
            send_timeout: Millis::from_secs(10),
            sockets_max: 5_000,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_outlives_no_access_token() {
        let token = identity::IdentityPolicy::default().access_ttl;
        assert!(WsPolicy::default().lifetime_max <= token);
    }

    #[test]
    fn a_page_has_room_for_the_feeds_twenty() {
        let p = ApiPolicy::default();
        assert!(p.page_default <= p.page_max && p.page_max <= catalog::policy::GET_MANY_MAX as u32);
    }
}
