//! What is no video but has the name of one, and videos that point elsewhere.

use super::h264::Grey;
use super::mp4::{Clip, be, boxed, cat, ftyp};
use super::{Bait, Hostile, hostile, mkv};

const NO: &str = "media.not_media";

pub fn files(bait: &Bait) -> Vec<Hostile> {
    let mut files = lists(bait);
    files.extend(references(bait));
    files.extend(others());
    files.extend(polyglots());
    files
}

/// Playlists in many tongues, each naming a file that is there and an address that answers.
fn lists(bait: &Bait) -> Vec<Hostile> {
    let (path, url) = (bait.canary.display(), bait.url());
    let list = |name, text: String| hostile(name, NO, text.into_bytes());
    let spread = format!(
        "<?xml version=\"1.0\"?><MPD xmlns=\"urn:mpeg:dash:schema:mpd:2011\" type=\"static\"><Period>\
         <AdaptationSet mimeType=\"video/mp4\"><Representation id=\"1\" bandwidth=\"1\"><BaseURL>file://{path}\
         </BaseURL><BaseURL>{url}</BaseURL></Representation></AdaptationSet></Period></MPD>"
    );
    vec![
        list("list_hls_of_a_file.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nfile://{path}\n")),
        list("list_hls_of_an_address.mp4", format!("#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{url}\n")),
        list("list_hls_with_a_key_elsewhere.mp4", format!("#EXTM3U\n#EXT-X-KEY:METHOD=AES-128,URI=\"{url}\"\n#EXTINF:9,\n{path}\n")),
        list("list_hls_concat_of_both.mp4", format!("#EXTM3U\n#EXTINF:9,\nconcat:{url}|file://{path}\n#EXT-X-ENDLIST\n")),
        list("list_ffconcat.mp4", format!("ffconcat version 1.0\nfile '{path}'\nfile '{url}'\n")),
        list("list_dash.mp4", spread),
        list("list_sdp.mp4", "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\na=rtpmap:96 H264/90000\n".into()),
        list("list_smil.mp4", format!("<smil><body><video src=\"{url}\"/><ref src=\"file://{path}\"/></body></smil>")),
        list("list_asx.mp4", format!("<asx version=\"3.0\"><entry><ref href=\"{url}\"/></entry></asx>")),
        list("list_svg.mp4", format!("<svg xmlns=\"http://www.w3.org/2000/svg\"><image href=\"{url}\"/></svg>")),
    ]
}

/// Videos whose data or trimmings are said to be elsewhere.
fn references(bait: &Bait) -> Vec<Hostile> {
    let (path, url) = (bait.canary.display().to_string(), bait.url());
    let outside = |kind: &[u8; 4], text: &str| {
        let mut clip = Clip::new(320, 240, 60);
        let entry = boxed(kind, &cat(&[&be(&[0]), text.as_bytes(), b"\0"]));
        clip.refs = cat(&[&be(&[0, 1]), &entry]);
        clip.file()
    };
    let wish = "published|media.unreadable|media.no_video|media.truncated";
    let pointer = cat(&[&be(&[0]), b"url ", &be(&[url.len() as u32]), url.as_bytes()]);
    let reference = boxed(b"moov", &boxed(b"rmra", &boxed(b"rmda", &boxed(b"rdrf", &pointer))));
    let mut tagged = Clip::new(320, 240, 60);
    tagged.in_track = boxed(b"udta", &boxed(b"hnti", &boxed(b"sdp ", format!("a=control:{url}").as_bytes())));
    tagged.in_movie = boxed(
        b"meta",
        &cat(&[&be(&[0]), &boxed(b"xml ", format!("\0\0\0\0<a href=\"{url}\"/>").as_bytes())]),
    );
    vec![
        hostile("data_at_a_path.mp4", wish, outside(b"url ", &format!("file://{path}"))),
        hostile("data_at_an_address.mp4", wish, outside(b"url ", &url)),
        hostile("data_at_a_name.mp4", wish, outside(b"urn ", &path)),
        hostile("data_at_an_alias.mp4", wish, alias(&path)),
        hostile(
            "movie_that_is_elsewhere.mp4",
            "media.unreadable|media.no_video|media.truncated",
            cat(&[&ftyp(), &reference]),
        ),
        hostile("addresses_in_the_trimmings.mp4", "published", tagged.file()),
        hostile("subtitles_that_want_a_font.mkv", "published", font_wish(&url, &path)),
        hostile("segments_linked_to_others.mkv", "published|media.unreadable", linked(&path)),
    ]
}

/// QuickTime's own reference: an alias record with absolute and relative path.
fn alias(path: &str) -> Vec<u8> {
    let mut clip = Clip::new(320, 240, 60);
    let mut record = be(&[0, 0, 0x0096_0002]);
    record.extend([0, 0, 1, b'/']);
    record.extend([0; 26]);
    record.extend(be(&[0, 0]));
    record.extend([0, 6]);
    record.extend(b"canary");
    record.extend([0; 58 + 26]);
    for kind in [2u16, 18] {
        record.extend(kind.to_be_bytes());
        record.extend((path.len() as u16).to_be_bytes());
        record.extend(path.as_bytes());
        if path.len() % 2 == 1 {
            record.push(0);
        }
    }
    record.extend([0xff, 0xff, 0, 0]);
    clip.refs = cat(&[&be(&[0, 1]), &boxed(b"alis", &record)]);
    clip.file()
}

