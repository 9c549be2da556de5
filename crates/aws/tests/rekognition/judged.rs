//! From an uploaded video to a verdict: the moderator, the frames, the whole video, the messages.

use super::frames::{BLUE, GREEN, ORANGE, RED, paint};
use super::rig::{connect, fast, hear, mailbox, process, with_tables};
use crate::fake::{Fake, Notices, Script, Weather};
use async_trait::async_trait;
use aws::dynamo::Dynamo;
use aws::rekognition::RekognitionClassifier;
use catalog::jobs::ENCODE;
use catalog::{Advance, MemoryVideoStore, SourceFacts, StatusListener, Video, VideoStore};
use moderation::{
    Attempt, CloserJob, Desk, Examination, ExamineJob, Examiner, FrameClassifier, JudgeError, Lookalikes,
    MediaError, MemoryBlockList, MemoryFrameBlockList, MemoryModerationStore, MemorySourceFiles,
    ModerationPolicy, ModerationRecord, ModerationStore, Moderator, ModeratorDeps, SampledFrame, plan,
};
use std::sync::Arc;
use stdx::{OsEntropy, SystemClock};
use testkit::Trial;
use vocab::{Bytes, MediaKey, Millis, Status, UploadId, UserId, VideoId};
use work::{JobFilter, JobStore, Jobs, MemoryJobStore};

const UPLOAD: UploadId = UploadId(7);

/// Shows these colours in turn.
struct Painter(Vec<[u8; 3]>);

impl Painter {
    fn paint(&self, times: impl Iterator<Item = Millis>, dir: &std::path::Path) -> Vec<SampledFrame> {
        let frame = |(n, at_ms)| SampledFrame { at_ms, ..paint(dir, n, self.0[n % self.0.len()]) };
        times.enumerate().map(frame).collect()
    }
}

#[async_trait]
impl Examiner for Painter {
    async fn examine(&self, job: ExamineJob) -> Result<Examination, MediaError> {
        let times = plan(Millis(8_000), job.phase_seed, &job.sampling).times();
        let frames = self.paint(times, &job.work_dir);
        let poster = job.work_dir.join("poster.jpg");
        std::fs::write(&poster, "poster").map_err(stdx::Fault::from)?;
        let source = SourceFacts {
            duration_ms: Millis(8_000),
            width: 720,
            height: 1280,
            fps_milli: 30_000,
            has_audio: true,
            video_codec: "h264".into(),
            audio_codec: Some("aac".into()),
            size_bytes: Bytes(9),
        };
        Ok(Examination { source, frames, sprite: None, poster, blurhash: None, loudness: None })
    }
    async fn look_closer(&self, job: CloserJob) -> Result<Option<Vec<SampledFrame>>, MediaError> {
        Ok(Some(self.paint(job.plan.times(), &job.work_dir)))
    }
}

struct Quiet;

#[async_trait]
impl StatusListener for Quiet {
    async fn changed(&self, _: &Video) {}
    async fn progressed(&self, _: VideoId, _: UserId, _: Status, _: u8) {}
}

/// What the processes of one house share.
struct House {
    fake: Fake,
    dynamo: Dynamo,
    videos: Arc<MemoryVideoStore>,
    store: Arc<MemoryModerationStore>,
    jobs: Arc<MemoryJobStore>,
    files: Arc<MemorySourceFiles>,
    dir: tempfile::TempDir,
    policy: ModerationPolicy,
}

impl House {
    async fn new(dynamo: Dynamo) -> Self {
        let policy = ModerationPolicy { machine_may_reject: true, ..ModerationPolicy::default() };
        Self {
            fake: Fake::start().await,
            dynamo,
            videos: Arc::default(),
            store: Arc::default(),
            jobs: Arc::default(),
            files: Arc::default(),
            dir: tempfile::tempdir().expect("a directory"),
            policy,
        }
    }

    /// A video whose whole file the service would see as in `script`.
    async fn upload(&self, id: u64, bytes: &str, script: Script) -> VideoId {
        let id = VideoId(id);
        let raw = self.dir.path().join(format!("{id}.mp4"));
        std::fs::write(&raw, bytes).expect("written");
        self.files.put_raw(id, UPLOAD, raw);
        let mut video = Video::reserved(id, UserId(1), String::new(), Millis(1));
        video.upload = Some(UPLOAD);
        self.videos.insert(video).await.expect("inserted");
        let step = Advance::new(id, Status::Reserved, Status::Uploaded, Millis(2));
        self.videos.advance(step).await.expect("advanced");
        self.fake.store(&MediaKey::Raw { video: id, upload: UPLOAD }.object_key(), script);
        id
    }

