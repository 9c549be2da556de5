//! Tables that contradict themselves, each other or the file.

use super::mp4::{Clip, be, boxed, cat, ftyp};
use super::{Hostile, hostile};

const MOST: u32 = u32::MAX;
const NEGATIVE: u32 = 0x8000_0000;

pub fn files() -> Vec<Hostile> {
    let mut files = counts();
    files.extend(places());
    files.extend(edits());
    files.extend(fragments());
    files.extend(cuts());
    files
}

fn clip() -> Clip {
    Clip::new(320, 240, 60)
}

/// A table in place of the right one.
fn with(name: &'static str, expect: &'static str, kind: &[u8; 4], body: Vec<u8>) -> Hostile {
    hostile(name, expect, clip().table(kind, body).file())
}

const BAD: &str = "media.unreadable|media.truncated|media.no_video|media.unsupported_codec|media.too_large";

fn counts() -> Vec<Hostile> {
    vec![
        with("stsz_four_billion_of_one_byte.mp4", BAD, b"stsz", be(&[0, 1, MOST])),
        with("stsz_four_billion_without_sizes.mp4", BAD, b"stsz", be(&[0, 0, MOST])),
        with("stsz_sizes_of_four_gigabytes.mp4", BAD, b"stsz", cat(&[&be(&[0, 0, 60]), &be(&[MOST; 60])])),
        with("stsz_zero_samples.mp4", BAD, b"stsz", be(&[0, 0, 0])),
        with("stsz_of_nothing.mp4", BAD, b"stsz", cat(&[&be(&[0, 0, 60]), &be(&[0; 60])])),
        with("stts_four_billion_entries.mp4", BAD, b"stts", be(&[0, MOST, 1, 1])),
        with("stts_a_billion_pictures.mp4", "published", b"stts", be(&[0, 1, 1_000_000_000, 1])),
        with("stts_empty.mp4", BAD, b"stts", be(&[0, 0])),
        with(
            "stts_zero_time.mp4",
            "published|media.too_short|media.unsupported_codec",
            b"stts",
            be(&[0, 1, 60, 0]),
        ),
        with(
            "stsc_four_billion_in_a_chunk.mp4",
            "published|media.unreadable",
            b"stsc",
            be(&[0, 1, 1, MOST, 1]),
        ),
        with("stsc_backwards.mp4", BAD, b"stsc", be(&[0, 3, 9, 20, 1, 5, 20, 1, 1, 20, 1])),
        with("stss_four_billion.mp4", BAD, b"stss", be(&[0, MOST, 1])),
        with("ctts_four_billion.mp4", "published|media.unreadable", b"ctts", be(&[0, MOST, 1, 0])),
        with("stsd_four_billion_entries.mp4", BAD, b"stsd", be(&[0, MOST])),
        with("stsd_empty.mp4", BAD, b"stsd", be(&[0, 0])),
    ]
}

fn places() -> Vec<Hostile> {
    let far = clip().table(b"stco", Vec::new()).table(b"co64", be(&[0, 1, MOST, MOST])).file();
    vec![
        with("stco_outside_the_file.mp4", BAD, b"stco", be(&[0, 1, MOST - 16])),
        with("stco_four_billion_chunks.mp4", BAD, b"stco", be(&[0, MOST, 36])),
        with("stco_on_its_own_header.mp4", BAD, b"stco", be(&[0, 1, 0])),
        hostile("co64_beyond_everything.mp4", BAD, far),
        with(
            "ctts_far_before_the_start.mp4",
            "media.unreadable|media.too_long|published",
            b"ctts",
            be(&[0x0100_0000, 1, 60, NEGATIVE]),
        ),
        with(
            "ctts_far_behind_the_end.mp4",
            "media.too_long|media.unreadable",
            b"ctts",
            be(&[0, 2, 1, 0, 59, 0x7fff_ffff]),
        ),
    ]
}

