//! Every sample file gets the right answer: a package of the right shape, or a typed refusal.

mod common;

use common::{Bench, media, names, stem};
use moderation::port::MediaError;
use nix::sys::resource::{UsageWho, getrusage};
use std::path::Path;

const CHILD_MB_MAX: i64 = 1_024;
const OUR_MB_MAX: i64 = 512;

/// Name, display size, rungs by short side, length in ms, frames a second, sound.
type Row = (&'static str, (u32, u32), &'static [u16], i64, u32, bool);

const NATURAL: [Row; 7] = [
    ("bee.mp4", (1280, 720), &[240, 360, 540, 720], 4_037, 30, true),
    ("bikes.mp4", (640, 272), &[240], 10_000, 25, false),
    ("butterfly.mp4", (1280, 720), &[240, 360, 540, 720], 7_541, 30, true),
    ("carphone_pristine.mp4", (193, 144), &[144], 4_004, 30, false),
    ("clock_360p_audio.mp4", (640, 360), &[240, 360], 8_032, 30, true),
    ("nail_portrait_1080x1916_30fps.mp4", (1080, 1916), &[240, 360, 540, 720], 8_000, 30, false),
    ("trams_240p_60fps_5s.mp4", (320, 240), &[240], 5_000, 30, true),
];

const FORMAT: [Row; 17] = [
    ("bbb_642x642_768kbps_30fps_vp9.webm", (642, 642), &[240, 360, 540], 3_000, 30, false),
    ("dolbyVision-hdr.MOV", (720, 1280), &[240, 360, 540, 720], 133, 30, true),
    ("edit_list_positive_shift.mp4", (1920, 1080), &[240, 360, 540], 10_000, 30, true),
    ("hdr10-av1.mp4", (720, 1280), &[240, 360, 540, 720], 4_238, 30, true),
    ("iibbibb_editlist_videoonly.mp4", (704, 576), &[240, 360, 540], 12_000, 1, false),
    (
        "internal_emulator_transformer_output_270_rotated.mp4",
        (720, 1280),
        &[240, 360, 540, 720],
        4_972,
        30,
        true,
    ),
    ("portrait_4k60.mp4", (2160, 3840), &[240, 360, 540, 720], 300, 30, true),
    ("sample_edit_list.mp4", (1080, 1920), &[240, 360, 540, 720], 2_568, 30, true),
    ("sample_partially_fragmented.mp4", (1080, 720), &[240, 360, 540], 1_068, 30, true),
    ("sample_portrait.mp4", (720, 1080), &[240, 360, 540], 1_001, 30, true),
    ("sample_rotate_and_reflect.mp4", (720, 1080), &[240, 360, 540], 1_001, 30, true),
    ("sample_sef_super_slow_motion.mp4", (160, 120), &[120], 14_500, 30, false),
    ("sample_shorter_audio.mp4", (320, 240), &[240], 1_200, 30, true),
    ("sample_video_only.mp4", (1080, 720), &[240, 360, 540], 1_001, 30, false),
    ("silent-black-10s.mp4", (320, 240), &[240], 10_000, 30, true),
    ("sowt-with-video.mov", (1920, 1080), &[240, 360, 540, 720], 2_000, 25, true),
    ("trim_optimization_failure.mp4", (518, 488), &[240, 360], 5_589, 30, true),
];

/// What the MANIFEST says must be refused, what is broken, what is hostile; and the code.
const REFUSED: [(&str, &str); 14] = [
    ("format/long_1080p_lowbitrate.mp4", "media.too_long"),
    ("format/sample_audio_only_15s.mp4", "media.no_video"),
    ("broken/8k24fps_300ms.mp4", "media.too_large"),
    ("broken/bitflip_bikes.mp4", "media.unreadable"),
    ("broken/invalid-bitstream.webm", "media.unreadable"),
    ("broken/sample_missing_stsd.mp4", "media.unsupported_codec"),
    ("broken/truncated_butterfly.mp4", "media.truncated"),
    ("hostile/empty.mp4", "media.empty"),
    ("hostile/ffconcat_sibling_read.mp4", "media.not_media"),
    ("hostile/hls_playlist_file_read.mp4", "media.not_media"),
    ("hostile/hls_playlist_ssrf.mp4", "media.not_media"),
    ("hostile/html.mp4", "media.not_media"),
    ("hostile/random_bytes.mp4", "media.not_media"),
    ("hostile/timestamp_gap_bomb.mkv", "media.unsupported_codec"),
];