    /// A worker with engines of its own.
    async fn worker(&self, colours: &[[u8; 3]]) -> (Moderator, aws::rekognition::RekognitionVideo) {
        let jobs = Jobs::new(Arc::clone(&self.jobs) as _, Arc::new(SystemClock), Arc::new(OsEntropy));
        let video = process(&self.fake, &self.dynamo, fast()).await;
        let classifier: Arc<dyn FrameClassifier> =
            Arc::new(RekognitionClassifier::new(&connect(&self.fake.at).await, fast()));
        let moderator = Moderator::new(ModeratorDeps {
            desk: Desk {
                videos: Arc::clone(&self.videos) as _,
                listener: Arc::new(Quiet),
                jobs,
                store: Arc::clone(&self.store) as _,
                clock: Arc::new(SystemClock),
                policy: Arc::new(self.policy.clone()),
            },
            blocks: Arc::new(MemoryBlockList::default()),
            lookalikes: Lookalikes::new(Arc::new(MemoryFrameBlockList::default())),
            files: Arc::clone(&self.files) as _,
            examiner: Arc::new(Painter(colours.to_vec())),
            classifier: Some(classifier),
            second_look: Some(Arc::new(video.clone())),
            entropy: Arc::new(OsEntropy),
            work_root: self.dir.path().join("work"),
        });
        (moderator, video)
    }

    async fn judge(&self, id: VideoId, colours: &[[u8; 3]]) -> Result<Status, JudgeError> {
        judge(&self.worker(colours).await.0, id, false).await
    }

    async fn record(&self, id: VideoId) -> ModerationRecord {
        self.store.get(id).await.expect("read").expect("a record")
    }

    async fn encodes(&self) -> usize {
        let filter = JobFilter { kind: Some(ENCODE.into()), limit: 99, ..JobFilter::default() };
        self.jobs.list(filter).await.expect("read").len()
    }
}

async fn judge(moderator: &Moderator, id: VideoId, last: bool) -> Result<Status, JudgeError> {
    moderator.judge(id, Attempt { progress: Arc::new(|_| {}), last }).await
}

pub fn trials() -> Vec<Trial> {
    vec![
        with_tables("judged::harmless_frames_are_approved_and_no_video_is_paid_for", approves),
        with_tables("judged::explicit_frames_are_rejected_and_no_video_is_paid_for", rejects),
        with_tables("judged::violence_without_a_child_label_goes_to_a_person", parent_alone),
        with_tables("judged::nearly_explicit_frames_are_decided_by_the_whole_video", second_look_decides),
        with_tables("judged::frames_are_paid_for_once_however_long_a_place_is_waited_for", place_waited_for),
        with_tables("judged::five_workers_with_five_messages_each_pay_once", five_workers),
        with_tables("judged::a_service_that_is_down_publishes_nothing", down),
    ]
}

async fn approves(dynamo: Dynamo) {
    let house = House::new(dynamo).await;
    let id = house.upload(1, "green", Some(vec![])).await;
    assert_eq!(house.judge(id, &[GREEN]).await.expect("judged"), Status::Approved);
    let record = house.record(id).await;
    assert_eq!(record.unjudged, Vec::<String>::new(), "the service looks for everything");
    let classifier = record.classifier.expect("a classifier");
    assert_eq!((classifier.name.as_str(), classifier.version.as_str()), ("rekognition", "7.0"));
    assert_eq!((house.fake.billed(), house.encodes().await), (0, 1));
}

async fn rejects(dynamo: Dynamo) {
    let house = House::new(dynamo).await;
    let id = house.upload(1, "red", Some(vec![])).await;
    assert_eq!(house.judge(id, &[RED]).await.expect("judged"), Status::Rejected);
    assert_eq!((house.fake.billed(), house.encodes().await), (0, 0));
}

async fn parent_alone(dynamo: Dynamo) {
    let house = House::new(dynamo).await;
    let id = house.upload(1, "blue", Some(vec![])).await;
    assert_eq!(house.judge(id, &[BLUE]).await.expect("judged"), Status::InReview);
    assert_eq!(house.record(id).await.waits_for(), "violence");
}

