//! Pictures that owners send for covers: drawn upright at a poster's size, with nothing in them but what one
//! sees; hostile ones are refused in time, within bounds.

mod common;

use common::{Bench, system};
use moderation::port::{CoverJob, DrawnCover, Examiner, MediaError};
use moderation::{CoverLimits, colours, still};
use nix::sys::resource::{UsageWho, getrusage};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use vocab::VideoId;

const CHILD_MB_MAX: i64 = 1_024;
const WITHIN: Duration = Duration::from_secs(30);

/// The way a picture takes: its tables, then the drawing. The code of a refusal, or the drawing.
async fn draw(bench: &Bench, name: &str, bytes: &[u8]) -> Result<DrawnCover, String> {
    let still = still::read(bytes, &CoverLimits::default()).map_err(|r| r.code)?;
    draw_as(bench, name, bytes, still).await
}

async fn draw_as(bench: &Bench, name: &str, bytes: &[u8], still: still::Still) -> Result<DrawnCover, String> {
    let source = bench.dir.path().join(format!("{name}.sent"));
    std::fs::write(&source, bytes).expect("a file");
    let work_dir = bench.room(&format!("{name}-room"));
    let profile = colours::profile(still.kind, bytes);
    match bench.engine.draw_cover(CoverJob { video: VideoId(1), source, still, profile, work_dir }).await {
        Ok(drawn) => Ok(drawn),
        Err(MediaError::Refused(reason)) => Err(reason.code),
        Err(e) => panic!("{name}: {e:?}"),
    }
}

/// Quarters of red, green, blue and white, in reading order.
const QUARTERS: &str = "color=red:s=240x160[a];color=lime:s=240x160[b];color=blue:s=240x160[c];\
    color=white:s=240x160[d];[a][b]hstack[t];[c][d]hstack[u];[t][u]vstack";

fn made(dir: &Path, name: &str, graph: &str, more: &[&str]) -> Vec<u8> {
    let path = dir.join(name);
    let to = path.to_str().expect("a path");
    let before = ["-v", "error", "-y", "-filter_complex", graph, "-frames:v", "1"];
    system("ffmpeg", &[&before, more, &[to]].concat());
    std::fs::read(path).expect("a picture")
}

/// A JPEG with a directory of a camera in it: how it was held, and where.
fn with_exif(jpeg: &[u8], turn: u8) -> Vec<u8> {
    let mut tiff = b"II*\0\x08\0\0\0\x02\0".to_vec();
    tiff.extend([0x12, 0x01, 3, 0, 1, 0, 0, 0, turn, 0, 0, 0]);
    // A directory of GPS facts behind this one.
    tiff.extend([0x25, 0x88, 4, 0, 1, 0, 0, 0, 38, 0, 0, 0, 0, 0, 0, 0]);
    tiff.extend([1, 0, 0x1d, 0, 2, 0, 11, 0, 0, 0, 56, 0, 0, 0, 0, 0, 0, 0]);
    tiff.extend(b"48.137,11.57\0");
    let body = [b"Exif\0\0".as_slice(), &tiff].concat();
    let length = (body.len() as u16 + 2).to_be_bytes();
    let comment = b"taken at 48.137,11.57 by somebody";
    let said = (comment.len() as u16 + 2).to_be_bytes();
    let parts: [&[u8]; 7] = [&jpeg[..2], &[0xff, 0xe1], &length, &body, &[0xff, 0xfe], &said, comment];
    [&parts.concat(), &jpeg[2..]].concat()
}

