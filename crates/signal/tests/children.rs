//! ffmpeg killed from outside, and a server killed while ffmpeg works: the job runs again and the
//! video is published once.

mod house;

use anyhow::{Context, bail, ensure};
use house::{House, free_port, hand_in, has_ffmpeg, published_once, running, sized_clip, spawn, until_live};
use serde_json::Value;
use signal::client::Client;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What runs, and a part of the path of the directory it runs in.
type Step = (&'static str, &'static str);

const PROBE: Step = ("ffprobe", "/scratch/judge/");
const LOOK: Step = ("ffmpeg", "/scratch/judge/");
const ENCODE: Step = ("ffmpeg", "/tracks");
const VERIFY: Step = ("ffprobe", "/decoded");

/// Long enough that a child can be found at work, and small enough for a test.
fn long_clip(dir: &Path) -> PathBuf {
    sized_clip(dir, "long.mp4", "360x640", 6)
}

/// Children of `parent` that run `program` in a directory of whose path `room` is a part.
fn children(parent: u32, (program, room): Step) -> Vec<i32> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|n| n.parse::<i32>().ok()) else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        // `pid (name) state parent …`; the name may hold anything but ends at the last bracket.
        let Some((head, tail)) = stat.rsplit_once(')') else { continue };
        let is_child = tail.split_whitespace().nth(1) == Some(parent.to_string().as_str());
        let place = || std::fs::read_link(entry.path().join("cwd")).unwrap_or_default();
        if is_child && head.ends_with(&format!("({program}")) && place().to_string_lossy().contains(room) {
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

/// Waits for a child at work.
async fn at_work(house: &House, step: Step) -> i32 {
    loop {
        if let Some(pid) = children(house.pid(), step).first() {
            return *pid;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

async fn attempts(operator: &Client, kind: &str) -> anyhow::Result<u64> {
    let jobs = operator.get(&format!("/v1/ops/jobs?kind={kind}&limit=50")).await?;
    let job: &Value = jobs["items"].as_array().and_then(|a| a.first()).context("a job")?;
    job["attempts"].as_u64().with_context(|| format!("attempts of {job}"))
}

/// A probe lives for a tenth of a second: on a busy machine it may come and go unseen.
const ROUNDS: usize = 8;

async fn killed_in(step: Step, kind: &str) -> anyhow::Result<()> {
    for _ in 0..ROUNDS {
        if killed_once(step, kind).await? {
            return Ok(());
        }
    }
    bail!("no {step:?} was seen in {ROUNDS} rounds")
}

/// `false` when the child was not seen before the video came to its end.
async fn killed_once(step: Step, kind: &str) -> anyhow::Result<bool> {
    let (data, house) = running().await;
    let clips = tempfile::tempdir()?;
    let file = long_clip(clips.path());
    let operator = house.operator().await?;
    let video = hand_in(&operator, &file, "once").await?;
    let mut live = std::pin::pin!(until_live(&operator, &video));
    tokio::select! {
        pid = at_work(&house, step) => kill(pid),
        ended = &mut live => return ended.map(|_| false),
    }
    let live = live.await?;
    published_once(&operator, data.path(), &live).await?;
    let tried = attempts(&operator, kind).await?;
    ensure!(tried == 2, "{kind} took {tried} attempts");
    Ok(true)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_probe_that_was_killed_is_not_blamed_on_the_file() {
    if has_ffmpeg() {
        killed_in(PROBE, catalog::jobs::JUDGE).await.expect("published once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ffmpeg_killed_while_it_looks_is_started_again() {
    if has_ffmpeg() {
        killed_in(LOOK, catalog::jobs::JUDGE).await.expect("published once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_ffmpeg_killed_while_it_encodes_is_started_again() {
    if has_ffmpeg() {
        killed_in(ENCODE, catalog::jobs::ENCODE).await.expect("published once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_verification_that_was_killed_starts_again() {
    if has_ffmpeg() {
        killed_in(VERIFY, catalog::jobs::ENCODE).await.expect("published once");
    }
}

/// A server with ffmpeg at work on the second half of a video's way.
async fn encoding(clips: &Path) -> (tempfile::TempDir, House, String, i32) {
    let (data, house) = running().await;
    let operator = house.operator().await.expect("an operator");
    let video = hand_in(&operator, &long_clip(clips), "once").await.expect("handed in");
    let child = tokio::select! {
        pid = at_work(&house, ENCODE) => pid,
        ended = until_live(&operator, &video) => panic!("no ffmpeg was seen: {ended:?}"),
    };
    (data, house, video, child)
}

/// The next server on this data brings the video to its end.
async fn goes_on(data: &Path, video: &str) -> anyhow::Result<()> {
    let mut next = spawn(data, free_port(), free_port(), None);
    next.ready().await?;
    let operator = next.operator().await?;
    let live = until_live(&operator, video).await?;
    published_once(&operator, data, &live).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_takes_its_ffmpeg_along_and_the_next_one_starts_over() {
    if !has_ffmpeg() {
        return;
    }
    let clips = tempfile::tempdir().expect("a directory");
    let (data, mut house, video, child) = encoding(clips.path()).await;
    house.kill();
    let started = Instant::now();
    while is_there(child) {
        assert!(started.elapsed() < Duration::from_secs(5), "ffmpeg outlives its server");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    goes_on(data.path(), &video).await.expect("published once");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_told_to_stop_while_ffmpeg_hangs_ends_in_time_and_gives_the_job_back() {
    if !has_ffmpeg() {
        return;
    }
    let clips = tempfile::tempdir().expect("a directory");
    let (data, mut house, video, child) = encoding(clips.path()).await;
    // It will never come to its end by itself.
    let frozen = nix::sys::signal::Signal::SIGSTOP;
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child), frozen).expect("stops");
    let (status, took) = house.stop().await.expect("ends in time");
    println!("stopped after {:.1} s", took.as_secs_f64());
    assert!(status.success(), "SIGTERM ended with {status}");
    assert!(!is_there(child), "ffmpeg outlives its server");
    goes_on(data.path(), &video).await.expect("published once");
}
