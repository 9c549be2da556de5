//! Packages made of synthetic tracks, looked at from outside.

use packager::synthetic::{Synthetic, audio_track, video_track};
use packager::{
    Kind, Muxed, PackError, SpriteSheet, Track, Variant, media_playlist, multivariant, mux, same_cuts,
    sprite_vtt, top_level,
};
use proptest::prelude::*;
use vocab::Millis;

fn video(frames: u32, key_bytes: u32) -> Vec<u8> {
    video_track(Synthetic { width: 360, height: 640, fps: 30, frames, gop: 60, key_bytes })
}

fn muxed(frames: u32) -> Muxed {
    mux(&video(frames, 5_000), Some(&audio_track(u64::from(frames) * 1000 / 30)), 2_000).expect("muxes")
}

#[test]
fn a_seven_second_video_has_four_segments() {
    let m = muxed(210);
    assert_eq!(m.segment_micros, [2_000_000, 2_000_000, 2_000_000, 1_000_000]);
    assert_eq!(m.segment_ms(), [2000, 2000, 2000, 1000]);
    assert_eq!((m.duration_ms(), m.target_s(), m.fps_milli), (Millis(7000), 2, 30_000));
    assert_eq!(m.codecs, "avc1.64001f,mp4a.40.2");
    assert_eq!((m.width, m.height, m.has_audio), (360, 640, true));
}

#[test]
fn a_segment_is_styp_moof_mdat_and_the_init_is_ftyp_moov() {
    let m = muxed(210);
    let names = |data: &[u8]| -> Vec<[u8; 4]> {
        top_level(data).expect("boxes").into_iter().map(|(kind, _)| kind).collect()
    };
    assert_eq!(names(&m.init), [*b"ftyp", *b"moov"]);
    for s in &m.segments {
        assert_eq!(names(s), [*b"styp", *b"moof", *b"mdat"]);
    }
}

#[test]
fn the_first_frame_is_a_short_prefix() {
    let m = muxed(210);
    let boxes = top_level(&m.segments[0]).expect("boxes");
    let head = boxes[0].1 + boxes[1].1 + 8;
    assert_eq!(m.first_frame_bytes as usize, head + 5_000);
    assert!((m.first_frame_bytes as usize) < m.segments[0].len() / 2);
}

#[test]
fn nothing_of_the_picture_or_the_sound_is_lost() {
    let (v, a) = (video(210, 5_000), audio_track(7_000));
    let m = mux(&v, Some(&a), 2_000).expect("muxes");
    let payload = |data: &[u8]| -> usize {
        top_level(data).expect("boxes").iter().filter(|b| b.0 == *b"mdat").map(|b| b.1 - 8).sum()
    };
    let out: usize = m.segments.iter().map(|s| payload(s)).sum();
    assert_eq!(out, payload(&v) + payload(&a));
}

#[test]
fn sound_beyond_the_picture_is_left_out_and_short_sound_is_fine() {
    let v = video(60, 5_000);
    let long = mux(&v, Some(&audio_track(9_000)), 2_000).expect("muxes");
    let exact = mux(&v, Some(&audio_track(2_000)), 2_000).expect("muxes");
    assert_eq!(long.segments[0].len(), exact.segments[0].len());
    let short = mux(&video(210, 5_000), Some(&audio_track(900)), 2_000).expect("muxes");
    assert_eq!(short.segments.len(), 4);
    let none = mux(&v, Some(&audio_track(0)), 2_000).expect("muxes");
    assert!(!none.has_audio);
    assert_eq!(none.codecs, "avc1.64001f");
}

#[test]
fn a_video_without_sound_has_one_track() {
    let m = mux(&video(61, 5_000), None, 2_000).expect("muxes");
    assert_eq!((m.codecs.as_str(), m.has_audio), ("avc1.64001f", false));
    // A tail of one frame is no segment of its own, one of half a second is.
    assert_eq!(m.segment_ms(), [2033]);
    assert_eq!(m.target_s(), 2);
    assert_eq!(mux(&video(75, 5_000), None, 2_000).expect("muxes").segment_ms(), [2000, 500]);
}

#[test]
fn the_declared_peak_is_the_measured_peak() {
    let m = muxed(210);
    let worst = m.segments.iter().zip(&m.segment_micros).map(|(s, t)| s.len() as u64 * 8_000_000 / t).max();
    let worst = worst.expect("segments");
    assert!(m.peak_bps >= worst * 90 / 100 && m.peak_bps <= worst * 110 / 100, "{} {worst}", m.peak_bps);
    assert!(m.average_bps <= m.peak_bps);
}

