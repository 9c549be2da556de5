//! What the service would make of a request: the plain system `ffmpeg`, told by the request's JSON alone.

use serde_json::Value;
use std::collections::HashMap;
use std::path::Path;
use std::process::Command;
use std::sync::{LazyLock, Mutex};

/// Name and bytes of each file, without the directory.
pub type Files = Vec<(String, Vec<u8>)>;

static MADE: LazyLock<Mutex<HashMap<String, Files>>> = LazyLock::new(Mutex::default);

fn run(program: &str, args: &[String]) {
    let done = Command::new(program).args(args).output().expect("ffmpeg is installed");
    assert!(done.status.success(), "{args:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn words(text: &str) -> Vec<String> {
    text.split_whitespace().map(str::to_owned).collect()
}

/// A small portrait video with sound at 25 frames a second.
pub fn source(path: &Path, seconds: f64) {
    let mut args = words("-v error -y -f lavfi -i");
    args.push(format!("testsrc2=size=360x640:rate=25:duration={seconds}"));
    args.extend(words("-f lavfi -i"));
    args.push(format!("sine=frequency=440:sample_rate=48000:duration={seconds}"));
    args.extend(words("-c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -shortest"));
    args.push(path.display().to_string());
    run("ffmpeg", &args);
}

fn frame_of(timecode: &str) -> f64 {
    let parts: Vec<f64> = timecode.split(':').map(|p| p.parse().expect("a number")).collect();
    (parts[0] * 3600.0 + parts[1] * 60.0 + parts[2]) * 25.0 + parts[3]
}

/// Start and length in seconds of the part that is wanted.
fn part(settings: &Value) -> Option<(f64, f64)> {
    let clip = settings["inputs"][0]["inputClippings"].get(0)?;
    let at = |name: &str| clip[name].as_str().map(frame_of);
    let (start, end) = (at("startTimecode").unwrap_or(0.0), at("endTimecode").expect("an end"));
    Some((start / 25.0, (end + 1.0 - start) / 25.0))
}

/// All files of the first output group.
pub fn render(request: &Value, input: &[u8]) -> Files {
    let settings = &request["settings"];
    let key =
        format!("{}{}{}", settings["outputGroups"], settings["inputs"][0]["inputClippings"], input.len());
    let mut made = MADE.lock().expect("not poisoned");
    made.entry(key).or_insert_with(|| make(settings, input)).clone()
}

fn make(settings: &Value, input: &[u8]) -> Files {
    let dir = tempfile::tempdir().expect("a directory");
    let from = dir.path().join("in.mp4");
    std::fs::write(&from, input).expect("written");
    let group = &settings["outputGroups"][0];
    let cmaf = &group["outputGroupSettings"]["cmafGroupSettings"];
    assert_eq!(cmaf["segmentControl"], "SINGLE_FILE");
    let base = cmaf["destination"].as_str().expect("a destination").rsplit('/').next().expect("a name");
    let mut files = vec![(format!("{base}.m3u8"), b"#EXTM3U\n".to_vec())];
    for output in group["outputs"].as_array().expect("outputs") {
        let to = dir.path().join("out.mp4");
        let mut args = words("-v error -y");
        if let Some((start, length)) = part(settings) {
            args.extend(words(&format!("-ss {start} -t {length}")));
        }
        args.extend(["-i".to_owned(), from.display().to_string()]);
        let is_picture = output["videoDescription"].is_object();
        args.extend(if is_picture { picture(&output["videoDescription"]) } else { sound(output) });
        args.push(to.display().to_string());
        run("ffmpeg", &args);
        let ending = if is_picture { "cmfv" } else { "cmfa" };
        let modifier = output["nameModifier"].as_str().expect("a modifier");
        files.push((format!("{base}{modifier}.{ending}"), std::fs::read(&to).expect("made")));
    }
    files
}

fn picture(described: &Value) -> Vec<String> {
    let h264 = &described["codecSettings"]["h264Settings"];
    let n = |v: &Value| v.as_i64().expect("a number");
    let (width, height, fps) =
        (n(&described["width"]), n(&described["height"]), n(&h264["framerateNumerator"]));
    let gop = (h264["gopSize"].as_f64().expect("a number") * fps as f64) as i64;
    assert_eq!(h264["gopSizeUnits"], "SECONDS");
    words(&format!(
        "-an -vf scale={width}:{height},setsar=1,fps={fps} -c:v libx264 -preset ultrafast -profile:v high \
         -pix_fmt yuv420p -b:v {} -g {gop} -keyint_min {gop} -sc_threshold 0 -color_primaries bt709 \
         -color_trc bt709 -colorspace bt709 -color_range tv -f mp4 -movflags +cmaf",
        n(&h264["maxBitrate"]),
    ))
}

fn sound(output: &Value) -> Vec<String> {
    let aac = &output["audioDescriptions"][0]["codecSettings"]["aacSettings"];
    words(&format!(
        "-vn -af atrim=start_sample=1024,asetpts=PTS-STARTPTS -c:a aac -ac 2 -ar {} -b:a {} -f mp4 \
         -movflags +cmaf -frag_duration 2000000",
        aac["sampleRate"], aac["bitrate"],
    ))
}
