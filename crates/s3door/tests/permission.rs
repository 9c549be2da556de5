//! Who may do what: nobody without a signature, and a signature means exactly what it says.

mod support;

use support::{Ask, BUCKET, House, house};

const QUERY_FIELDS: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-SignedHeaders",
    "X-Amz-Signature",
    "partNumber",
    "uploadId",
];

async fn begun(h: &House, key: &str) -> String {
    let reply = h.send(Ask::of("POST", key).query(&[("uploads", "")])).await;
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.xml("UploadId")
}

#[tokio::test]
async fn nobody_comes_in_without_a_signature() {
    let h = house().await;
    h.put("k", b"secret").await;
    for (method, path) in [
        ("GET", "/"),
        ("GET", "/signal-media"),
        ("GET", "/signal-media/k"),
        ("HEAD", "/signal-media/k"),
        ("PUT", "/signal-media/k"),
        ("DELETE", "/signal-media/k"),
        ("POST", "/signal-media?delete"),
        ("POST", "/signal-media/k?uploads"),
        ("GET", "/signal-media?policy"),
        ("GET", "/signal-media/../../etc/passwd"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd"),
        ("PATCH", "/signal-media/k"),
    ] {
        let reply = h.raw(method, &format!("{}{path}", h.endpoint), &[], b"x".to_vec()).await;
        assert_eq!(reply.status, 403, "{method} {path}");
        assert!(!reply.text().contains("secret"));
    }
    let v2 = "?AWSAccessKeyId=AKIDSIGNAL&Expires=4102444800&Signature=aaaa";
    assert_eq!(h.raw("GET", &format!("{}/{BUCKET}/k{v2}", h.endpoint), &[], vec![]).await.status, 403);
    let basic = [("authorization", "Basic QUtJRDphYg==")];
    assert_eq!(h.raw("GET", &format!("{}/{BUCKET}/k", h.endpoint), &basic, vec![]).await.status, 403);
}

/// Every field of a signed part URL, changed in every way that could help somebody.
#[tokio::test]
async fn a_mutated_url_is_worth_nothing() {
    let h = house().await;
    let (id, other) = (begun(&h, "raw/mine").await, begun(&h, "raw/other").await);
    let query = [("partNumber", "1"), ("uploadId", id.as_str())];
    let ask = || Ask::of("PUT", "raw/mine").query(&query).headers(&[("content-length", "5")]);
    let url = h.url(&ask());
    let put = async |url: &str, body: &[u8]| h.raw("PUT", url, &[], body.to_vec()).await;
    let field = |name: &str| {
        let at = url.find(&format!("{name}=")).expect("there") + name.len() + 1;
        let end = url[at..].find('&').map_or(url.len(), |e| at + e);
        (at, end)
    };
    let mut tried = 0;
    for name in QUERY_FIELDS {
        let (at, end) = field(name);
        let value = &url[at..end];
        let flipped = if value.ends_with('1') { "2" } else { "1" };
        let mut values = vec![
            String::new(),
            format!("{value}0"),
            format!("{}{flipped}", &value[..value.len() - 1]),
            value.to_uppercase(),
            format!("{value}&{name}={value}"),
        ];
        values.extend(match name {
            "X-Amz-Algorithm" => vec!["AWS4-HMAC-SHA1".to_owned(), "none".to_owned()],
            "X-Amz-Expires" => vec!["604800".to_owned(), "-1".to_owned(), "9999999999".to_owned()],
            "X-Amz-SignedHeaders" => vec!["host".to_owned(), "content-length".to_owned()],
            "X-Amz-Date" => vec!["20990101T000000Z".to_owned()],
            "partNumber" => vec!["2".to_owned(), "10001".to_owned()],
            "uploadId" => vec![other.clone(), "../../x".to_owned()],
            _ => vec![],
        });
        for new in values.into_iter().filter(|v| v != value) {
            let mutated = format!("{}{new}{}", &url[..at], &url[end..]);
            let reply = put(&mutated, b"hello").await;
            assert_eq!(reply.status, 403, "{name}={new}: {}", reply.text());
            tried += 1;
        }
        let without = format!("{}{}", &url[..at - name.len() - 1], url[end..].trim_start_matches('&'));
        assert_eq!(put(without.trim_end_matches('&'), b"hello").await.status, 403, "without {name}");
    }
    assert!(tried > 40, "{tried}");
    for (from, to) in [("raw/mine", "raw/other"), ("signal-media", "other-media"), ("raw/mine", "raw/../k")] {
        assert_eq!(put(&url.replacen(from, to, 1), b"hello").await.status, 403, "{to}");
    }
    for method in ["GET", "DELETE", "POST", "HEAD"] {
        assert_eq!(h.raw(method, &url, &[], b"hello".to_vec()).await.status, 403, "{method}");
    }
    let listed = h.send(Ask::of("GET", "raw/mine").query(&[("uploadId", id.as_str())])).await;
    assert!(!listed.text().contains("<Part>"), "nothing got in: {}", listed.text());
    assert_eq!(put(&url, b"hello").await.status, 200, "unchanged it works");
}

#[tokio::test]
async fn length_and_checksum_are_bound() {
    let h = house().await;
    let sum = ("x-amz-checksum-sha256", "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=");
    let headers = [("content-length", "5"), sum];
    let url = h.url(&Ask::of("PUT", "k").headers(&headers));
    assert_eq!(h.raw("PUT", &url, &[sum], b"hello!".to_vec()).await.status, 403, "longer");
    assert_eq!(h.raw("PUT", &url, &[sum], b"hell".to_vec()).await.status, 403, "shorter");
    assert_eq!(h.raw("PUT", &url, &[sum], b"HELLO".to_vec()).await.code(), (400, "BadDigest".into()));
    assert_eq!(h.raw("PUT", &url, &[], b"hello".to_vec()).await.status, 403, "without the checksum");
    let other = [("x-amz-checksum-sha256", "AAAAul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=")];
    assert_eq!(h.raw("PUT", &url, &other, b"hello".to_vec()).await.status, 403, "another checksum");
    assert_eq!(h.get("k").await.status, 404);
    assert_eq!(h.raw("PUT", &url, &[sum], b"hello".to_vec()).await.status, 200);
}

#[tokio::test]
async fn a_length_cannot_be_dodged_by_chunks() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let h = house().await;
    let url = h.url(&Ask::of("PUT", "k").headers(&[("content-length", "5")]));
    let path = url.strip_prefix(&h.endpoint).expect("the path");
    let host = h.endpoint.strip_prefix("http://").expect("the host");
    for framing in ["transfer-encoding: chunked", "transfer-encoding: chunked\r\ncontent-length: 5"] {
        let mut socket = tokio::net::TcpStream::connect(host).await.expect("connects");
        let head = format!("PUT {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n{framing}\r\n\r\n");
        let body = "8\r\n12345678\r\n0\r\n\r\n";
        socket.write_all(format!("{head}{body}").as_bytes()).await.expect("sends");
        let mut reply = String::new();
        let _ = socket.read_to_string(&mut reply).await;
        assert!(reply.starts_with("HTTP/1.1 4"), "{framing}: {reply}");
    }
    assert_eq!(h.get("k").await.status, 404);
}

