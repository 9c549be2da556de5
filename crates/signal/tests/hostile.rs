//! Hostile and broken files through the public API: a typed reason for the owner, nothing half-published.

mod house;

use house::{clip, free_port, spawn, until_live};
use serde_json::{Value, json};
use signal::client::{Client, text_of};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A verdict the owner must see by then.
const SEEN_WITHIN: Duration = Duration::from_secs(60);

fn shared() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "tests find their samples through the environment")]
    let given = std::env::var("SIGNAL_SHARED").map(PathBuf::from);
    let dir = given.unwrap_or_else(|_| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    dir.join("media/hostile").is_dir().then_some(dir)
}

async fn send(client: &Client, name: &str, bytes: &[u8]) -> anyhow::Result<Value> {
    let body = json!({ "filename": name, "size_bytes": bytes.len(), "title": name });
    let upload = client.post("/v1/uploads", &body).await?;
    let id = text_of(&upload, "upload_id")?;
    let size = upload["part_size_bytes"].as_u64().unwrap_or(1).max(1) as usize;
    for (n, part) in bytes.chunks(size).enumerate() {
        let body = json!({ "parts": [{ "number": n + 1, "size_bytes": part.len() }] });
        let signed = client.post(&format!("/v1/uploads/{id}/parts"), &body).await?;
        client.put_part(&signed["parts"][0], part.to_vec().into()).await?;
    }
    client.post(&format!("/v1/uploads/{id}/complete"), &json!({})).await?;
    until_live(client, &text_of(&upload, "video_id")?).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_and_broken_files_end_with_a_typed_reason_within_a_minute() {
    let Some(shared) = shared() else {
        println!("skipped: the shared samples are not there");
        return;
    };
    let data = tempfile::tempdir().expect("a directory");
    let mut house = spawn(data.path(), free_port(), free_port(), None);
    house.ready().await.expect("ready");
    let operator = house.operator().await.expect("an operator");
    for folder in ["hostile", "broken"] {
        let mut files: Vec<PathBuf> = std::fs::read_dir(shared.join("media").join(folder))
            .expect("readable")
            .flatten()
            .map(|e| e.path())
            .collect();
        files.sort();
        for file in files {
            let name = file.file_name().and_then(|n| n.to_str()).expect("a name").to_owned();
            let bytes = std::fs::read(&file).expect("readable");
            let started = Instant::now();
            let ended = send(&operator, &name, &bytes).await;
            let said = verdict(folder, &name, ended);
            println!("{folder}/{name}: {said} ({:.1} s)", started.elapsed().as_secs_f64());
            assert!(started.elapsed() < SEEN_WITHIN, "{name} took too long");
        }
    }
    let feed = operator.get("/v1/feed?limit=20").await.expect("a page");
    for item in feed["items"].as_array().expect("items") {
        assert_eq!(item["status"], "published", "{item}");
    }
}

/// Checks how a file ended and says it in a word.
fn verdict(folder: &str, name: &str, ended: anyhow::Result<Value>) -> String {
    match ended {
        // Zero bytes never become an upload.
        Err(e) => {
            let refused = e.downcast_ref::<signal::client::ClientError>();
            assert!(
                matches!(refused, Some(signal::client::ClientError::Refused { status: 400..=499, .. })),
                "{name}: {e:#}"
            );
            format!("refused: {e}")
        }
        Ok(video) if video["status"] == "failed" => {
            let code = video["failure"]["code"].as_str().unwrap_or_default().to_owned();
            assert!(code.starts_with("media."), "{name}: {video}");
            assert!(!video["failure"]["message"].as_str().unwrap_or_default().is_empty(), "{name}");
            assert!(video["playback"].is_null(), "{name} is half-published");
            code
        }
        Ok(video) => {
            // A damaged file may publish when (almost) all of it could be decoded; a hostile one never.
            assert_eq!(folder, "broken", "{name} was published: {video}");
            assert_eq!(video["status"], "published", "{name}: {video}");
            "published".to_owned()
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_text_and_an_archive_named_as_videos_fail_and_a_capital_mov_is_welcome() {
    if std::process::Command::new("ffmpeg").arg("-version").output().is_err() {
        println!("skipped: ffmpeg is not installed");
        return;
    }
    let data = tempfile::tempdir().expect("a directory");
    let mut house = spawn(data.path(), free_port(), free_port(), None);
    house.ready().await.expect("ready");
    let operator = house.operator().await.expect("an operator");
    let text =
        send(&operator, "notes.mp4", b"just some words, no video at all\n".repeat(99).as_slice()).await;
    assert!(verdict("hostile", "notes.mp4", text).starts_with("media."));
    let archive = send(&operator, "pack.mp4", &[b"PK\x03\x04".as_slice(), &[0; 9000]].concat()).await;
    assert!(verdict("hostile", "pack.mp4", archive).starts_with("media."));
    let file = clip(data.path(), 2);
    let video = send(&operator, "IMG_0001.MOV", &std::fs::read(file).expect("readable")).await.expect("sent");
    assert_eq!(video["status"], "published", "{video}");
}
