//! Status changes over a real socket on loopback.

use crate::house::{House, house};
use futures::{SinkExt, StreamExt};
use serde_json::Value;
use std::net::SocketAddr;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};
use vocab::{Status, Visibility};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn serve(h: &House) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let app = h.app.clone().into_make_service_with_connect_info::<SocketAddr>();
    tokio::spawn(async move { axum::serve(listener, app).await });
    address
}

async fn open(address: SocketAddr, query: &str, origin: Option<&str>) -> Result<Socket, u16> {
    let mut request = format!("ws://{address}/v1/ws{query}").into_client_request().expect("a request");
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().expect("a header"));
    }
    match connect_async(request).await {
        Ok((socket, _)) => Ok(socket),
        Err(Error::Http(reply)) => {
            assert_eq!(reply.headers()["content-type"], "application/problem+json");
            Err(reply.status().as_u16())
        }
        Err(e) => panic!("{e}"),
    }
}

async fn hear(socket: &mut Socket) -> Value {
    loop {
        match socket.next().await.expect("still open").expect("a message") {
            Message::Text(text) => return serde_json::from_str(&text).expect("JSON"),
            Message::Ping(_) | Message::Pong(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn an_owner_hears_of_changes_and_of_what_was_missed() {
    let h = house().await;
    let (owner, other) = (h.guest().await, h.guest().await);
    let address = serve(&h).await;
    let ticket = async |who| {
        let reply = h.call("POST", "/v1/ws/ticket", Some(who), None).await.json();
        assert_eq!(reply["expires_in_s"], 30);
        format!("?ticket={}", reply["ticket"].as_str().expect("a ticket"))
    };
    let mut mine = open(address, &ticket(&owner).await, None).await.expect("open");
    let mut theirs = open(address, &ticket(&other).await, None).await.expect("open");
    assert_eq!(hear(&mut mine).await["type"], "hello");
    assert_eq!(hear(&mut theirs).await["type"], "hello");
    let id = h.video(&owner, Status::Uploaded, Visibility::Public).await;
    let first = hear(&mut mine).await;
    assert_eq!((&first["type"], &first["status"]), (&"video_status".into(), &"uploaded".into()));
    h.advance(id, Status::Uploaded, Status::Judging).await;
    let heard = hear(&mut mine).await;
    assert_eq!((&heard["video_id"], &heard["status"]), (&id.to_string().into(), &"judging".into()));
    assert!(heard["seq"].as_u64() > first["seq"].as_u64());
    drop(mine);
    h.advance(id, Status::Judging, Status::InReview).await;
    let since = format!("{}&since={}", ticket(&owner).await, heard["seq"]);
    let mut again = open(address, &since, None).await.expect("open");
    let hello = hear(&mut again).await;
    assert_eq!((&hello["type"], &hello["missed"]), (&"hello".into(), &false.into()));
    assert_eq!(hear(&mut again).await["status"], "in_review");
    h.video(&other, Status::Uploaded, Visibility::Public).await;
    assert_eq!(hear(&mut theirs).await["status"], "uploaded");
}

#[tokio::test]
async fn a_ticket_opens_one_socket_once() {
    let h = house().await;
    let owner = h.guest().await;
    let address = serve(&h).await;
    let (ticket, _) = h.hub.issue_ticket(owner.id);
    let query = format!("?ticket={ticket}");
    let socket = open(address, &query, None).await.expect("open");
    assert_eq!(open(address, &query, None).await.err(), Some(401));
    assert_eq!(open(address, "?ticket=nonsense", None).await.err(), Some(401));
    assert_eq!(open(address, "", None).await.err(), Some(401));
    let (late, life) = h.hub.issue_ticket(owner.id);
    h.clock.advance(life);
    assert_eq!(open(address, &format!("?ticket={late}"), None).await.err(), Some(401));
    drop(socket);
}

#[tokio::test]
async fn pages_of_other_sites_open_nothing_and_spend_no_ticket() {
    let h = house().await;
    let owner = h.guest().await;
    let address = serve(&h).await;
    let (ticket, _) = h.hub.issue_ticket(owner.id);
    let query = format!("?ticket={ticket}");
    for foreign in ["http://evil.example", "null", "http://signal.test.evil.example", "https://127.0.0.1:1"] {
        assert_eq!(open(address, &query, Some(foreign)).await.err(), Some(403), "{foreign}");
    }
    assert!(open(address, &query, Some("http://signal.test")).await.is_ok());
    let (ticket, _) = h.hub.issue_ticket(owner.id);
    let own = format!("http://{address}");
    assert!(open(address, &format!("?ticket={ticket}"), Some(&own)).await.is_ok());
}

#[tokio::test]
async fn a_talkative_client_is_hung_up() {
    let h = house().await;
    let owner = h.guest().await;
    let address = serve(&h).await;
    let (ticket, _) = h.hub.issue_ticket(owner.id);
    let mut socket = open(address, &format!("?ticket={ticket}"), None).await.expect("open");
    for _ in 0..100 {
        if socket.send(Message::text("hello?")).await.is_err() {
            return;
        }
    }
    while let Some(Ok(message)) = socket.next().await {
        if let Message::Close(frame) = message {
            assert_eq!(frame.map(|f| u16::from(f.code)), Some(1008));
            return;
        }
    }
}

#[tokio::test]
async fn a_message_too_large_ends_the_socket() {
    let h = house().await;
    let owner = h.guest().await;
    let address = serve(&h).await;
    let (ticket, _) = h.hub.issue_ticket(owner.id);
    let mut socket = open(address, &format!("?ticket={ticket}"), None).await.expect("open");
    let _ = socket.send(Message::text("x".repeat(10_000))).await;
    let mut last = None;
    while let Some(Ok(message)) = socket.next().await {
        last = Some(message);
    }
    assert!(!matches!(last, Some(Message::Pong(_))));
}

#[tokio::test]
async fn a_plain_request_is_told_that_this_is_a_socket() {
    let h = house().await;
    let reply = h.get("/v1/ws?ticket=x", None).await;
    assert_eq!((reply.status.as_u16(), reply.problem().as_str()), (400, "invalid-request"));
}
