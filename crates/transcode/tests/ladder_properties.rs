//! What is true of every plan, whatever the source.

use catalog::{SourceFacts, Transform};
use proptest::prelude::*;
use transcode::ladder::published_fps;
use transcode::{LadderPlan, LadderProfile, plan};
use vocab::{Bytes, Millis};

const CODECS: [&str; 7] = ["h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "h263"];

prop_compose! {
    /// Display sizes from 16 pixels to 8K, with the odd, the square and the extreme among them.
    fn any_source()(
        short in prop_oneof![16u32..64, 100u32..1_200, Just(240), Just(241), Just(719), Just(720), 1_200u32..4_400],
        shape in prop_oneof![Just(1_000u32), Just(1_778), 1_000u32..2_400, 1_000u32..20_000],
        turned in any::<bool>(),
        fps_milli in prop_oneof![Just(23_976u32), Just(29_970), Just(59_940), Just(240_000), 1u32..60_000, 60_000u32..1_000_000],
        ms in 1i64..198_000, kbps in 1u64..60_000, codec in 0..CODECS.len(), has_audio in any::<bool>(),
    ) -> SourceFacts {
        let long = short * shape / 1_000;
        let (width, height) = if turned { (short, long) } else { (long, short) };
        SourceFacts {
            duration_ms: Millis(ms),
            width,
            height,
            fps_milli,
            has_audio,
            video_codec: CODECS[codec].into(),
            audio_codec: has_audio.then(|| "aac".into()),
            size_bytes: Bytes(kbps * ms as u64 / 8),
        }
    }
}

fn planned(source: &SourceFacts) -> LadderPlan {
    plan(source, &Transform::default(), &LadderProfile::default()).expect("a plan")
}

fn turned(source: &SourceFacts) -> SourceFacts {
    SourceFacts { width: source.height, height: source.width, ..source.clone() }
}

#[test]
fn an_odd_long_side_is_not_rounded_up() {
    let source = SourceFacts {
        duration_ms: Millis(1_000),
        width: 41,
        height: 36,
        fps_milli: 30_000,
        has_audio: false,
        video_codec: "h264".into(),
        audio_codec: None,
        size_bytes: Bytes(1),
    };
    let rungs: Vec<_> = planned(&source).rungs.iter().map(|r| (r.width, r.height)).collect();
    assert_eq!(rungs, [(40, 36)]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    #[test]
    fn a_rung_is_its_short_side_even_and_never_larger_than_the_source(source in any_source()) {
        let p = planned(&source);
        let (small, large) = (source.width.min(source.height), source.width.max(source.height));
        prop_assert!(!p.rungs.is_empty());
        for r in &p.rungs {
            let (short, long) = (r.width.min(r.height), r.width.max(r.height));
            prop_assert_eq!(short, u32::from(r.name.0), "a rung is named by its short side");
            prop_assert!(r.width % 2 == 0 && r.height % 2 == 0);
            prop_assert!(short <= small && long <= large, "{}×{} of {}×{}", r.width, r.height, small, large);
            prop_assert_eq!(r.width < r.height, source.width < source.height && short < long);
        }
    }

    #[test]
    fn every_rung_has_the_shape_of_the_source(source in any_source()) {
        let (small, large) = (source.width.min(source.height), source.width.max(source.height));
        for r in planned(&source).rungs {
            let (short, long) = (f64::from(r.width.min(r.height)), f64::from(r.width.max(r.height)));
            let exact = short * f64::from(large) / f64::from(small);
            // To the nearest even number, and one step down where that would be larger than the source.
            prop_assert!((long - exact).abs() <= 2.0, "{}×{}: {long} where {exact} is right", r.width, r.height);
        }
    }

    #[test]
    fn larger_rungs_cost_more_and_none_is_left_out_below_the_gate(source in any_source()) {
        let (p, profile) = (planned(&source), LadderProfile::default());
        for w in p.rungs.windows(2) {
            prop_assert!(w[0].name < w[1].name && w[0].max_kbps < w[1].max_kbps && w[0].min_kbps < w[1].min_kbps);
            prop_assert!(w[0].width < w[1].width && w[0].height < w[1].height);
        }
        prop_assert!(p.rungs.iter().all(|r| r.min_kbps <= r.max_kbps));
        let small = source.width.min(source.height);
        let fits = |name: u16| u32::from(name) <= small;
        let due = profile.rungs.iter().filter(|r| fits(r.name.0) && r.name < profile.top_gate.from).count();
        let there = p.rungs.iter().filter(|r| r.name < profile.top_gate.from).count();
        prop_assert_eq!(there, due.max(usize::from(!fits(240))));
    }

    #[test]
    fn more_bits_never_take_a_rung_away_and_720p_needs_enough(source in any_source(), more in 1u64..50) {
        let profile = LadderProfile::default();
        let has_top = |s: &SourceFacts| planned(s).rungs.iter().any(|r| r.name >= profile.top_gate.from);
        let richer = SourceFacts { size_bytes: Bytes(source.size_bytes.0 * more), ..source.clone() };
        prop_assert!(!has_top(&source) || has_top(&richer));
        let kbps = source.size_bytes.0 * 8 / source.duration_ms.0 as u64;
        let small = source.width.min(source.height);
        if small >= 720 {
            let enough = u64::from(profile.top_gate.source_kbps_min.0);
            if kbps >= enough {
                prop_assert!(has_top(&source));
            }
            if kbps * u64::from(profile.top_gate.modern_codec_percent) / 100 < enough {
                prop_assert!(!has_top(&source));
            }
        } else {
            prop_assert!(!has_top(&source), "nothing is scaled up");
        }
    }

    #[test]
    fn turning_the_source_turns_the_plan_and_nothing_else(source in any_source()) {
        prop_assume!(source.width != source.height);
        let (a, b) = (planned(&source), planned(&turned(&source)));
        prop_assert_eq!(a.rungs.len(), b.rungs.len());
        for (x, y) in a.rungs.iter().zip(&b.rungs) {
            prop_assert_eq!((x.name, x.width, x.height, x.max_kbps), (y.name, y.height, y.width, y.max_kbps));
        }
        prop_assert_eq!((a.fps, a.duration_ms, a.audio), (b.fps, b.duration_ms, b.audio));
    }

    #[test]
    fn a_group_of_pictures_is_a_whole_number_of_them(source in any_source()) {
        let p = planned(&source);
        prop_assert_eq!(i64::from(p.gop_frames()) * 1_000, i64::from(p.fps) * p.gop_ms.0, "exactly 2 s");
        prop_assert!((1..=30).contains(&p.fps));
        let seconds = p.duration_ms.0 * i64::from(p.fps);
        prop_assert!((i64::from(p.frames()) * 1_000 - seconds).abs() <= 500.max(1_000 - seconds));
        prop_assert_eq!(p.audio.is_some(), source.has_audio);
    }

    #[test]
    fn a_published_rate_is_near_the_source_or_a_half_of_it(milli in 500u32..1_000_000) {
        let fps = published_fps(milli, &LadderProfile::default());
        let mut near = milli;
        while near > 42_000 {
            near = near.div_ceil(2);
        }
        let off = (fps * 1_000).abs_diff(near);
        // Between 30 and 42 pictures a second the highest rate stands.
        prop_assert!(off <= 500 || (fps >= 24 && off <= 2_500) || (fps == 30 && near > 30_000), "{milli}: {fps}");
    }

    #[test]
    fn the_same_source_has_the_same_plan(source in any_source()) {
        prop_assert_eq!(planned(&source).fingerprint(), planned(&source.clone()).fingerprint());
    }
}