async fn second_look_decides(dynamo: Dynamo) {
    let house = House::new(dynamo).await;
    let hot = |confidence| Some((0..16).map(|n| (n * 500, "Explicit Nudity", confidence)).collect());
    let clean = house.upload(1, "clean", Some(vec![])).await;
    let asks = house.upload(2, "asks", hot(90.0)).await;
    let bad = house.upload(3, "bad", hot(99.5)).await;
    let broken = house.upload(4, "broken", None).await;
    assert_eq!(house.judge(clean, &[ORANGE]).await.expect("judged"), Status::Approved);
    assert_eq!(house.judge(asks, &[ORANGE]).await.expect("judged"), Status::InReview);
    assert_eq!(house.judge(bad, &[ORANGE]).await.expect("judged"), Status::Rejected);
    assert_eq!(house.judge(broken, &[ORANGE]).await.expect("judged"), Status::InReview);
    assert_eq!((house.fake.billed(), house.encodes().await), (4, 1));
    let record = house.record(asks).await;
    assert_eq!(record.waits_for(), "sexual_content");
    assert!(record.frames.iter().any(|f| f.findings.iter().any(|x| x.name == "Explicit Nudity")));
    // The same bytes again: no more is paid.
    let again = house.upload(5, "asks", hot(90.0)).await;
    assert_eq!(house.judge(again, &[ORANGE]).await.expect("judged"), Status::InReview);
    assert_eq!(house.fake.billed(), 4);
}

async fn place_waited_for(dynamo: Dynamo) {
    let house = House::new(dynamo).await;
    let hot = Some((0..16).map(|n| (n * 500, "Explicit Nudity", 90.0)).collect());
    let id = house.upload(1, "asks", hot).await;
    house.fake.set_open_max(0);
    let mut paid = 0;
    for run in 1..=4 {
        // Each in a process of its own, with a seed of its own.
        match house.judge(id, &[ORANGE]).await {
            Err(JudgeError::SecondLook(fault)) => assert_eq!(fault.kind, stdx::FaultKind::Full, "{fault}"),
            other => panic!("run {run}: {other:?}"),
        }
        let asked = house.fake.requests("DetectModerationLabels").len();
        assert!(
            asked > 0 && (paid == 0 || asked == paid),
            "run {run}: {asked} frames were paid for, not {paid}"
        );
        paid = asked;
    }
    house.fake.set_open_max(20);
    assert_eq!(house.judge(id, &[ORANGE]).await.expect("judged"), Status::InReview);
    assert_eq!((house.fake.requests("DetectModerationLabels").len(), house.fake.billed()), (paid, 1));
    let record = house.record(id).await;
    assert_eq!((record.waits_for(), record.decisions.len()), ("sexual_content", 1));
    // Another model would see other things: it is asked itself.
    let other = house.upload(2, "other", None).await;
    house.fake.set_open_max(0);
    house.judge(other, &[ORANGE]).await.expect_err("no room");
    house.fake.set_model("8.0");
    let third = house.upload(3, "third", Some(vec![])).await;
    let (moderator, _) = house.worker(&[ORANGE]).await;
    judge(&moderator, third, false).await.expect_err("no room");
    let before = house.fake.requests("DetectModerationLabels").len();
    judge(&moderator, other, false).await.expect_err("no room");
    assert!(house.fake.requests("DetectModerationLabels").len() > before);
    println!("RESULT rekognition_waits runs=5 frames_paid={paid}");
}

async fn five_workers(dynamo: Dynamo) {
    let house = House::new(dynamo).await;
    let queue = mailbox().await;
    house.fake.tell(queue.clone(), Notices::Copies(5));
    let lost = [Weather::LostAnswer, Weather::Refused("ThrottlingException"), Weather::LostAnswer];
    house.fake.weather("StartContentModeration", &lost);
    house.fake.weather("DetectModerationLabels", &lost);
    let hot = Some((0..16).map(|n| (n * 500, "Explicit Nudity", 90.0)).collect());
    let id = house.upload(1, "asks", hot).await;
    let mut workers = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let (moderator, video) = house.worker(&[ORANGE]).await;
        hear(&video, &queue);
        workers.spawn(async move {
            // The same event again and again.
            for _ in 0..5 {
                let mut tries = 0;
                while judge(&moderator, id, false).await.is_err() && tries < 20 {
                    tries += 1;
                }
            }
        });
    }
    workers.join_all().await;
    let video = house.videos.get(id).await.expect("a video");
    assert_eq!(video.status, Status::InReview);
    assert_eq!((house.fake.billed(), house.encodes().await), (1, 0));
    println!("RESULT rekognition_judged workers=5 events=25 messages=5x billed={}", house.fake.billed());
}

async fn down(dynamo: Dynamo) {
    let house = House::new(dynamo).await;
    let id = house.upload(1, "green", Some(vec![])).await;
    house.fake.set_down(true);
    assert!(matches!(house.judge(id, &[GREEN]).await, Err(JudgeError::Classify(_))));
    assert_eq!(house.videos.get(id).await.expect("a video").status, Status::Judging);
    let (moderator, _) = house.worker(&[GREEN]).await;
    assert_eq!(judge(&moderator, id, true).await.expect("judged"), Status::InReview);
    assert_eq!(house.encodes().await, 0);
}
