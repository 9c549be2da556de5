//! Finds in a log what must never stand there.

/// A piece of a text that looks like a secret or personal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leak {
    /// What it looks like: `token`, `signature`, `e-mail` …
    pub kind: &'static str,
    /// The line, from 1.
    pub line: usize,
}

/// Everything in `log` that looks like a secret. Tests run a whole journey and expect nothing.
pub fn leaks(log: &str) -> Vec<Leak> {
    let mut found = Vec::new();
    for (n, line) in log.lines().enumerate() {
        for (kind, looks) in SHAPES {
            if looks(line) {
                found.push(Leak { kind, line: n + 1 });
            }
        }
    }
    found
}

type Shape = (&'static str, fn(&str) -> bool);

const SHAPES: &[Shape] = &[
    ("token", |l| words(l).any(is_jwt)),
    ("bearer", |l| after(l, "Bearer ").any(|w| w.len() >= 16)),
    ("signature", |l| l.contains("X-Amz-Signature=") || l.contains("AWS4-HMAC-SHA256 ")),
    ("password", |l| ["password=", "\"password\":\"", "$argon2"].iter().any(|p| l.contains(p))),
    ("key", |l| l.contains("-----BEGIN ") && l.contains("PRIVATE KEY")),
    ("query", |l| ["ticket=", "code=", "key="].iter().any(|p| after(l, p).any(|w| w.len() >= 16))),
    ("e-mail", |l| words(l).any(is_email)),
];

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| {
        c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '(' | ')' | '<' | '>' | '&')
    })
}

/// The words that directly follow `prefix`.
fn after<'a>(line: &'a str, prefix: &'a str) -> impl Iterator<Item = &'a str> {
    line.split(prefix).skip(1).map(|rest| words(rest).next().unwrap_or_default())
}

fn is_jwt(word: &str) -> bool {
    let word = word.rsplit('=').next().unwrap_or(word);
    word.starts_with("eyJ") && word.split('.').filter(|p| p.len() >= 4).count() == 3
}

fn is_email(word: &str) -> bool {
    let word = word.rsplit(['=', ':']).next().unwrap_or(word);
    let Some((name, host)) = word.split_once('@') else { return false };
    let host_ok = host.split_once('.').is_some_and(|(a, b)| !a.is_empty() && b.len() >= 2);
    !name.is_empty() && host_ok && host.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_by_their_shape() {
        for (line, kind) in [
            ("token eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl", "token"),
            ("authorization: Bearer 0123456789abcdef0123", "bearer"),
            ("PUT /x?X-Amz-Signature=abcdef", "signature"),
            (r#"{"password":"hunter2"}"#, "password"),
            ("hash $argon2id$v=19$m=1", "password"),
            ("-----BEGIN PRIVATE KEY-----", "key"),
            ("GET /v1/ws?ticket=0123456789abcdefghjk", "query"),
            ("user ann@example.org signed in", "e-mail"),
            (r#""email":"ann@example.org""#, "e-mail"),
        ] {
            assert!(leaks(line).iter().any(|l| l.kind == kind), "{line}: {:?}", leaks(line));
        }
    }

    #[test]
    fn an_honest_line_is_clean() {
        for line in [
            r#"{"level":"INFO","message":"published","video":"01abcdefghjkm","took_ms":12}"#,
            "listening on http://127.0.0.1:8080",
            "request refused type=token-expired path=/v1/me",
            "key=short code=12",
        ] {
            assert_eq!(leaks(line), [], "{line}");
        }
    }
}
