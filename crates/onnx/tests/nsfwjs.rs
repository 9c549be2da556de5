//! The models of the package against the package's own library. Where the package is not installed
//! (`scripts/classifier.sh` does that), it says so.

mod cache;

use onnx::resize::Picture;
use onnx::tfjs::{self, Installed, LABELS_FILE, MODEL_FILE, PackagedModel};
use onnx::{Engine, LocalClassifier, ModelFiles, Prepared};
use std::path::{Path, PathBuf};

/// The target: as the library, to 1e-5.
const PARITY: f32 = 1e-5;

fn package() -> Option<PathBuf> {
    let package = cache::find("tools/classifier/node_modules/nsfwjs");
    if package.is_none() {
        println!("skipped: nsfwjs is not installed");
    }
    package
}

fn load(dir: &Path) -> LocalClassifier {
    LocalClassifier::load(&tfjs::model_files(dir), &Engine::Rten).expect("loads")
}

/// The probability that is farthest from what the library answers.
fn worst(classifier: &LocalClassifier, model: PackagedModel) -> f32 {
    let off = |(name, picture): (&str, Picture), expected: [f32; 5]| {
        let seen = classifier.answers(&picture).expect("answers");
        let off = seen.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(off <= PARITY, "{} {name}: {seen:?} instead of {expected:?}", model.name());
        off
    };
    pictures().into_iter().zip(reference(model)).map(|(p, e)| off(p, e)).fold(0.0, f32::max)
}

fn picture(width: usize, height: usize, pixel: impl Fn(usize, usize) -> [u8; 3]) -> Picture {
    let rgb =
        (0..height).flat_map(|y| (0..width).map(move |x| (x, y))).flat_map(|(x, y)| pixel(x, y)).collect();
    Picture { width, height, rgb }
}

fn ramp(width: usize, height: usize) -> Picture {
    let of = |n: usize, most: usize| (n * 255 / most) as u8;
    picture(width, height, |x, y| [of(x, width - 1), of(y, height - 1), of(x + y, width + height - 2)])
}

fn noise() -> Picture {
    let mut state = 1u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    Picture { width: 64, height: 48, rgb: (0..64 * 48 * 3).map(|_| next()).collect() }
}

fn checks() -> Picture {
    let on = |x: usize, y: usize| (x / 24 + y / 24) % 2 == 1;
    picture(320, 568, |x, y| if on(x, y) { [205, 140, 110] } else { [40, 60, 30] })
}

/// Pictures that are computed, not photographed.
fn pictures() -> Vec<(&'static str, Picture)> {
    vec![
        ("ramp_portrait", ramp(270, 480)),
        ("noise", noise()),
        ("black", picture(90, 160, |_, _| [0; 3])),
        ("red", picture(90, 160, |_, _| [255, 0, 0])),
        ("checks", checks()),
        ("tiny", ramp(5, 3)),
        ("golden", onnx::resize::golden()),
    ]
}

