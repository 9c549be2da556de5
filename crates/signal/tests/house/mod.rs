//! A running `signal up` for tests: the real binary on scratch data and free ports.

#![allow(dead_code, reason = "each test binary uses a part")]

pub mod curl;

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use signal::client::{Client, text_of};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub const START_WAIT: Duration = Duration::from_secs(30);
pub const PUBLISH_WAIT: Duration = Duration::from_secs(90);
/// A draining process ends by then.
pub const STOP_WAIT: Duration = Duration::from_secs(10);

pub struct House {
    pub child: Child,
    pub url: String,
    pub s3_url: String,
    pub data: PathBuf,
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// The command that starts the server, for tests that wrap it.
pub fn command(data: &Path, port: u16, s3: u16) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signal"));
    command.args(["up", "--port", &port.to_string(), "--s3-port", &s3.to_string(), "--data-dir"]).arg(data);
    settings(&mut command);
    command
}

/// What every server of these tests runs with.
pub fn settings(command: &mut Command) {
    command
        .env("SIGNAL_LOG__FILTER", "error")
        .env("SIGNAL_SERVER__RATE_LIMITS", "false")
        .env("SIGNAL_WORK__SWEEP_AFTER_S", "1")
        .env("SIGNAL_OBJECTS__RESERVE_MIB", "16")
        // Whatever model this machine has: a person decides, unless a test says otherwise.
        .env("SIGNAL_MODERATION__CLASSIFIER", "none:")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
}

/// Starts the binary; `crash_at` names the point at which it kills itself.
pub fn spawn(data: &Path, port: u16, s3: u16, crash_at: Option<&str>) -> House {
    let mut command = command(data, port, s3);
    command.current_dir(data);
    if let Some(point) = crash_at {
        command.env("SIGNAL_TEST_CRASH", point);
    }
    start(command, data, port, s3)
}

/// Starts a prepared command.
pub fn start(mut command: Command, data: &Path, port: u16, s3: u16) -> House {
    let child = command.spawn().expect("the binary starts");
    House {
        child,
        url: format!("http://127.0.0.1:{port}"),
        s3_url: format!("http://127.0.0.1:{s3}"),
        data: data.to_owned(),
    }
}

/// A server on its own scratch directory, ready to be called.
pub async fn running() -> (tempfile::TempDir, House) {
    let data = tempfile::tempdir().expect("a directory");
    let mut house = spawn(data.path(), free_port(), free_port(), None);
    house.ready().await.expect("ready");
    (data, house)
}

pub fn has(program: &str, args: &[&str]) -> bool {
    Command::new(program).args(args).output().is_ok_and(|o| o.status.success())
}

/// Whether the tests that publish can run; says why not.
pub fn has_ffmpeg() -> bool {
    let found = has("ffmpeg", &["-version"]);
    if !found {
        println!("skipped: ffmpeg is not installed");
    }
    found
}

