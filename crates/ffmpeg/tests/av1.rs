//! AV1 beside H.264 on real encodes: from an approved file to one playlist with both.

mod common;

use async_trait::async_trait;
use catalog::{MemoryVideoStore, StatusListener, Transform, VerdictFacts, Video, VideoStore};
use common::{Bench, quiet, system};
use ffmpeg::{Ffmpeg, FfmpegPolicy};
use moderation::Draft;
use moderation::record::digest_of;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use stdx::{ManualClock, SeededEntropy};
use transcode::port::Content;
use transcode::{
    Av1Policy, Grown, LadderProfile, MediaStore, MemoryMediaStore, Run, Transcoder, TranscoderDeps, Wave,
};
use vocab::{Codec, JobId, MediaKey, Millis, RenditionId, Status, UploadId, UserId, Verdict, VideoId};

const ID: VideoId = VideoId(1);
const UPLOAD: UploadId = UploadId(2);
/// Not a whole number of segments.
const SECONDS: u32 = 5;

struct Nobody;

#[async_trait]
impl StatusListener for Nobody {
    async fn changed(&self, _: &Video) {}
    async fn progressed(&self, _: VideoId, _: UserId, _: Status, _: u8) {}
}

fn clip(bench: &Bench) -> PathBuf {
    let path = bench.dir.path().join("clip.mp4");
    let (picture, tone) = (
        format!("testsrc=size=720x1280:rate=30:duration={SECONDS}"),
        format!("sine=frequency=440:duration={SECONDS}"),
    );
    let inputs = ["-v", "error", "-y", "-f", "lavfi", "-i", &picture, "-f", "lavfi", "-i", &tone];
    let codecs =
        ["-c:v", "libx264", "-preset", "ultrafast", "-b:v", "4M", "-pix_fmt", "yuv420p", "-c:a", "aac"];
    let out = [path.to_str().expect("a path")];
    system("ffmpeg", &[&inputs[..], &codecs[..], &out[..]].concat());
    path
}

fn profile() -> LadderProfile {
    // Test patterns are not what AV1 is good at: every rung is kept.
    let (cap_percent, worth_percent) = (1_000, 1_000);
    let av1 = Av1Policy { after_views: Some(100), cap_percent, worth_percent, ..Av1Policy::default() };
    let mut profile = LadderProfile { av1, ..LadderProfile::default() };
    profile.per_title.enabled = false;
    profile.top_gate.source_kbps_min = vocab::Kbps(0);
    profile
}

/// An approved video, its raw file and what pass A found out about it.
async fn approved(bench: &Bench, media: &MemoryMediaStore, source: &Path) -> Video {
    let seen = bench.examine("clip", source, &Transform::default()).await.expect("readable");
    let bytes = std::fs::read(source).expect("a file");
    media
        .put(MediaKey::Raw { video: ID, upload: UPLOAD }, Content::Bytes(bytes.into()))
        .await
        .expect("stored");
    let content_sha256 = moderation::moderator::hash(source).await.expect("a hash");
    let digest = digest_of(&content_sha256).expect("a digest");
    let draft: Draft = serde_json::from_value(serde_json::json!({
        "content_sha256": content_sha256, "source": seen.source, "sprite": null, "blurhash": null,
        "loudness": null, "frame_times_ms": [],
    }))
    .expect("a draft");
    let draft = serde_json::to_vec(&draft).expect("json");
    for (key, bytes) in [
        (MediaKey::DraftFacts { video: ID, digest }, draft),
        (MediaKey::DraftPoster { video: ID, digest }, b"poster".to_vec()),
    ] {
        media.put(key, Content::Bytes(bytes.into())).await.expect("stored");
    }
    let mut video = Video::reserved(ID, UserId(1), "secret".into(), Millis(0));
    (video.status, video.upload) = (Status::Approved, Some(UPLOAD));
    video.verdict = Some(VerdictFacts {
        verdict: Verdict::Approve,
        content_sha256,
        decided_at: Millis(0),
        decided_by: "moderator".into(),
        reason_code: None,
        reason: None,
    });
    video
}

