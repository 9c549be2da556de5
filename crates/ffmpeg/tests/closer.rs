//! Tier B: the pictures that stand on the screen at the asked moments, and no others.

mod common;

use common::{Bench, quiet, system};
use moderation::CloserPolicy;
use moderation::port::{CloserJob, Examiner};
use moderation::sampling::{CloserPlan, closer};
use vocab::{Millis, VideoId};

/// Four seconds, each brighter than the one before: a picture tells its second.
fn clip(bench: &Bench) -> std::path::PathBuf {
    let path = bench.dir.path().join("steps.mp4");
    let source = "color=black:s=320x240:r=25:d=4,format=yuv420p,geq=lum='40+50*floor(T)':cb=128:cr=128";
    let out = path.to_str().expect("a path");
    system(
        "ffmpeg",
        &["-v", "error", "-y", "-f", "lavfi", "-i", source, "-c:v", "libx264", "-crf", "1", out],
    );
    path
}

fn brightness(jpeg: &std::path::Path) -> u8 {
    let path = jpeg.to_str().expect("a path");
    let args = ["-v", "error", "-i", path, "-vf", "scale=16:16,format=gray", "-f", "rawvideo", "-"];
    system("ffmpeg", &args).1[0]
}

async fn frames(bench: &Bench, name: &str, plan: CloserPlan) -> Vec<(i64, u8)> {
    let (work_dir, source) = (bench.room(name), clip(bench));
    let job = CloserJob { video: VideoId(1), source, work_dir, plan, progress: quiet() };
    let frames = bench.engine.look_closer(job).await.expect("frames").expect("it can");
    frames.iter().map(|f| (f.at_ms.0, brightness(&f.jpeg))).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_frames_a_second_around_two_moments() {
    let bench = Bench::new().await;
    let policy = CloserPolicy { around_ms: Millis(400), ..CloserPolicy::default() };
    let plan = closer(&[Millis(1_000), Millis(3_900)], Millis(4_000), &policy).expect("a plan");
    let seen = frames(&bench, "two", plan).await;
    let times: Vec<i64> = seen.iter().map(|(at, _)| *at).collect();
    assert_eq!(times, [600, 800, 1_000, 1_200, 1_400, 3_600, 3_800]);
    // Full range of a limited 40, 90, 190: a jump of about 58 a second.
    let second = |b: u8| (i64::from(b) - 28 + 29) / 58;
    let seconds: Vec<i64> = seen.iter().map(|(_, b)| second(*b)).collect();
    assert_eq!(seconds, [0, 0, 1, 1, 1, 3, 3], "{seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn moments_after_the_last_picture_are_left_out() {
    let bench = Bench::new().await;
    let spans = vec![(Millis(3_500), Millis(9_000))];
    let seen = frames(&bench, "end", CloserPlan { interval: Millis(200), spans }).await;
    assert!((1..=3).contains(&seen.len()), "{seen:?}");
}
