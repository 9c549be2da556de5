//! Small files that want to be large: pixels, pictures, streams, boxes.

use super::h264::{Grey, prefixed};
use super::mp4::{Clip, be, boxed, cat, ftyp};
use super::{Hostile, hostile, mkv};
use std::io::Write as _;

const MOST: u32 = u32::MAX;

pub fn files() -> Vec<Hostile> {
    let mut files = pixels();
    files.extend(rates());
    files.extend(streams());
    files.extend(boxes());
    files.extend(elements());
    files
}

fn pixels() -> Vec<Hostile> {
    let mut hidden = Clip::new(16_384, 16_384, 1);
    hidden.samples = vec![Grey::new(320, 240).key()];
    hidden.said = (320, 240);
    let mut largest = Clip::new(320, 240, 3);
    largest.grey = Grey::new(65_520, 65_520);
    largest.said = (65_520, 65_520);
    let mut sliver = Clip::new(320, 240, 3);
    sliver.grey.shape = Some((1, 60_000));
    let mut wide = Clip::new(320, 240, 3);
    wide.grey.shape = Some((60_000, 1));
    vec![
        hostile("pixels_65520_square.mp4", "media.too_large|media.unreadable", largest.file()),
        hostile("pixels_hidden_behind_a_small_size.mp4", "media.too_large|media.unreadable", hidden.file()),
        hostile("pixels_switched_in_the_middle.mp4", "media.unreadable|published", switched().file()),
        hostile(
            "pixels_one_row.mp4",
            "media.unreadable",
            Clip::new(4_096, 2, 5).table(b"stss", Vec::new()).file(),
        ),
        hostile("pixel_shape_1_to_60000.mp4", "media.unreadable", sliver.file()),
        hostile("pixel_shape_60000_to_1.mp4", "media.unreadable", wide.file()),
        hostile("cover_picture_50000_square.mp4", "published", with_cover(&png_header(50_000)).file()),
    ]
}

/// Small pictures, then a key picture of 8192 × 8192 with a parameter set of its own in the stream.
fn switched() -> Clip {
    let (mut clip, large) = (Clip::new(320, 240, 30), Grey::new(8_192, 8_192));
    let sets = cat(&[&prefixed(&large.sps()), &prefixed(&Grey::pps())]);
    clip.samples.push(cat(&[&sets, &large.key()]));
    clip.samples.extend((1..30).map(|n| large.same(n)));
    clip
}

fn png_header(side: u32) -> Vec<u8> {
    let mut chunk = b"IHDR".to_vec();
    chunk.extend(be(&[side, side]));
    chunk.extend([8, 6, 0, 0, 0]);
    cat(&[b"\x89PNG\r\n\x1a\n", &be(&[13]), &chunk, &be(&[0])])
}

fn with_cover(image: &[u8]) -> Clip {
    let mut clip = Clip::new(320, 240, 30);
    let data = boxed(b"data", &cat(&[&be(&[14, 0]), image]));
    let list = boxed(b"ilst", &boxed(b"covr", &data));
    let handler = boxed(b"hdlr", &cat(&[&be(&[0, 0]), b"mdirappl", &[0; 9]]));
    clip.in_movie = boxed(b"udta", &boxed(b"meta", &cat(&[&be(&[0]), &handler, &list])));
    clip
}

fn rates() -> Vec<Hostile> {
    let rate = |timescale, frames| {
        let mut clip = Clip::new(320, 240, frames);
        clip.timescale = timescale;
        clip.file()
    };
    let mut heavy = Clip::new(4_096, 2_304, 43_200);
    heavy.timescale = 240;
    let mut ten_hours = Clip::new(320, 240, 10);
    (ten_hours.timescale, ten_hours.delta) = (1, 3_600);
    let mut ages = Clip::new(320, 240, 10);
    (ages.timescale, ages.delta) = (1, MOST / 16);
    vec![
        hostile("rate_1000.mp4", "media.unsupported_codec", rate(1_000, 2_000)),
        hostile("rate_4294967295.mp4", "media.unsupported_codec|media.too_long", rate(MOST, 2_000)),
        hostile("rate_240_of_4k_for_three_minutes.mp4", "media.too_large", heavy.file()),
        hostile("lasts_ten_hours.mp4", "media.too_long", ten_hours.file()),
        hostile("lasts_for_ages.mp4", "media.too_long", ages.file()),
    ]
}

fn streams() -> Vec<Hostile> {
    let mut data = Clip::new(320, 240, 3);
    data.entry = *b"mett";
    data.handler = *b"meta";
    vec![
        hostile("tracks_5.mp4", "media.unsupported_codec", Clip::new(320, 240, 3).with_tracks(5)),
        hostile(
            "tracks_2000.mp4",
            "media.unsupported_codec|media.unreadable",
            Clip::new(320, 240, 3).with_tracks(2_000),
        ),
        hostile("data_tracks_40.mp4", "media.unsupported_codec|media.no_video", data.with_tracks(40)),
    ]
}

