//! The classifier end to end on the toy model: colours in, labels out, on every engine of this machine.

mod cache;

use image::{ImageFormat, RgbImage};
use moderation::{FrameClassifier, SampledFrame};
use onnx::resize::{Picture, golden};
use onnx::{Engine, LoadError, LocalClassifier, ModelFiles, toy};
use std::path::{Path, PathBuf};
use tempfile::TempDir;
use vocab::Millis;

fn toy_in(dir: &TempDir) -> ModelFiles {
    toy::write(dir.path()).expect("written")
}

fn loaded() -> LocalClassifier {
    on(&Engine::Rten)
}

fn on(engine: &Engine) -> LocalClassifier {
    LocalClassifier::load(&toy_in(&tempfile::tempdir().expect("a directory")), engine).expect("the toy loads")
}

fn jpeg(dir: &Path, name: &str, rgb: [u8; 3]) -> PathBuf {
    let path = dir.join(name);
    let picture = RgbImage::from_pixel(90, 160, image::Rgb(rgb));
    picture.save_with_format(&path, ImageFormat::Jpeg).expect("saved");
    path
}

fn plain(rgb: [u8; 3]) -> Picture {
    Picture { width: 2, height: 2, rgb: rgb.repeat(4) }
}

#[tokio::test]
async fn red_is_explicit_green_is_violence_and_the_rest_is_harmless() {
    for engine in cache::engines() {
        colours_are_told_apart(on(&engine)).await;
    }
}

async fn colours_are_told_apart(classifier: LocalClassifier) {
    let dir = tempfile::tempdir().expect("a directory");
    let frames: Vec<SampledFrame> = [[250, 10, 10], [10, 230, 20], [20, 30, 240], [255; 3], [0; 3], [128; 3]]
        .into_iter()
        .enumerate()
        .map(|(i, rgb)| SampledFrame {
            at_ms: Millis(i as i64),
            jpeg: jpeg(dir.path(), &format!("{i}.jpg"), rgb),
        })
        .collect();
    let seen = classifier.classify(&frames).await.expect("classified");
    let names: Vec<Vec<&str>> = seen.iter().map(|f| f.iter().map(|x| x.name.as_str()).collect()).collect();
    assert_eq!(names, [vec!["Explicit"], vec!["Violence"], vec![], vec![], vec![], vec![]]);
    let red = &seen[0][0];
    assert!(red.confidence > 98.0 && red.level == 1 && red.parent.is_empty() && red.at_ms == 0);
    assert_eq!(classifier.judges(), ["Explicit", "Violence"]);
    assert_eq!(classifier.name(), "toy-colours");
}

#[test]
fn the_toy_is_the_same_every_time() {
    assert_eq!(toy::model(), toy::model());
    assert_eq!(loaded().version(), loaded().version());
}

#[test]
fn the_toys_golden_vector_holds() {
    // mean R = mean G = mean B = 127 of 255 or so: both colours far below harmless.
    for engine in cache::engines() {
        let p = on(&engine).answers(&golden()).expect("answers");
        assert!(p[0] > 0.999 && (p.iter().sum::<f32>() - 1.0).abs() < 1e-5, "{p:?}");
    }
    let red = loaded().answers(&plain([255, 0, 0])).expect("answers");
    // softmax of 0, 15, −25.
    assert!((red[1] - 1.0 / (1.0 + (-15.0f32).exp())).abs() < 1e-5, "{red:?}");
    let muted = loaded().answers(&plain([102, 25, 0])).expect("answers");
    // 20 · (0.4 − 0.098) − 5 ≈ 1.039.
    assert!((muted[1] - 0.738).abs() < 0.005, "{muted:?}");
}

fn said(config: &ModelFiles) -> String {
    let refused = |engine| LocalClassifier::load(config, &engine).expect_err("refused").to_string();
    // By every engine; the sentence is that of the first.
    let mut said: Vec<String> = cache::engines().into_iter().map(refused).collect();
    said.swap_remove(0)
}

#[test]
fn a_missing_file_is_named() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = toy_in(&dir);
    let gone = ModelFiles { model: dir.path().join("gone.onnx"), ..config.clone() };
    assert!(said(&gone).contains("gone.onnx"));
    let gone = ModelFiles { labels: dir.path().join("gone.toml"), ..config };
    assert!(matches!(LocalClassifier::load(&gone, &Engine::Rten), Err(LoadError::Read { .. })));
}

