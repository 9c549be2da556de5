//! Writing: insert, advance, edit.

use super::{OWNER, Videos, at, given, is_stale, video_in};
use crate::changes::Changes;
use crate::moves::may_move;
use crate::port::{Advance, Edit, Facts, Growth, VideoStoreError};
use crate::video::{
    Appeal, AskedCover, CaptionsFacts, Cover, CoverState, Layout, Metadata, OwnCover, OwnersCaptions,
    Package, QualityFacts, Rates, RenditionFacts, SoundFacts, SourceFacts, SpriteFacts, Tracks, Transform,
    VerdictFacts, Video,
};
use futures::future::join_all;
use testkit::{Case, case};
use vocab::{
    Bytes, FailureReason, Kbps, Millis, PackageId, RenditionId, RungName, Status, UploadId, Verdict, VideoId,
    Visibility,
};

pub(super) fn cases() -> Vec<Case<Videos>> {
    vec![
        case("an_unknown_id_is_not_found", an_unknown_id_is_not_found),
        case("an_id_is_taken_once", an_id_is_taken_once),
        case("every_field_comes_back_as_written", every_field_comes_back_as_written),
        case("racing_advances_have_one_winner", racing_advances_have_one_winner),
        case("advance_from_the_wrong_status_is_stale", advance_from_the_wrong_status_is_stale),
        case("advance_at_an_old_revision_is_stale", advance_at_an_old_revision_is_stale),
        case("illegal_moves_are_refused", illegal_moves_are_refused),
        case("every_legal_move_is_made", every_legal_move_is_made),
        case("facts_land_with_the_status", facts_land_with_the_status),
        case("facts_that_are_not_given_stay", facts_that_are_not_given_stay),
        case("the_first_publication_writes_its_time", the_first_publication_writes_its_time),
        case("an_undo_returns_to_where_it_came_from", an_undo_returns_to_where_it_came_from),
        case("an_erased_video_is_a_tombstone", an_erased_video_is_a_tombstone),
        case("edits_are_conditional_on_the_revision", edits_are_conditional_on_the_revision),
        case("racing_edits_have_one_winner", racing_edits_have_one_winner),
        case("a_transform_is_fixed_once_uploaded", a_transform_is_fixed_once_uploaded),
        case("a_removed_video_cannot_be_edited", a_removed_video_cannot_be_edited),
        case("a_package_grows_in_place_of_the_one_shown", a_package_grows_in_place_of_the_one_shown),
        case(
            "captions_and_the_package_that_shows_them_change_in_one_step",
            captions_and_the_package_that_shows_them_change_in_one_step,
        ),
        case(
            "a_cover_is_asked_for_and_shown_in_one_step_each",
            a_cover_is_asked_for_and_shown_in_one_step_each,
        ),
        case(
            "a_package_grows_only_while_viewers_are_shown_it",
            a_package_grows_only_while_viewers_are_shown_it,
        ),
        case("racing_growths_have_one_winner", racing_growths_have_one_winner),
    ]
}

async fn an_unknown_id_is_not_found(videos: Videos) {
    let id = VideoId(99);
    let step = Advance::new(id, Status::Reserved, Status::Uploaded, at(0));
    assert!(matches!(videos.get(id).await, Err(VideoStoreError::NotFound(i)) if i == id));
    assert!(matches!(videos.advance(step).await, Err(VideoStoreError::NotFound(i)) if i == id));
    assert!(
        matches!(videos.edit(id, 0, Edit::default()).await, Err(VideoStoreError::NotFound(i)) if i == id)
    );
}

async fn an_id_is_taken_once(videos: Videos) {
    let first = given(&videos, 1, Status::Reserved).await;
    let mut second = first.clone();
    second.meta.title = "another".into();
    assert!(matches!(videos.insert(second).await, Err(VideoStoreError::Exists(i)) if i == first.id));
    assert_eq!(videos.get(first.id).await.expect("found"), first);
}

