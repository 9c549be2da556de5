//! Publication after the first wave, growth by the others.

mod world;

use catalog::Growth;
use catalog::jobs::{SECOND_WAVE, TOP_RUNG};
use transcode::look::Look;
use transcode::{Audience, LazyTop, Metric, Names};
use vocab::{PackageId, RungName};
use work::{JobContext, JobHandler, NewJob};
use world::*;

async fn published() -> World {
    let w = World::with_profile(fixed()).await.with(video(7)).await;
    assert_eq!(w.run(7).await.expect("publishes"), Status::Published);
    w
}

fn lazy() -> LadderProfile {
    let mut profile = fixed();
    profile.waves.lazy_top = LazyTop::Views(50);
    profile
}

fn shorts(video: &Video) -> Vec<u16> {
    video.package.as_ref().expect("a package").renditions.iter().map(|r| r.rung.0).collect()
}

#[tokio::test]
async fn a_video_is_published_with_its_small_rungs_and_grows() {
    let w = published().await;
    let first = w.get(7).await;
    assert_eq!((shorts(&first), w.ordered(SECOND_WAVE).await), (vec![360, 240], 1));
    let old = first.package.clone().expect("a package");
    assert_eq!(old.pending, [RungName(540), RungName(720)]);
    let keys = w.public_keys();

    assert_eq!(w.grow(7, Wave::Second).await.expect("grows"), Grown::Done);
    let second = w.get(7).await;
    let new = second.package.clone().expect("a package");
    assert_eq!(shorts(&second), [360, 240, 540, 720]);
    assert_eq!(new.renditions[..2], old.renditions, "what was published is not made again");
    assert!(new.id != old.id && new.pending.is_empty());
    assert_eq!((new.width, new.height), (720, 1280));
    assert_eq!(
        (second.published_at, second.status_changed_at),
        (first.published_at, first.status_changed_at)
    );
    assert!(keys.iter().all(|k| w.public_keys().contains(k)), "who plays the old package goes on");
    let key = MediaKey::Multivariant { video: second.id, package: new.id };
    let text = w.media.inner.get(key).await.expect("a playlist");
    let (_, list) = m3u8_rs::parse_master_playlist(&text).expect("parses");
    let named: Vec<String> = list.variants.iter().filter(|v| !v.is_i_frame).map(|v| v.uri.clone()).collect();
    let expected: Vec<String> = new.renditions.iter().map(|r| format!("../{}/media.m3u8", r.id)).collect();
    assert_eq!(named, expected);
    for key in [
        MediaKey::Poster { video: second.id, package: new.id },
        MediaKey::SpriteVtt { video: second.id, package: new.id },
    ] {
        w.media.inner.get(key).await.expect("a picture");
    }
    assert_eq!(w.leftovers(), 0);
}

