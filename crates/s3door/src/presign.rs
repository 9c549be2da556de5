//! URLs that carry their own permission: SigV4 in the query, with signed headers.

use crate::config::Credentials;
use crate::error::StoreError;
use hmac::{Hmac, KeyInit, Mac};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use vocab::Millis;

/// RFC 3986 unreserved characters stay.
const STRICT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const PATH: &AsciiSet = &STRICT.remove(b'/');
const ALGORITHM: &str = "AWS4-HMAC-SHA256";

#[derive(Debug, Clone)]
pub struct Presigner {
    credentials: Credentials,
    region: String,
}

/// What is allowed, and for how long.
#[derive(Debug, Clone, Copy)]
pub struct PresignRequest<'a> {
    pub method: &'a str,
    /// `scheme://host[:port]` as the client will call it: the host is signed.
    pub endpoint: &'a str,
    pub bucket: &'a str,
    pub key: &'a str,
    /// Not encoded.
    pub query: &'a [(&'a str, &'a str)],
    /// Lowercase names; the client must send exactly these values.
    pub headers: &'a [(&'a str, &'a str)],
    pub now: Millis,
    pub life: Millis,
}

impl Presigner {
    pub fn new(credentials: Credentials, region: &str) -> Self {
        Self { credentials, region: region.to_owned() }
    }

    pub fn sign(&self, ask: &PresignRequest<'_>) -> Result<String, StoreError> {
        let (scheme, host) = authority(ask.endpoint)?;
        let stamp = amz_date(ask.now);
        let scope = format!("{}/{}/s3/aws4_request", &stamp[..8], self.region);
        let mut headers: Vec<(&str, &str)> = vec![("host", host.as_str())];
        headers.extend(ask.headers);
        headers.sort_unstable();
        let names: Vec<_> = headers.iter().map(|(n, _)| *n).collect();
        let signed = names.join(";");
        let credential = format!("{}/{scope}", self.credentials.access_key);
        let life_s = (ask.life.0 / 1000).max(1).to_string();
        let mut query: Vec<(String, String)> = [
            ("X-Amz-Algorithm", ALGORITHM),
            ("X-Amz-Credential", &credential),
            ("X-Amz-Date", &stamp),
            ("X-Amz-Expires", &life_s),
            ("X-Amz-SignedHeaders", &signed),
        ]
        .iter()
        .chain(ask.query)
        .map(|(n, v)| (encode(n), encode(v)))
        .collect();
        query.sort_unstable();
        let query: Vec<_> = query.into_iter().map(|(n, v)| format!("{n}={v}")).collect();
        let query = query.join("&");
        let path = format!("/{}/{}", ask.bucket, utf8_percent_encode(ask.key, PATH));
        let lines: String = headers.iter().map(|(n, v)| format!("{n}:{}\n", v.trim())).collect();
        let canonical = format!("{}\n{path}\n{query}\n{lines}\n{signed}\nUNSIGNED-PAYLOAD", ask.method);
        let digest = hex::encode(Sha256::digest(canonical));
        let signature = self.signature(&stamp[..8], &format!("{ALGORITHM}\n{stamp}\n{scope}\n{digest}"));
        Ok(format!("{scheme}://{host}{path}?{query}&X-Amz-Signature={signature}"))
    }

    fn signature(&self, day: &str, text: &str) -> String {
        let seed = format!("AWS4{}", self.credentials.secret_key).into_bytes();
        let key = [day, &self.region, "s3", "aws4_request"].iter().fold(seed, |key, part| mac(&key, part));
        hex::encode(mac(&key, text))
    }
}

fn mac(key: &[u8], text: &str) -> Vec<u8> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().to_vec()
}

fn encode(text: &str) -> String {
    utf8_percent_encode(text, STRICT).to_string()
}

/// Scheme, and host with port as a client writes them into `Host`.
fn authority(endpoint: &str) -> Result<(&str, String), StoreError> {
    let wrong = StoreError::InvalidArgument("an endpoint is scheme://host[:port]");
    let Some((scheme, rest)) = endpoint.trim_end_matches('/').split_once("://") else { return Err(wrong) };
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    if !matches!(scheme, "http" | "https") || rest.is_empty() || rest.len() > 255 || !rest.bytes().all(plain)
    {
        return Err(wrong);
    }
    let usual = if scheme == "http" { ":80" } else { ":443" };
    Ok((scheme, rest.strip_suffix(usual).unwrap_or(rest).to_ascii_lowercase()))
}

/// `20261122T101500Z`.
pub(crate) fn amz_date(at: Millis) -> String {
    let seconds = at.0.max(0) / 1000;
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    let (year, month, day) = civil(days);
    let (h, m, s) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}{month:02}{day:02}T{h:02}{m:02}{s:02}Z")
}

/// Days since 1970 as a date (Howard Hinnant, "chrono-compatible low-level date algorithms").
const fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let (era, doe) = (z.div_euclid(146_097), z.rem_euclid(146_097));
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + if month <= 2 { 1 } else { 0 };
    (year, month, doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_dates() {
        for (ms, text) in [
            (0, "19700101T000000Z"),
            (951_782_400_000, "20000229T000000Z"),
            (1_369_353_600_000, "20130524T000000Z"),
            (1_767_225_599_999, "20251231T235959Z"),
            (4_107_542_400_000, "21000301T000000Z"),
        ] {
            assert_eq!(amz_date(Millis(ms)), text);
        }
    }

    /// The example of the AWS documentation, "Authenticating Requests: Using Query Parameters".
    #[test]
    fn the_published_example_comes_out() {
        let credentials = Credentials {
            access_key: "AKIAIOSFODNN7EXAMPLE".into(),
            secret_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".into(),
        };
        let signer = Presigner::new(credentials, "us-east-1");
        let ask = PresignRequest {
            method: "GET",
            endpoint: "https://examplebucket.s3.amazonaws.com",
            bucket: "",
            key: "test.txt",
            query: &[],
            headers: &[],
            now: Millis(1_369_353_600_000),
            life: Millis(86_400_000),
        };
        // Virtual-hosted style has no bucket in the path: checked on the parts that are the same.
        let url = signer.sign(&ask).expect("signs");
        assert!(
            url.contains("X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request")
        );
        assert!(url.contains("X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"));
        let text = "AWS4-HMAC-SHA256\n20130524T000000Z\n20130524/us-east-1/s3/aws4_request\n\
                    3bfa292879f6447bbcda7001decf97f4a54dc650c8942174ae0a9121cf58ad04";
        assert_eq!(
            signer.signature("20130524", text),
            "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        );
    }

    #[test]
    fn hosts_are_as_clients_write_them() {
        let ok = |e| authority(e).map(|(s, h)| format!("{s} {h}")).unwrap_or_default();
        assert_eq!(ok("http://127.0.0.1:8081"), "http 127.0.0.1:8081");
        assert_eq!(ok("http://Media.Example:80/"), "http media.example");
        assert_eq!(ok("https://[::1]:443"), "https [::1]");
        for bad in
            ["", "127.0.0.1", "ftp://x", "http://", "http://a/b", "http://a b", "http://a?x", "http://u@h"]
        {
            assert_eq!(ok(bad), "", "{bad}");
        }
    }
}
