//! `kill -9` at every named point between the first part and publication: after a restart the same
//! video is published exactly once, nothing is lost and no temporary file stays.

mod house;

use anyhow::ensure;
use house::{House, clip, free_port, has_ffmpeg, pad, publish, published_once, sized_clip, spawn};
use moderation::{decisions, moderator, settle};
use std::collections::VecDeque;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use transcode::{growth, transcoder};

/// Points in the order a video passes them, and which passage of the point kills the process.
const POINTS: &[(&str, u32)] = &[
    // A start that is cut: jobs of the clock are claimed, nobody is served yet.
    (work::runner::CLAIMED, 1),
    ("upload.start.begun", 1),
    ("upload.start.recorded", 1),
    ("s3door.part.received", 1),
    ("s3door.part.stored", 1),
    ("s3door.part.stored", 2),
    ("upload.complete.claimed", 1),
    ("s3door.complete.assembled", 1),
    ("s3door.commit.announced", 1),
    ("s3door.commit.data", 1),
    ("s3door.commit.meta", 1),
    ("s3door.complete.committed", 1),
    ("upload.complete.assembled", 1),
    ("s3door.event.delivered", 1),
    ("upload.complete.advanced", 1),
    ("upload.complete.queued", 1),
    (moderator::STARTED, 1),
    (moderator::EXAMINED, 1),
    (moderator::KEPT, 1),
    (moderator::RECORDED, 1),
    (moderator::SETTLED, 1),
    // The moderator has spoken.
    (decisions::DECIDED, 1),
    (settle::APPROVED, 1),
    (settle::HANDED_ON, 1),
    (transcoder::STARTED, 1),
    (transcoder::ENCODED, 1),
    // Half of one rendition stands, then half of the package.
    (transcoder::OBJECT_STORED, 2),
    (transcoder::RENDITIONS_STORED, 1),
    (transcoder::OBJECT_STORED, 5),
    (transcoder::PACKAGE_STORED, 1),
    (transcoder::VERIFYING, 1),
    (transcoder::VERIFIED, 1),
    (transcoder::PUBLISHED, 1),
];

/// Steps that a restart begins again: killed there twice in a row.
const TWICE: &[(&str, u32)] = &[
    ("s3door.complete.assembled", 1),
    (moderator::EXAMINED, 1),
    (transcoder::ENCODED, 1),
    (transcoder::OBJECT_STORED, 5),
    (transcoder::VERIFYING, 1),
];

/// A run waits as much as it works.
const RUNS_AT_ONCE: usize = 3;
/// The file is a part and a bit.
const PADDING: u32 = 6 << 20;

