//! A disk without room: uploads are refused before damage, reads go on, and all is well again once
//! there is room.

mod house;

use anyhow::{Context, ensure};
use house::{
    House, absolute, clip, free_port, hand_in, has, has_ffmpeg, publish, running, settings, spawn, status_of,
};
use serde_json::{Value, json};
use signal::client::{Client, ClientError};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Refusals that say that there is no room.
const NO_ROOM: [u16; 2] = [507, 503];

fn no_room(what: &str, answer: anyhow::Result<Value>) -> String {
    let e = answer.expect_err(what);
    assert!(status_of(&e).is_some_and(|s| NO_ROOM.contains(&s)), "{what}: {e:#}");
    match e.downcast_ref::<ClientError>() {
        Some(ClientError::Refused { kind, .. }) => kind.clone(),
        _ => String::new(),
    }
}

/// What a viewer who just arrived asks for. Guests are made while there is room.
async fn reads_go_on(house: &House, viewer: &Client, video: &Value) -> anyhow::Result<()> {
    let feed = viewer.get("/v1/feed?limit=10").await.context("the feed")?;
    let items = feed["items"].as_array().context("items")?;
    ensure!(items.iter().any(|i| i["id"] == video["id"]), "the feed has no video: {feed}");
    viewer.get("/v1/feed?limit=10").await.context("the feed again")?;
    viewer
        .get(&format!("/v1/videos/{}", video["id"].as_str().unwrap_or_default()))
        .await
        .context("a video")?;
    let http = signal::client::http()?;
    for url in [
        absolute(viewer, &video["playback"]["multivariant_url"])?,
        house.url.clone(),
        format!("{}/metrics", house.url),
    ] {
        let answer = http.get(&url).send().await?;
        ensure!(answer.status().is_success(), "{url} gives {}", answer.status());
    }
    Ok(())
}

