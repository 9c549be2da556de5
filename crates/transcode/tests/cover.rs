//! The owner's own picture for the cover: moderated before anybody sees it, killed anywhere, the last one wins.

mod world;

use bytes::Bytes as Raw;
use catalog::jobs::{COVER, CoverJob};
use catalog::sweep::Erase;
use catalog::{CatalogPolicy, CoverState, Owners, OwnersDeps, Package};
use moderation::port::{CoverJob as Draw, DrawnCover, FrameClassifier};
use moderation::{
    Ask, CoverAsk, CoverLimits, Desk, Examination, ExamineJob, Examiner, Lookalikes, MemoryBlockList,
    MemoryFrameBlockList, MemoryModerationStore, ModerationPolicy, ModerationStore, Moderator, ModeratorDeps,
    Reviews, ReviewsDeps, SampledFrame, StillKind,
};
use std::cell::Cell;
use std::sync::Mutex;
use transcode::CoverHandler;
use transcode::cover::{self, CoverDeps, CoverDesk, CoverError, CoverKeeper};
use transcode::policy::CoverPolicy;
use vocab::Finding;
use work::{Claim, Ending, Job, JobContext, JobError, JobHandler, JobState, JobStore, Outcome};
use world::*;

const OWNER: UserId = UserId(1);
const MODERATOR: UserId = UserId(2);
const ID: VideoId = VideoId(1);

thread_local! {
    /// Where this test's process dies next.
    static DIES_AT: Cell<Option<&'static str>> = const { Cell::new(None) };
}

fn watch_crashes() {
    stdx::crash::install(|name| {
        if DIES_AT.get() == Some(name) {
            DIES_AT.set(None);
            panic!("killed at {name}");
        }
    });
}

/// A picture as far as its tables go; `n` makes it another one.
fn picture(n: u8) -> Raw {
    let mut file = vec![0xff, 0xd8, 0xff, 0xc0, 0, 11, 8, 4, 0, 3, 0, 1, 1, 0x11, 0];
    file.extend([n, 0xff, 0xd9]);
    file.into()
}

/// Draws what it was sent, behind a word.
struct Draws;

#[async_trait]
impl Examiner for Draws {
    async fn examine(&self, _: ExamineJob) -> Result<Examination, MediaError> {
        Err(MediaError::Failed("no video here".into()))
    }
    async fn draw_cover(&self, job: Draw) -> Result<DrawnCover, MediaError> {
        let sent = std::fs::read(&job.source).expect("is there");
        if sent[15] == 99 {
            return Err(MediaError::Refused(FailureReason::new("cover.unreadable", "Broken.", false)));
        }
        let jpeg = job.work_dir.join("cover.jpg");
        std::fs::write(&jpeg, [b"drawn ".as_slice(), &sent].concat()).expect("is written");
        Ok(DrawnCover { jpeg, blurhash: Some("LGF5]+Yk^6#M@-5c,1J5@[or[Q6.".into()) })
    }
}

/// Sees what it is told to; `None` = it is down.
struct Sees(Mutex<Option<f32>>);

#[async_trait]
impl FrameClassifier for Sees {
    fn name(&self) -> &str {
        "stub"
    }
    fn version(&self) -> String {
        "1".into()
    }
    fn judges(&self) -> &[String] {
        static JUDGES: std::sync::OnceLock<Vec<String>> = std::sync::OnceLock::new();
        JUDGES.get_or_init(|| vec!["Explicit".into()])
    }
    async fn classify(&self, frames: &[SampledFrame]) -> Result<Vec<Vec<Finding>>, Fault> {
        let seen = *self.0.lock().expect("no panic");
        let confidence = seen.ok_or_else(|| Fault::unavailable("asleep"))?;
        let finding =
            Finding { name: "Explicit".into(), parent: String::new(), level: 1, confidence, at_ms: 0 };
        Ok(frames.iter().map(|_| vec![finding.clone()]).collect())
    }
}

/// A world with a moderator.
struct Studio {
    world: World,
    records: Arc<MemoryModerationStore>,
    blocks: Arc<MemoryBlockList>,
    sees: Arc<Sees>,
    clock: Arc<ManualClock>,
    policy: ModerationPolicy,
    watched: bool,
}

