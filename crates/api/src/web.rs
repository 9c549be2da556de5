//! The files of the web app, ready to be answered. The root brings them; without them the first page
//! says how to build them.

use bytes::Bytes;
use delivery::entry::accepts_gzip;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::collections::HashMap;
use std::io::Write;
use std::sync::OnceLock;

/// Names under this folder carry a hash of their content.
const HASHED_FOLDER: &str = "assets/";

/// What browsers ask for without being told to, and the file that answers.
const ICON_ASKED: &str = "favicon.ico";
const ICON: &str = "icon-192.png";

const PLACEHOLDER: &str = include_str!("../assets/unbuilt.html");

pub struct WebFile {
    pub content_type: &'static str,
    pub cache_control: &'static str,
    raw: Bytes,
    etag: String,
    gzip: OnceLock<Option<Bytes>>,
}

impl WebFile {
    fn new(path: &str, raw: Bytes) -> Self {
        let digest = Sha256::digest(&raw);
        let hex: String = digest[..12].iter().map(|b| format!("{b:02x}")).collect();
        let hashed = path.starts_with(HASHED_FOLDER);
        Self {
            content_type: content_type(path),
            cache_control: if hashed { "public, max-age=31536000, immutable" } else { "no-cache" },
            etag: format!("\"{hex}\""),
            raw,
            gzip: OnceLock::new(),
        }
    }

    /// The bytes in the form the client takes; `true` = compressed.
    pub fn bytes(&self, accept_encoding: Option<&str>) -> (Bytes, bool) {
        if accept_encoding.is_some_and(accepts_gzip)
            && let Some(gzip) = self.gzip.get_or_init(|| compressed(self.content_type, &self.raw))
        {
            return (gzip.clone(), true);
        }
        (self.raw.clone(), false)
    }

    pub fn etag(&self) -> &str {
        &self.etag
    }

    pub fn is_page(&self) -> bool {
        self.content_type.starts_with("text/html")
    }
}

/// Compressed when first asked for: most processes serve one app to a few browsers.
fn compressed(content_type: &str, raw: &[u8]) -> Option<Bytes> {
    let text = content_type.starts_with("text/")
        || ["javascript", "json", "svg", "wasm", "manifest"].iter().any(|t| content_type.contains(t));
    if !text || raw.len() < 512 {
        return None;
    }
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(raw).ok()?;
    let gzip = out.finish().ok()?;
    (gzip.len() < raw.len()).then(|| Bytes::from(gzip))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "jpg" | "jpeg" => "image/jpeg",
        "ico" => "image/x-icon",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        "wasm" => "application/wasm",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

/// The app as a map from path (without a leading slash) to file.
pub struct Site {
    files: HashMap<String, WebFile>,
}

impl Site {
    /// From `(path, bytes)` of the built app. Dot files stay out.
    pub fn new(files: impl IntoIterator<Item = (String, Cow<'static, [u8]>)>) -> Self {
        let mut files: HashMap<_, _> = files
            .into_iter()
            .filter(|(path, _)| !path.split('/').any(|part| part.starts_with('.')))
            .map(|(path, bytes)| {
                let raw = match bytes {
                    Cow::Borrowed(still) => Bytes::from_static(still),
                    Cow::Owned(owned) => Bytes::from(owned),
                };
                let file = WebFile::new(&path, raw);
                (path, file)
            })
            .collect();
        files
            .entry("index.html".into())
            .or_insert_with(|| WebFile::new("index.html", Bytes::from_static(PLACEHOLDER.as_bytes())));
        Self { files }
    }

    /// No app: the first page says how to build it.
    pub fn unbuilt() -> Self {
        Self::new([])
    }

    /// The file at `path`, or the first page for what is an address inside the app.
    pub fn find(&self, path: &str) -> Option<&WebFile> {
        let path = path.trim_start_matches('/');
        if let Some(file) = self.files.get(path) {
            return Some(file);
        }
        if path == ICON_ASKED {
            return self.files.get(ICON);
        }
        let last = path.rsplit('/').next().unwrap_or_default();
        let inside_the_app = !last.contains('.') && !path.starts_with(HASHED_FOLDER);
        if inside_the_app { self.files.get("index.html") } else { None }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn site() -> Site {
        let file = |path: &str, body: &'static str| (path.to_owned(), Cow::Borrowed(body.as_bytes()));
        Site::new([
            file("index.html", "<!doctype html>"),
            file("assets/app-1a2b.js", "let x"),
            file(".vite/manifest.json", "{}"),
        ])
    }

    #[test]
    fn addresses_of_the_app_get_the_first_page() {
        let site = site();
        for path in ["/", "/watch/0abc", "/me/videos/x", "/upload"] {
            assert!(site.find(path).is_some_and(WebFile::is_page), "{path}");
        }
        assert!(site.find("/assets/app-1a2b.js").is_some_and(|f| f.cache_control.contains("immutable")));
        assert!(site.find("/").is_some_and(|f| f.cache_control == "no-cache"));
    }

    #[test]
    fn missing_files_and_dot_files_are_not_there() {
        let site = site();
        for path in [
            "/assets/app-old.js",
            "/favicon.ico",
            "/.vite/manifest.json",
            "/.env",
            "/a/../.vite/manifest.json",
        ] {
            assert!(site.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn the_icon_that_browsers_ask_for_unasked_is_the_apps() {
        let file = |path: &str, body: &'static str| (path.to_owned(), Cow::Borrowed(body.as_bytes()));
        let ours = Site::new([file("icon-192.png", "ours")]);
        let icon = ours.find("/favicon.ico").expect("an icon");
        assert_eq!((icon.content_type, icon.bytes(None).0), ("image/png", Bytes::from_static(b"ours")));
        let own = Site::new([file("icon-192.png", "ours"), file("favicon.ico", "its own")]);
        assert_eq!(own.find("/favicon.ico").map(|f| f.content_type), Some("image/x-icon"));
    }

    #[test]
    fn without_an_app_the_first_page_tells_how_to_build_it() {
        let site = Site::unbuilt();
        let (body, _) = site.find("/").expect("a page").bytes(None);
        assert!(String::from_utf8_lossy(&body).contains("make"));
    }
}
