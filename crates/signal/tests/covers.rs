//! An owner's own picture through the whole product: drawn anew, decided by a person, shown by a new package; and
//! a server that is killed on the way.

mod house;

use house::curl::{Seen, curl, has_curl};
use house::{House, absolute, clip, free_port, has_ffmpeg, publish, running, spawn};
use serde_json::{Value, json};
use signal::client::Client;
use std::path::Path;
use std::time::{Duration, Instant};

const WAIT: Duration = Duration::from_secs(60);

/// A photo with a comment that nobody is to read.
fn photo(dir: &Path) -> std::path::PathBuf {
    let file = dir.join("photo.png");
    let args =
        ["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "mandelbrot=s=1600x1200", "-frames:v", "1"];
    let made = std::process::Command::new("ffmpeg")
        .args(args)
        .args(["-metadata", "comment=48.137"])
        .arg(&file)
        .status()
        .expect("ffmpeg runs");
    assert!(made.success());
    file
}

fn send(client: &Client, id: &str, file: &Path) -> Seen {
    let (bearer, body) =
        (format!("authorization: Bearer {}", client.access_token()), format!("@{}", file.display()));
    let args = ["-X", "PUT", "-H", bearer.as_str(), "-H", "content-type: image/png", "--data-binary", &body];
    curl(&format!("{}/v1/videos/{id}/cover", client.url()), &args)
}

async fn until(client: &Client, path: &str, what: &str, is_so: impl Fn(&Value) -> bool) -> Value {
    let started = Instant::now();
    loop {
        let found = client.get(path).await.expect("an answer");
        if is_so(&found) {
            return found;
        }
        assert!(started.elapsed() < WAIT, "{what}: {found}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn poster(client: &Client, video: &Value) -> Vec<u8> {
    let seen = curl(&absolute(client, &video["playback"]["poster_url"]).expect("an address"), &[]);
    assert_eq!((seen.status, seen.header("content-type")), (200, "image/jpeg"));
    seen.body
}

async fn decided(client: &Client, id: &str) -> Value {
    let (cover, video) = (format!("/v1/videos/{id}/cover"), format!("/v1/videos/{id}"));
    until(client, &cover, "waits for a person", |c| c["pending"]["state"] == "in_review").await;
    let queue = client.get("/v1/moderation/queue").await.expect("a queue");
    assert_eq!(queue["items"][0]["reason"], "cover", "{queue}");
    let case = client.get(&format!("/v1/moderation/videos/{id}")).await.expect("a case");
    let picture = curl(&absolute(client, &case["cover"]["url"]).expect("an address"), &[]);
    assert_eq!((picture.status, picture.header("cache-control")), (200, "private, max-age=300"));
    let body = json!({ "n": case["cover"]["n"], "decision": "approve" });
    client.post(&format!("/v1/moderation/videos/{id}/cover/decision"), &body).await.expect("decided");
    until(client, &cover, "is shown", |c| c["own"] == true && c["pending"].is_null()).await;
    let video = client.get(&video).await.expect("a video");
    assert_eq!(poster(client, &video), picture.body, "what was approved is what is shown");
    video
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_shown_once_a_person_approved_it_and_not_before() {
    if !has_ffmpeg() || !has_curl() {
        return;
    }
    let (data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let before = publish(&operator, &clip(data.path(), 3), "once").await.expect("published");
    let id = before["id"].as_str().expect("an id");
    let shown = poster(&operator, &before);
    assert_eq!(send(&operator, id, &photo(data.path())).status, 202);
    let cover = format!("/v1/videos/{id}/cover");
    until(&operator, &cover, "waits", |c| c["pending"]["state"] == "in_review").await;
    let meanwhile = operator.get(&format!("/v1/videos/{id}")).await.expect("a video");
    assert_eq!(poster(&operator, &meanwhile), shown);
    let after = decided(&operator, id).await;
    let own = poster(&operator, &after);
    assert_ne!(own, shown);
    assert!(!own.windows(6).any(|w| w == b"48.137"), "a comment got through");
    let bearer = format!("authorization: Bearer {}", operator.access_token());
    let gone = curl(&format!("{}{cover}", operator.url()), &["-X", "DELETE", "-H", &bearer]);
    assert_eq!(gone.status, 204);
    let back = operator.get(&format!("/v1/videos/{id}")).await.expect("a video");
    assert_eq!(poster(&operator, &back), shown);
    assert_eq!(back["playback"]["blurhash"], before["playback"]["blurhash"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_goes_on_with_a_picture() {
    if !has_ffmpeg() || !has_curl() {
        return;
    }
    let (data, mut house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let video = publish(&operator, &clip(data.path(), 3), "once").await.expect("published");
    let id = video["id"].as_str().expect("an id").to_owned();
    for (n, point) in ["moderation.cover.kept", "transcode.cover.ruled"].into_iter().enumerate() {
        house.kill();
        house = restarted(data.path(), Some(point)).await;
        if n == 0 {
            let operator = house.operator().await.expect("an operator");
            assert_eq!(send(&operator, &id, &photo(data.path())).status, 202);
        }
        // The next one goes on with what this one left, once its lease is over.
        let started = Instant::now();
        while house.dead().is_none() {
            assert!(started.elapsed() < WAIT, "{point} is on the way");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    house = restarted(data.path(), None).await;
    let operator = house.operator().await.expect("an operator");
    decided(&operator, &id).await;
}

async fn restarted(data: &Path, crash_at: Option<&str>) -> House {
    let mut house = spawn(data, free_port(), free_port(), crash_at);
    house.ready().await.expect("ready");
    house
}
