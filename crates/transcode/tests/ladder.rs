//! Which rungs a source gets.

use catalog::{SourceFacts, Transform};
use proptest::prelude::*;
use transcode::ladder::{published_fps, window};
use transcode::{LadderPlan, LadderProfile, plan};
use vocab::{Bytes, Millis};

fn source(width: u32, height: u32) -> SourceFacts {
    SourceFacts {
        duration_ms: Millis(10_000),
        width,
        height,
        fps_milli: 30_000,
        has_audio: true,
        video_codec: "h264".into(),
        audio_codec: Some("aac".into()),
        // 4 Mbps.
        size_bytes: Bytes(5_000_000),
    }
}

fn planned(source: &SourceFacts) -> LadderPlan {
    plan(source, &Transform::default(), &LadderProfile::default()).expect("a plan")
}

fn sizes(width: u32, height: u32) -> Vec<(u16, u32, u32)> {
    planned(&source(width, height)).rungs.iter().map(|r| (r.name.0, r.width, r.height)).collect()
}

#[test]
fn a_portrait_phone_clip_has_four_rungs_by_its_short_side() {
    assert_eq!(sizes(1080, 1920), [(240, 240, 426), (360, 360, 640), (540, 540, 960), (720, 720, 1280)]);
    assert_eq!(sizes(1920, 1080), [(240, 426, 240), (360, 640, 360), (540, 960, 540), (720, 1280, 720)]);
    assert_eq!(sizes(1080, 1916)[3], (720, 720, 1278));
}

#[test]
fn nothing_is_scaled_up() {
    assert_eq!(sizes(360, 640), [(240, 240, 426), (360, 360, 640)]);
    assert_eq!(sizes(518, 488), [(240, 254, 240), (360, 382, 360)]);
    assert_eq!(sizes(642, 642), [(240, 240, 240), (360, 360, 360), (540, 540, 540)]);
    assert_eq!(sizes(719, 1279).last().map(|r| r.0), Some(540));
}

#[test]
fn below_the_ladder_there_is_one_rung_at_source_size() {
    assert_eq!(sizes(176, 144), [(144, 176, 144)]);
    assert_eq!(sizes(161, 121), [(120, 160, 120)]);
    assert_eq!(sizes(160, 120), [(120, 160, 120)]);
}

#[test]
fn the_highest_rung_must_be_worth_it() {
    let mut thin = source(1080, 1920);
    // 640 kbps.
    thin.size_bytes = Bytes(800_000);
    assert_eq!(planned(&thin).rungs.last().map(|r| r.name.0), Some(540));
    thin.video_codec = "hevc".into();
    assert_eq!(planned(&thin).rungs.last().map(|r| r.name.0), Some(720).filter(|_| 640 * 160 / 100 >= 960));
    thin.size_bytes = Bytes(400_000);
    assert_eq!(planned(&thin).rungs.last().map(|r| r.name.0), Some(540));
}

#[test]
fn frame_rates_make_a_gop_of_exactly_two_seconds() {
    let p = LadderProfile::default();
    for (milli, fps) in [
        (23_976, 24),
        (24_000, 24),
        (25_000, 25),
        (29_970, 30),
        (30_000, 30),
        (29_881, 30),
        (50_000, 25),
        (59_940, 30),
        (60_057, 30),
        (48_000, 24),
        (120_000, 30),
        (240_000, 30),
        (100_000, 25),
        (15_000, 15),
        (10_000, 10),
        (1_000, 1),
        (7_480, 7),
        (300, 1),
        (40_000, 30),
        (23_400, 23),
    ] {
        assert_eq!(published_fps(milli, &p), fps, "{milli}");
    }
    assert_eq!(planned(&source(1080, 1920)).gop_frames(), 60);
}

#[test]
fn the_trim_is_the_window_and_mute_has_no_sound() {
    let t = Transform {
        trim_start_ms: Some(Millis(2_000)),
        trim_end_ms: Some(Millis(7_500)),
        mute: true,
        cover_at_ms: None,
    };
    let p = plan(&source(1080, 1920), &t, &LadderProfile::default()).expect("a plan");
    assert_eq!((p.start_ms, p.duration_ms, p.frames()), (Millis(2_000), Millis(5_500), 165));
    assert!(p.audio.is_none());
}

#[test]
fn what_cannot_be_published_has_a_code() {
    let profile = LadderProfile::default();
    let code = |s: &SourceFacts, t: &Transform| plan(s, t, &profile).expect_err("refused").code;
    let trim = |a: i64, b: i64| Transform {
        trim_start_ms: Some(Millis(a)),
        trim_end_ms: Some(Millis(b)),
        ..Transform::default()
    };
    let whole = Transform::default();
    let long = |ms| SourceFacts { duration_ms: Millis(ms), ..source(720, 1280) };
    assert_eq!(code(&long(362_000), &whole), "media.too_long");
    assert_eq!(code(&long(198_001), &whole), "media.too_long");
    assert!(plan(&long(198_000), &whole, &profile).is_ok());
    assert!(plan(&long(362_000), &trim(10_000, 60_000), &profile).is_ok());
    assert_eq!(code(&long(700_000), &trim(0, 1_000)), "media.too_long");
    assert_eq!(code(&long(10_000), &trim(9_000, 8_000)), "media.bad_trim");
    assert_eq!(code(&long(10_000), &trim(12_000, 15_000)), "media.bad_trim");
    assert_eq!(code(&long(0), &whole), "media.too_short");
    assert_eq!(code(&source(8, 8), &whole), "media.unreadable");
}

#[test]
fn another_plan_has_another_fingerprint() {
    let a = planned(&source(1080, 1920));
    let mut b = a.clone();
    assert_eq!(a.fingerprint(), b.fingerprint());
    b.rungs[0].crf_centi += 1;
    assert_ne!(a.fingerprint(), b.fingerprint());
}

proptest! {
    #[test]
    fn every_plan_can_be_encoded(
        width in 16u32..5_000, height in 16u32..5_000, fps in 1u32..300_000,
        ms in 1i64..198_000, size in 0u64..500_000_000,
        start in -1_000i64..200_000, end in -1_000i64..250_000, trim in any::<bool>(),
    ) {
        let s = SourceFacts { duration_ms: Millis(ms), fps_milli: fps, size_bytes: Bytes(size), ..source(width, height) };
        let t = if trim {
            Transform { trim_start_ms: Some(Millis(start)), trim_end_ms: Some(Millis(end)), ..Transform::default() }
        } else {
            Transform::default()
        };
        let profile = LadderProfile::default();
        if let Ok(p) = plan(&s, &t, &profile) {
            prop_assert!(!p.rungs.is_empty() && p.frames() >= 1 && (1..=30).contains(&p.fps));
            prop_assert!(p.start_ms.0 >= 0 && p.start_ms.0 + p.duration_ms.0 <= ms);
            for r in &p.rungs {
                prop_assert!(r.width % 2 == 0 && r.height % 2 == 0 && r.width >= 2 && r.height >= 2);
                prop_assert!(r.width.min(r.height) <= width.min(height), "scaled up");
            }
            prop_assert!(p.rungs.windows(2).all(|w| w[0].name < w[1].name));
            prop_assert_eq!(window(&s, &t, &profile), Ok((p.start_ms, p.duration_ms)));
        }
    }
}