/// A record in which no field has its default.
fn full(n: u64) -> Video {
    let mut v = video_in(n, Status::Removed, Visibility::Unlisted);
    v.revision = 41;
    v.meta = Metadata {
        title: "Größe 😀 \"quoted\" \\ '; drop table".into(),
        caption: "two\nlines\u{200d}".into(),
        hashtags: vec!["straße".into(), "दिल्ली".into()],
        visibility: Visibility::Unlisted,
    };
    v.transform = Transform {
        trim_start_ms: Some(Millis(1)),
        trim_end_ms: Some(Millis(9_000)),
        mute: true,
        cover_at_ms: Some(Millis(3)),
    };
    v.upload = Some(UploadId(u128::MAX));
    v.raw_bytes = Bytes(1 << 40);
    v.status_changed_at = at(77);
    v.removed_from = Some(Status::Published);
    let facts = facts();
    v.content_sha256 = facts.content_sha256;
    v.source = facts.source;
    v.verdict = facts.verdict;
    v.failure = facts.failure.flatten();
    v.package = facts.package;
    v.published_at = facts.published_at;
    v.appeal = facts.appeal;
    v.captions = captions();
    v.cover = Cover { asked: Some(asked()), shown: Some(own_cover()) };
    v.captions_changes = Some(COUNTED);
    v
}

fn asked() -> AskedCover {
    let reason = FailureReason::new("cover.unreadable", "The picture cannot be read.", false);
    AskedCover { n: 40, sha256: "ef".repeat(32), state: CoverState::Refused(reason) }
}

fn own_cover() -> OwnCover {
    OwnCover {
        n: 39,
        sent_sha256: "12".repeat(32),
        sha256: "34".repeat(32),
        blurhash: Some("LEHV6nWB2yk8pyo0adR*.7kCMdnj".into()),
    }
}

const RATES: Rates = Rates { peak_kbps: Kbps(90), average_kbps: Kbps(80) };

const COUNTED: Changes = Changes { since: Millis(86_400_123), count: 7 };

fn captions() -> Vec<OwnersCaptions> {
    vec![OwnersCaptions { language: "pt-BR".into(), sha256: "cd".repeat(32), cues: 7, n: 41 }]
}

fn facts() -> Facts {
    let rendition = RenditionFacts {
        id: RenditionId(7),
        rung: RungName(360),
        width: 360,
        height: 640,
        codecs: "avc1.64001f,mp4a.40.2".into(),
        peak_kbps: Kbps(700),
        average_kbps: Kbps(500),
        init_bytes: 1_200,
        first_frame_bytes: 9_000,
        segment_bytes: vec![100_000, 0, u32::MAX],
        layout: Layout { i_frames: Some(RATES), single_file: true },
    };
    Facts {
        upload: Some(UploadId(3)),
        raw_bytes: Some(Bytes(5)),
        content_sha256: Some("ab".repeat(32)),
        source: Some(SourceFacts {
            duration_ms: Millis(12_345),
            width: 1080,
            height: 1920,
            fps_milli: 29_970,
            has_audio: true,
            video_codec: "h264".into(),
            audio_codec: Some("aac".into()),
            size_bytes: Bytes(9_999_999),
        }),
        verdict: Some(VerdictFacts {
            verdict: Verdict::Approve,
            content_sha256: "ab".repeat(32),
            decided_at: at(3),
            decided_by: "moderator".into(),
            reason_code: Some("other".into()),
            reason: Some("fine".into()),
        }),
        failure: Some(Some(FailureReason::new("media.empty", "There is nothing in this file.", false))),
        package: Some(Package {
            id: PackageId(u128::MAX - 1),
            duration_ms: Millis(12_300),
            width: 1080,
            height: 1920,
            fps_milli: 29_970,
            has_audio: true,
            renditions: vec![rendition],
            segment_ms: vec![2_000, 1_999],
            blurhash: Some("LEHV6nWB2yk8pyo0adR*.7kCMdnj".into()),
            sprite: Some(SpriteFacts {
                tile_width: 90,
                tile_height: 160,
                columns: 10,
                rows: 2,
                tiles: 13,
                cadence_ms: 1_000,
            }),
            pending: vec![RungName(720)],
            quality: Some(QualityFacts {
                metric: "vmaf".into(),
                target_centi: 9_500,
                crf_centi: vec![(RungName(360), 2_150)],
                dropped: vec![RungName(240)],
            }),
            tracks: Tracks {
                sound: Some(SoundFacts {
                    id: RenditionId(8),
                    codecs: "mp4a.40.2".into(),
                    channels: 2,
                    rates: RATES,
                    init_bytes: 700,
                    segment_bytes: vec![24_000],
                    single_file: true,
                }),
                captions: vec![CaptionsFacts { language: "pt-BR".into(), id: RenditionId(9) }],
                av1: vec![RungName(360)],
                cover: Some("34".repeat(32)),
            },
        }),
        published_at: Some(at(4)),
        appeal: Some(Appeal { at: at(5), message: "please".into() }),
    }
}