/// The colours of the quarters of a picture, in reading order.
fn quarters(path: &Path) -> String {
    let from = path.to_str().expect("a path");
    let shrink = ["-v", "error", "-noautorotate", "-i", from, "-vf", "scale=4:4:flags=neighbor,format=rgb24"];
    let (_, raw) = system("ffmpeg", &[&shrink, ["-f", "rawvideo", "-"].as_slice()].concat());
    let at = |x: usize, y: usize| {
        let p = &raw[(y * 4 + x) * 3..][..3];
        match (p[0] > 127, p[1] > 127, p[2] > 127) {
            (true, false, false) => 'R',
            (false, true, false) => 'G',
            (false, false, true) => 'B',
            (true, true, true) => 'W',
            _ => '?',
        }
    };
    [at(0, 0), at(3, 0), at(0, 3), at(3, 3)].iter().collect()
}

fn size(path: &Path) -> (u32, u32) {
    let still = still::read(&std::fs::read(path).expect("a picture"), &CoverLimits::default());
    let still = still.expect("is a picture");
    assert_eq!((still.kind, still.turn), (moderation::StillKind::Jpeg, 1));
    (still.width, still.height)
}

#[tokio::test]
async fn every_kind_is_drawn_at_a_posters_size() {
    let bench = Bench::new().await;
    for (name, more) in [
        ("a.jpg", &[][..]),
        ("a.png", &[]),
        ("alpha.png", &["-pix_fmt", "rgba"]),
        ("a.webp", &["-c:v", "libwebp"]),
        ("b.webp", &["-c:v", "libwebp", "-lossless", "1"]),
    ] {
        let bytes = made(bench.dir.path(), name, "testsrc2=s=1600x1200", more);
        let drawn = draw(&bench, name, &bytes).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        assert_eq!(size(&drawn.jpeg), (960, 720), "{name}");
        assert_eq!(drawn.blurhash.map(|h| h.len()), Some(4 + 2 * 12), "{name}");
    }
    let tall = made(bench.dir.path(), "tall.jpg", "testsrc2=s=101x203", &[]);
    let drawn = draw(&bench, "tall", &tall).await.expect("drawn");
    assert_eq!(size(&drawn.jpeg), (100, 202));
}

#[tokio::test]
async fn a_picture_is_drawn_as_the_camera_was_held() {
    let bench = Bench::new().await;
    let plain = made(bench.dir.path(), "q.jpg", QUARTERS, &[]);
    for (turn, expected) in (1u8..).zip(["RGBW", "GRWB", "WBGR", "BWRG", "RBGW", "BRWG", "WGBR", "GWRB"]) {
        let drawn = draw(&bench, &format!("t{turn}"), &with_exif(&plain, turn)).await.expect("drawn");
        assert_eq!(quarters(&drawn.jpeg), expected, "turn {turn}");
        assert_eq!(size(&drawn.jpeg), if turn > 4 { (320, 480) } else { (480, 320) }, "turn {turn}");
    }
}

#[tokio::test]
async fn nothing_a_camera_wrote_is_left() {
    let bench = Bench::new().await;
    let plain = made(bench.dir.path(), "q.jpg", QUARTERS, &[]);
    let sent = with_exif(&plain, 6);
    let holds = |file: &[u8], word: &[u8]| file.windows(word.len()).any(|w| w == word);
    assert!(holds(&sent, b"Exif") && holds(&sent, b"48.137"));
    let drawn = draw(&bench, "gps", &sent).await.expect("drawn");
    let jpeg = std::fs::read(&drawn.jpeg).expect("a picture");
    for word in [b"Exif".as_slice(), b"48.137", b"somebody", b"\xff\xe1"] {
        assert!(!holds(&jpeg, word), "{}", String::from_utf8_lossy(word));
    }
}

/// A JPEG that says what its colours mean.
fn with_profile(jpeg: &[u8], profile: &[u8]) -> Vec<u8> {
    let body = [b"ICC_PROFILE\0\x01\x01".as_slice(), profile].concat();
    let length = (body.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe2], &length, &body, &jpeg[2..]].concat()
}

/// The colour of a plain picture.
fn colour(path: &Path) -> [u8; 3] {
    let from = path.to_str().expect("a path");
    let (_, raw) = system(
        "ffmpeg",
        &["-v", "error", "-i", from, "-vf", "scale=1:1,format=rgb24", "-f", "rawvideo", "-"],
    );
    [raw[0], raw[1], raw[2]]
}