/// Broken files whose picture is whole after all: published, and verified like any other.
const MENDED: [Row; 4] = [
    ("sample_empty_track.mp4", (1080, 720), &[240, 360, 540, 720], 1_001, 30, true),
    ("sample_mdat_too_long.mp4", (1080, 720), &[240, 360, 540], 1_001, 30, true),
    ("sample_with_invalid_nalu.mp4", (1080, 720), &[240, 360, 540], 1_001, 30, false),
    ("sample_without_stss.mp4", (1080, 720), &[240, 360, 540, 720], 1_001, 30, false),
];

async fn publish(bench: &Bench, dir: &Path, row: &Row) -> Result<(), String> {
    let (name, size, rungs, ms, fps, sound) = *row;
    let (path, whole) = (dir.join(name), catalog::Transform::default());
    let seen = bench.examine(name, &path, &whole).await.map_err(|e| e.to_string())?;
    let facts = &seen.source;
    expect("size", (facts.width, facts.height), size)?;
    expect("sound", facts.has_audio, sound)?;
    expect("length", facts.duration_ms.0, ms)?;
    expect("frames", seen.frames.len() as i64, ((ms - 345) as u64).div_ceil(1_000).clamp(1, 60) as i64)
        .or_else(|e| if (ms - 345) % 1_000 == 0 || ms < 1_000 { Ok(()) } else { Err(e) })?;
    expect("blurhash", seen.blurhash.as_ref().map(String::len), Some(28))?;
    let done = bench.publish(name, &path, (&seen, &whole)).await.map_err(|e| e.to_string())?;
    let names: Vec<u16> = done.plan.rungs.iter().map(|r| r.name.0).collect();
    expect("rungs", names.as_slice(), rungs)?;
    expect("rate", done.plan.fps, fps)?;
    for (rung, planned) in done.rungs.iter().zip(&done.plan.rungs) {
        expect("packaged size", (rung.width, rung.height), (planned.width, planned.height))?;
        expect("packaged sound", rung.has_audio, sound)?;
        let off = (rung.duration_ms().0 - ms).abs();
        if off > 1_000 / i64::from(fps) + ms * 2 / 100 {
            return Err(format!("is {} long", rung.duration_ms()));
        }
        check_rates(rung, planned)?;
        check_bytes(rung)?;
    }
    check_playlists(&done.rungs)
}

fn expect<T: PartialEq + std::fmt::Debug>(what: &str, is: T, should: T) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what} is {is:?}, not {should:?}")) }
}

/// The first segment decides the time to the first picture: it stays under the cap.
fn check_rates(rung: &packager::Muxed, planned: &transcode::PlannedRung) -> Result<(), String> {
    let cap = u64::from(planned.max_kbps.0 + if rung.has_audio { 96 } else { 0 }) * 1_000;
    let first = rung.segments[0].len() as u64 * 8_000_000 / rung.segment_micros[0].max(1);
    let long = rung.segment_micros[0] >= 2_000_000;
    if long && first > cap * 110 / 100 {
        return Err(format!("the first segment has {first} bit/s over a cap of {cap}"));
    }
    for (bytes, micros) in rung.segments.iter().zip(&rung.segment_micros) {
        let bps = bytes.len() as u64 * 8_000_000 / micros;
        if *micros >= 1_000_000 && bps > rung.peak_bps {
            return Err(format!("a segment has {bps} bit/s, more than the declared {}", rung.peak_bps));
        }
    }
    Ok(())
}

fn check_bytes(rung: &packager::Muxed) -> Result<(), String> {
    let has = |data: &[u8], word: &[u8]| data.windows(4).any(|w| w == word);
    if has(&rung.init, b"elst") || has(&rung.init, b"udta") {
        return Err("an edit list or metadata in the init segment".into());
    }
    for s in &rung.segments {
        let moof = packager::top_level(s).map_err(|e| e.to_string())?;
        expect("boxes", moof.iter().map(|b| b.0).collect::<Vec<_>>(), vec![*b"styp", *b"moof", *b"mdat"])?;
    }
    Ok(())
}