/// What the library answers to them: nsfwjs 4.3.0 on tfjs 4.22 (WebAssembly), recorded once.
fn reference(model: PackagedModel) -> [[f32; 5]; 7] {
    match model {
        PackagedModel::MobileNetV2 => [
            [0.8826969, 0.01978693, 0.09255212, 0.003984793, 0.000979206],
            [0.0000262, 0.0000177, 0.9972978, 0.002638945, 0.0000192],
            [0.7883086, 0.0262471, 0.1733719, 0.01000959, 0.002062902],
            [0.9431061, 0.01056741, 0.04406909, 0.00177606, 0.0004813179],
            [0.0448572, 0.006463118, 0.9427245, 0.005116096, 0.0008390823],
            [0.8777812, 0.01923967, 0.09821554, 0.003814869, 0.0009487243],
            [0.8789586, 0.01921957, 0.09710321, 0.003775121, 0.0009434008],
        ],
        PackagedModel::MobileNetV2Mid => [
            [0.06912427, 0.02354477, 0.9047792, 0.00118836, 0.001363369],
            [0.003092509, 0.0001281151, 0.9967789, 0.0000003, 0.0000001],
            [0.02449423, 0.02252319, 0.9507186, 0.001114257, 0.00114972],
            [0.05695308, 0.05545015, 0.8839651, 0.001648007, 0.001983707],
            [0.03638459, 0.03439658, 0.9282284, 0.0008692067, 0.0001211506],
            [0.07507713, 0.02316575, 0.9002835, 0.0006062919, 0.0008673635],
            [0.07438372, 0.02298301, 0.9010234, 0.0006653796, 0.0009445025],
        ],
        PackagedModel::InceptionV3 => [
            [0.4277361, 0.05242449, 0.4936174, 0.01892793, 0.007294079],
            [0.001225999, 0.000223702, 0.9976572, 0.0008048308, 0.0000882],
            [0.3738221, 0.0382644, 0.5609882, 0.01895066, 0.007974735],
            [0.362862, 0.05885458, 0.5489978, 0.0208017, 0.008483952],
            [0.009818961, 0.0007488863, 0.9884394, 0.0008765948, 0.0001160057],
            [0.3994208, 0.05458073, 0.5236119, 0.01680091, 0.005585638],
            [0.4022956, 0.05420328, 0.5206862, 0.01706289, 0.005751977],
        ],
    }
}

#[test]
fn every_model_of_the_package_answers_as_the_library_does() {
    let Some(package) = package() else { return };
    for model in PackagedModel::ALL {
        let dir = tempfile::tempdir().expect("a directory");
        assert_eq!(tfjs::install(&package, dir.path(), model).expect("converted"), Installed::Converted);
        for engine in cache::engines() {
            let classifier = LocalClassifier::load(&tfjs::model_files(dir.path()), &engine).expect("loads");
            let worst = worst(&classifier, model);
            println!("{} on {}: at most {worst:e} from the library", model.name(), engine.name());
        }
    }
}

#[test]
fn a_model_prepared_for_this_machine_answers_as_the_library_does() {
    let Some(package) = package() else { return };
    let model = PackagedModel::MobileNetV2;
    let dir = tempfile::tempdir().expect("a directory");
    tfjs::install(&package, dir.path(), model).expect("converted");
    let made = || -> Vec<PathBuf> {
        let all = std::fs::read_dir(dir.path()).expect("a directory").map(|e| e.expect("an entry").path());
        all.filter(|p| p.to_string_lossy().ends_with(".prepared.onnx")).collect()
    };
    for engine in cache::engines() {
        let files = tfjs::model_files(dir.path());
        if engine == Engine::Rten {
            assert_eq!(onnx::prepare(&engine, &files).expect("nothing to do"), Prepared::Needless);
            continue;
        }
        assert_eq!(onnx::prepare(&engine, &files).expect("prepared"), Prepared::Made);
        assert_eq!(onnx::prepare(&engine, &files).expect("there"), Prepared::Already);
        let [prepared] = made().try_into().expect("one file and no half of one");
        worst(&LocalClassifier::load(&files, &engine).expect("loads"), model);
        // As of a machine with another processor: wrong answers, or no model at all.
        let right = std::fs::read(&prepared).expect("a model");
        let mut wrong = right.clone();
        wrong[right.len() / 2..][..4096].fill(0x42);
        for bytes in [&wrong[..], &right[..right.len() / 2], b"nothing"] {
            std::fs::write(&prepared, bytes).expect("written");
            worst(&LocalClassifier::load(&files, &engine).expect("the model itself is taken"), model);
            assert_eq!(onnx::prepare(&engine, &files).expect("prepared"), Prepared::Made, "anew");
        }
    }
}

