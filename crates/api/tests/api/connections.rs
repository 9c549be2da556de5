//! The server itself, over real connections on loopback.

use crate::house::house;
use api::{ServePolicy, serve};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use vocab::Millis;

const SOON: Duration = Duration::from_secs(10);

async fn start(policy: ServePolicy) -> (SocketAddr, oneshot::Sender<()>, JoinHandle<std::io::Result<()>>) {
    let h = house().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(listener, h.app, policy, async move {
        let _ = stopped.await;
    }));
    (address, stop, server)
}

async fn ask(stream: &mut TcpStream) -> String {
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut reply = vec![0; 4096];
    let n = timeout(SOON, stream.read(&mut reply)).await.expect("in time").expect("read");
    String::from_utf8_lossy(&reply[..n]).into_owned()
}

#[tokio::test]
async fn a_connection_is_kept_and_used_again() {
    let (address, _stop, _server) = start(ServePolicy::default()).await;
    let mut stream = TcpStream::connect(address).await.expect("connected");
    for _ in 0..3 {
        assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
    }
}

#[tokio::test]
async fn who_sends_a_head_byte_by_byte_is_hung_up() {
    let policy = ServePolicy { head_timeout: Millis(300), ..ServePolicy::default() };
    let (address, _stop, _server) = start(policy).await;
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let began = Instant::now();
    for byte in b"GET /healthz HTTP/1.1\r\nx-slow: ".iter().cycle() {
        if stream.write_all(&[*byte]).await.is_err() || began.elapsed() > SOON {
            break;
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
    assert!(began.elapsed() < SOON, "still open");
}

#[tokio::test]
async fn more_connections_than_allowed_wait_for_a_place() {
    let (address, _stop, _server) = start(ServePolicy { connections_max: 1, ..ServePolicy::default() }).await;
    let mut first = TcpStream::connect(address).await.expect("connected");
    assert!(ask(&mut first).await.starts_with("HTTP/1.1 200"));
    let mut second = TcpStream::connect(address).await.expect("queued");
    second.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.expect("sent");
    let mut reply = [0; 12];
    assert!(
        timeout(Duration::from_millis(200), second.read_exact(&mut reply)).await.is_err(),
        "served at once"
    );
    drop(first);
    timeout(SOON, second.read_exact(&mut reply)).await.expect("in time").expect("read");
    assert_eq!(&reply, b"HTTP/1.1 200");
}

#[tokio::test]
async fn a_head_too_large_is_refused() {
    let (address, _stop, _server) = start(ServePolicy::default()).await;
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let huge = format!("GET / HTTP/1.1\r\nhost: x\r\nx-huge: {}\r\n\r\n", "a".repeat(200_000));
    let _ = stream.write_all(huge.as_bytes()).await;
    let mut reply = Vec::new();
    let _ = timeout(SOON, stream.read_to_end(&mut reply)).await.expect("closed in time");
    assert!(!String::from_utf8_lossy(&reply).contains(" 200 "));
}

#[tokio::test]
async fn told_to_stop_it_finishes_and_ends() {
    let (address, stop, server) = start(ServePolicy::default()).await;
    let mut stream = TcpStream::connect(address).await.expect("connected");
    assert!(ask(&mut stream).await.starts_with("HTTP/1.1 200"));
    stop.send(()).expect("running");
    timeout(SOON, server).await.expect("in time").expect("no panic").expect("well");
    assert!(TcpStream::connect(address).await.is_err());
}