#[tokio::test]
async fn the_colours_of_a_phones_picture_look_as_they_were_taken() {
    let bench = Bench::new().await;
    let plain = made(bench.dir.path(), "p.jpg", "color=0xbf8080:s=320x240", &["-q:v", "1"]);
    let p3 = moxcms::ColorProfile::new_display_p3().encode().expect("a profile");
    let srgb = moxcms::ColorProfile::new_srgb().encode().expect("a profile");
    for (name, bytes, expected) in [
        ("none", plain.clone(), [191, 128, 128]),
        ("srgb", with_profile(&plain, &srgb), [191, 128, 128]),
        ("p3", with_profile(&plain, &p3), [202, 124, 126]),
        ("damaged", with_profile(&plain, &p3[..p3.len() / 2]), [191, 128, 128]),
    ] {
        let drawn = draw(&bench, name, &bytes).await.unwrap_or_else(|e| panic!("{name}: {e}"));
        let is = colour(&drawn.jpeg);
        let near = is.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= 3);
        assert!(near, "{name}: {is:?} instead of {expected:?}");
        let jpeg = std::fs::read(&drawn.jpeg).expect("a picture");
        assert!(!jpeg.windows(4).any(|w| w == b"ICC_"), "{name}");
    }
}

fn png_chunk(kind: &[u8; 4], body: &[u8]) -> Vec<u8> {
    let mut crc = flate2::Crc::new();
    crc.update(kind);
    crc.update(body);
    [&(body.len() as u32).to_be_bytes()[..], kind, body, &crc.sum().to_be_bytes()].concat()
}

/// A PNG of this size whose rows are made of `bytes` zeros.
fn png(width: u32, height: u32, bytes: u64) -> Vec<u8> {
    let mut packed = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    let zeros = vec![0u8; 1 << 20];
    let mut left = bytes;
    while left > 0 {
        let n = left.min(1 << 20);
        packed.write_all(&zeros[..n as usize]).expect("packed");
        left -= n;
    }
    let mut head = [width.to_be_bytes(), height.to_be_bytes()].concat();
    head.extend([8, 6, 0, 0, 0]);
    let data = packed.finish().expect("packed");
    let chunks = [png_chunk(b"IHDR", &head), png_chunk(b"IDAT", &data), png_chunk(b"IEND", &[])];
    [b"\x89PNG\r\n\x1a\n".to_vec(), chunks.concat()].concat()
}

/// Says one size in front and holds another.
fn hidden_size(jpeg: &[u8]) -> Vec<u8> {
    let mut front = vec![0xff, 0xc0, 0, 11, 8, 1, 0xe0, 2, 0x80, 1, 1, 0x11, 0];
    let mut file = jpeg[..2].to_vec();
    file.append(&mut front);
    let mut rest = jpeg[2..].to_vec();
    let at = rest.windows(2).position(|w| w == [0xff, 0xc0]).expect("a frame");
    rest[at + 5..at + 9].copy_from_slice(&[0xff, 0xdc, 0xff, 0xdc]);
    file.extend(rest);
    file
}

fn webp_in_disguise(inner: &[u8]) -> Vec<u8> {
    let mut file = b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0\0\0\0\0".to_vec();
    file.extend([0x7f, 2, 0, 0xdf, 1, 0]);
    file.extend(inner);
    let length = (file.len() as u32 - 8).to_le_bytes();
    file[4..8].copy_from_slice(&length);
    file
}

