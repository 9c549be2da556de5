//! A small JSON document over HTTP, in bounds: time, size, no redirect, https or this machine.

use super::FetchLimits;
use aws_smithy_http_client::{Connector, tls};
use aws_smithy_runtime_api::client::http::HttpConnector;
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::byte_stream::ByteStream;
use reqwest::Url;
use serde_json::Value;
use stdx::{Fault, FaultKind};

/// Whether the address leads to this machine alone.
pub fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
        }
        None => false,
    }
}

/// `setting` names what the address came from.
pub fn address(setting: &str, text: &str) -> Result<Url, Fault> {
    let url = Url::parse(text).map_err(|e| refused(format!("{setting} = \"{text}\" is no address: {e}")))?;
    let fits = url.scheme() == "https" || (url.scheme() == "http" && is_loopback(&url));
    if !fits || url.host_str().is_none() || !url.username().is_empty() || url.password().is_some() {
        return Err(refused(format!(
            "{setting} = \"{text}\": write https://…, without a user; http only to this machine"
        )));
    }
    Ok(url)
}

pub fn refused(said: String) -> Fault {
    Fault::new(FaultKind::Internal, said)
}

pub struct Fetcher {
    connector: Connector,
    limits: FetchLimits,
}

impl Fetcher {
    pub fn new(limits: FetchLimits) -> Self {
        // The connector of the SDK's clients: rustls on ring, no proxy, and it follows no redirect.
        let provider = tls::Provider::Rustls(tls::rustls_provider::CryptoMode::Ring);
        Self { connector: Connector::builder().tls_provider(provider).build(), limits }
    }

    pub async fn json(&self, url: &Url, bytes_max: usize) -> Result<Value, Fault> {
        let body = tokio::time::timeout(self.limits.timeout, self.get(url, bytes_max)).await;
        let body = body.map_err(|_| {
            let said = format!("{url} did not answer within {} ms", self.limits.timeout.as_millis());
            Fault::new(FaultKind::TimedOut, said)
        })??;
        serde_json::from_slice(&body).map_err(|e| Fault::corrupt(format!("{url} answers no JSON: {e}")))
    }

    async fn get(&self, url: &Url, bytes_max: usize) -> Result<Vec<u8>, Fault> {
        let mut request = HttpRequest::new(SdkBody::empty());
        request.set_method("GET").map_err(Fault::internal)?;
        request.set_uri(url.as_str()).map_err(Fault::internal)?;
        request.headers_mut().insert("accept", "application/json");
        let away = |e: String| Fault::unavailable(format!("{url} cannot be reached: {e}"));
        let answer = self.connector.call(request).await;
        let answer = answer
            .map_err(|e| away(aws_smithy_types::error::display::DisplayErrorContext(&e).to_string()))?;
        match answer.status().as_u16() {
            200 => {}
            300..=399 => {
                return Err(refused(format!(
                    "{url} redirects; redirects are not followed: name the address itself"
                )));
            }
            status @ (429 | 500..=599) => return Err(away(format!("status {status}"))),
            status => return Err(refused(format!("{url} answers with status {status}"))),
        }
        let mut body = ByteStream::new(answer.into_body());
        let mut bytes = Vec::new();
        while let Some(chunk) = body.try_next().await.map_err(|e| away(e.to_string()))? {
            if bytes.len() + chunk.len() > bytes_max {
                return Err(Fault::corrupt(format!("{url} answers more than {bytes_max} bytes")));
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_come_over_https_or_from_this_machine() {
        for good in
            ["https://id.example/pool", "http://127.0.0.1:9/x", "http://[::1]:9", "http://localhost:9"]
        {
            assert!(address("identity.url", good).is_ok(), "{good}");
        }
        for bad in [
            "http://id.example",
            "http://127.0.0.1.evil.example/",
            "http://localhost.evil.example/",
            "http://10.0.0.1/",
            "ftp://127.0.0.1/",
            "file:///etc/passwd",
            "https://user:secret@id.example",
            "id.example",
            "",
        ] {
            let said = address("identity.url", bad).unwrap_err().to_string();
            assert!(said.contains("identity.url"), "{said}");
        }
    }
}
