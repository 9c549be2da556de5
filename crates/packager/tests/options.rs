//! Every packaging option, looked at from outside: what the playlists promise is in the bytes.

use packager::synthetic::{Synthetic, audio_track, av1_track, video_track};
use packager::{
    Addresses, CaptionsTrack, Files, IFrameStream, Kind, Lengths, Multivariant, Packaging, Rendition, Sound,
    SoundTrack, Track, Variant, captions_playlist, pack, pack_sound, same_cuts, top_level,
};
use proptest::prelude::*;
use vocab::Millis;

const FPS: u32 = 30;

fn shape(frames: u32, gop: u32) -> Synthetic {
    Synthetic { width: 360, height: 640, fps: FPS, frames, gop, key_bytes: 300 }
}

fn ramp() -> Lengths {
    Packaging { ramp_ms: Packaging::ramp(), ..Packaging::default() }.lengths(Millis(2000), Millis(2000))
}

fn segments() -> Addresses {
    Addresses::Segments { init: "init.mp4".into(), ending: ".m4s".into() }
}

fn single() -> Addresses {
    Addresses::Single { file: "media.mp4".into() }
}

/// Length and offset.
type ByteRange = (usize, usize);

/// The range of the init segment, and all others.
fn ranges(playlist: &str) -> (Option<ByteRange>, Vec<ByteRange>) {
    let pair = |text: &str| {
        let (length, offset) = text.split_once('@').expect("a length and an offset");
        (length.parse().expect("a length"), offset.parse().expect("an offset"))
    };
    let map = playlist.lines().find_map(|l| l.strip_prefix("#EXT-X-MAP:")?.split("BYTERANGE=\"").nth(1));
    let map = map.map(|m| pair(m.trim_end_matches('"')));
    (map, playlist.lines().filter_map(|l| l.strip_prefix("#EXT-X-BYTERANGE:")).map(pair).collect())
}

/// Everything after the init segment that is in the `mdat`s.
fn payload(parts: &[bytes::Bytes]) -> Vec<u8> {
    let mut out = Vec::new();
    for part in parts {
        let mut at = 0;
        for (kind, size) in top_level(part).expect("boxes") {
            if kind == *b"mdat" {
                out.extend_from_slice(&part[at + 8..at + size]);
            }
            at += size;
        }
    }
    out
}

/// What a track reader makes of a rendition of one track: its samples in order, by their bytes.
fn samples_of(r: &Rendition) -> Vec<(u32, bool, Vec<u8>)> {
    let file = r.single_file();
    let track = Track::read(&file).expect("a track");
    track
        .samples
        .iter()
        .map(|s| (s.duration, s.key, file[s.offset..s.offset + s.size as usize].to_vec()))
        .collect()
}

fn samples_in(file: &[u8]) -> Vec<(u32, bool, Vec<u8>)> {
    let track = Track::read(file).expect("a track");
    track
        .samples
        .iter()
        .map(|s| (s.duration, s.key, file[s.offset..s.offset + s.size as usize].to_vec()))
        .collect()
}

#[test]
fn a_ramp_makes_short_segments_first_and_long_ones_later() {
    let r = pack(&video_track(shape(30 * FPS, 60)), None, &ramp()).expect("packs");
    assert_eq!(r.segment_ms(), [2000, 2000, 2000, 2000, 4000, 6000, 6000, 6000]);
    assert_eq!(r.target_s(), 6);
    // The long ones have a fragment for every GOP, so that each key frame can be fetched alone.
    let moofs = |s: &[u8]| top_level(s).expect("boxes").iter().filter(|b| b.0 == *b"moof").count();
    assert_eq!(r.segments.iter().map(|s| moofs(s)).collect::<Vec<_>>(), [1, 1, 1, 1, 2, 3, 3, 3]);
    assert_eq!(r.i_frames.len(), 15);
}

#[test]
fn sound_of_its_own_is_cut_where_the_picture_is_and_counted_once() {
    let rungs = [shape(210, 60), Synthetic { key_bytes: 3000, ..shape(210, 60) }]
        .map(|s| pack(&video_track(s), None, &Lengths::even(2000)).expect("packs"));
    let sound = pack_sound(&audio_track(7_000), &rungs[0]).expect("packs").expect("sound");
    assert_eq!((sound.codecs.as_str(), sound.channels, sound.segments.len()), ("mp4a.40.2", 2, 4));
    let drift = sound.segment_micros.iter().zip(&rungs[0].segment_micros).map(|(a, v)| a.abs_diff(*v));
    // No more than an AAC frame apart.
    assert!(drift.max().expect("segments") <= 21_334);
    let track =
        SoundTrack { uri: "s".into(), peak_bps: 70, average_bps: 60, codecs: sound.codecs, channels: 2 };
    let variants = rungs.iter().map(|r| Variant::of(r, "v".into())).collect();
    let text = Multivariant { variants, sound: Some(track), captions: Vec::new() }.text();
    let (_, list) = m3u8_rs::parse_master_playlist(text.as_bytes()).expect("parses");
    for (v, r) in list.variants.iter().zip(&rungs) {
        assert_eq!((v.bandwidth, v.average_bandwidth), (r.peak_bps + 70, Some(r.average_bps + 60)));
        assert_eq!(v.codecs.as_deref(), Some("avc1.64001f,mp4a.40.2"));
        assert_eq!(v.audio.as_deref(), Some("sound"));
    }
    assert_eq!(list.alternatives.len(), 1);
    assert_eq!(list.alternatives[0].media_type, m3u8_rs::AlternativeMediaType::Audio);
    assert!(list.alternatives[0].default && list.alternatives[0].autoselect);
}

