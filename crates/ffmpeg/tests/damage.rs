//! Damaged files are refused, or published with at most 2 % missing; and nothing outlives its future.

mod common;

use catalog::Transform;
use common::{Bench, media, system};
use moderation::port::MediaError;
use std::path::Path;
use std::time::Duration;

/// A small generator, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % below.max(1)
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_was_cut_off_is_refused() {
    let Some(media) = media() else { return };
    let bench = Bench::new().await;
    let whole = std::fs::read(media.join("natural/butterfly.mp4")).expect("a sample");
    for percent in [5, 30, 60, 90, 97] {
        let path = bench.dir.path().join(format!("cut{percent}.mp4"));
        std::fs::write(&path, &whole[..whole.len() * percent / 100]).expect("a file");
        let answer = bench.examine(&format!("cut{percent}"), &path, &Transform::default()).await;
        match answer {
            Err(MediaError::Refused(r)) => assert!(r.code.starts_with("media."), "{r:?}"),
            other => panic!("{percent} % of a file: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn flipped_bits_never_cost_more_than_two_percent() {
    let Some(media) = media() else { return };
    let bench = Bench::new().await;
    let whole = std::fs::read(media.join("natural/bikes.mp4")).expect("a sample");
    let mut dice = Dice(7);
    let mut accepted = 0;
    for (i, flips) in [1usize, 3, 10, 30, 100, 300, 1_000, 5_000].into_iter().enumerate() {
        let (path, mut data) = (bench.dir.path().join(format!("flip{i}.mp4")), whole.clone());
        for _ in 0..flips {
            let at = dice.roll(data.len());
            data[at] ^= 1 << dice.roll(8);
        }
        std::fs::write(&path, &data).expect("a file");
        let name = format!("flip{i}");
        let seen = match bench.examine(&name, &path, &Transform::default()).await {
            Ok(seen) => seen,
            Err(MediaError::Refused(r)) => {
                assert!(r.code.starts_with("media."), "{r:?}");
                continue;
            }
            Err(other) => panic!("{flips} flips: {other}"),
        };
        accepted += 1;
        let done = bench.publish(&name, &path, (&seen, &Transform::default())).await.expect("is whole");
        let off = (done.rungs[0].duration_ms().0 - 10_000).abs();
        assert!(off <= 10_000 * 2 / 100 + 40, "{flips} flips: {} long", done.rungs[0].duration_ms());
    }
    assert!(accepted < 6, "thousands of flipped bits went unnoticed");
}

/// Processes that work below a directory.
fn workers(dir: &Path) -> usize {
    let cwd = |pid: &std::ffi::OsStr| std::fs::read_link(Path::new("/proc").join(pid).join("cwd")).ok();
    let all = std::fs::read_dir("/proc").expect("procfs").flatten();
    all.filter(|e| cwd(&e.file_name()).is_some_and(|c| c.starts_with(dir))).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dropped_future_takes_its_child_with_it() {
    let bench = Bench::new().await;
    let clip = bench.dir.path().join("long.mp4");
    let out = clip.to_str().expect("a path");
    system(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=1280x720:r=30:d=20",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            out,
        ],
    );
    let whole = Transform::default();
    let seen = bench.examine("long", &clip, &whole).await.expect("is fine");
    {
        let encode = bench.publish("long", &clip, (&seen, &whole));
        let cut_short = tokio::time::timeout(Duration::from_secs(2), encode).await;
        assert!(cut_short.is_err(), "the encode was too quick to be interrupted");
    }
    for _ in 0..40 {
        if workers(bench.dir.path()) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("a child outlives the future that wanted it");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_child_is_a_failure_that_may_be_tried_again() {
    let bench = Bench::new().await;
    let clip = bench.dir.path().join("long.mp4");
    let out = clip.to_str().expect("a path");
    system(
        "ffmpeg",
        &[
            "-v",
            "error",
            "-f",
            "lavfi",
            "-i",
            "testsrc2=s=1280x720:r=30:d=20",
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            out,
        ],
    );
    let whole = Transform::default();
    let seen = bench.examine("long", &clip, &whole).await.expect("is fine");
    let kill = async {
        loop {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let room = bench.dir.path().join("long-b/out");
            let all = std::fs::read_dir("/proc").expect("procfs").flatten();
            for entry in all {
                let is_ours = std::fs::read_link(entry.path().join("cwd")).is_ok_and(|c| c == room);
                // The encode itself, not the audit before it: something was written.
                if is_ours && std::fs::metadata(room.join("240p.mp4")).is_ok_and(|m| m.len() > 0) {
                    let pid = entry.file_name().to_string_lossy().into_owned();
                    system("kill", &["-9", &pid]);
                    return;
                }
            }
        }
    };
    let (answer, ()) = tokio::join!(bench.publish("long", &clip, (&seen, &whole)), kill);
    let error = answer.err().expect("was killed");
    assert!(matches!(&error, MediaError::Failed(said) if said.contains("signal 9")), "{error}");
}
