//! People across the whole product: who signs in keeps what was theirs as a guest.

mod house;

use house::{House, clip, hand_in, has_ffmpeg, reserve, running, status_of};
use serde_json::{Value, json};
use signal::client::{Client, text_of};
use vocab::DeviceId;

const EMAIL: &str = "ada@example.org";
const PASSWORD: &str = "correct horse battery";

async fn guest(house: &House, device: u128) -> Client {
    Client::guest(&house.url, &DeviceId(device).to_string(), "phone").await.expect("a guest")
}

/// An account made on another device, long before.
async fn registered(house: &House) -> Value {
    let body = json!({ "email": EMAIL, "password": PASSWORD, "display_name": "Ada",
        "device_id": DeviceId(1).to_string() });
    let nobody = Client::of_token(&house.url, "").expect("a client");
    nobody.post("/v1/auth/register", &body).await.expect("an account")
}

async fn signed_in(house: &House, guest: &Client, device: u128) -> Client {
    let body = json!({ "email": EMAIL, "password": PASSWORD, "device_id": DeviceId(device).to_string() });
    let session = guest.post("/v1/auth/login", &body).await.expect("signed in");
    Client::of_token(&house.url, &text_of(&session, "access_token").expect("a token")).expect("a client")
}

async fn my_videos(client: &Client) -> Vec<String> {
    let page = client.get("/v1/me/videos?limit=50").await.expect("a page");
    let items = page["items"].as_array().expect("items");
    items.iter().map(|v| text_of(v, "id").expect("an id")).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_guests_videos_are_its_accounts_after_signing_in() {
    if !has_ffmpeg() {
        return;
    }
    let (data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let account = registered(&house).await;
    let guest = guest(&house, 2).await;
    let file = clip(data.path(), 2);
    let handed_in = hand_in(&guest, &file, "whole").await.expect("handed in");
    house::until_live(&operator, &handed_in).await.expect("published");
    // A second one is under way when the guest signs in.
    let size = std::fs::metadata(&file).expect("a file").len() as usize;
    let under_way = reserve(&guest, &file, size, "under-way").await.expect("reserved");
    let under_way_id = text_of(&under_way, "video_id").expect("an id");

    let ada = signed_in(&house, &guest, 2).await;
    assert_eq!(my_videos(&ada).await, [under_way_id.as_str(), handed_in.as_str()], "newest first");
    let video = ada.get(&format!("/v1/videos/{handed_in}")).await.expect("visible");
    assert_eq!((&video["owner"]["id"], &video["status"]), (&account["user"]["id"], &json!("published")));
    let renamed = ada.patch(&format!("/v1/videos/{handed_in}"), &json!({ "title": "Mine" })).await;
    assert_eq!(renamed.expect("an owner may edit")["title"], "Mine");
    let others = operator.get("/v1/feed?limit=20").await.expect("a page");
    assert_eq!(others["items"][0]["owner"]["id"], account["user"]["id"], "viewers see whose it is");

    finish(&ada, &under_way, &std::fs::read(&file).expect("readable")).await.expect("goes on");
    let live = house::until_live(&operator, &under_way_id).await.expect("published");
    assert_eq!((&live["status"], &live["owner"]["id"]), (&json!("published"), &account["user"]["id"]));
    let old = guest.get("/v1/me/videos").await.expect_err("the guest is gone");
    assert_eq!(status_of(&old), Some(401));
    let elsewhere = signed_in(&house, &self::guest(&house, 3).await, 3).await;
    assert_eq!(my_videos(&elsewhere).await.len(), 2, "the same on every device");
}

/// Sends the one part of a reserved upload and completes it.
async fn finish(client: &Client, upload: &Value, bytes: &[u8]) -> anyhow::Result<()> {
    let id = text_of(upload, "upload_id")?;
    let body = json!({ "parts": [{ "number": 1, "size_bytes": bytes.len() }] });
    let signed = client.post(&format!("/v1/uploads/{id}/parts"), &body).await?;
    client.put_part(&signed["parts"][0], bytes.to_vec().into()).await?;
    client.post(&format!("/v1/uploads/{id}/complete"), &json!({})).await?;
    Ok(())
}

/// What `signal` says to a command on this data directory.
fn command(house: &House, words: &[&str]) -> String {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_signal"));
    command.args(words).arg("--data-dir").arg(&house.data);
    let output = command.current_dir(&house.data).output().expect("runs");
    assert!(output.status.success(), "{words:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_compromise_no_old_token_opens_anything_and_nobody_is_signed_out() {
    if !has_ffmpeg() {
        return;
    }
    let (data, mut house) = running().await;
    let port = |url: &str| url.rsplit_once(':').and_then(|(_, p)| p.parse().ok()).expect("a port");
    let (app, door) = (port(&house.url), port(&house.s3_url));
    let account = registered(&house).await;
    let token = text_of(&account, "access_token").expect("a token");
    let rotations = [(&["keys", "rotate"][..], true), (&["keys", "rotate", "--compromised"], false)];
    for (words, old_token_opens) in rotations {
        house.stop().await.expect("stops");
        assert!(command(&house, words).contains("New signing key"));
        house = house::spawn(data.path(), app, door, None);
        house.ready().await.expect("ready");
        let asked = Client::of_token(&house.url, &token).expect("a client").get("/v1/me").await;
        assert_eq!(asked.is_ok(), old_token_opens, "{words:?}: {asked:?}");
    }
    let nobody = Client::of_token(&house.url, "").expect("a client");
    let body = json!({ "refresh_token": account["refresh_token"] });
    let renewed = nobody.post("/v1/auth/refresh", &body).await.expect("still signed in");
    assert_eq!(renewed["user"]["id"], account["user"]["id"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_worker_tidies_up_after_people_from_its_start() {
    if !has_ffmpeg() {
        return;
    }
    let (_data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    for _ in 0..100 {
        let jobs = operator.get("/v1/ops/jobs?kind=identity.housekeep&state=done").await.expect("a page");
        if jobs["items"].as_array().is_some_and(|items| !items.is_empty()) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("no housekeeping was done");
}
