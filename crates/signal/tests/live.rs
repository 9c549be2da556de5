//! Status messages over a WebSocket, as an outside client sees them.

mod house;

use futures::StreamExt;
use house::{House, clip, hand_in, has_ffmpeg, running, until_live};
use serde_json::{Value, json};
use signal::client::{Client, text_of};
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

const PATIENCE: Duration = Duration::from_secs(60);

async fn ticket(client: &Client) -> String {
    let bought = client.post("/v1/ws/ticket", &json!({})).await.expect("a ticket");
    text_of(&bought, "ticket").expect("a ticket")
}

fn address(house: &House, ticket: &str, since: Option<u64>) -> String {
    let base = house.url.replacen("http", "ws", 1);
    let since = since.map(|s| format!("&since={s}")).unwrap_or_default();
    format!("{base}/v1/ws?ticket={ticket}{since}")
}

async fn open(house: &House, client: &Client, since: Option<u64>) -> Socket {
    let ticket = ticket(client).await;
    connect_async(address(house, &ticket, since)).await.expect("opens").0
}

/// The next message that is not a heartbeat.
async fn next(socket: &mut Socket) -> Value {
    loop {
        let frame = tokio::time::timeout(PATIENCE, socket.next()).await.expect("in time").expect("open");
        let Message::Text(text) = frame.expect("a frame") else { continue };
        let message: Value = serde_json::from_str(&text).expect("JSON");
        if message["type"] != "ping" {
            return message;
        }
    }
}

