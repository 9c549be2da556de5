//! A service that answers on loopback with words of its own: what the real one sends when it refuses.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;

/// As much of a request as an answer depends on.
pub struct Asked {
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
}

impl Asked {
    pub fn header(&self, name: &str) -> &str {
        self.headers.iter().find(|(n, _)| n == name).map_or("", |(_, v)| v)
    }
}

#[derive(Clone, Default)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: String,
}

/// An error as the services that speak JSON send it.
pub fn json_error(shape: &str, message: &str) -> Answer {
    let body = serde_json::json!({ "__type": shape, "message": message }).to_string();
    Answer { status: 400, headers: vec![("content-type", "application/x-amz-json-1.0".into())], body }
}

/// An error as S3 sends it.
pub fn s3_error(status: u16, code: &str, message: &str) -> Answer {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message>\
         <RequestId>4442587FB7D0A2F9</RequestId></Error>"
    );
    Answer { status, headers: vec![("content-type", "application/xml".into())], body }
}

/// Serves until the test ends; the address.
pub fn serve(answer: impl Fn(&Asked) -> Answer + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}", listener.local_addr().expect("an address"));
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || one(stream, answer.as_ref()));
        }
    });
    url
}

fn one(stream: TcpStream, answer: &dyn Fn(&Asked) -> Answer) -> Option<()> {
    let mut lines = BufReader::new(stream.try_clone().ok()?);
    let mut line = String::new();
    lines.read_line(&mut line).ok()?;
    let mut words = line.split_whitespace().map(str::to_owned);
    let mut asked = Asked { method: words.next()?, target: words.next()?, headers: Vec::new() };
    loop {
        let mut line = String::new();
        lines.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim_end().split_once(':') else { break };
        asked.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
    let length = asked.header("content-length").parse().unwrap_or(0);
    lines.take(length).read_to_end(&mut Vec::new()).ok()?;
    let Answer { status, headers, body } = answer(&asked);
    let body = if asked.method == "HEAD" { String::new() } else { body };
    let mut head =
        format!("HTTP/1.1 {status} Says\r\ncontent-length: {}\r\nconnection: close\r\n", body.len());
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    let mut stream = stream;
    stream.write_all(format!("{head}\r\n{body}").as_bytes()).ok()
}