impl Studio {
    async fn new() -> Self {
        watch_crashes();
        Self {
            world: World::new().await.with(video(1)).await,
            records: Arc::default(),
            blocks: Arc::default(),
            sees: Arc::new(Sees(Mutex::new(Some(1.0)))),
            clock: Arc::default(),
            policy: ModerationPolicy::default(),
            watched: true,
        }
    }

    async fn published() -> Self {
        let studio = Self::new().await;
        assert_eq!(studio.world.run(1).await.expect("runs"), Status::Published);
        studio
    }

    fn videos(&self) -> Arc<dyn VideoStore> {
        self.world.videos.clone()
    }

    fn desk(&self) -> CoverDesk {
        let owners =
            OwnersDeps { videos: self.videos(), jobs: self.world.jobs.clone(), clock: self.clock.clone() };
        CoverDesk::new(CoverDeps {
            owners: Arc::new(Owners::new(owners, CatalogPolicy::default())),
            videos: self.videos(),
            media: self.world.media.clone(),
            jobs: self.world.jobs.clone(),
            clock: self.clock.clone(),
            limits: CoverLimits::default(),
            policy: CoverPolicy::default(),
        })
    }

    fn moderation_desk(&self) -> Desk {
        Desk {
            videos: self.videos(),
            listener: self.world.listener.clone(),
            jobs: self.world.jobs.clone(),
            store: self.records.clone(),
            clock: self.clock.clone(),
            policy: Arc::new(self.policy.clone()),
        }
    }

    fn handler(&self) -> CoverHandler {
        let moderator = Moderator::new(ModeratorDeps {
            desk: self.moderation_desk(),
            blocks: self.blocks.clone(),
            lookalikes: Lookalikes::new(Arc::new(MemoryFrameBlockList::default())),
            files: Arc::new(Files(self.world.media.clone())),
            examiner: Arc::new(Draws),
            classifier: self.watched.then(|| self.sees.clone() as Arc<dyn FrameClassifier>),
            second_look: None,
            entropy: Arc::new(SeededEntropy::new(self.world.claims.fetch_add(1, Ordering::SeqCst))),
            work_root: self.world.dir.path().join("judge"),
        });
        CoverHandler(CoverKeeper {
            moderator,
            videos: self.videos(),
            media: self.world.media.clone(),
            clock: self.clock.clone(),
            policy: CoverPolicy::default(),
        })
    }

    fn reviews(&self) -> Reviews {
        Reviews::new(ReviewsDeps {
            desk: self.moderation_desk(),
            blocks: self.blocks.clone(),
            frame_blocks: Arc::new(MemoryFrameBlockList::default()),
            files: Arc::new(Files(self.world.media.clone())),
            entropy: Arc::new(SeededEntropy::new(11)),
        })
    }

    async fn put(&self, n: u8) -> Result<Video, CoverError> {
        self.desk().put(OWNER, ID, StillKind::Jpeg, picture(n)).await
    }

    async fn decide(&self, verdict: Verdict, code: Option<&str>) {
        let n = self.cover().await.n;
        let ask =
            Ask { video: ID, by: MODERATOR, verdict, reason_code: code.map(str::to_owned), reason: None };
        self.reviews().decide_cover(CoverAsk { n, ask }).await.expect("decided");
    }

    async fn cover(&self) -> moderation::JudgedCover {
        self.records.get(ID).await.expect("read").expect("a record").cover.expect("a cover")
    }

    /// Works until nothing is due; `true` where a process died on the way.
    async fn work(&self) -> bool {
        let mut died = false;
        for _ in 0..400 {
            let now = stdx::Clock::now(self.clock.as_ref());
            let store = self.world.jobs.store().clone();
            let claim = Claim { kinds: vec![COVER.into()], now, lease: Millis(1_000), limit: 1 };
            let Some(job) = store.claim(claim).await.expect("claimed").pop() else {
                let live = self.world.ordered(COVER).await;
                if live == 0 {
                    return died;
                }
                self.clock.advance(Millis(1_000));
                continue;
            };
            died |= self.run(job).await;
        }
        panic!("the work does not end");
    }