#[tokio::test]
async fn a_url_gives_nothing_more_than_it_says() {
    let h = house().await;
    h.put("private", b"somebody else's").await;
    let url = h.url(&Ask::of("PUT", "mine"));
    for extra in [
        ("x-amz-copy-source", "signal-media/private"),
        ("x-amz-meta-owner", "me"),
        ("x-amz-acl", "public-read"),
    ] {
        assert_eq!(h.raw("PUT", &url, &[extra], vec![]).await.status, 403, "{extra:?}");
    }
    assert_eq!(h.get("mine").await.status, 404);
    let form = [("content-type", "multipart/form-data; boundary=b")];
    assert_eq!(
        h.raw("POST", &format!("{}/{BUCKET}", h.endpoint), &form, b"--b--".to_vec()).await.status,
        403
    );
}

#[tokio::test]
async fn a_refused_sender_gets_to_read_why() {
    let h = house().await;
    let url = h.url(&Ask::of("PUT", "k")).replace("X-Amz-Signature=", "X-Amz-Signature=0");
    let reply = h.raw("PUT", &url, &[("origin", "http://page")], vec![0; 12_000_000]).await;
    assert_eq!(reply.code(), (403, "AccessDenied".into()));
    assert_eq!(reply.header("access-control-allow-origin"), "*");
}

#[tokio::test]
async fn an_expired_url_is_refused() {
    let h = house().await;
    let ask = s3door::PresignRequest {
        method: "GET",
        endpoint: &h.endpoint,
        bucket: BUCKET,
        key: "k",
        query: &[],
        headers: &[],
        now: vocab::Millis(stdx::Clock::now(&stdx::SystemClock).0 - 16 * 60 * 1000),
        life: vocab::Millis(15 * 60 * 1000),
    };
    let url = h.signer.sign(&ask).expect("signs");
    let reply = h.raw("GET", &url, &[], vec![]).await;
    assert_eq!((reply.status, reply.xml("Message").as_str()), (403, "Request has expired"));
}

#[tokio::test]
async fn pages_of_other_origins_may_use_urls() {
    let h = house().await;
    let url = h.url(&Ask::of("PUT", "k"));
    let asking = [
        ("origin", "http://localhost:8080"),
        ("access-control-request-method", "PUT"),
        ("access-control-request-headers", "x-amz-checksum-sha256"),
    ];
    let preflight = h.raw("OPTIONS", &url, &asking, vec![]).await;
    assert_eq!((preflight.status, preflight.header("access-control-allow-origin")), (204, "*"));
    assert_eq!(preflight.header("access-control-allow-headers"), "x-amz-checksum-sha256");
    let put = h.raw("PUT", &url, &[("origin", "http://localhost:8080")], b"x".to_vec()).await;
    assert_eq!((put.status, put.header("access-control-allow-origin")), (200, "*"));
    assert!(put.header("access-control-expose-headers").contains("ETag"));
}
