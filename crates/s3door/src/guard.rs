//! What is refused before the protocol is even looked at.
//!
//! The protocol layer checks signatures. This checks that the signature covers what matters, and
//! that nothing weaker than SigV4 is tried. A presigned URL gives away one thing only: without
//! this, its holder could add `x-amz-copy-source` and read what the URL says nothing about.

use crate::policy::DoorPolicy;
use http::{HeaderMap, Method, Request, StatusCode};
use percent_encoding::percent_decode_str;

const QUERY: [&str; 6] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
];
/// Says what the body hashes to; checked against the body, so harmless outside the signature.
const UNSIGNED_ALLOWED: &str = "x-amz-content-sha256";

/// Why a request is turned away: status, S3 code, sentence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub status: StatusCode,
    pub code: &'static str,
    pub message: &'static str,
}

const fn denied(message: &'static str) -> Refusal {
    Refusal { status: StatusCode::FORBIDDEN, code: "AccessDenied", message }
}

pub(crate) fn check<B>(req: &Request<B>, policy: &DoorPolicy) -> Result<(), Refusal> {
    let pairs = query(req.uri().query().unwrap_or_default())?;
    let authorization = header(req.headers(), "authorization")?;
    if pairs.iter().any(|(n, _)| n == "AWSAccessKeyId" || n == "Signature") {
        return Err(denied("signature version 2 is not accepted"));
    }
    if req.method() == Method::POST && is_form(req.headers()) {
        return Err(denied("browser form uploads are not accepted"));
    }
    let is_query_auth = |n: &str| QUERY.iter().any(|q| q.eq_ignore_ascii_case(n));
    let in_query = pairs.iter().any(|(n, _)| is_query_auth(n));
    let signed = match (in_query, authorization) {
        (true, Some(_)) => return Err(denied("one signature, in the URL or in a header")),
        (true, None) => signed_by_url(&pairs, policy)?,
        (false, Some(text)) => signed_by_header(text)?,
        (false, None) => return Err(denied("a signature is required")),
    };
    covers(&signed, req.headers())
}

/// One value a header: two would let the checker and the reader see different ones.
fn header<'a>(headers: &'a HeaderMap, name: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => value.to_str().map(Some).map_err(|_| denied("a header is not plain text")),
        (Some(_), Some(_)) => Err(denied("a header came twice")),
    }
}

fn is_form(headers: &HeaderMap) -> bool {
    let kind = headers.get(http::header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind.trim_start().to_ascii_lowercase().starts_with("multipart/form-data")
}

fn query(raw: &str) -> Result<Vec<(String, String)>, Refusal> {
    let decode = |text: &str| {
        let text = text.replace('+', " ");
        percent_decode_str(&text).decode_utf8().map(|t| t.into_owned())
    };
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name)?, decode(value)?))
    };
    let pairs: Result<Vec<_>, std::str::Utf8Error> =
        raw.split('&').filter(|p| !p.is_empty()).map(pair).collect();
    pairs.map_err(|_| denied("the query is not UTF-8"))
}

/// The signed headers of a URL, whose every signature field is there once and well formed.
fn signed_by_url(pairs: &[(String, String)], policy: &DoorPolicy) -> Result<Vec<String>, Refusal> {
    let field = |name: &str| {
        let mut found = pairs.iter().filter(|(n, _)| n == name);
        match (found.next(), found.next()) {
            (Some((_, value)), None) => Ok(value.as_str()),
            _ => Err(denied("a field of the signature is missing or there twice")),
        }
    };
    let [algorithm, credential, date, expires, headers, signature] = QUERY.map(field);
    if algorithm? != "AWS4-HMAC-SHA256" {
        return Err(denied("the algorithm is AWS4-HMAC-SHA256"));
    }
    let date = date?;
    if !is_stamp(date) || !is_scope(credential?, &date[..8]) {
        return Err(denied("the credential or the date is malformed"));
    }
    let life_s: i64 = expires?.parse().map_err(|_| denied("the expiry is malformed"))?;
    if life_s < 1 || life_s.saturating_mul(1000) > policy.presign_life_max.0 {
        return Err(denied("the expiry is out of bounds"));
    }
    let signature = signature?;
    if signature.len() != 64 || !signature.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
        return Err(denied("the signature is malformed"));
    }
    names(headers?)
}

fn signed_by_header(authorization: &str) -> Result<Vec<String>, Refusal> {
    let Some(rest) = authorization.strip_prefix("AWS4-HMAC-SHA256") else {
        return Err(denied("the authorization is AWS4-HMAC-SHA256"));
    };
    let headers = rest.split(',').find_map(|f| f.trim().strip_prefix("SignedHeaders="));
    names(headers.ok_or(denied("the authorization names no signed headers"))?)
}

fn names(list: &str) -> Result<Vec<String>, Refusal> {
    let names: Vec<String> = list.split(';').map(str::to_ascii_lowercase).collect();
    if names.iter().any(|n| n == "host") { Ok(names) } else { Err(denied("the host must be signed")) }
}

