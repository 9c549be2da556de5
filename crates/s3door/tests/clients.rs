//! Clients that others wrote: the AWS SDK for Python, and curl.

mod support;

use std::process::Command;
use support::{Ask, BUCKET, House, house};

fn has(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|o| o.status.success())
}

async fn run(mut command: Command) -> (bool, String) {
    let output = tokio::task::spawn_blocking(move || command.output().expect("runs")).await.expect("ends");
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_aws_sdk_for_python_finds_what_it_expects() {
    if !has("python3", &["-c", "import boto3"]) {
        println!("skipped: python3 with boto3 is not installed");
        return;
    }
    let h = house().await;
    let credentials = support::credentials();
    let mut command = Command::new("python3");
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/boto3_client.py"));
    command.args([&h.endpoint, BUCKET, &credentials.access_key, &credentials.secret_key]);
    command.env("AWS_EC2_METADATA_DISABLED", "true").env("NO_PROXY", "*");
    let (ok, text) = run(command).await;
    assert!(ok, "{text}");
    assert_eq!(h.temps(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn curl_uploads_and_downloads_with_presigned_urls() {
    if !has("curl", &["--version"]) {
        println!("skipped: curl is not installed");
        return;
    }
    let h = house().await;
    let file = h.dir.path().join("file");
    std::fs::write(&file, vec![7; 2_000_000]).expect("writes");
    let curl = async |h: &House, ask: Ask<'_>, arguments: &[&str]| {
        let mut command = Command::new("curl");
        command
            .args(["--silent", "--show-error", "--fail", "--noproxy", "*"])
            .args(arguments)
            .arg(h.url(&ask));
        run(command).await
    };
    let path = file.to_str().expect("a path");
    let length = [("content-length", "2000000")];
    let (ok, text) = curl(&h, Ask::of("PUT", "k").headers(&length), &["--upload-file", path]).await;
    assert!(ok, "{text}");
    let copy = h.dir.path().join("copy");
    let (ok, text) = curl(&h, Ask::of("GET", "k"), &["--output", copy.to_str().expect("a path")]).await;
    assert!(ok, "{text}");
    assert_eq!(std::fs::read(copy).expect("reads"), vec![7; 2_000_000]);
    let shorter = [("content-length", "1999999")];
    let (ok, text) = curl(&h, Ask::of("PUT", "k2").headers(&shorter), &["--upload-file", path]).await;
    assert!(!ok && text.contains("403"), "{text}");
}