#[test]
fn sound_that_ends_early_has_fewer_segments_and_no_crumbs() {
    let picture = pack(&video_track(shape(210, 60)), None, &Lengths::even(2000)).expect("packs");
    let of = |ms| pack_sound(&audio_track(ms), &picture).expect("packs");
    assert_eq!(of(0), None);
    assert_eq!(of(900).expect("sound").segments.len(), 1);
    // A tenth of a second in a segment of its own is not worth a request.
    assert_eq!(of(4_100).expect("sound").segments.len(), 2);
    assert_eq!(of(4_900).expect("sound").segments.len(), 3);
    assert_eq!(samples_of(&of(4_100).expect("sound")), samples_in(&audio_track(4_100)));
}

#[test]
fn av1_stands_beside_h264_in_one_playlist() {
    let h264 =
        pack(&video_track(shape(210, 60)), Some(&audio_track(7_000)), &Lengths::even(2000)).expect("packs");
    let av1 =
        pack(&av1_track(shape(210, 60)), Some(&audio_track(7_000)), &Lengths::even(2000)).expect("packs");
    assert_eq!(av1.codecs, "av01.0.05M.08,mp4a.40.2");
    assert_eq!((av1.width, av1.height), (360, 640));
    assert!(av1.init.windows(4).take(32).any(|w| w == b"av01"), "the brand is named");
    assert_eq!(same_cuts(&[h264, av1]), Ok(()));
}