fn check_playlists(rungs: &[packager::Muxed]) -> Result<(), String> {
    for rung in rungs {
        let text = packager::media_playlist(rung, "init.mp4", |n| format!("{n}.m4s"));
        let (_, list) = m3u8_rs::parse_media_playlist(text.as_bytes()).map_err(|e| e.to_string())?;
        expect("segments", list.segments.len(), rung.segments.len())?;
        let longest = list.segments.iter().map(|s| s.duration.round() as u64).max();
        expect("target duration", longest.map(|l| l.max(1)), Some(list.target_duration))?;
    }
    let variants: Vec<_> = rungs.iter().map(|r| packager::Variant::of(r, "x/media.m3u8".into())).collect();
    let text = packager::multivariant(&variants);
    let (_, list) = m3u8_rs::parse_master_playlist(text.as_bytes()).map_err(|e| e.to_string())?;
    for v in &list.variants {
        let complete = v.codecs.is_some() && v.resolution.is_some() && v.frame_rate.is_some();
        expect("attributes", complete && v.average_bandwidth.is_some_and(|a| a <= v.bandwidth), true)?;
    }
    expect("variants", list.variants.len(), rungs.len())
}

async fn publish_all(class: &str, rows: &[Row]) {
    let Some(media) = media() else { return };
    let bench = Bench::new().await;
    let mut wrong = Vec::new();
    for row in rows {
        let started = std::time::Instant::now();
        let verdict = match publish(&bench, &media.join(class), row).await {
            Ok(()) => "published".to_owned(),
            Err(e) => {
                wrong.push(format!("{class}/{}: {e}", row.0));
                e
            }
        };
        println!("{class}/{:<52} {verdict:<12} {:>6} ms", row.0, started.elapsed().as_millis());
    }
    let used = |who| getrusage(who).expect("the kernel counts").max_rss() / 1_024;
    let (child, ours) = (used(UsageWho::RUSAGE_CHILDREN), used(UsageWho::RUSAGE_SELF));
    println!("{class}: at most {child} MB for a child and {ours} MB for us, so far");
    assert!(child <= CHILD_MB_MAX && ours <= OUR_MB_MAX, "{child} MB and {ours} MB");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn natural_files_are_published() {
    publish_all("natural", &NATURAL).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn unusual_files_are_published() {
    publish_all("format", &FORMAT).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_that_look_broken_but_are_whole_are_published() {
    publish_all("broken", &MENDED).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn broken_and_hostile_files_are_refused_with_a_reason() {
    let Some(media) = media() else { return };
    let bench = Bench::new().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:18999").ok();
    let mut wrong = Vec::new();
    for (name, code) in REFUSED {
        let started = std::time::Instant::now();
        let answer =
            bench.examine(&name.replace('/', "-"), &media.join(name), &catalog::Transform::default()).await;
        match answer {
            Err(MediaError::Refused(r)) if r.code == code && !r.retryable && !r.message.is_empty() => {}
            other => wrong.push(format!("{name}: {other:?}")),
        }
        assert!(started.elapsed().as_secs() < 30, "{name} took too long");
    }
    if let Some(listener) = listener {
        listener.set_nonblocking(true).expect("a listener");
        assert!(listener.accept().is_err(), "a child opened a connection");
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_table_names_every_file() {
    let Some(media) = media() else { return };
    let mut known: Vec<String> = REFUSED.iter().map(|(name, _)| (*name).to_owned()).collect();
    for (class, rows) in [("natural", &NATURAL[..]), ("format", &FORMAT[..]), ("broken", &MENDED[..])] {
        known.extend(rows.iter().map(|r| format!("{class}/{}", r.0)));
    }
    let mut there = Vec::new();
    for class in ["natural", "format", "broken", "hostile"] {
        there.extend(names(&media.join(class)).iter().map(|p| format!("{class}/{}", stem(p))));
    }
    known.sort();
    there.sort();
    assert_eq!(known, there);
}