    async fn run(&self, job: Job) -> bool {
        let store = self.world.jobs.store().clone();
        let handler = self.handler();
        let (id, fence) = (job.id, job.fence);
        let ran = tokio::spawn(async move {
            let context = JobContext::new(job);
            handler.run(context).await
        });
        let now = stdx::Clock::now(self.clock.as_ref());
        let ending = match ran.await {
            // The process is gone; the lease runs out.
            Err(_) => return true,
            Ok(Ok(Outcome::Done)) => Ending::Done,
            Ok(Ok(Outcome::Cancelled)) => Ending::Cancelled,
            Ok(Ok(Outcome::Later { run_at })) => Ending::Released { run_at },
            Ok(Err(JobError::Dead { error })) => panic!("{error}"),
            Ok(Err(e)) => Ending::Retry { run_at: now, error: e.to_string() },
        };
        let ended = store.finish(id, fence, ending, now).await.expect("ended");
        if ended.state == JobState::Dead {
            self.handler().buried(&ended).await;
        }
        false
    }

    async fn video(&self) -> Video {
        self.world.get(1).await
    }

    async fn package(&self) -> Package {
        self.video().await.package.expect("published")
    }

    /// What a viewer is shown as the poster.
    async fn poster(&self) -> Vec<u8> {
        let package = self.package().await.id;
        self.world.media.get(MediaKey::Poster { video: ID, package }).await.expect("stored").to_vec()
    }

    /// Every poster that anybody could fetch.
    async fn posters(&self) -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for key in self.world.media.inner.keys() {
            if matches!(key, MediaKey::Poster { .. }) {
                all.push(self.world.media.get(key).await.expect("stored").to_vec());
            }
        }
        all
    }

    async fn state(&self) -> Option<CoverState> {
        self.video().await.cover.asked.map(|a| a.state)
    }

    async fn waits(&self) -> bool {
        let queue = self.reviews().queue(None, 10).await.expect("a page");
        queue.items.iter().any(|w| w.video.id == ID && w.record.waits_for() == "cover")
    }
}

fn drawn(n: u8) -> Vec<u8> {
    [b"drawn ".as_slice(), &picture(n)].concat()
}

#[tokio::test]
async fn a_clean_picture_is_shown_in_a_new_package_once_it_was_judged() {
    let s = Studio::published().await;
    let before = s.package().await;
    s.put(1).await.expect("taken");
    assert_eq!((s.state().await, s.poster().await), (Some(CoverState::Checking), b"poster".to_vec()));
    assert!(!s.work().await);
    let after = s.package().await;
    assert_eq!((s.poster().await, s.state().await), (drawn(1), None));
    assert_ne!(after.id, before.id);
    assert_eq!(after.renditions, before.renditions);
    assert_eq!(after.blurhash.as_deref(), Some("LGF5]+Yk^6#M@-5c,1J5@[or[Q6."));
    // The old package stays for who plays it.
    assert!(s.posters().await.contains(&b"poster".to_vec()));
    // Again changes nothing.
    let revision = s.video().await.revision;
    s.put(1).await.expect("taken");
    assert_eq!((s.video().await.revision, s.world.ordered(COVER).await), (revision, 0));
    assert_eq!(s.world.leftovers(), 0);
}

#[tokio::test]
async fn nobody_is_shown_a_picture_before_a_person_approved_what_is_hot_or_near() {
    for confidence in [95.0, 86.0, 83.0] {
        let s = Studio::published().await;
        *s.sees.0.lock().expect("no panic") = Some(confidence);
        s.put(1).await.expect("taken");
        s.work().await;
        assert_eq!(s.state().await, Some(CoverState::InReview), "{confidence}");
        assert_eq!(s.posters().await, [b"poster".to_vec()], "{confidence}");
        assert!(s.waits().await, "{confidence}");
        s.decide(Verdict::Approve, None).await;
        assert!(!s.waits().await);
        s.work().await;
        assert_eq!((s.poster().await, s.state().await), (drawn(1), None), "{confidence}");
    }
}