/// Every object of a rendition in a row, as a player would fetch them.
async fn whole(media: &MemoryMediaStore, rendition: RenditionId, segments: usize) -> Vec<u8> {
    let init = MediaKey::Init { video: ID, rendition };
    let mut bytes = media.get(init).await.expect("an init segment").to_vec();
    for n in 0..segments as u32 {
        let segment = MediaKey::Segment { video: ID, rendition, n };
        bytes.extend_from_slice(&media.get(segment).await.expect("a segment"));
    }
    bytes
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_video_with_many_viewers_is_shown_in_both_codecs() {
    let bench = Bench::new().await;
    let engine = match Ffmpeg::open(FfmpegPolicy::default(), profile()).await {
        Ok(engine) => engine,
        Err(e) => return println!("skipped: {e}"),
    };
    let source = clip(&bench);
    let media = Arc::new(MemoryMediaStore::new(bench.room("raw")));
    let videos = Arc::new(MemoryVideoStore::default());
    videos.insert(approved(&bench, &media, &source).await).await.expect("is new");
    let (clock, entropy) = (Arc::new(ManualClock::default()), Arc::new(SeededEntropy::new(1)));
    let jobs = work::Jobs::new(Arc::new(work::MemoryJobStore::default()), clock.clone(), entropy.clone());
    let (eraser, work_root, profile) = (media.clone(), bench.room("work"), profile());
    let (encoder, listener, videos_) = (Arc::new(engine), Arc::new(Nobody), videos.clone());
    let transcoder = Transcoder::new(TranscoderDeps {
        videos: videos_,
        listener,
        media: media.clone(),
        eraser,
        encoder,
        jobs,
        clock,
        entropy,
        profile,
        work_root,
    });
    let run = |n| Run { job: JobId(n), fence: 1 };
    assert_eq!(transcoder.transcode(ID, run(1), quiet()).await.expect("publishes"), Status::Published);
    transcoder.grow(ID, Wave::Second, run(2), quiet()).await.expect("grows");
    let before = videos.get(ID).await.expect("there").package.expect("a package");
    assert!(before.renditions.iter().all(|r| r.codec() == Codec::H264));

    assert_eq!(transcoder.grow(ID, Wave::Av1, run(3), quiet()).await.expect("grows"), Grown::Done);
    let package = videos.get(ID).await.expect("there").package.expect("a package");
    let av1: Vec<_> = package.renditions.iter().filter(|r| r.codec() == Codec::Av1).collect();
    assert_eq!(av1.iter().map(|r| r.rung.0).collect::<Vec<_>>(), [360, 540, 720]);
    assert_eq!(package.segment_ms, before.segment_ms);
    assert_eq!(package.segment_ms.len(), 3);

    let text =
        media.get(MediaKey::Multivariant { video: ID, package: package.id }).await.expect("a playlist");
    let (_, list) = m3u8_rs::parse_master_playlist(&text).expect("parses");
    let shown: Vec<&str> =
        list.variants.iter().filter(|v| !v.is_i_frame).filter_map(|v| v.codecs.as_deref()).collect();
    assert_eq!((&shown[0][..4], shown.len()), ("avc1", before.renditions.len() + 3), "{shown:?}");
    assert!(
        shown[before.renditions.len()..]
            .iter()
            .all(|c| c.starts_with("av01.0.") && c.ends_with(",mp4a.40.2"))
    );

    let room = bench.room("played");
    for r in av1 {
        let beside = before.renditions.iter().find(|h| h.rung == r.rung).expect("in H.264 too");
        println!("{}: {} of {} kbps", r.rung, r.average_kbps.0, beside.average_kbps.0);
        assert_eq!((r.width, r.height, r.segment_bytes.len()), (beside.width, beside.height, 3));
        let path = room.join(format!("{}.mp4", r.rung));
        std::fs::write(&path, whole(&media, r.id, 3).await).expect("a file");
        let file = path.to_str().expect("a path");
        let entries = "stream=codec_name,nb_read_frames";
        let ask = [
            "-v",
            "error",
            "-select_streams",
            "v",
            "-count_frames",
            "-show_entries",
            entries,
            "-of",
            "csv=p=0",
            file,
        ];
        let (said, answer) = system("ffprobe", &ask);
        assert_eq!((said.as_str(), String::from_utf8_lossy(&answer).trim()), ("", "av1,150"));
    }

    let keys = media.keys().len();
    assert_eq!(transcoder.grow(ID, Wave::Av1, run(4), quiet()).await.expect("nothing to do"), Grown::Done);
    assert_eq!((videos.get(ID).await.expect("there").package, media.keys().len()), (Some(package), keys));
}