#[tokio::test]
async fn growing_twice_is_growing_once() {
    let w = published().await;
    w.grow(7, Wave::Second).await.expect("grows");
    let (grown, keys) = (w.get(7).await, w.public_keys());
    assert_eq!(w.grow(7, Wave::Second).await.expect("nothing to do"), Grown::Done);
    assert_eq!((w.get(7).await, w.public_keys()), (grown, keys));
    assert_eq!(w.encoder.inner.encodes.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn two_growths_at_once_show_one_package() {
    let w = published().await;
    let (a, b) = tokio::join!(w.grow(7, Wave::Second), w.grow(7, Wave::Second));
    assert_eq!([a.expect("no error"), b.expect("no error")], [Grown::Done; 2]);
    let inits = w.public_keys().iter().filter(|k| k.ends_with("init.mp4")).count();
    assert_eq!((shorts(&w.get(7).await), inits), (vec![360, 240, 540, 720], 4));
}

#[tokio::test]
async fn a_wave_that_was_cut_short_leaves_nothing_behind() {
    let whole = published().await;
    whole.grow(7, Wave::Second).await.expect("grows");
    for n in [1, 5, 9, 14, 17] {
        let w = published().await;
        let first = w.get(7).await;
        let keys = w.public_keys();
        w.media.fails_after.store(n, Ordering::SeqCst);
        w.grow(7, Wave::Second).await.expect_err("the disk is away");
        assert_eq!(w.get(7).await, first, "viewers notice nothing");
        assert_eq!(w.public_keys(), keys, "what was written is taken back at once, after {n}");
        w.media.fails_after.store(u32::MAX, Ordering::SeqCst);
        w.grow(7, Wave::Second).await.expect("grows");
        assert_eq!(w.public_keys().len(), whole.public_keys().len(), "after {n}");
    }
}

#[tokio::test]
async fn what_is_not_verified_is_not_shown() {
    let w = published().await;
    let first = w.get(7).await;
    let keys = w.public_keys();
    w.encoder.fails_verify.store(true, Ordering::SeqCst);
    assert!(!w.grow(7, Wave::Second).await.expect_err("fails").is_final());
    assert_eq!((w.get(7).await, w.public_keys()), (first, keys));
}

#[tokio::test]
async fn a_video_that_is_taken_down_meanwhile_shows_nothing_new() {
    for to in [Status::Removed, Status::InReview] {
        let w = published().await;
        let (first, keys) = (w.get(7).await, w.public_keys());
        w.meanwhile(Meanwhile::Moves(to));
        assert_eq!(w.grow(7, Wave::Second).await.expect("nothing to do"), Grown::Done);
        let video = w.get(7).await;
        assert_eq!((video.status, video.package), (to, first.package));
        assert_eq!(w.public_keys(), keys, "and nothing is stored that nobody may see");
    }
    let w = published().await;
    w.meanwhile(Meanwhile::Moves(Status::Unlisted));
    w.grow(7, Wave::Second).await.expect("grows");
    assert_eq!(shorts(&w.get(7).await).len(), 4, "who has the link is shown it all");
}

#[tokio::test]
async fn an_edit_by_the_owner_meanwhile_stays() {
    let w = published().await;
    w.meanwhile(Meanwhile::IsRenamed);
    w.grow(7, Wave::Second).await.expect("grows");
    let video = w.get(7).await;
    assert_eq!((video.meta.title.as_str(), shorts(&video).len()), ("another", 4));
}

#[tokio::test]
async fn other_bytes_than_those_that_were_judged_add_nothing() {
    let w = published().await;
    let first = w.get(7).await;
    let key = MediaKey::Raw { video: VideoId(7), upload: UPLOAD };
    w.media.inner.put(key, Content::Bytes(b"another film".to_vec().into())).await.expect("is stored");
    assert!(w.grow(7, Wave::Second).await.expect_err("refuses").is_final());
    assert_eq!((w.get(7).await, w.encoder.inner.encodes.load(Ordering::SeqCst)), (first, 1));
}

#[tokio::test]
async fn a_wave_that_comes_before_its_publication_waits() {
    let mut v = video(7);
    v.status = Status::Verifying;
    let w = World::with_profile(fixed()).await.with(v).await;
    assert_eq!(w.grow(7, Wave::Second).await.expect("waits"), Grown::NotYet);
    assert_eq!(w.grow(8, Wave::Second).await.expect("is gone"), Grown::Done);
}

#[tokio::test]
async fn a_wave_that_comes_a_moment_early_goes_on_when_the_video_stands() {
    let mut v = video(7);
    v.status = Status::Verifying;
    let w = World::with_profile(fixed()).await.with(v).await;
    let soon = async {
        tokio::time::sleep(LadderProfile::default().waves.look_again.to_duration()).await;
        let step = Advance::new(VideoId(7), Status::Verifying, Status::Failed, Millis(0));
        w.videos.inner.advance(step).await.expect("ends");
    };
    let (grown, ()) = tokio::join!(w.grow(7, Wave::Second), soon);
    assert_eq!(grown.expect("ends"), Grown::Done, "it was not put off");
}

/// What `transcode::captions` does to a video: the same renditions in another package.
async fn dressed_anew(w: &World, id: u128) {
    let video = w.videos.inner.get(VideoId(7)).await.expect("is there");
    let old = video.package.clone().expect("a package");
    let package = PackageId(id);
    for (key, bytes) in [
        (MediaKey::Poster { video: video.id, package }, "the owner's picture"),
        (MediaKey::Sprite { video: video.id, package }, "sprite"),
        (MediaKey::SpriteVtt { video: video.id, package }, "cues"),
    ] {
        w.media.inner.put(key, Content::Bytes(bytes.into())).await.expect("is stored");
    }
    let growth = Growth {
        instead_of: old.id,
        package: catalog::Package { id: package, blurhash: Some("another".into()), ..old },
    };
    let edit = Edit { package: Some(growth), ..Edit::default() };
    w.videos.inner.edit(video.id, video.revision, edit).await.expect("is edited");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_owner_changes_while_a_wave_runs_costs_nothing_of_it() {
    let w = Arc::new(published().await);
    // At each step that is told: while it encodes, and after it was verified.
    let (inside, steps) = (Arc::clone(&w), AtomicU32::new(0));
    let change = move |_: u8| {
        let id = u128::from(steps.fetch_add(1, Ordering::SeqCst)) + 900;
        tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(dressed_anew(&inside, id)));
    };
    let run = Run { job: JobId(1_007), fence: 1 };
    let grown = w.transcoder.grow(VideoId(7), Wave::Second, run, Arc::new(change)).await;
    assert_eq!(grown.expect("grows"), Grown::Done);
    assert_eq!(w.encoder.inner.encodes.load(Ordering::SeqCst), 2, "once for each wave");
    let video = w.get(7).await;
    let package = video.package.clone().expect("a package");
    assert_eq!((shorts(&video), package.pending.len()), (vec![360, 240, 540, 720], 0));
    assert_eq!(package.blurhash.as_deref(), Some("another"));
    let at = |key: MediaKey| w.media.inner.get(key);
    let poster = at(MediaKey::Poster { video: video.id, package: package.id }).await.expect("a poster");
    assert_eq!(&poster[..], b"the owner's picture");
    let text = at(MediaKey::Multivariant { video: video.id, package: package.id }).await.expect("a playlist");
    let (_, list) = m3u8_rs::parse_master_playlist(&text).expect("parses");
    assert_eq!(list.variants.iter().filter(|v| !v.is_i_frame).count(), 4);
    for rendition in package.renditions.iter().map(|r| r.id) {
        at(MediaKey::Init { video: video.id, rendition }).await.expect("stands");
    }
}

#[tokio::test]
async fn giving_a_wave_up_deletes_nothing_that_an_earlier_claim_may_yet_show() {
    let w = published().await;
    let run = |fence| Run { job: JobId(1_007), fence };
    let names = Names::new(&w.get(7).await, run(3));
    let lost = MediaKey::Init { video: VideoId(7), rendition: names.rendition(RungName(540)) };
    let is_there = async || w.media.inner.get(lost.clone()).await.is_ok();
    w.media.inner.put(lost.clone(), Content::Bytes("its rung".into())).await.expect("is stored");
    w.transcoder.give_up_growing(VideoId(7), Wave::Second, run(4)).await.expect("gives up");
    w.transcoder.give_up_growing(VideoId(7), Wave::Second, run(3)).await.expect("gives up");
    assert!(is_there().await, "whoever wrote it may yet show it");
    w.encoder.refuses.store(true, Ordering::SeqCst);
    let refused = w.transcoder.grow(VideoId(7), Wave::Second, run(5), Arc::new(|_| {})).await;
    assert!(refused.expect_err("refuses").is_final() && is_there().await);
    w.encoder.refuses.store(false, Ordering::SeqCst);
    w.transcoder.grow(VideoId(7), Wave::Second, run(6), Arc::new(|_| {})).await.expect("grows");
    assert!(!is_there().await, "nothing is missing any more");
}

struct Watched(u64);

#[async_trait]
impl Audience for Watched {
    async fn most_watched(&self, _: usize) -> Result<Vec<(VideoId, u64)>, Fault> {
        Ok(vec![(VideoId(7), self.0), (VideoId(99), 1_000_000)])
    }
}

async fn look(w: &World, profile: &LadderProfile, views: u64, now: i64) {
    let clock = Arc::new(ManualClock::at(Millis(1_767_225_600_000 + now)));
    let profile = profile.clone();
    let look = Look::new(w.videos.clone(), Arc::new(Watched(views)), w.jobs.clone(), clock, profile);
    let job = work::Job::enqueued(JobId(1), NewJob::new(look.kind(), "periodic", Millis(0)), Millis(0));
    look.run(JobContext::new(job)).await.expect("looks");
}

#[tokio::test]
async fn a_lazy_top_is_encoded_once_viewers_came() {
    let w = World::with_profile(lazy()).await.with(video(7)).await;
    w.run(7).await.expect("publishes");
    look(&w, &lazy(), 50, 0).await;
    assert_eq!(w.ordered(TOP_RUNG).await, 0, "the second wave goes first");
    assert_eq!(w.grow(7, Wave::Top).await.expect("waits for nobody"), Grown::Done);
    assert_eq!(shorts(&w.get(7).await), [360, 240]);
    w.grow(7, Wave::Second).await.expect("grows");
    let grown = w.get(7).await;
    assert_eq!(shorts(&grown), [360, 240, 540]);
    assert_eq!(grown.package.expect("a package").pending, [RungName(720)]);

    let w = World::with_profile(lazy()).await.with(video(7)).await;
    w.run(7).await.expect("publishes");
    w.grow(7, Wave::Second).await.expect("grows");
    look(&w, &lazy(), 49, 0).await;
    assert_eq!(w.ordered(TOP_RUNG).await, 0, "too few viewers");
    look(&w, &lazy(), 50, 0).await;
    look(&w, &lazy(), 51, 0).await;
    assert_eq!(w.ordered(TOP_RUNG).await, 1, "once");
    w.grow(7, Wave::Top).await.expect("grows");
    assert_eq!(shorts(&w.get(7).await), [360, 240, 540, 720]);
}

#[tokio::test]
async fn a_second_wave_that_the_queue_lost_is_ordered_again() {
    let w = published().await;
    let profile = LadderProfile::default();
    let lost = profile.waves.lost_after.0 + 1;
    for job in w.jobs.store().list(JobFilter { limit: 9, ..JobFilter::default() }).await.expect("a list") {
        w.jobs.store().steer(job.id, work::Order::Cancel, Millis(0)).await.expect("is cancelled");
    }
    assert_eq!(w.ordered(SECOND_WAVE).await, 0);
    look(&w, &profile, 0, lost - 1).await;
    assert_eq!(w.ordered(SECOND_WAVE).await, 0, "it may yet come");
    look(&w, &profile, 0, lost).await;
    assert_eq!(w.ordered(SECOND_WAVE).await, 1);
    w.grow(7, Wave::Second).await.expect("grows");
    assert_eq!(shorts(&w.get(7).await).len(), 4);
}

#[tokio::test]
async fn probes_choose_the_quality_and_useless_rungs_go() {
    let w = World::with_profile(LadderProfile::default()).await.with(video(7)).await;
    w.run(7).await.expect("publishes");
    let first = w.get(7).await.package.expect("a package");
    assert_eq!(first.quality, None, "publication does not wait for probes");
    let scores_centi = [9_700, 9_100];
    *w.encoder.probed.lock().expect("no panic") = Some(Probed { metric: Metric::Vmaf, scores_centi });
    w.grow(7, Wave::Second).await.expect("grows");
    let grown = w.get(7).await;
    // The pictures of this encoder are so small that 240p helps nobody; the first of the list stays.
    assert_eq!(shorts(&grown), [360, 540, 720]);
    let quality = grown.package.expect("a package").quality.expect("a record");
    assert_eq!((quality.metric.as_str(), quality.target_centi), ("vmaf", 9_500));
    assert_eq!(quality.crf_centi, [(RungName(540), 2_450), (RungName(720), 2_600)]);
    assert_eq!(quality.dropped, [RungName(240)]);
    let key = MediaKey::Init { video: VideoId(7), rendition: first.renditions[1].id };
    w.media.inner.get(key).await.expect("who plays it goes on");
}
