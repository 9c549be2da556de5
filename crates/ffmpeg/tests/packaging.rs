//! Every packaging option on real encodes: stored, fetched back and decoded as before a publication.

mod common;

use catalog::{OwnersCaptions, Transform, Video};
use common::{Bench, quiet, system};
use moderation::Draft;
use moderation::record::digest_of;
use packager::{Files, Packaging, Sound};
use transcode::port::Content;
use transcode::shelf::Shelf;
use transcode::{
    EncodeJob, Encoder, Expectation, LadderProfile, MediaStore, MemoryMediaStore, Names, Run, VerifyJob,
};
use vocab::{JobId, MediaKey, Millis, UserId, VideoId};

const ID: VideoId = VideoId(1);
const CAPTIONS: &str = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nhello\n";

fn clip(bench: &Bench) -> std::path::PathBuf {
    let path = bench.dir.path().join("clip.mp4");
    let out = path.to_str().expect("a path");
    let (picture, tone) = ("testsrc2=size=360x640:rate=30:duration=15", "sine=frequency=440:duration=15");
    let args =
        ["-v", "error", "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", tone, "-c:v", "libx264"];
    let rest = ["-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest", out];
    system("ffmpeg", &[&args[..], &rest[..]].concat());
    path
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_option_is_decoded_to_its_end() {
    let bench = Bench::new().await;
    let source = clip(&bench);
    let seen = bench.examine("clip", &source, &Transform::default()).await.expect("readable");
    let mut encoded = None;
    for (sound, files, ramp_ms) in [
        (Sound::Muxed, Files::Segments, vec![]),
        (Sound::Muxed, Files::Segments, Packaging::ramp()),
        (Sound::Own, Files::Segments, Packaging::ramp()),
        (Sound::Own, Files::Single, vec![]),
        (Sound::Muxed, Files::Single, Packaging::ramp()),
    ] {
        let packaging = Packaging { sound, files, ramp_ms, i_frames: true };
        let name = format!("{sound:?}-{files:?}-{}", packaging.ramp_ms.len());
        let profile = LadderProfile { packaging, ..LadderProfile::default() };
        let plan = transcode::plan(&seen.source, &Transform::default(), &profile).expect("a plan");
        if encoded.is_none() {
            let (source, work_dir) = (source.clone(), bench.room("b"));
            let (plan, loudness, progress) = (plan.clone(), seen.loudness, quiet());
            let job = EncodeJob { video: ID, source, origin: None, work_dir, plan, loudness, progress };
            encoded = Some(bench.engine.encode(job).await.expect("encodes"));
        }
        let encoded = encoded.as_ref().expect("encoded");
        let media = MemoryMediaStore::new(bench.room(&name));
        let mut video = Video::reserved(ID, UserId(1), "secret".into(), Millis(0));
        // Only names are made of it here.
        let sha256 = "ab".repeat(32);
        let draft = MediaKey::DraftCaptions { video: ID, digest: digest_of(&sha256).expect("a digest") };
        media.put(draft, Content::Bytes(CAPTIONS.into())).await.expect("stored");
        let poster = MediaKey::DraftPoster { video: ID, digest: digest_of(&sha256).expect("a digest") };
        media.put(poster, Content::Bytes("poster".into())).await.expect("stored");
        video.captions =
            vec![OwnersCaptions { language: "en".into(), sha256: sha256.clone(), cues: 1, n: 0 }];
        let names = Names::new(&video, Run { job: JobId(1), fence: 1 });
        let shelf = Shelf { media: &media, video: &video, names: &names };
        let shelved = shelf.put_renditions(encoded, &plan).await.expect("packaged");
        let package = shelf.put_package(&shelved, &facts(sha256, &seen.source)).await.expect("stored");
        assert_eq!((package.has_audio, package.tracks.captions.len()), (true, 1), "{name}");
        let room = bench.room(&format!("{name}-v"));
        let verify = VerifyJob {
            video: ID,
            files: shelf.fetch(&shelved, &room).await.expect("comes back"),
            sound: shelf.fetch_sound(&shelved, &room).await.expect("comes back"),
            work_dir: room,
            expect: Expectation {
                duration_ms: plan.duration_ms,
                fps: plan.fps,
                has_audio: package.tracks.sound.is_none(),
                sizes: plan.rungs.iter().map(|r| (r.width, r.height)).collect(),
                segment_ms: package.segment_ms.clone(),
            },
            progress: quiet(),
        };
        assert_eq!(verify.sound.is_some(), package.tracks.sound.is_some(), "{name}");
        bench.engine.verify(verify.clone()).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        if let Some(sound) = &verify.sound {
            let whole = std::fs::read(sound).expect("a file");
            std::fs::write(sound, &whole[..whole.len() / 2]).expect("cut");
            assert!(bench.engine.verify(verify).await.is_err(), "{name}: half of the sound is no sound");
        }
        println!("{name}: segments of {:?} ms, {} rungs", package.segment_ms, package.renditions.len());
    }
}

fn facts(content_sha256: String, source: &catalog::SourceFacts) -> Draft {
    let json = serde_json::json!({
        "content_sha256": content_sha256, "source": source, "sprite": null, "blurhash": null,
        "loudness": null, "frame_times_ms": [],
    });
    serde_json::from_value(json).expect("a draft")
}