async fn every_field_comes_back_as_written(videos: Videos) {
    let video = full(1);
    videos.insert(video.clone()).await.expect("written");
    assert_eq!(videos.get(video.id).await.expect("found"), video);
    assert_eq!(videos.get_many(&[video.id]).await.expect("found"), [video]);
}

async fn racing_advances_have_one_winner(videos: Videos) {
    let video = given(&videos, 1, Status::Approved).await;
    let racers = (0..16).map(|n| {
        let facts = Facts { content_sha256: Some(format!("racer {n}")), ..Facts::default() };
        videos.advance(Advance::new(video.id, Status::Approved, Status::Encoding, at(n)).with(facts))
    });
    let outcomes = join_all(racers).await;
    let winners: Vec<_> = outcomes.iter().filter_map(|o| o.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1, "exactly one caller moved the video");
    assert_eq!(outcomes.iter().filter(|o| is_stale(o)).count(), 15);
    let stored = videos.get(video.id).await.expect("found");
    assert_eq!(stored, *winners[0]);
    assert_eq!(stored.revision, 1);
}

async fn advance_from_the_wrong_status_is_stale(videos: Videos) {
    let video = given(&videos, 1, Status::Judging).await;
    let step = Advance::new(video.id, Status::Uploaded, Status::Failed, at(1));
    match videos.advance(step).await {
        Err(VideoStoreError::Stale { id, actual, revision }) => {
            assert_eq!((id, actual, revision), (video.id, Status::Judging, 0));
        }
        other => panic!("expected stale, got {other:?}"),
    }
    assert_eq!(videos.get(video.id).await.expect("found"), video);
    let step = Advance::from_any(video.id, &[Status::Uploaded, Status::Judging], Status::Failed, at(2));
    assert_eq!(videos.advance(step).await.expect("one of the given ones").status, Status::Failed);
}

async fn advance_at_an_old_revision_is_stale(videos: Videos) {
    let video = given(&videos, 1, Status::Reserved).await;
    let edit = Edit { meta: Some(Metadata::default()), ..Edit::default() };
    videos.edit(video.id, 0, edit).await.expect("edited");
    let mut step = Advance::new(video.id, Status::Reserved, Status::Uploaded, at(1));
    step.revision = Some(0);
    assert!(is_stale(&videos.advance(step.clone()).await));
    step.revision = Some(1);
    assert_eq!(videos.advance(step).await.expect("the revision holds").revision, 2);
}

async fn illegal_moves_are_refused(videos: Videos) {
    for (n, from) in (1..).zip(Status::ALL) {
        let video = given(&videos, n, from).await;
        for to in Status::ALL.into_iter().filter(|to| !may_move(&video, *to)) {
            let outcome = videos.advance(Advance::new(video.id, from, to, at(1))).await;
            assert!(is_stale(&outcome), "{from:?} must not become {to:?}");
        }
        assert_eq!(videos.get(video.id).await.expect("found"), video);
    }
}

