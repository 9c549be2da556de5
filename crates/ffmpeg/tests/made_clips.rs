//! Clips made for one question each: when, how loud, which way up, which part, and always the same.

mod common;

use catalog::Transform;
use common::{Bench, system};
use std::path::{Path, PathBuf};
use transcode::Encoder;
use vocab::Millis;

/// Makes a clip with lavfi sources.
fn make(path: &Path, video: &str, audio: Option<&str>) -> PathBuf {
    let mut args = vec!["-v", "error", "-y", "-f", "lavfi", "-i", video];
    if let Some(audio) = audio {
        args.extend(["-f", "lavfi", "-i", audio]);
    }
    let out = path.to_str().expect("a path");
    args.extend(["-c:v", "libx264", "-preset", "ultrafast", "-crf", "1", "-g", "30", "-pix_fmt", "yuv420p"]);
    args.extend(["-colorspace", "bt709", "-c:a", "aac", "-b:a", "160k", "-shortest", out]);
    system("ffmpeg", &args);
    path.to_owned()
}

/// Brightness of each picture of a file of plain pictures, full range.
fn brightness(path: &Path, stream: &str) -> Vec<u8> {
    let path = path.to_str().expect("a path");
    // ffmpeg 5.1 widens the range twice when it scales to one grey pixel in one go: so sixteen of them.
    let mut args = vec!["-v", "error", "-i", path, "-map", stream, "-vf", "scale=16:16,format=gray"];
    args.extend(["-fps_mode", "passthrough", "-f", "rawvideo", "-"]);
    system("ffmpeg", &args).1.into_iter().step_by(256).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sound_and_picture_meet_within_a_millisecond() {
    let bench = Bench::new().await;
    // White for one picture and a tone of 20 ms, every second from 0.5 s on.
    let clip = make(
        &bench.dir.path().join("beep.mp4"),
        "color=black:s=320x240:r=30:d=6,format=yuv420p,geq=lum='if(lt(mod(T+0.5\\,1)\\,0.033)\\,235\\,16)':cb=128:cr=128",
        Some("aevalsrc='if(lt(mod(t+0.5,1),0.02),0.6*sin(2*PI*1000*t),0)':s=48000:d=6"),
    );
    let whole = Transform::default();
    let seen = bench.examine("beep", &clip, &whole).await.expect("is fine");
    let done = bench.publish("beep", &clip, (&seen, &whole)).await.expect("is published");
    let file = done.files.last().expect("a rung");
    let flashes: Vec<usize> = on_sets(&brightness(file, "0:v"), |b| *b > 128);
    let path = file.to_str().expect("a path");
    let pcm = system("ffmpeg", &["-v", "error", "-i", path, "-map", "0:a", "-ac", "1", "-f", "s16le", "-"]).1;
    let samples: Vec<f64> =
        pcm.chunks_exact(2).map(|c| f64::from(i16::from_le_bytes([c[0], c[1]]))).collect();
    assert!(flashes.len() >= 5, "{flashes:?}");
    for flash in flashes {
        let expected = flash * 48_000 / 30;
        let offset = tone_offset(&samples, expected);
        assert!(offset.abs() <= 48, "{offset} samples at picture {flash}");
    }
}

fn on_sets<T>(values: &[T], on: impl Fn(&T) -> bool) -> Vec<usize> {
    (0..values.len()).filter(|i| on(&values[*i]) && (*i == 0 || !on(&values[i - 1]))).collect()
}

/// Where, around a moment, a 20 ms tone of 1 kHz fits best; in samples after it.
fn tone_offset(samples: &[f64], at: usize) -> i64 {
    let tone: Vec<f64> = (0..960).map(|i| (f64::from(i) * std::f64::consts::TAU / 48.0).sin()).collect();
    let fit = |shift: i64| -> f64 {
        let start = at as i64 + shift;
        let part = samples.iter().skip(start.max(0) as usize);
        part.zip(&tone).map(|(s, t)| s * t).sum()
    };
    (-960..=960).max_by(|a, b| fit(*a).total_cmp(&fit(*b))).unwrap_or(i64::MAX)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quiet_sound_comes_out_at_the_target() {
    let bench = Bench::new().await;
    let clip = make(
        &bench.dir.path().join("quiet.mp4"),
        "color=gray:s=320x240:r=30:d=8",
        Some("anoisesrc=color=pink:amplitude=0.3:r=48000:d=8:seed=3,tremolo=f=2:d=0.6"),
    );
    let whole = Transform::default();
    let seen = bench.examine("quiet", &clip, &whole).await.expect("is fine");
    let before = seen.loudness.expect("is measured").integrated_centi_lufs;
    assert!(before < -2_200, "{before}");
    let done = bench.publish("quiet", &clip, (&seen, &whole)).await.expect("is published");
    let path = done.files[0].to_str().expect("a path");
    let said =
        system("ffmpeg", &["-i", path, "-map", "0:a", "-af", "ebur128=peak=true", "-f", "null", "-"]).0;
    let last = |key: &str| -> f64 {
        let line = said.lines().rev().find(|l| l.trim_start().starts_with(key)).expect("a summary");
        line.split_whitespace().nth(1).and_then(|v| v.parse().ok()).expect("a number")
    };
    assert!((last("I:") + 16.0).abs() <= 0.6, "{} LUFS", last("I:"));
    assert!(last("Peak:") <= -1.0, "{} dBTP", last("Peak:"));
}

/// A clip whose brightness tells the time: 16 + 20 a second.
fn clock(bench: &Bench) -> PathBuf {
    make(
        &bench.dir.path().join("clock.mp4"),
        "color=black:s=320x240:r=30:d=10,format=yuv420p,geq=lum='16+20*T':cb=128:cr=128",
        Some("sine=frequency=300:sample_rate=48000:duration=10"),
    )
}

/// What `brightness` says of a moment of that clip, as full range.
fn shade(ms: i64) -> i64 {
    20 * ms * 255 / 219 / 1_000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn trim_mute_and_cover_are_applied() {
    let bench = Bench::new().await;
    let clip = clock(&bench);
    let transform = Transform {
        trim_start_ms: Some(Millis(2_000)),
        trim_end_ms: Some(Millis(7_500)),
        mute: true,
        cover_at_ms: Some(Millis(3_000)),
    };
    let seen = bench.examine("clock", &clip, &transform).await.expect("is fine");
    // Moderation sees all of the file, each frame at the time it says.
    assert_eq!(seen.frames.len(), 10);
    for frame in &seen.frames {
        let is = i64::from(brightness(&frame.jpeg, "0:v")[0]);
        assert!((is - shade(frame.at_ms.0)).abs() <= 6, "{is} at {}", frame.at_ms);
    }
    let cover = i64::from(brightness(&seen.poster, "0:v")[0]);
    assert!((cover - shade(5_000)).abs() <= 6, "{cover}");
    let sprite = seen.sprite.clone().expect("a sheet");
    assert_eq!((sprite.facts.tiles, sprite.facts.columns, sprite.facts.rows), (6, 6, 1));

    let done = bench.publish("clock", &clip, (&seen, &transform)).await.expect("is published");
    assert_eq!(done.rungs[0].duration_ms(), Millis(5_500));
    assert!(!done.rungs[0].has_audio);
    let shades = brightness(&done.files[0], "0:v");
    assert_eq!(shades.len(), 165);
    for (n, is) in [(0, shades[0]), (75, shades[75]), (164, shades[164])] {
        let should = shade(2_000 + n * 1_000 / 30);
        assert!((i64::from(is) - should).abs() <= 9, "{is} instead of {should} in picture {n}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_work_gives_the_same_package() {
    let bench = Bench::new().await;
    let clip = make(
        &bench.dir.path().join("test.mp4"),
        "testsrc2=s=480x640:r=30:d=4",
        Some("sine=frequency=300:sample_rate=48000:duration=4"),
    );
    let whole = Transform::default();
    let seen = bench.examine("one", &clip, &whole).await.expect("is fine");
    let one = bench.publish("one", &clip, (&seen, &whole)).await.expect("is published");
    let two = bench.publish("two", &clip, (&seen, &whole)).await.expect("is published");
    for (a, b) in one.rungs.iter().zip(&two.rungs) {
        assert_eq!((&a.codecs, &a.segment_micros, &a.init), (&b.codecs, &b.segment_micros, &b.init));
        let off = a.average_bps.abs_diff(b.average_bps);
        assert!(off * 50 <= a.average_bps, "{} and {}", a.average_bps, b.average_bps);
    }
    assert!(bench.engine.fingerprint().starts_with("ffmpeg "));
}

/// Writes another display matrix into every track header of an MP4 file.
fn turn(path: &Path, to: &Path, [a, b, c, d]: [i32; 4]) {
    let mut data = std::fs::read(path).expect("a file");
    let at = data.windows(4).position(|w| w == b"tkhd").expect("a track") + 4 + 40;
    for (i, v) in [a, b, 0, c, d, 0].into_iter().enumerate() {
        data[at + 4 * i..at + 4 * i + 4].copy_from_slice(&v.to_be_bytes());
    }
    std::fs::write(to, data).expect("a file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pictures_are_turned_as_ffmpeg_itself_would() {
    const ONE: i32 = 65_536;
    let bench = Bench::new().await;
    let clip = make(&bench.dir.path().join("flat.mp4"), "testsrc=s=320x240:r=10:d=1", None);
    let turns = [
        [ONE, 0, 0, ONE],
        [-ONE, 0, 0, ONE],
        [ONE, 0, 0, -ONE],
        [-ONE, 0, 0, -ONE],
        [0, ONE, -ONE, 0],
        [0, ONE, ONE, 0],
        [0, -ONE, ONE, 0],
        [0, -ONE, -ONE, 0],
    ];
    for (i, matrix) in turns.into_iter().enumerate() {
        let path = bench.dir.path().join(format!("turned{i}.mp4"));
        turn(&clip, &path, matrix);
        let whole = Transform::default();
        let seen = bench.examine(&format!("turn{i}"), &path, &whole).await.expect("is fine");
        let tall = matrix[0] == 0;
        assert_eq!(seen.source.height > seen.source.width, tall, "{matrix:?}");
        let done = bench.publish(&format!("turn{i}"), &path, (&seen, &whole)).await.expect("is published");
        for (what, file) in [("frame", &seen.frames[0].jpeg), ("rung", &done.files[0])] {
            let (ours, theirs) = (pixels(file), pixels(&path));
            let far = ours.iter().zip(&theirs).filter(|(a, b)| a.abs_diff(**b) > 40).count();
            assert!(
                ours.len() == theirs.len() && far * 20 < ours.len(),
                "{what} {matrix:?}: {far} pixels differ"
            );
        }
    }
}

/// The first picture in small, turned by ffmpeg's own rules.
fn pixels(path: &Path) -> Vec<u8> {
    let path = path.to_str().expect("a path");
    let filter = "scale=w='if(gt(iw,ih),40,30)':h='if(gt(iw,ih),30,40)':flags=area,format=gray";
    system(
        "ffmpeg",
        &["-v", "error", "-i", path, "-map", "0:v", "-vf", filter, "-frames:v", "1", "-f", "rawvideo", "-"],
    )
    .1
}
