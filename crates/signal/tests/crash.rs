//! `kill -9` at every named point between the first part and publication: after a restart the same
//! video is published exactly once, nothing is lost and no temporary file stays.

mod house;

use house::{clip, free_port, publish, spawn};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Points in the order a video passes them. Each kills the process once.
const POINTS: &[&str] = &[
    "upload.part_stored",
    "upload.before_assemble",
    "upload.after_assemble",
    "upload.after_advance",
    "judge.after_claim",
    "judge.after_examine",
    "judge.after_record",
    "judge.after_advance",
    "review.after_advance",
    "encode.after_claim",
    "encode.after_encode",
    "encode.mid_put",
    "encode.after_put",
    "encode.after_verify",
    "encode.after_publish",
];

#[test]
fn there_are_at_least_twelve_points() {
    assert!(POINTS.len() >= 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_the_video_is_published_exactly_once() {
    if std::process::Command::new("ffmpeg").arg("-version").output().is_err() {
        println!("skipped: ffmpeg is not installed");
        return;
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let file = clip(scratch.path(), 2);
    for point in POINTS {
        let started = std::time::Instant::now();
        survive(point, &file).await.unwrap_or_else(|e| panic!("{point}: {e:#}"));
        println!("{point}: published once, {:.1} s", started.elapsed().as_secs_f64());
    }
}

async fn survive(point: &str, file: &Path) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let (port, s3) = (free_port(), free_port());
    let mut first = spawn(data.path(), port, s3, Some(point));
    first.ready().await?;
    let operator = first.operator().await?;
    // The client notices the death as any client would: its call fails, or it waits in vain.
    let _ = tokio::time::timeout(Duration::from_secs(60), publish(&operator, file, point)).await;
    let waited = std::time::Instant::now();
    while first.dead().is_none() {
        anyhow::ensure!(waited.elapsed() < Duration::from_secs(10), "the process never came to this point");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut second = spawn(data.path(), port, s3, None);
    second.ready().await?;
    let operator = second.operator().await?;
    let video = publish(&operator, file, point).await?;
    anyhow::ensure!(video["status"] == "published", "it ended as {video}");
    let mine = operator.get("/v1/me/videos?limit=50").await?;
    anyhow::ensure!(mine["items"].as_array().map(Vec::len) == Some(1), "more than one video: {mine}");
    let jobs = operator.get("/v1/ops/jobs?state=dead&limit=50").await?;
    anyhow::ensure!(jobs["items"].as_array().is_some_and(Vec::is_empty), "dead jobs: {jobs}");
    every_rendition_plays(&operator, &video).await?;
    // The last job finishes a moment after publication and takes its scratch directory along.
    tokio::time::sleep(Duration::from_millis(500)).await;
    let left = temporary_files(data.path());
    anyhow::ensure!(left.is_empty(), "temporary files stay: {left:?}");
    let status = second.stop();
    anyhow::ensure!(status.success(), "SIGTERM ended with {status}");
    Ok(())
}

async fn every_rendition_plays(operator: &signal::client::Client, video: &serde_json::Value) -> anyhow::Result<()> {
    let http = signal::client::http()?;
    for rung in video["playback"]["rungs"].as_array().into_iter().flatten() {
        for field in ["media_url", "init_url"] {
            let url = rung[field].as_str().unwrap_or_default();
            let url = if url.starts_with('/') { format!("{}{url}", operator.url()) } else { url.to_owned() };
            let answer = http.get(&url).send().await?;
            anyhow::ensure!(answer.status().is_success(), "{url} gives {}", answer.status());
        }
    }
    Ok(())
}

/// What a clean data directory must not hold.
fn temporary_files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if path.is_dir() {
            if name == "jobs" || name == "tmp" || name == "scratch" {
                found.extend(std::fs::read_dir(&path).into_iter().flatten().flatten().map(|e| e.path()));
            } else {
                found.extend(temporary_files(&path));
            }
        } else if name.ends_with(".part") || name.ends_with(".tmp") {
            found.push(path);
        }
    }
    found
}
