//! ffmpeg killed from outside, and a server killed while ffmpeg works: the job runs again and the
//! video is published once.

mod house;

use anyhow::{Context, bail, ensure};
use house::{House, free_port, hand_in, has_ffmpeg, published_once, running, sized_clip, spawn, until_live};
use serde_json::Value;
use signal::client::Client;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Long enough that a child can be found at work, and small enough for a test.
const SECONDS: u32 = 12;

fn long_clip(dir: &Path) -> PathBuf {
    sized_clip(dir, "long.mp4", "720x1280", SECONDS)
}

/// Children of `parent` that run `name`.
fn children(parent: u32, name: &str) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // `pid (name) state parent …`; the name may hold anything but ends at the last bracket.
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        let is_child = tail.split_whitespace().nth(1) == Some(parent.to_string().as_str());
        let is_gone = tail.split_whitespace().next() == Some("Z");
        if is_child && !is_gone && head.ends_with(&format!("({name}")) {
            found.push(pid);
        }
    }
    found
}

fn kill(pid: i32) {
    let _ = nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
}

fn is_there(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, tail)| tail.split_whitespace().next() != Some("Z"))
}

/// Waits for the video to be in `status` with ffmpeg at work on it.
async fn at_work(house: &House, operator: &Client, video: &str, status: &str) -> anyhow::Result<i32> {
    let started = Instant::now();
    loop {
        let seen = operator.get(&format!("/v1/videos/{video}")).await?;
        if seen["status"] == "in_review" {
            // The moderator is not what this test waits for.
            let body = serde_json::json!({ "decision": "approve", "reason": "test" });
            operator.post(&format!("/v1/moderation/videos/{video}/decision"), &body).await?;
        }
        if seen["status"] == status
            && let Some(pid) = children(house.pid(), "ffmpeg").first()
        {
            return Ok(*pid);
        }
        if matches!(seen["status"].as_str(), Some("failed" | "rejected" | "published")) {
            bail!("no ffmpeg was seen before it came to {seen}");
        }
        ensure!(started.elapsed() < Duration::from_secs(60), "no ffmpeg at work in {status}: {seen}");
        tokio::time::sleep(Duration::from_millis(3)).await;
    }
}

async fn attempts(operator: &Client, kind: &str) -> anyhow::Result<u64> {
    let jobs = operator.get(&format!("/v1/ops/jobs?kind={kind}&limit=50")).await?;
    let job: &Value = jobs["items"].as_array().and_then(|a| a.first()).context("a job")?;
    job["attempt"].as_u64().with_context(|| format!("attempts of {job}"))
}

async fn killed_in(status: &str, kind: &str) -> anyhow::Result<()> {
    let (data, house) = running().await;
    let file = long_clip(data.path());
    let operator = house.operator().await?;
    let video = hand_in(&operator, &file, "once").await?;
    kill(at_work(&house, &operator, &video, status).await?);
    let live = until_live(&operator, &video).await?;
    std::fs::remove_file(file)?;
    published_once(&operator, data.path(), &live).await?;
    let tried = attempts(&operator, kind).await?;
    ensure!(tried == 2, "{kind} took {tried} attempts");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ffmpeg_killed_while_it_looks_is_started_again() {
    if has_ffmpeg() {
        killed_in("judging", catalog::jobs::JUDGE).await.expect("published once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ffmpeg_killed_while_it_encodes_is_started_again() {
    if has_ffmpeg() {
        killed_in("encoding", catalog::jobs::ENCODE).await.expect("published once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ffmpeg_killed_while_it_verifies_is_started_again() {
    if has_ffmpeg() {
        killed_in("verifying", catalog::jobs::ENCODE).await.expect("published once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_takes_its_ffmpeg_along_and_the_next_one_starts_over() {
    if !has_ffmpeg() {
        return;
    }
    let (data, mut house) = running().await;
    let file = long_clip(data.path());
    let operator = house.operator().await.expect("an operator");
    let video = hand_in(&operator, &file, "once").await.expect("handed in");
    let child = at_work(&house, &operator, &video, "encoding").await.expect("at work");
    house.kill();
    let started = Instant::now();
    while is_there(child) {
        assert!(started.elapsed() < Duration::from_secs(5), "ffmpeg outlives its server");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let mut next = spawn(data.path(), free_port(), free_port(), None);
    next.ready().await.expect("ready");
    let operator = next.operator().await.expect("an operator");
    let live = until_live(&operator, &video).await.expect("live");
    std::fs::remove_file(file).expect("removed");
    published_once(&operator, data.path(), &live).await.expect("published once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_told_to_stop_while_ffmpeg_works_ends_in_time_and_gives_the_job_back() {
    if !has_ffmpeg() {
        return;
    }
    let (data, mut house) = running().await;
    // Longer than the drain lasts.
    let file = sized_clip(data.path(), "long.mp4", "1080x1920", 40);
    let operator = house.operator().await.expect("an operator");
    let video = hand_in(&operator, &file, "once").await.expect("handed in");
    let child = at_work(&house, &operator, &video, "encoding").await.expect("at work");
    let (status, took) = house.stop().await.expect("ends in time");
    assert!(status.success(), "SIGTERM ended with {status}");
    println!("stopped after {:.1} s", took.as_secs_f64());
    assert!(!is_there(child), "ffmpeg outlives its server");
    let mut next = spawn(data.path(), free_port(), free_port(), None);
    next.ready().await.expect("ready");
    let operator = next.operator().await.expect("an operator");
    at_work(&next, &operator, &video, "encoding").await.expect("taken up again");
}