impl House {
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let url = format!("{}/readyz", self.url);
        self.answers(&url).await
    }

    /// Alive, be it ready for uploads or not.
    pub async fn alive(&mut self) -> anyhow::Result<()> {
        let url = format!("{}/healthz", self.url);
        self.answers(&url).await
    }

    async fn answers(&mut self, url: &str) -> anyhow::Result<()> {
        let started = Instant::now();
        let http = signal::client::http()?;
        loop {
            if let Ok(answer) = http.get(url).send().await
                && answer.status().is_success()
            {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("the server stopped with {status}");
            }
            ensure!(started.elapsed() < START_WAIT, "the server is not ready after {START_WAIT:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn operator(&self) -> anyhow::Result<Client> {
        Client::of_data_dir(&self.data).await
    }

    pub fn dead(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the child is ours")
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    pub fn terminate(&self) {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("the child is ours");
    }

    /// SIGTERM; the status it ended with, and how long that took.
    pub async fn stop(&mut self) -> anyhow::Result<(ExitStatus, Duration)> {
        let asked = Instant::now();
        self.terminate();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok((status, asked.elapsed()));
            }
            ensure!(asked.elapsed() < STOP_WAIT, "still there {STOP_WAIT:?} after SIGTERM");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A small portrait clip with sound, drawn by ffmpeg.
pub fn clip(dir: &Path, seconds: u32) -> PathBuf {
    sized_clip(dir, "clip.mp4", "240x426", seconds)
}

pub fn sized_clip(dir: &Path, name: &str, size: &str, seconds: u32) -> PathBuf {
    let file = dir.join(name);
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", &format!("testsrc2=s={size}:r=30")])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", &seconds.to_string()])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(&file)
        .status()
        .expect("ffmpeg runs");
    assert!(status.success());
    file
}

/// Makes the file longer by a box that players skip: more parts, the same video.
pub fn pad(file: &Path, bytes: u32) {
    let mut content = std::fs::read(file).expect("readable");
    content.extend_from_slice(&bytes.to_be_bytes());
    content.extend_from_slice(b"free");
    content.resize(content.len() + bytes as usize - 8, 0);
    std::fs::write(file, content).expect("writable");
}

/// The whole way of one file, every step safe to repeat: the client a phone would be.
pub async fn publish(operator: &Client, file: &Path, key: &str) -> anyhow::Result<Value> {
    let video = hand_in(operator, file, key).await?;
    until_live(operator, &video).await
}

/// Uploads and completes; the id of the video.
pub async fn hand_in(operator: &Client, file: &Path, key: &str) -> anyhow::Result<String> {
    let bytes = std::fs::read(file)?;
    let upload = reserve(operator, file, bytes.len(), key).await?;
    let id = text_of(&upload, "upload_id")?;
    let truth = operator.get(&format!("/v1/uploads/{id}")).await?;
    if truth["status"] != "completed" {
        for number in truth["missing"].as_array().into_iter().flatten() {
            let number = number.as_u64().context("a part number")?;
            let size = upload["part_size_bytes"].as_u64().context("part size")? as usize;
            let from = (number as usize - 1) * size;
            let part = bytes[from..(from + size).min(bytes.len())].to_vec();
            let body = json!({ "parts": [{ "number": number, "size_bytes": part.len() }] });
            let signed = operator.post(&format!("/v1/uploads/{id}/parts"), &body).await?;
            operator.put_part(&signed["parts"][0], part.into()).await?;
        }
    }
    operator.post(&format!("/v1/uploads/{id}/complete"), &json!({})).await?;
    text_of(&upload, "video_id")
}

pub async fn reserve(operator: &Client, file: &Path, size: usize, key: &str) -> anyhow::Result<Value> {
    let name = file.file_name().and_then(|n| n.to_str()).unwrap_or("clip.mp4");
    let body = json!({ "filename": name, "size_bytes": size, "title": "clip", "visibility": "public" });
    operator.post_keyed("/v1/uploads", &body, key).await
}

/// Approves when asked, waits until the video is live; a typed failure ends the wait.
pub async fn until_live(operator: &Client, id: &str) -> anyhow::Result<Value> {
    let started = Instant::now();
    loop {
        let video = operator.get(&format!("/v1/videos/{id}")).await?;
        match video["status"].as_str().context("a status")? {
            "published" | "failed" | "rejected" => return Ok(video),
            "in_review" => approve(operator, id).await?,
            _ => {}
        }
        ensure!(started.elapsed() < PUBLISH_WAIT, "not live after {PUBLISH_WAIT:?}: {video}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn approve(operator: &Client, id: &str) -> anyhow::Result<()> {
    let body = json!({ "decision": "approve", "reason": "test" });
    match operator.post(&format!("/v1/moderation/videos/{id}/decision"), &body).await {
        Ok(_) => Ok(()),
        // A decision that a killed process had written came into force meanwhile.
        Err(e) if status_of(&e) == Some(409) => Ok(()),
        Err(e) => Err(e),
    }
}

/// The status the server refused with, when it did.
pub fn status_of(e: &anyhow::Error) -> Option<u16> {
    match e.downcast_ref::<signal::client::ClientError>()? {
        signal::client::ClientError::Refused { status, .. } => Some(*status),
        _ => None,
    }
}

/// Exactly one published video of this uploader, no dead letter, every rendition there to its last
/// segment, and nothing half done on the disk.
pub async fn published_once(operator: &Client, data: &Path, video: &Value) -> anyhow::Result<()> {
    ensure!(video["status"] == "published", "it ended as {video}");
    let mine = operator.get("/v1/me/videos?limit=50").await?;
    ensure!(mine["items"].as_array().map(Vec::len) == Some(1), "more than one video: {mine}");
    let dead = operator.get("/v1/ops/jobs?state=dead&limit=50").await?;
    ensure!(dead["items"].as_array().is_some_and(Vec::is_empty), "dead jobs: {dead}");
    every_rendition_plays(operator, video).await?;
    // The last job finishes a moment after publication and takes its scratch directory along.
    let started = Instant::now();
    loop {
        let left = leftovers(data);
        if left.is_empty() {
            return Ok(());
        }
        ensure!(started.elapsed() < Duration::from_secs(3), "temporary files stay: {left:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn every_rendition_plays(operator: &Client, video: &Value) -> anyhow::Result<()> {
    let http = signal::client::http()?;
    let rungs = video["playback"]["rungs"].as_array().context("rungs")?;
    ensure!(!rungs.is_empty(), "no rungs: {video}");
    for rung in rungs {
        let playlist = absolute(operator, &rung["media_url"])?;
        let text = http.get(&playlist).send().await?.error_for_status()?.text().await?;
        let base = playlist.rsplit_once('/').context("a path")?.0;
        let names: Vec<&str> = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).collect();
        let sizes = rung["segment_bytes"].as_array().context("sizes")?;
        ensure!(names.len() == sizes.len() && !names.is_empty(), "{} segments of {sizes:?}", names.len());
        for (name, size) in names.iter().zip(sizes) {
            let bytes = http.get(format!("{base}/{name}")).send().await?.error_for_status()?.bytes().await?;
            ensure!(
                size.as_u64() == Some(bytes.len() as u64),
                "{name} has {} bytes, not {size}",
                bytes.len()
            );
        }
        let init = http.get(absolute(operator, &rung["init_url"])?).send().await?;
        ensure!(init.status().is_success(), "init gives {}", init.status());
    }
    Ok(())
}

pub fn absolute(client: &Client, url: &Value) -> anyhow::Result<String> {
    let url = url.as_str().context("an address")?;
    Ok(if url.starts_with('/') { format!("{}{url}", client.url()) } else { url.to_owned() })
}

/// What a data directory at rest must not hold: scratch of jobs, files under way, parts of uploads
/// that ended, events nobody took, data without metadata.
pub fn leftovers(data: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for room in ["scratch/judge", "scratch/encode", "objects/.tmp", "objects/.uploads", "objects/.events"] {
        found.extend(std::fs::read_dir(data.join(room)).into_iter().flatten().flatten().map(|e| e.path()));
    }
    let all = files_below(data);
    found.extend(all.iter().filter(|p| p.extension().is_some_and(|e| e == "part" || e == "tmp")).cloned());
    for file in all {
        let name = file.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        // Objects are kept as `stem,generation` beside `stem,meta`.
        if let Some((stem, generation)) = name.split_once(',')
            && generation != "meta"
            && !names_generation(&file.with_file_name(format!("{stem},meta")), generation)
        {
            found.push(file);
        }
    }
    found
}

fn names_generation(meta: &Path, generation: &str) -> bool {
    let text = std::fs::read_to_string(meta).unwrap_or_default();
    let meta: Value = serde_json::from_str(&text).unwrap_or_default();
    meta["generation"].as_u64().is_some_and(|g| format!("{g:016x}") == generation)
}

fn files_below(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files_below(&path)),
            path => found.push(path),
        }
    }
    found
}