fn covers(signed: &[String], headers: &HeaderMap) -> Result<(), Refusal> {
    for name in headers.keys().map(|n| n.as_str()).filter(|n| n.starts_with("x-amz-")) {
        if name != UNSIGNED_ALLOWED && !signed.iter().any(|s| s == name) {
            return Err(denied("there were headers present in the request which were not signed"));
        }
        header(headers, name)?;
    }
    Ok(())
}

/// `20261122T101500Z`.
fn is_stamp(text: &str) -> bool {
    text.len() == 16
        && text.bytes().enumerate().all(|(i, b)| match i {
            8 => b == b'T',
            15 => b == b'Z',
            _ => b.is_ascii_digit(),
        })
}

/// `<key>/<day>/<region>/s3/aws4_request`.
fn is_scope(credential: &str, day: &str) -> bool {
    let parts: Vec<_> = credential.split('/').collect();
    matches!(parts[..], [key, d, region, "s3", "aws4_request"] if !key.is_empty() && d == day && !region.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    const URL: &str = "/b/k?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=k%2F20260101%2Fr%2Fs3%2Faws4_request\
        &X-Amz-Date=20260101T000000Z&X-Amz-Expires=900&X-Amz-SignedHeaders=content-length%3Bhost&X-Amz-Signature=";

    fn url() -> String {
        format!("{URL}{}", "a".repeat(64))
    }

    fn verdict(method: &str, uri: &str, headers: &[(&str, &str)]) -> &'static str {
        let mut req = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            req = req.header(*name, *value);
        }
        match check(&req.body(()).expect("a request"), &DoorPolicy::default()) {
            Ok(()) => "in",
            Err(refusal) => refusal.message,
        }
    }

    #[test]
    fn a_whole_signature_passes_on() {
        assert_eq!(verdict("PUT", &url(), &[]), "in");
        let header = "AWS4-HMAC-SHA256 Credential=k/20260101/r/s3/aws4_request, SignedHeaders=host;x-amz-date, Signature=aa";
        assert_eq!(
            verdict("GET", "/b/k", &[("authorization", header), ("x-amz-date", "20260101T000000Z")]),
            "in"
        );
    }

    #[test]
    fn nobody_comes_in_without_one() {
        assert_eq!(verdict("GET", "/b/k", &[]), "a signature is required");
        assert_eq!(
            verdict("GET", "/b/k?Signature=x&AWSAccessKeyId=k&Expires=9", &[]),
            "signature version 2 is not accepted"
        );
        assert_eq!(
            verdict("GET", "/b/k", &[("authorization", "AWS k:sig")]),
            "the authorization is AWS4-HMAC-SHA256"
        );
        let form =
            [("content-type", "Multipart/Form-Data; boundary=x"), ("authorization", "AWS4-HMAC-SHA256 x")];
        assert_eq!(verdict("POST", "/b", &form), "browser form uploads are not accepted");
    }

    #[test]
    fn a_url_gives_nothing_more_than_it_says() {
        let unsigned = "there were headers present in the request which were not signed";
        for extra in ["x-amz-copy-source", "x-amz-acl", "x-amz-meta-a", "X-Amz-Tagging"] {
            assert_eq!(verdict("PUT", &url(), &[(extra, "v")]), unsigned, "{extra}");
        }
        assert_eq!(verdict("PUT", &url(), &[("x-amz-content-sha256", "UNSIGNED-PAYLOAD")]), "in");
        assert_eq!(
            verdict("PUT", &url(), &[("authorization", "AWS4-HMAC-SHA256 x")]),
            "one signature, in the URL or in a header"
        );
    }

    #[test]
    fn every_field_is_there_once_and_well_formed() {
        let whole = url();
        for name in QUERY {
            let at = whole.find(name).expect("there");
            let end = whole[at..].find('&').map_or(whole.len(), |e| at + e);
            let without = format!("{}{}", &whole[..at], &whole[(end + 1).min(whole.len())..]);
            assert_ne!(verdict("PUT", &without, &[]), "in", "without {name}");
            let twice = format!("{whole}&{}", &whole[at..end]);
            assert_ne!(verdict("PUT", &twice, &[]), "in", "{name} twice");
            let empty = format!("{}{name}={}", &whole[..at], &whole[end..]);
            assert_ne!(verdict("PUT", &empty, &[]), "in", "{name} empty");
        }
        for (from, to) in [
            ("=900", "=0"),
            ("=900", "=604801"),
            ("=900", "=-1"),
            ("=900", "=99999999999999999999"),
            ("host", "hosts"),
            ("20260101T000000Z", "20260101T00000Z"),
            ("%2Fs3%2F", "%2Fsts%2F"),
            ("20260101%2Fr", "20260102%2Fr"),
            ("HMAC-SHA256", "HMAC-SHA1"),
            ("aaaa", "AAAA"),
        ] {
            assert_ne!(verdict("PUT", &whole.replacen(from, to, 1), &[]), "in", "{from} → {to}");
        }
    }
}
