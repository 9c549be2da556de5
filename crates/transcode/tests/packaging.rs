//! Packaging options and captions through the whole transcoder, on memory.

mod world;

use catalog::{BlockedWords, CatalogPolicy, OwnerError, Owners, OwnersDeps};
use packager::policy::CaptionLimits;
use packager::{Files, Packaging, Sound};
use transcode::captions::{CaptionsDeps, CaptionsDesk, CaptionsError};
use transcode::policy::CaptionsPolicy;
use world::*;

const OWNER: UserId = UserId(1);

fn vtt(text: &str) -> Vec<u8> {
    format!("WEBVTT\n\n00:01.000 --> 00:20.000\n{text}\n").into_bytes()
}

async fn packaged(packaging: Packaging) -> World {
    let world = World::with_profile(LadderProfile { packaging, ..at_once() }).await.with(video(1)).await;
    assert_eq!(world.run(1).await.expect("runs"), Status::Published);
    world
}

async fn text(world: &World, key: MediaKey) -> String {
    String::from_utf8(world.media.get(key).await.expect("is stored").to_vec()).expect("text")
}

async fn main_playlist(world: &World) -> String {
    let v = world.get(1).await;
    text(world, MediaKey::Multivariant { video: v.id, package: v.package.expect("a package").id }).await
}

/// Every address of a playlist, resolved against its own path.
fn addresses(path: &str, text: &str) -> Vec<String> {
    let quoted = text.split("URI=\"").skip(1).filter_map(|t| t.split('"').next());
    let plain = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty());
    let (dir, _) = path.rsplit_once('/').expect("a path");
    let up = dir.rsplit_once('/').expect("a path").0;
    let whole = |a: &str| a.strip_prefix("../").map_or(format!("{dir}/{a}"), |a| format!("{up}/{a}"));
    quoted.chain(plain).map(whole).collect()
}

/// Follows every address from the multivariant playlist down; all must be there and public.
async fn walk(world: &World) -> Vec<String> {
    let v = world.get(1).await;
    let main = MediaKey::Multivariant { video: v.id, package: v.package.expect("a package").id };
    let (mut open, mut met) = (vec![main.public_path().expect("public")], Vec::new());
    while let Some(path) = open.pop() {
        if met.contains(&path) {
            continue;
        }
        let key = MediaKey::from_public_path(&path).unwrap_or_else(|_| panic!("{path}"));
        let bytes = world.media.get(key).await.unwrap_or_else(|e| panic!("{path}: {e}"));
        if path.ends_with(".m3u8") {
            open.extend(addresses(&path, std::str::from_utf8(&bytes).expect("text")));
        }
        met.push(path);
    }
    met
}

fn desk(world: &World) -> CaptionsDesk {
    desk_of(world, Arc::new(ManualClock::default()))
}

fn desk_of(world: &World, clock: Arc<ManualClock>) -> CaptionsDesk {
    let videos: Arc<dyn VideoStore> = world.videos.clone();
    let deps = OwnersDeps { videos: videos.clone(), jobs: world.jobs.clone(), clock: clock.clone() };
    let owners = Arc::new(Owners::new(deps, CatalogPolicy::default()));
    let media: Arc<dyn MediaStore> = world.media.clone();
    let (limits, blocked_words) = (CaptionLimits::default(), BlockedWords::new(["foul word"]));
    let (eraser, policy) = (world.media.clone(), CaptionsPolicy::default());
    CaptionsDesk::new(CaptionsDeps { owners, videos, media, eraser, clock, limits, blocked_words, policy })
}