#[tokio::test]
async fn a_rejected_picture_is_never_shown_and_its_owner_reads_why() {
    let s = Studio::published().await;
    *s.sees.0.lock().expect("no panic") = Some(99.0);
    s.put(1).await.expect("taken");
    s.work().await;
    s.decide(Verdict::Reject, Some("sexual_content")).await;
    s.work().await;
    let Some(CoverState::Refused(reason)) = s.state().await else { panic!("refused") };
    assert_eq!((reason.code.as_str(), reason.retryable), ("sexual_content", false));
    assert!(!reason.message.is_empty());
    assert_eq!(s.posters().await, [b"poster".to_vec()]);
    // Sending it again asks nobody again.
    s.put(1).await.expect("taken");
    assert_eq!(s.world.ordered(COVER).await, 0);
    s.desk().remove(OWNER, ID).await.expect("taken back");
    assert_eq!((s.state().await, s.poster().await), (None, b"poster".to_vec()));
}

#[tokio::test]
async fn a_classifier_that_is_down_shows_nothing_and_in_the_end_asks_a_person() {
    let s = Studio::published().await;
    *s.sees.0.lock().expect("no panic") = None;
    s.put(1).await.expect("taken");
    s.work().await;
    assert_eq!((s.state().await, s.cover().await.classifier), (Some(CoverState::InReview), None));
    assert_eq!(s.posters().await, [b"poster".to_vec()]);
}

#[tokio::test]
async fn no_classifier_and_labels_that_must_not_go_unjudged_ask_a_person() {
    let mut s = Studio::published().await;
    s.watched = false;
    s.put(1).await.expect("taken");
    s.work().await;
    assert_eq!(s.state().await, Some(CoverState::InReview));
    let mut s = Studio::published().await;
    s.policy.unjudged = moderation::Unjudged::Review;
    s.put(1).await.expect("taken");
    s.work().await;
    assert_eq!(s.state().await, Some(CoverState::InReview));
    assert!(!s.cover().await.unjudged.is_empty());
    assert_eq!(s.posters().await, [b"poster".to_vec()]);
}

#[tokio::test]
async fn a_picture_that_cannot_be_drawn_is_refused_with_a_reason() {
    let s = Studio::published().await;
    s.put(99).await.expect("its tables are fine");
    s.work().await;
    assert!(matches!(s.state().await, Some(CoverState::Refused(r)) if r.code == "cover.unreadable"));
    let svg = s.desk().put(OWNER, ID, StillKind::Jpeg, Raw::from_static(b"<svg/>")).await;
    assert!(matches!(svg, Err(CoverError::Refused(r)) if r.code == "cover.not_a_picture"));
    let other = s.desk().put(OWNER, ID, StillKind::Png, picture(1)).await;
    assert!(matches!(other, Err(CoverError::OtherKind(StillKind::Jpeg))));
}

#[tokio::test]
async fn a_blocked_picture_is_refused_without_a_look() {
    let s = Studio::published().await;
    let code = s.policy.reasons.iter().find(|r| r.blocks_bytes).expect("one blocks").code.clone();
    *s.sees.0.lock().expect("no panic") = Some(99.0);
    s.put(1).await.expect("taken");
    s.work().await;
    s.decide(Verdict::Reject, Some(&code)).await;
    s.work().await;
    *s.sees.0.lock().expect("no panic") = Some(1.0);
    s.desk().remove(OWNER, ID).await.expect("taken back");
    s.work().await;
    s.put(1).await.expect("taken");
    s.work().await;
    assert!(matches!(s.state().await, Some(CoverState::Refused(r)) if r.code == code));
    assert_eq!(s.posters().await.iter().filter(|p| **p == drawn(1)).count(), 0);
}

#[tokio::test]
async fn the_last_picture_wins_whatever_was_decided_about_the_one_before() {
    let s = Studio::published().await;
    *s.sees.0.lock().expect("no panic") = Some(99.0);
    s.put(1).await.expect("taken");
    s.work().await;
    let first = s.cover().await.n;
    *s.sees.0.lock().expect("no panic") = Some(1.0);
    s.put(2).await.expect("taken");
    // The moderator still has the first before them.
    let ask = Ask { video: ID, by: MODERATOR, verdict: Verdict::Approve, reason_code: None, reason: None };
    let late = s.reviews().decide_cover(CoverAsk { n: first, ask: ask.clone() }).await;
    assert!(matches!(late, Err(moderation::ReviewError::Conflict(_))), "{late:?}");
    s.work().await;
    assert_eq!((s.poster().await, s.state().await), (drawn(2), None));
    assert!(!s.waits().await && !s.posters().await.contains(&drawn(1)));
    let late = s.reviews().decide_cover(CoverAsk { n: first, ask }).await;
    assert!(matches!(late, Err(moderation::ReviewError::Conflict(_))), "{late:?}");
}

