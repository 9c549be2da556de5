//! A model looks first: clean clips publish by themselves, hot ones wait for a person. And what the model
//! of the tool cache thinks of harmless clips.

mod house;

use house::{House, clip, command, free_port, hand_in, has_ffmpeg};
use moderation::{
    CloserJob, ExamineJob, Examiner, FrameClassifier, JudgedFrame, ModerationPolicy, Ruling, SampledFrame,
    SamplingPolicy, sampling, verdict,
};
use serde_json::Value;
use signal::client::Client;
use signal::wiring::classifier::{Chosen, choose};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};
use vocab::{Verdict, VideoId};

/// A clip of one colour.
fn coloured(dir: &Path, colour: &str) -> PathBuf {
    let file = dir.join(format!("{colour}.mp4"));
    let status = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-v",
            "error",
            "-y",
            "-f",
            "lavfi",
            "-i",
            &format!("color={colour}:s=240x426:r=30"),
        ])
        .args(["-t", "4", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"])
        .arg(&file)
        .status()
        .expect("ffmpeg runs");
    assert!(status.success());
    file
}

/// A server with this classifier.
async fn judged_by(classifier: &str) -> (tempfile::TempDir, House) {
    let data = tempfile::tempdir().expect("a directory");
    let (port, s3) = (free_port(), free_port());
    let mut command = command(data.path(), port, s3);
    command.env("SIGNAL_MODERATION__CLASSIFIER", classifier).current_dir(data.path());
    let mut house = house::start(command, data.path(), port, s3);
    house.ready().await.expect("ready");
    (data, house)
}

/// Follows a video until a machine has done all it does by itself; nobody approves anything.
async fn ends_as(client: &Client, id: &str) -> Value {
    let started = Instant::now();
    loop {
        let video = client.get(&format!("/v1/videos/{id}")).await.expect("a video");
        if matches!(video["status"].as_str(), Some("published" | "failed" | "rejected" | "in_review")) {
            return video;
        }
        assert!(started.elapsed() < house::PUBLISH_WAIT, "not ended: {video}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clean_clips_publish_by_themselves_and_hot_ones_wait_for_a_person() {
    if !has_ffmpeg() {
        return;
    }
    let toys = tempfile::tempdir().expect("a directory");
    let toy = onnx::toy::write(toys.path()).expect("written");
    let (data, house) = judged_by(&format!("onnx:{}", toy.model.display())).await;
    let operator = house.operator().await.expect("an operator");
    let config = operator.get("/v1/config").await.expect("a configuration");
    assert_eq!(config["moderation"]["mode"], "classifier", "{config}");
    let unseen = config["moderation"]["unseen"].as_array().expect("what nobody looks for");
    assert!(unseen.contains(&"Hate Symbols".into()) && !unseen.contains(&"Violence".into()), "{config}");

    let id = hand_in(&operator, &coloured(data.path(), "blue"), "blue").await.expect("handed in");
    let clean = ends_as(&operator, &id).await;
    assert_eq!(
        (&clean["status"], &clean["verdict"]["decided_by"]),
        (&"published".into(), &"classifier".into())
    );

    for (colour, label) in [("red", "Explicit"), ("lime", "Violence")] {
        let id = hand_in(&operator, &coloured(data.path(), colour), colour).await.expect("handed in");
        let hot = ends_as(&operator, &id).await;
        assert_eq!(hot["status"], "in_review", "{colour}: {hot}");
        assert!(hot["playback"].is_null(), "{hot}");
        let case = operator.get(&format!("/v1/moderation/videos/{id}")).await.expect("a case");
        assert_eq!(case["classifier"]["name"], "toy-colours", "{case}");
        assert_eq!(case["labels"][0]["name"], label, "{case}");
        let frames = case["frames"].as_array().expect("frames");
        assert_eq!(frames.len(), 16, "four a second");
        assert!(frames.iter().all(|f| f["findings"][0]["name"] == label), "{frames:?}");
        let unjudged = case["unjudged"].as_array().expect("what nobody judged");
        assert!(
            unjudged.contains(&"Hate Symbols".into()) && !unjudged.contains(&label.into()),
            "{unjudged:?}"
        );
        // A person decides: from here on it is published like any other.
        let live = house::until_live(&operator, &id).await.expect("published");
        assert_eq!(live["verdict"]["decided_by"], "moderator", "{live}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_the_model_a_person_looks_and_the_start_says_so() {
    let data = tempfile::tempdir().expect("a directory");
    let empty = tempfile::tempdir().expect("a directory");
    let (port, s3) = (free_port(), free_port());
    let mut command = command(data.path(), port, s3);
    command.env("SIGNAL_MODERATION__CLASSIFIER", "nsfwjs:").env("CACHE_DIR", empty.path());
    command.current_dir(data.path()).stdout(Stdio::piped());
    let mut house = house::start(command, data.path(), port, s3);
    house.ready().await.expect("ready");
    let operator = house.operator().await.expect("an operator");
    let config = operator.get("/v1/config").await.expect("a configuration");
    assert_eq!(config["moderation"]["mode"], "people", "{config}");
    assert_eq!(config["moderation"]["unseen"].as_array().map(Vec::len), Some(0), "people look at everything");
    if has_ffmpeg() {
        let id = hand_in(&operator, &clip(data.path(), 1), "once").await.expect("handed in");
        assert_eq!(ends_as(&operator, &id).await["status"], "in_review");
    }
    let mut stdout = house.child.stdout.take().expect("piped");
    house.kill();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut stdout, &mut said).expect("read");
    assert!(said.contains("no model is installed: a person approves every video"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_model_that_was_named_and_is_not_there_stops_the_start() {
    let data = tempfile::tempdir().expect("a directory");
    let mut command = command(data.path(), free_port(), free_port());
    command.env("SIGNAL_MODERATION__CLASSIFIER", format!("nsfwjs:{}", data.path().display()));
    let output = command.current_dir(data.path()).stderr(Stdio::piped()).output().expect("runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("does not hold the model"), "{said}");
}

/// One clip through pass A, the model, the policy, and Tier B where it asks.
struct Judge {
    engine: ffmpeg::Ffmpeg,
    classifier: Arc<dyn FrameClassifier>,
    policy: ModerationPolicy,
}

impl Judge {
    async fn look(&self, frames: &[SampledFrame]) -> Vec<JudgedFrame> {
        let seen = self.classifier.classify(frames).await.expect("classified");
        let numbered = (1..).zip(frames).zip(seen);
        numbered.map(|((n, f), findings)| JudgedFrame { n, at_ms: f.at_ms, findings }).collect()
    }

    async fn judge(&self, source: &Path, dir: &Path, seed: u64) -> Option<(Vec<JudgedFrame>, usize, Ruling)> {
        let (first, second) = (dir.join("a"), dir.join("b"));
        [&first, &second].iter().for_each(|d| std::fs::create_dir_all(d).expect("a directory"));
        let progress: moderation::Progress = Arc::new(|_| {});
        let job = ExamineJob {
            video: VideoId(1),
            source: source.to_owned(),
            work_dir: first,
            transform: catalog::Transform::default(),
            phase_seed: seed,
            sampling: self.policy.sampling.clone(),
            progress: Arc::clone(&progress),
        };
        let seen = self.engine.examine(job).await.ok()?;
        let judged = self.look(&seen.frames).await;
        let ruling = verdict::rule(&judged, Some(self.classifier.judges()), &self.policy);
        let Some(plan) = sampling::closer(&ruling.closer, seen.source.duration_ms, &self.policy.closer)
        else {
            return Some((judged, 0, ruling));
        };
        let job =
            CloserJob { video: VideoId(1), source: source.to_owned(), work_dir: second, plan, progress };
        let frames = self.engine.look_closer(job).await.expect("frames").expect("it can");
        let closer = self.look(&frames).await;
        let ruling = {
            let judges = self.classifier.judges();
            verdict::rule_closer((&judged, judges), (&closer, judges), &self.policy)
        };
        Some((judged, closer.len(), ruling))
    }
}

fn harmless() -> Vec<PathBuf> {
    let shared = std::env::var_os("SIGNAL_SHARED").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared");
    let media = shared.unwrap_or(beside).join("media");
    let folders = ["natural", "format"].map(|f| std::fs::read_dir(media.join(f)));
    let mut files: Vec<PathBuf> =
        folders.into_iter().flatten().flatten().flatten().map(|e| e.path()).collect();
    files.sort();
    if files.is_empty() {
        println!("skipped: no sample files at {}", media.display());
    }
    files
}

fn heat(frame: &JudgedFrame, label: &str) -> f32 {
    frame.findings.iter().filter(|f| f.name == label).map(|f| f.confidence).fold(0.0, f32::max)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_harmless_clip_is_sent_to_review() {
    let url = std::env::var_os("CLASSIFIER_UNDER_TEST").and_then(|v| v.into_string().ok());
    let url = url.unwrap_or_else(|| "nsfwjs:".into());
    let Chosen::Model(classifier) = choose(&url, "").expect("loads") else {
        println!("skipped: the model is not installed (scripts/classifier.sh installs it)");
        return;
    };
    if !has_ffmpeg() {
        return;
    }
    let profile = transcode::LadderProfile::default();
    let engine = ffmpeg::Ffmpeg::open(ffmpeg::FfmpegPolicy::default(), profile).await.expect("ffmpeg");
    let policy = ModerationPolicy { sampling: SamplingPolicy::dense(), ..ModerationPolicy::default() };
    let judge = Judge { engine, classifier, policy };
    println!(
        "{:<52} {:>6} {:>5} {:>5} {:>5} {:>6} {:>6} {:>6}",
        "clip", "frames", "≥50", "≥80", "≥85", "max", "sexy", "closer"
    );
    let (mut reviewed, mut seen) = (Vec::new(), 0);
    for file in harmless() {
        let name = file.file_name().expect("a name").to_string_lossy().into_owned();
        let dir = tempfile::tempdir().expect("a directory");
        // What pass A refuses (no picture track) has nothing to be judged.
        let Some((frames, closer, ruling)) = judge.judge(&file, dir.path(), 12_345).await else {
            println!("{name:<52} refused by pass A");
            continue;
        };
        let heats: Vec<f32> = frames.iter().map(|f| heat(f, "Explicit")).collect();
        let over = |at: f32| heats.iter().filter(|h| **h >= at).count();
        let most = heats.iter().copied().fold(0.0, f32::max);
        let sexy = frames.iter().map(|f| heat(f, "Swimwear or Underwear")).fold(0.0, f32::max);
        println!(
            "{name:<52} {:>6} {:>5} {:>5} {:>5} {most:>6.1} {sexy:>6.1} {closer:>6}",
            frames.len(),
            over(50.0),
            over(80.0),
            over(85.0)
        );
        seen += frames.len() + closer;
        if ruling.verdict != Verdict::Approve {
            reviewed.push((name, ruling.reasons));
        }
    }
    println!(
        "{} {}: {seen} frames, {} clips sent to review",
        judge.classifier.name(),
        judge.classifier.version(),
        reviewed.len()
    );
    assert!(reviewed.is_empty(), "{reviewed:?}");
}
