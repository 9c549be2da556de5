//! The agent on memory: what it writes, when it refuses, and that twice is once.

mod world;

use world::*;
#[tokio::test]
async fn an_approved_video_is_published_with_all_its_objects() {
    let w = World::new().await.with(video(7)).await;
    assert_eq!(w.run(7).await.expect("publishes"), Status::Published);
    let v = w.get(7).await;
    let p = v.package.expect("a package");
    assert!(v.published_at.is_some() && v.failure.is_none());
    assert_eq!((p.duration_ms, p.width, p.height, p.fps_milli), (Millis(7_000), 720, 1280, 30_000));
    assert_eq!(p.segment_ms, [2000, 2000, 2000, 1000]);
    assert_eq!(p.renditions.iter().map(|r| r.rung.0).collect::<Vec<_>>(), [360, 240, 540, 720]);
    assert!(p.has_audio && p.sprite.is_some() && p.blurhash.is_some());
    for r in &p.renditions {
        let init = w.media.inner.get(MediaKey::Init { video: v.id, rendition: r.id }).await.expect("init");
        assert_eq!(init.len() as u32, r.init_bytes);
        for (n, bytes) in r.segment_bytes.iter().enumerate() {
            let key = MediaKey::Segment { video: v.id, rendition: r.id, n: n as u32 };
            assert_eq!(w.media.inner.get(key).await.expect("segment").len() as u32, *bytes);
        }
        assert!(r.first_frame_bytes < r.segment_bytes[0]);
    }
    let text =
        w.media.inner.get(MediaKey::Multivariant { video: v.id, package: p.id }).await.expect("playlist");
    let (_, list) = m3u8_rs::parse_master_playlist(&text).expect("parses");
    assert_eq!(list.variants.iter().filter(|v| !v.is_i_frame).count(), 4);
    // From /v/{video}/{package}/main.m3u8 to /v/{video}/{rendition}/media.m3u8.
    assert_eq!(list.variants[0].uri, format!("../{}/media.m3u8", p.renditions[0].id));
    assert!(w.listener.told.load(Ordering::SeqCst) > 0);
    assert_eq!(w.leftovers(), 0);
}

#[tokio::test]
async fn a_second_run_does_nothing_and_a_resumed_one_leaves_one_package() {
    let w = World::new().await.with(video(7)).await;
    w.run(7).await.expect("publishes");
    let keys = w.public_keys();
    assert_eq!(w.run(7).await.expect("is published"), Status::Published);
    assert_eq!(w.encoder.inner.encodes.load(Ordering::SeqCst), 1);
    assert_eq!(w.public_keys(), keys, "and takes nothing of the first away");

    // Cut short after everything was stored: what that run wrote goes when another one has published.
    let w2 = World::new().await.with(video(7)).await;
    w2.encoder.fails_verify.store(true, Ordering::SeqCst);
    w2.run(7).await.expect_err("cut short");
    let first = w2.public_keys();
    w2.encoder.fails_verify.store(false, Ordering::SeqCst);
    w2.run(7).await.expect("publishes");
    assert_eq!(w2.public_keys().len(), keys.len());
    assert!(w2.public_keys().iter().all(|k| !first.contains(k)), "no name is written twice");
}

#[tokio::test]
async fn storing_an_object_asks_the_catalog_nothing() {
    let w = World::new().await.with(video(7)).await;
    w.run(7).await.expect("publishes");
    let (asked, stored) = (w.videos.reads.load(Ordering::SeqCst), w.public_keys().len() as u32);
    assert!(asked <= 3 && stored > 20, "{asked} reads for {stored} objects");
}

#[tokio::test]
async fn two_runs_at_once_publish_one_package() {
    let w = World::new().await.with(video(7)).await;
    let (a, b) = tokio::join!(w.run(7), w.run(7));
    let ended = [a, b].map(|r| r.expect("no error"));
    assert!(ended.contains(&Status::Published), "{ended:?}");
    let v = w.get(7).await;
    assert_eq!(v.status, Status::Published);
    let renditions = v.package.expect("a package").renditions.len();
    let inits = w.public_keys().iter().filter(|k| k.ends_with("init.mp4")).count();
    assert_eq!(inits, renditions, "the loser took its own away");
}