#[test]
fn captions_and_i_frame_playlists_are_named_as_the_rfc_says() {
    let r = pack(&video_track(shape(210, 60)), Some(&audio_track(7_000)), &ramp()).expect("packs");
    let mut variant = Variant::of(&r, "../r/media.m3u8".into());
    let (peak_bps, average_bps) = r.i_frame_bps();
    variant.i_frames = Some(IFrameStream { uri: "../r/iframes.m3u8".into(), peak_bps, average_bps });
    let captions =
        vec![CaptionsTrack { uri: "../c/media.m3u8".into(), language: "de".into(), name: "a\"b\n".into() }];
    let text = Multivariant { variants: vec![variant], sound: None, captions }.text();
    assert!(
        text.contains(
            "NAME=\"ab\",LANGUAGE=\"de\",DEFAULT=NO,AUTOSELECT=YES,FORCED=NO,URI=\"../c/media.m3u8\""
        )
    );
    assert!(text.contains(",SUBTITLES=\"captions\"\n"));
    let line = text.lines().find(|l| l.starts_with("#EXT-X-I-FRAME-STREAM-INF:")).expect("a line");
    assert!(
        line.contains("CODECS=\"avc1.64001f\",RESOLUTION=360x640,VIDEO-RANGE=SDR,URI=\"../r/iframes.m3u8\"")
    );
    let list = captions_playlist("captions.vtt", 7_000_001);
    assert!(list.contains("#EXT-X-TARGETDURATION:8\n") && list.contains("#EXTINF:7.000001,\ncaptions.vtt\n"));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_sample_is_in_exactly_one_segment(
        frames in 1u32..1200, gop in 1u32..61, wishes in proptest::collection::vec(500u32..7000, 1..5),
        files in prop_oneof![Just(Files::Segments), Just(Files::Single)],
    ) {
        let file = video_track(shape(frames, gop));
        let lengths = Lengths { fragment_ms: 2000, segment_ms: wishes };
        let r = pack(&file, None, &lengths).expect("packs");
        prop_assert_eq!(samples_of(&r), samples_in(&file), "{:?}", files);
        prop_assert_eq!(r.segment_micros.iter().sum::<u64>(), u64::from(frames) * 1_000_000 / u64::from(FPS));
        // Wished lengths are kept to within a GOP; the last segment is what is left.
        let fragment = u64::from(gop.max(60)) * 1_000_000 / u64::from(FPS) * 3 / 2;
        for (n, micros) in r.segment_micros.iter().enumerate() {
            let wished = lengths.segment_ms.get(n).or(lengths.segment_ms.last()).expect("a wish");
            prop_assert!(*micros <= u64::from(*wished) * 1000 + 2 * fragment);
            if n + 1 < r.segment_micros.len() {
                prop_assert!(*micros >= u64::from(*wished) * 875 - 1000, "{} of {}", micros, wished);
            }
        }
    }

    #[test]
    fn the_sound_of_a_package_is_the_same_muxed_or_on_its_own(frames in 30u32..900, sound_ms in 1u64..40_000) {
        let (v, a) = (video_track(shape(frames, 60)), audio_track(sound_ms));
        let muxed = pack(&v, Some(&a), &ramp()).expect("packs");
        let picture = pack(&v, None, &ramp()).expect("packs");
        let own = pack_sound(&a, &picture).expect("packs").expect("sound");
        prop_assert_eq!(same_cuts(&[muxed.clone(), picture.clone()]), Ok(()));
        prop_assert_eq!(payload(&muxed.segments).len(), payload(&picture.segments).len() + payload(&own.segments).len());
        let (kept, all) = (samples_of(&own), samples_in(&a));
        prop_assert_eq!(&kept[..], &all[..kept.len()]);
        // What is left out begins behind the last picture.
        let span: u64 = kept.iter().map(|s| u64::from(s.0)).sum();
        prop_assert!(kept.len() == all.len() || span * u64::from(FPS) >= u64::from(frames) * 48_000);
    }

    #[test]
    fn byte_ranges_tile_the_file(frames in 1u32..900, gop in 1u32..61) {
        let r = pack(&video_track(shape(frames, gop)), Some(&audio_track(5_000)), &ramp()).expect("packs");
        let (map, ranges) = ranges(&r.playlist(&single()));
        let file = r.single_file();
        let mut end = 0;
        for ((length, offset), part) in map.into_iter().chain(ranges).zip(std::iter::once(&r.init).chain(&r.segments)) {
            prop_assert_eq!(offset, end);
            prop_assert_eq!(&file[offset..offset + length], &part[..]);
            end = offset + length;
        }
        prop_assert_eq!(end, file.len());
        prop_assert!(self::ranges(&r.playlist(&segments())).1.is_empty());
    }

    #[test]
    fn an_i_frame_range_is_a_fragments_head_and_its_key_frame(frames in 1u32..900, gop in 1u32..61) {
        let file = video_track(shape(frames, gop));
        let r = pack(&file, Some(&audio_track(30_000)), &ramp()).expect("packs");
        let whole = r.single_file();
        let apart = ranges(&r.i_frame_playlist(&segments())).1;
        let (_, together) = ranges(&r.i_frame_playlist(&single()));
        prop_assert_eq!((apart.len(), together.len()), (r.i_frames.len(), r.i_frames.len()));
        let keys: Vec<_> = samples_in(&file).into_iter().filter(|s| s.1).map(|s| s.2).collect();
        for ((i, (length, offset)), (length_in_file, at)) in r.i_frames.iter().zip(apart).zip(together) {
            let bytes = &r.segments[i.segment as usize][offset..offset + length];
            prop_assert_eq!(bytes, &whole[at..at + length_in_file]);
            prop_assert_eq!(&bytes[4..8], b"moof");
            let picture = &bytes[bytes.len() - 300..];
            prop_assert!(keys.iter().any(|k| k == picture), "it ends with a key frame");
        }
        prop_assert_eq!(r.i_frames.iter().map(|i| i.micros).sum::<u64>(), r.segment_micros.iter().sum::<u64>());
        prop_assert_eq!(r.first_frame_bytes, r.i_frames[0].offset + r.i_frames[0].bytes);
    }

    #[test]
    fn no_damage_panics_any_option(hits in proptest::collection::vec((any::<u16>(), any::<u8>()), 1..40)) {
        let mut data = av1_track(shape(200, 60));
        for (at, value) in hits {
            let at = usize::from(at) % data.len().min(1200);
            data[at] = value;
        }
        if let Ok(r) = pack(&data, None, &ramp()) {
            let _ = (r.playlist(&single()), r.i_frame_playlist(&segments()), r.i_frame_bps(), r.segment_ms());
            let _ = pack_sound(&audio_track(3_000), &r);
        }
        let like = pack(&video_track(shape(90, 60)), None, &ramp()).expect("packs");
        let _ = pack_sound(&data, &like);
        let _ = Track::read(&data).map(|t| t.kind == Kind::Video);
    }
}

#[test]
fn the_choices_are_values() {
    let p = Packaging { sound: Sound::Own, files: Files::Single, ..Packaging::default() };
    assert_ne!(p, Packaging::default());
}