#[tokio::test]
async fn every_combination_of_options_is_a_package_that_hangs_together() {
    for sound in [Sound::Muxed, Sound::Own] {
        for files in [Files::Segments, Files::Single] {
            for ramp_ms in [vec![], Packaging::ramp()] {
                for i_frames in [true, false] {
                    let packaging = Packaging { sound, files, ramp_ms: ramp_ms.clone(), i_frames };
                    let world = packaged(packaging.clone()).await;
                    let met = walk(&world).await;
                    let package = world.get(1).await.package.expect("a package");
                    let of = |name: &str| met.iter().filter(|p| p.ends_with(name)).count();
                    assert_eq!(
                        of("/iframes.m3u8"),
                        if i_frames { package.renditions.len() } else { 0 },
                        "{packaging:?}"
                    );
                    let renditions = package.renditions.len() + usize::from(sound == Sound::Own);
                    assert_eq!(of("/media.m3u8"), renditions, "{packaging:?}");
                    assert_eq!(of("/media.mp4"), if files == Files::Single { renditions } else { 0 });
                    assert_eq!(of("/init.mp4"), if files == Files::Single { 0 } else { renditions });
                    assert_eq!(package.tracks.sound.is_some(), sound == Sound::Own);
                    assert!(package.has_audio && package.segment_ms.iter().sum::<u32>() == 7_000);
                    let text = main_playlist(&world).await;
                    let (_, list) = m3u8_rs::parse_master_playlist(text.as_bytes()).expect("parses");
                    let streams = list.variants.iter().filter(|v| !v.is_i_frame);
                    for (v, r) in streams.zip(&package.renditions) {
                        let own = package.tracks.sound.as_ref().map_or(0, |s| s.rates.peak_kbps.0);
                        assert_eq!(v.bandwidth, u64::from(r.peak_kbps.0 + own) * 1000);
                        assert_eq!(v.codecs.as_deref(), Some("avc1.64001f,mp4a.40.2"));
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_second_wave_keeps_the_sound_and_the_captions_of_the_first() {
    let packaging = Packaging { sound: Sound::Own, ..Packaging::default() };
    let mut profile = LadderProfile { packaging, ..LadderProfile::default() };
    profile.waves.rungs_min = 2;
    let world = World::with_profile(profile).await.with(video(1)).await;
    world.run(1).await.expect("runs");
    desk(&world).put(OWNER, VideoId(1), "en", &vtt("hello")).await.expect("taken");
    let first = world.get(1).await.package.expect("a package");
    assert_eq!(world.grow(1, Wave::Second).await.expect("grows"), Grown::Done);
    let second = world.get(1).await.package.expect("a package");
    assert!(second.renditions.len() > first.renditions.len() && second.id != first.id);
    assert_eq!(second.tracks, first.tracks);
    assert_eq!(walk(&world).await.iter().filter(|p| p.ends_with("/captions.vtt")).count(), 1);
    let text = main_playlist(&world).await;
    let each = text.lines().filter(|l| l.starts_with("#EXT-X-STREAM-INF"));
    assert!(
        each.clone().count() == second.renditions.len() && each.clone().all(|l| l.contains("SUBTITLES="))
    );
}

#[tokio::test]
async fn captions_with_words_of_the_operators_list_are_refused() {
    let world = World::new().await.with(video(1)).await;
    let refused = desk(&world).put(OWNER, VideoId(1), "en", &vtt("A <i>FÓUL</i>\nword &amp; more")).await;
    let Err(CaptionsError::Owner(OwnerError::Invalid(fields))) = refused else { panic!("{refused:?}") };
    assert_eq!((fields.0[0].field.as_str(), fields.0[0].code), ("captions", "blocked_words"));
    assert!(world.get(1).await.captions.is_empty());
    assert!(desk(&world).put(OWNER, VideoId(1), "en", &vtt("a fouled word")).await.is_ok());
}

#[tokio::test]
async fn captions_before_publication_are_in_the_first_package() {
    let world = World::new().await.with(video(1)).await;
    let v = desk(&world).put(OWNER, VideoId(1), "pt-br", &vtt("olá")).await.expect("taken");
    assert_eq!((v.captions.len(), v.captions[0].language.as_str(), v.captions[0].cues), (1, "pt-BR", 1));
    world.run(1).await.expect("runs");
    let package = world.get(1).await.package.expect("a package");
    assert_eq!(package.tracks.captions[0].language, "pt-BR");
    let key = MediaKey::Captions { video: VideoId(1), rendition: package.tracks.captions[0].id };
    // They end with the video, not where the file says.
    assert_eq!(text(&world, key).await, "WEBVTT\n\n00:00:01.000 --> 00:00:07.000\nolá\n");
    assert!(main_playlist(&world).await.contains("NAME=\"Português (BR)\",LANGUAGE=\"pt-BR\""));
}

#[tokio::test]
async fn captions_after_publication_make_a_new_package_over_the_same_renditions() {
    let world = packaged(Packaging::default()).await;
    let before = world.get(1).await.package.expect("a package");
    let old_playlist = main_playlist(&world).await;
    let desk = desk(&world);
    desk.put(OWNER, VideoId(1), "en", &vtt("hello")).await.expect("taken");
    let with = world.get(1).await;
    let package = with.package.clone().expect("a package");
    assert!(package.id != before.id && package.renditions == before.renditions);
    walk(&world).await;
    // The old one stands as it was for whoever plays it.
    let old = MediaKey::Multivariant { video: VideoId(1), package: before.id };
    assert_eq!(text(&world, old).await, old_playlist);
    // Again: nothing changes, not even the revision.
    assert_eq!(desk.put(OWNER, VideoId(1), "EN", &vtt("hello")).await.expect("taken"), with);
    assert_eq!(
        desk.get(OWNER, VideoId(1), "en").await.expect("there"),
        "WEBVTT\n\n00:00:01.000 --> 00:00:20.000\nhello\n"
    );
    let without = desk.remove(OWNER, VideoId(1), "en").await.expect("gone");
    assert!(without.captions.is_empty() && without.package.expect("a package").tracks.captions.is_empty());
    assert!(!main_playlist(&world).await.contains("SUBTITLES"));
    assert!(matches!(desk.get(OWNER, VideoId(1), "en").await, Err(CaptionsError::NoSuch(_))));
}

#[tokio::test]
async fn captions_that_change_while_the_video_is_encoded_are_shown_all_the_same() {
    let world = World::new().await.with(video(1)).await;
    desk(&world).put(OWNER, VideoId(1), "en", &vtt("first")).await.expect("taken");
    // The encoder renames the video meanwhile, which stands for any edit: the run goes on with what it read.
    world.meanwhile(Meanwhile::IsRenamed);
    world.run(1).await.expect("runs");
    // A run that finds it published looks once more.
    let v = world.get(1).await;
    let edit = Edit { captions: Some(vec![]), ..Edit::default() };
    world.videos.edit(v.id, v.revision, edit).await.expect("edited");
    assert_eq!(world.run(1).await.expect("runs"), Status::Published);
    assert!(world.get(1).await.package.expect("a package").tracks.captions.is_empty());
}

#[tokio::test]
async fn captions_are_the_owners_and_within_limits() {
    let world = packaged(Packaging::default()).await;
    let desk = desk(&world);
    let other = desk.put(UserId(2), VideoId(1), "en", &vtt("x")).await;
    assert!(matches!(other, Err(CaptionsError::Owner(_))), "{other:?}");
    let bad = desk.put(OWNER, VideoId(1), "en", &vtt("<script>")).await;
    assert!(matches!(bad, Err(CaptionsError::Refused(_))), "{bad:?}");
    let nowhere = desk.put(OWNER, VideoId(1), "../x", &vtt("x")).await;
    assert!(matches!(nowhere, Err(CaptionsError::Refused(_))), "{nowhere:?}");
    for n in 0..20u8 {
        let language = format!("a{}", char::from(b'a' + n));
        desk.put(OWNER, VideoId(1), &language, &vtt("x")).await.expect("taken");
    }
    let more = desk.put(OWNER, VideoId(1), "zu", &vtt("x")).await;
    assert!(matches!(more, Err(CaptionsError::TooMany(20))), "{more:?}");
    desk.put(OWNER, VideoId(1), "aa", &vtt("y")).await.expect("another text for one there is");
}

fn captions_kept(world: &World) -> usize {
    world.media.inner.keys().iter().filter(|k| matches!(k, MediaKey::DraftCaptions { .. })).count()
}

#[tokio::test]
async fn the_captions_of_a_video_change_fifty_times_a_day() {
    let world = World::new().await.with(video(1)).await;
    let clock = Arc::new(ManualClock::default());
    let desk = desk_of(&world, clock.clone());
    for n in 0..50 {
        let put = desk.put(OWNER, VideoId(1), "en", &vtt(&format!("text {n}"))).await;
        put.unwrap_or_else(|e| panic!("{n}: {e}"));
    }
    assert_eq!(captions_kept(&world), 1, "what was replaced is gone");
    let objects = world.media.inner.keys().len();
    clock.advance(Millis::from_secs(3_600));
    let more = desk.put(OWNER, VideoId(1), "en", &vtt("one more")).await;
    let Err(CaptionsError::TooOften { limit: 50, retry_after }) = more else { panic!("{more:?}") };
    assert_eq!(retry_after, Millis::from_secs(23 * 3_600));
    let gone = desk.remove(OWNER, VideoId(1), "en").await;
    assert!(matches!(gone, Err(CaptionsError::TooOften { .. })), "a removal makes a package too: {gone:?}");
    assert_eq!(world.media.inner.keys().len(), objects, "nothing was stored for what was refused");
    desk.put(OWNER, VideoId(1), "en", &vtt("text 49")).await.expect("what changes nothing is free");
    clock.advance(retry_after);
    desk.put(OWNER, VideoId(1), "en", &vtt("one more")).await.expect("another day");
}

#[tokio::test]
async fn texts_that_were_replaced_go_and_the_packages_that_showed_them_stay() {
    let world = packaged(Packaging::default()).await;
    let desk = desk(&world);
    desk.put(OWNER, VideoId(1), "en", &vtt("first")).await.expect("taken");
    desk.put(OWNER, VideoId(1), "de", &vtt("first")).await.expect("taken");
    let old = world.get(1).await.package.expect("a package");
    desk.put(OWNER, VideoId(1), "en", &vtt("second")).await.expect("taken");
    assert_eq!(captions_kept(&world), 2, "the same text in another language is another draft");
    assert!(desk.get(OWNER, VideoId(1), "de").await.is_ok());
    for facts in &old.tracks.captions {
        let key = MediaKey::Captions { video: VideoId(1), rendition: facts.id };
        assert!(text(&world, key).await.contains("first"), "who plays the old package reads on");
    }
    text(&world, MediaKey::Multivariant { video: VideoId(1), package: old.id }).await;
    desk.remove(OWNER, VideoId(1), "de").await.expect("gone");
    desk.remove(OWNER, VideoId(1), "en").await.expect("gone");
    assert_eq!(captions_kept(&world), 0);
    desk.put(OWNER, VideoId(1), "en", &vtt("first")).await.expect("the first text again");
    walk(&world).await;
}

#[tokio::test]
async fn nothing_is_stored_for_a_video_that_is_gone() {
    let world = packaged(Packaging::default()).await;
    let desk = desk(&world);
    for (from, to) in [(Status::Published, Status::Removed), (Status::Removed, Status::Erased)] {
        let step = Advance::new(VideoId(1), from, to, Millis(9));
        world.videos.advance(step).await.expect("is moved");
        let objects = world.media.inner.keys().len();
        let put = desk.put(OWNER, VideoId(1), "en", &vtt("late")).await;
        assert!(matches!(put, Err(CaptionsError::Owner(catalog::OwnerError::Gone(_)))), "{put:?}");
        assert_eq!(world.media.inner.keys().len(), objects, "{to:?}");
    }
}

#[tokio::test]
async fn what_was_stored_while_the_video_was_erased_goes_too() {
    let world = packaged(Packaging::default()).await;
    let (videos, media) = (world.videos.clone(), world.media.clone());
    world.media.on_draft(move || {
        Box::pin(async move {
            for (from, to) in [(Status::Published, Status::Removed), (Status::Removed, Status::Erased)] {
                videos.advance(Advance::new(VideoId(1), from, to, Millis(9))).await.expect("is moved");
            }
            for prefix in MediaKey::prefixes_of(VideoId(1)) {
                media.delete_prefix(&prefix).await.expect("erased");
            }
        })
    });
    let put = desk(&world).put(OWNER, VideoId(1), "en", &vtt("late")).await;
    assert!(matches!(put, Err(CaptionsError::Owner(catalog::OwnerError::Gone(_)))), "{put:?}");
    assert_eq!(world.media.inner.keys(), [], "nothing outlives the erasure");
}

#[tokio::test]
async fn a_text_that_is_replaced_during_the_encode_costs_no_second_one() {
    let world = World::new().await.with(video(1)).await;
    let desk = desk(&world);
    let v = desk.put(OWNER, VideoId(1), "en", &vtt("first")).await.expect("taken");
    // As a run sees it that read the record before the text was replaced.
    let erased = MediaKey::prefixes_of(v.id).remove(1);
    let kept = world.media.inner.keys().into_iter().find(|k| matches!(k, MediaKey::DraftCaptions { .. }));
    let key = kept.expect("a draft").object_key();
    assert!(key.starts_with(&erased), "{key}");
    world.media.delete_prefix(key.trim_end_matches("captions.vtt")).await.expect("deleted");
    assert_eq!(world.run(1).await.expect("runs"), Status::Published);
    assert!(world.get(1).await.package.expect("a package").tracks.captions.is_empty());
    assert_eq!(world.encoder.inner.encodes.load(Ordering::SeqCst), 1);
}