fn font_wish(url: &str, path: &str) -> Vec<u8> {
    let grey = Grey::new(320, 240);
    let script = format!("[Script Info]\n[V4+ Styles]\nStyle: Default,{path}\n[Fonts]\nfontname: {url}\n");
    let subtitles = mkv::el(
        0xae,
        &[
            mkv::number(0xd7, 2),
            mkv::number(0x73c5, 2),
            mkv::number(0x83, 17),
            mkv::el(0x86, b"S_TEXT/ASS"),
            mkv::el(0x63a2, script.as_bytes()),
            mkv::el(0x3b_4040, url.as_bytes()),
            mkv::el(0x26_b240, url.as_bytes()),
        ]
        .concat(),
    );
    let tracks = mkv::el(0x1654_ae6b, &[mkv::entry(grey, 1, &[]), subtitles].concat());
    let attached = [
        mkv::el(0x466e, path.as_bytes()),
        mkv::el(0x4660, b"image/svg+xml"),
        mkv::el(0x465c, format!("<svg><image href=\"{url}\"/></svg>").as_bytes()),
        mkv::number(0x46ae, 7),
    ];
    let attachments = mkv::el(0x1941_a469, &mkv::el(0x61a7, &attached.concat()));
    let blocks: Vec<Vec<u8>> = (0..60).map(|n| mkv::block(n * 33, 0x80, &grey.key())).collect();
    mkv::file(&[mkv::info(2_000.0), tracks, attachments, mkv::cluster(0, &blocks)])
}

/// Chapters and neighbours that live in other files.
fn linked(path: &str) -> Vec<u8> {
    let grey = Grey::new(320, 240);
    let info = mkv::el(
        0x1549_a966,
        &[
            mkv::number(0x2a_d7b1, 1_000_000),
            mkv::el(0x3c_b923, &[7; 16]),
            mkv::el(0x3c_83ab, path.as_bytes()),
            mkv::el(0x3e_b923, &[8; 16]),
            mkv::el(0x3e_83bb, path.as_bytes()),
        ]
        .concat(),
    );
    let atom =
        mkv::el(0xb6, &[mkv::number(0x73c4, 1), mkv::number(0x91, 0), mkv::el(0x6e67, &[8; 16])].concat());
    let chapters = mkv::el(0x1043_a770, &mkv::el(0x45b9, &cat(&[&mkv::number(0x45dd, 1), &atom])));
    let blocks: Vec<Vec<u8>> = (0..60).map(|n| mkv::block(n * 33, 0x80, &grey.key())).collect();
    mkv::file(&[info, mkv::tracks(grey, &[]), chapters, mkv::cluster(0, &blocks)])
}

fn others() -> Vec<Hostile> {
    let riff = |kind: &[u8]| cat(&[b"RIFF\x24\0\0\0", kind, &[0; 60]]);
    let mut still = Clip::new(320, 240, 1);
    still.in_movie = Vec::new();
    let heic = cat(&[
        &boxed(b"ftyp", b"heic\0\0\0\0mif1heic"),
        &boxed(b"meta", &cat(&[&be(&[0]), &boxed(b"hdlr", &cat(&[&be(&[0, 0]), b"pict", &[0; 13]]))])),
    ]);
    let mut sound = Clip::new(320, 240, 60);
    (sound.entry, sound.handler) = (*b"mp4a", *b"soun");
    let mut locked = Clip::new(320, 240, 60);
    locked.entry = *b"encv";
    vec![
        hostile("nothing.mp4", "media.empty", Vec::new()),
        hostile("one_byte.mp4", NO, vec![0]),
        hostile("a_head_and_no_body.mp4", "media.truncated|media.unreadable", ftyp()),
        hostile("words.mp4", NO, b"A video, honestly.\n".repeat(500)),
        hostile("png.mp4", NO, cat(&[b"\x89PNG\r\n\x1a\n", &[0; 200]])),
        hostile("gif.mp4", NO, b"GIF89a\x01\0\x01\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\0;".to_vec()),
        hostile("jpeg.mp4", NO, cat(&[&[0xff, 0xd8, 0xff, 0xe0], &[0; 200]])),
        hostile("wav.mp4", NO, riff(b"WAVEfmt ")),
        hostile("avi.mp4", NO, riff(b"AVI LIST")),
        hostile("ogg.mp4", NO, cat(&[b"OggS", &[0; 200]])),
        hostile("transport_stream.mp4", NO, cat(&[&[0x47, 0x40, 0, 0x10], &[0xff; 184]]).repeat(20)),
        hostile("program.mp4", NO, cat(&[b"\x7fELF\x02\x01\x01", &[0; 200]])),
        hostile("photo.heic.mp4", "media.unreadable|media.no_video|media.truncated", heic),
        hostile("sound_only.mp4", "media.no_video|media.unreadable", sound.file()),
        hostile("locked.mp4", "published|media.unreadable|media.unsupported_codec", locked.file()),
    ]
}

fn polyglots() -> Vec<Hostile> {
    let video = Clip::new(320, 240, 60).file();
    let zip_end = cat(&[b"PK\x05\x06", &[0; 18]]);
    let page = b"<html><script>alert(1)</script></html>";
    let mut inside = Clip::new(320, 240, 60);
    inside.in_movie = boxed(b"free", page);
    vec![
        hostile("video_and_zip.mp4", "published", cat(&[&video, &boxed(b"free", &[0; 32]), &zip_end])),
        hostile("zip_and_video.mp4", NO, cat(&[b"PK\x03\x04", &[0; 26], &video])),
        hostile("page_and_video.mp4", NO, cat(&[page, &video])),
        hostile("video_with_a_page_inside.mp4", "published", inside.file()),
    ]
}