#[test]
fn what_is_no_model_is_refused() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = toy_in(&dir);
    for bytes in [&b""[..], b"not a model", &toy::model()[..40], &[0xff; 64]] {
        std::fs::write(&config.model, bytes).expect("written");
        said(&config);
    }
}

#[test]
fn any_cut_of_the_model_is_refused_or_runs_and_never_panics() {
    let dir = tempfile::tempdir().expect("a directory");
    let config = toy_in(&dir);
    let whole = toy::model();
    for cut in (0..whole.len()).step_by(7) {
        std::fs::write(&config.model, &whole[..cut]).expect("written");
        for engine in cache::engines() {
            let _ = LocalClassifier::load(&config, &engine);
        }
    }
}

fn with(change: (&str, &str)) -> String {
    let dir = tempfile::tempdir().expect("a directory");
    let config = toy_in(&dir);
    assert!(toy::LABELS.contains(change.0), "{}", change.0);
    std::fs::write(&config.labels, toy::LABELS.replacen(change.0, change.1, 1)).expect("written");
    said(&config)
}

#[test]
fn a_map_that_does_not_fit_is_refused_with_a_sentence() {
    assert!(with(("width = 16", "width = 224")).contains("the label map says [1, 3, 16, 224]"));
    assert!(with(("\"nchw\"", "\"nhwc\"")).contains("the model takes"));
    assert!(with(("[[classes]]\nname = \"harmless\"\n", "")).contains("names 2 classes"));
    assert!(with(("label = \"Explicit\"", "label = \"Explcit\"")).contains("Explcit"));
    assert!(with(("combine", "combin")).contains("combin"));
}

#[test]
fn another_model_than_the_pinned_one_is_refused() {
    let pin = format!("format = 1\nmodel_sha256 = \"{}\"", "0".repeat(64));
    assert!(with(("format = 1", &pin)).contains("the label map is for the model"));
}

#[test]
fn a_wrong_golden_answer_stops_the_start() {
    let golden = "format = 1\ngolden = [0.5, 0.25, 0.25]";
    assert!(with(("format = 1", golden)).contains("channel order, range or resizing is wrong"));
    let dir = tempfile::tempdir().expect("a directory");
    let config = toy_in(&dir);
    let right = toy::LABELS.replacen("format = 1", "format = 1\ngolden = [1.0, 0.0, 0.0]", 1);
    std::fs::write(&config.labels, right).expect("written");
    for engine in cache::engines() {
        LocalClassifier::load(&config, &engine).expect("the golden answer fits");
    }
}

#[tokio::test]
async fn a_frame_that_cannot_be_decoded_is_a_fault_and_not_a_clean_frame() {
    let dir = tempfile::tempdir().expect("a directory");
    let classifier = loaded();
    let broken = dir.path().join("broken.jpg");
    std::fs::write(&broken, b"\xff\xd8\xff\xe0 not a jpeg").expect("written");
    let frame = |jpeg: PathBuf| SampledFrame { at_ms: Millis(0), jpeg };
    assert!(classifier.classify(&[frame(broken)]).await.is_err());
    assert!(classifier.classify(&[frame(dir.path().join("none.jpg"))]).await.is_err());
    // And it goes on answering.
    let blue = jpeg(dir.path(), "blue.jpg", [0, 0, 255]);
    assert_eq!(classifier.classify(&[frame(blue)]).await.expect("classified"), [vec![]]);
}

#[tokio::test]
async fn a_red_video_goes_to_a_person_and_a_blue_one_is_approved() {
    let dir = tempfile::tempdir().expect("a directory");
    let classifier = loaded();
    for (rgb, verdict) in
        [([250, 10, 10], vocab::Verdict::Escalate), ([20, 30, 240], vocab::Verdict::Approve)]
    {
        let still = jpeg(dir.path(), "still.jpg", rgb);
        let frames: Vec<SampledFrame> =
            (0..12).map(|i| SampledFrame { at_ms: Millis(i * 1000), jpeg: still.clone() }).collect();
        let seen = classifier.classify(&frames).await.expect("classified");
        let judged: Vec<moderation::JudgedFrame> = seen
            .into_iter()
            .zip(&frames)
            .zip(1..)
            .map(|((findings, f), n)| moderation::JudgedFrame { n, at_ms: f.at_ms, findings })
            .collect();
        let policy = moderation::ModerationPolicy::default();
        let ruling = moderation::verdict::rule(&judged, Some(classifier.judges()), &policy);
        assert_eq!(ruling.verdict, verdict, "{ruling:?}");
        assert!(ruling.unjudged.contains(&"Hate Symbols".to_owned()));
    }
}
