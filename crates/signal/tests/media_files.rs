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
    signal_with(dir, &[], args)
}

fn signal_with(dir: &Path, settings: &[(&str, &str)], args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signal"));
    command.envs(settings.iter().copied());
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
    clip_of(dir, 5)
}

fn clip_of(dir: &Path, seconds: u32) -> PathBuf {
    let path = dir.join("beach day.mp4");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", &format!("testsrc2=s=640x360:r=30:d={seconds}")])
        .args(["-f", "lavfi", "-i", &format!("sine=440:r=48000:d={seconds}"), "-shortest"])
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
fn a_package_is_laid_out_as_the_settings_say() {
    if !has_ffmpeg() {
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    clip_of(dir.path(), 13);
    let settings = [
        ("SIGNAL_PACKAGING__SOUND", "own"),
        ("SIGNAL_PACKAGING__FILES", "single"),
        ("SIGNAL_PACKAGING__RAMP", "true"),
        ("SIGNAL_PACKAGING__I_FRAMES", "false"),
    ];
    let made = signal_with(dir.path(), &settings, &["encode", "beach day.mp4", "--out", "all", "--json"]);
    assert!(made.status.success(), "{}", said(&made));
    assert_eq!(
        json(&made)["items"][0]["rungs"][0]["segment_ms"].to_string(),
        "[2000,2000,2000,2000,4000,1000]"
    );
    let out = dir.path().join("all");
    for folder in ["sound", "240p", "360p"] {
        let names = std::fs::read_dir(out.join(folder)).expect("a folder").flatten();
        let mut names: Vec<_> = names.map(|e| e.file_name().into_string().expect("a name")).collect();
        names.sort();
        assert_eq!(names, ["media.m3u8", "media.mp4"], "{folder}");
    }
    let main = std::fs::read_to_string(out.join("main.m3u8")).expect("a playlist");
    assert!(main.contains("TYPE=AUDIO") && !main.contains("I-FRAME"), "{main}");
    assert_eq!(played(&out.join("main.m3u8")).0, 390);
    let good = signal(dir.path(), &["validate", "all"]);
    assert!(good.status.success(), "{}", said(&good));
    bad_sound_is_heard(dir.path(), &out);
}

/// Sound of its own is decoded too, not only counted.
fn bad_sound_is_heard(dir: &Path, single: &Path) {
    let whole = single.join("sound/media.mp4");
    let mut bytes = std::fs::read(&whole).expect("the sound");
    let middle = bytes.len() / 2;
    bytes[middle..middle + 2_000].iter_mut().for_each(|x| *x ^= 0x5a);
    std::fs::write(&whole, bytes).expect("the sound");
    let scrambled = signal(dir, &["validate", "all"]);
    assert_eq!(scrambled.status.code(), Some(1), "{}", said(&scrambled));
    assert!(said(&scrambled).contains("sound/media.m3u8"), "{}", said(&scrambled));

    let own = [("SIGNAL_PACKAGING__SOUND", "own")];
    let made = signal_with(dir, &own, &["encode", "beach day.mp4", "--out", "own"]);
    assert!(made.status.success(), "{}", said(&made));
    let segment = |n: u32| dir.join(format!("own/sound/{n}.m4s"));
    std::fs::copy(segment(1), segment(2)).expect("a copy");
    let repeated = signal(dir, &["validate", "own"]);
    assert_eq!(repeated.status.code(), Some(1), "{}", said(&repeated));
    assert!(said(&repeated).contains("sound/media.m3u8"), "{}", said(&repeated));
}

#[test]
fn av1_stands_beside_h264_where_it_is_worth_it() {
    let encoders = Command::new("ffmpeg").args(["-v", "error", "-encoders"]).output();
    if !encoders.is_ok_and(|o| String::from_utf8_lossy(&o.stdout).contains("libsvtav1")) {
        println!("skipped: no ffmpeg with libsvtav1");
        return;
    }
    let dir = tempfile::tempdir().expect("a directory");
    clip(dir.path());
    let made = signal(dir.path(), &["encode", "beach day.mp4", "--av1", "--out", "both", "--json"]);
    assert!(made.status.success(), "{}", said(&made));
    let item = &json(&made)["items"][0];
    let named = |list: &Value| {
        let dirs = list.as_array().expect("rungs").iter().filter_map(|r| r["dir"].as_str());
        dirs.map(str::to_owned).collect::<Vec<_>>()
    };
    let dirs = named(&item["rungs"]);
    assert_eq!(dirs[..2], ["240p", "360p"]);
    let is_there = dirs.get(2).is_some_and(|d| d == "360p-av1");
    let left_out = item["av1_left_out"] == serde_json::json!(["360p"]);
    assert!(is_there != left_out, "either it is there or it is named: {item}");
    let main = std::fs::read_to_string(dir.path().join("both/main.m3u8")).expect("a playlist");
    assert_eq!(main.contains("av01."), is_there);
    let first = main.find("avc1.").expect("H.264");
    assert!(main.find("av01.").is_none_or(|av1| av1 > first), "H.264 first: {main}");
    let good = signal(dir.path(), &["validate", "both"]);
    assert!(good.status.success(), "{}", said(&good));
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
