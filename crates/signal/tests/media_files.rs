//! `signal media` on files of this machine: what it writes plays, and what it says is true.

use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn has_ffmpeg() -> bool {
    let found = Command::new("ffmpeg").arg("-version").output().is_ok_and(|o| o.status.success());
    if !found {
        println!("skipped: ffmpeg is not installed");
    }
    found
}

fn signal(dir: &Path, args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signal"));
    command.current_dir(dir).arg("media").args(args).output().expect("starts")
}

fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Five seconds with sound, 640 × 360.
fn clip(dir: &Path) -> PathBuf {
    let path = dir.join("beach day.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "testsrc2=s=640x360:r=30:d=5"])
        .args(["-f", "lavfi", "-i", "sine=440:r=48000:d=5", "-shortest"])
        .args(["-c:v", "libx264", "-preset", "ultrafast", "-g", "45", "-c:a", "aac"])
        .arg(&path)
        .status()
        .expect("runs");
    assert!(made.success());
    path
}

/// What an independent player counts when it plays the first rendition to its end.
fn played(playlist: &Path) -> (u64, u64) {
    let count = |kind: &str| {
        let output = Command::new("ffprobe")
            .args(["-v", "error", "-count_frames", "-select_streams", kind])
            .args(["-show_entries", "stream=nb_read_frames", "-of", "csv=p=0"])
            .arg(playlist)
            .output()
            .expect("runs");
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.split(['\n', ',']).find_map(|n| n.trim().parse().ok()).unwrap_or(0)
    };
    (count("v:0"), count("a:0"))
}

#[test]
fn a_clip_becomes_a_folder_that_plays() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    clip(dir.path());
    let made = signal(dir.path(), &["encode", "beach day.mp4", "--json"]);
    assert!(made.status.success(), "{}", said(&made));
    let out = dir.path().join("beach day.hls");
    let rungs = json(&made)["items"][0]["rungs"].as_array().expect("rungs").len();
    assert_eq!(rungs, 2, "240p and 360p, nothing is scaled up");
    let (pictures, sounds) = played(&out.join("main.m3u8"));
    assert_eq!(pictures, 150);
    // 5 s in frames of 1,024 samples; the encoder may hold a few back.
    assert!((228..=240).contains(&sounds), "{sounds}");
    for name in ["poster.jpg", "sprite.jpg", "sprite.vtt", "360p/iframes.m3u8", "240p/init.mp4"] {
        assert!(out.join(name).is_file(), "{name}");
    }
    for playlist in ["main.m3u8", "240p/media.m3u8", "360p/media.m3u8"] {
        let text = std::fs::read_to_string(out.join(playlist)).expect("a playlist");
        assert!(!text.contains("://") && !text.contains("/tmp"), "only relative names: {text}");
    }
    let good = signal(dir.path(), &["validate", "beach day.hls"]);
    assert!(good.status.success(), "{}", said(&good));
    let again = signal(dir.path(), &["encode", "beach day.mp4"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("--out"), "{}", said(&again));
    lies_are_found(dir.path(), &out);
}

type Lie = fn(Vec<u8>) -> Vec<u8>;

/// Each lie is told in a copy of a good package.
fn lies_are_found(dir: &Path, good: &Path) {
    let lies: [(&str, &str, Lie); 5] = [
        ("cut off", "360p/1.m4s", |b| b[..b.len() / 2].to_vec()),
        ("scrambled", "360p/1.m4s", |mut b| {
            let middle = b.len() / 2;
            b[middle..].iter_mut().step_by(3).for_each(|x| *x ^= 0x5a);
            b
        }),
        ("cheap", "main.m3u8", |b| {
            let text = String::from_utf8(b).expect("text");
            text.replace("STREAM-INF:BANDWIDTH=", "STREAM-INF:BANDWIDTH=1").into_bytes()
        }),
        ("longer", "360p/media.m3u8", |b| {
            String::from_utf8(b).expect("text").replacen("#EXTINF:2.0", "#EXTINF:2.4", 1).into_bytes()
        }),
        ("no poster", "poster.jpg", |_| b"none".to_vec()),
    ];
    for (what, name, lie) in lies {
        let copy = dir.join(what);
        let copied = Command::new("cp").arg("-r").arg(good).arg(&copy).status().expect("runs");
        assert!(copied.success());
        let bytes = std::fs::read(copy.join(name)).expect("a file");
        std::fs::write(copy.join(name), lie(bytes)).expect("a file");
        let found = signal(dir, &["validate", what]);
        assert_eq!(found.status.code(), Some(1), "{what}: {}", said(&found));
        let place = name.split('/').next().unwrap_or(name).trim_end_matches(".m3u8");
        assert!(said(&found).contains(place) || what == "cheap", "{what}: {}", said(&found));
        let scripted = signal(dir, &["validate", what, "--json"]);
        assert!(!json(&scripted)["items"][0]["problems"].as_array().expect("problems").is_empty(), "{what}");
    }
    std::fs::remove_file(good.join("240p/0.m4s")).expect("is removed");
    let gone = signal(dir, &["validate", "beach day.hls"]);
    assert!(said(&gone).contains("0.m4s is not there"), "{}", said(&gone));
}

#[test]
fn files_are_looked_at_without_a_server() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    clip(dir.path());
    let probed = signal(dir.path(), &["probe", "beach day.mp4", "--json"]);
    let facts = &json(&probed)["items"][0];
    assert_eq!((&facts["facts"]["width"], &facts["facts"]["height"]), (&640.into(), &360.into()));
    assert_eq!(facts["times"]["pictures"], 150);
    assert_eq!(facts["times"]["longest_key_gap_ms"], 1_500);
    assert_eq!(facts["streams"].as_array().map(Vec::len), Some(2));
    let planned = signal(dir.path(), &["plan", "beach day.mp4"]);
    let table = String::from_utf8_lossy(&planned.stdout).into_owned();
    assert!(table.contains("360p") && table.contains("640 × 360") && !table.contains("540p"), "{table}");
    let framed = signal(dir.path(), &["frames", "beach day.mp4", "--out", "frames"]);
    assert!(framed.status.success(), "{}", said(&framed));
    assert_eq!(std::fs::read_dir(dir.path().join("frames")).expect("a folder").count(), 5);
}

