//! Real clips, encoded anew, made smaller and cropped, are recognised; unrelated ones are not.

mod common;

use common::{Bench, media, quiet};
use moderation::likeness::{Likeness, closest, of_files};
use moderation::port::{ExamineJob, Examiner};
use moderation::{FrameBlock, LikenessPolicy, SamplingPolicy};
use std::path::{Path, PathBuf};
use std::process::Command;
use vocab::{Millis, VideoId};

/// What somebody does to a rejected clip to get it past the hash of its bytes.
const DISGUISES: [(&str, &str, &str); 2] = [
    ("half the size, CRF 34", "scale=trunc(iw/4)*2:trunc(ih/4)*2", "34"),
    ("cropped by 6 %, CRF 28", "crop=trunc(iw*0.47)*2:trunc(ih*0.47)*2", "28"),
];

fn disguise(clip: &Path, filter: &str, crf: &str, out: &Path) {
    let status = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(clip)
        .args(["-an", "-vf", filter, "-c:v", "libx264", "-preset", "veryfast", "-crf", crf])
        .arg(out)
        .status()
        .expect("ffmpeg runs");
    assert!(status.success(), "{}", clip.display());
}

/// `seed` moves the moments of the judged frames: an upload and its copy are not looked at alike.
async fn likeness(bench: &Bench, (name, seed): (&str, u64), clip: &Path) -> Likeness {
    let job = ExamineJob {
        video: VideoId(1),
        source: clip.to_owned(),
        work_dir: bench.room(name),
        transform: catalog::Transform::default(),
        phase_seed: seed,
        sampling: SamplingPolicy::default(),
        progress: quiet(),
    };
    of_files(&bench.engine.examine(job).await.expect("examined"), &LikenessPolicy::default())
}

fn blocked(n: usize, likeness: &Likeness) -> FrameBlock {
    FrameBlock {
        video: VideoId(n as u64 + 1),
        hashes: likeness.hashes(),
        reason_code: "hate".into(),
        changed_at: Millis(1),
        is_lifted: false,
    }
}

#[tokio::test]
async fn disguised_clips_are_recognised_and_unrelated_ones_share_no_picture() {
    let Some(media) = media() else { return };
    let mut clips: Vec<PathBuf> = std::fs::read_dir(media.join("natural"))
        .expect("clips")
        .map(|e| e.expect("an entry").path())
        .filter(|p| p.extension().is_some_and(|x| x == "mp4"))
        .collect();
    clips.sort();
    let bench = Bench::new().await;
    let mut originals = Vec::new();
    for (n, clip) in clips.iter().enumerate() {
        originals.push(likeness(&bench, (&format!("original-{n}"), 1), clip).await);
    }
    let blocks: Vec<_> = originals.iter().enumerate().map(|(n, l)| blocked(n, l)).collect();
    let policy = LikenessPolicy::default();
    // One picture in common would be one too many.
    let strict = LikenessPolicy { share_min_percent: 0, frames_min: 1, ..policy.clone() };
    for (n, own) in originals.iter().enumerate() {
        let others = blocks.iter().filter(|b| b.video != blocks[n].video);
        let like = closest(own, others, &strict);
        assert_eq!(like, None, "{} looks like another clip", clips[n].display());
    }
    for (n, clip) in clips.iter().enumerate() {
        for (d, (what, filter, crf)) in DISGUISES.iter().enumerate() {
            let file = bench.dir.path().join(format!("disguised-{n}-{d}.mp4"));
            disguise(clip, filter, crf, &file);
            let like = likeness(&bench, (&format!("again-{n}-{d}"), 777_777), &file).await;
            let found = closest(&like, &blocks, &policy);
            let name = clip.file_name().unwrap_or_default().to_string_lossy();
            let found = found.unwrap_or_else(|| panic!("{name}, {what}, was not recognised"));
            println!(
                "RESULT lookalike clip={name} as=\"{what}\" matched={}/{}",
                found.matched, found.pictures
            );
            assert_eq!(found.video, blocks[n].video, "{name}, {what}");
        }
    }
}