/// Somebody who has not seen anything yet.
async fn viewer(house: &House, n: u32) -> Client {
    Client::guest(&house.url, &format!("{n:026}"), "phone").await.expect("a guest")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn below_the_reserve_uploads_are_refused_and_reads_go_on() {
    if !has_ffmpeg() {
        return;
    }
    let (data, mut first) = running().await;
    let file = clip(data.path(), 2);
    let operator = first.operator().await.expect("an operator");
    let video = publish(&operator, &file, "before").await.expect("published");
    first.stop().await.expect("stops");

    let (port, s3) = (free_port(), free_port());
    let mut command = house::command(data.path(), port, s3);
    // More than any disk has: as if it were full to the reserve.
    command.env("SIGNAL_OBJECTS__RESERVE_MIB", (1_u64 << 40).to_string());
    let mut full = house::start(command, data.path(), port, s3);
    full.alive().await.expect("alive");
    let http = signal::client::http().expect("a client");
    let ready = http.get(format!("{}/readyz", full.url)).send().await.expect("an answer");
    assert_eq!(ready.status(), 503, "not ready for uploads");
    let operator = full.operator().await.expect("an operator");
    let body = json!({ "filename": "clip.mp4", "size_bytes": 1000, "title": "clip" });
    let kind = no_room("a start", operator.post("/v1/uploads", &body).await);
    assert!(kind.ends_with("insufficient-storage"), "{kind}");
    let body = json!({ "filename": "clip.mp4", "size_bytes": 1000 });
    no_room("the seed's start", operator.post("/upload/presign", &body).await);
    reads_go_on(&full, &viewer(&full, 1).await, &video).await.expect("reads");
    let mine = operator.get("/v1/me/videos?limit=50").await.expect("a page");
    assert_eq!(mine["items"].as_array().map(Vec::len), Some(1), "a refused upload left a video: {mine}");
    full.stop().await.expect("stops");

    let mut freed = spawn(data.path(), free_port(), free_port(), None);
    freed.ready().await.expect("ready");
    let operator = freed.operator().await.expect("an operator");
    publish(&operator, &file, "after").await.expect("published");
}

/// A server in a mount namespace of its own, on a file system of `mib` in memory. `None` where
/// this machine does not let people make one.
fn spawn_on_small_disk(mib: u32, outside: &Path) -> Option<(House, PathBuf)> {
    if !has("unshare", &["--user", "--map-root-user", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/mnt"]) {
        println!("skipped: this machine lets nobody mount a small disk");
        return None;
    }
    let (port, s3) = (free_port(), free_port());
    let mut command = Command::new("unshare");
    command.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    command.arg(format!("mount -t tmpfs -o size={mib}m tmpfs \"$1\" && shift && exec \"$@\"")).arg("sh");
    command.arg(outside);
    let server = house::command(outside, port, s3);
    command.arg(server.get_program()).args(server.get_args());
    settings(&mut command);
    command.env("SIGNAL_OBJECTS__RESERVE_MIB", "0");
    let mut house = house::start(command, outside, port, s3);
    // The server sees the small disk under the same name; we look through its eyes.
    house.data = PathBuf::from(format!("/proc/{}/root", house.pid())).join(outside.strip_prefix("/").ok()?);
    let inside = house.data.clone();
    Some((house, inside))
}

fn fill(dir: &Path) -> std::io::Result<()> {
    use std::io::Write;
    let mut file = std::fs::File::create(dir.join("ballast"))?;
    for size in [1 << 20, 4096, 1] {
        let block = vec![1_u8; size];
        while file.write_all(&block).is_ok() {}
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_disk_without_a_byte_left_writes_say_so_reads_go_on_and_nothing_is_lost() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let clips = tempfile::tempdir().expect("a directory");
    let Some((mut house, inside)) = spawn_on_small_disk(64, dir.path()) else { return };
    house.ready().await.expect("ready");
    let operator = house.operator().await.expect("an operator");
    let file = clip(clips.path(), 2);
    let video = publish(&operator, &file, "before").await.expect("published");
    let id = video["id"].as_str().expect("an id").to_owned();
    // An upload whose part arrives too late for the room that was there.
    let late = house::reserve(&operator, &file, 100_000, "late").await.expect("reserved");
    let parts = format!("/v1/uploads/{}/parts", late["upload_id"].as_str().expect("an id"));
    let signed = operator.post(&parts, &json!({ "numbers": [1] })).await.expect("signed");

    let viewers = [viewer(&house, 1).await, viewer(&house, 2).await, viewer(&house, 3).await];

    fill(&inside).expect("filled");
    let sent = operator.put_part(&signed["parts"][0], vec![7; 100_000].into()).await;
    let refused = format!("{:#}", sent.expect_err("no room for a part"));
    assert!(refused.contains("507") || refused.contains("503"), "{refused}");
    let started = house::reserve(&operator, &file, 100_000, "full").await;
    no_room("a start", started);
    reads_go_on(&house, &viewers[0], &video).await.expect("reads");
    // Small writes find no room either, sooner or later; what they never say is 500.
    for n in 0..200 {
        let like = operator.put(&format!("/v1/videos/{id}/like"), &json!({})).await;
        let device = format!("{:026}", 100 + n);
        let guest = Client::guest(&house.url, &device, "phone").await;
        for (what, e) in [("a like", like.err()), ("a guest", guest.err())] {
            if let Some(e) = e {
                assert!(status_of(&e).is_some_and(|s| NO_ROOM.contains(&s)), "{what}: {e:#}");
            }
        }
    }
    reads_go_on(&house, &viewers[1], &video).await.expect("reads");
    assert!(house.dead().is_none(), "the server lives");

    std::fs::remove_file(inside.join("ballast")).expect("freed");
    operator.put_part(&signed["parts"][0], vec![7; 100_000].into()).await.expect("room for a part");
    let next = hand_in(&operator, &file, "roomy").await.expect("handed in");
    let live = house::until_live(&operator, &next).await.expect("live");
    assert_eq!(live["status"], "published", "{live}");
    reads_go_on(&house, &viewers[2], &video).await.expect("reads");
    let (status, _) = house.stop().await.expect("stops");
    assert!(status.success(), "{status}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_fills_up_while_a_video_is_made_leaves_nothing_half_published() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    let clips = tempfile::tempdir().expect("a directory");
    let Some((mut house, inside)) = spawn_on_small_disk(64, dir.path()) else { return };
    house.ready().await.expect("ready");
    let operator = house.operator().await.expect("an operator");
    let file = clip(clips.path(), 2);
    let id = hand_in(&operator, &file, "once").await.expect("handed in");
    fill(&inside).expect("filled");
    // Jobs fail and wait; the video goes on being told of and is never live.
    for _ in 0..20 {
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
        let seen = operator.get(&format!("/v1/videos/{id}")).await.expect("told");
        assert!(seen["status"] != "published" || !seen["playback"].is_null(), "{seen}");
        assert!(seen["status"] != "failed" && seen["status"] != "rejected", "blamed on the file: {seen}");
    }
    std::fs::remove_file(inside.join("ballast")).expect("freed");
    let live = house::until_live(&operator, &id).await.expect("live");
    house::published_once(&operator, &inside, &live).await.expect("once");
}