#[test]
fn another_parser_reads_the_playlists() {
    let m = muxed(210);
    let text = media_playlist(&m, "init.mp4", |n| format!("{n}.m4s"));
    let (rest, list) = m3u8_rs::parse_media_playlist(text.as_bytes()).expect("parses");
    assert!(rest.is_empty());
    assert_eq!((list.version, list.target_duration, list.end_list), (Some(7), 2, true));
    assert!(list.independent_segments);
    assert_eq!(list.playlist_type, Some(m3u8_rs::MediaPlaylistType::Vod));
    assert_eq!(list.segments.len(), 4);
    assert_eq!(list.segments[0].map.as_ref().map(|m| m.uri.as_str()), Some("init.mp4"));
    assert!((list.segments.iter().map(|s| s.duration).sum::<f32>() - 7.0).abs() < 1e-3);

    let text = multivariant(&[Variant::of(&m, "../r/media.m3u8".into())]);
    let (_, list) = m3u8_rs::parse_master_playlist(text.as_bytes()).expect("parses");
    let v = &list.variants[0];
    assert_eq!((v.bandwidth, v.average_bandwidth), (m.peak_bps, Some(m.average_bps)));
    assert_eq!(v.codecs.as_deref(), Some("avc1.64001f,mp4a.40.2"));
    assert_eq!(v.resolution.map(|r| (r.width, r.height)), Some((360, 640)));
    assert_eq!(v.frame_rate, Some(30.0));
    assert!(list.independent_segments);
}

#[test]
fn rungs_cut_at_different_times_are_refused() {
    assert_eq!(same_cuts(&[muxed(210), muxed(210)]), Ok(()));
    assert_eq!(same_cuts(&[muxed(210), muxed(211)]), Err(PackError::UnevenCuts));
    assert!(same_cuts(&[]).is_err());
}

#[test]
fn a_track_that_lost_its_key_frames_is_refused() {
    let v = video_track(Synthetic { width: 16, height: 16, fps: 30, frames: 200, gop: 200, key_bytes: 9 });
    assert!(matches!(mux(&v, None, 2_000), Err(PackError::NoKeyFrame(_))));
}

#[test]
fn sound_in_place_of_the_picture_is_refused() {
    assert!(mux(&audio_track(2_000), None, 2_000).is_err());
    assert!(mux(&video(60, 10), Some(&video(60, 10)), 2_000).is_err());
}

#[test]
fn more_frequent_key_frames_do_not_make_shorter_segments() {
    let v = video_track(Synthetic { width: 16, height: 16, fps: 30, frames: 180, gop: 15, key_bytes: 90 });
    let m = mux(&v, None, 2_000).expect("muxes");
    assert_eq!(m.segment_ms(), [2000, 2000, 2000]);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_panic(data in proptest::collection::vec(any::<u8>(), 0..2000)) {
        let _ = mux(&data, Some(&data), 2_000);
    }

    #[test]
    fn no_damage_panics(hits in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..40), cut in any::<u16>()) {
        let mut data = video(90, 40);
        for (at, value) in hits {
            // The head is where the structure is: hit it more often than the payload.
            let at = usize::from(at) % data.len().min(1200);
            data[at] = value;
        }
        let _ = mux(&data, Some(&data), 2_000);
        data.truncate(usize::from(cut) % (data.len() + 1));
        let _ = mux(&data, Some(&audio_track(100)), 2_000);
        let _ = Track::read(&data).map(|t| (t.kind == Kind::Video, t.ticks()));
    }

    #[test]
    fn segments_add_up(frames in 1u32..900, gop in 1u32..61) {
        let v = video_track(Synthetic { width: 16, height: 16, fps: 30, frames, gop, key_bytes: 20 });
        if let Ok(m) = mux(&v, None, 2_000) {
            let micros: u64 = m.segment_micros.iter().sum();
            prop_assert_eq!(micros, u64::from(frames) * 1_000_000 / 30);
            let ms: u32 = m.segment_ms().iter().sum();
            prop_assert_eq!(i64::from(ms), m.duration_ms().0);
        }
    }

    #[test]
    fn cues_never_run_backwards(tiles in 0u32..200, cadence in 0u32..5000, duration in -5i64..400_000) {
        let sheet = SpriteSheet {
            uri: "s.jpg".into(), tile_width: 90, tile_height: 160, columns: 10,
            tiles, cadence_ms: cadence, duration_ms: Millis(duration),
        };
        let vtt = sprite_vtt(&sheet);
        for line in vtt.lines().filter(|l| l.contains("-->")) {
            let (a, b) = line.split_once(" --> ").expect("a cue");
            prop_assert!(a <= b, "{}", line);
        }
    }
}