async fn every_legal_move_is_made(videos: Videos) {
    let mut n = 0;
    for from in Status::ALL {
        for to in Status::ALL.into_iter().filter(|to| from.may_become(*to)) {
            n += 1;
            let video = given(&videos, n, from).await;
            let moved =
                videos.advance(Advance::new(video.id, from, to, at(500))).await.expect("a legal move");
            assert_eq!((moved.status, moved.revision, moved.status_changed_at), (to, 1, at(500)));
            assert_eq!(videos.get(video.id).await.expect("found"), moved);
        }
    }
}

async fn facts_land_with_the_status(videos: Videos) {
    let video = given(&videos, 1, Status::Verifying).await;
    let facts = facts();
    let step = Advance::new(video.id, Status::Verifying, Status::Published, at(9)).with(facts.clone());
    videos.advance(step).await.expect("published");
    let stored = videos.get(video.id).await.expect("found");
    assert_eq!(stored.status, Status::Published);
    assert_eq!(stored.upload, facts.upload);
    assert_eq!(Some(stored.raw_bytes), facts.raw_bytes);
    assert_eq!(stored.content_sha256, facts.content_sha256);
    assert_eq!(stored.source, facts.source);
    assert_eq!(stored.verdict, facts.verdict);
    assert_eq!(Some(stored.failure), facts.failure);
    assert_eq!(stored.package, facts.package);
    assert_eq!(stored.published_at, facts.published_at);
    assert_eq!(stored.appeal, facts.appeal);
}

async fn facts_that_are_not_given_stay(videos: Videos) {
    let mut video = full(1);
    video.status = Status::Failed;
    video.removed_from = None;
    videos.insert(video.clone()).await.expect("written");
    let facts = Facts { failure: Some(None), ..Facts::default() };
    let step = Advance::new(video.id, Status::Failed, Status::Uploaded, at(9)).with(facts);
    let moved = videos.advance(step).await.expect("started over");
    let expected =
        Video { status: Status::Uploaded, revision: 42, status_changed_at: at(9), failure: None, ..video };
    assert_eq!(moved, expected);
    assert_eq!(videos.get(moved.id).await.expect("found"), expected);
}

async fn the_first_publication_writes_its_time(videos: Videos) {
    let video = given(&videos, 1, Status::Verifying).await;
    let go = |from, to, ms| videos.advance(Advance::new(video.id, from, to, at(ms)));
    let first = go(Status::Verifying, Status::Published, 10).await.expect("published");
    assert_eq!(first.published_at, Some(at(10)));
    go(Status::Published, Status::Unlisted, 20).await.expect("withdrawn");
    let again = go(Status::Unlisted, Status::Published, 30).await.expect("back");
    assert_eq!(again.published_at, Some(at(10)), "a return is no second publication");
}

async fn an_undo_returns_to_where_it_came_from(videos: Videos) {
    for (n, from) in (1..).zip([Status::Published, Status::InReview, Status::Reserved]) {
        let video = given(&videos, n, from).await;
        let go = |from, to, ms| videos.advance(Advance::new(video.id, from, to, at(ms)));
        let removed = go(from, Status::Removed, 1).await.expect("removed");
        assert_eq!(removed.removed_from, Some(from));
        assert!(is_stale(&go(Status::Removed, Status::Verifying, 2).await));
        let back = go(Status::Removed, from, 3).await.expect("undone");
        assert_eq!((back.status, back.removed_from, back.revision), (from, None, 2));
    }
}

