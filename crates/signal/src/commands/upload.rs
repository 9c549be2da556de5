//! `signal upload`: presigned parts, progress, resume by the server's part list, then the status until live.

use super::Ctx;
use crate::cli::UploadArgs;
use crate::client::{Client, text_of};
use anyhow::Context;
use bytes::Bytes;
pub use indicatif::ProgressBar as Bar;
use indicatif::ProgressStyle;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::io::{IsTerminal, Read, Seek, SeekFrom};
use std::path::Path;
use std::time::Duration;

/// Parts signed in one call.
const SIGN_BATCH: u64 = 4;
/// Tries for one part before the upload stops (it can be resumed).
const PART_TRIES: u32 = 4;
/// Longest wait for publication.
const PUBLISH_WAIT: Duration = Duration::from_secs(15 * 60);
const POLL: Duration = Duration::from_millis(500);

pub async fn run(ctx: &Ctx, args: &UploadArgs) -> anyhow::Result<()> {
    let client = Client::of_data_dir(&ctx.data_dir).await?;
    let mut results = Vec::new();
    let mut failed = 0;
    for file in &args.files {
        match one(ctx, &client, args, file).await {
            Ok(video) => results.push(video),
            Err(e) => {
                failed += 1;
                eprintln!("{}: {e:#}", file.display());
                results.push(json!({ "file": file.display().to_string(), "error": format!("{e:#}") }));
            }
        }
    }
    if ctx.json {
        ctx.print_json(&json!({ "items": results }))?;
    }
    anyhow::ensure!(failed == 0, "{failed} of {} did not make it", args.files.len());
    Ok(())
}

async fn one(ctx: &Ctx, client: &Client, args: &UploadArgs, file: &Path) -> anyhow::Result<Value> {
    let name = file.file_name().and_then(|n| n.to_str()).context("the file has no name")?;
    let meta = std::fs::metadata(file).context("cannot read the file")?;
    anyhow::ensure!(meta.is_file(), "is not a file");
    let sha256 = hash(file)?;
    let title = if args.title.is_empty() { name.split('.').next().unwrap_or(name) } else { &args.title };
    let upload = client
        .post(
            "/v1/uploads",
            &json!({
                "filename": name, "size_bytes": meta.len(), "sha256": sha256, "title": title,
                "caption": args.caption, "hashtags": args.tags, "visibility": args.visibility,
            }),
        )
        .await?;
    let bar = progress(ctx, meta.len(), name);
    send_parts(client, &upload, file, &bar).await?;
    let id = text_of(&upload, "upload_id")?;
    let done = client.post(&format!("/v1/uploads/{id}/complete"), &json!({ "sha256": sha256 })).await?;
    let video = text_of(&done, "video_id")?;
    if args.no_wait {
        bar.finish_and_clear();
        if !ctx.json {
            println!("{name}: uploaded as {video}");
        }
        return Ok(done);
    }
    follow(ctx, client, &video, name, &bar).await
}

/// SHA-256 of the file, in hex.
pub fn hash(file: &Path) -> anyhow::Result<String> {
    let mut input = std::fs::File::open(file).context("cannot read the file")?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0u8; 1 << 20];
    loop {
        let n = input.read(&mut buffer)?;
        if n == 0 {
            return Ok(hasher.finalize().iter().map(|b| format!("{b:02x}")).collect());
        }
        hasher.update(&buffer[..n]);
    }
}

/// Sends every part the server does not have yet.
pub async fn send_parts(client: &Client, upload: &Value, file: &Path, bar: &Bar) -> anyhow::Result<()> {
    let id = text_of(upload, "upload_id")?;
    let part_size = upload["part_size_bytes"].as_u64().context("the answer has no part size")?;
    let count = upload["part_count"].as_u64().context("the answer has no part count")?;
    let size = std::fs::metadata(file)?.len();
    let mut first = 1;
    while first <= count {
        let numbers: Vec<u64> = (first..=count.min(first + SIGN_BATCH - 1)).collect();
        first += SIGN_BATCH;
        for number in numbers {
            let offset = (number - 1) * part_size;
            let length = part_size.min(size - offset.min(size));
            let bytes = read_at(file, offset, length)?;
            send_part(client, &id, number, bytes).await?;
            bar.inc(length);
        }
    }
    Ok(())
}

fn read_at(file: &Path, offset: u64, length: u64) -> anyhow::Result<Bytes> {
    let mut input = std::fs::File::open(file)?;
    input.seek(SeekFrom::Start(offset))?;
    let mut bytes = vec![0u8; usize::try_from(length)?];
    input.read_exact(&mut bytes).context("the file changed while it was read")?;
    Ok(Bytes::from(bytes))
}

/// One part with retries; every try asks for a fresh signature.
async fn send_part(client: &Client, id: &str, number: u64, bytes: Bytes) -> anyhow::Result<()> {
    let mut tries = 0;
    loop {
        tries += 1;
        let attempt = async {
            let body = json!({ "parts": [{ "number": number, "size_bytes": bytes.len() }] });
            let signed = client.post(&format!("/v1/uploads/{id}/parts"), &body).await?;
            client.put_part(&signed["parts"][0], bytes.clone()).await
        };
        match attempt.await {
            Ok(_) => return Ok(()),
            Err(e) if tries >= PART_TRIES => {
                return Err(e.context(format!("part {number} failed {tries} times")));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(250 << tries)).await,
        }
    }
}

fn progress(ctx: &Ctx, total: u64, name: &str) -> Bar {
    if ctx.json || !std::io::stderr().is_terminal() {
        return Bar::hidden();
    }
    let bar = Bar::new(total);
    let style = ProgressStyle::with_template("{msg:24!} {bar:30} {bytes}/{total_bytes} {eta} left");
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar.set_message(name.to_owned());
    bar
}

async fn follow(ctx: &Ctx, client: &Client, id: &str, name: &str, bar: &Bar) -> anyhow::Result<Value> {
    let started = tokio::time::Instant::now();
    let mut said = String::new();
    loop {
        let video = client.get(&format!("/v1/videos/{id}")).await?;
        let status = text_of(&video, "status")?;
        let text = video["status_text"].as_str().unwrap_or(&status).to_owned();
        if text != said {
            bar.suspend(|| {
                if !ctx.json {
                    println!("{name}: {text}");
                }
            });
            said = text;
        }
        match status.as_str() {
            "published" | "unlisted" | "in_review" => {
                bar.finish_and_clear();
                if !ctx.json && status != "in_review" {
                    println!("{name}: {}", video["link"].as_str().unwrap_or_default());
                }
                return Ok(video);
            }
            "rejected" | "failed" | "removed" | "erased" => {
                bar.finish_and_clear();
                let why = video["failure"]["message"].as_str().or(video["verdict"]["reason"].as_str());
                anyhow::bail!("{}", why.unwrap_or("it was not published"));
            }
            _ if started.elapsed() > PUBLISH_WAIT => {
                anyhow::bail!("not live after {PUBLISH_WAIT:?}; see signal videos {id}")
            }
            _ => tokio::time::sleep(POLL).await,
        }
    }
}
