//! A running `signal up` for tests: the real binary on scratch data and free ports.

#![allow(dead_code, reason = "each test binary uses a part")]

use anyhow::{Context, bail, ensure};
use serde_json::{Value, json};
use signal::client::{Client, text_of};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

pub const START_WAIT: Duration = Duration::from_secs(30);
pub const PUBLISH_WAIT: Duration = Duration::from_secs(90);

pub struct House {
    pub child: Child,
    pub url: String,
    pub data: PathBuf,
}

pub fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port()
}

/// Starts the binary; `crash_at` names the point at which it kills itself.
pub fn spawn(data: &Path, port: u16, s3: u16, crash_at: Option<&str>) -> House {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signal"));
    command
        .args(["up", "--port", &port.to_string(), "--s3-port", &s3.to_string(), "--data-dir"])
        .arg(data)
        .env("SIGNAL_LOG__FILTER", "warn")
        .env("SIGNAL_SERVER__RATE_LIMITS", "false")
        .env("SIGNAL_WORK__SWEEP_AFTER_S", "1")
        .env("SIGNAL_OBJECTS__RESERVE_MIB", "16")
        .current_dir(data)
        .stdout(Stdio::null())
        .stderr(Stdio::inherit());
    if let Some(point) = crash_at {
        command.env("SIGNAL_TEST_CRASH", point);
    }
    let child = command.spawn().expect("the binary starts");
    House { child, url: format!("http://127.0.0.1:{port}"), data: data.to_owned() }
}

impl House {
    pub async fn ready(&mut self) -> anyhow::Result<()> {
        let started = Instant::now();
        let http = signal::client::http()?;
        loop {
            if let Ok(answer) = http.get(format!("{}/readyz", self.url)).send().await
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

    pub fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// SIGTERM and wait.
    pub fn stop(&mut self) -> ExitStatus {
        let pid = nix::unistd::Pid::from_raw(self.child.id().cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGTERM).expect("the child is ours");
        self.child.wait().expect("it ends")
    }
}

impl Drop for House {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A small portrait clip with sound, drawn by ffmpeg.
pub fn clip(dir: &Path, seconds: u32) -> PathBuf {
    let file = dir.join("clip.mp4");
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=240x426:r=30"])
        .args(["-f", "lavfi", "-i", "sine=frequency=440:sample_rate=48000", "-t", &seconds.to_string()])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac"])
        .arg(&file)
        .status()
        .expect("ffmpeg runs");
    assert!(status.success());
    file
}

/// The whole way of one file, every step safe to repeat: the client a phone would be.
pub async fn publish(operator: &Client, file: &Path, key: &str) -> anyhow::Result<Value> {
    let bytes = std::fs::read(file)?;
    let upload = start(operator, file, bytes.len(), key).await?;
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
    until_live(operator, &text_of(&upload, "video_id")?).await
}

async fn start(operator: &Client, file: &Path, size: usize, key: &str) -> anyhow::Result<Value> {
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
            "in_review" => {
                let body = json!({ "decision": "approve", "reason": "test" });
                operator.post(&format!("/v1/moderation/videos/{id}/decision"), &body).await?;
            }
            _ => {}
        }
        ensure!(started.elapsed() < PUBLISH_WAIT, "not live after {PUBLISH_WAIT:?}: {video}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