async fn an_erased_video_is_a_tombstone(videos: Videos) {
    let video = full(1);
    videos.insert(video.clone()).await.expect("written");
    let step = Advance::new(video.id, Status::Removed, Status::Erased, at(90));
    let erased = videos.advance(step).await.expect("erased");
    assert_eq!((erased.id, erased.owner, erased.status), (video.id, OWNER, Status::Erased));
    let said = serde_json::to_string(&videos.get(video.id).await.expect("found")).expect("json");
    for secret in ["Größe", "two", "straße", "abab", "fine", "LEHV6", "please", "efef", "3434"] {
        assert!(!said.contains(secret), "{secret} outlived the erasure");
    }
    let undo = Advance::new(video.id, Status::Erased, Status::Published, at(91));
    assert!(is_stale(&videos.advance(undo).await));
}

fn titled(title: &str) -> Edit {
    Edit { meta: Some(Metadata { title: title.into(), ..Metadata::default() }), ..Edit::default() }
}

async fn edits_are_conditional_on_the_revision(videos: Videos) {
    let video = given(&videos, 1, Status::Published).await;
    let edited = videos.edit(video.id, 0, titled("first")).await.expect("edited");
    assert_eq!((edited.revision, edited.meta.title.as_str()), (1, "first"));
    assert_eq!(edited.status_changed_at, video.status_changed_at, "an edit is no change of status");
    assert!(is_stale(&videos.edit(video.id, 0, titled("second")).await));
    assert!(is_stale(&videos.edit(video.id, 2, titled("third")).await));
    assert_eq!(videos.get(video.id).await.expect("found"), edited);
}

async fn racing_edits_have_one_winner(videos: Videos) {
    let video = given(&videos, 1, Status::Published).await;
    let titles: Vec<String> = (0..16).map(|n| format!("racer {n}")).collect();
    let outcomes = join_all(titles.iter().map(|t| videos.edit(video.id, 0, titled(t)))).await;
    let winners: Vec<_> = outcomes.into_iter().filter_map(Result::ok).collect();
    assert_eq!(winners.len(), 1, "exactly one caller edited the video");
    assert_eq!(videos.get(video.id).await.expect("found"), winners[0]);
}

async fn a_transform_is_fixed_once_uploaded(videos: Videos) {
    let video = given(&videos, 1, Status::Reserved).await;
    let mute = Edit { transform: Some(Transform { mute: true, ..Transform::default() }), ..Edit::default() };
    assert!(videos.edit(video.id, 0, mute.clone()).await.expect("still reserved").transform.mute);
    let step = Advance::new(video.id, Status::Reserved, Status::Uploaded, at(1));
    let revision = videos.advance(step).await.expect("uploaded").revision;
    assert!(is_stale(&videos.edit(video.id, revision, mute).await));
    videos.edit(video.id, revision, titled("texts may still change")).await.expect("edited");
}

async fn a_removed_video_cannot_be_edited(videos: Videos) {
    let video = given(&videos, 1, Status::Published).await;
    let step = Advance::new(video.id, Status::Published, Status::Removed, at(1));
    let removed = videos.advance(step).await.expect("removed");
    assert!(is_stale(&videos.edit(video.id, removed.revision, titled("too late")).await));
}

/// The `n`th package; the first is the one that [`shown`] shows.
fn package(n: u128) -> Package {
    Package { id: PackageId(n), ..facts().package.expect("a package") }
}

/// A video in `status` that shows package 1.
async fn shown(videos: &Videos, n: u64, status: Status) -> Video {
    let mut video = video_in(n, status, Visibility::Public);
    video.published_at = Some(at(3));
    video.package = Some(package(1));
    videos.insert(video.clone()).await.expect("written");
    video
}

fn grown(from: u128, to: u128) -> Edit {
    let growth = Growth { instead_of: PackageId(from), package: package(to) };
    Edit { package: Some(growth), ..Edit::default() }
}

