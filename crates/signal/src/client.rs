//! The command line's way to the server: the public API with a session kept beside the data.

use crate::data_dir::write_private;
use anyhow::Context;
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for one answer of the API.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// Written by `signal up` for commands on the same machine; readable by its owner only.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SavedSession {
    pub url: String,
    pub refresh_token: String,
}

/// A refusal or absence of the server, with the exit code it maps to.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    #[error("no server answers at {url}: start it with `signal up`")]
    NoServer { url: String },
    #[error("no running server is known for {}: start it with `signal up`", .dir.display())]
    NoSession { dir: PathBuf },
    #[error("{title}: {detail}")]
    Refused { status: u16, kind: String, title: String, detail: String },
}

/// A signed-in client.
pub struct Client {
    http: reqwest::Client,
    url: String,
    access_token: String,
}

pub fn session_file(data_dir: &Path) -> PathBuf {
    data_dir.join("cli-session.json")
}

pub fn http() -> anyhow::Result<reqwest::Client> {
    Ok(reqwest::Client::builder().no_proxy().build()?)
}

impl Client {
    /// Signs in with the session that `signal up` left in the data directory.
    pub async fn of_data_dir(data_dir: &Path) -> anyhow::Result<Self> {
        let file = session_file(data_dir);
        let no_session = || ClientError::NoSession { dir: data_dir.to_owned() };
        let text = std::fs::read_to_string(&file).map_err(|_| no_session())?;
        let saved: SavedSession = serde_json::from_str(&text).map_err(|_| no_session())?;
        let mut client = Self { http: http()?, url: saved.url.clone(), access_token: String::new() };
        let body = json!({ "refresh_token": saved.refresh_token });
        let session = client.post("/v1/auth/refresh", &body).await?;
        client.adopt(&session)?;
        let refresh_token = text_of(&session, "refresh_token")?;
        let next = SavedSession { url: saved.url, refresh_token };
        write_private(&file, serde_json::to_string(&next)?.as_bytes())?;
        Ok(client)
    }

    /// A guest of its own, as a phone that was just unpacked.
    pub async fn guest(url: &str, device_id: &str, device_name: &str) -> anyhow::Result<Self> {
        let mut client = Self { http: http()?, url: url.to_owned(), access_token: String::new() };
        let body = json!({ "device_id": device_id, "device_name": device_name });
        let session = client.post("/v1/auth/guest", &body).await?;
        client.adopt(&session)?;
        Ok(client)
    }

    /// Whoever an access token speaks for.
    pub fn of_token(url: &str, access_token: &str) -> anyhow::Result<Self> {
        Ok(Self { http: http()?, url: url.to_owned(), access_token: access_token.to_owned() })
    }

    fn adopt(&mut self, session: &Value) -> anyhow::Result<()> {
        self.access_token = text_of(session, "access_token")?;
        Ok(())
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn access_token(&self) -> &str {
        &self.access_token
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.call(Method::GET, path, None).await
    }
    pub async fn post(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::POST, path, Some(body)).await
    }
    /// A POST that may be repeated: the same key and body give the same answer.
    pub async fn post_keyed(&self, path: &str, body: &Value, key: &str) -> anyhow::Result<Value> {
        let request = self.http.post(format!("{}{path}", self.url)).timeout(REQUEST_TIMEOUT);
        self.send(request.bearer_auth(&self.access_token).header("idempotency-key", key).json(body)).await
    }
    pub async fn put(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::PUT, path, Some(body)).await
    }
    pub async fn patch(&self, path: &str, body: &Value) -> anyhow::Result<Value> {
        self.call(Method::PATCH, path, Some(body)).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.url)).timeout(REQUEST_TIMEOUT);
        if !self.access_token.is_empty() {
            request = request.bearer_auth(&self.access_token);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        self.send(request).await
    }

    async fn send(&self, request: RequestBuilder) -> anyhow::Result<Value> {
        let answer = request.send().await.map_err(|e| {
            if e.is_connect() {
                anyhow::Error::new(ClientError::NoServer { url: self.url.clone() })
            } else {
                anyhow::Error::new(e).context("the server did not answer")
            }
        })?;
        let status = answer.status();
        let bytes = answer.bytes().await.context("the answer broke off")?;
        if status.is_success() {
            if bytes.is_empty() || status == StatusCode::NO_CONTENT {
                return Ok(Value::Null);
            }
            return serde_json::from_slice(&bytes).context("the answer is not JSON");
        }
        let problem: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        let field = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
        Err(ClientError::Refused {
            status: status.as_u16(),
            kind: field("type"),
            title: if field("title").is_empty() { status.to_string() } else { field("title") },
            detail: field("detail"),
        }
        .into())
    }

    /// Sends one part to the address the server signed.
    pub async fn put_part(&self, part: &Value, bytes: bytes::Bytes) -> anyhow::Result<String> {
        let mut request = self.http.put(text_of(part, "url")?).body(bytes);
        if let Some(headers) = part["headers"].as_object() {
            for (name, value) in headers {
                if !name.eq_ignore_ascii_case("host") && !name.eq_ignore_ascii_case("content-length") {
                    request = request.header(name, value.as_str().unwrap_or_default());
                }
            }
        }
        let answer = request.send().await.context("the object store did not answer")?;
        if !answer.status().is_success() {
            let status = answer.status();
            let text = answer.text().await.unwrap_or_default();
            anyhow::bail!(
                "the object store refused a part ({status}): {}",
                text.chars().take(300).collect::<String>()
            );
        }
        let etag = answer.headers().get("etag").and_then(|v| v.to_str().ok()).unwrap_or_default();
        Ok(etag.to_owned())
    }
}

/// A text field that must be there.
pub fn text_of(value: &Value, name: &str) -> anyhow::Result<String> {
    value[name].as_str().map(str::to_owned).with_context(|| format!("the answer has no {name}"))
}