#[tokio::test]
async fn names_depend_on_the_secret_of_the_video() {
    let w = World::new().await.with(video(7)).await;
    w.run(7).await.expect("publishes");
    let mut other = video(7);
    other.link_key = "ff".repeat(16);
    let w2 = World::new().await.with(other).await;
    w2.run(7).await.expect("publishes");
    let ids = |v: Video| {
        let p = v.package.expect("a package");
        (p.id, p.renditions.iter().map(|r| r.id).collect::<Vec<_>>())
    };
    let (a, b) = (ids(w.get(7).await), ids(w2.get(7).await));
    assert!(a.0 != b.0 && a.1.iter().all(|id| !b.1.contains(id)));
}

#[tokio::test]
async fn other_bytes_than_those_that_were_judged_are_not_encoded() {
    let w = World::new().await.with(video(7)).await;
    let key = MediaKey::Raw { video: VideoId(7), upload: UPLOAD };
    w.media.inner.put(key, Content::Bytes(b"another film".to_vec().into())).await.expect("is stored");
    assert_eq!(w.run(7).await.expect("fails properly"), Status::Failed);
    let failure = w.get(7).await.failure.expect("a reason");
    assert_eq!((failure.code.as_str(), failure.retryable), ("media.changed", true));
    assert!(w.public_keys().is_empty());
}

#[tokio::test]
async fn nothing_unjudged_or_rejected_is_encoded() {
    for verdict in [None, Some(Verdict::Reject), Some(Verdict::Escalate)] {
        let mut v = video(7);
        v.verdict = verdict.map(|verdict| VerdictFacts { verdict, ..v.verdict.clone().expect("a verdict") });
        let w = World::new().await.with(v).await;
        assert!(w.run(7).await.expect_err("refuses").is_final());
        assert_eq!(w.encoder.inner.encodes.load(Ordering::SeqCst), 0);
        assert!(w.public_keys().is_empty());
    }
    for status in [Status::Uploaded, Status::Judging, Status::InReview, Status::Rejected, Status::Removed] {
        let mut v = video(7);
        v.status = status;
        let w = World::new().await.with(v).await;
        assert_eq!(w.run(7).await.expect("nothing to do"), status);
        assert!(w.public_keys().is_empty());
    }
}

#[tokio::test]
async fn a_refused_file_fails_with_the_reason() {
    let w = World::new().await.with(video(7)).await;
    w.encoder.refuses.store(true, Ordering::SeqCst);
    assert_eq!(w.run(7).await.expect("fails properly"), Status::Failed);
    assert_eq!(w.get(7).await.failure.expect("a reason").code, "media.unreadable");
}

#[tokio::test]
async fn a_failed_verification_publishes_nothing_and_may_be_tried_again() {
    let w = World::new().await.with(video(7)).await;
    w.encoder.fails_verify.store(true, Ordering::SeqCst);
    assert!(!w.run(7).await.expect_err("fails").is_final());
    assert_eq!(w.get(7).await.status, Status::Verifying);
    w.encoder.fails_verify.store(false, Ordering::SeqCst);
    assert_eq!(w.run(7).await.expect("publishes"), Status::Published);
}

#[tokio::test]
async fn bytes_that_come_back_changed_are_not_published() {
    let w = World::new().await.with(video(7)).await;
    w.media.rots.store(true, Ordering::SeqCst);
    assert!(w.run(7).await.is_err());
    assert_eq!(w.get(7).await.status, Status::Verifying);
    w.media.rots.store(false, Ordering::SeqCst);
    assert_eq!(w.run(7).await.expect("publishes"), Status::Published);
}

