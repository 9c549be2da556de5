//! AV1 beside H.264, for videos that many watch.

mod world;

use catalog::jobs::AV1_RUNGS;
use transcode::look::Look;
use transcode::{Audience, Av1Policy, LazyTop};
use vocab::{Codec, RungName};
use work::{JobContext, JobHandler, NewJob};
use world::*;

const ENOUGH: u64 = 500;

fn profile() -> LadderProfile {
    LadderProfile { av1: Av1Policy { after_views: Some(ENOUGH), ..Av1Policy::default() }, ..fixed() }
}

async fn published(profile: LadderProfile) -> World {
    let w = World::with_profile(profile).await.with(video(7)).await;
    w.run(7).await.expect("publishes");
    w.grow(7, Wave::Second).await.expect("grows");
    w
}

fn in_codec(video: &Video, codec: Codec) -> Vec<u16> {
    let all = &video.package.as_ref().expect("a package").renditions;
    all.iter().filter(|r| r.codec() == codec).map(|r| r.rung.0).collect()
}

struct Watched(u64);

#[async_trait]
impl Audience for Watched {
    async fn most_watched(&self, _: usize) -> Result<Vec<(VideoId, u64)>, Fault> {
        Ok(vec![(VideoId(7), self.0)])
    }
}

async fn look(w: &World, profile: LadderProfile, views: u64) -> usize {
    let clock = Arc::new(ManualClock::default());
    let look = Look::new(w.videos.clone(), Arc::new(Watched(views)), w.jobs.clone(), clock, profile);
    let job = work::Job::enqueued(JobId(1), NewJob::new(look.kind(), "periodic", Millis(0)), Millis(0));
    look.run(JobContext::new(job)).await.expect("looks");
    w.ordered(AV1_RUNGS).await
}

#[tokio::test]
async fn a_video_past_the_gate_shows_both_codecs_in_one_playlist() {
    let w = published(profile()).await;
    let first = w.get(7).await;
    let (old, keys) = (first.package.clone().expect("a package"), w.public_keys());
    assert_eq!(w.grow(7, Wave::Av1).await.expect("grows"), Grown::Done);
    let second = w.get(7).await;
    let new = second.package.clone().expect("a package");
    assert_eq!(in_codec(&second, Codec::H264), [360, 240, 540, 720]);
    assert_eq!(in_codec(&second, Codec::Av1), [360, 540, 720]);
    assert_eq!(new.renditions[..4], old.renditions, "players start with what everything plays");
    assert!(new.id != old.id && keys.iter().all(|k| w.public_keys().contains(k)));
    assert_eq!(new.tracks.av1, [360, 540, 720].map(RungName));
    let key = MediaKey::Multivariant { video: second.id, package: new.id };
    let text = w.media.inner.get(key).await.expect("a playlist");
    let (_, list) = m3u8_rs::parse_master_playlist(&text).expect("parses");
    let shown = list.variants.iter().filter(|v| !v.is_i_frame);
    let codecs: Vec<&str> = shown.filter_map(|v| v.codecs.as_deref()).map(|c| &c[..4]).collect();
    assert_eq!(codecs, ["avc1", "avc1", "avc1", "avc1", "av01", "av01", "av01"]);
    assert_eq!(w.leftovers(), 0);
}

#[tokio::test]
async fn once_is_enough() {
    let w = published(profile()).await;
    w.grow(7, Wave::Av1).await.expect("grows");
    let (grown, keys) = (w.get(7).await, w.public_keys());
    let encodes = w.encoder.inner.encodes.load(Ordering::SeqCst);
    assert_eq!(w.grow(7, Wave::Av1).await.expect("nothing to do"), Grown::Done);
    assert_eq!((w.get(7).await, w.public_keys()), (grown, keys));
    assert_eq!(w.encoder.inner.encodes.load(Ordering::SeqCst), encodes);
    assert_eq!(look(&w, profile(), u64::MAX).await, 0);
}

#[tokio::test]
async fn two_at_once_show_each_rung_once() {
    let w = published(profile()).await;
    let (a, b) = tokio::join!(w.grow(7, Wave::Av1), w.grow(7, Wave::Av1));
    assert_eq!([a.expect("no error"), b.expect("no error")], [Grown::Done; 2]);
    let inits = w.public_keys().iter().filter(|k| k.ends_with("init.mp4")).count();
    assert_eq!((in_codec(&w.get(7).await, Codec::Av1), inits), (vec![360, 540, 720], 7));
}

#[tokio::test]
async fn a_video_below_the_gate_stays_as_it_is() {
    let w = published(profile()).await;
    assert_eq!(look(&w, profile(), ENOUGH - 1).await, 0);
    assert_eq!(look(&w, fixed(), u64::MAX).await, 0, "and every video where nobody asked for AV1");
    assert_eq!(look(&w, profile(), ENOUGH).await, 1);
    assert_eq!(look(&w, profile(), ENOUGH + 1).await, 1, "once");

    let off = published(fixed()).await;
    assert_eq!(off.grow(7, Wave::Av1).await.expect("nothing to do"), Grown::Done);
    assert!(in_codec(&off.get(7).await, Codec::Av1).is_empty());
}

