//! Request ids and client addresses.

use crate::state::ApiState;
use axum::extract::{ConnectInfo, FromRequestParts};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::convert::Infallible;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");

/// Name of this request in answers and logs. A client's own is kept when it is 8–64 of `[A-Za-z0-9_-]`.
#[derive(Debug, Clone)]
pub struct RequestId(pub HeaderValue);

impl RequestId {
    pub fn of(headers: &HeaderMap, fresh: impl FnOnce() -> u128) -> Self {
        match headers.get(X_REQUEST_ID) {
            Some(given) if is_acceptable(given.as_bytes()) => Self(given.clone()),
            _ => {
                let text = format!("{:032x}", fresh());
                Self(HeaderValue::try_from(text).expect("hex digits are a header value"))
            }
        }
    }

    pub fn as_str(&self) -> &str {
        self.0.to_str().unwrap_or_default()
    }
}

fn is_acceptable(id: &[u8]) -> bool {
    (8..=64).contains(&id.len()) && id.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_'))
}

/// Where the request comes from. Behind a proxy that is trusted: the last address of `X-Forwarded-For`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClientIp(pub IpAddr);

impl ClientIp {
    pub fn of(parts_ext: &http::Extensions, headers: &HeaderMap, trust_forwarded_for: bool) -> Self {
        if trust_forwarded_for {
            let last = headers.get_all(X_FORWARDED_FOR).iter().next_back().and_then(|v| v.to_str().ok());
            if let Some(ip) = last.and_then(|v| v.rsplit(',').next()).and_then(|v| v.trim().parse().ok()) {
                return Self(ip);
            }
        }
        let peer = parts_ext.get::<ConnectInfo<SocketAddr>>().map(|c| c.0.ip());
        Self(peer.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
    }
}

impl FromRequestParts<ApiState> for ClientIp {
    type Rejection = Infallible;
    async fn from_request_parts(parts: &mut Parts, state: &ApiState) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.extensions, &parts.headers, state.config.trust_forwarded_for))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strange_request_id_is_replaced() {
        for (given, kept) in
            [("abcdefgh", true), ("a-b_c-d_1", true), ("short", false), ("has space!", false)]
        {
            let mut headers = HeaderMap::new();
            headers.insert(X_REQUEST_ID, HeaderValue::from_str(given).expect("ascii"));
            assert_eq!(RequestId::of(&headers, || 7).as_str() == given, kept, "{given}");
        }
        assert_eq!(RequestId::of(&HeaderMap::new(), || 7).as_str().len(), 32);
    }

    #[test]
    fn a_forwarded_address_counts_only_behind_a_trusted_proxy() {
        let mut headers = HeaderMap::new();
        headers.insert(X_FORWARDED_FOR, HeaderValue::from_static("1.2.3.4, 5.6.7.8"));
        let none = http::Extensions::new();
        assert_eq!(ClientIp::of(&none, &headers, true).0.to_string(), "5.6.7.8");
        assert_eq!(ClientIp::of(&none, &headers, false).0.to_string(), "0.0.0.0");
    }
}
