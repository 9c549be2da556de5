//! Demo content: generated videos and simulated viewers, all through the public API.

mod clips;
mod viewers;

use crate::client::{Client, text_of};
use crate::commands::upload::{hash, send_parts};
use anyhow::Context;
use indicatif::ProgressBar;
use serde_json::{Value, json};
use std::path::Path;
use std::time::Duration;
use stdx::Entropy;
use vocab::DeviceId;

pub use clips::CREATORS;

/// Longest wait until one demo video is judged.
const JUDGE_WAIT: Duration = Duration::from_secs(120);
/// Longest wait until all are live.
const LIVE_WAIT: Duration = Duration::from_secs(600);
const POLL: Duration = Duration::from_millis(250);

/// How far the demo is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Progress {
    pub videos: u32,
    pub uploaded: u32,
    pub live: u32,
    pub viewers: u32,
    pub watched: u32,
}

/// What to make and how to tell about it.
pub struct Demo<'a> {
    pub url: &'a str,
    /// A moderator: the pictures were drawn here, so their review is a formality, but a recorded one.
    pub moderator: &'a Client,
    pub entropy: &'a dyn Entropy,
    pub tell: &'a (dyn Fn(Progress) + Send + Sync),
}

impl Demo<'_> {
    /// Makes `videos` videos, waits until they are live and lets `viewers` watch them.
    pub async fn run(&self, videos: u32, viewers: u32) -> anyhow::Result<Progress> {
        let scratch = tempfile::tempdir().context("cannot make a temporary directory")?;
        let mut progress = Progress { videos, viewers, ..Progress::default() };
        (self.tell)(progress);
        let mut creators = Vec::new();
        for name in CREATORS.iter().take(videos.min(5) as usize) {
            creators.push(self.person(name).await?);
        }
        let mut waiting = Vec::new();
        for n in 0..videos as usize {
            let file = clips::draw(n, scratch.path()).await?;
            let owner = &creators[n % creators.len()];
            let id = upload(owner, n, &file).await?;
            tokio::fs::remove_file(&file).await.ok();
            waiting.push(id);
            progress.uploaded += 1;
            (self.tell)(progress);
            self.approve_what_waits(&waiting).await?;
            progress.live += self.count_live(&mut waiting).await?;
            (self.tell)(progress);
        }
        let started = tokio::time::Instant::now();
        while !waiting.is_empty() && started.elapsed() < LIVE_WAIT {
            self.approve_what_waits(&waiting).await?;
            progress.live += self.count_live(&mut waiting).await?;
            (self.tell)(progress);
            tokio::time::sleep(POLL).await;
        }
        anyhow::ensure!(
            waiting.is_empty(),
            "{} demo videos are not live yet; see the operations page",
            waiting.len()
        );
        for n in 0..viewers {
            let viewer = self.person(&format!("Viewer {}", n + 1)).await?;
            progress.watched += viewers::watch(&viewer, self.entropy).await?;
            (self.tell)(progress);
        }
        Ok(progress)
    }

    async fn person(&self, name: &str) -> anyhow::Result<Client> {
        let device = DeviceId(self.entropy.u128()).to_string();
        let client = Client::guest(self.url, &device, "demo").await?;
        client.patch("/v1/me", &json!({ "display_name": name })).await?;
        Ok(client)
    }

    async fn approve_what_waits(&self, ids: &[String]) -> anyhow::Result<()> {
        let started = tokio::time::Instant::now();
        for id in ids {
            loop {
                let video = self.moderator.get(&format!("/v1/videos/{id}")).await?;
                match video["status"].as_str().unwrap_or_default() {
                    "in_review" => {
                        let body = json!({ "decision": "approve", "reason": "generated on this machine as demo content" });
                        self.moderator.post(&format!("/v1/moderation/videos/{id}/decision"), &body).await?;
                        break;
                    }
                    "uploaded" | "judging" if started.elapsed() < JUDGE_WAIT => {
                        tokio::time::sleep(POLL).await
                    }
                    _ => break,
                }
            }
        }
        Ok(())
    }

    /// Takes out of `ids` what is live and says how many that were.
    async fn count_live(&self, ids: &mut Vec<String>) -> anyhow::Result<u32> {
        let mut live = 0;
        let mut left = Vec::new();
        for id in ids.drain(..) {
            let video = self.moderator.get(&format!("/v1/videos/{id}")).await?;
            match video["status"].as_str().unwrap_or_default() {
                "published" => live += 1,
                "failed" | "rejected" => {
                    anyhow::bail!("demo video {id} was not published: {}", video["failure"]["message"])
                }
                _ => left.push(id),
            }
        }
        *ids = left;
        Ok(live)
    }
}

async fn upload(owner: &Client, n: usize, file: &Path) -> anyhow::Result<String> {
    let recipe = clips::recipe(n);
    let size_bytes = std::fs::metadata(file)?.len();
    let sha256 = hash(file)?;
    let name = file.file_name().and_then(|f| f.to_str()).unwrap_or("demo.mp4");
    let upload: Value = owner
        .post(
            "/v1/uploads",
            &json!({
                "filename": name, "size_bytes": size_bytes, "sha256": sha256, "title": recipe.title,
                "caption": recipe.caption, "hashtags": recipe.tags, "visibility": "public",
            }),
        )
        .await?;
    send_parts(owner, &upload, file, &ProgressBar::hidden()).await?;
    let id = text_of(&upload, "upload_id")?;
    let done = owner.post(&format!("/v1/uploads/{id}/complete"), &json!({ "sha256": sha256 })).await?;
    text_of(&done, "video_id")
}