async fn captions_and_the_package_that_shows_them_change_in_one_step(videos: Videos) {
    let video = shown(&videos, 1, Status::Published).await;
    let edit = Edit { captions: Some(captions()), ..grown(1, 2) };
    let next = videos.edit(video.id, video.revision, edit).await.expect("edited");
    assert_eq!((next.captions.clone(), next.package.clone()), (captions(), Some(package(2))));
    assert_eq!(videos.get(video.id).await.expect("found"), next);
    let edit = Edit { captions: Some(vec![]), ..grown(1, 3) };
    assert!(is_stale(&videos.edit(video.id, next.revision, edit).await), "all or nothing");
    let cleared = Edit { captions: Some(vec![]), ..Edit::default() };
    let next = videos.edit(video.id, next.revision, cleared).await.expect("edited");
    assert_eq!((next.captions, next.captions_changes), (vec![], None));
    let counted = Edit { captions_changes: Some(COUNTED), ..Edit::default() };
    videos.edit(video.id, next.revision, counted).await.expect("edited");
    assert_eq!(videos.get(video.id).await.expect("found").captions_changes, Some(COUNTED));
}

async fn a_cover_is_asked_for_and_shown_in_one_step_each(videos: Videos) {
    let video = shown(&videos, 1, Status::Published).await;
    let asked = Cover { asked: Some(asked()), shown: None };
    let edit = Edit { cover: Some(asked.clone()), ..Edit::default() };
    let next = videos.edit(video.id, video.revision, edit.clone()).await.expect("edited");
    assert_eq!((&next.cover, &next.package), (&asked, &video.package), "viewers see what they saw");
    assert_eq!(videos.get(video.id).await.expect("found"), next);
    assert!(is_stale(&videos.edit(video.id, video.revision, edit).await));
    let own = Cover { asked: None, shown: Some(own_cover()) };
    let late = Edit { cover: Some(own.clone()), ..grown(9, 2) };
    assert!(is_stale(&videos.edit(video.id, next.revision, late).await), "all or nothing");
    let edit = Edit { cover: Some(own.clone()), cover_changes: Some(COUNTED), ..grown(1, 2) };
    let next = videos.edit(video.id, next.revision, edit).await.expect("edited");
    assert_eq!((&next.cover, &next.package), (&own, &Some(package(2))));
    assert_eq!((next.cover_changes, next.captions_changes), (Some(COUNTED), None));
    assert_eq!(videos.get(video.id).await.expect("found"), next);
}

async fn a_package_grows_in_place_of_the_one_shown(videos: Videos) {
    for (n, status) in [(1, Status::Published), (2, Status::Unlisted)] {
        let video = shown(&videos, n, status).await;
        let next = videos.edit(video.id, video.revision, grown(1, 2)).await.expect("grows");
        // Nothing else moves: not its place in lists, not the time of its status.
        let expected = Video { revision: video.revision + 1, package: Some(package(2)), ..video };
        assert_eq!(next, expected);
        assert_eq!(videos.get(next.id).await.expect("found"), expected);
        let again = videos.edit(next.id, next.revision, grown(1, 3)).await;
        assert!(is_stale(&again), "it shows another one by now: {again:?}");
    }
    let listed = videos.list_public(None, 9).await.expect("a list");
    assert_eq!(listed.first().and_then(|v| v.package.clone()), Some(package(2)));
}

async fn a_package_grows_only_while_viewers_are_shown_it(videos: Videos) {
    for (n, status) in (1u64..).zip(Status::ALL) {
        let video = shown(&videos, n, status).await;
        let edited = videos.edit(video.id, video.revision, grown(1, 2)).await;
        assert_eq!(is_stale(&edited), !status.is_readable(), "{status:?}: {edited:?}");
    }
    let bare = given(&videos, 99, Status::Published).await;
    assert!(is_stale(&videos.edit(bare.id, bare.revision, grown(1, 2)).await), "there is none to grow");
}

async fn racing_growths_have_one_winner(videos: Videos) {
    let video = shown(&videos, 1, Status::Published).await;
    let edits = (2..8).map(|n| videos.edit(video.id, video.revision, grown(1, n)));
    let won = join_all(edits).await.into_iter().filter(Result::is_ok).count();
    assert_eq!(won, 1);
    assert_eq!(videos.get(video.id).await.expect("found").revision, video.revision + 1);
}