#[tokio::test]
async fn what_waits_and_is_taken_back_asks_nobody() {
    let s = Studio::published().await;
    *s.sees.0.lock().expect("no panic") = Some(99.0);
    s.put(1).await.expect("taken");
    s.work().await;
    assert!(s.waits().await);
    s.desk().remove(OWNER, ID).await.expect("taken back");
    s.work().await;
    assert!(!s.waits().await);
    assert_eq!(s.posters().await, [b"poster".to_vec()]);
}

#[tokio::test]
async fn an_owner_goes_back_to_a_picture_of_the_video() {
    let s = Studio::published().await;
    let before = s.package().await;
    s.put(1).await.expect("taken");
    s.work().await;
    for _ in 0..2 {
        s.desk().remove(OWNER, ID).await.expect("taken back");
    }
    let after = s.package().await;
    assert_eq!((s.poster().await, after.blurhash.clone()), (b"poster".to_vec(), before.blurhash));
    assert_eq!((after.tracks, after.renditions), (before.tracks, before.renditions));
    // And forth again: it was approved, but each sending is looked at.
    s.put(1).await.expect("taken");
    s.work().await;
    assert_eq!(s.poster().await, drawn(1));
}

#[tokio::test]
async fn a_moderator_takes_away_what_is_shown() {
    let s = Studio::published().await;
    s.put(1).await.expect("taken");
    s.work().await;
    s.decide(Verdict::Reject, Some("sexual_content")).await;
    s.work().await;
    assert_eq!(s.poster().await, b"poster".to_vec());
    assert!(matches!(s.state().await, Some(CoverState::Refused(r)) if r.code == "sexual_content"));
    assert_eq!(s.video().await.cover.shown, None);
}

#[tokio::test]
async fn a_moderator_takes_away_what_is_shown_while_the_owner_sends_another() {
    let s = Studio::published().await;
    s.put(1).await.expect("taken");
    s.work().await;
    s.decide(Verdict::Reject, Some("sexual_content")).await;
    s.put(2).await.expect("taken");
    *s.sees.0.lock().expect("no panic") = Some(99.0);
    s.work().await;
    assert_eq!((s.poster().await, s.state().await), (b"poster".to_vec(), Some(CoverState::InReview)));
}

#[tokio::test]
async fn a_picture_before_publication_is_in_the_first_package_if_it_was_approved_by_then() {
    let s = Studio::new().await;
    s.put(1).await.expect("taken");
    s.work().await;
    assert_eq!(s.world.run(1).await.expect("runs"), Status::Published);
    assert_eq!((s.poster().await, s.posters().await.len()), (drawn(1), 1));
    // One that waits is not.
    let s = Studio::new().await;
    s.put(1).await.expect("taken");
    assert_eq!(s.world.run(1).await.expect("runs"), Status::Published);
    assert_eq!(s.poster().await, b"poster".to_vec());
    s.work().await;
    assert_eq!(s.poster().await, drawn(1));
}

#[tokio::test]
async fn a_second_wave_keeps_the_picture() {
    let mut profile = fixed();
    profile.waves.rungs_min = 2;
    let mut s = Studio::new().await;
    s.world = World::with_profile(profile).await.with(video(1)).await;
    s.world.run(1).await.expect("runs");
    s.put(1).await.expect("taken");
    s.work().await;
    let first = s.package().await;
    assert_eq!(s.world.grow(1, Wave::Second).await.expect("grows"), Grown::Done);
    let second = s.package().await;
    assert!(second.renditions.len() > first.renditions.len());
    assert_eq!((second.blurhash, second.tracks), (first.blurhash, first.tracks));
    assert_eq!(s.poster().await, drawn(1));
}

#[tokio::test]
async fn killed_anywhere_a_picture_is_judged_and_shown_once() {
    let points = [
        moderation::covers::DRAWN,
        moderation::covers::KEPT,
        moderation::covers::RECORDED,
        cover::RULED,
        cover::IN_FORCE,
    ];
    for point in points {
        let s = Studio::published().await;
        s.put(1).await.expect("taken");
        DIES_AT.set(Some(point));
        assert!(s.work().await, "{point} is on the way");
        assert_eq!((s.poster().await, s.state().await), (drawn(1), None), "{point}");
        assert_eq!(s.cover().await.decisions.len(), 1, "{point}");
        let mut posters = s.posters().await;
        posters.sort();
        assert_eq!(posters, [drawn(1), b"poster".to_vec()], "{point}");
    }
}