#[test]
fn errors_say_what_and_the_exit_code_says_whose() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    std::fs::write(dir.path().join("page.mp4"), "<html>").expect("a file");
    std::fs::write(
        dir.path().join("list.m3u8"),
        "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nhttp://127.0.0.1/x\n",
    )
    .expect("a file");
    for (args, code, word) in [
        (&["probe", "page.mp4"][..], 3, "media.not_media"),
        (&["encode", "page.mp4"], 3, "media.not_media"),
        (&["encode", "page.mp4", "page.mp4"], 3, "2 of 2"),
        (&["plan", "nothing.mp4"], 1, "no such file"),
        (&["plan", "nothing.mp4", "page.mp4"], 1, "2 of 2"),
        (&["encode", "."], 1, "no file"),
        (&["validate", "page.mp4"], 1, "no playlist"),
        (&["validate", "list.m3u8"], 1, "no name relative"),
        (&["validate", "."], 1, "main.m3u8"),
        (&["encode"], 2, "FILE"),
    ] {
        let output = signal(dir.path(), args);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {}", said(&output));
        assert!(said(&output).contains(word), "{args:?}: {}", said(&output));
    }
    // Nothing half-made is left behind.
    let left: Vec<_> =
        std::fs::read_dir(dir.path()).expect("a folder").flatten().map(|e| e.file_name()).collect();
    assert_eq!(left.len(), 2, "{left:?}");
    let both = signal(dir.path(), &["probe", "page.mp4", "nothing.mp4", "--json"]);
    assert_eq!(json(&both)["items"][0]["code"], "media.not_media");
    assert!(json(&both)["items"][1]["error"].as_str().is_some_and(|e| e.contains("no such file")));
}