#[tokio::test]
async fn hostile_pictures_are_refused_in_time_and_within_bounds() {
    let bench = Bench::new().await;
    let good = made(bench.dir.path(), "g.jpg", "testsrc2=s=640x480", &[]);
    let lists = b"#EXTM3U\n#EXT-X-VERSION:7\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n";
    let svg =
        b"<?xml version='1.0'?><svg xmlns='http://www.w3.org/2000/svg'><image href='/etc/passwd'/></svg>";
    let head = &good[..good.windows(2).position(|w| w == [0xff, 0xda]).expect("a scan")];
    let mut inner = b"VP8 \x0a\0\0\0\0\0\0\x9d\x01\x2a".to_vec();
    inner.extend([0xff, 0x3f, 0xff, 0x3f]);
    inner.extend([0; 4_000]);
    let png_head = png(640, 480, 0);
    let files: Vec<(&str, &str, Vec<u8>)> = vec![
        ("svg", "cover.not_a_picture", svg.to_vec()),
        ("playlist", "cover.not_a_picture", lists.to_vec()),
        ("empty", "cover.not_a_picture", vec![]),
        ("pixels_60000_square", "cover.too_large", png(60_000, 60_000, 0)),
        ("truncated", "cover.unreadable", good[..good.len() / 2].to_vec()),
        ("no_scan", "cover.unreadable", [head, &[0xff, 0xd9]].concat()),
        ("playlist_behind_jpeg_magic", "cover.unreadable", [&[0xff, 0xd8, 0xff], &lists[..]].concat()),
        ("playlist_in_webp", "cover.unreadable", webp_in_disguise(lists)),
        ("larger_inside_webp", "cover.unreadable", webp_in_disguise(&inner)),
        ("png_without_rows", "cover.unreadable|drawn", png_head),
        ("larger_behind_a_small_size", "cover.unreadable|drawn", hidden_size(&good)),
    ];
    for (name, expected, bytes) in files {
        let started = Instant::now();
        let code = draw(&bench, name, &bytes).await.err().unwrap_or_else(|| "drawn".into());
        assert!(expected.split('|').any(|e| e == code), "{name}: {code}, expected {expected}");
        assert!(started.elapsed() < WITHIN, "{name}: {:?}", started.elapsed());
    }
}

#[tokio::test]
async fn a_small_file_of_many_pixels_takes_no_more_memory_than_a_child_has() {
    let bench = Bench::new().await;
    // The most that is taken, in a file of a MB; and a picture whose rows go on a hundred times too long.
    let most = png(7_000, 7_000, 7_000 * (7_000 * 4 + 1));
    assert!(most.len() < 3_000_000, "{}", most.len());
    let drawn = draw(&bench, "most", &most).await.expect("drawn");
    assert_eq!(size(&drawn.jpeg), (720, 720));
    let endless = png(640, 480, 640 * 4 * 480 * 100);
    let started = Instant::now();
    let ended = draw(&bench, "endless", &endless).await;
    assert!(ended.is_ok() || ended.as_ref().err().map(String::as_str) == Some("cover.unreadable"));
    assert!(started.elapsed() < WITHIN);
    let used = getrusage(UsageWho::RUSAGE_CHILDREN).expect("the kernel counts").max_rss() / 1_024;
    assert!(used < CHILD_MB_MAX, "{used} MB");
}

#[tokio::test]
async fn tables_that_lie_about_the_kind_open_no_other_decoder() {
    let bench = Bench::new().await;
    let png = made(bench.dir.path(), "p.png", "testsrc2=s=640x480", &[]);
    let jpeg = still::Still { kind: moderation::StillKind::Jpeg, width: 640, height: 480, turn: 1 };
    assert_eq!(draw_as(&bench, "png_as_jpeg", &png, jpeg).await.err().as_deref(), Some("cover.unreadable"));
    let clip = bench.dir.path().join("v.mp4");
    let to = clip.to_str().expect("a path");
    system("ffmpeg", &["-v", "error", "-y", "-f", "lavfi", "-i", "testsrc2=s=320x240:d=0.2", to]);
    let clip = std::fs::read(clip).expect("a clip");
    assert_eq!(draw_as(&bench, "mp4_as_jpeg", &clip, jpeg).await.err().as_deref(), Some("cover.unreadable"));
}
