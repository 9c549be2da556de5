//! An outside client.

use super::has;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;

/// What curl saw.
#[derive(Debug)]
pub struct Seen {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
}

impl Seen {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    /// Refused as it should be: a client's mistake, said as a problem.
    pub fn refused(&self, what: &str, allowed: &[u16]) {
        let text = String::from_utf8_lossy(&self.body);
        assert!(allowed.contains(&self.status), "{what}: {} {text}", self.status);
        assert_eq!(self.header("content-type"), "application/problem+json", "{what}: {text}");
        let problem: Value = serde_json::from_slice(&self.body).expect("a problem is JSON");
        assert!(problem["type"].as_str().is_some_and(|t| t.starts_with("https://")), "{what}: {problem}");
        assert_eq!(problem["status"], self.status, "{what}: {problem}");
    }
}

pub fn has_curl() -> bool {
    let found = has("curl", &["--version"]);
    if !found {
        println!("skipped: curl is not installed");
    }
    found
}

/// One request by the program everybody has.
pub fn curl(url: &str, args: &[&str]) -> Seen {
    let dir = tempfile::tempdir().expect("a directory");
    let (head, body) = (dir.path().join("head"), dir.path().join("body"));
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--noproxy", "*", "--path-as-is", "--max-time", "20"])
        .args(["--write-out", "%{http_code}", "--dump-header"])
        .arg(&head)
        .arg("--output")
        .arg(&body)
        .args(args)
        .arg(url)
        .output()
        .expect("curl runs");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = said.trim().parse().unwrap_or_else(|_| panic!("{url}: {said}"));
    assert_ne!(status, 0, "{url} {args:?}: {}", String::from_utf8_lossy(&output.stderr));
    let head = std::fs::read(head).unwrap_or_default();
    let headers = String::from_utf8_lossy(&head)
        .lines()
        .filter_map(|l| l.split_once(':'))
        .map(|(n, v)| (n.to_ascii_lowercase(), v.trim().to_owned()))
        .collect();
    Seen { status, headers, body: std::fs::read(body).unwrap_or_default() }
}
