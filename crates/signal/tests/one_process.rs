//! A data directory belongs to one process, and to no older version.

mod house;

use house::{command, free_port, running};
use std::process::{Output, Stdio};
use std::time::{Duration, Instant};

/// Runs a server that is expected to give up by itself.
async fn refused(data: &std::path::Path) -> Output {
    let mut command = command(data, free_port(), free_port());
    command.stderr(Stdio::piped());
    let child = command.spawn().expect("starts");
    let started = Instant::now();
    let wait = tokio::task::spawn_blocking(move || child.wait_with_output());
    let output = tokio::time::timeout(Duration::from_secs(20), wait).await.expect("gives up").expect("joins");
    println!("gave up after {:.1} s", started.elapsed().as_secs_f64());
    output.expect("ends")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_process_on_one_data_directory_says_so_and_stops() {
    let (data, mut first) = running().await;
    let second = refused(data.path()).await;
    assert_eq!(second.status.code(), Some(1));
    let text = said(&second);
    assert!(text.contains("another process uses") && text.contains("--data-dir"), "{text}");
    assert_eq!(text.trim().lines().count(), 1, "one sentence: {text}");
    // The first one did not notice.
    first.ready().await.expect("still serves");
    first.operator().await.expect("still signs in").get("/v1/feed?limit=10").await.expect("a page");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_directory_is_free_again_after_a_kill() {
    let (data, mut first) = running().await;
    first.kill();
    let mut next = house::spawn(data.path(), free_port(), free_port(), None);
    next.ready().await.expect("the lock died with its holder");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_of_a_newer_version_is_refused_and_left_as_it_is() {
    let (data, mut first) = running().await;
    first.stop().await.expect("stops");
    std::fs::write(data.path().join("FORMAT"), "99\n").expect("written");
    let before = std::fs::read(data.path().join("signal.db")).expect("readable");
    let output = refused(data.path()).await;
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(text.contains("newer version") && text.contains("99"), "{text}");
    assert_eq!(std::fs::read(data.path().join("FORMAT")).expect("readable"), b"99\n");
    assert!(before == std::fs::read(data.path().join("signal.db")).expect("readable"), "the records changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_taken_port_is_said_in_one_sentence() {
    let data = tempfile::tempdir().expect("a directory");
    let held = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = held.local_addr().expect("an address").port();
    let mut command = command(data.path(), port, free_port());
    let output = command.stderr(Stdio::piped()).output().expect("ends");
    assert_eq!(output.status.code(), Some(1));
    let text = said(&output);
    assert!(text.contains(&format!("port {port} is taken")) && text.contains("--port"), "{text}");
}