#[tokio::test]
async fn killed_while_a_picture_comes_in_the_owner_sends_it_again() {
    for point in [cover::SENT, cover::ORDERED] {
        let s = Studio::published().await;
        DIES_AT.set(Some(point));
        let desk = s.desk();
        let sent =
            tokio::spawn(async move { desk.put(OWNER, ID, StillKind::Jpeg, picture(1)).await.map(drop) });
        assert!(sent.await.is_err(), "{point} is on the way");
        // An order whose reason was never written ends by itself.
        s.work().await;
        assert_eq!((s.state().await, s.poster().await), (None, b"poster".to_vec()), "{point}");
        s.put(1).await.expect("taken");
        s.work().await;
        assert_eq!(s.poster().await, drawn(1), "{point}");
    }
}

#[tokio::test]
async fn killed_while_a_person_decides_the_decision_comes_into_force() {
    for (point, verdict) in [
        (moderation::covers::DECIDED, Verdict::Approve),
        (moderation::covers::DECIDED, Verdict::Reject),
        (cover::RULED, Verdict::Approve),
        (cover::IN_FORCE, Verdict::Approve),
    ] {
        let s = Studio::published().await;
        *s.sees.0.lock().expect("no panic") = Some(99.0);
        s.put(1).await.expect("taken");
        s.work().await;
        DIES_AT.set(Some(point));
        let (n, reviews) = (s.cover().await.n, s.reviews());
        let code = (verdict == Verdict::Reject).then(|| "sexual_content".to_owned());
        let ask = Ask { video: ID, by: MODERATOR, verdict, reason_code: code, reason: None };
        let decided = tokio::spawn(async move { reviews.decide_cover(CoverAsk { n, ask }).await.map(drop) });
        let died = decided.await.is_err();
        assert!(s.work().await || died, "{point} is on the way");
        let expected = if verdict == Verdict::Approve { drawn(1) } else { b"poster".to_vec() };
        assert_eq!(s.poster().await, expected, "{point} {verdict:?}");
    }
}

#[tokio::test]
async fn an_order_waits_for_its_reason() {
    let s = Studio::published().await;
    let revision = s.video().await.revision;
    // The picture is counted first.
    let early = CoverJob { video: ID, n: revision + 2, decisions: 0 };
    assert!(!s.handler().0.keep(early, false).await.expect("kept"), "nobody wrote yet what it is for");
    s.put(1).await.expect("taken");
    assert!(s.handler().0.keep(early, false).await.expect("kept"));
    assert_eq!(s.poster().await, drawn(1));
}

#[tokio::test]
async fn the_removal_of_a_video_erases_its_pictures_and_stops_what_works_on_them() {
    let s = Studio::published().await;
    s.put(1).await.expect("taken");
    s.work().await;
    s.put(2).await.expect("taken");
    let step = Advance::new(ID, Status::Published, Status::Removed, Millis(0));
    s.world.videos.advance(step).await.expect("removed");
    assert!(matches!(s.put(3).await, Err(CoverError::Owner(catalog::OwnerError::Gone(_)))));
    let policy = CatalogPolicy::default();
    s.clock.advance(policy.erase_after);
    let erase =
        Erase::new(s.videos(), s.world.jobs.store().clone(), s.world.media.clone(), s.clock.clone(), policy);
    let job = s.world.jobs.submit_now(catalog::jobs::ERASE, ID).await.expect("submitted");
    let first = erase.run(JobContext::new(job.clone())).await.expect("ran");
    assert!(matches!(first, Outcome::Later { .. }), "a job of a cover is alive");
    assert_eq!(s.world.ordered(COVER).await, 0, "and was told to stop");
    assert_eq!(erase.run(JobContext::new(job)).await.expect("ran"), Outcome::Done);
    assert!(s.world.media.inner.keys().is_empty());
    assert_eq!(s.video().await.cover, catalog::Cover::default());
}