fn edits() -> Vec<Hostile> {
    let one = be(&[60, 0, 0x1_0000]);
    let edit = |name, expect, body: Vec<u8>| hostile(name, expect, clip().edits(body).file());
    vec![
        edit(
            "edit_before_the_start.mp4",
            "published|media.truncated|media.no_video",
            be(&[0, 1, 60, NEGATIVE, 0x1_0000]),
        ),
        edit("edit_behind_the_end.mp4", BAD, be(&[0, 1, 60, 0x7fff_ffff, 0x1_0000])),
        edit(
            "edit_of_64_bit_overflow.mp4",
            "published|media.unreadable|media.no_video",
            be(&[0x0100_0000, 1, MOST, MOST, 0x7fff_ffff, MOST, 0x1_0000]),
        ),
        edit(
            "edit_that_waits_for_ages.mp4",
            "media.too_long|published",
            be(&[0, 2, 0x7fff_0000, MOST, 0x1_0000, 60, 0, 0x1_0000]),
        ),
        edit(
            // Nearly as much as the audit reads at all.
            "edit_repeated_7000_times.mp4",
            "media.too_long|media.truncated|media.unreadable",
            cat(&[&be(&[0, 7_000]), &one.repeat(7_000)]),
        ),
        edit(
            "edit_repeated_100000_times.mp4",
            "media.too_long|media.truncated|media.unreadable|published",
            cat(&[&be(&[0, 100_000]), &one.repeat(100_000)]),
        ),
        edit("edit_list_of_four_billion.mp4", "published|media.unreadable", cat(&[&be(&[0, MOST]), &one])),
        edit("edit_that_stands_still.mp4", "published|media.unreadable", be(&[0, 1, 60, 0, 0])),
    ]
}

fn fragments() -> Vec<Hostile> {
    let clip = clip();
    let run = |count: u32| boxed(b"trun", &cat(&[&be(&[0x0000_0201, count, 0]), &be(&[9; 60])]));
    let head = boxed(b"tfhd", &be(&[0x0002_0000, 1]));
    let far = boxed(b"tfhd", &be(&[0x0000_0001, 1, 0x7fff_ffff, MOST]));
    let late = boxed(b"tfdt", &be(&[0x0100_0000, 0x7fff_ffff, MOST]));
    let uniform = boxed(b"trun", &be(&[0, MOST]));
    let short = boxed(b"tfhd", &be(&[0x0002_0010, 1, 1]));
    vec![
        hostile("trun_of_four_billion.mp4", BAD, clip.fragment(&cat(&[&head, &run(MOST)]))),
        hostile("trun_of_four_billion_without_sizes.mp4", BAD, clip.fragment(&cat(&[&short, &uniform]))),
        hostile("tfhd_outside_the_file.mp4", BAD, clip.fragment(&cat(&[&far, &run(60)]))),
        hostile(
            "tfdt_at_the_end_of_time.mp4",
            "media.unreadable|media.too_long|media.no_video|published",
            clip.fragment(&cat(&[&head, &late, &run(60)])),
        ),
        hostile("fragments_of_nothing_100000.mp4", BAD, fragments_of_nothing(&clip)),
    ]
}

fn fragments_of_nothing(clip: &Clip) -> Vec<u8> {
    let traf = boxed(b"traf", &boxed(b"tfhd", &be(&[0x0002_0000, 1])));
    let moof = boxed(b"moof", &cat(&[&boxed(b"mfhd", &be(&[0, 1])), &traf]));
    let mut out = clip.fragment(&boxed(b"tfhd", &be(&[0x0002_0000, 1])));
    out.extend(moof.repeat(100_000));
    out
}

fn cuts() -> Vec<Hostile> {
    let whole = clip().file();
    let data = clip().samples.concat().len() + ftyp().len() + 8;
    let mut front = clip();
    front.in_movie = boxed(b"free", &[0; 64]);
    // The movie box first, so that a cut takes pictures.
    let moov = |at: u32| front.movie(&[front.track(1, at)]);
    let at = (ftyp().len() + moov(0).len() + 8) as u32;
    let fast = cat(&[&ftyp(), &moov(at), &boxed(b"mdat", &front.samples.concat())]);
    vec![
        hostile(
            "cut_in_the_movie_box.mp4",
            "media.truncated|media.unreadable",
            whole[..whole.len() - 200].to_vec(),
        ),
        hostile("cut_before_the_movie_box.mp4", "media.truncated", whole[..data].to_vec()),
        hostile(
            "cut_in_the_pictures.mp4",
            "media.truncated|media.unreadable",
            fast[..fast.len() - 300].to_vec(),
        ),
        hostile(
            "cut_after_the_movie_box.mp4",
            "media.truncated|media.unreadable|media.no_video",
            fast[..at as usize].to_vec(),
        ),
        hostile("twice_the_movie_box.mp4", "published|media.unreadable", cat(&[&fast, &moov(at)])),
    ]
}