#[tokio::test]
async fn the_second_wave_goes_first_and_a_late_top_follows() {
    let mut lazy = profile();
    lazy.waves.lazy_top = LazyTop::Views(ENOUGH * 2);
    let w = World::with_profile(lazy).await.with(video(7)).await;
    w.run(7).await.expect("publishes");
    assert_eq!(w.grow(7, Wave::Av1).await.expect("waits for nobody"), Grown::Done);
    assert!(in_codec(&w.get(7).await, Codec::Av1).is_empty());
    for wave in [Wave::Second, Wave::Av1, Wave::Top] {
        w.grow(7, wave).await.expect("grows");
    }
    assert_eq!(in_codec(&w.get(7).await, Codec::Av1), [360, 540]);
    w.grow(7, Wave::Av1).await.expect("grows");
    assert_eq!(in_codec(&w.get(7).await, Codec::Av1), [360, 540, 720]);
}

#[tokio::test]
async fn what_is_not_worth_its_bits_is_not_shown_and_not_tried_again() {
    for stingy in
        [Av1Policy { worth_percent: 10, ..profile().av1 }, Av1Policy { cap_percent: 1, ..profile().av1 }]
    {
        let profile = LadderProfile { av1: stingy, ..profile() };
        let w = published(profile.clone()).await;
        let (before, keys) = (w.get(7).await.package.expect("a package"), w.public_keys());
        assert_eq!(w.grow(7, Wave::Av1).await.expect("is done"), Grown::Done);
        let video = w.get(7).await;
        let after = video.package.clone().expect("a package");
        assert_eq!((after.id, &after.renditions), (before.id, &before.renditions));
        assert_eq!(w.public_keys(), keys, "nothing is stored that nobody may see");
        assert_eq!(after.tracks.av1, [360, 540, 720].map(RungName));
        assert_eq!(look(&w, profile, u64::MAX).await, 0);
    }
}

#[tokio::test]
async fn a_run_that_was_cut_short_leaves_nothing_behind() {
    let whole = published(profile()).await;
    whole.grow(7, Wave::Av1).await.expect("grows");
    for n in [1, 6, 13, 17] {
        let w = published(profile()).await;
        let first = w.get(7).await;
        w.media.fails_after.store(n, Ordering::SeqCst);
        w.grow(7, Wave::Av1).await.expect_err("the disk is away");
        assert_eq!(w.get(7).await, first, "viewers notice nothing");
        w.media.fails_after.store(u32::MAX, Ordering::SeqCst);
        w.grow(7, Wave::Av1).await.expect("grows");
        assert_eq!(w.public_keys().len(), whole.public_keys().len(), "after {n}");
    }
}

#[tokio::test]
async fn the_quality_is_the_one_that_was_chosen_for_the_rung_in_h264() {
    use catalog::QualityFacts;
    let plan = transcode::plan(&source(), &Transform::default(), &LadderProfile::default()).expect("a plan");
    let chosen = QualityFacts {
        metric: "vmaf".into(),
        target_centi: 9_500,
        crf_centi: vec![(RungName(360), 2_000), (RungName(540), 2_100), (RungName(360), 2_250)],
        dropped: vec![],
    };
    let av1 = plan.only(&[RungName(360), RungName(540), RungName(720)]).in_av1(Some(&chosen));
    let crfs: Vec<u16> = av1.rungs.iter().map(|r| r.crf_centi).collect();
    assert_eq!(crfs, [2_250, 2_100, 2_400], "the latest, or the profile's");
    assert!(av1.rungs.iter().all(|r| r.codec == Codec::Av1));
    assert_ne!(av1.fingerprint(), av1.only(&[]).fingerprint());
}

#[test]
fn a_plan_of_before_av1_reads_and_is_named_as_it_was() {
    let plan = transcode::plan(&source(), &Transform::default(), &LadderProfile::default()).expect("a plan");
    let text = serde_json::to_string(&plan).expect("json");
    assert!(!text.contains("codec") && !text.contains("encoder"), "{text}");
    assert_eq!(serde_json::from_str::<transcode::LadderPlan>(&text).expect("reads"), plan);
    let economy = LadderProfile { encoder: transcode::EncoderProfile::Economy, ..LadderProfile::default() };
    let other = transcode::plan(&source(), &Transform::default(), &economy).expect("a plan");
    assert_ne!(other.fingerprint(), plan.fingerprint());
    assert_ne!(plan.in_av1(None).fingerprint(), plan.fingerprint());
}