#[tokio::test]
async fn a_store_that_fails_anywhere_is_resumed() {
    for n in 0..30 {
        let w = World::new().await.with(video(7)).await;
        w.media.fails_after.store(n, Ordering::SeqCst);
        let first = w.run(7).await;
        if first.is_ok() {
            break;
        }
        assert_ne!(w.get(7).await.status, Status::Published);
        assert_eq!(
            w.public_keys(),
            Vec::<String>::new(),
            "what was written is taken back at once, after {n}"
        );
        w.media.fails_after.store(u32::MAX, Ordering::SeqCst);
        assert_eq!(w.run(7).await.expect("publishes"), Status::Published, "after {n}");
        assert_eq!(w.leftovers(), 0);
    }
}

#[tokio::test]
async fn a_takedown_during_the_encode_wins() {
    let w = World::new().await.with(video(7)).await;
    w.encoder.fails_verify.store(true, Ordering::SeqCst);
    assert!(w.run(7).await.is_err());
    let take_down = Advance::from_any(VideoId(7), &[Status::Verifying], Status::Removed, Millis(1))
        .with(Facts::default());
    w.videos.advance(take_down).await.expect("is removed");
    w.encoder.fails_verify.store(false, Ordering::SeqCst);
    assert_eq!(w.run(7).await.expect("nothing to do"), Status::Removed);
}

/// An encoder during whose work somebody else publishes the video.
struct Slow {
    videos: Arc<Videos>,
    inner: MemoryEncoder,
}

#[async_trait]
impl Encoder for Slow {
    fn fingerprint(&self) -> String {
        self.inner.fingerprint()
    }
    async fn encode(&self, job: EncodeJob) -> Result<Encoded, MediaError> {
        for (from, to) in [(Status::Encoding, Status::Verifying), (Status::Verifying, Status::Published)] {
            self.videos.advance(Advance::new(job.video, from, to, Millis(1))).await.expect("is moved");
        }
        self.inner.encode(job).await
    }
    async fn verify(&self, job: VerifyJob) -> Result<(), MediaError> {
        self.inner.verify(job).await
    }
}

#[tokio::test]
async fn a_run_that_was_overtaken_writes_nothing() {
    let w = World::new().await.with(video(7)).await;
    let transcoder = Transcoder::new(TranscoderDeps {
        videos: w.videos.clone(),
        listener: w.listener.clone(),
        media: w.media.clone(),
        eraser: w.media.clone(),
        jobs: w.jobs.clone(),
        encoder: Arc::new(Slow { videos: w.videos.clone(), inner: MemoryEncoder::default() }),
        clock: Arc::new(ManualClock::default()),
        entropy: Arc::new(SeededEntropy::new(2)),
        profile: at_once(),
        work_root: w.dir.path().join("work"),
    });
    let run = Run { job: JobId(1), fence: 1 };
    let ended = transcoder.transcode(VideoId(7), run, Arc::new(|_| {})).await.expect("no error");
    assert_eq!(ended, Status::Published);
    assert!(w.public_keys().is_empty());
}

#[tokio::test]
async fn trim_and_mute_reach_the_package_and_giving_up_has_a_reason() {
    let mut v = video(7);
    v.transform = Transform {
        trim_start_ms: Some(Millis(1_000)),
        trim_end_ms: Some(Millis(4_000)),
        mute: true,
        cover_at_ms: None,
    };
    let w = World::new().await.with(v).await;
    w.run(7).await.expect("publishes");
    let p = w.get(7).await.package.expect("a package");
    assert_eq!((p.duration_ms, p.has_audio), (Millis(3_000), false));
    assert!(p.renditions.iter().all(|r| !r.codecs.contains("mp4a")));

    let w = World::new().await.with(video(8)).await;
    assert_eq!(
        w.transcoder.give_up(VideoId(8), Run { job: JobId(1), fence: 1 }).await.expect("fails"),
        Status::Failed
    );
    assert_eq!(w.get(8).await.failure.expect("a reason").code, "internal.gave_up");
}