#[test]
fn there_are_more_than_the_twelve_points_promised() {
    assert!(POINTS.len() >= 12);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_at_any_point_the_video_is_published_exactly_once() {
    if !has_ffmpeg() {
        return;
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let file: Arc<Path> = clip(scratch.path(), 2).into();
    pad(&file, PADDING);
    let once = POINTS.iter().map(|(point, nth)| (format!("{point}:{nth}"), 1));
    let twice = TWICE.iter().map(|(point, nth)| (format!("{point}:{nth}"), 2));
    let todo: Arc<Mutex<VecDeque<(String, u32)>>> = Arc::new(Mutex::new(once.chain(twice).collect()));
    let mut runs = tokio::task::JoinSet::new();
    for _ in 0..RUNS_AT_ONCE {
        let (todo, file) = (Arc::clone(&todo), Arc::clone(&file));
        runs.spawn(async move {
            let mut failed = Vec::new();
            loop {
                let Some((point, kills)) = todo.lock().expect("lives").pop_front() else { return failed };
                let started = Instant::now();
                match survive(&point, kills, &file).await {
                    Ok(()) => {
                        let took = started.elapsed().as_secs_f64();
                        println!("{point}, killed {kills} ×: published once, {took:.1} s");
                    }
                    Err(e) => failed.push(format!("{point}, killed {kills} ×: {e:#}")),
                }
            }
        });
    }
    let failed: Vec<String> = runs.join_all().await.concat();
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

async fn survive(point: &str, kills: u32, file: &Path) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let (port, s3) = (free_port(), free_port());
    for _ in 0..kills {
        dies_at(point, spawn(data.path(), port, s3, Some(point)), file).await?;
    }
    let mut last = spawn(data.path(), port, s3, None);
    last.ready().await?;
    let operator = last.operator().await?;
    if point == "s3door.part.stored:1" {
        // What stood on the disk when the process died is not asked for again.
        let upload = house::reserve(&operator, file, std::fs::metadata(file)?.len() as usize, point).await?;
        let id = signal::client::text_of(&upload, "upload_id")?;
        let truth = operator.get(&format!("/v1/uploads/{id}")).await?;
        ensure!(truth["missing"] == serde_json::json!([2]), "a stored part was lost: {truth}");
    }
    let video = publish(&operator, file, point).await?;
    published_once(&operator, data.path(), &video).await?;
    let (status, _) = last.stop().await?;
    ensure!(status.success(), "SIGTERM ended with {status}");
    Ok(())
}

async fn dies_at(point: &str, mut house: House, file: &Path) -> anyhow::Result<()> {
    if house.ready().await.is_ok() {
        // The client notices the death as any client would: its call fails, or it waits in vain.
        let until_dead = async {
            let operator = house.operator().await?;
            publish(&operator, file, point).await
        };
        let _ = tokio::time::timeout(Duration::from_secs(60), until_dead).await;
    }
    let waited = Instant::now();
    let died = loop {
        if let Some(status) = house.dead() {
            break status;
        }
        ensure!(waited.elapsed() < Duration::from_secs(60), "the process never came to this point");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    ensure!(died.signal() == Some(nix::libc::SIGKILL), "it was not killed but ended with {died}");
    Ok(())
}

/// While a published video grows, and when it has.
const GROWTH: &[&str] =
    &[growth::GROWING, growth::GROWN_ENCODED, growth::GROWN_STORED, growth::GROWN_VERIFIED, growth::GROWN];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_while_it_grows_a_video_stays_published_and_grows_once() {
    if !has_ffmpeg() {
        return;
    }
    let scratch = tempfile::tempdir().expect("a directory");
    let file = sized_clip(scratch.path(), "large.mp4", "540x960", 2);
    for point in GROWTH {
        grows_after(point, &file).await.unwrap_or_else(|e| panic!("{point}: {e:#}"));
        println!("{point}: published once, grown once");
    }
}

async fn grows_after(point: &str, file: &Path) -> anyhow::Result<()> {
    let data = tempfile::tempdir()?;
    let (port, s3) = (free_port(), free_port());
    dies_at(point, spawn(data.path(), port, s3, Some(point)), file).await?;
    let mut last = spawn(data.path(), port, s3, None);
    last.ready().await?;
    let operator = last.operator().await?;
    let video = publish(&operator, file, point).await?;
    let id = signal::client::text_of(&video, "id")?;
    let started = Instant::now();
    let grown = loop {
        let video = operator.get(&format!("/v1/videos/{id}")).await?;
        ensure!(video["status"] == "published", "it left the public: {video}");
        let rungs = video["playback"]["rungs"].as_array().cloned().unwrap_or_default();
        if rungs.iter().any(|r| r["height"] == 960) {
            break video;
        }
        ensure!(started.elapsed() < Duration::from_secs(90), "it never grew: {video}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    published_once(&operator, data.path(), &grown).await?;
    let (status, _) = last.stop().await?;
    ensure!(status.success(), "SIGTERM ended with {status}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_approval_whose_encode_was_never_queued_goes_on_at_the_next_start() {
    if !has_ffmpeg() {
        return;
    }
    let data = tempfile::tempdir().expect("a directory");
    let file = clip(data.path(), 2);
    let (port, s3) = (free_port(), free_port());
    let start = |crash_at: Option<&str>| {
        let mut command = house::command(data.path(), port, s3);
        // So long that only the look at the start can find it within this test.
        command.current_dir(data.path()).env("SIGNAL_WORK__SWEEP_AFTER_S", "3600");
        if let Some(point) = crash_at {
            command.env("SIGNAL_TEST_CRASH", point);
        }
        house::start(command, data.path(), port, s3)
    };
    dies_at(settle::APPROVED, start(Some(settle::APPROVED)), &file).await.expect("killed in between");
    let mut next = start(None);
    next.ready().await.expect("ready");
    let operator = next.operator().await.expect("an operator");
    let mine = operator.get("/v1/me/videos?limit=5").await.expect("a page");
    let id = signal::client::text_of(&mine["items"][0], "id").expect("an id");
    let video = house::until_live(&operator, &id).await.expect("published");
    published_once(&operator, data.path(), &video).await.expect("once");
}