/// The status that a handshake was refused with.
async fn refusal(request: impl IntoClientRequest + Unpin) -> u16 {
    match connect_async(request).await {
        Err(tungstenite::Error::Http(answer)) => answer.status().as_u16(),
        Err(e) => panic!("no answer: {e}"),
        Ok(_) => panic!("it was let in"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_owner_hears_every_step_in_order_and_later_what_was_missed() {
    if !has_ffmpeg() {
        return;
    }
    let (data, house) = running().await;
    let file = clip(data.path(), 2);
    let operator = house.operator().await.expect("an operator");
    let mut socket = open(&house, &operator, None).await;
    let hello = next(&mut socket).await;
    assert_eq!((&hello["type"], &hello["missed"]), (&json!("hello"), &json!(false)), "{hello}");
    let video = hand_in(&operator, &file, "live").await.expect("handed in");
    let (live, heard) = tokio::join!(until_live(&operator, &video), async {
        let mut heard = Vec::new();
        while heard.last().is_none_or(|m: &Value| m["status"] != "published") {
            heard.push(next(&mut socket).await);
        }
        heard
    });
    assert_eq!(live.expect("live")["status"], "published");
    let mut seq = hello["seq"].as_u64().expect("a number");
    let mut statuses: Vec<&str> = Vec::new();
    for message in &heard {
        assert_eq!(
            (&message["type"], &message["video_id"]),
            (&json!("video_status"), &json!(video)),
            "{message}"
        );
        let n = message["seq"].as_u64().expect("a number");
        assert!(n > seq, "{n} after {seq}");
        seq = n;
        assert!(!message["status_text"].as_str().unwrap_or_default().is_empty(), "{message}");
        let status = message["status"].as_str().expect("a status");
        if statuses.last() != Some(&status) {
            statuses.push(status);
        }
    }
    let expected =
        ["reserved", "uploaded", "judging", "in_review", "approved", "encoding", "verifying", "published"];
    let wanted: Vec<&str> =
        expected.into_iter().filter(|s| *s != "reserved" || statuses[0] == "reserved").collect();
    assert_eq!(statuses, wanted);
    missed_ones(&house, &operator, &heard).await;
}

/// A reconnect gets what came after its `since`, in order and once.
async fn missed_ones(house: &House, operator: &Client, heard: &[Value]) {
    let steps: Vec<&Value> = heard.iter().filter(|m| m["revision"].is_u64()).collect();
    let middle = steps[steps.len() / 2]["seq"].as_u64().expect("a number");
    let mut again = open(house, operator, Some(middle)).await;
    let hello = next(&mut again).await;
    assert_eq!(hello["missed"], false, "{hello}");
    let mut last = middle;
    loop {
        let message = next(&mut again).await;
        let n = message["seq"].as_u64().expect("a number");
        assert!(n > last, "{n} after {last}");
        last = n;
        if message["status"] == "published" {
            break;
        }
    }
    let mut fresh = open(house, operator, Some(last)).await;
    assert_eq!(next(&mut fresh).await["missed"], false);
    let quiet = tokio::time::timeout(Duration::from_millis(300), next(&mut fresh)).await;
    assert!(quiet.is_err(), "told twice: {quiet:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_ticket_opens_one_socket_and_only_for_our_own_pages() {
    let (_data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let once = ticket(&operator).await;
    let mut socket = connect_async(address(&house, &once, None)).await.expect("opens").0;
    assert_eq!(next(&mut socket).await["type"], "hello");
    assert_eq!(refusal(address(&house, &once, None)).await, 401, "a ticket was good twice");
    assert_eq!(refusal(address(&house, "AAAA", None)).await, 401);
    assert_eq!(refusal(address(&house, "", None)).await, 401);
    let bare = house.url.replacen("http", "ws", 1) + "/v1/ws";
    assert_eq!(refusal(bare).await, 401);
    for origin in ["http://evil.example", "null", "http://127.0.0.1.evil.example", "http://127.0.0.1:1"] {
        let mut request =
            address(&house, &ticket(&operator).await, None).into_client_request().expect("a request");
        request.headers_mut().insert("origin", origin.parse().expect("a value"));
        assert_eq!(refusal(request).await, 403, "{origin}");
    }
    let mut own = address(&house, &ticket(&operator).await, None).into_client_request().expect("a request");
    own.headers_mut().insert("origin", house.url.parse().expect("a value"));
    let mut socket = connect_async(own).await.expect("our own page").0;
    assert_eq!(next(&mut socket).await["type"], "hello");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_hears_of_another_persons_videos() {
    let (_data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let guest = Client::guest(&house.url, "01ARZ3NDEKTSV4RRFFQ69G5FAV", "phone").await.expect("a guest");
    let mut socket = open(&house, &guest, None).await;
    assert_eq!(next(&mut socket).await["type"], "hello");
    let body = json!({ "filename": "notes.mp4", "size_bytes": 9, "title": "not a video" });
    let upload = operator.post("/v1/uploads", &body).await.expect("reserved");
    let id = text_of(&upload, "upload_id").expect("an id");
    let ask = json!({ "numbers": [1] });
    let signed = operator.post(&format!("/v1/uploads/{id}/parts"), &ask).await.expect("signed");
    operator.put_part(&signed["parts"][0], b"not media".to_vec().into()).await.expect("sent");
    operator.post(&format!("/v1/uploads/{id}/complete"), &json!({})).await.expect("completed");
    let video = text_of(&upload, "video_id").expect("an id");
    assert_eq!(until_live(&operator, &video).await.expect("ends")["status"], "failed");
    let quiet = tokio::time::timeout(Duration::from_millis(300), next(&mut socket)).await;
    assert!(quiet.is_err(), "heard {quiet:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open_sockets_and_silent_connections_do_not_hold_up_the_end() {
    let (_data, mut house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let mut socket = open(&house, &operator, None).await;
    assert_eq!(next(&mut socket).await["type"], "hello");
    // Half a request, on both doors, from somebody who says no more.
    let mut silent = Vec::new();
    for url in [&house.url, &house.s3_url] {
        let mut line = TcpStream::connect(url.trim_start_matches("http://")).await.expect("connects");
        tokio::io::AsyncWriteExt::write_all(&mut line, b"POST /v1/uploads HTTP/1.1\r\nhost: x\r\n")
            .await
            .expect("writes");
        silent.push(line);
    }
    let (status, took) = house.stop().await.expect("ends within 10 s");
    assert!(status.success(), "{status}");
    println!("stopped after {:.1} s", took.as_secs_f64());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn half_sent_bodies_do_not_hold_up_the_end() {
    let (_data, mut house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let ask = json!({ "filename": "a.mp4", "size_bytes": 1000, "title": "half" });
    let upload = operator.post("/v1/uploads", &ask).await.expect("reserved");
    let parts = format!("/v1/uploads/{}/parts", text_of(&upload, "upload_id").expect("an id"));
    let signed = operator.post(&parts, &json!({ "numbers": [1] })).await.expect("signed");
    let url = text_of(&signed["parts"][0], "url").expect("an address");
    let path = url.strip_prefix(&house.s3_url).expect("ours");
    let bearer = operator.access_token();
    let host = |url: &str| url.trim_start_matches("http://").to_owned();
    let requests = [
        (host(&house.s3_url), format!("PUT {path} HTTP/1.1")),
        (host(&house.url), format!("POST /v1/uploads HTTP/1.1\r\nauthorization: Bearer {bearer}")),
    ];
    let mut silent = Vec::new();
    for (host, head) in requests {
        let mut line = TcpStream::connect(&host).await.expect("connects");
        let text = format!(
            "{head}\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{{\"a\":"
        );
        tokio::io::AsyncWriteExt::write_all(&mut line, text.as_bytes()).await.expect("writes");
        silent.push(line);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let (status, took) = house.stop().await.expect("ends within 10 s");
    assert!(status.success(), "{status}");
    println!("stopped after {:.1} s", took.as_secs_f64());
}
