//! Web pages of the configured origins may use presigned URLs and read what a client needs.

use crate::policy::DoorPolicy;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_HEADERS,
    ACCESS_CONTROL_REQUEST_METHOD, HeaderValue, ORIGIN, VARY,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};

const METHODS: [Method; 5] = [Method::GET, Method::HEAD, Method::PUT, Method::POST, Method::DELETE];
const EXPOSED: &str = "ETag, Content-Length, Content-Range, Accept-Ranges, Last-Modified, Retry-After, \
     x-amz-checksum-crc32, x-amz-checksum-crc32c, x-amz-checksum-sha256, x-amz-request-id";
const HEADERS_MAX: usize = 1_024;

#[derive(Debug, Clone)]
pub(crate) struct Cors {
    origins: Vec<String>,
    max_age_s: u32,
}

impl Cors {
    pub fn new(origins: &[String], policy: &DoorPolicy) -> Self {
        Self { origins: origins.to_vec(), max_age_s: policy.cors_max_age_s }
    }

    /// The value for an origin that may.
    fn allowed(&self, headers: &HeaderMap) -> Option<HeaderValue> {
        let origin = headers.get(ORIGIN)?;
        if self.origins.iter().any(|o| o == "*") {
            // No credentials are ever read from cookies, so anybody is nobody in particular.
            return Some(HeaderValue::from_static("*"));
        }
        self.origins.iter().any(|o| o.as_bytes() == origin.as_bytes()).then(|| origin.clone())
    }

    /// The answer to a preflight. What may be asked is known without a signature.
    pub fn preflight<B: Default>(&self, req: &Request<impl Sized>) -> Response<B> {
        let mut reply = Response::new(B::default());
        let headers = req.headers();
        let method = headers.get(ACCESS_CONTROL_REQUEST_METHOD).and_then(|m| m.to_str().ok());
        let known = method.is_some_and(|m| METHODS.iter().any(|k| k.as_str() == m));
        let (Some(origin), true) = (self.allowed(headers), known) else {
            *reply.status_mut() = StatusCode::FORBIDDEN;
            return reply;
        };
        *reply.status_mut() = StatusCode::NO_CONTENT;
        let out = reply.headers_mut();
        out.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        out.insert(ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, HEAD, PUT, POST, DELETE"));
        out.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(self.max_age_s));
        out.insert(VARY, HeaderValue::from_static("Origin, Access-Control-Request-Method"));
        let asked = headers.get(ACCESS_CONTROL_REQUEST_HEADERS).filter(|h| h.len() <= HEADERS_MAX);
        if let Some(asked) = asked {
            out.insert(ACCESS_CONTROL_ALLOW_HEADERS, asked.clone());
        }
        reply
    }

    /// Lets the page read an answer, refusals too: it has to know why.
    pub fn mark(&self, asked: &HeaderMap, reply: &mut HeaderMap) {
        if let Some(origin) = self.allowed(asked) {
            reply.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
            reply.insert(ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
            reply.append(VARY, HeaderValue::from_static("Origin"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preflight(origins: &[&str], origin: &str, method: &str) -> (u16, Option<String>) {
        let origins: Vec<_> = origins.iter().map(|o| (*o).to_owned()).collect();
        let req = Request::builder()
            .method("OPTIONS")
            .uri("/b/k")
            .header("origin", origin)
            .header("access-control-request-method", method)
            .header("access-control-request-headers", "content-type,x-amz-checksum-sha256")
            .body(())
            .expect("a request");
        let reply: Response<()> = Cors::new(&origins, &DoorPolicy::default()).preflight(&req);
        let allowed = reply.headers().get("access-control-allow-origin");
        (reply.status().as_u16(), allowed.map(|v| v.to_str().expect("text").to_owned()))
    }

    #[test]
    fn only_configured_origins_are_let_in() {
        assert_eq!(preflight(&["*"], "http://a", "PUT"), (204, Some("*".into())));
        assert_eq!(preflight(&["http://a"], "http://a", "PUT"), (204, Some("http://a".into())));
        assert_eq!(preflight(&["http://a"], "http://a.evil", "PUT"), (403, None));
        assert_eq!(preflight(&["http://a"], "null", "PUT"), (403, None));
        assert_eq!(preflight(&["*"], "http://a", "TRACE"), (403, None));
        assert_eq!(preflight(&[], "http://a", "GET"), (403, None));
    }
}