fn boxes() -> Vec<Hostile> {
    let clip = Clip::new(320, 240, 3);
    let mut deep = Vec::new();
    for _ in 0..20_000 {
        deep = deeper(deep);
    }
    let mut tags = clip.clone();
    tags.in_movie = boxed(b"udta", &boxed(b"\xa9nam", b"\0\x05\x15\xc7title").repeat(200_000));
    let mut named = clip.clone();
    named.in_movie = boxed(b"udta", &boxed(b"\xa9nam", &cat(&[&[0xff, 0xff, 0x15, 0xc7], &[b'x'; 65_535]])));
    let wild = cat(&[&be(&[1]), b"free", &[0x7f], &[0xff; 7]]);
    vec![
        hostile("boxes_20000_deep.mp4", "media.unreadable|media.no_video", cat(&[&ftyp(), &nested(&deep)])),
        hostile(
            "boxes_a_million_empty.mp4",
            "published",
            cat(&[&clip.file(), &boxed(b"free", b"").repeat(1_000_000)]),
        ),
        hostile(
            "box_of_eight_exabytes.mp4",
            "media.unreadable|media.truncated",
            cat(&[&ftyp(), &wild, &clip.file()]),
        ),
        hostile(
            "box_smaller_than_its_header.mp4",
            "media.unreadable|media.truncated",
            cat(&[&ftyp(), &be(&[3]), b"moov", &clip.file()]),
        ),
        hostile(
            "box_until_the_end.mp4",
            "media.unreadable|media.truncated",
            cat(&[&ftyp(), &be(&[0]), b"free", &clip.file()]),
        ),
        hostile("tags_200000.mp4", "published", tags.file()),
        hostile("tag_of_64_kilobytes.mp4", "published", named.file()),
    ]
}

/// One more container around; sizes are filled in once at the end.
fn deeper(mut inside: Vec<u8>) -> Vec<u8> {
    inside.extend(b"trak");
    inside
}

/// `n` containers, each holding the next.
fn nested(names: &[u8]) -> Vec<u8> {
    let depth = names.len() / 4;
    let mut out = Vec::with_capacity(depth * 8 + 8);
    out.extend(be(&[(depth * 8 + 8) as u32]));
    out.extend(b"moov");
    for (i, name) in names.chunks_exact(4).enumerate() {
        out.extend(be(&[((depth - i) * 8) as u32]));
        out.extend(name);
    }
    out
}

fn elements() -> Vec<Hostile> {
    let grey = Grey::new(320, 240);
    let start = [mkv::info(40.0), mkv::tracks(grey, &[])].concat();
    let first = mkv::cluster(0, &[mkv::block(0, 0x80, &grey.key())]);
    let mut deep = first.clone();
    for _ in 0..3_000 {
        deep = mkv::el(0x1f43_b675, &deep);
    }
    let endless = cat(&[
        &mkv::head("webm"),
        &mkv::claims(0x1853_8067, mkv::UNKNOWN, &start),
        &mkv::claims(
            0x1f43_b675,
            mkv::UNKNOWN,
            &[mkv::number(0xe7, 0), mkv::block(0, 0x80, &grey.key()), mkv::block(33, 0, &grey.same(1))]
                .concat(),
        ),
    ]);
    let huge = cat(&[
        &mkv::head("matroska"),
        &mkv::claims(0x1853_8067, mkv::UNKNOWN - 1, &start),
        &mkv::claims(
            0x1f43_b675,
            mkv::UNKNOWN - 1,
            &[mkv::number(0xe7, 0), mkv::claims(0xa3, mkv::UNKNOWN - 9, b"\x81\0\0\x80")].concat(),
        ),
    ]);
    let laced: Vec<Vec<u8>> =
        (0..40).map(|n| mkv::block(n, 0x86, &cat(&[&[255, 0x01], &[0xff; 40]]))).collect();
    let many =
        mkv::el(0x1654_ae6b, &(1..=1_500).map(|n| mkv::entry(grey, n, &[])).collect::<Vec<_>>().concat());
    vec![
        hostile("elements_without_end.webm", "published", endless),
        hostile("elements_of_72_petabytes.mkv", "media.unreadable|media.no_video|media.truncated", huge),
        hostile(
            "clusters_3000_deep.mkv",
            "media.unreadable|media.no_video|published",
            mkv::file(&[start.clone(), deep]),
        ),
        hostile(
            "lacing_that_lies.mkv",
            "media.unreadable|media.no_video",
            mkv::file(&[start.clone(), mkv::cluster(0, &laced)]),
        ),
        hostile(
            "tracks_1500.mkv",
            "media.unsupported_codec|media.unreadable",
            mkv::file(&[mkv::info(100.0), many, first.clone()]),
        ),
        hostile(
            "seek_heads_in_a_circle.mkv",
            "published|media.truncated",
            mkv::file(&[circle(), start, first]),
        ),
        hostile("zlib_bomb.mkv", "media.unreadable|media.timeout|media.no_video", zlib_bomb(grey)),
    ]
}

/// A seek head whose entries all point at itself.
fn circle() -> Vec<u8> {
    let entry =
        mkv::el(0x4dbb, &[mkv::el(0x53ab, &0x114d_9b74u32.to_be_bytes()), mkv::number(0x53ac, 0)].concat());
    mkv::el(0x114d_9b74, &entry.repeat(2_000))
}

/// Blocks that unpack to 9 MB each.
fn zlib_bomb(grey: Grey) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    packed.write_all(&vec![0u8; 9_000_000]).expect("memory takes it");
    let packed = packed.finish().expect("memory takes it");
    // ContentEncodings / ContentEncoding / ContentCompression / ContentCompAlgo = zlib.
    let zlib = mkv::el(0x6d80, &mkv::el(0x6240, &mkv::el(0x5034, &mkv::number(0x4254, 0))));
    let mut parts = vec![mkv::info(10_000.0), mkv::tracks(grey, &zlib)];
    for n in 0..300 {
        parts.push(mkv::cluster(n * 33, &[mkv::block(0, 0x80, &packed)]));
    }
    mkv::file(&parts)
}