#[test]
fn channels_range_and_corners_are_told_apart_by_the_golden_picture() {
    let Some(package) = package() else { return };
    let dir = tempfile::tempdir().expect("a directory");
    tfjs::install(&package, dir.path(), PackagedModel::MobileNetV2).expect("converted");
    let classifier = load(dir.path());
    let drawing = |p: &Picture| classifier.answers(p).expect("answers")[0];
    let right = onnx::resize::golden();
    let mut swapped = right.clone();
    swapped.rgb.chunks_exact_mut(3).for_each(|p| p.swap(0, 2));
    // evidence/local-classifier.md: .879; .838 with the channels swapped.
    assert!((drawing(&right) - 0.879).abs() < 0.001, "{}", drawing(&right));
    assert!((drawing(&swapped) - 0.838).abs() < 0.002, "{}", drawing(&swapped));
    for (from, to) in [("\"unit\"", "\"bytes\""), ("\"unit\"", "\"signed\"")] {
        let text = std::fs::read_to_string(dir.path().join(LABELS_FILE)).expect("a map").replace(from, to);
        let labels = dir.path().join("wrong.toml");
        std::fs::write(&labels, text).expect("written");
        let wrong = ModelFiles { model: dir.path().join(MODEL_FILE), labels };
        let said = LocalClassifier::load(&wrong, &Engine::Rten).expect_err("refused").to_string();
        assert!(said.contains("channel order, range or resizing is wrong"), "{said}");
    }
}

#[test]
fn installing_again_is_quick_and_mends_what_is_damaged() {
    let Some(package) = package() else { return };
    let model = PackagedModel::MobileNetV2;
    let root = tempfile::tempdir().expect("a directory");
    let dir = root.path().join("models/nsfwjs");
    assert!(tfjs::installed(&dir, model).is_none());
    assert_eq!(tfjs::install(&package, &dir, model).expect("converted"), Installed::Converted);
    let bytes = std::fs::read(dir.join(MODEL_FILE)).expect("a model");
    // The package is not needed any more.
    let nowhere = root.path().join("nowhere");
    assert_eq!(tfjs::install(&nowhere, &dir, model).expect("there"), Installed::Already);
    // Another model is not this one.
    assert!(tfjs::installed(&dir, PackagedModel::MobileNetV2Mid).is_none());
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    std::fs::write(dir.join(MODEL_FILE), &damaged).expect("written");
    assert!(tfjs::installed(&dir, model).is_none());
    assert!(tfjs::install(&nowhere, &dir, model).is_err());
    assert_eq!(tfjs::install(&package, &dir, model).expect("converted"), Installed::Converted);
    assert!(std::fs::read(dir.join(MODEL_FILE)).expect("a model") == bytes, "the same bytes every time");
    let left: Vec<_> = std::fs::read_dir(root.path().join("models")).expect("a directory").collect();
    assert_eq!(left.len(), 1, "{left:?}");
}

/// Copies the files of a model, each changed by `change`.
fn altered(
    package: &Path,
    model: PackagedModel,
    change: impl Fn(&str, Vec<u8>) -> Vec<u8>,
) -> tempfile::TempDir {
    let copy = tempfile::tempdir().expect("a directory");
    let below = Path::new("dist/models").join(model.name());
    std::fs::create_dir_all(copy.path().join(&below)).expect("a directory");
    for entry in std::fs::read_dir(package.join(&below)).expect("a directory") {
        let name = entry.expect("an entry").file_name();
        let bytes = std::fs::read(package.join(&below).join(&name)).expect("a file");
        let bytes = change(&name.to_string_lossy(), bytes);
        std::fs::write(copy.path().join(&below).join(&name), bytes).expect("written");
    }
    copy
}

#[test]
fn a_package_that_was_tampered_with_is_refused_and_leaves_nothing() {
    let Some(package) = package() else { return };
    let model = PackagedModel::MobileNetV2;
    let target = tempfile::tempdir().expect("a directory");
    let dir = target.path().join("model");
    let tampered = [
        altered(&package, model, |_, b| b[..b.len() / 2].to_vec()),
        altered(&package, model, |_, mut b| {
            b.extend(b"alert(1)");
            b
        }),
        altered(&package, model, |name, b| if name.starts_with("group") { Vec::new() } else { b }),
    ];
    for copy in tampered {
        let said = tfjs::install(copy.path(), &dir, model).expect_err("refused").to_string();
        assert!(said.contains("is not the file of nsfwjs 4.3.0"), "{said}");
        assert!(!dir.exists());
    }
}
