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

/// What a file that was let through may lack: 2 %, and one picture at either end.
fn lacks(is_ms: i64, whole_ms: i64) -> Result<(), String> {
    let off = whole_ms - is_ms;
    if off.abs() <= whole_ms * 2 / 100 + 40 { Ok(()) } else { Err(format!("{off} ms are missing")) }
}

async fn damaged(bench: &Bench, name: &str, data: &[u8], whole_ms: i64) -> Result<bool, String> {
    let path = bench.dir.path().join(name);
    std::fs::write(&path, data).expect("a file");
    let whole = Transform::default();
    let seen = match bench.examine(name, &path, &whole).await {
        Ok(seen) => seen,
        Err(MediaError::Refused(r)) if r.code.starts_with("media.") => return Ok(false),
        Err(other) => return Err(format!("{name}: {other:?}")),
    };
    lacks(seen.source.duration_ms.0, whole_ms).map_err(|e| format!("{name}, audited: {e}"))?;
    // A file that passes the examination may still be refused, but never published with less.
    match bench.publish(name, &path, (&seen, &whole)).await {
        Ok(done) => {
            lacks(done.rungs[0].duration_ms().0, whole_ms).map_err(|e| format!("{name}, published: {e}"))?;
            Ok(true)
        }
        Err(MediaError::Refused(_) | MediaError::Failed(_)) => Ok(false),
        Err(other) => Err(format!("{name}: {other:?}")),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_cut_or_scrambled_is_whole_or_refused() {
    let Some(media) = media() else { return };
    let bench = Bench::new().await;
    let (mut wrong, mut passed, mut tried) = (Vec::new(), 0, 0);
    for (file, whole_ms) in [("natural/trams_240p_60fps_5s.mp4", 5_000), ("natural/bikes.mp4", 10_000)] {
        let whole = std::fs::read(media.join(file)).expect("a sample");
        for seed in 1..=SEEDS {
            let (mut dice, mut data) = (Dice(seed), whole.clone());
            let what = match seed % 4 {
                0 => {
                    data.truncate(dice.roll(whole.len()));
                    "cut"
                }
                // Anywhere, in the tables at the front and back, and in one stretch.
                1 => {
                    (0..=dice.roll(40)).for_each(|_| flip(&mut data, &mut dice, 0, whole.len()));
                    "flipped"
                }
                2 => {
                    let (near, end) = (whole.len() / 50, whole.len());
                    (0..=dice.roll(8)).for_each(|_| flip(&mut data, &mut dice, 0, near));
                    (0..=dice.roll(8)).for_each(|_| flip(&mut data, &mut dice, end - near, end));
                    "tables"
                }
                _ => {
                    let (at, n) = (dice.roll(whole.len()), dice.roll(whole.len() / 20));
                    data[at..].iter_mut().take(n).for_each(|b| *b = 0);
                    "zeroed"
                }
            };
            tried += 1;
            match damaged(&bench, &format!("{what}-{whole_ms}-{seed}"), &data, whole_ms).await {
                Ok(whole) => passed += usize::from(whole),
                Err(e) => wrong.push(e),
            }
        }
    }
    println!("of {tried} damaged files {passed} were whole enough to be published");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Damaged copies of each sample.
const SEEDS: u64 = 16;

fn flip(data: &mut [u8], dice: &mut Dice, from: usize, to: usize) {
    let at = from + dice.roll(to - from);
    data[at] ^= 1 << dice.roll(8);
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
